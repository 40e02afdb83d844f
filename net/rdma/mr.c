// SPDX-License-Identifier: GPL-2.0
/*
 * Memory regions (fast registration, FRWR) and all DMA mapping.
 *
 * A region is filled here with pages and mapped; io.c posts its registration in
 * front of the Send.  It has become the caller's again after prdma_unmap(),
 * which is called only when the peer cannot use it any more, see rdma.h.
 * Nobody reads pages that a device has written before they are unmapped.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "rdma.h"
#include "trace.h"

static bool p2p_without_pci;
module_param(p2p_without_pci, bool, 0444);
MODULE_PARM_DESC(p2p_without_pci, "tests: RDMA devices in software reach peer-to-peer memory");

/* ---- memory that the CPU must not touch ---- */

int prdma_set_mapper(const struct prdma_mapper *mapper)
{
	if (mapper)
		return prpc_gpu_register(&mapper->gpu);
	prpc_gpu_unregister();
	return 0;
}
EXPORT_SYMBOL_GPL(prdma_set_mapper);

/* NULL: there is none; else it stays until prpc_gpu_put(). */
static const struct prdma_mapper *prdma_mapper_get(void)
{
	const struct prpc_gpu_ops *gpu = prpc_gpu_get();

	return gpu ? container_of(gpu, struct prdma_mapper, gpu) : NULL;
}

bool prdma_reaches_peer(struct ib_device *dev)
{
	return ib_dma_pci_p2p_dma_supported(dev) ||
	       (p2p_without_pci && ib_uses_virt_dma(dev));
}

int prdma_rank(struct prpc_conn *conn, const struct prpc_data *data)
{
	struct prdma_conn *c = prdma_conn(conn);
	const struct prdma_mapper *mapper;
	int rank;

	if (data->memory == PRPC_MEM_PEER)
		return c->reaches_peer ? 0 : -EREMOTEIO;
	mapper = prdma_mapper_get();
	if (!mapper)
		return -EIO;
	rank = mapper->rank(c->dev, data->gpu);
	prpc_gpu_put(&mapper->gpu);
	return rank;
}

/* ---- making and destroying ---- */

struct prdma_mr *prdma_mr_create(struct prdma_conn *c)
{
	struct prdma_mr *mr = kzalloc(sizeof(*mr), GFP_KERNEL);

	if (!mr)
		return NULL;
	mr->sg = kvmalloc_array(c->region_pages, sizeof(*mr->sg), GFP_KERNEL);
	if (!mr->sg)
		goto out_mr;
	sg_init_table(mr->sg, c->region_pages);
	mr->mr = ib_alloc_mr(c->pd, c->mr_type, c->region_pages);
	if (IS_ERR(mr->mr))
		goto out_sg;
	INIT_LIST_HEAD(&mr->link);
	spin_lock_bh(&c->lock);
	list_add_tail(&mr->all, &c->all_mrs);
	spin_unlock_bh(&c->lock);
	return mr;

out_sg:
	kvfree(mr->sg);
out_mr:
	kfree(mr);
	return NULL;
}

void prdma_mr_destroy(struct prdma_conn *c, struct prdma_mr *mr)
{
	spin_lock_bh(&c->lock);
	list_del(&mr->all);
	spin_unlock_bh(&c->lock);
	WARN_ON_ONCE(mr->mapped);
	ib_dereg_mr(mr->mr);
	kvfree(mr->sg);
	kfree(mr);
}

/* ---- the regions of a request ---- */

static struct prdma_mr *prdma_mr_get(struct prdma_req *r)
{
	struct prdma_conn *c = r->c;
	struct prdma_mr *mr;

	if (!r->nr_mrs)
		return r->mr;
	spin_lock_bh(&c->lock);
	mr = list_first_entry_or_null(&c->mrs, struct prdma_mr, link);
	if (mr)
		list_del_init(&mr->link);
	spin_unlock_bh(&c->lock);
	return mr;
}

