// SPDX-License-Identifier: GPL-2.0
/*
 * Delegations after the loss of state; the recovery worker's.
 *
 * In the server's grace period a delegation is reclaimed by an OPEN with
 * CLAIM_PREVIOUS that asks for it (RFC 8881 section 10.2.1), closed again in the
 * same compound; what lives by the delegation then goes on.  Otherwise it is
 * gone, the opens under it are lost opens, to be made anew by the next step, and
 * others may have changed the file: data that the server does not have is
 * written only if it is sure that nobody has (section 10.5.1).
 */
#include "lock.h"

static void pn4_deleg_lose_locked(struct pn4_deleg *d)
{
	struct pn4_node *node = d->node;

	lockdep_assert_held(&node->lock);
	d->lost = true;
	pn4_deleg_publish(node, d);
}

/* The server does not know @node's delegation; node->lock is held. */
void pn4_deleg_lose(struct pn4_node *node)
{
	if (node->deleg)
		pn4_deleg_lose_locked(node->deleg);
}

/* All of them */
void pn4_delegs_lose(struct pn4_client *cl)
{
	struct pn4_deleg_table *t = &cl->delegs;
	struct pn4_deleg *d;

	spin_lock(&t->lock);
	t->losses++;
	list_for_each_entry(d, &t->lru, link) {
		spin_lock_irq(&d->node->lock);
		pn4_deleg_lose_locked(d);
		spin_unlock_irq(&d->node->lock);
	}
	spin_unlock(&t->lock);
}

typedef bool (*pn4_deleg_due_t)(struct pn4_client *cl, const struct pn4_deleg *d);

/* The first that is @due, referenced, and its node, pinned; or NULL. */
static struct pn4_deleg *pn4_deleg_next(struct pn4_client *cl,
					pn4_deleg_due_t due,
					struct pn4_node **node)
{
	struct pn4_deleg_table *t = &cl->delegs;
	struct pn4_deleg *d, *found = NULL;

	spin_lock(&t->lock);
	list_for_each_entry(d, &t->lru, link) {
		if (!READ_ONCE(d->vol->dead) && !d->vol->leaving && due(cl, d) &&
		    pn4_host_pin(d->node)) {
			refcount_inc(&d->ref);
			*node = d->node;
			found = d;
			break;
		}
	}
	spin_unlock(&t->lock);
	return found;
}

/*
 * Have @one look at every delegation that is @due, and is so no more afterwards,
 * until it does not give 0.  @one may find it given up in between.
 */
static int pn4_delegs_each(struct pn4_client *cl, pn4_deleg_due_t due,
			   int (*one)(struct pn4_deleg *d,
				      struct pn4_node *node))
{
	struct pn4_node *node;
	struct pn4_deleg *d;
	int st = 0;

	while (!st && !test_bit(PN4_CL_DEAD, &cl->state) &&
	       (d = pn4_deleg_next(cl, due, &node))) {
		st = one(d, node);
		pn4_deleg_put(d);
		pn4_host_unpin(node);
	}
	return st;
}

/* ---- reclaim ---- */

/* OPEN that claims @d, and CLOSE of the open that this makes. */
static int pn4_deleg_claim(struct pn4_deleg *d, struct pn4_deleg_res *res)
{
	/* what the operation before has made (section 16.2.3.1.2) */
	static const struct pn4_stateid current_sid = { .seqid = 1 };
	struct pn4_client *cl = d->vol->client;
	u64 owner = atomic64_inc_return(&cl->open_counter);
	struct pn4_open4_args o = {
		.access = pn4_share_access(d->write ? FMODE_READ | FMODE_WRITE :
						      FMODE_READ,
					   PN4_WANT_NO_PREFERENCE),
		.clientid = cl->clientid,
		.owner = &owner,
		.owner_len = sizeof(owner),
		.mode = PN4_OPEN_NOCREATE,
		.claim = PN4_CLAIM_PREVIOUS,
		.deleg_type = d->write ? PN4_DELEG_WRITE : PN4_DELEG_READ,
	};
	struct pn4_call *c = pn4_recover_call(cl, 512, 512 + PN4_OPAQUE_LIMIT);
	struct pn4_open4_res open;
	int st;

	if (!c)
		return -ENOMEM;
	c->cachethis = true;	/* it is not given back twice */
	pn4_for_each_try(c, d->cred, st) {
		pn4_call_putfh(c, &d->fh);
		pn4_enc_open(pn4_op(c, PN4_OP_OPEN), &o);
		pn4_enc_close(pn4_op(c, PN4_OP_CLOSE), &current_sid);
		c->first_op = PN4_OP_OPEN;
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_open(&c->dec, &open);
	}
	pn4_call_put(c);
	if (!st)
		*res = open.deleg;
	return st;
}

/* The server has given it back. */
static void pn4_deleg_reclaimed(struct pn4_deleg *d, struct pn4_node *node,
				const struct pn4_deleg_res *res)
{
	struct pn4_deleg_table *t = &d->vol->client->delegs;
	struct pn4_open *open;
	bool hangs;

	spin_lock(&t->lock);
	spin_lock_irq(&node->lock);
	d->stateid = res->stateid;
	d->state_gen = d->vol->client->state_gen;
	d->lost = false;
	hangs = d->node;
	if (hangs)
		pn4_deleg_publish(node, d);
	list_for_each_entry(open, &node->opens, link)
		if (hangs && open->local)
			open->gen++;
	spin_unlock_irq(&node->lock);
	if (hangs && res->recall)
		pn4_deleg_ask(d);
	spin_unlock(&t->lock);
	pn4_count(d->vol->client, PN4_N_DELEG_RECLAIMS);
	if (!hangs) {		/* given up in between */
		refcount_inc(&d->ref);
		pn4_deleg_drop(d);
	}
}

