// SPDX-License-Identifier: GPL-2.0
/*
 * What RPCSEC_GSS does to one call (RFC 2203 section 5.3).
 *
 * The message is made anew for each try, as sequence number and context differ.
 * The header's length depends on the context, so prpc_call_init() leaves room
 * for the longest one, and it is written so that it ends where the arguments
 * begin.
 *
 * krb5: the reply is received as if it had an empty verifier, just further
 * behind.  krb5i: the call's pages are sent as they are, with a checksum behind
 * them.  krb5p: the call is copied into pages of ours and sealed there.  Of both
 * the reply is received into pages of ours, and only what has been verified is
 * copied to where the caller wants it.
 */
#include <linux/mm.h>
#include <linux/uio.h>
#include "gss.h"

#define PGSS_PATIENCE	(300 * HZ)	/* of write-back, with an expired ticket */

struct pgss_call *pgss_call_new(struct prpc_call *call)
{
	struct pgss_call *g = pgss_call_alloc();
	u32 gap;

	g->call = call;
	g->start = call->enc.start;
	g->args = g->start - 1 + PRPC_HEADER_MAX / 4;
	g->args_end = call->enc.p;
	gap = (u8 *)g->args - (u8 *)g->start;
	g->out = call->out;
	g->in = call->in;
	g->out_at = call->out.len ? call->out_at - gap :
				    (u8 *)g->args_end - (u8 *)g->args;
	g->in_at = call->in_at;
	g->reply = call->reply;
	g->reply_size = call->reply_size;
	if (call->flags & PRPC_PATIENT)
		g->give_up = (jiffies + PGSS_PATIENCE) | 1;
	return g;
}

static void pgss_restore(struct pgss_call *g)
{
	struct prpc_call *call = g->call;

	call->enc.start = g->start;
	call->enc.p = g->args_end;
	call->out = g->out;
	call->out_at = g->out_at + (u32)((u8 *)g->args - (u8 *)g->start);
	call->in = g->in;
	call->in_at = g->in_at;
	call->reply = g->reply;
	call->reply_size = g->reply_size;
	call->verf_len = 0;
	call->sealed = false;
	pgss_pages_put(&g->wire_out);
	pgss_pages_put(&g->wire_in);
}

void pgss_call_free(struct pgss_call *g)
{
	pgss_restore(g);
	g->call->gss = NULL;
	pgss_ctx_put(g->ctx);
	pgss_call_release(g);
}

/* ---- sending ---- */

static u32 pgss_args_len(const struct pgss_call *g)
{
	return (u8 *)g->args_end - (u8 *)g->args + g->out.len + pxdr_pad(g->out.len);
}

/* The sequence number and the arguments, as a checksum wants them. */
static unsigned int pgss_pieces(const struct pgss_call *g, const __be32 *seq,
				struct pkrb5_piece *p)
{
	static const u8 pad[4];
	const u8 *tail = (const u8 *)g->args + g->out_at;

	p[0] = (struct pkrb5_piece){ .data = seq, .len = 4 };
	p[1] = (struct pkrb5_piece){ .data = g->args, .len = g->out_at };
	p[2] = (struct pkrb5_piece){ .bv = g->out.bv, .skip = g->out.skip,
				     .len = g->out.len };
	p[3] = (struct pkrb5_piece){ .data = pad, .len = pxdr_pad(g->out.len) };
	p[4] = (struct pkrb5_piece){ .data = tail,
				     .len = (const u8 *)g->args_end - tail };
	return 5;
}

/* Sealed, as the payload of the message; its length or -errno. */
static int pgss_seal(struct pgss_call *g, __be32 seq)
{
	struct pkrb5_pages *buf = &g->wire_out.buf;
	u32 at = PKRB5_SEAL_FRONT, len = 4 + pgss_args_len(g);
	const u8 *tail = (const u8 *)g->args + g->out_at;
	struct iov_iter iter;
	u32 left;

	pgss_pages_get(&g->wire_out, 0, len + PKRB5_SEAL_MAX);
	pkrb5_pages_write(buf, at, &seq, 4);
	at += 4;
	pkrb5_pages_write(buf, at, g->args, g->out_at);
	at += g->out_at;
	prpc_data_iter(&iter, ITER_SOURCE, &g->out, g->out.len);
	for (left = g->out.len; left;) {
		u32 n = min_t(u32, left, PAGE_SIZE - offset_in_page(at));

		if (copy_page_from_iter(buf->pages[at >> PAGE_SHIFT],
					offset_in_page(at), n, &iter) != n)
			return -EFAULT;
		at += n;
		left -= n;
	}
	pkrb5_pages_write(buf, at, "\0\0\0", pxdr_pad(g->out.len));
	at += pxdr_pad(g->out.len);
	pkrb5_pages_write(buf, at, tail, (const u8 *)g->args_end - tail);
	return pkrb5_seal(g->ctx->key, atomic64_inc_return(&g->ctx->tokens), buf, 0, len);
}

