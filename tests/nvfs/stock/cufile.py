#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Files and GPU memory by an unmodified libcufile, in a guest.

	cufile.py SCENARIO DIR

libcufile.so.0 and libcuda.so.1 are found through LD_LIBRARY_PATH. The device's
memory is a double's (nvidia.c), so that all of it can be compared: what was to
change, and what was not. Compatibility mode is off: what does not go from
the device to the file server is an error."""

import ctypes
import json
import os
import sys

from ctypes import byref, c_int, c_long, c_size_t, c_ulonglong, c_void_p

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from files import FILL, K, M, content, counters, grown, open_direct, put      # noqa: E402

SETTINGS = {
    "logging": {"dir": "/tmp", "level": "INFO"},
    "properties": {"allow_compat_mode": False, "max_device_cache_size_kb": 16384,
                   "use_poll_mode": False, "poll_mode_max_size_kb": 4},
}


class Error(ctypes.Structure):
    _fields_ = [("err", c_int), ("cuda", c_int)]


class Descr(ctypes.Structure):
    class Handle(ctypes.Union):
        _fields_ = [("fd", c_int), ("handle", c_void_p)]
    _fields_ = [("type", c_int), ("handle", Handle), ("fs_ops", c_void_p)]


class BatchIO(ctypes.Structure):
    """CUfileIOParams_t, of mode CUFILE_BATCH."""
    _fields_ = [("mode", c_int), ("base", c_void_p), ("file_offset", c_long), ("buf_offset", c_long),
                ("size", c_size_t), ("fh", c_void_p), ("opcode", c_int), ("cookie", c_void_p)]


class BatchEvent(ctypes.Structure):
    _fields_ = [("cookie", c_void_p), ("status", c_int), ("ret", c_size_t)]


def settings(**properties):
    """Must come before the library is loaded."""
    SETTINGS["properties"].update(properties)
    with open("/tmp/cufile.json", "w") as f:
        json.dump(SETTINGS, f)
    os.environ["CUFILE_ENV_PATH_JSON"] = "/tmp/cufile.json"


class Gds:
    def __init__(self):
        self.cuda = ctypes.CDLL("libcuda.so.1")
        assert self.cuda.cuInit(0) == 0, "no GPU"
        self.lib = ctypes.CDLL("libcufile.so.0")
        for name in ("DriverOpen", "DriverClose", "HandleRegister", "BufRegister", "BufDeregister",
                     "BatchIOSetUp", "BatchIOSubmit", "BatchIOGetStatus"):
            getattr(self.lib, "cuFile" + name).restype = Error
        for name in ("Read", "Write"):
            call = getattr(self.lib, "cuFile" + name)
            call.restype, call.argtypes = c_long, [c_void_p, c_void_p, c_size_t, c_long, c_long]
        self.call("DriverOpen")

    def call(self, name, *args):
        e = getattr(self.lib, "cuFile" + name)(*args)
        assert not e.err and not e.cuda, f"cuFile{name}: error {e.err}, {e.cuda}"

    def memory(self, size):
        at = c_ulonglong()
        assert self.cuda.cuMemAlloc_v2(byref(at), c_size_t(size)) == 0, "no memory"
        return at.value

    def file(self, path):
        fd = open_direct(path)
        fh = c_void_p()
        self.call("HandleRegister", byref(fh), byref(Descr(1, Descr.Handle(fd=fd), None)))
        return fd, fh


class Buffer:
    """Registered, so that no copy within the GPU is needed."""

    def __init__(self, gds, size):
        self.gds, self.size = gds, size
        self.at = gds.memory(size)
        gds.call("BufRegister", c_void_p(self.at), c_size_t(size), 0)

    def peek(self, at, size):
        return ctypes.string_at(self.at + at, size)

    def poke(self, at, data):
        ctypes.memmove(self.at + at, data, len(data))

    def fill(self):
        ctypes.memset(self.at, FILL, self.size)

    def close(self):
        self.gds.call("BufDeregister", c_void_p(self.at))


def nvidia_fs():
    """The numbers of nvidia-fs's own statistics, as "line.name"."""
    found = {}
    with open("/proc/driver/nvidia-fs/stats") as f:
        for line in f:
            what, _, words = line.partition(":")
            for word in words.split():
                name, _, value = word.partition("=")
                if value.isdigit():
                    found[f"{what.strip()}.{name}"] = int(value)
    return found


def no_mistakes():
    seen = nvidia_fs()
    for name in ("Sparse Reads.holes", "Error.cpu-gpu-pages", "Error.sg-ext", "Error.dma-map", "Error.dma-ref"):
        assert seen[name] == 0, (name, seen)


