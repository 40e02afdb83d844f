// SPDX-License-Identifier: GPL-2.0
/*
 * RDMA connections: address, route, queue pair, connect; is the peer there; the
 * drain and the end.
 *
 * Events of the connection manager come one at a time, with its handler mutex
 * held.  They only note what happened: connect waits for them in its own
 * context, and a live connection is brought down by the core, which closes it
 * in its worker.  That holds for the removal of a device, too: the connection
 * manager waits until the last of its ids is destroyed, which is the last thing
 * that release does, so nothing of ours is left when the removal goes on.
 */
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <rdma/ib_cm.h>
#include "rdma.h"
#include "trace.h"

#define PRDMA_RESOLVE_MS	2000
/*
 * The connection manager sends what gets lost again after four seconds.  Not to
 * wait for that, an attempt that has got nowhere after so long is begun anew, and
 * after twice and four times as long again: a server that is merely slow is waited for.
 */
#define PRDMA_DIAL_AGAIN	(HZ / 2)
/*
 * A peer that acknowledges nothing is given up by the device after 8 times
 * 4.096 us << 16, which is 2 s.  The server's device gets both figures from us.
 * Soft RoCE counts each lost packet of a long Write as a retry, so that a lossy
 * link would break connections all the time, unless they are 7: that it takes
 * as "for ever", and leaves it to PRDMA_PROBE_DEAD to find the dead.
 */
#define PRDMA_ACK_TIMEOUT	16
#define PRDMA_RETRIES		7
/* Wait for receives of a slow peer for ever: it is there. */
#define PRDMA_RNR_RETRIES	7

#define PRDMA_WATCH		HZ
/* A silent peer is asked whether it is there: with calls outstanding, without */
#define PRDMA_PROBE_BUSY	HZ
#define PRDMA_PROBE_IDLE	(5 * HZ)
/* and given up if the device never says what became of the question. */
#define PRDMA_PROBE_DEAD	(3 * HZ)
/*
 * A server whose device answers, and which itself does not, has lost our calls;
 * see PTCP_NO_ANSWER.
 */
#define PRDMA_NO_ANSWER		(60 * HZ)
/*
 * One that has not even begun to answer on a new connection may not have got
 * the last message of the handshake: Linux' server looks at no call before
 * that, and the connection manager sends it again after four seconds.  A
 * connection in place of one that worked is begun anew after so long, and after
 * twice as long for a second time; then the server is merely slow.
 */
#define PRDMA_FIRST_ANSWER	(3 * HZ / 4)
#define PRDMA_FIRST_TRIES	2

/* prdma_conn.cm_step */
enum {
	PRDMA_CM_START,
	PRDMA_CM_ADDR,
	PRDMA_CM_ROUTE,
	PRDMA_CM_ESTABLISHED,
};

/* ---- going down ---- */

void prdma_down(struct prdma_conn *c, int error)
{
	spin_lock_bh(&c->lock);
	c->stopped = true;
	spin_unlock_bh(&c->lock);
	prpc_conn_down(&c->conn, error);
	wake_up_all(&c->conn.wait);
}

void prdma_bad(struct prdma_conn *c, const char *what)
{
	spin_lock_bh(&c->lock);
	c->n.bad++;
	spin_unlock_bh(&c->lock);
	pr_warn_ratelimited("penstock: %s: %pISpc has sent %s; connecting anew\n",
			    prpc_conn_name(&c->conn), &c->conn.addr, what);
	prdma_down(c, -EREMOTEIO);
}

static int prdma_wc_errno(enum ib_wc_status status)
{
	switch (status) {
	case IB_WC_WR_FLUSH_ERR:
		return -ECONNRESET;
	case IB_WC_RETRY_EXC_ERR:
	case IB_WC_RNR_RETRY_EXC_ERR:
	case IB_WC_RESP_TIMEOUT_ERR:
		return -ETIMEDOUT;
	default:
		return -EREMOTEIO;
	}
}

