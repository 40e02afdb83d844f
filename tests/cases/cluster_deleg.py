# SPDX-License-Identifier: GPL-2.0
"""Delegations: what is served without the server, and how they are given back."""

import contextlib
import re

from bed.hole import hole
from cluster_locks import Two, counter, counters, path, server_locks
from cluster_paths import _live, _until

READER = "for i in $(seq {n}); do cat {f} >/dev/null || exit 1; done"
# The beginning of what runs in a guest; with a file to work on
HEAD = r'''
import fcntl, mmap, os, sys, time
f = sys.argv[1]
def say(x):
    open("/tmp/lk." + x, "w").close()
def until(x):
    while not os.path.exists("/tmp/lk." + x):
        time.sleep(0.05)
def delegated():
    """A local open; script() has seen to the delegation."""
    return os.open(f, os.O_RDWR)
'''


def ops(b, guest):
    """Calls by operation, as of now."""
    out = b.run(guest, "grep -A5 'with fstype penstock' /proc/self/mountstats")
    line = re.search(r"with fstype penstock.*?\n\tops:(.*)", out, re.S).group(1).split("\n")[0]
    return {k: int(v) for k, v in (x.split("=") for x in line.split())}


def calls(b, guest, cmd, timeout=120):
    """Run cmd; the calls that were made meanwhile, by operation."""
    before = ops(b, guest)
    b.run(guest, cmd, timeout=timeout)
    b.sleep(0.5)            # CLOSE is not waited for
    after = ops(b, guest)
    found = {k: v - before.get(k, 0) for k, v in after.items() if v != before.get(k, 0)}
    found.pop("sequence", None)         # lease renewal
    if b.paths:                         # which go and come
        found.pop("exchange_id", None)
        found.pop("bind_conn_to_session", None)
    b.say(f"calls: {found}")
    return found


def held(b, guest):
    return counter(b, guest, "delegs")


def python(b, guest, f, code, timeout=120):
    return b.run(guest, f"python3 - {f} <<'END'\n{HEAD}\n{code}\nEND", timeout=timeout)


def script(t, guest, code, timeout=300):
    """The same, aside."""
    if "delegated()" in code:
        open_locally(t, guest)
    t.b.run(guest, f"cat >/tmp/deleg.py <<'END'\n{HEAD}\n{code}\nEND")
    return t.b.start(guest, f"exec python3 /tmp/deleg.py {t.f}", timeout)


def server_delegs(b):
    return int(b.run(b.node1, "cat /proc/fs/nfsd/clients/*/states 2>/dev/null | grep -c 'type: deleg'; true"))


def get(t, guest, opens):
    """Open until there is a delegation. knfsd gives none for a minute after a conflict, and
    remembers by hashes which files had one: now and then another file's looks like ours."""
    before = held(t.b, guest)
    for _ in range(15):
        t.b.run(guest, opens)
        if held(t.b, guest) > before:
            break
        t.b.sleep(5)
    t.b.eq(held(t.b, guest) - before, 1, "delegations")


def get_read(t, guest=None):
    """Have a client get a read delegation of the file."""
    get(t, guest or t.b.client, READER.format(n=2, f=t.f))


def get_write(t, guest=None):
    get(t, guest or t.b.client, f": <>{t.f}; : <>{t.f}")


def open_locally(t, guest):
    """Until an open for writing needs no server, whichever brought the delegation; see get()."""
    for n in range(18):
        before = counter(t.b, guest, "local_opens")
        t.b.run(guest, f": <>{t.f}")
        if counter(t.b, guest, "local_opens") > before:
            return
        t.b.sleep(5 if n > 2 else 0)
    t.b.fail("no write delegation")


def wait_held(b, guest, wanted, seconds=30):
    for _ in range(seconds * 5):
        if held(b, guest) == wanted:
            return
        b.sleep(0.2)
    b.fail(f"{held(b, guest)} delegations held, wanted {wanted}")


def no_delays(b, before):
    b.eq(counter(b, b.client, "delays") - before, 0, "NFS4ERR_DELAY")


# -- served here -------------------------------------------------------------

