/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Structs and functions shared by the files of fs/nfs4/, grouped by file.
 *
 * Owners: volume -> client -> { peer, session }; node -> open; io -> call.
 * A call holds its slot and is held by two: whoever waits for it and the
 * transport that still works on it; a killed waiter only drops its reference.
 */
#ifndef PENSTOCK_NFS4_INTERNAL_H
#define PENSTOCK_NFS4_INTERNAL_H

#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/mempool.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include "nfs4.h"
#include "proto.h"
#include "codec.h"
#include "attr.h"
#include "errors.h"
#include "host.h"

#define PN4_SLOTS_WANTED	1024
#define PN4_CB_SLOTS		16
#define PN4_SIBLINGS_MAX	15
#define PN4_IO_MAX		(4U << 20)	/* asked for; servers grant less */
#define PN4_IO_OVERHEAD		1024		/* headers around READ/WRITE data */
/* COMPOUND frame, SEQUENCE, PUTFH, and the RPC reply header: both directions */
#define PN4_FRAME_MAX		384
#define PN4_READDIR_SLACK	1024		/* for what comes before the entries */
#define PN4_OP_COUNT		(PN4_OP_REMOVEXATTR + 1)
#define PN4_LOCK_HASH_BITS	5
#define PN4_DELEG_HASH_BITS	8
#define PN4_DELEG_EARLY		8

/* In which line a call waits for a slot; the first one goes before all others. */
enum pn4_line { PN4_LINE_RECOVERY, PN4_LINE_OTHER, PN4_LINE_READ, PN4_LINE_WRITE, PN4_LINES };

/**
 * struct pn4_session - slots of the fore channel, sequence of the back channel
 *
 * @lock guards all below it.  softirq-safe: replies free slots.
 * @gen: counts sessions made; calls of an older one leave the slots alone
 * @limit: slots that may be used now; @granted: slots of the table
 * @held: slots by the line of their calls
 * @waiting: calls without one, the oldest of each line first
 */
struct pn4_session {
	spinlock_t lock;
	u8 id[16];
	u32 gen;
	u32 granted;
	u32 limit;
	u32 highest;
	DECLARE_BITMAP(busy, PN4_SLOTS_WANTED);
	DECLARE_BITMAP(doubt, PN4_SLOTS_WANTED);	/* last call had no answer */
	u32 held[PN4_LINES];
	struct list_head waiting[PN4_LINES];
	u32 seq[PN4_SLOTS_WANTED];
	u32 cb_seq[PN4_CB_SLOTS];

	/* constant while the session lives */
	u32 max_request;
	u32 max_response;
	u32 cb_slots;
};

/* pn4_client.state */
enum {
	PN4_CL_READY,		/* calls may take slots */
	PN4_CL_DEAD,		/* unmounting or given up: no recovery */
	PN4_CL_ABORTED,		/* a volume of it was unmounted by force */
	PN4_CL_NEED_CLIENTID,
	PN4_CL_NEED_SESSION,
	PN4_CL_NEED_OPENS,	/* some opens have lost their state */
	PN4_CL_NEED_BIND,	/* back channel not bound */
	PN4_CL_NEED_TEST,	/* the server has revoked some state */
	PN4_CL_LOST_ALL,	/* every open has lost its state */
	PN4_CL_RECLAIMED,	/* RECLAIM_COMPLETE was sent for this client id */
};

/**
 * struct pn4_lock_table - lock owners of a client, and who waits for a lock
 * @lock: guards @owners and @waits; process context
 * @wait: woken when somebody in @waits should ask again
 * @notified: the server has called a waiter at least once
 */
struct pn4_lock_table {
	spinlock_t lock;
	struct hlist_head owners[1 << PN4_LOCK_HASH_BITS];
	struct list_head waits;
	wait_queue_head_t wait;
	bool notified;
};

#define PN4_DELAY_MIN	10	/* ms before a call is tried again */
#define PN4_PACE_RATE	100	/* retries a second */
#define PN4_PACE_BURST	16U

/**
 * struct pn4_pace - how many retries a client may send, see pace.c
 * @lock: guards @tokens and @since; softirq-safe
 * @tokens: retries that may go now
 * @since: up to when the time has been turned into tokens; ns
 * @wait: who has to wait for a token; exclusive
 * @work: wakes them
 */
