# SPDX-License-Identifier: GPL-2.0
"""One client id, several sessions: the nodes of a server share opens and locks, not sessions.

They are proxies in front of node1's knfsd, one on each of its addresses. Each has an
so_minor_id of its own, and takes only what is in sessions that were made through it.
"""

import contextlib
import os
import sys

from cluster_paths import VERIFY, _live, _paths, _rail_hole, _until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "pnfs"))
from pnfsbed import Proxy                                # noqa: E402

PORT = 20490
OURS, ITS = f"10.1.0.11:{PORT}", f"10.2.0.11:{PORT}"
READ = ("fio --name=r --filename={d}/f --size=16m --loops={n} --rw=randread --bs=256k --direct=1 --ioengine=libaio "
        "--iodepth=8 --verify=crc32c --verify_fatal=1 --verify_state_save=0 --minimal")
WRITE = ("fio --name=w --filename={d}/f --size=16m --rw=write --bs=256k --direct=1 --ioengine=libaio --iodepth=8 "
         "--verify=crc32c --do_verify=0 --verify_state_save=0 --minimal")


# The second address is no path to our session, and one to a session of its own.
BOTH = [(OURS, "LIVE"), (ITS, "LIVE"), (ITS, "REFUSED")]


def _states(b):
    return sorted((p["address"], p["state"]) for p in _paths(b))


def _both(b):
    _until(b, "a session for each node", lambda: _states(b) == BOTH)


def _mount(b, options=""):
    nodes = [Proxy(b, b.node1, f"node-{n}", role="node", at=[f"10.{n}.0.11"], listen=[PORT], minor=n) for n in (1, 2)]
    for node in nodes:
        node.wait()
    b.run(b.client, "dmesg -C")
    b.mount("node1,node1-rail2:/export", "/mnt/a", f"port={PORT}{',' if options else ''}{options}", proto="tcp")
    return nodes


def _client_ids(b):
    return set(b.run(b.node1, "ls /proc/fs/nfsd/clients").split())


def _read(b, node):
    return node.stat()["bytes"]["READ"]


#: fs=penstock
def t_reads_by_all(b):
    """READs go by both nodes, about equally; everything else by the one that we began with."""
    before = _client_ids(b)        # what earlier cases have left for good
    ours, its = _mount(b)
    _both(b)
    b.run(b.client, f"dmesg | grep 'node1-rail2:/export: {ITS} is the same server with sessions of its own'; "
                    "grep LIVE /sys/fs/penstock/*:*/paths/session*/*/state")
    d = b.dir()
    b.run(b.client, WRITE.format(d=d), timeout=120)
    b.run(b.client, READ.format(d=d, n=2), timeout=120)
    got = [_read(b, node) for node in (ours, its)]
    if min(got) < 0.3 * sum(got) or sum(got) < 32 << 20:
        b.fail(f"bytes read by each: {got}")
    b.run(b.client, f"echo 3 >/proc/sys/vm/drop_caches; seq 100000 >{d}/g; cp {d}/g {d}/h; seq 100000 | cmp - {d}/h; rm -r {d}")
    counts = its.stat()["counts"]
    b.eq(sorted(set(counts) - {"EXCHANGE_ID", "CREATE_SESSION", "BIND_CONN", "SEQUENCE", "PUTFH", "READ"}), [], "what else it got")
    b.umount()
    b.eq([node.stat()["counts"].get("DESTROY_SESSION") for node in (ours, its)], [1, 1])
    b.eq(_client_ids(b) - before, set(), "clients that the server still has of us")


#: fs=penstock timeout=300
def t_node_dies(b):
    """A node that dies, also without a word, and comes back, costs readers nothing but time."""
    ours, its = _mount(b)
    _both(b)
    d = b.dir()
    b.run(b.client, WRITE.format(d=d), timeout=120)
    job = b.start(b.client, f"while ! test -e /tmp/stop; do {READ.format(d=d, n=1)} || exit 1; done; rm /tmp/stop", timeout=280)
    other = b.start(b.client, VERIFY.format(d=d, s=25), timeout=280)
    for _ in range(2):
        b.sleep(2)
        its.do("dead")
        _until(b, "it is gone", lambda: _states(b) != BOTH)
        before = _read(b, ours)
        _until(b, "read by ours", lambda: _read(b, ours) > before + (4 << 20))
        its.do("alive")
        _both(b)
        before = _read(b, its)
        _until(b, "read by it again", lambda: _read(b, its) > before + (4 << 20))
    with _rail_hole(b, b.node1, 2):
        _until(b, "it is silent", lambda: (ITS, "LIVE") not in _states(b))
        before = _read(b, ours)
        _until(b, "read by ours", lambda: _read(b, ours) > before + (4 << 20))
    _both(b)
    b.run(b.client, "touch /tmp/stop")
    b.finish(job, 200)
    b.finish(other, 200)


