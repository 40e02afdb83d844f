# SPDX-License-Identifier: GPL-2.0
"""Servers that restart, fall silent or come back; processes that are killed."""

import time

from bed.host import patience


def t_reboot_in_fio_verify(b):
    """A power cycle in the middle: no error and no wrong byte."""
    b.mount()
    d = b.dir()
    job = b.start(b.client, f"fio --name=v --directory={d} --size=48m --rw=randwrite --bs=32k "
                            "--ioengine=libaio --iodepth=16 --verify=crc32c --do_verify=1 "
                            "--verify_fatal=1 --verify_state_save=0 --loops=2 --fsync=50 "
                            "--rate_iops=400 --minimal", timeout=400)
    time.sleep(4)
    b.reboot(b.node1)
    b.wait(b.node1)
    b.finish(job, 400)
    b.run(b.client, f"rm -r {d}")



def t_reboot_with_dirty_pages(b):
    """Written and not yet committed when the server loses its memory."""
    b.mount()
    d = b.dir()
    job = b.start(b.client, f"cd {d} && for i in 1 2 3 4 5 6 7 8; do "
                            "seq $i 400000 >f$i; done; for i in 1 2 3 4 5 6 7 8; do fsync=1; sync f$i; done "
                            "&& md5sum f?", timeout=300)
    time.sleep(2)
    b.reboot(b.node1)
    b.wait(b.node1)
    cached = b.finish(job, 300).out
    b.run(b.client, "echo 3 >/proc/sys/vm/drop_caches")
    b.eq(b.run(b.client, f"cd {d} && md5sum f?", timeout=120), cached, "sums from the server")
    wanted = b.run(b.client, "for i in 1 2 3 4 5 6 7 8; do seq $i 400000 | md5sum; done")
    b.eq([x.split()[0] for x in cached.splitlines()], [x.split()[0] for x in wanted.splitlines()])
    b.run(b.client, f"rm -r {d}")


#: more
def t_reboot_keeps_what_fsync_promised(b):
    """The file is on the server's disk when fsync has returned."""
    b.mount()
    d = b.dir()
    b.run(b.client, f"seq 1 300000 >{d}/f && sync {d}/f")
    b.node1.reset()
    b.wait(b.node1)
    name = d.split("/")[-1]
    b.eq(b.run(b.node1, f"md5sum </export/{name}/f"), b.run(b.client, "seq 1 300000 | md5sum"))
    b.eq(b.run(b.client, f"md5sum <{d}/f"), b.run(b.client, "seq 1 300000 | md5sum"))


def t_reboot_with_open_files(b):
    """Open files, an unlinked one too, are usable afterwards."""
    b.mount()
    d = b.dir()
    job = b.start(b.client, f"""cd {d} && python3 -c '
import os, sys, time
fds = [os.open(f"f{{i}}", os.O_CREAT | os.O_RDWR) for i in range(20)]
for i, fd in enumerate(fds):
    os.write(fd, b"before %d" % i)
os.unlink("f0")
print("ready", flush=True)
while not os.path.exists("/tmp/go"):
    time.sleep(0.2)
for i, fd in enumerate(fds):
    os.pwrite(fd, b"AFTER!", 0)
    os.fsync(fd)
    assert os.pread(fd, 20, 0) == b"AFTER! %d" % i, i
'""")
    for _ in range(100):
        if "ready" in job.text():
            break
        time.sleep(0.2)
    b.reboot(b.node1)
    b.wait(b.node1)
    b.run(b.client, "touch /tmp/go")
    try:
        b.finish(job, 200)
    finally:
        b.run(b.client, "rm -f /tmp/go")
    b.eq(b.run(b.client, f"cat {d}/f7"), "AFTER! 7")


#: more
def t_server_restarts_its_threads(b):
    """nfsd stopped and started: connection and session are lost, data is not."""
    b.mount()
    d = b.dir()
    job = b.start(b.client, f"cd {d} && for i in $(seq 60); do echo $i >f$i && cat f$i >/dev/null || exit 1; done; "
                            "cat f* | sort -n | md5sum", timeout=240)
    time.sleep(1)
    b.run(b.node1, "/penstock/guest/node stop; sleep 2; /penstock/guest/node start")
    got = b.finish(job, 240).out
    b.eq(got, b.run(b.client, "seq 60 | md5sum"))


