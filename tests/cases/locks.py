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
    """Each kind by itself: to the server a flock is in the way of an fcntl lock."""
    write("f", b"x")
    fd = os.open("f", os.O_RDWR)
    for take in (fcntl.flock, fcntl.lockf):
        for how in (fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_SH, fcntl.LOCK_UN):
            take(fd, how)
    os.close(fd)
    ro = os.open("f", os.O_RDONLY)
    raises(errno.EBADF, fcntl.lockf, ro, fcntl.LOCK_EX)
    os.close(ro)


F_OFD_GETLK, F_OFD_SETLK = 36, 37


def _ofd(fd, cmd, kind, start, length):
    what = struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)
    return struct.unpack("hhqqi4x", fcntl.fcntl(fd, cmd, what))


def t_ofd():
    """Locks of a description: two of one process are strangers, copies are not."""
    write("f", b"x")
    a, b = os.open("f", os.O_RDWR), os.open("f", os.O_RDWR)
    _ofd(a, F_OFD_SETLK, fcntl.F_WRLCK, 0, 10)
    raises((errno.EAGAIN, errno.EACCES), _ofd, b, F_OFD_SETLK, fcntl.F_RDLCK, 5, 1)
    raises((errno.EAGAIN, errno.EACCES), fcntl.lockf, a, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)
    eq(_ofd(b, F_OFD_GETLK, fcntl.F_RDLCK, 5, 100)[0:4], (fcntl.F_WRLCK, os.SEEK_SET, 0, 10))
    copy = os.dup(a)
    os.close(a)
    raises((errno.EAGAIN, errno.EACCES), _ofd, b, F_OFD_SETLK, fcntl.F_RDLCK, 5, 1)
    os.close(copy)
    _ofd(b, F_OFD_SETLK, fcntl.F_WRLCK, 0, 0)
    os.close(b)


def t_flock_of_a_copy():
    """A flock belongs to the description: a child's copy of it can unlock."""
    write("f", b"x")
    fd = os.open("f", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    join(forked(lambda: os.close(fd)))
    other = os.open("f", os.O_RDWR)
    raises(errno.EWOULDBLOCK, fcntl.flock, other, fcntl.LOCK_SH | fcntl.LOCK_NB)
    join(forked(lambda: fcntl.flock(fd, fcntl.LOCK_UN)))
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
    os.close(fd)


#: fs=penstock
def t_flock_both_upgrade():
    """Two that share and both want it alone: the old lock goes first, so nobody hangs."""
    write("f", b"x")
    fds = [os.open("f", os.O_RDWR) for _ in range(2)]
    for fd in fds:
        fcntl.flock(fd, fcntl.LOCK_SH)

    def child(fd):
        fcntl.flock(fd, fcntl.LOCK_EX)
        fcntl.flock(fd, fcntl.LOCK_UN)

    join(*[forked(lambda fd=fd: child(fd)) for fd in fds])


def t_deadlock():
    """Two processes that wait for each other: one is told."""
    write("f", bytes(10))
    r, w = os.pipe()

    def child():
        fd = os.open("f", os.O_RDWR)
        fcntl.lockf(fd, fcntl.LOCK_EX, 1, 1)
        os.write(w, b"1")
        fcntl.lockf(fd, fcntl.LOCK_EX, 1, 0)    # waits for the parent

    fd = os.open("f", os.O_RDWR)
    fcntl.lockf(fd, fcntl.LOCK_EX, 1, 0)
    pid = forked(child)
    eq(os.read(r, 1), b"1")
    while True:                                 # until the child waits
        with open(f"/proc/{pid}/stack") as f:
            if "lock_inode_wait" in f.read():
                break
        time.sleep(0.05)
    raises(errno.EDEADLK, fcntl.lockf, fd, fcntl.LOCK_EX, 1, 1)
    fcntl.lockf(fd, fcntl.LOCK_UN)
    join(pid)
    os.close(fd)


def t_many_ranges():
    """Every other byte, then the gaps, then holes again; by the numbers of F_GETLK."""
    write("f", bytes(200))
    fd = os.open("f", os.O_RDWR)
    for i in range(0, 100, 2):
        fcntl.lockf(fd, fcntl.LOCK_EX, 1, i)

    def look(start, length, wanted):
        def child():
            mine = os.open("f", os.O_RDWR)
            ask = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, start, length, 0)
            got = struct.unpack("hhqqi4x", fcntl.fcntl(mine, fcntl.F_GETLK, ask))
            eq(got[:1] if got[0] == fcntl.F_UNLCK else (got[0], got[2], got[3]), wanted)
            os.close(mine)
        join(forked(child))

    look(50, 1, (fcntl.F_WRLCK, 50, 1))
    look(51, 1, (fcntl.F_UNLCK,))
    for i in range(1, 100, 2):
        fcntl.lockf(fd, fcntl.LOCK_EX, 1, i)
    look(50, 1, (fcntl.F_WRLCK, 0, 100))
    fcntl.lockf(fd, fcntl.LOCK_UN, 10, 45)
    look(45, 10, (fcntl.F_UNLCK,))
    look(0, 0, (fcntl.F_WRLCK, 0, 45))
    look(46, 0, (fcntl.F_WRLCK, 55, 45))
    os.close(fd)


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
