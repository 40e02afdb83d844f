# SPDX-License-Identifier: GPL-2.0
"""Directories too large to be made through the mount."""

MAKE = """python3 -c '
import os
os.makedirs("/export/{d}", exist_ok=True)
fd = os.open("/export/{d}", os.O_RDONLY)
for i in range({n}):
    os.mknod(f"some-name-{{i:06}}", dir_fd=fd)
'"""

READ = """python3 -c '
import os
names = os.listdir("/mnt/a/{d}")
assert len(names) == {n}, len(names)
assert sorted(names) == [f"some-name-{{i:06}}" for i in range({n})], "names"
'"""

REMOVE = """python3 -c '
import os
seen, n = [], 0
with os.scandir("/mnt/a/{d}") as it:
    for e in it:
        seen.append(e.name)
        n += 1
        if n % {every} == 0:
            os.unlink("/mnt/a/{d}/" + e.name)
assert len(seen) == len(set(seen)), "names seen twice"
assert len(seen) == {n}, ("names seen", len(seen))
left = len(os.listdir("/mnt/a/{d}"))
assert left == {n} - {n} // {every}, ("names left", left)
'"""


def _large(b, n, every):
    d = f"large-{n}"
    b.run(b.node1, MAKE.format(d=d, n=n), timeout=600)
    b.undo.callback(b.run, b.node1, f"rm -rf /export/{d}", 300)
    b.mount()
    b.run(b.client, READ.format(d=d, n=n), timeout=600)
    b.run(b.client, READ.format(d=d, n=n), timeout=600)
    b.run(b.client, "echo 3 >/proc/sys/vm/drop_caches")
    b.run(b.client, f"ls -f /mnt/a/{d} | wc -l", timeout=600)
    b.run(b.client, REMOVE.format(d=d, n=n, every=every), timeout=900)


#: timeout=400
def t_10_000(b):
    _large(b, 10000, 50)


#: long timeout=2000
def t_100_000(b):
    _large(b, 100000, 100)
    b.run(b.client, "ls -l /mnt/a/large-100000 | wc -l", timeout=900)


#: fs=penstock long timeout=3000
def t_remove_all(b):
    """rm -r of ten thousand names."""
    b.run(b.node1, MAKE.format(d="all", n=10000), timeout=600)
    b.mount()
    b.run(b.client, "rm -r /mnt/a/all && ! test -e /mnt/a/all", timeout=2000)
