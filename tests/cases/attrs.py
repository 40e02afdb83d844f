# SPDX-License-Identifier: GPL-2.0
"""Attributes: mode, owner, times, size, access, statfs, statx, xattrs."""

import ctypes
import errno
import os
import stat
import time

from pslib import FS, M, Skip, as_user, eq, libc, pattern, raises, read, write


def user_xattrs(path):
    return sorted(n for n in os.listxattr(path) if n.startswith("user."))


def t_chmod():
    write("f", b"x")
    for mode in (0o600, 0o755, 0o000, 0o4755, 0o2711, 0o1644, 0o7777):
        os.chmod("f", mode)
        eq(stat.S_IMODE(os.stat("f").st_mode), mode, "mode")
    fd = os.open("f", os.O_RDONLY)
    os.fchmod(fd, 0o640)
    eq(stat.S_IMODE(os.fstat(fd).st_mode), 0o640)
    os.close(fd)
    os.mkdir("d")
    os.chmod("d", 0o2770)
    eq(stat.S_IMODE(os.stat("d").st_mode), 0o2770)
    raises(errno.ENOENT, os.chmod, "nothing", 0o600)


def t_chown():
    write("f", b"x")
    os.chown("f", 1001, 1002)
    st = os.stat("f")
    eq((st.st_uid, st.st_gid), (1001, 1002))
    os.chown("f", -1, 1001)
    eq(os.stat("f").st_gid, 1001)
    os.chown("f", 4000000000, 4000000001)
    st = os.stat("f")
    eq((st.st_uid, st.st_gid), (4000000000, 4000000001))
    os.symlink("f", "l")
    os.lchown("l", 5, 6)
    eq((os.lstat("l").st_uid, os.stat("l").st_uid), (5, 4000000000))
    os.chown("f", 0, 0)
    os.chmod("f", 0o6755)
    os.chown("f", 1001, 1001)
    eq(stat.S_IMODE(os.stat("f").st_mode) & 0o6000, 0, "setuid bits after chown")


def t_chmod_by_others():
    write("f", b"x")
    os.chown("f", 1001, 1001)

    def other():
        raises(errno.EPERM, os.chmod, "f", 0o777)
        raises(errno.EPERM, os.chown, "f", 1002, 1002)
        raises(errno.EPERM, os.utime, "f", (1, 1))
        raises(errno.EACCES, os.utime, "f")

    def owner():
        os.chmod("f", 0o600)
        os.utime("f", (1, 1))
        raises(errno.EPERM, os.chown, "f", 1002, 1001)

    as_user(1002, other)
    as_user(1001, owner)


def t_times():
    write("f", b"x")
    a, m = 1234567890_123456789, 987654321_987654321
    os.utime("f", ns=(a, m))
    st = os.stat("f")
    eq((st.st_atime_ns, st.st_mtime_ns), (a, m))
    os.utime("f", ns=(0, 0))
    eq(os.stat("f").st_mtime_ns, 0)
    os.utime("f")
    write("g")                          # the server's idea of now
    assert abs(os.stat("f").st_mtime - os.stat("g").st_mtime) < 60, "now is not now"
    os.utime("f", ns=(4102444800_000000001, 4102444800_000000002))    # the year 2100
    eq(os.stat("f").st_mtime_ns, 4102444800_000000002)
    # Only one of the two; the other stays.
    class Ts(ctypes.Structure):
        _fields_ = [("s", ctypes.c_long), ("ns", ctypes.c_long)]
    omit, t = (1 << 30) - 2, (Ts * 2)()
    t[0].s, t[0].ns, t[1].ns = 77, 5, omit
    eq(libc.utimensat(-100, b"f", t, 0), 0)
    st = os.stat("f")
    eq((st.st_atime_ns, st.st_mtime_ns), (77_000000005, 4102444800_000000002))


