# SPDX-License-Identifier: GPL-2.0
"""flock and fcntl locks between processes of one client."""

import errno
import fcntl
import os
import signal
import struct
import time

from pslib import eq, forked, join, raises, write


def _held_by_child(take, test):
    """A child takes a lock, the parent tests, the child lets go."""
    r, w = os.pipe()
    r2, w2 = os.pipe()

    def child():
        os.close(w2)
        fd = os.open("f", os.O_RDWR)
        take(fd)
        os.write(w, b"1")
        os.read(r2, 1)

    pid = forked(child)
    os.close(r2)
    eq(os.read(r, 1), b"1")
    test()
    os.close(w2)
    join(pid)


def t_flock():
    write("f", b"x")

    def test():
        fd = os.open("f", os.O_RDWR)
        raises(errno.EWOULDBLOCK, fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        raises(errno.EWOULDBLOCK, fcntl.flock, fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.close(fd)

    _held_by_child(lambda fd: fcntl.flock(fd, fcntl.LOCK_EX), test)
    fd = os.open("f", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)          # released with the child
    fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(fd)


def t_flock_shared():
    write("f", b"x")

    def test():
        fd = os.open("f", os.O_RDWR)
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        raises(errno.EWOULDBLOCK, fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(fd)

    _held_by_child(lambda fd: fcntl.flock(fd, fcntl.LOCK_SH), test)


def t_fcntl_ranges():
    write("f", bytes(1000))

    def test():
        fd = os.open("f", os.O_RDWR)
        raises((errno.EAGAIN, errno.EACCES), fcntl.lockf, fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 95)
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 100, 0)
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 0, 200)      # to the end
        # F_GETLK says what is in the way
        ask = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 100, 50, 0)
        got = struct.unpack("hhqqi", fcntl.fcntl(fd, fcntl.F_GETLK, ask))
        eq((got[0], got[2], got[3]), (fcntl.F_WRLCK, 100, 100))
        os.close(fd)

    _held_by_child(lambda fd: fcntl.lockf(fd, fcntl.LOCK_EX, 100, 100), test)


def t_fcntl_released_by_close():
    write("f", b"x")
    fd, other = os.open("f", os.O_RDWR), os.open("f", os.O_RDWR)
    fcntl.lockf(fd, fcntl.LOCK_EX)
    os.close(other)                     # POSIX: any close of the file releases all

    def child():
        mine = os.open("f", os.O_RDWR)
        fcntl.lockf(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)

    join(forked(child))
    os.close(fd)


def t_blocking_lock_wakes():
    write("f", b"x")
    fd = os.open("f", os.O_RDWR)
    fcntl.lockf(fd, fcntl.LOCK_EX)

    def child():
        mine = os.open("f", os.O_RDWR)
        fcntl.lockf(mine, fcntl.LOCK_EX)
        os.write(mine, b"got it")

    pid = forked(child)
    time.sleep(1)
    eq(os.waitpid(pid, os.WNOHANG), (0, 0), "the child waits")
    fcntl.lockf(fd, fcntl.LOCK_UN)
    join(pid)
    os.close(fd)


def t_blocking_lock_killed():
    write("f", b"x")
    fd = os.open("f", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    pid = forked(lambda: fcntl.flock(os.open("f", os.O_RDWR), fcntl.LOCK_EX))
    time.sleep(1)
    os.kill(pid, signal.SIGKILL)
    eq(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), -9)
    os.close(fd)


def t_upgrade():
    write("f", b"x")
    fd = os.open("f", os.O_RDWR)
    for how in (fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_SH, fcntl.LOCK_UN):
        fcntl.flock(fd, how)
        fcntl.lockf(fd, how)
    os.close(fd)
    ro = os.open("f", os.O_RDONLY)
    raises(errno.EBADF, fcntl.lockf, ro, fcntl.LOCK_EX)
    os.close(ro)


def t_counter():
    """Many processes add one under a lock; none is lost."""
    write("f", b"0")

    def work():
        for _ in range(8):
            fd = os.open("f", os.O_RDWR)
            fcntl.flock(fd, fcntl.LOCK_EX)
            n = int(os.pread(fd, 20, 0))
            os.pwrite(fd, str(n + 1).encode(), 0)
            os.close(fd)

    join(*[forked(work) for _ in range(6)])
    with open("f") as f:
        eq(int(f.read()), 48)
