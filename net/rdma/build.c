// SPDX-License-Identifier: GPL-2.0
/*
 * What goes where: a call into a message, its payload and its reply into
 * chunks (RFC 8166 section 3.5).
 */
#include <linux/slab.h>
#include <linux/uio.h>
#include "rdma.h"

void prdma_bounce_free(struct prdma_req *r)
{
	kvfree(r->bounce);
	r->bounce = NULL;
}

static bool prdma_reply_may_be_long(const struct prdma_conn *c,
				    const struct prpc_call *call)
{
	u32 len = PRDMA_HEADER_MIN + call->reply_size;

	if (call->sealed)
		len += call->in.len;
	else if (call->in.len)	/* the server returns the Write chunk in the header */
		len += 8 + PRDMA_SEGS_MAX * 16;
	return len > c->inline_recv;
}

static bool prdma_in_needs_chunk(const struct prdma_conn *c,
				 const struct prpc_call *call)
{
	u64 len = (u64)PRDMA_HEADER_MIN + call->in_at + call->in.len + 3;

	return call->in.len && (len > c->inline_recv || prpc_foreign(&call->in) ||
				prdma_reply_may_be_long(c, call));
}

/* A copy of @data that is one piece, for pages in too many. */
static int prdma_bounce(struct prdma_req *r, const struct prpc_data *data,
			enum dma_data_direction dir, struct prdma_chunk *chunk)
{
	struct prdma_conn *c = r->c;
	struct iov_iter iter;

	if (r->bounce || prpc_foreign(data))
		return -EIO;
	/* zeroed: a server may claim to have written more than it has */
	r->bounce = kvzalloc(data->len, GFP_NOIO | __GFP_NOWARN);
	if (!r->bounce)
		return -EAGAIN;
	if (dir == DMA_TO_DEVICE) {
		prpc_data_iter(&iter, ITER_SOURCE, data, data->len);
		if (copy_from_iter(r->bounce, data->len, &iter) != data->len)
			return -EIO;
	}
	spin_lock_bh(&c->lock);
	c->n.bounced += data->len;
	spin_unlock_bh(&c->lock);
	return prdma_map_buf(r, r->bounce, data->len, dir, chunk);
}

static int prdma_chunk(struct prdma_req *r, const struct prpc_data *data,
		       enum dma_data_direction dir, struct prdma_chunk *chunk,
		       bool bounce)
{
	return bounce ? prdma_bounce(r, data, dir, chunk) :
			prdma_map_data(r, data, dir, chunk);
}

/* A protected reply that is not inline: all of it into the call's pages. */
static int prdma_build_sealed_reply(struct prdma_req *r)
{
	struct prpc_data whole = prdma_sealed_reply(r->call);

	if (!prdma_reply_may_be_long(r->c, r->call))
		return 0;
	return prdma_map_data(r, &whole, DMA_FROM_DEVICE, &r->h.reply);
}

/* The chunks in which the server may put its answer. */
static int prdma_build_reply(struct prdma_req *r, bool bounce)
{
	struct prpc_call *call = r->call;
	int error = 0;

	if (call->sealed)
		return prdma_build_sealed_reply(r);
	if (prdma_reply_may_be_long(r->c, call))
		error = prdma_map_buf(r, call->reply, call->reply_size,
				      DMA_FROM_DEVICE, &r->h.reply);
	if (!error && prdma_in_needs_chunk(r->c, call))
		error = prdma_chunk(r, &call->in, DMA_FROM_DEVICE, &r->h.write,
				    bounce);
	return error;
}

/* What of a message is behind its payload, with the pad: to the end of our buffer. */
static int prdma_map_tail(struct prdma_req *r)
{
	const struct prpc_call *call = r->call;
	u32 pad = pxdr_pad(call->out.len);
	u32 len = pxdr_enc_len(&call->enc) - call->out_at;
	u8 *tail = (u8 *)r->buf + PRDMA_INLINE - pad - len;

	if (!pad && !len)
		return 0;
	if (pad + len > PRDMA_INLINE - PRDMA_HEADER_MAX)
		return -EIO;
	memset(tail, 0, pad);
	memcpy(tail + pad, (u8 *)call->enc.start + call->out_at, len);
	return prdma_map_buf(r, tail, pad + len, DMA_TO_DEVICE, &r->h.message);
}