#: fs=penstock
def t_opens_for_reading(b):
    """From the second open on, open, read and close need no server."""
    t = Two(b, delegations=True)
    found = calls(b, b.client, READER.format(n=100, f=t.f))
    if found.get("open", 0) > 2 or sum(found.values()) > 8:
        b.fail(f"calls for 100 times open, read, close: {found}")
    b.eq(held(b, b.client), 1)
    b.eq(counter(b, b.client, "local_opens") >= 98, True)


#: fs=penstock
def t_opens_for_writing(b):
    """The same for a file that is written, and what is read back is right."""
    t = Two(b, delegations=True)
    get_write(t)
    found = calls(b, b.client, f"for i in $(seq 1000 1050); do echo $i 1<>{t.f} && test $(cat {t.f}) = $i || exit 1; done")
    # cat's stat asks for what a write has made of the file if it has been sent by then
    if found.get("open", 0) or found.get("close", 0) or found.get("getattr", 0) > 55:
        b.fail(f"calls: {found}")
    b.eq(b.run(b.node2, f"cat {t.f}"), "1050\n")


#: fs=penstock more alone
def t_used_once_costs_nothing(b):
    """Files that are written, read or removed once: not a call more than without delegations."""
    t = Two(b, delegations=True)
    found = calls(b, b.client, f"cd {t.d}; for i in $(seq 50); do echo $i >n$i; done; rm n*")
    b.eq({k: v for k, v in found.items() if k in ("open", "close", "write", "remove", "delegreturn")},
         {"open": 50, "close": 50, "write": 50, "remove": 50})
    b.run(b.node2, f"cd {t.d}; for i in $(seq 50); do echo $i >n$i; done")
    found = calls(b, b.client, f"cat {t.d}/n* >/dev/null")
    b.eq({k: v for k, v in found.items() if k in ("open", "close", "delegreturn")}, {"open": 50, "close": 50})
    b.eq(held(b, b.client), 0)


#: fs=penstock more
def t_given_up_with_the_name(b):
    """Removing delegated files takes one call each."""
    t = Two(b, delegations=True)
    b.run(b.client, f"cd {t.d}; for i in $(seq 20); do echo $i >n$i; done; cat n* n* n* >/dev/null")
    b.eq(held(b, b.client), 20)
    before = counter(b, b.client, "delays")
    found = calls(b, b.client, f"rm {t.d}/n*")
    b.eq(found.get("remove"), 20)
    b.eq(found.get("delegreturn", 0), 0)
    b.eq(held(b, b.client), 0)
    b.eq(server_delegs(b), 0)
    no_delays(b, before)


#: fs=penstock more
def t_own_operations(b):
    """chmod, truncate, rename, link, unlink and writing of delegated files: at once, and no
    NFS4ERR_DELAY."""
    t = Two(b, delegations=True)
    before, given = counters(b, b.client, "delays", "delegations")
    things = ("chmod 640 f", "truncate -s 5 f", "truncate -s 0 f", "touch -d 2001-01-01 f", "mv f f2; mv f2 f",
              "ln f f2; rm f2", "echo x >o; mv o f", "echo more >>f", "echo other >f", "rm f")
    for get in ("cat f; cat f", ": <>f; : <>f"):
        b.run(b.client, f"set -e; cd {t.d}; " +
              "; ".join(f"rm -f f; echo 0123456789 >f; {get}; {x}" for x in things))
    b.eq(counter(b, b.client, "delegations") - given, 20)
    no_delays(b, before)


#: fs=penstock more
def t_permission(b):
    """A delegation is no way around permission."""
    t = Two(b, delegations=True)
    b.run(b.client, f"echo secret >{t.f}; chmod 600 {t.f}; chmod 755 {t.d}")
    get_read(t)
    b.run(b.client, f"cat {t.f}; ! su -s /bin/sh nobody -c 'cat {t.f}' && chmod 644 {t.f} && "
                    f"su -s /bin/sh nobody -c 'cat {t.f} && cat {t.f}' && chmod 600 {t.f} && "
                    f"! su -s /bin/sh nobody -c 'cat {t.f}'")


#: fs=penstock more
def t_name_of_another_file(b):
    """The other client puts another file in the place of one that we hold."""
    t = Two(b, delegations=True)
    get_read(t)
    b.run(b.node2, f"echo other >{t.d}/o; mv {t.d}/o {t.f}")
    b.eq(b.run(b.client, f"cat {t.f}"), "other\n")
    get_write(t)
    b.run(b.node2, f"rm {t.f}")
    b.run(b.client, f"! cat {t.f}")