struct pn4_pace {
	spinlock_t lock;
	unsigned int tokens;
	u64 since;
	wait_queue_head_t wait;
	struct delayed_work work;
};

/*
 * @port: where servers listen unless told otherwise
 * @owner: ends the client owner, so that mounts over different transports that
 *	are made at the same time do not end up with one client id
 */
struct pn4_transport {
	const char *name;
	u16 port;
	const char *owner;
};

/**
 * struct pn4_deleg_table - delegations of a client
 * @lock: guards all of it, and pn4_node.deleg together with node->lock, which
 *	nests inside; process context
 * @lru: those that hang on a node, the least recently used first
 * @hash: the same by file handle, for callbacks
 * @held: how many
 * @opening: OPENs whose delegation may not hang on its node yet
 * @early: state ids that were recalled meanwhile; @early_at: the next to use
 * @losses: how often the server has forgotten all state
 */
struct pn4_deleg_table {
	spinlock_t lock;
	struct list_head lru;
	struct hlist_head hash[1 << PN4_DELEG_HASH_BITS];
	unsigned int held;
	unsigned int opening;
	struct pn4_stateid early[PN4_DELEG_EARLY];
	unsigned int early_at;
	u32 losses;
};

/**
 * struct pn4_layout_table - layouts and devices of a client, see layout.h
 * @lock: guards all of it and pn4_layout.node; process context
 * @doubt: bit 0: some device has changed, forget them all
 * @bulk: a recall of all layouts of a file system or of the server that
 *	@bulk_work sees to; recall_type 0: none
 */
struct pn4_layout_table {
	spinlock_t lock;
	struct list_head layouts;
	struct list_head devices;
	unsigned int nr_devices;
	unsigned long doubt;
	struct pn4_cb_layoutrecall_args bulk;
	struct delayed_work bulk_work;
};

/**
 * struct pn4_paths - what the paths of a client are made of
 * @addrs: with the port of the client's transport, or their own
 * @names: of @addrs, in certificates; NULL without TLS
 * @rails: none: the suitable ones
 * @max: connections at a time, 0: as many as seem sensible
 */
struct pn4_paths {
	struct sockaddr_storage *addrs;
	char **names;
	struct prpc_rail *rails;
	unsigned int nr_addrs;
	unsigned int nr_rails;
	unsigned int max;
};

/**
 * struct pn4_client - one client id with one server
 *
 * Shared by all volumes of the server, see pn4_client_get().
 * @lock guards volumes, clientid and server
 * @wait: slots free (exclusive waiters) and changes of @state (wake all)
 */
struct pn4_client {
	refcount_t ref;
	struct list_head link;		/* pn4_clients, under pn4_clients_lock */
	struct net *net;
	struct prpc_peer *peer;
	struct pn4_paths paths;
	struct mutex change_mutex;	/* one change of paths at a time; it may take long */
	struct mutex paths_mutex;	/* guards what is in paths; inside change_mutex */
	unsigned int number;		/* of all clients that were ever made */
	const struct cred *cred;	/* the machine's, for state calls */
	char *name;			/* for messages: the first mount's */
	u32 minor;
	bool minor_fixed;
	bool data_server;		/* nothing but: no mount uses it */
	bool nfs3;			/* and it speaks NFSv3: no state at all */
	struct prpc_tls tls;
	const struct pn4_transport *transport;
	int sec;			/* enum prpc_sec of all its calls */
	const char *why;		/* proto=auto chose @transport; NULL: asked for */

	char owner[96];
	u8 verifier[8];
	u64 clientid;
	struct mutex create_mutex;	/* one CREATE_SESSION at a time, of siblings too */
	u32 create_seq;
	struct pn4_exchange_id_res *server;	/* owner and scope as proven */
	bool protected;			/* by SP4_MACH_CRED; before a client id: to be */
	u32 machine_ops[PN4_BITMAP_WORDS];	/* that may have @cred, then */

