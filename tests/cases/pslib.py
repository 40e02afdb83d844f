# SPDX-License-Identifier: GPL-2.0
"""What the Python cases use inside the client guest."""

import ctypes
import errno
import mmap
import os
import random

FS = os.environ.get("FS", "penstock")
M = os.environ.get("M", "")
libc = ctypes.CDLL(None, use_errno=True)

AT_FDCWD = -100
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE = 1, 2
FICLONE, FICLONERANGE = 0x40049409, 0x4020940d


class Skip(Exception):
    pass


def eq(got, wanted, what="value"):
    def short(x):
        text = repr(x)
        return text if len(text) < 200 else text[:200] + "..."
    if got != wanted:
        raise AssertionError(f"{what}: got {short(got)}, wanted {short(wanted)}")


def raises(number, fn, *args, **kw):
    """fn must fail with one of these errno values."""
    numbers = number if isinstance(number, tuple) else (number,)
    try:
        fn(*args, **kw)
    except OSError as e:
        if e.errno not in numbers:
            raise AssertionError(f"{fn.__name__}{args}: got {errno.errorcode.get(e.errno)}, wanted "
                                 + "/".join(errno.errorcode[n] for n in numbers))
        return
    raise AssertionError(f"{fn.__name__}{args} did not fail")


def _check(rc):
    if rc < 0:
        n = ctypes.get_errno()
        raise OSError(n, os.strerror(n))
    return rc


def renameat2(a, b, flags):
    _check(libc.renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), flags))


def fallocate(fd, mode, offset, length):
    _check(libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length)))


def aligned(size):
    """A page-aligned buffer, as direct I/O likes it."""
    return mmap.mmap(-1, max(size, 1))


def pattern(size, seed=1):
    return random.Random(seed).randbytes(size)


def write(path, data=b"", mode=0o644):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view):]
    finally:
        os.close(fd)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def forked(fn):
    """Run fn in a child; returns its exit status (0: no exception)."""
    pid = os.fork()
    if not pid:
        try:
            fn()
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    return pid


def join(*pids):
    for pid in pids:
        eq(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, "status of a child")


def as_user(uid, fn):
    """Run fn as somebody else; its exceptions fail the test."""
    def child():
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        fn()
    join(forked(child))


def server_copy(name):
    """A new client view of a file: drop what this one has cached."""
    with open("/proc/sys/vm/drop_caches", "w") as f:
        f.write("3")
    return read(name)
