// SPDX-License-Identifier: GPL-2.0
/*
 * OPEN and CLOSE, and which state id an I/O goes under.
 *
 * Each open file description has an open owner of its own, so opens neither
 * merge nor upgrade and there is no order between them to keep.  One that fits
 * under a delegation is not told to the server (deleg.c) until the delegation
 * goes, or somebody needs state of its own: then it is claimed.
 *
 * node->lock guards link, stateid, local, lost, error, locks and state_gen of its opens;
 * of an open not attached yet, its only user does.
 */
#include <linux/fs.h>
#include <linux/sched/mm.h>
#include "internal.h"

#define PN4_OPEN_SEND	(PN4_NAME_MAX + 768)
#define PN4_OPEN_REPLY	2048

struct pn4_open *pn4_open_get(struct pn4_open *open)
{
	refcount_inc(&open->ref);
	return open;
}

const struct cred *pn4_open_cred(const struct pn4_open *open)
{
	return open->cred;
}

int pn4_open_error(const struct pn4_open *open)
{
	return pn4_open_fault(open);
}

void pn4_open_free(struct pn4_open *open)
{
	pn4_locks_free(open);
	put_cred(open->cred);
	kfree(open);
}

/* ---- CLOSE ---- */

static void pn4_close_encode(struct pn4_call *c, struct pn4_open *open)
{
	pn4_call_putfh(c, &open->fh);
	pn4_enc_close(pn4_op(c, PN4_OP_CLOSE), &open->stateid);
	pn4_call_getattr(c, 0);
}

static int pn4_close_reply(struct pn4_call *c, struct pn4_attr *attr)
{
	struct pn4_stateid sid;
	int st = pn4_dec_putfh(&c->dec);

	st = st ?: pn4_dec_close(&c->dec, &sid);
	if (!st && attr && pn4_call_got_attr(c, attr))
		attr->valid = 0;
	return st;
}

/*
 * State that the server no longer has needs no CLOSE; anything but a pause is
 * therefore the end of it.
 */
static bool pn4_close_again(struct pn4_call *c, int *st)
{
	if (pn4_state_gone(*st)) {
		*st = 0;
		return false;
	}
	if (*st == PN4ERR_LOCKS_HELD) {
		if (c->priv && pn4_locks_surrender(c->priv, c->unkillable))
			return true;
		/* every lock was given up; what is left is its own */
		pr_warn_ratelimited("penstock: %s: the server says that a closed file has locks, and keeps it open until the lease ends\n",
				    c->client->name);
		*st = 0;
		return false;
	}
	return pn4_call_again(c, st);
}

static int pn4_close_call(struct pn4_open *open, struct pn4_attr *attr,
			  bool unkillable)
{
	struct pn4_client *cl = open->vol->client;
	struct pn4_call *c = pn4_call_new_io(cl, open->vol);
	int st;

	c->unkillable = unkillable;
	c->priv = open;
	do {
		if (open->state_gen != READ_ONCE(cl->state_gen)) {
			st = 0;		/* died with its client id */
			break;
		}
		st = pn4_call_start(c, pn4_protect_cred(cl, PN4_OP_CLOSE,
							open->cred));
		if (st)
			break;
		pn4_close_encode(c, open);
		st = pn4_call_run(c);
		st = st ?: pn4_close_reply(c, attr);
	} while (pn4_close_again(c, &st));
	pn4_call_put(c);
	return st;
}

static void pn4_close_finish(struct pn4_open *open)
{
	struct pn4_volume *vol = open->vol;

	pn4_open_free(open);
	pn4_late_put(vol);
}

static void pn4_close_work(struct work_struct *work)
{
	struct pn4_open *open = container_of(work, struct pn4_open, work);

	pn4_close_call(open, NULL, true);
	pn4_close_finish(open);
}

static void pn4_close_async(struct pn4_call *c)
{
	struct pn4_open *open = c->priv;
	int st = c->status ?: pn4_close_reply(c, NULL);

	pn4_call_put(c);
	/* the work item sorts out what is not simply done, and frees */
	if (st > 0 || st == -EAGAIN) {
		queue_work(pn4_wq, &open->work);
		return;
	}
	pn4_close_finish(open);
}

