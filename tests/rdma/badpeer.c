// SPDX-License-Identifier: GPL-2.0
/*
 * An RDMA peer that does not do what it should, for a node of the test cluster:
 *
 *	insmod penstock_badpeer.ko mode=MODE
 *
 * listens on port 20050, takes every connection and answers each message with
 * what bad_modes[] says of MODE, so that no mount can succeed.  rmmod ends it.
 */
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <rdma/ib_cm.h>
#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>

#define BAD_PORT	20050
#define BAD_SIZE	4096u
#define BAD_RECVS	32
#define BAD_SENDS	64
#define BAD_FLOOD	50

static char *mode = "garbage";
module_param(mode, charp, 0444);
MODULE_PARM_DESC(mode, "what is wrong with this peer");

struct bad_conn {
	struct list_head link;		/* bad_conns */
	struct rdma_cm_id *id;
	struct ib_pd *pd;
	struct ib_cq *cq;
	struct work_struct end;
	unsigned long ending;
};

/* One message, received or to be sent. */
struct bad_buf {
	struct ib_cqe cqe;
	struct bad_conn *conn;
	u64 dma;
	enum dma_data_direction dir;
	u8 data[BAD_SIZE];
};

static LIST_HEAD(bad_conns);
static DEFINE_MUTEX(bad_lock);		/* bad_conns */
static struct workqueue_struct *bad_wq;
static struct rdma_cm_id *bad_listener;

/* ---- answers: each writes a message for the call @in, returns its length ---- */

static u32 bad_words(u8 *out, const u32 *words, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		((__be32 *)out)[i] = cpu_to_be32(words[i]);
	return nr * 4;
}

#define BAD_WORDS(out, ...)	\
	bad_words(out, (const u32[]){ __VA_ARGS__ }, \
		   sizeof((const u32[]){ __VA_ARGS__ }) / 4)

static u32 bad_garbage(u8 *out, u32 xid)
{
	u32 len = get_random_u32_inclusive(1, 1024);

	get_random_bytes(out, len);
	return len;
}

/* The fixed words are right, the rest is not. */
static u32 bad_tail(u8 *out, u32 xid)
{
	u32 head = BAD_WORDS(out, xid, 1, 32, get_random_u32_below(6));
	u32 len = get_random_u32_inclusive(0, 900);

	get_random_bytes(out + head, len);
	return head + len;
}

static u32 bad_short(u8 *out, u32 xid)
{
	BAD_WORDS(out, xid, 1, 32, 0, 0, 0, 0);
	return get_random_u32_inclusive(1, 27);
}

static u32 bad_version(u8 *out, u32 xid)
{
	return BAD_WORDS(out, xid, 2, 32, 0, 0, 0, 0, xid, 1, 0, 0, 0, 0);
}

static u32 bad_unknown_xid(u8 *out, u32 xid)
{
	xid += get_random_u32_inclusive(1000, 100000);
	return BAD_WORDS(out, xid, 1, 32, 0, 0, 0, 0, xid, 1, 0, 0, 0, 0);
}

static u32 bad_two_xids(u8 *out, u32 xid)
{
	return BAD_WORDS(out, xid, 1, 32, 0, 0, 0, 0, xid + 1, 1, 0, 0, 0, 0);
}

static u32 bad_read_list(u8 *out, u32 xid)
{
	return BAD_WORDS(out, xid, 1, 32, 0, 1, 0, 4711, 4096, 0, 4096, 0, 0, 0,
			  xid, 1, 0, 0, 0, 0);
}

static u32 bad_write_chunks(u8 *out, u32 xid)
{
	return BAD_WORDS(out, xid, 1, 32, 0, 0,
			  1, 1, 4711, 4096, 0, 4096, 1, 1, 4711, 4096, 0, 4096, 0,
			  0, xid, 1, 0, 0, 0, 0);
}

/* Chunks that were never offered. */
static u32 bad_strange_write(u8 *out, u32 xid)
{
	return BAD_WORDS(out, xid, 1, 32, 0, 0, 1, 1, 4711, 4096, 0, 4096, 0, 0,
			  xid, 1, 0, 0, 0, 0);
}

