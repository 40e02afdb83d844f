# SPDX-License-Identifier: GPL-2.0
"""Device memory: GPU pages as nvidia-fs hands them over, by a double of it
(tests/nvfs), over soft RoCE; PCI peer-to-peer memory, of a drive that QEMU plays."""

import contextlib
import json
import os

from bed import host

MODULES = "/run/penstock"
GPU = "python3 -B /penstock/repo/tests/nvfs/gpu.py"
DOUBLE = f"insmod {MODULES}/penstock_nvfs_double.ko"
# Any PCI device stands for the one that soft RoCE does not have.
DOOR = ("modprobe penstock_rdma; insmod {0}/penstock_nvfs.ko "
        "stand_in=$(ls /sys/bus/pci/devices | head -n 1)").format(MODULES)
GO = ("for m in penstock_nvfs_double penstock_nvfs penstock_nvfs_owner; do "
      "if [ -e /sys/module/$m ]; then rmmod $m; fi; done")


def _there(b):
    for ko in ("penstock_nvfs", "penstock_nvfs_double", "penstock_nvfs_owner"):
        path = os.path.join(host.REPO, "build", b.cluster.build or "6.12", ko + ".ko")
        if not os.path.exists(path):
            b.skip(f"no {ko}.ko for this kernel")


@contextlib.contextmanager
def _gpu(b, first=DOOR, second=DOUBLE):
    """RDMA, the door and the double, in that order or the other."""
    _there(b)
    b.cluster.rdma()
    b.run(b.client, GO)
    b.run(b.client, f"{first}; {second}")
    try:
        yield
        b.close()               # unmounts
        b.run(b.client, GO)     # nothing holds them any more
    finally:
        b.close()
        b.try_run(b.client, GO)
        if b.proto != "rdma":
            b.run(b.client, "/penstock/guest/rdma off; if [ -e /sys/module/penstock_rdma ]; then "
                            "rmmod penstock_rdma; fi")


def _mount(b, options="", proto="rdma"):
    b.mount("node1:/export", "/mnt/a", options=options, proto=proto)
    b.eq(b.run(b.client, "stat -f -c %t /mnt/a").strip(), "6969", "magic")
    return b.dir("/mnt/a")


def _play(b, scenario, d, timeout=120):
    b.run(b.client, f"{GPU} {scenario} {d}", timeout=timeout)


def _stat(b):
    return json.loads(b.run(b.client, "penstock stat --json /mnt/a"))


def _carried(b, stat):
    """The bytes of @stat, summed over the paths."""
    return sum(path[stat] for path in _stat(b)["paths"])


#: fs=penstock timeout=120 long
def t_first(b):
    """4 KiB by the device alone: on the path, too, and the door stays open meanwhile."""
    with _gpu(b):
        d = _mount(b)
        _play(b, "first", d)
        b.eq(_carried(b, "direct_gpu"), 4096, "direct_gpu of all paths")
        b.eq(_stat(b)["gpudirect"]["gpu_read"], 4096, "gpu_read")
        b.run(b.client, "penstock stat /mnt/a | grep -x 'gpu_read         4096'")
        b.run(b.client, "penstock doctor --gpu | grep '/mnt/a uses RDMA.*gpu_read=4096'")


#: fs=penstock timeout=200
def t_reads(b):
    with _gpu(b):
        _play(b, "reads", _mount(b) + " 2")


#: fs=penstock timeout=200 long
def t_writes(b):
    with _gpu(b):
        _play(b, "writes", _mount(b) + " 2")


#: fs=penstock timeout=600 long
def t_16_mib(b):
    """As much at a time as nvidia-fs ever asks for."""
    with _gpu(b):
        d = _mount(b)
        _play(b, "reads", d, 250)
        _play(b, "writes", d, 250)


#: fs=penstock timeout=120 long
def t_tcp(b):
    """No device places what comes over TCP: an error, not a copy."""
    with _gpu(b):
        _play(b, "refused", _mount(b, proto="tcp"))


