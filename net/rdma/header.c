// SPDX-License-Identifier: GPL-2.0
/* RPC-over-RDMA version 1: encoding calls, decoding what servers send. */
#include "header.h"

#define PRDMA_PRIVATE_MAGIC	0xf6ab0e18u
#define PRDMA_PRIVATE_VERSION	1
#define PRDMA_PRIVATE_REMOTE_INV 1u

#define PRDMA_READ_SEG		24	/* with the words "one more" and position */
#define PRDMA_SEG		16

/* ---- calls ---- */

static u32 prdma_chunk_size(const struct prdma_chunk *c, u32 around)
{
	return c->nr ? around + c->nr * PRDMA_SEG : 0;
}

u32 prdma_header_size(const struct prdma_call_header *h)
{
	return PRDMA_HEADER_MIN +
	       (h->message.nr + h->read.nr) * PRDMA_READ_SEG +
	       prdma_chunk_size(&h->write, 8) + prdma_chunk_size(&h->reply, 4);
}

static void prdma_enc_seg(struct pxdr_enc *e, const struct prdma_seg *seg)
{
	pxdr_u32(e, seg->handle);
	pxdr_u32(e, seg->len);
	pxdr_u64(e, seg->offset);
}

static void prdma_enc_read(struct pxdr_enc *e, const struct prdma_chunk *c, u32 at)
{
	u32 i;

	for (i = 0; i < c->nr; i++) {
		pxdr_u32(e, 1);
		pxdr_u32(e, at);
		prdma_enc_seg(e, &c->seg[i]);
	}
}

static void prdma_enc_array(struct pxdr_enc *e, const struct prdma_chunk *c)
{
	u32 i;

	pxdr_u32(e, 1);
	pxdr_u32(e, c->nr);
	for (i = 0; i < c->nr; i++)
		prdma_enc_seg(e, &c->seg[i]);
}

static void prdma_enc_fixed(struct pxdr_enc *e, u32 xid, u32 credits, u32 proc)
{
	pxdr_u32(e, xid);
	pxdr_u32(e, PRDMA_VERSION);
	pxdr_u32(e, credits);
	pxdr_u32(e, proc);
}

/* RFC 8166 section 4.3: Read list, Write list, Reply chunk */
void prdma_header_encode(struct pxdr_enc *e, const struct prdma_call_header *h)
{
	prdma_enc_fixed(e, h->xid, h->credits,
			h->message.nr ? PRDMA_NOMSG : PRDMA_MSG);
	prdma_enc_read(e, &h->message, 0);
	prdma_enc_read(e, &h->read, h->read_at);
	pxdr_u32(e, 0);
	if (h->write.nr)
		prdma_enc_array(e, &h->write);
	pxdr_u32(e, 0);
	if (h->reply.nr)
		prdma_enc_array(e, &h->reply);
	else
		pxdr_u32(e, 0);
}

void prdma_header_encode_plain(struct pxdr_enc *e, u32 xid, u32 credits)
{
	prdma_enc_fixed(e, xid, credits, PRDMA_MSG);
	pxdr_u32(e, 0);
	pxdr_u32(e, 0);
	pxdr_u32(e, 0);
}

/* ---- what comes back ---- */

static void prdma_dec_array(struct pxdr_dec *d, struct prdma_seg *seg, u32 *nr)
{
	u64 total = 0;
	u32 i;

	*nr = pxdr_get_count(d, PRDMA_SEGS_MAX, PRDMA_SEG);
	for (i = 0; i < *nr; i++) {
		seg[i].handle = pxdr_get_u32(d);
		seg[i].len = pxdr_get_u32(d);
		seg[i].offset = pxdr_get_u64(d);
		total += seg[i].len;
	}
	if (total > PRDMA_CHUNK_MAX)
		d->bad = true;
}

static void prdma_dec_lists(struct pxdr_dec *d, struct prdma_message *m)
{
	/* a Read list: a Responder MUST leave it empty (section 4.3.1) */
	if (pxdr_get_bool(d))
		d->bad = true;
	m->has_write = pxdr_get_bool(d);
	if (m->has_write) {
		prdma_dec_array(d, m->write, &m->nr_write);
		/* we never offer a second one */
		if (pxdr_get_bool(d))
			d->bad = true;
	}
	m->has_reply = pxdr_get_bool(d);
	if (m->has_reply)
		prdma_dec_array(d, m->reply, &m->nr_reply);
}

/* The RPC message behind the header: XID and direction must be there. */
static void prdma_dec_body(struct pxdr_dec *d, struct prdma_message *m)
{
	struct pxdr_dec body;

	m->body_len = pxdr_left(d);
	m->body = d->p;
	body = *d;
	if (pxdr_get_u32(&body) != m->xid)
		d->bad = true;
	pxdr_get_u32(&body);
	if (body.bad)
		d->bad = true;
}