void prdma_put_mrs(struct prdma_req *r)
{
	u32 i;

	lockdep_assert_held(&r->c->lock);
	for (i = 1; i < r->nr_mrs; i++)
		list_add(&r->mrs[i]->link, &r->c->mrs);
	r->nr_mrs = 0;
}

static int prdma_gpu_map(struct prdma_conn *c, struct prdma_mr *mr)
{
	const struct prdma_mapper *mapper = prdma_mapper_get();
	int error;

	if (!mapper)
		return -EIO;
	error = mapper->map(c->dev, &mr->sgt, mr->dir);
	if (error)
		prpc_gpu_put(&mapper->gpu);
	else
		mr->mapper = mapper;
	return error;
}

static int prdma_mr_dma_map(struct prdma_conn *c, struct prdma_mr *mr,
			    enum prpc_memory memory)
{
	int error;

	mr->sgt.sgl = mr->sg;
	mr->sgt.nents = mr->sgt.orig_nents;
	mr->mapper = NULL;
	if (memory == PRPC_MEM_GPU)
		return prdma_gpu_map(c, mr);
	error = ib_dma_map_sgtable_attrs(c->dev, &mr->sgt, mr->dir, 0);
	return error && memory == PRPC_MEM_PEER ? -EREMOTEIO : error ? -EIO : 0;
}

static void prdma_mr_dma_unmap(struct prdma_conn *c, struct prdma_mr *mr)
{
	if (mr->mapper) {
		mr->mapper->unmap(c->dev, &mr->sgt, mr->dir);
		prpc_gpu_put(&mr->mapper->gpu);
	} else {
		ib_dma_unmap_sgtable_attrs(c->dev, &mr->sgt, mr->dir, 0);
	}
	mr->mapped = false;
}

/*
 * A region being filled.
 *
 * @memory: what the pages are
 * @pages: of the device's page list used so far
 * @end: offset in its page where the last piece ends
 */
struct prdma_fill {
	struct prdma_req *r;
	struct prdma_chunk *chunk;
	enum dma_data_direction dir;
	struct prdma_mr *mr;
	enum prpc_memory memory;
	u32 pages;
	u32 end;
};

/* The region is full: map it and make a segment of it. */
static int prdma_fill_close(struct prdma_fill *f)
{
	struct prdma_conn *c = f->r->c;
	struct prdma_mr *mr = f->mr;
	struct prdma_seg *seg;
	int n, error;

	if (!mr)
		return 0;
	f->mr = NULL;
	sg_mark_end(&mr->sg[mr->sgt.orig_nents - 1]);
	error = prdma_mr_dma_map(c, mr, f->memory);
	if (error)
		return error;
	mr->mapped = true;
	n = ib_map_mr_sg(mr->mr, mr->sgt.sgl, mr->sgt.nents, NULL, PAGE_SIZE);
	if (n != mr->sgt.nents)
		return -EIO;
	ib_update_fast_reg_key(mr->mr, ib_inc_rkey(mr->mr->rkey));

	seg = &f->r->segs[f->r->nr_mrs - 1];
	seg->handle = mr->mr->rkey;
	seg->len = mr->mr->length;
	seg->offset = mr->mr->iova;
	f->chunk->nr++;
	return 0;
}

static int prdma_fill_open(struct prdma_fill *f)
{
	struct prdma_req *r = f->r;
	struct prdma_mr *mr;

	if (r->nr_mrs == PRDMA_SEGS_MAX)
		return -E2BIG;
	mr = prdma_mr_get(r);
	if (!mr)
		return -EAGAIN;
	r->mrs[r->nr_mrs++] = mr;
	if (!f->chunk->nr)
		f->chunk->seg = &r->segs[r->nr_mrs - 1];
	mr->req = r;
	mr->dir = f->dir;
	if (mr->sgt.orig_nents)
		sg_unmark_end(&mr->sg[mr->sgt.orig_nents - 1]);
	mr->sgt.orig_nents = 0;
	f->mr = mr;
	f->pages = 0;
	f->end = 0;
	return 0;
}

