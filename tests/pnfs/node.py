# SPDX-License-Identifier: GPL-2.0
"""Another node of the server behind it: the same client ids, opens and locks, and
sessions of its own (RFC 8881 section 2.10.5, client id trunking)."""

import nfs4
from nfs4 import Reader
from relay import Refused


class Node:
    """config: "minor", the so_minor_id that it has."""

    IN_SESSION = {nfs4.BIND_CONN, nfs4.SEQUENCE, nfs4.DESTROY_SESSION}
    OPERATIONS = IN_SESSION | {nfs4.EXCHANGE_ID, nfs4.CREATE_SESSION}

    def __init__(self, config):
        self.config = config

    async def operation(self, context, op, args):
        if op == nfs4.EXCHANGE_ID:
            return (op, args), self.exchange_id
        if op == nfs4.CREATE_SESSION:
            return self.relay.create_session(context, args)
        if op in self.IN_SESSION and args[:16] not in self.relay.sessions:
            raise Refused("BADSESSION")
        return None

    async def exchange_id(self, status, raw):
        if status:
            return raw
        r = Reader(raw, 8)
        r.q()
        r.u()
        r.u()
        if r.u():
            raise ValueError("state protection is not known here")
        return raw[:r.at] + nfs4.u64(self.config["minor"]) + raw[r.at + 8:]

    def state(self):
        return {"sessions": len(self.relay.sessions)}

    async def control(self, command):
        raise ValueError("unknown command")
