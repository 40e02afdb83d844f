# SPDX-License-Identifier: GPL-2.0
"""RPC-with-TLS: knfsd with tlshd, certificates of a CA of our own.

/small is exported for TLS alone (xprtsec=tls:mtls, or mtls), /export for all.
"""

import contextlib
import json
import time

D = "/penstock/out/tls"
TLS = "/penstock/guest/tls"
MARK = "penstock-in-the-clear-"
FIO = ("fio --name=v --directory={d} --size=8m --rw=randrw --bs=32k --ioengine=libaio --iodepth=8 "
       "--direct=1 --verify=crc32c --verify_fatal=1 --verify_state_save=0 --minimal")


@contextlib.contextmanager
def both_ends(b, server="node1", client="-", ca="ca", small="tls:mtls"):
    """tlshd on both sides."""
    try:
        b.run(b.client, f"test -e {D}/made || {TLS} certs {D}")
        b.run(b.node1, f"{TLS} up {D} {server}; exportfs -o rw,no_root_squash,sync,no_subtree_check,"
                       f"insecure,fsid=73,xprtsec={small} '*:/small'")
        b.run(b.client, f"{TLS} up {D} {client} {ca}; . /penstock/guest/env; "
                        "/penstock/repo/build/$KERNEL/bin/penstock cred drop; dmesg -C")
        yield
    finally:
        b.close()
        b.run(b.node1, f"{TLS} down; exportfs -ra")
        b.run(b.client, f"{TLS} down")


@contextlib.contextmanager
def unreadable(b, least, ports="tcp port 2049", seconds=200):
    """More than so many bytes pass meanwhile, and nobody reads MARK in them."""
    tap = b.start(b.client, f"timeout {seconds} tcpdump -i any -B 32768 -U -s0 -w /tmp/tap {ports} 2>/dev/null")
    b.run(b.client, "for i in $(seq 50); do test -s /tmp/tap && break; sleep 0.2; done")
    yield
    b.sleep(2)                  # what it has not read yet would be lost
    b.run(b.client, "pkill -x tcpdump; sleep 1; ls -l /tmp/tap; "
                    f"test $(stat -c %s /tmp/tap) -gt {least} && ! grep -aq {MARK} /tmp/tap && rm /tmp/tap", timeout=60)
    b.finish(tap, ok=False)


def _mount(b, source="node1:/small", options="xprtsec=tls", ok=True):
    return b.mount(source, options=options, ok=ok, proto="")


def secure(b, kind="tls", want=1):
    """Every path of the mount is live and protected."""
    deadline = time.monotonic() + 90
    while True:
        out = b.run(b.client, ". /penstock/guest/env; /penstock/repo/build/$KERNEL/bin/penstock "
                              "paths --json -i 0.01 /mnt/a")
        paths = [(p["state"], p["transport"], p["security"]) for p in json.loads(out)["paths"]]
        if paths == [("LIVE", "tcp", kind)] * want:
            break
        if time.monotonic() > deadline:
            b.fail(f"paths are {paths}")
        time.sleep(0.5)
    b.run(b.client, f"grep ' /mnt/a penstock .*,xprtsec={kind},' /proc/mounts")


def _refused(b, words, log, source="node1:/small", options="xprtsec=tls"):
    done = _mount(b, source, options, ok=False)
    if not done.rc or words not in done.out:
        b.fail(f"mount gave {done.rc}, without '{words}': {done.out}")
    if log:
        b.run(b.client, f"dmesg | grep '{log}'")


#: fs=penstock proto=tcp more
def t_encrypted(b):
    """With tls nothing can be read on the wire, and without it the server says no."""
    with both_ends(b), unreadable(b, 1000000):
        _refused(b, "xprtsec=", None, options="")
        _mount(b)
        secure(b)
        b.run(b.client, f"for i in $(seq 20000); do echo {MARK}$i; done >/mnt/a/{MARK}name; sync; "
                        f"echo 3 >/proc/sys/vm/drop_caches; grep -c {MARK} /mnt/a/{MARK}name")


