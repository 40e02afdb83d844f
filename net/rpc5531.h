/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers of RPC messages (RFC 5531).  A leaf. */
#ifndef PENSTOCK_RPC5531_H
#define PENSTOCK_RPC5531_H

/* xid, REPLY, accepted, verifier flavour and length, accept_stat */
#define PRPC_REPLY_HEADER	24

/* RFC 5531 sections 8.2 and 9 */
enum {
	RPC5531_VERSION		= 2,
	RPC5531_CALL		= 0,
	RPC5531_REPLY		= 1,
	RPC5531_ACCEPTED	= 0,
	RPC5531_DENIED		= 1,
	RPC5531_SUCCESS		= 0,
	RPC5531_PROG_UNAVAIL	= 1,
	RPC5531_PROG_MISMATCH	= 2,
	RPC5531_PROC_UNAVAIL	= 3,
	RPC5531_GARBAGE_ARGS	= 4,
	RPC5531_SYSTEM_ERR	= 5,
	RPC5531_RPC_MISMATCH	= 0,
	RPC5531_AUTH_ERROR	= 1,
	RPC5531_AUTH_MAX	= 400,	/* bytes of a credential or verifier */
};

#endif
