# SPDX-License-Identifier: GPL-2.0
"""A pNFS metadata server made of a knfsd: names and attributes are its own, contents
of files with layouts lie in data files on data servers.

Also I/O through the metadata server goes to the data files. The file here has the
size, set by LAYOUTCOMMIT, and no data. A file that had data before anybody asked
for a layout keeps it, and gets none.
"""

import asyncio
import os
import stat

import handles
import layouts
import nfs4
import session
from ds import GLOBAL
from layouts import ANY, FLEX, RW, WHOLE, Geometry
from nfs4 import ANONYMOUS, Reader, attrs, fattr, opaque, u32, u64
from relay import USE_NON_PNFS, USE_PNFS_MDS, Refused, say

MAGIC = b"pnfs"         # all our layout stateids begin so
NOTSUPP = {nfs4.ALLOCATE, nfs4.DEALLOCATE, nfs4.COPY, nfs4.CLONE, nfs4.READ_PLUS, nfs4.SEEK}
NOTIFY_CHANGE, NOTIFY_DELETE = 1, 2
RECALLS = {"file": 1, "fsid": 2, "all": 3}


class File:
    def __init__(self, fh):
        self.fh, self.lock = fh, asyncio.Lock()
        self.data = {}          # (mirror, stripe): file handle
        self.owner = None


class Layout:
    """What one client holds of one file."""

    def __init__(self):
        self.other, self.seq = MAGIC + os.urandom(8), 0
        self.segments = []      # (iomode, offset, length)

    def stateid(self):
        return u32(self.seq) + self.other

    def drop(self, iomode, offset, length):
        end = min(WHOLE, offset + length)
        self.segments = [s for s in self.segments
                         if not (iomode in (ANY, s[0]) and offset <= s[1] and
                                 (end == WHOLE or s[1] + s[2] <= end))]


