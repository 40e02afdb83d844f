// SPDX-License-Identifier: GPL-2.0
/*
 * Calls: the xid table, submitting, completing, requeueing.  Taking them back is in
 * take.c.
 *
 * The life of a call.  prpc_submit() gives it a place in the table and a
 * connection, or puts it on peer->waiting.  In the transport two sides hold
 * it: the sending one until prpc_call_sent(), the receiving one from
 * prpc_reply_begin() to prpc_call_complete(); a hostile server can answer
 * before the call is sent, so neither implies the other.  A third,
 * prpc_take(), takes it away for a deadline, an abort or a cancel.  The last
 * of them to let go finishes the call, and only that one: see PRPC_ST_*.
 *
 * An xid is a place in the table and the number of times that the place was
 * used, so a reply finds its call with one load, and a late or repeated one
 * finds nothing.  It stays the same when the call is sent again.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/list_sort.h>
#include <linux/random.h>
#include "gss.h"
#include "trace.h"

#define PRPC_NO_SLOT	0xffff
#define PRPC_GSS_TRIES	4	/* tries of a call that RPCSEC_GSS rejects */

static void prpc_send_work(struct work_struct *work);
static void prpc_parked_work(struct work_struct *work);

void prpc_calls_init(struct prpc_peer *peer)
{
	u32 i;

	spin_lock_init(&peer->lock);
	INIT_LIST_HEAD(&peer->waiting);
	INIT_LIST_HEAD(&peer->parked);
	INIT_LIST_HEAD(&peer->contexts);
	INIT_LIST_HEAD(&peer->upcalls);
	INIT_DELAYED_WORK(&peer->parked_work, prpc_parked_work);
	INIT_DELAYED_WORK(&peer->deadline_work, prpc_deadline_work);
	INIT_WORK(&peer->send_work, prpc_send_work);
	peer->free_head = 0;
	peer->nr_free = peer->table_size;
	for (i = 0; i < peer->table_size; i++) {
		/* where the count begins tells a new mount's calls from an old one's */
		peer->table[i].xid = get_random_u32() << PRPC_INDEX_BITS | i;
		peer->table[i].next = i + 1 < peer->table_size ? i + 1 : PRPC_NO_SLOT;
	}
}

void prpc_call_init(struct prpc_call *call, struct prpc_peer *peer, u32 proc,
		    const struct cred *cred, void *buf, u32 size)
{
	struct pxdr_enc *e = &call->enc;

	memset(call, 0, sizeof(*call));
	INIT_LIST_HEAD(&call->link);
	call->peer = peer;
	if (size < PRPC_HEADER_MAX) {
		pxdr_enc_init(e, buf, 0);
		e->overflow = true;
		return;
	}
	pxdr_enc_init(e, (__be32 *)buf + 1, size - 4);
	call->proc = proc;
	if (cred && peer->sec) {	/* gss_call.c writes the header */
		call->secure = true;
		call->uid = cred->fsuid;
		pxdr_reserve(e, PRPC_HEADER_MAX - 4);
		e->end -= min_t(size_t, (4 + PKRB5_MIC_MAX) / 4, e->end - e->p);
		return;
	}
	pxdr_u32(e, 0);			/* the xid, once there is one */
	pxdr_u32(e, RPC5531_CALL);
	pxdr_u32(e, RPC5531_VERSION);
	pxdr_u32(e, peer->prog);
	pxdr_u32(e, peer->vers);
	pxdr_u32(e, proc);
	prpc_auth_marshal(peer, cred, e);
}

/* ---- the table; peer->lock held ---- */

static bool prpc_hash(struct prpc_peer *peer, struct prpc_call *call)
{
	u32 keep = call->flags & PRPC_PINNED ? 0 : PRPC_RESERVE;
	struct prpc_slot *slot;

	lockdep_assert_held(&peer->lock);
	if (atomic_read(&call->state) & PRPC_ST_HASHED)
		return true;
	if (peer->nr_free <= keep)
		return false;
	slot = &peer->table[peer->free_head];
	peer->free_head = slot->next;
	peer->nr_free--;
	slot->xid += PRPC_TABLE_MAX;
	slot->rx = false;
	slot->call = call;
	call->xid = slot->xid;
	*call->enc.start = cpu_to_be32(call->xid);
	return true;
}