# -- recalled ----------------------------------------------------------------

#: fs=penstock
def t_recall_by_a_writer(b):
    """The other client writes: we give it back, and see what was written."""
    t = Two(b, delegations=True)
    get_read(t)
    recalls = counter(b, b.client, "deleg_recalls")
    b.within(5, b.node2, f"echo theirs >{t.f}", "a recall of what nobody uses")
    b.eq(b.run(b.client, f"cat {t.f}"), "theirs\n")
    b.eq(counter(b, b.client, "deleg_recalls") - recalls, 1)
    wait_held(b, b.client, 0)
    b.eq(server_delegs(b), 0)


#: fs=penstock
def t_recall_finds_dirty_data(b):
    """What was written here, the file being closed or open, the other client reads."""
    t = Two(b, delegations=True)
    get_write(t)
    b.run(b.client, f"printf 'closed with dirty data' 1<>{t.f}")
    b.eq(b.run(b.node2, f"cat {t.f}"), "closed with dirty data")
    b.run(b.client, f"rm {t.f}; echo >{t.f}")
    job = script(t, b.client, """
fd = delegated()
os.pwrite(fd, b"still open", 0)
say("1"); until("2")
os.pwrite(fd, b"STILL", 0)
os.fsync(fd)
print(os.pread(fd, 100, 0).decode())""")
    t.saw(b.client, "1")
    b.eq(b.run(b.node2, f"cat {t.f}"), "still open")
    t.say(b.client, "2")
    b.eq(b.finish(job, 60).out, "STILL open\n")
    b.eq(b.run(b.node2, f"cat {t.f}"), "STILL open")


#: fs=penstock timeout=200
def t_recall_while_writing(b):
    """In the midst of writes through a descriptor and a mapping: nothing is lost or torn."""
    t = Two(b, delegations=True)
    b.run(b.client, f"head -c 4m /dev/zero >{t.f}")
    job = script(t, b.client, """
fd = delegated()
m = mmap.mmap(fd, 4 << 20)
n = 0
say("1")
while n < 3000 and not os.path.exists("/tmp/lk.2"):
    n += 1
    os.pwrite(fd, b"%08d" % n, (n % 500) * 4096)
    m[(2 << 20) + (n % 500) * 4096:][:8]
    at = (2 << 20) + (n % 500) * 4096
    m[at:at + 8] = b"%08d" % n
m.flush()
os.fsync(fd)
print(n)""")
    t.saw(b.client, "1")
    b.sleep(1)
    for _ in range(3):
        b.run(b.node2, f"md5sum {t.f}", timeout=60)
    t.say(b.client, "2")
    n = int(b.finish(job, 100).out)
    python(b, b.node2, t.f, f"""
data = open(f, "rb").read()
n = {n}
for i in range(max(1, n - 499), n + 1):
    for at in ((i % 500) * 4096, (2 << 20) + (i % 500) * 4096):
        assert data[at:at + 8] == b"%08d" % i, (i, at, data[at:at + 8])""")


#: fs=penstock more
def t_recall_of_a_killed_opener(b):
    """Whoever had it open and dirty was killed."""
    t = Two(b, delegations=True)
    job = script(t, b.client, """
fd = delegated()
os.pwrite(fd, b"last words", 0)
say("1"); until("never")""")
    t.saw(b.client, "1")
    b.run(b.client, "pkill -9 -f '[d]eleg.py'")
    b.finish(job, 60, ok=False)
    b.eq(b.run(b.node2, f"cat {t.f}"), "last words")
    b.run(b.node2, f"echo theirs >{t.f}")
    b.eq(b.run(b.client, f"cat {t.f}"), "theirs\n")
    b.eq(server_delegs(b), 0)


#: fs=penstock timeout=200 more
def t_recall_of_many(b):
    """Many files at once, some with dirty data."""
    t = Two(b, delegations=True)
    b.run(b.client, f"cd {t.d}; for i in $(seq 40); do echo $i >n$i; done; cat n* n* >/dev/null")
    b.run(b.client, f"cd {t.d}; for i in $(seq 5); do : <>n$i; : <>n$i; echo dirty 1<>n$i; done")
    before = counter(b, b.client, "deleg_recalls")
    b.run(b.node2, f"cd {t.d}; for i in $(seq 40); do echo x$i >n$i; done", timeout=100)
    b.eq(b.run(b.client, f"cd {t.d}; cat n7 n40"), "x7\nx40\n")
    if not b.paths:     # which may die with what the server asks, and its lease time is short here
        b.eq(counter(b, b.client, "deleg_recalls") - before, 40)


