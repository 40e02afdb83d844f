// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving over TCP: record marking (RFC 5531 section 11), and the bytes of a
 * reply straight to where they belong.
 *
 * Runs in sk_data_ready, so in softirq or in whatever task releases the socket
 * lock, even one that is inside sendmsg for this very connection.  Hence: no
 * sleeping, and neither tx.lock nor the socket lock may be taken here.  With TLS
 * it runs in a work item, see tls.c, which changes none of that.
 *
 * In the middle of a large reply it waits for the end of the softirq round that
 * brings the segments (a tasklet): TCP acknowledges whenever something has been read,
 * and each acknowledgement costs both ends.
 *
 * Everything read here is hostile.  Each step consumes at least one byte or
 * fails the connection; what is copied is limited by the call's own sizes.
 */
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/sock.h>
#include <net/tcp.h>
#include "internal.h"
#include "tcp.h"

/* The largest reply worth listening to: 4 MiB of data and the words around. */
#define PTCP_RECORD_MAX		((4u << 20) + (64u << 10))
#define PTCP_CALLBACK_MIN	1024u
#define PTCP_CALLBACK_MAX	(64u << 10)

/* call->reply is filled up to the limit: what comes next? */
static void ptcp_rx_head_done(struct ptcp_rx *rx)
{
	struct prpc_call *call = rx->call;
	struct prpc_data *in = &call->in;

	if (in->len && rx->limit == call->in_at &&
	    prpc_reply_plain(call, call->reply)) {
		prpc_data_iter(&rx->iter, ITER_DEST, in, in->len);
		rx->mode = PTCP_RX_DATA;
	} else if (rx->limit < call->reply_size) {
		rx->limit = call->reply_size;
	} else {
		rx->mode = PTCP_RX_SKIP;
	}
}

/* The first two words are there. */
static int ptcp_rx_started(struct ptcp_conn *c)
{
	u32 xid = be32_to_cpu(c->rx.start[0]);
	struct ptcp_rx *rx = &c->rx;
	struct prpc_call *call;

	switch (be32_to_cpu(rx->start[1])) {
	case RPC5531_CALL:
		rx->mode = PTCP_RX_CALLBACK;
		if (rx->cb_size < PTCP_CALLBACK_MIN) {
			rx->cb = kmalloc(PTCP_CALLBACK_MIN, GFP_ATOMIC | __GFP_NOWARN);
			rx->cb_size = rx->cb ? PTCP_CALLBACK_MIN : 0;
		}
		if (rx->cb)
			memcpy(rx->cb, rx->start, sizeof(rx->start));
		else
			rx->mode = PTCP_RX_SKIP;
		return 0;
	case RPC5531_REPLY:
		WRITE_ONCE(rx->replies, rx->replies + 1);
		break;
	default:
		return -EREMOTEIO;
	}
	call = prpc_reply_begin(&c->conn, xid);
	rx->call = call;
	if (!call) {
		rx->mode = PTCP_RX_SKIP;
		return 0;
	}
	memcpy(call->reply, rx->start, sizeof(rx->start));
	call->reply_len = sizeof(rx->start);
	rx->limit = call->in.len ? call->in_at : call->reply_size;
	rx->mode = PTCP_RX_HEAD;
	return prpc_fault(call, PRPC_FAULT_CUT_REPLY) ? -ECONNRESET : 0;
}

/* Room for one more byte of a callback; the server decides how many. */
static bool ptcp_rx_cb_room(struct ptcp_rx *rx)
{
	u32 size = rx->cb_size * 2;
	u8 *cb;

	if (rx->pos < rx->cb_size)
		return true;
	if (size > PTCP_CALLBACK_MAX)
		return false;
	cb = krealloc(rx->cb, size, GFP_ATOMIC | __GFP_NOWARN);
	if (!cb)
		return false;
	rx->cb = cb;
	rx->cb_size = size;
	return true;
}

static void ptcp_rx_record_end(struct ptcp_conn *c)
{
	struct ptcp_rx *rx = &c->rx;
	struct prpc_call *call = rx->call;
	bool twice;
	u32 xid;

	prpc_conn_count(&c->conn, 0, (u64)rx->pos + sizeof(rx->mark));
	if (rx->mode == PTCP_RX_CALLBACK)
		prpc_callback_in(&c->conn, rx->cb, rx->pos);
	rx->call = NULL;
	rx->mode = PTCP_RX_START;
	rx->pos = 0;
	if (!call)
		return;
	xid = call->xid;
	twice = prpc_fault(call, PRPC_FAULT_TWICE);
	prpc_call_complete(&c->conn, call);
	if (twice)
		WARN_ON_ONCE(prpc_reply_begin(&c->conn, xid));
}