#: fs=penstock proto=tcp
def t_reconnect(b):
    """After a cut, and without tlshd, it is TLS or nothing; a wait for it can be killed."""
    with both_ends(b):
        _mount(b)
        d = b.dir()
        b.run(b.client, "ss -K dst 10.1.0.11 dport = 2049")
        b.run(b.client, f"echo one >{d}/f; cat {d}/f")
        secure(b)
        b.run(b.client, f"{TLS} down; echo two >{d}/f; cat {d}/f")
        b.run(b.client, "ss -K dst 10.1.0.11 dport = 2049")
        b.run(b.client, f"timeout -s KILL 5 sh -c 'echo three >{d}/g; sync {d}/g' & wait $!; test $? = 137")
        b.run(b.client, "dmesg | grep 'tlshd does not run'")
        b.run(b.client, f"{TLS} up {D} -")
        b.run(b.client, f"echo four >{d}/h; cat {d}/h", timeout=90)
        secure(b)


#: fs=penstock proto=tcp
def t_mutual(b):
    """mtls with the key of penstock cred, replaced under fio; without one the server says no."""
    with both_ends(b, small="mtls"):
        cred = ". /penstock/guest/env; /penstock/repo/build/$KERNEL/bin/penstock cred"
        _refused(b, "xprtsec=", None, options="xprtsec=tls")
        b.run(b.client, f"{cred} tls --cert {D}/client.pem --key {D}/client.key --ca {D}/ca.pem; {cred} show")
        _mount(b, options="xprtsec=mtls")
        secure(b, "mtls")
        fio = b.start(b.client, FIO.format(d="/mnt/a").replace("8m", "4m") + " --time_based --runtime=20")
        for n in ("client2", "client", "client2"):
            b.run(b.client, f"{cred} tls --cert {D}/{n}.pem --key {D}/{n}.key --renew /mnt/a", timeout=120)
            b.sleep(1)
        b.finish(fio)
        secure(b, "mtls")


# Lines that only who has the key can write: as in its file, and its bytes in hexadecimal.
WHAT_IS_SECRET = """set -e
grep -v -e '^-' {key} | cut -c 1-40 >/tmp/secret
openssl pkey -in {key} -outform DER | od -An -v -tx1 | tr -d ' \\n' | cut -c 73-136 >>/tmp/secret
grep -q -F -f /tmp/secret {key}; test $(tail -n 1 /tmp/secret | wc -c) = 65"""
WHERE_ALL_LOOK = """{ cat /proc/mounts /proc/self/mountstats /proc/keys /sys/kernel/tracing/trace /run/tlshd.log /etc/tlshd.conf
dmesg; find /sys/fs/penstock /sys/module/penstock -type f -readable | xargs cat
cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ; } >/tmp/seen 2>/dev/null || true
grep -q 'prpc_path_state' /tmp/seen; grep -q ' /mnt/a penstock ' /tmp/seen
if grep -a -o -F -f /tmp/secret /tmp/seen; then exit 1; fi"""


#: fs=penstock proto=tcp
def t_secrets(b):
    """This host's key is nowhere but in its file and its keyring, and in no core file."""
    cred = ". /penstock/guest/env; /penstock/repo/build/$KERNEL/bin/penstock cred tls"
    trace = "/sys/kernel/tracing/events/penstock_net/enable"
    with both_ends(b, small="mtls"), b.between(b.client, f"echo 1 >{trace}", f"echo 0 >{trace}"):
        b.run(b.client, f"{cred} --cert {D}/client.pem --key {D}/client.key")
        _mount(b, options="xprtsec=mtls")
        secure(b, "mtls")
        b.run(b.client, f"{cred} --cert {D}/client.pem --key {D}/client.key --renew /mnt/a", timeout=60)
        b.run(b.client, "echo something >/mnt/a/something; sync; rm /mnt/a/something")
        b.run(b.client, f"{WHAT_IS_SECRET.format(key=D + '/client.key')}\n{WHERE_ALL_LOOK}", timeout=60)
        with b.between(b.client, "cat /proc/sys/kernel/core_pattern >/tmp/pattern; mkdir /tmp/cores; mkfifo /tmp/cores/key; "
                       "echo '/tmp/cores/%e' >/proc/sys/kernel/core_pattern",
                       "cat /tmp/pattern >/proc/sys/kernel/core_pattern; rm -r /tmp/cores"):
            b.run(b.client, f"""set -e
                ulimit -c unlimited; sleep 100 & sleep 1; kill -ABRT $!; wait $! || test -e /tmp/cores/sleep
                ({cred} --cert {D}/client.pem --key /tmp/cores/key) & sleep 2
                pkill -ABRT -x penstock; wait $! || test $? = 134; ls /tmp/cores; test ! -e /tmp/cores/penstock""")