void prdma_wc_failed(struct prdma_conn *c, const struct ib_wc *wc)
{
	int error = prdma_wc_errno(wc->status);

	/*
	 * What the end of the queue pair has flushed tells nothing new; it may be the
	 * end of an attempt, after which the connection is to be tried again.
	 */
	if (wc->status == IB_WC_WR_FLUSH_ERR && READ_ONCE(c->stopped))
		return;
	if (error == -EREMOTEIO && !test_bit(PRPC_CONN_DOWN, &c->conn.flags))
		pr_warn_ratelimited("penstock: %s: %pISpc: RDMA failed (%s, vendor code 0x%x); connecting anew\n",
				    prpc_conn_name(&c->conn), &c->conn.addr,
				    ib_wc_status_msg(wc->status), wc->vendor_err);
	trace_prdma_wc_failed(c, wc);
	prdma_down(c, error);
}

void prdma_drain(struct prdma_conn *c)
{
	/* each time anew: others may have posted since the last one */
	mutex_lock(&c->drain_mutex);
	ib_drain_qp(c->qp);
	mutex_unlock(&c->drain_mutex);
}

/* ---- events of the connection manager ---- */

static int prdma_reject_errno(struct rdma_cm_id *id, int status)
{
	if (status < 0)		/* iWARP */
		return status;
	return status == IB_CM_REJ_STALE_CONN ? -ECONNRESET : -ECONNREFUSED;
}

static int prdma_cm_errno(struct rdma_cm_id *id, const struct rdma_cm_event *ev)
{
	switch (ev->event) {
	case RDMA_CM_EVENT_REJECTED:
		return prdma_reject_errno(id, ev->status);
	case RDMA_CM_EVENT_DISCONNECTED:
		return -ECONNRESET;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		return -ENODEV;
	case RDMA_CM_EVENT_ADDR_CHANGE:
		return -EADDRNOTAVAIL;
	default:
		return ev->status < 0 ? ev->status : -EHOSTUNREACH;
	}
}

/* Private data, RFC 8797: each side's sizes limit the other's. */
static void prdma_agree(struct prdma_conn *c, const struct rdma_conn_param *param)
{
	struct prdma_private peer;

	prdma_private_decode(param->private_data, param->private_data_len, &peer);
	c->inline_send = min(PRDMA_INLINE, peer.recv_size);
	c->inline_recv = min(PRDMA_INLINE, peer.send_size);
	c->remote_inv = peer.remote_inv;
}

static int prdma_cm_event(struct rdma_cm_id *id, struct rdma_cm_event *ev)
{
	struct prdma_conn *c = id->context;
	int error;

	trace_prdma_cm_event(c, ev);
	switch (ev->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		WRITE_ONCE(c->cm_step, PRDMA_CM_ADDR);
		break;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		WRITE_ONCE(c->cm_step, PRDMA_CM_ROUTE);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		prdma_agree(c, &ev->param.conn);
		/* pairs with prdma_cm_at(): what was agreed is read after it */
		smp_store_release(&c->cm_step, PRDMA_CM_ESTABLISHED);
		break;
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
	case RDMA_CM_EVENT_CONNECT_RESPONSE:
		return 0;
	default:
		error = prdma_cm_errno(id, ev);
		WRITE_ONCE(c->cm_error, error);
		prdma_down(c, error);
		return 0;
	}
	wake_up_all(&c->conn.wait);
	return 0;
}

static bool prdma_cm_at(const struct prdma_conn *c, int step)
{
	/* pairs with prdma_cm_event() */
	return smp_load_acquire(&c->cm_step) >= step;
}

/* Wait until the connection manager has got to @step. */
static int prdma_cm_wait(struct prdma_conn *c, int step, unsigned long deadline)
{
	struct prpc_conn *conn = &c->conn;
	long left = deadline - jiffies;

	wait_event_timeout(conn->wait, prdma_cm_at(c, step) ||
			   READ_ONCE(c->cm_error) || prpc_conn_closing(conn),
			   max(left, 0L));
	if (prpc_conn_closing(conn))
		return -ESHUTDOWN;
	if (READ_ONCE(c->cm_error))
		return c->cm_error;
	return prdma_cm_at(c, step) ? 0 : -ETIMEDOUT;
}

/* ---- opening ---- */

