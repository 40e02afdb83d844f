# SPDX-License-Identifier: GPL-2.0
"""Kerberos mounts: node1 serves, node2 is the KDC, see tests/guest/krb5.

Every case mounts with sec=, so that it knows what it looks at; a client of its
own per flavour is made and goes with the mount."""

import contextlib
import itertools
import time

import cluster_rdma as rdma
import cluster_tls as tls
from bed.host import patience

KRB5 = "/penstock/guest/krb5"
SECRET = "a-sentence-that-nobody-else-may-read"
VERIFY = ("fio --name=v --directory={d} --size=16m --rw=randrw --bs=64k --ioengine=libaio --iodepth=8 "
          "--direct={direct} --verify=crc32c --do_verify=1 --verify_fatal=1 --verify_state_save=0 --minimal")
FORGET = "date +%s -d '+10 seconds' >/proc/net/rpc/auth.rpcsec.context/flush"


@contextlib.contextmanager
def _realm(b):
    """A realm, keys of server and client; tickets and daemons go at the end."""
    for guest in (b.client, b.node1, b.node2):
        b.run(guest, f"{KRB5} conf 10.1.0.12")
    b.undo.callback(b.run, b.node2, f"{KRB5} off")
    b.undo.callback(b.run, b.node1, f"{KRB5} off; . /penstock/guest/env; exportfs -ra")
    b.undo.callback(b.run, b.client, "rm -f /tmp/krb5cc_* /etc/krb5.keytab")
    b.run(b.node2, f"{KRB5} kdc", timeout=120)
    for guest, principal in ((b.node1, "nfs/node1"), (b.client, "host/client")):
        keys = b.run(b.node2, f"{KRB5} keytab {principal}", timeout=60).strip()
        b.run(guest, f"echo '{keys.split()[-1]}' | {KRB5} keys")
    b.run(b.node1, f"{KRB5} server")
    yield
    b.close()


def _mount(b, sec, options="", where="/mnt/a", proto="tcp", **more):
    b.mount("node1:/export", where, f"sec={sec},proto={proto}{options}", proto="", **more)
    b.run(b.client, f"grep ' {where} penstock .*,sec={sec},' /proc/mounts")
    d = b.dir(where)
    b.run(b.client, f"chmod 1777 {d}")
    return d


def _as(user, cmd):
    return f"setpriv --reuid {user} --regid {user} --clear-groups sh -c '{cmd}'"


def _carry(b, sec):
    """Data there and back, buffered and direct, names and long listings."""
    with _realm(b):
        _work(b, _mount(b, sec))


def _work(b, d):
    b.run(b.client, VERIFY.format(d=d, direct=1), timeout=200)
    b.run(b.client, f"""cd {d} && seq 200000 >f && sync f && echo 3 >/proc/sys/vm/drop_caches &&
        seq 200000 | cmp - f && mkdir -p e && touch e/$(seq -s ' e/' 500) && ls e | wc -l | grep -qx 500 &&
        printf abc >odd && echo 3 >/proc/sys/vm/drop_caches && [ "$(cat odd)" = abc ]""", timeout=200)


#: fs=penstock proto=tcp more
def t_krb5(b):
    _carry(b, "krb5")


#: fs=penstock proto=tcp more
def t_krb5i(b):
    _carry(b, "krb5i")


#: fs=penstock proto=tcp
def t_krb5p(b):
    _carry(b, "krb5p")


def _rdma_counters(b):
    """Of the mount's path and its connection, which begin at none with each new one."""
    out = b.run(b.client, "awk '$1 == \"device\" { mine = $5 == \"/mnt/a\" } mine && /path: rdma .*state=LIVE/' "
                "/proc/self/mountstats | grep -oE '(rdma_in|rdma_out|bounced_gss|long_calls|reply_chunks|reconnects|resends)=[0-9]+'")
    return {k: int(v) for k, v in (pair.split("=") for pair in out.split())}


def _rdma_work(b, d):
    """The counters after the work; a connection that a busy machine ends meanwhile gets one more chance."""
    for _ in range(2):
        before = _rdma_counters(b)
        _work(b, d)
        after = _rdma_counters(b)
        if after["reconnects"] == before["reconnects"]:
            break
        b.run(b.client, "dmesg | tail -5")
    return after


