/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What RPCSEC_GSS reads: contexts from user space and replies of servers.
 * Pure: compiles in user space, with krb5.c, for the fuzzers.
 */
#ifndef PENSTOCK_GSS_WIRE_H
#define PENSTOCK_GSS_WIRE_H

#include "krb5.h"
#include "rpc5531.h"
#include "xdr.h"

#define PGSS_FLAVOR		6
#define PGSS_HANDLE_MAX		64
/* Bytes of a protected reply, behind its first 24, that are looked at. */
#define PGSS_FRONT		(PKRB5_MIC_MAX + 64)

/**
 * struct pgss_made - a context as penstock-gss hands it over
 * @life: seconds
 * @subkey: @key is the acceptor's subkey
 * @window: sequence numbers that the server remembers, not 0
 * @tokens: number of the first token
 * @handle, @key: borrowed from the message; @key's length is not yet checked
 *	against @enctype
 */
struct pgss_made {
	u32 life;
	u32 enctype;
	bool subkey;
	u32 window;
	u64 tokens;
	const void *handle;
	u32 handle_len;
	const void *key;
	u32 key_len;
};

/* 0 or -EPROTO */
int pgss_parse(struct pgss_made *made, const void *data, size_t len);

/* The verifier of an accepted reply (RFC 2203 section 5.3.3.2): 0 or -errno. */
int pgss_get_verifier(const struct pkrb5 *key, u32 seq, struct pxdr_dec *d);

/**
 * struct pgss_reply - a reply of krb5i or krb5p
 * @key, @seq: of its call
 * @private: krb5p
 * @head: its begin, of which @head_len bytes have come
 * @buf, @bv: the same pages; the rest, @got bytes, begins at @skip
 * @at, @len: where in @buf the results are once it is open
 * @front, @front_len: not empty: there are none, and this says why
 */
struct pgss_reply {
	const struct pkrb5 *key;
	u32 seq;
	bool private;
	const __be32 *head;
	u32 head_len;
	struct pkrb5_pages *buf;
	const struct bio_vec *bv;
	u32 skip;
	u32 got;

	u32 at;
	u32 len;
	u32 front_len;
	u8 front[PRPC_REPLY_HEADER + PGSS_FRONT];
};

/* Verify @r, and decrypt it in place.  0, -EBADMSG, or another -errno. */
int pgss_open(struct pgss_reply *r);

#endif
