# SPDX-License-Identifier: GPL-2.0
"""Several paths to one server: who carries what, and what happens when they die.

The client has two rails, eth0 (10.1.0.1) and eth1 (10.2.0.1); each node one
address on each.
"""

import contextlib
import json
import time

from bed.hole import hole

RAILS = "node1,node1-rail2:/export"
PENSTOCK = "/penstock/repo/build/$KERNEL/bin/penstock"
VERIFY = ("fio --name=v --directory={d} --size=16m --rw=randrw --bs=64k --ioengine=libaio "
          "--iodepth=8 --direct=1 --verify=crc32c --verify_fatal=1 --verify_state_save=0 "
          "--time_based --runtime={s} --minimal")


def _paths(b, where="/mnt/a"):
    """What `penstock paths` says, by address without its port and in order."""
    out = b.run(b.client, f". /penstock/guest/env; {PENSTOCK} paths --json -i 0.01 {where}")
    return json.loads(out)["paths"]


def _live(b, where="/mnt/a"):
    return [p for p in _paths(b, where) if p["state"] == "LIVE"]


def _until(b, what, test, seconds=30):
    deadline = time.monotonic() + seconds * 3
    while not test():
        if time.monotonic() > deadline:
            b.say(b.run(b.client, "grep path: /proc/self/mountstats; dmesg | tail -20"))
            b.fail(f"not within {seconds} s: {what}")
        time.sleep(0.5)


def _mount(b, source=RAILS, want=2, options="", where="/mnt/a"):
    b.mount(source, where, options)
    _until(b, f"{want} live paths", lambda: len(_live(b, where)) == want)


def _at(b, address):
    """As paths are called."""
    return f"{address}:{20049 if b.proto == 'rdma' else 2049}"


def _cut(b, rail):
    """A command: the paths of that rail lose their connections."""
    if b.proto == "rdma":
        return f"/penstock/guest/rdma delete {rail} && /penstock/guest/rdma add {rail}"
    return f"ss -K dst 10.{rail}.0.11 dport = 2049 >/dev/null"


def _roce_again(b, rail):
    """What soft RoCE's connection management was not able to send has ended it for good."""
    if b.proto == "rdma":
        for guest in (b.client, b.node1):
            b.run(guest, f"/penstock/guest/rdma delete {rail} && /penstock/guest/rdma add {rail}")


@contextlib.contextmanager
def _rail_hole(b, node, rail):
    """The node takes nothing from that rail and sends nothing there."""
    with b.between(node, *hole([rail])):
        yield
    _roce_again(b, rail)


#: fs=penstock
def t_both_rails_carry(b):
    """Large calls spread over both paths, each way; how evenly depends on how evenly the
    machine runs the guests, and is tests/perf/paths' business."""
    _mount(b)
    d = b.dir()
    b.run(b.client, f"dd if=/dev/zero of={d}/f bs=1M count=64 oflag=direct status=none", timeout=120)
    b.run(b.client, f"fio --name=r --filename={d}/f --size=64m --rw=read --bs=256k --direct=1 "
                    "--ioengine=libaio --iodepth=8 --minimal >/dev/null", timeout=120)
    for way in ("bytes_out", "bytes_in"):
        one, two = (p[way] for p in _live(b))
        if min(one, two) < 0.4 * max(one, two):
            b.fail(f"{way} is {one} and {two}")


#: fs=penstock long numa
def t_near_rails_first(b):
    """Each NUMA node has a rail: what a processor does alone goes by its own, much at a time by both."""
    _mount(b)
    d = b.dir()

    def moved(command):
        before = {p["rail"]: p for p in _live(b)}
        b.run(b.client, command, timeout=120)
        return {p["rail"]: [p[k] - before[p["rail"]][k] for k in ("calls", "bytes_out", "bytes_in")] for p in _live(b)}

    b.run(b.client, "test $(cat /sys/class/net/eth0/device/../numa_node) = 0; "
                    "test $(cat /sys/class/net/eth1/device/../numa_node) = 1; "
                    f"grep 'path:.* rail=eth1 .* node=1' /proc/self/mountstats; head -c 16M /dev/zero >{d}/f; sync {d}/f")
    for cpu, rail, other in ((0, "eth0", "eth1"), (1, "eth1", "eth0")):
        got = moved(f"taskset -c {cpu} sh -c 'for i in $(seq 200); do mkdir {d}/d; rmdir {d}/d; done'")
        if got[rail][0] < 300 or got[other][0] > 0.2 * got[rail][0]:
            b.fail(f"small calls of CPU {cpu}: {got}")
        got = moved(f"taskset -c {cpu} dd if={d}/f of=/dev/null bs=1M iflag=direct")
        if got[rail][2] < 12 << 20:
            b.fail(f"one read at a time on CPU {cpu}: {got}")
    got = moved(f"taskset -c 1 fio --name=r --filename={d}/f --size=16m --loops=3 --rw=read --bs=1m --direct=1 "
                "--ioengine=libaio --iodepth=16 --minimal")
    if got["eth0"][2] < 8 << 20:
        b.fail(f"16 reads at a time: {got}")