class MetadataServer:
    """config: see ./proxy"""

    def __init__(self, config):
        self.config = config
        self.servers = config["servers"]
        self.geometry = Geometry(config.get("layout", "flex"), config.get("mirrors", 1),
                                 config.get("stripes", 1), config.get("unit", 65536),
                                 config.get("dense", False), len(self.servers))
        self.type = layouts.TYPES[self.geometry.kind]
        self.tight = config.get("coupled", "loose") == "tight"
        self.mounts = config.get("mounts", ["/export", "/export/xfs"])
        self.sessions = [session.Session(s.get("control", s["addresses"][0]), config["name"])
                         for s in self.servers]
        self.files, self.layouts, self.made = {}, {}, set()
        self.bad = set()        # servers that clients have reported, with "avoid"
        self.generation = 0
        self.making = asyncio.Lock()
        self.events = []
        self.handlers = {
            nfs4.EXCHANGE_ID: self.exchange_id, nfs4.CREATE_SESSION: self.create_session,
            nfs4.BIND_CONN: self.bind_conn, nfs4.GETATTR: self.getattr, nfs4.OPEN: self.open,
            nfs4.GETFH: self.getfh, nfs4.SETATTR: self.setattr, nfs4.READ: self.read,
            nfs4.WRITE: self.write, nfs4.LAYOUTGET: self.layoutget,
            nfs4.GETDEVICEINFO: self.getdeviceinfo, nfs4.LAYOUTCOMMIT: self.layoutcommit,
            nfs4.LAYOUTRETURN: self.layoutreturn, nfs4.LAYOUTERROR: self.layouterror,
            nfs4.LAYOUTSTATS: self.layoutstats}
        self.OPERATIONS = set(self.handlers) - {nfs4.GETFH} | NOTSUPP

    async def operation(self, context, op, args):
        if op in NOTSUPP and (context.fh in self.files or context.saved in self.files):
            raise Refused("NOTSUPP")
        handler = self.handlers.get(op)
        return await handler(context, args) if handler else None

    # -- sessions and attributes ------------------------------------------

    async def exchange_id(self, context, args):
        return self.relay.exchange_id(args, USE_PNFS_MDS, USE_NON_PNFS)

    async def create_session(self, context, args):
        return self.relay.create_session(context, args)

    async def bind_conn(self, context, args):
        return self.relay.bind_conn(context, args)

    async def getattr(self, context, args):
        wanted = Reader(args).bitmap()
        ours = {nfs4.FS_LAYOUT_TYPES: u32(1, self.type), nfs4.LAYOUT_BLKSIZE: u32(self.geometry.unit)}
        if not set(wanted) & set(ours):
            return None

        async def fix(status, raw):
            if status:
                return raw
            values = attrs(Reader(raw, 8))
            values.update({bit: value for bit, value in ours.items() if bit in wanted})
            return raw[:8] + fattr(values)
        return (nfs4.GETATTR, args), fix

    # -- files ------------------------------------------------------------

    def size(self, fh):
        return handles.size(fh, self.mounts)

    async def file(self, fh):
        """The file with its data files; made if the file is empty."""
        async with self.making:
            if fh not in self.files:
                fd = handles.open_handle(fh, self.mounts)
                st = os.fstat(fd)
                os.close(fd)
                if not stat.S_ISREG(st.st_mode) or st.st_size:
                    raise Refused("LAYOUTUNAVAILABLE")
                self.files[fh] = await self._make(File(fh))
            return self.files[fh]

    async def _make(self, file):
        loose = self.type == FLEX and not self.tight
        file.owner = tuple(self.config.get("owner", [19452, 28418])) if loose else (0, 0)
        for m, s in self.geometry.data_files():
            n = self.geometry.server(m, s)
            try:
                await self._directory(n)
                file.data[m, s] = await self.sessions[n].create(
                    self.servers[n]["dir"], layouts.data_name(file.fh, m, s),
                    0o640 if loose else 0o666, *file.owner)
            except (OSError, session.StatusError) as e:
                say(f"{self.relay.name}: no data file: {e}")
                raise Refused("LAYOUTTRYLATER") from e
        return file

    async def _directory(self, n):
        if n not in self.made:
            await self.sessions[n].mkdir(self.servers[n]["dir"])
            self.made.add(n)

    async def _each(self, file, fn):
        """Call fn(session, handle, mirror, stripe) for all data files."""
        for (m, s), fh in file.data.items():
            await fn(self.sessions[self.geometry.server(m, s)], fh, m, s)

    async def _truncate(self, file, size):
        async def one(ds, fh, m, s):
            await ds.setattr(fh, {nfs4.SIZE: u64(self.geometry.data_size(s, size))})
        await self._each(file, one)

    async def open(self, context, args):
        """A file that is opened and emptied at once; which one, GETFH will tell."""
        r = Reader(args)
        r.skip("uuuQo")
        if r.u() and r.u() in (0, 1):
            context.truncates = nfs4.SIZE in r.bitmap()

    async def getfh(self, context, args):
        if not context.truncates:
            return None
        context.truncates = False

        async def fix(status, raw):
            file = self.files.get(Reader(raw, 8).opaque()) if status == 0 else None
            if file:
                await self._truncate(file, 0)
            return raw
        return (nfs4.GETFH, b""), fix

    async def setattr(self, context, args):
        file = self.files.get(context.fh)
        values = attrs(Reader(args, 16)) if file else {}
        if nfs4.SIZE not in values:
            return None
        await self._hold(context, file)

        async def fix(status, raw):
            if status == 0:
                await self._truncate(file, int.from_bytes(values[nfs4.SIZE], "big"))
            return raw
        return (nfs4.SETATTR, args), fix

    @staticmethod
    async def _hold(context, file):
        """Nobody else changes the size until this compound is answered."""
        if context.holds is not file:
            await context.held.enter_async_context(file.lock)
            context.holds = file

    def _touch(self, file, end):
        """What makes the file as long as that, if it is not, and changes its times."""
        values = {nfs4.TIME_MODIFY_SET: u32(0)}
        if end > self.size(file.fh):
            values[nfs4.SIZE] = u64(end)
        return (nfs4.SETATTR, ANONYMOUS + fattr(values)), nfs4.SIZE in values

    # -- I/O through us ---------------------------------------------------

    async def read(self, context, args):
        file = self.files.get(context.fh)
        if not file:
            return None
        r = Reader(args, 16)
        offset, count = r.q(), r.u()

        async def fix(status, raw):
            if status:
                return nfs4.result(nfs4.READ, status)
            size = self.size(file.fh)
            data = await self._gather(file, offset, max(0, min(count, size - offset)))
            return nfs4.result(nfs4.READ, 0, u32(int(offset + len(data) >= size)) + opaque(data))
        return (nfs4.GETFH, b""), fix

    async def _gather(self, file, offset, length):
        parts = []
        for s, where, _, n in self.geometry.pieces(offset, length):
            parts.append((await self._any_mirror(file, s, where, n)).ljust(n, b"\0"))
        return b"".join(parts)

    def _mirrors(self):
        """Those with good servers only: what is left out misses what is written now."""
        g = self.geometry
        return [m for m in range(g.mirrors)
                if not any(g.server(m, s) in self.bad for s in range(g.stripes))]

    async def _any_mirror(self, file, s, where, n):
        for m in self._mirrors():
            try:
                return await self.sessions[self.geometry.server(m, s)].read(file.data[m, s], where, n)
            except (OSError, session.StatusError) as e:
                say(f"{self.relay.name}: mirror {m}: {e}")
        raise Refused("IO")

    async def _taken_over(self, fh):
        """The file, if its contents lie or can be laid on data servers: a write to an
        empty file that stayed here would be lost to who is given a layout meanwhile."""
        try:
            return await self.file(fh) if fh else None
        except (Refused, OSError):
            return None

    async def write(self, context, args):
        file = await self._taken_over(context.fh)
        if not file:
            return None
        r = Reader(args, 16)
        offset, _, data = r.q(), r.u(), r.opaque()
        self.note("WRITE", offset=offset)
        await self._hold(context, file)
        await self._scatter(file, offset, data)
        touch, _ = self._touch(file, offset + len(data))

        async def fix(status, raw):
            body = u32(len(data), 2) + b"pnfsbed\0" if status == 0 else b""
            return nfs4.result(nfs4.WRITE, status, body)
        return touch, fix

    async def _scatter(self, file, offset, data):
        """To all mirrors; one that is out of reach is left behind, the last one is not."""
        for s, where, at, n in self.geometry.pieces(offset, len(data)):
            part, done = data[at - offset:at - offset + n], 0
            for m in self._mirrors():
                try:
                    await self.sessions[self.geometry.server(m, s)].write(file.data[m, s], where, part)
                    done += 1
                except (OSError, session.StatusError) as e:
                    say(f"{self.relay.name}: mirror {m} not written: {e}")
            if not done:
                raise Refused("IO")

    # -- layouts ----------------------------------------------------------

    async def layoutget(self, context, args):
        async def fix(status, raw):
            if status:
                return nfs4.result(nfs4.LAYOUTGET, status)
            return nfs4.result(nfs4.LAYOUTGET, 0,
                               await self._layoutget(context, Reader(raw, 8).opaque(), Reader(args)))
        return (nfs4.GETFH, b""), fix

    async def _layoutget(self, context, fh, r):
        r.skip("u")
        kind, iomode, offset, length = r.u(), r.u(), r.q(), r.q()
        r.skip("Q")
        stateid, room = r.take(16), r.u()
        if kind != self.type:
            raise Refused("UNKNOWN_LAYOUTTYPE")
        key = (context.client, fh)
        layout = self.layouts.get(key)
        if stateid[4:8] == MAGIC and (not layout or layout.other != stateid[4:]):
            raise Refused("BAD_STATEID")
        file = await self.file(fh)
        if not self._mirrors():
            raise Refused("LAYOUTUNAVAILABLE")
        layout = self.layouts.setdefault(key, Layout())
        step = self.config.get("length", "whole")
        start, span = (0, WHOLE) if step == "whole" else (offset // step * step, step)
        body = self.spoil("layout", self._encode(file, iomode))
        layout.seq += 1
        layout.segments.append((iomode, start, span))
        found = (u32(int(self.config.get("return_on_close", False))) + layout.stateid()
                 + nfs4.array([u64(start, span) + u32(iomode, self.type) + opaque(body)]))
        if room and len(found) > room:
            raise Refused("TOOSMALL")
        self.note("LAYOUTGET", iomode=iomode, offset=start, length=span)
        return found

    def _encode(self, file, iomode):
        g = self.geometry
        if self.type != FLEX:
            return layouts.files_layout(g, self.device(0), [file.data[0, s] for s in range(g.stripes)])
        places = [[(self.device(g.server(m, s)), file.data[m, s]) for s in range(g.stripes)]
                  for m in self._mirrors()]
        uid, gid = file.owner
        # A read layout's user is one that may not write (RFC 8435 section 2.2.1).
        user = uid if iomode == RW or self.tight else uid + 1000
        return layouts.flex_layout(g, places, u32(1) + GLOBAL if self.tight else ANONYMOUS,
                                   (user, gid), self.config.get("flags", 0), self.config.get("stats", 0))

    def device(self, n):
        return b"pnfsdev " + u32(self.generation, n)

    def spoil(self, what, body):
        """garbage: {"layout" or "device": kind}"""
        kind = self.config.get("garbage", {}).get(what)
        return {None: body, "empty": b"", "short": body[:len(body) // 2], "zeros": bytes(len(body)),
                "ones": b"\xff" * len(body), "tail": body + b"\xff" * 400,
                "random": os.urandom(len(body))}[kind]

    async def getdeviceinfo(self, context, args):
        ident, kind, room = args[:16], int.from_bytes(args[16:20], "big"), int.from_bytes(args[20:24], "big")
        wanted = Reader(args, 24).bitmap()

        async def fix(status, raw):
            if status:
                return nfs4.result(nfs4.GETDEVICEINFO, status)
            n = int.from_bytes(ident[12:], "big")
            if kind != self.type or n >= len(self.servers) or ident != self.device(n):
                raise Refused("NOENT")
            if self.type == FLEX:
                body = layouts.flex_device(self.servers[n], self.tight)
            else:
                g = self.geometry
                body = layouts.files_device([self.servers[g.server(0, s)] for s in range(g.stripes)],
                                            range(g.stripes))
            body = self.spoil("device", body)
            if room and len(body) + 8 > room:
                raise Refused("TOOSMALL", u32(len(body) + 8))
            notify = nfs4.bitmap([b for b in wanted if b in (NOTIFY_CHANGE, NOTIFY_DELETE)])
            return nfs4.result(nfs4.GETDEVICEINFO, 0, u32(self.type) + opaque(body) + notify)
        return (nfs4.TEST_STATEID, u32(0)), fix

    async def layoutcommit(self, context, args):
        file = self.files.get(context.fh)
        if not file:
            raise Refused("BADLAYOUT")
        r = Reader(args)
        r.skip("QQu")
        stateid = r.take(16)
        layout = self.layouts.get((context.client, context.fh))
        if not layout or stateid[4:] != layout.other:
            raise Refused("BAD_STATEID")
        end = r.q() + 1 if r.u() else 0
        await self._hold(context, file)
        touch, grows = self._touch(file, end)
        self.note("LAYOUTCOMMIT", end=end)

        async def fix(status, raw):
            body = (u32(1) + u64(end) if grows else u32(0)) if status == 0 else b""
            return nfs4.result(nfs4.LAYOUTCOMMIT, status, body)
        return touch, fix

    async def layoutreturn(self, context, args):
        r = Reader(args)
        r.skip("uu")
        iomode, what = r.u(), r.u()
        client = context.client
        if what != RECALLS["file"]:
            for key in [k for k in self.layouts if k[0] == client]:
                del self.layouts[key]
            self.note("LAYOUTRETURN", all=True)
            return (nfs4.TEST_STATEID, u32(0)), self._status_only(nfs4.LAYOUTRETURN, u32(0))
        offset, length, stateid, body = r.q(), r.q(), r.take(16), r.opaque()

        async def fix(status, raw):
            if status:
                return nfs4.result(nfs4.LAYOUTRETURN, status)
            done = self._layoutreturn(client, Reader(raw, 8).opaque(), iomode, offset, length,
                                      stateid, body)
            if self.config.get("fences") and self.events[-1]["errors"]:
                await self._fence(None)
            return nfs4.result(nfs4.LAYOUTRETURN, 0, done)
        return (nfs4.GETFH, b""), fix

    def _layoutreturn(self, client, fh, iomode, offset, length, stateid, body):
        layout = self.layouts.get((client, fh))
        if not layout or stateid[4:] != layout.other:
            raise Refused("BAD_STATEID")
        errors = self._io_errors(body) if self.type == FLEX else []
        self._avoid(errors)
        self.note("LAYOUTRETURN", iomode=iomode, offset=offset, length=length, errors=errors)
        layout.drop(iomode, offset, length)
        if layout.segments:
            layout.seq += 1
            return u32(1) + layout.stateid()
        del self.layouts[client, fh]
        return u32(0)

    @staticmethod
    def _io_errors(body):
        """ff_layoutreturn4's reports as [server, status, operation]"""
        if not body:
            return []
        r, found = Reader(body), []
        for _ in range(r.u()):
            r.skip("QQS")
            found += [[int.from_bytes(r.take(16)[12:], "big"), r.u(), r.u()] for _ in range(r.u())]
        return found

    def _avoid(self, errors):
        if self.config.get("avoid"):
            self.bad |= {server for server, _, _ in errors}

    @staticmethod
    def _status_only(op, body=b""):
        async def fix(status, raw):
            return nfs4.result(op, status, body if status == 0 else b"")
        return fix

    async def layouterror(self, context, args):
        r = Reader(args, 32)
        errors = [[int.from_bytes(r.take(16)[12:], "big"), r.u(), r.u()] for _ in range(r.u())]
        self.note("LAYOUTERROR", errors=errors)
        self._avoid(errors)
        return (nfs4.GETFH, b""), self._status_only(nfs4.LAYOUTERROR)

    async def layoutstats(self, context, args):
        r = Reader(args, 32)
        self.note("LAYOUTSTATS", read=[r.q(), r.q()], write=[r.q(), r.q()],
                  server=int.from_bytes(r.take(16)[12:], "big"))
        return (nfs4.GETFH, b""), self._status_only(nfs4.LAYOUTSTATS)

    # -- for the tests ----------------------------------------------------

    def note(self, what, **more):
        self.events.append({"op": what, **more})
        del self.events[:-2000]

    def state(self):
        def one(file):
            try:
                fd = handles.open_handle(file.fh, self.mounts)
                ino = os.fstat(fd).st_ino
                os.close(fd)
            except OSError:
                ino = None
            return {"fh": file.fh.hex(), "ino": ino, "owner": file.owner,
                    "layouts": sum(len(l.segments) for k, l in self.layouts.items() if k[1] == file.fh),
                    "data": {f"{m}.{s}": [self.geometry.server(m, s), layouts.data_name(file.fh, m, s)]
                             for m, s in file.data}}
        return {"files": [one(f) for f in self.files.values()], "events": self.events,
                "mirrors": self._mirrors(),
                "layouts": sum(len(l.segments) for l in self.layouts.values())}

    def _sessions_of(self, client):
        return [s for s in self.relay.sessions.values() if s.client == client]

    async def control(self, command):
        return await {"recall": self._recall, "notify": self._notify,
                      "fence": self._fence}[command["cmd"]](command)

    async def _recall(self, command):
        """{"cmd": "recall", "kind": "file", "all" or "fsid", "iomode": 3, "changed": false}
        answers the status that each client gave; with "forget" layouts count as gone."""
        kind, iomode = command.get("kind", "file"), command.get("iomode", ANY)
        head = u32(self.type, iomode, int(command.get("changed", False)), RECALLS[kind])
        jobs = []
        for client in {k[0] for k in self.layouts}:
            mine = [(fh, l) for (c, fh), l in self.layouts.items() if c == client]
            if kind == "all":
                bodies = [head]
            elif kind == "fsid":
                bodies = [head + u64(*command.get("fsid", (0, 0)))]
            else:
                for _, layout in mine:
                    layout.seq += 1
                bodies = [head + opaque(fh) + u64(command.get("offset", 0), command.get("length", WHOLE))
                          + layout.stateid() for fh, layout in mine]
            jobs += [self._sessions_of(client)[-1].callback(nfs4.CB_LAYOUTRECALL, b) for b in bodies]
        if command.get("forget"):
            self.layouts.clear()
        return await asyncio.gather(*jobs)

    async def _notify(self, command):
        """{"cmd": "notify", "what": "change" or "delete", "server": n}; change gives the
        devices new ids where "renew" is said."""
        delete = command.get("what", "change") == "delete"
        ident = self.device(command.get("server", 0))
        entry = u32(self.type) + ident + (b"" if delete else u32(int(command.get("immediate", False))))
        args = nfs4.array([nfs4.bitmap([NOTIFY_DELETE if delete else NOTIFY_CHANGE]) + opaque(entry)])
        if delete or command.get("renew"):
            self.generation += 1
        return await asyncio.gather(*[s.callback(nfs4.CB_NOTIFY_DEVICEID, args)
                                      for s in self.relay.sessions.values() if s.alive()])

    async def _fence(self, command):
        """{"cmd": "fence"}: the owners that layouts have told are owners no more."""
        for file in self.files.values():
            file.owner = (file.owner[0] + 1, file.owner[1] + 1)

            async def one(ds, fh, m, s, owner=file.owner):
                await ds.setattr(fh, {nfs4.OWNER: opaque(str(owner[0])),
                                      nfs4.OWNER_GROUP: opaque(str(owner[1]))})
            await self._each(file, one)
        return len(self.files)