/* CLOSE without waiting for the answer, from the context that we are in. */
static void pn4_close_start(struct pn4_open *open)
{
	struct pn4_client *cl = open->vol->client;
	struct pn4_call *c;

	INIT_WORK(&open->work, pn4_close_work);
	if (in_interrupt() || irqs_disabled()) {
		queue_work(pn4_wq, &open->work);
		return;
	}
	c = pn4_call_new_io(cl, open->vol);
	c->nowait = true;
	if (open->state_gen != READ_ONCE(cl->state_gen) ||
	    pn4_call_start(c, pn4_protect_cred(cl, PN4_OP_CLOSE, open->cred))) {
		pn4_call_put(c);
		queue_work(pn4_wq, &open->work);
		return;
	}
	pn4_close_encode(c, open);
	c->priv = open;
	c->async = pn4_close_async;
	pn4_call_submit(c);
}

/* @wait: for a layout that is to be returned before CLOSE; process context. */
static void pn4_open_detach(struct pn4_open *open, bool wait)
{
	struct pn4_node *node = open->node;
	unsigned long flags;

	if (!node)
		return;
	spin_lock_irqsave(&node->lock, flags);
	list_del_init(&open->link);
	open->closed = true;
	open->node = NULL;
	spin_unlock_irqrestore(&node->lock, flags);
	pn4_layout_closed(node, wait);
}

/* Never attached: nobody can use the delegation.  Process context then. */
static void pn4_open_unwanted(struct pn4_open *open)
{
	if (likely(!open->deleg))
		return;
	pn4_deleg_arrived(open->vol->client);
	pn4_deleg_drop(open->deleg);
	open->deleg = NULL;
}

void pn4_open_put(struct pn4_open *open)
{
	if (!open || !refcount_dec_and_test(&open->ref))
		return;
	/* now, not in a work item: the inode may be gone before that runs */
	pn4_open_detach(open, false);
	pn4_open_unwanted(open);
	if (open->local) {
		pn4_open_free(open);
		return;
	}
	pn4_late_get(open->vol);
	pn4_close_start(open);
}

int pn4_close(struct pn4_open *open, struct pn4_attr *attr)
{
	int err;

	if (attr)
		attr->valid = 0;
	if (!attr) {
		pn4_open_put(open);
		return 0;
	}
	/* write-back or recovery has it too: whoever is last closes */
	if (!refcount_dec_and_test(&open->ref))
		return 0;
	pn4_open_detach(open, true);
	pn4_open_unwanted(open);
	if (open->local) {
		pn4_open_free(open);
		return 0;
	}
	pn4_late_get(open->vol);
	err = pn4_close_call(open, attr, false);
	if (err == -ERESTARTSYS) {
		INIT_WORK(&open->work, pn4_close_work);
		queue_work(pn4_wq, &open->work);
		return err;
	}
	pn4_close_finish(open);
	return err;
}

void pn4_open_drop(struct pn4_open *open)
{
	pn4_open_put(open);
}

/* ---- OPEN ---- */

/* share_access of OPEN; @want: PN4_WANT_* */
u32 pn4_share_access(fmode_t fmode, u32 want)
{
	u32 access = want;

	if (fmode & (FMODE_READ | FMODE_EXEC))
		access |= PN4_SHARE_ACCESS_READ;
	if (fmode & FMODE_WRITE)
		access |= PN4_SHARE_ACCESS_WRITE;
	return access;
}

static u32 pn4_open_want(const struct pn4_open_args *a)
{
	if (!a->want)
		return PN4_WANT_NO_DELEG;
	return a->fmode & FMODE_WRITE ? PN4_WANT_WRITE_DELEG :
					PN4_WANT_READ_DELEG;
}

static void pn4_open_encode(struct pn4_call *c, struct pn4_open *open,
			    struct pn4_open_args *a)
{
	struct pn4_open4_args o = {
		.access = pn4_share_access(a->fmode, pn4_open_want(a)),
		.deny = PN4_SHARE_DENY_NONE,
		.clientid = c->client->clientid,
		.owner = &open->owner,
		.owner_len = sizeof(open->owner),
		.mode = !a->create ? PN4_OPEN_NOCREATE :
			a->excl ? PN4_GUARDED : PN4_UNCHECKED,
		.set = &a->set,
		.claim = a->name ? PN4_CLAIM_NULL : PN4_CLAIM_FH,
		.name = a->name,
		.name_len = a->len,
	};

