/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RDMA connections (RPC-over-RDMA version 1, RFC 8166): structs shared by the
 * files of penstock_rdma.ko.
 *
 * The safety rule: when prpc_call_complete() has been called for a call, or
 * cancel or close has returned, the peer can no longer write into its pages.
 * A region is given back only when the peer has invalidated it itself, when our
 * LOCAL_INV has completed, or when the queue pair is drained.  Failed work
 * requests prove nothing: they only bring the connection down, and what they
 * belonged to is looked at again after the drain.
 */
#ifndef PENSTOCK_RDMA_H
#define PENSTOCK_RDMA_H

#include <linux/scatterlist.h>
#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>
#include "../internal.h"
#include "header.h"

/* Bytes that we take, and send if the server takes them, in one message. */
#define PRDMA_INLINE		4096u
/* Calls outstanding at most; so many credits are asked for. */
#define PRDMA_CREDITS_MAX	128u
/* Calls that a new connection is made for, before the server grants more. */
#define PRDMA_CREDITS_MIN	16u
/* Calls that the server may have outstanding (RFC 8167 section 4.2). */
#define PRDMA_CALLBACKS		8u
/* Receives are given back to the device in bunches. */
#define PRDMA_RECV_BUNCH	8u
#define PRDMA_RECVS_MAX		(PRDMA_CREDITS_MAX + PRDMA_CALLBACKS + PRDMA_RECV_BUNCH)
/* One Send in so many work requests is signalled. */
#define PRDMA_SIGNAL_EVERY	16
/*
 * Send queue: for each call a registration, a Send and an invalidation, once
 * the worst call, and what is there but not known to be done.
 */
#define PRDMA_SQ_DEPTH		(PRDMA_CREDITS_MAX * 3 + 2 * PRDMA_SEGS_MAX + \
				 4 * PRDMA_SIGNAL_EVERY + PRDMA_CALLBACKS + 2)
#define PRDMA_SQ_MIN		(4 * PRDMA_SEGS_MAX + 4 * PRDMA_SIGNAL_EVERY)
/* Header with the message's head, payload, pad with the message's tail. */
#define PRDMA_SGES		8u
/* Pages of one region: 1 MiB that begins anywhere. */
#define PRDMA_REGION_PAGES	(SZ_1M / PAGE_SIZE + 1)

struct prdma_conn;
struct prdma_req;

/**
 * struct prdma_mapper - DMA addresses of pages that stand for a GPU's memory
 * @gpu: recognises them
 * @rank: how far is the device from GPU @gpu?  Lower is nearer; -errno: cannot
 *	reach any.  Does not sleep
 * @map: as ib_dma_map_sgtable_attrs(); each entry is one page or a part of it.
 *	Process context.  0 or -errno; nothing is mapped then
 * @unmap: process context
 */
struct prdma_mapper {
	struct prpc_gpu_ops gpu;
	int (*rank)(struct ib_device *dev, u32 gpu);
	int (*map)(struct ib_device *dev, struct sg_table *sgt,
		   enum dma_data_direction dir);
	void (*unmap)(struct ib_device *dev, struct sg_table *sgt,
		      enum dma_data_direction dir);
};

/**
 * struct prdma_mr - a memory region, registered anew for each call
 * @link: on prdma_conn.mrs, while no call has it
 * @all: on prdma_conn.all_mrs
 * @req: user of it
 * @sgt: @sg, with as many entries as are filled
 * @mapper: has mapped it, and is held for it; NULL: the kernel
 * @mapped: for DMA
 * @valid: the peer may be able to use it.  Set before the registration is
 *	posted; cleared when it is known to be gone
 * @reg, @inv: never needed at the same time
 */
struct prdma_mr {
	struct list_head link;
	struct list_head all;
	struct prdma_req *req;
	struct ib_mr *mr;
	struct sg_table sgt;
	struct scatterlist *sg;
	enum dma_data_direction dir;
	const struct prdma_mapper *mapper;
	bool mapped;
	bool valid;
	struct ib_cqe cqe;
	union {
		struct ib_reg_wr reg;
		struct ib_send_wr inv;
	};
#ifdef PENSTOCK_AUDIT
	const struct prpc_call *call;
#endif
};

