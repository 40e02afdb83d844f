// SPDX-License-Identifier: GPL-2.0
/*
 * Other paths for a peer that is in use.
 *
 * A change first plans: every path that is to be is marked wanted, and made if
 * it does not exist.  Then wanted ones enter and go their way up to LIVE; then,
 * once one that stays is LIVE, the others retire: they get no more calls, those
 * in flight have a moment to end, and what is left then moves to other paths in
 * the same session slots, as after a loss.
 *
 * A retired path is kept until the peer ends.  So nobody who borrows a pointer
 * to a path has to care, and the counters go on when its pair comes back.
 */
#include <linux/jiffies.h>
#include <linux/slab.h>
#include "internal.h"
#include "wait.h"

/* How long new paths have until the change is called off. */
#define PRPC_CHANGE_PATIENCE	(10 * HZ)
/* Calls in flight on a path that goes. */
#define PRPC_DRAIN_TIME		(2 * HZ)

/* ---- planning ---- */

static struct prpc_path *prpc_path_spare(struct list_head *list,
					 const struct sockaddr_storage *addr,
					 const char *name, const struct prpc_rail *rail)
{
	struct prpc_path *path;

	list_for_each_entry(path, list, link)
		if (!path->wanted && !strcmp(path->rail.name, rail->name) &&
		    prpc_path_leads(path, addr, name))
			return path;
	return NULL;
}

int prpc_path_want(struct prpc_peer *peer, const struct sockaddr_storage *addr,
		   const char *name, const struct prpc_rail *rail)
{
	struct prpc_path *path = prpc_path_spare(&peer->paths, addr, name, rail);

	path = path ?: prpc_path_spare(&peer->retired, addr, name, rail);
	if (!path) {
		path = prpc_path_create(peer, addr, name, rail);
		if (!path)
			return -ENOMEM;
		path->retired = true;
		list_add_tail(&path->link, &peer->retired);
	}
	path->wanted = true;
	return 0;
}

static void prpc_paths_unwant(struct prpc_peer *peer)
{
	struct prpc_path *path;

	list_for_each_entry(path, &peer->paths, link)
		path->wanted = false;
	list_for_each_entry(path, &peer->retired, link)
		path->wanted = false;
}

unsigned int prpc_paths_get(struct prpc_peer *peer,
			    struct prpc_path *paths[PRPC_MAX_LIVE])
{
	struct prpc_path *path;
	unsigned int n = 0;

	spin_lock_bh(&peer->lock);
	list_for_each_entry(path, &peer->paths, link)
		if (!WARN_ON_ONCE(n == PRPC_MAX_LIVE))
			paths[n++] = path;
	spin_unlock_bh(&peer->lock);
	return n;
}

/* ---- coming ---- */

void prpc_paths_enter(struct prpc_peer *peer)
{
	struct prpc_path *path, *next;

	spin_lock_bh(&peer->lock);
	list_for_each_entry_safe(path, next, &peer->retired, link) {
		if (!path->wanted)
			continue;
		path->retired = false;
		path->streak = 0;
		path->complained = false;
		path->second = false;
		path->trials = 0;
		list_move_tail(&path->link, &peer->paths);
		peer->nr_paths++;
		if (peer->spread && !peer->dying)
			queue_delayed_work(prpc_mgmt_wq, &path->connect_work, 0);
	}
	spin_unlock_bh(&peer->lock);
}

/* ---- going ---- */

/* @path is of no use from now on; returns when nothing runs on it any more. */
static void prpc_path_retire(struct prpc_path *path)
{
	struct prpc_peer *peer = path->peer;

	spin_lock_bh(&peer->lock);
	path->retired = true;
	prpc_live_del(path);
	list_move_tail(&path->link, &peer->retired);
	peer->nr_paths--;
	spin_unlock_bh(&peer->lock);
	wake_up_all(&peer->wait);	/* prpc_peer_renew() may wait for it */

	prpc_dir_del(path);
	wait_event_timeout(peer->wait, !READ_ONCE(path->calls) ||
			   READ_ONCE(peer->dying), PRPC_DRAIN_TIME);
	prpc_path_stop(path);
	prpc_path_join(path);
}

static void prpc_paths_retire(struct prpc_peer *peer, bool wanted)
{
	struct prpc_path *paths[PRPC_MAX_LIVE];
	unsigned int i, n = prpc_paths_get(peer, paths);

	for (i = 0; i < n; i++)
		if (paths[i]->wanted == wanted)
			prpc_path_retire(paths[i]);
}

/* ---- a change ---- */

/* Is one of the paths that are @wanted, or are not, LIVE? */
static bool prpc_any_live(struct prpc_peer *peer, bool wanted)
{
	bool found = false;
	unsigned int i;

	spin_lock_bh(&peer->lock);
	for (i = 0; i < peer->nr_live; i++)
		found |= peer->live[i]->wanted == wanted;
	spin_unlock_bh(&peer->lock);
	return found;
}

/* Have all that are wanted been tried in vain? */
static bool prpc_all_failed(struct prpc_peer *peer)
{
	struct prpc_path *path;
	bool failed = true;

	spin_lock_bh(&peer->lock);
	list_for_each_entry(path, &peer->paths, link)
		if (path->wanted && !path->streak)
			failed = false;
	spin_unlock_bh(&peer->lock);
	return failed;
}

/* Unless nothing works now either, something that stays has to. */
static int prpc_change_wait(struct prpc_peer *peer)
{
	int error;

	if (!prpc_any_live(peer, false))
		return 0;
	error = prpc_wait_killable(peer->wait, prpc_any_live(peer, true) ||
				   prpc_all_failed(peer) || READ_ONCE(peer->dying),
				   PRPC_CHANGE_PATIENCE);
	if (error < 0)
		return error;
	return prpc_any_live(peer, true) ? 0 : -ENOTCONN;
}

/* What has just entered goes again: it is wanted, and was not there @before. */
static void prpc_change_undo(struct prpc_peer *peer, struct prpc_path **before,
			     unsigned int n)
{
	prpc_paths_unwant(peer);
	while (n--)
		before[n]->wanted = true;
	prpc_paths_retire(peer, false);
}

void prpc_peer_clear(struct prpc_peer *peer)
{
	mutex_lock(&peer->change);
	prpc_paths_unwant(peer);
	prpc_paths_retire(peer, false);
	mutex_unlock(&peer->change);
}

int prpc_peer_change(struct prpc_peer *peer, const struct prpc_peer_args *args)
{
	struct prpc_path **before;
	unsigned int n;
	int error;

	if (!args->nr_addrs || args->nr_addrs > PRPC_MAX_ADDRS ||
	    args->nr_rails > PRPC_MAX_RAILS || args->max_paths > PRPC_MAX_PATHS)
		return -EINVAL;
	before = kcalloc(PRPC_MAX_LIVE, sizeof(*before), GFP_KERNEL);
	if (!before)
		return -ENOMEM;
	error = mutex_lock_killable(&peer->change);
	if (error)
		goto out;
	n = prpc_paths_get(peer, before);
	prpc_paths_unwant(peer);
	error = prpc_rails_plan(peer, args);
	if (error)
		goto out_unlock;
	prpc_paths_enter(peer);
	error = prpc_change_wait(peer);
	if (error)
		prpc_change_undo(peer, before, n);
	else
		prpc_paths_retire(peer, false);
	prpc_dirs_update(peer);
out_unlock:
	mutex_unlock(&peer->change);
out:
	kfree(before);
	return error == -EINTR ? -ERESTARTSYS : error;
}
