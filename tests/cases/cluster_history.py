# SPDX-License-Identifier: GPL-2.0
"""Random histories of two clients, judged (tests/history); `make check-history` plays longer."""

import collections
import json

from history.drive import one


def _play(b, seed, **more):
    b.mount(where="/mnt/a")
    b.mount(where="/mnt/a", guest=b.node2)
    d = b.dir()
    wrong, ops = one(b, d + "/play", seed, **more)
    b.say(f"{len(ops)} operations: {dict(collections.Counter(op['what'] for op in ops))}")
    if wrong:
        with open(b.log.name + ".json", "w") as f:
            json.dump(ops, f)
        b.fail("\n".join(wrong[:20]))
    if len(ops) < 500:
        b.fail(f"only {len(ops)} operations were noted")


#: fs=penstock timeout=300
def t_two_clients(b):
    _play(b, 1, rounds=50)


#: fs=penstock timeout=300 more
def t_two_clients_and_a_restart(b):
    """The server forgets opens and locks in the middle: nobody notices."""
    _play(b, 2, rounds=50, restart=True)
