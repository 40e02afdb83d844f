// SPDX-License-Identifier: GPL-2.0
/*
 * Calls on their way out: credits, the chain of registrations and Send, the end
 * of a request, and taking calls back.  Receiving is in reply.c.
 *
 * A call is sent by its submitter if the server's credits and our own room
 * allow, else it waits for send_work.  Its request is changed by one task or
 * handler at a time: the submitter while BUILDING, the one that has made it
 * REPLIED, FINISHING or CANCELLED after that.
 */
#include "rdma.h"
#include "trace.h"

/* ---- room in the send queue ---- */

bool prdma_sq_get(struct prdma_conn *c, u32 n)
{
	if (atomic_sub_return(n, &c->sq_room) >= 0)
		return true;
	atomic_add(n, &c->sq_room);
	return false;
}

void prdma_sq_put(struct prdma_conn *c, u32 n)
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
	if (!c->busy++)
		WRITE_ONCE(c->answered, jiffies);
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
static void prdma_fail(struct prdma_req *r, int error)
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
	if (prpc_foreign(&call->in) || prpc_foreign(&call->out))
		prpc_call_refuse(&c->conn, call, error);
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
		prdma_fail(r, error);
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

/* ---- beginning and end of a connection ---- */

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

void prdma_req_init(struct prdma_req *r)
{
	INIT_WORK(&r->work, prdma_finish_work);
	r->cqe.done = prdma_send_done;
	r->sge[0].addr = r->dma;
	r->sge[0].lkey = r->c->pd->local_dma_lkey;
	r->send.wr_cqe = &r->cqe;
	r->send.sg_list = r->sge;
	r->send.opcode = IB_WR_SEND;
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
