# SPDX-License-Identifier: GPL-2.0
"""Finds the cases under tests/cases/ and what their comments say."""

import glob
import importlib.util
import os
import re
import sys

from . import host

CASES = os.path.join(host.REPO, "tests/cases")
SHELL = re.compile(r"^t_([A-Za-z0-9_]+)\(\)")
PYTHON = re.compile(r"^def t_([A-Za-z0-9_]+)\(")


class Case:
    """One test: a function of a case file for one client file system."""

    def __init__(self, path, func, words, text):
        self.file = os.path.basename(path)
        self.topic = self.file.rsplit(".", 1)[0]
        self.func = func
        # Those of cluster_*.py run on the host and control the nodes.
        self.on_host = self.topic.startswith("cluster_")
        self.topic = self.topic.removeprefix("cluster_")
        self.fs = words.get("fs", "penstock,nfs").split(",")
        self.timeout = float(words.get("timeout", 120))
        self.long = "long" in words
        self.more = "more" in words
        self.slow = "slow" in words
        # Not while other paths come and go than those it takes itself.
        self.alone = "alone" in words
        self.source = words.get("from", "node1:/export")
        self.tcp_only = words.get("proto") == "tcp"
        # Of the client, if it is not to be the one of the run.
        self.kernel = words.get("kernel")
        # Of a case in the client: its file names no other node.
        self.only_node1 = "node2" not in text
        # The client is to have two NUMA nodes.
        self.numa = "numa" in words

    @property
    def name(self):
        return f"{self.topic}.{self.func}"


def _words(line):
    found = {}
    for word in line.lstrip("#: ").split():
        key, _, value = word.partition("=")
        found[key] = value
    return found


def _scan(path):
    pattern = PYTHON if path.endswith(".py") else SHELL
    words = {}
    with open(path) as f:
        text = f.read()
    for line in text.splitlines():
        if line.startswith("#:"):
            words.update(_words(line))
            continue
        m = pattern.match(line)
        if m:
            yield Case(path, m.group(1), words, text)
        if not line.startswith("#"):
            words = {}


def find():
    paths = sorted(glob.glob(os.path.join(CASES, "*.sh")) + glob.glob(os.path.join(CASES, "*.py")))
    return [case for path in paths
            if os.path.basename(path) not in ("lib.sh", "pslib.py")
            for case in _scan(path)]


def host_function(case):
    """The function of a cluster_*.py file, to be called with a Bench."""
    if CASES not in sys.path:
        sys.path.insert(0, CASES)
    path = os.path.join(CASES, case.file)
    spec = importlib.util.spec_from_file_location("case_" + case.topic, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, "t_" + case.func)