static int prdma_resolve(struct prdma_conn *c, unsigned long deadline)
{
	struct sockaddr_storage ss = c->conn.addr, local = c->conn.local;
	struct rdma_cm_id *id;
	int error;

	id = rdma_create_id(c->conn.net, prdma_cm_event, c, RDMA_PS_TCP, IB_QPT_RC);
	if (IS_ERR(id))
		return PTR_ERR(id);
	c->id = id;
	/* no matter if it does not: RoCE only */
	rdma_set_ack_timeout(id, PRDMA_ACK_TIMEOUT);
	error = rdma_resolve_addr(id, local.ss_family ?
				  (struct sockaddr *)&local : NULL,
				  (struct sockaddr *)&ss, PRDMA_RESOLVE_MS);
	if (!error)
		error = prdma_cm_wait(c, PRDMA_CM_ADDR, deadline);
	if (!error)
		error = rdma_resolve_route(id, PRDMA_RESOLVE_MS);
	if (!error)
		error = prdma_cm_wait(c, PRDMA_CM_ROUTE, deadline);
	if (!error)
		c->dev = id->device;
	return error;
}

static int prdma_check_device(struct prdma_conn *c)
{
	const struct ib_device_attr *attrs = &c->dev->attrs;

	c->mr_type = IB_MR_TYPE_MEM_REG;
	if (attrs->kernel_cap_flags & IBK_SG_GAPS_REG)
		c->mr_type = IB_MR_TYPE_SG_GAPS;
	c->region_pages = min_t(u32, attrs->max_fast_reg_page_list_len,
				PRDMA_REGION_PAGES);
	c->reaches_peer = prdma_reaches_peer(c->dev);
	c->max_sge = min_t(u32, attrs->max_send_sge, PRDMA_SGES);
	c->sq_depth = min_t(u32, attrs->max_qp_wr, PRDMA_SQ_DEPTH);
	c->nr_cqe = c->sq_depth + PRDMA_RECVS_MAX + 2;
	if (attrs->device_cap_flags & IB_DEVICE_MEM_MGT_EXTENSIONS &&
	    c->region_pages && c->max_sge >= 3 && c->sq_depth >= PRDMA_SQ_MIN &&
	    attrs->max_qp_wr > PRDMA_RECVS_MAX && attrs->max_cqe >= c->nr_cqe)
		return 0;
	pr_err_ratelimited("penstock: %s: RDMA device %s has no fast memory registration or too small queues; use proto=tcp or another device\n",
			   prpc_conn_name(&c->conn), dev_name(&c->dev->dev));
	return -EOPNOTSUPP;
}

static int prdma_create_qp(struct prdma_conn *c)
{
	struct ib_qp_init_attr attr = {
		.qp_context = c,
		.cap.max_send_wr = c->sq_depth,
		.cap.max_recv_wr = PRDMA_RECVS_MAX + 1,
		.cap.max_send_sge = c->max_sge,
		.cap.max_recv_sge = 1,
		.sq_sig_type = IB_SIGNAL_REQ_WR,
		.qp_type = IB_QPT_RC,
	};
	int error;

	c->pd = ib_alloc_pd(c->dev, 0);
	if (IS_ERR(c->pd)) {
		error = PTR_ERR(c->pd);
		c->pd = NULL;
		return error;
	}
	/* another completion vector, so another CPU, each time */
	c->cq = ib_alloc_cq_any(c->dev, c, c->nr_cqe, IB_POLL_SOFTIRQ);
	if (IS_ERR(c->cq)) {
		error = PTR_ERR(c->cq);
		c->cq = NULL;
		return error;
	}
	attr.send_cq = c->cq;
	attr.recv_cq = c->cq;
	error = rdma_create_qp(c->id, c->pd, &attr);
	if (error)
		return error;
	c->qp = c->id->qp;
	/* one for the drain, one for the probe */
	atomic_set(&c->sq_room, c->sq_depth - 2);
	return 0;
}

static int prdma_dial(struct prdma_conn *c, unsigned long deadline)
{
	struct prdma_private mine = {
		.send_size = PRDMA_INLINE,
		.recv_size = PRDMA_INLINE,
		.remote_inv = true,
	};
	u8 private_data[PRDMA_PRIVATE_LEN];
	struct rdma_conn_param param = {
		.private_data = private_data,
		.private_data_len = sizeof(private_data),
		.responder_resources = clamp(c->dev->attrs.max_qp_rd_atom, 1, 128),
		.retry_count = PRDMA_RETRIES,
		.rnr_retry_count = PRDMA_RNR_RETRIES,
	};
	int error;

	prdma_private_encode(private_data, &mine);
	error = rdma_connect(c->id, &param);
	return error ?: prdma_cm_wait(c, PRDMA_CM_ESTABLISHED, deadline);
}

