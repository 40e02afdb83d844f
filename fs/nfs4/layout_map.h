/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the bytes of a file lie: what layout_files.c and layout_flex.c make of a
 * layout.  Pure: no allocation, no locks, compiles in user space.
 */
#ifndef PENSTOCK_NFS4_LAYOUT_MAP_H
#define PENSTOCK_NFS4_LAYOUT_MAP_H

#include <linux/types.h>

/**
 * struct pn4_stripe - how a file is dealt out to data servers
 * @unit: bytes on one of them before the next one's turn; 0: all on one
 * @nr: stripes, after which it starts over
 * @first: the one that the pattern begins with
 * @offset: file offset in bytes at which the pattern begins
 * @dense: a data server's file has no holes where others have the data
 */
struct pn4_stripe {
	u64 unit;
	u64 offset;
	u32 nr;
	u32 first;
	bool dense;
};

/* A run of bytes that lie on one data server (of each mirror) */
struct pn4_chunk {
	u32 stripe;		/* below pn4_stripe.nr */
	u64 pos;		/* offset in the data server's file */
	u64 len;
};

/*
 * The chunk that begins with the byte at @pos of the file, at most @len bytes.
 * False: the pattern does not say where it is.
 */
bool pn4_map_files(const struct pn4_stripe *s, u64 pos, u64 len,
		   struct pn4_chunk *c);
bool pn4_map_flex(const struct pn4_stripe *s, u64 pos, u64 len,
		  struct pn4_chunk *c);

#endif