def t_times_move():
    write("f", b"x")
    old = os.stat("f")
    time.sleep(0.05)
    with open("f", "ab") as f:
        f.write(b"y")
    new = os.stat("f")
    assert new.st_mtime_ns > old.st_mtime_ns and new.st_ctime_ns > old.st_ctime_ns, "write"
    time.sleep(0.05)
    os.chmod("f", 0o600)
    newer = os.stat("f")
    assert newer.st_ctime_ns > new.st_ctime_ns and newer.st_mtime_ns == new.st_mtime_ns, "chmod"
    old = os.stat(".")
    time.sleep(0.05)
    write("g")
    assert os.stat(".").st_mtime_ns > old.st_mtime_ns, "directory"


def t_explicit_times_survive_writeback():
    """utimes after write: the write-back that follows must not undo it."""
    fd = os.open("f", os.O_CREAT | os.O_RDWR)
    os.write(fd, pattern(200000))
    os.utime("f", ns=(1000000000, 2000000000))
    os.fsync(fd)
    os.close(fd)
    eq(os.stat("f").st_mtime_ns, 2000000000)
    open("/proc/sys/vm/drop_caches", "w").write("3")
    eq(os.stat("f").st_mtime_ns, 2000000000)


def t_truncate():
    data = pattern(100000)
    write("f", data)
    os.truncate("f", 12345)
    eq(read("f"), data[:12345])
    os.truncate("f", 50000)
    eq(read("f"), data[:12345] + bytes(50000 - 12345))
    os.truncate("f", 0)
    eq(read("f"), b"")
    os.truncate("f", 1 << 40)
    eq(os.stat("f").st_size, 1 << 40)
    fd = os.open("f", os.O_RDWR)
    eq(os.pread(fd, 10, (1 << 40) - 10), bytes(10))
    os.ftruncate(fd, 3)
    eq(os.fstat(fd).st_size, 3)
    os.close(fd)
    raises(errno.EISDIR, os.truncate, ".", 0)
    raises(errno.EINVAL, os.truncate, "f", -1)


def t_truncate_dirty():
    """Truncate with dirty pages behind the new end, then grow again: zeroes."""
    data = pattern(64 * 1024)
    fd = os.open("f", os.O_CREAT | os.O_RDWR)
    os.write(fd, data)
    os.ftruncate(fd, 5001)
    os.pwrite(fd, b"end", 60000)
    eq(os.pread(fd, 70000, 0), data[:5001] + bytes(60000 - 5001) + b"end")
    os.close(fd)
    open("/proc/sys/vm/drop_caches", "w").write("3")
    eq(read("f"), data[:5001] + bytes(60000 - 5001) + b"end")


def t_access_by_server():
    os.mkdir("d")
    write("d/f", b"secret")
    os.chmod("d/f", 0o640)
    os.chown("d/f", 1001, 1001)

    def other():
        raises(errno.EACCES, open, "d/f", "rb")
        raises(errno.EACCES, open, "d/f", "ab")
        raises(errno.EACCES, write, "d/new")
        raises(errno.EACCES, os.unlink, "d/f")
        raises(errno.EACCES, os.rename, "d/f", "d/g")
        eq(os.access("d/f", os.R_OK), False)
        eq(os.access("d/f", os.F_OK), True)
        eq(os.listdir("d"), ["f"])

    def owner():
        eq(read("d/f"), b"secret")
        with open("d/f", "ab") as f:
            f.write(b"!")
        eq(os.access("d/f", os.R_OK | os.W_OK), True)
        eq(os.access("d/f", os.X_OK), False)

    as_user(1002, other)
    as_user(1001, owner)
    as_user(1002, other)                # what one may is not cached for the other
    os.chmod("d", 0o700)
    as_user(1001, lambda: raises(errno.EACCES, open, "d/f", "rb"))
    as_user(1001, lambda: raises(errno.EACCES, os.listdir, "d"))
    os.chmod("d", 0o711)
    as_user(1001, lambda: raises(errno.EACCES, os.listdir, "d"))
    as_user(1001, lambda: eq(read("d/f"), b"secret!"))


