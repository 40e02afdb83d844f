# SPDX-License-Identifier: GPL-2.0
"""What programs do while something goes wrong: one function each.

Up to the first yield things are prepared; then the faults are armed and what is
to meet them is done, up to the second yield. After that, with cold caches, the
result is looked at. d is an empty directory on the mount.
"""

import errno
import fcntl
import mmap
import os
import random
import re
import struct
import subprocess
import time

WORK = {}
BLOCK = 65536


def work(f):
    WORK[f.__name__] = f
    return f


def content(n, seed=1):
    return random.Random(seed).randbytes(n)


def put(path, data):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    os.write(fd, data)
    os.fsync(fd)
    os.close(fd)


def get(path):
    with open(path, "rb") as f:
        return f.read()


def drop_caches():
    with open("/proc/sys/vm/drop_caches", "w") as f:
        f.write("3")


def mount_point(path):
    while not os.path.ismount(path):
        path = os.path.dirname(path)
    return path


def counter(name):
    with open("/proc/self/mountstats") as f:
        return int(re.search(rf"with fstype penstock.*?\b{name}=(\d+)", f.read(), re.S).group(1))


def aligned(data):
    m = mmap.mmap(-1, len(data))
    m.write(data)
    return m


def same(got, wanted, what="content"):
    assert got == wanted, f"{what}: {len(got)} bytes {got[:20]!r}, wanted {len(wanted)} {wanted[:20]!r}"


def error(wanted, f, *args):
    try:
        f(*args)
    except OSError as e:
        assert e.errno == wanted, f"{f.__name__}: {e}"
        return
    raise AssertionError(f"{f.__name__} worked")


# -- names: none of these may run twice ----------------------------------

@work
def mkdir(d):
    yield
    os.mkdir(f"{d}/new")
    yield
    assert os.listdir(d) == ["new"] and os.path.isdir(f"{d}/new")


@work
def symlink(d):
    yield
    os.symlink("target", f"{d}/new")
    yield
    assert os.readlink(f"{d}/new") == "target"


@work
def mkfifo(d):
    yield
    os.mkfifo(f"{d}/new")
    yield
    assert os.listdir(d) == ["new"]


@work
def link(d):
    put(f"{d}/a", b"x")
    yield
    os.link(f"{d}/a", f"{d}/b")
    yield
    assert os.stat(f"{d}/b").st_nlink == 2


@work
def unlink(d):
    put(f"{d}/a", b"x")
    yield
    os.unlink(f"{d}/a")
    yield
    assert os.listdir(d) == []


@work
def rmdir(d):
    os.mkdir(f"{d}/a")
    yield
    os.rmdir(f"{d}/a")
    yield
    assert os.listdir(d) == []


@work
def rename(d):
    put(f"{d}/a", b"x")
    yield
    os.rename(f"{d}/a", f"{d}/b")
    yield
    assert os.listdir(d) == ["b"]


@work
def rename_over(d):
    put(f"{d}/a", b"new")
    put(f"{d}/b", b"old")
    yield
    os.rename(f"{d}/a", f"{d}/b")
    yield
    assert os.listdir(d) == ["b"]
    same(get(f"{d}/b"), b"new")


@work
def unlink_open(d):
    put(f"{d}/a", b"kept")
    with open(f"{d}/a", "rb") as f:
        yield
        os.unlink(f"{d}/a")
        same(f.read(), b"kept")
    yield
    assert os.listdir(d) == []


# -- opens -----------------------------------------------------------------

@work
def create(d):
    yield
    put(f"{d}/a", b"made")
    yield
    same(get(f"{d}/a"), b"made")


@work
def create_excl(d):
    yield
    fd = os.open(f"{d}/a", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640)
    os.write(fd, b"mine")
    os.close(fd)
    yield
    same(get(f"{d}/a"), b"mine")
    assert os.stat(f"{d}/a").st_mode & 0o777 == 0o640
    error(errno.EEXIST, os.open, f"{d}/a", os.O_CREAT | os.O_EXCL | os.O_RDWR)


@work
def open_read(d):
    put(f"{d}/a", b"text")
    yield
    same(get(f"{d}/a"), b"text")
    yield


@work
def open_trunc(d):
    put(f"{d}/a", content(5000))
    yield
    os.close(os.open(f"{d}/a", os.O_WRONLY | os.O_TRUNC))
    yield
    assert os.stat(f"{d}/a").st_size == 0


@work
def close(d):
    fd = os.open(f"{d}/a", os.O_CREAT | os.O_RDWR)
    os.write(fd, b"closed")
    yield
    os.close(fd)
    yield
    same(get(f"{d}/a"), b"closed")


CROWD, RATE, BURST = 64, 100, 16        # the last two: fs/nfs4/pace.c