# ---- scenarios ----

SIZES = (4 * K, 8 * K, 64 * K, 68 * K, M + 4 * K, 4 * M, 16 * M)


def io(d):
    """4 KiB to 16 MiB, at all sorts of places, the end of the file among them."""
    gds = Gds()
    with open("/proc/driver/nvidia-fs/modules") as f:
        assert "rpcrdma" in f.read(), "penstock_nvfs is not bound"
    size = 17 * M + 12345
    whole = bytearray(content(size, 1))
    put(d + "/f", whole)
    before, read, written = counters(d), 0, 0
    buf = Buffer(gds, 20 * M)
    fd, fh = gds.file(d + "/f")
    for n, length in enumerate(SIZES):
        for at in (0, 4 * K, 60 * K):
            for pos in (0, M - 4 * K, size // (4 * K) * 4 * K - 64 * K):
                part = whole[pos:pos + length]
                buf.fill()
                got = gds.lib.cuFileRead(fh, buf.at, length, pos, at)
                assert got == len(part), (length, at, pos, got)
                want = bytes([FILL]) * at + part + bytes([FILL]) * (buf.size - at - len(part))
                assert buf.peek(0, buf.size) == want, f"wrong bytes: {length} from {pos} to {at}"
                read += got
        data = content(length, 100 + n)
        buf.fill()
        buf.poke(60 * K, data)
        assert gds.lib.cuFileWrite(fh, buf.at, length, M - 4 * K, 60 * K) == length
        whole[M - 4 * K:M - 4 * K + length] = data
        written += length
        with open(d + "/f", "rb") as f:
            assert f.read() == whole, f"the file differs after {length} were written"
    no_mistakes()
    assert grown(d, before) == {"gpu_read": read, "gpu_written": written}, (grown(d, before), read, written)
    buf.close()
    gds.call("DriverClose")


def poll(d):
    """The same with the form of I/O that ends later."""
    settings(use_poll_mode=True, poll_mode_max_size_kb=16384)
    io(d)


def batch(d):
    """Eight at a time, each into a buffer of its own: the library takes 1 MiB of one at most."""
    gds = Gds()
    data = content(8 * M, 2)
    put(d + "/b", data)
    before = counters(d)
    at, size = 64 * K, 512 * K
    bufs = [Buffer(gds, M) for _ in range(8)]
    fd, fh = gds.file(d + "/b")
    ios = (BatchIO * 8)(*(BatchIO(1, buf.at, (7 - i) * M, at, size, fh.value, 0, i + 1)
                          for i, buf in enumerate(bufs)))
    batch_id = c_void_p()
    for buf in bufs:
        buf.fill()
    gds.call("BatchIOSetUp", byref(batch_id), 8)
    gds.call("BatchIOSubmit", batch_id, 8, ios, 0)
    done, events = 0, (BatchEvent * 8)()
    while done < 8:
        nr = c_int(8)
        gds.call("BatchIOGetStatus", batch_id, 1, byref(nr), events, None)
        for e in events[:nr.value]:
            assert e.ret == size, (e.cookie, e.status, e.ret)
        done += nr.value
    gds.lib.cuFileBatchIODestroy(batch_id)
    for i, buf in enumerate(bufs):
        part = data[(7 - i) * M:(7 - i) * M + size]
        assert buf.peek(0, M) == bytes([FILL]) * at + part + bytes([FILL]) * (M - at - size), f"wrong bytes in {i}"
    no_mistakes()
    assert grown(d, before) == {"gpu_read": 8 * size}, grown(d, before)
    for buf in bufs:
        buf.close()
    gds.call("DriverClose")


def loop(d):
    """Reads and writes until somebody ends it."""
    gds = Gds()
    put(d + "/l", content(8 * M, 3))
    buf = Buffer(gds, 8 * M)
    fd, fh = gds.file(d + "/l")
    print("going", flush=True)
    while True:
        gds.lib.cuFileRead(fh, buf.at, 8 * M, 0, 0)
        gds.lib.cuFileWrite(fh, buf.at, 8 * M, 0, 0)


def main():
    scenario, directory = sys.argv[1:]
    settings()
    globals()[scenario](directory.rstrip("/"))
    print(scenario, "ok", {k: v for k, v in nvidia_fs().items() if v}, flush=True)
    os._exit(0)         # libcufile 1.4.0 jumps to nowhere when Python unloads it


if __name__ == "__main__":
    main()
