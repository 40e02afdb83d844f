// SPDX-License-Identifier: GPL-2.0
/*
 * Drives net/ without a file system: one peer, commands written to
 * /sys/kernel/debug/penstock_net_test/ctl, each of which succeeds or fails
 * with -EPROTO and a line in the kernel log.  tests/net/run has the cases,
 * tests/net/server.py the other end.
 *
 *	open ADDR PORT [ADDR...]	make the peer (and drop an older one)
 *	wait ERROR			prpc_peer_wait() must return ERROR
 *	spread				use all addresses at once
 *	call PROC COUNT OUT IN ERROR [MS] [FLAGS]
 *		COUNT calls at a time, each with OUT bytes of payload and room
 *		for IN bytes; all must end with ERROR.  MS: deadline, 0: none.
 *		FLAGS: n no resend, s payload in slab memory
 *	cancel PROC COUNT		start calls, take them back: all must come
 *	abort PROC COUNT		start calls, abort them with -EIO
 *	storm PROC COUNT		calls with deadlines of 1 to 30 ms, every
 *		third of them taken back: each must end exactly once
 *	crowd PROC COUNT		fill the table with PROC, which is never
 *		answered, queue COUNT echoes behind, take the others back
 *	callbacks N			so many callbacks must have been served
 *	close MS			destroy the peer, in MS milliseconds at most
 */
#include <linux/completion.h>
#include <linux/crc32.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/inet.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/nsproxy.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include "net/rpc.h"

#define T_PROG		100003
#define T_CB_PROG	0x40000001
#define T_MAGIC		0x12345678
#define T_HEAD		32	/* RPC header, checksum, length word */
#define T_MAX_CALLS	64u
#define T_MAX_ADDRS	4
#define T_ECHO		1
#define T_BUF		1024
#define T_OUT_SKIP	5
#define T_IN_SKIP	4099

struct t_call {
	struct prpc_call rpc;
	struct completion done;
	int calls;		/* of done() */
	int cancels;
	bool poisoned;
	struct bio_vec *out, *in;
	unsigned int nr_out, nr_in;
	void *slab;
	u8 buf[T_BUF];
	u8 reply[T_BUF];
};

static DEFINE_MUTEX(t_mutex);		/* one command at a time */
static struct prpc_peer *t_peer;
static atomic_t t_callbacks;
static struct dentry *t_dir;

static u8 t_byte(u32 i)
{
	return i * 7 + 3;
}

static void t_done(struct prpc_call *call)
{
	struct t_call *t = container_of(call, struct t_call, rpc);

	t->calls++;
	complete(&t->done);
}

static u32 t_callback(struct prpc_peer *peer, u32 proc, struct pxdr_dec *args,
		      struct pxdr_enc *res)
{
	u32 v = pxdr_get_u32(args);

	if (proc != 1)
		return 3;		/* PROC_UNAVAIL */
	if (args->bad)
		return 4;		/* GARBAGE_ARGS */
	atomic_inc(&t_callbacks);
	pxdr_u32(res, v + 1);
	return 0;
}

/* A greeting of one pinned call. */
static int t_ready(struct prpc_peer *peer, struct prpc_conn *conn)
{
	struct t_call *t = kzalloc(sizeof(*t), GFP_KERNEL);
	int error;

	if (!t)
		return -ENOMEM;
	init_completion(&t->done);
	prpc_call_init(&t->rpc, peer, 0, NULL, t->buf, sizeof(t->buf));
	t->rpc.flags = PRPC_PINNED;
	t->rpc.conn = conn;
	t->rpc.reply = t->reply;
	t->rpc.reply_size = sizeof(t->reply);
	t->rpc.done = t_done;
	prpc_submit(&t->rpc);
	wait_for_completion(&t->done);
	error = t->rpc.error;
	kfree(t);
	return error;
}

static const struct prpc_peer_ops t_ops = {
	.ready		= t_ready,
	.callback	= t_callback,
};

/* ---- payload ---- */

static void t_free_pages(struct bio_vec *bv, unsigned int nr)
{
	while (nr--)
		__free_page(bv[nr].bv_page);
	kfree(bv);
}

static struct bio_vec *t_alloc_pages(u32 len, unsigned int *nr)
{
	unsigned int want = DIV_ROUND_UP(len, PAGE_SIZE);
	struct bio_vec *bv = kcalloc(want, sizeof(*bv), GFP_KERNEL);
	struct page *page;

	for (*nr = 0; bv && *nr < want; (*nr)++) {
		page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!page) {
			t_free_pages(bv, *nr);
			return NULL;
		}
		bvec_set_page(&bv[*nr], page, PAGE_SIZE, 0);
	}
	return bv;
}

static u8 *t_at(struct bio_vec *bv, u32 pos)
{
	return (u8 *)page_address(bv[pos / PAGE_SIZE].bv_page) + pos % PAGE_SIZE;
}

