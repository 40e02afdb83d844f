# SPDX-License-Identifier: GPL-2.0
"""Locks between two clients, penstock's and the kernel's, and what faults do to them."""

import contextlib
import re

# Runs in a guest: lk FILE OP...  Each op prints its name and OK or an errno.
PROGRAM = r'''
import errno, fcntl, os, struct, sys, time

KINDS = {"sh": fcntl.F_RDLCK, "ex": fcntl.F_WRLCK, "un": fcntl.F_UNLCK}
FLOCK = {"sh": fcntl.LOCK_SH, "ex": fcntl.LOCK_EX, "un": fcntl.LOCK_UN}
OFD = {fcntl.F_SETLK: 37, fcntl.F_SETLKW: 38, fcntl.F_GETLK: 36}
MODES = {"r": os.O_RDONLY, "w": os.O_WRONLY, "rw": os.O_RDWR}
fd = -1

def lk(cmd, kind, start, length, ofd=False):
    what = struct.pack("hhqqi4x", KINDS[kind], os.SEEK_SET, int(start), int(length), 0)
    return struct.unpack("hhqqi4x", fcntl.fcntl(fd, OFD[cmd] if ofd else cmd, what))

def op(name, *args):
    global fd
    if name == "open":
        fd = os.open(sys.argv[1], MODES[args[0]] | os.O_CREAT, 0o666)
    elif name == "close":
        os.close(fd)
    elif name == "lock":
        lk(fcntl.F_SETLK, *args)
    elif name == "wait":
        lk(fcntl.F_SETLKW, *args)
    elif name == "ofd":
        lk(fcntl.F_SETLK, *args, ofd=True)
    elif name == "test":
        t = lk(fcntl.F_GETLK, *args)
        return "free" if t[0] == fcntl.F_UNLCK else f"{'ex' if t[0] == fcntl.F_WRLCK else 'sh'}/{t[2]}/{t[3]}"
    elif name == "flock":
        fcntl.flock(fd, FLOCK[args[0]] | fcntl.LOCK_NB)
    elif name == "waitflock":
        fcntl.flock(fd, FLOCK[args[0]])
    elif name == "read":
        return os.pread(fd, 100, 0).decode()
    elif name == "write":
        os.pwrite(fd, args[0].encode(), 0)
    elif name == "readat":
        return os.pread(fd, 100, int(args[0])).rstrip(b"\0").decode()
    elif name == "writeat":
        os.pwrite(fd, args[1].encode(), int(args[0]))
    elif name == "fsync":
        os.fsync(fd)
    elif name == "say":
        open("/tmp/lk." + args[0], "w").close()
    elif name == "until":
        while not os.path.exists("/tmp/lk." + args[0]):
            time.sleep(0.05)
    else:
        sys.exit("unknown op " + name)
    return "OK"

for word in sys.argv[2:]:
    try:
        got = op(*word.split(":"))
    except OSError as e:
        got = errno.errorcode[e.errno]
    if not word.startswith(("say", "until", "open")) or got != "OK":
        print(word.split(":")[0] + "=" + got, flush=True)
'''


class Two:
    """Two clients of one directory; each can be penstock's or the kernel's. The file t.f
    is one of which the server gives no delegation, unless that is wanted."""

    def __init__(self, b, second="", options="", delegations=False):
        self.b = b
        b.mount(where="/mnt/a", options=options)
        if second == "nfs":
            b.undo.callback(b._umount, b.node2, "/mnt/a")
            b.run(b.node2, "mkdir -p /mnt/a; mount -t nfs -o vers=4.2 node1:/export /mnt/a")
        else:
            b.mount(where="/mnt/a", guest=b.node2)
        self.d = b.dir()
        self.f = self.d + "/f"
        for guest in (b.client, b.node2):
            b.run(guest, f"rm -f /tmp/lk.*; cat >/tmp/lock_ops.py <<'END'\n{PROGRAM}\nEND")
        b.run(b.client, f"echo 0 >{self.f}; chmod 666 {self.f}")
        if not delegations:
            # a writer on the server itself keeps it from giving any
            b.run(b.node1, f"setsid sleep 100000 9<>/export/{path(self)} >/dev/null 2>&1 </dev/null & "
                           "echo $! >/tmp/lk.writer")
            b.undo.callback(b.try_run, b.node1, "kill $(cat /tmp/lk.writer)")

    def cmd(self, *ops):
        return f"exec python3 /tmp/lock_ops.py {self.f} " + " ".join(f"'{x}'" for x in ops)

    def do(self, guest, *ops):
        """Run the ops to their end; what they printed, in words."""
        return self.b.run(guest, self.cmd(*ops)).split()

    def start(self, guest, *ops, timeout=300):
        return self.b.start(guest, self.cmd(*ops), timeout)

    def saw(self, guest, tag):
        self.b.run(guest, f"for i in $(seq 600); do test -e /tmp/lk.{tag} && exit 0; sleep 0.1; done; exit 1",
                   timeout=90)

    def say(self, guest, tag):
        self.b.run(guest, f"touch /tmp/lk.{tag}")

    def holds(self, guest, *ops, tag="held", after=()):
        """Start a program that does ops, says that it is there, and stays until "go"."""
        job = self.start(guest, *ops, "say:" + tag, "until:go", *after)
        self.saw(guest, tag)
        return job

    def let_go(self, guest, job):
        self.say(guest, "go")
        return self.b.finish(job, 120).out.split()

    def end(self, guest, job):
        """A guest's job of which nothing is wanted any more."""
        self.say(guest, "go")
        self.b.finish(job, 120, ok=False)