	unsigned long state;
	wait_queue_head_t wait;
	struct pn4_session session;
	u32 state_gen;			/* counts client ids */
	u32 lease_time;			/* seconds */
	unsigned long last_renewal;	/* jiffies of the last good SEQUENCE */
	struct delayed_work renew_work;
	struct work_struct recover_work;
	unsigned int recover_tries;	/* in a row that failed; the worker's */
	unsigned long last_bind;	/* jiffies */
	u64 back;			/* connection that carries callbacks, by birth; 0: none */
	u64 back_births;		/* had been begun when it was bound: see backchannel.c */
	unsigned long last_test;	/* jiffies */
	u32 test_round;			/* the worker's */

	spinlock_t lock;
	struct list_head volumes;
	atomic64_t open_counter;	/* open and lock owners */
	struct pn4_lock_table locks;
	struct pn4_pace pace;
	struct pn4_deleg_table delegs;
	struct pn4_layout_table layouts;
	struct pn4_stats __percpu *stats;	/* a sibling's: the elder's */

	/* see sibling.c; @lock guards the making of siblings, which then stay */
	struct pn4_client *elder;		/* whose client id this one uses; or NULL */
	unsigned int nr_siblings;
	struct pn4_client *siblings[PN4_SIBLINGS_MAX];
};

/* Counters per operation and other events of a client. */
enum pn4_counter {
	PN4_N_DELAYS, PN4_N_RECOVERIES, PN4_N_SESSIONS, PN4_N_CLIENTIDS,
	PN4_N_RECLAIMS, PN4_N_LOST, PN4_N_RESENT_WRITES, PN4_N_CALLBACKS,
	PN4_N_BAD_REPLIES, PN4_N_LOCK_RECLAIMS, PN4_N_LOCKS_LOST,
	PN4_N_LOCK_NOTIFIES, PN4_N_LOCK_POLLS, PN4_N_PACED, PN4_N_DELEGS,
	PN4_N_DELEG_RECALLS, PN4_N_DELEG_RETURNS, PN4_N_DELEG_RECLAIMS,
	PN4_N_DELEGS_LOST, PN4_N_LOCAL_OPENS, PN4_N_LOCAL_LOCKS,
	PN4_N_LAYOUTS, PN4_N_LAYOUT_RECALLS, PN4_N_LAYOUT_RETURNS,
	PN4_N_LAYOUTS_LOST, PN4_N_DS_ERRORS, PN4_N_DS_TO_MDS, PN4_N_DS_FENCED,
	PN4_N_MOVED,
	PN4_N_COUNTERS,
};

struct pn4_stats {
	u64 ops[PN4_OP_COUNT];
	u64 count[PN4_N_COUNTERS];
	u64 read_bytes;
	u64 write_bytes;
	u64 layout_read;		/* of those, by data servers */
	u64 layout_written;
};

static inline void pn4_count(struct pn4_client *cl, enum pn4_counter n)
{
	this_cpu_inc(cl->stats->count[n]);
}

/**
 * struct pn4_call - one compound
 *
 * @dec: after a reply: placed behind the SEQUENCE result
 * @async: called instead of waking the waiter; softirq
 * @orphan: called from a work queue with the reply of a call whose waiter was
 *	killed, to undo what the server did for nobody
 */
struct pn4_call {
	struct prpc_call rpc;
	struct pn4_client *client;
	struct pn4_volume *vol;		/* NULL for the client's own calls */
	refcount_t ref;
	struct completion done;
	void (*async)(struct pn4_call *c);
	void (*orphan)(struct pn4_call *c);
	void *priv;
	struct work_struct work;

	u32 slot;
	u32 seq;
	u32 highest;			/* slot in use when this one was taken */
	u32 session_gen;
	enum pn4_line line;
	bool has_slot;
	bool privileged;		/* recovery itself: not gated */
	bool may_be_away;		/* NFS4ERR_MOVED may mean a referral only */
	bool nowait;
	bool unkillable;
	bool hopeful;			/* @give_up waits while the server shows life */
	bool impatient;			/* a mount's: fail if connections keep breaking */
	bool cachethis;
	bool pooled;
	u32 first_op;			/* for the counters */
	u32 nops;
	__be32 *nops_place;
	int status;			/* of the RPC and SEQUENCE, then of the operation */
	struct pxdr_dec dec;