@contextlib.contextmanager
def lease(b, seconds):
    """The server has another lease time meanwhile."""
    node = "/penstock/guest/node stop; LEASE={} /penstock/guest/node start"
    with b.between(b.node1, node.format(seconds), node.format("")):
        yield


#: fs=penstock timeout=400 more alone
def t_recall_beside_a_dead_path(b):
    """The server learns from nobody that a path of ours is dead, and asks us by that one first.
    Its lease time is one that we notice within."""
    with lease(b, 60):
        b.mount("node1,node1-rail2:/export", "/mnt/a")
        b.mount("node1:/export", "/mnt/a", guest=b.node2)
        d = b.dir()
        for rail in (2, 1, 2, 1):
            _until(b, "two live paths", lambda: len(_live(b)) == 2)
            b.run(b.client, f"cd {d}; rm -f *; for i in $(seq 9); do echo $i >{rail}$i; done; cat * * >/dev/null; sleep 1")
            recalls, delegations = counters(b, b.client, "deleg_recalls", "delegs")
            b.eq(delegations >= 5, True, "delegations")
            with b.between(b.client, *hole([rail])):
                b.run(b.node2, f"for i in $(seq 9); do echo x >{d}/{rail}$i; done", timeout=100)
            b.eq(counters(b, b.client, "deleg_recalls", "delegs_lost"), [recalls + delegations, 0])


#: fs=penstock timeout=200 more alone
def t_recall_without_a_network(b):
    """The client hears of the recall only when it is back; it is answered then."""
    t = Two(b, delegations=True)
    get_write(t)
    b.run(b.client, f"printf ours 1<>{t.f}; sync")
    for rail in (1, 2):
        b.client.link(rail, False)
    job = b.start(b.node2, f"cat {t.f}; echo theirs >{t.f}")
    b.sleep(3)
    for rail in (1, 2):
        b.client.link(rail, True)
    b.eq(b.finish(job, 60).out, "ours")
    b.eq(b.run(b.client, f"cat {t.f}", timeout=90), "theirs\n")
    b.eq(counter(b, b.client, "lost"), 0)


#: fs=penstock alone
def t_getattr_of_dirty_file(b):
    """The other client asks for the size of a file that we have grown."""
    t = Two(b, delegations=True)
    job = script(t, b.client, """
fd = delegated()
os.pwrite(fd, bytes(300000), 0)
say("1"); until("2")
os.fsync(fd)""")
    t.saw(b.client, "1")
    before = counter(b, b.client, "callbacks")
    b.eq(b.run(b.node2, f"stat -c %s {t.f}").strip(), "300000")
    b.eq(counter(b, b.client, "callbacks") > before, True, "the server has asked")
    t.say(b.client, "2")
    b.finish(job, 60)


# -- locks -------------------------------------------------------------------

#: fs=penstock timeout=200
def t_locks_here(b):
    """Locks under a write delegation need no server; the other client meets them all the same."""
    t = Two(b, delegations=True)
    get_write(t)
    found = calls(b, b.client, t.cmd("open:rw", *["lock:ex:0:0", "lock:sh:5:5", "flock:ex", "test:ex:0:0",
                                                  "lock:un:0:0", "flock:ex", "flock:un"] * 10).replace("exec ", ""))
    b.eq({k: v for k, v in found.items() if k.startswith("lock")}, {})
    job = t.holds(b.client, "open:rw", "lock:ex:0:10", "lock:sh:20:10", "ofd:ex:40:0")
    b.eq(server_locks(b, path(t)), [])
    b.eq(t.do(b.client, "open:rw", "lock:ex:0:5", "test:sh:42:1", "lock:sh:25:1"),
         ["lock=EAGAIN", "test=ex/40/0", "lock=OK"], "among ourselves")
    b.eq(t.do(b.node2, "open:rw", "lock:ex:0:5", "lock:sh:25:1", "lock:ex:25:1", "lock:sh:50:1", "lock:ex:12:2"),
         ["lock=EAGAIN", "lock=OK", "lock=EAGAIN", "lock=EAGAIN", "lock=OK"], "the other client")
    b.eq(len(server_locks(b, path(t))), 3)
    b.eq(t.let_go(b.client, job), ["lock=OK", "lock=OK", "ofd=OK"])
    b.eq(server_locks(b, path(t)), [])