def counters(b, guest, *names):
    """Some counters of the mount, as of one moment; 0 for what is not there (yet)."""
    out = b.run(guest, "grep -A5 'with fstype penstock' /proc/self/mountstats")
    found = [re.search(rf"with fstype penstock.*?\b{name}=(\d+)", out, re.S) for name in names]
    return [int(f.group(1)) if f else 0 for f in found]


def counter(b, guest, name):
    return counters(b, guest, name)[0]


def server_locks(b, name):
    """What the server's own list says of the file: [(type, start, end)]."""
    inode = b.run(b.node1, f"stat -c %i /export/{name}").strip()
    found = re.findall(rf"(?:POSIX|FLOCK|OFDLCK).* (READ|WRITE) \S+ \S+:{inode} (\d+) (\S+)",
                       b.run(b.node1, "cat /proc/locks"))
    return sorted((kind, int(start), end) for kind, start, end in found)


def path(t):
    return t.f.split("/mnt/a/", 1)[1]


# -- exclusion ---------------------------------------------------------------

HOLD = {"fcntl": "lock:ex:0:0", "ofd": "ofd:ex:0:0", "flock": "flock:ex"}


def _exclusion(b, second):
    t = Two(b, second)
    for one, other in ((b.client, b.node2), (b.node2, b.client)):
        for kind, hold in HOLD.items():
            b.run(one, "rm -f /tmp/lk.go /tmp/lk.held")
            job = t.holds(one, "open:rw", hold)
            b.eq(t.do(other, "open:rw", "lock:ex:0:0", "ofd:sh:5:1", "flock:sh", "test:ex:0:0"),
                 ["lock=EAGAIN", "ofd=EAGAIN", "flock=EAGAIN", "test=ex/0/0"], f"{kind} held by {one.name}")
            b.eq([x.endswith("=OK") for x in t.let_go(one, job)], [True], kind)
            b.eq(t.do(other, "open:rw", "lock:ex:0:0", "lock:un:0:0", "flock:ex"),
                 ["lock=OK", "lock=OK", "flock=OK"], f"{kind} released by {one.name}")


#: fs=penstock timeout=300
def t_exclusion(b):
    """fcntl, OFD and flock locks keep the other client out, both ways."""
    _exclusion(b, "")


#: fs=penstock timeout=300 more
def t_exclusion_with_the_kernel_client(b):
    _exclusion(b, "nfs")


#: more
def t_shared(b):
    """Readers get in together, a writer does not."""
    t = Two(b)
    job = t.holds(b.client, "open:r", "lock:sh:0:0")
    b.eq(t.do(b.node2, "open:rw", "lock:sh:0:0", "flock:sh", "lock:ex:0:0", "flock:ex"),
         ["lock=OK", "flock=OK", "lock=EAGAIN", "flock=EAGAIN"])
    b.eq(t.let_go(b.client, job), ["lock=OK"])


#: more
def t_ranges(b):
    """Split, upgrade, downgrade and ranges to the end, as the other client sees them."""
    t = Two(b)
    job = t.start(b.client, "open:rw", "lock:ex:100:100", "say:1", "until:2",
                  "lock:un:140:20", "say:3", "until:4",
                  "lock:sh:100:40", "say:5", "until:6",
                  "lock:ex:1000:0", "say:7", "until:8",
                  "lock:un:0:0", "lock:sh:0:10", "lock:sh:10:10", "lock:ex:5:10", "say:9", "until:go")
    look = ("open:rw", "test:ex:0:100", "test:ex:100:1", "test:ex:145:5", "test:sh:120:1", "test:ex:160:0")
    wanted = {
        "1": ["free", "ex/100/100", "ex/100/100", "ex/100/100", "ex/100/100"],
        "3": ["free", "ex/100/40", "free", "ex/100/40", "ex/160/40"],
        "5": ["free", "sh/100/40", "free", "free", "ex/160/40"],
    }
    for tag, then in (("1", "2"), ("3", "4"), ("5", "6")):
        t.saw(b.client, tag)
        b.eq([x.split("=")[1] for x in t.do(b.node2, *look)], wanted[tag], f"step {tag}")
        t.say(b.client, then)
    t.saw(b.client, "7")
    b.eq(t.do(b.node2, "open:rw", "test:ex:200:0", "test:ex:200:800", "test:sh:5000000000:1"),
         ["test=ex/1000/0", "test=free", "test=ex/1000/0"])
    t.say(b.client, "8")
    t.saw(b.client, "9")
    b.eq(t.do(b.node2, "open:rw", "test:ex:0:5", "test:sh:0:20", "test:ex:15:5", "test:ex:20:0"),
         ["test=sh/0/5", "test=ex/5/10", "test=sh/15/5", "test=free"])
    b.eq(server_locks(b, path(t)), [("READ", 0, "4"), ("READ", 15, "19"), ("WRITE", 5, "14")])
    b.eq(set(t.let_go(b.client, job)), {"lock=OK"})
    b.eq(server_locks(b, path(t)), [])


