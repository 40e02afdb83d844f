# SPDX-License-Identifier: GPL-2.0
"""What a host-side case is given: the cluster, the client file system, a log."""

import contextlib
import shlex
import time

from . import host, hole
from .guest import TROUBLE, CommandTimeout, GuestError


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


class Bench:
    def __init__(self, cluster, fs, log, proto="", paths=""):
        self.cluster, self.fs, self.log, self.proto, self.paths = cluster, fs, log, proto, paths
        self.client, self.nodes = cluster.client, cluster.nodes
        self.node1, self.node2 = cluster.nodes[0], cluster.nodes[1]
        self.undo = contextlib.ExitStack()
        self.loaded = set()

    def say(self, text):
        self.log.write((text.rstrip("\n") + "\n").encode())
        self.log.flush()

    def fail(self, text):
        raise Failed(text)

    def skip(self, text):
        raise Skipped(text)

    def eq(self, got, wanted, what="value"):
        if got != wanted:
            self.fail(f"{what}: got {got!r}, wanted {wanted!r}")

    # -- commands in guests, logged ---------------------------------------

    def try_run(self, guest, cmd, timeout=60, **more):
        self.say(f"{guest.name}$ {cmd}")
        done = guest.run(cmd, timeout, **more)
        self.say(done.out + (f"[status {done.rc}]" if done.rc else ""))
        return done

    def run(self, guest, cmd, timeout=60, **more):
        done = self.try_run(guest, cmd, timeout, **more)
        if done.rc:
            self.fail(f"{guest.name}: '{cmd}' gave status {done.rc}: {done.out.strip()[-400:]}")
        return done.out

    def start(self, guest, cmd, timeout=300):
        self.say(f"{guest.name}$ {cmd} &")
        return guest.start(cmd, timeout)

    def finish(self, job, timeout=None, ok=True):
        done = job.join(timeout and timeout * host.patience())
        self.say(done.out + f"[status {done.rc}]")
        if ok and done.rc:
            self.fail(f"the background command gave status {done.rc}: {done.out.strip()[-400:]}")
        return done

    def within(self, seconds, guest, cmd, why):
        """Run cmd and fail if it takes longer; software emulation is allowed a
        few seconds on top, and more on a busy host."""
        allowed = (seconds + 3) * host.patience()
        start = time.monotonic()
        try:
            done = self.try_run(guest, cmd, timeout=seconds + 25)
        except CommandTimeout as e:
            self.fail(f"{why}: {e}")
        took = time.monotonic() - start
        self.say(f"[took {took:.1f} s]")
        if took > allowed:
            self.fail(f"{why}: took {took:.1f} s, allowed are {allowed:.1f} s")
        return done

    # -- mounts -----------------------------------------------------------

    def mount(self, source="node1:/export", where="/mnt/a", options="", guest=None, ok=True,
              timeout=60, proto=None):
        """Mount with the file system under test and check that it is one;
        unmounted (hard, if need be) when the case ends."""
        guest = guest or self.client
        if self.fs == "penstock" and guest is not self.client and guest.name not in self.loaded:
            guest.check("/penstock/guest/load", timeout=120)
            self.loaded.add(guest.name)
        if ok:
            self.undo.callback(self._umount, guest, where)
        words = " ".join(shlex.quote(w) for w in (source, where, options))
        call = self.run if ok else self.try_run
        return call(guest, f". /penstock/repo/tests/cases/lib.sh; mount_fs {words}", timeout,
                    env={"FS": self.fs, "PROTO": self.proto if proto is None else proto,
                         "PATHS": self.paths})

    def umount(self, where="/mnt/a", guest=None):
        self.run(guest or self.client, f"umount {where}")

    def _umount(self, guest, where):
        done = guest.run(f"if mountpoint -q {where}; then umount {where} || umount -f {where} || "
                         f"{{ umount -l {where}; exit 1; }}; fi", timeout=60)
        if done.rc:
            raise Failed(f"{guest.name}: cannot unmount {where} at the end: {done.out}")

    def soft(self, seconds):
        if self.fs == "nfs":
            return f"soft,timeo={seconds * 10},retrans=1"
        return f"soft,timeout={seconds}"

    def dir(self, where="/mnt/a", guest=None):
        return self.run(guest or self.client, f"mktemp -d {where}/c.XXXXXX").strip()

    def sleep(self, seconds):
        time.sleep(seconds * host.load())

    # -- trouble ----------------------------------------------------------

    @contextlib.contextmanager
    def between(self, guest, begin, end):
        """In that guest: begin, and whatever happens in the end, end."""
        self.run(guest, begin)
        try:
            yield
        finally:
            self.run(guest, end)

    def black_hole(self, node):
        """The node takes no packet and sends none; nobody is told."""
        return self.between(node, *hole.hole())

    @contextlib.contextmanager
    def silence(self, node):
        """Neither the client nor the node hears anything."""
        with self.between(self.client, *hole.deaf()), self.between(node, *hole.deaf()):
            yield

    def roce_hole(self, node):
        """The node hears nothing over soft RoCE; TCP works."""
        return self.between(node, *hole.deaf("udp dport 4791", "roce"))

    def dies(self, seconds, guest, pidfile, why):
        """kill -9 ends the processes named in that file so soon."""
        self.within(seconds, guest, f"pids=$(cat {pidfile}); kill -9 $pids; for p in $pids; do "
                    "while grep -qs '^State:.[^Z]' /proc/$p/status; do sleep 0.1; done; done; "
                    f"rm {pidfile}", why)

    def forgive(self, guest, known):
        """Nothing has upset the guest's kernel so far, but for a warning that it is known for."""
        trouble = guest.trouble()
        lines = [line for line in trouble.splitlines() if TROUBLE.search(line) and "Call Trace:" not in line]
        if any(known not in line for line in lines):
            self.fail(f"kernel trouble:\n{trouble}")
        if lines:
            self.say(f"as is known: {lines[0]}")

    def until_live(self, where, proto, seconds):
        """A path of that mount has a connection of that transport."""
        self.run(self.client, f"for i in $(seq {5 * seconds}); do awk '$1 == \"device\" {{ mine = $5 == \"{where}\" }} "
                              "mine && $1 == \"path:\"' /proc/self/mountstats >/tmp/paths; "
                              f"grep -q '^[[:space:]]*path: {proto} .* state=LIVE' /tmp/paths && exit 0; sleep 0.2; done; "
                              "cat /tmp/paths; exit 1", timeout=seconds * 3 + 30)

    def reboot(self, node):
        self.say(f"reset {node.name}")
        node.reset()

    def wait(self, node):
        time.sleep(1)
        node.wait_ready()
        self.run(node, "test -e /run/node-is-up")

    def close(self):
        """Undo everything; the first failure counts."""
        self.undo.close()


__all__ = ["Bench", "Failed", "Skipped", "GuestError", "CommandTimeout"]
