# SPDX-License-Identifier: GPL-2.0
"""A proxy in front of a real server: each connection of a client's has one of its own to
the server, calls and callbacks pass both ways, and a policy changes compounds.

A policy may put other arguments in an operation's place, or another operation, and
changes its result when it comes. Operations keep their number in the compound, so
that what the server caches for a slot fits the answer that the client got.
"""

import asyncio
import contextlib
import os
import ssl
import sys

import nfs4
from nfs4 import ERRORS, Answer, Call, Reader, Unknown, opaque, u32, u64

USE_NON_PNFS, USE_PNFS_MDS, USE_PNFS_DS = 0x10000, 0x20000, 0x40000
VERSION_3 = {6: "READ3", 7: "WRITE3", 21: "COMMIT3"}
CHANGES_FH = {nfs4.OPEN, nfs4.LOOKUP, nfs4.LOOKUPP, nfs4.CREATE, nfs4.PUTROOTFH, nfs4.PUTPUBFH,
              nfs4.OPENATTR}


def say(*words):
    print(*words, file=sys.stderr, flush=True)


class Refused(Exception):
    """The compound ends at this operation with this status."""

    def __init__(self, status, body=b""):
        super().__init__(status)
        self.status, self.body = ERRORS.get(status, status), body


class Context:
    """What is known of a compound while its operations are gone through."""

    def __init__(self, link, call):
        self.link, self.call = link, call
        self.fh = self.saved = None
        self.client = None      # its id; of a session from before we started, the session's
        self.truncates = False
        self.holds, self.held = None, contextlib.AsyncExitStack()

    def follow(self, op, args):
        if op == nfs4.PUTFH:
            self.fh = Reader(args).opaque()
        elif op == nfs4.SAVEFH:
            self.saved = self.fh
        elif op == nfs4.RESTOREFH:
            self.fh = self.saved
        elif op in CHANGES_FH:
            self.fh = None
        elif op == nfs4.SEQUENCE:
            session = self.link.relay.sessions.get(args[:16])
            self.client = session.client if session else args[:16]


class Session:
    """What the back channel needs to know of a client's session."""

    def __init__(self, ident, client, minor, program, slots):
        self.id, self.client, self.minor = ident, client, minor
        self.program, self.slots = program, slots
        self.seq, self.links = 0, []
        self.lock = asyncio.Lock()

    def alive(self):
        self.links = [link for link in self.links if not link.closed]
        return bool(self.links)

    async def callback(self, op, args):
        """Send one operation in the last slot, which knfsd leaves alone; its status."""
        async with self.lock:
            if not self.alive():
                raise OSError("no connection for callbacks")
            self.seq += 1
            sequence = self.id + u32(self.seq, self.slots - 1, self.slots - 1, 0, 0)
            body = opaque("") + u32(self.minor, 0) + nfs4.array(
                [u32(nfs4.CB_SEQUENCE) + sequence, u32(op) + args])
            reply = await asyncio.wait_for(self.links[0].call_client(self.program, body), 30)
        r = Reader(reply, 8)
        if r.u():
            return "denied"
        r.skip("uo")
        return r.u() or r.u()