#: fs=penstock timeout=600 more
def t_over_rdma(b):
    """What is protected goes in one piece each way, through pages that are not the caller's."""
    with rdma.all_ends(b), _realm(b):
        for sec in ("krb5", "krb5i", "krb5p"):
            d = _mount(b, sec, proto="rdma")
            b.run(b.client, f"""for size in 12345 12346 12347 12348; do     # each way to pad a message
                head -c $size /dev/urandom >/tmp/odd; cp /tmp/odd {d}/odd; sync {d}/odd
                echo 3 >/proc/sys/vm/drop_caches; cmp /tmp/odd {d}/odd || exit 1; done""")
            n = _rdma_work(b, d)
            placed = min(n["rdma_in"], n["rdma_out"]) > 6 << 20
            whole = min(n["long_calls"], n["reply_chunks"]) > 50 and n["bounced_gss"] > 6 << 20
            if not placed or whole != (sec != "krb5"):
                b.fail(f"{sec}: {n}")
            b.umount()
        said = b.mount(options="sec=krb5p,gpudirect=require", proto="rdma", ok=False)
        if not said.rc or "the CPU reads all data" not in said.out:
            b.fail(f"device memory with krb5p: {said.rc}: {said.out}")


def _on_the_wire(b, sec):
    """How often the capture of a file's way to the server and back shows it."""
    d = _mount(b, sec, where=f"/mnt/{sec}")
    b.run(b.client, f"""rm -f /tmp/wire; tcpdump -i any -s 0 -U -w /tmp/wire tcp port 2049 2>/tmp/said & p=$!
        for i in $(seq 100); do grep -q listening /tmp/said && break; sleep 0.1; done
        yes {SECRET} | head -c 300000 >{d}/f; sync {d}/f; echo 3 >/proc/sys/vm/drop_caches; cat {d}/f >/dev/null
        mv {d}/f {d}/{SECRET}; sleep 1; kill $p; wait $p; test -s /tmp/wire""", timeout=90)
    return int(b.run(b.client, f"grep -a -c {SECRET} /tmp/wire || true"))


#: fs=penstock proto=tcp
def t_nothing_readable(b):
    """krb5p: neither data nor names; krb5 shows that the capture would have seen them."""
    with _realm(b):
        if not _on_the_wire(b, "krb5"):
            b.fail("the capture does not see what is in the clear")
        b.eq(_on_the_wire(b, "krb5p"), 0, "lines of clear text")


#: fs=penstock proto=tcp
def t_two_users(b):
    """Each user's own ticket counts, and nobody else's."""
    with _realm(b):
        d = _mount(b, "krb5i")
        b.run(b.client, f"{KRB5} login alice")
        b.run(b.client, _as("alice", f"echo hers >{d}/alice && chmod 600 {d}/alice"))
        b.eq(b.run(b.client, f"stat -c %u {d}/alice").strip(), "1001", "owner")
        said = b.try_run(b.client, _as("bob", f"touch {d}/bob"))
        if not said.rc or "Permission denied" not in said.out:
            b.fail(f"bob has no ticket: {said.out}")
        b.run(b.client, f"{KRB5} login bob")
        b.sleep(6)                  # a refusal is remembered for five seconds
        b.run(b.client, _as("bob", f"touch {d}/bob"))
        b.eq(b.run(b.client, f"stat -c %u {d}/bob").strip(), "1002", "owner")
        if not b.try_run(b.client, _as("bob", f"cat {d}/alice")).rc:
            b.fail("bob reads what is alice's")


#: fs=penstock proto=tcp
def t_server_forgets(b):
    """The server loses all contexts while data is written: nobody notices."""
    with _realm(b):
        d = _mount(b, "krb5p")
        job = b.start(b.client, VERIFY.format(d=d, direct=0))
        for _ in range(3):
            b.sleep(1)
            b.run(b.node1, FORGET)
        b.finish(job, 200)