	pn4_call_putfh(c, a->name ? &a->dir->fh : &a->node->fh);
	if (a->create)
		pn4_enc_savefh(pn4_op(c, PN4_OP_SAVEFH));
	pn4_enc_open(pn4_op(c, PN4_OP_OPEN), &o);
	c->first_op = PN4_OP_OPEN;
	if (a->name)
		pn4_enc_getfh(pn4_op(c, PN4_OP_GETFH));
	if (a->access)
		pn4_enc_access(pn4_op(c, PN4_OP_ACCESS), a->access);
	pn4_call_getattr(c, 0);
	if (a->create) {
		pn4_enc_restorefh(pn4_op(c, PN4_OP_RESTOREFH));
		pn4_call_getattr(c, 0);
	}
}

/*
 * OPEN may have succeeded though a later operation failed: then there is state
 * to give back.  *opened says so.
 */
static int pn4_open_reply(struct pn4_call *c, struct pn4_open *open,
			  struct pn4_open_args *a, struct pn4_open4_res *res,
			  bool *opened)
{
	u32 supported;
	int st = pn4_dec_putfh(&c->dec);

	*opened = false;
	if (a->create)
		st = st ?: pn4_dec_savefh(&c->dec);
	st = st ?: pn4_dec_open(&c->dec, res);
	if (st)
		return st;
	*opened = true;
	open->stateid = res->stateid;
	open->state_gen = c->used_gen;
	if (a->name)
		st = pn4_dec_getfh(&c->dec, &a->fh);
	else
		a->fh = open->fh;
	open->fh = a->fh;
	if (a->access)
		st = st ?: pn4_dec_access(&c->dec, &supported, &a->access);
	st = st ?: pn4_call_got_attr(c, &a->attr);
	a->dir_attr.valid = 0;
	if (st || !a->create)
		return st;
	/* created if the directory changed; unsure answers count as created */
	a->created = a->excl || !res->cinfo.atomic ||
		     res->cinfo.before != res->cinfo.after;
	if (pn4_dec_restorefh(&c->dec) || pn4_call_got_attr(c, &a->dir_attr))
		a->dir_attr.valid = 0;
	pn4_dir_before(&a->dir_attr, &res->cinfo);
	return 0;
}

/* The delegation that came with the reply, or NULL. */
static struct pn4_deleg *pn4_open_deleg(struct pn4_open *open,
					const struct pn4_open4_res *res,
					u32 losses)
{
	if (res->deleg.type != PN4_DELEG_READ &&
	    res->deleg.type != PN4_DELEG_WRITE)
		return NULL;
	return pn4_deleg_new(open, &res->deleg, losses);
}

static void pn4_open_settle(struct pn4_open *open,
			    const struct pn4_open4_res *res)
{
	WRITE_ONCE(open->may_notify,
		   res->rflags & PN4_OPEN_RESULT_MAY_NOTIFY_LOCK);
}

/* Of an open that there is already: what else comes was not asked for. */
void pn4_open_settle_again(struct pn4_open *open,
				  const struct pn4_open4_res *res)
{
	struct pn4_deleg *d = pn4_open_deleg(open, res, 0);

	pn4_open_settle(open, res);
	if (d)
		pn4_deleg_drop(d);
}

/*
 * What a killed opener needs to leave behind for its late reply.
 * @losses: pn4_deleg_table.losses before the call
 */
struct pn4_late_open {
	struct pn4_open *open;
	struct pn4_open_args args;
	u32 losses;
};

/* The opener was killed before the reply came: nobody else will close. */
static void pn4_open_late(struct pn4_call *c)
{
	struct pn4_late_open *late = c->priv;
	struct pn4_open4_res res;
	bool opened = false;

	if (!c->status)
		pn4_open_reply(c, late->open, &late->args, &res, &opened);
	if (opened && late->open->fh.len) {
		late->open->deleg = pn4_open_deleg(late->open, &res, 0);
		if (!late->open->deleg)
			pn4_deleg_arrived(c->client);
		pn4_open_put(late->open);
	} else {
		pn4_deleg_arrived(c->client);
		pn4_open_free(late->open);
	}
	kfree(late);
}

struct pn4_open *pn4_open_alloc(struct pn4_volume *vol, fmode_t fmode,
				const struct cred *cred)
{
	struct pn4_open *open = kzalloc(sizeof(*open), GFP_KERNEL);

	if (!open)
		return NULL;
	refcount_set(&open->ref, 1);
	INIT_LIST_HEAD(&open->link);
	INIT_LIST_HEAD(&open->locks);
	open->vol = vol;
	open->fmode = fmode & (FMODE_READ | FMODE_WRITE);
	if (fmode & FMODE_EXEC)
		open->fmode |= FMODE_READ;
	open->cred = get_cred(cred);
	open->owner = atomic64_inc_return(&vol->client->open_counter);
	return open;
}

