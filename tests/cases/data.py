# SPDX-License-Identifier: GPL-2.0
"""Reading and writing in every way that a program has."""

import ctypes
import errno
import fcntl
import mmap
import os
import struct
import time

from pslib import (FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FICLONE, FICLONERANGE, M, aligned, eq,
                   fallocate, forked, join, libc, pattern, raises, read, write)


def drop():
    with open("/proc/sys/vm/drop_caches", "w") as f:
        f.write("3")


def t_sizes():
    """Sizes around pages, rsize and wsize; read back cached and uncached."""
    sizes = [0, 1, 511, 4095, 4096, 4097, 65535, 65537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1,
             3 * (1 << 20) + 12345]
    for n in sizes:
        write(f"f{n}", pattern(n, n))
        eq(read(f"f{n}"), pattern(n, n), f"{n} bytes, cached")
    drop()
    for n in sizes:
        eq(os.stat(f"f{n}").st_size, n)
        eq(read(f"f{n}"), pattern(n, n), f"{n} bytes")


def t_overwrite_pieces():
    data = bytearray(pattern(300000))
    write("f", data)
    drop()
    fd = os.open("f", os.O_RDWR)
    for i in range(60):
        off, n = (i * 7919) % 290000, 1 + (i * 613) % 9000
        piece = pattern(n, i)
        os.pwrite(fd, piece, off)
        data[off:off + n] = piece
    eq(os.pread(fd, 300000, 0), bytes(data), "before write-back")
    os.fsync(fd)
    os.close(fd)
    drop()
    eq(read("f"), bytes(data), "after write-back")


def t_sparse():
    fd = os.open("f", os.O_CREAT | os.O_RDWR)
    os.pwrite(fd, b"far", 5 << 30)
    os.pwrite(fd, b"near", 100000)
    eq(os.pread(fd, 100, 99990), bytes(10) + b"near" + bytes(86))
    eq(os.pread(fd, 100, (5 << 30) - 10), bytes(10) + b"far")
    eq(os.pread(fd, 100, 6 << 30), b"")
    os.close(fd)
    eq(os.stat("f").st_size, (5 << 30) + 3)


def t_write_only_file():
    """Partial pages without the right to read: no read-modify-write."""
    write("f", b"a" * 10000)
    drop()
    fd = os.open("f", os.O_WRONLY)
    os.pwrite(fd, b"XYZ", 5000)
    os.pwrite(fd, b"123", 9998)
    os.close(fd)
    drop()
    eq(read("f"), b"a" * 5000 + b"XYZ" + b"a" * 4995 + b"123")


def t_vectors():
    fd = os.open("f", os.O_CREAT | os.O_RDWR)
    parts = [pattern(n, n) for n in (1, 4096, 777, 65536, 3)]
    eq(os.pwritev(fd, parts, 11), sum(map(len, parts)))
    bufs = [bytearray(len(p)) for p in parts]
    eq(os.preadv(fd, bufs, 11), sum(map(len, parts)))
    eq(list(map(bytes, bufs)), parts)
    os.close(fd)


def t_append():
    def work(me):
        fd = os.open("f", os.O_WRONLY | os.O_APPEND)
        for i in range(60):
            line = f"{me}:{i:03}:{'x' * (i % 40)}\n".encode()
            eq(os.write(fd, line), len(line))
        os.close(fd)

    write("f")
    join(*[forked(lambda me=i: work(me)) for i in range(6)])
    drop()
    lines = read("f").decode().splitlines()
    eq(sorted(lines), sorted(f"{m}:{i:03}:{'x' * (i % 40)}" for m in range(6) for i in range(60)))
    for m in range(6):
        mine = [x for x in lines if x.startswith(f"{m}:")]
        eq(mine, sorted(mine, key=lambda x: int(x.split(":")[1])), "order of one writer")


def t_synchronous():
    for flag in (os.O_SYNC, os.O_DSYNC, os.O_DIRECT | os.O_SYNC):
        fd = os.open("f", os.O_CREAT | os.O_RDWR | os.O_TRUNC | flag)
        buf = aligned(8192)
        buf[:] = pattern(8192)
        for i in range(10):
            eq(os.pwrite(fd, buf, i * 8192), 8192)
        os.close(fd)
        eq(read("f"), pattern(8192) * 10)
    fd = os.open("f", os.O_RDWR)
    eq(os.pwritev(fd, [b"durable"], 5, os.RWF_DSYNC), 7)
    os.close(fd)