/* The call leaves net/: nobody finds it from here on. */
void prpc_disown(struct prpc_peer *peer, struct prpc_call *call)
{
	int state = atomic_read(&call->state);
	struct prpc_slot *slot;
	u32 index;

	lockdep_assert_held(&peer->lock);
	if (state & PRPC_ST_WAITING)
		list_del_init(&call->link);
	prpc_unload(call, state & PRPC_ST_REPLIED);
	if (call->gss)
		pgss_release(peer, call->gss);
	if (state & PRPC_ST_HASHED) {
		index = call->xid & (PRPC_TABLE_MAX - 1);
		slot = &peer->table[index];
		slot->call = NULL;
		slot->next = peer->free_head;
		peer->free_head = index;
		peer->nr_free++;
		if (peer->nr_live && !list_empty(&peer->waiting))
			queue_work(prpc_io_wq, &peer->send_work);
	}
	atomic_set(&call->state, 0);
}

static void prpc_wait_on(struct prpc_peer *peer, struct prpc_call *call,
			 struct list_head *list)
{
	int hashed = atomic_read(&call->state) & PRPC_ST_HASHED;

	lockdep_assert_held(&peer->lock);
	atomic_set(&call->state, PRPC_ST_OWNED | PRPC_ST_WAITING | hashed);
	list_add_tail(&call->link, list);
}

static void prpc_wait(struct prpc_peer *peer, struct prpc_call *call)
{
	prpc_wait_on(peer, call, &peer->waiting);
}

/* Give @call to @conn; false if the table is full. */
static bool prpc_assign(struct prpc_peer *peer, struct prpc_call *call,
			struct prpc_conn *conn)
{
	lockdep_assert_held(&peer->lock);
	if (!prpc_hash(peer, call))
		return false;
	if (atomic_read(&call->state) & PRPC_ST_WAITING)
		list_del_init(&call->link);
	call->conn = conn;
	prpc_load(conn->path, call);
	prpc_watch_arm(peer);
	atomic_set(&call->state, PRPC_ST_OWNED | PRPC_ST_HASHED | PRPC_ST_TX);
	return true;
}

/* ---- sending ---- */

/*
 * May @call be sent?  0; -EINPROGRESS: it waits on peer->parked now; or the
 * error that ends it.
 */
static int prpc_admit(struct prpc_peer *peer, struct prpc_call *call)
{
	int error;

	lockdep_assert_held(&peer->lock);
	error = prpc_parks(peer, call) ? -EINPROGRESS : 0;
	if (!error && call->gss && !call->gss->seq)
		error = pgss_admit(peer, call->gss);
	if (!error)
		return 0;
	if (error != -EINPROGRESS) {
		prpc_disown(peer, call);
		return error;
	}
	if (atomic_read(&call->state) & PRPC_ST_WAITING)
		list_del_init(&call->link);
	prpc_wait_on(peer, call, &peer->parked);
	return error;
}

/* Protecting it has failed, and it is not sent without. */
static void prpc_never_sent(struct prpc_conn *conn, struct prpc_call *call)
{
	atomic_andnot(PRPC_ST_TX, &call->state);
	prpc_conn_down(conn, -EIO);
}

/* @conn's user count was taken under the lock that assigned @call. */
static void prpc_dispatch(struct prpc_conn *conn, struct prpc_call *call)
{
	if (call->sends++)
		prpc_count(conn->path, PRPC_STAT_RESENDS, 1);
	else
		call->start_ns = ktime_get_ns();
	prpc_count(conn->path, PRPC_STAT_CALLS, 1);
	trace_prpc_send(conn, call);
	if (call->gss && WARN_ON_ONCE(pgss_protect(call->gss)))
		prpc_never_sent(conn, call);
	else
		conn->ops->send(conn, call);
	prpc_conn_unuse(conn);
}