/* One try; > 0: NFS status, and *orphaned: the call has taken @open along. */
static int pn4_open_try(struct pn4_call *c, struct pn4_open *open,
			struct pn4_open_args *a, struct pn4_open4_res *res,
			bool *opened, bool *orphaned)
{
	struct pn4_late_open *late = c->priv;
	int st = pn4_call_start(c, open->cred);

	if (st)
		return st;
	pn4_open_encode(c, open, a);
	late->open = open;
	late->args = *a;
	late->losses = READ_ONCE(c->client->delegs.losses);
	c->orphan = pn4_open_late;
	st = pn4_call_run(c);
	if (st == -ERESTARTSYS) {
		*orphaned = true;
		return st;
	}
	st = st ?: pn4_open_reply(c, open, a, res, opened);
	if (*opened && open->fh.len)
		open->deleg = pn4_open_deleg(open, res, late->losses);
	return st;
}

int pn4_open(struct pn4_volume *vol, struct pn4_open_args *a)
{
	bool opened = false, orphaned = false;
	struct pn4_open4_res res;
	struct pn4_open *open;
	struct pn4_call *c;
	u32 access = a->access;
	int st = -ENOMEM;

	pn4_deleg_expect(vol->client);
	open = pn4_open_alloc(vol, a->fmode, current_cred());
	c = pn4_call_new(vol->client, vol, PN4_OPEN_SEND, PN4_OPEN_REPLY);
	if (!open || !c)
		goto out;
	c->priv = kzalloc(sizeof(struct pn4_late_open), GFP_KERNEL);
	if (!c->priv)
		goto out;
	/*
	 * Asked a second time because the reply was lost, a server opens once more,
	 * but gives no second delegation: the first would be held by nobody.
	 */
	c->cachethis = true;
	do {
		if (!a->name)
			open->fh = a->node->fh;
		a->access = access;
		a->created = false;
		st = pn4_open_try(c, open, a, &res, &opened, &orphaned);
		if (opened && st) {	/* close it and, perhaps, start over */
			struct pn4_open *again;

			if (!open->fh.len) {
				st = -EREMOTEIO;
				break;
			}
			again = pn4_open_alloc(vol, a->fmode, current_cred());
			if (open->deleg)	/* its own counts once more */
				pn4_deleg_expect(vol->client);
			pn4_open_put(open);
			open = again;
			opened = false;
			if (!open) {
				st = -ENOMEM;
				break;
			}
		}
	} while (pn4_call_again(c, &st));
	if (!st) {
		pn4_open_settle(open, &res);
		a->open = open;
		open = NULL;
	}
out:
	if (!orphaned) {
		if (st || !a->open->deleg)
			pn4_deleg_arrived(vol->client);
		if (open)
			pn4_open_free(open);
		if (c)
			kfree(c->priv);
	}
	pn4_call_put(c);
	return st;
}

/* ---- opens of a node ---- */

u64 pn4_open_attach(struct pn4_open *open, struct pn4_node *node)
{
	struct pn4_deleg *d = open->deleg;
	struct pn4_volume *vol = node->vol;

	spin_lock(&vol->lock);
	if (list_empty(&node->vol_link))
		list_add(&node->vol_link, &vol->nodes);
	spin_unlock(&vol->lock);
	open->deleg = NULL;
	spin_lock_irq(&node->lock);
	open->node = node;
	list_add(&open->link, &node->opens);
	spin_unlock_irq(&node->lock);
	return d ? pn4_deleg_hang(d, node) : 0;
}

struct pn4_open *pn4_open_find(struct pn4_node *node, fmode_t fmode,
			       const struct cred *cred)
{
	struct pn4_open *open, *found = NULL;

	fmode &= FMODE_READ | FMODE_WRITE;
	spin_lock_irq(&node->lock);
	list_for_each_entry(open, &node->opens, link) {
		if ((open->fmode & fmode) != fmode || pn4_open_fault(open))
			continue;
		if (cred && cred_fscmp(open->cred, cred))
			continue;
		if (refcount_inc_not_zero(&open->ref)) {
			found = open;
			break;
		}
	}
	spin_unlock_irq(&node->lock);
	return found;
}

int pn4_open_stateid(struct pn4_open *open, struct pn4_stateid *sid)
{
	struct pn4_node *node = READ_ONCE(open->node);
	unsigned long flags;
	int err;

	if (!node) {
		*sid = open->stateid;
		sid->seqid = 0;
		return pn4_open_fault(open);
	}
	spin_lock_irqsave(&node->lock, flags);
	*sid = open->local ? node->deleg->stateid : open->stateid;
	sid->seqid = 0;	/* the current one, section 8.2.2 */
	err = pn4_open_fault(open);
	spin_unlock_irqrestore(&node->lock, flags);
	return err;
}