class Link:
    def __init__(self, relay, reader, writer):
        self.relay, self.closed = relay, False
        self.client = (reader, writer)
        self.answers, self.callbacks = {}, {}
        self.tasks = set()

    async def run(self):
        try:
            self.server = await asyncio.open_connection(*self.relay.server, limit=1 << 21)
            jobs = [asyncio.create_task(self._from_client()), asyncio.create_task(self._from_server())]
            self.tasks.update(jobs)
            await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            for job in jobs:
                error = None if job.cancelled() or not job.done() else job.exception()
                if error and not isinstance(error, (EOFError, OSError)):
                    raise error
        except OSError:
            pass
        finally:
            self.close()

    def close(self):
        self.closed = True
        for task in self.tasks:
            task.cancel()
        for _, writer in (self.client, getattr(self, "server", (None, None))):
            if writer:
                writer.close()
        self.relay.links.discard(self)

    async def to_client(self, payload):
        self.client[1].write(nfs4.record(payload))
        await self.client[1].drain()

    async def to_server(self, payload):
        self.server[1].write(nfs4.record(payload))
        await self.server[1].drain()

    async def _from_client(self):
        while True:
            data = await nfs4.read_record(self.client[0])
            kind = int.from_bytes(data[4:8], "big")
            waiting = self.callbacks.pop(data[:4], None) if kind == nfs4.REPLY else None
            if waiting:
                waiting.set_result(data)
            elif kind == nfs4.CALL and (call := self._interesting(data)):
                task = asyncio.create_task(self._exchange(call))
                self.tasks.add(task)
                task.add_done_callback(self._ended)
            else:
                await self.to_server(data)

    def _ended(self, task):
        self.tasks.discard(task)
        if not task.cancelled() and task.exception():
            if not isinstance(task.exception(), OSError):
                say(f"{self.relay.name}: no answer: {task.exception()!r}")
            self.close()

    def _interesting(self, data):
        try:
            call = Call(data)
        except Unknown as e:
            say(f"{self.relay.name}: passed on as it is: {e}")
            return None
        if not call.ops:
            if (call.prog, call.vers) == (nfs4.PROGRAM, 3) and call.proc in VERSION_3:
                self.relay.count(VERSION_3[call.proc])
            return None
        self.relay.count_calls(call)
        return call if self.relay.wants(call) else None

    async def _from_server(self):
        while True:
            data = await nfs4.read_record(self.server[0])
            waiting = None
            if data[4:8] == u32(nfs4.REPLY):
                waiting = self.answers.pop(data[:4], None)
            if waiting:
                waiting.set_result(data)
            else:
                await self.to_client(data)

    async def call_client(self, program, body):
        xid = os.urandom(4)
        self.callbacks[xid] = asyncio.get_running_loop().create_future()
        waiting = self.callbacks[xid]
        await self.to_client(nfs4.call_header(int.from_bytes(xid, "big"), program, 1, 1,
                                              nfs4.auth_sys()) + body)
        return await waiting

    async def _exchange(self, call):
        """One compound, from the call to the answer."""
        context = Context(self, call)
        async with context.held:
            ops, fixers, refused = await self._prepare(context)
            if self.relay.delay:
                await asyncio.sleep(self.relay.delay)
            xid = call.head[:4]
            waiting = self.answers[xid] = asyncio.get_running_loop().create_future()
            await self.to_server(call.encode(ops))
            data = await waiting
            answer = Answer(data)
            if answer.results is None:
                return await self.to_client(data)
            await self.to_client(await self._finish(context, answer, fixers, refused, len(ops)))

    async def _prepare(self, context):
        ops, fixers = [], {}
        for op, args in context.call.ops:
            try:
                self.relay.inject(op)
                changed = await self.relay.policy.operation(context, op, args)
            except Refused as e:
                return ops, fixers, nfs4.result(op, e.status, e.body)
            if changed:
                substitute, fixers[len(ops)] = changed
                ops.append(substitute)
            else:
                ops.append((op, args))
            context.follow(op, args)
        return ops, fixers, None

    async def _finish(self, context, answer, fixers, refused, asked):
        results, status = [], answer.status
        for i, (_, status, raw) in enumerate(answer.results):
            if i in fixers and fixers[i]:
                try:
                    raw = await fixers[i](status, raw)
                except Refused as e:
                    raw = nfs4.result(context.call.ops[i][0], e.status, e.body)
                status = int.from_bytes(raw[4:8], "big")
            results.append(raw)
            if status:
                return answer.encode(results, status)
        if refused and len(results) == asked:
            results.append(refused)
            status = int.from_bytes(refused[4:8], "big")
        return answer.encode(results, status)


def tls_of(path):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(f"{path}.pem", f"{path}.key")
    tls.set_alpn_protocols(["sunrpc"])
    return tls


