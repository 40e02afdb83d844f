# SPDX-License-Identifier: GPL-2.0
"""Operations on names that must happen exactly once, and a model of what they do.

A model maps a name to what it stands for: ("d",), ("l", target) or ("f", number of
the operation that made the file; hard links share it). Few names are used again and
again, so that an operation that happened twice or not at all makes a later one fail
or leaves another tree.
"""

import errno
import os
import random
import stat

NAMES = [f"n{i}" for i in range(6)]
# What an operation meets that has already been done.
OWN = {"mkdir": errno.EEXIST, "symlink": errno.EEXIST, "create": errno.EEXIST, "link": errno.EEXIST,
       "rmdir": errno.ENOENT, "unlink": errno.ENOENT, "rename": errno.ENOENT}


class Names:
    """The operations of one writer: the same seed gives the same ones."""

    def __init__(self, seed):
        self.rng, self.model, self.count = random.Random(seed), {}, 0

    def next(self):
        """(what, name, other or None), possible as things stand."""
        free = [n for n in NAMES if n not in self.model]
        of = {k: sorted(n for n, v in self.model.items() if v[0] == k) for k in "dlf"}
        can = [(w, free) for w in ("mkdir", "symlink", "create") if free]
        can += [("rmdir", of["d"])] if of["d"] else []
        can += [("unlink", of["l"] + of["f"])] if of["l"] + of["f"] else []
        can += [("link", of["f"])] if of["f"] and free else []
        can += [("rename", sorted(self.model))] if self.model and free else []
        can += [("replace", of["l"])] if len(of["l"]) > 1 else []
        what, names = self.rng.choice(can)
        name = self.rng.choice(names)
        other = None
        if what in ("link", "rename"):
            other = self.rng.choice(free)
        elif what == "replace":
            other = self.rng.choice([n for n in of["l"] if n != name])
            what = "rename"
        self.count += 1
        return what, name, other

    def done(self, op):
        self.model = after(self.model, op, self.count)


def after(model, op, number):
    """The model once op, the number-th of its writer, has happened."""
    what, name, other = op
    model = dict(model)
    if what == "mkdir":
        model[name] = ("d",)
    elif what == "symlink":
        model[name] = ("l", f"target-{number}")
    elif what == "create":
        model[name] = ("f", number)
    elif what in ("rmdir", "unlink"):
        del model[name]
    elif what == "link":
        model[other] = model[name]
    elif what == "rename":
        model[other] = model.pop(name)
    return model


def perform(d, op, number):
    what, name, other = op
    path = os.path.join(d, name)
    if what == "symlink":
        os.symlink(f"target-{number}", path)
    elif what == "create":
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    elif what in ("link", "rename"):
        getattr(os, what)(path, os.path.join(d, other))
    else:
        getattr(os, what)(path)


def look(d):
    """What is there, in the model's terms, but with inode numbers for files."""
    seen = {}
    for name in os.listdir(d):
        path = os.path.join(d, name)
        st = os.lstat(path)
        if stat.S_ISDIR(st.st_mode):
            seen[name] = ("d",)
        elif stat.S_ISLNK(st.st_mode):
            seen[name] = ("l", os.readlink(path))
        else:
            seen[name] = ("f", st.st_ino)
    return seen


def same(model, seen):
    """Are these the same, with one inode number for each file of the model?"""
    if set(model) != set(seen):
        return False
    pairs = set()
    for name, what in model.items():
        if what[0] != seen[name][0] or (what[0] != "f" and what != seen[name]):
            return False
        if what[0] == "f":
            pairs.add((what[1], seen[name][1]))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def judge(seed, seen, begun, results, restarted):
    """What is wrong with the tree that a writer left, and how many of its operations
    met their own result; ("", n) if nothing is.

    begun: operations it began; results: the errno (0) of each that returned;
    restarted: a server restart took the reply cache away meanwhile
    """
    names, own = Names(seed), 0
    for number, error in enumerate(results, 1):
        op = names.next()
        if error:
            if not restarted or error != OWN[op[0]]:
                return f"operation {number}, {op}, failed: {os.strerror(error)}", own
            own += 1
        names.done(op)
    if same(names.model, seen):
        return "", own
    wanted = f"{names.model}"
    if begun > len(results):            # killed in it: done or not, but not half
        op = names.next()
        if same(after(names.model, op, names.count), seen):
            return "", own
        wanted += f", perhaps after {op}"
    return f"after {len(results)} operations there is {seen}, wanted {wanted}", own
