/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls and peers: all of net/ that the protocol layer may use.
 *
 * A peer is one server identity with all its addresses.  A call is submitted
 * to a peer, which picks a path, sends it, sends it again on another
 * connection after a loss, and completes it exactly once.
 *
 * Memory rule: from prpc_submit() until @done is called, or until
 * prpc_cancel() has returned true, the call and everything it points at
 * belong to net/ and its transport.  After that nothing below touches them:
 * no copy and no DMA can still arrive in the call's pages.
 */
#ifndef PENSTOCK_RPC_H
#define PENSTOCK_RPC_H

#include <linux/atomic.h>
#include <linux/bvec.h>
#include <linux/cred.h>
#include <linux/key.h>
#include <linux/kobject.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/seq_file.h>
#include <linux/socket.h>
#include <net/net_namespace.h>
#include "xdr.h"

struct prpc_call;
struct prpc_conn;
struct prpc_peer;
struct pgss_call;

#define PRPC_MAX_ADDRS		256
#define PRPC_MAX_RAILS		32
#define PRPC_MAX_PATHS		64
#define PRPC_DEFAULT_PATHS	16
/* Room that prpc_call_init() needs at the start of the call's buffer. */
#define PRPC_HEADER_MAX		256
/* Bytes of an accepted reply with an empty verifier before its results. */
#define PRPC_REPLY_HEAD		24

/* What a payload lies in; see memory.c. */
enum prpc_memory {
	PRPC_MEM_HOST,
	PRPC_MEM_BOUNCE,	/* the same, in place of peer-to-peer memory; counted */
	PRPC_MEM_PEER,		/* some pages are PCI peer-to-peer memory */
	PRPC_MEM_GPU,		/* the pages only stand for a GPU's memory */
};

/**
 * struct prpc_data - payload that never passes through the XDR buffers
 * @bv: pages; borrowed
 * @nr: entries in @bv
 * @skip: bytes of @bv before the payload begins
 * @len: payload bytes; 0 if there is none
 * @memory: PRPC_MEM_PEER and _GPU: the CPU must not touch it, so it is moved by
 *	a device or not at all
 * @gpu: PRPC_MEM_GPU: whose; U32_MAX: not known
 */
struct prpc_data {
	struct bio_vec *bv;
	unsigned int nr;
	u32 skip;
	u32 len;
	enum prpc_memory memory;
	u32 gpu;
};

static inline bool prpc_foreign(const struct prpc_data *data)
{
	return unlikely(data->memory >= PRPC_MEM_PEER);
}

/* prpc_call.flags, set by the caller before submit */
#define PRPC_NO_RESEND		BIT(0)	/* fail with -ENOTCONN after a loss */
#define PRPC_PINNED		BIT(1)	/* only on @conn: greetings, probes */
#define PRPC_PATIENT		BIT(2)	/* an expired ticket is waited for a while */
#define PRPC_DESTROY_GSS	BIT(3)	/* gss.c's own: the context ends with it */
#define PRPC_HOPEFUL		BIT(4)	/* at @deadline it goes on, PRPC_HOPE at most, while the server is heard of */

#define PRPC_HOPE		(60 * HZ)

/* How calls say who they are for; the numbers are RFC 2203's services. */
enum prpc_sec {
	PRPC_SEC_SYS,
	PRPC_SEC_KRB5,
	PRPC_SEC_KRB5I,
	PRPC_SEC_KRB5P,
};

/* What a test may have go wrong with a call (make FAULTS=1). */
enum prpc_fault {
	PRPC_FAULT_NONE,
	PRPC_FAULT_CUT_BEFORE,	/* the connection ends before the call is sent */
	PRPC_FAULT_CUT_HALF,	/* ... when half of it is sent */
	PRPC_FAULT_CUT_AFTER,	/* ... when it is sent: has the server seen it? */
	PRPC_FAULT_CUT_REPLY,	/* ... when its reply begins: the server has done it */
	PRPC_FAULT_DROP,	/* the reply is thrown away */
	PRPC_FAULT_TWICE,	/* the reply is seen twice */
};

