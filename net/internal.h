/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Structs shared by the files of the core; transports do not see them.
 *
 * Ownership: a peer owns its paths, a path its one connection.  Pointers up
 * (path->peer, conn->path) are borrowed: the owner waits for its children.
 * Locks: Documentation/locking.rst.
 */
#ifndef PENSTOCK_NET_INTERNAL_H
#define PENSTOCK_NET_INTERNAL_H

#include <linux/kobject.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/utsname.h>
#include "rpc5531.h"
#include "transport.h"

#define PRPC_INDEX_BITS		12
#define PRPC_TABLE_MAX		(1u << PRPC_INDEX_BITS)
/* Places that only pinned calls get: a greeting must not wait behind calls
 * that wait for the greeting.
 */
#define PRPC_RESERVE		(2 * PRPC_MAX_PATHS)
#define PRPC_MAX_CALLBACKS	64
/* While paths change, both the old and the new ones may be up. */
#define PRPC_MAX_LIVE		(2 * PRPC_MAX_PATHS)
#define PRPC_CONNECT_MS		5000
#define PRPC_FIRST_MS		2000	/* over a transport that has a fallback */
#define PRPC_PINNED_MS		10000

/*
 * prpc_call.state.  Changed under peer->lock, except that PRPC_ST_TX is
 * cleared without it.  Whoever makes the change after which REPLIED is set
 * and neither TX nor TAKEN is, finishes the call.
 */
#define PRPC_ST_OWNED	BIT(0)	/* submitted and not finished */
#define PRPC_ST_WAITING	BIT(1)	/* on peer->waiting */
#define PRPC_ST_HASHED	BIT(2)	/* has its xid and its place in the table */
#define PRPC_ST_TX	BIT(3)	/* the transport may still touch it to send */
#define PRPC_ST_REPLIED	BIT(4)	/* the reply is complete */
#define PRPC_ST_TAKEN	BIT(5)	/* prpc_take() is taking it away */

/* @next: index of the next free place; @rx: a reply for it is being received */
struct prpc_slot {
	struct prpc_call *call;
	u32 xid;
	u16 next;
	bool rx;
};

enum prpc_stat {
	PRPC_STAT_CALLS,
	PRPC_STAT_REPLIES,
	PRPC_STAT_OUT,
	PRPC_STAT_IN,
	PRPC_STAT_PLACED,
	PRPC_STAT_RESENDS,
	PRPC_STAT_RECONNECTS,
	PRPC_STAT_TIMEOUTS,
	PRPC_STAT_STRAY,
	PRPC_STAT_GPU,
	PRPC_STAT_PEER,
	PRPC_STAT_BOUNCED,
	PRPC_STAT_BOUNCED_GSS,	/* plain bytes through pages of gss_call.c */
	PRPC_STAT_REFUSED,
	PRPC_STAT_NR,
};

/* Half octaves of microseconds: up to 2 s, and all that is longer. */
#define PRPC_LATENCIES		42

struct prpc_stats {
	u64 v[PRPC_STAT_NR];
	u64 latency[PRPC_LATENCIES];
};

enum prpc_path_state {
	PRPC_PATH_IDLE,
	PRPC_PATH_BACKOFF,	/* connect_work is queued with a delay */
	PRPC_PATH_CONNECTING,	/* the transport connects */
	PRPC_PATH_GREETING,	/* ops->ready is at work, pinned calls flow */
	PRPC_PATH_LIVE,
	PRPC_PATH_CLOSING,	/* down_work closes and requeues */
	PRPC_PATH_REFUSED,	/* another server; connect_work looks again later */
};

enum prpc_dir { PRPC_DIR_OUT, PRPC_DIR_IN, PRPC_DIRS };

/*
 * @load: bytes of outstanding calls; @pace: what one KiB of it has been taking
 * lately, in ns, 0 if not known.  See choose.c.
 */
struct prpc_flow {
	u64 load;
	u32 pace;
};

/* The live paths that are as near as any to a NUMA node, by index. */
struct prpc_near {
	u8 nr;
	u8 at[PRPC_MAX_LIVE];
};

