/* SPDX-License-Identifier: GPL-2.0 */
/* Pages that are memory of their own each, so that the sanitizer sees their ends. */
#ifndef SHIM_LINUX_BVEC_H
#define SHIM_LINUX_BVEC_H

#include <linux/types.h>

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096u
#define offset_in_page(at)	((at) & (PAGE_SIZE - 1))

struct page {
	u8 *mem;	/* PAGE_SIZE bytes */
};

struct bio_vec {
	struct page *bv_page;
	unsigned int bv_len;
	unsigned int bv_offset;
};

struct bvec_iter {
	unsigned int bi_size;
	unsigned int bi_idx;
	unsigned int bi_bvec_done;
};

static inline void bvec_iter_advance(const struct bio_vec *bv, struct bvec_iter *it,
				     unsigned int n)
{
	it->bi_size -= n;
	for (n += it->bi_bvec_done; n && n >= bv[it->bi_idx].bv_len; it->bi_idx++)
		n -= bv[it->bi_idx].bv_len;
	it->bi_bvec_done = n;
}

/* As the kernel's: what is left of the element, and of all. */
static inline struct bio_vec bvec_iter_bvec(const struct bio_vec *bv, struct bvec_iter it)
{
	struct bio_vec v = bv[it.bi_idx];

	v.bv_offset += it.bi_bvec_done;
	v.bv_len -= it.bi_bvec_done;
	if (v.bv_len > it.bi_size)
		v.bv_len = it.bi_size;
	return v;
}

#endif
