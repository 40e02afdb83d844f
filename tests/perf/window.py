# SPDX-License-Identifier: GPL-2.0
"""What one window has cost, and whom.

The parts of a window:
	load	the program that calls the file system, with all that its calls
		do themselves
	work	kernel threads that work for the client (work queues, write-back)
	receive	the NAPI thread of the client's end of the wire
	server	nfsd and the NAPI thread of its end
	other	everything else (timers, RCU, the shell that marks the window)
client = load + work + receive
"""

import json

CLIENT = ("load", "work", "receive")
PARTS = CLIENT + ("server", "other")

# RFC 8881 and RFC 7862 operation numbers, in the order of the proc4ops line
NFS_OPS = ("UNUSED0 UNUSED1 UNUSED2 ACCESS CLOSE COMMIT CREATE DELEGPURGE DELEGRETURN GETATTR "
           "GETFH LINK LOCK LOCKT LOCKU LOOKUP LOOKUPP NVERIFY OPEN OPENATTR OPEN_CONFIRM "
           "OPEN_DOWNGRADE PUTFH PUTPUBFH PUTROOTFH READ READDIR READLINK REMOVE RENAME RENEW "
           "RESTOREFH SAVEFH SECINFO SETATTR SETCLIENTID SETCLIENTID_CONFIRM VERIFY WRITE "
           "RELEASE_LOCKOWNER BACKCHANNEL_CTL BIND_CONN_TO_SESSION EXCHANGE_ID CREATE_SESSION "
           "DESTROY_SESSION FREE_STATEID GET_DIR_DELEGATION GETDEVICEINFO GETDEVICELIST "
           "LAYOUTCOMMIT LAYOUTGET LAYOUTRETURN SECINFO_NO_NAME SEQUENCE SET_SSV TEST_STATEID "
           "WANT_DELEGATION DESTROY_CLIENTID RECLAIM_COMPLETE ALLOCATE COPY COPY_NOTIFY "
           "DEALLOCATE IO_ADVISE LAYOUTERROR LAYOUTSTATS OFFLOAD_CANCEL OFFLOAD_STATUS READ_PLUS "
           "SEEK WRITE_SAME CLONE GETXATTR SETXATTR LISTXATTRS REMOVEXATTR").split()

# Kernel threads that do nothing for one side in particular
NEUTRAL = ("ksoftirqd", "rcu", "kthreadd", "migration", "idle_inject", "cpuhp", "kcompactd",
           "khungtaskd", "oom_reaper", "watchdogd", "kdevtmpfs", "jbd2", "pool_workqueue",
           "kauditd", "khugepaged", "ksmd", "irq/", "hwrng")


def part_of(comm, kernel):
    """Which part of a window a thread belongs to."""
    if comm in ("fio", "psmeta"):
        return "load"
    if comm.startswith("napi/cl"):
        return "receive"
    if comm.startswith("napi/sv") or comm in ("nfsd", "rpc.mountd"):
        return "server"
    if kernel and not comm.startswith(NEUTRAL):
        return "work"
    return "other"


class Window:
    def __init__(self, line):
        self.raw = raw = json.loads(line)
        begin, end = raw["begin"], raw["end"]
        self.name = raw["name"]
        self.ns = end["ns"] - begin["ns"]
        self.switches = end["ctxt"] - begin["ctxt"]
        self._threads(begin["threads"], end["threads"])
        self._server(begin["nfsd"], end["nfsd"])

    def _threads(self, begin, end):
        before = {t[0]: t for t in begin}
        self.part = {}          # thread id -> (part, comm)
        self.run = dict.fromkeys(PARTS, 0)
        self.switched = dict.fromkeys(PARTS, 0)
        self.threads = []       # (ns, switches, part, comm), the busiest first
        for tid, kernel, comm, run, count in end:
            if comm == "psnap":
                continue
            part = part_of(comm, kernel)
            self.part[tid] = part, comm
            old = before.get(tid, [0, 0, "", 0, 0])
            if run == old[3]:
                continue
            self.run[part] += run - old[3]
            self.switched[part] += count - old[4]
            self.threads.append((run - old[3], count - old[4], part, comm))
        self.threads.sort(reverse=True)

    def _server(self, begin, end):
        def line(lines, word):
            for text in lines:
                if text.split()[0] == word:
                    return [int(x) for x in text.split()[1:]]
            raise ValueError(f"no {word} line")

        def delta(word):
            return [b - a for a, b in zip(line(begin, word), line(end, word))]

        self.bytes_read, self.bytes_written = delta("io")[:2]
        self.calls = delta("rpc")[0]
        counts = delta("proc4ops")[1:]
        self.nfs_ops = {NFS_OPS[i] if i < len(NFS_OPS) else str(i): n
                        for i, n in enumerate(counts) if n}

    def metrics(self, ops):
        """Per operation; instructions in thousands."""
        client = sum(self.run[p] for p in CLIENT)
        total = sum(self.run.values())
        m = {"ops": ops, "ops_per_s": ops * 1e9 / self.ns,
             "kinstr": total / ops / 1e3,
             "idle_kinstr": (self.ns - total) / ops / 1e3,
             "switches": self.switches / ops,
             "client_kinstr": client / ops / 1e3,
             "client_switches": sum(self.switched[p] for p in CLIENT) / ops,
             "calls": self.calls / ops}
        for p in PARTS:
            m[p + "_kinstr"] = self.run[p] / ops / 1e3
            m[p + "_switches"] = self.switched[p] / ops
        m["nfs_ops"] = {op: round(n / ops, 4) for op, n in self.nfs_ops.items()}
        return m