def _direct_round(sizes):
    fd = os.open("f", os.O_CREAT | os.O_RDWR | os.O_DIRECT)
    shadow = bytearray(3 << 20)
    for i, (off, n, skew) in enumerate(sizes):
        buf = aligned(n + skew)
        buf[skew:skew + n] = pattern(n, i)
        view = memoryview(buf)[skew:skew + n]
        eq(os.pwrite(fd, view, off), n, f"direct write {off}+{n}")
        view.release()
        shadow[off:off + n] = pattern(n, i)
    end = max(off + n for off, n, _ in sizes)
    for off, n, skew in sizes:
        buf = aligned(n + skew)
        view = memoryview(buf)[skew:skew + n]
        eq(os.preadv(fd, [view], off), n, f"direct read {off}+{n}")
        eq(bytes(view), bytes(shadow[off:off + n]))
        view.release()
    os.close(fd)
    eq(read("f"), bytes(shadow[:end]))


def t_direct_aligned():
    _direct_round([(0, 4096, 0), (8192, 65536, 0), (1 << 20, 1 << 20, 0), (4096, 4096, 0)])


def t_direct_any_alignment():
    _direct_round([(1, 1, 0), (4095, 2, 1), (511, 70000, 3), (100001, 1048577, 17), (7, 4096, 4095)])


def t_direct_end_of_file():
    write("f", pattern(10000))
    fd = os.open("f", os.O_RDONLY | os.O_DIRECT)
    buf = aligned(16384)
    eq(os.preadv(fd, [buf], 0), 10000)
    eq(bytes(buf[:10000]), pattern(10000))
    eq(os.preadv(fd, [buf], 8192), 1808)
    eq(os.preadv(fd, [buf], 10000), 0)
    eq(os.preadv(fd, [buf], 1 << 30), 0)
    os.close(fd)


def t_direct_and_buffered():
    """One descriptor direct, one through the cache: each sees the other."""
    write("f", bytes(65536))
    b, d = os.open("f", os.O_RDWR), os.open("f", os.O_RDWR | os.O_DIRECT)
    buf = aligned(4096)
    for i in range(1, 20):
        off = (i * 4096) % 65536
        os.pwrite(b, bytes([i]) * 4096, off)
        os.preadv(d, [buf], off)
        eq(bytes(buf), bytes([i]) * 4096, "direct read after buffered write")
        buf[:] = bytes([200 + i]) * 4096
        os.pwrite(d, buf, off)
        eq(os.pread(b, 4096, off), bytes([200 + i]) * 4096, "buffered read after direct write")
    os.close(b)
    os.close(d)


def t_direct_vectors():
    fd = os.open("f", os.O_CREAT | os.O_RDWR | os.O_DIRECT)
    bufs = [aligned(n) for n in (4096, 8192, 4096, 65536)]
    for i, b in enumerate(bufs):
        b[:] = pattern(len(b), i)
    total = sum(map(len, bufs))
    eq(os.pwritev(fd, bufs, 0), total)
    got = [aligned(len(b)) for b in bufs]
    eq(os.preadv(fd, got, 0), total)
    eq([bytes(g) for g in got], [bytes(b) for b in bufs])
    os.close(fd)


def t_direct_into_mapped_file():
    """The buffer of a direct read is a mapping of another file of the mount."""
    write("a", pattern(65536, 1))
    write("b", bytes(65536))
    a, b = os.open("a", os.O_RDWR | os.O_DIRECT), os.open("b", os.O_RDWR)
    m = mmap.mmap(b, 65536)
    eq(os.preadv(a, [m], 0), 65536)
    m.flush()
    m.close()
    os.close(a)
    os.close(b)
    drop()
    eq(read("b"), pattern(65536, 1))


def t_mmap_shared():
    data = pattern(200000)
    write("f", data)
    drop()
    fd = os.open("f", os.O_RDWR)
    m = mmap.mmap(fd, 200000)
    eq(m[:], data)
    m[1000:1010] = b"0123456789"
    eq(os.pread(fd, 10, 1000), b"0123456789", "read sees the mapping")
    os.pwrite(fd, b"written", 150000)
    eq(m[150000:150007], b"written", "the mapping sees a write")
    m.flush()
    m[199999] = 7
    m.close()
    os.close(fd)
    drop()
    got = read("f")
    eq((got[1000:1010], got[150000:150007], got[199999]), (b"0123456789", b"written", 7))


