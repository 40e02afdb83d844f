// SPDX-License-Identifier: GPL-2.0
/*
 * RPC-with-TLS (RFC 9289): the STARTTLS probe, the handshake by tlshd, and the
 * receiving side of what kTLS decrypts.
 *
 * Only ptcp_connect() comes here, for each connection of a peer that wants TLS,
 * whatever the connection is for.  There is no way out but a protected socket
 * or an error: nothing falls back to clear text.
 *
 * The life of the socket's callbacks: ours wait for the answer to the probe;
 * during the handshake the original ones are back, because tlshd polls the
 * socket and kTLS puts its own above them; then ours go on top of those.
 */
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <net/sock.h>
#include <net/tls.h>
#include <net/handshake.h>	/* needs those before */
#include <net/tls_prot.h>
#include "internal.h"
#include "tcp.h"

#define PTCP_AUTH_TLS		7
/* tlshd loads trust stores and does public key arithmetic. */
#define PTCP_PROBE_TIME		(10 * HZ)
#define PTCP_SHAKE_MS		20000
/* How soon a handshake notices that the mount gives up. */
#define PTCP_SHAKE_SLICE	(HZ / 4)
#define PTCP_TLS_PAGES		16	/* four records of the longest kind */

/* ---- the probe (RFC 9289 section 4.1) ---- */

/* Take @len bytes and not one more: what follows belongs to TLS. */
static int ptcp_probe_read(struct ptcp_conn *c, void *buf, size_t len,
			   unsigned long deadline)
{
	struct sock *sk = c->sock->sk;
	struct prpc_conn *conn = &c->conn;
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = {};
	int ret;

	while (vec.iov_len) {
		ret = kernel_recvmsg(c->sock, &msg, &vec, 1, vec.iov_len, MSG_DONTWAIT);
		if (!ret)
			return -ECONNRESET;
		if (ret < 0 && ret != -EAGAIN)
			return ret;
		if (ret > 0) {
			vec.iov_base += ret;
			vec.iov_len -= ret;
			continue;
		}
		if (prpc_conn_closing(conn))
			return -ESHUTDOWN;
		if (time_after_eq(jiffies, deadline))
			return -ETIMEDOUT;
		wait_event_timeout(conn->wait, prpc_conn_closing(conn) ||
				   !skb_queue_empty_lockless(&sk->sk_receive_queue) ||
				   READ_ONCE(sk->sk_err) ||
				   READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN,
				   deadline - jiffies);
	}
	return 0;
}

/* A NULL call with AUTH_TLS for a credential. */
static int ptcp_probe_send(struct ptcp_conn *c, __be32 xid)
{
	__be32 call[] = {
		0, xid, cpu_to_be32(RPC5531_CALL), cpu_to_be32(RPC5531_VERSION),
		0, 0, 0, cpu_to_be32(PTCP_AUTH_TLS), 0, 0, 0,
	};
	struct kvec vec = { .iov_base = call, .iov_len = sizeof(call) };
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	u32 prog, vers;
	int ret;

	prpc_conn_prog(&c->conn, &prog, &vers);
	call[0] = cpu_to_be32(PTCP_MARK_LAST | (sizeof(call) - sizeof(call[0])));
	call[4] = cpu_to_be32(prog);
	call[5] = cpu_to_be32(vers);
	ret = kernel_sendmsg(c->sock, &msg, &vec, 1, sizeof(call));
	if (ret < 0)
		return ret;
	/* the socket is empty: it has room */
	return ret == sizeof(call) ? 0 : -ENOBUFS;
}

/*
 * Does the server agree?  Anything but the answer of section 4.1 is a no, also
 * what somebody between us has made of it.
 */
static int ptcp_probe(struct ptcp_conn *c)
{
	unsigned long deadline = jiffies + PTCP_PROBE_TIME;
	__be32 xid = (__force __be32)get_random_u32();
	struct {
		__be32 mark;
		__be32 words[5];	/* xid, REPLY, ACCEPTED, verifier's flavour and length */
		char text[8];
		__be32 stat;
	} __packed reply = {};
	u32 mark;
	int error;

	error = ptcp_probe_send(c, xid);
	if (!error)
		error = ptcp_probe_read(c, &reply.mark, sizeof(reply.mark), deadline);
	if (error)
		return error;
	mark = be32_to_cpu(reply.mark);
	if (mark != (PTCP_MARK_LAST | (sizeof(reply) - sizeof(reply.mark))))
		return -ESOCKTNOSUPPORT;
	error = ptcp_probe_read(c, reply.words, sizeof(reply) - sizeof(reply.mark),
				deadline);
	if (error)
		return error;
	if (reply.words[0] != xid || reply.words[1] != cpu_to_be32(RPC5531_REPLY) ||
	    reply.words[2] != cpu_to_be32(RPC5531_ACCEPTED) || reply.words[3] ||
	    reply.words[4] != cpu_to_be32(sizeof(reply.text)) ||
	    memcmp(reply.text, "STARTTLS", sizeof(reply.text)) ||
	    reply.stat != cpu_to_be32(RPC5531_SUCCESS))
		return -ESOCKTNOSUPPORT;
	return 0;
}

