// SPDX-License-Identifier: GPL-2.0
/*
 * RPCSEC_GSS contexts: one for each user of a peer.
 *
 * A context is made in user space: request_key() of a key type of our own runs
 * penstock-gss, which gets the tickets, sets the context up with the server
 * (RFC 2203 section 5.2) over a TCP connection of its own, as a context is
 * valid on every connection, and leaves handle and keys in the key.  The
 * key is read here once and then invalidated: secrets stay in this file's
 * structs and the crypto layer's.
 *
 * A call without a context, or whose context has no sequence number free, waits
 * on peer->parked, where cancel, abort and deadline find it like any other.
 */
#include <linux/cred.h>
#include <linux/inet.h>
#include <linux/key-type.h>
#include <linux/key.h>
#include <linux/keyctl.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include "gss.h"

#define PGSS_RETRY		(5 * HZ)	/* after user space has failed */
#define PGSS_LIFE_MIN		10		/* seconds; less is not worth a context */
#define PGSS_KEY_MAX		1024
#define PGSS_TCP_PORT		2049
#define PGSS_BYES		32	/* contexts that are ended; others the server ages out */
#define PGSS_BYE_REPLY		(PRPC_REPLY_HEADER + PKRB5_MIC_MAX)

struct workqueue_struct *pgss_wq;
static struct workqueue_struct *pgss_upcall_wq;
static const struct cred *pgss_cred;
static atomic_t pgss_ids;

/* ---- the key type ---- */