/**
 * struct prdma_rep - a receive buffer and, once filled, what is in it
 * @link: on prdma_conn.spare
 * @invalidated: the device has made @rkey invalid with it
 */
struct prdma_rep {
	struct list_head link;
	struct list_head all;
	struct ib_cqe cqe;
	struct ib_recv_wr wr;
	struct ib_sge sge;
	void *buf;
	bool invalidated;
	u32 rkey;
	struct prdma_message msg;
};

/*
 * What becomes of a request; changed under prdma_conn.lock.
 *
 *	FREE -> BUILDING -> POSTED -> REPLIED -> FINISHING -> FREE
 *	            v          v         v
 *	          EARLY     CANCELLED <--'	-> ORPHAN -> FREE
 */
enum prdma_req_state {
	PRDMA_FREE,
	PRDMA_BUILDING,		/* its task is making and posting it */
	PRDMA_EARLY,		/* BUILDING, and the reply is there: the task sees to it */
	PRDMA_POSTED,		/* the server has it */
	PRDMA_REPLIED,		/* @rep is there, regions are being invalidated */
	PRDMA_FINISHING,	/* they are; the call is being completed */
	PRDMA_CANCELLED,	/* its call is being taken away */
	PRDMA_ORPHAN,		/* and gone, but the reply may still come */
};

/**
 * struct prdma_req - room for one call; made once, used again and again
 * @link: on prdma_conn.free
 * @call: NULL once it is completed or cancelled
 * @xid: of the call
 * @mr: the region that it always has; others come from the pool
 * @mrs: @nr_mrs regions of the call in the order of @segs
 * @rep: the reply
 * @bounce: stands in for pages that cannot be registered as they are
 * @send_pending: the Send is signalled and has not completed
 * @unsent: the call whose pages are in @sge[1..@nr_payload]: they, and
 *	prpc_call_sent(), are the Send's until it completes
 * @slots: send queue entries that go back when the Send completes
 * @inv_slots: likewise for the last LOCAL_INV, or reserved for it
 * @fenced: CANCELLED: its regions are invalid
 * @answered: CANCELLED: no reply will come any more
 */
struct prdma_req {
	struct list_head link;
	struct list_head all;
	struct prdma_conn *c;
	struct prpc_call *call;
	struct prpc_call *unsent;
	enum prdma_req_state state;
	u32 xid;
	u32 nr_mrs;
	bool send_pending;
	bool fenced;
	bool answered;
	u32 nr_payload;
	u32 slots;
	u32 inv_slots;
	struct prdma_rep *rep;
	struct prdma_mr *mr;
	struct prdma_mr *mrs[PRDMA_SEGS_MAX];
	struct prdma_seg segs[PRDMA_SEGS_MAX];
	struct prdma_call_header h;
	struct ib_send_wr send;
	struct ib_sge sge[PRDMA_SGES];
	struct ib_cqe cqe;
	void *buf;
	u64 dma;
	void *bounce;
	struct work_struct work;
};

/* Where a protected reply comes to lie when the device places it. */
static inline struct prpc_data prdma_sealed_reply(const struct prpc_call *call)
{
	struct prpc_data whole = call->in;

	whole.skip -= call->in_at;
	whole.len += call->in_at;
	return whole;
}

/* An answer to the server, or room for one. */
struct prdma_note {
	struct list_head link;
	struct ib_send_wr send;
	struct ib_sge sge;
	struct ib_cqe cqe;
	void *buf;
	u64 dma;
};

/**
 * struct prdma_counts - for ops->show; guarded by prdma_conn.lock
 * @placed_in, @placed_out: payload bytes moved by the device
 * @inlined_in: payload bytes copied out of a receive buffer
 * @inlined_out: sent inline, from where they are
 * @bounced: payload bytes copied because of their layout
 */
