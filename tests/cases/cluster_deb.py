# SPDX-License-Identifier: GPL-2.0
"""The Debian packages in a guest: dkms builds the module there, a mount works,
and nothing is left of it all after a purge."""

import os
import subprocess

from bed import host

# What else changes in a running system, and what the package manager keeps for
# itself when any package comes or goes.
VOLATILE = ("/dev", "/mnt", "/penstock", "/proc", "/run", "/sys", "/tmp", "/var/cache", "/var/lib/apt",
            "/var/lib/dpkg/*-old", "/var/log", "/var/tmp")
APT = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0"


def _files(b, name):
    """List all files of the guest's root into /tmp/NAME."""
    skip = " -o ".join(f"-path '{p}'" for p in VOLATILE)
    b.run(b.client, rf"find / -xdev \( {skip} \) -prune -o -print | sort >/tmp/{name}", timeout=120)


def _without_module(b):
    """What tests/guest/load has brought must not be taken for the packages'."""
    b.undo.callback(b.cluster.load)
    b.run(b.client, "/penstock/guest/load -u && rm -f /etc/modprobe.d/penstock.conf /usr/sbin/*mount.penstock && "
                    "depmod && ! modprobe -n -q penstock")


#: fs=penstock long slow timeout=2400
def t_install_and_purge(b):
    made = subprocess.run([os.path.join(host.REPO, "packaging/build-deb")], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    b.say(made.stdout)
    if made.returncode:
        b.fail("make deb failed")
    _without_module(b)
    _files(b, "before")

    b.undo.callback(b.try_run, b.client, f"{APT} purge 'penstock-*'", timeout=120)
    # The guests' tree leaves manual pages out.
    b.run(b.client, f"{APT} -o 'DPkg::Options::=--path-include=/usr/share/man/man8/*' "
                    "install /penstock/repo/build/deb/penstock-*.deb", timeout=1500)
    b.run(b.client, "dkms status penstock | grep ': installed'; modinfo -n penstock | grep /updates/dkms/penstock.ko && "
                    "dpkg -S /usr/sbin/mount.penstock /usr/share/man/man8/mount.penstock.8.gz && "
                    "zcat /usr/share/man/man8/mount.penstock.8.gz | grep -qi '^[.]SH name'")
    b.run(b.client, "modprobe penstock")
    b.mount()
    d = b.dir()
    b.run(b.client, f"seq 100000 >{d}/f && sync {d}/f && echo 3 >/proc/sys/vm/drop_caches && "
                    f"seq 100000 | cmp - {d}/f && rm -r {d}")
    b.umount()

    b.run(b.client, f"{APT} purge penstock-dkms penstock-utils", timeout=300)
    b.eq(b.run(b.client, "grep -w penstock /proc/modules /proc/filesystems; dpkg -l 'penstock*' 2>/dev/null | grep penstock; "
                         "dkms status penstock; modinfo -n penstock 2>/dev/null; true"), "", "what is left")
    _files(b, "after")
    b.eq(b.run(b.client, "comm -3 /tmp/before /tmp/after"), "", "files that came or went")
