# SPDX-License-Identifier: GPL-2.0
"""Two clients play in the same files; what they did is judged (judge.py)."""

import contextlib
import glob
import json
import os
import time

from .judge import judge

PLAY = "exec python3 -B /penstock/repo/tests/history/play"
CLIENTS = ("client", "node2")


def _ops(out, final):
    """All of the history; renames by the file they were of."""
    ops = []
    for path in glob.glob(os.path.join(out, "history.*")):
        with open(path) as f:
            ops += json.load(f)
        os.unlink(path)
    for op in ops:
        if "index" in op:
            op["file"] = next((ino for ino, names in final.items()
                               if any(n.startswith(f"f{op['index']}") for n in names)), 0)
    return ops


def one(b, d, seed, procs=2, rounds=60, restart=False, strict=False):
    """Play once in directory d (below /mnt/a on both clients); b is a Bench. (what is
    wrong, how many operations)"""
    guests = {name: b.cluster.guest(name) for name in CLIENTS}
    out = os.path.join(b.cluster.dir, "out")
    with contextlib.ExitStack() as undo:
        b.run(b.node1, f"setsid python3 -B /penstock/repo/tests/history/play tickets >/dev/null 2>&1 & "
                       "echo $! >/tmp/tickets.pid; sleep 1")
        undo.callback(b.run, b.node1, "kill $(cat /tmp/tickets.pid)")
        b.run(b.client, f"{PLAY} make {d}")
        jobs = [b.start(guest, f"{PLAY} run {d} {name} {procs} {seed} {rounds}", timeout=600)
                for name, guest in guests.items()]
        if restart:
            time.sleep(5)
            b.run(b.node1, "/penstock/guest/node stop; sleep 1; /penstock/guest/node start")
        for job in jobs:
            b.finish(job, 600)
    server = d.replace("/mnt/a/", "/export/", 1)
    final = {int(k): v for k, v in json.loads(b.run(b.node1, f"{PLAY} names {server}")).items()}
    ops = _ops(out, final)
    b.run(b.client, f"rm -r {d}")
    return judge(ops, final, strict), ops