#: fs=penstock proto=tcp more
def t_no_keytab(b):
    """No key of this host: the mount fails, soon, and in words."""
    with _realm(b):
        b.run(b.client, "rm /etc/krb5.keytab")
        said = b.within(30, b.client, "mkdir -p /mnt/a; mount -t penstock -o sec=krb5,proto=tcp,retry=0 "
                        "node1:/export /mnt/a", "the mount")
        if not said.rc or "Permission denied" not in said.out and "let this host in" not in said.out:
            b.fail(f"rc {said.rc}: {said.out}")


def _not_let_in(b, options, words, where="/mnt/a"):
    """A mount that fails soon, with EACCES and in words, and leaves nothing."""
    b.run(b.client, "dmesg -C >/dev/null")
    said = b.within(40, b.client, f"mkdir -p {where}; mount -t penstock -o {options},proto=tcp,retry=0 "
                    f"node1:/export {where}", "the mount")
    if not said.rc or "Permission denied" not in said.out and "let this host in" not in said.out:
        b.fail(f"rc {said.rc}: {said.out}")
    b.run(b.client, f"dmesg | grep 'no Kerberos context' | grep '{words}'; ! mountpoint -q {where}")


#: fs=penstock proto=tcp long
def t_wrong_realm(b):
    """The server is of a realm that the KDC knows nothing of."""
    with _realm(b):
        b.run(b.client, "printf '[domain_realm]\n\tnode1 = OTHER.TEST\n' >>/etc/krb5.conf")
        _not_let_in(b, "sec=krb5", "refuses it")


def _turn_clock(b, guest, seconds):
    b.run(guest, f"date -s @$(($(date +%s) + {seconds}))")


#: fs=penstock proto=tcp long
def t_skewed_clock(b):
    """The server's clock is an hour ahead: refused in words; set right: mounted."""
    with _realm(b):
        with contextlib.ExitStack() as back:
            _turn_clock(b, b.node1, 3600)
            back.callback(_turn_clock, b, b.node1, -3600)
            _not_let_in(b, "sec=krb5", "refuses it")
        d = _mount(b, "krb5")
        b.run(b.client, f"echo right >{d}/f && sync {d}/f")


def _export_small(b, sec):
    """With these flavours alone: else exportfs adds them to those in /etc/exports."""
    b.run(b.node1, "exportfs -u '*:/small'; exportfs -i -o rw,no_root_squash,sync,no_subtree_check,insecure,fsid=74,"
                   f"sec={sec} '*:/small' && exportfs -s | grep -w /small")
    b.undo.callback(b.run, b.node1, "exportfs -u '*:/small'")


#: fs=penstock proto=tcp long
def t_flavour_of_the_server(b):
    """Without sec= the first flavour that the export takes; with sec= that one or none."""
    with _realm(b):
        _export_small(b, "krb5i:krb5")
        for sec in ("sys", "krb5p"):
            said = b.mount("node1:/small", options=f"sec={sec},proto=tcp", proto="", ok=False)
            if not said.rc or "krb5i:krb5" not in said.out:
                b.fail(f"sec={sec}: rc {said.rc}: {said.out}")
        b.run(b.client, "dmesg -C >/dev/null")
        b.mount("node1:/small", options="proto=tcp", proto="")
        b.run(b.client, "grep ' /mnt/a penstock .*,sec=krb5i,' /proc/mounts; dmesg | grep 'using sec=krb5i'")
        d = b.dir()
        b.run(b.client, f"head -c 300000 /dev/zero >{d}/f && sync {d}/f && echo 3 >/proc/sys/vm/drop_caches && "
                        f"head -c 300000 /dev/zero | cmp - {d}/f")
        copied = b.run(b.client, "grep -o 'bounced_gss=[0-9]*' /proc/self/mountstats").split()
        if sum(int(c.split("=")[1]) for c in copied) < 300000:
            b.fail(f"krb5i has read 300000 bytes and copied {copied}")


