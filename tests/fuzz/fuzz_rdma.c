// SPDX-License-Identifier: GPL-2.0
/*
 * An RDMA peer that sends anything: the input is a message, and private data
 * of a connection.  What is decoded must hold what header.h promises.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "../../net/rdma/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		abort();
}

static uint64_t sum(const struct prdma_seg *seg, u32 nr)
{
	uint64_t total = 0;
	u32 i;

	must(nr <= PRDMA_SEGS_MAX);
	for (i = 0; i < nr; i++)
		total += seg[i].len;
	must(total <= PRDMA_CHUNK_MAX);
	return total;
}

/* What was sent back unchanged was filled to the brim. */
static void check_chunk(const struct prdma_seg *seg, u32 nr)
{
	struct prdma_chunk offered = { seg, nr };
	u32 len;

	must(prdma_chunk_filled(&offered, seg, nr, &len));
	must(len == sum(seg, nr));
}

static void check_message(const struct prdma_message *m, const uint8_t *data, size_t size)
{
	volatile u8 last;

	must(m->proc == PRDMA_MSG || m->proc == PRDMA_NOMSG || m->proc == PRDMA_ERROR);
	must(m->has_write || !m->nr_write);
	must(m->has_reply || !m->nr_reply);
	check_chunk(m->write, m->nr_write);
	check_chunk(m->reply, m->nr_reply);
	must(!m->body == (m->proc != PRDMA_MSG));
	if (m->body) {
		must(m->body_len >= 8 && m->body > data && m->body + m->body_len == data + size);
		last = m->body[m->body_len - 1];
		(void)last;
	}
	if (m->proc == PRDMA_NOMSG)
		must(m->has_reply);
	if (m->proc == PRDMA_ERROR)
		must(m->err == PRDMA_ERR_VERS || m->err == PRDMA_ERR_CHUNK);
	prdma_message_is_call(m);
}

static void check_private(const uint8_t *data, size_t size)
{
	struct prdma_private p, again;
	u8 buf[PRDMA_PRIVATE_LEN];

	prdma_private_decode(data, size, &p);
	must(p.send_size >= PRDMA_INLINE_DEFAULT && p.send_size <= PRDMA_INLINE_MAX);
	must(p.recv_size >= PRDMA_INLINE_DEFAULT && p.recv_size <= PRDMA_INLINE_MAX);
	prdma_private_encode(buf, &p);
	prdma_private_decode(buf, sizeof(buf), &again);
	must(p.send_size == again.send_size && p.recv_size == again.recv_size &&
	     p.remote_inv == again.remote_inv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct prdma_message m;

	if (prdma_message_decode(data, size, &m))
		check_message(&m, data, size);
	check_private(data, size);
	return 0;
}