#: more
def t_two_descriptions_of_one_process(b):
    """What was locked through one descriptor is upgraded and unlocked through another;
    closing either gives up everything."""
    t = Two(b)
    b.run(b.client, f"""cat >/tmp/two.py <<'END'
import fcntl, os, time
def until(x):
    while not os.path.exists("/tmp/lk." + x):
        time.sleep(0.05)
def say(x):
    open("/tmp/lk." + x, "w").close()
r, w = os.open("{t.f}", os.O_RDONLY), os.open("{t.f}", os.O_RDWR)
fcntl.lockf(r, fcntl.LOCK_SH, 100, 0)
fcntl.lockf(w, fcntl.LOCK_EX, 20, 40)
say("1"); until("2")
fcntl.lockf(r, fcntl.LOCK_UN, 30, 30)
say("3"); until("4")
os.close(r)
say("5"); until("6")
fcntl.lockf(w, fcntl.LOCK_EX, 10, 0)
say("7"); until("8")
END""")
    job = b.start(b.client, "exec python3 /tmp/two.py")
    for tag, then, locks in (
            ("1", "2", [("READ", 0, "39"), ("READ", 60, "99"), ("WRITE", 40, "59")]),
            ("3", "4", [("READ", 0, "29"), ("READ", 60, "99")]),
            ("5", "6", []),
            ("7", "8", [("WRITE", 0, "9")])):
        t.saw(b.client, tag)
        b.eq(server_locks(b, path(t)), locks, "step " + tag)
        t.say(b.client, then)
    b.finish(job, 60)
    b.eq(server_locks(b, path(t)), [])


#: fs=penstock more
def t_flock_modes(b):
    """To the server a flock is a byte-range lock, which needs a fitting open."""
    t = Two(b)
    b.eq(t.do(b.client, "open:r", "flock:ex", "flock:sh"), ["flock=EBADF", "flock=OK"])
    b.eq(t.do(b.client, "open:w", "flock:sh", "flock:ex"), ["flock=EBADF", "flock=OK"])


#: fs=penstock
def t_data_follows_the_lock(b):
    """Under the lock each sees what the other has written, with the file open all along."""
    t = Two(b)
    ops = ["open:rw"]
    a = ops + ["write:1", "say:go"]
    for i in range(5):
        a += [f"until:a{i}", "wait:ex:0:0", "read", f"write:A{i}", "lock:un:0:0", f"say:A{i}"]
    c = ops + ["read"]
    for i in range(5):
        c += [f"until:b{i}", "wait:ex:0:0", "read", f"write:B{i}", "lock:un:0:0", f"say:B{i}"]
    one, two = t.start(b.client, *a), t.start(b.node2, *c)
    for i in range(5):
        t.say(b.client, f"a{i}")
        t.saw(b.client, f"A{i}")
        t.say(b.node2, f"b{i}")
        t.saw(b.node2, f"B{i}")
    reads = [x for x in b.finish(one, 60).out.split() if x.startswith("read")]
    b.eq(reads[1:], [f"read=B{i}" for i in range(4)])
    reads = [x for x in b.finish(two, 60).out.split() if x.startswith("read")]
    b.eq(reads[1:], [f"read=A{i}" for i in range(5)])


#: more
def t_counter(b):
    """Both clients add one under a lock, many processes each; none is lost."""
    t = Two(b)
    b.run(b.client, f"printf 0 >{t.f}")
    work = f"""cat >/tmp/count.py <<'END'
import fcntl, os, sys
for _ in range(10):
    fd = os.open("{t.f}", os.O_RDWR)
    if int(sys.argv[1]) % 2:
        fcntl.flock(fd, fcntl.LOCK_EX)
    else:
        fcntl.lockf(fd, fcntl.LOCK_EX)
    n = int(os.pread(fd, 20, 0))
    os.pwrite(fd, str(n + 1).encode(), 0)
    os.close(fd)
END
for i in 1 2 3; do python3 /tmp/count.py $i & p="$p $!"; done; for i in $p; do wait $i || exit 1; done"""
    jobs = [b.start(g, work, 300) for g in (b.client, b.node2)]
    for job in jobs:
        b.finish(job, 100)
    b.eq(b.run(b.client, f"cat {t.f}"), "60")


# -- waiting -----------------------------------------------------------------

