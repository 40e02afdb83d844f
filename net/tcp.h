/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by tcp.c (connection), tcp_tx.c and tcp_rx.c. */
#ifndef PENSTOCK_NET_TCP_H
#define PENSTOCK_NET_TCP_H

#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "transport.h"

/* RFC 5531 section 11 */
#define PTCP_MARK_LAST		0x80000000u
#define PTCP_MARK_LEN		0x7fffffffu

/*
 * Who may send.  Changed under tx.lock.  In BUSY one task owns the socket's
 * sending side and @cur; all others only queue and leave.
 */
enum ptcp_tx_state {
	PTCP_TX_IDLE,
	PTCP_TX_BUSY,
	PTCP_TX_BLOCKED,	/* tx.work will go on */
	PTCP_TX_DEAD,		/* nothing is sent any more */
};

/* A back channel reply: mark, then the record. */
struct ptcp_note {
	struct list_head link;
	u32 len;		/* mark included */
	__be32 data[];
};

/**
 * struct ptcp_tx - sending side
 * @lock: guards @state, @kick, @waiters, the queues and the choice of @call and @note
 * @urgent: short calls, which overtake what is in @calls: a lookup does not wait
 *	for a checkpoint, nor does a READ unless the server has enough of them;
 *	their number is bounded by the session's slots
 * @call, @note: the record being sent, at most one of them; BUSY's, and not
 *	changed by anybody else in that state
 * @kick: the socket got room while somebody was sending
 * @splice: @data's pages go by reference
 * @sent: bytes of it that the socket has taken
 * @head, @data, @tail: what is left of it
 * @handed: calls that the socket has taken; BUSY's
 * @held: how many of the last ones may still wait there, see ptcp_tx_hold(); BUSY's
 * @wait: ptcp_tx_cancel() of the record being sent waits here
 * @waiters: how many do
 */
struct ptcp_tx {
	spinlock_t lock;
	enum ptcp_tx_state state;
	bool kick;
	bool splice;
	struct list_head urgent;
	struct list_head calls;
	struct list_head notes;
	struct prpc_call *call;
	struct ptcp_note *note;
	u32 sent;
	u32 handed;
	u32 held;
	struct iov_iter head;
	struct iov_iter data;
	struct iov_iter tail;
	struct kvec head_vec;
	struct kvec tail_vec[2];
	struct work_struct work;
	wait_queue_head_t wait;
	unsigned int waiters;
	u64 copied;		/* payload bytes that could not be spliced */
};

enum ptcp_rx_mode {
	PTCP_RX_START,		/* xid and direction */
	PTCP_RX_HEAD,		/* to call->reply */
	PTCP_RX_DATA,		/* to call->in */
	PTCP_RX_CALLBACK,	/* to @cb */
	PTCP_RX_SKIP,
};

/**
 * struct ptcp_rx - receiving side, all guarded by the socket lock
 * @mark_got: bytes of the record mark seen; 4: inside a fragment
 * @left: bytes left of the fragment
 * @last: it is the record's last
 * @pos: bytes of the record seen
 * @limit: where the bytes for call->reply end, in HEAD
 * @call: being filled
 * @replies: seen on this connection; the sending side reads it
 */
struct ptcp_rx {
	enum ptcp_rx_mode mode;
	bool last;
	u32 mark_got;
	u32 left;
	u32 pos;
	u32 limit;
	__be32 mark;
	__be32 start[2];
	struct prpc_call *call;
	struct iov_iter iter;
	u8 *cb;
	u32 cb_size;
	u32 replies;
	u64 surplus;		/* bytes of replies that had no place */
};

/* The socket's callbacks before ours. */
struct ptcp_callbacks {
	void (*data_ready)(struct sock *sk);
	void (*write_space)(struct sock *sk);
	void (*state_change)(struct sock *sk);
	void (*error_report)(struct sock *sk);
};