static void prdma_grow_work(struct work_struct *work)
{
	struct prdma_conn *c = container_of(work, struct prdma_conn, grow_work);
	unsigned int noio = memalloc_noio_save();

	/* with less than we could have, things go on, slower */
	prdma_grow(c, READ_ONCE(c->wanted));
	memalloc_noio_restore(noio);
	prdma_go_on(c);
}

/* ---- is the peer there? ---- */

static void prdma_probe_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct prdma_conn *c = wc->qp->qp_context;

	if (wc->status != IB_WC_SUCCESS) {
		prdma_wc_failed(c, wc);
		return;
	}
	WRITE_ONCE(c->heard, jiffies);
	WRITE_ONCE(c->probing, false);
}

/*
 * A Write of nothing: the peer's device acknowledges it without its software
 * and without looking at the address (IBA C9-88).
 */
static void prdma_probe(struct prdma_conn *c)
{
	struct ib_rdma_wr probe = {
		.wr.wr_cqe = &c->probe_cqe,
		.wr.opcode = IB_WR_RDMA_WRITE,
		.wr.send_flags = IB_SEND_SIGNALED,
	};
	int error;

	c->probe_cqe.done = prdma_probe_done;
	c->probing = true;
	c->probed = jiffies;
	spin_lock_bh(&c->lock);
	c->n.probes++;
	spin_unlock_bh(&c->lock);
	error = ib_post_send(c->qp, &probe.wr, NULL);
	if (error)
		prdma_down(c, error);
}

/* How long a server that has calls of ours may say nothing. */
static unsigned long prdma_patience(struct prdma_conn *c)
{
	int failed = prpc_conn_failed(&c->conn);

	if (READ_ONCE(c->begun) || failed < 0 || failed >= PRDMA_FIRST_TRIES)
		return PRDMA_NO_ANSWER;
	return PRDMA_FIRST_ANSWER << failed;
}

static void prdma_watch(struct work_struct *work)
{
	struct prdma_conn *c = container_of(work, struct prdma_conn, watch.work);
	bool busy = READ_ONCE(c->busy);
	bool dead;

	if (!busy)
		WRITE_ONCE(c->answered, jiffies);
	dead = READ_ONCE(c->probing) &&
	       time_after_eq(jiffies, c->probed + PRDMA_PROBE_DEAD);
	if (dead || time_after_eq(jiffies, READ_ONCE(c->answered) + prdma_patience(c))) {
		prdma_down(c, -ETIMEDOUT);
		return;
	}
	if (!READ_ONCE(c->probing) &&
	    time_after_eq(jiffies, READ_ONCE(c->heard) + (busy ? PRDMA_PROBE_BUSY :
							  PRDMA_PROBE_IDLE)))
		prdma_probe(c);
	queue_delayed_work(prpc_io_wq, &c->watch, PRDMA_WATCH);
}

/* ---- transport operations ---- */

/* No device reaches a call's memory after this. */
static void prdma_close(struct prpc_conn *conn)
{
	struct prdma_conn *c = prdma_conn(conn);

	spin_lock_bh(&c->lock);
	c->stopped = true;
	spin_unlock_bh(&c->lock);
	cancel_delayed_work_sync(&c->watch);
	cancel_work_sync(&c->grow_work);
	cancel_delayed_work_sync(&c->send_work);
	if (c->qp) {
		rdma_disconnect(c->id);
		prdma_drain(c);
	}
	/* completions may have queued it again */
	cancel_delayed_work_sync(&c->send_work);
	prdma_io_stop(c);
	cancel_delayed_work_sync(&c->send_work);
}

/*
 * Soft RoCE keeps a queue pair until its last packet is gone, and one that looks
 * for its neighbour over a link without carrier is not for three seconds.
 */
