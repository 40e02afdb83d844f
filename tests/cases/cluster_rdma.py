# SPDX-License-Identifier: GPL-2.0
"""RPC-over-RDMA on soft RoCE: what every run of the tests looks at. All other
cases run over it too in make check-rdma."""

import contextlib
import json
import os
import time

from bed import host

BAD = "/build/6.12/penstock_badpeer.ko"
CARRIERS = ". /penstock/repo/tests/cases/lib.sh; carriers"


@contextlib.contextmanager
def all_ends(b):
    """RDMA on all guests, and the same resources in use when all is unmounted."""
    b.cluster.rdma()
    before = _resources(b)
    try:
        yield
        b.close()               # unmounts
        _settled(b, before)
    finally:
        b.close()
        if b.proto != "rdma":   # the next case's mounts choose for themselves
            b.run(b.client, "/penstock/guest/rdma off; if [ -e /sys/module/penstock_rdma ]; then "
                            "rmmod penstock_rdma; fi")


def _resources(b):
    return b.run(b.client, "/penstock/guest/rdma resources")


def _settled(b, before):
    """What a closed connection holds goes a moment after it."""
    for _ in range(20):
        after = _resources(b)
        if after == before:
            return
        b.sleep(0.5)
    b.eq(after, before, "RDMA resources in use")


def _mount(b, source="node1:/export", where="/mnt/a", proto="rdma", **more):
    b.mount(source, where, proto=proto, **more)
    return b.dir(where)


def _shown(b, where, what):
    b.run(b.client, f"grep ' {where} penstock .*[, ]{what}[, ]' /proc/mounts || {{ cat /proc/mounts; exit 1; }}")


def _verify(d, more=""):
    return (f"fio --name=v --directory={d} --size=24m --rw=randwrite --bs=32k --ioengine=libaio "
            "--iodepth=16 --direct=1 --verify=crc32c --do_verify=1 --verify_fatal=1 "
            f"--verify_state_save=0 --minimal {more}")


def _verifying(b, d):
    """The same as a job that is in full swing."""
    job = b.start(b.client, _verify(d, "--rate_iops=150"), timeout=250)
    b.run(b.client, f"for i in $(seq 300); do test -s {d}/v.0.0 && exit 0; sleep 0.1; done; exit 1", timeout=90)
    b.sleep(2)
    return job


# Replies, and calls, that are longer than what goes into one message
LONG = """
import os, sys
d = sys.argv[1]
names = {f"a-name-that-is-rather-long-{i:06}" for i in range(1500)}
os.mkdir(d + "/names")
for n in names:
    os.mknod(d + "/names/" + n)
open("/proc/sys/vm/drop_caches", "w").write("3")
assert set(os.listdir(d + "/names")) == names
assert {e.name for e in os.scandir(d + "/names") if e.is_file()} == names
os.symlink("t" * 4000, d + "/soft")
assert os.readlink(d + "/soft") == "t" * 4000
x = "/mnt/a/xfs/long-attributes"
open(x, "w").close()
value = os.urandom(30000)
os.setxattr(x, "user.value", value)
assert os.getxattr(x, "user.value") == value
for i in range(100):
    os.setxattr(x, f"user.{i:03}" + "x" * 200, b"v")
assert len(os.listxattr(x)) == 101
os.unlink(x)
"""


#: fs=penstock timeout=300
def t_everything(b):
    """The smoke test, fsx, a large directory, long names of attributes."""
    with all_ends(b):
        d = _mount(b)
        _shown(b, "/mnt/a", "proto=rdma")
        b.run(b.client, ["bash", "-ec", f"cd {d}; export FS=penstock M=/mnt/a; "
                         ". /penstock/repo/tests/cases/lib.sh; . /penstock/repo/tests/cases/smoke.sh; "
                         "t_everything"], timeout=200)
        b.run(b.client, f"cd {d} && /penstock/repo/build/tools/psfsx -n 300 -s 5 fsx2", timeout=200)
        b.run(b.client, ["python3", "-c", LONG, d], timeout=200)
        b.run(b.client, f"rm -r {d}", timeout=100)


