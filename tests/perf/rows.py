# SPDX-License-Identifier: GPL-2.0
"""What is measured. The names of rows are kept for ever: histories use them."""

import json

from machine import DATA_MB, MeasureError

MIB = 1 << 20
FILE_SIZE = 4096        # of each small file, see guest/psmeta.c


SECURE = ("tls", "krb5", "krb5i", "krb5p")


class Row:
    """Those whose names begin with rdma- are measured over RDMA, those that begin
    with tls-, krb5-, krb5i- or krb5p- with that on both mounts. @bed: the kind of
    guest that they share."""

    def __init__(self, name, ops, warm, limit=600):
        self.name, self.ops, self.warm, self.limit = name, ops, warm, limit
        first = name.split("-")[0]
        self.security = first if first in SECURE else ""
        self.bed = "secure" if self.security else "rdma" if first == "rdma" else "tcp"

    def count(self, factor):
        return max(1, int(self.ops * factor))


class Fio(Row):
    """A fixed number of I/Os of one size; the window is fio's I/O loop with
    the final fsync of a buffered writer."""

    def __init__(self, name, rw, size, ops, warm, depth=1, direct=True):
        super().__init__(name, ops, warm)
        self.size, self.writes = size, rw.endswith("write")
        self.whole = not direct
        self.options = [f"--rw={rw}", f"--bs={size}", f"--direct={int(direct)}"]
        if direct:
            self.options += ["--ioengine=libaio", f"--iodepth={depth}", "--io_size=100g"]
        else:
            self.options += ["--ioengine=psync"]
            if self.writes:
                self.options += ["--end_fsync=1"]

    def count(self, factor):
        """Through the page cache: the whole file and once, or read-ahead
        beyond what is asked for would count. Else fio starts over at the end."""
        return DATA_MB if self.whole else super().count(factor)

    def words(self, fs, factor):
        return ["fio_row", fs, self.name, self.warm, self.count(factor), *self.options]

    def verify(self, out, window, ops):
        """fio did what was asked, and the bytes went through the server."""
        report = json.loads(out[out.index("{"):])
        job = report["jobs"][0]
        side = job["write" if self.writes else "read"]
        if job["error"] or side["total_ios"] != ops or side["io_bytes"] != ops * self.size:
            raise MeasureError(f"{self.name}: fio ended with error {job['error']}, "
                               f"{side['total_ios']} of {ops} I/Os")
        moved = window.bytes_written if self.writes else window.bytes_read
        if moved != ops * self.size:
            raise MeasureError(f"{self.name}: {ops * self.size} bytes were moved by fio and "
                               f"{moved} by the server")


class Meta(Row):
    """N files, one operation each, by guest/psmeta.c."""

    def __init__(self, name, kind, ops, proof):
        super().__init__(name, ops, 20)
        self.kind, self.proof = kind, proof

    def count(self, factor):
        return self.ops         # later phases need what the first one made

    def words(self, fs, factor):
        return ["meta_row", fs, self.name, self.warm, self.ops, self.kind]

    def verify(self, out, window, ops):
        seen = sum(window.nfs_ops.get(op, 0) for op in self.proof)
        if seen < ops:
            raise MeasureError(f"{self.name}: {ops} operations, but the server saw only {seen} "
                               f"of {', '.join(self.proof)}")
        moved = {"create": window.bytes_written, "open-read": window.bytes_read}
        if moved.get(self.kind, ops * FILE_SIZE) != ops * FILE_SIZE:
            raise MeasureError(f"{self.name}: the server moved {moved[self.kind]} bytes of "
                               f"{ops * FILE_SIZE}")


ROWS = [
    Fio("randread-4k-d16", "randread", 4096, 4000, 400, depth=16),
    Fio("randread-4k-d1", "randread", 4096, 2000, 200),
    Fio("randwrite-4k-d16", "randwrite", 4096, 4000, 400, depth=16),
    Fio("randwrite-4k-d1", "randwrite", 4096, 2000, 200),
    Fio("seqread-1m-direct", "read", MIB, 192, 8, depth=4),
    Fio("seqwrite-1m-direct", "write", MIB, 192, 8, depth=4),
    Fio("seqread-1m-buffered", "read", MIB, DATA_MB, 8, direct=False),
    Fio("seqwrite-1m-buffered", "write", MIB, DATA_MB, 8, direct=False),
    Meta("create", "create", 400, ["OPEN"]),
    Meta("stat", "stat", 400, ["GETATTR"]),
    Meta("open-read", "open-read", 400, ["READ", "READ_PLUS"]),
    Meta("unlink", "unlink", 400, ["REMOVE"]),
    Fio("rdma-randread-4k-d16", "randread", 4096, 4000, 400, depth=16),
    Fio("rdma-randread-4k-d1", "randread", 4096, 2000, 200),
    Fio("rdma-randwrite-4k-d16", "randwrite", 4096, 4000, 400, depth=16),
    Fio("rdma-randwrite-4k-d1", "randwrite", 4096, 2000, 200),
    Fio("rdma-seqread-1m-direct", "read", MIB, 96, 8, depth=4),
    Fio("rdma-seqwrite-1m-direct", "write", MIB, 96, 8, depth=4),
]
# The ciphers are the same code for both; with them an I/O takes long in an emulator.
for _security in SECURE:
    _long = 32 if _security in ("krb5i", "krb5p") else 96
    ROWS += [
        Fio(f"{_security}-randread-4k-d16", "randread", 4096, 2000, 200, depth=16),
        Fio(f"{_security}-randread-4k-d1", "randread", 4096, 1000, 100),
        Fio(f"{_security}-randwrite-4k-d16", "randwrite", 4096, 2000, 200, depth=16),
        Fio(f"{_security}-seqread-1m-direct", "read", MIB, _long, 4, depth=4),
        Fio(f"{_security}-seqwrite-1m-direct", "write", MIB, _long, 4, depth=4),
    ]
