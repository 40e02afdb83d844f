// SPDX-License-Identifier: GPL-2.0
/*
 * Sending over TCP.  A submitter that finds nobody sending does it itself, for
 * those too that come meanwhile; when the socket is full, or it has done enough
 * for others, tx.work goes on.  Nothing here waits for the network.
 *
 * A call is handed to the socket and then given back with prpc_call_sent().
 * Its reply may arrive earlier, on another CPU or inside sendmsg itself; the
 * core keeps the call until both have happened.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <net/sock.h>
#include <linux/tcp.h>
#include "compat.h"
#include "internal.h"
#include "tcp.h"

/* Records that a submitter sends in one go. */
#define PTCP_TX_BUDGET		16
/* Of the calls that the server has, this part may be held; up to this size. */
#define PTCP_HOLD_SHARE		4
#define PTCP_HOLD_BYTES		1024
/* Payload of a call that need not wait for larger ones. */
#define PTCP_URGENT_BYTES	8192u
/* What the server may have to bring before one more READ need not overtake. */
#define PTCP_AHEAD_BYTES	(2u << 20)

static const u8 ptcp_zero[4];

static void ptcp_tx_work(struct work_struct *work);

void ptcp_tx_init(struct ptcp_conn *c)
{
	struct ptcp_tx *tx = &c->tx;

	spin_lock_init(&tx->lock);
	INIT_LIST_HEAD(&tx->urgent);
	INIT_LIST_HEAD(&tx->calls);
	INIT_LIST_HEAD(&tx->notes);
	INIT_WORK(&tx->work, ptcp_tx_work);
	init_waitqueue_head(&tx->wait);
}

/* ---- choosing the next record; tx.lock held ---- */

/* Slab pages, which somebody may free, cannot go into the socket by reference. */
static bool ptcp_can_splice(struct ptcp_conn *c, const struct prpc_data *data)
{
	unsigned int i;

	if (!(c->sock->sk->sk_route_caps & NETIF_F_SG))
		return false;
	for (i = 0; i < data->nr; i++)
		if (!sendpage_ok(data->bv[i].bv_page))
			return false;
	return true;
}

static void ptcp_tx_take_call(struct ptcp_conn *c, struct prpc_call *call)
{
	struct ptcp_tx *tx = &c->tx;
	u32 len = pxdr_enc_len(&call->enc), pad = pxdr_pad(call->out.len);
	u32 head = call->out.len ? call->out_at : len;
	__be32 *mark = call->enc.start - 1;

	list_del_init(&call->link);
	tx->call = call;
	*mark = cpu_to_be32(PTCP_MARK_LAST | (len + call->out.len + pad));
	tx->head_vec.iov_base = mark;
	tx->head_vec.iov_len = sizeof(*mark) + head;
	iov_iter_kvec(&tx->head, ITER_SOURCE, &tx->head_vec, 1, tx->head_vec.iov_len);
	tx->data.count = 0;
	tx->tail.count = 0;
	if (!call->out.len)
		return;
	prpc_data_iter(&tx->data, ITER_SOURCE, &call->out, call->out.len);
	tx->tail_vec[0].iov_base = (void *)ptcp_zero;
	tx->tail_vec[0].iov_len = pad;
	tx->tail_vec[1].iov_base = (u8 *)call->enc.start + head;
	tx->tail_vec[1].iov_len = len - head;
	iov_iter_kvec(&tx->tail, ITER_SOURCE, tx->tail_vec, 2, pad + len - head);
}

static void ptcp_tx_take_note(struct ptcp_tx *tx, struct ptcp_note *note)
{
	list_del(&note->link);
	tx->note = note;
	tx->head_vec.iov_base = note->data;
	tx->head_vec.iov_len = note->len;
	iov_iter_kvec(&tx->head, ITER_SOURCE, &tx->head_vec, 1, note->len);
	tx->data.count = 0;
	tx->tail.count = 0;
}

static bool ptcp_tx_queued(const struct ptcp_tx *tx)
{
	return !list_empty(&tx->urgent) || !list_empty(&tx->calls) ||
	       !list_empty(&tx->notes);
}

