// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that end without an answer: cancelled, aborted, past their deadline.
 * Their memory is the caller's again afterwards: whoever holds them in the
 * transport has let go.  See rpc.c for the life of a call.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include "gss.h"

/* Make @conn's transport forget @call, which is TAKEN. */
static void prpc_withdraw(struct prpc_conn *conn, struct prpc_call *call)
{
	for (;;) {
		if (conn->ops->cancel(conn, call))
			atomic_andnot(PRPC_ST_TX, &call->state);
		if (!(atomic_read(&call->state) & PRPC_ST_TX))
			return;
		/* its submitter is between the table and ops->send */
		schedule_timeout_uninterruptible(1);
	}
}

/*
 * Take @call, which is OWNED, out of all hands.  True: the caller ends it.
 * False: its reply has come, and it was or is being finished.
 */
static bool prpc_take(struct prpc_peer *peer, struct prpc_call *call)
	__releases(&peer->lock)
{
	struct prpc_conn *conn = call->conn;
	struct prpc_path *path;
	bool replied;
	int old;

	lockdep_assert_held(&peer->lock);
	if (atomic_read(&call->state) & PRPC_ST_WAITING) {
		prpc_disown(peer, call);
		spin_unlock_bh(&peer->lock);
		return true;
	}
	old = atomic_fetch_or(PRPC_ST_TAKEN, &call->state);
	if (old & PRPC_ST_TAKEN ||
	    (old & (PRPC_ST_REPLIED | PRPC_ST_TX)) == PRPC_ST_REPLIED) {
		spin_unlock_bh(&peer->lock);
		return false;
	}
	path = conn->path;
	if (prpc_conn_use(conn)) {
		spin_unlock_bh(&peer->lock);
		prpc_withdraw(conn, call);
		prpc_conn_unuse(conn);
	} else {
		spin_unlock_bh(&peer->lock);
		/* prpc_requeue() leaves TAKEN calls to us once it is closed */
		wait_event(peer->wait, !smp_load_acquire(&call->conn));
	}
	spin_lock_bh(&peer->lock);
	replied = atomic_read(&call->state) & PRPC_ST_REPLIED;
	prpc_disown(peer, call);
	spin_unlock_bh(&peer->lock);
	if (replied)
		prpc_finish(path, call);
	return !replied;
}

bool prpc_cancel(struct prpc_call *call)
{
	struct prpc_peer *peer = call->peer;

	spin_lock_bh(&peer->lock);
	if (!(atomic_read(&call->state) & PRPC_ST_OWNED)) {
		spin_unlock_bh(&peer->lock);
		return false;
	}
	if (!prpc_take(peer, call))
		return false;
	if (call->gss)
		pgss_call_free(call->gss);
	return true;
}

/* Move what @match of @from to @reaped. */
static void prpc_reap_list(struct prpc_peer *peer, struct list_head *from,
			   bool (*match)(const struct prpc_call *call, const void *arg),
			   const void *arg, struct list_head *reaped)
{
	struct prpc_call *call, *next;

	list_for_each_entry_safe(call, next, from, link) {
		if (!match(call, arg))
			continue;
		prpc_disown(peer, call);
		list_add_tail(&call->link, reaped);
	}
}

