/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_BVEC_H
#define SHIM_LINUX_BVEC_H

#include <linux/minmax.h>
#include <linux/types.h>

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096u
#define offset_in_page(at)	((at) & (PAGE_SIZE - 1))

/* One that was allocated shorter has the sanitizer see what touches its rest. */
struct page {
	u8 bytes[PAGE_SIZE];
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
	it->bi_bvec_done += n;
	while (it->bi_bvec_done && it->bi_bvec_done >= bv[it->bi_idx].bv_len)
		it->bi_bvec_done -= bv[it->bi_idx++].bv_len;
}

/* As the kernel's: within one page. */
static inline struct bio_vec bvec_iter_bvec(const struct bio_vec *bv, struct bvec_iter it)
{
	const struct bio_vec *b = bv + it.bi_idx;
	unsigned int off = b->bv_offset + it.bi_bvec_done;
	struct bio_vec r;

	r.bv_page = b->bv_page + off / PAGE_SIZE;
	r.bv_offset = off % PAGE_SIZE;
	r.bv_len = min_t(u32, b->bv_len - it.bi_bvec_done, PAGE_SIZE - r.bv_offset);
	r.bv_len = min_t(u32, r.bv_len, it.bi_size);
	return r;
}

#endif