/* A call of its own for each path: is anybody there?  See health.c. */
struct prpc_probe {
	struct prpc_conn *conn;		/* may be stale */
	struct prpc_call call;
	u32 buf[PRPC_HEADER_MAX / 4];
	u32 reply[16];
};

/**
 * struct prpc_path - one pair of a rail and an address, and what happened on it
 *
 * All that changes is guarded by peer->lock, unless it says otherwise.
 *
 * @flow, @calls: of the calls given to @conn that have no reply yet
 * @rtt: what small calls have been taking lately, in 1024 ns, 0: not known
 * @conn: CONNECTING to CLOSING
 * @state: changed by prpc_path_set() only
 * @stats: survives connections; per CPU, no lock
 * @heard: the last sign of life that the transport told of
 * @quiet: jiffies since when there was none although calls are outstanding
 * @probing: @probe is under way; cleared without the lock
 * @greeting: connect_work is inside ops->ready
 * @releasing: connections that are being given back (ops->release)
 * @proven: was LIVE at least once; @worked: and one of its connections useful
 * @refused: the last greeting ended with -EKEYREJECTED
 * @complained: the log says that it is down
 * @streak: attempts that failed since a connection was last useful; @error: of
 *	the last one
 * @since: jiffies when it became LIVE; @tried_at: when the last attempt began
 * @ifindex: interface of the last connection, 0: not known
 * @server: the name in the server's certificate; NULL without TLS
 * @tls_error: of the last handshake, as far as the log knows; connect_work's
 * @index: of all paths that the peer has ever had
 * @second: the last connection, or the next, is of peer->fallback; @told_second:
 *	what the log knows; @turned: why the first transport was left
 * @trials: connections of the first transport tried in vain, or that did not last
 * @trial: the one that is being made beside @conn
 * @retired: on peer->retired: not to be connected, see change.c
 * @wanted: in the plan that is being put into effect; under peer->change
 * @dir: what sysfs shows of it; under peer->change
 */
struct prpc_path {
	struct prpc_peer *peer;
	struct prpc_conn *conn;
	struct prpc_flow flow[PRPC_DIRS];
	u32 calls;
	u32 rtt;
	enum prpc_path_state state;
	struct prpc_stats __percpu *stats;
	unsigned long heard;
	unsigned long quiet;
	bool probing;
	/* cold from here on */
	unsigned int releasing;
	bool greeting;
	bool proven;
	bool worked;
	bool refused;
	bool complained;
	unsigned int streak;
	int error;
	unsigned long since;
	unsigned long tried_at;
	unsigned int index;
	bool second;
	bool told_second;
	int turned;
	unsigned int trials;
	struct prpc_conn *trial;
	struct delayed_work trial_work;
	bool retired;
	bool wanted;
	int ifindex;
	char *server;
	int tls_error;
	struct list_head link;
	struct delayed_work connect_work;
	struct work_struct down_work;
	struct prpc_probe probe;
	struct prpc_rail rail;
	struct sockaddr_storage addr;
	struct prpc_path_dir *dir;
};

/**
 * struct prpc_peer - one server with all its addresses
 * @lock: guards the table, @waiting and the state of paths.  Taken in
 *	softirq, never held across a transport's function (but @heard)
 * @live: the @nr_live paths whose connections calls go to, by index
 * @near: for each NUMA node; never empty while a path is live
 * @cursor, @turn: where the choice among equals goes on
 * @waiting: calls without a connection, in order
 * @watching: @watch_work is queued; @watched: when it last ran
 * @wait: woken when a path or a call changes in a way somebody may wait for
 * @paths: those in use; at first the @nr_first of them that are the first of
 *	their pairs come first.  Changed under @change and @lock
 * @retired: those no more in use; kept, so that a borrowed pointer to a path is
 *	good for as long as the peer, and used again when their pairs come back
 * @change: one change of the paths at a time; outside @lock
 * @nr_ever: paths made so far
 * @dir: what sysfs shows of it
 * @spread: all paths are wanted, not just one
 * @spare: see struct prpc_peer_args
 * @dying: prpc_peer_destroy() has begun
 * @failures: attempts to connect that failed, ever; for prpc_peer_wait()
 * @streak: attempts that failed since a connection was last useful
 * @error: of the last failed attempt
 */
