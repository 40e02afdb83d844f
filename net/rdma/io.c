// SPDX-License-Identifier: GPL-2.0
/*
 * Calls on their way out: what goes inline and what into chunks, the chain of
 * registrations and Send, credits, taking calls back, and the end of a request.
 * Receiving is in reply.c.
 *
 * A call is sent by its submitter if the server's credits and our own room
 * allow, else it waits for send_work.  Its request is changed by one task or
 * handler at a time: the submitter while BUILDING, the one that has made it
 * REPLIED, FINISHING or CANCELLED after that.
 */
#include <linux/slab.h>
#include <linux/uio.h>
#include "rdma.h"
#include "trace.h"

/* ---- room in the send queue ---- */

static bool prdma_sq_get(struct prdma_conn *c, u32 n)
{
	if (atomic_sub_return(n, &c->sq_room) >= 0)
		return true;
	atomic_add(n, &c->sq_room);
	return false;
}

static void prdma_sq_put(struct prdma_conn *c, u32 n)
{
	atomic_add(n, &c->sq_room);
}

/* ---- requests: getting, giving back ---- */

static struct prdma_req *prdma_req_get(struct prdma_conn *c, struct prpc_call *call)
{
	struct prdma_req *r;

	lockdep_assert_held(&c->lock);
	if (c->stopped || c->busy >= c->grant)
		return NULL;
	r = list_first_entry_or_null(&c->free, struct prdma_req, link);
	if (!r)
		return NULL;
	list_del_init(&r->link);
	c->busy++;
	r->call = call;
	r->state = PRDMA_BUILDING;
	r->xid = call->xid;
	call->priv = r;
	return r;
}

bool prdma_req_put(struct prdma_req *r)
{
	struct prdma_conn *c = r->c;

	lockdep_assert_held(&c->lock);
	prdma_put_mrs(r);
	r->call = NULL;
	r->rep = NULL;
	r->state = PRDMA_FREE;
	c->busy--;
	if (!r->send_pending)
		list_add(&r->link, &c->free);
	return !list_empty(&c->waiting);
}

void prdma_go_on(struct prdma_conn *c)
{
	mod_delayed_work(prpc_io_wq, &c->send_work, 0);
}

static void prdma_bounce_free(struct prdma_req *r)
{
	kvfree(r->bounce);
	r->bounce = NULL;
}

/* ---- what goes where ---- */

static bool prdma_reply_may_be_long(const struct prdma_conn *c,
				    const struct prpc_call *call)
{
	u32 len = PRDMA_HEADER_MIN + call->reply_size;

	/* the server returns the Write chunk in the header */
	if (call->in.len)
		len += 8 + PRDMA_SEGS_MAX * 16;
	return len > c->inline_recv;
}

static bool prdma_in_needs_chunk(const struct prdma_conn *c,
				 const struct prpc_call *call)
{
	u64 len = (u64)PRDMA_HEADER_MIN + call->in_at + call->in.len + 3;

	return call->in.len && (len > c->inline_recv || prdma_foreign(&call->in) ||
				prdma_reply_may_be_long(c, call));
}

/* A copy of @data that is one piece, for pages in too many. */
static int prdma_bounce(struct prdma_req *r, const struct prpc_data *data,
			enum dma_data_direction dir, struct prdma_chunk *chunk)
{
	struct prdma_conn *c = r->c;
	struct iov_iter iter;

	if (r->bounce || prdma_foreign(data))
		return -EIO;
	r->bounce = kvmalloc(data->len, GFP_NOIO | __GFP_NOWARN);
	if (!r->bounce)
		return -EAGAIN;
	if (dir == DMA_TO_DEVICE) {
		iov_iter_bvec(&iter, ITER_SOURCE, data->bv, data->nr,
			      (size_t)data->skip + data->len);
		iov_iter_advance(&iter, data->skip);
		if (copy_from_iter(r->bounce, data->len, &iter) != data->len)
			return -EIO;
	}
	spin_lock_bh(&c->lock);
	c->n.bounced += data->len;
	spin_unlock_bh(&c->lock);
	return prdma_map_buf(r, r->bounce, data->len, dir, chunk);
}

