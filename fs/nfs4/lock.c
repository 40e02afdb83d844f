// SPDX-License-Identifier: GPL-2.0
/*
 * LOCK, LOCKU and LOCKT (RFC 8881 section 18.10 - 18.12).
 *
 * The lock state of an owner exists at the server exactly as long as the owner
 * holds something: the LOCKU that leaves nothing is followed by FREE_STATEID
 * in the same compound, and the next LOCK begins with the open's state id
 * again.  Thus descriptions that many processes inherit do not pile up state.
 *
 * State ids are read after a slot was got: recovery may have changed them while
 * the call waited for one.
 */
#include "lock.h"
#include "../../net/wait.h"

#define PN4_LOCK_SEND	512
/* LOCK4denied holds an owner of another client */
#define PN4_LOCK_REPLY	(PN4_OPAQUE_LIMIT + 256)

/* ---- LOCK ---- */

/* Fill in the state id.  0, or why the open cannot be used. */
static int pn4_lock_fill(struct pn4_lock_op *op, struct pn4_lock_args *a)
{
	struct pn4_lock_state *ls = op->ls;
	int err;

	spin_lock_irq(&op->node->lock);
	err = pn4_open_fault(op->open);
	a->new_owner = !ls->known;
	a->stateid = ls->known ? ls->stateid : op->open->stateid;
	spin_unlock_irq(&op->node->lock);
	a->stateid.seqid = 0;	/* the current one, section 8.2.2 */
	return err;
}

static u32 pn4_lock_type(bool write, bool wait)
{
	if (wait)
		return write ? PN4_WRITEW_LT : PN4_READW_LT;
	return write ? PN4_WRITE_LT : PN4_READ_LT;
}

static int pn4_lock_reply(struct pn4_call *c, struct pn4_lock_op *op)
{
	struct pn4_lock_denied denied;
	struct pn4_stateid sid;
	int st = pn4_dec_putfh(&c->dec);

	st = st ?: pn4_dec_lock(&c->dec, &sid, &denied);
	if (!st && !pn4_lock_adopt(op, c->used_gen, &sid))
		st = -EAGAIN;	/* from before a recovery */
	return st;
}

/* The caller was killed.  What the server gave nobody wants any more. */
static void pn4_lock_late(struct pn4_call *c)
{
	struct pn4_lock_op *op = c->priv;
	int st = c->status ?: pn4_lock_reply(c, op);

	/*
	 * Of a range that was held in part before, what was held is to stay;
	 * then all of it stays until it is unlocked or closed.
	 */
	if (!st && op->fresh) {
		op->undo = true;
		pn4_lock_defer(op);
		return;
	}
	pn4_lock_state_prune(op);
	pn4_lock_leave(op);
	pn4_lock_op_free(op);
}

/* One try, as pn4_call_run(); *@orphaned: @op went along with the call. */
static int pn4_lock_try(struct pn4_call *c, struct pn4_lock_op *op, bool wait,
			bool *orphaned)
{
	struct pn4_lock_args a = {
		.type = pn4_lock_type(op->write, wait),
		.offset = op->start,
		.length = pn4_lock_length(op->start, op->end),
		.clientid = c->client->clientid,
		.owner = &op->owner->number,
		.owner_len = sizeof(op->owner->number),
	};
	int st;

	st = pn4_call_start(c, op->open->cred);
	if (st)
		return st;
	st = pn4_lock_fill(op, &a);
	if (st) {
		pn4_slot_put(c);
		return st;
	}
	pn4_call_putfh(c, &op->node->fh);
	pn4_enc_lock(pn4_op(c, PN4_OP_LOCK), &a);
	st = pn4_call_run(c);
	if (st == -ERESTARTSYS)
		*orphaned = true;
	else
		st = st ?: pn4_lock_reply(c, op);
	return st;
}