/* ---- calls ---- */

static void t_free(struct t_call *t)
{
	if (!t)
		return;
	if (t->slab)
		kfree(t->out);
	else if (t->out)
		t_free_pages(t->out, t->nr_out);
	if (t->in)
		t_free_pages(t->in, t->nr_in);
	kfree(t->slab);
	kfree(t);
}

static int t_set_out(struct t_call *t, u32 out, bool slab)
{
	u32 i;

	if (slab) {
		t->slab = kmalloc(T_OUT_SKIP + out, GFP_KERNEL);
		t->out = kzalloc(sizeof(*t->out), GFP_KERNEL);
		if (!t->slab || !t->out)
			return -ENOMEM;
		t->nr_out = 1;
		bvec_set_page(t->out, virt_to_page(t->slab), T_OUT_SKIP + out,
			      offset_in_page(t->slab));
		for (i = 0; i < out; i++)
			((u8 *)t->slab)[T_OUT_SKIP + i] = t_byte(i);
	} else {
		t->out = t_alloc_pages(T_OUT_SKIP + out, &t->nr_out);
		if (!t->out)
			return -ENOMEM;
		for (i = 0; i < out; i++)
			*t_at(t->out, T_OUT_SKIP + i) = t_byte(i);
	}
	t->rpc.out = (struct prpc_data){ t->out, t->nr_out, T_OUT_SKIP, out };
	return 0;
}

/* Arguments: what to send back, payload, a word behind it. */
static struct t_call *t_make(u32 proc, u32 out, u32 in, const char *flags)
{
	struct t_call *t = kzalloc(sizeof(*t), GFP_KERNEL);
	struct prpc_call *rpc;

	if (!t)
		return NULL;
	rpc = &t->rpc;
	init_completion(&t->done);
	prpc_call_init(rpc, t_peer, proc, current_cred(), t->buf, sizeof(t->buf));
	pxdr_u32(&rpc->enc, in);
	pxdr_u32(&rpc->enc, out);
	rpc->out_at = pxdr_enc_len(&rpc->enc);
	pxdr_u32(&rpc->enc, T_MAGIC);
	if (out && t_set_out(t, out, strchr(flags, 's')))
		goto fail;
	if (in) {
		t->in = t_alloc_pages(T_IN_SKIP + in, &t->nr_in);
		if (!t->in)
			goto fail;
		rpc->in = (struct prpc_data){ t->in, t->nr_in, T_IN_SKIP, in };
		rpc->in_at = T_HEAD;
	}
	if (strchr(flags, 'n'))
		rpc->flags = PRPC_NO_RESEND;
	rpc->reply = t->reply;
	rpc->reply_size = sizeof(t->reply);
	rpc->done = t_done;
	rpc->tag = &t_peer;
	return t;
fail:
	t_free(t);
	return NULL;
}

/* Is the reply of an echo call what was asked for? */
static int t_check(struct t_call *t, u32 out, u32 in)
{
	struct pxdr_dec d;
	u32 crc = ~0, i;
	u8 byte;

	prpc_reply(&t->rpc, &d);
	for (i = 0; i < out; i++) {
		byte = t_byte(i);
		crc = crc32_le(crc, &byte, 1);
	}
	if (pxdr_get_u32(&d) != ~crc) {
		pr_err("net test: payload arrived broken\n");
		return -EPROTO;
	}
	if (pxdr_get_u32(&d) != in || d.bad || t->rpc.in_len != in) {
		pr_err("net test: %u bytes placed, not %u\n", t->rpc.in_len, in);
		return -EPROTO;
	}
	for (i = 0; i < in; i++)
		if (*t_at(t->in, T_IN_SKIP + i) != t_byte(i)) {
			pr_err("net test: wrong byte at %u\n", i);
			return -EPROTO;
		}
	for (i = 0; in && i < T_IN_SKIP; i++)
		if (*t_at(t->in, i)) {
			pr_err("net test: byte written before the payload\n");
			return -EPROTO;
		}
	return 0;
}

static int t_calls(const char *args)
{
	u32 proc, count, out, in, ms = 0, i;
	struct t_call **t;
	char flags[8] = "";
	int error, rc = 0;

	if (sscanf(args, "%u %u %u %u %d %u %7s", &proc, &count, &out, &in,
		   &error, &ms, flags) < 5)
		return -EINVAL;
	t = kvcalloc(count, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		t[i] = t_make(proc, out, in, flags);
		if (!t[i]) {
			rc = -ENOMEM;
			count = i;
			break;
		}
		if (ms)
			t[i]->rpc.deadline = (jiffies + msecs_to_jiffies(ms)) ?: 1;
		prpc_submit(&t[i]->rpc);
	}
	for (i = 0; i < count; i++) {
		wait_for_completion(&t[i]->done);
		if (t[i]->rpc.error != error) {
			pr_err("net test: proc %u ended with %d, not %d\n", proc,
			       t[i]->rpc.error, error);
			rc = -EPROTO;
		} else if (proc == T_ECHO && !error && !rc) {
			rc = t_check(t[i], out, in);
		}
	}
	/* a second completion or a late write would land in freed memory */
	for (i = 0; i < count; i++) {
		if (t[i]->calls != 1) {
			pr_err("net test: done %d times\n", t[i]->calls);
			rc = -EPROTO;
		}
		t_free(t[i]);
	}
	kvfree(t);
	return rc;
}

