# SPDX-License-Identifier: GPL-2.0
"""The programs that write while something goes wrong, one process each.

What they know to have happened they put into shared memory, where it survives them.
"""

import ctypes
import errno
import mmap
import os
import random
import signal

import journal
import names

MODES = ("buffered", "direct", "mapped")
RECORDS, OPS = 600, 600         # at most, of a writer


class Notes(ctypes.Structure):
    """A writer's: each field is stored at once, before or after what it counts."""

    _fields_ = [("begun", ctypes.c_uint64), ("promised", ctypes.c_uint64),
                ("ops_begun", ctypes.c_uint64), ("ops_done", ctypes.c_uint64),
                ("stop", ctypes.c_uint64), ("error", ctypes.c_uint64),
                ("errors", ctypes.c_uint16 * OPS)]


class Writer:
    def __init__(self, d, mode, seed, restarts):
        self.d, self.mode, self.seed, self.restarts = d, mode, seed, restarts
        self.tag = random.Random(seed).getrandbits(60)
        self.notes = Notes.from_buffer(mmap.mmap(-1, ctypes.sizeof(Notes)))
        os.mkdir(d)
        os.mkdir(d + "/names")
        self.pid = None

    def start(self):
        self.pid = os.fork()
        if self.pid:
            return
        status = 1
        try:
            self._write()
            status = 0
        except BaseException as e:
            print(f"{self.mode} writer: {e}", flush=True)
            self.notes.error = getattr(e, "errno", None) or errno.EREMOTEIO
        finally:
            os._exit(status)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def reap(self, wait):
        """Has it ended? An ending other than by kill() or stop is left in notes."""
        if self.pid and os.waitpid(self.pid, 0 if wait else os.WNOHANG)[0]:
            self.pid = None
        return not self.pid

    # -- in the process of its own ----------------------------------------

    def _write(self):
        rng = random.Random(self.seed + 1)
        put = getattr(self, "_" + self.mode)()
        next(put)
        ops = names.Names(self.seed)
        while not self.notes.stop and self.notes.begun < RECORDS - 4 and self.notes.ops_begun < OPS - 2:
            for _ in range(rng.randint(1, 4)):
                put.send(self.notes.begun)
            put.send(None)
            self.notes.promised = self.notes.begun
            for _ in range(rng.randint(0, 2)):
                self._op(ops)

    def _op(self, ops):
        op = ops.next()
        at = self.notes.ops_done
        self.notes.ops_begun = at + 1
        try:
            names.perform(self.d + "/names", op, ops.count)
        except OSError as e:
            self.notes.errors[at] = e.errno
            if not self.restarts or e.errno != names.OWN[op[0]]:
                self.notes.ops_done = at + 1
                raise
        ops.done(op)
        self.notes.ops_done = at + 1

    def _record(self, seq):
        return journal.record(self.tag, seq, journal.SIZE[self.mode])

    # Generators: given a number they write that record, given None they fsync.

    def _buffered(self):
        fd = os.open(self.d + "/journal", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        while True:
            seq = yield
            if seq is None:
                os.fsync(fd)
                continue
            self.notes.begun = seq + 1
            os.write(fd, self._record(seq))

    def _direct(self):
        fd = os.open(self.d + "/journal", os.O_CREAT | os.O_WRONLY | os.O_DIRECT, 0o600)
        size = journal.SIZE["direct"]
        page = mmap.mmap(-1, size)
        while True:
            seq = yield
            if seq is None:
                os.fsync(fd)
                continue
            page[:] = self._record(seq)
            self.notes.begun = seq + 1
            os.pwritev(fd, [page], seq * size)

    def _mapped(self):
        fd = os.open(self.d + "/journal", os.O_CREAT | os.O_RDWR, 0o600)
        size = journal.SIZE["mapped"]
        os.ftruncate(fd, RECORDS * size)
        area = mmap.mmap(fd, RECORDS * size)
        while True:
            seq = yield
            if seq is None:
                area.flush()
                continue
            self.notes.begun = seq + 1
            area[seq * size:(seq + 1) * size] = self._record(seq)

    # -- afterwards ----------------------------------------------------------

    def facts(self):
        """What judge() needs to know, as JSON can hold it."""
        n = self.notes
        return {"mode": self.mode, "seed": self.seed, "tag": self.tag, "begun": n.begun,
                "promised": n.promised, "ops_begun": n.ops_begun, "error": n.error,
                "results": list(n.errors[:n.ops_done]), "restarts": self.restarts}


def judge(d, facts, cold=False):
    """([what is wrong in directory d of a writer], operations that met their own result)
    cold: what is cached of the journal is not good enough"""
    wrong = []
    if facts["error"]:
        wrong.append(f"the writer got error {os.strerror(facts['error'])}")
    try:
        with open(d + "/journal", "rb") as f:
            if cold:
                os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            data = f.read()
    except FileNotFoundError:
        data = b""
    wrong.append(journal.judge(data, facts["tag"], facts["mode"], facts["begun"], facts["promised"]))
    words, own = names.judge(facts["seed"], names.look(d + "/names"), facts["ops_begun"],
                             facts["results"], facts["restarts"])
    wrong.append(words)
    return [f"{facts['mode']}: {w}" for w in wrong if w], own
