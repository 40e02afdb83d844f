#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The judge of histories: good ones pass, and each kind of bad one is found."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from judge import judge                 # noqa: E402


class Maker:
    """Operations in the order in which they are called, on file 1."""

    def __init__(self):
        self.now, self.ops = 0, []
        self.count = 0

    def tick(self):
        self.now += 1
        return self.now

    def op(self, who, what, **more):
        """A call from begin to end, with nothing in between."""
        op = {"client": who[0], "proc": who, "what": what, "file": 1, "begin": self.tick(), **more}
        op["end"] = self.tick()
        self.ops.append(op)
        return op

    def open(self, who, **more):
        self.count += 1
        self.op(who, "open", open=self.count, **more)
        return self.count

    def lock(self, who, kind="w", first=0, last=9):
        self.count += 1
        self.op(who, "lock", lock=self.count, kind=kind, first=first, last=last)
        return self.count

    def write(self, who, fd, tag, block=0):
        self.op(who, "write", open=fd, block=block, tag=tag)

    def read(self, who, fd, tag, block=0):
        self.op(who, "read", open=fd, block=block, tag=tag)


A1, A2, B1 = "A1", "A2", "B1"


class Rules(unittest.TestCase):
    def setUp(self):
        self.m = Maker()

    def good(self, final=None):
        self.assertEqual(judge(self.m.ops, final), [])

    def bad(self, word, final=None):
        found = judge(self.m.ops, final)
        self.assertEqual(len(found), 1, found)
        self.assertIn(word, found[0])

    def written(self, who=A1, tag="x", **more):
        m, fd = self.m, self.m.open(who, **more)
        m.write(who, fd, tag)
        return fd

    def closed(self, who=A1, tag="x"):
        fd = self.written(who, tag)
        self.m.op(who, "close", open=fd)

    # close-to-open

    def test_open_after_close(self):
        self.closed()
        self.m.read(B1, self.m.open(B1), "x")
        self.good()

    def test_open_after_close_stale(self):
        self.closed()
        self.m.read(B1, self.m.open(B1), "")
        self.bad("settled before the file was opened")

    def test_older_of_two(self):
        self.closed(tag="x")
        self.closed(tag="y")
        self.m.read(B1, self.m.open(B1), "x")
        self.bad("settled before the file was opened")

    def test_hidden_by_a_write_of_ours(self):
        """Without a delegation nobody can tell; but only who has written since."""
        m = self.m
        fd = m.open(B1)
        m.write(B1, fd, "ours", block=1)
        self.closed()
        m.op(B1, "close", open=fd)
        m.read(B1, m.open(B1), "")
        self.good()
        self.assertTrue(judge(m.ops, strict=True))
        self.closed(tag="y")
        m.read(B1, m.open(B1), "")
        self.bad("settled before the file was opened")

    def test_open_before_close(self):
        fd = self.m.open(B1)
        self.closed()
        self.m.read(B1, fd, "")
        self.m.read(B1, fd, "x")
        self.good()

    def test_not_closed(self):
        self.written()
        self.m.read(B1, self.m.open(B1), "")
        self.good()

    def test_fsync(self):
        self.m.op(A1, "fsync", open=self.written())
        self.m.read(B1, self.m.open(B1), "")
        self.bad("settled before the file was opened")

    def test_fsync_before_the_write(self):
        fd = self.m.open(A1)
        self.m.op(A1, "fsync", open=fd)
        self.m.write(A1, fd, "x")
        self.m.read(B1, self.m.open(B1), "")
        self.good()

    def test_sync(self):
        self.written(sync=True)
        self.m.read(B1, self.m.open(B1), "")
        self.bad("settled before the file was opened")

    def test_own_client(self):
        fd = self.m.open(A2)
        self.written(A1)
        self.m.read(A2, fd, "")
        self.bad("of the same client")

    def test_undone_by_a_neighbour(self):
        """A newer write of ours, an older one of theirs: ours must not vanish."""
        self.closed(B1, "theirs")
        fd = self.written(A1, "ours")
        self.m.read(A1, fd, "theirs")
        self.bad("of the same client")

    def test_concurrent_writers(self):
        a, b = self.m.open(A1), self.m.open(B1)
        self.m.write(A1, a, "x")
        self.m.write(B1, b, "y")
        self.m.op(B1, "close", open=b)
        self.m.op(A1, "close", open=a)
        for tag in "xy":
            self.m.read(B1, self.m.open(B1), tag)
        self.good()

    def test_other_block(self):
        self.closed()
        self.m.read(B1, self.m.open(B1), "", block=1)
        self.good()

    def test_from_nowhere(self):
        self.m.read(B1, self.m.open(B1), "z")
        self.bad("nobody wrote")

    def test_from_the_future(self):
        self.m.read(B1, self.m.open(B1), "x")
        self.written()
        self.bad("came later")

    # locks

    def test_exclusion(self):
        for kinds, wrong in (("ww", 1), ("wr", 1), ("rw", 1), ("rr", 0)):
            m = self.m = Maker()
            a = m.lock(A1, kinds[0])
            m.lock(B1, kinds[1])
            m.op(A1, "unlock", lock=a)
            self.bad("exclude each other") if wrong else self.good()

    def test_exclusion_other_ranges_and_times(self):
        m = self.m
        a = m.lock(A1, "w", 0, 3)
        b = m.lock(B1, "w", 4, 9)
        m.op(A1, "unlock", lock=a)
        m.lock(B1, "w", 0, 3)
        m.op(B1, "unlock", lock=b)
        self.good()

    def test_one_unlock_for_two(self):
        m = self.m
        m.lock(A1, "r", 5, 5)
        m.op(A1, "unlock", lock=m.lock(A1, "r", 3, 9))
        m.lock(B1, "w", 5, 5)
        self.good()

    def test_close_unlocks(self):
        m, fd = self.m, self.m.open(A1)
        m.lock(A1)
        m.op(A1, "close", open=fd)
        m.lock(B1)
        self.good()

    def locked(self, tag):
        m, a, b = self.m, self.m.open(A1), self.m.open(B1)
        lock = m.lock(A1)
        m.write(A1, a, "x")
        m.op(A1, "unlock", lock=lock)
        m.lock(B1, "r")
        m.read(B1, b, tag)

    def test_under_a_lock(self):
        self.locked("x")
        self.good()

    def test_under_a_lock_stale(self):
        self.locked("")
        self.bad("settled before the lock was asked for")

    def test_under_a_lock_that_was_waited_for(self):
        self.locked("")
        unlock = next(op for op in self.m.ops if op["what"] == "unlock")
        lock = self.m.ops[-2]
        lock["begin"], unlock["end"] = unlock["begin"] - 0.5, lock["end"] + 0.5
        self.bad("made under a lock before")

    def test_before_the_lock(self):
        a, b = self.m.open(A1), self.m.open(B1)
        self.m.write(A1, a, "x")
        self.m.lock(B1)
        self.m.read(B1, b, "")
        self.good()

    # names

    def test_names(self):
        self.m.op(A1, "rename", name="f", to="g")
        self.m.op(B1, "rename", name="g", to="f")
        self.good({1: ["f"]})
        self.bad("is called g", {1: ["g"]})
        self.bad("has the names", {1: ["f", "g"]})
        self.bad("has the names", {1: []})
        self.m.op(A1, "maybe", name="g", to="f")
        self.good({1: ["g"]})