/**
 * struct prpc_call - one RPC, embedded in what the protocol layer keeps
 *
 * The first block is set by the caller (prpc_call_init() fills most of it),
 * the second is the result, the third belongs to net/.
 *
 * @enc: writer over the send buffer, placed after the RPC header by
 *	prpc_call_init(); the caller appends the procedure's arguments.
 *	@enc.start is the first byte of the RPC message; the word before it
 *	(the first of the buffer) is the transport's, TCP's record mark
 * @out: payload sent between the bytes before @out_at and the rest of the
 *	message; XDR pad is added by the transport.  @out_at counts from
 *	@enc.start: what pxdr_enc_len() says when the payload's length word
 *	has just been written (a multiple of 4)
 * @reply: buffer for the reply (RPC header included, so at least 24 bytes),
 *	4-byte aligned; what does not fit is dropped
 * @in: pages for reply bytes from offset @in_at on, which lies behind the RPC
 *	header (24 bytes) and within @reply_size.  Only bytes of an accepted,
 *	successful reply with an empty verifier are placed there; at most
 *	@in.len, further bytes are dropped
 * @deadline: jiffies after which the call fails with -ETIMEDOUT; 0: never
 *	(a PRPC_PINNED call gets one of its own then: a greeting must end)
 * @tag: groups calls for prpc_abort()
 * @done: called once, from any context incl. softirq, must not sleep, and
 *	must not submit: transports may hold their send lock
 *
 * @conn: given with PRPC_PINNED; after @done the connection that brought the
 *	reply, for prpc_peer_reset() only: it may be gone
 * @error: 0 if an accepted, successful RPC reply came; -ETIMEDOUT, -ENOTCONN
 *	(PRPC_NO_RESEND/PRPC_PINNED and connection lost), -ESHUTDOWN or the
 *	code of prpc_abort(), -EACCES (RPC auth error, no ticket), -EKEYEXPIRED
 *	(the ticket has expired), -EPROTONOSUPPORT
 *	(program, version or procedure unknown to the server), -EREMOTEIO
 *	(malformed, or the server found the arguments so), -EINVAL (@enc
 *	overflowed, @reply_size or @in_at out of range: a bug above), -ENOBUFS
 *	(more than 16 pinned calls at a time), -EOPNOTSUPP, -EIO (-EREMOTEIO for
 *	peer-to-peer memory): the payload's memory cannot be moved by a device
 * @reply_len: bytes valid in @reply
 * @reply_at: offset in @reply of the procedure's results
 * @in_len: bytes placed into @in
 */
struct prpc_call {
	struct prpc_peer *peer;
	struct prpc_conn *conn;
	void (*done)(struct prpc_call *call);
	struct pxdr_enc enc;
	struct prpc_data out;
	struct prpc_data in;
	u32 out_at;
	u32 in_at;
	void *reply;
	u32 reply_size;
	u32 flags;
	unsigned long deadline;
	const void *tag;

	int error;
	u32 reply_len;
	u32 reply_at;
	u32 in_len;

	u32 xid;
	u32 sends;		/* times handed to a transport */
	int refused;		/* -errno: by prpc_call_refuse() */
	atomic_t state;		/* PRPC_ST_*, see internal.h */
	u32 queued;		/* KiB on its path when it joined, see choose.c */
	bool loaded;		/* counted in its path's load */
	u64 start_ns;		/* first handed to a transport */
	u64 end_ns;		/* its reply was complete */
	struct list_head link;	/* wait list of the peer, or a transport's queue */
	kuid_t uid;		/* whose context @gss is to use */
	u32 proc;
	bool secure;		/* goes with RPCSEC_GSS */
	/*
	 * Protected, so nothing in the message can be placed apart from the rest: an
	 * accepted reply goes to @in from @in_at on as it is.  The pages have room in
	 * front of it for the bytes before @in_at
	 */
	bool sealed;
	u32 verf_len;		/* of a reply with results for @in */
	struct pgss_call *gss;	/* from submit to @done; see gss.h */
	void *priv;		/* the transport's that has the call */
#ifdef PENSTOCK_FAULTS
	enum prpc_fault fault;	/* what is to go wrong, once; see fs/nfs4/fault.c */
#endif
};

