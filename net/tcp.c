// SPDX-License-Identifier: GPL-2.0
/*
 * TCP connections: sockets, their options, their callbacks, their end.
 * Sending and receiving are in tcp_tx.c and tcp_rx.c.
 */
#include <linux/file.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/random.h>
#include <linux/tcp.h>
#include <net/sock.h>
#include <net/tcp.h>
#include "compat.h"
#include "internal.h"
#include "tcp.h"

/*
 * Servers take requests from ports below 1024 only, unless told otherwise.
 * Below 665 are too many that daemons want for themselves.
 */
#define PTCP_PORT_MIN		665
#define PTCP_PORT_MAX		1023
#define PTCP_PORT_TRIES		8

/* A server that is gone is noticed after about 10 s: by keepalive when idle */
#define PTCP_KEEP_IDLE_S	5
#define PTCP_KEEP_INTERVAL_S	2
#define PTCP_KEEP_COUNT		3
/* and by ptcp_watch() when bytes are on their way. */
#define PTCP_WATCH		(2 * HZ)
#define PTCP_DEAD		(10 * HZ)
/* Longer than the longest pause between two window probes. */
#define PTCP_DEAD_CLOSED_WINDOW	(150 * HZ)

/*
 * A server whose machine acknowledges everything and which answers nothing has
 * lost our calls.  Sent again in their session slots, they run once all the
 * same (RFC 8881 section 2.10.6.2).
 */
#define PTCP_NO_ANSWER		(60 * HZ)

/*
 * What the socket holds beyond the congestion window: enough that it never runs
 * dry before we are woken at the half of it, little enough that a short call
 * does not wait long behind what can no longer be overtaken.
 */
#define PTCP_UNSENT		(512u << 10)

/* ---- socket callbacks: sk_callback_lock keeps @c while they run ---- */

/* Socket lock held, by a task or by softirq. */
static void ptcp_data_ready(struct sock *sk)
{
	struct ptcp_conn *c;

	read_lock_bh(&sk->sk_callback_lock);
	c = sk->sk_user_data;
	if (!c)
		goto out;
	switch (c->reader) {
	case PTCP_READ_RECORDS:
		ptcp_rx_arrived(c);
		break;
	case PTCP_READ_STARTTLS:
		wake_up_all(&c->conn.wait);
		break;
	case PTCP_READ_TLS:
		c->under.data_ready(sk);
		queue_work(prpc_io_wq, &c->tls_work);
		break;
	}
out:
	read_unlock_bh(&sk->sk_callback_lock);
}