	unsigned int tries;
	unsigned int losses;
	unsigned int delay_ms;
	bool paced;			/* a retry, see pace.c */
	struct delayed_work repeat;
	unsigned long give_up;		/* soft: jiffies, 0 never */
	u32 used_gen;			/* open->gen or client->state_gen it was sent under */
	u32 used_client;		/* client->state_gen then */
	int phase;
	struct pn4_open *open;		/* whose stateid is used; borrowed */

	/* a piece of an io */
	struct pn4_io *io;
	u32 at;				/* from io->pos */
	u32 len;
	struct pn4_segment *seg;	/* it goes by, or NULL */
	struct pn4_target *target;
	u64 shift;			/* added to the file's offset for @target */
	u64 began;			/* ns */
	struct list_head parked;	/* pn4_layout.parked */
	u32 parked_at;

	void *sbuf;
	void *rbuf;
	u32 ssize;
	u32 rsize;
#ifdef PENSTOCK_FAULTS
	u32 late_ms;			/* the reply is to be seen that much later */
#endif
};

/**
 * struct pn4_deleg - the server's promise to ask before others use a file
 *
 * Hangs on its node (node->deleg, which holds a reference) until it is given
 * back or lost; the work item and the recovery worker hold others.
 *
 * @node: NULL: not yet, or no more.  Changes under both locks, like node->deleg
 * @link, @hash: pn4_deleg_table; @used: jiffies of the last local open
 * @stateid, @returning, @lost, @state_gen: under node->lock
 * @cred: who opened the file
 * @id: unique; names that were checked under the delegation carry it
 * @write: nobody else has the file open at all
 * @limit: size up to which dirty data may stay behind a close, bytes
 * @returning: nothing new is done under it
 * @lost: waits for recovery
 * @losses: pn4_deleg_table.losses before the OPEN
 */
struct pn4_deleg {
	refcount_t ref;
	struct pn4_volume *vol;
	struct pn4_node *node;
	struct list_head link;
	struct hlist_node hash;
	unsigned long used;
	struct pn4_fh fh;
	struct pn4_stateid stateid;
	const struct cred *cred;
	u64 id;
	u64 limit;
	bool write;
	bool recall;
	bool returning;
	bool lost;
	u32 losses;
	u32 state_gen;
	u32 tested;			/* cl->test_round of the last test */
	struct pn4_node *pinned;	/* by @work */
	struct work_struct work;
};

/**
 * struct pn4_open - one OPEN at the server, with an open owner of its own
 *
 * An owner per open file description: no upgrade, no downgrade, no order
 * between opens to keep, and CLOSE always ends exactly what OPEN began.
 *
 * @local: no OPEN was sent: it lives by node->deleg, whose state id it uses.
 *	Ends, under node->lock, with pn4_open_claim() or with the delegation
 * @idle: only write-back uses it any more
 * @deleg: came with the OPEN; goes to the node when the open is attached
 * @node: NULL until attached; the file description keeps the inode alive
 * @lost, @no_reclaim, @error, @locks, @locks_lost: under node->lock
 * @locks: struct pn4_lock_state, see lock.h
 * @locks_lost: how many of them the server has taken away
 * @may_notify: the server promised to call when a lock is free
 */
struct pn4_open {
	refcount_t ref;
	struct pn4_volume *vol;
	struct pn4_node *node;
	struct list_head link;		/* node->opens, under node->lock */
	struct pn4_stateid stateid;
	u64 owner;
	fmode_t fmode;
	const struct cred *cred;
	struct pn4_fh fh;
	bool lost;			/* waits for recover.c ... */
	bool no_reclaim;		/* ... but not before RECLAIM_COMPLETE */
	bool closed;
	bool local;
	bool idle;
	bool may_notify;
	int error;
	unsigned int locks_lost;
	struct list_head locks;
	struct pn4_deleg *deleg;
	u32 gen;			/* counts reclaims */
	u32 tested;			/* cl->test_round of the last test */
	u32 state_gen;			/* client->state_gen it belongs to */
	struct work_struct work;
};

/*
 * Both reclaim-safe.  Items of pn4_wq may wait for recovery, so recovery and
 * lease renewal run on a queue of their own.
 */