/* ---- the handshake ---- */

static void ptcp_shaken(void *data, int status, key_serial_t peerid)
{
	struct ptcp_conn *c = data;

	c->shake_status = status;
	complete(&c->shaken);
}

static int ptcp_shake_wait(struct ptcp_conn *c)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(PTCP_SHAKE_MS) + HZ;
	int error = 0;

	while (!error && !wait_for_completion_timeout(&c->shaken, PTCP_SHAKE_SLICE)) {
		if (prpc_conn_closing(&c->conn))
			error = -ESHUTDOWN;
		else if (time_after(jiffies, deadline))
			error = -ETIMEDOUT;
	}
	/* who loses the race against ptcp_shaken() has to wait for it */
	if (error && !tls_handshake_cancel(c->sock->sk))
		wait_for_completion(&c->shaken);
	if (error)
		return error;
	error = c->shake_status > 0 ? -c->shake_status : c->shake_status;
	/* all that tlshd tells; its log has the reason */
	return error == -EACCES || error == -EIO ? -EBADE : error;
}

static int ptcp_shake(struct ptcp_conn *c)
{
	const struct prpc_tls *tls = c->conn.tls;
	struct tls_handshake_args args = {
		.ta_sock = c->sock,
		.ta_done = ptcp_shaken,
		.ta_data = c,
		.ta_peername = c->conn.server,
		.ta_timeout_ms = PTCP_SHAKE_MS,
		.ta_keyring = TLS_NO_KEYRING,
		.ta_my_cert = tls->cert ?: TLS_NO_CERT,
		.ta_my_privkey = tls->privkey ?: TLS_NO_PRIVKEY,
	};
	struct sock *sk = c->sock->sk;
	int error;

	init_completion(&c->shaken);
	c->shake_status = -EIO;
	if (tls->mode == PRPC_TLS_MUTUAL)
		error = tls_client_hello_x509(&args, GFP_NOIO);
	else
		error = tls_client_hello_anon(&args, GFP_NOIO);
	if (!error)
		error = ptcp_shake_wait(c);
	if (error)
		return error;
	/* what tlshd says is not what counts */
	if (!inet_csk_has_ulp(sk) || !tls_sw_has_ctx_tx(sk) || !tls_sw_has_ctx_rx(sk))
		return -EBADE;
	return 0;
}

/* ---- receiving ---- */

/* The server ends the connection, or complains. */
static void ptcp_alert(struct ptcp_conn *c, const struct msghdr *msg)
{
	u8 level = 0, desc = 0;

	tls_alert_recv(c->sock->sk, msg, &level, &desc);
	if (desc == TLS_ALERT_DESC_CLOSE_NOTIFY) {
		prpc_conn_down(&c->conn, -ECONNRESET);
		return;
	}
	pr_warn_ratelimited("penstock: %s: %pISpc ends the connection with TLS alert %u%s; trying again\n",
			    prpc_conn_name(&c->conn), &c->conn.addr, desc,
			    desc == TLS_ALERT_DESC_CERTIFICATE_REQUIRED ?
			    " (it wants a certificate of this host: xprtsec=mtls)" :
			    desc == TLS_ALERT_DESC_CERTIFICATE_EXPIRED ?
			    " (this host's certificate has expired)" :
			    desc == TLS_ALERT_DESC_UNKNOWN_CA ?
			    " (it does not trust who signed this host's certificate)" :
			    desc == TLS_ALERT_DESC_BAD_RECORD_MAC ?
			    " (what it received had been changed on the way)" : "");
	prpc_conn_down(&c->conn, -EBADE);
}

/*
 * A record that is not data, or a part of it, of @len bytes.  New session
 * tickets are of no use here; after a key update the next record will not
 * decrypt, and the connection be made anew.
 */
static void ptcp_tls_control(struct ptcp_conn *c, u8 type, int len)
{
	struct kvec vec = {
		.iov_base = skb_frag_address(&skb_shinfo(c->tls_buf)->frags[0]),
		.iov_len = len,
	};
	struct msghdr msg = {};

	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &vec, 1, len);
	if (type == TLS_RECORD_TYPE_ALERT && len >= 2)
		ptcp_alert(c, &msg);
	else if (type != TLS_RECORD_TYPE_HANDSHAKE)
		prpc_conn_down(&c->conn, -EBADMSG);
}

/*
 * kTLS decrypts a record straight into pages that it is given, if all of it fits
 * there; else into an skb that it allocates for each.  So it gets pages of ours,
 * in the shape that the receiving side takes.
 */