static int prdma_chunk(struct prdma_req *r, const struct prpc_data *data,
		       enum dma_data_direction dir, struct prdma_chunk *chunk,
		       bool bounce)
{
	return bounce ? prdma_bounce(r, data, dir, chunk) :
			prdma_map_data(r, data, dir, chunk);
}

/* The chunks in which the server may put its answer. */
static int prdma_build_reply(struct prdma_req *r, bool bounce)
{
	struct prpc_call *call = r->call;
	int error = 0;

	if (prdma_reply_may_be_long(r->c, call))
		error = prdma_map_buf(r, call->reply, call->reply_size,
				      DMA_FROM_DEVICE, &r->h.reply);
	if (!error && prdma_in_needs_chunk(r->c, call))
		error = prdma_chunk(r, &call->in, DMA_FROM_DEVICE, &r->h.write,
				    bounce);
	return error;
}

/* Payload and message: inline if it all fits, else in chunks as needed. */
static int prdma_build_call(struct prdma_req *r, bool bounce)
{
	u32 len = pxdr_enc_len(&r->call->enc), left;
	struct prpc_data *out = &r->call->out;
	struct prdma_conn *c = r->c;
	int error;

	left = c->inline_send - prdma_header_size(&r->h);
	if (out->len && len < left && out->len + pxdr_pad(out->len) <= left - len &&
	    !prdma_foreign(out) && !prdma_map_payload(r, out, c->max_sge - 2))
		return 0;
	if (out->len) {
		r->h.read_at = r->call->out_at;
		error = prdma_chunk(r, out, DMA_TO_DEVICE, &r->h.read, bounce);
		if (error)
			return error;
		left = c->inline_send - prdma_header_size(&r->h);
	}
	if (len <= left)
		return 0;
	return prdma_map_buf(r, r->call->enc.start, len, DMA_TO_DEVICE,
			     &r->h.message);
}

static void prdma_unbuild(struct prdma_req *r)
{
	struct prdma_conn *c = r->c;

	prdma_unmap_payload(r);
	prdma_unmap(r);
	prdma_bounce_free(r);
	spin_lock_bh(&c->lock);
	prdma_put_mrs(r);
	spin_unlock_bh(&c->lock);
}

/* The message into the request's buffer, around payload that goes inline. */
static void prdma_build_sges(struct prdma_req *r)
{
	const struct prpc_call *call = r->call;
	u32 len = pxdr_enc_len(&call->enc), head = r->nr_payload ? call->out_at : len;
	u32 pad = r->nr_payload ? pxdr_pad(call->out.len) : 0, n = 1;
	struct ib_sge *sge = r->sge;
	struct pxdr_enc e;
	u8 *p;

	pxdr_enc_init(&e, r->buf, PRDMA_INLINE);
	prdma_header_encode(&e, &r->h);
	sge[0].length = pxdr_enc_len(&e);
	if (!r->h.message.nr) {
		p = (u8 *)r->buf + sge[0].length;
		memcpy(p, call->enc.start, head);
		sge[0].length += head;
		p += head;
		memset(p, 0, pad);
		memcpy(p + pad, (u8 *)call->enc.start + head, len - head);
	}
	if (r->nr_payload) {
		n += r->nr_payload;
		sge[n].addr = sge[0].addr + sge[0].length;
		sge[n].length = pad + len - head;
		sge[n].lkey = sge[0].lkey;
		if (sge[n].length)
			n++;
	}
	r->send.num_sge = n;
	ib_dma_sync_single_for_device(r->c->dev, r->dma, PRDMA_INLINE, DMA_TO_DEVICE);
}

static int prdma_build(struct prdma_req *r)
{
	bool bounce = false;
	int error;

	r->unsent = NULL;
	for (;;) {
		r->h = (struct prdma_call_header) {
			.xid = r->xid,
			.credits = PRDMA_CREDITS_MAX,
		};
		error = prdma_build_reply(r, bounce) ?: prdma_build_call(r, bounce);
		if (!error)
			break;
		prdma_unbuild(r);
		if (error != -E2BIG || bounce)
			return error;
		bounce = true;
	}
	/* for each region a registration and later its end, and the Send */
	if (!prdma_sq_get(r->c, 2 * r->nr_mrs + 1)) {
		prdma_unbuild(r);
		return -EAGAIN;
	}
	prdma_build_sges(r);
	if (r->nr_payload)
		r->unsent = r->call;
	return 0;
}