#: fs=penstock long
def t_locks(b):
    """Two clients, one of them over TCP."""
    with all_ends(b):
        d = _mount(b)
        b.mount("node1:/export", "/mnt/a", guest=b.node2, proto="tcp")
        b.run(b.client, f"touch {d}/f")
        holder = b.start(b.client, f"flock {d}/f sh -c 'touch /tmp/held; while [ -e /tmp/held ]; do sleep 0.2; done'")
        b.run(b.client, "for i in $(seq 100); do test -e /tmp/held && exit 0; sleep 0.1; done; exit 1")
        b.run(b.node2, f"! flock -n {d}/f true")
        waiter = b.start(b.node2, f"flock {d}/f echo got it")
        b.run(b.client, "rm /tmp/held")
        b.finish(holder, 30)
        b.eq(b.finish(waiter, 60).out, "got it\n")
        # a lock of a connection that has the back channel, too
        b.run(b.client, f"flock {d}/f true")


#: fs=penstock timeout=300 long
def t_device_pulled(b):
    """The device goes under fio verify and comes back: no error, no wrong byte;
    kill -9 works while it is gone."""
    with all_ends(b):
        d = _mount(b)
        b.run(b.client, f"seq 100000 >{d}/other; sync {d}/other; echo 3 >/proc/sys/vm/drop_caches")
        job = _verifying(b, d)
        b.run(b.client, "/penstock/guest/rdma delete 1", timeout=60)
        for cmd in (f"cat {d}/other", f"dd if=/dev/zero of={d}/third bs=1M count=4 oflag=direct"):
            b.run(b.client, f"setsid {cmd} >/dev/null 2>&1 </dev/null & echo $! >>/tmp/kill.pids")
        b.sleep(3)
        b.dies(5, b.client, "/tmp/kill.pids", "kill -9 without a device")
        b.eq(job.done(), False, "fio ended while the device was gone")
        b.run(b.client, "/penstock/guest/rdma add 1")
        b.finish(job, 250)
        b.run(b.client, f"{CARRIERS} /mnt/a | grep -x 'rdma '; rm -r {d}")


#: fs=penstock timeout=300 long
def t_link_down_and_up(b):
    with all_ends(b):
        d = _mount(b)
        job = _verifying(b, d)
        b.client.link(1, False)
        try:
            b.sleep(8)
        finally:
            b.client.link(1, True)
        b.finish(job, 250)
        b.run(b.client, f"rm -r {d}", timeout=100)


#: fs=penstock timeout=300 long
def t_silent_and_back(b):
    """No packet passes, and nobody is told."""
    with all_ends(b):
        d = _mount(b)
        job = _verifying(b, d)
        with b.silence(b.node1):
            b.sleep(8)
        b.finish(job, 250)
        b.run(b.client, f"rm -r {d}", timeout=100)


@contextlib.contextmanager
def _traced(b):
    """What became of connections is told if something fails."""
    trace = "/sys/kernel/tracing"
    events = ("penstock_net/prpc_path_state", "penstock_net/prpc_connect", "penstock_net/prpc_conn_down", "penstock_rdma/prdma_cm_event")
    turn = f"for e in {' '.join(events)}; do echo {{}} >{trace}/events/$e/enable; done"
    with b.between(b.client, f"echo >{trace}/trace; {turn.format(1)}", turn.format(0)):
        try:
            yield
        except BaseException:
            b.try_run(b.client, f"tail -400 {trace}/trace")
            for guest in (b.client, b.node1):
                b.try_run(guest, "rdma resource show; rdma resource show cm_id")
            raise


def _lossy(b, percent):
    """So many packets get lost for a minute, each way: slower, but no request takes ten seconds."""
    with all_ends(b):
        d = _mount(b)
        for guest in (b.client, b.node1):
            # a queue that is full says no, and that ends soft RoCE's connection management for good
            b.run(guest, f"tc qdisc add dev eth0 root netem limit 100000 loss {percent}%")
            b.undo.callback(b.run, guest, "tc qdisc del dev eth0 root")
        with _traced(b):
            out = b.run(b.client, f"fio --name=v --directory={d} --size=8m --rw=randrw --bs=32k --ioengine=libaio --iodepth=8 "
                                  "--direct=1 --verify=crc32c --verify_fatal=1 --verify_backlog=32 --verify_state_save=0 "
                                  "--time_based --runtime=60 --output-format=json", timeout=200)
            job = json.loads(out[out.index("{"):])["jobs"][0]
            longest = max(job[way]["clat_ns"]["max"] for way in ("read", "write")) / 1e9
            b.say(f"{job['read']['total_ios']} reads, {job['write']['total_ios']} writes, the longest {longest:.1f} s")
            b.run(b.client, "grep path: /proc/self/mountstats; dmesg | tail -5")
            for guest in (b.client, b.node1):       # limits.rst says what that does
                b.forgive(guest, "rxe_comp.c:827 rxe_completer")
            if longest > 10 or job["write"]["total_ios"] < 50:
                b.fail(f"the longest request took {longest:.1f} s, {job['write']['total_ios']} writes in a minute")


