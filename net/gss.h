/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RPCSEC_GSS (RFC 2203): contexts (gss.c) and what they do to a call
 * (gss_call.c).
 */
#ifndef PENSTOCK_GSS_H
#define PENSTOCK_GSS_H

#include <linux/refcount.h>
#include "gss_wire.h"
#include "internal.h"

#define PGSS_VERSION		1
#define PGSS_WINDOW_MAX		512	/* sequence numbers in flight */
#define PGSS_CREDPROBLEM	13
#define PGSS_CTXPROBLEM		14
/* RFC 2203 section 5 */
#define PGSS_DATA		0
#define PGSS_DESTROY		3

enum pgss_state {
	PGSS_PENDING,		/* user space is at it */
	PGSS_READY,
	PGSS_FAILED,		/* @error; asked for again after @until */
};

/**
 * struct pgss_ctx - a context of one user with one server
 *
 * Held by its place in peer->gss, by each call that uses it and by its work.
 * All that changes is guarded by peer->lock; @key to @window are constant once
 * READY.
 *
 * @lock: guards @peer, which is NULL once the peer is being destroyed; outside
 *	peer->lock
 * @until: jiffies; READY: to be renewed after, FAILED: not to be tried before
 * @expires: jiffies
 * @renewing: its successor's work is under way
 * @work_link: peer->upcalls, while @work is under way
 * @old: the context that this one is to replace, or NULL
 * @seq: last sequence number used; @busy: those without an answer, by
 *	their remainder modulo @window: a number may be used when the one that
 *	is a window older is free, so none ever falls out of the server's window
 * @tokens: sequence number of tokens (RFC 4121 section 4.2)
 */
struct pgss_ctx {
	refcount_t ref;
	spinlock_t lock;
	struct prpc_peer *peer;
	struct list_head link;
	kuid_t uid;
	enum pgss_state state;
	int error;
	unsigned long until;
	unsigned long expires;
	bool renewing;
	struct pgss_ctx *old;
	struct list_head work_link;
	struct work_struct work;
	u32 seq;
	DECLARE_BITMAP(busy, PGSS_WINDOW_MAX);
	atomic64_t tokens;

	struct pkrb5 *key;
	u32 window;
	u32 handle_len;
	u8 handle[PGSS_HANDLE_MAX];
	char server[80];
	struct sockaddr_storage addr;
};

/* Pages with their bio_vecs, for what a service keeps apart from the caller's. */
struct pgss_pages {
	struct pkrb5_pages buf;
	struct bio_vec *bv;
	unsigned int nr;
};

/**
 * struct pgss_call - what a call needs besides, from submit to its end
 * @ctx: NULL: not looked for yet
 * @seq: of this try, until it is over; 0: none taken; @used: of the last one
 * @protected: the message and the buffers are made; no reply is taken before
 * @give_up: jiffies until when a patient call waits for a new ticket
 * @start, @args, @args_end, @out .. @in_at: as the caller gave them
 * @head: begin of a protected reply; @wire_in: the rest; @wire_out: sealed call
 */
struct pgss_call {
	struct prpc_call *call;
	struct pgss_ctx *ctx;
	u32 seq;
	u32 used;
	bool protected;
	unsigned int tries;
	unsigned long give_up;
	__be32 *start;
	__be32 *args;
	__be32 *args_end;
	struct prpc_data out;
	struct prpc_data in;
	u32 out_at;
	u32 in_at;
	void *reply;
	u32 reply_size;
	struct pgss_pages wire_out;
	struct pgss_pages wire_in;
	__be32 head[PRPC_REPLY_HEADER / 4];
	struct prpc_path *path;
	struct work_struct work;
};

/* The service of @call; the end of a context has nothing in it to protect. */
static inline enum prpc_sec pgss_service(const struct prpc_call *call)
{
	return call->flags & PRPC_DESTROY_GSS ? PRPC_SEC_KRB5 : call->peer->sec;
}

extern struct workqueue_struct *pgss_wq;

/* ---- gss.c; peer->lock held ---- */
/*
 * A sequence number for @g.  0; -EINPROGRESS: not now, pgss_kick() will be
 * called; or why there will be no context for this user.
 */
int pgss_admit(struct prpc_peer *peer, struct pgss_call *g);
/* @g's sequence number is free again. */
void pgss_release(struct prpc_peer *peer, struct pgss_call *g);
/* The server does not know @ctx any more. */
void pgss_forget(struct prpc_peer *peer, struct pgss_ctx *ctx);
/* Look at the calls that wait for contexts after @delay. */
void pgss_kick(struct prpc_peer *peer, unsigned long delay);
void pgss_ctx_put(struct pgss_ctx *ctx);

/* ---- gss_call.c ---- */
struct pgss_call *pgss_call_new(struct prpc_call *call);
/* Give the caller's buffers back to @call and free @g. */
void pgss_call_free(struct pgss_call *g);
/* Make the message for one try; @g has a sequence number. */
int pgss_protect(struct pgss_call *g);
/* The verifier of an accepted reply that is not protected further. */
int pgss_verify(struct pgss_call *g, struct pxdr_dec *d);
/* A protected reply: 0, the call's reply is plain now; or -errno. */
int pgss_unprotect(struct pgss_call *g);

/* ---- gss_memory.c; all may wait for memory, but to give it back ---- */
/* Room for @size bytes from @skip on.  What the pages hold is undefined. */
void pgss_pages_get(struct pgss_pages *w, u32 skip, u32 size);
void pgss_pages_put(struct pgss_pages *w);
struct pgss_call *pgss_call_alloc(void);
void pgss_call_release(struct pgss_call *g);
void pgss_memory_exit(void);

#endif