extern struct workqueue_struct *pn4_wq;
extern struct workqueue_struct *pn4_state_wq;

/* session.c */
void pn4_session_init(struct pn4_session *s);
unsigned int pn4_session_used(struct pn4_session *s);
void pn4_session_install(struct pn4_session *s, const u8 *id, u32 slots);
int pn4_slot_get(struct pn4_call *c);
void pn4_slot_put(struct pn4_call *c);
void pn4_slot_reply(struct pn4_call *c, const struct pn4_sequence_res *res);
void pn4_slot_skip(struct pn4_call *c);
bool pn4_slot_unskip(struct pn4_call *c);
void pn4_session_limit(struct pn4_client *cl, u32 highest);
/* 0, or an RFC status, for a CB_SEQUENCE */
u32 pn4_cb_sequence(struct pn4_client *cl, const struct pn4_cb_sequence_args *a);

/* protect.c */
extern const struct pn4_protect_ops pn4_protect_wanted;
bool pn4_protect_wants(const struct pn4_client *cl);
bool pn4_protect_refused(struct pn4_client *cl, int st);
void pn4_protect_agreed(struct pn4_client *cl, const struct pn4_exchange_id_res *res);
const struct cred *pn4_protect_cred(const struct pn4_client *cl, u32 op,
				    const struct cred *own);
void pn4_protect_unbound(struct pn4_call *c);

/* compound.c */
int pn4_compound_init(void);
void pn4_compound_exit(void);
struct pn4_call *pn4_call_new(struct pn4_client *cl, struct pn4_volume *vol,
			      u32 send_size, u32 reply_size);
struct pn4_call *pn4_call_new_io(struct pn4_client *cl, struct pn4_volume *vol);
void pn4_call_put(struct pn4_call *c);
int pn4_call_start(struct pn4_call *c, const struct cred *cred);
bool pn4_call_late(const struct pn4_call *c);
int pn4_call_start_bare(struct pn4_call *c, const struct cred *cred);
void pn4_call_submit(struct pn4_call *c);
void pn4_call_end(struct pn4_call *c);
int pn4_call_run(struct pn4_call *c);
bool pn4_call_again(struct pn4_call *c, int *st);
/* See compound.c. */
#define pn4_for_each_try(c, cred, st)					\
	for (bool try_ = !((st) = pn4_call_start(c, cred)); try_;	\
	     try_ = pn4_call_again(c, &(st)) &&				\
		    !((st) = pn4_call_start(c, cred)))
static inline struct pxdr_enc *pn4_op(struct pn4_call *c, u32 op)
{
	if (!c->nops++ || c->nops == 2 || c->nops == 3)
		c->first_op = op;	/* the one after SEQUENCE and PUTFH */
	return &c->rpc.enc;
}
int pn3_call_start(struct pn4_call *c, u32 proc, u32 op, const struct cred *cred);
void pn4_call_putfh(struct pn4_call *c, const struct pn4_fh *fh);
int pn4_volume_error(struct pn4_volume *vol);
/*
 * What nobody waits for any more but still uses the volume; pn4_umount() waits.
 * The put wakes through the client, which the volume holds until then.
 */
static inline void pn4_late_get(struct pn4_volume *vol)
{
	atomic_inc(&vol->late);
}
void pn4_late_put(struct pn4_volume *vol);

/* pace.c */
void pn4_pace_init(struct pn4_pace *p);
void pn4_pace_exit(struct pn4_pace *p);
int pn4_call_pause(struct pn4_call *c);
void pn4_pace_answered(struct pn4_client *cl);

/* opname.c */
const char *pn4_op_name(u32 op);

/* names.c: building blocks of compounds */
void pn4_call_getattr(struct pn4_call *c, u64 want);
int pn4_call_got_attr(struct pn4_call *c, struct pn4_attr *attr);
void pn4_dir_before(struct pn4_attr *attr, const struct pn4_cinfo *cinfo);

/* owner.c */
int pn4_owner(struct net *net, char *buf, size_t size);

/* client.c */
extern const struct prpc_peer_ops pn4_peer_ops;
void pn4_client_init(void);
struct pn4_client *pn4_client_get(const struct pn4_mount_args *args);
/*
 * A new client over @t; @why: see struct pn4_client; @patience: jiffies for the
 * first connection.
 */