static void prdma_release(struct prpc_conn *conn)
{
	struct prdma_conn *c = prdma_conn(conn);

	if (c->pd)
		prdma_pool_destroy(c);
	if (c->qp)
		rdma_destroy_qp(c->id);
	if (c->cq)
		ib_free_cq(c->cq);
	if (c->pd)
		ib_dealloc_pd(c->pd);
	if (c->id)
		rdma_destroy_id(c->id);
	mutex_destroy(&c->drain_mutex);
}

/* All of @c behind its connection begins anew. */
static int prdma_open(struct prdma_conn *c, unsigned long deadline)
{
	int error;

	memset_after(c, 0, conn);
	prdma_io_init(c);
	mutex_init(&c->drain_mutex);
	INIT_WORK(&c->grow_work, prdma_grow_work);
	INIT_DELAYED_WORK(&c->watch, prdma_watch);

	error = prdma_resolve(c, deadline);
	if (!error)
		error = prdma_check_device(c);
	if (!error)
		error = prdma_create_qp(c);
	if (!error)
		error = prdma_notes_create(c);
	if (!error)
		error = prdma_grow(c, PRDMA_CREDITS_MIN);
	if (!error)
		error = prdma_dial(c, deadline);
	if (error) {
		prdma_close(&c->conn);
		prdma_release(&c->conn);
	}
	return error;
}

static void prdma_learn(struct prdma_conn *c)
{
	const struct rdma_addr *addr = &c->id->route.addr;
	struct prpc_conn *conn = &c->conn;

	conn->node = ibdev_to_node(c->dev);
	if (!conn->ifindex)
		conn->ifindex = addr->dev_addr.bound_dev_if;
	if (!conn->local.ss_family)
		conn->local = addr->src_addr;
}

static int prdma_connect(struct prpc_conn *conn, unsigned int timeout_ms)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(timeout_ms);
	unsigned long patience = PRDMA_DIAL_AGAIN, until;
	struct prdma_conn *c = prdma_conn(conn);
	unsigned int noio = memalloc_noio_save();
	int error;

	do {
		until = jiffies + patience;
		patience *= 2;
		error = prdma_open(c, time_before(until, deadline) ? until : deadline);
	} while (error == -ETIMEDOUT && !test_bit(PRPC_CONN_DOWN, &conn->flags) &&
		 time_before(jiffies, deadline));
	if (!error) {
		prdma_learn(c);
		c->heard = jiffies;
		c->answered = jiffies;
		queue_delayed_work(prpc_io_wq, &c->watch, PRDMA_WATCH);
	}
	memalloc_noio_restore(noio);
	return error;
}

static void prdma_show(struct prpc_conn *conn, struct seq_file *m)
{
	struct prdma_conn *c = prdma_conn(conn);
	struct prdma_counts n;
	u32 grant, busy;

	spin_lock_bh(&c->lock);
	n = c->n;
	grant = c->grant;
	busy = c->busy;
	spin_unlock_bh(&c->lock);
	seq_printf(m, " dev=%s inline=%u/%u credits=%u/%u rdma_in=%llu rdma_out=%llu inlined_in=%llu inlined_out=%llu bounced=%llu",
		   dev_name(&c->dev->dev), c->inline_send, c->inline_recv, busy,
		   grant, n.placed_in, n.placed_out, n.inlined_in, n.inlined_out,
		   n.bounced);
	seq_printf(m, " regs=%llu local_inv=%llu remote_inv=%llu reply_chunks=%llu long_calls=%llu waits=%llu probes=%llu bad=%llu",
		   n.regs, n.local_inv, n.remote_inv, n.reply_chunks,
		   n.long_calls, n.waits, n.probes, n.bad);
}

/* Nothing can be expected of a server that has no call of ours. */
static unsigned long prdma_heard(struct prpc_conn *conn)
{
	struct prdma_conn *c = prdma_conn(conn);

	return READ_ONCE(c->busy) ? READ_ONCE(c->heard) : jiffies;
}

const struct prpc_transport_ops prdma_ops = {
	.name		= "rdma",
	.owner		= THIS_MODULE,
	.conn_size	= sizeof(struct prdma_conn),
	.connect	= prdma_connect,
	.send		= prdma_send,
	.send_reply	= prdma_send_reply,
	.cancel		= prdma_cancel,
	.close		= prdma_close,
	.release	= prdma_release,
	.show		= prdma_show,
	.heard		= prdma_heard,
	.rank		= prdma_rank,
};