#: fs=penstock timeout=120 long
def t_off(b):
    with _gpu(b):
        _play(b, "refused", _mount(b, "gpudirect=off"))


#: fs=penstock timeout=120 long
def t_require(b):
    """Without RDMA there is no mount then."""
    b.mount("node1:/export", "/mnt/b", options="gpudirect=bounce", proto="tcp")
    b.run(b.client, "grep ' /mnt/b penstock .*,gpudirect=bounce' /proc/mounts")
    done = b.mount("node1:/export", "/mnt/a", options="gpudirect=require", proto="tcp", ok=False)
    if not done.rc or "gpudirect=require" not in done.out:
        b.fail(f"a mount over TCP with gpudirect=require: status {done.rc}, {done.out}")
    b.cluster.rdma()
    try:
        b.mount("node1:/export", "/mnt/a", options="gpudirect=require", proto="rdma")
    finally:
        b.close()
        if b.proto != "rdma":
            b.run(b.client, "/penstock/guest/rdma off")


#: fs=penstock timeout=120 long
def t_map_fails(b):
    with _gpu(b):
        _play(b, "map_fails", _mount(b))


#: fs=penstock timeout=200 long
def t_killed(b):
    with _gpu(b):
        _play(b, "killed", _mount(b), 150)


#: fs=penstock timeout=200 long
def t_killed_in_silence(b):
    """The server says nothing any more: who is killed goes all the same, and
    nothing stays mapped."""
    with _gpu(b):
        d = _mount(b)
        for flags in (0, 1):
            b.run(b.client, f"head -c 16M /dev/zero >{d}/f; sync {d}/f")
            b.run(b.client, "cd /sys/module/penstock_nvfs_double/parameters; echo 0 >maps; echo 0 >unmaps; "
                            f"setsid {GPU} loop {d} {flags} >/tmp/loop.log 2>&1 </dev/null & echo $! >/tmp/loop.pid")
            b.run(b.client, "cd /sys/module/penstock_nvfs_double/parameters; "
                            "for i in $(seq 300); do [ $(cat maps) = 0 ] || exit 0; sleep 0.1; done; cat /tmp/loop.log; exit 1")
            with b.silence(b.node1):
                b.sleep(1)
                b.dies(15, b.client, "/tmp/loop.pid", "killed GPU I/O")
                _play(b, "clean", d)


#: fs=penstock timeout=300 long
def t_waits_for_rdma(b):
    """A path that uses TCP meanwhile does not carry it: it waits, can be killed, and goes on."""
    with _gpu(b):
        b.mount("node1:/export", "/mnt/a", options="paths=1", proto="")
        d = b.dir("/mnt/a")
        _play(b, "first", d)
        b.run(b.client, f"head -c 16M /dev/zero >{d}/f; sync {d}/f")
        with b.roce_hole(b.node1):
            b.run(b.client, f"echo here >{d}/g; sync {d}/g", timeout=60)
            b.until_live("/mnt/a", "tcp", 30)
            b.run(b.client, f"setsid {GPU} loop {d} >/dev/null 2>&1 </dev/null & echo $! >/tmp/loop.pid; sleep 3")
            b.dies(10, b.client, "/tmp/loop.pid", "killed GPU I/O")
            job = b.start(b.client, f"{GPU} first {d}", timeout=200)
            b.sleep(5)
            b.eq(job.done(), False, "GPU I/O ended while there was no RDMA")
            b.run(b.client, f"echo there >{d}/g; sync {d}/g", timeout=60)    # others go on
        b.until_live("/mnt/a", "rdma", 60)
        b.finish(job, 200)


#: fs=penstock timeout=200 long
def t_unregistered(b):
    """nvidia-fs lets go in the middle of I/O, and takes hold again."""
    with _gpu(b):
        _play(b, "unregistered", _mount(b), 150)


