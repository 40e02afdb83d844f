# SPDX-License-Identifier: GPL-2.0
"""The client owner, as the server sees it: different for every machine and every
network namespace, the same after a reboot."""

import re
import time

from bed.guest import GuestError

FIELDS = re.compile(r'^(clientid|address|name): "?([^"\n]*)"?$', re.M)


def _clients(b, node):
    """What the server knows: [{clientid, address, name}], most recent state."""
    text = b.run(node, "for i in /proc/fs/nfsd/clients/*/info; do echo; cat $i 2>/dev/null; done; true")
    found = [dict(FIELDS.findall(block)) for block in text.split("\n\n")]
    return [dict(c, address=c["address"].rpartition(":")[0]) for c in found if "name" in c]


def _at(b, address, node=None):
    """The one client of the server that has this address."""
    found = [c for c in _clients(b, node or b.node1) if c["address"] == address]
    if len(found) != 1:
        b.fail(f"{len(found)} clients have the address {address}, not one")
    return found[0]


def _become(b, guest, hostname, machine_id):
    old = b.run(guest, "cat /etc/machine-id").strip()
    b.undo.callback(b.run, guest, f"hostname {guest.name}; echo {guest.name} >/etc/hostname; "
                                  f"echo {old} >/etc/machine-id")
    b.run(guest, f"hostname {hostname}; echo {hostname} >/etc/hostname; echo {machine_id} >/etc/machine-id")


#: fs=penstock
def t_cloned_machines(b):
    """Two machines of one image, with one name and one machine-id."""
    for guest in (b.client, b.node2):
        _become(b, guest, "clone", "0123456789abcdef0123456789abcdef")
        b.mount(guest=guest)
    names = [_at(b, a)["name"] for a in ("10.1.0.1", "10.1.0.12")]
    if names[0] == names[1]:
        b.fail(f"both are {names[0]}")
    for guest in (b.client, b.node2):
        b.run(guest, f"seq 1000 >/mnt/a/{guest.name}.f; sync /mnt/a/{guest.name}.f; rm /mnt/a/{guest.name}.f")


def _namespace(b, name, dev, mac, setup):
    """A network namespace of the client with a card of its own on a rail."""
    b.run(b.client, f"""set -e; ip netns add {name}
        nsenter --net=/run/netns/{name} sysctl -qw net.ipv6.conf.all.disable_ipv6=1 \
            net.ipv6.conf.default.disable_ipv6=1
        ip link add link {dev} name card netns {name} address {mac} type macvlan mode bridge
        ip -n {name} link set lo up
        ip -n {name} link set card up""")
    b.undo.callback(b.run, b.client, f"ip netns del {name}")
    for line in setup:
        b.run(b.client, f"ip -n {name} {line}")


def _mount_in(b, name, source):
    where = f"/mnt/{name}"
    b.undo.callback(b._umount, b.client, where)
    # Not "ip netns exec": its mounts would be gone with it.
    # Over TCP: trying RDMA there, where it has no device, ends soft RoCE on the card for good.
    b.run(b.client, f"nsenter --net=/run/netns/{name} sh -c "
                    f"'. /penstock/repo/tests/cases/lib.sh; mount_fs {source} {where}'",
          env={"FS": b.fs, "PROTO": "tcp"})
    return where