#: fs=penstock timeout=200 more
def t_lock_data(b):
    """Data written under a lock that the server never saw."""
    t = Two(b, delegations=True)
    get_write(t)
    job = t.holds(b.client, "open:rw", "wait:ex:0:0", "write:A", "lock:un:0:0", "wait:ex:0:0", "write:B")
    waiter = t.start(b.node2, "open:rw", "say:w", "wait:ex:0:0", "read", "write:C", "lock:un:0:0")
    t.saw(b.node2, "w")
    b.sleep(1)
    b.eq(waiter.done(), False, "the waiter waits")
    t.let_go(b.client, job)
    b.eq(b.finish(waiter, 60).out.split(), ["wait=OK", "read=B", "write=OK", "lock=OK"])
    b.eq(t.do(b.client, "open:rw", "wait:ex:0:0", "read"), ["wait=OK", "read=C"])


#: fs=penstock timeout=200
def t_lock_waiters_here(b):
    """Processes of one client wait for each other's local locks."""
    t = Two(b, delegations=True)
    get_write(t)
    for kind in ("lock:ex:0:0", "flock:ex"):
        b.run(b.client, "rm -f /tmp/lk.*")
        job = t.holds(b.client, "open:rw", kind)
        waiters = [t.start(b.client, "open:rw", w) for w in ("wait:ex:0:0", "waitflock:ex")]
        b.sleep(1)
        b.eq([w.done() for w in waiters], [False, False])
        t.let_go(b.client, job)
        b.eq(sorted(b.finish(w, 60).out.strip() for w in waiters), ["wait=OK", "waitflock=OK"])
    b.eq(held(b, b.client), 1)


#: fs=penstock more
def t_lock_under_a_read_delegation(b):
    """It has to be the server's: the open is told to it first."""
    t = Two(b, delegations=True)
    get_read(t)
    job = t.holds(b.client, "open:r", "lock:sh:0:0")
    b.eq([x[0] for x in server_locks(b, path(t))], ["READ"])
    b.eq(t.do(b.node2, "open:rw", "lock:ex:0:0", "lock:sh:0:0"), ["lock=EAGAIN", "lock=OK"])
    b.eq(t.let_go(b.client, job), ["lock=OK"])


# -- given back --------------------------------------------------------------

def _many(b, t, n=20):
    b.run(b.client, f"cd {t.d}; for i in $(seq {n}); do echo $i >n$i; done; cat n* n* >/dev/null")
    b.eq(held(b, b.client), n)


#: fs=penstock more
def t_server_is_short_of_memory(b):
    """CB_RECALL_ANY: what is not in use goes back."""
    t = Two(b, delegations=True)
    _many(b, t)
    job = script(t, b.client, f"x = open('{t.d}/n3'); say('1'); until('2'); print(x.read())")
    t.saw(b.client, "1")
    b.run(b.node1, "echo 2 >/proc/sys/vm/drop_caches")
    wait_held(b, b.client, 1)
    t.say(b.client, "2")
    b.eq(b.finish(job, 60).out, "3\n\n")


#: fs=penstock more
def t_client_is_short_of_memory(b):
    """The shrinker: the same."""
    t = Two(b, delegations=True)
    _many(b, t)
    b.run(b.client, "echo 2 >/proc/sys/vm/drop_caches")
    wait_held(b, b.client, 0)
    b.eq(b.run(b.client, f"cat {t.d}/n3"), "3\n")


#: fs=penstock timeout=300 more
def t_unused(b):
    """What nobody has used for a minute goes back; what is used stays."""
    t = Two(b, delegations=True)
    _many(b, t)
    b.run(b.client, f"for i in $(seq 80); do cat {t.d}/n3 >/dev/null; sleep 1; done", timeout=200)
    b.eq(held(b, b.client), 1)
    b.eq(server_delegs(b), 1)