/* ---- the chain ---- */

static void prdma_reg_done(struct ib_cq *cq, struct ib_wc *wc)
{
	/* not signalled: it has failed */
	prdma_wc_failed(wc->qp->qp_context, wc);
}

static void prdma_reg_prepare(struct prdma_req *r, struct prdma_mr *mr,
			      struct ib_send_wr *next)
{
	mr->cqe.done = prdma_reg_done;
	mr->reg = (struct ib_reg_wr) {
		.wr.next = next,
		.wr.wr_cqe = &mr->cqe,
		.wr.opcode = IB_WR_REG_MR,
		.mr = mr->mr,
		.key = mr->mr->rkey,
		.access = mr->dir == DMA_TO_DEVICE ? IB_ACCESS_REMOTE_READ :
			  IB_ACCESS_REMOTE_WRITE | IB_ACCESS_LOCAL_WRITE,
	};
	mr->valid = true;
#ifdef PENSTOCK_AUDIT
	mr->call = r->call;
#endif
}

static int prdma_post(struct prdma_req *r)
{
	u32 slots = r->nr_mrs + 1, i = r->nr_mrs;
	struct ib_send_wr *first = &r->send;
	struct prdma_conn *c = r->c;
	bool signal;
	int error;

	while (i--) {
		prdma_reg_prepare(r, r->mrs[i], first);
		first = &r->mrs[i]->reg.wr;
	}
	/* whoever signals answers for all the quiet ones posted before it */
	signal = r->unsent || atomic_read(&c->sq_quiet) >= PRDMA_SIGNAL_EVERY;
	r->send.send_flags = signal ? IB_SEND_SIGNALED : 0;
	r->send_pending = signal;
	r->inv_slots = r->nr_mrs;
	if (signal)
		r->slots = slots + atomic_xchg(&c->sq_quiet, 0);
	error = ib_post_send(c->qp, first, NULL);
	if (!signal)
		atomic_add(slots, &c->sq_quiet);
	return error;
}

static void prdma_send_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct prdma_req *r = container_of(wc->wr_cqe, struct prdma_req, cqe);
	struct prdma_conn *c = wc->qp->qp_context;
	struct prpc_call *unsent;
	bool more;

	if (wc->status != IB_WC_SUCCESS) {
		prdma_wc_failed(c, wc);
		return;
	}
	spin_lock_bh(&c->lock);
	prdma_sq_put(c, r->slots);
	prdma_unmap_payload(r);
	unsent = r->unsent;
	r->unsent = NULL;
	r->send_pending = false;
	if (r->state == PRDMA_FREE)
		list_add(&r->link, &c->free);
	more = !list_empty(&c->waiting);
	/* under the lock: a cancel that finds nothing here may free the call */
	if (unsent)
		prpc_call_sent(&c->conn, unsent);
	spin_unlock_bh(&c->lock);
	if (more)
		prdma_go_on(c);
}

/* ---- sending ---- */

/* Not now: the call goes back to the head of the queue. */
static void prdma_postpone(struct prdma_req *r)
{
	struct prdma_conn *c = r->c;
	struct prdma_rep *rep;

	spin_lock_bh(&c->lock);
	rep = r->rep;
	list_add(&r->call->link, &c->waiting);
	r->call->priv = NULL;
	prdma_req_put(r);
	spin_unlock_bh(&c->lock);
	if (rep) {	/* an answer to what was never asked */
		prdma_rep_put(c, rep);
		prdma_down(c, -EREMOTEIO);
	}
	queue_delayed_work(prpc_io_wq, &c->send_work, 1);
}