def t_mmap_two_processes():
    write("f", bytes(4096 * 16))

    def work(me):
        fd = os.open("f", os.O_RDWR)
        m = mmap.mmap(fd, 4096 * 16)
        for i in range(16):
            m[i * 4096 + me * 100:i * 4096 + me * 100 + 100] = bytes([me + 1]) * 100
        m.close()
        os.close(fd)

    join(*[forked(lambda me=i: work(me)) for i in range(4)])
    drop()
    got = read("f")
    for i in range(16):
        for me in range(4):
            at = i * 4096 + me * 100
            eq(got[at:at + 100], bytes([me + 1]) * 100)


def t_mmap_private_and_exec():
    write("prog", read("/bin/true"))
    os.chmod("prog", 0o755)
    eq(os.system("./prog"), 0)
    write("script", b"#!/bin/sh\nexit 7\n")
    os.chmod("script", 0o755)
    eq(os.waitstatus_to_exitcode(os.system("./script")), 7)
    raises(errno.EACCES, os.execv, "./nothing" if os.path.exists("nothing") else ".", ["x"])


def t_mmap_beyond_end():
    write("f", b"x" * 100)

    def touch():
        fd = os.open("f", os.O_RDWR)
        m = mmap.mmap(fd, 100)
        os.ftruncate(fd, 0)
        try:
            m[50]
        finally:
            os._exit(0)

    pid = forked(touch)
    eq(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), -7, "SIGBUS")


def t_sendfile_and_splice():
    data = pattern(700000)
    write("a", data)
    drop()
    a, b = os.open("a", os.O_RDONLY), os.open("b", os.O_CREAT | os.O_RDWR)
    done = 0
    while done < len(data):
        done += os.sendfile(b, a, done, len(data) - done)
    os.close(b)
    eq(read("b"), data, "sendfile to a file")
    r, w = os.pipe()
    c = os.open("c", os.O_CREAT | os.O_RDWR)
    off = 0
    while off < len(data):
        n = os.splice(a, w, 65536, offset_src=off)
        m = 0
        while m < n:
            m += os.splice(r, c, n - m, offset_dst=off + m)
        off += n
    os.close(c)
    os.close(a)
    drop()
    eq(read("c"), data, "splice through a pipe")


def t_sendfile_to_socket():
    import socket
    data = pattern(500000)
    write("a", data)
    drop()
    x, y = socket.socketpair()

    def send():
        with open("a", "rb") as f:
            x.sendfile(f)
        x.shutdown(socket.SHUT_WR)

    pid = forked(send)
    x.close()
    got = b""
    while chunk := y.recv(65536):
        got += chunk
    join(pid)
    eq(got, data)


def t_fallocate():
    fd = os.open("f", os.O_CREAT | os.O_RDWR)
    os.write(fd, b"head")
    fallocate(fd, 0, 0, 1 << 20)
    eq(os.fstat(fd).st_size, 1 << 20)
    eq(os.pread(fd, 10, 0), b"head" + bytes(6))
    eq(os.pread(fd, 10, (1 << 20) - 10), bytes(10))
    os.close(fd)
    drop()
    assert os.stat("f").st_blocks * 512 >= 1 << 20, "blocks"
    fd = os.open("f", os.O_RDONLY)
    raises(errno.EBADF, fallocate, fd, 0, 0, 10)
    os.close(fd)


def t_punch_hole():
    data = pattern(1 << 20)
    write("f", data)
    fd = os.open("f", os.O_RDWR)
    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100000, 300000)
    want = data[:100000] + bytes(300000) + data[400000:]
    eq(os.pread(fd, 1 << 20, 0), want)
    os.pwrite(fd, b"again", 200000)
    os.close(fd)
    drop()
    got = read("f")
    eq(got[200000:200005], b"again")
    eq(got[:200000] + bytes(5) + got[200005:], want)
    raises(errno.EOPNOTSUPP, lambda: fallocate(os.open("f", os.O_RDWR), 0x40, 0, 4096))


