# SPDX-License-Identifier: GPL-2.0
"""What the tools share that measure over rails: paths, uneven, failover, neighbour, calls."""

import argparse
import json
import os
import sys

from bed import host
from bed.guest import GuestError
from machine import Machine, MeasureError, module, programs

LEAST_IDLE = 0.1        # of the time, or the processor decides
# A thread of the server waits for as long as its answer does not fit into a socket: with its
# usual eight they and not the rails would decide.
THREADS = 64


def parser(doc, fs=False):
    """With the options that all of them have; fs: also --fs."""
    p = argparse.ArgumentParser(description=doc.split("\n")[0])
    p.add_argument("--kernel", default="6.12")
    p.add_argument("--no-build", action="store_true", help="take build/ as it is")
    if fs:
        p.add_argument("--fs", default=["nfs", "penstock"], type=lambda text: text.split(","))
    return p


class Window:
    """What passed between two looks of rails_count in guest/paths.sh: on each rail (in, out),
    in bytes; idle: the processor's share of the time."""

    def __init__(self, before, after):
        moved = [b - a for a, b in zip(before, after)]
        *ways, idle, ticks = moved
        self.rails = list(zip(ways[::2], ways[1::2]))
        self.idle = idle / ticks

    def total(self):
        return sum(map(sum, self.rails))

    def shares(self):
        """Of the rails."""
        return [sum(rail) / self.total() for rail in self.rails]


def windows(out, rails):
    """(Window of each two looks, fio's jobs) of what rails_run or rails_turn has printed."""
    counts = list(map(int, out[:out.index("{")].split()))
    looks = [counts[i:i + 2 * rails + 2] for i in range(0, len(counts), 2 * rails + 2)]
    jobs = json.loads(out[out.index("{"):])["jobs"]
    if any(job["error"] for job in jobs):
        raise MeasureError(f"fio failed: {out}")
    return [Window(a, b) for a, b in zip(looks, looks[1:])], jobs


def check_idle(fs, window):
    if window.idle < LEAST_IDLE:
        raise MeasureError(f"{fs}: the processor is idle for {100 * window.idle:.0f}%: not the rails decide")


def measure(name, args, rails, mbit, work, network="rails", **settings):
    """The status to end with, after work(machine) has measured and printed.
    network: which one guest/setup makes; settings: more for it."""
    try:
        programs()
        if not args.no_build:
            module(args.kernel)
        machine = Machine(f"{name}-{os.getpid()}", args.kernel, getattr(args, "fs", ["penstock"]),
                          args.kernel, network, RAILS=rails, MBIT=mbit, **settings)
        work(machine.up())
        machine.trouble("the runs")
        machine.remove()
    except (GuestError, MeasureError, host.BedError) as e:
        print(f"{name}: {e}", file=sys.stderr)
        return 1
    return 0