/* The call can never be sent: answer it ourselves. */
static void prdma_fail(struct prdma_req *r)
{
	struct prdma_conn *c = r->c;
	struct prpc_call *call = r->call;
	struct prdma_rep *rep;
	bool more;

	pr_warn_ratelimited("penstock: %s: pages of a call cannot be mapped for %s; the call fails\n",
			    prpc_conn_name(&c->conn), dev_name(&c->dev->dev));
	spin_lock_bh(&c->lock);
	rep = r->rep;
	r->rep = NULL;
	r->state = PRDMA_FINISHING;
	spin_unlock_bh(&c->lock);
	if (rep)
		prdma_rep_put(c, rep);
	prdma_reply_fill(r, call);
	prpc_call_complete(&c->conn, call);
	prpc_call_sent(&c->conn, call);
	spin_lock_bh(&c->lock);
	more = prdma_req_put(r);
	spin_unlock_bh(&c->lock);
	if (more)
		prdma_go_on(c);
}

static u32 prdma_sent_bytes(const struct prpc_call *call)
{
	return pxdr_enc_len(&call->enc) + call->out.len + pxdr_pad(call->out.len);
}

static void prdma_count_sent(struct prdma_req *r, bool inlined)
{
	struct prdma_conn *c = r->c;

	lockdep_assert_held(&c->lock);
	c->n.regs += r->nr_mrs;
	c->n.reply_chunks += !!r->h.reply.nr;
	c->n.long_calls += !!r->h.message.nr;
	if (inlined)
		c->n.inlined_out += r->call->out.len;
	else
		c->n.placed_out += r->call->out.len;
}

/* Build and post @r, which is BUILDING and ours.  False: postponed. */
static bool prdma_start(struct prdma_req *r)
{
	struct prpc_call *call = r->call;
	struct prdma_conn *c = r->c;
	bool early, later;
	int error;

	if (prpc_fault(call, PRPC_FAULT_CUT_BEFORE) ||
	    prpc_fault(call, PRPC_FAULT_CUT_HALF)) {
		prdma_down(c, -ECONNRESET);
		prdma_postpone(r);
		return false;
	}
	error = prdma_build(r);
	if (error == -EAGAIN) {
		prdma_postpone(r);
		return false;
	}
	if (error) {
		prdma_fail(r);
		return true;
	}
	trace_prdma_send(r);
	later = r->unsent;
	prpc_conn_count(&c->conn, prdma_sent_bytes(call), 0);
	error = prdma_post(r);
	if (prpc_fault(call, PRPC_FAULT_CUT_AFTER))
		error = -ECONNRESET;
	spin_lock_bh(&c->lock);
	prdma_count_sent(r, later);
	early = r->state == PRDMA_EARLY;
	r->state = early ? PRDMA_REPLIED : PRDMA_POSTED;
	spin_unlock_bh(&c->lock);
	/* from here on the request is ours only if the reply is there */
	if (!later)
		prpc_call_sent(&c->conn, call);
	if (error)
		prdma_down(c, error);
	if (early)
		prdma_replied(r);
	return true;
}

static void prdma_send_work(struct work_struct *work)
{
	struct prdma_conn *c = container_of(work, struct prdma_conn, send_work.work);
	struct prpc_call *call;
	struct prdma_req *r;

	do {
		spin_lock_bh(&c->lock);
		call = list_first_entry_or_null(&c->waiting, struct prpc_call, link);
		r = call ? prdma_req_get(c, call) : NULL;
		if (r)
			list_del_init(&call->link);
		spin_unlock_bh(&c->lock);
		cond_resched();
	} while (r && prdma_start(r));
}

void prdma_send(struct prpc_conn *conn, struct prpc_call *call)
{
	struct prdma_conn *c = prdma_conn(conn);
	struct prdma_req *r;

	call->priv = NULL;
	spin_lock_bh(&c->lock);
	r = list_empty(&c->waiting) ? prdma_req_get(c, call) : NULL;
	if (!r) {
		list_add_tail(&call->link, &c->waiting);
		c->n.waits++;
	}
	spin_unlock_bh(&c->lock);
	if (r)
		prdma_start(r);
}

/* ---- the end of a request ---- */

static void prdma_audit(struct prdma_conn *c, const struct prpc_call *call)
{
#ifdef PENSTOCK_AUDIT
	struct prdma_mr *mr;

	spin_lock_bh(&c->lock);
	list_for_each_entry(mr, &c->all_mrs, all)
		WARN_ON_ONCE((mr->valid || mr->mapped) && mr->call == call);
	spin_unlock_bh(&c->lock);
#endif
}