#: fs=penstock timeout=120 long
def t_order_of_loading(b):
    """The driver before the door; the door unloaded while it is used."""
    with _gpu(b, DOUBLE, DOOR):
        d = _mount(b)
        _play(b, "first", d)
        b.run(b.client, "exec 9</dev/nvfs_double; test $(cat /sys/module/penstock_nvfs_double/parameters/bound) = 1; "
                        "! rmmod penstock_nvfs; exec 9<&-; rmmod penstock_nvfs")
        # nobody has the symbols: opening works, and nothing is bound
        b.run(b.client, "exec 9</dev/nvfs_double; test $(cat /sys/module/penstock_nvfs_double/parameters/bound) = 0")
        b.run(b.client, DOOR)
        _play(b, "first", d)


#: fs=penstock timeout=120 long
def t_owner_of_symbols(b):
    """Another module exports them: ours is refused, mounts work on."""
    _there(b)
    b.cluster.rdma()
    b.run(b.client, GO)
    b.run(b.client, f"insmod {MODULES}/penstock_nvfs_owner.ko")
    try:
        done = b.try_run(b.client, DOOR)
        b.eq(bool(done.rc), True, "penstock_nvfs beside another owner is refused")
        b.run(b.client, "dmesg | tail -n 50 | grep 'exports duplicate symbol rpcrdma_.*owned by penstock_nvfs_owner'")
        d = _mount(b)
        b.run(b.client, f"seq 1000 >{d}/f; sync {d}/f; dd if={d}/f iflag=direct bs=4k 2>/dev/null | cmp - {d}/f")
    finally:
        b.close()
        b.run(b.client, GO)
        if b.proto != "rdma":
            b.run(b.client, "/penstock/guest/rdma off")


#: fs=penstock timeout=120 long
def t_features(b):
    """An nvidia-fs that cannot do enough is turned down."""
    with _gpu(b):
        b.run(b.client, "cd /sys/module/penstock_nvfs_double/parameters; echo 7 >features; "
                        "exec 9</dev/nvfs_double; test $(cat bound) = 0; exec 9<&-; echo 15 >features; "
                        "exec 9</dev/nvfs_double; test $(cat bound) = 1")


# ---- PCI peer-to-peer memory: kernel 7.2 ----

PEER = "python3 -B /penstock/repo/tests/nvfs/peer.py"


@contextlib.contextmanager
def _peer(b, parameters=""):
    """The drive's memory, and soft RoCE, which reaches it if it is told to."""
    b.run(b.client, "modprobe nvme")
    b.run(b.client, "ls /sys/bus/pci/devices/*/p2pmem/allocate")
    b.cluster.rdma()
    b.run(b.client, "if [ -e /sys/module/penstock_rdma ]; then rmmod penstock_rdma; fi; "
                    f"modprobe -a ib_core rdma_cm; insmod {MODULES}/penstock_rdma.ko {parameters}")
    try:
        yield
    finally:
        b.close()
        b.try_run(b.client, "rmmod penstock_rdma; modprobe penstock_rdma")
        if b.proto != "rdma":
            b.run(b.client, "rmmod penstock_rdma; /penstock/guest/rdma off")


#: fs=penstock kernel=7.2 timeout=120 more
def t_peer(b):
    """Moved by the (software) device, mixed requests, too."""
    with _peer(b, "p2p_without_pci=1"):
        d = _mount(b)
        b.run(b.client, f"{PEER} direct {d}", timeout=100)


#: fs=penstock kernel=7.2 timeout=120 more
def t_peer_refused(b):
    """Neither TCP nor software reaches it; by the CPU only if the mount says so."""
    with _peer(b):
        for proto in ("rdma", "tcp"):
            d = _mount(b, proto=proto)
            b.run(b.client, f"{PEER} refused {d}")
            b.umount()
        for proto in ("rdma", "tcp"):
            d = _mount(b, "gpudirect=bounce", proto=proto)
            b.run(b.client, f"{PEER} bounced {d}", timeout=100)
            b.umount()