/*
 * As pn4_call_start(), and the state id to use: that of @open, or without one
 * the anonymous state id (section 8.2.3), which a server checks against the
 * mode bits alone.  It is read last, since it may change while the call waits for
 * a slot.
 */
int pn4_call_start_open(struct pn4_call *c, struct pn4_open *open,
			const struct cred *cred, struct pn4_stateid *sid)
{
	int err;

	c->open = open;
	err = pn4_call_start(c, cred);
	if (err)
		return err;
	memset(sid, 0, sizeof(*sid));
	err = open ? pn4_open_stateid(open, sid) : 0;
	if (err)
		pn4_slot_put(c);
	return err;
}

/* ---- recovery ---- */

/* An open whose locks could not be seen to comes back to the worker. */
static int pn4_reclaim_locks(struct pn4_open *open, bool reclaim)
{
	struct pn4_node *node = open->node;
	int st = pn4_locks_recover(open, reclaim);

	if (st && node) {
		spin_lock_irq(&node->lock);
		open->lost = true;
		spin_unlock_irq(&node->lock);
	}
	return st;
}

static int pn4_reclaim_claim(struct pn4_open *open, u32 claim)
{
	struct pn4_client *cl = open->vol->client;
	struct pn4_open4_args o = {
		.access = pn4_share_access(open->fmode, PN4_WANT_NO_DELEG),
		.clientid = cl->clientid,
		.owner = &open->owner,
		.owner_len = sizeof(open->owner),
		.mode = PN4_OPEN_NOCREATE,
		.claim = claim,
		.deleg_type = PN4_DELEG_NONE,
	};
	struct pn4_open4_res res;
	struct pn4_call *c;
	int st;

	c = pn4_recover_call(cl, PN4_OPEN_SEND, PN4_OPEN_REPLY);
	if (!c)
		return -ENOMEM;
	do {
		if (!open->node) {
			st = 0;		/* closed meanwhile */
			break;
		}
		st = pn4_call_start(c, open->cred);
		if (st)
			break;
		pn4_call_putfh(c, &open->fh);
		pn4_enc_open(pn4_op(c, PN4_OP_OPEN), &o);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_open(&c->dec, &res);
	} while (pn4_call_again(c, &st));
	if (!st && open->node) {
		struct pn4_node *node = open->node;

		spin_lock_irq(&node->lock);
		open->stateid = res.stateid;
		open->state_gen = cl->state_gen;
		open->gen++;
		open->lost = false;
		open->no_reclaim = false;
		spin_unlock_irq(&node->lock);
		pn4_count(cl, PN4_N_RECLAIMS);
		pn4_open_settle_again(open, &res);
		st = pn4_reclaim_locks(open, claim == PN4_CLAIM_PREVIOUS);
	}
	pn4_call_put(c);
	return st;
}

/* Left for later: a new open must not come before RECLAIM_COMPLETE. */
static void pn4_reclaim_later(struct pn4_open *open)
{
	struct pn4_node *node = open->node;

	if (!node)
		return;
	spin_lock_irq(&node->lock);
	open->no_reclaim = true;
	spin_unlock_irq(&node->lock);
}

/*
 * Get lost state back: as a reclaim if the server is in its grace period for
 * us, else, after RECLAIM_COMPLETE (RFC 8881 section 18.51.3), as a new open of
 * the same file handle.  0, an NFS status that asks for more recovery, or
 * -errno: the open is lost for good.
 */
int pn4_open_reclaim(struct pn4_open *open)
{
	struct pn4_client *cl = open->vol->client;
	int st = 0;

	if (test_bit(PN4_CL_RECLAIMED, &cl->state)) {
		/* if it was revoked, the server waits for us to say that we know */
		if (open->state_gen == cl->state_gen)
			st = pn4_stateid_free(cl, open->cred, &open->stateid);
		return st ?: pn4_reclaim_claim(open, PN4_CLAIM_FH);
	}
	st = pn4_reclaim_claim(open, PN4_CLAIM_PREVIOUS);
	if (st == PN4ERR_NO_GRACE || st == PN4ERR_RECLAIM_BAD) {
		pn4_reclaim_later(open);
		st = 0;
	}
	return st;
}