static void prdma_dec_error(struct pxdr_dec *d, struct prdma_message *m)
{
	m->err = pxdr_get_u32(d);
	switch (m->err) {
	case PRDMA_ERR_VERS:
		m->vers_low = pxdr_get_u32(d);
		m->vers_high = pxdr_get_u32(d);
		break;
	case PRDMA_ERR_CHUNK:
		break;
	default:
		d->bad = true;
	}
}

bool prdma_message_decode(const void *buf, u32 len, struct prdma_message *m)
{
	struct pxdr_dec d;

	m->xid = 0;
	m->body = NULL;
	m->body_len = 0;
	m->err = 0;
	m->has_write = false;
	m->has_reply = false;
	m->nr_write = 0;
	m->nr_reply = 0;

	pxdr_dec_init(&d, buf, len);
	m->xid = pxdr_get_u32(&d);
	m->vers = pxdr_get_u32(&d);
	m->credits = pxdr_get_u32(&d);
	m->proc = pxdr_get_u32(&d);
	if (d.bad || m->vers != PRDMA_VERSION)
		return false;
	switch (m->proc) {
	case PRDMA_MSG:
		prdma_dec_lists(&d, m);
		if (!d.bad)
			prdma_dec_body(&d, m);
		break;
	case PRDMA_NOMSG:
		prdma_dec_lists(&d, m);
		/* then the message must be in the Reply chunk */
		if (!m->has_reply)
			d.bad = true;
		break;
	case PRDMA_ERROR:
		prdma_dec_error(&d, m);
		break;
	default:
		return false;
	}
	return !d.bad;
}

bool prdma_message_is_call(const struct prdma_message *m)
{
	struct pxdr_dec d;

	if (m->proc != PRDMA_MSG)
		return false;
	pxdr_dec_init(&d, m->body, m->body_len);
	pxdr_get_u32(&d);
	return pxdr_get_u32(&d) == 0 && !d.bad;
}

bool prdma_chunk_filled(const struct prdma_chunk *offered,
			const struct prdma_seg *back, u32 nr, u32 *len)
{
	bool full = true;
	u32 i;

	*len = 0;
	if (nr != offered->nr)
		return false;
	for (i = 0; i < nr; i++) {
		const struct prdma_seg *seg = &offered->seg[i];

		if (back[i].handle != seg->handle ||
		    back[i].offset != seg->offset || back[i].len > seg->len)
			return false;
		if (back[i].len && !full)
			return false;
		full = back[i].len == seg->len;
		*len += back[i].len;
	}
	return true;
}

/* ---- when a connection is made ---- */

static u8 prdma_size_code(u32 size)
{
	if (size < PRDMA_INLINE_DEFAULT)
		return 0;
	if (size > PRDMA_INLINE_MAX)
		size = PRDMA_INLINE_MAX;
	return size / 1024 - 1;
}

void prdma_private_encode(u8 buf[PRDMA_PRIVATE_LEN], const struct prdma_private *p)
{
	__be32 magic = cpu_to_be32(PRDMA_PRIVATE_MAGIC);

	memcpy(buf, &magic, sizeof(magic));
	buf[4] = PRDMA_PRIVATE_VERSION;
	buf[5] = p->remote_inv ? PRDMA_PRIVATE_REMOTE_INV : 0;
	buf[6] = prdma_size_code(p->send_size);
	buf[7] = prdma_size_code(p->recv_size);
}

/* Other layers may have put something before it (section 5.2). */
static const u8 *prdma_private_find(const u8 *p, u32 len)
{
	struct pxdr_dec d;

	for (; len >= PRDMA_PRIVATE_LEN; p++, len--) {
		pxdr_dec_init(&d, p, len);
		if (pxdr_get_u32(&d) == PRDMA_PRIVATE_MAGIC &&
		    p[4] == PRDMA_PRIVATE_VERSION)
			return p;
	}
	return NULL;
}

void prdma_private_decode(const void *buf, u32 len, struct prdma_private *p)
{
	const u8 *msg = buf ? prdma_private_find(buf, len) : NULL;

	p->send_size = PRDMA_INLINE_DEFAULT;
	p->recv_size = PRDMA_INLINE_DEFAULT;
	p->remote_inv = false;
	if (!msg)
		return;
	p->remote_inv = msg[5] & PRDMA_PRIVATE_REMOTE_INV;
	p->send_size = ((u32)msg[6] + 1) * 1024;
	p->recv_size = ((u32)msg[7] + 1) * 1024;
}