/* FINISHING, and no region is valid any more. */
static void prdma_finish(struct prdma_req *r)
{
	struct prpc_call *call = r->call;
	struct prdma_rep *rep = r->rep;
	struct prdma_conn *c = r->c;
	u32 xid = call->xid;
	bool more, twice;

	prdma_unmap(r);
	prdma_reply_fill(r, call);
	prdma_bounce_free(r);
	prdma_audit(c, call);
	twice = prpc_fault(call, PRPC_FAULT_TWICE);
	prpc_call_complete(&c->conn, call);
	if (twice)
		WARN_ON_ONCE(prpc_reply_begin(&c->conn, xid));
	spin_lock_bh(&c->lock);
	more = prdma_req_put(r);
	spin_unlock_bh(&c->lock);
	prdma_rep_put(c, rep);
	if (more)
		prdma_go_on(c);
}

static void prdma_finish_work(struct work_struct *work)
{
	prdma_finish(container_of(work, struct prdma_req, work));
}

/* The regions of @r, which is REPLIED or CANCELLED, are invalid. */
static void prdma_fenced(struct prdma_req *r)
{
	struct prdma_conn *c = r->c;
	bool finish;

	prdma_sq_put(c, r->inv_slots);
	spin_lock_bh(&c->lock);
	finish = r->state == PRDMA_REPLIED;
	if (finish)
		r->state = PRDMA_FINISHING;
	else
		r->fenced = true;
	spin_unlock_bh(&c->lock);
	if (!finish)
		wake_up_all(&c->conn.wait);
	else if (prdma_unmap_sleeps(r))
		queue_work(prpc_io_wq, &r->work);
	else
		prdma_finish(r);
}

static void prdma_inv_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct prdma_mr *mr = container_of(wc->wr_cqe, struct prdma_mr, cqe);
	struct prdma_req *r = mr->req;
	u32 i;

	if (wc->status != IB_WC_SUCCESS) {
		prdma_wc_failed(wc->qp->qp_context, wc);
		return;
	}
	/* those before it in the chain have been done before it */
	for (i = 0; i < r->nr_mrs; i++)
		r->mrs[i]->valid = false;
	prdma_fenced(r);
}

void prdma_fence(struct prdma_req *r)
{
	struct prdma_conn *c = r->c;

	if (r->rep->invalidated) {
		spin_lock_bh(&c->lock);
		c->n.remote_inv++;
		spin_unlock_bh(&c->lock);
	}
	if (prdma_any_valid(r))
		prdma_invalidate(r, prdma_inv_done);
	else
		prdma_fenced(r);
}

/* ---- taking a call back ---- */

/* How long work requests may take before the queue pair is stopped for it. */
#define PRDMA_CANCEL_WAIT	(HZ / 2)

/*
 * Find the request that holds @call, once nobody is in the middle of something
 * with it.  NULL: none does.  *@queued: it was only waiting and is not any more.
 */
static struct prdma_req *prdma_cancel_find(struct prdma_conn *c,
					   struct prpc_call *call, bool *queued)
	__must_hold(&c->lock)
{
	struct prdma_req *r;

	lockdep_assert_held(&c->lock);
	for (;;) {
		*queued = !list_empty(&call->link);
		if (*queued) {
			list_del_init(&call->link);
			return NULL;
		}
		r = call->priv;
		if (!r || (r->call != call && r->unsent != call))
			return NULL;
		if (r->call != call || r->state == PRDMA_POSTED ||
		    r->state == PRDMA_REPLIED)
			return r;
		spin_unlock_bh(&c->lock);
		schedule_timeout_uninterruptible(1);
		spin_lock_bh(&c->lock);
	}
}

static bool prdma_cancel_over(struct prdma_req *r, const struct prpc_call *call,
			      bool taken)
{
	struct prdma_conn *c = r->c;
	bool over;

	spin_lock_bh(&c->lock);
	over = r->unsent != call && (!taken || r->fenced);
	spin_unlock_bh(&c->lock);
	return over;
}

