# SPDX-License-Identifier: GPL-2.0
"""What the host offers: cache directory, kernels, QEMU version, KVM."""

import contextlib
import fcntl
import functools
import os
import re
import subprocess
import sys

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KERNELS = ("6.12", "6.1", "7.2")
DEBUG = "debug"         # 6.12 with everything that finds mistakes


class BedError(Exception):
    """Something about the test bed, not about penstock; says what to do."""


def cache():
    path = os.environ.get("PENSTOCK_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "penstock")
    os.makedirs(path, exist_ok=True)
    return path


def say(text):
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked(path):
    with open(path, "a") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield f


DEBUG_SLOWER = 5        # than another kernel, all its checks included
_slower = 1


def expect(series):
    """The client's kernel from now on."""
    global _slower
    _slower = DEBUG_SLOWER if series == DEBUG else 1


def load():
    """How much longer than on an idle host things take: emulated machines share
    its processors with whatever else runs."""
    return max(1.0, min(12.0, os.getloadavg()[0] / (2 * os.cpu_count())))


def patience():
    """How much longer things may take."""
    return _slower * load()


class Kernel:
    """A kernel that scripts/rootfs has prepared."""

    def __init__(self, series="6.12"):
        if series not in KERNELS and series != DEBUG:
            raise BedError(f"kernel '{series}' is not one of {', '.join(KERNELS)}, {DEBUG}")
        done = subprocess.run([os.path.join(REPO, "scripts/rootfs"), series],
                              stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise BedError(f"scripts/rootfs {series} failed (above)")
        self.series = series
        self.dir = done.stdout.strip()
        self.release = self._read("release").strip()
        self.vmlinuz = os.path.join(self.dir, "vmlinuz")
        self.root_img = os.path.join(self.dir, "root.img")
        modules_img = os.path.join(self.dir, "modules.img")
        self.modules_img = modules_img if os.path.exists(modules_img) else None
        self.modules = os.path.join(self.dir, "modules")

    def _read(self, name):
        with open(os.path.join(self.dir, name)) as f:
            return f.read()

    def build_dir(self):
        return os.path.join(REPO, "build", self.series)


@functools.lru_cache(maxsize=None)
def qemu_version():
    try:
        text = subprocess.run(["qemu-system-x86_64", "--version"], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise BedError("qemu-system-x86_64 is missing; run scripts/deps as root")
    major, minor = re.search(r"version (\d+)\.(\d+)", text).groups()
    return int(major), int(minor)


def use_kvm(kernel, initrd):
    """Boot a kernel under KVM once and remember whether that worked: the
    device node may be there and still run no kernel."""
    if os.environ.get("PENSTOCK_KVM"):
        return os.environ["PENSTOCK_KVM"] == "1"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    boot_id = open("/proc/sys/kernel/random/boot_id").read().strip()
    verdict = os.path.join(cache(), "kvm-verdict")
    with locked(verdict + ".lock"):
        try:
            seen, answer = open(verdict).read().split()
            if seen == boot_id:
                return answer == "yes"
        except (OSError, ValueError):
            pass
        cmd = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "256",
               "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
               "-kernel", kernel.vmlinuz, "-initrd", initrd,
               "-append", "console=ttyS0 panic=-1 penstock.probe"]
        try:
            out = subprocess.run(cmd, stdin=subprocess.DEVNULL, timeout=20,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        except subprocess.TimeoutExpired:
            out = b""
        works = b"penstock-probe-ok" in out
        with open(verdict, "w") as f:
            f.write(f"{boot_id} {'yes' if works else 'no'}\n")
        if not works:
            say("cluster: /dev/kvm is there but boots no kernel; using software emulation")
        return works