static int ptcp_tls_buffer(struct ptcp_conn *c)
{
	struct page *page;
	int i;

	BUILD_BUG_ON(PTCP_TLS_PAGES > MAX_SKB_FRAGS);
	c->tls_buf = alloc_skb(0, GFP_NOIO);
	for (i = 0; c->tls_buf && i < PTCP_TLS_PAGES; i++) {
		page = alloc_page(GFP_NOIO);
		if (!page)
			return -ENOMEM;
		skb_add_rx_frag(c->tls_buf, i, page, 0, PAGE_SIZE, PAGE_SIZE);
	}
	return c->tls_buf ? 0 : -ENOMEM;
}

/* Fill the buffer with records of one @type.  Bytes, 0: the end, or -errno. */
static int ptcp_tls_recv(struct ptcp_conn *c, u8 *type)
{
	union {
		struct cmsghdr cmsg;
		u8 buf[CMSG_SPACE(sizeof(u8))];
	} u = {};
	struct msghdr msg = {
		.msg_control = &u,
		.msg_controllen = sizeof(u),
	};
	struct bio_vec bv[PTCP_TLS_PAGES];
	int i, ret;

	for (i = 0; i < PTCP_TLS_PAGES; i++)
		bvec_set_page(&bv[i], skb_frag_page(&skb_shinfo(c->tls_buf)->frags[i]),
			      PAGE_SIZE, 0);
	iov_iter_bvec(&msg.msg_iter, ITER_DEST, bv, PTCP_TLS_PAGES, c->tls_buf->len);
	ret = sock_recvmsg(c->sock, &msg, MSG_DONTWAIT);
	*type = ret > 0 ? tls_get_record_type(c->sock->sk, &u.cmsg) : 0;
	return ret;
}

/* One round; false when there is nothing left to take. */
static bool ptcp_tls_take(struct ptcp_conn *c)
{
	u8 type;
	int ret = ptcp_tls_recv(c, &type);

	if (ret <= 0) {
		if (ret != -EAGAIN)
			prpc_conn_down(&c->conn, ret ?: -ECONNRESET);
		return false;
	}
	if (type == TLS_RECORD_TYPE_DATA) {
		lock_sock(c->sock->sk);
		ptcp_rx_eat(c, c->tls_buf, 0, ret);
		release_sock(c->sock->sk);
	} else {
		ptcp_tls_control(c, type, ret);
	}
	return true;
}

static void ptcp_tls_work(struct work_struct *work)
{
	struct ptcp_conn *c = container_of(work, struct ptcp_conn, tls_work);
	unsigned int noio = memalloc_noio_save();

	while (!test_bit(PRPC_CONN_DOWN, &c->conn.flags) && ptcp_tls_take(c))
		cond_resched();
	memalloc_noio_restore(noio);
}

/* ---- beginning and end ---- */

static void ptcp_tls_complain(struct ptcp_conn *c, int error)
{
	struct prpc_conn *conn = &c->conn;
	const char *why;

	if (error == -ESHUTDOWN || !prpc_conn_tls_news(conn, error))
		return;
	switch (error) {
	case -ESRCH:
		why = "tlshd does not run on this host (package ktls-utils)";
		break;
	case -ESOCKTNOSUPPORT:
		why = "the server does not offer TLS, or somebody in between hides that it does";
		break;
	case -EBADE:
		why = "certificates were not accepted, the log of tlshd has the reason";
		break;
	case -ETIMEDOUT:
		why = "the handshake took too long";
		break;
	default:
		why = "the handshake failed";
	}
	pr_warn("penstock: %s: no TLS with %pISpc as \"%s\": %s (error %d); nothing is sent in the clear, trying again\n",
		prpc_conn_name(conn), &conn->addr, conn->server, why, error);
}

static int ptcp_tls_setup(struct ptcp_conn *c)
{
	int on = 1, error;

	error = ptcp_tls_buffer(c);
	if (!error)
		error = ptcp_probe(c);
	if (error)
		return error;
	ptcp_unhook(c);
	error = ptcp_shake(c);
	/* with TLS 1.3 it decrypts in place only then; padded records cost more */
	if (!error)
		sock_common_setsockopt(c->sock, SOL_TLS, TLS_RX_EXPECT_NO_PAD,
				       KERNEL_SOCKPTR(&on), sizeof(on));
	return error;
}

int ptcp_tls_start(struct ptcp_conn *c)
{
	int error;

	error = ptcp_tls_setup(c);
	if (error) {
		ptcp_tls_complain(c, error);
		return error;
	}
	ptcp_own_lock(c->sock->sk);
	prpc_conn_tls_news(&c->conn, 0);
	INIT_WORK(&c->tls_work, ptcp_tls_work);
	c->reader = PTCP_READ_TLS;
	ptcp_hook(c);
	/* what came while nobody listened */
	queue_work(prpc_io_wq, &c->tls_work);
	return 0;
}

void ptcp_tls_farewell(struct ptcp_conn *c)
{
	if (c->reader == PTCP_READ_TLS)
		tls_handshake_close(c->sock);
}

void ptcp_tls_stop(struct ptcp_conn *c)
{
	if (c->reader == PTCP_READ_TLS)
		cancel_work_sync(&c->tls_work);
	kfree_skb(c->tls_buf);
	c->tls_buf = NULL;
}