/*
 * A protected message has no part that may be placed apart (RFC 8166 section
 * 8.2.2.3): one chunk for all of it, from where it is.
 */
static int prdma_build_sealed_call(struct prdma_req *r, bool bounce)
{
	struct prpc_call *call = r->call;
	int error;

	error = prdma_map_buf(r, call->enc.start, call->out_at, DMA_TO_DEVICE,
			      &r->h.message);
	if (!error)
		error = prdma_chunk(r, &call->out, DMA_TO_DEVICE, &r->h.message,
				    bounce);
	return error ?: prdma_map_tail(r);
}

/* Payload and message: inline if it all fits, else in chunks as needed. */
static int prdma_build_call(struct prdma_req *r, bool bounce)
{
	u32 len = pxdr_enc_len(&r->call->enc), left;
	struct prpc_data *out = &r->call->out;
	struct prdma_conn *c = r->c;
	int error;

	left = c->inline_send - prdma_header_size(&r->h);
	if (out->len && len < left && out->len + pxdr_pad(out->len) <= left - len &&
	    !prpc_foreign(out) && !prdma_map_payload(r, out, c->max_sge - 2))
		return 0;
	if (out->len && r->call->sealed)
		return prdma_build_sealed_call(r, bounce);
	if (out->len) {
		r->h.read_at = r->call->out_at;
		error = prdma_chunk(r, out, DMA_TO_DEVICE, &r->h.read, bounce);
		if (error)
			return error;
		left = c->inline_send - prdma_header_size(&r->h);
	}
	if (len <= left)
		return 0;
	return prdma_map_buf(r, r->call->enc.start, len, DMA_TO_DEVICE,
			     &r->h.message);
}

static void prdma_unbuild(struct prdma_req *r)
{
	struct prdma_conn *c = r->c;

	prdma_unmap_payload(r);
	prdma_unmap(r);
	prdma_bounce_free(r);
	spin_lock_bh(&c->lock);
	prdma_put_mrs(r);
	spin_unlock_bh(&c->lock);
}

/* The message into the request's buffer, around payload that goes inline. */
static void prdma_build_sges(struct prdma_req *r)
{
	const struct prpc_call *call = r->call;
	u32 len = pxdr_enc_len(&call->enc), head = r->nr_payload ? call->out_at : len;
	u32 pad = r->nr_payload ? pxdr_pad(call->out.len) : 0, n = 1;
	struct ib_sge *sge = r->sge;
	struct pxdr_enc e;
	u8 *p;

	pxdr_enc_init(&e, r->buf, PRDMA_INLINE);
	prdma_header_encode(&e, &r->h);
	sge[0].length = pxdr_enc_len(&e);
	if (!r->h.message.nr) {
		p = (u8 *)r->buf + sge[0].length;
		memcpy(p, call->enc.start, head);
		sge[0].length += head;
		p += head;
		memset(p, 0, pad);
		memcpy(p + pad, (u8 *)call->enc.start + head, len - head);
	}
	if (r->nr_payload) {
		n += r->nr_payload;
		sge[n].addr = sge[0].addr + sge[0].length;
		sge[n].length = pad + len - head;
		sge[n].lkey = sge[0].lkey;
		if (sge[n].length)
			n++;
	}
	r->send.num_sge = n;
	ib_dma_sync_single_for_device(r->c->dev, r->dma, PRDMA_INLINE, DMA_TO_DEVICE);
}

int prdma_build(struct prdma_req *r)
{
	bool bounce = false;
	int error;

	r->unsent = NULL;
	for (;;) {
		r->h = (struct prdma_call_header) {
			.xid = r->xid,
			.credits = PRDMA_CREDITS_MAX,
		};
		error = prdma_build_reply(r, bounce) ?: prdma_build_call(r, bounce);
		if (!error)
			break;
		prdma_unbuild(r);
		if (error != -E2BIG || bounce)
			return error;
		bounce = true;
	}
	/* for each region a registration and later its end, and the Send */
	if (!prdma_sq_get(r->c, 2 * r->nr_mrs + 1)) {
		prdma_unbuild(r);
		return -EAGAIN;
	}
	prdma_build_sges(r);
	if (r->nr_payload)
		r->unsent = r->call;
	return 0;
}