struct prpc_peer {
	spinlock_t lock;
	struct prpc_slot *table;
	u32 table_size;
	u32 nr_free;
	u16 free_head;
	struct list_head waiting;
	unsigned int nr_live;
	unsigned int cursor[PRPC_DIRS];
	unsigned int turn;
	struct prpc_path *live[PRPC_MAX_LIVE];
	struct prpc_near *near;
	bool watching;
	bool deadline_armed;
	unsigned long deadline_at;
	u32 prog;
	u32 vers;
	enum prpc_sec sec;
	/* cold from here on */
	struct list_head parked;	/* calls that wait for more than a connection */
	struct list_head contexts;
	struct list_head upcalls;	/* contexts that user space is making */
	struct delayed_work parked_work;	/* looks at @parked */
	atomic_t unsealing;		/* replies in pgss_wq */
	u64 bad_replies;		/* whose checksum was wrong */
	char *server;
	bool spread;
	bool spare;
	bool dying;
	bool started;
	bool was_live;
	bool complained;
	unsigned int failures;
	unsigned int streak;
	int error;
	unsigned long watched;
	unsigned long relaxed;
	wait_queue_head_t wait;
	struct list_head link;		/* prpc_peers in link.c */
	struct list_head paths;
	struct list_head retired;
	struct mutex change;
	unsigned int nr_paths;
	unsigned int nr_first;
	unsigned int nr_ever;
	u64 births;			/* connections begun */
	struct kobject *dir;
	atomic_t nr_callbacks;
	struct delayed_work watch_work;
	struct delayed_work deadline_work;
	struct work_struct send_work;
	const struct prpc_peer_ops *ops;
	const struct prpc_transport_ops *transport;
	const struct prpc_transport_ops *fallback;	/* may be NULL */
	u16 fallback_port;
	void *priv;
	u32 cb_prog;
	struct prpc_tls tls;
	struct net *net;
	char node[__NEW_UTS_LEN + 1];
	char *name;
};

extern struct workqueue_struct *prpc_mgmt_wq;
extern const struct prpc_transport_ops ptcp_ops;
int ptcp_init(void);
void ptcp_exit(void);

/* ---- rpc.c ---- */
void prpc_calls_init(struct prpc_peer *peer);
/* @call has no place in the table any more; peer->lock held. */
void prpc_disown(struct prpc_peer *peer, struct prpc_call *call);
/* The reply of a disowned call is complete. */
void prpc_finish(struct prpc_path *path, struct prpc_call *call);
/* A disowned call ends without one. */
void prpc_fail(struct prpc_call *call, int error);
/* After ops->close: give @conn's calls to other connections or fail them. */
void prpc_requeue(struct prpc_conn *conn);

/* ---- path.c ---- */
/* @name: in the certificate of @addr; does not count without TLS */
struct prpc_path *prpc_path_create(struct prpc_peer *peer,
				   const struct sockaddr_storage *addr,
				   const char *name, const struct prpc_rail *rail);
/* Is it to @addr, and to @name (if not NULL) in its certificate? */
bool prpc_path_leads(const struct prpc_path *path, const struct sockaddr_storage *addr,
		     const char *name);
void prpc_path_free(struct prpc_path *path);
/* Begin to connect, once. */
void prpc_peer_start(struct prpc_peer *peer);
/* Nothing more is to begin on @path; peer->lock held. */
bool prpc_path_ends(const struct prpc_path *path);
/* Destroy: let go of the connection, wait until nothing runs any more. */
void prpc_path_stop(struct prpc_path *path);
void prpc_path_join(struct prpc_path *path);
const char *prpc_path_state_name(enum prpc_path_state state);
/* Give @path no more calls.  peer->lock held. */
void prpc_live_del(struct prpc_path *path);
void prpc_conn_down_locked(struct prpc_conn *conn, int error);
/* Try @path again soon if it is in BACKOFF.  peer->lock held. */
void prpc_path_kick(struct prpc_path *path, unsigned long delay);
/* Does @conn belong to @peer?  It may be stale.  peer->lock held. */
struct prpc_path *prpc_conn_owner(struct prpc_peer *peer,
				  const struct prpc_conn *conn);
