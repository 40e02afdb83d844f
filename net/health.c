// SPDX-License-Identifier: GPL-2.0
/*
 * Is anybody there?  Paths that have died without a word.
 *
 * While calls are outstanding, a look ten times a second: a path on which the
 * other machine's transport has not been heard of for a while is sent a NULL
 * call, so that there is something to acknowledge.  It is given up if still
 * nothing comes although another path to the same server is heard of.  So a
 * server that is merely busy loses nothing, because its machine acknowledges,
 * and one that stands still neither, because nothing is heard on any path; and
 * the last path is never given up here; but for a spare peer's, which silence
 * alone ends, since what it was to do is done elsewhere.  Giving up one that lives does no harm:
 * its calls are sent again in their session slots, where they run once.
 */
#include <linux/jiffies.h>
#include "internal.h"

#define PRPC_WATCH		(HZ / 10)
#define PRPC_PROBE_AFTER	(HZ / 4)
#define PRPC_DEAD_AFTER		(HZ * 7 / 10)
/* Heard of just now: longer ago, and all may have fallen silent since. */
#define PRPC_FRESH		(HZ / 4)
#define PRPC_PROBE_LASTS	(2 * HZ)
/* A look that comes so late says that we have slept, not the others. */
#define PRPC_WATCH_LATE		(3 * PRPC_WATCH)

/* Idle connections are only heard of now and then: TCP's keepalive. */
#define PRPC_HEARD		(8 * HZ)

/* ---- probes ---- */

static void prpc_probe_done(struct prpc_call *call)
{
	struct prpc_path *path = container_of(call, struct prpc_path, probe.call);

	/* the call may be used again at once */
	smp_store_release(&path->probing, false);
}

/* path->probing is set, and ours. */
static void prpc_probe(struct prpc_path *path)
{
	struct prpc_probe *p = &path->probe;

	prpc_call_init(&p->call, path->peer, 0, NULL, p->buf, sizeof(p->buf));
	p->call.flags = PRPC_PINNED;
	p->call.conn = p->conn;
	p->call.reply = p->reply;
	p->call.reply_size = sizeof(p->reply);
	p->call.deadline = (jiffies + PRPC_PROBE_LASTS) | 1;
	p->call.done = prpc_probe_done;
	prpc_submit(&p->call);
}

/* ---- the look; peer->lock held ---- */

bool prpc_peer_heard_locked(struct prpc_peer *peer)
{
	struct prpc_conn *conn;
	unsigned int i;

	lockdep_assert_held(&peer->lock);
	for (i = 0; i < peer->nr_live; i++) {
		conn = peer->live[i]->conn;
		if (!conn->ops->heard ||
		    time_before(jiffies, conn->ops->heard(conn) + PRPC_HEARD))
			return true;
	}
	return false;
}

bool prpc_peer_heard(struct prpc_peer *peer)
{
	bool heard;

	spin_lock_bh(&peer->lock);
	heard = prpc_peer_heard_locked(peer);
	spin_unlock_bh(&peer->lock);
	return heard;
}

static bool prpc_silent(const struct prpc_path *path, unsigned long time)
{
	return path->calls && time_after_eq(jiffies, path->quiet + time);
}

/* Note what was heard.  @late: we have not been listening. */
static void prpc_listen(struct prpc_path *path, bool late)
{
	unsigned long heard = path->conn->ops->heard(path->conn);

	if (late || !path->calls || heard != path->heard)
		path->quiet = jiffies;
	path->heard = heard;
}

/* Is another path heard of just now, while @path is silent, or is there no need? */
static bool prpc_others_heard(const struct prpc_path *path)
{
	const struct prpc_peer *peer = path->peer;
	const struct prpc_path *other;
	unsigned int i;

	if (peer->spare)
		return true;
	for (i = 0; i < peer->nr_live; i++) {
		other = peer->live[i];
		if (other != path &&
		    time_after(other->heard + PRPC_FRESH, jiffies))
			return true;
	}
	return false;
}

/* One look.  Returns the number of paths to probe; they are in @probes. */
static unsigned int prpc_look(struct prpc_peer *peer, struct prpc_path **probes)
{
	bool late = time_after(jiffies, peer->watched + PRPC_WATCH_LATE);
	bool silent = false;
	struct prpc_path *path;
	unsigned int i, n = 0;

	peer->watched = jiffies;
	for (i = 0; i < peer->nr_live; i++) {
		prpc_listen(peer->live[i], late);
		silent |= prpc_silent(peer->live[i], PRPC_PROBE_AFTER);
	}
	if (!silent)
		return 0;
	for (i = peer->nr_live; i--; ) {
		path = peer->live[i];
		if (prpc_silent(path, PRPC_DEAD_AFTER) && prpc_others_heard(path)) {
			prpc_conn_down_locked(path->conn, -ETIMEDOUT);
		} else if ((!path->calls || prpc_silent(path, PRPC_PROBE_AFTER)) &&
			   /* pairs with prpc_probe_done() */
			   !smp_load_acquire(&path->probing)) {
			/* an idle one too: somebody has to be heard of */
			path->probing = true;
			path->probe.conn = path->conn;
			probes[n++] = path;
		}
	}
	return n;
}

/* Are there paths that could be given up? */
static bool prpc_watchable(const struct prpc_peer *peer)
{
	return peer->nr_live > (peer->spare ? 0 : 1);
}

static void prpc_watch_work(struct work_struct *work)
{
	struct prpc_peer *peer = container_of(work, struct prpc_peer,
					      watch_work.work);
	struct prpc_path *probes[PRPC_MAX_LIVE];
	unsigned int i, n;

	spin_lock_bh(&peer->lock);
	n = prpc_look(peer, probes);
	if (time_after(jiffies, peer->relaxed + HZ)) {
		peer->relaxed = jiffies;
		prpc_relax(peer);
	}
	peer->watching = !peer->dying && prpc_watchable(peer) &&
			 peer->nr_free < peer->table_size;
	if (peer->watching)
		queue_delayed_work(prpc_io_wq, &peer->watch_work, PRPC_WATCH);
	spin_unlock_bh(&peer->lock);
	for (i = 0; i < n; i++)
		prpc_probe(probes[i]);
}

void prpc_watch_arm(struct prpc_peer *peer)
{
	lockdep_assert_held(&peer->lock);
	if (peer->watching || !prpc_watchable(peer) || peer->dying ||
	    !peer->transport->heard)
		return;
	peer->watching = true;
	peer->watched = jiffies;
	queue_delayed_work(prpc_io_wq, &peer->watch_work, PRPC_WATCH);
}

/* ---- coming and going ---- */

void prpc_watch_init(struct prpc_peer *peer)
{
	INIT_DELAYED_WORK(&peer->watch_work, prpc_watch_work);
}

/* peer->dying is set.  Probes under way are failed with all other calls. */
void prpc_watch_stop(struct prpc_peer *peer)
{
	cancel_delayed_work_sync(&peer->watch_work);
}