/* Who reads what the socket receives. */
enum ptcp_reader {
	PTCP_READ_RECORDS,	/* sk_data_ready, straight from TCP */
	PTCP_READ_STARTTLS,	/* the task in ->connect, see tls.c */
	PTCP_READ_TLS,		/* tls_work: decrypting sleeps */
};

/*
 * @under: called by ours while TLS is beneath us, restored when we leave
 * @tls_buf: what @tls_work receives into
 * @shaken, @shake_status: the handshake upcall has ended, and how
 * @acked, @heard: the last acknowledgement that @watch saw, and when
 * @received, @answered: the last byte received that it saw, and when
 */
struct ptcp_conn {
	struct prpc_conn conn;
	struct socket *sock;
	enum ptcp_reader reader;
	struct ptcp_callbacks under;
	struct work_struct tls_work;
	struct sk_buff *tls_buf;
	struct completion shaken;
	int shake_status;
	struct ptcp_tx tx;
	struct ptcp_rx rx;
	struct tasklet_struct rx_tasklet;
	struct work_struct rx_work;
	struct delayed_work watch;
	u32 acked;
	unsigned long heard;
	u32 received;
	unsigned long answered;
};

static inline struct ptcp_conn *ptcp_conn(struct prpc_conn *conn)
{
	return container_of(conn, struct ptcp_conn, conn);
}

/* ---- tcp.c ---- */
/* Put our callbacks into the socket, or take them out: after that none runs. */
void ptcp_hook(struct ptcp_conn *c);
void ptcp_unhook(struct ptcp_conn *c);
void ptcp_own_lock(struct sock *sk);

/* ---- tls.c ---- */
#ifdef CONFIG_NET_HANDSHAKE
/*
 * Have the connected socket of @c, which has a file, protected as its peer
 * wants it.  Hooked on entry; on failure perhaps not, and of no use any more.
 * 0, -ESRCH: no tlshd here, -ESOCKTNOSUPPORT: the server has no TLS, -EBADE:
 * one side does not accept the other, -ETIMEDOUT, -ESHUTDOWN or another -errno.
 */
int ptcp_tls_start(struct ptcp_conn *c);
/* Say that nothing follows, so that the server does not suspect a cut. */
void ptcp_tls_farewell(struct ptcp_conn *c);
/* Unhooked: until nothing receives any more.  May sleep. */
void ptcp_tls_stop(struct ptcp_conn *c);
#else
static inline int ptcp_tls_start(struct ptcp_conn *c)
{
	return -EOPNOTSUPP;
}

static inline void ptcp_tls_farewell(struct ptcp_conn *c)
{
}

static inline void ptcp_tls_stop(struct ptcp_conn *c)
{
}
#endif

/* ---- tcp_tx.c ---- */
void ptcp_tx_init(struct ptcp_conn *c);
/* The socket has gone: forget everything. */
void ptcp_tx_stop(struct ptcp_conn *c);
void ptcp_send(struct prpc_conn *conn, struct prpc_call *call);
int ptcp_send_reply(struct prpc_conn *conn, const void *buf, size_t len);
/* Forget @call; true if it was not sent. */
bool ptcp_tx_cancel(struct ptcp_conn *c, struct prpc_call *call);

/* ---- tcp_rx.c ---- */
void ptcp_rx_init(struct ptcp_conn *c);
/* Something has come; records without TLS.  Socket lock held, sk_callback_lock too. */
void ptcp_rx_arrived(struct ptcp_conn *c);
/* Unhooked: until nothing of what was put off runs any more.  May sleep. */
void ptcp_rx_quiesce(struct ptcp_conn *c);
/* Take @left bytes of @skb from @off on.  Socket lock held. */
void ptcp_rx_eat(struct ptcp_conn *c, struct sk_buff *skb, unsigned int off, size_t left);
/* Forget @call.  May sleep. */
void ptcp_rx_cancel(struct ptcp_conn *c, struct prpc_call *call);
void ptcp_rx_stop(struct ptcp_conn *c);

#endif
