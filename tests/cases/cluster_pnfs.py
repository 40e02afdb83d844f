# SPDX-License-Identifier: GPL-2.0
"""pNFS: contents go to data servers, as layouts say; whatever these do, no program sees it.

tests/pnfs/ makes node1's server a metadata server, and servers of both nodes data
servers. What went where is asked of them and read from their disks. The kernel's
client passes the cases that are not marked as penstock's.
"""

import os
import shutil
import subprocess
import sys

import cluster_tls as tls

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "pnfs"))
from pnfsbed import Bed                                  # noqa: E402

MB = 1 << 20
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _there(d, name):
    """The path on node1's disk of a file in the directory d of the mount."""
    return f"/export/{d.split('/')[-1]}/{name}"


def _write(b, bed, d, name="f", size=MB + 4321):
    data = bed.pattern(size)
    b.run(b.client, f"dd if=/penstock/out/pattern of={d}/{name} bs=128k conv=fsync status=none",
          timeout=120)
    return data


def _drop(b):
    b.run(b.client, "echo 1 >/proc/sys/vm/drop_caches")


def _reads(b, d, name="f"):
    """The client reads from the servers what was last put into the pattern."""
    _drop(b)
    b.run(b.client, f"cmp {d}/{name} /penstock/out/pattern", timeout=120)


def _through(b, **config):
    """Write and read a file; its bytes are where they belong, and went there directly."""
    bed = Bed(b, **config)
    d = bed.mount()
    data = _write(b, bed, d)
    bed.check(_there(d, "f"), data)
    _reads(b, d)
    # of a part of a file a data server does not know whether the file ends there
    bed.no_io_through_mds(ends=2 if config.get("stripes", 1) > 1 else 0)
    return bed, d


#: proto=tcp
def t_flex(b):
    """One data server: all bytes go there and come from there, and LAYOUTCOMMIT tells
    the metadata server how many; all layouts are given back by unmounting."""
    bed, d = _through(b)
    stat = bed.ds(0).stat()
    b.eq(stat["bytes"]["WRITE"], MB + 4321, "bytes written to the data server")
    if stat["bytes"]["READ"] < MB + 4321:
        b.fail(f"only {stat['bytes']['READ']} bytes were read from the data server")
    b.eq(bed.events("LAYOUTCOMMIT")[-1]["end"], MB + 4321, "LAYOUTCOMMIT")
    b.run(b.client, f"dd if=/dev/zero of={d}/f bs=1000 count=1 seek=3000 conv=notrunc,fsync status=none; "
                    f"truncate -s 5000 {d}/f; cmp -n 5000 {d}/f /penstock/out/pattern")
    with open(f"{bed.out}/pattern", "rb") as f:
        bed.check(_there(d, "f"), f.read(5000))
    b.umount()
    bed.until("all layouts given back", lambda: not bed.layouts(), 10)


#: proto=tcp more
def t_flex_mirrors(b):
    """Two mirrors on two nodes are the same, and a write is no more than both of them."""
    bed, _ = _through(b, servers=2, mirrors=2)
    for i in (0, 1):
        b.eq(bed.ds(i).stat()["bytes"]["WRITE"], MB + 4321, f"bytes written to mirror {i}")