/* moved.c */
/* pn4_lookup() of something that is not at this server. */
int pn4_referral_lookup(struct pn4_node *dir, const char *name, u32 len,
			struct pn4_fh *fh, struct pn4_attr *attr);
/* A call of @vol was told NFS4ERR_MOVED. */
void pn4_moved(struct pn4_volume *vol);

/* secinfo.c */
/*
 * What the server takes for @name in @dir, or for the root (@name NULL), into @f;
 * nothing if it does not say.
 */
void pn4_ask_flavors(struct pn4_volume *vol, const struct pn4_fh *dir,
		     const char *name, u32 len, struct pn4_flavors *f);

/* paths.c */
struct sockaddr_storage pn4_mount_addr(const struct pn4_mount_args *args,
				       unsigned int n, const struct pn4_transport *t);
int pn4_paths_init(struct pn4_client *cl, const struct pn4_mount_args *args,
		   struct prpc_peer_args *peer_args);
void pn4_paths_free(struct pn4_paths *p);
/* Which of the addresses that is; -ENOENT. */
int pn4_paths_find(const struct pn4_paths *p, const struct sockaddr_storage *addr);
void pn4_sibling_expose(struct pn4_client *cl, void *arg);
/* What certificates are to name where nobody says it: the addresses.  Or NULL. */
char **pn4_names_of(const struct sockaddr_storage *addrs, unsigned int n);
void pn4_names_free(char **names, unsigned int n);

struct pn4_client *pn4_client_alloc(const struct pn4_mount_args *args,
				    const struct pn4_transport *t);
int pn4_client_peer(struct pn4_client *cl, const struct pn4_mount_args *args);
void pn4_client_destroy(struct pn4_client *cl);
struct pn4_client *pn4_client_make(const struct pn4_mount_args *args,
				   const struct pn4_transport *t,
				   const char *why, long patience);
void pn4_client_put(struct pn4_client *cl);
int pn4_client_ask(struct pn4_client *cl, struct prpc_conn *conn,
		   struct pn4_exchange_id_res *res);
int pn4_client_exchange(struct pn4_client *cl);
int pn4_client_session(struct pn4_client *cl);
int pn4_client_bind(struct pn4_client *cl, struct prpc_conn *conn, bool back);
int pn4_client_reclaim_complete(struct pn4_client *cl);
void pn4_clients_each(void (*one)(struct pn4_client *cl, void *arg), void *arg);

/* transport.c */
struct pn4_client *pn4_transport_connect(const struct pn4_mount_args *args);
bool pn4_transport_fits(const struct pn4_client *cl, const char *proto);
void pn4_transport_show(const struct pn4_client *cl, struct seq_file *m);
void pn4_transport_fallback(const struct pn4_client *cl,
			    const struct pn4_mount_args *args,
			    struct prpc_peer_args *peer_args);

/* trunk.c */
int pn4_trunk_ready(struct prpc_peer *peer, struct prpc_conn *conn);

/* backchannel.c */
void pn4_backchannel_want(struct pn4_client *cl);
void pn4_backchannel_down(struct prpc_peer *peer, u64 born);
void pn4_backchannel_begun(struct pn4_client *cl, const struct prpc_conn *conn);
void pn4_backchannel_bound(struct pn4_client *cl, const struct prpc_conn *conn);
bool pn4_backchannel_lives(struct pn4_client *cl);
void pn4_backchannel_check(struct pn4_client *cl);
int pn4_backchannel_bind(struct pn4_client *cl);

/* sibling.c */
bool pn4_sibling_found(struct pn4_client *cl, struct prpc_conn *conn,
		       const struct pn4_exchange_id_res *res);
void pn4_sibling_aim(struct pn4_call *c);
void pn4_sibling_failed(struct pn4_call *c, int st);
void pn4_siblings_each(struct pn4_client *cl,
		       void (*one)(struct pn4_client *sibling, void *arg), void *arg);
void pn4_siblings_end(struct pn4_client *cl);

