#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""An RPC server that misbehaves on request: the procedure says how.

    server.py PORT

Ports from PORT on: PORT serves; PORT+1 accepts and never says anything;
PORT+2 closes each connection after two replies; PORT+3 accepts and closes;
PORT+4 talks first and then resets.
"""

import os
import random
import socket
import socketserver
import struct
import sys
import threading
import time
import zlib

LAST = 0x80000000
PATTERN = bytes((i * 7 + 3) & 255 for i in range(256))
(NULL, ECHO, CRUMBS, MUTE, LAST_WORDS, HANG_UP, GARBAGE, DENIED, TWICE, CALL_BACK,
 STALL, HUGE, VERIFIER, MISMATCH, BAD_MARK, GARBAGE_ARGS, BAD_CALLS, SHORT, EARLY,
 JITTER, FLAKY, SLEEPY) = range(22)


def pattern(n):
    return (PATTERN * (n // 256 + 1))[:n]


def words(*w):
    return struct.pack(f">{len(w)}I", *w)


def accepted(xid, stat=0, verf=b""):
    return words(xid, 1, 0, 0, len(verf)) + verf + words(stat)


class Conn(socketserver.BaseRequestHandler):
    replies_left = None

    def take(self, n):
        data = b""
        while len(data) < n:
            part = self.request.recv(min(n - len(data), 1 << 20))
            if not part:
                raise EOFError
            data += part
        return data

    def record(self):
        data = b""
        while True:
            mark, = struct.unpack(">I", self.take(4))
            data += self.take(mark & ~LAST)
            if mark & LAST:
                return data

    def send(self, rec):
        self.request.sendall(words(LAST | len(rec)) + rec)

    def handle(self):
        self.kept = []
        self.slept = False
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while self.replies_left is None or self.replies_left > 0:
                self.call(self.record())
                if self.replies_left is not None:
                    self.replies_left -= 1
        except (EOFError, OSError):
            pass

    def call(self, rec):
        xid, _, _, _, _, proc, flavour, clen = struct.unpack(">8I", rec[:32])
        args = rec[32 + clen + 8:]
        assert clen % 4 == 0
        if proc == NULL:
            return self.send(accepted(xid))
        want, out = struct.unpack(">2I", args[:8])
        if len(args) > 12 or not out:
            tail = args[8 + (out + 3) // 4 * 4:]
            assert tail == words(0x12345678), tail
        body = words(zlib.crc32(args[8:8 + out]), want) + pattern(want)
        body += bytes(-len(body) % 4)
        self.behave(proc, xid, accepted(xid) + body)

    def behave(self, proc, xid, reply):
        if proc == ECHO:
            self.send(reply)
        elif proc == CRUMBS:        # fragments of one byte and of none
            self.request.sendall(b"".join(words(0) + words(1) + reply[i:i + 1]
                                          for i in range(len(reply))) + words(LAST))
        elif proc == MUTE:
            pass
        elif proc == LAST_WORDS:    # data and FIN together
            self.send(reply)
            raise EOFError
        elif proc == HANG_UP:
            raise EOFError
        elif proc == GARBAGE:
            self.request.sendall(os.urandom(10000))
        elif proc == DENIED:        # auth error, bad credential
            self.send(words(xid, 1, 1, 1, 1))
        elif proc == TWICE:
            self.send(reply)
            self.send(reply)
            self.send(accepted(xid ^ 0x1000))
            self.send(accepted(xid ^ 0xfff))
        elif proc == CALL_BACK:
            self.call_back(xid, reply)
        elif proc == STALL:         # the head and some of the data, then nothing
            self.request.sendall(words(LAST | len(reply)) + reply[:40])
        elif proc == HUGE:
            self.send(reply + pattern(1 << 20))
        elif proc == VERIFIER:
            self.send(accepted(xid, 0, b"abcd") + reply[24:])
        elif proc == MISMATCH:
            self.send(accepted(xid, 2) + words(2, 3))
        elif proc == BAD_MARK:
            self.request.sendall(words(LAST | 0x7fffffff) + reply)
        elif proc == GARBAGE_ARGS:
            self.send(accepted(xid, 4))
        elif proc == BAD_CALLS:     # calls that are no calls, then a long one
            self.send(words(1, 0))
            self.send(words(1, 0, 2, 0x40000001, 1, 1, 0, 0xffffffff))
            self.send(words(1, 0) + bytes(200000))
            self.send(reply)
        elif proc == SHORT:         # header torn off, all lengths
            for n in (8, 12, 20):
                self.send(reply[:n])
        elif proc == EARLY:         # verifier as long as the world
            self.send(words(xid, 1, 0, 0, 0xfffffff0, 0))

        elif proc == SLEEPY:        # busy, reads nothing meanwhile
            if not self.slept:
                time.sleep(15)
            self.slept = True
            self.send(reply)
        elif proc in (JITTER, FLAKY):
            chance = random.random()
            if proc == FLAKY and chance < 0.01:
                self.send(reply[:random.randrange(24, len(reply))])
                raise EOFError
            if chance < 0.1:        # the reply in two parts
                cut = random.randrange(1, len(reply))
                self.request.sendall(words(LAST | len(reply)) + reply[:cut])
                time.sleep(0.005)
                self.request.sendall(reply[cut:])
            elif chance < 0.2:      # unordered
                self.kept.append(reply)
            else:
                self.send(reply)
            while self.kept and random.random() < 0.5:
                self.send(self.kept.pop(0))

    def ask(self, xid, *head):
        """Send a call; the answer without its xid and direction."""
        self.send(words(xid, 0, *head))
        answer = self.record()
        assert answer[:8] == words(xid, 1), answer
        return answer[8:]

    def call_back(self, xid, reply):
        auth = (0, 0, 0, 0)
        ok = words(0, 0, 0)
        prog = 0x40000001
        assert self.ask(7, 2, prog, 1, 0, *auth) == ok + words(0)
        assert self.ask(8, 2, prog, 1, 1, *auth, 41) == ok + words(0, 42)
        assert self.ask(9, 2, prog, 1, 2, *auth, 41) == ok + words(3)
        assert self.ask(10, 2, prog, 1, 1, *auth) == ok + words(4)
        assert self.ask(11, 2, prog, 2, 1, *auth) == ok + words(2, 1, 1)
        assert self.ask(12, 2, prog + 1, 1, 1, *auth) == ok + words(1)
        assert self.ask(13, 3, prog, 1, 1, *auth) == words(1, 0, 2, 2)
        self.send(reply)


class Silent(Conn):
    def handle(self):
        time.sleep(3600)


class Once(Conn):
    """Two replies: the greeting's and one more."""
    replies_left = 2


class Never(Conn):
    def handle(self):
        with open("/tmp/net-never", "a") as f:
            f.write("x")


class Rude(Conn):
    def handle(self):
        try:
            for xid in range(20):
                self.send(words(xid, 0, 2, 0x40000001, 1, 1, 0, 0, 0, 0, 41))
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                    struct.pack("ii", 1, 0))
        except OSError:
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


port = int(sys.argv[1])
for n, handler in enumerate((Conn, Silent, Once, Never, Rude)):
    server = Server(("", port + n), handler)
    threading.Thread(target=server.serve_forever).start()
print("ready", flush=True)