/* Answers to the server first: it may be waiting with a lock held. */
static bool ptcp_tx_next(struct ptcp_conn *c)
{
	struct ptcp_tx *tx = &c->tx;

	lockdep_assert_held(&tx->lock);
	tx->sent = 0;
	tx->call = NULL;
	tx->note = NULL;
	if (!list_empty(&tx->notes))
		ptcp_tx_take_note(tx, list_first_entry(&tx->notes,
						       struct ptcp_note, link));
	else if (!list_empty(&tx->urgent))
		ptcp_tx_take_call(c, list_first_entry(&tx->urgent,
						      struct prpc_call, link));
	else if (!list_empty(&tx->calls))
		ptcp_tx_take_call(c, list_first_entry(&tx->calls,
						      struct prpc_call, link));
	return tx->call || tx->note;
}

/* ---- sending; BUSY ---- */

/* Send @it.  0 when all of it has gone. */
static int ptcp_tx_iter(struct ptcp_conn *c, struct iov_iter *it, bool pages,
			int flags)
{
	int ret;

	flags |= MSG_DONTWAIT | MSG_NOSIGNAL;
	while (iov_iter_count(it)) {
		if (pages) {
			ret = ps_sock_send_pages(c->sock, it, flags);
		} else {
			struct msghdr msg = { .msg_flags = flags, .msg_iter = *it };

			ret = sock_sendmsg(c->sock, &msg);
		}
		if (ret <= 0)
			return ret ?: -EPIPE;
		iov_iter_advance(it, ret);
		c->tx.sent += ret;
	}
	return 0;
}

static int ptcp_tx_record(struct ptcp_conn *c, bool more)
{
	struct ptcp_tx *tx = &c->tx;
	/* a TLS record that waits for more is not sent by TCP's own means */
	int last = more && c->reader != PTCP_READ_TLS ? MSG_MORE : 0;
	size_t copied;
	int error;

	if (prpc_fault(tx->call, PRPC_FAULT_CUT_BEFORE))
		return -ECONNRESET;
	if (prpc_fault(tx->call, PRPC_FAULT_CUT_HALF)) {
		iov_iter_truncate(&tx->head, tx->head_vec.iov_len / 2);
		ptcp_tx_iter(c, &tx->head, false, 0);
		return -ECONNRESET;
	}
	if (!iov_iter_count(&tx->data)) {
		/* tail: what a full socket has left of a record with payload */
		error = ptcp_tx_iter(c, &tx->head, false, last);
		return error ?: ptcp_tx_iter(c, &tx->tail, false, last);
	}
	if (iov_iter_count(&tx->head)) {
		tx->splice = ptcp_can_splice(c, &tx->call->out);
		error = ptcp_tx_iter(c, &tx->head, false, MSG_MORE);
		if (error)
			return error;
	}
	copied = tx->splice ? 0 : iov_iter_count(&tx->data);
	error = ptcp_tx_iter(c, &tx->data, tx->splice,
			     iov_iter_count(&tx->tail) ? MSG_MORE : last);
	if (!tx->splice)
		tx->copied += copied - iov_iter_count(&tx->data);
	if (error)
		return error;
	return ptcp_tx_iter(c, &tx->tail, false, last);
}

static bool ptcp_tx_packets_out(struct ptcp_conn *c)
{
	return READ_ONCE(tcp_sk(c->sock->sk)->packets_out);
}

/*
 * A server that works on many calls does not miss one more yet: it may stay in
 * the socket, to share a segment with the next ones, which saves both ends
 * work.  Nobody needs to remember it: TCP itself sends what it has when
 * something is acknowledged, and something will be while a packet is out.
 * At most a quarter as many calls wait as the server has, so the mean wait is
 * an eighth of a call's own time even if no acknowledgement comes earlier.
 */
static bool ptcp_tx_hold(struct ptcp_conn *c)
{
	struct ptcp_tx *tx = &c->tx;
	u32 busy = tx->handed - tx->held - READ_ONCE(c->rx.replies);

	if (c->reader == PTCP_READ_TLS || !tx->call || tx->call->out.len ||
	    pxdr_enc_len(&tx->call->enc) > PTCP_HOLD_BYTES)
		return false;
	return (s32)busy > 0 && tx->held < busy / PTCP_HOLD_SHARE &&
	       ptcp_tx_packets_out(c);
}

/*
 * The record is in the socket: give back what it was made of.  @corked: with
 * MSG_MORE, so that it may not have left.
 */
