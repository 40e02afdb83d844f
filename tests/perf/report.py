# SPDX-License-Identifier: GPL-2.0
"""Medians, ratios, tables and JSON of a run."""

import json
import statistics
import subprocess
import time

from bed import host

FORMAT = 1
COLUMNS = (
    ("ops_per_s", "ops/s", "{:,.0f}"),
    ("kinstr", "kinstr", "{:,.1f}"),
    ("switches", "switches", "{:.2f}"),
    ("client_kinstr", "client kinstr", "{:,.1f}"),
    ("client_switches", "client switches", "{:.2f}"),
    ("calls", "calls", "{:.2f}"),
)
RATIOS = ("ops_per_s", "kinstr", "switches", "client_kinstr", "client_switches", "calls")
SPREAD = ("ops_per_s", "client_kinstr")


def median(boots, key):
    return statistics.median(b[key] for b in boots)


def spread(boots, key):
    values = [b[key] for b in boots]
    mid = statistics.median(values)
    return (max(values) - min(values)) / mid if mid else 0.0


def summary(boots):
    """boots: the metrics of one row and file system, one dict per boot."""
    out = {k: median(boots, k) for k in boots[0] if k != "nfs_ops"}
    out["nfs_ops"] = boots[-1]["nfs_ops"]
    out["spread"] = {k: spread(boots, k) for k in SPREAD}
    out["boots"] = boots
    return out


def ratio(ours, theirs):
    return {k: ours[k] / theirs[k] for k in RATIOS if theirs[k]}


def collect(results):
    """results: row -> file system -> [metrics of each boot]"""
    rows = {}
    for row, by_fs in results.items():
        rows[row] = {fs: summary(boots) for fs, boots in by_fs.items() if boots}
        if {"penstock", "nfs"} <= rows[row].keys():
            rows[row]["ratio"] = ratio(rows[row]["penstock"], rows[row]["nfs"])
    return rows


def _commit():
    def git(*args):
        return subprocess.run(["git", "-C", host.REPO, *args], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True).stdout.strip()
    return git("rev-parse", "--short=12", "HEAD") + \
        ("+" if git("status", "--porcelain", "--untracked-files=no") else "")


def write(path, rows, **about):
    """about: kernel, boots, command; module: checksum of the penstock.ko that was
    measured; built_here: it was built from this commit (with "+": and changes)."""
    data = {"format": FORMAT, "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "commit": _commit(), "qemu": ".".join(map(str, host.qemu_version())),
            **about, "rows": rows}
    with open(path, "w") as f:
        json.dump(data, f, indent=1)
        f.write("\n")


def _cells(m):
    return [fmt.format(m[key]) for key, _, fmt in COLUMNS]


def _print_markdown(header, lines):
    print("| " + " | ".join(header) + " |")
    print("|---|---|" + "--:|" * (len(header) - 2))
    for line in lines:
        print("| " + " | ".join(line) + " |")


def _print_table(header, lines):
    widths = [max(len(line[i]) for line in [header] + lines) for i in range(len(header))]
    for line in [header] + lines:
        cells = [c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))]
        print("  ".join(cells).rstrip())


def show_ceilings(ceilings):
    """What the wire alone does in the same boots."""
    for name, values in ceilings.items():
        print(f"raw {name}: {statistics.median(values):,.0f} MB/s")


def show(rows, markdown=False):
    lines = []
    for name, by_fs in rows.items():
        for fs in ("nfs", "penstock"):
            if fs in by_fs:
                m = by_fs[fs]
                lines.append([name, fs] + _cells(m) +
                             [" / ".join(f"{m[p + '_kinstr']:,.1f}"
                                         for p in ("load", "work", "receive", "server")),
                              f"{100 * max(m['spread'].values()):.1f}%"])
        if "ratio" in by_fs:
            r = by_fs["ratio"]
            lines.append([name, "ratio"] + [f"{r[k]:.2f}" if k in r else "-"
                                            for k, _, _ in COLUMNS] + ["", ""])
    header = ["row", "fs"] + [title for _, title, _ in COLUMNS] + ["load / work / receive / server", "spread"]
    (_print_markdown if markdown else _print_table)(header, lines)
    print("Medians, per operation; kinstr: thousands of instructions, of the whole guest and of\n"
          "the client; calls: RPCs that the server got; spread: of the boots, largest column.\n"
          "rdma-*: soft RoCE works for both ends in the same threads, which count as the client's.")
