// SPDX-License-Identifier: GPL-2.0
/*
 * Paths and their connections.
 *
 *            prpc_path_connect()
 *   IDLE ─────────┐  ┌──────────── BACKOFF
 *    ^            v  v                ^
 *    │         CONNECTING ────────────┤ connect failed
 *    │             │ connected        │
 *    │         GREETING ──┐           │
 *    │             │ ok   │ refused   │
 *    │           LIVE ────┤ or down   │
 *    │                    v           │
 *    └───────────────  CLOSING ───────┘ prpc_path_down()
 *
 * One way down: prpc_conn_down() keeps the first error and queues down_work,
 * which alone closes a greeted connection, requeues its calls and decides what
 * is tried next.  connect_work may be inside ops->ready meanwhile; its pinned
 * calls then fail, and down_work waits for it to come out.
 *
 * For now one path at a time is not IDLE: addresses are tried in turn from the
 * last good one, at once for the first round and with growing pauses between
 * rounds.  A connection that was useful is replaced without a pause, any other
 * counts as a failed attempt, so that a server which hangs up on every call
 * makes progress if there is any, and no storm if there is none.
 */
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/slab.h>
#include "internal.h"
#include "trace.h"

#define PRPC_BACKOFF_MIN_MS	100u
#define PRPC_BACKOFF_MAX_MS	10000u

static const char * const prpc_path_names[] = {
	[PRPC_PATH_IDLE]	= "IDLE",
	[PRPC_PATH_BACKOFF]	= "BACKOFF",
	[PRPC_PATH_CONNECTING]	= "CONNECTING",
	[PRPC_PATH_GREETING]	= "GREETING",
	[PRPC_PATH_LIVE]	= "LIVE",
	[PRPC_PATH_CLOSING]	= "CLOSING",
};

const char *prpc_path_state_name(enum prpc_path_state state)
{
	return prpc_path_names[state];
}

/* The only place that changes a path's state. */
static void prpc_path_set(struct prpc_path *path, enum prpc_path_state new)
{
	static const u8 from[] = {
		[PRPC_PATH_IDLE] = BIT(PRPC_PATH_CONNECTING) |
				   BIT(PRPC_PATH_CLOSING) |
				   BIT(PRPC_PATH_BACKOFF) | BIT(PRPC_PATH_IDLE),
		[PRPC_PATH_BACKOFF] = BIT(PRPC_PATH_IDLE),
		[PRPC_PATH_CONNECTING] = BIT(PRPC_PATH_IDLE) |
					 BIT(PRPC_PATH_BACKOFF),
		[PRPC_PATH_GREETING] = BIT(PRPC_PATH_CONNECTING),
		[PRPC_PATH_LIVE] = BIT(PRPC_PATH_GREETING),
		[PRPC_PATH_CLOSING] = BIT(PRPC_PATH_GREETING) |
				      BIT(PRPC_PATH_LIVE),
	};

	lockdep_assert_held(&path->peer->lock);
	if (WARN_ON_ONCE(!(from[new] & BIT(path->state))))
		return;
	trace_prpc_path_state(path, path->state, new);
	WRITE_ONCE(path->state, new);
}

/* ---- connections ---- */

static struct prpc_conn *prpc_conn_alloc(struct prpc_path *path)
{
	const struct prpc_transport_ops *ops = path->peer->transport;
	struct prpc_conn *conn = kvzalloc(ops->conn_size, GFP_NOIO);

	if (!conn)
		return NULL;
	__module_get(ops->owner);
	conn->path = path;
	conn->ops = ops;
	conn->addr = path->addr;
	conn->net = path->peer->net;
	atomic_set(&conn->users, 1);
	init_completion(&conn->idle);
	init_waitqueue_head(&conn->wait);
	kref_init(&conn->ref);
	return conn;
}

static void prpc_conn_release(struct kref *ref)
{
	struct prpc_conn *conn = container_of(ref, struct prpc_conn, ref);
	struct module *owner = conn->ops->owner;

	kvfree(conn);
	module_put(owner);
}

void prpc_conn_get(struct prpc_conn *conn)
{
	kref_get(&conn->ref);
}

void prpc_conn_put(struct prpc_conn *conn)
{
	kref_put(&conn->ref, prpc_conn_release);
}

bool prpc_conn_use(struct prpc_conn *conn)
{
	lockdep_assert_held(&conn->path->peer->lock);
	/* a server may talk before connect is through, and fail it then */
	if (!test_bit(PRPC_CONN_OPEN, &conn->flags) || prpc_conn_closing(conn))
		return false;
	atomic_inc(&conn->users);
	return true;
}

/* The last one out must not touch @conn after complete(): it may be freed. */
void prpc_conn_unuse(struct prpc_conn *conn)
{
	if (atomic_dec_and_test(&conn->users))
		complete(&conn->idle);
}

const char *prpc_conn_name(const struct prpc_conn *conn)
{
	return conn->path->peer->name;
}

/*
 * Path policy.  Later all addresses are live at once and this chooses among
 * peer->paths; today there is one.
 */