static u32 bad_strange_reply(u8 *out, u32 xid)
{
	return BAD_WORDS(out, xid, 1, 32, 1, 0, 0, 1, 1, 4711, 4096, 0, 4096);
}

static u32 bad_segments(u8 *out, u32 xid)
{
	return BAD_WORDS(out, xid, 1, 32, 1, 0, 0, 1, 0xffffffff, 4711, 4096, 0, 4096);
}

static u32 bad_error_vers(u8 *out, u32 xid)
{
	return BAD_WORDS(out, xid, 1, 32, 4, 1, 2, 3);
}

static u32 bad_error_chunk(u8 *out, u32 xid)
{
	return BAD_WORDS(out, xid, 1, 32, 4, 2);
}

/* Well-formed, but nothing may be sent any more. */
static u32 bad_no_credits(u8 *out, u32 xid)
{
	return BAD_WORDS(out, xid, 1, 0, 0, 0, 0, 0, xid, 1, 0, 0, 0, 5);
}

static u32 bad_many_credits(u8 *out, u32 xid)
{
	return BAD_WORDS(out, xid, 1, 0xffffffff, 0, 0, 0, 0, xid, 1, 0, 0, 0, 5);
}

/* An accepted RPC reply whose results are random. */
static u32 bad_results(u8 *out, u32 xid)
{
	u32 head = BAD_WORDS(out, xid, 1, 32, 0, 0, 0, 0, xid, 1, 0, 0, 0, 0, 0, 0, 1, 42, 0);

	get_random_bytes(out + head, 200);
	return head + 200;
}

/* A call in the backward direction that nobody has agreed on. */
static u32 bad_callback(u8 *out, u32 xid)
{
	return BAD_WORDS(out, xid, 1, 32, 0, 0, 0, 0, xid, 0, 2, 0x40000000, 1, 1,
			  0, 0, 0, 0, 0, 0, 0);
}

/* The longest message, to a receive buffer that may be shorter. */
static u32 bad_long(u8 *out, u32 xid)
{
	BAD_WORDS(out, xid, 1, 32, 0, 0, 0, 0, xid, 1, 0, 0, 0, 0);
	return BAD_SIZE;
}

static const struct bad_mode {
	const char *name;
	u32 (*answer)(u8 *out, u32 xid);
	u32 times;
} bad_modes[] = {
	{ "garbage", bad_garbage, 1 },
	{ "tail", bad_tail, 1 },
	{ "short", bad_short, 1 },
	{ "version", bad_version, 1 },
	{ "unknown_xid", bad_unknown_xid, 1 },
	{ "two_xids", bad_two_xids, 1 },
	{ "read_list", bad_read_list, 1 },
	{ "write_chunks", bad_write_chunks, 1 },
	{ "strange_write", bad_strange_write, 1 },
	{ "strange_reply", bad_strange_reply, 1 },
	{ "segments", bad_segments, 1 },
	{ "error_vers", bad_error_vers, 1 },
	{ "error_chunk", bad_error_chunk, 1 },
	{ "no_credits", bad_no_credits, 1 },
	{ "many_credits", bad_many_credits, 1 },
	{ "results", bad_results, 1 },
	{ "callback", bad_callback, 1 },
	{ "long", bad_long, 1 },
	{ "twice", bad_results, 2 },
	{ "flood", bad_unknown_xid, BAD_FLOOD },	/* more than were asked for */
	{ "silent", NULL, 0 },
	{ "hangup", NULL, 0 },		/* at the first call */
	{ "reject", NULL, 0 },		/* the connection */
	{ "ignore", NULL, 0 },		/* the connection */
};

static const struct bad_mode *bad_mode;

static bool bad_is(const char *name)
{
	return !strcmp(bad_mode->name, name);
}

/* ---- messages ---- */

static void bad_free(struct bad_buf *buf)
{
	ib_dma_unmap_single(buf->conn->id->device, buf->dma, BAD_SIZE, buf->dir);
	kfree(buf);
}

static struct bad_buf *bad_alloc(struct bad_conn *conn, enum dma_data_direction dir)
{
	struct bad_buf *buf = kzalloc(sizeof(*buf), GFP_KERNEL);

