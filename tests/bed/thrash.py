# SPDX-License-Identifier: GPL-2.0
"""Paths that go and come while other tests run: never both rails at a time."""

import random
import threading

from .guest import GuestError
from .hole import RAILS, device, silence

# About single connections
ALONE = {"mount", "net"}
# What runs on the host has its own ideas of links and servers, but for these
TWO_CLIENTS = {"coherence", "deleg", "dir", "history", "locks"}
PATHS = 8               # two rails and two addresses, in lanes
# Of all mounts with several paths
DOWN = "awk '$1 == \"path:\" && !/state=LIVE/ { n++ } END { print n + 0 }' /proc/self/mountstats"


def alone(case):
    """Whether it is not to run while paths come and go."""
    return case.alone or (case.topic not in TWO_CLIENTS if case.on_host else case.topic in ALONE)


def verdict(thrashers):
    """(What they did in words, whether paths did go and come: else what passed proves nothing)"""
    hits, seen = sum(t.hits for t in thrashers), sum(t.seen for t in thrashers)
    return (f"# a rail went and came {hits} times; mounts were seen without some of their paths {seen} times",
            seen >= hits / 4)


class Thrasher(threading.Thread):
    """Until stop(), or while it is a context: now a rail of the client has no carrier, now client and node1 hear
    nothing on it, for up to two seconds each.

    hits: how often; seen: how often that took paths of a mount down."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.cluster = cluster
        self.random = random.Random(cluster.name)
        self.ended = threading.Event()
        self.hits = self.seen = 0
        self.trouble = None

    def run(self):
        try:
            while not self.ended.wait(self.random.uniform(0.5, 3)):
                self._hit(self.random.choice(RAILS))
        except GuestError as e:
            self.trouble = str(e)

    def _hit(self, rail):
        client, node = self.cluster.client, self.cluster.nodes[0]
        pause = self.random.uniform(0.2, 2)
        self.hits += 1
        if self.random.random() < 0.5:
            client.link(rail, False)
            try:
                self._look(pause)
            finally:
                client.link(rail, True)
        else:
            # rules, not a queue that loses: of those a device has one, and the case may need it
            with silence((client, node), f"iifname {device(rail)}", "thrash"):
                self._look(pause)

    def _look(self, pause):
        self.ended.wait(pause)
        self.seen += self.cluster.client.check(DOWN).strip() != "0"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.ended.set()
        self.join()
        if self.trouble:
            raise GuestError(f"taking paths down failed: {self.trouble}")