static void ptcp_tx_done(struct ptcp_conn *c, bool corked)
{
	struct ptcp_tx *tx = &c->tx;

	prpc_conn_count(&c->conn, tx->sent, 0);
	if (prpc_fault(tx->call, PRPC_FAULT_CUT_AFTER))
		prpc_conn_down(&c->conn, -ECONNRESET);
	tx->held = corked ? tx->held + 1 : 0;
	if (tx->call) {
		tx->handed++;
		prpc_call_sent(&c->conn, tx->call);
	} else {
		kfree(tx->note);
	}
}

/*
 * Leave BUSY for @state; false if the socket got room again meanwhile, when
 * nobody else would go on.
 */
static bool ptcp_tx_leave(struct ptcp_tx *tx, enum ptcp_tx_state state)
{
	lockdep_assert_held(&tx->lock);
	if (state == PTCP_TX_BLOCKED && tx->kick) {
		tx->kick = false;
		return false;
	}
	tx->state = state;
	return true;
}

static void ptcp_tx_fail(struct ptcp_conn *c, int error)
{
	spin_lock(&c->tx.lock);
	ptcp_tx_leave(&c->tx, PTCP_TX_DEAD);
	spin_unlock(&c->tx.lock);
	wake_up_all(&c->tx.wait);
	prpc_conn_down(&c->conn, error);
}

/* Go on with the next record; false when the run is over. */
static bool ptcp_tx_advance(struct ptcp_conn *c, int *budget, bool *more)
{
	struct ptcp_tx *tx = &c->tx;
	bool go, wake, later = false;

	spin_lock(&tx->lock);
	go = ptcp_tx_next(c);
	wake = tx->waiters;
	*more = ptcp_tx_queued(tx);
	if (!go) {
		ptcp_tx_leave(tx, PTCP_TX_IDLE);
	} else if (--*budget < 0) {
		tx->state = PTCP_TX_BLOCKED;
		later = true;
		go = false;
	}
	spin_unlock(&tx->lock);
	if (wake)
		wake_up_all(&tx->wait);
	if (later)
		queue_work(prpc_io_wq, &tx->work);
	return go;
}

/* The socket is full; false if tx.work will go on. */
static bool ptcp_tx_again(struct ptcp_tx *tx)
{
	bool left;

	spin_lock(&tx->lock);
	left = ptcp_tx_leave(tx, PTCP_TX_BLOCKED);
	spin_unlock(&tx->lock);
	if (left)
		wake_up_all(&tx->wait);
	return !left;
}

/* The state is BUSY, and ours; a record is partly sent already if @begun. */
static void ptcp_tx_run(struct ptcp_conn *c, bool begun)
{
	struct ptcp_tx *tx = &c->tx;
	unsigned int noio = memalloc_noio_save();
	int budget = PTCP_TX_BUDGET, error;
	bool more = true, hold, corked = false;

	if (!begun && !ptcp_tx_advance(c, &budget, &more))
		goto out;
	for (;;) {
		hold = !more && ptcp_tx_hold(c);
		corked = more || hold;
		error = ptcp_tx_record(c, corked);
		if (error == -EAGAIN) {
			if (ptcp_tx_again(tx))
				continue;
			goto out;
		}
		/* kTLS's lock heeds signals; the work item gets none */
		if (error == -EINTR) {
			if (ptcp_tx_again(tx))
				continue;
			queue_work(prpc_io_wq, &tx->work);
			goto out;
		}
		if (error) {
			ptcp_tx_fail(c, error);
			goto out;
		}
		/* looked at now, behind the record: its acknowledgement sends ours */
		if (hold && ptcp_tx_packets_out(c))
			corked = false;
		ptcp_tx_done(c, hold || more);
		if (!ptcp_tx_advance(c, &budget, &more))
			break;
	}
	/* more was promised and then taken back, or left to the work item */
	if (corked)
		tcp_sock_set_nodelay(c->sock->sk);
out:
	memalloc_noio_restore(noio);
}

/* Send, if nobody does; tx.lock held on entry, dropped on return. */
static void ptcp_tx_kick(struct ptcp_conn *c)
	__releases(&c->tx.lock)
{
	bool run = c->tx.state == PTCP_TX_IDLE;

	if (run)
		c->tx.state = PTCP_TX_BUSY;
	spin_unlock(&c->tx.lock);
	if (run)
		ptcp_tx_run(c, false);
}

