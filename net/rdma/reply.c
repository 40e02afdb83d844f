// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving: what a message is, whose it is, and the reply into its call.
 *
 * The completion handlers of a connection run one after the other, in softirq.
 * Everything received is hostile.  A message that makes no sense, or fits no
 * call, ends the connection: nobody can say any more what the server believes
 * to have answered, and the session slots make it safe to send all again.
 */
#include <linux/uio.h>
#include "rdma.h"
#include "trace.h"

/* ---- receive buffers ---- */

void prdma_rep_put(struct prdma_conn *c, struct prdma_rep *rep)
{
	struct ib_recv_wr *first = NULL;
	struct prdma_rep *spare, *next;

	ib_dma_sync_single_for_device(c->dev, rep->sge.addr, rep->sge.length,
				      DMA_FROM_DEVICE);
	spin_lock_bh(&c->lock);
	list_add(&rep->link, &c->spare);
	if (++c->nr_spare >= PRDMA_RECV_BUNCH && !c->stopped) {
		list_for_each_entry_safe(spare, next, &c->spare, link) {
			spare->wr.next = first;
			first = &spare->wr;
		}
		INIT_LIST_HEAD(&c->spare);
		c->nr_spare = 0;
	}
	spin_unlock_bh(&c->lock);
	if (first && ib_post_recv(c->qp, first, NULL))
		prdma_down(c, -EIO);
}

/* ---- a reply that is whole and alone ---- */

static bool prdma_reply_valid(const struct prdma_req *r, u32 *placed, u32 *len)
{
	const struct prdma_message *m = &r->rep->msg;

	*placed = 0;
	*len = m->body_len;
	if (m->proc == PRDMA_ERROR)
		return true;
	if (m->has_write &&
	    !prdma_chunk_filled(&r->h.write, m->write, m->nr_write, placed))
		return false;
	if (m->proc == PRDMA_NOMSG)
		return prdma_chunk_filled(&r->h.reply, m->reply, m->nr_reply, len) &&
		       *len >= 8;
	return !m->has_reply || m->nr_reply == r->h.reply.nr;
}

/* The head of a protected reply that the device has put before the rest of it. */
static void prdma_copy_head(struct prpc_call *call)
{
	struct prpc_data whole = prdma_sealed_reply(call);
	struct iov_iter iter;

	prpc_data_iter(&iter, ITER_SOURCE, &whole, call->in_at);
	/* without the check meant for user space, which call->reply does not stand */
	if (_copy_from_iter(call->reply, call->in_at, &iter) != call->in_at)
		call->refused = -EREMOTEIO;
}

/* @len bytes at @from into the call's pages. */
static void prdma_copy_in(struct prpc_call *call, const void *from, u32 len)
{
	struct iov_iter iter;

	prpc_data_iter(&iter, ITER_DEST, &call->in, call->in.len);
	call->in_len = copy_to_iter(from, min(len, call->in.len), &iter);
}

/* A chunk was there for it; what came beside it cannot be put where it belongs. */
static void prdma_inlined(struct prdma_conn *c, struct prpc_call *call)
{
	pr_warn_ratelimited("penstock: %s: %pISpc returns data for device memory in its message; the read fails\n",
			    prpc_conn_name(&c->conn), &c->conn.addr);
	prpc_call_refuse(&c->conn, call, -EIO);
}

/* Data behind call->in_at: the device has placed it, or it came inline. */
static void prdma_reply_data(struct prdma_req *r, struct prpc_call *call,
			     const void *inlined, u32 len, u32 placed)
{
	bool bounced = r->bounce && !call->sealed;	/* else it was the call */
	struct prdma_conn *c = r->c;

	if (placed && bounced)
		prdma_copy_in(call, r->bounce, placed);
	else if (placed)
		call->in_len = placed;
	else if (len && prpc_foreign(&call->in))
		prdma_inlined(c, call);
	else if (len)
		prdma_copy_in(call, inlined, len);
	spin_lock_bh(&c->lock);
	if (!placed)
		c->n.inlined_in += call->in_len;
	else if (!bounced)
		c->n.placed_in += call->in_len;
	spin_unlock_bh(&c->lock);
}

void prdma_reply_fill(struct prdma_req *r, struct prpc_call *call)
{
	const struct prdma_message *m;
	u32 placed, len, head;
	const u8 *from;

	call->reply_len = 0;
	call->in_len = 0;
	if (!r->rep || !prdma_reply_valid(r, &placed, &len) ||
	    r->rep->msg.proc == PRDMA_ERROR) {
		/* the server, or we, could not do it at the transport's level */
		call->refused = -EREMOTEIO;
		return;
	}
	m = &r->rep->msg;
	prpc_conn_count(&r->c->conn, 0, (u64)PRDMA_HEADER_MIN + len + placed);
	from = m->body ?: call->reply;
	head = len;
	if (call->sealed && !m->body) {
		prdma_copy_head(call);
		placed = len > call->in_at ? len - call->in_at : 0;
	}
	if (call->in.len && len >= call->in_at && prpc_reply_plain(call, (const __be32 *)from)) {
		head = call->in_at;
		prdma_reply_data(r, call, from + head, len - head, placed);
	}
	call->reply_len = min(head, call->reply_size);
	if (m->body)
		memcpy(call->reply, m->body, call->reply_len);
}

