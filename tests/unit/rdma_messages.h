/* SPDX-License-Identifier: GPL-2.0 */
/* RPC-over-RDMA messages as servers send them, with xid 7; notation of wire.h. */
#ifndef UNIT_RDMA_MESSAGES_H
#define UNIT_RDMA_MESSAGES_H

#include <linux/types.h>

/* @tail: bytes at the end without which it is well-formed, too */
struct rdma_message {
	const char *name;
	const char *wire;
	size_t tail;
};

extern const struct rdma_message rdma_messages[];
extern const unsigned int nr_rdma_messages;

/* One file each into @dir, for the fuzzer.  Exit status. */
int rdma_write_seeds(const char *dir);

#endif