#: fs=penstock long proto=tcp
def t_flex_stripes(b):
    """Two mirrors of two stripes each; the kernel's client has no stripes here."""
    bed, _ = _through(b, servers=4, mirrors=2, stripes=2)
    b.eq([bed.ds(i).stat()["bytes"]["WRITE"] for i in range(4)],
         [MB // 2 + 4321, MB // 2] * 2, "bytes written to each")


#: long proto=tcp
def t_flex_tight(b):
    """Tightly coupled: the stateid of the layout is the one to use."""
    _through(b, coupled="tight", ds={"stateid": "global"})


#: fs=penstock long proto=tcp
def t_flex_plain_server(b):
    """A data server that does not say that it is one (RFC 8435 section 2.3)."""
    _through(b, direct=True)


#: long proto=tcp
def t_files_sparse(b):
    """Files layout over three data servers, offsets kept."""
    bed, _ = _through(b, servers=3, layout="files", stripes=3)
    b.eq([bed.ds(i).stat()["bytes"]["WRITE"] for i in range(3)],
         [393216, 327680 + 4321, 327680], "bytes written to each")


#: fs=penstock long proto=tcp
def t_flex_paths(b):
    """A data server with two addresses is reached over both."""
    _through(b, paths=True)
    found = b.run(b.node2, "ss -tnH state established sport = :20500").split()
    b.eq(sorted({w.rsplit(":", 1)[0] for w in found if w.endswith(":20500")}),
         ["10.1.0.12", "10.2.0.12"], "addresses in use")


def _marked(b, bed, name):
    """A file there and back that nobody else can read; on a mount of its own."""
    with tls.unreadable(b, 2000000, "tcp port 2049 or tcp port 20490"):
        d = bed.mount(options="xprtsec=tls", proto="")
        b.run(b.client, "grep ' /mnt/a penstock .*,xprtsec=tls,' /proc/mounts")
        b.run(b.client, f"yes {tls.MARK} | head -c {MB} >{d}/{name}; sync {d}/{name}", timeout=150)
        _drop(b)
        b.run(b.client, f"yes {tls.MARK} | head -c {MB} | cmp - {d}/{name}", timeout=150)
        b.umount()


#: fs=penstock long proto=tcp timeout=600
def t_flex_tls(b):
    """Data servers have to speak TLS, too: one that cannot is not used, rather than in the clear."""
    certs = "/penstock/out/tls-pnfs"
    b.run(b.client, f"test -e {certs}/made || SAN=IP:10.1.0.12 {tls.TLS} certs {certs}")
    with b.between(b.client, f"{tls.TLS} up {certs} -", f"{tls.TLS} down"):
        bed = Bed(b, direct=True, tls=f"{certs}/node1")
        with b.between(b.node2, f"{tls.TLS} up {certs} node1", f"{tls.TLS} down"):
            _marked(b, bed, "there")
            bed.no_io_through_mds()
        _marked(b, bed, "here")
        if min(bed.count("READ"), bed.count("WRITE")) < 1:
            b.fail("without tlshd the data server carried something")
        b.close()


#: proto=tcp
def t_files_dense(b):
    """Files layout over two data servers, each stripe without holes."""
    bed, d = _through(b, servers=2, layout="files", stripes=2, dense=True)
    b.eq({k: len(v) for k, v in bed.data(_there(d, "f")).items()},
         {(0, 0): MB // 2 + 4321, (0, 1): MB // 2}, "lengths")


#: long proto=tcp
def t_segments(b):
    """A layout that comes in pieces of 256 KiB."""
    bed, _ = _through(b, length=256 * 1024)
    if len(bed.events("LAYOUTGET")) < 5:
        b.fail("one LAYOUTGET for all")


#: long proto=tcp
def t_return_on_close(b):
    """Where the server asks for it, closing gives the layout back."""
    bed, d = _through(b, return_on_close=True)
    bed.until("the layout given back by close", lambda: not bed.layouts(), 10)
    b.run(b.client, f"cat {d}/f >/dev/null")
    bed.until("the layout given back by close", lambda: not bed.layouts(), 10)


def _recalled(b, kind, **more):
    bed = Bed(b, **more)
    d = bed.mount()
    data = bed.pattern(8 * MB)
    job = b.start(b.client, f"dd if=/penstock/out/pattern of={d}/f bs=256k conv=fsync status=none", 120)
    bed.until("a layout", bed.layouts)
    statuses = []
    while not job.done():
        statuses += bed.mds.do("recall", kind=kind)
    b.finish(job)
    b.say(f"recalls: {statuses}")
    if 0 not in statuses:
        b.fail("no recall was taken")
    if bed.count("LAYOUTGET") < 2 or not bed.events("LAYOUTRETURN"):
        b.fail("no layout was returned and asked for again")
    bed.check(_there(d, "f"), data)
    _reads(b, d)


#: proto=tcp long
def t_recall_file(b):
    """A file's layout is recalled while it is written: given back, asked for again."""
    _recalled(b, "file")


#: long proto=tcp
def t_recall_all(b):
    _recalled(b, "all", servers=2, mirrors=2)


#: proto=tcp
def t_server_dies(b):
    """A data server goes away in the middle: with no mirror the metadata server helps."""
    bed = Bed(b)
    d = bed.mount()
    data = bed.pattern(4 * MB)
    b.run(b.client, f"head -c {MB} /penstock/out/pattern | dd of={d}/f bs=128k conv=fsync status=none")
    bed.ds(0).do("dead")
    b.run(b.client, f"dd if=/penstock/out/pattern of={d}/f bs=128k conv=fsync status=none", timeout=300)
    bed.check(_there(d, "f"), data)
    _drop(b)
    b.run(b.client, f"cmp {d}/f /penstock/out/pattern", timeout=300)
    if not bed.count("WRITE"):
        b.fail("nothing went through the metadata server")


#: fs=penstock proto=tcp long timeout=400
def t_late_write(b):
    """A data server carries out writes a minute and a half later, when others have given up on
    it and newer data is there: the metadata server has its layout back before it is asked to
    write, and so can keep the late ones out."""
    bed = Bed(b, fences=True)
    d = bed.mount()
    _write(b, bed, d, size=MB)
    bed.ds(0).do("delay", seconds=90)
    bed.pattern(MB)
    again = f"dd if=/penstock/out/pattern of={d}/f bs=128k conv=notrunc,fsync status=none"
    b.run(b.client, again, timeout=200)
    ops = [e["op"] for e in bed.mds.stat()["events"]]
    if "WRITE" not in ops or "LAYOUTRETURN" not in ops[:ops.index("WRITE")]:
        b.fail(f"the order of events: {ops}")
    b.run(b.client, "grep -E 'ds_fenced=[1-9]' /proc/self/mountstats")
    bed.ds(0).do("delay", seconds=0)
    data = bed.pattern(MB)
    b.run(b.client, again)
    b.sleep(60)
    bed.check(_there(d, "f"), data)
    _reads(b, d)


#: proto=tcp long
def t_mirror_dies(b):
    """Of two mirrors one goes away: reads take the other one and nobody notices."""
    bed, d = _through(b, servers=2, mirrors=2)
    bed.ds(0).do("dead")
    _drop(b)
    b.run(b.client, f"cmp {d}/f /penstock/out/pattern", timeout=300)
    if not bed.ds(1).stat()["bytes"]["READ"]:
        b.fail("the other mirror was not read")


#: proto=tcp long
def t_mirror_dies_writing(b):
    """Of two mirrors one goes away under a write: the metadata server is told, and then
    hands out the other one alone; all bytes are there."""
    bed = Bed(b, servers=2, mirrors=2, avoid=True)
    d = bed.mount()
    data = bed.pattern(8 * MB)
    job = b.start(b.client, f"dd if=/penstock/out/pattern of={d}/f bs=128k conv=fsync status=none")
    bed.until("writing", lambda: bed.ds(0).stat()["bytes"]["WRITE"])
    bed.ds(0).do("dead")
    b.finish(job)
    bed.check(_there(d, "f"), data)
    b.eq(bed.mds.stat()["mirrors"], [1], "mirrors left")
    _reads(b, d)


def _answers(b, status):
    """Whatever a data server answers: it is reported, and no program sees it."""
    bed = Bed(b)
    d = bed.mount()
    bed.ds(0).do("set", faults={"WRITE": [status, -1]})
    data = _write(b, bed, d)
    bed.check(_there(d, "f"), data)
    bed.ds(0).do("set", faults={"READ": [status, -1]})
    _reads(b, d)
    reported = [e["errors"] for e in bed.mds.stat()["events"] if e.get("errors")]
    b.say(f"reported: {reported}")
    return reported


#: proto=tcp long
def t_answers_io(b):
    if not _answers(b, "IO"):
        b.fail("nothing was reported")


#: long timeout=300 proto=tcp
def t_answers_more(b):
    for status in ("NXIO", "STALE", "NOSPC"):
        _answers(b, status)
        b.umount()
        b.close()


#: long proto=tcp
def t_no_layout(b):
    """LAYOUTGET is refused, for good and for now: I/O goes through the metadata server."""
    bed = Bed(b)
    d = bed.mount()
    for name, fault in (("f", ["LAYOUTUNAVAILABLE", -1]), ("g", ["LAYOUTTRYLATER", 2]), ("h", ["DELAY", 2])):
        bed.mds.do("set", faults={"LAYOUTGET": fault})
        data = _write(b, bed, d, name)
        bed.check(_there(d, name), data)
        _reads(b, d, name)


def _garbage(b, what, kinds, **config):
    bed = Bed(b, **config)
    d = bed.mount()
    for kind in kinds:
        bed.mds.do("set", garbage={what: kind})
        b.say(f"{what} {kind}")
        bed.check(_there(d, kind), _write(b, bed, d, kind))
        _reads(b, d, kind)
    bed.mds.do("set", garbage={})
    bed.check(_there(d, "good"), _write(b, bed, d, "good"))
    _reads(b, d, "good")


#: proto=tcp long
def t_garbage_layout(b):
    """Layouts that are none: I/O goes through the metadata server."""
    _garbage(b, "layout", ("empty", "short", "ones"))


#: long timeout=300 proto=tcp
def t_garbage_more(b):
    _garbage(b, "layout", ("empty", "short", "ones", "random"), layout="files", servers=2, stripes=2)
    b.umount()
    b.close()
    _garbage(b, "device", ("empty", "short", "ones", "random"))


#: long proto=tcp
def t_fence(b):
    """The owners of data files change under a client: it asks for a new layout."""
    bed, d = _through(b)
    bed.mds.do("fence")
    data = _write(b, bed, d)
    bed.check(_there(d, "f"), data)
    _reads(b, d)


def _version_3(b, node):
    b.run(node, "/penstock/guest/node v3too", timeout=120)
    b.undo.callback(b.run, node, "/penstock/guest/node v4", timeout=120)


#: long proto=tcp
def t_flex_version_3(b):
    """Data servers over NFSv3, mirrored, with the owner that the layout says."""
    for node in (b.node1, b.node2):
        _version_3(b, node)
    _through(b, servers=2, mirrors=2, version=3, direct=True)


#: long proto=tcp
def t_flex_nfsd(b):
    """The layouts of nfsd itself, which sends its clients to itself over NFSv3."""
    b.undo.callback(b.wait, b.node1)
    b.undo.callback(b.reboot, b.node1)
    b.cluster.flex(b.node1)
    b.mount()
    d = b.dir()
    b.run(b.client, f"seq 200000 >{d}/f; sync {d}/f; echo 1 >/proc/sys/vm/drop_caches; seq 200000 | cmp - {d}/f",
          timeout=120)
    b.run(b.node1, f"seq 200000 | cmp - {_there(d, 'f')}")
    ops = b.run(b.node1, "cat /proc/net/rpc/nfsd")
    # proc3 NULL GETATTR SETATTR LOOKUP ACCESS READLINK READ WRITE; proc4ops from operation 0 on
    calls = {line.split()[0]: [int(n) for n in line.split()[2:]] for line in ops.splitlines()
             if line.startswith("proc")}
    if not calls["proc3"][6] or not calls["proc3"][7]:
        b.fail(f"no READ or WRITE over NFSv3: {calls['proc3']}")
    b.eq(calls["proc4ops"][38], 0, "WRITE through the metadata server")


#: long proto=tcp
def t_notify_deleted(b):
    """A device is deleted: nothing more goes there, and the file stays usable."""
    bed, d = _through(b)
    bed.mds.do("recall", kind="all")
    bed.until("all layouts given back", lambda: not bed.layouts())
    before = bed.count("GETDEVICEINFO")
    b.eq(bed.mds.do("notify", what="delete"), [0], "CB_NOTIFY_DEVICEID")
    data = _write(b, bed, d, "g")
    bed.check(_there(d, "g"), data)
    if bed.count("GETDEVICEINFO") == before:
        b.fail("nobody asked for the new device")


#: long proto=tcp
def t_files_gluster(b):
    """Files layouts of nfs-ganesha over a GlusterFS volume: each file lies on one node,
    and what lies on node2 is sent there."""
    tar = subprocess.run([os.path.join(TOP, "tests/pnfs/gluster-tar")], stdout=subprocess.PIPE,
                         text=True, check=True).stdout.strip()
    shutil.copy(tar, os.path.join(b.cluster.dir, "out", "gluster.tar"))
    for node in (b.node1, b.node2):
        b.undo.callback(b.run, node, "/penstock/guest/gluster stop", 120)
    for node in (b.node1, b.node2):
        b.run(node, "/penstock/guest/gluster daemon /penstock/out/gluster.tar", timeout=300)
    b.run(b.node1, "/penstock/guest/gluster volume node1 node2", timeout=300)
    for node in (b.node1, b.node2):
        b.run(node, "/penstock/guest/gluster serve || { tail -20 /var/log/ganesha/ganesha.log; exit 1; }",
              timeout=300)
    b.mount("node1:/vol", timeout=120)
    d = b.dir()
    there = f"/export/brick/{d.split('/')[-1]}"
    b.run(b.client, f"for i in $(seq 8); do dd if=/dev/urandom of={d}/f$i bs=64k count=8 conv=fsync status=none "
                    f"|| exit 1; done; echo 1 >/proc/sys/vm/drop_caches", timeout=300)
    sums = b.run(b.client, f"cd {d} && sha1sum f*", timeout=120)
    list_them = f"cd {there} && find . -type f -name 'f*' -size +0 | sed s,./,, | sort | xargs -r sha1sum"
    bricks = {n.name: b.run(n, list_them)
              for n in (b.node1, b.node2)}
    b.eq(sorted("".join(bricks.values()).splitlines()), sorted(sums.splitlines()), "on the bricks")
    files = len(bricks["node2"].splitlines())
    if not 0 < files < 8:
        b.fail(f"{files} of 8 files are on node2")
    sent = [int(w.split(":")[1]) for w in b.run(b.client, "ss -tinH dst 10.1.0.12").split()
            if w.startswith("bytes_sent:")]
    if sum(sent) < files * 512 * 1024:
        b.fail(f"{sent} bytes were sent to node2, which has {files} files")