	if (!buf)
		return NULL;
	buf->conn = conn;
	buf->dir = dir;
	buf->dma = ib_dma_map_single(conn->id->device, buf->data, BAD_SIZE, dir);
	if (!ib_dma_mapping_error(conn->id->device, buf->dma))
		return buf;
	kfree(buf);
	return NULL;
}

static void bad_end(struct bad_conn *conn)
{
	if (!test_and_set_bit(0, &conn->ending))
		queue_work(bad_wq, &conn->end);
}

static void bad_sent(struct ib_cq *cq, struct ib_wc *wc)
{
	struct bad_buf *buf = container_of(wc->wr_cqe, struct bad_buf, cqe);

	if (wc->status)
		bad_end(buf->conn);
	bad_free(buf);
}

static void bad_answer(struct bad_conn *conn, u32 xid)
{
	struct bad_buf *buf = bad_alloc(conn, DMA_TO_DEVICE);
	struct ib_sge sge = { .lkey = conn->pd->local_dma_lkey };
	struct ib_send_wr wr = { .sg_list = &sge, .num_sge = 1, .opcode = IB_WR_SEND,
				 .send_flags = IB_SEND_SIGNALED };

	if (!buf)
		return;
	sge.addr = buf->dma;
	sge.length = bad_mode->answer(buf->data, xid);
	ib_dma_sync_single_for_device(conn->id->device, buf->dma, BAD_SIZE, buf->dir);
	buf->cqe.done = bad_sent;
	wr.wr_cqe = &buf->cqe;
	if (ib_post_send(conn->id->qp, &wr, NULL))
		bad_free(buf);
}

static void bad_received(struct ib_cq *cq, struct ib_wc *wc);

static int bad_post(struct bad_buf *buf)
{
	struct ib_sge sge = { .addr = buf->dma, .length = BAD_SIZE,
			      .lkey = buf->conn->pd->local_dma_lkey };
	struct ib_recv_wr wr = { .wr_cqe = &buf->cqe, .sg_list = &sge, .num_sge = 1 };
	int rc;

	buf->cqe.done = bad_received;
	rc = ib_post_recv(buf->conn->id->qp, &wr, NULL);
	if (rc)
		bad_free(buf);
	return rc;
}

static void bad_received(struct ib_cq *cq, struct ib_wc *wc)
{
	struct bad_buf *buf = container_of(wc->wr_cqe, struct bad_buf, cqe);
	struct bad_conn *conn = buf->conn;
	u32 i, xid;

	if (wc->status) {
		bad_end(conn);
		bad_free(buf);
		return;
	}
	ib_dma_sync_single_for_cpu(conn->id->device, buf->dma, BAD_SIZE, buf->dir);
	xid = be32_to_cpu(*(__be32 *)buf->data);
	if (bad_is("hangup"))
		bad_end(conn);
	for (i = 0; i < bad_mode->times; i++)
		bad_answer(conn, xid);
	bad_post(buf);
}

/* ---- connections ---- */

static void bad_end_work(struct work_struct *work)
{
	struct bad_conn *conn = container_of(work, struct bad_conn, end);

	if (conn->id->qp) {
		rdma_disconnect(conn->id);
		ib_drain_qp(conn->id->qp);
		rdma_destroy_qp(conn->id);
		ib_free_cq(conn->cq);
		ib_dealloc_pd(conn->pd);
	}
	rdma_destroy_id(conn->id);
	mutex_lock(&bad_lock);
	list_del(&conn->link);
	mutex_unlock(&bad_lock);
	kfree(conn);
}

