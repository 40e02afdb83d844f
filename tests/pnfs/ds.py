# SPDX-License-Identifier: GPL-2.0
"""A data server: knfsd, which then also takes stateids that it has not given out."""

import nfs4
from relay import USE_NON_PNFS, USE_PNFS_DS, USE_PNFS_MDS, Refused

# What a metadata server that is tightly coupled tells its clients to use.
GLOBAL = b"pnfs-global!"


class DataServer:
    """config: "flag": false leaves the role out of EXCHANGE_ID; "stateid": "global" takes
    only the metadata server's, "real" passes all on to knfsd."""

    OPERATIONS = {nfs4.EXCHANGE_ID, nfs4.READ, nfs4.WRITE}

    def __init__(self, config):
        self.config = config

    async def operation(self, context, op, args):
        if op == nfs4.EXCHANGE_ID:
            add = USE_PNFS_DS if self.config.get("flag", True) else 0
            return self.relay.exchange_id(args, add, (USE_PNFS_MDS | USE_NON_PNFS) if add else 0)
        if op in (nfs4.READ, nfs4.WRITE):
            kind = self.config.get("stateid", "any")
            if kind == "global" and args[4:16] != GLOBAL:
                raise Refused("BAD_STATEID")
            if kind != "real":
                return (op, nfs4.ANONYMOUS + args[16:]), None
        return None

    def state(self):
        return {}

    async def control(self, command):
        raise ValueError("unknown command")