# A relay in front of the server, which can call a waiter (CB_NOTIFY_LOCK): knfsd
# promises that, but some versions of it do not do it.
RELAY = r'''
import os, socket, struct, sys, threading, time

XID = 0x7fff4711

def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data

def record(s):
    head = exactly(s, 4)
    return head + exactly(s, struct.unpack(">I", head)[0] & 0x7fffffff)

def opaque(data, at):
    n = struct.unpack_from(">I", data, at)[0]
    return data[at + 4:at + 4 + n], at + 4 + (n + 3) // 4 * 4

def put(data):
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)

def waiter(call):
    """(session, minor, handle, owner) if it is SEQUENCE, PUTFH, LOCK of a new owner."""
    at = 4 + 24
    for _ in range(2):              # credential, verifier
        _, at = opaque(call, at + 4)
    _, at = opaque(call, at)        # tag
    minor, nops, op = struct.unpack_from(">III", call, at)
    if nops != 3 or op != 53:
        return None
    session = call[at + 12:at + 28]
    at += 28 + 16
    if struct.unpack_from(">I", call, at)[0] != 22:
        return None
    fh, at = opaque(call, at + 4)
    op, kind = struct.unpack_from(">II", call, at)
    if op != 12 or kind not in (3, 4):
        return None
    new, = struct.unpack_from(">I", call, at + 28)
    if not new:
        return None
    at += 32 + 4 + 16 + 4
    clientid = call[at:at + 8]
    owner, _ = opaque(call, at + 8)
    return session, minor, fh, clientid, owner

def callback(seq, session, minor, fh, clientid, owner):
    msg = struct.pack(">IIIIIIIIII", XID, 0, 2, 0x40000000, 1, 1, 0, 0, 0, 0)
    msg += put(b"") + struct.pack(">III", minor, 0, 2)
    msg += struct.pack(">I", 11) + session + struct.pack(">IIIII", seq, 15, 15, 0, 0)
    msg += struct.pack(">I", 13) + put(fh) + clientid + put(owner)
    return struct.pack(">I", 0x80000000 | len(msg)) + msg

def serve(c):
    s = socket.create_connection(("127.0.0.1", 2049))
    lock, found, seq = threading.Lock(), [], [0]

    def back():
        while True:
            data = record(s)
            with lock:
                c.sendall(data)

    def call():
        while True:
            time.sleep(0.1)
            if found and os.path.exists("/tmp/lk.notify"):
                os.unlink("/tmp/lk.notify")
                seq[0] += 1
                with lock:
                    c.sendall(callback(seq[0], *found[-1]))

    for f in (back, call):
        threading.Thread(target=f, daemon=True).start()
    while True:
        data = record(c)
        xid, kind = struct.unpack_from(">II", data, 4)
        if kind == 1 and xid == XID:
            with open("/tmp/lk.answer", "wb") as f:
                f.write(data[28:])
            continue
        if kind == 0 and (w := waiter(data)):
            found.append(w)
        s.sendall(data)

def client(c):
    try:
        serve(c)
    except (EOFError, OSError):
        pass

srv = socket.socket()
srv.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
srv.bind(("", 20490))
srv.listen(10)
open("/tmp/lk.relay", "w").close()
while True:
    threading.Thread(target=client, args=(srv.accept()[0],), daemon=True).start()
'''


#: fs=penstock proto=tcp alone
def t_waiter_is_notified(b):
    """CB_NOTIFY_LOCK has the waiter ask at once; what is not for it does not."""
    b.run(b.node1, f"rm -f /tmp/lk.*; cat >/tmp/relay.py <<'END'\n{RELAY}\nEND")
    relay = b.start(b.node1, "exec python3 /tmp/relay.py")
    b.undo.callback(b.finish, relay, 60, False)
    b.undo.callback(b.run, b.node1, "pkill -f '[r]elay.py'")
    b.run(b.node1, "for i in $(seq 100); do test -e /tmp/lk.relay && exit 0; sleep 0.1; done; exit 1")
    t = Two(b, options="port=20490")
    job = t.holds(b.node2, "open:rw", "lock:ex:0:0")
    waiter = t.start(b.client, "open:rw", "wait:ex:0:0")

    def tries(wanted):
        """Wait until so many LOCKs were sent that were not for lack of a call."""
        for _ in range(50):
            sent, polls = counters(b, b.client, "lock", "lock_polls")
            if sent - polls == wanted:
                return
            b.sleep(0.1)
        b.fail(f"{sent} LOCKs, {polls} of them without a call, wanted {wanted} others")

    b.run(b.client, "for i in $(seq 300); do grep -A9 'fstype penstock' /proc/self/mountstats | "
                    "grep -q ' lock=' && exit 0; sleep 0.1; done; exit 1")
    tries(1)
    for n in (1, 2):
        b.run(b.node1, "touch /tmp/lk.notify; for i in $(seq 300); do test -e /tmp/lk.answer && exit 0; sleep 0.1; "
                       "done; exit 1")
        # an empty tag, two results, and both went well
        b.eq(b.run(b.node1, "od -An -tx4 -v --endian=big /tmp/lk.answer; rm /tmp/lk.answer").split()[:5],
             ["00000000", "00000000", "00000002", "0000000b", "00000000"])
        b.eq(counter(b, b.client, "lock_notifies"), n)
        tries(1 + n)
    b.eq(waiter.done(), False, "the waiter waits")
    t.let_go(b.node2, job)
    b.run(b.node1, "touch /tmp/lk.notify")
    b.eq(b.finish(waiter, 60).out.split(), ["wait=OK"])