class Machine:
    """Clients with caches, as coherent as promised unless told otherwise."""

    def __init__(self, seed, lazy):
        self.rng, self.lazy, self.m = random.Random(seed), lazy, Maker()
        self.server, self.cache = {}, {"A": {}, "B": {}}

    def run(self, rounds):
        for i in range(rounds):
            who = self.rng.choice(("A1", "A2", "B1", "B2"))
            m, cache = self.m, self.cache[who[0]]
            fd = m.open(who)
            if self.rng.random() >= self.lazy:
                cache.clear()
            block = self.rng.randrange(2)
            tag = cache.setdefault(block, self.server.get(block, ""))
            m.read(who, fd, tag, block)
            if self.rng.random() < 0.5:
                m.write(who, fd, f"{i}", block)
                cache[block] = self.server[block] = f"{i}"
            m.op(who, "close", open=fd)
        return judge(m.ops, strict=True)


class Random(unittest.TestCase):
    def test_good(self):
        for seed in range(20):
            self.assertEqual(Machine(seed, 0).run(60), [])

    def test_lazy(self):
        """A client that seldom looks whether its cache is still good is found out."""
        found = sum(bool(Machine(seed, 0.5).run(60)) for seed in range(20))
        self.assertGreater(found, 15)


if __name__ == "__main__":
    unittest.main()