static void ptcp_tx_work(struct work_struct *work)
{
	struct ptcp_conn *c = container_of(work, struct ptcp_conn, tx.work);
	struct ptcp_tx *tx = &c->tx;
	bool begun;

	spin_lock(&tx->lock);
	if (tx->state == PTCP_TX_BUSY)
		tx->kick = true;
	if (tx->state != PTCP_TX_BLOCKED) {
		spin_unlock(&tx->lock);
		return;
	}
	tx->state = PTCP_TX_BUSY;
	tx->kick = false;
	begun = tx->call || tx->note;
	spin_unlock(&tx->lock);
	ptcp_tx_run(c, begun);
}

/*
 * May @call overtake larger ones?  A READ only as long as the server would run
 * out of READs without it.  Linux' server takes nothing from a connection whose
 * answers do not fit into its socket, so that with all READs in front, WRITEs
 * would only be taken in between, and the link be half empty that way.
 */
static bool ptcp_urgent(const struct ptcp_conn *c, const struct prpc_call *call)
{
	if (call->out.len > PTCP_URGENT_BYTES)
		return false;
	return call->in.len <= PTCP_URGENT_BYTES ||
	       prpc_conn_due(&c->conn) < PTCP_AHEAD_BYTES + call->in.len;
}

void ptcp_send(struct prpc_conn *conn, struct prpc_call *call)
{
	struct ptcp_conn *c = ptcp_conn(conn);
	struct ptcp_tx *tx = &c->tx;
	bool urgent = ptcp_urgent(c, call);

	spin_lock(&tx->lock);
	list_add_tail(&call->link, urgent ? &tx->urgent : &tx->calls);
	ptcp_tx_kick(c);
}

int ptcp_send_reply(struct prpc_conn *conn, const void *buf, size_t len)
{
	struct ptcp_conn *c = ptcp_conn(conn);
	struct ptcp_note *note = kmalloc(sizeof(*note) + sizeof(__be32) + len, GFP_NOIO);

	if (!note)
		return -ENOMEM;
	note->len = sizeof(__be32) + len;
	note->data[0] = cpu_to_be32(PTCP_MARK_LAST | len);
	memcpy(note->data + 1, buf, len);
	spin_lock(&c->tx.lock);
	list_add_tail(&note->link, &c->tx.notes);
	ptcp_tx_kick(c);
	return 0;
}

bool ptcp_tx_cancel(struct ptcp_conn *c, struct prpc_call *call)
{
	struct ptcp_tx *tx = &c->tx;
	bool ours = false, broken = false;

	spin_lock(&tx->lock);
	if (!list_empty(&call->link)) {
		list_del_init(&call->link);
		ours = true;
	}
	while (!ours && tx->call == call) {
		if (tx->state == PTCP_TX_BUSY) {
			tx->waiters++;
			spin_unlock(&tx->lock);
			wait_event(tx->wait, READ_ONCE(tx->call) != call ||
				   READ_ONCE(tx->state) != PTCP_TX_BUSY);
			spin_lock(&tx->lock);
			tx->waiters--;
			continue;
		}
		ours = true;
		tx->call = NULL;
		/* the rest of the record can never follow */
		broken = tx->sent;
		if (broken)
			tx->state = PTCP_TX_DEAD;
	}
	spin_unlock(&tx->lock);
	if (broken)
		prpc_conn_down(&c->conn, -ECONNABORTED);
	return ours;
}

void ptcp_tx_stop(struct ptcp_conn *c)
{
	struct ptcp_tx *tx = &c->tx;
	struct prpc_call *call, *next;
	struct ptcp_note *note, *n;

	spin_lock(&tx->lock);
	tx->state = PTCP_TX_DEAD;
	list_splice_tail_init(&tx->urgent, &tx->calls);
	list_for_each_entry_safe(call, next, &tx->calls, link)
		list_del_init(&call->link);
	list_for_each_entry_safe(note, n, &tx->notes, link)
		kfree(note);
	kfree(tx->note);
	INIT_LIST_HEAD(&tx->notes);
	tx->note = NULL;
	tx->call = NULL;
	spin_unlock(&tx->lock);
}