#: more
def t_pause(b):
    """The server stands still for 25 seconds (longer than its lease): everything goes on."""
    b.mount()
    d = b.dir()
    b.run(b.client, f"seq 100000 >{d}/f; sync {d}/f; echo 3 >/proc/sys/vm/drop_caches")
    b.node1.pause()
    try:
        job = b.start(b.client, f"md5sum <{d}/f; echo more >>{d}/f; sync {d}/f; tail -1 {d}/f")
        time.sleep(25)
        b.eq(job.done(), False, "ended while the server stood still")
    finally:
        b.node1.resume()
    b.eq(b.finish(job, 120).out.splitlines()[-1], "more")


#: more
def t_client_silent_longer_than_lease(b):
    """The client is the one who sleeps: its state has expired, and is made anew."""
    b.mount()
    d = b.dir()
    b.run(b.client, f"echo one >{d}/f; sync {d}/f")
    job = b.start(b.client, f"exec 5>>{d}/f; while ! test -e /tmp/go2; do sleep 0.2; done; "
                            f"echo two >&5 && sync {d}/f && cat {d}/f")
    time.sleep(1)
    b.client.pause()
    time.sleep(30)
    b.client.resume()
    b.run(b.client, "touch /tmp/go2")
    try:
        b.eq(b.finish(job, 120).out, "one\ntwo\n")
    finally:
        b.run(b.client, "rm -f /tmp/go2")


def t_black_hole_and_back(b):
    b.mount()
    d = b.dir()
    b.run(b.client, f"seq 200000 >{d}/f; sync {d}/f; echo 3 >/proc/sys/vm/drop_caches")
    with b.black_hole(b.node1):
        job = b.start(b.client, f"md5sum <{d}/f", timeout=300)
        time.sleep(8)
        b.eq(job.done(), False, "answered from a black hole")
    b.eq(b.finish(job, 200).out, b.run(b.client, "seq 200000 | md5sum"))


#: more
def t_packet_loss(b):
    """Two percent of the packets get lost, both ways."""
    b.mount()
    d = b.dir()
    b.run(b.client, "tc qdisc add dev eth0 root netem loss 2%")
    b.undo.callback(b.run, b.client, "tc qdisc del dev eth0 root")
    b.run(b.client, f"seq 300000 >{d}/f && sync {d}/f && echo 3 >/proc/sys/vm/drop_caches && "
                    f"seq 300000 | cmp - {d}/f", timeout=200)


def t_link_down_and_up(b):
    b.mount()
    d = b.dir()
    b.run(b.client, f"seq 200000 >{d}/f; sync {d}/f; echo 3 >/proc/sys/vm/drop_caches")
    b.client.link(1, False)
    try:
        job = b.start(b.client, f"seq 200000 | cmp - {d}/f", timeout=200)
        time.sleep(6)
    finally:
        b.client.link(1, True)
    b.finish(job, 200)


# -- killing ---------------------------------------------------------------

CALLS = {
    "stat": "stat {d}/never-seen",
    "open": "cat {d}/file",
    "read": "dd if={d}/open-before bs=4k count=1 status=none",
    "direct-read": "dd if={d}/open-before iflag=direct bs=64k count=1 status=none",
    "readdir": "ls {d}/dir",
    "create": "touch {d}/new",
    "mkdir": "mkdir {d}/newdir",
    "rename": "mv {d}/file {d}/file2",
    "unlink": "rm -f {d}/dir/x",
    "write-and-close": "dd if=/dev/zero of={d}/open-before bs=64k count=10 conv=notrunc status=none",
    "fsync": "dd if=/dev/zero of={d}/open-before bs=64k count=10 conv=notrunc,fsync status=none",
    "direct-write": "dd if=/dev/zero of={d}/open-before oflag=direct bs=64k count=4 conv=notrunc status=none",
    "truncate": "truncate -s 5 {d}/open-before",
    "statfs": "stat -f {d}",
    "chmod": "chmod 600 {d}/file",
    "lock": "flock {d}/file true",
    "xattr": "setfattr -n user.a -v b {d}/file",
    "mmap": "python3 -c 'import mmap,os; m = mmap.mmap(os.open(\"{d}/open-before\", 2), 4096); m[1] = 5; m.flush()'",
    "fallocate": "fallocate -l 1M {d}/open-before",
    "sync": "sync -f {d}",
}