/* Start calls that are not going to end by themselves; end them. */
static int t_end(const char *args, bool cancel)
{
	u32 proc, count, i, taken = 0;
	struct t_call **t;
	int rc = 0;

	if (sscanf(args, "%u %u", &proc, &count) != 2)
		return -EINVAL;
	t = kvcalloc(count, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		t[i] = t_make(proc, 1000, 100, "");
		if (!t[i]) {
			count = i;
			break;
		}
		prpc_submit(&t[i]->rpc);
	}
	msleep(200);
	if (!cancel)
		prpc_abort(t_peer, &t_peer, -EIO);
	for (i = 0; i < count; i++) {
		if (cancel && prpc_cancel(&t[i]->rpc)) {
			taken++;
			memset(&t[i]->rpc, 0x5a, sizeof(t[i]->rpc));
		} else {
			wait_for_completion(&t[i]->done);
			if (!cancel && t[i]->rpc.error == -EIO)
				taken++;
		}
	}
	if (taken != count) {
		pr_err("net test: %u of %u calls taken back\n", taken, count);
		rc = -EPROTO;
	}
	for (i = 0; i < count; i++)
		t_free(t[i]);
	kvfree(t);
	return rc;
}

/* Bytes that the transport might still write: they must stay as they are. */
static void t_poison(struct t_call *t)
{
	unsigned int i;

	memset(t->reply, 0x5a, sizeof(t->reply));
	for (i = 0; i < t->nr_in; i++)
		memset(page_address(t->in[i].bv_page), 0x5a, PAGE_SIZE);
}

static bool t_poisoned(struct t_call *t)
{
	unsigned int i;

	if (memchr_inv(t->reply, 0x5a, sizeof(t->reply)))
		return false;
	for (i = 0; i < t->nr_in; i++)
		if (memchr_inv(page_address(t->in[i].bv_page), 0x5a, PAGE_SIZE))
			return false;
	return true;
}

