# SPDX-License-Identifier: GPL-2.0
"""What the tools share that measure over rails: paths, failover, neighbour, calls."""

import argparse
import os
import sys

from bed import host
from bed.guest import GuestError
from machine import Machine, MeasureError, module, programs


def parser(doc, fs=False):
    """With the options that all of them have; fs: also --fs."""
    p = argparse.ArgumentParser(description=doc.split("\n")[0])
    p.add_argument("--kernel", default="6.12")
    p.add_argument("--no-build", action="store_true", help="take build/ as it is")
    if fs:
        p.add_argument("--fs", default=["nfs", "penstock"], type=lambda text: text.split(","))
    return p


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