/* Enter and leave the transport's functions.  _use: peer->lock held. */
bool prpc_conn_use(struct prpc_conn *conn);
void prpc_conn_unuse(struct prpc_conn *conn);
void prpc_conn_get(struct prpc_conn *conn);
void prpc_conn_put(struct prpc_conn *conn);

/* @ops is held; prpc_conn_put() it. */
struct prpc_conn *prpc_conn_alloc(struct prpc_path *path,
				  const struct prpc_transport_ops *ops);

/* ---- fallback.c; peer->lock held, except _aim, _tell, _init and _join ---- */
/* Of the connection that @path has or makes next. */
const struct prpc_transport_ops *prpc_path_transport(const struct prpc_path *path);
/* Where @conn leads: @path's address, and the port of its transport. */
void prpc_conn_aim(struct prpc_conn *conn, const struct prpc_path *path);
/* @path's connection has ended: the other transport is next. */
void prpc_fallback_turn(struct prpc_path *path, int error, bool lasted);
/* @path is LIVE. */
void prpc_fallback_up(struct prpc_path *path);
void prpc_fallback_tell(struct prpc_path *path);
/* @path may be able to return. */
void prpc_fallback_kick(struct prpc_path *path, unsigned long delay);
/* Has @call to wait for the first transport? */
bool prpc_parks(struct prpc_peer *peer, const struct prpc_call *call);
void prpc_fallback_init(struct prpc_path *path);
void prpc_fallback_stop(struct prpc_path *path);
void prpc_fallback_join(struct prpc_path *path);

/* ---- choose.c; peer->lock held ---- */
/*
 * The connection for @call, NULL if none is live; a user of it is counted.
 */
struct prpc_conn *prpc_choose(struct prpc_peer *peer, const struct prpc_call *call);
/* @call joins @path, and leaves the path of its connection. */
void prpc_load(struct prpc_path *path, struct prpc_call *call);
void prpc_unload(struct prpc_call *call, bool replied);
/* The live paths have changed. */
void prpc_near_update(struct prpc_peer *peer);
/* Now and then: what was measured long ago counts less and less. */
void prpc_relax(struct prpc_peer *peer);

/* ---- rail.c ---- */
/*
 * Plan: prpc_path_want() each path that @args makes for @peer.  0, -ENOMEM, or
 * -EADDRNOTAVAIL if there is none.
 */
int prpc_rails_plan(struct prpc_peer *peer, const struct prpc_peer_args *args);
/*
 * Where a connection on @path is to start: @conn->local and ifindex.  0,
 * -ENETDOWN or -EADDRNOTAVAIL.
 */
int prpc_rail_bind(const struct prpc_rail *rail, struct prpc_conn *conn);

/* Or does routing say which interface it goes through? */
static inline bool prpc_path_bound(const struct prpc_path *path)
{
	return *path->rail.name;
}

/* ---- take.c ---- */
void prpc_calls_flush(struct prpc_peer *peer);
/* Have calls looked at by @deadline (0: no need); peer->lock held. */
void prpc_arm(struct prpc_peer *peer, unsigned long deadline);
void prpc_deadline_work(struct work_struct *work);

/* ---- health.c ---- */
/* See prpc_peer_heard(); peer->lock held. */
bool prpc_peer_heard_locked(struct prpc_peer *peer);
void prpc_watch_init(struct prpc_peer *peer);
void prpc_watch_stop(struct prpc_peer *peer);
/* Look after calls that are outstanding.  peer->lock held. */
void prpc_watch_arm(struct prpc_peer *peer);