# A box in the middle: passes all on, and changes one byte of some larger answers.
MIDDLE = r"""
import asyncio, sys
flip = 0
async def pump(r, w, change):
    global flip
    while data := await r.read(1 << 16):
        if change and len(data) > 8000:
            flip += 1
            if flip % 151 == 0:
                data = bytearray(data)
                data[len(data) // 2] ^= 1
                print("flipped", flush=True)
        w.write(data)
        await w.drain()
    w.close()
async def one(r, w):
    r2, w2 = await asyncio.open_connection("10.1.0.11", 2049)
    await asyncio.gather(pump(r, w2, False), pump(r2, w, True), return_exceptions=True)
async def main():
    await (await asyncio.start_server(one, "0.0.0.0", 2050)).serve_forever()
asyncio.run(main())
"""


def _tampered(b, sec):
    with _realm(b):
        b.run(b.node2, f"cat >/tmp/middle.py <<'END'\n{MIDDLE}\nEND")
        job = b.start(b.node2, "python3 /tmp/middle.py")
        b.undo.callback(b.run, b.node2, "pkill -f '[/]tmp/middle.py' || true")
        b.run(b.node2, "for i in $(seq 50); do ss -ltn | grep -q :2050 && exit 0; sleep 0.2; done; exit 1")
        b.run(b.client, "mkdir -p /mnt/a && mount -i -t penstock -o "
                        f"addr=10.1.0.12,port=2050,sec={sec},proto=tcp node1:/export /mnt/a")
        b.undo.callback(b._umount, b.client, "/mnt/a")
        d = b.dir()
        b.run(b.client, "dmesg -C >/dev/null")
        b.run(b.client, f"""seq 1000000 >{d}/f && sync {d}/f && for i in 1 2 3 4 5; do
            echo 3 >/proc/sys/vm/drop_caches; seq 1000000 | cmp - {d}/f || exit 1; done""", timeout=240)
        if "flipped" not in job.text():
            b.fail("nothing was changed on the way")
        b.run(b.client, "dmesg | grep 'wrong checksum'")


#: fs=penstock proto=tcp long
def t_tampered_krb5i(b):
    """Changed answers are noticed and asked for again: no wrong byte."""
    _tampered(b, "krb5i")


#: fs=penstock proto=tcp long
def t_tampered_krb5p(b):
    _tampered(b, "krb5p")


# Written while the ticket is no longer good.
LATE = """
import os, sys, time
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
time.sleep(45)
for what, call in (("written", lambda: os.write(fd, b"late")), ("synced", lambda: os.fsync(fd)),
                   ("closed", lambda: os.close(fd))):
    try:
        call()
        print(what, flush=True)
    except OSError as e:
        print(what, e, flush=True)
"""


#: fs=penstock proto=tcp long
def t_expired(b):
    """An expired ticket: EKEYEXPIRED for that user; what she wrote waits for a new one;
    others go on."""
    with _realm(b):
        d = _mount(b, "krb5")
        b.run(b.client, f"{KRB5} login alice -l 30s")
        b.run(b.client, _as("alice", f"echo early >{d}/early"))
        b.run(b.client, "cat >/tmp/late.py", stdin=LATE.encode())
        job = b.start(b.client, _as("alice", f"python3 /tmp/late.py {d}/late"))
        time.sleep(40)
        said = b.try_run(b.client, _as("alice", f"touch {d}/more"))
        if not said.rc or "expired" not in said.out:
            b.fail(f"rc {said.rc}: {said.out}")
        b.run(b.client, f"echo other >{d}/other && sync {d}/other")
        time.sleep(20)
        b.run(b.client, f"{KRB5} login alice")
        b.eq(b.finish(job, 60).out, "written\nsynced\nclosed\n")
        b.run(b.client, _as("alice", f"echo again >{d}/again"))
        b.run(b.node1, f"grep late /export/{d.rsplit('/', 1)[1]}/late")


def _states(b, name):
    """What the server holds of a file."""
    return b.run(b.node1, f"grep -h '/{name}\"' /proc/fs/nfsd/clients/*/states || true")


def _until(b, ready, seconds, what):
    end = time.monotonic() + seconds * patience()
    while not ready():
        if time.monotonic() > end:
            b.fail(f"not {what} after {seconds} s")
        time.sleep(0.5)


# Opened and locked with a ticket, closed without one.
LEFT = """
import fcntl, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.lockf(fd, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(40)
os.close(fd)
"""


