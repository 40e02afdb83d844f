#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The judges of tests/chaos find what they are there to find."""

import errno
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import journal                          # noqa: E402
import names                            # noqa: E402

TAG, SIZE = 77, 512


def data(*seqs):
    return b"".join(bytes(SIZE) if s is None else journal.record(TAG, s, SIZE) for s in seqs)


class Journal(unittest.TestCase):
    def judge(self, data, begun, promised, mode="buffered"):
        return journal.judge(data, TAG, mode, begun, promised)

    def test_good(self):
        self.assertEqual(self.judge(b"", 0, 0), "")
        self.assertEqual(self.judge(data(0, 1, 2), 3, 3), "")
        self.assertEqual(self.judge(data(0, 1, None, 3), 4, 2), "")
        self.assertEqual(self.judge(data(0), 3, 1), "")

    def test_lost(self):
        self.assertIn("is empty", self.judge(data(0, None, 2), 3, 3))
        self.assertIn("is empty", self.judge(data(0, 1), 3, 3))

    def test_torn(self):
        torn = data(0, 1)[:-100] + bytes(100)
        self.assertIn("is torn", self.judge(torn, 2, 2))
        self.assertIn("is torn", self.judge(torn, 2, 1))
        self.assertEqual(self.judge(torn, 2, 1, "mapped"), "")
        self.assertIn("is torn", self.judge(torn + data(2), 3, 1, "mapped"))

    def test_old_or_foreign(self):
        self.assertIn("is torn", self.judge(data(0, 0), 2, 2))
        self.assertTrue(self.judge(journal.record(TAG + 1, 0, SIZE), 1, 1))

    def test_from_nowhere(self):
        self.assertIn("never written", self.judge(data(0, 1), 1, 1))


class Names(unittest.TestCase):
    """Each case plays a writer's operations and then something that must be seen."""

    def play(self, d, seed, count):
        ops, done = names.Names(seed), []
        for _ in range(count):
            op = ops.next()
            names.perform(d, op, ops.count)
            ops.done(op)
            done.append(op)
        return done

    def judge(self, d, seed, begun, results, restarted=False):
        return names.judge(seed, names.look(d), begun, results, restarted)

    def each(self):
        for seed in range(30):
            with tempfile.TemporaryDirectory() as d:
                yield d, seed

    def test_good(self):
        for d, seed in self.each():
            self.play(d, seed, 40)
            self.assertEqual(self.judge(d, seed, 40, [0] * 40), ("", 0))

    def test_killed_in_the_last_one(self):
        for d, seed in self.each():
            self.play(d, seed, 40)
            self.assertEqual(self.judge(d, seed, 40, [0] * 39), ("", 0))
            self.assertEqual(self.judge(d, seed, 41, [0] * 40), ("", 0))

    def test_lost(self):
        for d, seed in self.each():
            self.play(d, seed, 39)
            self.assertIn("wanted", self.judge(d, seed, 40, [0] * 40)[0])

    def test_twice(self):
        """Whatever can be done a second time shows, or changed nothing."""
        shown = 0
        for d, seed in self.each():
            done = self.play(d, seed, 40)
            before = names.look(d)
            for number in range(30, 40):
                try:
                    names.perform(d, done[number - 1], number)
                except OSError:
                    continue
                if names.look(d) == before:
                    continue
                shown += 1
                self.assertTrue(self.judge(d, seed, 40, [0] * 40)[0])
                break
        self.assertGreater(shown, 15)

    def test_errors(self):
        seed = next(s for s in range(99) if names.Names(s).next()[0] == "mkdir")
        with tempfile.TemporaryDirectory() as d:
            self.play(d, seed, 1)
            self.assertIn("failed", self.judge(d, seed, 1, [errno.EEXIST])[0])
            self.assertEqual(self.judge(d, seed, 1, [errno.EEXIST], True), ("", 1))
            self.assertIn("failed", self.judge(d, seed, 1, [errno.EIO], True)[0])

    def test_links_are_one_file(self):
        model = {"a": ("f", 1), "b": ("f", 1), "c": ("f", 2)}
        self.assertTrue(names.same(model, {"a": ("f", 9), "b": ("f", 9), "c": ("f", 8)}))
        self.assertFalse(names.same(model, {"a": ("f", 9), "b": ("f", 8), "c": ("f", 7)}))
        self.assertFalse(names.same(model, {"a": ("f", 9), "b": ("f", 9), "c": ("f", 9)}))


if __name__ == "__main__":
    unittest.main()