/* ---- link.c ---- */
/* Tell @peer of what happens to links and addresses of ours, or no more. */
void prpc_link_join(struct prpc_peer *peer);
void prpc_link_leave(struct prpc_peer *peer);
int prpc_link_init(void);
void prpc_link_exit(void);

/* Over the first @len bytes of @data. */
static inline void prpc_data_iter(struct iov_iter *iter, unsigned int dir,
				  const struct prpc_data *data, u32 len)
{
	iov_iter_bvec(iter, dir, data->bv, data->nr, (size_t)data->skip + len);
	iov_iter_advance(iter, data->skip);
}

/* ---- memory.c ---- */
/* The call's only payload. */
const struct prpc_data *prpc_call_data(const struct prpc_call *call);
/* Can device memory be moved at all, on whatever path? */
bool prpc_moves_foreign(const struct prpc_peer *peer);
int prpc_conn_rank(struct prpc_conn *conn, const struct prpc_data *data);
void prpc_count_memory(struct prpc_path *path, const struct prpc_call *call);

/* ---- change.c; peer->change held, or nobody else knows the peer ---- */
/*
 * Of the paths between @rail and @addr one more is wanted; a new one if there
 * are no more of them.  @name: in the certificate of @addr, NULL without TLS.
 * 0 or -ENOMEM.
 */
int prpc_path_want(struct prpc_peer *peer, const struct sockaddr_storage *addr,
		   const char *name, const struct prpc_rail *rail);
/* Put wanted paths that are retired into use. */
void prpc_paths_enter(struct prpc_peer *peer);
/* All that are in use now, in @paths; they stay valid.  Takes the lock. */
unsigned int prpc_paths_get(struct prpc_peer *peer,
			    struct prpc_path *paths[PRPC_MAX_LIVE]);

/*
 * Is @p, the begin of a reply, accepted, successful, and with a verifier of the
 * expected length, so that its results are where call->in_at says?
 */
static inline bool prpc_reply_plain(const struct prpc_call *call, const __be32 *p)
{
	return p[2] == cpu_to_be32(RPC5531_ACCEPTED) &&
	       (call->sealed || (p[4] == cpu_to_be32(call->verf_len) &&
				 p[5 + call->verf_len / 4] == cpu_to_be32(RPC5531_SUCCESS)));
}

/* ---- gss.c ---- */
int pgss_init(void);
void pgss_exit(void);
/* Tell the server which contexts it may forget; their answers are not waited for. */
void pgss_farewell(struct prpc_peer *peer);
void pgss_peer_exit(struct prpc_peer *peer);

/* ---- gss_memory.c ---- */
int pgss_memory_init(void);

/* ---- auth.c ---- */
void prpc_auth_marshal(const struct prpc_peer *peer, const struct cred *cred,
		       struct pxdr_enc *e);
/* The verifier of an accepted reply; 0, -EREMOTEIO or -EBADMSG. */
int prpc_auth_verify(const struct prpc_call *call, struct pxdr_dec *d);

/* ---- sysfs.c; peer->change held ---- */
/* Directories for the paths in use that have none. */
void prpc_dirs_update(struct prpc_peer *peer);
void prpc_dir_del(struct prpc_path *path);
void prpc_unexpose(struct prpc_peer *peer);

/* ---- stats.c ---- */
void prpc_stats_sum(const struct prpc_path *path, struct prpc_stats *sum);
/* The upper end, in us, of the bucket that the @percent of all calls fall into. */
u64 prpc_latency(const struct prpc_stats *sum, unsigned int percent);
void prpc_count_latency(struct prpc_path *path, u64 ns);
static inline void prpc_count(struct prpc_path *path, enum prpc_stat stat, u64 n)
{
	this_cpu_add(path->stats->v[stat], n);
}

/* Is @fault to happen to @call now?  It happens once. */
static inline bool prpc_fault(struct prpc_call *call, enum prpc_fault fault)
{
#ifdef PENSTOCK_FAULTS
	if (likely(!call || call->fault != fault))
		return false;
	call->fault = PRPC_FAULT_NONE;
	return true;
#else
	return false;
#endif
}

#endif