#: fs=penstock more
def t_rails_named(b):
    """rails= keeps to the interfaces it names; paths= says how many connections."""
    _mount(b, want=1, options="rails=eth1")
    b.eq([(p["rail"], p["address"]) for p in _paths(b)], [("eth1", _at(b, "10.2.0.11"))])
    b.run(b.client, "grep ' /mnt/a penstock .*,rails=eth1,' /proc/mounts")
    b.run(b.client, "rdma resource show cm_id | grep 'link rxe2.* dst-addr 10.2.0.11:20049'" if b.proto == "rdma" else
          "ss -tnH dst 10.2.0.11 | grep 10.2.0.1%eth1")
    b.umount()
    _mount(b, want=1, options="rails=10.1.0.0/16")
    b.eq([(p["rail"], p["address"]) for p in _paths(b)], [("10.1.0.0/16", _at(b, "10.1.0.11"))])
    b.umount()
    _mount(b, want=5, options="rails=eth0,eth1,paths=5")
    rails = sorted(p["rail"] for p in _paths(b))
    b.eq(rails in (["eth0"] * 3 + ["eth1"] * 2, ["eth0"] * 2 + ["eth1"] * 3), True, f"even: {rails}")
    b.run(b.client, "grep ' /mnt/a penstock .*,paths=5,rails=eth0,rails=eth1,' /proc/mounts")
    b.umount()
    done = b.mount(RAILS, options="rails=nosuch0", ok=False)
    if not done.rc or "interface" not in done.out:
        b.fail(f"a rail that does not exist: {done.rc} {done.out}")


#: fs=penstock more
def t_budget(b):
    """More addresses than paths: as many paths as there may be, on both rails."""
    _mount(b, "node1-all:/export", want=2, options="paths=2")
    b.eq(sorted(p["rail"] for p in _paths(b)), ["eth0", "eth1"])
    b.umount()
    _mount(b, "10.1.0.11-10.1.0.11,10.2.0.11,[fd00:1::11]:/export", want=3)


#: fs=penstock
def t_other_server_refused(b):
    """An address of another server among ours: said, never used, and no harm."""
    _mount(b, "node1,node2,node1-rail2:/export")
    b.eq(sorted(p["address"] for p in _live(b)), [_at(b, "10.1.0.11"), _at(b, "10.2.0.11")])
    _until(b, "refused", lambda: [p["state"] for p in _paths(b)
                                  if p["address"] == _at(b, "10.1.0.12")] == ["REFUSED"])
    b.run(b.client, f"dmesg | grep 'penstock.* {_at(b, '10.1.0.12')} is another server'")
    d = b.dir()
    b.run(b.client, f"seq 50000 >{d}/f; sync {d}/f; seq 50000 | cmp - {d}/f")
    b.run(b.node2, f"! test -e /export/{d.split('/')[-1]}")
    # a mount of that other server is not taken for one of ours
    b.mount("node2:/export", "/mnt/b")
    other = b.dir("/mnt/b")
    b.run(b.node2, f"test -d /export/{other.split('/')[-1]}")


#: fs=penstock timeout=240
def t_link_down_under_verify(b):
    """A rail loses its link and gets it back, twice: no error, no wrong byte."""
    _mount(b)
    d = b.dir()
    job = b.start(b.client, VERIFY.format(d=d, s=40), timeout=200)
    for rail in (2, 1):
        time.sleep(5)
        b.client.link(rail, False)
        _until(b, "one path", lambda: len(_live(b)) == 1)
        time.sleep(3)
        b.client.link(rail, True)
        _roce_again(b, rail)
        _until(b, "both again", lambda: len(_live(b)) == 2)
    b.finish(job, 200)
    b.run(b.client, f"rm -r {d}")


