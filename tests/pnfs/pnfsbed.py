# SPDX-License-Identifier: GPL-2.0
"""What the host-side cases use: proxies in the nodes, and the bytes in the data files.

The metadata server is node1, port 20490. Data servers are proxies in front of the
knfsd of node2, node1, node2 ... in turn, each with a directory and a name of its
own, or (direct) these servers themselves.
"""

import json
import os
import shlex
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import layouts                                          # noqa: E402

PROXY = "/penstock/repo/tests/pnfs/proxy"
PORT, DS_PORT = 20490, 20500
NODE_ADDRESS = {"node1": "10.1.0.11", "node2": "10.1.0.12"}


class Proxy:
    def __init__(self, b, node, name, **config):
        self.b, self.node, self.name = b, node, name
        words = " ".join(shlex.quote(f"{k}={json.dumps(v)}") for k, v in config.items())
        b.run(node, f"rm -f /run/pnfs-{name}.log; (setsid {PROXY} {name} {words} >/run/pnfs-{name}.log 2>&1 &)")
        b.undo.callback(self._end)

    def wait(self):
        log = f"/run/pnfs-{self.name}.log"
        self.b.run(self.node, f"for i in $(seq 300); do grep -qs ready {log} && exit 0; sleep 0.1; done; "
                              f"cat {log}; exit 1", timeout=60)

    def _end(self):
        self.b.try_run(self.node, f"{self._command('quit')}; cat /run/pnfs-{self.name}.log")

    def _command(self, cmd, **more):
        # nc starts in a tenth of the time that a Python takes.
        command = shlex.quote(json.dumps({"cmd": cmd, **more}))
        return f"echo {command} | nc -NU /run/pnfs-{self.name}.sock"

    def do(self, cmd, **more):
        answer = json.loads(self.b.run(self.node, self._command(cmd, **more)))
        if "ok" not in answer:
            self.b.fail(f"proxy {self.name}: {answer}")
        return answer["ok"]

    def stat(self):
        return self.do("stat")


class Bed:
    """servers: how many; ds: their keys; direct: clients talk to knfsd itself; version:
    of NFS; paths: both addresses of a node; the rest are keys of the metadata server."""

    def __init__(self, b, servers=1, ds=None, direct=False, version=4.1, paths=False, **config):
        self.b, self.servers = b, []
        self.out = os.path.join(b.cluster.dir, "out")
        self.geometry = layouts.Geometry(
            config.get("layout", "flex"), config.get("mirrors", 1), config.get("stripes", 1),
            config.get("unit", 65536), config.get("dense", False), servers)
        told = []
        for i in range(servers):
            node = b.node1 if i % 2 else b.node2
            address, directory = NODE_ADDRESS[node.name], f"/export/ds{i}"
            port = 2049 if direct else DS_PORT + i
            # The metadata server's way to the data does not depend on our proxy.
            told.append({"addresses": [f"{address}:{port}"], "control": f"{address}:2049",
                         "dir": directory, "version": version})
            if paths:
                told[-1]["addresses"].append(f"{address.replace('10.1', '10.2')}:{port}")
            b.undo.callback(b.try_run, node, f"rm -rf {directory}")
            proxy = None if direct else Proxy(b, node, f"ds{i}", listen=[port], **(ds or {}))
            self.servers.append((node, directory, proxy))
        self.mds = Proxy(b, b.node1, "mds", listen=[PORT], servers=told, **config)
        for proxy in [self.mds] + [p for _, _, p in self.servers if p]:
            proxy.wait()

    def mount(self, where="/mnt/a", options="", **more):
        self.b.mount("node1:/export", where, f"port={PORT}{',' if options else ''}{options}",
                     timeout=120, **more)
        return self.b.dir(where)

    def ds(self, i):
        return self.servers[i][2]

    # -- bytes ------------------------------------------------------------

    def pattern(self, size, name="pattern"):
        """Random bytes, also as a file of that name in the guests' /penstock/out."""
        data = os.urandom(size)
        with open(os.path.join(self.out, name), "wb") as f:
            f.write(data)
        return data

    def fetch(self, node, path):
        with open(os.path.join(self.out, "fetched"), "wb"):
            pass
        self.b.run(node, f"cat {shlex.quote(path)} >/penstock/out/fetched")
        with open(os.path.join(self.out, "fetched"), "rb") as f:
            return f.read()

    def file(self, path):
        """What the metadata server knows of a file, by its path below /export there."""
        ino = int(self.b.run(self.b.node1, f"stat -c %i {shlex.quote(path)}"))
        found = [f for f in self.mds.stat()["files"] if f["ino"] == ino]
        if len(found) != 1:
            self.b.fail(f"{path} has no layout: {found}")
        return found[0]

    def data(self, path):
        """{(mirror, stripe): bytes of that data file}"""
        found = {}
        for key, (server, name) in self.file(path)["data"].items():
            node, directory, _ = self.servers[server]
            m, s = map(int, key.split("."))
            found[m, s] = self.fetch(node, f"{directory}/{name}")
        return found

    def mirrors(self, path, size):
        """{mirror: the file's bytes there}, put together from the stripes, of all mirrors
        that the metadata server has not given up."""
        data = self.data(path)
        return {m: b"".join(data[m, s][where:where + n].ljust(n, b"\0")
                            for s, where, _, n in self.geometry.pieces(0, size))
                for m in self.mds.stat()["mirrors"]}

    def check(self, path, wanted):
        """All mirrors hold the bytes wanted, and the file is as long as they are."""
        size = int(self.b.run(self.b.node1, f"stat -c %s {shlex.quote(path)}"))
        self.b.eq(size, len(wanted), f"size of {path} on the metadata server")
        for m, got in self.mirrors(path, len(wanted)).items():
            if got != wanted:
                at = next(i for i in range(len(wanted)) if got[i] != wanted[i])
                self.b.fail(f"mirror {m} of {path} differs from byte {at} on")

    # -- what was asked for -----------------------------------------------

    def count(self, op):
        return self.mds.stat()["counts"].get(op, 0)

    def events(self, op):
        return [e for e in self.mds.stat()["events"] if e["op"] == op]

    def no_io_through_mds(self, ends=0):
        """But for @ends reads that ask where the file ends."""
        counts = self.mds.stat()["counts"]
        for op in ("READ", "WRITE", "READ_PLUS"):
            if counts.get(op, 0) > (ends if op == "READ" else 0):
                self.b.fail(f"{counts[op]} {op} went to the metadata server")

    def layouts(self):
        return self.mds.stat()["layouts"]

    def until(self, what, test, seconds=30):
        deadline = time.monotonic() + seconds * 3
        while not test():
            if time.monotonic() > deadline:
                self.b.fail(f"not within {seconds} s: {what}")
            time.sleep(0.5)