@work
def crowd(d):
    """Many open at once, and meet a server that has no time, so many times in all
    as the suite says. What is opened again is opened at a bounded rate."""
    for i in range(CROWD):
        put(f"{d}/f{i}", b"%d" % i)
    yield
    pids, (gate, keeper) = [], os.pipe()
    for i in range(CROWD):
        pids.append(os.fork())
        if not pids[-1]:
            os.close(keeper)
            os.read(gate, 1)
            os._exit(get(f"{d}/f{i}") != b"%d" % i)
    paced, since = counter("paced"), time.monotonic()
    os.close(keeper)
    assert [os.waitpid(p, 0)[1] for p in pids] == [0] * CROWD
    took, delayed = time.monotonic() - since, 400
    assert took > (delayed - CROWD - BURST) / RATE, f"{delayed} opens were tried again within {took:.2f} s"
    assert counter("paced") > paced, "nobody was held back"
    yield


@work
def lost_open(d):
    put(f"{d}/f", b"kept")
    fd = os.open(f"{d}/f", os.O_WRONLY | os.O_SYNC)
    yield
    error(errno.EIO, os.write, fd, b"lost")
    os.close(fd)
    wanted = rf"penstock: \S+: /{os.path.relpath(d, mount_point(d))}/f \(inode \d+\): an open file lost its state"
    log = subprocess.run(["dmesg"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert re.search(wanted, log), f"no {wanted!r} in the log"
    yield
    same(get(f"{d}/f"), b"kept")


# -- data --------------------------------------------------------------------

def direct(d, flags):
    return os.open(f"{d}/f", flags | os.O_DIRECT)


@work
def write_direct(d):
    put(f"{d}/f", b"")
    fd = direct(d, os.O_WRONLY)
    yield
    for i in range(8):
        assert os.pwritev(fd, [aligned(content(BLOCK, i))], i * BLOCK) == BLOCK
    yield
    os.close(fd)
    same(get(f"{d}/f"), b"".join(content(BLOCK, i) for i in range(8)))


@work
def read_direct(d):
    put(f"{d}/f", content(8 * BLOCK))
    fd = direct(d, os.O_RDONLY)
    m = mmap.mmap(-1, BLOCK)
    yield
    for i in range(8):
        assert os.preadv(fd, [m], i * BLOCK) == BLOCK
        same(m[:], content(8 * BLOCK)[i * BLOCK:(i + 1) * BLOCK])
    yield
    os.close(fd)


@work
def write_buffered(d):
    fd = os.open(f"{d}/f", os.O_CREAT | os.O_WRONLY)
    yield
    for i in range(64):
        os.write(fd, content(BLOCK, i))
    os.fsync(fd)
    yield
    os.close(fd)
    same(get(f"{d}/f"), b"".join(content(BLOCK, i) for i in range(64)))


@work
def read_buffered(d):
    put(f"{d}/f", content(4 << 20))
    drop_caches()
    yield
    same(get(f"{d}/f"), content(4 << 20))
    yield


@work
def append(d):
    put(f"{d}/f", b"0\n")
    yield
    for i in range(1, 10):
        with open(f"{d}/f", "ab", buffering=0) as f:
            f.write(b"%d\n" % i)
    yield
    same(get(f"{d}/f"), b"".join(b"%d\n" % i for i in range(10)))


@work
def mapped(d):
    put(f"{d}/f", bytes(4 * BLOCK))
    fd = os.open(f"{d}/f", os.O_RDWR)
    with mmap.mmap(fd, 4 * BLOCK) as m:
        yield
        m[:] = content(4 * BLOCK)
        os.fsync(fd)    # msync would hold Python's lock
    os.close(fd)
    yield
    same(get(f"{d}/f"), content(4 * BLOCK))


@work
def osync(d):
    yield
    fd = os.open(f"{d}/f", os.O_CREAT | os.O_WRONLY | os.O_SYNC)
    for i in range(4):
        os.write(fd, content(5000, i))
    os.close(fd)
    yield
    same(get(f"{d}/f"), b"".join(content(5000, i) for i in range(4)))


# -- attributes ----------------------------------------------------------------

@work
def truncate(d):
    put(f"{d}/f", content(10000))
    yield
    os.truncate(f"{d}/f", 3333)
    yield
    same(get(f"{d}/f"), content(10000)[:3333])


@work
def ftruncate(d):
    put(f"{d}/f", content(10000))
    fd = os.open(f"{d}/f", os.O_RDWR)
    yield
    os.ftruncate(fd, 4444)
    yield
    os.close(fd)
    same(get(f"{d}/f"), content(10000)[:4444])


@work
def chmod(d):
    put(f"{d}/f", b"x")
    yield
    os.chmod(f"{d}/f", 0o711)
    yield
    assert os.stat(f"{d}/f").st_mode & 0o777 == 0o711


@work
def utime(d):
    put(f"{d}/f", b"x")
    yield
    os.utime(f"{d}/f", (1000, 2000))
    yield
    assert os.stat(f"{d}/f").st_mtime == 2000


@work
def stat(d):
    put(f"{d}/f", b"12345")
    drop_caches()
    yield
    assert os.stat(f"{d}/f").st_size == 5
    yield


@work
def refresh(d):
    fd = os.open(f"{d}/f", os.O_CREAT | os.O_RDWR)
    yield
    for _ in range(3):
        os.write(fd, b"12345")
        os.fsync(fd)
        os.lseek(fd, 0, os.SEEK_END)
        os.stat(f"{d}/f")
    os.statvfs(d)
    yield
    os.close(fd)
    assert os.stat(f"{d}/f").st_size == 15


@work
def readdir(d):
    for i in range(300):
        os.mkdir(f"{d}/n{i:03}")
    drop_caches()
    yield
    assert sorted(os.listdir(d)) == [f"n{i:03}" for i in range(300)]
    yield


@work
def readlink(d):
    os.symlink("there", f"{d}/l")
    drop_caches()
    yield
    assert os.readlink(f"{d}/l") == "there"
    yield


@work
def setxattr(d):
    put(f"{d}/f", b"x")
    yield
    os.setxattr(f"{d}/f", "user.k", b"value", os.XATTR_CREATE)
    yield
    assert os.getxattr(f"{d}/f", "user.k") == b"value"


@work
def getxattr(d):
    put(f"{d}/f", b"x")
    os.setxattr(f"{d}/f", "user.k", b"value")
    yield
    assert os.getxattr(f"{d}/f", "user.k") == b"value"
    assert os.listxattr(f"{d}/f") == ["user.k"]
    yield


@work
def removexattr(d):
    put(f"{d}/f", b"x")
    os.setxattr(f"{d}/f", "user.k", b"value")
    yield
    os.removexattr(f"{d}/f", "user.k")
    yield
    assert os.listxattr(f"{d}/f") == []


# -- space ------------------------------------------------------------------------

@work
def allocate(d):
    put(f"{d}/f", b"x")
    fd = os.open(f"{d}/f", os.O_RDWR)
    yield
    os.posix_fallocate(fd, 0, 100000)
    yield
    os.close(fd)
    assert os.stat(f"{d}/f").st_size == 100000


@work
def copy(d):
    put(f"{d}/a", content(BLOCK))
    put(f"{d}/b", b"")
    a, b = os.open(f"{d}/a", os.O_RDONLY), os.open(f"{d}/b", os.O_WRONLY)
    yield
    done = 0
    while done < BLOCK:
        done += os.copy_file_range(a, b, BLOCK - done)
    yield
    os.close(a)
    os.close(b)
    same(get(f"{d}/b"), content(BLOCK))


@work
def seek(d):
    put(f"{d}/f", b"x")
    os.truncate(f"{d}/f", 1 << 20)
    fd = os.open(f"{d}/f", os.O_RDONLY)
    yield
    assert os.lseek(fd, 0, os.SEEK_HOLE) <= 1 << 20
    yield
    os.close(fd)


# -- locks --------------------------------------------------------------------------

def test_lock(path):
    """The type of lock that somebody else sees."""
    r, w = os.pipe()
    pid = os.fork()
    if not pid:
        fd = os.open(path, os.O_RDWR)
        arg = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
        got = fcntl.fcntl(fd, fcntl.F_GETLK, arg)
        os.write(w, b"%d" % struct.unpack("hhqqi4x", got)[0])
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(w)
    got = os.read(r, 10)
    os.close(r)
    return int(got)


@work
def lock(d):
    fd = os.open(f"{d}/f", os.O_CREAT | os.O_RDWR)
    yield
    fcntl.lockf(fd, fcntl.LOCK_EX)
    yield
    assert test_lock(f"{d}/f") == fcntl.F_WRLCK
    os.close(fd)
    assert test_lock(f"{d}/f") == fcntl.F_UNLCK


@work
def unlock(d):
    fd = os.open(f"{d}/f", os.O_CREAT | os.O_RDWR)
    fcntl.lockf(fd, fcntl.LOCK_EX)
    yield
    fcntl.lockf(fd, fcntl.LOCK_UN)
    yield
    assert test_lock(f"{d}/f") == fcntl.F_UNLCK
    os.close(fd)


@work
def locked_update(d):
    """A counter in a file, ten times read, written and unlocked under a lock."""
    put(f"{d}/f", b"0")
    drop_caches()       # not opened again: no delegation, LOCK is sent
    fd = os.open(f"{d}/f", os.O_RDWR)
    yield
    _count(fd)
    yield
    same(get(f"{d}/f"), b"10")


def _count(fd):
    for _ in range(10):
        fcntl.lockf(fd, fcntl.LOCK_EX)
        os.pwrite(fd, b"%d" % (int(os.pread(fd, 20, 0)) + 1), 0)
        fcntl.lockf(fd, fcntl.LOCK_UN)
    os.close(fd)


@work
def close_locked(d):
    """An unlock fails, and the server will not close a file with locks."""
    fd = os.open(f"{d}/f", os.O_CREAT | os.O_RDWR)
    fcntl.lockf(fd, fcntl.LOCK_EX)
    yield
    fcntl.lockf(fd, fcntl.LOCK_UN)
    os.close(fd)
    yield
    assert test_lock(f"{d}/f") == fcntl.F_UNLCK


@work
def flock(d):
    fd = os.open(f"{d}/f", os.O_CREAT | os.O_RDWR)
    yield
    fcntl.flock(fd, fcntl.LOCK_EX)
    fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(fd)
    yield
    fd = os.open(f"{d}/f", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)


# -- delegations ----------------------------------------------------------------------

def delegated(path, flags):
    """A local open: one before it, but not the first of the file, has brought a delegation.
    The server gives none before the back channel is bound again after an earlier case."""
    for _ in range(150):
        before = counter("local_opens")
        fd = os.open(path, flags)
        if counter("local_opens") > before:
            return fd
        os.close(fd)
        time.sleep(0.2)
    raise AssertionError("no delegation")


@work
def deleg_open(d):
    """The open that brings a delegation: the client has it, whatever happens to the reply."""
    put(f"{d}/f", b"x")
    put(f"{d}/g", b"x")
    drop_caches()
    os.close(delegated(f"{d}/g", os.O_RDONLY))      # the server gives some
    os.close(os.open(f"{d}/f", os.O_RDONLY))        # the first open of a file asks for none
    before = counter("delegations"), counter("local_opens")
    yield
    fd = os.open(f"{d}/f", os.O_RDONLY)
    os.close(os.open(f"{d}/f", os.O_RDONLY))
    after = counter("delegations"), counter("local_opens")
    assert after == (before[0] + 1, before[1] + 1), (before, after)
    os.close(fd)


@work
def deleg_write(d):
    """Writes under a delegation, of a file whose version is known."""
    put(f"{d}/f", bytes(8 * BLOCK))
    fd = delegated(f"{d}/f", os.O_RDWR)
    os.stat(f"{d}/f")
    yield
    for i in range(8):
        os.pwrite(fd, content(BLOCK, i), i * BLOCK)
    os.fsync(fd)
    os.close(fd)
    yield
    same(get(f"{d}/f"), b"".join(content(BLOCK, i) for i in range(8)))


@work
def deleg_read(d):
    put(f"{d}/f", content(8 * BLOCK))
    drop_caches()
    fd = delegated(f"{d}/f", os.O_RDONLY)
    yield
    same(os.pread(fd, 8 * BLOCK, 0), content(8 * BLOCK))
    os.close(fd)
    yield


@work
def deleg_locks(d):
    """As locked_update, under a write delegation: no LOCK is sent."""
    put(f"{d}/f", b"0")
    fd = delegated(f"{d}/f", os.O_RDWR)
    yield
    _count(fd)
    # what has to be the server's in the end
    fd = os.open(f"{d}/f", os.O_RDWR)
    os.fsync(fd)
    os.close(fd)
    yield
    same(get(f"{d}/f"), b"10")


@work
def deleg_claim(d):
    """A lock under a read delegation: the open has to be told to the server first."""
    put(f"{d}/f", b"x")
    drop_caches()
    fd = delegated(f"{d}/f", os.O_RDONLY)
    yield
    fcntl.lockf(fd, fcntl.LOCK_SH)
    same(os.pread(fd, 10, 0), b"x")
    assert test_lock(f"{d}/f") == fcntl.F_RDLCK
    os.close(fd)
    yield
    assert test_lock(f"{d}/f") == fcntl.F_UNLCK


@work
def deleg_return(d):
    """Given back because memory is short, with data that a close has left behind."""
    put(f"{d}/f", b"old")
    fd = delegated(f"{d}/f", os.O_RDWR)
    os.pwrite(fd, b"new", 0)
    os.close(fd)
    before = counter("deleg_returns")
    yield
    drop_caches()
    for _ in range(600):
        if counter("deleg_returns") > before:
            break
        time.sleep(0.1)
    yield
    same(get(f"{d}/f"), b"new")


@work
def deleg_unlink(d):
    put(f"{d}/f", b"x")
    os.close(delegated(f"{d}/f", os.O_RDWR))
    yield
    os.unlink(f"{d}/f")
    yield
    assert os.listdir(d) == []