#: fs=penstock proto=tcp more
def t_routed_link_down(b):
    """Storage behind routers: routing says where each path leaves, and when that link goes, the
    path goes at once, not when silence has lasted. Soft RoCE knows no address of another interface."""
    down = "/sys/kernel/tracing/events/penstock_net/prpc_conn_down/enable"
    with contextlib.ExitStack() as undo:
        for rail in (1, 2):
            far = f"172.16.{rail}.11/32"
            undo.enter_context(b.between(b.node1, f"ip addr add {far} dev lo", f"ip addr del {far} dev lo"))
            undo.enter_context(b.between(b.client, f"ip route add {far} via 10.{rail}.0.11", f"ip route del {far}"))
        _mount(b, "172.16.1.11,172.16.2.11:/export")
        b.eq([p["rail"] for p in _paths(b)], ["-", "-"])
        undo.enter_context(b.between(b.client, f"echo >/sys/kernel/tracing/trace; echo 1 >{down}", f"echo 0 >{down}"))
        b.client.link(2, False)
        undo.callback(b.client.link, 2, True)
        _until(b, "one path", lambda: [p["address"] for p in _live(b)] == [_at(b, "172.16.1.11")])
        b.run(b.client, "grep 'prpc_conn_down.*172.16.2.11.* error=-100' /sys/kernel/tracing/trace")
        b.client.link(2, True)
        _until(b, "both again", lambda: len(_live(b)) == 2)
        b.umount()


#: fs=penstock timeout=240
def t_silent_rail_under_verify(b):
    """A rail swallows everything and says nothing: the other one carries on, and
    no request waits for long."""
    _mount(b)
    d = b.dir()
    job = b.start(b.client, VERIFY.format(d=d, s=30), timeout=200)
    time.sleep(5)
    with _rail_hole(b, b.node1, 2):
        _until(b, "one path", lambda: [p["address"] for p in _live(b)] == [_at(b, "10.1.0.11")])
        before = _live(b)[0]["replies"]
        time.sleep(3)
        if _live(b)[0]["replies"] == before:
            b.fail("nothing goes over the rail that is left")
    _until(b, "both again", lambda: len(_live(b)) == 2, 60)
    b.finish(job, 200)
    if not sum(p["resends"] for p in _paths(b)):
        b.fail("no call was sent again: the hole met no call")


#: fs=penstock timeout=240
def t_busy_server_is_not_dead(b):
    """A server that stands still loses no path: what is silent everywhere is slow."""
    _mount(b)
    d = b.dir()
    job = b.start(b.client, f"for i in $(seq 30); do seq 1000 >{d}/f$i && sync {d}/f$i || exit 1; done",
                  timeout=200)
    time.sleep(1)
    b.node1.pause()
    time.sleep(5)
    b.node1.resume()
    b.finish(job, 200)
    if b.proto != "rdma":       # a device that says nothing for three seconds is connected anew
        b.eq([p["reconnects"] for p in _paths(b)], [0, 0], "reconnects")


#: fs=penstock timeout=300
def t_exactly_once(b):
    """Directory operations under paths that are torn down all the time: each runs
    once, so none of them finds its own work done."""
    _mount(b, options="paths=4", want=4)
    d = b.dir()
    jobs = [b.start(b.client, f"mkdir {d}/{n} && cd {d}/{n} && i=0; while ! test -e /tmp/stop; do "
                              "i=$((i + 1)); mkdir a$i && mv a$i b$i && : >b$i/f && ln b$i/f b$i/g && "
                              "rm b$i/f && mv b$i/g b$i/h && rm b$i/h && rmdir b$i || "
                              "{ echo in round $i; exit 1; }; done; ls -A | wc -l", timeout=280)
            for n in range(4)]
    b.undo.callback(b.run, b.client, "rm -f /tmp/stop")
    enough = time.monotonic() + 240
    for turn in range(12):
        # soft RoCE of an emulated debug kernel takes half a minute to go and come
        if turn >= 3 and time.monotonic() > enough:
            break
        b.run(b.client, f"for i in 1 2; do {_cut(b, 2)}; sleep 0.7; {_cut(b, 1)}; sleep 0.7; done", timeout=120)
    b.run(b.client, "touch /tmp/stop")
    for job in jobs:
        b.eq(b.finish(job, 120).out.strip(), "0", "left in the directory")
    if not sum(p["resends"] for p in _paths(b)):
        b.fail("no call was ever sent again")


