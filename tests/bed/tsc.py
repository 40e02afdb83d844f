# SPDX-License-Identifier: GPL-2.0
"""How fast the time stamp counter runs that emulated guests see: the host's own.

A guest measures it against an emulated timer while it boots. On a busy host that goes
wrong without a word (a guest believed in 30 MHz instead of 2596, and its clock ran 85
times too fast), so it is told.
"""

import ctypes
import functools
import mmap
import platform
import time

# rdtsc; shl $32, %rdx; or %rdx, %rax; ret
READ = bytes.fromhex("0f31 48c1e220 4809d0 c3")


def _together(counter):
    """The counter and the clock, read closely together: the best of some tries."""
    best = None
    for _ in range(50):
        before = time.monotonic_ns()
        ticks = counter()
        after = time.monotonic_ns()
        if best is None or after - before < best[0]:
            best = after - before, ticks, (before + after) / 2
    return best[1:]


@functools.lru_cache(maxsize=None)
def khz():
    """As a number, or 0 if it cannot be had."""
    if platform.machine() != "x86_64":
        return 0
    try:
        code = mmap.mmap(-1, len(READ), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return 0        # a hardened host
    code.write(READ)
    counter = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    ticks, clock = _together(counter)
    time.sleep(0.1)
    more, later = _together(counter)
    return round((more - ticks) * 1e6 / (later - clock))
