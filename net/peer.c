// SPDX-License-Identifier: GPL-2.0
/* Peers: making and destroying them, waiting for them; transports by name. */
#include <linux/kmod.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/mm.h>
#include "internal.h"
#include "compat.h"
#include "wait.h"

/* prpc_peer_wait(): how long a server that refuses is asked again */
#define PRPC_AGAIN	(1 * HZ)
#define PRPC_AGAIN_MAX	(30 * HZ)

struct prpc_transport {
	struct list_head link;
	const struct prpc_transport_ops *ops;
};

static LIST_HEAD(prpc_transports);
/* Guards prpc_transports. */
static DEFINE_MUTEX(prpc_transport_mutex);

/*
 * Sending, closing, deadlines: never waits for the network, and so frees what
 * waits in the other queue even when memory lasts for one worker each.
 */
struct workqueue_struct *prpc_io_wq;
/* Connecting, greeting, callbacks. */
struct workqueue_struct *prpc_mgmt_wq;

/* ---- transports ---- */

int prpc_transport_register(const struct prpc_transport_ops *ops)
{
	struct prpc_transport *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	t->ops = ops;
	mutex_lock(&prpc_transport_mutex);
	list_add_tail(&t->link, &prpc_transports);
	mutex_unlock(&prpc_transport_mutex);
	return 0;
}

void prpc_transport_unregister(const struct prpc_transport_ops *ops)
{
	struct prpc_transport *t, *next;

	mutex_lock(&prpc_transport_mutex);
	list_for_each_entry_safe(t, next, &prpc_transports, link) {
		if (t->ops != ops)
			continue;
		list_del(&t->link);
		kfree(t);
	}
	mutex_unlock(&prpc_transport_mutex);
}

static const struct prpc_transport_ops *prpc_transport_find(const char *name)
{
	const struct prpc_transport_ops *ops = NULL;
	struct prpc_transport *t;

	mutex_lock(&prpc_transport_mutex);
	list_for_each_entry(t, &prpc_transports, link)
		if (!strcmp(t->ops->name, name) && try_module_get(t->ops->owner))
			ops = t->ops;
	mutex_unlock(&prpc_transport_mutex);
	return ops;
}

static void prpc_transport_put(const struct prpc_transport_ops *ops)
{
	module_put(ops->owner);
}

bool prpc_transport_loaded(const char *name)
{
	const struct prpc_transport_ops *ops = prpc_transport_find(name);

	if (!ops)
		return false;
	prpc_transport_put(ops);
	return true;
}

static const struct prpc_transport_ops *prpc_transport_get(const char *name,
							   const char *who)
{
	const struct prpc_transport_ops *ops = prpc_transport_find(name);
	int rc;

	if (ops)
		return ops;
	rc = request_module("penstock-%s", name);
	ops = prpc_transport_find(name);
	if (!ops)
		pr_warn("penstock: %s: penstock_%s cannot be loaded (modprobe: %d)\n",
			who, name, rc);
	return ops;
}

/* ---- peers ---- */

static void prpc_peer_free(struct prpc_peer *peer)
{
	struct prpc_path *path, *next;

	list_splice(&peer->retired, &peer->paths);
	list_for_each_entry_safe(path, next, &peer->paths, link)
		prpc_path_free(path);
	if (peer->transport)
		prpc_transport_put(peer->transport);
	if (peer->fallback)
		prpc_transport_put(peer->fallback);
	if (peer->net)
		put_net(peer->net);
	kvfree(peer->table);
	kfree(peer->near);
	kfree(peer->server);
	kfree(peer->name);
	kfree(peer);
}

static int prpc_peer_fill(struct prpc_peer *peer, const struct prpc_peer_args *args)
{
	int error;

	peer->table_size = min(args->max_calls + PRPC_RESERVE, PRPC_TABLE_MAX);
	peer->near = kcalloc(nr_node_ids, sizeof(*peer->near), GFP_KERNEL);
	peer->table = kvcalloc(peer->table_size, sizeof(*peer->table), GFP_KERNEL);
	peer->name = kstrdup(args->name, GFP_KERNEL);
	if (args->sec)
		peer->server = kstrdup(args->server, GFP_KERNEL);
	if (!peer->near || !peer->table || !peer->name ||
	    (args->sec && (!peer->server || pgss_memory_init())))
		return -ENOMEM;
	prpc_calls_init(peer);
	error = prpc_rails_plan(peer, args);
	if (error)
		return error;
	prpc_paths_enter(peer);
	peer->transport = prpc_transport_get(args->proto, args->name);
	if (!peer->transport)
		return -ENOPROTOOPT;
	if (args->fallback) {
		peer->fallback = prpc_transport_get(args->fallback, args->name);
		peer->fallback_port = args->fallback_port;
		if (!peer->fallback)
			return -ENOPROTOOPT;
	}
	/* the one place that every connection of a mount goes through */
	return args->tls.mode && !peer->transport->can_tls ? -EOPNOTSUPP : 0;
}