static int pn4_lock_run(struct pn4_lock_op *op, bool wait, bool unkillable,
			bool *orphaned)
{
	struct pn4_volume *vol = op->open->vol;
	struct pn4_call *c = pn4_call_new(vol->client, vol, PN4_LOCK_SEND,
					  PN4_LOCK_REPLY);
	int st;

	if (!c)
		return -ENOMEM;
	c->open = op->open;
	c->cachethis = true;
	c->unkillable = unkillable;
	c->orphan = pn4_lock_late;
	c->priv = op;
	do {
		st = pn4_lock_try(c, op, wait, orphaned);
	} while (!*orphaned && pn4_call_again(c, &st));
	pn4_call_put(c);
	return st;
}

/* LOCK takes state of the open's own, which a local one has not got. */
static int pn4_lock_remote(struct pn4_lock_op *op, bool wait, bool *orphaned)
{
	int rc = 0;

	if (pn4_open_is_local(op->open))
		rc = pn4_open_claim(op->open, false);
	return rc ?: pn4_lock_run(op, wait, false, orphaned);
}

/* Tell the server of a range that was local; a work item. */
int pn4_lock_claim(struct pn4_lock_op *op)
{
	bool orphaned = false;

	return pn4_lock_run(op, false, true, &orphaned);
}

int pn4_lock(struct pn4_open *open, struct pn4_lock *lk, bool wait)
{
	struct pn4_lock_op *op = pn4_lock_op_new(open, lk, GFP_KERNEL);
	bool orphaned = false;
	int rc;

	if (!op)
		return -ENOMEM;
	rc = pn4_lock_enter(op);
	if (rc)
		goto out_free;
	rc = pn4_lock_state_get(op);
	if (rc)
		goto out_leave;
	rc = pn4_lock_local(op);
	if (rc > 0)
		rc = pn4_lock_remote(op, wait, &orphaned);
	if (orphaned)
		return rc;
	if (!rc) {
		rc = lk->record(lk);
		if (rc && op->fresh) {
			op->undo = true;
			pn4_lock_defer(op);
			return rc;
		}
	}
	pn4_lock_state_prune(op);
out_leave:
	pn4_lock_leave(op);
out_free:
	pn4_lock_op_free(op);
	return rc;
}

/* ---- LOCKU ---- */

/* What LOCKU of @ls needs to know; found under node->lock. */
struct pn4_locku {
	struct pn4_lock_op *op;
	struct pn4_lock_state *ls;
	struct pn4_stateid sid;
	bool last;		/* nothing is left: FREE_STATEID */
};

/*
 * 0: go on; -ENOENT: the server has nothing of it, and neither have we any
 * more; PN4ERR_DELAY: recovery is at it.
 */
static int pn4_locku_fill(struct pn4_locku *u)
{
	struct pn4_lock_state *ls = u->ls;
	int rc = 0;

	spin_lock_irq(&u->op->node->lock);
	if (ls->lost || ls->open->error) {
		pn4_lock_release(u->op, ls);
		rc = -ENOENT;
	} else if (!ls->known) {
		rc = PN4ERR_DELAY;
	} else {
		u->sid = ls->stateid;
		u->sid.seqid = 0;
		u->last = !pn4_lock_rest(u->op, ls);
	}
	spin_unlock_irq(&u->op->node->lock);
	return rc;
}

static void pn4_locku_encode(struct pn4_call *c, struct pn4_locku *u)
{
	struct pn4_lock_op *op = u->op;

	pn4_call_putfh(c, &op->node->fh);
	/* the type means nothing (section 18.12.3) */
	pn4_enc_locku(pn4_op(c, PN4_OP_LOCKU), PN4_WRITE_LT, &u->sid, op->start,
		      pn4_lock_length(op->start, op->end));
	if (u->last)
		pn4_enc_free_stateid(pn4_op(c, PN4_OP_FREE_STATEID), &u->sid);
}

static int pn4_locku_reply(struct pn4_call *c, struct pn4_locku *u)
{
	struct pn4_lock_state *ls = u->ls;
	struct pn4_stateid sid;
	int st = pn4_dec_putfh(&c->dec);

	st = st ?: pn4_dec_locku(&c->dec, &sid);
	if (st)
		return st;
	spin_lock_irq(&u->op->node->lock);
	if (ls->open->gen != c->used_gen) {
		st = -EAGAIN;	/* reclaimed since: unlock that */
	} else {
		pn4_lock_release(u->op, ls);
		ls->known = !u->last;
		if (!u->last)
			ls->stateid = sid;
	}
	spin_unlock_irq(&u->op->node->lock);
	return st;
}