/**
 * struct prpc_peer_ops - events, from net/ up to the protocol layer
 * @ready: a new connection is up and used by nobody yet; greet it (calls with
 *	PRPC_PINNED on it), return 0 to let calls flow or -errno to have it
 *	closed and tried again later; -EKEYREJECTED: its other end is somebody
 *	else, look again in a minute.  Process context, may sleep; several
 *	connections may be greeted at a time.
 *	Only pinned calls may be waited for: all others wait for this to end
 * @down: a live connection, the @born-th that was begun, is gone.  Others may be
 *	live.  Process context, briefly: its calls are not sent again before it returns
 * @callback: a call from the server.  @proc of the program given as
 *	prpc_peer_args.cb_prog; decode @args, encode the results into @res,
 *	return an RPC accept_stat (0 = SUCCESS).  Process context, may sleep,
 *	but briefly.
 */
struct prpc_peer_ops {
	int (*ready)(struct prpc_peer *peer, struct prpc_conn *conn);
	void (*down)(struct prpc_peer *peer, u64 born);
	u32 (*callback)(struct prpc_peer *peer, u32 proc, struct pxdr_dec *args,
			struct pxdr_enc *res);
};

/**
 * struct prpc_rail - a local side of connections
 * @name: as given: an interface, an address, or a prefix "ADDRESS/BITS"; empty:
 *	whatever the routing table says
 * @net, @bits: the prefix, if it is one (@net.ss_family is not 0)
 */
struct prpc_rail {
	char name[56];
	struct sockaddr_storage net;
	unsigned int bits;
};

/* How connections are protected (RFC 9289). */
enum prpc_tls_mode {
	PRPC_TLS_NONE,
	PRPC_TLS_SERVER,	/* the server proves who it is: xprtsec=tls */
	PRPC_TLS_MUTUAL,	/* this host, too: xprtsec=mtls */
};

/**
 * struct prpc_tls - what every connection of a peer must have
 * @cert, @privkey: serials of keys that tlshd may read, for PRPC_TLS_MUTUAL;
 *	0: what tlshd is configured with
 */
struct prpc_tls {
	enum prpc_tls_mode mode;
	key_serial_t cert;
	key_serial_t privkey;
};

static inline bool prpc_tls_equal(const struct prpc_tls *a, const struct prpc_tls *b)
{
	return a->mode == b->mode && a->cert == b->cert && a->privkey == b->privkey;
}

/* "none", "tls", "mtls" */
const char *prpc_tls_name(enum prpc_tls_mode mode);

/**
 * struct prpc_peer_args - what a peer is made of
 * @net: network namespace; the peer takes a reference of its own
 * @name: for messages, e.g. the mount's device string; copied
 * @priv: the protocol layer's pointer, prpc_peer_priv()
 * @prog, @vers: RPC program of all calls; @cb_prog: of callbacks (version 1)
 * @addrs: @nr_addrs addresses with ports, in order of preference; copied
 * @names: for each address the name in the server's certificate; copied; NULL
 *	without TLS
 * @tls: of all connections, or the peer is not made
 * @rails: @nr_rails local sides to use; none: see rail.c
 * @max_paths: connections at a time; 0: @budget at most, or if that is 0, too,
 *	PRPC_DEFAULT_PATHS
 * @ident: of this client; decides which paths of many are used; borrowed
 * @max_calls: calls outstanding at a time, at most 4096
 * @proto: transport name, "tcp" or "rdma"
 * @fallback: of paths on which that does not work, once they have; NULL: none.
 *	@fallback_port: of all addresses
 * @spare: its calls can be done elsewhere and are not worth waiting for: its only
 *	path, too, is given up as soon as it falls silent
 * @sec: of all calls with a credential; @server: host name of its Kerberos
 *	principal; copied, NULL with PRPC_SEC_SYS
 */
