# SPDX-License-Identifier: GPL-2.0
"""One virtual machine: its QEMU, console, monitor and command ports."""

import base64
import contextlib
import fcntl
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time

from . import host

PORTS = 8               # commands that can run at once in one guest

# A line of a console that fails the test it appeared in.
TROUBLE = re.compile(
    r"\bWARNING: |\bBUG\b|\bOops\b|Kernel panic|general protection fault|"
    r"[Uu]nable to handle|KASAN|KCSAN|UBSAN|kmemleak: \d|blocked for more than|"
    r"rcu: INFO: rcu|self-detected stall|detected stalls|soft lockup|hard LOCKUP|"
    r"refcount_t:|list_(?:add|del) corruption|lock(?:ing)? dependency|inconsistent lock state|"
    r"recursive locking|bad unlock balance|suspicious RCU usage|held lock freed|"
    r"Bad page|Busy inodes after unmount|Objects remaining|page allocation failure|"
    r"segfault at|Out of memory|invoked oom-killer|Call Trace:|"
    r"guest: |node: ")
HARMLESS = re.compile(r"WARNING: .*(?:deprecated|Spectre)|memory used by lock dependency info")


class GuestError(Exception):
    pass


class CommandTimeout(GuestError):
    pass


class Result:
    def __init__(self, rc, out):
        self.rc, self.out = rc, out


class _Channel:
    """A connection to one command port."""

    _next = int(time.time() * 1000) & 0x7fffffff

    def __init__(self, sock, lock):
        self.sock, self.lock, self.buf = sock, lock, b""
        _Channel._next += 1
        self.id = f"{os.getpid()}-{_Channel._next}"

    def send(self, **msg):
        try:
            self.sock.sendall(b"\n" + json.dumps(dict(msg, id=self.id)).encode() + b"\n")
        except OSError as e:
            raise GuestError(f"the guest has gone: {e}")

    def messages(self, timeout):
        """What arrives for this command within timeout; None when nothing did."""
        if b"\n" not in self.buf:
            if not select.select([self.sock], [], [], timeout)[0]:
                return None
            try:
                data = self.sock.recv(1 << 18)
            except ConnectionError:
                data = b""
            if not data:
                raise GuestError("the guest has gone (its QEMU closed the command port)")
            self.buf += data
        *lines, self.buf = self.buf.split(b"\n")
        found = []
        for line in lines:
            try:
                msg = json.loads(line)
            except ValueError:
                continue
            if msg.get("id") == self.id:
                found.append(msg)
        return found

    def close(self):
        self.sock.close()
        self.lock.close()


