// SPDX-License-Identifier: GPL-2.0
/*
 * Paths and their connections.
 *
 *            prpc_path_connect()
 *   IDLE ─────────┐  ┌──────────── BACKOFF, REFUSED
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
 * At first one path at a time is not IDLE: addresses are tried in turn from the
 * last good one, at once for the first round and with growing pauses between
 * rounds.  After prpc_peer_spread() each path goes its own way.  A connection
 * that was useful is replaced without a pause, any other counts as a failed
 * attempt, so that a server which hangs up on every call makes progress if
 * there is any, and no storm if there is none.
 */
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/slab.h>
#include "internal.h"
#include "trace.h"

#define PRPC_BACKOFF_MIN_MS	100u
#define PRPC_BACKOFF_MAX_MS	10000u
/* An address may move to the right server. */
#define PRPC_REFUSED_PAUSE	(60 * HZ)
/* A connection that lived so long was worth making. */
#define PRPC_LASTED		(10 * HZ)
/* Attempts after which the log says that a path is missing. */
#define PRPC_MISSED		2

static const char * const prpc_path_names[] = {
	[PRPC_PATH_IDLE]	= "IDLE",
	[PRPC_PATH_BACKOFF]	= "BACKOFF",
	[PRPC_PATH_CONNECTING]	= "CONNECTING",
	[PRPC_PATH_GREETING]	= "GREETING",
	[PRPC_PATH_LIVE]	= "LIVE",
	[PRPC_PATH_CLOSING]	= "CLOSING",
	[PRPC_PATH_REFUSED]	= "REFUSED",
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
		[PRPC_PATH_REFUSED] = BIT(PRPC_PATH_IDLE),
		[PRPC_PATH_CONNECTING] = BIT(PRPC_PATH_IDLE) |
					 BIT(PRPC_PATH_BACKOFF) |
					 BIT(PRPC_PATH_REFUSED),
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

struct prpc_conn *prpc_conn_alloc(struct prpc_path *path,
				  const struct prpc_transport_ops *ops)
{
	struct prpc_conn *conn = kvzalloc(ops->conn_size, GFP_NOIO);

	if (!conn)
		return NULL;
	__module_get(ops->owner);
	conn->path = path;
	conn->node = NUMA_NO_NODE;
	conn->ops = ops;
	prpc_conn_aim(conn, path);
	conn->net = path->peer->net;
	conn->tls = &path->peer->tls;
	conn->server = path->server;
	atomic_set(&conn->users, 1);
	init_completion(&conn->idle);
	init_waitqueue_head(&conn->wait);
	kref_init(&conn->ref);
	return conn;
}

static void prpc_conn_free(struct kref *ref)
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
	kref_put(&conn->ref, prpc_conn_free);
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

/*
 * What a device takes its time for.  Nobody waits for it but the end of the path:
 * neither its next connection, nor the calls of that one if it dies meanwhile.
 */
static void prpc_conn_release_work(struct work_struct *work)
{
	struct prpc_conn *conn = container_of(work, struct prpc_conn, release_work);
	struct prpc_path *path = conn->path;
	struct prpc_peer *peer = path->peer;

	conn->ops->release(conn);
	spin_lock_bh(&peer->lock);
	WRITE_ONCE(path->releasing, path->releasing - 1);
	wake_up_all(&peer->wait);
	spin_unlock_bh(&peer->lock);
	prpc_conn_put(conn);
}

/* @conn is closed. */
static void prpc_conn_release(struct prpc_conn *conn)
{
	struct prpc_path *path = conn->path;

	if (!conn->ops->release)
		return;
	prpc_conn_get(conn);
	spin_lock_bh(&path->peer->lock);
	WRITE_ONCE(path->releasing, path->releasing + 1);
	spin_unlock_bh(&path->peer->lock);
	INIT_WORK(&conn->release_work, prpc_conn_release_work);
	queue_work(prpc_mgmt_wq, &conn->release_work);
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

const struct sockaddr_storage *prpc_conn_addr(const struct prpc_conn *conn)
{
	return &conn->addr;
}

bool prpc_conn_proven(const struct prpc_conn *conn)
{
	return READ_ONCE(conn->path->proven);
}

int prpc_conn_failed(const struct prpc_conn *conn)
{
	return READ_ONCE(conn->path->worked) ? READ_ONCE(conn->path->streak) : -1;
}

void prpc_conn_prog(const struct prpc_conn *conn, u32 *prog, u32 *vers)
{
	*prog = conn->path->peer->prog;
	*vers = conn->path->peer->vers;
}

bool prpc_conn_tls_news(struct prpc_conn *conn, int error)
{
	struct prpc_path *path = conn->path;
	bool news = error && error != path->tls_error;

	path->tls_error = error;
	return news;
}

bool prpc_conn_refused(const struct prpc_conn *conn)
{
	return READ_ONCE(conn->path->refused);
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

/* ---- the paths that calls may go to ---- */

/* By index, so that a CPU's calls find the same path again. */
static void prpc_live_add(struct prpc_path *path)
{
	struct prpc_peer *peer = path->peer;
	unsigned int i = peer->nr_live;

	lockdep_assert_held(&peer->lock);
	if (WARN_ON_ONCE(i == PRPC_MAX_LIVE))
		return;
	for (; i && peer->live[i - 1]->index > path->index; i--)
		peer->live[i] = peer->live[i - 1];
	peer->live[i] = path;
	WRITE_ONCE(peer->nr_live, peer->nr_live + 1);
	prpc_near_update(peer);
	path->flow[PRPC_DIR_OUT].pace = 0;
	path->flow[PRPC_DIR_IN].pace = 0;
	path->rtt = 0;
	path->quiet = jiffies;
	path->since = jiffies;
}

void prpc_live_del(struct prpc_path *path)
{
	struct prpc_peer *peer = path->peer;
	unsigned int i;

	lockdep_assert_held(&peer->lock);
	for (i = 0; i < peer->nr_live && peer->live[i] != path; i++)
		;
	if (i == peer->nr_live)
		return;
	WRITE_ONCE(peer->nr_live, peer->nr_live - 1);
	for (; i < peer->nr_live; i++)
		peer->live[i] = peer->live[i + 1];
	prpc_near_update(peer);
}

/* ---- going down ---- */

void prpc_conn_down_locked(struct prpc_conn *conn, int error)
{
	struct prpc_path *path = conn->path;

	lockdep_assert_held(&path->peer->lock);
	if (test_and_set_bit(PRPC_CONN_DOWN, &conn->flags))
		return;
	conn->error = error;
	trace_prpc_conn_down(conn, error);
	if (path->conn != conn)		/* a trial's */
		return;
	if (path->state != PRPC_PATH_GREETING && path->state != PRPC_PATH_LIVE)
		return;
	prpc_live_del(path);
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

bool prpc_path_ends(const struct prpc_path *path)
{
	lockdep_assert_held(&path->peer->lock);
	return path->peer->dying || path->retired;
}

static unsigned long prpc_backoff(unsigned int round)
{
	unsigned int ms;

	if (!round)
		return 0;
	ms = min(PRPC_BACKOFF_MIN_MS << min(round - 1, 10u), PRPC_BACKOFF_MAX_MS);
	return msecs_to_jiffies(ms * 3 / 4 + get_random_u32() % (ms / 2));
}

/* What is left of it: an attempt that took long has been a pause, too. */
static unsigned long prpc_pause(const struct prpc_path *tried, unsigned int round)
{
	unsigned long pause = prpc_backoff(round), took = jiffies - tried->tried_at;

	return pause > took ? pause - took : 0;
}

static struct prpc_path *prpc_path_after(struct prpc_path *path)
{
	struct prpc_peer *peer = path->peer;

	if (path->index + 1 == peer->nr_first)
		return list_first_entry(&peer->paths, struct prpc_path, link);
	return list_next_entry(path, link);
}

/* What the log is to say; decided under the lock, said without it. */
enum prpc_news {
	PRPC_NEWS_NONE,
	PRPC_NEWS_PATH,
	PRPC_NEWS_PEER,
	PRPC_NEWS_TRANSPORT,
};

static enum prpc_news prpc_news_down(struct prpc_path *path)
{
	struct prpc_peer *peer = path->peer;

	lockdep_assert_held(&peer->lock);
	if (prpc_path_ends(path) || path->refused)
		return PRPC_NEWS_NONE;
	if (peer->nr_live) {
		if (path->complained || path->streak < PRPC_MISSED)
			return PRPC_NEWS_NONE;
		path->complained = true;
		return PRPC_NEWS_PATH;
	}
	if (!peer->was_live || peer->complained || peer->streak < peer->nr_paths)
		return PRPC_NEWS_NONE;
	peer->complained = true;
	return PRPC_NEWS_PEER;
}

static void prpc_tell_down(struct prpc_path *path, enum prpc_news news, int error)
{
	const char *name = path->peer->name, *rail = path->rail.name;

	if (news == PRPC_NEWS_PEER)
		pr_warn_ratelimited("penstock: %s: no working connection (%pISpc: error %d); I/O waits, trying again until there is one\n",
				    name, &path->addr, error);
	else if (news == PRPC_NEWS_PATH)
		pr_warn_ratelimited("penstock: %s: no connection to %pISpc%s%s (error %d); others carry on, trying again until there is one\n",
				    name, &path->addr, *rail ? " through " : "",
				    rail, error);
}

static void prpc_tell_up(struct prpc_path *path, enum prpc_news news)
{
	const char *rail = path->rail.name;

	if (news == PRPC_NEWS_TRANSPORT)
		prpc_fallback_tell(path);
	else if (news != PRPC_NEWS_NONE)
		pr_notice_ratelimited("penstock: %s: connected to %pISpc%s%s again\n",
				      path->peer->name, &path->addr,
				      *rail ? " through " : "", rail);
}

/* One path at a time: the next one.  @failed: and not this one again. */
static void prpc_path_next(struct prpc_path *path, bool failed)
{
	struct prpc_peer *peer = path->peer;
	struct prpc_path *next = failed ? prpc_path_after(path) : path;
	unsigned long delay = 0;

	if (failed && peer->streak % peer->nr_first == 0)
		delay = prpc_pause(path, peer->streak / peer->nr_first);
	if (delay)
		prpc_path_set(next, PRPC_PATH_BACKOFF);
	queue_delayed_work(prpc_mgmt_wq, &next->connect_work, delay);
}

/* Each path for itself: this one again. */
static void prpc_path_again(struct prpc_path *path)
{
	unsigned long delay = prpc_pause(path, path->streak);

	if (path->refused) {
		prpc_path_set(path, PRPC_PATH_REFUSED);
		delay = PRPC_REFUSED_PAUSE;
	} else if (delay) {
		prpc_path_set(path, PRPC_PATH_BACKOFF);
	}
	queue_delayed_work(prpc_mgmt_wq, &path->connect_work, delay);
}

void prpc_path_kick(struct prpc_path *path, unsigned long delay)
{
	lockdep_assert_held(&path->peer->lock);
	if (path->state == PRPC_PATH_BACKOFF && !prpc_path_ends(path))
		mod_delayed_work(prpc_mgmt_wq, &path->connect_work, delay);
}

/* The path's connection is closed, or never was: account for it, go on. */
static void prpc_path_ended(struct prpc_path *path, int error)
{
	struct prpc_peer *peer = path->peer;
	bool lasted = path->state == PRPC_PATH_CLOSING && path->since &&
		      time_after(jiffies, path->since + PRPC_LASTED);
	struct prpc_conn *conn;
	enum prpc_news news;
	bool useful, failed;

	spin_lock_bh(&peer->lock);
	conn = path->conn;
	useful = conn && conn->useful;
	path->conn = NULL;
	prpc_path_set(path, PRPC_PATH_IDLE);
	path->since = 0;
	path->refused = error == -EKEYREJECTED;
	failed = !lasted && !useful;
	if (useful)
		WRITE_ONCE(path->worked, true);
	if (failed) {
		/* who has come to refuse is there again, and about to listen */
		if (error == -ECONNREFUSED && path->error != error)
			path->streak = 0;
		path->error = error;
		path->streak++;
		peer->streak++;
		peer->error = error;
		WRITE_ONCE(peer->failures, peer->failures + 1);
	} else {
		path->error = 0;
		path->streak = 0;
		peer->streak = 0;
	}
	news = prpc_news_down(path);
	prpc_fallback_turn(path, error, lasted);
	if (prpc_path_ends(path))
		;
	else if (peer->spread)
		prpc_path_again(path);
	else
		prpc_path_next(path, failed);
	spin_unlock_bh(&peer->lock);
	prpc_tell_down(path, news, error);
	wake_up_all(&peer->wait);
	if (conn)
		prpc_conn_put(conn);
}

static void prpc_path_down(struct work_struct *work)
{
	struct prpc_path *path = container_of(work, struct prpc_path, down_work);
	struct prpc_peer *peer = path->peer;
	struct prpc_conn *conn;
	bool live;

	spin_lock_bh(&peer->lock);
	conn = path->conn;
	live = path->state == PRPC_PATH_LIVE;
	prpc_path_set(path, PRPC_PATH_CLOSING);
	set_bit(PRPC_CONN_CLOSING, &conn->flags);
	spin_unlock_bh(&peer->lock);

	if (live && peer->ops->down && !READ_ONCE(peer->dying))
		peer->ops->down(peer, conn->born);
	prpc_conn_unuse(conn);
	wait_for_completion(&conn->idle);
	conn->ops->close(conn);
	prpc_requeue(conn);
	wait_event(peer->wait, !READ_ONCE(path->greeting));
	prpc_conn_release(conn);
	prpc_path_ended(path, conn->error);
}

/* ---- coming up ---- */

/* Where one path answers again, the others may. */
static void prpc_kick_all(struct prpc_peer *peer)
{
	struct prpc_path *path;

	list_for_each_entry(path, &peer->paths, link)
		prpc_path_kick(path, get_random_u32() % (HZ / 20));
}

/* @path has been greeted and takes calls from now on. */
static enum prpc_news prpc_path_up(struct prpc_path *path)
{
	struct prpc_peer *peer = path->peer;
	bool again = path->complained || (!peer->nr_live && peer->complained);

	prpc_path_set(path, PRPC_PATH_LIVE);
	prpc_live_add(path);
	prpc_fallback_up(path);
	if (peer->nr_live == 1)
		prpc_kick_all(peer);
	peer->complained = false;
	peer->was_live = true;
	path->complained = false;
	path->refused = false;
	WRITE_ONCE(path->proven, true);
	if (path->second != path->told_second)
		return PRPC_NEWS_TRANSPORT;
	return again ? PRPC_NEWS_PATH : PRPC_NEWS_NONE;
}

/* Greet the connected @conn; on return it is LIVE or on its way down. */
static void prpc_path_greet(struct prpc_path *path, struct prpc_conn *conn)
{
	enum prpc_news news = PRPC_NEWS_NONE;
	struct prpc_peer *peer = path->peer;
	bool live = false;
	int error = 0;

	spin_lock_bh(&peer->lock);
	prpc_path_set(path, PRPC_PATH_GREETING);
	path->ifindex = conn->ifindex;
	set_bit(PRPC_CONN_OPEN, &conn->flags);
	path->greeting = true;
	if (path->proven)
		prpc_count(path, PRPC_STAT_RECONNECTS, 1);
	if (test_bit(PRPC_CONN_DOWN, &conn->flags))	/* already, when nobody was to close it */
		queue_work(prpc_io_wq, &path->down_work);
	else if (prpc_path_ends(path))
		prpc_conn_down_locked(conn, -ESHUTDOWN);
	spin_unlock_bh(&peer->lock);

	if (!test_bit(PRPC_CONN_DOWN, &conn->flags) && peer->ops->ready)
		error = peer->ops->ready(peer, conn);

	spin_lock_bh(&peer->lock);
	if (error) {
		prpc_conn_down_locked(conn, error);
	} else if (!test_bit(PRPC_CONN_DOWN, &conn->flags)) {
		news = prpc_path_up(path);
		live = true;
	}
	/* down_work may end the connection from here on */
	WRITE_ONCE(path->greeting, false);
	wake_up_all(&peer->wait);
	spin_unlock_bh(&peer->lock);

	prpc_tell_up(path, news);
	if (live)
		queue_work(prpc_io_wq, &peer->send_work);
}

/* How long an attempt may take: less where there is something else to try. */
static unsigned int prpc_path_patience(const struct prpc_path *path)
{
	return path->peer->fallback && !path->second ? PRPC_FIRST_MS : PRPC_CONNECT_MS;
}

static void prpc_path_connect(struct work_struct *work)
{
	struct prpc_path *path = container_of(work, struct prpc_path,
					      connect_work.work);
	struct prpc_peer *peer = path->peer;
	struct prpc_conn *conn = prpc_conn_alloc(path, prpc_path_transport(path));
	int error = -ENOMEM;

	if (conn)
		error = prpc_rail_bind(&path->rail, conn);
	spin_lock_bh(&peer->lock);
	/* kicked while we were on our way: nothing is left to do */
	if (prpc_path_ends(path) || (path->state != PRPC_PATH_IDLE &&
				     path->state != PRPC_PATH_BACKOFF &&
				     path->state != PRPC_PATH_REFUSED)) {
		spin_unlock_bh(&peer->lock);
		if (conn)
			prpc_conn_put(conn);
		return;
	}
	path->conn = conn;
	if (conn)
		conn->born = ++peer->births;
	path->tried_at = jiffies;
	if (conn && prpc_path_bound(path))
		path->ifindex = conn->ifindex;
	prpc_path_set(path, PRPC_PATH_CONNECTING);
	spin_unlock_bh(&peer->lock);

	if (!error)
		error = conn->ops->connect(conn, prpc_path_patience(path));
	if (conn)
		trace_prpc_connect(conn, error);
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

void prpc_peer_spread(struct prpc_peer *peer)
{
	struct prpc_path *path;

	spin_lock_bh(&peer->lock);
	if (!peer->spread && !peer->dying) {
		peer->started = true;
		peer->spread = true;
		list_for_each_entry(path, &peer->paths, link)
			if (path->state == PRPC_PATH_IDLE)
				queue_delayed_work(prpc_mgmt_wq,
						   &path->connect_work, 0);
	}
	spin_unlock_bh(&peer->lock);
}

/* ---- path objects ---- */

struct prpc_path *prpc_path_create(struct prpc_peer *peer,
				   const struct sockaddr_storage *addr,
				   const char *name, const struct prpc_rail *rail)
{
	struct prpc_path *path = kzalloc(sizeof(*path), GFP_KERNEL);

	if (!path)
		return NULL;
	path->stats = alloc_percpu(struct prpc_stats);
	if (peer->tls.mode)
		path->server = kstrdup(name, GFP_KERNEL);
	if (!path->stats || (peer->tls.mode && !path->server)) {
		prpc_path_free(path);
		return NULL;
	}
	path->peer = peer;
	path->index = peer->nr_ever++;
	path->addr = *addr;
	path->rail = *rail;
	INIT_DELAYED_WORK(&path->connect_work, prpc_path_connect);
	INIT_WORK(&path->down_work, prpc_path_down);
	prpc_fallback_init(path);
	return path;
}

bool prpc_path_leads(const struct prpc_path *path, const struct sockaddr_storage *addr,
		     const char *name)
{
	return !memcmp(&path->addr, addr, sizeof(*addr)) &&
	       (!name || !path->server || !strcmp(path->server, name));
}

void prpc_path_free(struct prpc_path *path)
{
	free_percpu(path->stats);
	kfree(path->server);
	kfree(path);
}

/* prpc_path_ends(): nothing new is queued behind our back. */
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
	prpc_fallback_stop(path);
	spin_unlock_bh(&peer->lock);
}

void prpc_path_join(struct prpc_path *path)
{
	cancel_delayed_work_sync(&path->connect_work);
	flush_work(&path->down_work);
	prpc_fallback_join(path);
	wait_event(path->peer->wait, !READ_ONCE(path->releasing));
	WARN_ON_ONCE(path->conn);
}
