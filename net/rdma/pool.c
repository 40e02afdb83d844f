// SPDX-License-Identifier: GPL-2.0
/* What a connection keeps ready: requests, regions, receive buffers. */
#include <linux/slab.h>
#include "rdma.h"

static void prdma_req_destroy(struct prdma_req *r)
{
	struct prdma_conn *c = r->c;

	if (r->mr)
		prdma_mr_destroy(c, r->mr);
	prdma_buf_destroy(c, r->buf, r->dma, DMA_TO_DEVICE);
	kfree(r);
}

static struct prdma_req *prdma_req_create(struct prdma_conn *c)
{
	struct prdma_req *r = kzalloc(sizeof(*r), GFP_KERNEL);

	if (!r)
		return NULL;
	r->c = c;
	r->mr = prdma_mr_create(c);
	if (!r->mr || prdma_buf_create(c, &r->buf, &r->dma, DMA_TO_DEVICE)) {
		prdma_req_destroy(r);
		return NULL;
	}
	prdma_req_init(r);
	return r;
}

static int prdma_grow_shared(struct prdma_conn *c, u32 want)
{
	struct prdma_mr *mr;

	for (; c->nr_shared < want; c->nr_shared++) {
		mr = prdma_mr_create(c);
		if (!mr)
			return -ENOMEM;
		spin_lock_bh(&c->lock);
		list_add(&mr->link, &c->mrs);
		spin_unlock_bh(&c->lock);
	}
	return 0;
}

static struct prdma_rep *prdma_rep_create(struct prdma_conn *c)
{
	struct prdma_rep *rep = kzalloc(sizeof(*rep), GFP_KERNEL);
	u64 dma;

	if (!rep)
		return NULL;
	if (prdma_buf_create(c, &rep->buf, &dma, DMA_FROM_DEVICE)) {
		kfree(rep);
		return NULL;
	}
	rep->sge.addr = dma;
	rep->sge.length = PRDMA_INLINE;
	rep->sge.lkey = c->pd->local_dma_lkey;
	rep->cqe.done = prdma_recv_done;
	rep->wr.wr_cqe = &rep->cqe;
	rep->wr.sg_list = &rep->sge;
	rep->wr.num_sge = 1;
	spin_lock_bh(&c->lock);
	list_add(&rep->all, &c->reps);
	spin_unlock_bh(&c->lock);
	return rep;
}

/* One task at a time: connect, then grow_work. */
int prdma_grow(struct prdma_conn *c, u32 want)
{
	u32 reps = c->nr_reqs ? 0 : PRDMA_CALLBACKS + PRDMA_RECV_BUNCH;
	struct prdma_rep *rep;
	struct prdma_req *r;
	int error;

	error = prdma_grow_shared(c, PRDMA_SEGS_MAX + want / 4);
	while (!error && (reps || c->nr_reqs < want)) {
		rep = prdma_rep_create(c);
		if (!rep)
			return -ENOMEM;
		error = ib_post_recv(c->qp, &rep->wr, NULL);
		if (error)
			break;
		if (reps) {
			reps--;
			continue;
		}
		r = prdma_req_create(c);
		if (!r)
			return -ENOMEM;
		spin_lock_bh(&c->lock);
		list_add(&r->all, &c->reqs);
		list_add_tail(&r->link, &c->free);
		c->nr_reqs++;
		spin_unlock_bh(&c->lock);
	}
	return error;
}

void prdma_pool_destroy(struct prdma_conn *c)
{
	struct prdma_req *r, *next_r;
	struct prdma_rep *rep, *next_rep;
	struct prdma_mr *mr, *next_mr;

	list_for_each_entry_safe(r, next_r, &c->reqs, all)
		prdma_req_destroy(r);
	list_for_each_entry_safe(mr, next_mr, &c->all_mrs, all)
		prdma_mr_destroy(c, mr);
	list_for_each_entry_safe(rep, next_rep, &c->reps, all) {
		prdma_buf_destroy(c, rep->buf, rep->sge.addr, DMA_FROM_DEVICE);
		kfree(rep);
	}
	prdma_notes_destroy(c);
}