/* Everything is done with or drained: what becomes of the request? */
static void prdma_cancel_end(struct prdma_req *r)
{
	struct prdma_conn *c = r->c;
	struct prdma_rep *rep;
	bool more = false;

	prdma_unmap(r);
	prdma_bounce_free(r);
	spin_lock_bh(&c->lock);
	rep = r->rep;
	if (rep || r->answered) {
		more = prdma_req_put(r);
	} else {
		prdma_put_mrs(r);
		r->state = PRDMA_ORPHAN;	/* and keeps its credit */
	}
	spin_unlock_bh(&c->lock);
	if (rep)
		prdma_rep_put(c, rep);
	if (more)
		prdma_go_on(c);
}

static void prdma_invalid_by_drain(struct prdma_req *r)
{
	u32 i;

	for (i = 0; i < r->nr_mrs; i++)
		r->mrs[i]->valid = false;
}

bool prdma_cancel(struct prpc_conn *conn, struct prpc_call *call)
{
	struct prdma_conn *c = prdma_conn(conn);
	bool queued, taken, invalidate = false, unsent = false;
	struct prdma_req *r;

	spin_lock_bh(&c->lock);
	r = prdma_cancel_find(c, call, &queued);
	if (!r) {
		spin_unlock_bh(&c->lock);
		return queued;
	}
	taken = r->call == call;
	if (taken) {
		invalidate = r->state == PRDMA_POSTED && prdma_any_valid(r);
		r->fenced = r->state == PRDMA_POSTED && !invalidate;
		r->answered = false;
		r->state = PRDMA_CANCELLED;
		r->call = NULL;
	}
	spin_unlock_bh(&c->lock);

	if (taken)
		trace_prdma_cancel(r);
	if (invalidate)
		prdma_invalidate(r, prdma_inv_done);
	if (!wait_event_timeout(conn->wait, prdma_cancel_over(r, call, taken) ||
				test_bit(PRPC_CONN_DOWN, &conn->flags),
				PRDMA_CANCEL_WAIT))
		prdma_down(c, -ETIMEDOUT);
	if (!prdma_cancel_over(r, call, taken)) {
		prdma_drain(c);
		if (taken)
			prdma_invalid_by_drain(r);
		spin_lock_bh(&c->lock);
		unsent = r->unsent == call;
		if (unsent) {
			prdma_unmap_payload(r);
			r->unsent = NULL;
		}
		spin_unlock_bh(&c->lock);
	}
	if (taken)
		prdma_cancel_end(r);
	prdma_audit(c, call);
	return unsent;
}

/* ---- answers to the server's calls ---- */

static void prdma_note_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct prdma_note *note = container_of(wc->wr_cqe, struct prdma_note, cqe);
	struct prdma_conn *c = wc->qp->qp_context;

	if (wc->status != IB_WC_SUCCESS) {
		prdma_wc_failed(c, wc);
		return;
	}
	prdma_sq_put(c, 1);
	spin_lock_bh(&c->lock);
	list_add(&note->link, &c->notes);
	spin_unlock_bh(&c->lock);
}

static struct prdma_note *prdma_note_get(struct prdma_conn *c)
{
	struct prdma_note *note;

	spin_lock_bh(&c->lock);
	note = list_first_entry_or_null(&c->notes, struct prdma_note, link);
	if (note && (c->stopped || !prdma_sq_get(c, 1)))
		note = NULL;
	if (note)
		list_del(&note->link);
	spin_unlock_bh(&c->lock);
	return note;
}

/* RFC 8167: inline only, with the credits that we grant to the server. */
int prdma_send_reply(struct prpc_conn *conn, const void *buf, size_t len)
{
	struct prdma_conn *c = prdma_conn(conn);
	struct prdma_note *note;
	struct pxdr_enc e;
	int error;

	if (len < 4 || len > c->inline_send - PRDMA_HEADER_MIN)
		return -EMSGSIZE;
	note = prdma_note_get(c);
	if (!note)
		return -ENOMEM;
	pxdr_enc_init(&e, note->buf, PRDMA_INLINE);
	prdma_header_encode_plain(&e, be32_to_cpup(buf), PRDMA_CALLBACKS);
	pxdr_fixed(&e, buf, len);
	note->sge.length = pxdr_enc_len(&e);
	ib_dma_sync_single_for_device(c->dev, note->dma, note->sge.length,
				      DMA_TO_DEVICE);
	error = ib_post_send(c->qp, &note->send, NULL);
	if (error)
		prdma_down(c, error);
	else
		prpc_conn_count(conn, note->sge.length, 0);
	return error;
}