struct prpc_conn *prpc_choose(struct prpc_peer *peer)
{
	struct prpc_conn *conn = peer->live;

	lockdep_assert_held(&peer->lock);
	if (!conn || test_bit(PRPC_CONN_DOWN, &conn->flags) || !prpc_conn_use(conn))
		return NULL;
	return conn;
}

struct prpc_path *prpc_conn_owner(struct prpc_peer *peer,
				  const struct prpc_conn *conn)
{
	struct prpc_path *path;

	lockdep_assert_held(&peer->lock);
	if (!conn)
		return NULL;
	list_for_each_entry(path, &peer->paths, link)
		if (path->conn == conn)
			return path;
	return NULL;
}

/* ---- going down ---- */

static void prpc_conn_down_locked(struct prpc_conn *conn, int error)
{
	struct prpc_path *path = conn->path;

	lockdep_assert_held(&path->peer->lock);
	if (test_and_set_bit(PRPC_CONN_DOWN, &conn->flags))
		return;
	conn->error = error;
	trace_prpc_conn_down(conn, error);
	if (path->state == PRPC_PATH_GREETING || path->state == PRPC_PATH_LIVE)
		queue_work(prpc_io_wq, &path->down_work);
}

void prpc_conn_down(struct prpc_conn *conn, int error)
{
	struct prpc_peer *peer = conn->path->peer;

	if (test_bit(PRPC_CONN_DOWN, &conn->flags))
		return;
	spin_lock_bh(&peer->lock);
	prpc_conn_down_locked(conn, error);
	spin_unlock_bh(&peer->lock);
}

void prpc_conn_reset(struct prpc_conn *conn, int error)
{
	prpc_conn_down(conn, error);
}

void prpc_peer_reset(struct prpc_peer *peer, const struct prpc_conn *conn,
		     int error)
{
	struct prpc_path *path;

	spin_lock_bh(&peer->lock);
	path = prpc_conn_owner(peer, conn);
	if (path)
		prpc_conn_down_locked(path->conn, error);
	spin_unlock_bh(&peer->lock);
}

/* ---- what is tried next ---- */

static unsigned long prpc_backoff(unsigned int round)
{
	unsigned int ms;

	if (!round)
		return 0;
	ms = min(PRPC_BACKOFF_MIN_MS << min(round - 1, 10u), PRPC_BACKOFF_MAX_MS);
	return msecs_to_jiffies(ms * 3 / 4 + get_random_u32() % (ms / 2));
}

static struct prpc_path *prpc_path_after(struct prpc_path *path)
{
	struct prpc_peer *peer = path->peer;

	if (list_is_last(&path->link, &peer->paths))
		return list_first_entry(&peer->paths, struct prpc_path, link);
	return list_next_entry(path, link);
}

static void prpc_complain(struct prpc_path *path, int error)
{
	pr_warn_ratelimited("penstock: %s: no working connection (%pISpc: error %d); I/O waits, trying again until there is one\n",
			    path->peer->name, &path->addr, error);
}

/* The path's connection is closed, or never was: account for it, go on. */
static void prpc_path_ended(struct prpc_path *path, int error)
{
	struct prpc_peer *peer = path->peer;
	struct prpc_path *next = path;
	unsigned long delay = 0;
	struct prpc_conn *conn;
	bool complain = false;

	spin_lock_bh(&peer->lock);
	conn = path->conn;
	path->conn = NULL;
	prpc_path_set(path, PRPC_PATH_IDLE);
	if (conn && conn->useful) {
		peer->streak = 0;
	} else {
		peer->streak++;
		peer->error = error;
		WRITE_ONCE(peer->failures, peer->failures + 1);
		next = prpc_path_after(path);
		if (peer->streak % peer->nr_paths == 0)
			delay = prpc_backoff(peer->streak / peer->nr_paths);
		complain = peer->was_live && !peer->complained && !peer->dying &&
			   peer->streak >= peer->nr_paths;
		if (complain)
			peer->complained = true;
	}
	if (!peer->dying) {
		if (delay)
			prpc_path_set(next, PRPC_PATH_BACKOFF);
		queue_delayed_work(prpc_mgmt_wq, &next->connect_work, delay);
	}
	spin_unlock_bh(&peer->lock);
	if (complain)
		prpc_complain(path, error);
	wake_up_all(&peer->wait);
	if (conn)
		prpc_conn_put(conn);
}

static void prpc_path_down(struct work_struct *work)
{
	struct prpc_path *path = container_of(work, struct prpc_path, down_work);
	struct prpc_peer *peer = path->peer;
	struct prpc_conn *conn;
	bool lost;

	spin_lock_bh(&peer->lock);
	conn = path->conn;
	lost = path->state == PRPC_PATH_LIVE;
	prpc_path_set(path, PRPC_PATH_CLOSING);
	if (peer->live == conn)
		WRITE_ONCE(peer->live, NULL);
	set_bit(PRPC_CONN_CLOSING, &conn->flags);
	spin_unlock_bh(&peer->lock);

	prpc_conn_unuse(conn);
	wait_for_completion(&conn->idle);
	conn->ops->close(conn);
	prpc_requeue(conn);
	wait_event(peer->wait, !READ_ONCE(path->greeting));
	if (lost && peer->ops->lost && !READ_ONCE(peer->dying))
		peer->ops->lost(peer);
	prpc_path_ended(path, conn->error);
}

