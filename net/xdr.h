/* SPDX-License-Identifier: GPL-2.0 */
/*
 * XDR (RFC 4506) writer and reader over one contiguous buffer.
 *
 * Both remember the first failure: writers and readers may be called on after
 * an overflow and do nothing then, so callers check once, at the end.  The
 * reader checks every length against what is left before it uses it.
 *
 * A leaf, and pure: no allocation, no locks, compiles in user space.
 */
#ifndef PENSTOCK_XDR_H
#define PENSTOCK_XDR_H

#include <linux/types.h>
#include <linux/string.h>
#include <asm/byteorder.h>

/** struct pxdr_enc - writer; @p and @end are always 4-byte aligned */
struct pxdr_enc {
	__be32 *start;
	__be32 *p;
	__be32 *end;
	bool overflow;
};

/** struct pxdr_dec - reader; borrowed pointers live as long as the buffer */
struct pxdr_dec {
	const u8 *p;
	const u8 *end;
	bool bad;
};

static inline u32 pxdr_pad(u32 len)
{
	return -len & 3;
}

static inline void pxdr_enc_init(struct pxdr_enc *e, void *buf, size_t size)
{
	e->start = buf;
	e->p = buf;
	e->end = e->p + size / 4;
	e->overflow = false;
}

/* Bytes written so far. */
static inline u32 pxdr_enc_len(const struct pxdr_enc *e)
{
	return (u32)((const u8 *)e->p - (const u8 *)e->start);
}

/* Room for @len bytes (rounded up, the pad zeroed), or NULL. */
static inline void *pxdr_reserve(struct pxdr_enc *e, u32 len)
{
	size_t words = ((size_t)len + 3) / 4;
	__be32 *p = e->p;

	if (e->overflow || (size_t)(e->end - p) < words) {
		e->overflow = true;
		return NULL;
	}
	if (len & 3)
		p[words - 1] = 0;
	e->p += words;
	return p;
}

static inline void pxdr_u32(struct pxdr_enc *e, u32 v)
{
	__be32 *p = pxdr_reserve(e, 4);

	if (p)
		*p = cpu_to_be32(v);
}

static inline void pxdr_u64(struct pxdr_enc *e, u64 v)
{
	pxdr_u32(e, (u32)(v >> 32));
	pxdr_u32(e, (u32)v);
}

/* opaque[len]: no length word on the wire */
static inline void pxdr_fixed(struct pxdr_enc *e, const void *data, u32 len)
{
	void *p = pxdr_reserve(e, len);

	if (p)
		memcpy(p, data, len);
}

/* opaque<> or string<>: length word, bytes, pad */
static inline void pxdr_opaque(struct pxdr_enc *e, const void *data, u32 len)
{
	pxdr_u32(e, len);
	pxdr_fixed(e, data, len);
}

/* opaque<> whose length shows only at its end: what is encoded in between. */
static inline __be32 *pxdr_opaque_begin(struct pxdr_enc *e)
{
	return pxdr_reserve(e, 4);
}

static inline void pxdr_opaque_end(struct pxdr_enc *e, __be32 *len)
{
	if (len && !e->overflow)
		*len = cpu_to_be32((u32)((u8 *)e->p - (u8 *)(len + 1)));
}

static inline void pxdr_dec_init(struct pxdr_dec *d, const void *buf, size_t len)
{
	d->p = buf;
	d->end = d->p + len;
	d->bad = false;
}

static inline size_t pxdr_left(const struct pxdr_dec *d)
{
	return d->bad ? 0 : (size_t)(d->end - d->p);
}

/* The next @len bytes and their pad, or NULL; opaque[len]. */
static inline const void *pxdr_get_fixed(struct pxdr_dec *d, u32 len)
{
	size_t want = (size_t)len + pxdr_pad(len);
	const u8 *p = d->p;

	if (d->bad || (size_t)(d->end - p) < want) {
		d->bad = true;
		return NULL;
	}
	d->p += want;
	return p;
}

static inline u32 pxdr_get_u32(struct pxdr_dec *d)
{
	const u8 *p = pxdr_get_fixed(d, 4);

	if (!p)
		return 0;
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

static inline u64 pxdr_get_u64(struct pxdr_dec *d)
{
	u64 hi = pxdr_get_u32(d);

	return hi << 32 | pxdr_get_u32(d);
}

/* XDR bool: anything but 0 and 1 is malformed (RFC 4506 section 4.4). */
static inline bool pxdr_get_bool(struct pxdr_dec *d)
{
	u32 v = pxdr_get_u32(d);

	if (v > 1)
		d->bad = true;
	return v == 1;
}

/* opaque<max>: a pointer into the buffer and its length, or NULL and 0. */
static inline const void *pxdr_get_opaque(struct pxdr_dec *d, u32 max, u32 *len)
{
	const void *p = NULL;

	*len = pxdr_get_u32(d);
	if (*len > max)
		d->bad = true;
	if (!d->bad)
		p = pxdr_get_fixed(d, *len);
	if (!p)
		*len = 0;
	return p;
}

/*
 * Element count of an array whose elements take at least @elem bytes each, so
 * that a hostile count can neither make a loop run long nor a size overflow.
 */
static inline u32 pxdr_get_count(struct pxdr_dec *d, u32 max, u32 elem)
{
	u32 n = pxdr_get_u32(d);

	if (n > max || (u64)n * elem > pxdr_left(d)) {
		d->bad = true;
		return 0;
	}
	return n;
}

#endif