#: fs=penstock timeout=400 long
def t_one_percent_lost(b):
    _lossy(b, 1)


#: fs=penstock timeout=400 long
def t_five_percent_lost(b):
    _lossy(b, 5)


#: fs=penstock timeout=200 long
def t_killed_under_io(b):
    """kill -9 with I/O in flight, several times: all regions come back."""
    with all_ends(b):
        d = _mount(b)
        for engine in ("io_uring", "libaio", "psync"):
            b.within(6, b.client, f"cd {d}; timeout -s KILL 2 fio --thread --name=job --size=32m --rw=randrw "
                                  f"--bs=64k --direct=1 --ioengine={engine} --iodepth=32 --time_based "
                                  "--runtime=60 --minimal >/dev/null || true", "killed fio")
        b.run(b.client, f"cd {d} && /penstock/repo/build/tools/psfsx -n 200 -s 9 f && rm -r {d}", timeout=100)


#: fs=penstock timeout=200 long
def t_mixed_mounts(b):
    """The same server over both at a time; the one does not carry the other's."""
    with all_ends(b):
        d = _mount(b)
        name = d.split("/")[-1]
        b.mount("node1:/export", "/mnt/b", proto="tcp")
        b.mount("node1-rail2:/export", "/mnt/c", proto="rdma")
        b.run(b.client, f"cd {d} && seq 200000 >f && sync f && cmp f /mnt/b/{name}/f && cmp f /mnt/c/{name}/f")
        b.run(b.client, f"cd /mnt/b/{name} && seq 300000 >g && sync g && seq 300000 | cmp - {d}/g")
        for where, proto in (("/mnt/a", "rdma"), ("/mnt/b", "tcp"), ("/mnt/c", "rdma")):
            b.eq(b.run(b.client, f"{CARRIERS} {where}").strip(), proto, f"what carries {where}")
            _shown(b, where, f"proto={proto}")


#: fs=penstock timeout=200 long
def t_server_restarts(b):
    with all_ends(b):
        d = _mount(b)
        job = b.start(b.client, f"cd {d} && for i in $(seq 60); do echo $i >f$i && cat f$i >/dev/null || exit 1; done; "
                                "cat f* | sort -n | md5sum", timeout=180)
        time.sleep(1)
        b.run(b.node1, "/penstock/guest/node stop; sleep 2; /penstock/guest/node start")
        b.eq(b.finish(job, 180).out, b.run(b.client, "seq 60 | md5sum"))


# -- proto=auto ------------------------------------------------------------

def _auto(b, proto, why, source="node1:/export", **more):
    b.mount(source, "/mnt/a", proto="", **more)
    _shown(b, "/mnt/a", f"proto={proto},proto_why={why}")
    b.eq(b.run(b.client, f"{CARRIERS} /mnt/a").strip(), proto, "what carries it")
    b.run(b.client, f"dmesg | grep 'penstock: ' | tail -3 | grep 'using {proto.upper()}: '")
    b.umount("/mnt/a")


#: fs=penstock timeout=200
def t_auto(b):
    """RDMA if both ends have it; otherwise TCP, and the reason is shown."""
    if b.proto == "rdma":
        b.run(b.client, "/penstock/guest/rdma off; rmmod penstock_rdma || true")
    b.run(b.client, "! ls -d /sys/module/penstock_rdma 2>/dev/null")
    _auto(b, "tcp", "no-rdma-here")
    b.run(b.client, "! ls -d /sys/module/penstock_rdma 2>/dev/null")
    with all_ends(b):
        _auto(b, "rdma", "rdma-works")
        b.run(b.client, "/penstock/guest/rdma delete 1")
        _auto(b, "tcp", "no-rdma-route")
        b.run(b.client, "/penstock/guest/rdma add 1")
        b.run(b.node2, "/penstock/guest/node stop; rm /var/lib/nfs/rdma; /penstock/guest/node start")
        b.undo.callback(b.run, b.node2, "/penstock/guest/node rdma")
        _auto(b, "tcp", "rdma-refused", "node2:/export")