static void prpc_send_work(struct work_struct *work)
{
	struct prpc_peer *peer = container_of(work, struct prpc_peer, send_work);
	struct prpc_call *call;
	struct prpc_conn *conn;
	int refused;
	bool ok;

	for (;;) {
		spin_lock_bh(&peer->lock);
		call = list_first_entry_or_null(&peer->waiting, struct prpc_call,
						link);
		refused = call ? prpc_admit(peer, call) : 0;
		conn = call && !refused ? prpc_choose(peer, call) : NULL;
		ok = conn && prpc_assign(peer, call, conn);
		spin_unlock_bh(&peer->lock);
		if (refused && refused != -EINPROGRESS)
			prpc_fail(call, refused);
		if (refused)
			continue;
		if (!ok)
			break;
		prpc_dispatch(conn, call);
		cond_resched();
	}
	if (conn)
		prpc_conn_unuse(conn);
}

static bool prpc_call_valid(const struct prpc_call *call)
{
	if (WARN_ON_ONCE(call->enc.overflow))
		return false;
	if (call->reply_size < PRPC_REPLY_HEADER)
		return false;
	if (call->out.len && (call->out_at > pxdr_enc_len(&call->enc) ||
			      call->out_at & 3))
		return false;
	return !call->in.len || (call->in_at >= PRPC_REPLY_HEADER &&
				 call->in_at <= call->reply_size);
}

/*
 * Put @call into the table or on the wait list.  Returns 0, with *@connp set
 * if the call can be sent at once, or -errno: then the call was not taken.
 */
static int prpc_place(struct prpc_peer *peer, struct prpc_call *call,
		      struct prpc_conn **connp)
{
	struct prpc_conn *conn = NULL;
	int error;

	lockdep_assert_held(&peer->lock);
	if (peer->dying)
		return -ESHUTDOWN;
	if (prpc_foreign(prpc_call_data(call)) && !prpc_moves_foreign(peer))
		return -EOPNOTSUPP;
	if (call->flags & PRPC_PINNED && !call->deadline)
		call->deadline = (jiffies + msecs_to_jiffies(PRPC_PINNED_MS)) ?: 1;
	error = prpc_admit(peer, call);
	if (error) {
		prpc_arm(peer, call->deadline);
		return error == -EINPROGRESS ? 0 : error;
	}
	if (call->flags & PRPC_PINNED) {
		conn = call->conn;
		if (!prpc_conn_owner(peer, conn) ||
		    test_bit(PRPC_CONN_DOWN, &conn->flags) ||
		    !prpc_conn_use(conn))
			return -ENOTCONN;
		if (!prpc_assign(peer, call, conn)) {
			prpc_conn_unuse(conn);
			return -ENOBUFS;
		}
	} else {
		call->conn = NULL;
		if (list_empty(&peer->waiting))
			conn = prpc_choose(peer, call);
		if (!conn) {
			prpc_wait(peer, call);
		} else if (!prpc_assign(peer, call, conn)) {
			prpc_conn_unuse(conn);
			conn = NULL;
			prpc_wait(peer, call);
		}
	}
	prpc_arm(peer, call->deadline);
	*connp = conn;
	return 0;
}

/*
 * A context is ready, or a sequence number free, or a path of the first transport
 * live, or it is time to try again.
 */
static void prpc_parked_work(struct work_struct *work)
{
	struct prpc_peer *peer = container_of(work, struct prpc_peer, parked_work.work);
	struct prpc_call *call;
	struct prpc_conn *conn;
	unsigned int n = 0;
	int error;

	spin_lock_bh(&peer->lock);
	list_for_each_entry(call, &peer->parked, link)
		n++;
	while (n-- && !list_empty(&peer->parked)) {
		call = list_first_entry(&peer->parked, struct prpc_call, link);
		list_del_init(&call->link);
		atomic_andnot(PRPC_ST_WAITING, &call->state);
		conn = NULL;
		error = prpc_place(peer, call, &conn);
		if (error)
			prpc_disown(peer, call);
		spin_unlock_bh(&peer->lock);
		if (error)
			prpc_fail(call, error);
		else if (conn)
			prpc_dispatch(conn, call);
		cond_resched();
		spin_lock_bh(&peer->lock);
	}
	if (!list_empty(&peer->waiting) && peer->nr_live)
		queue_work(prpc_io_wq, &peer->send_work);
	spin_unlock_bh(&peer->lock);
}