static void ptcp_write_space(struct sock *sk)
{
	struct ptcp_conn *c;

	read_lock_bh(&sk->sk_callback_lock);
	c = sk->sk_user_data;
	if (c && c->reader == PTCP_READ_TLS)
		c->under.write_space(sk);
	if (c && sk_stream_is_writeable(sk)) {
		clear_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		queue_work(prpc_io_wq, &c->tx.work);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

static void ptcp_state_change(struct sock *sk)
{
	struct ptcp_conn *c;

	read_lock_bh(&sk->sk_callback_lock);
	c = sk->sk_user_data;
	if (c) {
		if (sk->sk_state == TCP_CLOSE)
			prpc_conn_down(&c->conn, -(READ_ONCE(sk->sk_err) ?: ECONNRESET));
		wake_up_all(&c->conn.wait);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

static void ptcp_error_report(struct sock *sk)
{
	struct ptcp_conn *c;
	int error;

	read_lock_bh(&sk->sk_callback_lock);
	c = sk->sk_user_data;
	error = READ_ONCE(sk->sk_err);
	if (c && error) {
		prpc_conn_down(&c->conn, -error);
		wake_up_all(&c->conn.wait);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

void ptcp_hook(struct ptcp_conn *c)
{
	struct sock *sk = c->sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	c->under.data_ready = sk->sk_data_ready;
	c->under.write_space = sk->sk_write_space;
	c->under.state_change = sk->sk_state_change;
	c->under.error_report = sk->sk_error_report;
	sk->sk_user_data = c;
	sk->sk_data_ready = ptcp_data_ready;
	sk->sk_write_space = ptcp_write_space;
	sk->sk_state_change = ptcp_state_change;
	sk->sk_error_report = ptcp_error_report;
	write_unlock_bh(&sk->sk_callback_lock);
}

/* ---- opening ---- */

static int ptcp_addr_len(const struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
					   sizeof(struct sockaddr_in);
}

static void ptcp_options(struct sock *sk)
{
	tcp_sock_set_nodelay(sk);
	tcp_sock_set_keepidle(sk, PTCP_KEEP_IDLE_S);
	tcp_sock_set_keepintvl(sk, PTCP_KEEP_INTERVAL_S);
	tcp_sock_set_keepcnt(sk, PTCP_KEEP_COUNT);
	sock_set_keepalive(sk);
	/* what is still unsent when we close must not be sent, nor wait */
	sock_no_linger(sk);
	WRITE_ONCE(tcp_sk(sk)->notsent_lowat, PTCP_UNSENT);
	sk->sk_allocation = GFP_NOFS;
	sk->sk_use_task_frag = false;
	sk_set_memalloc(sk);
}

static void ptcp_set_port(struct sockaddr_storage *ss, u16 port)
{
	if (ss->ss_family == AF_INET6)
		((struct sockaddr_in6 *)ss)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)ss)->sin_port = htons(port);
}

/*
 * Bind to the path's rail and to a reserved port, starting at a random one.
 * Ports may be shared with connections to other servers (SK_CAN_REUSE), or 359
 * connections would be all that a host can have.  Without any left the kernel
 * chooses.
 */
static int ptcp_bind(struct ptcp_conn *c)
{
	u32 span = PTCP_PORT_MAX - PTCP_PORT_MIN + 1, first = get_random_u32();
	struct sockaddr_storage ss = c->conn.local;
	int error = -EADDRINUSE;
	u32 i;

	if (c->conn.ifindex) {
		error = sock_bindtoindex(c->sock->sk, c->conn.ifindex, true);
		if (error)
			return error;
		error = -EADDRINUSE;
	}
	if (!ss.ss_family)
		ss.ss_family = c->conn.addr.ss_family;
	c->sock->sk->sk_reuse = SK_CAN_REUSE;
	for (i = 0; i < span && error == -EADDRINUSE; i++) {
		ptcp_set_port(&ss, PTCP_PORT_MIN + (first % span + i) % span);
		error = ps_sock_bind(c->sock, &ss, ptcp_addr_len(&ss));
	}
	if (!error)
		return 0;
	pr_notice_once("penstock: %s: no reserved source port (error %d), using others; servers whose exports are 'secure' will refuse them\n",
		       prpc_conn_name(&c->conn), error);
	if (!c->conn.local.ss_family)
		return 0;
	ptcp_set_port(&ss, 0);
	return ps_sock_bind(c->sock, &ss, ptcp_addr_len(&ss));
}

/*
 * tlshd may still hold the socket of a handshake that was given up: it gets a
 * dead one.
 */
static void ptcp_release(struct ptcp_conn *c)
{
	struct file *file = c->sock->file;

	sk_clear_memalloc(c->sock->sk);
	if (!file) {
		sock_release(c->sock);
	} else {
		if (file_count(file) > 1)
			kernel_sock_shutdown(c->sock, SHUT_RDWR);
		__fput_sync(file);
	}
	c->sock = NULL;
}

/* TLS needs a file, for tlshd.  On failure the socket is gone. */
static int ptcp_give_file(struct ptcp_conn *c)
{
	struct file *file;

	if (!c->conn.tls->mode)
		return 0;
	file = sock_alloc_file(c->sock, O_CLOEXEC, NULL);
	if (!IS_ERR(file))
		return 0;
	c->sock = NULL;
	return PTR_ERR(file);
}

static struct lock_class_key ptcp_lock_keys[2];

/*
 * For lockdep, once a socket is ours alone: before, tlshd may send with it, which
 * faults pages in under this lock; from now on faults of mapped files send with it.
 */
void ptcp_own_lock(struct sock *sk)
{
	bool v6 = sk->sk_family == AF_INET6;

	lockdep_init_map(&sk->sk_lock.dep_map, v6 ? "sk_lock-AF_INET6-penstock" :
			 "sk_lock-AF_INET-penstock", &ptcp_lock_keys[v6], 0);
}

static int ptcp_open(struct ptcp_conn *c)
{
	int error;

	error = sock_create_kern(c->conn.net, c->conn.addr.ss_family, SOCK_STREAM,
				 IPPROTO_TCP, &c->sock);
	if (error) {
		c->sock = NULL;
		return error;
	}
	error = ptcp_give_file(c);
	if (error)
		return error;
	ps_sock_hold_net(c->sock->sk);
	ptcp_options(c->sock->sk);
	if (!c->conn.tls->mode)
		ptcp_own_lock(c->sock->sk);
	error = ptcp_bind(c);
	if (error) {
		ptcp_release(c);
		return error;
	}
	c->reader = c->conn.tls->mode ? PTCP_READ_STARTTLS : PTCP_READ_RECORDS;
	ptcp_hook(c);
	return 0;
}

void ptcp_unhook(struct ptcp_conn *c)
{
	struct sock *sk = c->sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	if (sk->sk_user_data) {
		sk->sk_user_data = NULL;
		sk->sk_data_ready = c->under.data_ready;
		sk->sk_write_space = c->under.write_space;
		sk->sk_state_change = c->under.state_change;
		sk->sk_error_report = c->under.error_report;
	}
	write_unlock_bh(&sk->sk_callback_lock);
}

/* The end of an open socket, and of all that refers to it. */
static void ptcp_shut(struct ptcp_conn *c)
{
	ptcp_unhook(c);
	cancel_delayed_work_sync(&c->watch);
	cancel_work_sync(&c->tx.work);
	ptcp_rx_quiesce(c);
	ptcp_tls_stop(c);
	ptcp_release(c);
	ptcp_tx_stop(c);
	ptcp_rx_stop(c);
}

static bool ptcp_dialing(const struct sock *sk)
{
	int state = READ_ONCE(sk->sk_state);

	return state == TCP_SYN_SENT || state == TCP_SYN_RECV;
}

/* Connect without blocking, so that a closing peer can stop us. */
static int ptcp_dial(struct ptcp_conn *c, long timeout)
{
	struct sockaddr_storage ss = c->conn.addr;
	struct prpc_conn *conn = &c->conn;
	struct sock *sk = c->sock->sk;
	int error;

	error = ps_sock_connect(c->sock, &ss, ptcp_addr_len(&ss), O_NONBLOCK);
	if (error && error != -EINPROGRESS)
		return error;
	timeout = wait_event_timeout(conn->wait, !ptcp_dialing(sk) ||
				     prpc_conn_closing(conn), timeout);
	if (prpc_conn_closing(conn))
		return -ESHUTDOWN;
	if (!timeout)
		return -ETIMEDOUT;
	if (sk->sk_state == TCP_ESTABLISHED || sk->sk_state == TCP_CLOSE_WAIT)
		return 0;
	error = sock_error(sk);
	return error ?: READ_ONCE(conn->error) ?: -ECONNRESET;
}

/* ---- is it still alive? ---- */

/*
 * Bytes wait, and none is on its way, because the other side takes none: not
 * because they cannot leave, when our address has been taken away, say.
 */
static bool ptcp_window_closed(const struct tcp_sock *tp)
{
	return !READ_ONCE(tp->packets_out) &&
	       READ_ONCE(tp->write_seq) != READ_ONCE(tp->snd_una) &&
	       READ_ONCE(tp->snd_wnd) < READ_ONCE(tp->mss_cache);
}

static bool ptcp_unanswered(struct ptcp_conn *c)
{
	u32 received = READ_ONCE(tcp_sk(c->sock->sk)->rcv_nxt);

	if (received != c->received || !prpc_conn_waited_for(&c->conn)) {
		c->received = received;
		c->answered = jiffies;
	}
	return time_after_eq(jiffies, c->answered + PTCP_NO_ANSWER);
}

/*
 * TCP_USER_TIMEOUT would also break a connection to a server that is merely so
 * busy that it reads nothing for 10 s, and all that it has not read would be
 * sent again.  That server still acknowledges window probes.
 */
static void ptcp_watch(struct work_struct *work)
{
	struct ptcp_conn *c = container_of(work, struct ptcp_conn, watch.work);
	const struct tcp_sock *tp = tcp_sk(c->sock->sk);
	bool outstanding = READ_ONCE(tp->write_seq) != READ_ONCE(tp->snd_una);
	u32 acked = READ_ONCE(tp->rcv_tstamp);
	unsigned long limit;

	limit = ptcp_window_closed(tp) ? PTCP_DEAD_CLOSED_WINDOW : PTCP_DEAD;
	if (!outstanding || acked != c->acked) {
		c->acked = acked;
		c->heard = jiffies;
	} else if (time_after_eq(jiffies, c->heard + limit)) {
		prpc_conn_down(&c->conn, -ETIMEDOUT);
		return;
	}
	if (ptcp_unanswered(c)) {
		prpc_conn_down(&c->conn, -ETIMEDOUT);
		return;
	}
	queue_delayed_work(prpc_io_wq, &c->watch, PTCP_WATCH);
}

/*
 * The last segment from the other side.  While its window is closed it sends
 * only what answers our window probes, which become rare; ptcp_watch() knows.
 */
static unsigned long ptcp_heard(struct prpc_conn *conn)
{
	const struct sock *sk = ptcp_conn(conn)->sock->sk;
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 data = READ_ONCE(inet_csk(sk)->icsk_ack.lrcvtime);
	u32 acked = READ_ONCE(tp->rcv_tstamp), now = tcp_jiffies32;

	if (ptcp_window_closed(tp))
		return jiffies;
	return jiffies - min(now - data, now - acked);
}

/* ---- transport operations ---- */

/* Where the connection's packets leave by, unless they were told. */
static void ptcp_learn(struct ptcp_conn *c)
{
	struct dst_entry *dst = sk_dst_get(c->sock->sk);
	struct prpc_conn *conn = &c->conn;

	if (dst && dst->dev) {
		conn->node = dev_to_node(&dst->dev->dev);
		if (!conn->ifindex)
			conn->ifindex = dst->dev->ifindex;
	}
	dst_release(dst);
	if (!conn->local.ss_family)
		kernel_getsockname(c->sock, (struct sockaddr *)&conn->local);
}

static int ptcp_connect(struct prpc_conn *conn, unsigned int timeout_ms)
{
	struct ptcp_conn *c = ptcp_conn(conn);
	int error, tries;

	INIT_DELAYED_WORK(&c->watch, ptcp_watch);
	for (tries = 0; tries < PTCP_PORT_TRIES; tries++) {
		ptcp_tx_init(c);
		ptcp_rx_init(c);
		error = ptcp_open(c);
		if (error)
			break;
		error = ptcp_dial(c, msecs_to_jiffies(timeout_ms));
		if (!error && conn->tls->mode)
			error = ptcp_tls_start(c);
		if (!error) {
			ptcp_learn(c);
			c->heard = jiffies;
			c->answered = jiffies;
			queue_delayed_work(prpc_io_wq, &c->watch, PTCP_WATCH);
			break;
		}
		ptcp_shut(c);
		/* the port is taken for this server: try another one */
		if (error != -EADDRNOTAVAIL && error != -EADDRINUSE)
			break;
	}
	return error;
}

static bool ptcp_cancel(struct prpc_conn *conn, struct prpc_call *call)
{
	struct ptcp_conn *c = ptcp_conn(conn);
	bool unsent = ptcp_tx_cancel(c, call);

	ptcp_rx_cancel(c, call);
	return unsent;
}

static void ptcp_close(struct prpc_conn *conn)
{
	struct ptcp_conn *c = ptcp_conn(conn);

	ptcp_tls_farewell(c);
	ptcp_shut(c);
}

static void ptcp_show(struct prpc_conn *conn, struct seq_file *m)
{
	struct ptcp_conn *c = ptcp_conn(conn);

	seq_printf(m, " copied=%llu surplus=%llu security=%s",
		   READ_ONCE(c->tx.copied), READ_ONCE(c->rx.surplus),
		   prpc_tls_name(c->reader == PTCP_READ_TLS ? conn->tls->mode :
							      PRPC_TLS_NONE));
}

const struct prpc_transport_ops ptcp_ops = {
	.name		= "tcp",
	.owner		= THIS_MODULE,
	.can_tls	= IS_ENABLED(CONFIG_NET_HANDSHAKE),
	.conn_size	= sizeof(struct ptcp_conn),
	.connect	= ptcp_connect,
	.send		= ptcp_send,
	.send_reply	= ptcp_send_reply,
	.cancel		= ptcp_cancel,
	.close		= ptcp_close,
	.show		= ptcp_show,
	.heard		= ptcp_heard,
};

/*
 * The first and the last socket that may use the kernel's reserves have the code of
 * others patched, for which all CPUs are interrupted.  One such socket stays while
 * the module does: a connection that comes or goes disturbs nobody's computation.
 */
static struct socket *ptcp_held;

int ptcp_init(void)
{
	int error = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP, &ptcp_held);

	if (error)
		return error;
	sk_set_memalloc(ptcp_held->sk);
	error = prpc_transport_register(&ptcp_ops);
	if (error)
		ptcp_exit();
	return error;
}

void ptcp_exit(void)
{
	prpc_transport_unregister(&ptcp_ops);
	sk_clear_memalloc(ptcp_held->sk);
	sock_release(ptcp_held);
}