def t_seek_hole_data():
    fd = os.open("f", os.O_CREAT | os.O_RDWR)
    os.pwrite(fd, b"a" * 65536, 0)
    os.pwrite(fd, b"b" * 65536, 1 << 20)
    os.ftruncate(fd, 2 << 20)
    os.fsync(fd)
    eq(os.lseek(fd, 0, os.SEEK_DATA), 0)
    eq(os.lseek(fd, 0, os.SEEK_HOLE), 65536)
    eq(os.lseek(fd, 65536, os.SEEK_DATA), 1 << 20)
    eq(os.lseek(fd, 1 << 20, os.SEEK_HOLE), (1 << 20) + 65536)
    raises(errno.ENXIO, os.lseek, fd, 3 << 20, os.SEEK_DATA)
    raises(errno.ENXIO, os.lseek, fd, (1 << 20) + 65536, os.SEEK_DATA)
    eq(os.lseek(fd, 0, os.SEEK_END), 2 << 20)
    # Data that is not written back yet is data too.
    os.pwrite(fd, b"c" * 4096, 512 * 1024)
    eq(os.lseek(fd, 65536, os.SEEK_DATA), 512 * 1024, "dirty data")
    os.close(fd)


def t_copy_file_range():
    data = pattern(3 << 20)
    write("a", data)
    a, b = os.open("a", os.O_RDONLY), os.open("b", os.O_CREAT | os.O_RDWR)
    done = 0
    while done < len(data):
        n = os.copy_file_range(a, b, len(data) - done, done, done)
        assert n > 0, n
        done += n
    eq(os.copy_file_range(a, b, 100, len(data), 0), 0, "at the end of the file")
    os.close(b)
    eq(read("b"), data)
    c = os.open("c", os.O_CREAT | os.O_RDWR)
    os.pwrite(c, b"z" * 100, 0)
    eq(os.copy_file_range(a, c, 5000, 12345, 50), 5000)
    eq(os.pread(c, 6000, 0), b"z" * 50 + data[12345:17345])
    os.close(a)
    os.close(c)
    eq(os.system("cp --reflink=never a d && cmp a d"), 0)


def t_copy_dirty_source():
    """What was written a moment ago is copied, not what the server has."""
    fd = os.open("a", os.O_CREAT | os.O_RDWR)
    os.write(fd, b"old" * 10000)
    os.fsync(fd)
    os.pwrite(fd, b"NEW" * 10000, 0)
    b = os.open("b", os.O_CREAT | os.O_RDWR)
    os.write(b, b"q" * 40000)
    eq(os.copy_file_range(fd, b, 30000, 0, 0), 30000)
    eq(os.pread(b, 40000, 0), b"NEW" * 10000 + b"q" * 10000)
    os.close(fd)
    os.close(b)


def t_clone():
    """Reflink on the xfs that the server exports."""
    d = f"{M}/xfs/{os.path.basename(os.getcwd())}"
    os.mkdir(d)
    os.chdir(d)
    try:
        data = pattern(1 << 20)
        write("a", data)
        a, b = os.open("a", os.O_RDWR), os.open("b", os.O_CREAT | os.O_RDWR)
        fcntl.ioctl(b, FICLONE, a)
        eq(os.pread(b, 1 << 20, 0), data, "clone")
        os.pwrite(a, b"changed", 0)
        eq(os.pread(b, 7, 0), data[:7], "the clone is its own file")
        fcntl.ioctl(b, FICLONERANGE, struct.pack("qQQQ", a, 0, 65536, 1 << 20))
        eq(os.fstat(b).st_size, (1 << 20) + 65536)
        eq(os.pread(b, 7, 1 << 20), b"changed")
        raises(errno.EINVAL, fcntl.ioctl, b, FICLONERANGE, struct.pack("qQQQ", a, 1, 3, 5))
        os.close(a)
        os.close(b)
        eq(os.system("cp --reflink=always b c && cmp b c"), 0)
    finally:
        os.chdir(M)
        os.system(f"rm -rf {d}")


def t_clone_refused():
    """ext4 has no reflink: an error, and the target is as it was."""
    write("a", b"source")
    write("b", b"target")
    a, b = os.open("a", os.O_RDONLY), os.open("b", os.O_RDWR)
    raises((errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTSUP), fcntl.ioctl, b, FICLONE, a)
    os.close(a)
    os.close(b)
    eq(read("b"), b"target")


