# SPDX-License-Identifier: GPL-2.0
"""File systems that are at another server: referrals, and one that moves away."""


def _export(b, node, path, options):
    """@path, a mount of its own as refer= wants it, exported; until the case ends."""
    b.run(node, f"mkdir -p {path} && mount -t tmpfs -o size=16m,mode=1777 moved {path} && "
                f"exportfs -o {options},no_root_squash,no_subtree_check,insecure '*:{path}'")
    b.undo.callback(b.try_run, node, f"exportfs -u '*:{path}'; exportfs -f; umount {path}; rmdir {path}")


#: fs=penstock timeout=200
def t_referral(b):
    """Walking into an export with refer= mounts the other server, with its own client id
    and session; files there work, and it all goes with an unmount."""
    _export(b, b.node1, "/export/away", "rw,fsid=91,refer=/export@10.1.0.12")
    b.run(b.node2, "mkdir -p /export/there && seq 1000 >/export/there/f && chmod -R a+rwX /export/there")
    b.undo.callback(b.run, b.node2, "rm -r /export/there")
    b.mount()
    b.run(b.client, "ls /mnt/a | grep -x away; ls -ld /mnt/a/away; ls /mnt/a/away/there")
    b.run(b.client, "grep ' /mnt/a/away penstock .*addr=10.1.0.12' /proc/mounts; "
                    "seq 1000 | cmp - /mnt/a/away/there/f; cd /mnt/a/away/there; "
                    "seq 5000 >g; sync g; mv g h; mkdir d; stat d h")
    b.eq(b.run(b.node2, "md5sum </export/there/h"), b.run(b.client, "seq 5000 | md5sum"))
    # this server is as it was, and a rename does not cross over
    b.run(b.client, "cd /mnt/a; echo x >here; sync here; ! ln here away/there/here 2>/dev/null; rm here")
    b.umount()
    b.run(b.client, "! grep -E '^[^ ]+ [^ ]+ penstock ' /proc/mounts")


#: fs=penstock timeout=200 more
def t_referral_to_nowhere(b):
    """A referral without an address, or to nobody: an error in words, and no more."""
    _export(b, b.node1, "/export/lost", "rw,fsid=92,refer=/export@no.such.host")
    b.mount()
    done = b.try_run(b.client, "ls /mnt/a/lost/")
    if not done.rc:
        b.fail(f"there is something: {done.out}")
    b.run(b.client, "dmesg | grep 'penstock: .*no.such.host:/export'; ls /mnt/a; ls -ld /mnt/a/lost")


#: fs=penstock timeout=200
def t_moved_away(b):
    """A mounted file system becomes a referral: its calls fail at once with EREMOTE, the
    log and a counter say so, other mounts of the server go on."""
    _export(b, b.node1, "/export/leaves", "rw,fsid=93")
    b.mount("node1:/export/leaves", "/mnt/b")
    b.mount()
    b.run(b.client, "seq 100 >/mnt/b/f; sync /mnt/b/f")
    b.run(b.node1, "exportfs -u '*:/export/leaves'; exportfs -f; exportfs -o rw,fsid=93,no_root_squash,"
                   "no_subtree_check,insecure,refer=/export@10.1.0.12 '*:/export/leaves'")
    done = b.within(20, b.client, "echo 3 >/proc/sys/vm/drop_caches; ls -l /mnt/b/ /mnt/b/f",
                    "a file system that has gone")
    if not done.rc or "remote" not in done.out:
        b.fail(f"no word of EREMOTE: {done.rc} {done.out}")
    b.run(b.client, "dmesg | grep 'penstock: node1:/export/leaves: .*moved'; "
                    "grep -E 'moved=[1-9]' /proc/self/mountstats")
    d = b.dir()
    b.run(b.client, f"seq 1000 >{d}/f; sync {d}/f; seq 1000 | cmp - {d}/f")
