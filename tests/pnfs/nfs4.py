# SPDX-License-Identifier: GPL-2.0
"""As much of NFSv4.1/4.2 on the wire as a proxy needs: where operations begin and end.

Grammar of arguments and results (RFC 5662, 7863, 8276), one letter a field:
u 4 bytes, Q 8, S a stateid or another 16 bytes, c change_info4, o opaque<>,
B bitmap4, F fattr4, [x] an array of x, and functions for the unions.
"""

import struct

(ACCESS, CLOSE, COMMIT, CREATE, DELEGPURGE, DELEGRETURN, GETATTR, GETFH, LINK, LOCK, LOCKT, LOCKU,
 LOOKUP, LOOKUPP, NVERIFY, OPEN, OPENATTR, OPEN_CONFIRM, OPEN_DOWNGRADE, PUTFH, PUTPUBFH, PUTROOTFH,
 READ, READDIR, READLINK, REMOVE, RENAME, RENEW, RESTOREFH, SAVEFH, SECINFO, SETATTR, SETCLIENTID,
 SETCLIENTID_CONFIRM, VERIFY, WRITE, RELEASE_LOCKOWNER, BACKCHANNEL_CTL, BIND_CONN, EXCHANGE_ID,
 CREATE_SESSION, DESTROY_SESSION, FREE_STATEID, GET_DIR_DELEGATION, GETDEVICEINFO, GETDEVICELIST,
 LAYOUTCOMMIT, LAYOUTGET, LAYOUTRETURN, SECINFO_NO_NAME, SEQUENCE, SET_SSV, TEST_STATEID,
 WANT_DELEGATION, DESTROY_CLIENTID, RECLAIM_COMPLETE, ALLOCATE, COPY, COPY_NOTIFY, DEALLOCATE,
 IO_ADVISE, LAYOUTERROR, LAYOUTSTATS, OFFLOAD_CANCEL, OFFLOAD_STATUS, READ_PLUS, SEEK, WRITE_SAME,
 CLONE, GETXATTR, SETXATTR, LISTXATTRS, REMOVEXATTR) = range(3, 76)
CB_LAYOUTRECALL, CB_SEQUENCE, CB_NOTIFY_DEVICEID = 5, 11, 14

OP_NAMES = {n: name for name, n in list(globals().items()) if name.isupper() and isinstance(n, int)
            and not name.startswith("CB_")}

ERRORS = {
    "OK": 0, "PERM": 1, "NOENT": 2, "IO": 5, "NXIO": 6, "ACCESS": 13, "EXIST": 17, "INVAL": 22, "NOSPC": 28,
    "ROFS": 30, "STALE": 70, "BADHANDLE": 10001, "NOTSUPP": 10004, "TOOSMALL": 10005,
    "SERVERFAULT": 10006, "DELAY": 10008, "DENIED": 10010, "GRACE": 10013, "NOFILEHANDLE": 10020,
    "BAD_STATEID": 10025, "OLD_STATEID": 10024, "STALE_STATEID": 10023, "STALE_CLIENTID": 10022,
    "EXPIRED": 10011, "ADMIN_REVOKED": 10047, "BADIOMODE": 10049, "BADLAYOUT": 10050, "BADSESSION": 10052,
    "LAYOUTTRYLATER": 10058, "LAYOUTUNAVAILABLE": 10059, "NOMATCHING_LAYOUT": 10060,
    "RECALLCONFLICT": 10061, "UNKNOWN_LAYOUTTYPE": 10062, "SEQ_MISORDERED": 10063, "DEADSESSION": 10078,
    "DELEG_REVOKED": 10087, "PNFS_NO_LAYOUT": 10080,
}

ANONYMOUS = bytes(16)


class Unknown(Exception):
    """An operation that this file has no grammar for, or bytes that do not fit it."""


# -- writing --------------------------------------------------------------

def u32(*values):
    return struct.pack(f">{len(values)}I", *values)


def u64(*values):
    return struct.pack(f">{len(values)}Q", *values)


def opaque(data):
    if isinstance(data, str):
        data = data.encode()
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


def array(items):
    return u32(len(items)) + b"".join(items)


