# SPDX-License-Identifier: GPL-2.0
"""GPUDirect Storage with NVIDIA's own nvidia-fs and libcufile, unmodified; only what needs
hardware is played (tests/nvfs/stock). The packaged nvidia-fs works on kernel 6.1 alone; with
NVIDIA_FS_KO=, another one that was built for the kernel under test."""

import contextlib
import os
import shutil
import subprocess

from bed import host

HERE = "/penstock/out/gds"
CUFILE = "LD_LIBRARY_PATH=/run/gds python3 -B /penstock/repo/tests/nvfs/stock/cufile.py"
# Soft RoCE is no PCI device: a network card that nvidia-fs knows stands for it.
DOOR = ("modprobe penstock_rdma; insmod /run/penstock/penstock_nvfs.ko "
        "stand_in=$(basename $(readlink -f /sys/class/net/eth1/device/..))")
DRIVER = f"insmod {HERE}/nvidia.ko; insmod {HERE}/nvidia-fs.ko rw_stats_enabled=1"
GO = "for m in nvidia_fs nvidia penstock_nvfs; do if [ -e /sys/module/$m ]; then rmmod $m; fi; done"
STATS = "cat /proc/driver/nvidia-fs/stats"


def _parts(b, fs, lib):
    """The module, of that version or a file, and the library where the guest sees them."""
    made = subprocess.run([os.path.join(host.REPO, "tests/nvfs/stock/make")], stdout=subprocess.PIPE, text=True)
    if made.returncode:
        b.fail("tests/nvfs/stock/make failed (above)")
    made = made.stdout.strip()
    out = os.path.join(b.cluster.dir, "out/gds")
    os.makedirs(out, exist_ok=True)
    for name, file in (("nvidia.ko", f"nvidia-{b.cluster.series}.ko"),
                       ("nvidia-fs.ko", fs if fs.startswith("/") else f"nvidia-fs-{fs}.ko"),
                       ("libcufile.so.0", f"libcufile-{lib}.so"), ("libcuda.so.1", "libcuda.so.1")):
        shutil.copy(os.path.join(made, file), os.path.join(out, name))
    b.run(b.client, f"mkdir -p /run/gds; cp {HERE}/*.so.* /run/gds/")


@contextlib.contextmanager
def _gds(b, fs, lib, first=DOOR, second=DRIVER):
    _parts(b, fs, lib)
    b.cluster.rdma()
    b.run(b.client, GO)
    b.run(b.client, f"{first}; {second}")
    try:
        b.mount("node1:/export", "/mnt/a", proto="rdma")
        yield b.dir("/mnt/a")
        b.run(b.client, "umount /mnt/a")        # plain, although the magic says nfs
        # nothing is mapped, pinned or held: all of it goes
        b.run(b.client, f"{STATS}; {STATS} | grep -q 'active=0'; cd /sys/module/nvidia/parameters; "
                        "test $(cat tables) = 0; test $(cat mappings) = 0")
        b.run(b.client, GO)
    except Exception:
        b.try_run(b.client, f"{STATS}; cat /proc/driver/nvidia-fs/modules; tail -n 40 /tmp/cufile.log; "
                            "dmesg | tail -n 30")
        raise
    finally:
        b.close()
        b.try_run(b.client, GO)
        if b.proto != "rdma":
            b.run(b.client, "/penstock/guest/rdma off; rmmod penstock_rdma")


def _play(b, scenario, d):
    b.run(b.client, f"cd /tmp; rm -f cufile.log; {CUFILE} {scenario} {d}", timeout=400)


def _all(b, fs, lib):
    with _gds(b, fs, lib) as d:
        for scenario in ("io", "poll", "batch"):
            _play(b, scenario, d)


#: fs=penstock kernel=6.1 timeout=900 more
def t_io(b):
    """cuFileRead and cuFileWrite, 4 KiB to 16 MiB, byte by byte; counters to the byte."""
    with _gds(b, "2.19.7", "1.9.1") as d:
        _play(b, "io", d)


#: fs=penstock kernel=6.1 timeout=900 long
def t_new_driver_new_library(b):
    _all(b, "2.19.7", "1.9.1")


#: fs=penstock kernel=6.1 timeout=900 long
def t_new_driver_old_library(b):
    _all(b, "2.19.7", "1.4.0")


#: fs=penstock kernel=6.1 timeout=900 long
def t_old_driver_new_library(b):
    _all(b, "2.13", "1.9.1")


#: fs=penstock kernel=6.1 timeout=900 long
def t_old_driver_old_library(b):
    _all(b, "2.13", "1.4.0")


#: fs=penstock kernel=6.1 timeout=600 long
def t_killed(b):
    """kill -9 in the middle of requests: nothing stays pinned, all of it unloads."""
    with _gds(b, "2.19.7", "1.9.1", DRIVER, DOOR) as d:
        for pause in (0, 0.5, 1):
            b.run(b.client, f"cd /tmp; rm -f loop.log; setsid env {CUFILE} loop {d} >loop.log 2>&1 </dev/null & "
                            "echo $! >/tmp/loop.pid; until grep -q going /tmp/loop.log; do sleep 0.1; "
                            f"test -e /proc/$(cat /tmp/loop.pid); done; sleep {pause}", timeout=120)
            b.dies(10, b.client, "/tmp/loop.pid", "killed GPU I/O")
        _play(b, "io", d)


#: fs=penstock timeout=900 long
def t_given_module(b):
    """A newer nvidia-fs than the packaged ones, ready-built."""
    fs = os.environ.get("NVIDIA_FS_KO")
    if not fs:
        b.skip("no NVIDIA_FS_KO=/path/to/nvidia-fs.ko, built for the kernel under test")
    _all(b, os.path.abspath(fs), "1.9.1")