/* Header up to the verifier; @e has room for it. */
static int pgss_header(struct pgss_call *g, struct pxdr_enc *e)
{
	const struct pgss_ctx *ctx = g->ctx;
	struct prpc_call *call = g->call;
	struct prpc_peer *peer = call->peer;
	u32 mic_len = pkrb5_mic_len(ctx->key);
	struct pkrb5_piece piece;

	pxdr_u32(e, call->xid);
	pxdr_u32(e, RPC5531_CALL);
	pxdr_u32(e, RPC5531_VERSION);
	pxdr_u32(e, peer->prog);
	pxdr_u32(e, peer->vers);
	pxdr_u32(e, call->proc);
	pxdr_u32(e, PGSS_FLAVOR);
	pxdr_u32(e, 20 + ctx->handle_len + pxdr_pad(ctx->handle_len));
	pxdr_u32(e, PGSS_VERSION);
	pxdr_u32(e, call->flags & PRPC_DESTROY_GSS ? PGSS_DESTROY : PGSS_DATA);
	pxdr_u32(e, g->used);
	pxdr_u32(e, pgss_service(call));
	pxdr_opaque(e, ctx->handle, ctx->handle_len);
	piece = (struct pkrb5_piece){ .data = e->start, .len = pxdr_enc_len(e) };
	pxdr_u32(e, PGSS_FLAVOR);
	pxdr_u32(e, mic_len);
	return pkrb5_mic(ctx->key, atomic64_inc_return(&g->ctx->tokens), &piece, 1,
			 pxdr_reserve(e, mic_len));
}

/* Bytes from the xid to the arguments, or to the sealed token. */
static u32 pgss_header_len(const struct pgss_call *g)
{
	const struct pgss_ctx *ctx = g->ctx;
	u32 len = 24 + 28 + ctx->handle_len + pxdr_pad(ctx->handle_len) +
		  8 + pkrb5_mic_len(ctx->key);

	switch (pgss_service(g->call)) {
	case PRPC_SEC_KRB5I:
		return len + 8;
	case PRPC_SEC_KRB5P:
		return len + 4;
	default:
		return len;
	}
}

/* krb5i: a checksum behind the arguments, for which prpc_call_init() left room. */
static int pgss_checksum(struct pgss_call *g, __be32 seq)
{
	u32 len = pkrb5_mic_len(g->ctx->key);
	struct pkrb5_piece p[5];

	*g->args_end = cpu_to_be32(len);
	g->call->enc.p = g->args_end + 1 + len / 4;
	return pkrb5_mic(g->ctx->key, atomic64_inc_return(&g->ctx->tokens), p,
			 pgss_pieces(g, &seq, p), (u8 *)(g->args_end + 1));
}

/*
 * Pages for a protected reply.  They begin so that a sealed token in it, behind
 * verifier, accept_stat and length, begins with a block, and with room for the
 * reply's head, see prpc_call.sealed.
 */
static void pgss_catch(struct pgss_call *g)
{
	struct prpc_call *call = g->call;
	u32 before = PRPC_REPLY_HEADER + pkrb5_mic_len(g->ctx->key) + 4;
	u32 size = g->reply_size + g->in.len + 2 * PKRB5_SEAL_MAX + PGSS_FRONT;

	call->in.skip = PRPC_REPLY_HEADER + (-before & (PKRB5_BLOCK - 1));
	pgss_pages_get(&g->wire_in, call->in.skip, size);
	call->in.bv = g->wire_in.bv;
	call->in.nr = g->wire_in.nr;
	call->in.len = size;
	call->in_at = PRPC_REPLY_HEADER;
	call->reply = g->head;
	call->reply_size = sizeof(g->head);
	call->sealed = true;
}