/* Fail with @error all calls that @match. */
static void prpc_reap(struct prpc_peer *peer,
		      bool (*match)(const struct prpc_call *call, const void *arg),
		      const void *arg, int error)
{
	struct prpc_call *call;
	LIST_HEAD(reaped);
	u32 i, n = 0;

	spin_lock_bh(&peer->lock);
	prpc_reap_list(peer, &peer->waiting, match, arg, &reaped);
	prpc_reap_list(peer, &peer->parked, match, arg, &reaped);
	spin_unlock_bh(&peer->lock);
	while ((call = list_first_entry_or_null(&reaped, struct prpc_call, link))) {
		list_del_init(&call->link);
		prpc_fail(call, error);
		n++;
	}
	for (i = 0; i < peer->table_size; i++) {
		if (!READ_ONCE(peer->table[i].call))
			continue;
		spin_lock_bh(&peer->lock);
		call = peer->table[i].call;
		if (!call || !match(call, arg)) {
			spin_unlock_bh(&peer->lock);
			continue;
		}
		if (prpc_take(peer, call)) {
			prpc_fail(call, error);
			n++;
		}
	}
	if (!n || error != -ETIMEDOUT)
		return;
	spin_lock_bh(&peer->lock);
	prpc_count(list_first_entry(&peer->paths, struct prpc_path, link),
		   PRPC_STAT_TIMEOUTS, n);
	spin_unlock_bh(&peer->lock);
}

static bool prpc_tagged(const struct prpc_call *call, const void *tag)
{
	return !tag || call->tag == tag;
}

void prpc_abort(struct prpc_peer *peer, const void *tag, int error)
{
	prpc_reap(peer, prpc_tagged, tag, error);
}

static bool prpc_within(const struct prpc_call *call, const void *arg)
{
	const struct prpc_data *data = arg;
	const struct bio_vec *bv = prpc_call_data(call)->bv;

	return bv && bv >= data->bv && bv < data->bv + data->nr;
}

void prpc_abort_data(struct prpc_peer *peer, const struct prpc_data *data, int error)
{
	prpc_reap(peer, prpc_within, data, error);
}

/* ---- deadlines: one timer for the earliest ---- */

void prpc_arm(struct prpc_peer *peer, unsigned long deadline)
{
	long left;

	lockdep_assert_held(&peer->lock);
	if (!deadline || peer->dying)
		return;
	if (peer->deadline_armed && !time_before(deadline, peer->deadline_at))
		return;
	peer->deadline_armed = true;
	peer->deadline_at = deadline;
	left = deadline - jiffies;
	mod_delayed_work(prpc_io_wq, &peer->deadline_work, max(left, 0L));
}

static bool prpc_expired(const struct prpc_call *call, const void *unused)
{
	return call->deadline && time_after_eq(jiffies, call->deadline);
}

/* Calls whose time is up but whose server lives: look again in a second. */
static void prpc_hope(struct prpc_peer *peer)
{
	u64 since = ktime_get_ns() - jiffies_to_nsecs(PRPC_HOPE);
	struct prpc_call *call;
	u32 i;

	spin_lock_bh(&peer->lock);
	for (i = 0; i < peer->table_size; i++) {
		call = peer->table[i].call;
		if (call && call->flags & PRPC_HOPEFUL && prpc_expired(call, NULL) &&
		    (s64)(call->start_ns - since) > 0 && prpc_peer_heard_locked(peer))
			call->deadline = (jiffies + HZ) | 1;
	}
	spin_unlock_bh(&peer->lock);
}

void prpc_deadline_work(struct work_struct *work)
{
	struct prpc_peer *peer = container_of(work, struct prpc_peer,
					      deadline_work.work);
	struct prpc_call *call;
	u32 i;

	prpc_hope(peer);
	prpc_reap(peer, prpc_expired, NULL, -ETIMEDOUT);

	spin_lock_bh(&peer->lock);
	peer->deadline_armed = false;
	list_for_each_entry(call, &peer->waiting, link)
		prpc_arm(peer, call->deadline);
	list_for_each_entry(call, &peer->parked, link)
		prpc_arm(peer, call->deadline);
	for (i = 0; i < peer->table_size; i++)
		if (peer->table[i].call)
			prpc_arm(peer, peer->table[i].call->deadline);
	spin_unlock_bh(&peer->lock);
}

void prpc_calls_flush(struct prpc_peer *peer)
{
	cancel_delayed_work_sync(&peer->deadline_work);
	cancel_work_sync(&peer->send_work);
	prpc_abort(peer, NULL, -ESHUTDOWN);
}