#: fs=penstock more
def t_waiter_interrupted(b):
    """Any signal ends the wait; the lock is not taken later behind its back."""
    t = Two(b)
    job = t.holds(b.client, "open:rw", "lock:ex:0:0")
    out = b.run(b.node2, f"""python3 - <<'END'
import errno, fcntl, os, signal, struct
fd = os.open("{t.f}", os.O_RDWR)
class Rang(Exception):
    pass
def ring(*_):
    raise Rang
signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 2)
try:
    fcntl.lockf(fd, fcntl.LOCK_EX)
    print("got it")
except Rang:
    print("rang")
END""")
    b.eq(out, "rang\n")
    t.let_go(b.client, job)
    b.eq(server_locks(b, path(t)), [])


#: fs=penstock alone
def t_waiter_killed_in_black_hole(b):
    """kill -9 ends a waiter whose server is gone; afterwards nothing is left locked."""
    t = Two(b)
    job = t.holds(b.client, "open:rw", "lock:ex:0:0")
    b.run(b.node2, f"setsid sh -c '{t.cmd('open:rw', 'say:w', 'wait:ex:0:0')}' >/dev/null 2>&1 </dev/null & "
                   "echo $! >/tmp/lk.pid")
    t.saw(b.node2, "w")
    with b.black_hole(b.node1):
        b.sleep(4)
        b.dies(5, b.node2, "/tmp/lk.pid", "kill -9")
    t.end(b.client, job)
    b.run(b.node2, f"ls {t.d}", timeout=120)
    _becomes_free(b, t)


def _becomes_free(b, t):
    for _ in range(100):
        if not server_locks(b, path(t)):
            return
        b.sleep(0.3)
    b.fail(f"still locked at the server: {server_locks(b, path(t))}")


#: more
def t_deadlock_of_two_processes(b):
    """Two processes of one client that wait for each other: one gets EDEADLK (also called EDEADLOCK)."""
    t = Two(b)
    one = t.start(b.client, "open:rw", "lock:ex:0:10", "say:1", "until:2", "wait:ex:10:10", "say:x", "until:go")
    two = t.start(b.client, "open:rw", "lock:ex:10:10", "say:2", "until:1", "wait:ex:0:10", "say:y", "until:go")
    b.run(b.client, "for i in $(seq 300); do test -e /tmp/lk.x -o -e /tmp/lk.y && exit 0; sleep 0.1; done; exit 1")
    t.say(b.client, "go")
    out = b.finish(one, 60).out.split() + b.finish(two, 60).out.split()
    b.eq(sorted(out), ["lock=OK", "lock=OK", "wait=EDEADLOCK", "wait=OK"])


# -- release -----------------------------------------------------------------

#: more
def t_released_by_close_and_exit(b):
    """Close, exit and kill -9 each give everything up."""
    t = Two(b)
    for how in ("close", "exit", "kill"):
        for lock in ("lock:ex:0:0", "ofd:ex:0:0", "flock:ex"):
            b.run(b.client, "rm -f /tmp/lk.*")
            ops = ["open:rw", lock, "say:held", "until:go"]
            if how == "close":
                ops += ["close", "say:closed", "until:end"]
            job = t.start(b.client, *ops)
            t.saw(b.client, "held")
            b.eq(t.do(b.node2, "open:rw", "lock:ex:0:0"), ["lock=EAGAIN"], f"{lock} before {how}")
            if how == "kill":
                b.run(b.client, "pkill -9 -f '[l]ock_ops'")
            else:
                t.say(b.client, "go")
            if how == "close":
                t.saw(b.client, "closed")
            else:
                b.finish(job, 60, ok=how == "exit")
            _becomes_free(b, t)
            b.eq(t.do(b.node2, "open:rw", "lock:ex:0:0"), ["lock=OK"], f"{lock} after {how}")
            if how == "close":
                t.say(b.client, "end")
                b.finish(job, 60)


#: fs=penstock
def t_killed_holder_flushes_first(b):
    """A holder that is killed with dirty data: who gets the lock next sees the data."""
    t = Two(b)
    job = t.holds(b.client, "open:rw", "lock:ex:0:0", "write:written under the lock")
    waiter = t.start(b.node2, "open:rw", "wait:ex:0:0", "read")
    b.sleep(2)
    b.run(b.client, "pkill -9 -f '[l]ock_ops'")
    b.finish(job, 60, ok=False)
    b.eq(b.finish(waiter, 60).out.split("\n")[1], "read=written under the lock")


#: fs=penstock timeout=300 more
def t_client_reset(b):
    """A client that was switched off loses its locks with its lease."""
    t = Two(b)
    job = t.holds(b.node2, "open:rw", "lock:ex:0:0")
    b.eq(t.do(b.client, "open:rw", "lock:ex:0:0"), ["lock=EAGAIN"])
    waiter = t.start(b.client, "open:rw", "wait:ex:0:0")
    b.undo.pop_all()
    b.undo.callback(b._umount, b.client, "/mnt/a")
    b.reboot(b.node2)
    del job
    b.eq(b.finish(waiter, 120).out.split(), ["wait=OK"])
    b.wait(b.node2)
    b.loaded.discard("node2")