struct prdma_counts {
	u64 placed_in;
	u64 placed_out;
	u64 inlined_in;
	u64 inlined_out;
	u64 bounced;
	u64 regs;
	u64 local_inv;
	u64 remote_inv;
	u64 reply_chunks;
	u64 long_calls;
	u64 waits;
	u64 probes;
	u64 bad;
};

/**
 * struct prdma_conn - one connection
 * @lock: guards the lists, states of requests, credits and counts.  Outside
 *	prpc_peer.lock; taken in softirq
 * @grant: calls that the server allows
 * @busy: requests that it may have
 * @nr_reqs: requests that exist
 * @wanted: how many there should be
 * @nr_shared: regions beside those that they have
 * @stopped: nothing is sent any more
 * @sq_room: send queue entries nobody has reserved
 * @sq_quiet: entries posted whose completion nobody will report
 * @qp: what @id has; @pd: our own: a region is reachable through this connection only
 * @inline_send, @inline_recv: longest message each way, as agreed
 * @region_pages: of one region
 * @reaches_peer: the device can move PCI peer-to-peer memory
 * @drain_mutex: one drain at a time: each takes a place in both queues
 * @cm_step: connecting: the last event that was good; @cm_error: or the error
 * @heard: when the peer last gave a sign of life
 * @answered: when it last sent a message, or nobody waited for one; @begun: it
 *	has sent one
 * @probing: a probe is under way; @probed: since when
 */
struct prdma_conn {
	struct prpc_conn conn;
	spinlock_t lock;
	struct list_head waiting;
	struct list_head free;
	struct list_head mrs;
	struct list_head spare;
	struct list_head notes;
	u32 nr_spare;
	u32 grant;
	u32 busy;
	u32 nr_reqs;
	u32 wanted;
	u32 nr_shared;
	bool stopped;
	unsigned long heard;
	unsigned long answered;
	bool begun;
	struct prdma_counts n;
	atomic_t sq_room;
	atomic_t sq_quiet;
	struct ib_qp *qp;
	u32 inline_send;
	u32 inline_recv;
	u32 region_pages;
	u32 max_sge;
	struct delayed_work send_work;
	/* cold from here on */
	struct rdma_cm_id *id;
	struct ib_device *dev;
	struct ib_pd *pd;
	struct ib_cq *cq;
	u32 nr_cqe;
	u32 sq_depth;
	enum ib_mr_type mr_type;
	bool remote_inv;
	bool reaches_peer;
	struct list_head reqs;
	struct list_head reps;
	struct list_head all_mrs;
	struct work_struct grow_work;
	struct mutex drain_mutex;
	int cm_step;
	int cm_error;
	struct delayed_work watch;
	unsigned long probed;
	bool probing;
	struct ib_cqe probe_cqe;
	struct prdma_note note_room[PRDMA_CALLBACKS];
};

static inline struct prdma_conn *prdma_conn(struct prpc_conn *conn)
{
	return container_of(conn, struct prdma_conn, conn);
}

/* ---- conn.c ---- */
extern const struct prpc_transport_ops prdma_ops;
/* The connection is of no use any more: tell the core, and who waits for it. */
void prdma_down(struct prdma_conn *c, int error);
/* The same for a server that breaks the protocol: @what has it sent? */
void prdma_bad(struct prdma_conn *c, const char *what);
/* A work request has failed. */
void prdma_wc_failed(struct prdma_conn *c, const struct ib_wc *wc);
/*
 * On return the queue pair is in error, and nothing that was posted before is
 * under way.  May sleep.
 */
void prdma_drain(struct prdma_conn *c);

/* ---- mr.c ---- */
struct prdma_mr *prdma_mr_create(struct prdma_conn *c);
void prdma_mr_destroy(struct prdma_conn *c, struct prdma_mr *mr);
/*
 * Add regions for @data, or for @len bytes of kernel memory at @buf, to @r;
 * @chunk gets their segments.  Process context.  -EAGAIN: no region is free now;
 * -E2BIG: too many pieces; -EIO, -EREMOTEIO: cannot be mapped.  Then what was added remains,
 * for prdma_unmap().
 */
int prdma_map_data(struct prdma_req *r, const struct prpc_data *data,
		   enum dma_data_direction dir, struct prdma_chunk *chunk);