int prdma_notes_create(struct prdma_conn *c)
{
	struct prdma_note *note;
	int i, error;

	for (i = 0; i < PRDMA_CALLBACKS; i++) {
		note = &c->note_room[i];
		error = prdma_buf_create(c, &note->buf, &note->dma, DMA_TO_DEVICE);
		if (error)
			return error;
		note->sge.addr = note->dma;
		note->sge.lkey = c->pd->local_dma_lkey;
		note->cqe.done = prdma_note_done;
		note->send.wr_cqe = &note->cqe;
		note->send.sg_list = &note->sge;
		note->send.num_sge = 1;
		note->send.opcode = IB_WR_SEND;
		note->send.send_flags = IB_SEND_SIGNALED;
		list_add(&note->link, &c->notes);
	}
	return 0;
}

/* ---- making and destroying ---- */

void prdma_io_init(struct prdma_conn *c)
{
	spin_lock_init(&c->lock);
	INIT_LIST_HEAD(&c->waiting);
	INIT_LIST_HEAD(&c->free);
	INIT_LIST_HEAD(&c->mrs);
	INIT_LIST_HEAD(&c->spare);
	INIT_LIST_HEAD(&c->notes);
	INIT_LIST_HEAD(&c->reqs);
	INIT_LIST_HEAD(&c->reps);
	INIT_LIST_HEAD(&c->all_mrs);
	INIT_DELAYED_WORK(&c->send_work, prdma_send_work);
	/* one, until the first reply says more (RFC 8166 section 3.3.3) */
	c->grant = 1;
	c->wanted = PRDMA_CREDITS_MIN;
}

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
	INIT_WORK(&r->work, prdma_finish_work);
	r->cqe.done = prdma_send_done;
	r->sge[0].addr = r->dma;
	r->sge[0].lkey = c->pd->local_dma_lkey;
	r->send.wr_cqe = &r->cqe;
	r->send.sg_list = r->sge;
	r->send.opcode = IB_WR_SEND;
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

/* One request of a drained connection. */
static void prdma_req_stop(struct prdma_req *r)
{
	struct prdma_conn *c = r->c;

	flush_work(&r->work);
	prdma_invalid_by_drain(r);
	prdma_unmap_payload(r);
	r->unsent = NULL;
	if (r->state == PRDMA_REPLIED) {
		r->state = PRDMA_FINISHING;
		prdma_finish(r);
		return;
	}
	prdma_unmap(r);
	prdma_bounce_free(r);
	if (r->call) {
		r->call->priv = NULL;
		r->call = NULL;
	}
	spin_lock_bh(&c->lock);
	prdma_put_mrs(r);
	spin_unlock_bh(&c->lock);
}

void prdma_io_stop(struct prdma_conn *c)
{
	struct prpc_call *call, *next;
	struct prdma_req *r;

	spin_lock_bh(&c->lock);
	list_for_each_entry_safe(call, next, &c->waiting, link)
		list_del_init(&call->link);
	spin_unlock_bh(&c->lock);
	list_for_each_entry(r, &c->reqs, all)
		prdma_req_stop(r);
}

void prdma_io_destroy(struct prdma_conn *c)
{
	struct prdma_req *r, *next_r;
	struct prdma_rep *rep, *next_rep;
	struct prdma_mr *mr, *next_mr;
	int i;

	list_for_each_entry_safe(r, next_r, &c->reqs, all)
		prdma_req_destroy(r);
	list_for_each_entry_safe(mr, next_mr, &c->all_mrs, all)
		prdma_mr_destroy(c, mr);
	list_for_each_entry_safe(rep, next_rep, &c->reps, all) {
		prdma_buf_destroy(c, rep->buf, rep->sge.addr, DMA_FROM_DEVICE);
		kfree(rep);
	}
	for (i = 0; i < PRDMA_CALLBACKS; i++)
		prdma_buf_destroy(c, c->note_room[i].buf, c->note_room[i].dma,
				  DMA_TO_DEVICE);
}