void prpc_submit(struct prpc_call *call)
{
	struct prpc_peer *peer = call->peer;
	struct prpc_conn *conn = NULL;
	bool start, send;
	int error;

	if (WARN_ON_ONCE(!prpc_call_valid(call))) {
		call->error = -EINVAL;
		call->done(call);
		return;
	}
	if (call->secure)
		call->gss = pgss_call_new(call);
	spin_lock_bh(&peer->lock);
	error = prpc_place(peer, call, &conn);
	if (error)
		prpc_disown(peer, call);
	start = !peer->started;
	send = !conn && peer->nr_live;
	if (!error)
		trace_prpc_submit(peer, call);
	spin_unlock_bh(&peer->lock);

	if (error)
		prpc_fail(call, error);
	else if (conn)
		prpc_dispatch(conn, call);
	else if (start)
		prpc_peer_start(peer);
	else if (send)
		queue_work(prpc_io_wq, &peer->send_work);
}

/* ---- completing ---- */

static int prpc_accept_error(u32 stat)
{
	switch (stat) {
	case RPC5531_SUCCESS:
		return 0;
	case RPC5531_PROG_UNAVAIL:
	case RPC5531_PROG_MISMATCH:
	case RPC5531_PROC_UNAVAIL:
		return -EPROTONOSUPPORT;
	default:
		return -EREMOTEIO;
	}
}

/* Is it the context that the server has refused?  RFC 2203 section 5.3.3.3 */
static int prpc_auth_error(u32 why)
{
	return why == PGSS_CREDPROBLEM || why == PGSS_CTXPROBLEM ? -EKEYREVOKED :
								   -EACCES;
}

/* RFC 5531 section 9; sets reply_at. */
static int prpc_check_reply(struct prpc_call *call)
{
	struct pxdr_dec d;
	u32 stat;
	int error;

	pxdr_dec_init(&d, call->reply, call->reply_len);
	pxdr_get_fixed(&d, 8);		/* xid and direction: known */
	stat = pxdr_get_u32(&d);
	if (stat == RPC5531_DENIED) {
		stat = pxdr_get_u32(&d);
		if (d.bad)
			return -EREMOTEIO;
		if (stat == RPC5531_AUTH_ERROR)
			return prpc_auth_error(pxdr_get_u32(&d));
		return stat == RPC5531_RPC_MISMATCH ? -EPROTONOSUPPORT : -EREMOTEIO;
	}
	if (stat != RPC5531_ACCEPTED)
		return -EREMOTEIO;
	error = prpc_auth_verify(call, &d);
	stat = pxdr_get_u32(&d);
	if (error || d.bad)
		return error == -EBADMSG ? error : -EREMOTEIO;
	/* the pages may have changed while the checksum was made and they were sent */
	if (call->gss && stat == RPC5531_GARBAGE_ARGS)
		return -EBADMSG;
	call->reply_at = call->reply_len - pxdr_left(&d);
	return prpc_accept_error(stat);
}

static void prpc_end(struct prpc_call *call)
{
	if (call->gss)
		pgss_call_free(call->gss);
	trace_prpc_complete(call);
	call->done(call);
}

/*
 * A disowned call whose context the server has lost, or whose reply is not what
 * the server has sent, goes once more: the first was not executed, and of the
 * second the session has the answer.  True if so.
 */