/* recover.c */
void pn4_recover_init(struct pn4_client *cl);
void pn4_recover_start(struct pn4_client *cl, int need);
void pn4_recover_session(struct pn4_client *cl, u32 session_gen);
void pn4_recover_client(struct pn4_client *cl, u32 state_gen);
void pn4_recover_flags(struct pn4_client *cl, u32 flags);
void pn4_recover_open(struct pn4_open *open, u32 gen);
void pn4_recover_stop(struct pn4_client *cl);
bool pn4_recover_again(int st);
struct pn4_call *pn4_recover_call(struct pn4_client *cl, u32 send_size,
				  u32 reply_size);
typedef bool (*pn4_due_t)(struct pn4_client *cl, const struct pn4_open *open);
int pn4_recover_each(struct pn4_client *cl, pn4_due_t due,
		     int (*one)(struct pn4_open *open));
void pn4_ready(struct pn4_client *cl);

/* revoked.c */
int pn4_stateid_test(struct pn4_client *cl, const struct cred *cred,
		     const struct pn4_stateid *sid, u32 *status);
int pn4_stateid_free(struct pn4_client *cl, const struct cred *cred,
		     const struct pn4_stateid *sid);
void pn4_revoked_flags(struct pn4_client *cl, u32 flags);
int pn4_revoked_check(struct pn4_client *cl);

/* open.c */
int pn4_call_start_open(struct pn4_call *c, struct pn4_open *open,
			const struct cred *cred, struct pn4_stateid *sid);
int pn4_open_stateid(struct pn4_open *open, struct pn4_stateid *sid);
int pn4_open_reclaim(struct pn4_open *open);
u32 pn4_share_access(fmode_t fmode, u32 want);
struct pn4_open *pn4_open_alloc(struct pn4_volume *vol, fmode_t fmode,
				const struct cred *cred);
void pn4_open_free(struct pn4_open *open);
void pn4_open_settle_again(struct pn4_open *open,
			   const struct pn4_open4_res *res);
/* Why nothing can be done under @open any more, or 0. */
static inline int pn4_open_fault(const struct pn4_open *open)
{
	return READ_ONCE(open->error) ?:
	       READ_ONCE(open->locks_lost) ? -EIO : 0;
}

/* lock.c, lockstate.c, lockwait.c, lockrecover.c */
int pn4_lock_init(void);
void pn4_lock_exit(void);
void pn4_lock_table_init(struct pn4_lock_table *t);
void pn4_locks_free(struct pn4_open *open);
bool pn4_locks_surrender(struct pn4_open *open, bool unkillable);
int pn4_locks_recover(struct pn4_open *open, bool reclaim);
int pn4_locks_doubt(struct pn4_open *open);
void pn4_locks_report(struct pn4_volume *vol, struct pn4_node *node,
		      unsigned int n, int st);
void pn4_lock_notify(struct pn4_client *cl,
		     const struct pn4_cb_notify_lock_args *a);

/* locklocal.c */
bool pn4_locks_local(const struct pn4_open *open);
void pn4_locks_claim(struct pn4_open *open);
unsigned int pn4_locks_orphan(struct pn4_node *node);

/* commit.c */
void pn4_commit_written(struct pn4_io *io);
void pn4_commit_going(struct pn4_node *node, const struct list_head *parked);

/* localopen.c */
int pn4_open_claim(struct pn4_open *open, bool unkillable);

/* deleg.c */
void pn4_deleg_table_init(struct pn4_deleg_table *t);
void pn4_deleg_expect(struct pn4_client *cl);
void pn4_deleg_arrived(struct pn4_client *cl);
struct pn4_deleg *pn4_deleg_new(struct pn4_open *open,
				const struct pn4_deleg_res *res, u32 losses);
void pn4_deleg_put(struct pn4_deleg *d);
u64 pn4_deleg_hang(struct pn4_deleg *d, struct pn4_node *node);
void pn4_deleg_publish(struct pn4_node *node, const struct pn4_deleg *d);
bool pn4_deleg_detach(struct pn4_deleg *d);
void pn4_deleg_stop(struct pn4_deleg *d);
bool pn4_deleg_ask(struct pn4_deleg *d);
u32 pn4_deleg_recall(struct pn4_client *cl, const struct pn4_cb_recall_args *a);
u32 pn4_deleg_getattr(struct pn4_client *cl, const struct pn4_cb_getattr_args *a,
		      struct pn4_attr *attr);