static int pgss_key_instantiate(struct key *key, struct key_preparsed_payload *prep)
{
	void *copy;

	if (!prep->data || !prep->datalen || prep->datalen > PGSS_KEY_MAX)
		return -EINVAL;
	copy = kmemdup(prep->data, prep->datalen, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	key->payload.data[0] = copy;
	key->payload.data[1] = (void *)(unsigned long)prep->datalen;
	return 0;
}

static void pgss_key_destroy(struct key *key)
{
	kfree_sensitive(key->payload.data[0]);
}

static void pgss_key_describe(const struct key *key, struct seq_file *m)
{
	seq_puts(m, key->description);
}

/* No .read, and a name that add_key() refuses: only the kernel makes such keys. */
static struct key_type pgss_key_type = {
	.name		= "." KBUILD_MODNAME,
	.def_datalen	= PGSS_KEY_MAX,
	.instantiate	= pgss_key_instantiate,
	.destroy	= pgss_key_destroy,
	.describe	= pgss_key_describe,
};

/* ---- what user space says ---- */

static int pgss_take(struct pgss_ctx *ctx, const void *data, size_t len)
{
	struct pgss_made made;
	struct pkrb5 *key;
	u32 life;

	if (pgss_parse(&made, data, len) || made.life < PGSS_LIFE_MIN)
		return -EPROTO;
	key = pkrb5_create(made.enctype, made.key, made.key_len, made.subkey);
	if (IS_ERR(key))
		return PTR_ERR(key);
	ctx->key = key;
	ctx->window = min_t(u32, made.window, PGSS_WINDOW_MAX);
	ctx->handle_len = made.handle_len;
	memcpy(ctx->handle, made.handle, made.handle_len);
	atomic64_set(&ctx->tokens, made.tokens);
	/* renewed when an eighth is left, at least five seconds before the end */
	life = min_t(u32, made.life, 7 * 86400);
	ctx->expires = jiffies + (unsigned long)life * HZ;
	ctx->until = ctx->expires - (unsigned long)max(life / 8, 5U) * HZ;
	return 0;
}

/* Ask user space.  0 or -errno; waits as long as penstock-gss does. */
static int pgss_upcall(struct pgss_ctx *ctx)
{
	char name[48], info[192];
	const struct cred *old;
	struct key *key;
	int error;

	/* a number: no key is found again */
	snprintf(name, sizeof(name), "%u:%u", atomic_inc_return(&pgss_ids),
		 from_kuid(&init_user_ns, ctx->uid));
	snprintf(info, sizeof(info), "uid=%u server=%s addr=%pISpc",
		 from_kuid(&init_user_ns, ctx->uid), ctx->server, &ctx->addr);
	old = override_creds(pgss_cred);
	key = request_key(&pgss_key_type, name, info);
	revert_creds(old);
	if (IS_ERR(key))
		return PTR_ERR(key);
	error = key_validate(key);
	if (!error) {
		down_read(&key->sem);
		error = pgss_take(ctx, key->payload.data[0],
				  (unsigned long)key->payload.data[1]);
		up_read(&key->sem);
	}
	key_invalidate(key);
	key_put(key);
	return error;
}

/* What the upcall's error means to a program; and say so. */
static int pgss_error(const struct pgss_ctx *ctx, int error)
{
	const char *why = "no ticket", *next = "its calls fail with EACCES";

	switch (error) {
	case -EKEYEXPIRED:
		why = "the ticket has expired";
		next = "its calls fail with EKEYEXPIRED, write-back waits for a new one";
		break;
	case -EAGAIN:		/* the KDC or the server does not answer now */
	case -ENOMEM:
		why = "the KDC or the server does not answer";
		next = "trying again";
		break;
	case -EKEYREJECTED:
		why = "the KDC or the server refuses it";
		error = -EACCES;
		break;
	default:
		if (error != -ENOKEY)
			why = "penstock-gss failed, the system's log says more";
		error = -EACCES;
	}
	if (error != ctx->error)
		pr_warn_ratelimited("penstock: %s: no Kerberos context for uid %u: %s; %s\n",
				    ctx->server, from_kuid(&init_user_ns, ctx->uid),
				    why, next);
	return error;
}

/* ---- contexts ---- */

static void pgss_work(struct work_struct *work);

static struct pgss_ctx *pgss_ctx_new(struct prpc_peer *peer, kuid_t uid)
{
	struct pgss_ctx *ctx = kzalloc(sizeof(*ctx), GFP_ATOMIC);
	struct prpc_path *path;

	lockdep_assert_held(&peer->lock);
	if (!ctx)
		return NULL;
	refcount_set(&ctx->ref, 1);
	spin_lock_init(&ctx->lock);
	INIT_LIST_HEAD(&ctx->link);
	INIT_LIST_HEAD(&ctx->work_link);
	INIT_WORK(&ctx->work, pgss_work);
	ctx->peer = peer;
	ctx->uid = uid;
	strscpy(ctx->server, peer->server, sizeof(ctx->server));
	path = peer->nr_live ? peer->live[0] :
			       list_first_entry(&peer->paths, struct prpc_path, link);
	ctx->addr = path->addr;
	if (peer->transport != &ptcp_ops)	/* user space speaks TCP */
		((struct sockaddr_in *)&ctx->addr)->sin_port = htons(PGSS_TCP_PORT);
	return ctx;
}

void pgss_ctx_put(struct pgss_ctx *ctx)
{
	if (!ctx || !refcount_dec_and_test(&ctx->ref))
		return;
	pgss_ctx_put(ctx->old);
	pkrb5_free(ctx->key);
	kfree_sensitive(ctx);
}

static void pgss_ctx_start(struct prpc_peer *peer, struct pgss_ctx *ctx)
{
	lockdep_assert_held(&peer->lock);
	ctx->state = PGSS_PENDING;
	list_add(&ctx->work_link, &peer->upcalls);
	refcount_inc(&ctx->ref);
	queue_work(pgss_upcall_wq, &ctx->work);
}

static void pgss_ctx_unlink(struct pgss_ctx *ctx)
{
	if (list_empty(&ctx->link))
		return;
	list_del_init(&ctx->link);
	pgss_ctx_put(ctx);
}

/* The upcall of @ctx has ended. */
static void pgss_ctx_done(struct prpc_peer *peer, struct pgss_ctx *ctx, int error)
{
	struct pgss_ctx *old = ctx->old;

	lockdep_assert_held(&peer->lock);
	list_del_init(&ctx->work_link);
	ctx->error = error;
	ctx->state = error ? PGSS_FAILED : PGSS_READY;
	if (error)
		ctx->until = jiffies + PGSS_RETRY;
	if (!old)
		return;
	/* a renewal: the old one serves until it succeeds */
	old->renewing = false;
	old->until = jiffies + PGSS_RETRY;
	if (error || list_empty(&old->link))
		return;
	pgss_ctx_unlink(old);
	list_add(&ctx->link, &peer->contexts);
	refcount_inc(&ctx->ref);
}

static void pgss_work(struct work_struct *work)
{
	struct pgss_ctx *ctx = container_of(work, struct pgss_ctx, work);
	int error = pgss_upcall(ctx);
	struct prpc_peer *peer;

	if (error)
		error = pgss_error(ctx, error);
	spin_lock_bh(&ctx->lock);
	peer = ctx->peer;
	if (peer) {
		spin_lock(&peer->lock);
		pgss_ctx_done(peer, ctx, error);
		pgss_kick(peer, 0);	/* inside: then pgss_peer_exit() still sees us */
		spin_unlock(&peer->lock);
	}
	spin_unlock_bh(&ctx->lock);
	pgss_ctx_put(xchg(&ctx->old, NULL));
	pgss_ctx_put(ctx);
}

static void pgss_renew(struct prpc_peer *peer, struct pgss_ctx *ctx)
{
	struct pgss_ctx *next;

	if (ctx->renewing || time_before(jiffies, ctx->until))
		return;
	next = pgss_ctx_new(peer, ctx->uid);
	if (!next)
		return;
	ctx->renewing = true;
	refcount_inc(&ctx->ref);
	next->old = ctx;
	pgss_ctx_start(peer, next);
	pgss_ctx_put(next);
}

/* The context for @uid, begun if there is none; with a reference, or NULL. */
static struct pgss_ctx *pgss_find(struct prpc_peer *peer, kuid_t uid)
{
	struct pgss_ctx *ctx;

	list_for_each_entry(ctx, &peer->contexts, link)
		if (uid_eq(ctx->uid, uid))
			goto found;
	ctx = pgss_ctx_new(peer, uid);
	if (!ctx)
		return NULL;
	list_add(&ctx->link, &peer->contexts);
	pgss_ctx_start(peer, ctx);
found:
	refcount_inc(&ctx->ref);
	return ctx;
}

void pgss_forget(struct prpc_peer *peer, struct pgss_ctx *ctx)
{
	lockdep_assert_held(&peer->lock);
	pgss_ctx_unlink(ctx);
}

static int pgss_take_seq(struct pgss_call *g)
{
	struct pgss_ctx *ctx = g->ctx;
	u32 next = ctx->seq + 1;

	if (test_bit(next % ctx->window, ctx->busy))
		return -EINPROGRESS;
	__set_bit(next % ctx->window, ctx->busy);
	ctx->seq = next;
	g->seq = next;
	g->used = next;
	return 0;
}

void pgss_release(struct prpc_peer *peer, struct pgss_call *g)
{
	lockdep_assert_held(&peer->lock);
	if (!g->seq)
		return;
	__clear_bit(g->seq % g->ctx->window, g->ctx->busy);
	g->seq = 0;
	if (!list_empty(&peer->parked))
		pgss_kick(peer, 0);
}

/* A context that could not be made: wait, try again, or fail? */
static int pgss_failed(struct prpc_peer *peer, struct pgss_call *g)
{
	struct pgss_ctx *ctx = g->ctx;
	bool transient = ctx->error == -EAGAIN || ctx->error == -ENOMEM;

	if (time_after_eq(jiffies, ctx->until)) {
		pgss_ctx_start(peer, ctx);
		return -EINPROGRESS;
	}
	if (!transient && (!g->give_up || time_after(jiffies, g->give_up)))
		return ctx->error;
	pgss_kick(peer, ctx->until - jiffies + 1);
	return -EINPROGRESS;
}

int pgss_admit(struct prpc_peer *peer, struct pgss_call *g)
{
	struct pgss_ctx *ctx;

	lockdep_assert_held(&peer->lock);
	pgss_release(peer, g);
	ctx = g->ctx;
	if (ctx && ctx->state == PGSS_READY &&
	    time_after(jiffies, ctx->expires))
		pgss_forget(peer, ctx);
	if (!ctx || list_empty(&ctx->link)) {	/* replaced or forgotten meanwhile */
		pgss_ctx_put(ctx);
		g->ctx = pgss_find(peer, g->call->uid);
		if (!g->ctx)
			return -ENOMEM;
	}
	switch (g->ctx->state) {
	case PGSS_PENDING:
		return -EINPROGRESS;
	case PGSS_FAILED:
		return pgss_failed(peer, g);
	default:
		pgss_renew(peer, g->ctx);
		return pgss_take_seq(g);
	}
}

void pgss_kick(struct prpc_peer *peer, unsigned long delay)
{
	if (delay)
		queue_delayed_work(pgss_wq, &peer->parked_work, delay);
	else
		mod_delayed_work(pgss_wq, &peer->parked_work, 0);
}

/* ---- peers ---- */

/* RFC 2203 section 5.4.  Frees itself once it is answered or the peer is gone. */
struct pgss_bye {
	struct prpc_call call;
	__be32 out[PRPC_HEADER_MAX / 4];
	__be32 in[PGSS_BYE_REPLY / 4];
};

static void pgss_bye_done(struct prpc_call *call)
{
	kfree(container_of(call, struct pgss_bye, call));
}

static void pgss_bye(struct prpc_peer *peer, kuid_t uid)
{
	struct pgss_bye *bye = kmalloc(sizeof(*bye), GFP_NOFS);

	if (!bye)
		return;
	/* procedure 0: NULL */
	prpc_call_init(&bye->call, peer, 0, pgss_cred, bye->out, sizeof(bye->out));
	bye->call.uid = uid;
	bye->call.flags = PRPC_DESTROY_GSS | PRPC_NO_RESEND;
	bye->call.reply = bye->in;
	bye->call.reply_size = sizeof(bye->in);
	bye->call.done = pgss_bye_done;
	prpc_submit(&bye->call);
}

void pgss_farewell(struct prpc_peer *peer)
{
	struct pgss_ctx *ctx;
	kuid_t uids[PGSS_BYES];
	unsigned int n = 0;

	spin_lock_bh(&peer->lock);
	list_for_each_entry(ctx, &peer->contexts, link)
		if (n < PGSS_BYES && peer->nr_live && ctx->state == PGSS_READY &&
		    time_before(jiffies, ctx->until))	/* else it would be renewed */
			uids[n++] = ctx->uid;
	spin_unlock_bh(&peer->lock);
	while (n--)
		pgss_bye(peer, uids[n]);
}

/* No call is left; contexts whose upcall is under way outlive the peer. */
void pgss_peer_exit(struct prpc_peer *peer)
{
	struct pgss_ctx *ctx;

	for (;;) {
		spin_lock_bh(&peer->lock);
		ctx = list_first_entry_or_null(&peer->upcalls, struct pgss_ctx,
					       work_link);
		if (ctx) {
			list_del_init(&ctx->work_link);
			refcount_inc(&ctx->ref);
		}
		spin_unlock_bh(&peer->lock);
		if (!ctx)
			break;
		spin_lock_bh(&ctx->lock);
		ctx->peer = NULL;
		spin_unlock_bh(&ctx->lock);
		pgss_ctx_put(ctx);
	}
	cancel_delayed_work_sync(&peer->parked_work);
	while ((ctx = list_first_entry_or_null(&peer->contexts, struct pgss_ctx, link)))
		pgss_ctx_unlink(ctx);
}

int pgss_init(void)
{
	struct cred *cred;
	struct key *ring;
	int error;

	pgss_wq = alloc_workqueue("penstock_gss", WQ_UNBOUND | WQ_MEM_RECLAIM, 64);
	if (!pgss_wq)
		return -ENOMEM;
	pgss_upcall_wq = alloc_workqueue("penstock_key", WQ_UNBOUND, 64);
	error = -ENOMEM;
	if (!pgss_upcall_wq)
		goto out_wq;
	cred = prepare_kernel_cred(&init_task);
	if (!cred)
		goto out_wq;
	ring = keyring_alloc(".penstock_gss", GLOBAL_ROOT_UID, GLOBAL_ROOT_GID, cred,
			     (KEY_POS_ALL & ~KEY_POS_SETATTR) | KEY_USR_VIEW,
			     KEY_ALLOC_NOT_IN_QUOTA, NULL, NULL);
	if (IS_ERR(ring)) {
		error = PTR_ERR(ring);
		goto out_cred;
	}
	error = register_key_type(&pgss_key_type);
	if (error)
		goto out_ring;
	set_bit(KEY_FLAG_ROOT_CAN_CLEAR, &ring->flags);
	cred->thread_keyring = ring;
	cred->jit_keyring = KEY_REQKEY_DEFL_THREAD_KEYRING;
	pgss_cred = cred;
	return 0;

out_ring:
	key_put(ring);
out_cred:
	put_cred(cred);
out_wq:
	if (pgss_upcall_wq)
		destroy_workqueue(pgss_upcall_wq);
	destroy_workqueue(pgss_wq);
	return error;
}

void pgss_exit(void)
{
	destroy_workqueue(pgss_upcall_wq);	/* waits for upcalls under way */
	destroy_workqueue(pgss_wq);
	key_revoke(pgss_cred->thread_keyring);
	unregister_key_type(&pgss_key_type);
	put_cred(pgss_cred);
	pgss_memory_exit();
}
