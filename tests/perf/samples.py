# SPDX-License-Identifier: GPL-2.0
"""Where the instructions of a window go: psnap's samples with kernel symbols.

The sampling clock is an hrtimer. What runs with interrupts off is therefore
seen where they are switched on again.
"""

import bisect
import collections
import re
import struct

PERF_RECORD_SAMPLE = 9
PERF_RECORD_LOST = 2
CONTEXT_MAX = (1 << 64) - 4095          # markers such as PERF_CONTEXT_KERNEL
KERNEL = 1 << 63


class Symbols:
    """/proc/kallsyms of the guest."""

    def __init__(self, path):
        table = []
        with open(path) as f:
            for line in f:
                addr, kind, rest = line.rstrip("\n").split(" ", 2)
                if kind in "tTwW":
                    name, _, module = rest.partition("\t")
                    table.append((int(addr, 16), name, module.strip("[]")))
        table.sort()
        self.addrs = [t[0] for t in table]
        self.names = [f"{t[1]} [{t[2]}]" if t[2] else t[1] for t in table]

    def name(self, addr):
        if addr < KERNEL:
            return "(user space)"
        i = bisect.bisect_right(self.addrs, addr) - 1
        return self.names[i] if i >= 0 else hex(addr)

# How every stack begins
BOILERPLATE = {"ret_from_fork_asm", "ret_from_fork", "kthread", "worker_thread",
               "process_one_work", "entry_SYSCALL_64_after_hwframe", "do_syscall_64"}


# Soft RoCE, the device below it, and the checksum that it has of each packet
WIRE = ("rdma_rxe", "dummy", "crc32_pclmul")


def _whose(part, frames):
    """Over soft RoCE, threads of the client's do the wire's and some of the server's
    work: the module nearest to the instruction decides."""
    for frame in frames:
        module = frame.partition("[")[2].rstrip("]")
        if module in WIRE:
            return "wire"
        if module == "rpcrdma" and frame.startswith("svc_"):
            return "server"
        if module and module != "ib_core":
            return part
    return part


def works(path, ops, lines):
    """How often work items ran, by function: the hist file of workqueue_execute_start."""
    with open(path) as f:
        found = re.findall(r"\{ function: \[\w+\] (\S+ ?(?:\[\w+\])?)\s*\} hitcount: +(\d+)", f.read())
    print("  work items run, per operation:")
    for name, n in sorted(((name.strip(), int(n)) for name, n in found), key=lambda w: -w[1])[:lines]:
        print(f"    {n / ops:8.2f}  {name}")


class _Node:
    """Samples of a function called in one way, and what it called."""

    def __init__(self):
        self.count = 0
        self.calls = collections.defaultdict(_Node)

    def add(self, frames):
        node = self
        node.count += 1
        for frame in frames:
            node = node.calls[frame]
            node.count += 1

    def lines(self, least, depth=0):
        for name, node in sorted(self.calls.items(), key=lambda c: -c[1].count):
            if node.count >= least:
                yield depth, name, node.count
                yield from node.lines(least, depth + 1)


class Profile:
    def __init__(self, path, symbols, window):
        self.self = collections.defaultdict(collections.Counter)        # part -> symbol
        self.below = collections.defaultdict(collections.Counter)       # with callees
        self.stacks = collections.defaultdict(collections.Counter)
        self.trees = collections.defaultdict(_Node)
        self.total = self.lost = 0
        for tid, chain in self._records(path):
            part, comm = window.part.get(tid, ("other", "?"))
            frames = [symbols.name(a if i == 0 else a - 1) for i, a in enumerate(chain)]
            if part in ("load", "work"):
                part = _whose(part, frames)
            self.total += 1
            self.self[part][frames[0]] += 1
            self.below[part].update(set(frames))
            self.stacks[part][";".join([part, comm] + frames[::-1])] += 1
            self.trees[part].add([f for f in frames[::-1] if f not in BOILERPLATE])

    def _records(self, path):
        with open(path, "rb") as f:
            data = f.read()
        at = 0
        while at + 8 <= len(data):
            kind, _, size = struct.unpack_from("<IHH", data, at)
            if size < 8:
                break
            if kind == PERF_RECORD_SAMPLE:
                ip, _, tid, n = struct.unpack_from("<QIIQ", data, at + 8)
                chain = struct.unpack_from(f"<{n}Q", data, at + 32)
                yield tid, [a for a in chain if a < CONTEXT_MAX] or [ip]
            elif kind == PERF_RECORD_LOST:
                self.lost += struct.unpack_from("<QQ", data, at + 8)[1]
            at += size

    def _table(self, title, counter, scale, lines):
        print(f"  {title}")
        for name, n in counter.most_common(lines):
            print(f"    {n * scale:8.2f}  {100 * n / self.total:5.1f}%  {name}")

    def show(self, parts, kinstr, lines):
        """kinstr: thousands of instructions per operation of the whole guest."""
        scale = kinstr / max(1, self.total)
        print(f"{self.total} samples ({self.lost} lost); columns: thousands of instructions per "
              "operation, share of the whole guest")
        merged = collections.Counter(), collections.Counter()
        for part in parts:
            for into, of in zip(merged, (self.self[part], self.below[part])):
                into.update(of)
        for part in (*parts, "wire"):
            n = sum(self.self[part].values())
            print(f"  {part:8} {n * scale:8.2f}  {100 * n / max(1, self.total):5.1f}%")
        self._table("in the function itself", merged[0], scale, lines)
        self._table("in the function and what it calls", merged[1], scale, lines)
        least = max(1, 0.015 * sum(merged[0].values()))
        for part in parts:
            print(f"  {part}, by caller")
            for depth, name, n in self.trees[part].lines(least):
                print(f"    {n * scale:8.2f}  {'  ' * min(depth, 30)}{name}")

    def write_folded(self, path):
        """Stacks as flame graph programs read them."""
        with open(path, "w") as f:
            for part in sorted(self.stacks):
                for stack, n in sorted(self.stacks[part].items()):
                    f.write(f"{stack} {n}\n")