/* Is it certain that the server has not given up on us? */
static inline bool pn4_lease_sure(const struct pn4_client *cl)
{
	return time_before(jiffies, READ_ONCE(cl->last_renewal) +
				    (unsigned long)cl->lease_time * HZ);
}
void pn4_deleg_touch(struct pn4_node *node);
void pn4_deleg_keep(struct pn4_client *cl, u32 keep, u32 type_mask);
void pn4_deleg_unused(struct pn4_client *cl);
struct pn4_deleg *pn4_deleg_take(struct pn4_node *node);
static inline bool pn4_sid_same(const struct pn4_stateid *a,
				const struct pn4_stateid *b)
{
	return !memcmp(a->other, b->other, sizeof(a->other));
}

/* delegreturn.c */
int pn4_deleg_init(void);
void pn4_deleg_exit(void);
void pn4_deleg_work(struct work_struct *work);
void pn4_deleg_queue(struct pn4_deleg *d);
void pn4_deleg_drop(struct pn4_deleg *d);
void pn4_deleg_evict(struct pn4_node *node);
void pn4_call_delegreturn(struct pn4_call *c, struct pn4_deleg *d);
int pn4_call_delegreturned(struct pn4_call *c, struct pn4_deleg **d);
void pn4_deleg_untake(struct pn4_deleg *d, struct pn4_node *node);

/* delegrecover.c */
void pn4_delegs_lose(struct pn4_client *cl);
void pn4_deleg_lose(struct pn4_node *node);
int pn4_delegs_recover(struct pn4_client *cl);
int pn4_delegs_test(struct pn4_client *cl);

/* layout.c */
struct pn4_segment;
struct pn4_target;
void pn4_layout_table_init(struct pn4_layout_table *t);
struct pn4_segment *pn4_layout_begin(struct pn4_io *io, u64 pos);
void pn4_layout_end(struct pn4_segment *seg);
u32 pn4_layout_len(struct pn4_segment *seg, u64 pos, u32 len, bool write);
u32 pn4_layout_copies(const struct pn4_segment *seg, bool write);
bool pn4_layout_aim(struct pn4_call *c, struct pn4_segment *seg, u32 copy);
bool pn4_layout_striped(const struct pn4_call *c);
bool pn4_layout_thru_mds(const struct pn4_call *c);
const struct pn4_fh *pn4_layout_fh(const struct pn4_call *c);
u32 pn4_layout_losses(const struct pn4_node *node);
void pn4_layout_stateid(struct pn4_call *c, struct pn4_stateid *sid);
const struct cred *pn4_layout_cred(const struct pn4_call *c);
void pn4_layout_done(struct pn4_call *c, u32 count);
void pn4_layout_wrote(struct pn4_call *c, const struct pn4_write_res *res);
bool pn4_layout_failed(struct pn4_call *c, int st, bool sent);

/* layoutrecall.c */
u32 pn4_layout_recall(struct pn4_client *cl,
		      const struct pn4_cb_layoutrecall_args *a);
void pn4_layout_keep(struct pn4_client *cl, u32 type_mask);
void pn4_layout_closed(struct pn4_node *node, bool wait);
void pn4_layout_evict(struct pn4_node *node);
void pn4_layouts_lose(struct pn4_client *cl);
int pn4_layouts_test(struct pn4_client *cl);

/* layoutreturn.c */
void pn4_layout_commit_data(struct pn4_node *node);
bool pn4_layout_pending(const struct pn4_node *node);
void pn4_layout_commit(struct pn4_node *node, struct pn4_attr *attr);
bool pn4_layout_lost(const struct pn4_io *io);

/* device.c */
struct pn4_cb_notify_deviceid_args;
void pn4_devices_forget(struct pn4_client *cl, const u8 *id);
void pn4_devices_doubt(struct pn4_client *cl);
u32 pn4_devices_notify(struct pn4_client *cl,
		       struct pn4_cb_notify_deviceid_args *args);

/* callback.c */
u32 pn4_callback(struct prpc_peer *peer, u32 proc, struct pxdr_dec *args,
		 struct pxdr_enc *res);

#endif