static void pn4_locku_late(struct pn4_call *c)
{
	pn4_lock_defer(c->priv);	/* once more, to be sure */
}

static int pn4_locku_try(struct pn4_call *c, struct pn4_locku *u, bool *orphaned)
{
	int st = pn4_call_start(c, pn4_protect_cred(c->client, PN4_OP_LOCKU,
						    u->ls->open->cred));

	if (st)
		return st;
	st = pn4_locku_fill(u);
	if (st) {
		pn4_slot_put(c);
		return st;
	}
	pn4_locku_encode(c, u);
	st = pn4_call_run(c);
	if (st == -ERESTARTSYS)
		*orphaned = true;
	else
		st = st ?: pn4_locku_reply(c, u);
	return st;
}

/* The server would not; it will have to by CLOSE or by the end of the lease. */
static void pn4_locku_failed(struct pn4_locku *u, int st)
{
	struct pn4_volume *vol = u->op->open->vol;

	if (!pn4_volume_error(vol))
		pr_warn_ratelimited("penstock: %s: unlocking failed (error %d); the server may hold the lock until the file is closed\n",
				    vol->name, st);
	spin_lock_irq(&u->op->node->lock);
	pn4_lock_release(u->op, u->ls);
	spin_unlock_irq(&u->op->node->lock);
}

/*
 * Unlock op's range of @ls.  Afterwards @ls holds nothing of it, unless this
 * returns -ERESTARTSYS; *@orphaned: @op went along with the call.
 */
static int pn4_locku(struct pn4_lock_op *op, struct pn4_lock_state *ls,
		     bool unkillable, bool *orphaned)
{
	struct pn4_volume *vol = op->open->vol;
	struct pn4_call *c = pn4_call_new_io(vol->client, vol);
	struct pn4_locku u = { .op = op, .ls = ls };
	int st;

	c->open = ls->open;
	c->cachethis = true;
	c->unkillable = unkillable;
	c->orphan = pn4_locku_late;
	c->priv = op;
	do {
		st = pn4_locku_try(c, &u, orphaned);
	} while (!*orphaned && pn4_call_again(c, &st));
	pn4_call_put(c);
	if (st == -ERESTARTSYS && !unkillable)
		return st;
	if (st && st != -ENOENT)
		pn4_locku_failed(&u, st);
	return 0;
}

/* As pn4_locku(), of all the owner's states. */
static int pn4_unlock_op(struct pn4_lock_op *op, bool unkillable, bool *orphaned)
{
	struct pn4_lock_state *ls;
	struct pn4_open *open;
	int rc = 0;

	while (!rc && (ls = pn4_lock_state_next(op))) {
		open = ls->open;
		if (!pn4_unlock_local(op, ls))
			rc = pn4_locku(op, ls, unkillable, orphaned);
		pn4_lock_state_put(ls);
		pn4_open_put(open);
	}
	return rc;
}

/* Ends @op, whose turn it is, for a caller that was killed. */
void pn4_lock_work(struct work_struct *work)
{
	struct pn4_lock_op *op = container_of(work, struct pn4_lock_op, work);
	bool orphaned = false;

	/* what was written under the lock goes before it */
	if (!op->undo)
		pn4_host_flush(op->node);
	pn4_unlock_op(op, true, &orphaned);
	if (op->ls)
		pn4_lock_state_prune(op);
	pn4_lock_leave(op);
	pn4_lock_op_free(op);
}

int pn4_unlock(struct pn4_open *open, struct pn4_lock *lk)
{
	struct pn4_lock_op *op;
	bool orphaned = false;
	int rc;

	if (!pn4_lock_held(open, lk))
		return lk->record(lk);
	op = pn4_lock_op_new(open, lk, GFP_KERNEL | __GFP_NOFAIL);
	if (prpc_killed() || pn4_lock_enter(op)) {
		rc = lk->record(lk);
		pn4_lock_background(op);
		return rc;
	}
	if (pn4_unlock_op(op, false, &orphaned)) {
		rc = lk->record(lk);
		if (!orphaned)
			pn4_lock_defer(op);
		return rc;
	}
	rc = lk->record(lk);
	pn4_lock_leave(op);
	pn4_lock_op_free(op);
	return rc;
}

