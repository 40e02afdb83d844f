# SPDX-License-Identifier: GPL-2.0
"""Names: lookup, create, directories, links, rename, special files."""

import errno
import os
import socket
import stat

from pslib import (FS, M, RENAME_EXCHANGE, RENAME_NOREPLACE, eq, forked, join, pattern, raises,
                   read, renameat2, write)


def t_lookup():
    raises(errno.ENOENT, os.stat, "nothing")
    raises(errno.ENOENT, os.stat, "nothing")       # a negative entry
    write("file", b"x")
    eq(os.stat("file").st_size, 1)
    raises(errno.ENOTDIR, os.stat, "file/below")
    raises(errno.ENOENT, os.stat, "no/such/path")
    os.unlink("file")
    raises(errno.ENOENT, os.stat, "file")


def t_negative_then_created():
    for i in range(20):
        name = f"n{i}"
        raises(errno.ENOENT, os.stat, name)
        write(name, b"now here")
        eq(read(name), b"now here")
        os.unlink(name)
        raises(errno.ENOENT, open, name)
        os.mkdir(name)
        eq(os.listdir(name), [])
        os.rmdir(name)


def t_exclusive_create():
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
    fd = os.open("x", flags, 0o600)
    os.write(fd, b"mine")
    os.close(fd)
    eq(stat.S_IMODE(os.stat("x").st_mode), 0o600, "mode")
    raises(errno.EEXIST, os.open, "x", flags)
    os.symlink("x", "link")
    raises(errno.EEXIST, os.open, "link", flags)
    os.symlink("dangling", "link2")
    raises(errno.EEXIST, os.open, "link2", flags)
    eq(read("x"), b"mine")