#: fs=penstock timeout=300 long
def t_falls_back_to_tcp_and_returns(b):
    """RDMA alone goes silent under fio verify, twice: the path says so and goes on over TCP."""
    with all_ends(b):
        b.mount("node1:/export", "/mnt/a", proto="", options="paths=1")
        _shown(b, "/mnt/a", "proto=rdma,proto_why=rdma-works")
        d = b.dir("/mnt/a")
        b.run(b.client, "dmesg -C")
        job = b.start(b.client, _verify(d, "--rate_iops=150 --loops=4"), timeout=250)
        for _ in range(2):
            b.sleep(3)
            with b.roce_hole(b.node1):
                b.until_live("/mnt/a", "tcp", 30)
                b.run(b.client, f"seq 1000 >{d}/over-tcp; sync {d}/over-tcp", timeout=30)
            b.until_live("/mnt/a", "rdma", 60)
            b.run(b.client, f"seq 1000 >{d}/over-rdma; sync {d}/over-rdma", timeout=30)
        b.finish(job, 250)
        b.run(b.client, "dmesg | grep 'rdma to .* does not work (error -[0-9]*); using tcp there until it does'; "
                        "dmesg | grep 'using rdma to .* again'")
        b.run(b.client, f"rm -r {d}", timeout=100)


#: fs=penstock more
def t_refused_in_words(b):
    """What is not possible is said."""
    def refused(options, words, source="node1:/export"):
        done = b.within(15, b.client, f"mkdir -p /mnt/a; mount -t penstock -o retry=0,{options} {source} /mnt/a",
                        options)
        if not done.rc:
            b.fail(f"{options}: it was mounted")
        for w in words:
            if w not in done.out:
                b.fail(f"{options}: not a word of '{w}': {done.out}")

    refused("rdma", ["use proto=rdma"])
    refused("proto=rdma,xprtsec=mtls", ["xprtsec=mtls", "proto=rdma"])
    if b.proto == "rdma":
        b.run(b.client, "/penstock/guest/rdma off")
    refused("proto=rdma", ["no RDMA device", "proto=tcp"])
    with all_ends(b):
        refused("proto=rdma,port=20051", ["refused", "20051"])


# -- a peer that misbehaves ------------------------------------------------

MODES = ("garbage", "tail", "short", "version", "unknown_xid", "two_xids", "read_list", "write_chunks",
         "strange_write", "strange_reply", "segments", "error_vers", "error_chunk", "no_credits",
         "many_credits", "results", "callback", "long", "twice", "flood", "silent", "hangup", "reject",
         "ignore")


def _bad(b, modes):
    """Each mount ends soon, without success and in words."""
    if not os.path.exists(host.REPO + BAD):
        b.skip("the nodes' kernel is 6.12, and nothing is built for it")
    with all_ends(b):
        b.run(b.node1, "modprobe rdma_cm")
        b.undo.callback(b.run, b.node1, "if [ -e /sys/module/penstock_badpeer ]; then rmmod penstock_badpeer; fi")
        for mode in modes:
            b.run(b.node1, f"insmod /penstock/repo{BAD} mode={mode}")
            done = b.within(60, b.client, "mkdir -p /mnt/a; timeout -s KILL 90 mount -t penstock -o proto=rdma,"
                            "port=20050,retry=0,soft,timeout=3 node1:/export /mnt/a", f"mounting peer '{mode}'")
            if not done.rc or done.rc == 137:
                b.fail(f"{mode}: status {done.rc}")
            if "mount.penstock: node1:/export on /mnt/a: " not in done.out:
                b.fail(f"{mode}: not a word about why")
            b.run(b.node1, "rmmod penstock_badpeer", timeout=60)


#: fs=penstock timeout=400 long
def t_bad_messages(b):
    _bad(b, MODES[:8])


#: fs=penstock timeout=400 long
def t_bad_chunks_and_credits(b):
    _bad(b, MODES[8:16])


#: fs=penstock timeout=400 long
def t_bad_manners(b):
    _bad(b, MODES[16:])