/*
 * ERR_PTR on failure.  Does not connect: the first submit or wait does, so that
 * the caller has the peer in its hands before ops->ready is called.
 */
struct prpc_peer *prpc_peer_create(const struct prpc_peer_args *args)
{
	struct prpc_peer *peer;
	int error;

	if (!args->nr_addrs || args->nr_addrs > PRPC_MAX_ADDRS ||
	    args->nr_rails > PRPC_MAX_RAILS || args->max_paths > PRPC_MAX_PATHS ||
	    !args->max_calls || args->max_calls > PRPC_TABLE_MAX)
		return ERR_PTR(-EINVAL);
	peer = kzalloc(sizeof(*peer), GFP_KERNEL);
	if (!peer)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&peer->paths);
	INIT_LIST_HEAD(&peer->retired);
	mutex_init(&peer->change);
	INIT_LIST_HEAD(&peer->link);
	init_waitqueue_head(&peer->wait);
	peer->sec = args->sec;
	peer->spare = args->spare;
	peer->prog = args->prog;
	peer->vers = args->vers;
	peer->cb_prog = args->cb_prog;
	peer->ops = args->ops;
	peer->priv = args->priv;
	peer->tls = args->tls;
	peer->net = get_net(args->net);
	/* once, here: a call may be made by a task that has no namespaces left */
	strscpy(peer->node, utsname()->nodename, sizeof(peer->node));
	error = prpc_peer_fill(peer, args);
	if (error) {
		prpc_peer_free(peer);
		return ERR_PTR(error);
	}
	prpc_watch_init(peer);
	prpc_link_join(peer);
	return peer;
}

void *prpc_peer_priv(struct prpc_peer *peer)
{
	return peer->priv;
}

int prpc_peer_error(struct prpc_peer *peer)
{
	return READ_ONCE(peer->error);
}

bool prpc_peer_live(struct prpc_peer *peer)
{
	return READ_ONCE(peer->nr_live);
}

/*
 * Has each address had its chance since @failures and @begun?  A server that
 * starts refuses or resets connections for a moment: it gets a few more, with
 * the pauses of path.c, and at least one.
 */
static bool prpc_peer_failed(const struct prpc_peer *peer, unsigned int failures,
			     unsigned long begun)
{
	unsigned int n = READ_ONCE(peer->failures) - failures;
	int error = READ_ONCE(peer->error);

	if (n < peer->nr_first)
		return false;
	if (error != -ECONNREFUSED && error != -ECONNRESET)
		return true;
	return time_after(jiffies, begun + (n < 2 * peer->nr_first ?
					    PRPC_AGAIN_MAX : PRPC_AGAIN));
}

int prpc_peer_wait(struct prpc_peer *peer, long timeout)
{
	unsigned int failures = READ_ONCE(peer->failures);
	unsigned long begun = jiffies;
	int error;

	prpc_peer_start(peer);
	error = prpc_wait_killable(peer->wait,
				   prpc_peer_live(peer) || READ_ONCE(peer->dying) ||
				   prpc_peer_failed(peer, failures, begun),
				   timeout);
	if (prpc_peer_live(peer))
		return 0;
	if (error <= 0)
		return error ?: -ETIMEDOUT;
	return READ_ONCE(peer->dying) ? -ESHUTDOWN : READ_ONCE(peer->error);
}

bool prpc_peer_proven(struct prpc_peer *peer, const struct sockaddr_storage *addr,
		      const char *name)
{
	struct prpc_path *path;
	bool proven = false;

	spin_lock_bh(&peer->lock);
	list_for_each_entry(path, &peer->paths, link)
		proven |= path->proven && prpc_path_leads(path, addr, name);
	spin_unlock_bh(&peer->lock);
	return proven;
}

const char *prpc_tls_name(enum prpc_tls_mode mode)
{
	static const char * const names[] = {
		[PRPC_TLS_NONE]		= "none",
		[PRPC_TLS_SERVER]	= "tls",
		[PRPC_TLS_MUTUAL]	= "mtls",
	};

	return names[mode];
}

/* Has @path a live connection that is not @old, or is it not in use any more? */
static bool prpc_path_renewed(struct prpc_path *path, const struct prpc_conn *old)
{
	bool renewed;

	spin_lock_bh(&path->peer->lock);
	renewed = path->retired || (path->state == PRPC_PATH_LIVE && path->conn != old);
	spin_unlock_bh(&path->peer->lock);
	return renewed;
}

int prpc_peer_renew(struct prpc_peer *peer, long timeout)
{
	struct prpc_path *paths[PRPC_MAX_LIVE], *path;
	unsigned int i, n = prpc_paths_get(peer, paths);
	struct prpc_conn *old;
	int rc;

	for (i = 0; i < n; i++) {
		path = paths[i];
		spin_lock_bh(&peer->lock);
		old = path->state == PRPC_PATH_LIVE ? path->conn : NULL;
		if (old) {
			prpc_conn_get(old);	/* or a new one may look the same */
			prpc_conn_down_locked(old, -ECONNABORTED);
		}
		spin_unlock_bh(&peer->lock);
		if (!old)
			continue;
		rc = prpc_wait_killable(peer->wait, prpc_path_renewed(path, old), timeout);
		prpc_conn_put(old);
		if (rc <= 0)
			return rc ?: -ETIMEDOUT;
	}
	return 0;
}

