/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Message protection of Kerberos contexts (RFC 4121), initiator's side.
 *
 * Needs the kernel's crypto interface and nothing else of penstock.
 */
#ifndef PENSTOCK_KRB5_H
#define PENSTOCK_KRB5_H

#include <linux/bvec.h>
#include <linux/types.h>

struct pkrb5;

/* RFC 3962, RFC 8009 */
enum {
	PKRB5_AES128_SHA1	= 17,
	PKRB5_AES256_SHA1	= 18,
	PKRB5_AES128_SHA256	= 19,
	PKRB5_AES256_SHA384	= 20,
};

#define PKRB5_BLOCK		16
#define PKRB5_HEADER		16	/* of both kinds of token */
#define PKRB5_KEY_MAX		32
#define PKRB5_CKSUM_MAX		24
#define PKRB5_MIC_MAX		(PKRB5_HEADER + PKRB5_CKSUM_MAX)
/* Where the plain text begins in a sealed token, and what it adds in all. */
#define PKRB5_SEAL_FRONT	(PKRB5_HEADER + PKRB5_BLOCK)
#define PKRB5_SEAL_MAX		(PKRB5_SEAL_FRONT + PKRB5_HEADER + PKRB5_CKSUM_MAX)
/* Filler and rotation that are put up with (section 4.2.4, 4.2.5). */
#define PKRB5_SHIFT_MAX		256

/*
 * Bytes of pages, one after the other, each but the last PAGE_SIZE long and
 * whole; offsets of tokens in them are multiples of PKRB5_BLOCK.
 */
struct pkrb5_pages {
	struct page **pages;
	u32 size;
};

/**
 * struct pkrb5_piece - one piece of what a checksum is made over
 * @data: @len bytes of memory; or, if NULL,
 * @bv: pages, of which @skip bytes are left out and @len bytes count
 */
struct pkrb5_piece {
	const void *data;
	const struct bio_vec *bv;
	u32 skip;
	u32 len;
};

/*
 * The keys of a context.  @subkey: @key is the acceptor's subkey.
 * -EOPNOTSUPP: an enctype that is not one of the above.  May sleep.
 */
struct pkrb5 *pkrb5_create(u32 enctype, const u8 *key, u32 len, bool subkey);
void pkrb5_free(struct pkrb5 *k);
/* Bytes of a MIC token. */
u32 pkrb5_mic_len(const struct pkrb5 *k);
/* Make, check a MIC token (section 4.2.6.1).  Any context. */
int pkrb5_mic(const struct pkrb5 *k, u64 seq, const struct pkrb5_piece *p,
	      unsigned int n, u8 *token);
/* 0, -EBADMSG, or another -errno of the crypto layer */
int pkrb5_mic_check(const struct pkrb5 *k, const struct pkrb5_piece *p,
		    unsigned int n, const u8 *token, u32 len);
/*
 * Turn @len bytes of plain text at @at + PKRB5_SEAL_FRONT of @buf into a sealed
 * Wrap token at @at (section 4.2.6.2); its length or -errno.
 */
int pkrb5_seal(const struct pkrb5 *k, u64 seq, struct pkrb5_pages *buf, u32 at,
	       u32 len);
/*
 * Open the token of @len bytes at @at in place.  The length of the plain text,
 * which is at @at + PKRB5_SEAL_FRONT then; -EBADMSG; or another -errno.
 */
int pkrb5_open(const struct pkrb5 *k, struct pkrb5_pages *buf, u32 at, u32 len);

/* Copy @len bytes at @at of @buf; the caller has checked that they are there. */
void pkrb5_pages_read(const struct pkrb5_pages *buf, u32 at, void *to, u32 len);
void pkrb5_pages_write(struct pkrb5_pages *buf, u32 at, const void *from, u32 len);

#endif
