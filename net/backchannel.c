// SPDX-License-Identifier: GPL-2.0
/*
 * Calls from the server (RFC 8881 section 2.10.3.1): taken from the transport
 * in softirq, answered in a work item on the connection that they came on.
 */
#include <linux/slab.h>
#include "internal.h"
#include "trace.h"

#define PRPC_CB_VERSION		1
#define PRPC_CB_REPLY_MAX	4096

struct prpc_callback {
	struct work_struct work;
	struct prpc_conn *conn;		/* a reference */
	size_t len;
	u32 msg[];
};

/* Read the call header; false if it is too broken to be answered. */
static bool prpc_callback_header(struct pxdr_dec *d, u32 *xid, u32 *rpcvers,
				 u32 *prog, u32 *vers, u32 *proc)
{
	u32 len;

	*xid = pxdr_get_u32(d);
	pxdr_get_u32(d);		/* CALL: the transport has looked */
	*rpcvers = pxdr_get_u32(d);
	if (*rpcvers != RPC5531_VERSION)
		return !d->bad;
	*prog = pxdr_get_u32(d);
	*vers = pxdr_get_u32(d);
	*proc = pxdr_get_u32(d);
	pxdr_get_u32(d);		/* credential */
	pxdr_get_opaque(d, RPC5531_AUTH_MAX, &len);
	pxdr_get_u32(d);		/* verifier */
	pxdr_get_opaque(d, RPC5531_AUTH_MAX, &len);
	return !d->bad;
}

/* Run the call whose arguments @d stands at; results go to @e. */
static u32 prpc_callback_run(struct prpc_peer *peer, u32 prog, u32 vers, u32 proc,
			     struct pxdr_dec *d, struct pxdr_enc *e)
{
	u32 stat;

	if (prog != peer->cb_prog || !peer->ops->callback)
		return RPC5531_PROG_UNAVAIL;
	if (vers != PRPC_CB_VERSION) {
		pxdr_u32(e, PRPC_CB_VERSION);
		pxdr_u32(e, PRPC_CB_VERSION);
		return RPC5531_PROG_MISMATCH;
	}
	if (!proc)
		return RPC5531_SUCCESS;
	stat = peer->ops->callback(peer, proc, d, e);
	if (!stat && e->overflow)
		stat = RPC5531_SYSTEM_ERR;
	return stat;
}

/* Build the whole reply in @e; false if there is nothing to say. */
static bool prpc_callback_answer(struct prpc_callback *cb, struct pxdr_enc *e)
{
	u32 xid, rpcvers, prog = 0, vers = 0, proc = 0, stat;
	struct prpc_peer *peer = cb->conn->path->peer;
	__be32 *statp, *results;
	struct pxdr_dec d;

	pxdr_dec_init(&d, cb->msg, cb->len);
	if (!prpc_callback_header(&d, &xid, &rpcvers, &prog, &vers, &proc))
		return false;
	pxdr_u32(e, xid);
	pxdr_u32(e, RPC5531_REPLY);
	if (rpcvers != RPC5531_VERSION) {
		pxdr_u32(e, RPC5531_DENIED);
		pxdr_u32(e, RPC5531_RPC_MISMATCH);
		pxdr_u32(e, RPC5531_VERSION);
		pxdr_u32(e, RPC5531_VERSION);
		return true;
	}
	pxdr_u32(e, RPC5531_ACCEPTED);
	pxdr_u32(e, 0);			/* verifier: AUTH_NONE, empty */
	pxdr_u32(e, 0);
	statp = pxdr_reserve(e, 4);
	if (!statp)
		return false;
	results = e->p;
	stat = prpc_callback_run(peer, prog, vers, proc, &d, e);
	if (stat != RPC5531_SUCCESS && stat != RPC5531_PROG_MISMATCH) {
		e->p = results;
		e->overflow = false;
	}
	*statp = cpu_to_be32(stat);
	trace_prpc_callback(xid, proc, stat, pxdr_enc_len(e));
	return true;
}

static void prpc_callback_work(struct work_struct *work)
{
	struct prpc_callback *cb = container_of(work, struct prpc_callback, work);
	struct prpc_conn *conn = cb->conn;
	struct prpc_peer *peer = conn->path->peer;
	void *buf = kmalloc(PRPC_CB_REPLY_MAX, GFP_NOIO);
	struct pxdr_enc e;
	bool use;

	if (!buf)
		goto out;
	pxdr_enc_init(&e, buf, PRPC_CB_REPLY_MAX);
	if (!prpc_callback_answer(cb, &e))
		goto out;
	spin_lock_bh(&peer->lock);
	use = prpc_conn_use(conn);
	spin_unlock_bh(&peer->lock);
	if (use) {
		conn->ops->send_reply(conn, buf, pxdr_enc_len(&e));
		prpc_conn_unuse(conn);
	}
out:
	kfree(buf);
	kfree(cb);
	prpc_conn_put(conn);
	/* under the lock, so that prpc_peer_destroy() can wait for us to leave */
	spin_lock_bh(&peer->lock);
	if (atomic_dec_and_test(&peer->nr_callbacks))
		wake_up_all(&peer->wait);
	spin_unlock_bh(&peer->lock);
}

int prpc_callback_in(struct prpc_conn *conn, const void *msg, size_t len)
{
	struct prpc_peer *peer = conn->path->peer;
	struct prpc_callback *cb;

	/* a server that floods us waits for answers that do not come */
	if (atomic_inc_return(&peer->nr_callbacks) > PRPC_MAX_CALLBACKS)
		goto drop;
	cb = kmalloc(struct_size(cb, msg, DIV_ROUND_UP(len, 4)),
		     GFP_ATOMIC | __GFP_NOWARN);
	if (!cb)
		goto drop;
	INIT_WORK(&cb->work, prpc_callback_work);
	cb->conn = conn;
	cb->len = len;
	memcpy(cb->msg, msg, len);
	prpc_conn_get(conn);
	queue_work(prpc_mgmt_wq, &cb->work);
	return 0;

drop:
	atomic_dec(&peer->nr_callbacks);
	prpc_count(conn->path, PRPC_STAT_STRAY, 1);
	return -ENOMEM;
}
