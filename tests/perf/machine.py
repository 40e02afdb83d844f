# SPDX-License-Identifier: GPL-2.0
"""One guest in virtual time: an instruction is a nanosecond."""

import atexit
import os
import shlex
import shutil
import subprocess

from bed import host, initrd
from bed.guest import PORTS, CommandTimeout, Guest, GuestError

MEMORY_MB = 2048
DATA_MB, WARM_MB = 96, 8
STUCK = """
echo l >/proc/sysrq-trigger
echo w >/proc/sysrq-trigger
for s in $(grep -l '^State:.D' /proc/[0-9]*/task/[0-9]*/status); do
	echo "== $s"
	head -1 $s
	cat ${s%status}stack
done
"""


class MeasureError(Exception):
    """A row that could not be measured; says why."""


def module(series):
    host.say(f"bench: building the module for {series}")
    if subprocess.run([os.path.join(host.REPO, "scripts/build-in-tree"), series],
                      stdout=subprocess.DEVNULL).returncode:
        raise host.BedError("the build failed (above)")


def programs():
    """Those that guest/ has the sources of."""
    bindir = os.path.join(host.REPO, "build/bench/bin")
    os.makedirs(bindir, exist_ok=True)
    for prog in ("psnap", "psmeta"):
        source = os.path.join(host.REPO, "tests/perf/guest", prog + ".c")
        if subprocess.run(["gcc", "-static", "-O2", "-Wall", "-Wextra", "-o",
                           os.path.join(bindir, prog), source]).returncode:
            raise host.BedError(f"{prog} does not compile (above); install gcc and libc6-dev")