#: fs=penstock more
def t_unmount(b):
    """Nothing is left at the server, and what was dirty is there."""
    t = Two(b, delegations=True)
    _many(b, t)
    get_write(t)
    b.run(b.client, f"printf 'dirty at unmount' 1<>{t.f}")
    b.umount()
    b.eq(server_delegs(b), 0)
    b.eq(b.run(b.node1, f"cat /export/{path(t)}"), "dirty at unmount")


# -- lost --------------------------------------------------------------------

#: fs=penstock timeout=300 alone
def t_server_restart(b):
    """Delegations are reclaimed, and what lives by them goes on: opens, locks, dirty data."""
    t = Two(b, delegations=True)
    get_write(t)
    b.run(b.client, f"echo read >{t.d}/r; cat {t.d}/r; cat {t.d}/r; cat {t.d}/r")
    b.run(b.client, f"printf unread 1<>{t.f}")
    job = t.holds(b.client, "open:rw", "lock:ex:0:10", "write:before", after=("write:after", "fsync", "read"))
    b.eq(server_locks(b, path(t)), [])
    b.reboot(b.node1)
    b.wait(b.node1)
    b.run(b.client, f"ls {t.d}", timeout=120)
    b.eq(counters(b, b.client, "deleg_reclaims", "delegs_lost", "lost"), [2, 0, 0])
    b.eq(t.do(b.node2, "open:rw", "lock:ex:0:5", "read"), ["lock=EAGAIN", "read=before"])
    b.eq(t.let_go(b.client, job), ["lock=OK", "write=OK", "write=OK", "fsync=OK", "read=aftere"])
    b.eq(b.run(b.node2, f"cat {t.f} {t.d}/r"), "aftereread\n")


#: fs=penstock timeout=300 more alone
def t_lease_expired(b):
    """Silent for longer than the lease while another client took the file: what was not
    written is dropped with EIO, and theirs stays."""
    t = Two(b, delegations=True)
    b.run(b.client, f"echo r >{t.d}/r; cat {t.d}/r; cat {t.d}/r")
    # nothing is to be written back by itself half a minute after the file was first written to
    b.undo.callback(b.run, b.client, "echo 500 >/proc/sys/vm/dirty_writeback_centisecs")
    b.run(b.client, "echo 0 >/proc/sys/vm/dirty_writeback_centisecs")
    job = script(t, b.client, """
fd = delegated()
os.pwrite(fd, b"written", 0)
os.fsync(fd)
say("1"); until("2")
os.pwrite(fd, b"never seen", 0)
say("3"); until("4")
try:
    os.fsync(fd)
    print("fsync OK")
except OSError as e:
    print("fsync", e.errno)
print(open(f).read())""")
    t.saw(b.client, "1")
    # before the silence: a lease that may be over lets nobody write
    t.say(b.client, "2")
    t.saw(b.client, "3")
    for rail in (1, 2):
        b.client.link(rail, False)
    try:
        b.sleep(22)
        b.eq(b.run(b.node2, f"cat {t.f}; printf theirs... >{t.f}; sync {t.f}", timeout=90), "written")
    finally:
        for rail in (1, 2):
            b.client.link(rail, True)
    b.run(b.client, f"ls {t.d}; cat {t.d}/r", timeout=120)
    t.say(b.client, "4")
    b.eq(b.finish(job, 100).out, "fsync 5\ntheirs...\n")
    b.eq(b.run(b.node2, f"cat {t.f}"), "theirs...")
    b.eq(counter(b, b.client, "delegs_lost") >= 1, True)


#: fs=penstock timeout=200
def t_revoked(b):
    """The administrator takes all state away; nobody else was there: nothing is lost but locks."""
    t = Two(b, delegations=True)
    job = script(t, b.client, """
fd = delegated()
os.pwrite(fd, b"before", 0)
os.fsync(fd)
os.stat(f)              # the version that this has made is known
say("1"); until("2")
os.pwrite(fd, b"behind", 0)
os.fsync(fd)
print(os.pread(fd, 100, 0).decode())""")
    t.saw(b.client, "1")
    b.run(b.node1, "echo /export >/proc/fs/nfsd/unlock_filesystem")
    t.say(b.client, "2")
    b.eq(b.finish(job, 90).out, "behind\n")
    wait_held(b, b.client, 0)
    b.eq(b.run(b.node2, f"cat {t.f}"), "behind")
    b.eq(server_delegs(b), 0)
