// SPDX-License-Identifier: GPL-2.0
/* What RPCSEC_GSS reads: contexts from user space and replies of servers. */
#include <linux/errno.h>
#include <linux/minmax.h>
#include "gss_wire.h"

/*
 * Version 1: life in seconds, enctype, is the key an acceptor's subkey, window,
 * first token number, handle, key.
 */
int pgss_parse(struct pgss_made *made, const void *data, size_t len)
{
	struct pxdr_dec d;

	pxdr_dec_init(&d, data, len);
	if (pxdr_get_u32(&d) != 1)
		return -EPROTO;
	made->life = pxdr_get_u32(&d);
	made->enctype = pxdr_get_u32(&d);
	made->subkey = pxdr_get_bool(&d);
	made->window = pxdr_get_u32(&d);
	made->tokens = pxdr_get_u64(&d);
	made->handle = pxdr_get_opaque(&d, PGSS_HANDLE_MAX, &made->handle_len);
	made->key = pxdr_get_opaque(&d, PKRB5_KEY_MAX, &made->key_len);
	return d.bad || !made->window ? -EPROTO : 0;
}

int pgss_get_verifier(const struct pkrb5 *key, u32 seq, struct pxdr_dec *d)
{
	__be32 number = cpu_to_be32(seq);
	struct pkrb5_piece piece = { .data = &number, .len = 4 };
	const void *mic;
	u32 flavor, len;

	flavor = pxdr_get_u32(d);
	mic = pxdr_get_opaque(d, RPC5531_AUTH_MAX, &len);
	if (d->bad || flavor != PGSS_FLAVOR)
		return -EBADMSG;
	return pkrb5_mic_check(key, &piece, 1, mic, len);
}

/* RFC 2203 section 5.3.3.4.2: body of @len bytes at @at, checksum behind it. */
static int pgss_open_integ(struct pgss_reply *r, u32 at, u32 len, u32 end)
{
	u32 mic_len = pkrb5_mic_len(r->key);
	struct pkrb5_piece piece;
	u8 mic[PKRB5_MIC_MAX];
	__be32 seq, n;
	int error;

	if (len < 4 || len & 3 || end - at < len || end - at - len < 4 + mic_len)
		return -EBADMSG;
	pkrb5_pages_read(r->buf, at, &seq, 4);
	pkrb5_pages_read(r->buf, at + len, &n, 4);
	pkrb5_pages_read(r->buf, at + len + 4, mic, mic_len);
	if (seq != cpu_to_be32(r->seq) || n != cpu_to_be32(mic_len))
		return -EBADMSG;
	piece = (struct pkrb5_piece){ .bv = r->bv, .skip = at, .len = len };
	error = pkrb5_mic_check(r->key, &piece, 1, mic, mic_len);
	r->at = at + 4;
	r->len = len - 4;
	return error;
}

/* Section 5.3.3.4.3: a sealed token of @len bytes at @at. */
static int pgss_open_priv(struct pgss_reply *r, u32 at, u32 len, u32 end)
{
	__be32 seq;
	int n;

	if (end - at < len)
		return -EBADMSG;
	n = pkrb5_open(r->key, r->buf, at, len);
	if (n < 0)
		return n;
	if (n < 4)
		return -EBADMSG;
	pkrb5_pages_read(r->buf, at + PKRB5_SEAL_FRONT, &seq, 4);
	if (seq != cpu_to_be32(r->seq))
		return -EBADMSG;
	r->at = at + PKRB5_SEAL_FRONT + 4;
	r->len = n - 4;
	return 0;
}

int pgss_open(struct pgss_reply *r)
{
	u32 n = min_t(u32, r->got, PGSS_FRONT), at, len;
	struct pxdr_dec d;
	int error;

	memcpy(r->front, r->head, PRPC_REPLY_HEADER);
	pkrb5_pages_read(r->buf, r->skip, r->front + PRPC_REPLY_HEADER, n);
	r->front_len = r->head_len + n;
	pxdr_dec_init(&d, r->front, r->front_len);
	pxdr_get_fixed(&d, 8);
	if (pxdr_get_u32(&d) != RPC5531_ACCEPTED)
		return 0;
	error = pgss_get_verifier(r->key, r->seq, &d);
	if (error)
		return error;
	if (pxdr_get_u32(&d) != RPC5531_SUCCESS)
		return 0;
	len = pxdr_get_u32(&d);
	if (d.bad)
		return -EBADMSG;
	r->front_len = 0;
	at = r->skip + (u32)(d.p - r->front) - PRPC_REPLY_HEADER;
	if (r->private)
		return pgss_open_priv(r, at, len, r->skip + r->got);
	return pgss_open_integ(r, at, len, r->skip + r->got);
}