#: fs=penstock proto=tcp
def t_refusals(b):
    """Wrong names, dates and signatures, and what cannot have TLS."""
    with both_ends(b):
        _refused(b, "nothing is encrypted over RDMA", None, options="xprtsec=tls,proto=rdma")
        # an address that is not in the certificate
        _refused(b, "accept each other", "certificates were not accepted", source="node1-v6:/small")
        b.run(b.client, f"{TLS} down")
        _refused(b, "tlshd does not run", "tlshd does not run")
        b.run(b.client, f"{TLS} up {D} - otherca")
        _refused(b, "accept each other", "certificates were not accepted")
        b.run(b.client, f"{TLS} up {D} -")
        for name in ("othername", "expired", "strange"):
            b.run(b.node1, f"{TLS} up {D} {name}")
            b.run(b.client, "dmesg -C")
            _refused(b, "accept each other", "certificates were not accepted")
        b.run(b.node1, f"{TLS} up {D} node1")
        _mount(b)
        secure(b)


#: fs=penstock proto=tcp long timeout=900
def t_middle(b):
    """Who hides the offer of TLS gets nothing; who changes bits, new connections and no wrong byte."""
    with both_ends(b):
        for what in ("strip", "deny"):
            middle = b.start(b.client, f"timeout 60 /penstock/guest/middle 12049 node1 {what}")
            b.run(b.client, "for i in $(seq 50); do ss -ltnH | grep -q :12049 && exit; sleep 0.1; done; exit 1")
            _refused(b, "does not offer it", "does not offer TLS", "client:/small", "xprtsec=tls,port=12049")
            b.run(b.client, "pkill -f 'guest/[m]iddle'; while ss -ltnH | grep -q :12049; do sleep 0.1; done")
            b.finish(middle, ok=False)
        middle = b.start(b.client, "timeout 900 /penstock/guest/middle 12049 node1 flip")
        b.run(b.client, "for i in $(seq 50); do ss -ltnH | grep -q :12049 && exit; sleep 0.1; done; exit 1")
        _mount(b, "client:/export", "xprtsec=tls,port=12049")
        # Linux' server may stop reading, without ending the connection, when a record was changed:
        # then a minute passes until the client takes the calls for lost
        b.run(b.client, FIO.format(d="/mnt/a"), timeout=400)
        b.run(b.client, "sync -f /mnt/a", timeout=200)
        secure(b)
        b.umount()
        b.run(b.client, "pkill -f 'guest/[m]iddle'")
        done = b.finish(middle, ok=False)
        if "flipped a bit in" not in done.out or "flipped a bit out" not in done.out:
            b.fail("no bit was changed")


#: fs=penstock proto=tcp long
def t_rotation(b):
    """Keys replaced every 10 seconds under fio for 5 minutes."""
    with both_ends(b, small="mtls"):
        cred = ". /penstock/guest/env; /penstock/repo/build/$KERNEL/bin/penstock cred"
        b.run(b.client, f"{cred} tls --cert {D}/client.pem --key {D}/client.key")
        _mount(b, options="xprtsec=mtls")
        fio = b.start(b.client, FIO.format(d="/mnt/a") + " --time_based --runtime=300", timeout=900)
        for i in range(25):
            n = ("client", "client2")[i % 2]
            b.run(b.client, f"{cred} tls --cert {D}/{n}.pem --key {D}/{n}.key --renew /mnt/a", timeout=120)
            time.sleep(10)
        b.finish(fio)
        secure(b, "mtls")