/* ---- by age ---- */

struct prpc_conn *prpc_peer_after(struct prpc_peer *peer, u64 born, u64 *its)
{
	struct prpc_conn *conn, *found = NULL;
	unsigned int i;

	spin_lock_bh(&peer->lock);
	for (i = 0; i < peer->nr_live; i++) {
		conn = peer->live[i]->conn;
		if (conn->born > born && (!found || conn->born < found->born))
			found = conn;
	}
	if (found)
		*its = found->born;
	spin_unlock_bh(&peer->lock);
	return found;
}

bool prpc_peer_has(struct prpc_peer *peer, u64 born)
{
	const struct prpc_path *path;
	bool has = false;

	spin_lock_bh(&peer->lock);
	list_for_each_entry(path, &peer->paths, link)
		has |= (path->state == PRPC_PATH_LIVE || path->state == PRPC_PATH_GREETING) &&
		       path->conn->born == born &&
		       !test_bit(PRPC_CONN_DOWN, &path->conn->flags);
	spin_unlock_bh(&peer->lock);
	return has;
}

u64 prpc_peer_born(struct prpc_peer *peer, const struct prpc_conn *conn)
{
	u64 born;

	spin_lock_bh(&peer->lock);
	born = prpc_conn_owner(peer, conn) ? conn->born : 0;
	spin_unlock_bh(&peer->lock);
	return born;
}

u64 prpc_peer_births(struct prpc_peer *peer)
{
	u64 births;

	spin_lock_bh(&peer->lock);
	births = peer->births;
	spin_unlock_bh(&peer->lock);
	return births;
}

void prpc_peer_remake(struct prpc_peer *peer)
{
	struct prpc_path *least = NULL;
	unsigned int i;

	spin_lock_bh(&peer->lock);
	for (i = 0; i < peer->nr_live; i++)
		if (!least || peer->live[i]->calls < least->calls)
			least = peer->live[i];
	if (least)
		prpc_conn_down_locked(least->conn, -ECONNRESET);
	spin_unlock_bh(&peer->lock);
}

/*
 * Who may still hold something: tasks in prpc_submit() or prpc_peer_wait() (the
 * caller keeps them away), link events (taken off their list), the watch and its
 * probes (stopped, failed), connect and down work of paths (joined), callbacks
 * (counted), deadline and send work (cancelled).  After that nobody knows it.
 */
void prpc_peer_destroy(struct prpc_peer *peer)
{
	struct prpc_path *path;

	if (IS_ERR_OR_NULL(peer))
		return;
	pgss_farewell(peer);
	spin_lock_bh(&peer->lock);
	WRITE_ONCE(peer->dying, true);
	spin_unlock_bh(&peer->lock);
	wake_up_all(&peer->wait);
	prpc_unexpose(peer);
	prpc_link_leave(peer);
	prpc_watch_stop(peer);

	list_for_each_entry(path, &peer->paths, link)
		prpc_path_stop(path);
	prpc_abort(peer, NULL, -ESHUTDOWN);
	list_for_each_entry(path, &peer->paths, link)
		prpc_path_join(path);
	prpc_calls_flush(peer);
	wait_event(peer->wait, !atomic_read(&peer->nr_callbacks) &&
			       !atomic_read(&peer->unsealing));
	pgss_peer_exit(peer);
	/* the last callback, or release, may still be inside wake_up_all() */
	spin_lock_bh(&peer->lock);
	spin_unlock_bh(&peer->lock);
	prpc_peer_free(peer);
}

/* ---- module ---- */

int prpc_init(void)
{
	int error = -ENOMEM;

	prpc_io_wq = alloc_workqueue("penstock_io", WQ_MEM_RECLAIM | PS_WQ_PERCPU, 0);
	if (!prpc_io_wq)
		return error;
	prpc_mgmt_wq = alloc_workqueue("penstock_mgmt",
				       WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!prpc_mgmt_wq)
		goto out_io;
	error = pgss_init();
	if (error)
		goto out_mgmt;
	error = prpc_link_init();
	if (error)
		goto out_gss;
	error = ptcp_init();
	if (error)
		goto out_link;
	return 0;

out_link:
	prpc_link_exit();
out_gss:
	pgss_exit();
out_mgmt:
	destroy_workqueue(prpc_mgmt_wq);
out_io:
	destroy_workqueue(prpc_io_wq);
	return error;
}

void prpc_exit(void)
{
	ptcp_exit();
	prpc_link_exit();
	pgss_exit();
	destroy_workqueue(prpc_mgmt_wq);
	destroy_workqueue(prpc_io_wq);
}