def t_access_after_chmod():
    write("f", b"x")
    os.chmod("f", 0o600)
    as_user(1001, lambda: raises(errno.EACCES, open, "f", "rb"))
    os.chmod("f", 0o644)
    as_user(1001, lambda: eq(read("f"), b"x"))
    os.chmod("f", 0o600)
    as_user(1001, lambda: raises(errno.EACCES, open, "f", "rb"))


def t_sticky_directory():
    os.mkdir("tmp")
    os.chmod("tmp", 0o1777)
    as_user(1001, lambda: write("tmp/f", b"x"))
    eq(os.stat("tmp/f").st_uid, 1001)
    as_user(1002, lambda: raises((errno.EACCES, errno.EPERM), os.unlink, "tmp/f"))
    as_user(1001, lambda: os.unlink("tmp/f"))


def t_setgid_directory():
    os.mkdir("d")
    os.chown("d", 0, 1002)
    os.chmod("d", 0o2777)
    as_user(1001, lambda: write("d/f"))
    eq(os.stat("d/f").st_gid, 1002)
    os.mkdir("d/e")
    eq(bool(os.stat("d/e").st_mode & stat.S_ISGID), True)


def t_groups():
    """Supplementary groups reach the server."""
    write("f", b"for the group")
    os.chown("f", 0, 2222)
    os.chmod("f", 0o040)

    def member():
        pid = os.fork()
        if not pid:
            try:
                os.setgroups([3000 + i for i in range(14)] + [2222])
                os.setgid(1001)
                os.setuid(1001)
                os._exit(0 if read("f") == b"for the group" else 1)
            except BaseException:
                os._exit(2)
        eq(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    member()
    as_user(1001, lambda: raises(errno.EACCES, open, "f", "rb"))


def t_suid_cleared_by_write():
    write("f", b"x" * 100)
    os.chmod("f", 0o6777)

    def other():
        fd = os.open("f", os.O_WRONLY)
        os.write(fd, b"changed")
        os.fsync(fd)
        os.close(fd)

    as_user(1001, other)
    open("/proc/sys/vm/drop_caches", "w").write("3")
    eq(os.stat("f").st_mode & 0o6000, 0, "setuid bits")


def t_statfs():
    st = os.statvfs(".")
    assert 7 << 30 < st.f_blocks * st.f_frsize < 9 << 30, "size of the file system"
    assert 0 < st.f_bavail <= st.f_bfree <= st.f_blocks
    assert 0 < st.f_ffree <= st.f_files
    eq(st.f_namemax, 255)
    free = st.f_bfree * st.f_frsize
    write("big", bytes(8 << 20))
    fd = os.open("big", os.O_RDWR)
    os.fsync(fd)
    os.close(fd)
    now = os.statvfs(".")
    assert free - now.f_bfree * now.f_frsize >= 7 << 20, "free space did not shrink"


def t_birth_time():
    if FS == "nfs" and tuple(int(x) for x in os.uname().release.split(".")[:2]) < (6, 16):
        raise Skip("the kernel's client learned birth time later")
    write("f", b"x")
    now = os.stat("f").st_mtime
    birth = float(os.popen("stat -c %.9W f").read())
    assert abs(birth - now) < 60, f"birth time {birth}, now {now}"
    time.sleep(0.05)
    write("f", b"changed")
    os.utime("f", (1, 1))
    eq(float(os.popen("stat -c %.9W f").read()), birth, "birth time after a write")


def t_inode_numbers():
    names = [f"f{i}" for i in range(30)]
    for n in names:
        write(n)
    inos = {n: os.stat(n).st_ino for n in names}
    eq(len(set(inos.values())), 30, "different inode numbers")
    eq({e.name: e.inode() for e in os.scandir(".")}, inos, "readdir and stat agree")
    open("/proc/sys/vm/drop_caches", "w").write("3")
    eq({n: os.stat(n).st_ino for n in names}, inos, "stable inode numbers")


def t_blocks():
    write("f", bytes(1 << 20))
    fd = os.open("f", os.O_RDWR)
    os.fsync(fd)
    os.close(fd)
    open("/proc/sys/vm/drop_caches", "w").write("3")
    assert 1 << 20 <= os.stat("f").st_blocks * 512 <= 1200 << 10, os.stat("f").st_blocks
    os.truncate("sparse", 0) if os.path.exists("sparse") else write("sparse")
    os.truncate("sparse", 1 << 30)
    assert os.stat("sparse").st_blocks < 100, "a hole takes no blocks"


def t_xattr():
    write("f", b"x")
    eq(user_xattrs("f"), [])
    raises(errno.ENODATA, os.getxattr, "f", "user.none")
    os.setxattr("f", "user.one", b"1")
    os.setxattr("f", "user.two", bytes(range(256)))
    os.setxattr("f", "user.empty", b"")
    eq(os.getxattr("f", "user.one"), b"1")
    eq(os.getxattr("f", "user.two"), bytes(range(256)))
    eq(os.getxattr("f", "user.empty"), b"")
    eq(user_xattrs("f"), ["user.empty", "user.one", "user.two"])
    raises(errno.EEXIST, os.setxattr, "f", "user.one", b"2", os.XATTR_CREATE)
    raises(errno.ENODATA, os.setxattr, "f", "user.no", b"2", os.XATTR_REPLACE)
    os.setxattr("f", "user.one", b"replaced", os.XATTR_REPLACE)
    eq(os.getxattr("f", "user.one"), b"replaced")
    os.removexattr("f", "user.one")
    raises(errno.ENODATA, os.getxattr, "f", "user.one")
    raises(errno.ENODATA, os.removexattr, "f", "user.one")
    eq(user_xattrs("f"), ["user.empty", "user.two"])
    os.mkdir("d")
    os.setxattr("d", "user.dir", b"on a directory")
    eq(os.getxattr("d", "user.dir"), b"on a directory")
    open("/proc/sys/vm/drop_caches", "w").write("3")
    eq(os.getxattr("f", "user.two"), bytes(range(256)))


def t_xattr_limits():
    write("f", b"x")
    value = pattern(3000)
    os.setxattr("f", "user.big", value)
    eq(os.getxattr("f", "user.big"), value)
    size = libc.getxattr(b"f", b"user.big", None, 0)
    eq(size, 3000, "size query")
    small = ctypes.create_string_buffer(100)
    eq(libc.getxattr(b"f", b"user.big", small, 100), -1)
    eq(ctypes.get_errno(), errno.ERANGE)
    raises((errno.ERANGE, errno.E2BIG), os.setxattr, "f", "user." + "n" * 300, b"x")
    raises((errno.E2BIG, errno.ENOSPC, errno.ERANGE), os.setxattr, "f", "user.huge", bytes(65537))
    raises(errno.EOPNOTSUPP, os.setxattr, "f", "nosuch.name", b"x")
    os.removexattr("f", "user.big")
    names = [f"user.{i:03}" for i in range(50)]
    for n in names:
        os.setxattr("f", n, n.encode())
    eq(user_xattrs("f"), names)


def t_xattr_on_xfs():
    d = f"{M}/xfs/{os.path.basename(os.getcwd())}"
    os.mkdir(d)
    try:
        write(d + "/f")
        value = pattern(60000)
        os.setxattr(d + "/f", "user.large", value)
        eq(os.getxattr(d + "/f", "user.large"), value)
    finally:
        for n in os.listdir(d):
            os.unlink(f"{d}/{n}")
        os.rmdir(d)


def t_xattr_access():
    write("f", b"x")
    os.chmod("f", 0o644)
    os.setxattr("f", "user.a", b"1")
    as_user(1001, lambda: eq(os.getxattr("f", "user.a"), b"1"))
    as_user(1001, lambda: raises((errno.EACCES, errno.EPERM), os.setxattr, "f", "user.a", b"2"))
    os.chmod("f", 0o600)
    as_user(1001, lambda: raises((errno.EACCES, errno.EPERM), os.getxattr, "f", "user.a"))