static int t_storm(const char *args)
{
	u32 proc, count, i, made;
	struct t_call **t;
	int rc = 0;

	if (sscanf(args, "%u %u", &proc, &count) != 2)
		return -EINVAL;
	t = kvcalloc(count, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	for (made = 0; made < count; made++) {
		t[made] = t_make(proc, get_random_u32() % 20000,
				 1 + get_random_u32() % 20000, "");
		if (!t[made])
			break;
		t[made]->rpc.deadline = (jiffies + 1 +
			msecs_to_jiffies(get_random_u32() % 30)) ?: 1;
		prpc_submit(&t[made]->rpc);
		i = get_random_u32() % (made + 1);
		if (made % 3 == 0 && t[i]->cancels++ == 0 &&
		    prpc_cancel(&t[i]->rpc)) {
			t[i]->calls++;
			complete(&t[i]->done);
			t_poison(t[i]);
			t[i]->poisoned = true;
		}
	}
	for (i = 0; i < made; i++) {
		wait_for_completion(&t[i]->done);
		if (!t[i]->poisoned && t[i]->rpc.error) {
			t_poison(t[i]);
			t[i]->poisoned = true;
		}
	}
	msleep(100);
	for (i = 0; i < made; i++) {
		if (t[i]->calls != 1 || (t[i]->poisoned && !t_poisoned(t[i]))) {
			pr_err("net test: call ended %d times, poison %s\n",
			       t[i]->calls, t_poisoned(t[i]) ? "whole" : "touched");
			rc = -EPROTO;
		}
		t_free(t[i]);
	}
	kvfree(t);
	return rc;
}

static int t_crowd(const char *args)
{
	u32 proc, count, i, total;
	struct t_call **t;
	int rc = 0;

	if (sscanf(args, "%u %u", &proc, &count) != 2)
		return -EINVAL;
	total = T_MAX_CALLS + count;
	t = kvcalloc(total, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	for (i = 0; i < total; i++) {
		t[i] = t_make(i < T_MAX_CALLS ? proc : T_ECHO, 100, 100, "");
		if (!t[i]) {
			total = i;
			rc = -ENOMEM;
			break;
		}
		prpc_submit(&t[i]->rpc);
	}
	for (i = 0; i < min(total, T_MAX_CALLS); i++)
		if (!prpc_cancel(&t[i]->rpc))
			rc = -EPROTO;
	for (; i < total; i++)
		if (!wait_for_completion_timeout(&t[i]->done, 5 * HZ)) {
			pr_err("net test: a waiting call was forgotten\n");
			rc = -EPROTO;
			prpc_cancel(&t[i]->rpc);
		}
	for (i = 0; i < total; i++)
		t_free(t[i]);
	kvfree(t);
	return rc;
}

/* ---- the peer ---- */

static int t_open(char *args)
{
	struct sockaddr_storage addrs[T_MAX_ADDRS] = {};
	struct prpc_peer_args pa = {
		.net = current->nsproxy->net_ns, .name = "test", .ops = &t_ops,
		.prog = T_PROG, .vers = 4, .cb_prog = T_CB_PROG, .addrs = addrs,
		.max_calls = T_MAX_CALLS, .proto = "tcp",
	};
	char *addr = strsep(&args, " "), *port = strsep(&args, " ");

	prpc_peer_destroy(t_peer);
	t_peer = NULL;
	for (; addr && port && pa.nr_addrs < T_MAX_ADDRS; addr = strsep(&args, " "))
		if (inet_pton_with_scope(&init_net, AF_UNSPEC, addr, port,
					 &addrs[pa.nr_addrs++]))
			return -EINVAL;
	t_peer = prpc_peer_create(&pa);
	if (IS_ERR(t_peer)) {
		int error = PTR_ERR(t_peer);

		t_peer = NULL;
		return error;
	}
	return 0;
}

static int t_expect(const char *args, const char *what, int got)
{
	int want;

	if (kstrtoint(args, 10, &want))
		return -EINVAL;
	if (got == want)
		return 0;
	pr_err("net test: %s is %d, not %d\n", what, got, want);
	return -EPROTO;
}

static int t_close(const char *args)
{
	unsigned long begin = jiffies;
	unsigned int ms, took;

	if (kstrtouint(args, 10, &ms))
		return -EINVAL;
	prpc_peer_destroy(t_peer);
	t_peer = NULL;
	took = jiffies_to_msecs(jiffies - begin);
	if (took <= ms)
		return 0;
	pr_err("net test: closing took %u ms\n", took);
	return -EPROTO;
}

static int t_command(char *line)
{
	char *word = strsep(&line, " ");

	if (!strcmp(word, "spread") && t_peer) {
		prpc_peer_spread(t_peer);
		return 0;
	}
	if (!line)
		return -EINVAL;
	if (!strcmp(word, "open"))
		return t_open(line);
	if (!t_peer)
		return -ENOTCONN;
	if (!strcmp(word, "wait"))
		return t_expect(line, "prpc_peer_wait",
				prpc_peer_wait(t_peer, MAX_SCHEDULE_TIMEOUT));
	if (!strcmp(word, "call"))
		return t_calls(line);
	if (!strcmp(word, "cancel"))
		return t_end(line, true);
	if (!strcmp(word, "abort"))
		return t_end(line, false);
	if (!strcmp(word, "storm"))
		return t_storm(line);
	if (!strcmp(word, "crowd"))
		return t_crowd(line);
	if (!strcmp(word, "callbacks"))
		return t_expect(line, "callbacks", atomic_xchg(&t_callbacks, 0));
	if (!strcmp(word, "close"))
		return t_close(line);
	return -EINVAL;
}

static ssize_t t_write(struct file *file, const char __user *buf, size_t len,
		       loff_t *pos)
{
	char *line = memdup_user_nul(buf, min_t(size_t, len, 500));
	int rc;

	if (IS_ERR(line))
		return PTR_ERR(line);
	mutex_lock(&t_mutex);
	rc = t_command(strim(line));
	mutex_unlock(&t_mutex);
	kfree(line);
	return rc ?: len;
}

static int t_show(struct seq_file *m, void *unused)
{
	mutex_lock(&t_mutex);
	if (t_peer)
		prpc_peer_show(t_peer, m);
	mutex_unlock(&t_mutex);
	return 0;
}

static int t_file_open(struct inode *inode, struct file *file)
{
	return single_open(file, t_show, NULL);
}

static const struct file_operations t_fops = {
	.owner		= THIS_MODULE,
	.open		= t_file_open,
	.read		= seq_read,
	.write		= t_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

static int __init t_init(void)
{
	int error = prpc_init();

	if (error)
		return error;
	t_dir = debugfs_create_dir("penstock_net_test", NULL);
	debugfs_create_file("ctl", 0600, t_dir, NULL, &t_fops);
	return 0;
}

static void __exit t_exit(void)
{
	debugfs_remove(t_dir);
	prpc_peer_destroy(t_peer);
	prpc_exit();
}

module_init(t_init);
module_exit(t_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("penstock: test driver for net/");