#: fs=penstock more
def t_namespaces(b):
    """One machine, three network namespaces: three owners, and none of them
    notices what becomes of another."""
    _namespace(b, "one", "eth0", "52:54:00:01:77:51", ["addr add 10.1.0.51/24 dev card"])
    _namespace(b, "two", "eth0", "52:54:00:01:77:52", ["addr add 10.1.0.52/24 dev card"])
    b.mount()
    one = _mount_in(b, "one", "node1:/export")
    before = _at(b, "10.1.0.51")
    d = b.dir(one)
    job = b.start(b.client, f"exec 5>{d}/f; echo before >&5; sync {d}/f; touch /tmp/owner.open; "
                            "while ! test -e /tmp/owner.go; do sleep 0.2; done; "
                            f"echo after >&5 && sync {d}/f && cat {d}/f")
    b.undo.callback(b.run, b.client, "rm -f /tmp/owner.open /tmp/owner.go")
    b.run(b.client, "while ! test -e /tmp/owner.open; do sleep 0.2; done")

    two = _mount_in(b, "two", "node1:/export")
    names = {_at(b, a)["name"] for a in ("10.1.0.1", "10.1.0.51", "10.1.0.52")}
    b.eq(len(names), 3, f"different owners {names}")
    b.run(b.client, f"cd {two} && seq 1000 >two.f && sync two.f && rm two.f")
    b.umount(two)
    b.eq([c for c in _clients(b, b.node1) if c["address"] == "10.1.0.52"], [], "what is left of the second")
    b.run(b.client, "touch /tmp/owner.go")
    b.eq(b.finish(job, 60).out, "before\nafter\n")
    b.eq(_at(b, "10.1.0.51"), before, "the first one's state")
    b.run(b.client, f"rm -r {d}")


#: fs=penstock more
def t_equal_namespaces(b):
    """Two namespaces that look exactly the same, as containers behind a NAT may."""
    same = "52:54:00:01:77:60"
    _namespace(b, "one", "eth0", same, ["addr add 10.1.0.60/32 dev card", "route add 10.1.0.0/24 dev card"])
    _namespace(b, "two", "eth1", same, ["addr add 10.1.0.60/32 dev card", "route add 10.2.0.0/24 dev card"])
    b.run(b.node2, "ip route add 10.1.0.60/32 dev eth1")
    b.undo.callback(b.run, b.node2, "ip route del 10.1.0.60/32 dev eth1")
    _mount_in(b, "one", "node1:/export")
    _mount_in(b, "two", "node2-rail2:/export")
    names = [_at(b, "10.1.0.60", n)["name"] for n in (b.node1, b.node2)]
    if names[0] == names[1]:
        b.fail(f"both are {names[0]}")
    # Else they were not as equal as this case has to make them.
    b.eq(names[1].rpartition(".")[0], names[0], "owner without its number")


#: more
def t_power_cycle(b):
    """The machine comes back as the same client: what its dead incarnation held is
    dropped at once, where it would else have to expire first."""
    b.mount()
    d = b.dir()
    b.run(b.client, f"seq 1000 >{d}/f; sync {d}/f")
    job = b.start(b.client, f"exec 5<{d}/f 6>{d}/w; echo dead >&6; cat <&5 >/dev/null; sync {d}/w; "
                            "touch /tmp/owner.open; exec sleep 54321")
    b.undo.callback(b.run, b.client, "rm -f /tmp/owner.open; pkill -f '[s]leep 54321' || true")
    b.run(b.client, "while ! test -e /tmp/owner.open; do sleep 0.2; done")
    before = _at(b, "10.1.0.1")
    held = b.run(b.node1, "cat /proc/fs/nfsd/clients/*/states")
    if "type: open" not in held:
        b.fail("the client holds nothing that could be in the way")

    b.reboot(b.client)
    time.sleep(1)
    b.client.wait_ready()
    try:
        job.join(1)
    except GuestError:
        pass
    if b.proto == "rdma":
        b.run(b.client, "/penstock/guest/rdma on", timeout=120)
    if b.fs == "penstock":
        b.cluster.load()
    b.mount()
    now = _at(b, "10.1.0.1")
    b.eq(now["name"], before["name"], "owner after the reboot")
    if now["clientid"] == before["clientid"]:
        b.fail("the server has not noticed the reboot")
    b.within(8, b.client, f"echo new >>{d}/f && sync {d}/f && echo new >{d}/w && sync {d}/w",
             "writing what the dead incarnation had open")
    b.eq(b.run(b.client, f"tail -1 {d}/f; cat {d}/w"), "new\nnew\n")
    b.run(b.client, f"rm -r {d}")
