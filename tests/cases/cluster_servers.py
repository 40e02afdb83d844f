# SPDX-License-Identifier: GPL-2.0
"""Servers that are old, odd or broken."""

import time

BAD = "/penstock/repo/tests/guest/badserver"


def t_without_4_2(b):
    """A server that refuses 4.2: everything works over 4.1."""
    b.run(b.node1, "/penstock/guest/node without 4.2")
    b.undo.callback(b.run, b.node1, "/penstock/guest/node v4")
    if b.fs == "nfs":
        b.run(b.client, "mkdir -p /mnt/a; mount -t nfs -o vers=4.1,proto=tcp node1:/export /mnt/a")
        b.undo.callback(b._umount, b.client, "/mnt/a")
    else:
        b.mount()
        b.run(b.client, "grep ' /mnt/a penstock .*vers=4.1' /proc/mounts")
    d = b.dir()
    b.run(b.client, f"""cd {d} && seq 100000 >f && sync f && echo 3 >/proc/sys/vm/drop_caches &&
        seq 100000 | cmp - f && cp f g && cmp f g && mkdir e && mv g e && ls e && truncate -s 3 f &&
        ! fallocate -l 1M h 2>/tmp/said && {{ grep -i 'not supported' /tmp/said; true; }} &&
        ! setfattr -n user.a -v b f 2>/dev/null && python3 -c '
import os
fd = os.open("f", os.O_RDONLY)
assert os.lseek(fd, 0, os.SEEK_DATA) == 0 and os.lseek(fd, 0, os.SEEK_HOLE) == 3
' && /penstock/repo/build/tools/psfsx -n 600 -s 3 -m wrvdmtash fsx""", timeout=200)


#: fs=penstock proto=tcp more
def t_nfsv3_only(b):
    b.run(b.node1, "/penstock/guest/node v3only")
    b.undo.callback(b.run, b.node1, "/penstock/guest/node v4")
    done = b.mount(ok=False, options="retry=0")
    if not done.rc:
        b.fail("a server with NFSv3 only was mounted")
    if "NFSv3" not in done.out and "NFSv4" not in done.out:
        b.fail(f"not said in so many words: {done.out}")


def _odd(b, mode, seconds=15):
    """Mount a server that misbehaves: an error, soon, in words, and no more."""
    b.start(b.node1, f"python3 {BAD} {mode} 2050", timeout=300)
    b.run(b.node1, "for i in $(seq 50); do ss -ltn | grep -q :2050 && exit 0; sleep 0.2; done; exit 1")
    b.undo.callback(b.run, b.node1, f"pkill -f '[b]adserver {mode}' || true")
    done = b.within(seconds, b.client, "mkdir -p /mnt/a; timeout -s KILL 60 mount -t penstock "
                    f"-o port=2050,retry=0,soft,timeout=10 node1:/export /mnt/a", f"mounting a {mode} server")
    if not done.rc:
        b.fail("the mount succeeded")
    if done.rc == 137:
        b.fail("mount did not come to an end")
    if not done.out.strip():
        b.fail("not a word about why")


#: fs=penstock proto=tcp more
def t_garbage(b):
    """Random bytes instead of answers."""
    _odd(b, "garbage", 40)


#: fs=penstock proto=tcp more
def t_garbage_in_records(b):
    """Well-formed RPC records with random contents."""
    _odd(b, "records", 40)


#: fs=penstock proto=tcp
def t_garbage_in_replies(b):
    """Accepted RPC replies whose results are random."""
    _odd(b, "replies", 40)


#: fs=penstock proto=tcp
def t_huge_record(b):
    """A record mark that announces two gigabytes."""
    _odd(b, "huge", 40)


#: fs=penstock proto=tcp more
def t_closes_at_once(b):
    _odd(b, "close", 40)


#: fs=penstock proto=tcp
def t_silent(b):
    """Accepts and never answers."""
    _odd(b, "silent", 45)


#: fs=penstock proto=tcp more
def t_http(b):
    """Somebody else's server."""
    _odd(b, "http", 40)


#: fs=penstock timeout=300 proto=tcp
def t_bits_flipped(b):
    """A relay that flips bits in what the server answers: errors are fine, a
    crash or a hang is not."""
    b.start(b.node1, f"python3 {BAD} flip 2050", timeout=300)
    b.undo.callback(b.run, b.node1, "pkill -f '[b]adserver flip' || true")
    b.run(b.node1, "for i in $(seq 50); do ss -ltn | grep -q :2050 && exit 0; sleep 0.2; done; exit 1")
    for i in range(6):
        b.try_run(b.client, "mkdir -p /mnt/a; timeout -s KILL 20 mount -t penstock "
                            "-o port=2050,retry=0,soft,timeout=5 node1:/export /mnt/a", timeout=60)
        b.try_run(b.client, f"timeout -s KILL 20 sh -c 'cd /mnt/a && ls -l . >/dev/null; seq 20000 >flip.{i}; "
                            f"cat flip.{i} >/dev/null; stat -f . ; rm -f flip.{i}'", timeout=60)
        b.within(20, b.client, "umount -f /mnt/a 2>/dev/null || umount -l /mnt/a 2>/dev/null; "
                               "! mountpoint -q /mnt/a", "umount -f")
    b.mount()
    b.run(b.client, "ls /mnt/a; rm -f /mnt/a/flip.*")


#: timeout=400 proto=tcp more
def t_closes_after_every_call(b):
    """The connection is closed after each answer: slow, but nothing is lost."""
    b.start(b.node1, f"python3 {BAD} oneshot 2050", timeout=400)
    b.undo.callback(b.run, b.node1, "pkill -f '[b]adserver oneshot' || true")
    b.run(b.node1, "for i in $(seq 50); do ss -ltn | grep -q :2050 && exit 0; sleep 0.2; done; exit 1")
    b.mount(options="port=2050", timeout=120)
    d = b.dir()
    b.run(b.client, f"cd {d} && for i in 1 2 3; do seq $i 3000 >f$i && sync f$i && "
                    "seq $i 3000 | cmp - f$i || exit 1; done && ls -l && mv f1 g1 && rm f2", timeout=300)
    name = d.split("/")[-1]
    b.eq(b.run(b.node1, f"md5sum </export/{name}/f3"), b.run(b.client, "seq 3 3000 | md5sum"))
    b.umount()


#: timeout=300 proto=tcp
def t_closes_now_and_then(b):
    """Every 40th answer is followed by a reset, sometimes in its middle."""
    b.start(b.node1, f"python3 {BAD} flaky 2050", timeout=400)
    b.undo.callback(b.run, b.node1, "pkill -f '[b]adserver flaky' || true")
    b.run(b.node1, "for i in $(seq 50); do ss -ltn | grep -q :2050 && exit 0; sleep 0.2; done; exit 1")
    b.mount(options="port=2050", timeout=120)
    d = b.dir()
    b.run(b.client, f"cd {d} && /penstock/repo/build/tools/psfsx -n 400 -s 8 f && mkdir e && "
                    "for i in $(seq 20); do echo $i >e/$i && mv e/$i e/x$i || exit 1; done && "
                    "eq=$(cat e/x* | sort -n | md5sum) && [ \"$eq\" = \"$(seq 20 | md5sum)\" ]", timeout=280)
    time.sleep(1)
    b.umount()