#: fs=penstock timeout=300 more
def t_server_restarts(b):
    """All sessions are gone, and come back; what was open stays so."""
    ours, its = _mount(b)
    _both(b)
    d = b.dir()
    b.run(b.client, WRITE.format(d=d), timeout=120)
    job = b.start(b.client, f"exec 5<{d}/f; touch /tmp/open; while test -e /tmp/open; do sleep 0.2; done; "
                            "sha1sum <&5; sha1sum /proc/self/fd/5", timeout=280)
    b.run(b.client, "for i in $(seq 100); do test -e /tmp/open && break; sleep 0.1; done")
    wanted = b.run(b.node1, f"sha1sum /export/{os.path.basename(d)}/f").split()[0]
    b.run(b.node1, "/penstock/guest/node stop; sleep 2; /penstock/guest/node start")
    b.run(b.client, f"ls {d}", timeout=120)
    _both(b)
    before = _read(b, its)
    b.run(b.client, f"echo 3 >/proc/sys/vm/drop_caches; rm /tmp/open; {READ.format(d=d, n=2)}", timeout=120)
    if _read(b, its) < before + (8 << 20):
        b.fail("its session is not used again")
    b.eq([line.split()[0] for line in b.finish(job, 200).out.splitlines()], [wanted] * 2)


#: fs=penstock more
def t_address_removed(b):
    """An address that is taken out of a mount is not read from any more, until it is back."""
    ours, its = _mount(b)
    _both(b)
    d = b.dir()
    b.run(b.client, WRITE.format(d=d), timeout=120)
    tool = ". /penstock/guest/env; /penstock/repo/build/$KERNEL/bin/penstock path {} /mnt/a 10.2.0.11"
    b.run(b.client, tool.format("remove"), timeout=60)
    _until(b, "one path", lambda: _states(b) == [(OURS, "LIVE")])
    before = _read(b, its)
    b.run(b.client, READ.format(d=d, n=1), timeout=120)
    b.eq(_read(b, its), before, "bytes read from the address that was removed")
    b.run(b.client, tool.format("add"), timeout=60)
    _both(b)
    b.run(b.client, READ.format(d=d, n=2), timeout=120)
    if _read(b, its) < before + (8 << 20):
        b.fail("it is not used again")


@contextlib.contextmanager
def _node_addresses(b, *nodes):
    """Addresses of further nodes, on both rails, that node1 answers to."""
    of = {n: [f"10.{r}.0.{n}" for r in (1, 2)] for n in nodes}
    with contextlib.ExitStack() as undo:
        for addresses in of.values():
            for r, address in enumerate(addresses):
                undo.enter_context(b.between(b.node1, f"ip addr add {address}/24 dev eth{r}",
                                             f"ip addr del {address}/24 dev eth{r}"))
        yield of


#: fs=penstock timeout=400 more
def t_four_nodes_two_rails(b):
    """Eight paths: a session with the node that we began with, and one with each address of the others.
    A node and a rail that die at once cost readers nothing but time."""
    with _node_addresses(b, 31, 32, 33, 34) as of:
        nodes = {n: Proxy(b, b.node1, f"node-{n}", role="node", at=at, listen=[PORT], minor=n) for n, at in of.items()}
        for node in nodes.values():
            node.wait()
        b.mount("10.1.0.31-10.1.0.34,10.2.0.31-10.2.0.34:/export", "/mnt/a", f"port={PORT}", proto="tcp")
        wanted = sorted((f"eth{r - 1}", f"10.{r}.0.{n}:{PORT}") for n in of for r in (1, 2))

        def live():
            return sorted((p["rail"], p["address"]) for p in _live(b))

        def read():
            return [_read(b, node) for node in nodes.values()]

        _until(b, "all paths", lambda: live() == wanted)
        b.eq([node.stat()["counts"]["CREATE_SESSION"] for node in nodes.values()], [1, 2, 2, 2], "sessions")
        d = b.dir()
        b.run(b.client, WRITE.format(d=d), timeout=120)
        b.run(b.client, READ.format(d=d, n=4), timeout=120)
        got = read()
        if min(got) < 0.15 * sum(got) or sum(got) < 64 << 20:
            b.fail(f"bytes read by each: {got}")
        b.eq([p["address"] for p in _live(b) if p["bytes_in"] < 4 << 20], [], "paths that carry too little")
        job = b.start(b.client, f"while ! test -e /tmp/stop; do {READ.format(d=d, n=1)} || exit 1; done; rm /tmp/stop",
                      timeout=280)
        nodes[33].do("dead")
        with _rail_hole(b, b.node1, 2):
            left = [path for path in wanted if path[0] == "eth0" and ".33:" not in path[1]]
            _until(b, "three nodes by one rail", lambda: live() == left)
            before = read()
            _until(b, "read by the three", lambda: sum(now > was + (2 << 20) for now, was in zip(read(), before)) == 3)
            nodes[33].do("alive")
        _until(b, "all paths again", lambda: live() == wanted)
        before = read()
        _until(b, "read by all again", lambda: all(now > was + (2 << 20) for now, was in zip(read(), before)))
        b.run(b.client, "touch /tmp/stop")
        b.finish(job, 200)
        b.run(b.client, f"rm -r {d}")
        b.umount()
