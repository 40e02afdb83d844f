/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between net/ core (rpc.c, path.c) and its transports.
 *
 * The core owns paths, the order of connecting and closing, the xid table and
 * requeueing; a transport only moves records.  A transport is found by name
 * and may be a module ("penstock-NAME").
 */
#ifndef PENSTOCK_TRANSPORT_H
#define PENSTOCK_TRANSPORT_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/module.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "rpc.h"

struct prpc_path;

/**
 * struct prpc_transport_ops - one kind of connection
 * @name: "tcp", "rdma"
 * @owner: module, held while a connection exists
 * @can_tls: @connect heeds @conn->tls and fails unless it can have it
 * @conn_size: bytes of the transport's connection struct, which begins with
 *	struct prpc_conn; allocated zeroed and freed by the core
 * @connect: connect to @conn->addr, wait at most @timeout_ms (a TLS handshake
 *	has a limit of its own on top).  Process context.  Gives up early (-ESHUTDOWN) once prpc_conn_closing().
 *	On failure everything it made is gone again.
 * @send: queue @call on @conn and send as much as goes without waiting.
 *	Process context, may take locks that sleep.  The transport may touch
 *	the call until it has called both prpc_call_sent() and
 *	prpc_call_complete(), in either order, or until @cancel or @close has
 *	returned.  Failure is reported by prpc_conn_down(), not here.
 * @send_reply: send one back channel reply record of @len bytes (copied).
 * @cancel: forget @call: on return the transport holds no pointer to it or
 *	its pages and will not complete it.  A record that is partly sent
 *	breaks the connection (prpc_conn_down()).  May sleep.  Returns true if
 *	prpc_call_sent() is now not going to be called for it, false if it
 *	was called, or if @send has not seen the call yet.
 * @close: stop receiving and sending, wait for callbacks in flight.  On return
 *	no call is touched any more and prpc_call_complete() will not be called
 *	for this connection: its calls can go elsewhere.  May sleep.
 * @release: after @close, give back what takes a device as long as it likes.
 *	The path's next connections may be made and closed meanwhile.  May sleep.
 *	NULL: @close leaves nothing
 * @show: add transport figures to the path's line
 * @heard: jiffies of the last sign of life of the other side's machine (an
 *	acknowledgement will do, it need not answer calls), or now if there can
 *	be none at present.  Under the core's lock while @conn is live: takes no
 *	lock, does not sleep.  NULL: the transport alone finds dead connections
 * @rank: how far is the memory of @data, PRPC_MEM_PEER or _GPU?  Lower is
 *	nearer, -errno: out of reach.  Under the core's lock, as @heard.  NULL:
 *	only memory that the CPU can copy
 */
struct prpc_transport_ops {
	const char *name;
	struct module *owner;
	bool can_tls;
	size_t conn_size;
	int (*connect)(struct prpc_conn *conn, unsigned int timeout_ms);
	void (*send)(struct prpc_conn *conn, struct prpc_call *call);
	int (*send_reply)(struct prpc_conn *conn, const void *buf, size_t len);
	bool (*cancel)(struct prpc_conn *conn, struct prpc_call *call);
	void (*close)(struct prpc_conn *conn);
	void (*release)(struct prpc_conn *conn);
	void (*show)(struct prpc_conn *conn, struct seq_file *m);
	unsigned long (*heard)(struct prpc_conn *conn);
	int (*rank)(struct prpc_conn *conn, const struct prpc_data *data);
};

/**
 * struct prpc_gpu_ops - who knows a GPU's pages
 * @owner: held while a function runs
 * @mine: does @page stand for GPU memory?  @index: of which GPU, or U32_MAX
 */
struct prpc_gpu_ops {
	struct module *owner;
	bool (*mine)(struct page *page);
	u32 (*index)(struct page *page);
};

/* prpc_conn.flags */
#define PRPC_CONN_DOWN		0	/* failed or reset: choose it no more */
#define PRPC_CONN_CLOSING	1	/* no new users; the core is closing it */
#define PRPC_CONN_OPEN		2	/* ops->connect has succeeded */

