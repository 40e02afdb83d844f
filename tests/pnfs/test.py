#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The pNFS proxy without a kernel: geometry, grammar, and compounds through it."""

import asyncio
import unittest

import layouts
import nfs4
from layouts import Geometry
from mds import File, MetadataServer
from nfs4 import ANONYMOUS, Call, Reader, Unknown, array, attrs, fattr, opaque, u32, u64
from node import Node
from relay import USE_PNFS_MDS, Refused, Relay

FH = b"\x01\0\x06\x01" + b"f" * 24
SESSION = bytes(range(16))
ATTRS = u32(0, 65536, 65536, 4096, 16, 8, 0)


class TestGeometry(unittest.TestCase):
    def check(self, **config):
        g = Geometry(unit=4096, **config)
        for size in (0, 1, 4095, 4096, 4097, 8192, 12288, 30000):
            pieces = g.pieces(0, size)
            self.assertEqual(sum(n for *_, n in pieces), size)
            for s in range(g.stripes):
                ends = [where + n for stripe, where, _, n in pieces if stripe == s]
                self.assertEqual(g.data_size(s, size), max(ends, default=0), (s, size))
        seen = set()
        for s, where, at, n in g.pieces(5000, 50000):
            self.assertEqual(g.pieces(at, n), [(s, where, at, n)])
            self.assertNotIn((s, where), seen)
            seen.add((s, where))

    def test_plain(self):
        self.check()

    def test_sparse(self):
        self.check(layout="flex", stripes=2)
        self.check(layout="files", stripes=3)

    def test_dense(self):
        self.check(layout="files", stripes=3, dense=True)
        g = Geometry("files", stripes=2, unit=4096, dense=True)
        self.assertEqual(g.pieces(8192 + 5, 10), [(0, 4096 + 5, 8197, 10)])

    def test_servers(self):
        g = Geometry(mirrors=2, stripes=2, servers=3)
        self.assertEqual([g.server(m, s) for m, s in g.data_files()], [0, 1, 2, 0])

    def test_addresses(self):
        self.assertEqual(layouts.uaddr("10.1.0.12:2049"), ("tcp", "10.1.0.12.8.1"))
        self.assertEqual(layouts.uaddr("[fd00:1::12]:20490"), ("tcp6", "fd00:1::12.80.10"))


def call(*ops):
    return Call(compound(*ops))


def compound(*ops):
    return (nfs4.call_header(7, nfs4.PROGRAM, 4, 1, nfs4.auth_sys()) + opaque("tag") + u32(1)
            + array([u32(op) + args for op, args in ops]))


class TestGrammar(unittest.TestCase):
    OPENS = (u32(1, 2, 0) + u64(5) + opaque("me") + u32(1, 0) + fattr({4: u64(0), 33: u32(0o644)})
             + u32(0) + opaque("name"),
             u32(1, 1, 0) + u64(5) + opaque("me") + u32(0, 4),
             u32(1, 1, 0) + u64(5) + opaque("me") + u32(1, 3) + bytes(8) + fattr({}) + u32(0) + opaque("x"))

    def test_calls(self):
        for o in self.OPENS:
            ops = [(nfs4.SEQUENCE, SESSION + u32(1, 2, 3, 0)), (nfs4.PUTFH, opaque(FH)), (nfs4.OPEN, o),
                   (nfs4.GETFH, b""), (nfs4.WRITE, bytes(16) + u64(3) + u32(2) + opaque("abcde")),
                   (nfs4.GETATTR, nfs4.bitmap([1, 62]))]
            c = call(*ops)
            self.assertEqual(c.ops, ops)
            self.assertEqual(c.encode(c.ops), compound(*ops))

    def test_cut_off(self):
        whole = compound((nfs4.SEQUENCE, SESSION + u32(1, 2, 3, 0)), (nfs4.OPEN, self.OPENS[0]))
        for n in range(50, len(whole), 4):
            with self.assertRaises(Unknown):
                Call(whole[:n])

    def test_unknown(self):
        with self.assertRaises(Unknown):
            call((77, b""))

    def test_attributes(self):
        values = {0: u32(1, 3), 4: u64(9), 36: opaque("17"), 53: u64(1) + u32(2), 62: u32(1, 4),
                  24: array([opaque("root")]) + array([array([opaque("host")]) + array([])]),
                  65: u32(4096), 75: u32(1, 3), 77: u32(4096), 78: u64(1), 79: u32(0), 82: u32(1)}
        self.assertEqual(attrs(Reader(fattr(values))), values)


