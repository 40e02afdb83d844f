# SPDX-License-Identifier: GPL-2.0
"""Is a history of opens, reads, writes, locks and renames one that may be?

A history is a list of dictionaries, one an operation:

	client, proc	who (proc is unique among all clients)
	begin, end	tickets of one counter: begin was drawn before the call, end
			after it had returned; so a.end < b.begin says that a was over
			before b began, whatever the clocks of the machines are
	what		open close fsync read write lock unlock rename
	file		what it was done to: an inode number
	open		number of the open that it went through, unique for proc
	sync		open: written through (O_SYNC)
	block, tag	read, write: which block, and what was in it; a tag is written
			once only, and "" is what was there before all writes
	kind, first, last	lock: "r" or "w", the blocks from first to last
	lock		lock, unlock: number of the lock, unique for proc
	name, to	rename: from, to; "maybe" is one that found no file, which may
			be its own doing if the server has restarted

and judge() says what contradicts close-to-open coherence, or locks. A write is
*settled* when its process has ended an fsync, a close or the unlocking of a lock
that covers it: from then on it is the server's. A read must not see what was
settled before a write began that the reader must see, which is each write

  a. of the same client that had returned before the read was called,
  b. settled before the open began that is read through,
  c. settled before a lock was asked for that the read is under, or made under a lock
     that excludes that one and was held before it.

Rule b is asked of a client that has not written to the file itself since the write in
question began. Otherwise it cannot tell, without a delegation, whether the change
that it sees is its own, and takes it to be; that is so with all NFS clients, and what
locks are for. strict asks it of everybody.

And no read sees what nobody has begun to write; conflicting locks are not held at
the same time; and a rename that came after all others has the last word.
"""

import collections

NEVER = float("inf")


class Lock:
    def __init__(self, op):
        self.op, self.proc, self.file, self.kind = op, op["proc"], op["file"], op["kind"]
        self.first, self.last = op["first"], op["last"]
        self.asked, self.since = op["begin"], op["end"]
        self.until = self.gone = NEVER

    def covers(self, op):
        return (self.file == op["file"] and self.proc == op["proc"] and self.since < op["begin"] and
                op["end"] < self.until and self.first <= op["block"] <= self.last)

    def excludes(self, other):
        return (self.file == other.file and "w" in (self.kind, other.kind) and
                self.first <= other.last and other.first <= self.last)

    def before(self, other):
        """Only asked of locks that exclude each other."""
        return self is not other and self.excludes(other) and self.since < other.since

    def __str__(self):
        return (f"{self.kind} lock of {self.proc} on file {self.file} blocks {self.first}-{self.last} "
                f"from {self.since} to {self.until}")