class Machine:
    """Client and server in one guest with one processor."""

    def __init__(self, name, series, fs, build, proto, **settings):
        """build: the directory below build/ that the module is loaded from;
        settings: more for guest/setup and guest/lib.sh"""
        self.dir = os.path.join(host.cache(), "run", name)
        self.kernel = host.Kernel(series)
        self.fs, self.build, self.proto = fs, build, proto
        settings.update(PROTO=proto, DATA_MB=DATA_MB, WARM_MB=WARM_MB)
        self.settings = " ".join(f"{name}={value}" for name, value in settings.items())
        self.guest = Guest(self.dir, "bench")
        self.out = os.path.join(self.dir, "out")
        atexit.register(self.remove)

    def up(self, period=None):
        try:
            self._boot()
        except GuestError as e:
            # An emulated timer gets lost once in a hundred boots
            host.say(f"bench: booting again, since: {str(e).splitlines()[0]}")
            self.down()
            self._boot()
        self.guest.trouble()        # virtual minutes pass while the boot waits for the host's disk
        self.run(f"{self.settings} /penstock/repo/tests/perf/guest/setup " + " ".join(self.fs), 900)
        if "penstock" in self.fs:
            self.run("/penstock/guest/load", 300)
        self.run("exec /run/bench/psnap /run/snap /penstock/out/windows "
                 f"/proc/$(pidof rpc.mountd)/net/rpc/nfsd {period or ''} "
                 "</dev/null >/penstock/out/psnap.log 2>&1 & sleep 0.2; kill -0 $!", 30)
        self.trouble("setup")
        return self

    def _boot(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.out)
        image = initrd.make(self.kernel, os.path.join(self.dir, "initrd"), {
            "NAME": "bench", "ROLE": "client", "HOSTNUM": 1, "NODES": 0, "MTU": 9000,
            "MACHINE_ID": "0" * 31 + "1", "KERNEL": self.build})
        self.guest.spawn(self._qemu(image))
        self.guest.wait_ready(600)

    def _qemu(self, image):
        cmdline = ("console=ttyS0 loglevel=7 panic=-1 oops=panic mitigations=off tsc=reliable "
                   "no_timer_check random.trust_cpu=on nokaslr rcupdate.rcu_cpu_stall_timeout=60 "
                   "cryptomgr.notests module.sig_enforce=0 rdinit=/init")
        args = ["qemu-system-x86_64", "-name", "bench",
                "-accel", "tcg,thread=single,tb-size=256", "-icount", "shift=0,sleep=off",
                "-cpu", "max", "-machine", "q35,usb=off,vmport=off", "-nodefaults",
                "-display", "none", "-smp", "1", "-m", str(MEMORY_MB), "-no-user-config",
                "-action", "reboot=shutdown,panic=shutdown",
                "-kernel", self.kernel.vmlinuz, "-initrd", image, "-append", cmdline,
                "-chardev", "file,id=con,path=bench.console", "-serial", "chardev:con",
                "-qmp", "unix:bench.qmp,server=on,wait=off", "-device", "virtio-rng-pci",
                "-virtfs", f"local,path={host.REPO},mount_tag=repo,security_model=none,"
                           "readonly=on,multidevs=remap",
                "-virtfs", f"local,path={self.out},mount_tag=out,security_model=none,"
                           "multidevs=remap",
                "-device", f"virtio-serial-pci,max_ports={PORTS + 1}"]
        for i in range(PORTS):
            args += ["-chardev", f"socket,id=a{i},path=bench.agent{i},server=on,wait=off",
                     "-device", f"virtserialport,chardev=a{i},name=agent{i}"]
        images = {"root": self.kernel.root_img, "modules": self.kernel.modules_img}
        for serial, path in images.items():
            if path:
                args += ["-drive", f"if=none,id={serial},format=raw,file={path},cache=unsafe,"
                                   "aio=threads,readonly=on,file.locking=off",
                         "-device", f"virtio-blk-pci,drive={serial},serial={serial}"]
        return args

    def run(self, cmd, limit):
        """Run cmd; if it does not end in limit seconds of the host, say where
        the guest is stuck."""
        try:
            # The port stays taken by what hangs, the next command gets another
            job = self.guest.start(cmd, limit + 3600)
            done = job.join(limit)
        except CommandTimeout:
            try:
                stacks = self.guest.run(STUCK, 120, kill=False).out
            except GuestError as e2:
                stacks = f"(no stacks: {e2})"
            raise MeasureError(f"no end after {limit} s: {cmd}\n{job.text()}\nwaiting threads:\n{stacks}\nconsole:\n{self.guest.tail(150)}")
        except GuestError as e:
            raise MeasureError(f"{e}\nconsole:\n{self.guest.tail(80)}")
        if done.rc:
            raise MeasureError(f"'{cmd}' gave status {done.rc}:\n{done.out}")
        return done.out

    def call(self, words, limit, file=None):
        """Run functions of guest/lib.sh, and of that file beside it."""
        sources = "; ".join(f". /penstock/repo/tests/perf/guest/{f}.sh" for f in ("lib", file) if f)
        return self.run(f"set -eu; {self.settings}; {sources}; {words}", limit)

    def ceilings(self):
        """What the wire alone does, in MB/s."""
        lines = self.call(f"ceilings_{self.proto}", 300).splitlines()
        try:
            return {name: float(mb) for name, mb in (line.split() for line in lines)}
        except ValueError:
            raise MeasureError("the wire alone could not be measured:\n" + "\n".join(lines))

    def row(self, words, limit):
        """Measure: words are a call of a function in guest/lib.sh."""
        before = self.windows()
        call = " ".join(shlex.quote(str(w)) for w in words)
        out = self.call(call, limit)
        after = self.windows()
        if len(after) != len(before) + 1:
            with open(os.path.join(self.out, "psnap.log")) as f:
                raise MeasureError(f"no window was recorded: {f.read()}{out}")
        return out, after[-1]

    def windows(self):
        try:
            with open(os.path.join(self.out, "windows")) as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def trouble(self, when):
        found = self.guest.trouble()
        if found:
            raise MeasureError(f"the kernel complains during {when}:\n{found}")

    def keep_console(self, path):
        if os.path.exists(self.guest.console):
            shutil.copy(self.guest.console, path)

    def down(self):
        self.guest.quit()

    def remove(self):
        self.down()
        shutil.rmtree(self.dir, ignore_errors=True)