static bool prpc_again(struct prpc_call *call)
{
	struct prpc_peer *peer = call->peer;
	struct pgss_call *g = call->gss;
	bool lost = call->error == -EKEYREVOKED, again;

	if (!g || (!lost && call->error != -EBADMSG) ||
	    call->flags & PRPC_DESTROY_GSS)
		return false;
	if (!lost) {
		pr_warn_ratelimited("penstock: %s: a reply has a wrong checksum: somebody may be changing messages; asking again on another connection\n",
				    peer->name);
		prpc_peer_reset(peer, call->conn, -EBADMSG);
	}
	spin_lock_bh(&peer->lock);
	again = !peer->dying && g->tries++ < PRPC_GSS_TRIES &&
		(lost || !(call->flags & (PRPC_NO_RESEND | PRPC_PINNED)));
	if (!lost)
		peer->bad_replies++;
	else if (g->ctx)
		pgss_forget(peer, g->ctx);
	if (again) {
		g->protected = false;
		prpc_wait_on(peer, call, &peer->parked);
		prpc_arm(peer, call->deadline);
		pgss_kick(peer, 0);
	} else {
		call->error = lost ? -EACCES : -EREMOTEIO;
	}
	spin_unlock_bh(&peer->lock);
	return again;
}

static void prpc_finish_plain(struct prpc_path *path, struct prpc_call *call)
{
	prpc_count(path, PRPC_STAT_REPLIES, 1);
	prpc_count_latency(path, call->end_ns - call->start_ns);
	if (call->in_len && !call->sealed)
		prpc_count(path, PRPC_STAT_PLACED, call->in_len);
	prpc_count_memory(path, call);
	if (unlikely(call->error) && prpc_again(call))
		return;
	prpc_end(call);
}

static void prpc_unseal_work(struct work_struct *work)
{
	struct pgss_call *g = container_of(work, struct pgss_call, work);
	struct prpc_call *call = g->call;
	struct prpc_peer *peer = call->peer;

	call->error = pgss_unprotect(g) ? -EBADMSG : 0;
	call->reply = g->reply;
	call->error = call->error ?: prpc_check_reply(call);
	prpc_finish_plain(g->path, call);
	spin_lock_bh(&peer->lock);	/* prpc_peer_destroy() waits for the last one */
	if (atomic_dec_and_test(&peer->unsealing))
		wake_up_all(&peer->wait);
	spin_unlock_bh(&peer->lock);
}

/* The reply of a disowned call is complete. */
void prpc_finish(struct prpc_path *path, struct prpc_call *call)
{
	if (call->sealed && !call->refused) {
		INIT_WORK(&call->gss->work, prpc_unseal_work);
		call->gss->path = path;
		atomic_inc(&call->peer->unsealing);
		queue_work(pgss_wq, &call->gss->work);
		return;
	}
	call->error = call->refused ?: prpc_check_reply(call);
	prpc_finish_plain(path, call);
}

void prpc_fail(struct prpc_call *call, int error)
{
	call->error = error;
	prpc_end(call);
}

struct prpc_call *prpc_reply_begin(struct prpc_conn *conn, u32 xid)
{
	struct prpc_peer *peer = conn->path->peer;
	u32 index = xid & (PRPC_TABLE_MAX - 1);
	struct prpc_call *call = NULL;
	struct prpc_slot *slot;

	if (index >= peer->table_size)
		goto stray;
	spin_lock_bh(&peer->lock);
	slot = &peer->table[index];
	if (slot->xid == xid && slot->call && !slot->rx &&
	    slot->call->conn == conn &&
	    !(atomic_read(&slot->call->state) & (PRPC_ST_REPLIED | PRPC_ST_TAKEN)) &&
	    /* acquire: pairs with the release in pgss_protect() */
	    (!slot->call->gss || smp_load_acquire(&slot->call->gss->protected)) &&
	    !prpc_fault(slot->call, PRPC_FAULT_DROP)) {
		slot->rx = true;
		call = slot->call;
	}
	spin_unlock_bh(&peer->lock);
	if (call) {
		call->reply_len = 0;
		call->in_len = 0;
		return call;
	}
stray:
	prpc_count(conn->path, PRPC_STAT_STRAY, 1);
	trace_prpc_stray(conn, xid);
	return NULL;
}

void prpc_call_complete(struct prpc_conn *conn, struct prpc_call *call)
{
	struct prpc_path *path = conn->path;
	struct prpc_peer *peer = path->peer;
	bool mine;

	if (!conn->useful && !(call->flags & PRPC_PINNED))
		conn->useful = true;
	call->end_ns = ktime_get_ns();
	spin_lock_bh(&peer->lock);
	mine = !(atomic_fetch_or(PRPC_ST_REPLIED, &call->state) &
		 (PRPC_ST_TX | PRPC_ST_TAKEN));
	if (mine)
		prpc_disown(peer, call);
	spin_unlock_bh(&peer->lock);
	if (mine)
		prpc_finish(path, call);
}