def bitmap(bits):
    words = [0] * (max(bits) // 32 + 1) if bits else []
    for bit in bits:
        words[bit // 32] |= 1 << bit % 32
    return u32(len(words), *words)


# -- reading --------------------------------------------------------------

class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, n):
        if n > len(self.data) - self.at:
            raise Unknown(f"{n} bytes wanted at {self.at} of {len(self.data)}")
        self.at += n
        return bytes(self.data[self.at - n:self.at])

    def u(self):
        return struct.unpack(">I", self.take(4))[0]

    def q(self):
        return struct.unpack(">Q", self.take(8))[0]

    def opaque(self):
        n = self.u()
        data = self.take(n)
        self.take(-n % 4)
        return data

    def skip_opaque(self):
        n = self.u()
        self.at += n + -n % 4
        if self.at > len(self.data):
            raise Unknown("opaque beyond the end")

    def bitmap(self):
        words = [self.u() for _ in range(self.u())]
        return [i * 32 + b for i, w in enumerate(words) for b in range(32) if w >> b & 1]

    def skip(self, grammar):
        """Step over what the grammar, a string or a function, describes."""
        if callable(grammar):
            return grammar(self)
        i = 0
        while i < len(grammar):
            letter = grammar[i]
            if letter == "[":
                end = grammar.index("]", i)
                for _ in range(self.u()):
                    self.skip(grammar[i + 1:end])
                i = end
            elif letter == "o":
                self.skip_opaque()
            elif letter == "B":
                self.take(4 * self.u())
            elif letter == "F":
                self.take(4 * self.u())
                self.skip_opaque()
            else:
                self.take({"u": 4, "Q": 8, "S": 16, "c": 20}[letter])
            i += 1


# -- grammar --------------------------------------------------------------

def _create(r):
    r.skip({5: "o", 3: "uu", 4: "uu"}.get(r.u(), "") + "oF")


def _lock(r):
    r.skip("uuQQ")
    r.skip("uSuQo" if r.u() else "Su")


def _open(r):
    r.skip("uuuQo")
    if r.u():
        r.skip({0: "F", 1: "F", 2: "Q", 3: "QF"}[r.u()])
    r.skip({0: "o", 1: "u", 2: "So", 3: "o", 4: "", 5: "S", 6: ""}[r.u()])


def _open_result(r):
    r.skip("ScuB")
    kind = r.u()
    if kind in (1, 4):
        r.skip("Suuuuo")
    elif kind in (2, 5):
        r.skip("Su")
        r.skip({1: "Q", 2: "uu"}[r.u()])
        r.skip("uuuo")
    elif kind == 3 and r.u() in (1, 2):
        r.skip("u")


def _secparms(r):
    for _ in range(r.u()):
        flavour = r.u()
        if flavour == 1:
            r.skip("uouu[u]")
        elif flavour == 6:
            r.skip("uoo")


def _create_session(r):
    r.skip("Quu" + "uuuuuu[u]" * 2 + "u")
    _secparms(r)


def _exchange_id(r):
    r.skip("Qou")
    if r.u():
        raise Unknown("EXCHANGE_ID with state protection")
    r.skip("[ooQu]")


def _exchange_id_result(r):
    r.skip("Quu")
    if r.u():
        raise Unknown("EXCHANGE_ID with state protection")
    r.skip("Qoo[ooQu]")


def _layoutreturn(r):
    r.skip("uuu")
    if r.u() == 1:
        r.skip("QQSo")


def _layoutcommit(r):
    r.skip("QQuS")
    if r.u():
        r.skip("Q")
    if r.u():
        r.skip("Qu")
    r.skip("uo")


def _readdir_result(r):
    r.skip("Q")
    while r.u():
        r.skip("QoF")
    r.skip("u")


def _secinfo_result(r):
    for _ in range(r.u()):
        if r.u() == 6:
            r.skip("ouu")


def _netlocs(r):
    for _ in range(r.u()):
        if r.u() == 3:
            r.skip("oo")
        else:
            r.skip("o")


def _copy(r):
    r.skip("SSQQQuu")
    _netlocs(r)


def _write_response(r):
    r.skip("[S]QuQ")


def _copy_result(r):
    _write_response(r)
    r.skip("uu")


def _read_plus_result(r):
    r.skip("u")
    for _ in range(r.u()):
        r.skip("Qo" if r.u() == 0 else "QQ")


def _fs_locations(r):
    r.skip("[o]")
    for _ in range(r.u()):
        r.skip("[o][o]")


ARGS = {
    ACCESS: "u", CLOSE: "uS", COMMIT: "Qu", CREATE: _create, DELEGPURGE: "Q", DELEGRETURN: "S",
    GETATTR: "B", GETFH: "", LINK: "o", LOCK: _lock, LOCKT: "uQQQo", LOCKU: "uuSQQ", LOOKUP: "o",
    LOOKUPP: "", NVERIFY: "F", OPEN: _open, OPENATTR: "u", OPEN_DOWNGRADE: "Suuu", PUTFH: "o",
    PUTPUBFH: "", PUTROOTFH: "", READ: "SQu", READDIR: "QQuuB", READLINK: "", REMOVE: "o",
    RENAME: "oo", RESTOREFH: "", SAVEFH: "", SECINFO: "o", SETATTR: "SF", VERIFY: "F",
    WRITE: "SQuo", BIND_CONN: "Suu", EXCHANGE_ID: _exchange_id, CREATE_SESSION: _create_session,
    DESTROY_SESSION: "S", FREE_STATEID: "S", GETDEVICEINFO: "SuuB", LAYOUTCOMMIT: _layoutcommit,
    LAYOUTGET: "uuuQQQSu", LAYOUTRETURN: _layoutreturn, SECINFO_NO_NAME: "u", SEQUENCE: "Suuuu",
    TEST_STATEID: "[S]", DESTROY_CLIENTID: "Q", RECLAIM_COMPLETE: "u", ALLOCATE: "SQQ", COPY: _copy,
    DEALLOCATE: "SQQ", LAYOUTERROR: "QQS[Suu]", LAYOUTSTATS: "QQSQQQQSuo", OFFLOAD_CANCEL: "S",
    OFFLOAD_STATUS: "S", READ_PLUS: "SQu", SEEK: "SQu", CLONE: "SSQQQ", GETXATTR: "o",
    SETXATTR: "uoo", LISTXATTRS: "Qu", REMOVEXATTR: "o",
}
RESULTS = {
    ACCESS: "uu", CLOSE: "S", COMMIT: "Q", CREATE: "cB", GETATTR: "F", GETFH: "o", LINK: "c",
    LOCK: "S", LOCKU: "S", OPEN: _open_result, OPEN_DOWNGRADE: "S", READ: "uo",
    READDIR: _readdir_result, READLINK: "o", REMOVE: "c", RENAME: "cc", SECINFO: _secinfo_result,
    WRITE: "uuQ", BIND_CONN: "Suu", EXCHANGE_ID: _exchange_id_result,
    CREATE_SESSION: "Suu" + "uuuuuu[u]" * 2, SECINFO_NO_NAME: _secinfo_result, SEQUENCE: "Suuuuu",
    TEST_STATEID: "[u]", COPY: _copy_result, OFFLOAD_STATUS: "Q[u]", READ_PLUS: _read_plus_result,
    SEEK: "uQ", GETXATTR: "o", SETXATTR: "c", LISTXATTRS: "Q[o]u", REMOVEXATTR: "c",
}
# Those of one word are not named; 58 to 63 and 67 to 74 knfsd does not have, but for 62.
ATTRS = {
    0: "B", 3: "Q", 4: "Q", 8: "QQ", 12: "[uuuo]", 19: "o", 20: "Q", 21: "Q", 22: "Q", 23: "Q",
    27: "Q", 30: "Q", 31: "Q", 32: "o", 36: "o", 37: "o", 38: "Q", 39: "Q", 40: "Q", 41: "uu",
    42: "Q", 43: "Q", 44: "Q", 45: "Q", 47: "Qu", 49: "Qu", 50: "Qu", 51: "Qu", 52: "Qu", 53: "Qu",
    55: "Q", 56: "Qu", 57: "Qu", 62: "[u]", 64: "[u]", 75: "B", 78: "Q", 80: "uuo", 24: _fs_locations,
}
SIZE, FS_LAYOUT_TYPES, LAYOUT_BLKSIZE = 4, 62, 65
MODE, OWNER, OWNER_GROUP, TIME_MODIFY_SET = 33, 36, 37, 54


def _skip_result(r):
    op, status = r.u(), r.u()
    if op == SETATTR:
        r.skip("B")
    elif status == 0:
        r.skip(RESULTS.get(op, ""))
    elif status == ERRORS["DENIED"] and op in (LOCK, LOCKT):
        r.skip("QQuQo")
    return op, status


def split_args(r):
    """The operations of a compound call: [(op, its bytes without the number)]."""
    ops = []
    for _ in range(r.u()):
        op = r.u()
        if op not in ARGS:
            raise Unknown(f"operation {op}")
        start = r.at
        try:
            r.skip(ARGS[op])
        except KeyError as e:
            raise Unknown(f"{OP_NAMES[op]} with a case {e} of its own") from e
        ops.append((op, bytes(r.data[start:r.at])))
    return ops


def split_results(r):
    """[(op, status, its bytes with both)]"""
    found = []
    for _ in range(r.u()):
        start = r.at
        op, status = _skip_result(r)
        found.append((op, status, bytes(r.data[start:r.at])))
    return found


def result(op, status, body=b""):
    """A result; without a body an error gets what the RFCs have in that place."""
    if not body and (op == SETATTR or op == LAYOUTGET and status == ERRORS["LAYOUTTRYLATER"]):
        body = u32(0)       # nothing set; no signal will come
    return u32(op, status) + body


# -- attributes -----------------------------------------------------------

def attrs(r):
    """A fattr4 as {number: bytes}; only for attributes of this file's table."""
    bits = r.bitmap()
    values = Reader(r.opaque())
    found = {}
    for bit in bits:
        start = values.at
        if bit in (58, 59, 61, 63) or bit in range(67, 75):
            raise Unknown(f"attribute {bit}")
        values.skip(ATTRS.get(bit, "u"))
        found[bit] = values.data[start:values.at]
    return found


def fattr(values):
    return bitmap(sorted(values)) + opaque(b"".join(values[b] for b in sorted(values)))


# -- RPC ------------------------------------------------------------------

PROGRAM = 100003
CALL, REPLY = 0, 1


def auth_sys(uid=0, gid=0):
    return u32(1) + opaque(u32(0) + opaque("proxy") + u32(uid, gid, 0)) + u32(0, 0)


def call_header(xid, prog, vers, proc, cred):
    return u32(xid, CALL, 2, prog, vers, proc) + cred


def record(payload):
    return u32(0x80000000 | len(payload)) + payload


async def read_record(stream):
    payload = b""
    while True:
        mark = struct.unpack(">I", await stream.readexactly(4))[0]
        part = await stream.readexactly(mark & 0x7fffffff)
        if mark >> 31:
            return payload + part if payload else part
        payload += part


class Call:
    """A call: its RPC head as it came, and the compound, if it is one."""

    def __init__(self, data):
        r = Reader(data)
        self.xid = r.u()
        r.skip("uu")
        self.prog, self.vers, self.proc = r.u(), r.u(), r.u()
        r.skip("uouo")
        self.head = bytes(data[:r.at])
        self.ops = None
        if (self.prog, self.vers, self.proc) == (PROGRAM, 4, 1):
            self.tag, self.minor = r.opaque(), r.u()
            self.ops = split_args(r)

    def encode(self, ops):
        return (self.head + opaque(self.tag) + u32(self.minor)
                + array([u32(op) + args for op, args in ops]))


class Answer:
    """A reply to a compound: head, status, tag, results; None where RPC itself failed."""

    def __init__(self, data):
        r = Reader(data)
        self.xid = r.u()
        self.results = None
        r.skip("u")
        if r.u():
            return
        r.skip("uo")
        if r.u():
            return
        self.head = bytes(data[:r.at])
        self.status = r.u()
        self.tag = r.opaque()
        self.results = split_results(r)

    def encode(self, results, status):
        return self.head + u32(status) + opaque(self.tag) + array(results)