#: fs=penstock proto=tcp long
def t_protected_left_behind(b):
    """What a user holds goes back to the server although her ticket is gone."""
    with _realm(b):
        d = _mount(b, "krb5i")
        b.run(b.client, "grep protected=machine /proc/self/mountstats")
        b.run(b.client, f"{KRB5} login alice -l 30s")
        b.run(b.client, "cat >/tmp/left.py", stdin=LEFT.encode())
        job = b.start(b.client, _as("alice", f"python3 /tmp/left.py {d}/left"))
        _until(b, lambda: "locked" in job.text(), 60, "locked")
        if "type:" not in _states(b, "left"):
            b.fail("the server knows of no open file")
        b.run(b.client, "rm -f /tmp/krb5cc_1001")
        b.finish(job, 120)
        # a delegation too, when the server wants it
        b.run(b.node1, f"echo >>/export/{d.rsplit('/', 1)[1]}/left")
        _until(b, lambda: "type:" not in _states(b, "left"), 30, "given back")


#: fs=penstock proto=tcp long
def t_protected_connections(b):
    """Connections and sessions of a protected client come and go under I/O."""
    with _realm(b):
        b.mount("node1,node1-rail2:/export", options="sec=krb5i,proto=tcp", proto="")
        d = b.dir()
        b.run(b.client, "grep protected=machine /proc/self/mountstats")
        job = b.start(b.client, VERIFY.format(d=d, direct=1) + " --loops=4")
        for dev in ("eth0", "eth1"):
            b.run(b.client, f"ip link set {dev} down; sleep 1; ip link set {dev} up; sleep 2")
        b.run(b.node1, "rpc.nfsd 0; sleep 1; rpc.nfsd -N 3 8", timeout=120)
        b.finish(job, 300)
        b.run(b.client, f"""for i in $(seq 60); do
            [ $(grep -c 'state=LIVE' /proc/self/mountstats) = 2 ] && break; sleep 1; done
            grep 'state=LIVE.*rail=eth1' /proc/self/mountstats; echo more >{d}/more && sync {d}/more""", timeout=120)


#: fs=penstock proto=tcp long
def t_tickets_and_keys_change(b):
    """Tickets of half a minute (longer where all takes longer, but some end meanwhile) and
    certificates are replaced every ten seconds under a user's fio, for five minutes."""
    login = f"{KRB5} login alice -l {int(30 * min(patience(), 4))}s"
    cred = ". /penstock/guest/env; /penstock/repo/build/$KERNEL/bin/penstock cred tls"
    with tls.both_ends(b), _realm(b):
        b.run(b.client, f"{cred} --cert {tls.D}/client.pem --key {tls.D}/client.key")
        b.mount("node1:/export", options="sec=krb5i,xprtsec=mtls,proto=tcp", proto="")
        b.run(b.client, "grep ' /mnt/a penstock .*,sec=krb5i,' /proc/mounts | grep ,xprtsec=mtls,")
        d = b.dir()
        b.run(b.client, f"chmod 1777 {d}; {login}")
        fio = b.start(b.client, _as("alice", tls.FIO.format(d=d) + " --time_based --runtime=300"), timeout=900)
        end = time.monotonic() + 300
        names = itertools.cycle(("client2", "client"))
        while time.monotonic() < end and not fio.done():
            name = next(names)
            b.run(b.client, login)
            b.run(b.client, f"{cred} --cert {tls.D}/{name}.pem --key {tls.D}/{name}.key --renew /mnt/a", timeout=120)
            time.sleep(10)
        b.finish(fio, 200)
        tls.secure(b, "mtls")


#: fs=penstock proto=tcp long
def t_kdc_down(b):
    """No KDC: who needs a ticket waits, killable; who has a context goes on."""
    with _realm(b):
        d = _mount(b, "krb5")
        b.run(b.client, f"{KRB5} login alice")
        b.run(b.node2, f"{KRB5} off")
        job = b.start(b.client, _as("alice", f"touch {d}/later"))
        b.sleep(5)
        b.run(b.client, f"echo now >{d}/now && sync {d}/now")
        if job.done():
            b.fail(f"alice did not wait: {job.text()}")
        b.run(b.node2, f"{KRB5} kdc")
        b.finish(job, 60)
