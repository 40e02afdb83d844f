# SPDX-License-Identifier: GPL-2.0
"""Records that tell whether they are whole, and what may be in a file of them.

Record number k lies at k * size. Nothing here knows where the bytes come from.
"""

import struct
import zlib

HEAD = struct.Struct("<4sIQI")
MAGIC = b"pjrn"
SIZE = {"buffered": 512, "mapped": 512, "direct": 4096}


def record(tag, seq, size):
    """Number seq of the journal that is called tag (an int)."""
    body = struct.pack("<QQ", tag, seq) * ((size - HEAD.size) // 16 + 1)
    body = body[:size - HEAD.size]
    return HEAD.pack(MAGIC, size, seq, zlib.crc32(body)) + body


def state(data, tag, seq, size):
    """Of the place of record seq: "whole", "empty" or "torn"."""
    part = data[seq * size:(seq + 1) * size]
    if not part.strip(b"\0"):
        return "empty"
    return "whole" if part == record(tag, seq, size) else "torn"


def judge(data, tag, mode, begun, promised):
    """What is wrong with a journal of which so many records were begun and so
    many promised by fsync; "" if nothing is."""
    size = SIZE[mode]
    for seq in range(max(begun, -(-len(data) // size))):
        found = state(data, tag, seq, size)
        if seq < promised and found != "whole":
            return f"record {seq} of {promised} that fsync promised is {found}"
        # A store to a mapping is no call: who is killed may have made half of it.
        if found == "torn" and not (mode == "mapped" and seq == begun - 1):
            return f"record {seq} ({promised} promised, {begun} begun) is torn"
        if found != "empty" and seq >= begun:
            return f"record {seq} was never written ({begun} begun)"
    return ""
