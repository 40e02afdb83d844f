// SPDX-License-Identifier: GPL-2.0
/*
 * A second transport for paths on which the first one does not work.
 *
 * With proto=auto a path whose RDMA connection ends, or cannot be made, tries
 * TCP next, and RDMA again if that fails, too, each for itself.  While it lives
 * on TCP, an RDMA connection is tried beside it now and then; once one can be
 * made the path returns, its calls moving over in their session slots.
 *
 * Before the first session a peer keeps to its first transport: whether that
 * works at all is what its maker wants to know.
 *
 * Memory that only a device can touch never goes over the second transport: its
 * calls wait, killable, for the first one.
 */
#include <linux/in.h>
#include "internal.h"
#include "trace.h"

#define PRPC_TRIAL_MIN	(1 * HZ)
#define PRPC_TRIAL_MAX	(30 * HZ)
#define PRPC_TRIAL_MS	3000u

const struct prpc_transport_ops *prpc_path_transport(const struct prpc_path *path)
{
	return READ_ONCE(path->second) ? path->peer->fallback : path->peer->transport;
}

void prpc_conn_aim(struct prpc_conn *conn, const struct prpc_path *path)
{
	conn->addr = path->addr;
	if (conn->ops == path->peer->fallback)
		/* of IPv6, too: the port is at the same place */
		((struct sockaddr_in *)&conn->addr)->sin_port =
			htons(path->peer->fallback_port);
}

/* ---- away ---- */

void prpc_fallback_turn(struct prpc_path *path, int error, bool lasted)
{
	struct prpc_peer *peer = path->peer;

	lockdep_assert_held(&peer->lock);
	if (!peer->fallback || !peer->spread || path->refused)
		return;
	if (!path->second) {
		path->turned = error;
		if (lasted)
			path->trials = 0;
	}
	WRITE_ONCE(path->second, !path->second);
}

void prpc_fallback_tell(struct prpc_path *path)
{
	const char *first = path->peer->transport->name, *rail = path->rail.name;

	path->told_second = path->second;
	if (path->second)
		pr_warn_ratelimited("penstock: %s: %s to %pISpc%s%s does not work (error %d); using %s there until it does\n",
				    path->peer->name, first, &path->addr,
				    *rail ? " through " : "", rail, path->turned,
				    path->peer->fallback->name);
	else
		pr_notice_ratelimited("penstock: %s: using %s to %pISpc%s%s again\n",
				      path->peer->name, first, &path->addr,
				      *rail ? " through " : "", rail);
}

bool prpc_parks(struct prpc_peer *peer, const struct prpc_call *call)
{
	unsigned int i;

	lockdep_assert_held(&peer->lock);
	if (likely(!prpc_foreign(prpc_call_data(call))) || !peer->fallback ||
	    call->flags & PRPC_PINNED)
		return false;
	for (i = 0; i < peer->nr_live; i++)
		if (peer->live[i]->conn->ops->rank)
			return false;
	return peer->nr_live;
}

/* ---- and back ---- */

/* Is @path to return to the first transport when it can? */
static bool prpc_fallback_away(const struct prpc_path *path)
{
	return path->state == PRPC_PATH_LIVE && path->second &&
	       !prpc_path_ends(path);
}

static unsigned long prpc_trial_pause(const struct prpc_path *path)
{
	return min(PRPC_TRIAL_MIN << min(path->trials, 5u), PRPC_TRIAL_MAX);
}

void prpc_fallback_up(struct prpc_path *path)
{
	lockdep_assert_held(&path->peer->lock);
	if (path->second)
		queue_delayed_work(prpc_mgmt_wq, &path->trial_work,
				   prpc_trial_pause(path));
	else if (path->peer->fallback && !list_empty(&path->peer->parked))
		mod_delayed_work(prpc_io_wq, &path->peer->parked_work, 0);
}

void prpc_fallback_kick(struct prpc_path *path, unsigned long delay)
{
	lockdep_assert_held(&path->peer->lock);
	if (prpc_fallback_away(path))
		mod_delayed_work(prpc_mgmt_wq, &path->trial_work, delay);
}

/* Can a connection of the first transport be made?  It carries nothing. */
static int prpc_trial_connect(struct prpc_path *path, struct prpc_conn *conn)
{
	int error = prpc_rail_bind(&path->rail, conn);

	if (error)
		return error;
	error = conn->ops->connect(conn, PRPC_TRIAL_MS);
	trace_prpc_connect(conn, error);
	if (!error) {
		set_bit(PRPC_CONN_CLOSING, &conn->flags);
		conn->ops->close(conn);
		if (conn->ops->release)
			conn->ops->release(conn);
	}
	return error;
}

static void prpc_trial(struct work_struct *work)
{
	struct prpc_path *path = container_of(work, struct prpc_path,
					      trial_work.work);
	struct prpc_peer *peer = path->peer;
	struct prpc_conn *conn = prpc_conn_alloc(path, peer->transport);
	int error = -ENOMEM;
	bool wanted;

	spin_lock_bh(&peer->lock);
	wanted = prpc_fallback_away(path);
	path->trial = wanted ? conn : NULL;
	spin_unlock_bh(&peer->lock);
	if (conn && wanted)
		error = prpc_trial_connect(path, conn);
	spin_lock_bh(&peer->lock);
	path->trial = NULL;
	path->trials += wanted;
	if (prpc_fallback_away(path)) {
		if (!error)	/* prpc_fallback_turn() does the rest */
			prpc_conn_down_locked(path->conn, -ECONNABORTED);
		else
			queue_delayed_work(prpc_mgmt_wq, &path->trial_work,
					   prpc_trial_pause(path));
	}
	spin_unlock_bh(&peer->lock);
	if (conn)
		prpc_conn_put(conn);
}

/* ---- coming and going ---- */

void prpc_fallback_init(struct prpc_path *path)
{
	INIT_DELAYED_WORK(&path->trial_work, prpc_trial);
}

void prpc_fallback_stop(struct prpc_path *path)
{
	lockdep_assert_held(&path->peer->lock);
	if (path->trial) {
		set_bit(PRPC_CONN_CLOSING, &path->trial->flags);
		wake_up_all(&path->trial->wait);
	}
}

/* After prpc_fallback_stop(), with nothing left that queues it. */
void prpc_fallback_join(struct prpc_path *path)
{
	cancel_delayed_work_sync(&path->trial_work);
}