#: fs=penstock timeout=300
def t_node_killed(b):
    """All paths die with their node: calls wait, can be killed, and go on."""
    _mount(b)
    d = b.dir()
    b.run(b.client, f"seq 1000 >{d}/f; sync {d}/f")
    b.reboot(b.node1)
    job = b.start(b.client, f"echo more >>{d}/f; sync {d}/f; tail -1 {d}/f", timeout=200)
    b.run(b.client, f"setsid sh -c 'exec stat {d}/never' >/dev/null 2>&1 </dev/null & p=$!; sleep 2; "
                    "kill -9 $p; for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $p 2>/dev/null || exit 0; "
                    "sleep 1; done; exit 1", timeout=120)
    b.wait(b.node1)
    b.eq(b.finish(job, 200).out, "more\n")
    _until(b, "both again", lambda: len(_live(b)) == 2, 60)


#: fs=penstock
def t_callbacks_survive(b):
    """The connection that carried callbacks dies: another one does from then on."""
    _mount(b)
    d = b.dir()
    for _ in range(3):
        for rail in (1, 2):
            b.run(b.client, f"{_cut(b, rail)}; sleep 1; ls {d}")
    _until(b, "both again", lambda: len(_live(b)) == 2)
    _until(b, "callbacks", lambda: not b.try_run(
        b.client, f"ls {d}").rc and "callback state: UP" in b.run(
            b.node1, "cat /proc/fs/nfsd/clients/*/info"))


# -- live changes -----------------------------------------------------------

def _tool(b, args, ok=True):
    """`penstock ARGS` on the client; what it says."""
    done = b.try_run(b.client, f". /penstock/guest/env; {PENSTOCK} {args} 2>&1", timeout=60)
    if (done.rc == 0) != ok:
        b.fail(f"penstock {args}: {done.rc} {done.out}")
    return done.out


def _addresses(b):
    return sorted(p["address"].rpartition(":")[0] for p in _live(b))


def _shown(b, key):
    return b.run(b.client, "grep ' /mnt/a penstock ' /proc/mounts | tr , '\\n' | "
                           f"sed -n 's/ .*//; s/^{key}=//p'").split()


#: fs=penstock timeout=240
def t_live_add_and_remove(b):
    """Addresses come and go under fio verify; no request fails, none waits for a path
    that goes; the last one and another server are refused in words."""
    _mount(b, "node1:/export", want=1)
    d = b.dir()
    job = b.start(b.client, VERIFY.format(d=d, s=25), timeout=200)
    time.sleep(2)
    _tool(b, "path add /mnt/a node1-rail2")
    b.eq(_addresses(b), ["10.1.0.11", "10.2.0.11"])
    b.eq(_shown(b, "addr"), ["10.1.0.11", "10.2.0.11"])
    _until(b, "bytes on the new path", lambda: [p for p in _live(b) if p["bytes_out"] > 1 << 20 and
                                                p["address"].startswith("10.2.")])
    _tool(b, "path remove /mnt/a 10.1.0.11")
    b.eq(_addresses(b), ["10.2.0.11"])
    said = _tool(b, "path remove /mnt/a 10.2.0.11", ok=False)
    if "last" not in said:
        b.fail(f"removing the last address: {said}")
    said = _tool(b, "path add /mnt/a node2", ok=False)
    if "another server" not in said:
        b.fail(f"adding another server: {said}")
    _tool(b, "path remove /mnt/a node2")
    b.eq(_addresses(b), ["10.2.0.11"])
    for _ in range(3):
        _tool(b, "path add /mnt/a 10.1.0.11")
        _tool(b, "path remove /mnt/a 10.1.0.11")
    _tool(b, "path add /mnt/a fd00:1::11")
    b.eq(_addresses(b), ["10.2.0.11", "[fd00:1::11]"])
    b.finish(job, 200)
    b.eq(sum(p["reconnects"] for p in _paths(b)), 0, "reconnects of paths that stayed")
    b.run(b.client, f"rm -r {d}")