static int bad_make_qp(struct bad_conn *conn)
{
	struct ib_device *dev = conn->id->device;
	struct ib_qp_init_attr attr = {
		.cap = { .max_send_wr = BAD_SENDS, .max_recv_wr = BAD_RECVS + 1,
			 .max_send_sge = 1, .max_recv_sge = 1 },
		.sq_sig_type = IB_SIGNAL_REQ_WR,
		.qp_type = IB_QPT_RC,
	};
	int rc;

	conn->pd = ib_alloc_pd(dev, 0);
	if (IS_ERR(conn->pd))
		return PTR_ERR(conn->pd);
	conn->cq = ib_alloc_cq(dev, conn, BAD_SENDS + BAD_RECVS + 1, 0, IB_POLL_WORKQUEUE);
	rc = PTR_ERR_OR_ZERO(conn->cq);
	if (rc)
		goto out_pd;
	attr.send_cq = conn->cq;
	attr.recv_cq = conn->cq;
	rc = rdma_create_qp(conn->id, conn->pd, &attr);
	if (rc)
		goto out_cq;
	return 0;

out_cq:
	ib_free_cq(conn->cq);
out_pd:
	ib_dealloc_pd(conn->pd);
	return rc;
}

static int bad_accept(struct bad_conn *conn)
{
	struct rdma_conn_param param = { .responder_resources = 4, .initiator_depth = 4,
					 .retry_count = 7, .rnr_retry_count = 7 };
	struct bad_buf *buf;
	int i, rc;

	rc = bad_make_qp(conn);
	for (i = 0; !rc && i < BAD_RECVS; i++) {
		buf = bad_alloc(conn, DMA_FROM_DEVICE);
		rc = buf ? bad_post(buf) : -ENOMEM;
	}
	return rc ?: rdma_accept(conn->id, &param);
}

/* Nonzero: the connection manager destroys @id. */
static int bad_request(struct rdma_cm_id *id)
{
	struct bad_conn *conn;

	if (bad_is("reject")) {
		rdma_reject(id, NULL, 0, IB_CM_REJ_CONSUMER_DEFINED);
		return -ECONNREFUSED;
	}
	conn = kzalloc(sizeof(*conn), GFP_KERNEL);
	if (!conn)
		return -ENOMEM;
	conn->id = id;
	id->context = conn;
	INIT_WORK(&conn->end, bad_end_work);
	mutex_lock(&bad_lock);
	list_add(&conn->link, &bad_conns);
	mutex_unlock(&bad_lock);
	if (!bad_is("ignore") && bad_accept(conn))
		bad_end(conn);
	return 0;
}

static int bad_event(struct rdma_cm_id *id, struct rdma_cm_event *ev)
{
	switch (ev->event) {
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		return bad_request(id);
	case RDMA_CM_EVENT_ESTABLISHED:
	case RDMA_CM_EVENT_ADDR_CHANGE:
		return 0;
	default:
		if (id != bad_listener)
			bad_end(id->context);
		return 0;
	}
}

static int bad_listen(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(BAD_PORT) };
	int rc;

	bad_listener = rdma_create_id(&init_net, bad_event, NULL, RDMA_PS_TCP, IB_QPT_RC);
	if (IS_ERR(bad_listener))
		return PTR_ERR(bad_listener);
	rc = rdma_bind_addr(bad_listener, (struct sockaddr *)&sin);
	rc = rc ?: rdma_listen(bad_listener, 8);
	if (rc)
		rdma_destroy_id(bad_listener);
	return rc;
}

static int __init bad_init(void)
{
	int rc;

	for (bad_mode = bad_modes; strcmp(bad_mode->name, mode); bad_mode++)
		if (bad_mode == &bad_modes[ARRAY_SIZE(bad_modes) - 1])
			return -EINVAL;
	bad_wq = alloc_workqueue("penstock_badpeer", WQ_UNBOUND, 0);
	if (!bad_wq)
		return -ENOMEM;
	rc = bad_listen();
	if (rc)
		destroy_workqueue(bad_wq);
	return rc;
}

static void __exit bad_exit(void)
{
	struct bad_conn *conn;

	rdma_destroy_id(bad_listener);
	mutex_lock(&bad_lock);
	list_for_each_entry(conn, &bad_conns, link)
		bad_end(conn);
	mutex_unlock(&bad_lock);
	destroy_workqueue(bad_wq);
}

module_init(bad_init);
module_exit(bad_exit);
MODULE_DESCRIPTION("RDMA peer that misbehaves, for the tests of penstock");
MODULE_LICENSE("GPL");
