/* SPDX-License-Identifier: GPL-2.0 */
/* One entry, of linear memory or of a page. */
#ifndef SHIM_LINUX_SCATTERLIST_H
#define SHIM_LINUX_SCATTERLIST_H

#include <linux/bvec.h>

struct scatterlist {
	u8 *mem;
	unsigned int len;
};

static inline void sg_init_table(struct scatterlist *sg, unsigned int n)
{
	sg->mem = NULL;
}

static inline void sg_init_one(struct scatterlist *sg, void *mem, unsigned int len)
{
	sg->mem = mem;
	sg->len = len;
}

static inline void sg_set_page(struct scatterlist *sg, struct page *page,
			       unsigned int len, unsigned int offset)
{
	sg_init_one(sg, page->bytes + offset, len);
}

#endif