void prdma_replied(struct prdma_req *r)
{
	struct prdma_conn *c = r->c;
	struct prdma_rep *rep = r->rep;
	u32 placed, len;
	bool ok;

	ok = prdma_reply_valid(r, &placed, &len) &&
	     (!rep->invalidated || prdma_remote_invalidated(r, rep->rkey));
	if (ok) {
		prdma_fence(r);
		return;
	}
	/* as if it had not come: the call is sent again elsewhere */
	spin_lock_bh(&c->lock);
	if (r->state == PRDMA_REPLIED) {
		r->state = PRDMA_POSTED;
		r->rep = NULL;
	} else {
		rep = NULL;
	}
	spin_unlock_bh(&c->lock);
	if (rep)
		prdma_rep_put(c, rep);
	prdma_bad(c, "a reply whose chunks are not those of the call");
}

/* ---- whose message is it? ---- */

/* A reply whose call has gone.  True if others may go on now. */
static bool prdma_orphan_replied(struct prdma_conn *c, u32 xid)
{
	struct prdma_req *r;

	lockdep_assert_held(&c->lock);
	list_for_each_entry(r, &c->reqs, all) {
		if (r->xid != xid)
			continue;
		if (r->state == PRDMA_CANCELLED)
			r->answered = true;
		else if (r->state == PRDMA_ORPHAN)
			return prdma_req_put(r);
	}
	return false;
}

/* Give @rep to its request.  False: there is none that could have a reply. */
static bool prdma_reply_match(struct prdma_conn *c, struct prdma_rep *rep,
			      struct prpc_call *call, struct prdma_req **ready)
{
	struct prdma_req *r = call->priv;

	lockdep_assert_held(&c->lock);
	if (!r || r->call != call)
		return false;
	switch (r->state) {
	case PRDMA_BUILDING:
		r->state = PRDMA_EARLY;
		break;
	case PRDMA_POSTED:
		r->state = PRDMA_REPLIED;
		*ready = r;
		break;
	default:
		return false;
	}
	r->rep = rep;
	return true;
}

static void prdma_reply_in(struct prdma_conn *c, struct prdma_rep *rep)
{
	const struct prdma_message *m = &rep->msg;
	struct prdma_req *ready = NULL;
	struct prpc_call *call;
	bool more = false, bad = false, cut;

	spin_lock_bh(&c->lock);
	/* the server must not stop us for good, nor must we ask too much of ourselves */
	c->grant = clamp(m->credits, 1u, PRDMA_CREDITS_MAX);
	if (c->grant > c->wanted && !c->stopped) {
		c->wanted = c->grant;
		queue_work(prpc_io_wq, &c->grow_work);
	}
	/* a cancel waits for the lock, so that the call stays while we hold it */
	call = prpc_reply_begin(&c->conn, m->xid);
	cut = call && prpc_fault(call, PRPC_FAULT_CUT_REPLY);
	if (call && !cut)
		bad = !prdma_reply_match(c, rep, call, &ready);
	else if (!call)
		more = prdma_orphan_replied(c, m->xid);
	trace_prdma_reply(m, call, c->grant, rep->invalidated);
	spin_unlock_bh(&c->lock);

	if (ready)
		prdma_replied(ready);
	else if (cut || bad || !call)
		prdma_rep_put(c, rep);
	if (cut)
		prdma_down(c, -ECONNRESET);
	if (bad)
		prdma_bad(c, "a reply to a call that was not sent");
	if (more)
		prdma_go_on(c);
}

static void prdma_callback(struct prdma_conn *c, struct prdma_rep *rep)
{
	const struct prdma_message *m = &rep->msg;

	/* RFC 8167 section 5.1: no chunks that way.  A dropped call is not answered. */
	if (!m->has_write && !m->has_reply) {
		prpc_conn_count(&c->conn, 0, m->body_len + PRDMA_HEADER_MIN);
		prpc_callback_in(&c->conn, m->body, m->body_len);
	}
	prdma_rep_put(c, rep);
}

void prdma_recv_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct prdma_rep *rep = container_of(wc->wr_cqe, struct prdma_rep, cqe);
	struct prdma_conn *c = wc->qp->qp_context;

	if (wc->status != IB_WC_SUCCESS) {
		prdma_wc_failed(c, wc);
		return;
	}
	WRITE_ONCE(c->heard, jiffies);
	WRITE_ONCE(c->answered, jiffies);
	WRITE_ONCE(c->begun, true);
	ib_dma_sync_single_for_cpu(c->dev, rep->sge.addr, wc->byte_len,
				   DMA_FROM_DEVICE);
	rep->invalidated = wc->wc_flags & IB_WC_WITH_INVALIDATE;
	rep->rkey = rep->invalidated ? wc->ex.invalidate_rkey : 0;
	if (!prdma_message_decode(rep->buf, min_t(u32, wc->byte_len, PRDMA_INLINE),
				  &rep->msg)) {
		prdma_rep_put(c, rep);
		prdma_bad(c, "a malformed message");
		return;
	}
	if (prdma_message_is_call(&rep->msg))
		prdma_callback(c, rep);
	else
		prdma_reply_in(c, rep);
}