int prdma_map_buf(struct prdma_req *r, void *buf, u32 len,
		  enum dma_data_direction dir, struct prdma_chunk *chunk);
/* The payload as it is into @r->sge[1..]; -E2BIG if it is in too many pieces. */
int prdma_map_payload(struct prdma_req *r, const struct prpc_data *data, u32 room);
void prdma_unmap_payload(struct prdma_req *r);
/* No region is valid: unmap them all.  @r keeps them. */
void prdma_unmap(struct prdma_req *r);
/* Must prdma_unmap() sleep? */
bool prdma_unmap_sleeps(const struct prdma_req *r);
/* Give all regions but its own back to the pool.  c->lock held. */
void prdma_put_mrs(struct prdma_req *r);
int prdma_rank(struct prpc_conn *conn, const struct prpc_data *data);
/* The peer says that it has invalidated @rkey; false: it is none of @r's. */
bool prdma_remote_invalidated(struct prdma_req *r, u32 rkey);
bool prdma_any_valid(const struct prdma_req *r);
/*
 * Invalidate what is valid; the last one's completion calls @done.  -errno: the
 * connection is down.
 */
int prdma_invalidate(struct prdma_req *r,
		     void (*done)(struct ib_cq *cq, struct ib_wc *wc));
/* The connection's own buffers, mapped for as long as they live. */
int prdma_buf_create(struct prdma_conn *c, void **buf, u64 *dma,
		     enum dma_data_direction dir);
void prdma_buf_destroy(struct prdma_conn *c, void *buf, u64 dma,
		       enum dma_data_direction dir);
/* One mapper at a time; NULL: none.  -EBUSY if there is one. */
int prdma_set_mapper(const struct prdma_mapper *mapper);
/* Can @dev move PCI peer-to-peer memory? */
bool prdma_reaches_peer(struct ib_device *dev);

/* ---- build.c ---- */
/*
 * Make the message of @r->call, and regions for what does not go inline, and
 * reserve room in the send queue for all of it.  0, -EAGAIN: try again later,
 * or another -errno: it can never be sent.
 */
int prdma_build(struct prdma_req *r);
void prdma_bounce_free(struct prdma_req *r);

/* ---- io.c ---- */
void prdma_io_init(struct prdma_conn *c);
void prdma_req_init(struct prdma_req *r);
bool prdma_sq_get(struct prdma_conn *c, u32 n);
void prdma_sq_put(struct prdma_conn *c, u32 n);
void prdma_send(struct prpc_conn *conn, struct prpc_call *call);
bool prdma_cancel(struct prpc_conn *conn, struct prpc_call *call);
/* @r has its reply: make its regions invalid, then complete the call. */
void prdma_fence(struct prdma_req *r);
/*
 * The reply has come, or nothing was sent.  True if others may go on now.
 * c->lock held.
 */
bool prdma_req_put(struct prdma_req *r);
/* Calls that waited may be sent. */
void prdma_go_on(struct prdma_conn *c);
/* Nobody sends any more, and the queue pair is drained: forget all calls. */
void prdma_io_stop(struct prdma_conn *c);

/* ---- pool.c ---- */
/* Make requests, regions and receives until @want calls can be outstanding. */
int prdma_grow(struct prdma_conn *c, u32 want);
void prdma_pool_destroy(struct prdma_conn *c);

/* ---- note.c ---- */
int prdma_notes_create(struct prdma_conn *c);
void prdma_notes_destroy(struct prdma_conn *c);
int prdma_send_reply(struct prpc_conn *conn, const void *buf, size_t len);

/* ---- reply.c ---- */
void prdma_recv_done(struct ib_cq *cq, struct ib_wc *wc);
/* A request has its reply, and nobody else is at it. */
void prdma_replied(struct prdma_req *r);
/* Give @rep and others back to the device. */
void prdma_rep_put(struct prdma_conn *c, struct prdma_rep *rep);
/* Fill @call's results from the reply in @r; its memory is ours again. */
void prdma_reply_fill(struct prdma_req *r, struct prpc_call *call);

#endif