/* ---- loss ---- */

/* The file's change value as the server has it now. */
static int pn4_deleg_version(struct pn4_deleg *d, u64 *change)
{
	struct pn4_call *c = pn4_recover_call(d->vol->client, 256, 1024);
	struct pn4_attr attr;
	int st;

	if (!c)
		return -ENOMEM;
	pn4_for_each_try(c, d->cred, st) {
		pn4_call_putfh(c, &d->fh);
		pn4_call_getattr(c, PN4_ATTR_CHANGE);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_call_got_attr(c, &attr);
	}
	pn4_call_put(c);
	if (!st)
		*change = attr.change;
	return st;
}

/*
 * What lived by the delegation is on its own.  @foul: the file has changed, and
 * what is dirty here must not be written over that.
 */
static void pn4_deleg_orphans(struct pn4_node *node, bool foul)
{
	struct pn4_open *open;

	lockdep_assert_held(&node->lock);
	list_for_each_entry(open, &node->opens, link) {
		if (!open->local)
			continue;
		open->local = false;
		open->state_gen = 0;	/* there is nothing to free or close */
		open->gen++;
		if (foul && (open->fmode & FMODE_WRITE))
			open->error = -EIO;
		else
			open->lost = true;
	}
}

static void pn4_deleg_report(struct pn4_deleg *d, struct pn4_node *node, bool foul)
{
	pn4_count(d->vol->client, PN4_N_DELEGS_LOST);
	if (!foul)
		return;
	pn4_count(d->vol->client, PN4_N_LOST);
	pn4_host_warn(node, d->vol->name,
		      "a write delegation was lost at the server, and somebody else has changed the file; what was not written yet is dropped, its writers get EIO");
}

/* For good.  @sure: the server says that nobody was there meanwhile. */
static int pn4_deleg_lost(struct pn4_deleg *d, struct pn4_node *node, bool sure)
{
	struct pn4_deleg_table *t = &d->vol->client->delegs;
	unsigned int locks = 0;
	u64 change = 0;
	bool foul = false;
	int st;

	if (d->write && !sure) {
		st = pn4_deleg_version(d, &change);
		if (st && pn4_recover_again(st))
			return st;
		foul = st || pn4_host_conflict(node, change);
	}
	spin_lock(&t->lock);	/* against a new one in between */
	spin_lock_irq(&node->lock);
	if (node->deleg == d) {
		pn4_deleg_orphans(node, foul);
		locks = pn4_locks_orphan(node);
	}
	spin_unlock_irq(&node->lock);
	spin_unlock(&t->lock);
	if (pn4_deleg_detach(d)) {
		pn4_deleg_report(d, node, foul);
		set_bit(PN4_CL_NEED_OPENS, &d->vol->client->state);
	}
	pn4_locks_report(d->vol, node, locks, PN4ERR_BAD_STATEID);
	if (!sure)
		pn4_host_invalidate(node);
	return 0;
}

static int pn4_deleg_recover(struct pn4_deleg *d, struct pn4_node *node)
{
	struct pn4_client *cl = d->vol->client;
	struct pn4_deleg_res res;
	int st;

	if (test_bit(PN4_CL_RECLAIMED, &cl->state)) {
		/* if it was revoked, the server waits for us to say that we know */
		st = d->state_gen != cl->state_gen ? 0 :
			pn4_stateid_free(cl, d->cred, &d->stateid);
		return st ?: pn4_deleg_lost(d, node, false);
	}
	st = pn4_deleg_claim(d, &res);
	if (st && pn4_recover_again(st))
		return st;
	if (st)
		return pn4_deleg_lost(d, node, false);
	if (res.type != (d->write ? PN4_DELEG_WRITE : PN4_DELEG_READ))
		return pn4_deleg_lost(d, node, true);
	pn4_deleg_reclaimed(d, node, &res);
	return 0;
}

static bool pn4_deleg_due(struct pn4_client *cl, const struct pn4_deleg *d)
{
	return d->lost;
}

/* 0, or what stopped it, as of all recovery steps. */
int pn4_delegs_recover(struct pn4_client *cl)
{
	return pn4_delegs_each(cl, pn4_deleg_due, pn4_deleg_recover);
}

/* ---- revoked, which one is not said ---- */

static bool pn4_deleg_untested(struct pn4_client *cl, const struct pn4_deleg *d)
{
	return d->tested != cl->test_round && !d->lost;
}

static int pn4_deleg_test(struct pn4_deleg *d, struct pn4_node *node)
{
	struct pn4_client *cl = d->vol->client;
	struct pn4_stateid sid;
	u32 status = 0;
	int st;

	d->tested = cl->test_round;
	spin_lock_irq(&node->lock);
	sid = d->stateid;
	spin_unlock_irq(&node->lock);
	st = pn4_stateid_test(cl, d->cred, &sid, &status);
	if (st)
		return pn4_recover_again(st) ? st : 0;
	if (!status)
		return 0;
	spin_lock_irq(&node->lock);
	if (d->node && pn4_sid_same(&sid, &d->stateid)) {
		pn4_deleg_lose_locked(d);
		set_bit(PN4_CL_NEED_OPENS, &cl->state);
	}
	spin_unlock_irq(&node->lock);
	return 0;
}

/* As pn4_delegs_recover(), which those that are gone wait for. */
int pn4_delegs_test(struct pn4_client *cl)
{
	return pn4_delegs_each(cl, pn4_deleg_untested, pn4_deleg_test);
}