void prpc_call_sent(struct prpc_conn *conn, struct prpc_call *call)
{
	struct prpc_path *path = conn->path;
	struct prpc_peer *peer = path->peer;
	int old = atomic_fetch_andnot(PRPC_ST_TX, &call->state);

	if ((old & (PRPC_ST_REPLIED | PRPC_ST_TAKEN)) != PRPC_ST_REPLIED)
		return;
	spin_lock_bh(&peer->lock);
	prpc_disown(peer, call);
	spin_unlock_bh(&peer->lock);
	prpc_finish(path, call);
}

/* ---- after a loss ---- */

/* Does any call wait for an answer on @conn?  For a look now and then. */
bool prpc_conn_waited_for(struct prpc_conn *conn)
{
	struct prpc_peer *peer = conn->path->peer;
	bool found = false;
	u32 i;

	spin_lock_bh(&peer->lock);
	for (i = 0; i < peer->table_size && !found; i++)
		found = peer->table[i].call && peer->table[i].call->conn == conn;
	spin_unlock_bh(&peer->lock);
	return found;
}

/* One call of a closed connection; true if it is to be finished now. */
static bool prpc_requeue_one(struct prpc_peer *peer, struct prpc_call *call,
			     struct list_head *again)
{
	int state;

	lockdep_assert_held(&peer->lock);
	peer->table[call->xid & (PRPC_TABLE_MAX - 1)].rx = false;
	state = atomic_fetch_andnot(PRPC_ST_TX, &call->state);
	prpc_unload(call, false);
	if (call->gss) {
		call->gss->protected = false;
		pgss_release(peer, call->gss);
	}
	/* prpc_take() may go on, and free the call, once it can have the lock */
	smp_store_release(&call->conn, NULL);
	if (state & PRPC_ST_TAKEN)
		return false;
	if (state & PRPC_ST_REPLIED || peer->dying ||
	    call->flags & (PRPC_NO_RESEND | PRPC_PINNED)) {
		call->error = state & PRPC_ST_REPLIED ? 0 :
			      peer->dying ? -ESHUTDOWN : -ENOTCONN;
		prpc_disown(peer, call);
		return true;
	}
	atomic_or(PRPC_ST_WAITING, &call->state);
	list_add_tail(&call->link, again);
	return false;
}

/*
 * Oldest first: where connections do not last, what is sent last is lost again
 * and again.  A call's place in the table says nothing about its age.
 */
static int prpc_older(void *unused, const struct list_head *a,
		      const struct list_head *b)
{
	const struct prpc_call *x = list_entry(a, struct prpc_call, link);
	const struct prpc_call *y = list_entry(b, struct prpc_call, link);

	if (!x->sends || !y->sends)
		return !x->sends && y->sends;
	return x->start_ns > y->start_ns;
}

void prpc_requeue(struct prpc_conn *conn)
{
	struct prpc_peer *peer = conn->path->peer;
	struct prpc_call *call;
	LIST_HEAD(again);
	LIST_HEAD(ended);
	bool live;
	u32 i;

	spin_lock_bh(&peer->lock);
	for (i = 0; i < peer->table_size; i++) {
		call = peer->table[i].call;
		if (call && call->conn == conn &&
		    prpc_requeue_one(peer, call, &again))
			list_add_tail(&call->link, &ended);
	}
	list_sort(NULL, &again, prpc_older);
	list_splice(&again, &peer->waiting);
	live = peer->nr_live;
	spin_unlock_bh(&peer->lock);
	wake_up_all(&peer->wait);
	while ((call = list_first_entry_or_null(&ended, struct prpc_call, link))) {
		list_del_init(&call->link);
		if (call->error)
			prpc_fail(call, call->error);
		else
			prpc_finish(conn->path, call);
	}
	if (live)
		queue_work(prpc_io_wq, &peer->send_work);
}