class Guest:
    """Everything that concerns a guest by name; the QEMU process may have been
    started by another process (see cluster.py)."""

    def __init__(self, rundir, name):
        self.rundir, self.name = rundir, name
        self.console = os.path.join(rundir, name + ".console")
        self.pidfile = os.path.join(rundir, name + ".pid")
        self.scanned = 0
        self.was_reset, self.resets = False, 0
        self.proc = None

    # -- process ----------------------------------------------------------

    def spawn(self, args):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.console)
        log = open(os.path.join(self.rundir, self.name + ".qemu"), "wb")
        proc = subprocess.Popen(args, cwd=self.rundir, stdin=subprocess.DEVNULL,
                                stdout=log, stderr=log, start_new_session=True)
        with open(self.pidfile, "w") as f:
            f.write(f"{proc.pid}\n")
        self.proc = proc

    def pid(self):
        """The QEMU of this guest, if it lives."""
        if self.proc:           # /proc shows no arguments for a moment while a program is replaced
            return self.proc.pid if self.proc.poll() is None else None
        try:
            pid = int(open(self.pidfile).read())
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                args = f.read().split(b"\0")
            with open(f"/proc/{pid}/stat") as f:
                dead = f.read().rsplit(")", 1)[1].split()[0] == "Z"
            ours = dead or os.readlink(f"/proc/{pid}/cwd") == os.path.realpath(self.rundir)
        except (OSError, ValueError):
            return None
        return pid if ours and not dead and self.name.encode() in args else None

    def quit(self):
        pid = self.pid()
        if not pid:
            return
        for sig, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 3)):
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                return
            end = time.monotonic() + patience
            while time.monotonic() < end:
                if not self.pid():
                    return
                time.sleep(0.05)

    def qemu_log(self):
        try:
            return open(os.path.join(self.rundir, self.name + ".qemu")).read().strip()
        except OSError:
            return ""

    # -- sockets ----------------------------------------------------------

    def _connect(self, name):
        """Socket paths are limited to 108 bytes: go through the directory."""
        fd = os.open(self.rundir, os.O_PATH)
        try:
            s = socket.socket(socket.AF_UNIX)
            s.connect(f"/proc/self/fd/{fd}/{name}")
            return s
        finally:
            os.close(fd)

    def qmp(self, execute, **arguments):
        with host.locked(os.path.join(self.rundir, self.name + ".qmp.lock")):
            with contextlib.closing(self._connect(self.name + ".qmp")) as s:
                s.settimeout(20)
                f = s.makefile("rw")
                f.readline()
                for cmd in ({"execute": "qmp_capabilities"},
                            {"execute": execute, "arguments": arguments}):
                    f.write(json.dumps(cmd) + "\n")
                    f.flush()
                    while True:
                        answer = json.loads(f.readline() or '{"error": "closed"}')
                        if "return" in answer or "error" in answer:
                            break
                if "error" in answer:
                    raise GuestError(f"{self.name}: qmp {execute}: {answer['error']}")
                return answer["return"]

    def pause(self):
        self.qmp("stop")

    def resume(self):
        self.qmp("cont")

    def link(self, rail, up):
        self.qmp("set_link", name=f"nic{rail}", up=up)

    def reset(self):
        """Power cycle: memory is lost, disks keep what the guest has written.
        The firmware resets once more by itself, so wait_ready() has to be
        called before a crash ends QEMU again instead of rebooting."""
        self.qmp("set-action", reboot="reset")
        self.qmp("system_reset")
        self.was_reset, self.resets = True, self.resets + 1

    # -- commands ---------------------------------------------------------

    def _channel(self):
        for i in range(PORTS):
            lock = open(os.path.join(self.rundir, f"{self.name}.agent{i}.lock"), "a")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return _Channel(self._connect(f"{self.name}.agent{i}"), lock)
            except BlockingIOError:
                lock.close()
            except OSError as e:
                lock.close()
                raise GuestError(f"{self.name}: no command port: {e}")
        raise GuestError(f"{self.name}: all {PORTS} command ports are busy")

    def wait_ready(self, seconds=60):
        start = time.monotonic()
        while time.monotonic() < start + seconds * host.patience():
            if not self.pid():
                raise GuestError(f"{self.name}: QEMU ended: {self.qemu_log()}\n{self.tail()}")
            try:
                if self.run("true", timeout=5, kill=False).rc == 0:
                    break
            except GuestError:
                time.sleep(0.1)
        else:
            raise GuestError(f"{self.name} did not come up in {seconds} s; its console:\n{self.tail()}")
        if self.was_reset:
            self.qmp("set-action", reboot="shutdown")
            self.was_reset = False

    def run(self, cmd, timeout=60, echo=None, kill=True, stdin=None, **more):
        """Run a command to its end; output goes to echo (a function of bytes)
        as it comes, else it is collected."""
        ch = self._channel()
        out, ended = [], False
        try:
            ch.send(cmd=cmd, **more)
            if stdin is not None:
                for i in range(0, len(stdin), 32768):
                    ch.send(**{"in": base64.b64encode(stdin[i:i + 32768]).decode()})
            ch.send(**{"in": ""})
            start, killed, resets = time.monotonic(), 0, self.resets
            while self.resets == resets:
                msgs = ch.messages(1)
                for msg in msgs or ():
                    if "out" in msg:
                        data = base64.b64decode(msg["out"])
                        out.append(data) if echo is None else echo(data)
                    elif "rc" in msg:
                        if killed:
                            ended = True
                            break
                        return Result(msg["rc"], b"".join(out).decode(errors="replace"))
                now = time.monotonic()
                if killed and not ended and now < killed + 10 * host.patience():
                    continue
                if not killed and now < start + timeout * host.patience():
                    continue
                if kill and not killed:
                    killed = now
                    ch.send(kill=9)
                    continue
                text = b"".join(out).decode(errors="replace")
                what = "and ended when killed" if ended else "and could not be killed"
                raise CommandTimeout(f"{self.name}: no end after {timeout} s {what if kill else ''}: "
                                     f"{cmd}\n{text}")
            raise GuestError(f"{self.name} was reset during: {cmd}")
        finally:
            ch.close()

    def check(self, cmd, timeout=60, **more):
        done = self.run(cmd, timeout, **more)
        if done.rc:
            raise GuestError(f"{self.name}: '{cmd}' gave status {done.rc}:\n{done.out}")
        return done.out

    def start(self, cmd, timeout=300, **more):
        """Run in the background; returns an object with join() -> Result."""
        return Background(self, cmd, timeout, more)

    def shell(self, cmd=None):
        """An interactive shell on this terminal."""
        import shutil
        import termios
        import tty
        size = shutil.get_terminal_size()
        ch = self._channel()
        stdin = sys.stdin.fileno()
        old = termios.tcgetattr(stdin) if os.isatty(stdin) else None
        try:
            if old:
                tty.setraw(stdin)
            ch.send(cmd=cmd or ["/bin/bash", "-l"], pty=[size.lines, size.columns],
                    term=os.environ.get("TERM", "linux"))
            inputs = [stdin, ch.sock]
            while True:
                ready = select.select(inputs, [], [])[0]
                if stdin in ready:
                    data = os.read(stdin, 4096)
                    if not data:
                        inputs.remove(stdin)
                        data = b"\x04"
                    ch.send(**{"in": base64.b64encode(data).decode()})
                if ch.sock in ready:
                    for msg in ch.messages(0) or ():
                        if "out" in msg:
                            os.write(1, base64.b64decode(msg["out"]))
                        elif "rc" in msg:
                            return msg["rc"]
        finally:
            if old:
                termios.tcsetattr(stdin, termios.TCSADRAIN, old)
            ch.close()

    # -- console ----------------------------------------------------------

    def _read_console(self, start=0):
        try:
            with open(self.console, "rb") as f:
                f.seek(start)
                return f.read()
        except OSError:
            return b""

    def tail(self, lines=60):
        text = self._read_console().decode(errors="replace").replace("\r", "")
        return "\n".join(f"  {self.name}| {line}" for line in text.splitlines()[-lines:])

    def mark(self):
        """Forget what the console has shown so far."""
        self.scanned = len(self._read_console())

    def trouble(self):
        """Lines of trouble since the last call, with what surrounds them."""
        data = self._read_console(self.scanned)
        whole = data[:data.rfind(b"\n") + 1]
        self.scanned += len(whole)
        lines = whole.decode(errors="replace").replace("\r", "").splitlines()
        hits = [i for i, l in enumerate(lines) if TROUBLE.search(l) and not HARMLESS.search(l)]
        if not hits:
            return ""
        part = lines[max(0, hits[0] - 10):hits[-1] + 40]
        return "\n".join(f"  {self.name}| {line}" for line in part[:200])


class Background:
    def __init__(self, guest, cmd, timeout, more, feed=None):
        self.result = self.error = None
        self.output = b""

        def echo(data):
            self.output += data
            if feed:
                feed(data)

        def body():
            try:
                self.result = guest.run(cmd, timeout, echo=echo, **more)
                self.result.out = self.output.decode(errors="replace")
            except Exception as e:
                self.error = e

        self.thread = threading.Thread(target=body, daemon=True)
        self.thread.start()

    def done(self):
        return not self.thread.is_alive()

    def text(self):
        return self.output.decode(errors="replace")

    def join(self, timeout=None):
        self.thread.join(timeout)
        if self.thread.is_alive():
            raise CommandTimeout(f"still running after {timeout} s")
        if self.error:
            raise self.error
        return self.result