#: fs=penstock timeout=240
def t_live_remount(b):
    """mount -o remount with other rails, other addresses, another number of paths."""
    _mount(b)
    d = b.dir()
    job = b.start(b.client, VERIFY.format(d=d, s=15), timeout=200)
    b.run(b.client, "mount -o remount,rails=eth1 /mnt/a")
    b.eq([p["rail"] for p in _live(b)], ["eth1"])
    b.eq(_shown(b, "rails"), ["eth1"])
    b.run(b.client, "mount -o remount,noac /mnt/a")
    b.eq(_shown(b, "rails"), ["eth1"])
    b.run(b.client, "mount -o remount,rails=eth0,eth1 /mnt/a")
    _until(b, "both rails", lambda: sorted(p["rail"] for p in _live(b)) == ["eth0", "eth1"])
    b.run(b.client, "mount -o remount,paths=3 /mnt/a")
    _until(b, "three paths", lambda: len(_live(b)) == 3)
    b.run(b.client, "mount -t penstock -o remount node1-rail2:/export /mnt/a")
    _until(b, "the other address only", lambda: set(_addresses(b)) == {"10.2.0.11"})
    done = b.try_run(b.client, "mount -t penstock -o remount node2:/export /mnt/a", timeout=60)
    if not done.rc or "nothing has changed" not in done.out:
        b.fail(f"a remount to another server: {done.rc} {done.out}")
    b.eq(_shown(b, "addr"), ["10.2.0.11"])
    b.finish(job, 200)
    b.run(b.client, f"rm -r {d}")


#: fs=penstock more
def t_live_refresh(b):
    """A name gets another address while it is mounted, and loses the first."""
    name = "echo '{} moving' >>/etc/hosts"
    b.run(b.client, "cp /etc/hosts /tmp/hosts.old; " + name.format("10.1.0.11"))
    b.undo.callback(b.run, b.client, "cat /tmp/hosts.old >/etc/hosts")
    _mount(b, "moving:/export", want=1)
    b.run(b.client, name.format("10.2.0.11"))
    _tool(b, "path refresh /mnt/a")
    _until(b, "both addresses", lambda: _addresses(b) == ["10.1.0.11", "10.2.0.11"])
    b.run(b.client, "cat /tmp/hosts.old >/etc/hosts; " + name.format("10.2.0.11"))
    _tool(b, "path refresh /mnt/a")
    b.eq(_addresses(b), ["10.2.0.11"])
    b.run(b.client, "cat /tmp/hosts.old >/etc/hosts")
    _tool(b, "path refresh /mnt/a", ok=False)
    b.eq(_addresses(b), ["10.2.0.11"])
    d = b.dir()
    b.run(b.client, f"seq 50000 >{d}/f; sync {d}/f; seq 50000 | cmp - {d}/f")


#: fs=penstock
def t_figures(b):
    """sysfs, `penstock paths` and `penstock top` tell the same of each path."""
    _mount(b)
    d = b.dir()
    b.run(b.client, f"dd if=/dev/zero of={d}/f bs=1M count=8 oflag=direct status=none", timeout=60)
    where = "/sys/fs/penstock/$(mountpoint -d /mnt/a)/paths"
    for p in _paths(b):
        out = b.run(b.client, f"cd $(dirname $(grep -lx '{p['address']}' {where}/*/address)); "
                              "grep -H . *")
        figures = dict(line.split(":", 1) for line in out.splitlines())
        for key in ("state", "transport", "rail", "address"):
            b.eq(figures[key], p[key], key)
        for key in ("bytes_out", "calls", "replies"):
            if not 0 < p[key] <= int(figures[key]):
                b.fail(f"{key}: {p[key]}, in sysfs {figures[key]}")
    top = json.loads(_tool(b, "top --json -n 1 -d 0.1"))
    b.eq([m["mount"] for m in top], ["/mnt/a"])
    b.eq(len(top[0]["paths"]), 2)
    if _at(b, "10.2.0.11") not in _tool(b, "top --once -d 0.1 /mnt/a"):
        b.fail("penstock top shows no path")
    # a mount that shares the paths shows the same directory; it goes with its mount
    b.mount("node1:/export/xfs", "/mnt/b")
    b.run(b.client, f"test $(readlink -f {where}) = "
                    "$(readlink -f /sys/fs/penstock/$(mountpoint -d /mnt/b)/paths)")
    b.umount("/mnt/b")
    b.umount("/mnt/a")
    b.eq(b.run(b.client, "ls /sys/fs/penstock /sys/fs/penstock/servers | grep -v : | xargs"),
         "servers\n")