#: fs=penstock timeout=200 more
def t_change_hidden_by_our_own(b):
    """Both clients write to the file at the same time, in different places: what the other
    one wrote is seen under the lock, though the change looked like our own."""
    t = Two(b)
    b.run(b.client, f"truncate -s 8192 {t.f}")
    for flush in ("fsync", "lock:ex:0:1"):
        b.run(b.client, "rm -f /tmp/lk.*")
        job = t.holds(b.client, "open:rw", "readat:4096", "writeat:0:mine",
                      after=(flush, "lock:ex:4096:0", "readat:4096", "readat:0"))
        b.eq(t.do(b.node2, "open:rw", "lock:ex:4096:0", f"writeat:4096:{flush[:4]}", "fsync"),
             ["lock=OK", "writeat=OK", "fsync=OK"])
        b.eq(t.let_go(b.client, job)[-2:], [f"readat={flush[:4]}", "readat=mine"])


def tells_of_loss(t, guest):
    """The log names the mount and the file that has lost a lock."""
    nodes = "node1,node1-rail2" if t.b.paths else "node1"
    t.b.run(guest, f"dmesg | grep 'penstock: {nodes}:/export: /{path(t)} (inode [0-9]*): a lock was lost'")


# -- faults ------------------------------------------------------------------

#: fs=penstock timeout=300 alone
def t_server_restart(b):
    """Locks are there again after the grace period: nobody else gets them."""
    t = Two(b)
    job = t.start(b.client, "open:rw", "lock:ex:0:10", "lock:sh:20:10", "lock:ex:40:0", "ofd:ex:30:5", "say:held",
                  "until:go", "write:after", "fsync", "read", "lock:un:0:0")
    t.saw(b.client, "held")
    wanted = server_locks(b, path(t))
    b.eq(len(wanted), 4)
    before = counter(b, b.client, "lock_reclaims")
    b.reboot(b.node1)
    b.wait(b.node1)
    b.eq(t.do(b.node2, "open:rw", "lock:ex:0:0", "test:ex:5:1", "test:ex:45:1", "test:sh:22:1", "lock:sh:20:10"),
         ["lock=EAGAIN", "test=ex/0/10", "test=ex/40/0", "test=free", "lock=OK"])
    b.eq(server_locks(b, path(t)), wanted)
    b.eq(counter(b, b.client, "lock_reclaims") - before, 4, "locks reclaimed")
    b.eq(counter(b, b.client, "locks_lost"), 0)
    b.eq(t.let_go(b.client, job), ["lock=OK"] * 3 + ["ofd=OK", "write=OK", "fsync=OK", "read=after", "lock=OK"])
    b.eq(server_locks(b, path(t)), [])


#: fs=penstock timeout=300 more
def t_server_restart_with_waiters(b):
    """Who waits while the server restarts gets the lock when it is free, and only then."""
    t = Two(b)
    job = t.holds(b.client, "open:rw", "flock:ex")
    waiter = t.start(b.node2, "open:rw", "waitflock:ex")
    b.sleep(2)
    b.run(b.node1, "/penstock/guest/node stop; sleep 2; /penstock/guest/node start")
    b.eq(t.do(b.client, "open:rw", "flock:sh"), ["flock=EAGAIN"])
    b.sleep(5)
    b.eq(waiter.done(), False, "the waiter waits")
    b.eq(t.let_go(b.client, job), ["flock=OK"])
    b.eq(b.finish(waiter, 120).out.split(), ["waitflock=OK"])


#: fs=penstock timeout=300 alone
def t_lost_with_the_lease(b):
    """Cut off for longer than the lease, and somebody else took the lock: EIO through that
    descriptor until it is unlocked, a counter and a line in the log; nothing else suffers."""
    t = Two(b)
    b.run(b.client, "dmesg -C")
    job = t.start(b.client, "open:rw", "lock:ex:0:0", "write:before", "fsync", "say:held", "until:go",
                  "write:never", "read", "fsync", "lock:ex:5:5", "lock:un:0:0", "read", "lock:ex:0:0", "lock:un:0:0")
    t.saw(b.client, "held")
    other = b.start(b.client, f"cd {t.d}; exec 5>>other; echo 1 >&5; touch /tmp/lk.open; "
                              "while ! test -e /tmp/lk.go; do sleep 0.2; done; echo 2 >&5 && sync other && cat other")
    t.saw(b.client, "open")
    b.client.link(1, False)
    b.client.link(2, False)
    try:
        b.sleep(15)
        b.eq(t.do(b.node2, "open:rw", "wait:ex:0:0", "write:theirs", "fsync", "lock:un:0:0"),
             ["wait=OK", "write=OK", "fsync=OK", "lock=OK"])
    finally:
        b.client.link(1, True)
        b.client.link(2, True)
    b.run(b.client, f"ls {t.d}", timeout=120)
    b.eq(t.let_go(b.client, job),
         ["lock=OK", "write=OK", "fsync=OK", "write=EIO", "read=EIO", "fsync=EIO", "lock=EIO", "lock=OK",
          "read=theirs", "lock=OK", "lock=OK"])
    b.eq(b.finish(other, 60).out, "1\n2\n")
    b.eq(counter(b, b.client, "locks_lost"), 1)
    tells_of_loss(t, b.client)
    b.eq(b.run(b.node2, f"cat {t.f}"), "theirs")