static int ptcp_rx_mark(struct ptcp_conn *c, struct sk_buff *skb,
			unsigned int off, size_t len)
{
	struct ptcp_rx *rx = &c->rx;
	u32 n = min_t(size_t, len, sizeof(rx->mark) - rx->mark_got);
	u32 mark;

	if (skb_copy_bits(skb, off, (u8 *)&rx->mark + rx->mark_got, n))
		return -EREMOTEIO;
	rx->mark_got += n;
	if (rx->mark_got < sizeof(rx->mark))
		return n;
	mark = be32_to_cpu(rx->mark);
	rx->last = mark & PTCP_MARK_LAST;
	rx->left = mark & PTCP_MARK_LEN;
	if (rx->left > PTCP_RECORD_MAX - rx->pos)
		return -EREMOTEIO;
	return n;
}

/*
 * To where the data belong.  skb_copy_datagram_iter() would do, but looks at each
 * page as if it went to user space, which takes as long as half of the copying.
 */
static int ptcp_rx_copy(struct ptcp_rx *rx, struct sk_buff *skb, unsigned int off,
			u32 len)
{
	struct skb_seq_state st;
	unsigned int n;
	const u8 *from;
	u32 done = 0;

	skb_prepare_seq_read(skb, off, off + len, &st);
	while ((n = skb_seq_read(done, &from, &st))) {
		n = min(n, len - done);
		if (_copy_to_iter(from, n, &rx->iter) != n) {
			skb_abort_seq_read(&st);
			return -EREMOTEIO;
		}
		done += n;
	}
	return done == len ? 0 : -EREMOTEIO;
}

/* Bytes inside a fragment: as many of @len as the mode takes at once. */
static int ptcp_rx_bytes(struct ptcp_conn *c, struct sk_buff *skb,
			 unsigned int off, u32 len)
{
	struct ptcp_rx *rx = &c->rx;
	struct prpc_call *call = rx->call;
	u32 n = len;

	switch (rx->mode) {
	case PTCP_RX_START:
		n = min_t(u32, n, sizeof(rx->start) - rx->pos);
		if (skb_copy_bits(skb, off, (u8 *)rx->start + rx->pos, n))
			return -EREMOTEIO;
		if (rx->pos + n == sizeof(rx->start) && ptcp_rx_started(c))
			return -EREMOTEIO;
		break;
	case PTCP_RX_HEAD:
		n = min(n, rx->limit - rx->pos);
		if (skb_copy_bits(skb, off, (u8 *)call->reply + rx->pos, n))
			return -EREMOTEIO;
		call->reply_len += n;
		if (call->reply_len == rx->limit)
			ptcp_rx_head_done(rx);
		break;
	case PTCP_RX_DATA:
		n = min_t(size_t, n, iov_iter_count(&rx->iter));
		if (ptcp_rx_copy(rx, skb, off, n))
			return -EREMOTEIO;
		call->in_len += n;
		if (!iov_iter_count(&rx->iter))
			rx->mode = PTCP_RX_SKIP;
		break;
	case PTCP_RX_CALLBACK:
		if (!ptcp_rx_cb_room(rx)) {
			rx->mode = PTCP_RX_SKIP;
			break;
		}
		n = min(n, rx->cb_size - rx->pos);
		if (skb_copy_bits(skb, off, rx->cb + rx->pos, n))
			return -EREMOTEIO;
		break;
	case PTCP_RX_SKIP:
		if (call)
			rx->surplus += n;
		break;
	}
	return n;
}

/* One step; returns the number of bytes eaten, at least 1, or -errno. */
static int ptcp_rx_step(struct ptcp_conn *c, struct sk_buff *skb,
			unsigned int off, size_t len)
{
	struct ptcp_rx *rx = &c->rx;
	int n;

	if (rx->mark_got < sizeof(rx->mark)) {
		n = ptcp_rx_mark(c, skb, off, len);
		if (n < 0 || rx->mark_got < sizeof(rx->mark))
			return n;
	} else {
		n = ptcp_rx_bytes(c, skb, off, min_t(size_t, len, rx->left));
		if (n < 0)
			return n;
		rx->left -= n;
		rx->pos += n;
	}
	if (rx->left)
		return n;
	rx->mark_got = 0;
	if (!rx->last)
		return n;
	if (rx->mode == PTCP_RX_START)
		return -EREMOTEIO;	/* no record is that short */
	ptcp_rx_record_end(c);
	return n;
}

