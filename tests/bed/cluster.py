# SPDX-License-Identifier: GPL-2.0
"""A client and some storage nodes, joined by two rails.

	         rail 1 10.1.0.0/24 fd00:1::/64
	client ──hub──┬── node1 (.11) ── node2 (.12) ...
	       ──hub──┴── the same
	         rail 2 10.2.0.0/24 fd00:2::/64

Each rail is a hub inside the client's QEMU with a unix stream socket to every
node: no root, no multicast, no bridge on the host.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import time

from . import host, initrd, tsc
from .guest import PORTS, Guest, GuestError
from .hole import RAILS

CLIENT_MB, NODE_MB = 1280, 512
DEBUG_MB = 3072         # KASAN keeps a shadow of it all, and what was freed
DISKS = {"export": "8G", "xfs": "4G", "state": "64M"}


def rundir(name):
    return os.path.join(host.cache(), "run", name)


def instances():
    base = os.path.join(host.cache(), "run")
    return sorted(os.listdir(base)) if os.path.isdir(base) else []


class Cluster:
    def __init__(self, name="dev"):
        self.name = name
        self.dir = rundir(name)
        self.nodes = []
        self.client = Guest(self.dir, "client")
        self.series = self.build = None
        self.numa = self.turns = False
        with contextlib.suppress(OSError, ValueError):
            with open(os.path.join(self.dir, "cluster.json")) as f:
                saved = json.load(f)
            self.series = saved["kernel"]
            self.build = saved.get("build", self.series)
            self.nodes = [Guest(self.dir, f"node{i + 1}") for i in range(saved["nodes"])]

    def guests(self):
        return [self.client] + self.nodes

    def guest(self, name):
        for g in self.guests():
            if g.name == name:
                return g
        raise host.BedError(f"no guest '{name}' in cluster '{self.name}'; there are "
                            + ", ".join(g.name for g in self.guests()))

    def running(self):
        return bool(self.nodes) and all(g.pid() for g in self.guests())

    # -- start ------------------------------------------------------------

    def up(self, nodes=2, series="6.12", client_mb=None, cpus=2, build=None, numa=False, turns=False):
        """Boot it. build: the directory below build/ that the client loads
        the module from, if not that of its kernel. numa: the client has two
        NUMA nodes, each with a processor and a rail. turns: one thread emulates
        both processors of the client in turns, which costs half as much as two
        where several clusters share the host's. A boot that fails is tried
        again, once."""
        self.numa, self.turns = numa, turns
        try:
            return self._up(nodes, series, client_mb, cpus, build)
        except GuestError as e:
            host.say(f"# cluster {self.name}: booting again, since {str(e).splitlines()[0]}")
            for g in self.guests():
                if os.path.exists(g.console):
                    shutil.copy(g.console, os.path.join(host.cache(), f"failed-boot.{g.name}"))
            return self._up(nodes, series, client_mb, cpus, build)

    def _up(self, nodes, series, client_mb, cpus, build):
        self.down()
        host.expect(series)
        kernel = host.Kernel(series)
        # Servers always run the distribution's kernel.
        server = kernel if series == "6.12" else host.Kernel("6.12")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(os.path.join(self.dir, "out"))
        self.series, self.build = series, build or series
        self.nodes = [Guest(self.dir, f"node{i + 1}") for i in range(nodes)]
        with open(os.path.join(self.dir, "cluster.json"), "w") as f:
            json.dump({"kernel": series, "nodes": nodes, "build": self.build}, f)
        ours = DEBUG_MB if series == host.DEBUG else CLIENT_MB
        # Who connects never waits for room in the socket, who has listened does: the client goes
        # on when a node stands still, and what is for that one waits for it.
        for i, node in enumerate(self.nodes):
            self._start(node, server, 11 + i, 1, NODE_MB)
        self._wait_sockets()
        self._start(self.client, kernel, 1, cpus, client_mb or ours)
        self.client.wait_ready(60)
        for node in self.nodes:
            node.wait_ready()
            node.check("test -e /run/node-is-up")
        return self

    def _wait_sockets(self):
        end = time.monotonic() + 20 * host.patience()
        for node in self.nodes:
            while not all(os.path.exists(os.path.join(self.dir, f"rail{r}-{node.name}")) for r in RAILS):
                if node.proc.poll() is not None or time.monotonic() > end:
                    raise GuestError(f"QEMU did not start: {node.qemu_log()}")
                time.sleep(0.02)

    def _network(self, guest, number):
        args = []
        for r in RAILS:
            mac = f"52:54:00:0{r}:{int(hashlib.md5(self.name.encode()).hexdigest()[:2], 16):02x}:{number:02x}"
            if guest is self.client:
                args += ["-netdev", f"hubport,id=rail{r},hubid={r}"]
                for n in self.nodes:
                    args += ["-netdev", f"stream,id=s{r}{n.name},server=off,addr.type=unix,"
                                        f"addr.path=rail{r}-{n.name}",
                             "-netdev", f"hubport,id=h{r}{n.name},hubid={r},netdev=s{r}{n.name}"]
            else:
                args += ["-netdev", f"stream,id=rail{r},server=on,addr.type=unix,"
                                    f"addr.path=rail{r}-{guest.name}"]
            bus = f"bus=port{r}," if self.numa and guest is self.client else ""
            args += ["-device", f"virtio-net-pci,id=nic{r},{bus}netdev=rail{r},mac={mac},"
                                "romfile=,mq=off,host_mtu=9000"]
        return args

    def _numa_nodes(self, mb):
        """One for each rail: a processor, memory, a root bus and a port for the card. The
        kernel finds the root bus that was made last first."""
        args = []
        for r in reversed(RAILS):
            args += ["-object", f"memory-backend-ram,id=ram{r},size={mb // len(RAILS)}M",
                     "-numa", f"node,nodeid={r - 1},cpus={r - 1},memdev=ram{r}",
                     "-device", f"pxb-pcie,id=root{r},bus_nr={32 * r},numa_node={r - 1},bus=pcie.0",
                     "-device", f"pcie-root-port,id=port{r},bus=root{r},chassis={r}"]
        return args

    def _disks(self, guest, kernel):
        args = []

        def drive(serial, path, ro):
            args.extend(["-drive", f"if=none,id={serial},format=raw,file={path},"
                         f"cache=unsafe,aio=threads,readonly={'on' if ro else 'off'}"
                         + (",file.locking=off" if ro else ",discard=unmap"),
                         "-device", f"virtio-blk-pci,drive={serial},serial={serial}"])

        drive("root", kernel.root_img, True)
        if kernel.modules_img:
            drive("modules", kernel.modules_img, True)
        if guest is not self.client:
            for serial, size in DISKS.items():
                path = os.path.join(self.dir, f"{guest.name}-{serial}.img")
                subprocess.run(["truncate", "-s", size, path], check=True)
                if serial != "xfs":
                    env = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
                    subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=1,"
                                    "root_owner=0:0", "-I", "256", path], check=True, env=env)
                drive(serial, os.path.basename(path), False)
        return args

    def _peer_memory(self):
        """A drive with PCI peer-to-peer memory, which this kernel can map."""
        path = os.path.join(self.dir, "cmb.img")
        subprocess.run(["truncate", "-s", "1M", path], check=True)
        return ["-drive", "if=none,id=cmb,format=raw,file=cmb.img",
                "-device", "nvme,drive=cmb,serial=cmb,cmb_size_mb=64"]

    def _start(self, guest, kernel, number, cpus, mb):
        ident = hashlib.md5(f"{self.name}/{guest.name}".encode()).hexdigest()
        image = initrd.make(kernel, os.path.join(self.dir, guest.name + ".initrd"), {
            "NAME": guest.name, "ROLE": "client" if guest is self.client else "node",
            "HOSTNUM": number, "NODES": len(self.nodes), "MTU": 9000,
            "MACHINE_ID": ident,
            "KERNEL": self.build if guest is self.client else kernel.series})
        if host.use_kvm(kernel, image):
            accel, clock = ["-accel", "kvm", "-cpu", "host"], ""
        else:
            clock = f"tsc_early_khz={tsc.khz()} " if tsc.khz() else ""
            accel = ["-accel", f"tcg,thread={'single' if self.turns else 'multi'},"
                               f"tb-size={512 if guest is self.client else 192}",
                     # the emulated CMPXCHG16B now and then leaves garbage in EFLAGS: a double fault;
                     # a fifth level of page tables is walked in vain
                     "-cpu", "max,-cx16,-la57"]
        quiet = ("console=ttyS0 loglevel=7 panic=-1 oops=panic mitigations=off tsc=reliable " + clock +
                 "net.ifnames=0 no_timer_check random.trust_cpu=on nokaslr "
                 "init_on_alloc=0 randomize_kstack_offset=off "
                 "rcupdate.rcu_cpu_stall_timeout=60 cryptomgr.notests "
                 "module.sig_enforce=0 rdinit=/init")
        args = ["qemu-system-x86_64", "-name", guest.name, *accel,
                "-machine", "q35,usb=off,vmport=off", "-nodefaults",
                "-display", "none", "-smp", str(cpus), "-m", str(mb),
                "-no-user-config", "-action", "reboot=shutdown,panic=shutdown",
                "-kernel", kernel.vmlinuz, "-initrd", image, "-append", quiet,
                "-chardev", f"file,id=con,path={guest.name}.console", "-serial", "chardev:con",
                "-qmp", f"unix:{guest.name}.qmp,server=on,wait=off",
                "-device", "virtio-rng-pci",
                "-virtfs", f"local,path={host.REPO},mount_tag=repo,security_model=none,"
                           "readonly=on,multidevs=remap",
                "-virtfs", f"local,path={self.dir}/out,mount_tag=out,security_model=none,"
                           "multidevs=remap",
                "-device", f"virtio-serial-pci,max_ports={PORTS + 1}"]
        for i in range(PORTS):
            args += ["-chardev", f"socket,id=a{i},path={guest.name}.agent{i},server=on,wait=off",
                     "-device", f"virtserialport,chardev=a{i},name=agent{i}"]
        args += self._disks(guest, kernel)
        if guest is self.client and kernel.series == "7.2":
            args += self._peer_memory()
        if guest is self.client:        # what tests/nvfs/stock/nvidia.c makes a GPU of
            args += ["-device", "pcie-root-port,id=gpu,chassis=9", "-device", "pci-testdev,bus=gpu"]
        if guest is self.client and self.numa:
            args += self._numa_nodes(mb)
        args += self._network(guest, number)
        guest.spawn(args)

    def rdma(self):
        """Soft RoCE on both rails of all guests; the nodes listen to it."""
        for node in self.nodes:
            node.check("/penstock/guest/node rdma", timeout=120)
        self.client.check("/penstock/guest/rdma on", timeout=120)

    def flex(self, node):
        """A server with flexible files layouts of its own, its data server over NFSv3."""
        built = subprocess.run([os.path.join(host.REPO, "tests/pnfs/nfsd-flex")],
                               stdout=subprocess.PIPE, text=True)
        if built.returncode:
            raise host.BedError("tests/pnfs/nfsd-flex failed (above)")
        shutil.copy(built.stdout.strip(), os.path.join(self.dir, "out", "nfsd.ko"))
        node.check("/penstock/guest/node flex /penstock/out/nfsd.ko", timeout=120)

    @contextlib.contextmanager
    def resting(self, nodes):
        """Meanwhile these nodes stand still: what only idles, and hears what the hubs send to all,
        costs an eighth of a processor each where machines are emulated."""
        def links(node, up):
            for r in RAILS:
                self.client.qmp("set_link", name=f"s{r}{node.name}", up=up)

        for node in nodes:
            links(node, False)
            node.pause()
        try:
            yield
        finally:
            for node in nodes:
                node.resume()
                if self.client.pid():
                    links(node, True)
                node.check(f"date -s @{time.time():.3f} >/dev/null")

    # -- stop -------------------------------------------------------------

    def down(self):
        for g in self.guests():
            g.quit()
        # Guests of an earlier, larger cluster of the same name
        for i in range(len(self.nodes), 8):
            Guest(self.dir, f"node{i + 1}").quit()
        for serial in DISKS:
            for i in range(8):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(self.dir, f"node{i + 1}-{serial}.img"))

    # -- use --------------------------------------------------------------

    def load(self, guests=None):
        """Load the module and the programs from build/ into the guests."""
        return "".join(g.check("/penstock/guest/load", timeout=120)
                       for g in guests or [self.client])

    def mark(self):
        for g in self.guests():
            g.mark()

    def trouble(self):
        found = [t for t in (g.trouble() for g in self.guests()) if t]
        found += [f"  {g.name}| QEMU has ended: {g.qemu_log()}\n{g.tail()}"
                  for g in self.guests() if not g.pid()]
        return "\n".join(found)