#: fs=penstock timeout=300
def t_frozen_neighbour(b):
    """A client stands still for longer than its lease, with locks in its hands: another
    one takes them and goes on. Back again it learns what it has lost, and only that,
    and is as good as before without a mount or a reboot."""
    t = Two(b)
    b.run(b.node2, "dmesg -C")
    other = f"cd {t.d}; exec 5>>other; echo 1 >&5; touch /tmp/lk.open; " \
            "while ! test -e /tmp/lk.go; do sleep 0.2; done; echo 2 >&5 && sync other && cat other"
    frozen = t.holds(b.node2, "open:rw", "lock:ex:0:0", "write:before", "fsync",
                     after=("write:never", "read", "fsync", "lock:un:0:0", "read", "write:rejoin", "fsync"))
    keeps = b.start(b.node2, other)
    t.saw(b.node2, "open")
    b.node2.pause()
    try:
        b.sleep(15)
        b.eq(t.do(b.client, "open:rw", "wait:ex:0:0", "read", "write:theirs", "fsync", "lock:un:0:0"),
             ["wait=OK", "read=before", "write=OK", "fsync=OK", "lock=OK"])
        for _ in range(5):
            b.eq(t.do(b.client, "open:rw", "lock:ex:0:0", "read", "lock:un:0:0"), ["lock=OK", "read=theirs", "lock=OK"])
    finally:
        b.node2.resume()
    b.run(b.node2, f"ls {t.d}", timeout=120)
    b.eq(t.let_go(b.node2, frozen),
         ["lock=OK", "write=OK", "fsync=OK", "write=EIO", "read=EIO", "fsync=EIO", "lock=OK", "read=theirs",
          "write=OK", "fsync=OK"])
    b.eq(b.finish(keeps, 60).out, "1\n2\n")
    b.eq(counter(b, b.node2, "locks_lost"), 1)
    tells_of_loss(t, b.node2)
    b.eq(t.do(b.client, "open:rw", "lock:ex:0:0", "read"), ["lock=OK", "read=rejoin"])


@contextlib.contextmanager
def _kept(b, t):
    """A lock, and what is written under it, outlasts what happens meanwhile, without a recovery."""
    before = counters(b, b.client, "recoveries", "locks_lost")
    job = t.holds(b.client, "open:rw", "lock:ex:0:0", "write:before", "fsync",
                  after=("read", "write:behind", "fsync", "lock:un:0:0"))
    yield
    b.eq(t.do(b.node2, "open:rw", "lock:ex:0:0"), ["lock=EAGAIN"])
    b.eq(t.let_go(b.client, job), ["lock=OK", "write=OK", "fsync=OK", "read=before", "write=OK", "fsync=OK", "lock=OK"])
    b.eq(t.do(b.node2, "open:rw", "lock:ex:0:0", "read"), ["lock=OK", "read=behind"])
    b.eq(counters(b, b.client, "recoveries", "locks_lost"), before)


def _turn(b, guest, days):
    b.run(guest, f"date -s @$(($(date +%s) + {days} * 86400))")


#: fs=penstock timeout=200 more
def t_wall_clock_jumps(b):
    """The wall clocks of client and server jump by days, forth and back, for longer than
    the lease: leases, locks and recovery go by other clocks."""
    t = Two(b)
    turned = []
    b.undo.callback(lambda: [_turn(b, guest, -days) for guest, days in turned])
    with _kept(b, t):
        for days in (2, -5, 400):
            for guest in (b.client, b.node1):
                _turn(b, guest, days)
                turned.append((guest, days))
                b.eq(t.do(b.node2, "open:rw", "lock:ex:0:0"), ["lock=EAGAIN"])
                b.run(b.client, f"echo {days} >{t.d}/new; sync {t.d}/new; cat {t.d}/new; rm {t.d}/new")
        b.sleep(12)


#: fs=penstock timeout=200 more alone
def t_processes_frozen(b):
    """All processes stand still for longer than the lease, as when a host is suspended, one
    of them in the middle of writing: the mount keeps what they hold."""
    t = Two(b)
    delay = "/sys/module/suspend/parameters/pm_test_delay"
    if b.try_run(b.client, f"test -e {delay}").rc:
        b.skip("this kernel cannot play suspending")
    b.undo.callback(b.run, b.client, f"echo none >/sys/power/pm_test; echo 5 >{delay}")
    with _kept(b, t):
        fio = b.start(b.client, f"fio --name=v --directory={t.d} --size=8m --rw=randwrite --bs=64k --ioengine=libaio "
                                "--iodepth=8 --direct=1 --verify=crc32c --do_verify=1 --verify_fatal=1 "
                                "--verify_state_save=0 --time_based --runtime=30 --rate_iops=50 --minimal")
        b.sleep(2)
        b.run(b.client, f"echo 15 >{delay}; echo freezer >/sys/power/pm_test; echo mem >/sys/power/state; "
                        "dmesg | grep 'suspend debug: Waiting for 15 second'", timeout=120)
    b.finish(fio, 200)
    b.eq(counters(b, b.client, "recoveries", "locks_lost"), [0, 0])