/* ---- coming up ---- */

/* Greet the connected @conn; on return it is LIVE or on its way down. */
static void prpc_path_greet(struct prpc_path *path, struct prpc_conn *conn)
{
	struct prpc_peer *peer = path->peer;
	bool live = false, again = false;
	int error = 0;

	spin_lock_bh(&peer->lock);
	prpc_path_set(path, PRPC_PATH_GREETING);
	set_bit(PRPC_CONN_OPEN, &conn->flags);
	path->greeting = true;
	if (path->connected)
		prpc_count(path, PRPC_STAT_RECONNECTS, 1);
	path->connected = true;
	if (test_bit(PRPC_CONN_DOWN, &conn->flags))	/* already, when nobody was to close it */
		queue_work(prpc_io_wq, &path->down_work);
	else if (peer->dying)
		prpc_conn_down_locked(conn, -ESHUTDOWN);
	spin_unlock_bh(&peer->lock);

	if (!test_bit(PRPC_CONN_DOWN, &conn->flags) && peer->ops->ready)
		error = peer->ops->ready(peer, conn);

	spin_lock_bh(&peer->lock);
	if (error) {
		prpc_conn_down_locked(conn, error);
	} else if (!test_bit(PRPC_CONN_DOWN, &conn->flags)) {
		prpc_path_set(path, PRPC_PATH_LIVE);
		WRITE_ONCE(peer->live, conn);
		live = true;
		again = peer->complained;
		peer->complained = false;
		peer->was_live = true;
	}
	/* down_work may end the connection from here on */
	WRITE_ONCE(path->greeting, false);
	wake_up_all(&peer->wait);
	spin_unlock_bh(&peer->lock);

	if (again)
		pr_notice_ratelimited("penstock: %s: connected to %pISpc again\n",
				      peer->name, &path->addr);
	if (live)
		queue_work(prpc_io_wq, &peer->send_work);
}

static void prpc_path_connect(struct work_struct *work)
{
	struct prpc_path *path = container_of(work, struct prpc_path,
					      connect_work.work);
	struct prpc_peer *peer = path->peer;
	struct prpc_conn *conn = prpc_conn_alloc(path);
	int error = -ENOMEM;

	spin_lock_bh(&peer->lock);
	if (peer->dying) {
		spin_unlock_bh(&peer->lock);
		if (conn)
			prpc_conn_put(conn);
		return;
	}
	path->conn = conn;
	prpc_path_set(path, PRPC_PATH_CONNECTING);
	spin_unlock_bh(&peer->lock);

	if (conn) {
		error = conn->ops->connect(conn, PRPC_CONNECT_MS);
		trace_prpc_connect(conn, error);
	}
	if (error)
		prpc_path_ended(path, error);
	else
		prpc_path_greet(path, conn);
}

void prpc_peer_start(struct prpc_peer *peer)
{
	struct prpc_path *path;

	spin_lock_bh(&peer->lock);
	if (!peer->started && !peer->dying) {
		peer->started = true;
		path = list_first_entry(&peer->paths, struct prpc_path, link);
		queue_delayed_work(prpc_mgmt_wq, &path->connect_work, 0);
	}
	spin_unlock_bh(&peer->lock);
}

/* ---- path objects ---- */

struct prpc_path *prpc_path_create(struct prpc_peer *peer,
				   const struct sockaddr_storage *addr)
{
	struct prpc_path *path = kzalloc(sizeof(*path), GFP_KERNEL);

	if (!path)
		return NULL;
	path->stats = alloc_percpu(struct prpc_stats);
	if (!path->stats) {
		kfree(path);
		return NULL;
	}
	path->peer = peer;
	path->addr = *addr;
	INIT_DELAYED_WORK(&path->connect_work, prpc_path_connect);
	INIT_WORK(&path->down_work, prpc_path_down);
	return path;
}

void prpc_path_free(struct prpc_path *path)
{
	free_percpu(path->stats);
	kfree(path);
}

/* peer->dying is set: nothing new is queued behind our back. */
void prpc_path_stop(struct prpc_path *path)
{
	struct prpc_peer *peer = path->peer;
	struct prpc_conn *conn;

	spin_lock_bh(&peer->lock);
	conn = path->conn;
	if (conn) {
		if (path->state == PRPC_PATH_CONNECTING)
			set_bit(PRPC_CONN_CLOSING, &conn->flags);
		prpc_conn_down_locked(conn, -ESHUTDOWN);
		wake_up_all(&conn->wait);
	}
	spin_unlock_bh(&peer->lock);
}

void prpc_path_join(struct prpc_path *path)
{
	cancel_delayed_work_sync(&path->connect_work);
	flush_work(&path->down_work);
	WARN_ON_ONCE(path->conn);
}