class History:
    def __init__(self, ops, strict):
        self.strict = strict
        self.ops = sorted(map(dict, ops), key=lambda op: op["begin"])
        self.opens, self.locks = {}, {}
        self.locks_of = collections.defaultdict(list)
        self.flushes = collections.defaultdict(list)
        self.writes = collections.defaultdict(list)
        self.writes_of = collections.defaultdict(list)
        self.wrong = []
        for op in self.ops:
            self._take(op)
        for some in self.writes.values():
            for w in some:
                w["settled"] = self._settled(w)
                w["lock"] = self._lock(w)

    def _take(self, op):
        what = op["what"]
        if what == "open":
            self.opens[op["proc"], op["open"]] = op
        elif what == "lock":
            lock = self.locks[op["proc"], op["lock"]] = Lock(op)
            for old in self._held(lock):
                old.until = op["begin"]         # converted, or a part of it is
            self.locks_of[op["proc"]].append(lock)
        elif what == "unlock":
            for lock in self._held(self.locks[op["proc"], op["lock"]]):
                lock.until, lock.gone = op["begin"], op["end"]
        elif what == "close":
            for lock in self.locks_of[op["proc"]]:
                if lock.file == op["file"] and lock.until == NEVER:
                    lock.until, lock.gone = op["begin"], op["end"]
        if what in ("fsync", "close"):
            self.flushes[op["proc"], op["open"]].append(op)
        elif what == "write":
            self.writes[op["file"], op["block"]].append(op)
            self.writes_of[op["file"]].append(op)

    def _held(self, lock):
        """What its process holds at that moment, on the same file, and overlaps it."""
        return [x for x in self.locks_of[lock.proc] if x.until == NEVER and x.file == lock.file and
                x.first <= lock.last and lock.first <= x.last]

    def _settled(self, w):
        """The ticket at which write w was certainly the server's."""
        if self.opens[w["proc"], w["open"]].get("sync"):
            return w["end"]
        ends = [op["end"] for op in self.flushes[w["proc"], w["open"]] if op["begin"] > w["end"]]
        ends += [x.gone for x in self.locks_of[w["proc"]] if x.covers(w)]
        return min(ends, default=NEVER)

    def _lock(self, op):
        return next((x for x in self.locks_of[op["proc"]] if x.covers(op)), None)

    # -- order of writes, and who must see them --------------------------------

    def _before(self, v, w):
        """Was write v certainly overwritten by w? None stands for what was there first."""
        if v is None:
            return True
        if v["settled"] < w["begin"] or v["client"] == w["client"] and v["end"] < w["begin"]:
            return True
        return bool(v["lock"] and w["lock"] and v["lock"].before(w["lock"]))

    def _seen(self, w, read, lock):
        """Why the read must see w, or "" """
        if w["client"] == read["client"] and w["end"] < read["begin"]:
            return "of the same client"
        if w["settled"] < self.opens[read["proc"], read["open"]]["begin"] and \
                (self.strict or not self._hidden(w, read)):
            return "settled before the file was opened"
        if lock and w["settled"] < lock.asked:
            return "settled before the lock was asked for"
        if lock and w["lock"] and w["lock"].before(lock):
            return "made under a lock before"
        return ""

    def _hidden(self, w, read):
        """Did the reader's client write to the file, too, after w began?"""
        return any(x["client"] == read["client"] and x["begin"] < read["begin"] and
                   x["settled"] > w["begin"] for x in self.writes_of[w["file"]])

    # -- the rules ------------------------------------------------------------

    def reads(self):
        for r in self.ops:
            if r["what"] == "read":
                self._read(r)

    def _read(self, r):
        writes = self.writes[r["file"], r["block"]]
        v = None
        if r["tag"]:
            v = next((w for w in writes if w["tag"] == r["tag"]), None)
            if not v:
                self.wrong.append(f"{show(r)} saw what nobody wrote there")
                return
            if v["begin"] > r["end"]:
                self.wrong.append(f"{show(r)} saw {show(v)}, which came later")
                return
        lock = self._lock(r)
        for w in writes:
            why = w is not v and self._seen(w, r, lock)
            if why and self._before(v, w):
                self.wrong.append(f"{show(r)} saw {show(v) if v else 'what was there first'} "
                                  f"instead of {show(w)}, {why}, or something newer")
                return

    def exclusion(self):
        held = sorted(self.locks.values(), key=lambda x: x.since)
        for i, a in enumerate(held):
            for b in held[i + 1:]:
                if a.proc != b.proc and a.excludes(b) and b.since < a.until:
                    self.wrong.append(f"{a} and {b} exclude each other")

    def names(self, final):
        """final: the names that each file has in the end."""
        renames = collections.defaultdict(list)
        for op in self.ops:
            if op["what"] in ("rename", "maybe"):
                renames[op["file"]].append(op)
        for file, found in final.items():
            if len(found) != 1:
                self.wrong.append(f"file {file} has the names {found}")
                continue
            last = max(renames[file], key=lambda op: op["begin"], default=None)
            if not last or last["what"] != "rename" or found[0] == last["to"]:
                continue
            if all(op is last or op["end"] < last["begin"] for op in renames[file]):
                self.wrong.append(f"file {file} is called {found[0]} after {show(last)}")


def show(op):
    words = " ".join(f"{k}={op[k]}" for k in ("file", "open", "block", "tag", "name", "to") if k in op)
    return f"[{op['begin']}-{op['end']} {op['proc']} {op['what']} {words}]"


def judge(ops, final=None, strict=False):
    """Everything that is wrong with a history, in words."""
    h = History(ops, strict)
    h.reads()
    h.exclusion()
    h.names(final or {})
    return h.wrong
