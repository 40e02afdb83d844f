# SPDX-License-Identifier: GPL-2.0
"""Two clients: what one has closed the other one sees when it opens."""


def _two(b):
    b.mount(where="/mnt/a")
    b.mount(where="/mnt/a", guest=b.node2)
    return b.dir()


def t_close_to_open(b):
    d = _two(b)
    for i in range(4):
        b.run(b.client, f"seq {i} 5000 >{d}/f")
        b.eq(b.run(b.node2, f"md5sum <{d}/f"), b.run(b.client, f"seq {i} 5000 | md5sum"), f"round {i}")
        b.run(b.node2, f"echo answer {i} >>{d}/f")
        b.eq(b.run(b.client, f"tail -1 {d}/f"), f"answer {i}\n")


#: more
def t_same_size_other_content(b):
    d = _two(b)
    b.run(b.client, f"echo aaaa >{d}/f")
    for word in ("bbbb", "cccc", "dddd"):
        b.eq(len(b.run(b.node2, f"cat {d}/f")), 5)
        b.run(b.client, f"echo {word} >{d}/f")
        b.eq(b.run(b.node2, f"cat {d}/f"), word + "\n")


#: fs=penstock more
def t_metadata_hides_nothing(b):
    """What changes a file's change attribute without an open, after another client
    has written: that write is seen all the same."""
    d = _two(b)
    for i, change in enumerate(("mv f g", "ln f g", "chmod 600 f; ln f g", "touch f; mv f g",
                                "setfattr -n user.x -v 1 f; mv f g", "touch g; mv f g")):
        b.run(b.client, f"cd {d}; rm -f f g; echo old >f")
        b.run(b.client, f"cat {d}/f; cat {d}/f")
        b.run(b.node2, f"echo new >{d}/f")
        b.run(b.client, f"cd {d}; {change}")
        b.eq(b.run(b.client, f"cat {d}/g"), "new\n", f"{i}: {change}")


def t_truncate_and_grow(b):
    d = _two(b)
    b.run(b.client, f"seq 10000 >{d}/f")
    b.run(b.node2, f"cat {d}/f >/dev/null; truncate -s 100 {d}/f")
    b.eq(b.run(b.client, f"wc -c <{d}/f; stat -c %s {d}/f"), "100\n100\n")
    b.run(b.client, f"truncate -s 5000 {d}/f")
    b.eq(b.run(b.node2, f"wc -c <{d}/f; tail -c 4900 {d}/f | tr -d '\\0' | wc -c"), "5000\n0\n")


#: more
def t_names(b):
    """Creations and removals by the other client are seen, within the attribute
    cache's time where nobody opens anything."""
    d = _two(b)
    b.run(b.client, f"mkdir {d}/dir; touch {d}/dir/one")
    b.eq(b.run(b.node2, f"ls {d}/dir"), "one\n")
    b.run(b.client, f"touch {d}/dir/two; rm {d}/dir/one")
    b.run(b.node2, f"for i in $(seq 100); do [ \"$(ls {d}/dir)\" = two ] && exit 0; sleep 1; done; exit 1",
          timeout=130)
    b.run(b.node2, f"mv {d}/dir/two {d}/dir/three")
    b.run(b.client, f"for i in $(seq 100); do [ \"$(ls {d}/dir)\" = three ] && exit 0; sleep 1; done; exit 1",
          timeout=130)


def t_unlinked_by_the_other(b):
    """The file is gone on the server: ESTALE, an error or old data, but no hang;
    the name goes within the attribute cache's time."""
    d = _two(b)
    b.run(b.client, f"seq 1000 >{d}/f")
    job = b.start(b.client, f"exec 5<{d}/f; touch /tmp/opened; while ! test -e /tmp/removed; do sleep 0.2; done; "
                            "echo 3 >/proc/sys/vm/drop_caches; cat <&5 >/dev/null; true")
    b.run(b.client, "while ! test -e /tmp/opened; do sleep 0.2; done")
    b.run(b.node2, f"rm {d}/f")
    b.run(b.client, "touch /tmp/removed")
    b.finish(job, 60)
    b.run(b.client, f"rm -f /tmp/removed /tmp/opened; for i in $(seq 100); do test -e {d}/f || exit 0; "
                    "sleep 1; done; exit 1", timeout=130)


#: more
def t_directory_replaced_by_the_other(b):
    d = _two(b)
    b.run(b.client, f"mkdir -p {d}/x/y; echo old >{d}/x/y/f; cat {d}/x/y/f")
    b.run(b.node2, f"rm -r {d}/x; mkdir -p {d}/x/y; echo new >{d}/x/y/f")
    b.run(b.client, f"for i in $(seq 100); do [ \"$(cat {d}/x/y/f 2>/dev/null)\" = new ] && exit 0; sleep 1; "
                    "done; exit 1", timeout=130)


def t_append_by_two(b):
    """One after the other, each opens, appends and closes."""
    d = _two(b)
    for i in range(6):
        for g in (b.client, b.node2):
            b.run(g, f"echo {g.name} {i} >>{d}/log")
    b.eq(b.run(b.client, f"cat {d}/log"),
         "".join(f"{g} {i}\n" for i in range(6) for g in ("client", "node2")))


def t_delegation_recalled(b):
    """One reads and re-reads (and may hold a delegation), the other writes."""
    d = _two(b)
    b.run(b.client, f"echo 1 >{d}/f; for i in 1 2 3 4 5; do cat {d}/f >/dev/null; done; sleep 1")
    b.within(20, b.node2, f"echo 2 >{d}/f", "a write that needs a recall")
    b.eq(b.run(b.client, f"cat {d}/f"), "2\n")


#: fs=penstock more
def t_client_that_died(b):
    """The state of a client that was switched off does not stand in the way of the
    same client after its reboot."""
    b.mount(where="/mnt/a", guest=b.node2)
    d = b.dir(guest=b.node2)
    b.start(b.node2, f"exec 5>>{d}/f; echo before >&5; sync {d}/f; sleep 1000")
    b.run(b.node2, f"for i in $(seq 50); do grep -q before {d}/f && exit 0; sleep 0.2; done; exit 1")
    b.undo.pop_all()
    b.reboot(b.node2)
    b.wait(b.node2)
    b.loaded.discard("node2")
    b.mount(where="/mnt/a", guest=b.node2)
    b.within(15, b.node2, f"cat {d}/f && echo after >>{d}/f && sync {d}/f", "the first call after the reboot")
    b.eq(b.run(b.node2, f"cat {d}/f"), "before\nafter\n")
