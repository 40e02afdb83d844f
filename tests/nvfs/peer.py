#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""O_DIRECT with PCI peer-to-peer memory: the controller memory buffer of an
NVMe drive that QEMU plays, in a guest with CONFIG_PCI_P2PDMA.

	peer.py direct|bounced|refused DIR"""

import errno
import glob
import mmap
import os
import sys

from files import FILL, K, M, content, counters, grown, open_direct, put

SIZE = 8 * M


def memory():
    """Peer-to-peer memory in the mapping of this process."""
    found = glob.glob("/sys/bus/pci/devices/*/p2pmem/allocate")
    assert found, "no device here publishes peer-to-peer memory"
    fd = os.open(found[0], os.O_RDWR)
    return mmap.mmap(fd, SIZE, mmap.MAP_SHARED)


def check_read(f, want, pos, views):
    for v in views:
        v[:] = bytes([FILL]) * len(v)
    part = want[pos:pos + sum(len(v) for v in views)]
    got = os.preadv(f, views, pos)
    assert got == len(part), (pos, got, len(part))
    now = b"".join(bytes(v) for v in views)
    assert now[:got] == part, f"wrong bytes at {pos}"
    assert now[got:] == bytes([FILL]) * (len(now) - got), "bytes behind the end"
    return got


def moves(d, kind):
    size = 3 * M + 777
    data = bytearray(content(size, 8))
    put(d + "/f", data)
    before, read, written = counters(d), 0, 0
    peer, host = memoryview(memory()), memoryview(mmap.mmap(-1, SIZE))
    f = open_direct(d + "/f")
    for pos, at, length in ((0, 0, 4 * K), (4 * K, 8 * K, 1 * M), (0, 512, 2 * M + 512),
                            (2 * M, 0, 2 * M), (512, 60 * K, 64 * K)):
        guard = bytes([0x77]) * 4 * K
        peer[at + length:at + length + 4 * K] = guard
        read += check_read(f, data, pos, [peer[at:at + length]])
        assert peer[at + length:at + length + 4 * K] == guard, "bytes behind the buffer"
    # host and device pages in one request
    read += check_read(f, data, 4 * K, [host[:64 * K], peer[:128 * K], host[1 * M:1 * M + 4 * K],
                                        peer[2 * M:2 * M + 8 * K]])
    for seed, (pos, at, length) in enumerate(((0, 0, 4 * K), (8 * K, 4 * K, 2 * M), (512, 512, 64 * K))):
        new = content(length, 100 + seed)
        peer[at:at + length] = new
        assert os.pwritev(f, [peer[at:at + length]], pos) == length
        data[pos:pos + length] = new
        written += length
    new = content(136 * K, 200)
    host[:8 * K], peer[:128 * K] = new[:8 * K], new[8 * K:]
    assert os.pwritev(f, [host[:8 * K], peer[:128 * K]], 1 * M) == len(new)
    data[1 * M:1 * M + len(new)] = new
    written += len(new)
    with open(d + "/f", "rb") as r:
        assert r.read() == data, "the file differs"
    wanted = {f"{kind}_read": read, f"{kind}_written": written}
    assert grown(d, before) == wanted, (grown(d, before), wanted)


def direct(d):
    moves(d, "p2p")


def bounced(d):
    moves(d, "bounced")


def refused(d):
    """An error before anything moves; ordinary buffers go on."""
    data = content(64 * K, 9)
    put(d + "/f", data)
    before = counters(d)
    peer, host = memoryview(memory()), memoryview(mmap.mmap(-1, 64 * K))
    f = open_direct(d + "/f")
    for call in (os.preadv, os.pwritev):
        try:
            call(f, [peer[:64 * K]], 0)
            raise AssertionError("not refused")
        except OSError as e:
            assert e.errno == errno.EREMOTEIO, e
    why = "no_off" if before["mode"] == "off" else "no_path"
    assert grown(d, before) == {"refused": 2 * 64 * K, why: 2}, grown(d, before)
    check_read(f, data, 0, [host])


if __name__ == "__main__":
    scenario, directory = sys.argv[1:]
    {"direct": direct, "bounced": bounced, "refused": refused}[scenario](directory.rstrip("/"))
    print("peer", scenario, "ok")
