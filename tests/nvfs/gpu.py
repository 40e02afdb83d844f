#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Direct I/O with "GPU" memory of the double in double.c, in a guest.

	gpu.py SCENARIO DIR [NUMBER]

Everything is compared byte by byte, the memory around a read and the file
around a write included, and the double must have seen no mistake."""

import errno
import fcntl
import mmap
import os
import signal
import struct
import sys
import threading
import time

from files import FILL, K, M, content, counters, grown, open_direct, put

DEVICE = "/dev/nvfs_double"
PARAMETERS = "/sys/module/penstock_nvfs_double/parameters/"
MISTAKES = ("active", "holes", "leaks", "touched", "joined", "misused")
IO, UNREGISTER = 0xC0284E01, 0x4E02
IO_FORMAT = "=iIQQQq"
WRITE, ASYNC = 1, 2


def parameter(name, value=None):
    if value is not None:
        with open(PARAMETERS + name, "w") as f:
            f.write(str(value))
    with open(PARAMETERS + name) as f:
        return int(f.read())


def no_mistakes(but=()):
    seen = {name: parameter(name) for name in MISTAKES if name not in but}
    assert not any(seen.values()), seen
    assert parameter("maps") == parameter("unmaps"), "not all is unmapped"


class Gpu:
    def __init__(self, size=20 * M):
        self.fd = os.open(DEVICE, os.O_RDWR)
        self.size = size
        self.shadow = mmap.mmap(self.fd, size, mmap.MAP_SHARED)
        self.fill(0, size)

    def close(self):
        self.shadow.close()
        os.close(self.fd)

    def fill(self, at, size):
        self.poke(at, bytes([FILL]) * size)

    def poke(self, at, data):
        assert os.pwrite(self.fd, data, at) == len(data)

    def peek(self, at, size):
        return os.pread(self.fd, size, at)

    def io(self, fd, pos, size, at, flags=0):
        arg = bytearray(struct.pack(IO_FORMAT, fd, flags, pos, size, at, 0))
        fcntl.ioctl(self.fd, IO, arg)
        return struct.unpack(IO_FORMAT, arg)[5]

    def read(self, f, want, pos, size, at, flags=0):
        """Read and compare; want is what the file holds."""
        lo, hi = max(at - 64 * K, 0), min(at + size + 64 * K, self.size)
        self.fill(lo, hi - lo)
        part = want[pos:pos + size]
        got = self.io(f, pos, size, at, flags)
        assert got == len(part), (pos, size, at, got)
        now = self.peek(lo, hi - lo)
        assert now == bytes([FILL]) * (at - lo) + part + bytes([FILL]) * (hi - at - len(part)), \
            f"wrong bytes after a read of {size} at {pos} into {at}"


# ---- scenarios ----

def first(d):
    """One read of 4 KiB."""
    data = content(4 * K, 1)
    put(d + "/f", data)
    before = counters(d)
    g = Gpu(1 * M)
    assert parameter("bound") == 1, "not registered"
    f = open_direct(d + "/f")
    g.read(f, data, 0, 4 * K, 8 * K)
    assert grown(d, before) == {"gpu_read": 4 * K}, grown(d, before)
    no_mistakes()
    os.close(f)
    g.close()
    assert parameter("bound") == 0 and parameter("registers") == parameter("unregisters")


def reads(d, longest=16):
    """All sizes and offsets, the end of the file in the middle, both forms; up
    to so many MiB at a time."""
    size = (longest + 1) * M + 12345
    data = content(size, 2)
    put(d + "/f", data)
    before, asked = counters(d), 0
    g, f = Gpu((longest + 4) * M), open_direct(d + "/f")
    for flags in (0, ASYNC):
        for length in (4 * K, 8 * K, 64 * K, 68 * K, 1 * M + 4 * K):
            for at in (4 * K, 60 * K):
                for pos in (0, 1 * M - 4 * K, size // (4 * K) * 4 * K - 64 * K):
                    g.read(f, data, pos, length, at, flags)
                    asked += len(data[pos:pos + length])
        # the longest, across the end of the file
        g.read(f, data, 2 * M, longest * M, 60 * K, flags)
        asked += size - 2 * M
        # wholly behind the end
        g.read(f, data, (longest + 2) * M, 64 * K, 0, flags)
    no_mistakes()
    assert grown(d, before) == {"gpu_read": asked}, (grown(d, before), asked)
    os.close(f)
    g.close()


def writes(d, longest=16):
    """Written from the GPU, read by the CPU, what is around untouched."""
    size = (longest + 2) * M
    whole = bytearray(content(size, 3))
    put(d + "/f", whole)
    before, asked, seed = counters(d), 0, 10
    g, f = Gpu((longest + 4) * M), open_direct(d + "/f")
    for flags in (0, ASYNC):
        for length, ats in ((4 * K, (0, 60 * K)), (68 * K, (0, 60 * K)), (1 * M + 4 * K, (60 * K,)),
                            (longest * M, (4 * K,))):
            for at in ats:
                for pos in (1 * M - 4 * K,) if at else (4 * K, 1 * M - 4 * K):
                    seed += 1
                    data = content(length, seed)
                    g.poke(at, data)
                    assert g.io(f, pos, length, at, WRITE | flags) == length
                    whole[pos:pos + length] = data
                    asked += length
        with open(d + "/f", "rb") as r:
            assert r.read() == whole, "the file differs"
        assert g.peek(at, length) == data, "a write has changed its source"
    # over the end: the file grows
    g.poke(0, data)
    assert g.io(f, size, 64 * K, 0, WRITE) == 64 * K
    assert os.stat(d + "/f").st_size == size + 64 * K
    no_mistakes()
    assert grown(d, before) == {"gpu_written": asked + 64 * K}, grown(d, before)
    os.close(f)
    g.close()


def refused(d):
    """A mount that cannot: an error, and nothing of the data."""
    put(d + "/f", content(64 * K, 4))
    before = counters(d)
    g, f = Gpu(1 * M), open_direct(d + "/f")
    for flags in (0, WRITE, ASYNC):
        assert g.io(f, 0, 64 * K, 0, flags) == -errno.EOPNOTSUPP
    assert g.peek(0, 1 * M) == bytes([FILL]) * M
    why = "no_off" if before["mode"] == "off" else "no_path"
    assert grown(d, before) == {"refused": 3 * 64 * K, why: 3}, grown(d, before)
    with open(d + "/f", "rb") as r:
        assert r.read() == content(64 * K, 4)
    no_mistakes()
    os.close(f)
    g.close()


def map_fails(d):
    """At whatever entry: an error, nothing stays mapped, the next one works."""
    data = content(3 * M, 5)
    put(d + "/f", data)
    g, f = Gpu(), open_direct(d + "/f")
    for entry in (1, 2, 16, 200):
        for flags in (0, ASYNC, WRITE):
            before = counters(d)
            parameter("fail_at", entry)
            if flags & WRITE:
                g.poke(0, data)
            rc = g.io(f, 0, 3 * M, 0, flags)
            assert parameter("fail_at") == 0
            assert rc < 0 or (rc < 3 * M and not flags & WRITE), rc
            assert rc >= 0 or rc == -errno.EIO, rc
            assert grown(d, before).get("no_failed") == 1, grown(d, before)
            no_mistakes()
    g.read(f, data, 0, 3 * M, 0)
    no_mistakes()
    os.close(f)
    g.close()


def mapped(seconds=60):
    """Wait until something is."""
    end = time.monotonic() + seconds
    while not parameter("active"):
        assert time.monotonic() < end, "nothing is mapped"
        time.sleep(0.002)


def loop(d, flags=0):
    """I/O until somebody ends it."""
    g, f = Gpu(4 * M), open_direct(d + "/f")
    if flags & WRITE:
        g.poke(0, content(4 * M, 6))
    while True:
        g.io(f, 0, 4 * M, 0, flags)


def clean(d):
    """Whoever was killed has left nothing behind, and nobody is there."""
    no_mistakes()
    assert parameter("maps") and not parameter("bound"), "still registered"


def killed(d):
    """kill -9 with requests in flight: nothing stays mapped."""
    data = content(4 * M, 6)
    put(d + "/f", data)
    for flags in (0, WRITE, ASYNC):
        for pause in (0, 0.05, 0.2):
            pid = os.fork()
            if not pid:
                loop(d, flags)
            try:
                mapped()
                time.sleep(pause)
            finally:
                os.kill(pid, signal.SIGKILL)
            begun = time.monotonic()
            os.waitpid(pid, 0)
            assert time.monotonic() - begun < 10, "it took long to die"
            no_mistakes()
    deadline = time.monotonic() + 10
    while parameter("bound") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert parameter("bound") == 0, "still registered"
    g, f = Gpu(5 * M), open_direct(d + "/f")
    g.read(f, data, 0, 4 * M, 0)
    g.close()


def unregistered(d):
    """The driver leaves in the middle of everything, many times."""
    data = content(4 * M, 7)
    put(d + "/f", data)
    stop = []
    seen = set()
    ready = threading.Barrier(3)

    def load():
        g, f = Gpu(4 * M), open_direct(d + "/f")
        ready.wait()                            # opening binds, too
        while not stop:
            seen.add(g.io(f, 0, 4 * M, 0))
        g.close()

    threads = [threading.Thread(target=load) for _ in range(2)]
    for t in threads:
        t.start()
    ready.wait()
    try:
        for _ in range(12):
            with open(DEVICE, "rb") as again:   # binds anew
                mapped()
                # after this nobody knows the pages: what goes on is nobody's fault
                fcntl.ioctl(again, UNREGISTER)
    finally:
        stop.append(1)
    for t in threads:
        t.join()
    print("results seen:", sorted(seen))
    assert 4 * M in seen, seen
    no_mistakes(but=("holes", "touched"))
    assert parameter("registers") > 10


def main():
    scenario, directory, *more = sys.argv[1:]
    if scenario != "clean":
        for name in MISTAKES + ("maps", "unmaps", "registers", "unregisters"):
            parameter(name, 0)
    globals()[scenario](directory.rstrip("/"), *map(int, more))
    print(scenario, "ok", {n: parameter(n) for n in ("maps", "unmaps", "registers")})


if __name__ == "__main__":
    main()