#: fs=penstock timeout=200 more alone
def t_processes_frozen_waiting(b):
    """A host is suspended while its server is gone, whatever waits for that: calls, locks, writing back."""
    t = Two(b)
    if b.try_run(b.client, "test -e /sys/power/pm_test").rc:
        b.skip("this kernel cannot play suspending")
    delay = "/sys/module/suspend/parameters/pm_test_delay"
    # a directory each: who waits for another process cannot be frozen
    b.run(b.client, f"cd {t.d}; mkdir new list lock sync direct; touch list/f lock/f sync/f direct/f")
    with b.between(b.client, f"echo 1 >{delay}; echo freezer >/sys/power/pm_test",
                   f"echo none >/sys/power/pm_test; echo 5 >{delay}"):
        with b.black_hole(b.node1):
            jobs = [b.start(b.client, command) for command in (
                f"touch {t.d}/new/f", f"ls {t.d}/list", f"flock {t.d}/lock/f true", f"echo more >>{t.d}/sync/f; sync {t.d}/sync/f",
                f"dd if=/dev/zero of={t.d}/direct/f bs=64k count=1 conv=nocreat oflag=direct status=none")]
            b.sleep(3)
            if sum(not job.done() for job in jobs) < 3:     # what is cached or delegated needs no server
                b.fail("next to nothing waits for the server")
            b.run(b.client, "echo mem >/sys/power/state", timeout=60)
        for job in jobs:
            b.finish(job, 100)


#: fs=penstock timeout=200 more
def t_revoked_by_the_administrator(b):
    """The server takes all state of the file system away: the open is made anew, the lock
    is not, though nobody else wanted it."""
    t = Two(b)
    if b.run(b.node1, "grep -c '^admin-revoked' /proc/fs/nfsd/clients/*/info | head -1").strip().endswith(":0"):
        b.skip("this knfsd cannot revoke state")
    job = t.start(b.client, "open:rw", "lock:ex:0:10", "lock:sh:20:0", "say:held", "until:1", "write:never", "fsync",
                  "read", "lock:un:0:10", "read", "lock:un:0:0", "read", "write:again", "fsync", "read", "lock:ex:0:0")
    t.saw(b.client, "held")
    before = counter(b, b.client, "locks_lost")
    b.run(b.node1, "echo /export >/proc/fs/nfsd/unlock_filesystem")
    t.say(b.client, "1")
    b.eq(b.finish(job, 60).out.split(),
         ["lock=OK", "lock=OK", "write=OK", "fsync=EIO", "read=EIO", "lock=OK", "read=EIO", "lock=OK", "read=0",
          "write=OK", "fsync=OK", "read=again", "lock=OK"])
    b.eq(counter(b, b.client, "locks_lost") - before, 1)
    b.eq(server_locks(b, path(t)), [])


#: fs=penstock timeout=300 more alone
def t_kept_through_a_short_partition(b):
    """Cut off, but nobody wanted the lock and the server kept it: nothing happened."""
    t = Two(b)
    job = t.holds(b.client, "open:rw", "lock:ex:0:0", after=("write:still", "fsync"))
    b.client.link(1, False)
    b.client.link(2, False)
    b.sleep(4)
    b.client.link(1, True)
    b.client.link(2, True)
    b.run(b.client, f"ls {t.d}", timeout=120)
    b.eq(t.do(b.node2, "open:rw", "lock:ex:0:0"), ["lock=EAGAIN"])
    b.eq(t.let_go(b.client, job), ["lock=OK", "write=OK", "fsync=OK"])
    b.eq(counter(b, b.client, "locks_lost"), 0)


# -- local_lock --------------------------------------------------------------

#: fs=penstock timeout=200 more
def t_local_lock(b):
    """Locks that stay on the client, of one kind or both."""
    for which, posix, flock in (("all", 1, 1), ("posix", 1, 0), ("flock", 0, 1)):
        t = Two(b, options="local_lock=" + which)
        b.run(b.client, f"grep ' /mnt/a .*local_lock={which}' /proc/mounts")
        for lock, local in (("lock:ex:0:0", posix), ("flock:ex", flock)):
            b.run(b.client, "rm -f /tmp/lk.go /tmp/lk.held")
            job = t.holds(b.client, "open:rw", lock)
            name = lock.split(":")[0]
            b.eq(t.do(b.node2, "open:rw", lock), [name + ("=OK" if local else "=EAGAIN")], f"{which}, {lock}")
            b.eq(t.do(b.client, "open:rw", lock), [name + "=EAGAIN"], "on the same client")
            t.let_go(b.client, job)
        b.undo.close()