/* All ranges and the state itself; the caller is the last user of its open. */
static int pn4_lock_surrender(struct pn4_lock_state *ls, bool unkillable)
{
	struct pn4_open *open = ls->open;
	struct pn4_call *c = pn4_call_new_io(open->vol->client, open->vol);
	struct pn4_stateid sid = ls->stateid;
	const struct cred *cred;
	int st;

	sid.seqid = 0;
	c->unkillable = unkillable;
	cred = pn4_protect_cred(c->client, PN4_OP_LOCKU, open->cred);
	pn4_for_each_try(c, cred, st) {
		pn4_call_putfh(c, &open->fh);
		pn4_enc_locku(pn4_op(c, PN4_OP_LOCKU), PN4_WRITE_LT, &sid, 0,
			      PN4_UINT64_MAX);
		pn4_enc_free_stateid(pn4_op(c, PN4_OP_FREE_STATEID), &sid);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_locku(&c->dec, &sid);
	}
	pn4_call_put(c);
	return st;
}

/*
 * Give up the locks that the server may still have of @open, because of which it
 * refuses CLOSE (section 18.2.3); they are left from LOCKUs that failed.  True:
 * there were some, so CLOSE is worth another try.  The caller is the last user.
 */
bool pn4_locks_surrender(struct pn4_open *open, bool unkillable)
{
	struct pn4_lock_state *ls;
	bool some = false;

	list_for_each_entry(ls, &open->locks, link) {
		if (!ls->known)
			continue;
		ls->known = pn4_lock_surrender(ls, unkillable) == -ERESTARTSYS;
		some = true;
	}
	return some;
}

/* ---- LOCKT ---- */

static void pn4_lock_found(struct pn4_lock *lk,
			   const struct pn4_lock_denied *denied)
{
	lk->write = denied->type == PN4_WRITE_LT ||
		    denied->type == PN4_WRITEW_LT;
	lk->start = denied->offset;
	lk->end = denied->offset + denied->length - 1;
	if (!denied->length || denied->length == PN4_UINT64_MAX ||
	    lk->end < lk->start)
		lk->end = U64_MAX;
}

static int pn4_lockt(struct pn4_open *open, struct pn4_lock_owner *owner,
		     struct pn4_lock *lk)
{
	struct pn4_volume *vol = open->vol;
	struct pn4_lock_args a = {
		.type = pn4_lock_type(lk->write, false),
		.offset = lk->start,
		.length = pn4_lock_length(lk->start, lk->end),
		.owner = &owner->number,
		.owner_len = sizeof(owner->number),
	};
	struct pn4_lock_denied denied;
	struct pn4_call *c;
	int st;

	c = pn4_call_new(vol->client, vol, PN4_LOCK_SEND, PN4_LOCK_REPLY);
	if (!c)
		return -ENOMEM;
	pn4_for_each_try(c, open->cred, st) {
		a.clientid = vol->client->clientid;
		pn4_call_putfh(c, &open->fh);
		pn4_enc_lockt(pn4_op(c, PN4_OP_LOCKT), &a);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_lockt(&c->dec, &denied);
		if (st == PN4ERR_DENIED) {
			pn4_lock_found(lk, &denied);
			st = 1;
			break;
		}
	}
	pn4_call_put(c);
	return st;
}

int pn4_lock_test(struct pn4_open *open, struct pn4_lock *lk)
{
	struct pn4_client *cl = open->vol->client;
	struct pn4_lock_owner *owner = pn4_lock_owner_get(cl, lk, GFP_KERNEL);
	int rc;

	if (!owner)
		return -ENOMEM;
	rc = pn4_open_error(open) ?: pn4_lock_local_test(open, owner, lk);
	if (rc == -ENOLCK)
		rc = pn4_lockt(open, owner, lk);
	pn4_lock_owner_put(cl, owner);
	return rc;
}