def t_tmpfile_and_others():
    """What the protocol has no word for is refused, not half done."""
    raises((errno.EOPNOTSUPP, errno.EISDIR), os.open, ".", os.O_TMPFILE | os.O_RDWR)
    write("f", b"x")
    fd = os.open("f", os.O_RDWR)
    raises((errno.EOPNOTSUPP, errno.EINVAL), fallocate, fd, 0x20, 0, 4096)      # insert range
    os.close(fd)


#: from=node1:/small
def t_no_space():
    """ENOSPC arrives at write, fsync or close, once, and the mount lives on."""
    data = pattern(1 << 20)
    fd = os.open("f", os.O_CREAT | os.O_WRONLY)
    got = None
    try:
        for _ in range(40):
            os.write(fd, data)
        os.fsync(fd)
    except OSError as e:
        got = e.errno
    eq(got, errno.ENOSPC)
    try:
        os.close(fd)
    except OSError as e:
        eq(e.errno, errno.ENOSPC)
    os.unlink("f")
    # The server frees the space when it is done with the file, not before.
    for _ in range(100):
        try:
            write("g", b"fits")
            break
        except OSError as e:
            eq(e.errno, errno.ENOSPC)
            time.sleep(0.2)
    eq(read("g"), b"fits")
    os.unlink("g")


#: from=node1:/small
def t_no_space_direct():
    fd = os.open("f", os.O_CREAT | os.O_WRONLY | os.O_DIRECT)
    buf = aligned(1 << 20)

    def fill():
        for _ in range(40):
            os.write(fd, buf)

    raises(errno.ENOSPC, fill)
    os.close(fd)
    os.unlink("f")


#: from=node1:/ro
def t_read_only_export():
    eq(read(M + "/file"), b"read only\n")
    raises(errno.EROFS, open, M + "/file", "ab")
    raises(errno.EROFS, write, M + "/new")
    raises(errno.EROFS, os.mkdir, M + "/newdir")
    raises(errno.EROFS, os.unlink, M + "/file")
    raises(errno.EROFS, os.chmod, M + "/file", 0o600)
    eq(len(read(M + "/numbers").split()), 100000)


def t_file_too_big():
    fd = os.open("f", os.O_CREAT | os.O_RDWR)
    raises((errno.EFBIG, errno.EINVAL), os.pwrite, fd, b"x", (1 << 63) - 1)
    os.close(fd)


def t_read_ahead_patterns():
    """Forward, backward, strided and random reads of one file."""
    data = pattern(4 << 20)
    write("f", data)
    for order in (range(0, 4 << 20, 65536), range((4 << 20) - 65536, -1, -65536),
                  range(0, 4 << 20, 300000), [(i * 1234567) % (4 << 20) for i in range(60)]):
        drop()
        fd = os.open("f", os.O_RDONLY)
        for off in order:
            eq(os.pread(fd, 50000, off), data[off:off + 50000], f"at {off}")
        os.close(fd)


def t_many_writers_one_file():
    """Disjoint ranges by several processes, unaligned borders."""
    size = 37003

    def work(me):
        fd = os.open("f", os.O_WRONLY)
        for start in range(0, size, 5000):
            os.pwrite(fd, bytes([65 + me]) * min(5000, size - start), me * size + start)
        os.close(fd)

    write("f")
    join(*[forked(lambda me=i: work(me)) for i in range(8)])
    drop()
    eq(read("f"), b"".join(bytes([65 + i]) * size for i in range(8)))


#: timeout=300 slow more
def t_memory_pressure():
    """Write and map far more than the memory that is left: it makes progress."""
    with open("/proc/meminfo") as f:
        free = {k: int(v.split()[0]) << 10 for k, v in (line.split(":") for line in f)}
    hog = mmap.mmap(-1, free["MemAvailable"] - (200 << 20))
    for off in range(0, len(hog), 4096):
        hog[off] = 1
    data = pattern(1 << 20)

    def work():
        with open("f", "wb") as f:
            for _ in range(300):
                f.write(data)

    def work_mapped():
        fd = os.open("g", os.O_CREAT | os.O_RDWR)
        os.ftruncate(fd, 200 << 20)
        m = mmap.mmap(fd, 200 << 20)
        for off in range(0, 200 << 20, 1 << 20):
            m[off:off + (1 << 20)] = data

    join(forked(work), forked(work_mapped))
    hog.close()
    drop()
    for name, n in (("f", 300), ("g", 200)):
        with open(name, "rb") as f:
            for i in range(n):
                eq(f.read(1 << 20), data, f"{name}, MiB {i}")