def t_exclusive_create_race():
    """Of eight that create the same name only one succeeds, for each name."""
    def work(me):
        won = 0
        for i in range(25):
            try:
                os.close(os.open(f"f{i}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                won += 1
            except FileExistsError:
                pass
        write(f"won.{me}", str(won).encode())

    join(*[forked(lambda me=i: work(me)) for i in range(8)])
    eq(sum(int(read(f"won.{i}")) for i in range(8)), 25, "creations")


def t_create_modes():
    old = os.umask(0o027)
    try:
        write("a", mode=0o666)
        eq(stat.S_IMODE(os.stat("a").st_mode), 0o640)
        os.mkdir("d", 0o777)
        eq(stat.S_IMODE(os.stat("d").st_mode), 0o750)
        os.umask(0)
        # A file that its own creator may not write: the open still may.
        fd = os.open("ro", os.O_CREAT | os.O_RDWR, 0o400)
        eq(os.write(fd, b"through"), 7)
        os.close(fd)
        eq(read("ro"), b"through")
    finally:
        os.umask(old)


def t_open_flags():
    write("f", b"0123456789")
    fd = os.open("f", os.O_RDWR | os.O_TRUNC)
    eq(os.fstat(fd).st_size, 0)
    os.close(fd)
    raises(errno.EISDIR, os.open, ".", os.O_WRONLY)
    raises(errno.ENOTDIR, os.open, "f", os.O_RDONLY | os.O_DIRECTORY)
    os.symlink("f", "l")
    raises(errno.ELOOP, os.open, "l", os.O_RDONLY | os.O_NOFOLLOW)
    fd = os.open("f", os.O_RDONLY)
    raises(errno.EBADF, os.write, fd, b"x")
    os.close(fd)
    fd = os.open("l", os.O_PATH | os.O_NOFOLLOW)
    eq(stat.S_ISLNK(os.fstat(fd).st_mode), True)
    os.close(fd)
    os.mkdir("dir")
    raises(errno.EISDIR, os.open, "dir", os.O_RDWR | os.O_CREAT)
    raises((errno.ENOENT,), os.open, "no/f", os.O_RDWR | os.O_CREAT)


def t_name_length():
    write("n" * 255, b"long")
    eq(read("n" * 255), b"long")
    raises(errno.ENAMETOOLONG, write, "n" * 256)
    raises(errno.ENAMETOOLONG, os.stat, "n" * 256)
    raises(errno.ENAMETOOLONG, os.mkdir, "n" * 300)


def t_odd_names():
    names = [b"a b", b"tab\there", b"new\nline", "käse☃".encode(), b"back\\slash", b"-rf", b"*",
             b"...", b"..a", b"'\"$(x)`", b"\x01\x7f", b"\xff\xfe not utf8"]
    for n in names:
        try:
            write(n, n)
        except OSError as e:
            # RFC 8881 lets a server refuse what is not UTF-8.
            assert n[0] == 0xff and e.errno in (errno.EINVAL, errno.EILSEQ), (n, e)
            names.remove(n)
    eq(sorted(os.listdir(b".")), sorted(names))
    for n in names:
        eq(read(n), n)
        os.unlink(n)
    eq(os.listdir("."), [])


def t_mkdir_rmdir():
    os.mkdir("d")
    raises(errno.EEXIST, os.mkdir, "d")
    eq(os.stat("d").st_nlink, 2)
    os.mkdir("d/e")
    eq(os.stat("d").st_nlink, 3, "links of the parent")
    raises(errno.ENOTEMPTY, os.rmdir, "d")
    raises(errno.ENOENT, os.rmdir, "nothing")
    write("f")
    raises(errno.ENOTDIR, os.rmdir, "f")
    raises((errno.EISDIR, errno.EPERM), os.unlink, "d/e")
    os.rmdir("d/e")
    eq(os.stat("d").st_nlink, 2, "links of the parent")
    os.rmdir("d")
    raises(errno.ENOENT, os.stat, "d")
    path = "."
    for i in range(40):
        path += f"/level{i}"
        os.mkdir(path)
    write(path + "/deep", b"deep")
    eq(read(path + "/deep"), b"deep")
    os.unlink(path + "/deep")
    while path != ".":
        os.rmdir(path)
        path = os.path.dirname(path)


def t_removed_current_directory():
    os.mkdir("d")
    os.chdir("d")
    os.rmdir("../d")
    raises((errno.ENOENT, errno.ESTALE), write, "f")
    os.chdir("..")


def t_unlink_open():
    data = pattern(300000)
    write("f", data)
    fd = os.open("f", os.O_RDWR)
    os.unlink("f")
    raises(errno.ENOENT, os.stat, "f")
    eq(os.pread(fd, 400000, 0), data, "data of the unlinked file")
    os.pwrite(fd, b"changed", 100)
    os.fsync(fd)
    eq(os.pread(fd, 7, 100), b"changed")
    os.ftruncate(fd, 50)
    eq(os.fstat(fd).st_size, 50)
    write("f", b"a new one of the same name")
    eq(os.pread(fd, 100, 0), data[:50])
    os.close(fd)
    eq(read("f"), b"a new one of the same name")
    os.unlink("f")
    eq(os.listdir("."), [], "what is left behind")


def t_unlink_open_twice():
    """Two opens of the same file, and its directory removed in between."""
    os.mkdir("d")
    write("d/f", b"12345")
    a, b = os.open("d/f", os.O_RDONLY), os.open("d/f", os.O_RDWR)
    os.unlink("d/f")
    os.close(a)
    eq(os.pread(b, 10, 0), b"12345")
    os.pwrite(b, b"ABC", 0)
    eq(os.pread(b, 10, 0), b"ABC45")
    os.close(b)
    os.rmdir("d")


def t_link():
    write("a", b"shared")
    os.link("a", "b")
    eq(os.stat("a").st_ino, os.stat("b").st_ino)
    eq(os.stat("a").st_nlink, 2)
    raises(errno.EEXIST, os.link, "a", "b")
    write("b", b"changed through b")
    eq(read("a"), b"changed through b")
    os.unlink("a")
    eq(os.stat("b").st_nlink, 1)
    eq(read("b"), b"changed through b")
    os.mkdir("d")
    raises(errno.EPERM, os.link, "d", "d2")
    raises(errno.ENOENT, os.link, "nothing", "c")
    os.symlink("b", "s")
    os.link("s", "s2", follow_symlinks=False)
    eq(os.readlink("s2"), "b")


def t_symlink():
    for target in ("a", "../x/y", "/abs/olute", "x" * 255, "/".join(["long"] * 200), "ü☃"):
        os.symlink(target, "l")
        eq(os.readlink("l"), target)
        eq(os.lstat("l").st_size, len(target.encode()), "size")
        eq(stat.S_ISLNK(os.lstat("l").st_mode), True)
        os.unlink("l")
    write("file", b"target")
    os.symlink("file", "l")
    eq(read("l"), b"target")
    raises(errno.EEXIST, os.symlink, "b", "l")
    os.symlink("loop2", "loop1")
    os.symlink("loop1", "loop2")
    raises(errno.ELOOP, os.stat, "loop1")
    raises(errno.EINVAL, os.readlink, "file")
    os.mkdir("d")
    os.symlink("d", "dl")
    write("dl/inside", b"1")
    eq(read("d/inside"), b"1")


def t_rename():
    write("a", b"A")
    os.rename("a", "b")
    raises(errno.ENOENT, os.stat, "a")
    eq(read("b"), b"A")
    write("c", b"C")
    os.rename("b", "c")
    eq(read("c"), b"A")
    os.mkdir("d")
    os.rename("c", "d/c")
    eq(read("d/c"), b"A")
    raises(errno.ENOENT, os.rename, "a", "x")
    os.mkdir("e")
    raises(errno.ENOTEMPTY, os.rename, "e", "d")
    os.unlink("d/c")
    os.rename("e", "d")                              # over an empty directory
    raises(errno.ENOENT, os.stat, "e")
    raises(errno.EINVAL, os.rename, "d", "d/sub")
    write("f")
    raises(errno.ENOTDIR, os.rename, "d", "f")
    raises(errno.EISDIR, os.rename, "f", "d")
    os.link("f", "g")
    os.rename("f", "g")                              # the same file: nothing happens
    eq(os.path.exists("f"), True)
    os.rename("f", "f")


def t_rename_tree():
    os.makedirs("one/two/three")
    write("one/two/three/f", b"deep")
    os.mkdir("other")
    os.rename("one/two", "other/two")
    eq(read("other/two/three/f"), b"deep")
    raises(errno.ENOENT, os.stat, "one/two")
    eq(os.stat("one").st_nlink, 2)
    eq(os.stat("other").st_nlink, 3)
    eq(os.path.realpath("other/two/three/.."), os.path.realpath("other/two"))


def t_rename_open():
    write("a", b"the old one")
    write("b", b"the new one")
    fd = os.open("a", os.O_RDWR)
    other = os.open("b", os.O_RDWR)
    os.rename("b", "a")
    eq(os.pread(fd, 100, 0), b"the old one", "file that was renamed over")
    eq(os.pread(other, 100, 0), b"the new one", "file that moved")
    os.pwrite(other, b"THE", 0)
    os.pwrite(fd, b"xxx", 0)
    os.fsync(other)
    eq(read("a"), b"THE new one")
    os.close(fd)
    os.close(other)
    eq(os.listdir("."), ["a"], "what is left behind")


def t_rename_flags():
    """Done right, or refused with EINVAL: never done wrong."""
    write("a", b"A")
    write("b", b"B")
    try:
        renameat2("a", "b", RENAME_NOREPLACE)
        raise AssertionError("RENAME_NOREPLACE replaced a file")
    except OSError as e:
        assert e.errno in (errno.EEXIST, errno.EINVAL), e
    eq((read("a"), read("b")), (b"A", b"B"))
    try:
        renameat2("a", "new", RENAME_NOREPLACE)
        eq(read("new"), b"A")
        eq(os.path.exists("a"), False)
        os.rename("new", "a")
    except OSError as e:
        eq(e.errno, errno.EINVAL)
    try:
        renameat2("a", "b", RENAME_EXCHANGE)
        eq((read("a"), read("b")), (b"B", b"A"))
    except OSError as e:
        eq(e.errno, errno.EINVAL)
        eq((read("a"), read("b")), (b"A", b"B"))


def t_special_files():
    os.mkfifo("fifo", 0o600)
    eq(stat.S_ISFIFO(os.stat("fifo").st_mode), True)

    def writer():
        with open("fifo", "wb") as f:
            f.write(b"through the pipe")

    pid = forked(writer)
    eq(read("fifo"), b"through the pipe")
    join(pid)
    os.mknod("null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    st = os.stat("null")
    eq((stat.S_ISCHR(st.st_mode), os.major(st.st_rdev), os.minor(st.st_rdev)), (True, 1, 3))
    with open("null", "wb") as f:
        f.write(b"gone")
    os.mknod("blk", stat.S_IFBLK | 0o600, os.makedev(259, 70000))
    st = os.stat("blk")
    eq((stat.S_ISBLK(st.st_mode), os.major(st.st_rdev), os.minor(st.st_rdev)), (True, 259, 70000))
    os.mknod("plain", stat.S_IFREG | 0o600)
    eq(os.stat("plain").st_size, 0)
    s = socket.socket(socket.AF_UNIX)
    s.bind("sock")
    eq(stat.S_ISSOCK(os.stat("sock").st_mode), True)
    s.listen()
    c = socket.socket(socket.AF_UNIX)
    c.connect("sock")
    c.close()
    s.close()


def t_submount():
    """Another file system that the server exports below the first one."""
    top, sub = os.stat(M), os.stat(M + "/xfs/.")
    assert top.st_dev != sub.st_dev, "no crossing: same device number"
    d = f"{M}/xfs/{os.path.basename(os.getcwd())}"
    os.mkdir(d)
    try:
        write(d + "/f", b"on the other one")
        eq(read(d + "/f"), b"on the other one")
        write("g", b"here")
        raises(errno.EXDEV, os.rename, "g", d + "/g")
        raises(errno.EXDEV, os.link, "g", d + "/g")
        assert os.statvfs(d).f_blocks != os.statvfs(".").f_blocks, "statfs of the outer file system"
        eq(os.path.realpath(d + "/../.."), M)
        assert "xfs" in os.listdir(M)
        mounts = [line.split() for line in open("/proc/mounts")]
        kind = {"nfs": "nfs4"}.get(FS, FS)
        eq([m[2] for m in mounts if m[1] == M + "/xfs"], [kind], "the submount in /proc/mounts")
    finally:
        for n in os.listdir(d):
            os.unlink(f"{d}/{n}")
        os.rmdir(d)


def t_many_files_at_once():
    """More open files than a server has slots or threads."""
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    fds = []
    for i in range(400):
        fd = os.open(f"f{i}", os.O_CREAT | os.O_RDWR)
        os.write(fd, str(i).encode())
        fds.append(fd)
    for i, fd in enumerate(fds):
        eq(os.pread(fd, 10, 0), str(i).encode())
        os.close(fd)
    eq(len(os.listdir(".")), 400)


def t_parallel_names():
    """Processes that create, rename and unlink in one directory."""
    def work(me):
        for i in range(12):
            a, b = f"p{me}.{i}", f"q{me}.{i}"
            write(a, a.encode())
            os.rename(a, b)
            os.link(b, a)
            eq(read(a), a.encode())
            os.unlink(b)
            if i % 2:
                os.unlink(a)

    join(*[forked(lambda me=i: work(me)) for i in range(6)])
    eq(sorted(os.listdir(".")), sorted(f"p{m}.{i}" for m in range(6) for i in range(0, 12, 2)))
