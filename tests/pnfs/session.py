# SPDX-License-Identifier: GPL-2.0
"""The proxy's own NFSv4.1 session to a data server: one connection, one slot, root."""

import asyncio
import os

import nfs4
from nfs4 import ERRORS, Reader, fattr, opaque, u32, u64

GONE = {ERRORS[e] for e in ("BADSESSION", "DEADSESSION", "STALE_CLIENTID", "EXPIRED", "SEQ_MISORDERED")}
LATER = {ERRORS["DELAY"], ERRORS["GRACE"]}
CHUNK = 1 << 19
FILE_SYNC = 2


class StatusError(Exception):
    def __init__(self, what, status):
        super().__init__(f"{what}: status {status}")
        self.status = status


class Session:
    """Connects when first used, and again when the server has forgotten it. Every
    call takes seconds at most: who waits is a client's call, and it has a way out."""

    def __init__(self, address, name, patience=5):
        self.host, port = address.rsplit(":", 1)
        self.port, self.name, self.patience = int(port), name, patience
        self.lock = asyncio.Lock()
        self.reader = self.writer = self.id = None
        self.xid = int.from_bytes(os.urandom(4), "big")

    async def _rpc(self, ops):
        self.xid = self.xid + 1 & 0xffffffff
        head = nfs4.call_header(self.xid, nfs4.PROGRAM, 4, 1, nfs4.auth_sys())
        body = opaque("") + u32(1) + nfs4.array([u32(op) + args for op, args in ops])
        self.writer.write(nfs4.record(head + body))
        await self.writer.drain()
        while True:
            data = await nfs4.read_record(self.reader)
            if data[:8] == u32(self.xid, nfs4.REPLY):
                break
        answer = nfs4.Answer(data)
        if answer.results is None:
            raise OSError("the data server refused a call")
        return answer

    async def _connect(self):
        self.close()
        self.reader, self.writer = await asyncio.open_connection(self.host.strip("[]"), self.port)
        owner = f"pnfs proxy {self.name} {os.getpid()} {id(self)}"
        answer = await self._rpc([(nfs4.EXCHANGE_ID, os.urandom(8) + opaque(owner) + u32(0, 0, 0))])
        self._good(answer, "EXCHANGE_ID")
        r = Reader(answer.results[0][2], 8)
        client, seq = r.q(), r.u()
        attrs = u32(0, 1 << 21, 1 << 21, 4096, 16, 1, 0)
        answer = await self._rpc([(nfs4.CREATE_SESSION, u64(client) + u32(seq, 0) + attrs
                                   + u32(0, 4096, 4096, 0, 2, 1, 0) + u32(0x40000000, 1, 0))])
        self._good(answer, "CREATE_SESSION")
        self.id, self.seq = answer.results[0][2][8:24], 0
        answer = await self._sequenced([(nfs4.RECLAIM_COMPLETE, u32(0))])
        self._good(answer, "RECLAIM_COMPLETE")

    async def _sequenced(self, ops):
        self.seq += 1
        return await self._rpc([(nfs4.SEQUENCE, self.id + u32(self.seq, 0, 0, 0))] + ops)

    @staticmethod
    def _good(answer, what):
        if answer.status:
            raise StatusError(what, answer.status)

    async def _try(self, ops):
        if self.id is None:
            await self._connect()
        answer = await self._sequenced(ops)
        if answer.status in GONE and len(answer.results) == 1:
            self.close()
            return await self._try(ops)
        return answer

    async def compound(self, *ops):
        """The results after SEQUENCE's; OSError or StatusError if there is no way."""
        async with self.lock:
            for _ in range(40):
                try:
                    answer = await asyncio.wait_for(self._try(list(ops)), self.patience)
                except (OSError, EOFError, asyncio.TimeoutError, StatusError) as e:
                    self.close()
                    if isinstance(e, StatusError) and e.status in LATER:
                        await asyncio.sleep(0.3)
                        continue
                    raise OSError(f"data server {self.host}: {e!r}") from e
                if answer.status not in LATER:
                    break
                await asyncio.sleep(0.3)
        if answer.status:
            op, status, _ = answer.results[-1]
            raise StatusError(nfs4.OP_NAMES.get(op, op), status)
        return answer.results[1:]

    def close(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = self.id = None

    # -- files ------------------------------------------------------------

    @staticmethod
    def _walk(path):
        return [(nfs4.PUTROOTFH, b"")] + [(nfs4.LOOKUP, opaque(p)) for p in path.split("/") if p]

    async def mkdir(self, path):
        """Make a directory, if it is not there."""
        parent, _, name = path.rstrip("/").rpartition("/")
        try:
            await self.compound(*self._walk(parent), (nfs4.CREATE, u32(2) + opaque(name)
                                + fattr({nfs4.MODE: u32(0o777)})))
        except StatusError as e:
            if e.status != ERRORS["EXIST"]:
                raise

    async def create(self, directory, name, mode, uid, gid):
        """Make the file if it is not there; its handle."""
        values = {nfs4.MODE: u32(mode)}
        owner = u64(0) + opaque(f"proxy {name}")
        results = await self.compound(
            *self._walk(directory),
            (nfs4.OPEN, u32(0, 2, 0) + owner + u32(1, 0) + fattr(values) + u32(0) + opaque(name)),
            (nfs4.GETFH, b""))
        fh = Reader(results[-1][2], 8).opaque()
        stateid = results[-2][2][8:24]
        await self.compound((nfs4.PUTFH, opaque(fh)), (nfs4.CLOSE, u32(0) + stateid))
        await self.setattr(fh, {nfs4.OWNER: opaque(str(uid)), nfs4.OWNER_GROUP: opaque(str(gid))})
        return fh

    async def setattr(self, fh, values):
        await self.compound((nfs4.PUTFH, opaque(fh)), (nfs4.SETATTR, nfs4.ANONYMOUS + fattr(values)))

    async def read(self, fh, offset, length):
        """What there is, up to length."""
        data = b""
        while len(data) < length:
            results = await self.compound(
                (nfs4.PUTFH, opaque(fh)),
                (nfs4.READ, nfs4.ANONYMOUS + u64(offset + len(data)) + u32(min(CHUNK, length - len(data)))))
            r = Reader(results[-1][2], 8)
            eof, part = r.u(), r.opaque()
            data += part
            if eof or not part:
                break
        return data

    async def write(self, fh, offset, data):
        while data:
            results = await self.compound(
                (nfs4.PUTFH, opaque(fh)),
                (nfs4.WRITE, nfs4.ANONYMOUS + u64(offset) + u32(FILE_SYNC) + opaque(data[:CHUNK])))
            done = Reader(results[-1][2], 8).u()
            offset, data = offset + done, data[done:]
