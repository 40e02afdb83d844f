# SPDX-License-Identifier: GPL-2.0
"""Layouts as bytes, and where their bytes lie: pure, for the proxy and for the cases.

A file has `mirrors` copies, each of `stripes` data files; data file (m, s) is
on data server (m * stripes + s) modulo their number. Flexible files stripe
sparsely (RFC 8435 section 6); files layouts sparsely or densely (RFC 8881
section 13.4).
"""

import hashlib

from nfs4 import array, opaque, u32, u64

FILES, FLEX = 1, 4
READ, RW, ANY = 1, 2, 3
TYPES = {"files": FILES, "flex": FLEX}
WHOLE = 0xffffffffffffffff

FF_NO_LAYOUTCOMMIT, FF_NO_IO_THRU_MDS, FF_NO_READ_IO, FF_WRITE_ONE_MIRROR = 1, 2, 4, 8


class Geometry:
    def __init__(self, layout="flex", mirrors=1, stripes=1, unit=65536, dense=False, servers=1):
        self.kind, self.mirrors, self.stripes = layout, mirrors, stripes
        self.unit, self.dense, self.servers = unit, dense and layout == "files", servers

    def server(self, m, s):
        return (m * self.stripes + s) % self.servers

    def data_files(self):
        return [(m, s) for m in range(self.mirrors) for s in range(self.stripes)]

    def pieces(self, offset, length):
        """[(stripe, offset in the data file, offset in the file, length)]"""
        found = []
        end = offset + length
        while offset < end:
            if self.stripes == 1:
                return found + [(0, offset, offset, end - offset)]
            number, inside = divmod(offset, self.unit)
            n = min(self.unit - inside, end - offset)
            where = number // self.stripes * self.unit + inside if self.dense else offset
            found.append((number % self.stripes, where, offset, n))
            offset += n
        return found

    def data_size(self, s, size):
        """How long a data file of stripe s is if a file of that size has no holes."""
        if self.stripes == 1:
            return size
        units, rest = divmod(size, self.unit)
        rounds, last = divmod(units, self.stripes)
        if self.dense:
            return rounds * self.unit + (self.unit if s < last else rest if s == last else 0)
        if rest and s == last:
            return size
        number = rounds * self.stripes + s if s < last else (rounds - 1) * self.stripes + s
        return (number + 1) * self.unit if number >= 0 else 0


def data_name(fh, m, s):
    return f"{hashlib.sha1(fh).hexdigest()[:16]}.m{m}.s{s}"


def uaddr(text):
    """host:port as (netid, universal address); IPv6 in brackets."""
    host, port = text.rsplit(":", 1)
    tail = f".{int(port) >> 8}.{int(port) & 255}"
    if host.startswith("["):
        return "tcp6", host[1:-1] + tail
    return "tcp", host + tail


def netaddrs(addresses):
    pairs = [uaddr(a) for a in addresses]
    return array([opaque(netid) + opaque(addr) for netid, addr in pairs])


def flex_device(server, tight):
    version, minor = {3: (3, 0), 4.1: (4, 1), 4.2: (4, 2)}[server.get("version", 4.1)]
    size = server.get("iosize", 1 << 20)
    return netaddrs(server["addresses"]) + array(
        [u32(version, minor, size, size, int(tight and version == 4))])


def files_device(servers, indices):
    return array([u32(i) for i in indices]) + array([netaddrs(s["addresses"]) for s in servers])


def flex_layout(geometry, places, stateid, owners, flags=0, stats=0):
    """places[m][s] = (device id, file handle); owners = (user, group)"""
    mirrors = []
    for stripes in places:
        mirrors.append(array([
            device + u32(1) + stateid + array([opaque(fh)]) + opaque(str(owners[0])) + opaque(str(owners[1]))
            for device, fh in stripes]))
    # ff_data_server4: device, efficiency, stateid, handles, user, group
    return (u64(geometry.unit if geometry.stripes > 1 else 0) + array(mirrors) + u32(flags, stats))


def files_layout(geometry, device, handles):
    return device + u32(geometry.unit | int(geometry.dense), 0) + u64(0) + array([opaque(fh) for fh in handles])