class FakeServer:
    """As much of knfsd as the compounds below need; keeps what it was asked."""

    def __init__(self):
        self.asked = []

    async def serve(self, reader, writer):
        while True:
            try:
                data = await nfs4.read_record(reader)
            except (EOFError, asyncio.CancelledError):
                return
            c = Call(data)
            self.asked.append([op for op, _ in c.ops])
            results = [self.result(op, args) for op, args in c.ops]
            writer.write(nfs4.record(c.head[:4] + u32(1, 0, 0, 0, 0) + u32(0) + opaque(c.tag)
                                     + array(results)))

    def result(self, op, args):
        body = {nfs4.SEQUENCE: args[:16] + u32(1, 0, 0, 0, 0), nfs4.GETFH: opaque(FH),
                nfs4.SETATTR: nfs4.bitmap([54]), nfs4.TEST_STATEID: u32(0),
                nfs4.READ: u32(1) + opaque("knfsd"), nfs4.WRITE: u32(1, 2) + bytes(8), nfs4.GETATTR: fattr({1: u32(1), 62: u32(0)}),
                nfs4.CREATE_SESSION: SESSION + u32(1, 2) + ATTRS + ATTRS, nfs4.EXCHANGE_ID: u64(1) + u32(1, 0x10001, 0) + u64(0) + opaque("major")
                + opaque("scope") + u32(0)}.get(op, b"")
        return nfs4.result(op, 0, body)


class Memory:
    """A data server's session: {handle: bytes}"""

    def __init__(self):
        self.files, self.broken = {}, False

    async def write(self, fh, offset, data):
        if self.broken:
            raise OSError("broken")
        old = self.files.get(fh, b"").ljust(offset, b"\0")
        self.files[fh] = old[:offset] + data + old[offset + len(data):]

    async def read(self, fh, offset, length):
        if self.broken:
            raise OSError("broken")
        return self.files.get(fh, b"")[offset:offset + length]


class Metadata(MetadataServer):
    """Data files are dictionaries' matter."""

    def size(self, fh):
        return 100

    async def file(self, fh):
        if fh == b"full":
            raise Refused("LAYOUTUNAVAILABLE")
        if fh not in self.files:
            file = self.files[fh] = File(fh)
            file.owner = (19452, 28418)
            file.data = {(m, s): f"{m}.{s}".encode() for m, s in self.geometry.data_files()}
        return self.files[fh]