/**
 * struct prpc_conn - one connection, embedded first in the transport's own
 * @path: owner; the connection holds no reference on it, it cannot outlive it
 * @addr: remote address and port
 * @local: source address to use; its family is 0 if any will do
 * @ifindex: interface to go through; 0 if any will do
 * @node: NUMA node of the device that it goes through, NUMA_NO_NODE: unknown.
 *	When it has connected, the transport sets it, and what any would do for
 * @net: borrowed from the peer
 * @tls: borrowed from the peer
 * @server: the name that the server's certificate must bear; the path's
 * @error: first reason for going down
 * @born: how many the peer had begun, with this one
 * @useful: has completed a call that was not pinned to it
 * @users: tasks inside @ops (send, cancel, send_reply, show), plus one until
 *	the core closes the connection
 * @idle: the last user has left, @ops->close may run
 * @wait: a transport's connect waits here; woken when PRPC_CONN_CLOSING is set
 * @ref: callbacks in work queues hold one, and so does @release_work
 */
struct prpc_conn {
	struct prpc_path *path;
	const struct prpc_transport_ops *ops;
	struct sockaddr_storage addr;
	struct sockaddr_storage local;
	int ifindex;
	int node;
	struct net *net;
	const struct prpc_tls *tls;
	const char *server;
	unsigned long flags;
	int error;
	u64 born;
	bool useful;
	atomic_t users;
	struct completion idle;
	wait_queue_head_t wait;
	struct kref ref;
	struct work_struct release_work;
};

/* For a transport's sending: reclaim-safe, exists while a connection does. */
extern struct workqueue_struct *prpc_io_wq;

/* What a transport calls.  All but register may be called from softirq. */

/*
 * A reply record with @xid has begun.  Returns the call to fill (reply, in)
 * or NULL if there is none, when the record is to be skipped.  The transport
 * serializes begin .. complete per connection.
 */
struct prpc_call *prpc_reply_begin(struct prpc_conn *conn, u32 xid);
/*
 * The reply is in @call->reply, reply_len and in_len set, and the receiving
 * side forgets @call.  Calls done, unless the sending side is still at it.
 */
void prpc_call_complete(struct prpc_conn *conn, struct prpc_call *call);
/*
 * The sending side forgets @call: once for each @send.  Calls done if the
 * reply has come already (it can come before the send function returns).
 */
void prpc_call_sent(struct prpc_conn *conn, struct prpc_call *call);
/* A call record from the server; @msg is copied.  -ENOMEM drops it. */
int prpc_callback_in(struct prpc_conn *conn, const void *msg, size_t len);
/* The connection failed (keeps the first error); the core will close it. */
void prpc_conn_down(struct prpc_conn *conn, int error);
/*
 * Is anybody waiting for an answer on @conn?  Looks at every call of the peer:
 * for a watchdog, not for each call.
 */
bool prpc_conn_waited_for(struct prpc_conn *conn);
/*
 * Bytes that @conn's server has still to bring, of calls sent or not.  Looks
 * without the lock: a moment old.
 */
u64 prpc_conn_due(const struct prpc_conn *conn);
/*
 * @call's payload is memory that only a device may touch, and it cannot: the
 * call, which the transport completes, ends with @error.
 */
void prpc_call_refuse(struct prpc_conn *conn, struct prpc_call *call, int error);
/* Is the core closing this connection? */
static inline bool prpc_conn_closing(const struct prpc_conn *conn)
{
	return test_bit(PRPC_CONN_CLOSING, &conn->flags);
}
/* Counters, kept per path and CPU. */
void prpc_conn_count(struct prpc_conn *conn, u64 bytes_out, u64 bytes_in);
/*
 * Is @error, of a handshake, news to the path?  So that a server that is asked
 * again and again is complained of once.  0: it works.
 */
bool prpc_conn_tls_news(struct prpc_conn *conn, int error);
/* Connections of its path that failed since one was useful; -1: none ever was. */
int prpc_conn_failed(const struct prpc_conn *conn);
/* RPC program and version of the peer. */
void prpc_conn_prog(const struct prpc_conn *conn, u32 *prog, u32 *vers);
/* Name of the peer, for messages. */
const char *prpc_conn_name(const struct prpc_conn *conn);

/* One at a time: -EBUSY.  After unregister has returned nothing calls @ops. */
int prpc_gpu_register(const struct prpc_gpu_ops *ops);
void prpc_gpu_unregister(void);
/* NULL: none.  Its module stays until _put.  Any context. */
const struct prpc_gpu_ops *prpc_gpu_get(void);
void prpc_gpu_put(const struct prpc_gpu_ops *ops);

int prpc_transport_register(const struct prpc_transport_ops *ops);
void prpc_transport_unregister(const struct prpc_transport_ops *ops);

#endif