int pgss_protect(struct pgss_call *g)
{
	struct prpc_call *call = g->call;
	__be32 seq = cpu_to_be32(g->used);
	struct pxdr_enc e;
	int error, len;
	u32 head;

	pgss_restore(g);
	head = pgss_header_len(g);
	call->enc.start = g->args - head / 4;
	call->out_at = head + g->out_at;
	pxdr_enc_init(&e, call->enc.start, head);
	error = pgss_header(g, &e);
	switch (pgss_service(call)) {
	case PRPC_SEC_KRB5I:
		pxdr_u32(&e, 4 + pgss_args_len(g));
		pxdr_u32(&e, g->used);
		error = error ?: pgss_checksum(g, seq);
		pgss_catch(g);
		break;
	case PRPC_SEC_KRB5P:
		len = pgss_seal(g, seq);
		if (len < 0)
			return len;
		prpc_count(call->conn->path, PRPC_STAT_BOUNCED_GSS, pgss_args_len(g));
		pxdr_u32(&e, len);
		call->enc.p = g->args;
		call->out.bv = g->wire_out.bv;
		call->out.nr = g->wire_out.nr;
		call->out.skip = 0;
		call->out.len = len;
		call->out_at = head;
		pgss_catch(g);
		break;
	default:
		call->verf_len = pkrb5_mic_len(g->ctx->key);
		call->in_at += call->in.len ? call->verf_len : 0;
		if (call->in_at > call->reply_size)
			return -EINVAL;
	}
	if (WARN_ON_ONCE(e.overflow || e.p != g->args))
		return -EINVAL;
	if (!error)
		smp_store_release(&g->protected, true);	/* prpc_reply_begin() */
	return error;
}

/* ---- receiving ---- */

int pgss_verify(struct pgss_call *g, struct pxdr_dec *d)
{
	return pgss_get_verifier(g->ctx->key, g->used, d);
}

/* The results of @len bytes at @at of the pages, to where the caller wants them. */
static void pgss_deliver(struct pgss_call *g, u32 at, u32 len)
{
	const struct pkrb5_pages *buf = &g->wire_in.buf;
	__be32 plain[] = { g->head[0], g->head[1], g->head[2], 0, 0, 0 };
	struct prpc_call *call = g->call;
	u32 limit = g->in.len ? g->in_at : g->reply_size;
	u32 n = min(len, limit - PRPC_REPLY_HEADER);
	struct iov_iter iter;

	memcpy(g->reply, plain, sizeof(plain));
	pkrb5_pages_read(buf, at, g->reply + PRPC_REPLY_HEADER, n);
	call->reply_len = PRPC_REPLY_HEADER + n;
	call->in_len = 0;
	len -= n;
	at += n;
	if (!g->in.len || !len)
		return;
	len = min(len, g->in.len);
	prpc_data_iter(&iter, ITER_DEST, &g->in, len);
	while (len) {
		n = min_t(u32, len, PAGE_SIZE - offset_in_page(at));
		if (copy_page_to_iter(buf->pages[at >> PAGE_SHIFT],
				      offset_in_page(at), n, &iter) != n)
			return;
		call->in_len += n;
		at += n;
		len -= n;
	}
}

/* A reply that says why there are no results, as it came. */
static int pgss_deliver_refusal(struct pgss_call *g, const u8 *front, u32 len)
{
	len = min(len, g->reply_size);
	memcpy(g->reply, front, len);
	g->call->reply_len = len;
	g->call->in_len = 0;
	return 0;
}

int pgss_unprotect(struct pgss_call *g)
{
	struct prpc_call *call = g->call;
	struct pgss_reply r = {
		.key = g->ctx->key,
		.seq = g->used,
		.private = call->peer->sec == PRPC_SEC_KRB5P,
		.head = g->head,
		.head_len = min_t(u32, call->reply_len, sizeof(g->head)),
		.buf = &g->wire_in.buf,
		.bv = g->wire_in.bv,
		.skip = call->in.skip,
		.got = call->in_len,
	};
	int error = pgss_open(&r);

	if (error)
		return error;
	if (r.front_len)
		return pgss_deliver_refusal(g, r.front, r.front_len);
	pgss_deliver(g, r.at, r.len);
	prpc_count(g->path, PRPC_STAT_BOUNCED_GSS, r.len);
	return 0;
}