class TestProxy(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)     # a busy host is no finding
        self.real = FakeServer()
        self.server = await asyncio.start_server(self.real.serve, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        config = {"name": "mds", "listen": [0], "server": f"127.0.0.1:{port}", "unit": 4096,
                  "servers": [{"addresses": ["10.1.0.12:2049"], "dir": "/x"}]}
        self.mds = Metadata(config)
        self.relay = Relay(config, self.mds)
        listener = await asyncio.start_server(self.relay._accept, "127.0.0.1", 0)
        self.reader, self.writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
        self.listener = listener

    async def asyncTearDown(self):
        self.writer.close()
        await self.relay.die()
        self.listener.close()
        self.server.close()
        while len(asyncio.all_tasks()) > 1:     # what a cancelled task leaves is noise
            await asyncio.sleep(0)

    async def ask(self, *ops):
        ops = [(nfs4.SEQUENCE, SESSION + u32(1, 0, 0, 0))] + list(ops)
        self.writer.write(nfs4.record(compound(*ops)))
        data = await asyncio.wait_for(nfs4.read_record(self.reader), 5)
        r = Reader(data)
        r.skip("uuuuou")
        status = r.u()
        r.skip("o")
        return status, [r.data[r.at:]]

    async def layoutget(self, stateid=ANONYMOUS):
        """(status, layout stateid, body)"""
        status, (rest,) = await self.ask(
            (nfs4.PUTFH, opaque(FH)),
            (nfs4.LAYOUTGET, u32(0, layouts.FLEX, layouts.RW) + u64(0, 4096, 0) + stateid + u32(4096)))
        r = Reader(rest)
        self.assertEqual(r.u(), 3)
        r.take(8 + 36)
        self.assertEqual((r.u(), r.u(), r.u()), (nfs4.PUTFH, 0, nfs4.LAYOUTGET))
        self.assertEqual(r.u(), status)
        if status:
            return status, None, None
        r.skip("u")
        stateid = r.take(16)
        self.assertEqual((r.u(), r.q(), r.q()), (1, 0, layouts.WHOLE))
        self.assertEqual((r.u(), r.u()), (layouts.RW, layouts.FLEX))
        body = r.opaque()
        self.assertEqual(r.at, len(rest))
        return status, stateid, body

    async def test_exchange_id(self):
        self.writer.write(nfs4.record(compound((nfs4.EXCHANGE_ID, bytes(8) + opaque("me") + u32(0, 0, 0)))))
        data = await asyncio.wait_for(nfs4.read_record(self.reader), 5)
        self.assertIn(opaque("major/mds") + opaque("scope/mds"), data)
        self.assertIn(u32(1, USE_PNFS_MDS | 1, 0), data)

    async def test_layoutget(self):
        _, stateid, body = await self.layoutget()
        self.assertEqual(self.real.asked[-1], [nfs4.SEQUENCE, nfs4.PUTFH, nfs4.GETFH])
        self.assertEqual(body, u64(0) + u32(1, 1) + self.mds.device(0) + u32(1) + ANONYMOUS
                         + array([opaque("0.0")]) + opaque("19452") + opaque("28418") + u32(0, 0))
        _, again, _ = await self.layoutget(stateid)
        self.assertEqual((stateid[:4], again[:4], again[4:]), (u32(1), u32(2), stateid[4:]))
        status, _, _ = await self.layoutget(u32(1) + b"pnfs" + bytes(8))
        self.assertEqual(status, nfs4.ERRORS["BAD_STATEID"])

    async def test_fault_ends_the_compound(self):
        self.relay.faults = {"LAYOUTGET": ["LAYOUTTRYLATER", 1]}
        status, _, _ = await self.layoutget()
        self.assertEqual(status, nfs4.ERRORS["LAYOUTTRYLATER"])
        self.assertEqual(self.real.asked[-1], [nfs4.SEQUENCE, nfs4.PUTFH])
        self.assertEqual((await self.layoutget())[0], 0)

    async def test_layoutcommit_and_return(self):
        _, stateid, _ = await self.layoutget()
        status, (rest,) = await self.ask(
            (nfs4.PUTFH, opaque(FH)),
            (nfs4.LAYOUTCOMMIT, u64(0, 500) + u32(0) + stateid + u32(1) + u64(499) + u32(0)
             + u32(layouts.FLEX) + opaque("")))
        self.assertEqual(status, 0)
        self.assertEqual(rest[-20:], nfs4.result(nfs4.LAYOUTCOMMIT, 0, u32(1) + u64(500)))
        self.assertEqual(self.real.asked[-1][-1], nfs4.SETATTR)
        error = array([u64(0, 4096) + stateid + array([self.mds.device(0) + u32(5, nfs4.WRITE)])])
        status, (rest,) = await self.ask(
            (nfs4.PUTFH, opaque(FH)),
            (nfs4.LAYOUTRETURN, u32(0, layouts.FLEX, layouts.ANY, 1) + u64(0, layouts.WHOLE) + stateid
             + opaque(error + u32(0))))
        self.assertEqual((status, rest[-12:]), (0, nfs4.result(nfs4.LAYOUTRETURN, 0, u32(0))))
        self.assertEqual(self.mds.layouts, {})
        self.assertEqual(self.mds.events[-1]["errors"], [[0, 5, nfs4.WRITE]])

    async def test_getdeviceinfo(self):
        status, (rest,) = await self.ask(
            (nfs4.GETDEVICEINFO, self.mds.device(0) + u32(layouts.FLEX, 4096) + nfs4.bitmap([1, 2])))
        self.assertEqual(status, 0)
        self.assertIn(opaque("tcp") + opaque("10.1.0.12.8.1"), rest)
        status, (rest,) = await self.ask(
            (nfs4.GETDEVICEINFO, self.mds.device(0) + u32(layouts.FLEX, 16) + u32(0)))
        self.assertEqual(status, nfs4.ERRORS["TOOSMALL"])

    async def test_layout_types(self):
        _, (rest,) = await self.ask((nfs4.PUTFH, opaque(FH)), (nfs4.GETATTR, nfs4.bitmap([1, 62, 65])))
        self.assertTrue(rest.endswith(fattr({1: u32(1), 62: u32(1, layouts.FLEX), 65: u32(4096)})))

    async def test_recall(self):
        """A callback uses the session's minor version, program and last slot."""
        self.writer.write(nfs4.record(compound(
            (nfs4.CREATE_SESSION, u64(9) + u32(1, 2) + ATTRS + ATTRS + u32(0x40000001, 1, 0)))))
        await nfs4.read_record(self.reader)
        _, stateid, _ = await self.layoutget()
        recall = asyncio.create_task(self.mds.control({"cmd": "recall", "kind": "file"}))
        for seq in (1, 2):
            r = Reader(await asyncio.wait_for(nfs4.read_record(self.reader), 5))
            xid = r.take(4)
            self.assertEqual([r.u() for _ in range(5)], [nfs4.CALL, 2, 0x40000001, 1, 1])
            r.skip("uouoo")
            self.assertEqual((r.u(), r.u(), r.u()), (1, 0, 2))
            self.assertEqual(r.take(4 + 16 + 20), u32(nfs4.CB_SEQUENCE) + SESSION + u32(seq, 7, 7, 0, 0))
            self.assertEqual([r.u() for _ in range(5)],
                             [nfs4.CB_LAYOUTRECALL, layouts.FLEX, layouts.ANY, 0, 1])
            self.assertEqual((r.opaque(), r.q(), r.q()), (FH, 0, layouts.WHOLE))
            self.assertEqual(r.take(16), u32(1 + seq) + stateid[4:])
            status = nfs4.ERRORS["NOMATCHING_LAYOUT"] if seq == 2 else 0
            self.writer.write(nfs4.record(xid + u32(nfs4.REPLY, 0, 0, 0, 0, status) + opaque("") + u32(0)))
            self.assertEqual(await asyncio.wait_for(recall, 5), [status])
            recall = asyncio.create_task(self.mds.control({"cmd": "recall", "kind": "file"}))
        recall.cancel()

    async def test_through_us(self):
        """What a client writes through the metadata server is on the data servers."""
        g = self.mds.geometry = Geometry(mirrors=2, stripes=2, unit=4096, servers=4)
        self.mds.sessions = [Memory() for _ in range(4)]
        self.mds.size = lambda fh: 20000
        await self.layoutget()
        data = bytes(range(200)) * 100
        status, (rest,) = await self.ask(
            (nfs4.PUTFH, opaque(FH)), (nfs4.WRITE, ANONYMOUS + u64(0) + u32(0) + opaque(data)))
        self.assertEqual((status, rest[-16:-8]), (0, u32(20000, 2)))
        for m, s in g.data_files():
            self.assertEqual(len(self.mds.sessions[2 * m + s].files[f"{m}.{s}".encode()]),
                             g.data_size(s, 20000))
        self.mds.sessions[0].broken = True
        status, (rest,) = await self.ask(
            (nfs4.PUTFH, opaque(FH)), (nfs4.READ, ANONYMOUS + u64(4000) + u32(9000)))
        self.assertTrue(rest.endswith(u32(0) + opaque(data[4000:13000])))
        self.mds.sessions[2].broken = True
        status, _ = await self.ask((nfs4.PUTFH, opaque(FH)), (nfs4.READ, ANONYMOUS + u64(0) + u32(9)))
        self.assertEqual(status, nfs4.ERRORS["IO"])

    async def test_others_files(self):
        """I/O on a file without data files is none of our business."""
        _, (rest,) = await self.ask((nfs4.PUTFH, opaque(FH)), (nfs4.READ, ANONYMOUS + u64(0) + u32(9)))
        self.assertTrue(rest.endswith(opaque("knfsd")))
        await self.ask((nfs4.PUTFH, opaque("full")), (nfs4.WRITE, ANONYMOUS + u64(0) + u32(0) + opaque("x")))
        self.assertEqual(self.real.asked[-1][-1], nfs4.WRITE)


class TestNode(unittest.IsolatedAsyncioTestCase):
    """A node has a minor id of its own, and sessions."""

    async def ask(self, *ops):
        self.writer.write(nfs4.record(compound(*ops)))
        return nfs4.Answer(await asyncio.wait_for(nfs4.read_record(self.reader), 5))

    async def test_sessions(self):
        asyncio.get_running_loop().set_debug(False)
        real = FakeServer()
        server = await asyncio.start_server(real.serve, "127.0.0.1", 0)
        config = {"name": "node", "server": f"127.0.0.1:{server.sockets[0].getsockname()[1]}", "minor": 9}
        relay = Relay(config, Node(config))
        listener = await asyncio.start_server(relay._accept, "127.0.0.1", 0)
        self.reader, self.writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
        answer = await self.ask((nfs4.EXCHANGE_ID, bytes(8) + opaque("me") + u32(0, 0, 0)))
        self.assertIn(u32(1, 0x10001, 0) + u64(9) + opaque("major"), answer.results[0][2])
        sequence = (nfs4.SEQUENCE, SESSION + u32(1, 0, 0, 0))
        answer = await self.ask(sequence, (nfs4.PUTFH, opaque(FH)))
        self.assertEqual((answer.status, len(answer.results)), (nfs4.ERRORS["BADSESSION"], 1))
        channel = u32(0, 4096, 4096, 0, 8, 8, 0)
        answer = await self.ask((nfs4.CREATE_SESSION, u64(1) + u32(1, 2) + channel * 2 + u32(0x40000000, 0)))
        self.assertEqual(answer.status, 0)
        answer = await self.ask(sequence, (nfs4.PUTFH, opaque(FH)))
        self.assertEqual((answer.status, len(answer.results)), (0, 2))
        self.writer.close()
        await relay.die()
        listener.close()
        server.close()


if __name__ == "__main__":
    unittest.main(warnings="ignore")