/*
 * After a failure the rest of the stream means nothing; eat it.
 *
 * With TLS this is a task that owns the socket.  Those who are told of an answer
 * may send at once where they find that they may (pn4_close_start()), which would
 * wait for the socket for ever: bottom halves off, they leave it to a work item,
 * as they do in softirq.
 */
void ptcp_rx_eat(struct ptcp_conn *c, struct sk_buff *skb, unsigned int off, size_t left)
{
	int n;

	local_bh_disable();
	while (left && !test_bit(PRPC_CONN_DOWN, &c->conn.flags)) {
		n = ptcp_rx_step(c, skb, off, left);
		if (n < 0) {
			prpc_conn_down(&c->conn, n);
			break;
		}
		off += n;
		left -= n;
	}
	local_bh_enable();
}

static int ptcp_rx_actor(read_descriptor_t *desc, struct sk_buff *skb,
			 unsigned int off, size_t len)
{
	ptcp_rx_eat(desc->arg.data, skb, off, len);
	return len;
}

/* Socket lock held. */
static void ptcp_rx_take(struct ptcp_conn *c)
{
	read_descriptor_t desc = { .arg.data = c, .count = 1 };
	struct sock *sk = c->sock->sk;

	tcp_read_sock(sk, &desc, ptcp_rx_actor);
	/* here, not in state_change: data that came with the FIN counts */
	if (sk->sk_shutdown & RCV_SHUTDOWN)
		prpc_conn_down(&c->conn, -ECONNRESET);
}

/* Does what has arrived end no reply, so that nobody can be told anything? */
static bool ptcp_rx_may_wait(const struct ptcp_conn *c)
{
	const struct sock *sk = c->sock->sk;
	const struct tcp_sock *tp = tcp_sk(sk);

	return c->rx.left > tp->rcv_nxt - tp->copied_seq &&
	       !sock_owned_by_user(sk) && !(sk->sk_shutdown & RCV_SHUTDOWN);
}

void ptcp_rx_arrived(struct ptcp_conn *c)
{
	if (ptcp_rx_may_wait(c))
		tasklet_schedule(&c->rx_tasklet);
	else
		ptcp_rx_take(c);
}

/* The connection is still hooked, or there is nothing to read it for. */
static void ptcp_rx_late(struct ptcp_conn *c)
{
	struct sock *sk = c->sock->sk;

	read_lock_bh(&sk->sk_callback_lock);
	if (sk->sk_user_data == c)
		ptcp_rx_take(c);
	read_unlock_bh(&sk->sk_callback_lock);
}

static void ptcp_rx_tasklet(struct tasklet_struct *t)
{
	struct ptcp_conn *c = from_tasklet(c, t, rx_tasklet);
	struct sock *sk = c->sock->sk;

	bh_lock_sock(sk);
	if (sock_owned_by_user(sk))
		queue_work(prpc_io_wq, &c->rx_work);
	else
		ptcp_rx_late(c);
	bh_unlock_sock(sk);
}

/* A task had the socket at the end of the round, and may be sending for long. */
static void ptcp_rx_work(struct work_struct *work)
{
	struct ptcp_conn *c = container_of(work, struct ptcp_conn, rx_work);

	lock_sock(c->sock->sk);
	ptcp_rx_late(c);
	release_sock(c->sock->sk);
}

void ptcp_rx_init(struct ptcp_conn *c)
{
	tasklet_setup(&c->rx_tasklet, ptcp_rx_tasklet);
	INIT_WORK(&c->rx_work, ptcp_rx_work);
}

void ptcp_rx_quiesce(struct ptcp_conn *c)
{
	tasklet_kill(&c->rx_tasklet);
	cancel_work_sync(&c->rx_work);
}

void ptcp_rx_cancel(struct ptcp_conn *c, struct prpc_call *call)
{
	struct sock *sk = c->sock->sk;

	lock_sock(sk);
	if (c->rx.call == call) {
		c->rx.call = NULL;
		c->rx.mode = PTCP_RX_SKIP;
	}
	release_sock(sk);
}

/* No callback runs any more.  rx.call stays in the table for requeueing. */
void ptcp_rx_stop(struct ptcp_conn *c)
{
	kfree(c->rx.cb);
	memset(&c->rx, 0, sizeof(c->rx));
}