class Relay:
    def __init__(self, config, policy):
        self.config, self.name, self.policy = config, config["name"], policy
        host, port = config.get("server", "127.0.0.1:2049").rsplit(":", 1)
        self.server = (host, int(port))
        self.links, self.sessions, self.listeners = set(), {}, []
        self.counts, self.bytes = {}, {"READ": 0, "WRITE": 0}
        self.faults, self.delay = {}, 0
        self.tls = tls_of(config["tls"]) if "tls" in config else None
        policy.relay = self

    async def listen(self):
        for port in self.config["listen"]:
            self.listeners.append(await asyncio.start_server(
                self._accept, self.config.get("at", ["0.0.0.0", "::"]), port, limit=1 << 21, reuse_address=True))

    async def _starts_tls(self, reader, writer):
        """RFC 9289 section 4.1: a NULL call with AUTH_TLS comes first, and is answered in the clear."""
        data = await nfs4.read_record(reader)
        if data[24:28] != u32(7):
            return False
        writer.write(nfs4.record(data[:4] + u32(nfs4.REPLY, 0, 0) + opaque("STARTTLS") + u32(0)))
        await writer.start_tls(self.tls)
        return True

    async def _accept(self, reader, writer):
        if self.tls:
            try:
                safe = await self._starts_tls(reader, writer)
            except (EOFError, OSError) as e:
                say(f"{self.name}: no TLS: {e!r}")
                safe = False
            if not safe:
                writer.close()
                return
        link = Link(self, reader, writer)
        self.links.add(link)
        await link.run()

    async def die(self):
        """As if the machine had no such service: refuse, and reset what is open."""
        for listener in self.listeners:
            listener.close()
        self.listeners = []
        for link in list(self.links):
            link.client[1].transport.abort()
            link.close()

    def wants(self, call):
        return any(op in self.policy.OPERATIONS or nfs4.OP_NAMES[op] in self.faults for op, _ in call.ops)

    def count(self, name):
        self.counts[name] = self.counts.get(name, 0) + 1

    def count_calls(self, call):
        for op, args in call.ops:
            self.count(nfs4.OP_NAMES[op])
            if op == nfs4.READ:
                self.bytes["READ"] += int.from_bytes(args[24:28], "big")
            elif op == nfs4.WRITE:
                self.bytes["WRITE"] += int.from_bytes(args[28:32], "big")

    def inject(self, op):
        """faults: {operation: [status, times]}, -1 times for ever"""
        name = nfs4.OP_NAMES[op]
        fault = self.faults.get(name)
        if not fault:
            return
        status, times = fault
        if times > 0:
            fault[1] -= 1
            if fault[1] == 0:
                del self.faults[name]
        raise Refused(status)

    # -- what both policies do --------------------------------------------

    def exchange_id(self, args, add, remove):
        """Client and server get names of their own here, so that one knfsd can be
        several servers, also beside a mount that reaches it directly."""
        r = Reader(args, 8)
        owner = r.opaque()
        changed = args[:8] + opaque(owner + b"/" + self.name.encode()) + args[r.at:]

        async def fix(status, raw):
            if status:
                return raw
            r = Reader(raw, 8)
            client, seq, flags, protect = r.q(), r.u(), r.u(), r.u()
            minor, major, scope = r.q(), r.opaque(), r.opaque()
            name = b"/" + self.name.encode()
            return (raw[:8] + u64(client) + u32(seq, (flags | add) & ~remove, protect) + u64(minor)
                    + opaque(major + name) + opaque(scope + name) + raw[r.at:])
        return (nfs4.EXCHANGE_ID, changed), fix

    def create_session(self, context, args):
        r = Reader(args)
        client = r.q()
        r.skip("uu" + "uuuuuu[u]" * 2)
        program = r.u()

        async def fix(status, raw):
            if status == 0:
                r = Reader(raw, 8)
                ident = r.take(16)
                r.skip("uu" + "uuuuuu[u]" + "uuuuu")
                session = self.sessions.setdefault(
                    ident, Session(ident, client, context.call.minor, program, r.u()))
                session.links.append(context.link)
            return raw
        return (nfs4.CREATE_SESSION, args), fix

    def bind_conn(self, context, args):
        async def fix(status, raw):
            session = self.sessions.get(args[:16])
            if status == 0 and session and int.from_bytes(raw[24:28], "big") != 1:
                session.links.append(context.link)
            return raw
        return (nfs4.BIND_CONN, args), fix