struct prpc_peer_args {
	struct net *net;
	const char *name;
	const struct prpc_peer_ops *ops;
	void *priv;
	u32 prog;
	u32 vers;
	u32 cb_prog;
	const struct sockaddr_storage *addrs;
	unsigned int nr_addrs;
	const char *const *names;
	struct prpc_tls tls;
	const struct prpc_rail *rails;
	unsigned int nr_rails;
	unsigned int max_paths;
	unsigned int budget;
	const char *ident;
	unsigned int max_calls;
	const char *proto;
	const char *fallback;
	u16 fallback_port;
	bool spare;
	enum prpc_sec sec;
	const char *server;
};

/* ---- rail.c ---- */
/* 0, or -EINVAL if @text is neither an interface's name nor a prefix. */
int prpc_rail_parse(struct prpc_rail *rail, const char *text);

/* ---- peer.c, path.c: peers ---- */
/* Is the transport @name there without loading a module for it? */
bool prpc_transport_loaded(const char *name);
/*
 * ERR_PTR; -ENOPROTOOPT if the transport's module cannot be loaded, -EOPNOTSUPP
 * if it cannot protect connections as wanted.
 */
struct prpc_peer *prpc_peer_create(const struct prpc_peer_args *args);
void *prpc_peer_priv(struct prpc_peer *peer);
/*
 * From here on all paths are used.  Before that there is one connection at a
 * time, to the first address that answers, so that the protocol layer can find
 * out who that is, and judge the others in ->ready.
 */
void prpc_peer_spread(struct prpc_peer *peer);
/*
 * Other addresses, rails or max_paths for a peer that is in use (the rest of
 * @args but names and ident does not count).  What is in both plans goes on
 * undisturbed.  New paths are opened first; old ones then finish their calls, or
 * hand them to others in the same slots.  May sleep, killable.
 * 0; -EADDRNOTAVAIL: that would leave no path; -ENOTCONN: none of the paths
 * that would be left works, though others do: nothing has changed; -ERESTARTSYS.
 */
int prpc_peer_change(struct prpc_peer *peer, const struct prpc_peer_args *args);
/*
 * Have no paths until the next prpc_peer_change(); calls that are under way are given
 * time to end.  Calls wait from then on.  May sleep.
 */
void prpc_peer_clear(struct prpc_peer *peer);
/* Has a connection to @addr been live?  With @name (if not NULL) in its certificate? */
bool prpc_peer_proven(struct prpc_peer *peer, const struct sockaddr_storage *addr,
		      const char *name);
/*
 * The oldest live connection that was begun after the @born-th; NULL: there is none.
 * *@its: it is the how manyth.  It may be gone at any moment: for PRPC_PINNED only.
 * Any context but hard interrupts.
 */
struct prpc_conn *prpc_peer_after(struct prpc_peer *peer, u64 born, u64 *its);
/* Is the @born-th live, or being greeted?  As above. */
bool prpc_peer_has(struct prpc_peer *peer, u64 born);
/* The how manyth @conn is, which may be stale: 0 then.  As above. */
u64 prpc_peer_born(struct prpc_peer *peer, const struct prpc_conn *conn);
/* How many have been begun so far.  As above. */
u64 prpc_peer_births(struct prpc_peer *peer);
/* Make the live connection that has least to do anew; its calls are sent again.  As above. */
void prpc_peer_remake(struct prpc_peer *peer);
/*
 * Make all connections anew, one after the other: with the keys of today.  Calls
 * go on over the others, or wait.  0, -ERESTARTSYS, or -ETIMEDOUT when a path was
 * not live again after @timeout jiffies; the rest is not touched then.
 */
int prpc_peer_renew(struct prpc_peer *peer, long timeout);
/*
 * Wait, killable, for a live connection.  Returns 0, -ERESTARTSYS, -ETIMEDOUT
 * after @timeout jiffies (MAX_SCHEDULE_TIMEOUT: never), or, once each address
 * has failed since the call began, the error of the last one.  Who refuses or
 * resets a connection, as a server that is starting does, is asked again for a
 * second, and each address at least once more within half a minute.
 */
int prpc_peer_wait(struct prpc_peer *peer, long timeout);
/* Why the last connection that was of no use ended, 0 if none has. */
int prpc_peer_error(struct prpc_peer *peer);
/* Is a connection live now?  Any context. */
bool prpc_peer_live(struct prpc_peer *peer);
/*
 * Bytes of payload that are still to come over the live path that has fewest of
 * them to bring; U64_MAX: none is live.  Any context but hard interrupts.
 */
