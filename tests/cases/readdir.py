# SPDX-License-Identifier: GPL-2.0
"""Reading directories, also while they change."""

import os

from pslib import eq, forked, join, raises, write


def _fill(d, n):
    os.makedirs(d, exist_ok=True)
    fd = os.open(d, os.O_RDONLY)
    for i in range(n):
        os.mknod(f"name-{i:06}", dir_fd=fd)
    os.close(fd)
    return [f"name-{i:06}" for i in range(n)]


def t_empty_and_small():
    eq(os.listdir("."), [])
    os.mkdir("d")
    write("f")
    os.symlink("x", "l")
    got = {e.name: (e.is_dir(follow_symlinks=False), e.is_file(follow_symlinks=False), e.is_symlink())
           for e in os.scandir(".")}
    eq(got, {"d": (True, False, False), "f": (False, True, False), "l": (False, False, True)})
    eq(sorted(os.popen("ls -a").read().split()), [".", "..", "d", "f", "l"])


#: timeout=240
def t_hundreds():
    names = _fill("d", 600)
    eq(sorted(os.listdir("d")), names)
    open("/proc/sys/vm/drop_caches", "w").write("3")
    eq(sorted(os.listdir("d")), names)
    eq(len(os.popen("ls -l d").read().splitlines()), 601)


def t_changes_are_seen():
    names = set(_fill("d", 50))
    eq(set(os.listdir("d")), names)
    os.unlink("d/name-000007")
    os.rename("d/name-000008", "d/renamed")
    os.mkdir("d/sub")
    write("d/new")
    names = names - {"name-000007", "name-000008"} | {"renamed", "sub", "new"}
    eq(set(os.listdir("d")), names)
    fd = os.open("d", os.O_RDONLY)
    eq(set(os.listdir(fd)), names)
    write("d/later")
    os.lseek(fd, 0, os.SEEK_SET)
    eq(set(os.listdir(fd)), names | {"later"}, "after rewinding")
    os.close(fd)


#: timeout=240
def t_remove_while_reading():
    """What rm -r does: nothing may be left over or seen twice."""
    _fill("d", 500)
    seen = []
    with os.scandir("d") as it:
        for e in it:
            seen.append(e.name)
            os.unlink("d/" + e.name)
    eq(len(seen), len(set(seen)), "names seen once")
    left = os.listdir("d")
    eq(left, [], "names left over")
    os.rmdir("d")


#: timeout=240
def t_remove_ahead_while_reading():
    """Names that are removed before the reader gets there; the others stay."""
    names = _fill("d", 500)
    stay = set(names[::2])
    seen, gone = [], False
    with os.scandir("d") as it:
        for e in it:
            seen.append(e.name)
            if not gone and len(seen) == 100:
                for n in names[1::2]:
                    os.unlink("d/" + n)
                gone = True
    eq(len(seen), len(set(seen)), "names seen once")
    eq(stay - set(seen), set(), "names that were there all the time")


#: timeout=240
def t_create_while_reading():
    names = set(_fill("d", 300))
    seen = []
    with os.scandir("d") as it:
        for i, e in enumerate(it):
            seen.append(e.name)
            if i % 3 == 0 and i < 300:
                write(f"d/other-{i}")
    eq(names - set(seen), set(), "names that were there all the time")
    eq(len([n for n in seen if n in names]), 300, "each of them once")
    eq(len(os.listdir("d")), 400)


def t_several_readers():
    names = _fill("d", 300)

    def read_all():
        for _ in range(3):
            eq(sorted(os.listdir("d")), names)

    join(*[forked(read_all) for _ in range(4)])


def t_find():
    for i in range(8):
        os.makedirs(f"a{i}/b/c")
        for j in range(5):
            write(f"a{i}/b/f{j}", b"x" * j)
    eq(len(os.popen("find . -type f -size +0").read().split()), 32)
    eq(len(os.popen("find . -type d").read().split()), 25)
    eq(os.system("rm -r a[0-9]"), 0)
    eq(os.listdir("."), [])


def t_removed_directory():
    os.mkdir("d")
    fd = os.open("d", os.O_RDONLY)
    os.rmdir("d")
    try:
        eq(os.listdir(fd), [])
    except OSError:
        pass                                        # ESTALE, ENOENT: both are fair
    os.close(fd)
    import errno
    raises(errno.ENOENT, os.listdir, "d")