/* Can a piece that begins at @off go behind what is in the region? */
static bool prdma_fill_joins(const struct prdma_fill *f, u32 off)
{
	const struct prdma_conn *c = f->r->c;

	if (!f->mr || f->pages == c->region_pages)
		return false;
	return c->mr_type == IB_MR_TYPE_SG_GAPS || (!off && !f->end);
}

/* @len bytes at @off (below PAGE_SIZE) of @page and those behind it. */
static int prdma_fill_add(struct prdma_fill *f, struct page *page, u32 off, u32 len)
{
	u32 left = len, n, limit;
	int error;

	while (left) {
		if (!prdma_fill_joins(f, off)) {
			error = prdma_fill_close(f) ?: prdma_fill_open(f);
			if (error)
				return error;
		}
		limit = (f->r->c->region_pages - f->pages) * PAGE_SIZE - off;
		/* neighbours need not be neighbours where the memory really is */
		if (f->memory >= PRPC_MEM_PEER)
			limit = PAGE_SIZE - off;
		n = min(left, limit);
		sg_set_page(&f->mr->sg[f->mr->sgt.orig_nents++], page, n, off);
		f->pages += DIV_ROUND_UP(off + n, PAGE_SIZE);
		f->end = offset_in_page(off + n);
		page += (off + n) >> PAGE_SHIFT;
		off = f->end;
		left -= n;
	}
	return 0;
}

int prdma_map_data(struct prdma_req *r, const struct prpc_data *data,
		   enum dma_data_direction dir, struct prdma_chunk *chunk)
{
	struct prdma_fill f = { .r = r, .chunk = chunk, .dir = dir,
				.memory = data->memory };
	u32 skip = data->skip, left = data->len;
	const struct bio_vec *bv;
	int error = 0;

	for (bv = data->bv; left && bv < data->bv + data->nr; bv++) {
		u32 n, at = bv->bv_offset + skip;

		if (skip >= bv->bv_len) {
			skip -= bv->bv_len;
			continue;
		}
		n = min(left, bv->bv_len - skip);
		error = prdma_fill_add(&f, bv->bv_page + (at >> PAGE_SHIFT),
				       offset_in_page(at), n);
		if (error)
			return error;
		left -= n;
		skip = 0;
	}
	if (WARN_ON_ONCE(left))
		return -EIO;
	return prdma_fill_close(&f);
}

int prdma_map_buf(struct prdma_req *r, void *buf, u32 len,
		  enum dma_data_direction dir, struct prdma_chunk *chunk)
{
	struct prdma_fill f = { .r = r, .chunk = chunk, .dir = dir };
	u32 off, n;
	int error;

	if (!is_vmalloc_addr(buf)) {
		error = prdma_fill_add(&f, virt_to_page(buf), offset_in_page(buf),
				       len);
		return error ?: prdma_fill_close(&f);
	}
	for (; len; len -= n, buf += n) {
		off = offset_in_page(buf);
		n = min_t(u32, len, PAGE_SIZE - off);
		error = prdma_fill_add(&f, vmalloc_to_page(buf), off, n);
		if (error)
			return error;
	}
	return prdma_fill_close(&f);
}

bool prdma_unmap_sleeps(const struct prdma_req *r)
{
	u32 i;

	for (i = 0; i < r->nr_mrs; i++)
		if (unlikely(r->mrs[i]->mapped && r->mrs[i]->mapper))
			return true;
	return false;
}

void prdma_unmap(struct prdma_req *r)
{
	u32 i;

	for (i = 0; i < r->nr_mrs; i++) {
		WARN_ON_ONCE(r->mrs[i]->valid);
		if (r->mrs[i]->mapped)
			prdma_mr_dma_unmap(r->c, r->mrs[i]);
	}
}

/* ---- invalidating ---- */

bool prdma_remote_invalidated(struct prdma_req *r, u32 rkey)
{
	u32 i;

	for (i = 0; i < r->nr_mrs; i++) {
		if (r->mrs[i]->valid && r->mrs[i]->mr->rkey == rkey) {
			r->mrs[i]->valid = false;
			return true;
		}
	}
	return false;
}