u64 prpc_peer_due(struct prpc_peer *peer);
/* Has the server's machine shown life on one of them lately?  Any context. */
bool prpc_peer_heard(struct prpc_peer *peer);
/*
 * Close @conn and make a new connection; its calls are requeued.  Used when
 * the protocol layer finds a connection useless (back channel gone, say).
 * prpc_conn_reset() only where @conn is known to exist: in ->ready and @done.
 * prpc_peer_reset() takes a pointer that may be stale, e.g. call->conn of a
 * finished call, and does nothing then.  Any context.
 */
void prpc_conn_reset(struct prpc_conn *conn, int error);
void prpc_peer_reset(struct prpc_peer *peer, const struct prpc_conn *conn,
		     int error);
/*
 * Fail every call whose tag is @tag (all if NULL) with @error, now.  May sleep,
 * but not for the network.
 */
void prpc_abort(struct prpc_peer *peer, const void *tag, int error);
/* Likewise every call whose payload is a part of @data. */
void prpc_abort_data(struct prpc_peer *peer, const struct prpc_data *data, int error);
/* Close all, fail what is left with -ESHUTDOWN, wait, free.  May sleep. */
void prpc_peer_destroy(struct prpc_peer *peer);
/*
 * Show the paths of @peer in a directory @name of @parent until it is destroyed.
 * Returns the directory, borrowed; again if it exists already.  ERR_PTR.
 */
struct kobject *prpc_peer_expose(struct prpc_peer *peer, struct kobject *parent,
				 const char *name);
/* Likewise in @upper's directory, if that has one. */
void prpc_peer_expose_below(struct prpc_peer *peer, struct prpc_peer *upper,
			    const char *name);
/* One line per path for mountstats; see Documentation/statistics.rst. */
void prpc_peer_show(struct prpc_peer *peer, struct seq_file *m);
/* In ->ready: */
const struct sockaddr_storage *prpc_conn_addr(const struct prpc_conn *conn);
/* Has an earlier connection on the same path been live? refused? */
bool prpc_conn_proven(const struct prpc_conn *conn);
bool prpc_conn_refused(const struct prpc_conn *conn);

/* ---- memory.c ---- */
/*
 * Set @data->memory and @data->gpu.  @peer: there may be peer-to-peer pages.
 * -EINVAL: a GPU's pages and others.  Process context.
 */
int prpc_data_classify(struct prpc_data *data, bool peer);
/* Does any path of @peer reach such memory?  True while there is no path. */
bool prpc_peer_reaches(struct prpc_peer *peer, enum prpc_memory memory);

/* ---- rpc.c: calls ---- */
/*
 * Prepare @call for procedure @proc with the identity of @cred (NULL: none,
 * AUTH_NONE).  @buf: 4-byte aligned, at least PRPC_HEADER_MAX plus arguments.
 * Clears the call; sets peer, xid, enc.  No reference to @cred is kept.
 * Any context; no failure other than enc.overflow.
 */
void prpc_call_init(struct prpc_call *call, struct prpc_peer *peer, u32 proc,
		    const struct cred *cred, void *buf, u32 size);
/*
 * Hand @call over.  Process context; does not wait for the network: a call
 * that cannot be sent now waits inside.  Always ends in @done.
 */
void prpc_submit(struct prpc_call *call);
/*
 * Take @call back.  True: @done has not been and will not be called, and the
 * memory is the caller's again.  False: @done was or is about to be called.
 * The caller keeps @call's memory while this runs, whatever @done does.
 * May sleep, but not for the network.
 */
bool prpc_cancel(struct prpc_call *call);
/* Reader over the procedure's results of a call whose error is 0. */
static inline void prpc_reply(const struct prpc_call *call, struct pxdr_dec *d)
{
	pxdr_dec_init(d, (const u8 *)call->reply + call->reply_at,
		      call->reply_len - call->reply_at);
}

int prpc_init(void);
void prpc_exit(void);

#endif