#: timeout=400
def t_kill_in_black_hole(b):
    """kill -9 ends a process within five seconds, whatever call it is in."""
    b.mount()
    d = b.dir()
    b.run(b.client, f"cd {d}; mkdir dir; touch dir/x file; dd if=/dev/zero of=open-before bs=1M count=1 "
                    "status=none; sync -f .; echo 3 >/proc/sys/vm/drop_caches")
    with b.black_hole(b.node1):
        for name, cmd in CALLS.items():
            b.run(b.client, f"setsid sh -c 'exec {sh(cmd.format(d=d))}' >/tmp/kill.{name} 2>&1 </dev/null & "
                            f"echo $! >/tmp/kill.{name}.pid")
        b.sleep(6)
        late = []
        for name in CALLS:
            b.run(b.client, f"kill -9 $(cat /tmp/kill.{name}.pid) 2>/dev/null || echo {name} had ended")
        b.sleep(5)
        for name in CALLS:
            left = b.try_run(b.client, f"p=$(cat /tmp/kill.{name}.pid); test -d /proc/$p && "
                                       "! grep -q '^State:.Z' /proc/$p/status && "
                                       "{ cat /proc/$p/stack; echo; } || true").out
            if left.strip():
                late.append(f"{name}:\n{left}")
        if late:
            b.fail("not gone 5 s after kill -9:\n" + "\n".join(late))
    b.run(b.client, f"ls {d}", timeout=120)


def sh(text):
    """Quote for use inside single quotes."""
    return text.replace("'", "'\\''")


#: fs=penstock
def t_forced_umount_in_black_hole(b):
    """umount -f returns within five seconds, and another mount does not notice."""
    b.mount("node1:/export", "/mnt/a")
    b.mount("node2:/export", "/mnt/b")
    d, other = b.dir("/mnt/a"), b.dir("/mnt/b")
    b.run(b.client, f"seq 50000 >{d}/f; seq 50000 >{other}/f; sync; echo 3 >/proc/sys/vm/drop_caches")
    busy = b.start(b.client, f"cd {other} && i=0; while ! test -e /tmp/stop; do i=$((i+1)); echo $i >g && "
                             "cat g >/dev/null || exit 1; done; echo went through $i")
    with b.black_hole(b.node1):
        reader = b.start(b.client, f"cat {d}/f >/dev/null")
        writer = b.start(b.client, f"seq 100000 >{d}/w; sync {d}/w")
        time.sleep(5)
        b.within(5, b.client, "umount -f /mnt/a || umount -l /mnt/a", "umount -f")
        for job in (reader, writer):
            done = b.finish(job, 20, ok=False)
            if not done.rc:
                b.fail("a call into the black hole succeeded")
        b.run(b.client, "! grep ' /mnt/a ' /proc/mounts")
        b.within(5, b.client, f"seq 50000 | cmp - {other}/f", "the other mount")
        b.run(b.client, "touch /tmp/stop")
        b.finish(busy, 30)
    b.run(b.client, "rm -f /tmp/stop")
    b.mount("node1:/export", "/mnt/a")
    b.run(b.client, "ls /mnt/a")


#: more
def t_umount_after_the_hole(b):
    """An ordinary umount works again once the server is back."""
    b.mount()
    d = b.dir()
    with b.black_hole(b.node1):
        b.try_run(b.client, f"timeout -s KILL 3 stat {d}/nothing")
    b.run(b.client, f"ls {d}", timeout=120)
    b.umount()


def t_soft_timeout(b):
    """soft gives an error after the stated time, and not much later."""
    b.mount(options=b.soft(8))
    d = b.dir()
    b.run(b.client, f"seq 10000 >{d}/f; sync {d}/f; echo 3 >/proc/sys/vm/drop_caches")
    with b.black_hole(b.node1):
        start = time.monotonic()
        done = b.try_run(b.client, f"cat {d}/f", timeout=120)
        took = time.monotonic() - start
        if not done.rc:
            b.fail("a read from a black hole succeeded")
        if not 4 < took < 60 * patience():
            b.fail(f"the error came after {took:.0f} s")
        if not any(x in done.out for x in ("timed out", "Input/output error")):
            b.fail(f"not EIO or ETIMEDOUT: {done.out}")
    b.run(b.client, f"cat {d}/f >/dev/null", timeout=120)


#: more
def t_others_untouched(b):
    """A dead server does not slow calls to another one."""
    b.mount("node1:/export", "/mnt/a")
    b.mount("node2:/export", "/mnt/b")
    d = b.dir("/mnt/b")
    with b.black_hole(b.node1):
        stuck = b.start(b.client, "ls /mnt/a/never", timeout=200)
        time.sleep(3)
        b.within(10, b.client, f"for i in 1 2 3 4 5; do seq 1000 >{d}/f$i; sync {d}/f$i; cat {d}/f$i "
                               ">/dev/null || exit 1; done; df /mnt/b >/dev/null", "the other server")
        b.eq(stuck.done(), False)
    b.finish(stuck, 120, ok=False)