bool prdma_any_valid(const struct prdma_req *r)
{
	u32 i;

	for (i = 0; i < r->nr_mrs; i++)
		if (r->mrs[i]->valid)
			return true;
	return false;
}

static void prdma_inv_failed(struct ib_cq *cq, struct ib_wc *wc)
{
	prdma_wc_failed(wc->qp->qp_context, wc);
}

int prdma_invalidate(struct prdma_req *r,
		     void (*done)(struct ib_cq *cq, struct ib_wc *wc))
{
	struct ib_send_wr *first = NULL, **next = &first;
	struct prdma_conn *c = r->c;
	struct prdma_mr *last = NULL;
	u32 i, n = 0;
	int error;

	for (i = 0; i < r->nr_mrs; i++) {
		struct prdma_mr *mr = r->mrs[i];

		if (!mr->valid)
			continue;
		mr->inv = (struct ib_send_wr) {
			.wr_cqe = &mr->cqe,
			.opcode = IB_WR_LOCAL_INV,
			.ex.invalidate_rkey = mr->mr->rkey,
		};
		mr->cqe.done = prdma_inv_failed;
		*next = &mr->inv;
		next = &mr->inv.next;
		last = mr;
		n++;
	}
	if (WARN_ON_ONCE(!last))
		return -EINVAL;
	last->inv.send_flags = IB_SEND_SIGNALED;
	last->cqe.done = done;
	spin_lock_bh(&c->lock);
	c->n.local_inv += n;
	spin_unlock_bh(&c->lock);
	trace_prdma_invalidate(r->xid, n);
	error = ib_post_send(c->qp, first, NULL);
	if (error)
		prdma_down(c, -EIO);
	return error;
}

/* ---- payload sent inline ---- */

int prdma_map_payload(struct prdma_req *r, const struct prpc_data *data, u32 room)
{
	struct prdma_conn *c = r->c;
	u32 skip = data->skip, left = data->len, n;
	const struct bio_vec *bv;
	struct ib_sge *sge;

	r->nr_payload = 0;
	for (bv = data->bv; left && bv < data->bv + data->nr; bv++) {
		if (skip >= bv->bv_len) {
			skip -= bv->bv_len;
			continue;
		}
		if (r->nr_payload == room)
			goto out_unmap;
		n = min(left, bv->bv_len - skip);
		sge = &r->sge[1 + r->nr_payload];
		sge->addr = ib_dma_map_page(c->dev, bv->bv_page,
					    bv->bv_offset + skip, n, DMA_TO_DEVICE);
		if (ib_dma_mapping_error(c->dev, sge->addr))
			goto out_unmap;
		sge->length = n;
		sge->lkey = c->pd->local_dma_lkey;
		r->nr_payload++;
		left -= n;
		skip = 0;
	}
	if (!left)
		return 0;
out_unmap:
	prdma_unmap_payload(r);
	return -E2BIG;
}

void prdma_unmap_payload(struct prdma_req *r)
{
	struct ib_sge *sge;

	for (sge = &r->sge[1]; r->nr_payload; sge++, r->nr_payload--)
		ib_dma_unmap_page(r->c->dev, sge->addr, sge->length, DMA_TO_DEVICE);
}

/* ---- our own buffers ---- */

int prdma_buf_create(struct prdma_conn *c, void **buf, u64 *dma,
		     enum dma_data_direction dir)
{
	*buf = kmalloc(PRDMA_INLINE, GFP_KERNEL);
	if (!*buf)
		return -ENOMEM;
	*dma = ib_dma_map_single(c->dev, *buf, PRDMA_INLINE, dir);
	if (!ib_dma_mapping_error(c->dev, *dma))
		return 0;
	kfree(*buf);
	*buf = NULL;
	return -EIO;
}

void prdma_buf_destroy(struct prdma_conn *c, void *buf, u64 dma,
		       enum dma_data_direction dir)
{
	if (!buf)
		return;
	ib_dma_unmap_single(c->dev, dma, PRDMA_INLINE, dir);
	kfree(buf);
}
