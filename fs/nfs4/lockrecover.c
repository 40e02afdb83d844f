// SPDX-License-Identifier: GPL-2.0
/*
 * Locks after the loss of state; called by the recovery worker when an open has
 * got its state back.
 *
 * In the server's grace period locks are reclaimed.  Otherwise only the server
 * can say whether it still has them (TEST_STATEID); if not, they are lost.
 * Taking a lock anew would be wrong: somebody else may have held it meanwhile
 * and changed what it protects.
 */
#include "lock.h"

/* A state with a range that is not confirmed since the open came back. */
static struct pn4_lock_state *pn4_locks_stale(struct pn4_open *open,
					      struct pn4_range *copy)
{
	struct pn4_node *node = READ_ONCE(open->node);
	struct pn4_lock_state *ls, *found = NULL;
	struct pn4_range *r;

	if (!node)
		return NULL;	/* closed meanwhile */
	spin_lock_irq(&node->lock);
	list_for_each_entry(ls, &open->locks, link) {
		if (ls->lost)
			continue;
		list_for_each_entry(r, &ls->ranges, link) {
			if (r->gen == open->gen || r->local)
				continue;
			*copy = *r;
			found = ls;
			refcount_inc(&ls->ref);
			goto out;
		}
	}
out:
	spin_unlock_irq(&node->lock);
	return found;
}

/* Which state ids may still be known to the server? */
static void pn4_locks_forget(struct pn4_open *open, bool reclaim)
{
	struct pn4_node *node = READ_ONCE(open->node);
	struct pn4_lock_state *ls;

	if (!node)
		return;
	spin_lock_irq(&node->lock);
	list_for_each_entry(ls, &open->locks, link)
		if (reclaim || list_empty(&ls->ranges) ||
		    ls->state_gen != open->state_gen)
			ls->known = false;
	spin_unlock_irq(&node->lock);
}

/* The server has [@start, @end] of @ls. */
static void pn4_locks_confirm(struct pn4_lock_state *ls, u64 start, u64 end,
			      const struct pn4_stateid *sid)
{
	struct pn4_open *open = ls->open;
	struct pn4_node *node = READ_ONCE(open->node);
	struct pn4_range *r;

	if (!node)
		return;
	spin_lock_irq(&node->lock);
	list_for_each_entry(r, &ls->ranges, link)
		if (r->start >= start && r->end <= end)
			r->gen = open->gen;
	if (sid) {
		ls->stateid = *sid;
		ls->known = true;
		ls->state_gen = open->state_gen;
	}
	spin_unlock_irq(&node->lock);
}

static void pn4_lock_reclaim_fill(struct pn4_lock_state *ls,
				  struct pn4_lock_args *a)
{
	struct pn4_open *open = ls->open;

	a->new_owner = !ls->known;
	a->stateid = ls->known ? ls->stateid : open->stateid;
	a->stateid.seqid = 0;
}

/* LOCK with reclaim set, of the range @r. */
static int pn4_lock_reclaim(struct pn4_lock_state *ls, const struct pn4_range *r)
{
	struct pn4_open *open = ls->open;
	struct pn4_client *cl = open->vol->client;
	struct pn4_lock_args a = {
		.type = r->write ? PN4_WRITE_LT : PN4_READ_LT,
		.reclaim = true,
		.offset = r->start,
		.length = pn4_lock_length(r->start, r->end),
		.clientid = cl->clientid,
		.owner = &ls->owner->number,
		.owner_len = sizeof(ls->owner->number),
	};
	struct pn4_call *c = pn4_recover_call(cl, 512, PN4_OPAQUE_LIMIT + 256);
	struct pn4_lock_denied denied;
	struct pn4_stateid sid;
	int st;

	if (!c)
		return -ENOMEM;
	pn4_lock_reclaim_fill(ls, &a);
	pn4_for_each_try(c, open->cred, st) {
		pn4_call_putfh(c, &open->fh);
		pn4_enc_lock(pn4_op(c, PN4_OP_LOCK), &a);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_lock(&c->dec, &sid, &denied);
	}
	pn4_call_put(c);
	if (!st) {
		pn4_locks_confirm(ls, r->start, r->end, &sid);
		pn4_count(cl, PN4_N_LOCK_RECLAIMS);
	}
	return st;
}

/* No reclaim is possible: has the server kept it? */
static int pn4_lock_check(struct pn4_lock_state *ls)
{
	struct pn4_stateid sid = ls->stateid;
	u32 status = 0;
	int st;

	if (!ls->known)
		return PN4ERR_BAD_STATEID;
	sid.seqid = 0;
	st = pn4_stateid_test(ls->open->vol->client, ls->open->cred, &sid, &status);
	if (st)
		return st;
	if (!status) {
		pn4_locks_confirm(ls, 0, U64_MAX, NULL);
		return 0;
	}
	if (status == PN4ERR_EXPIRED || status == PN4ERR_ADMIN_REVOKED)
		pn4_stateid_free(ls->open->vol->client, ls->open->cred, &sid);
	return status;
}

/* Gone for good.  node->lock is held.  False: there was nothing to lose. */
bool pn4_lock_mark_lost(struct pn4_lock_state *ls)
{
	struct pn4_range *r;

	if (ls->lost || list_empty(&ls->ranges))
		return false;
	list_for_each_entry(r, &ls->ranges, link)
		r->local = false;
	ls->lost = true;
	ls->known = false;
	ls->open->locks_lost++;
	return true;
}

/* @n of the file were marked as lost because of @st; caller holds a pin. */
void pn4_locks_report(struct pn4_volume *vol, struct pn4_node *node,
		      unsigned int n, int st)
{
	while (n--) {
		pn4_count(vol->client, PN4_N_LOCKS_LOST);
		pn4_host_warn(node, vol->name,
			      "a lock was lost at the server (%s); its users get EIO until it is unlocked or closed",
			      st > 0 ? pn4_status_name(st) : "no answer");
	}
}

/* For good: whoever uses the file description shall know. */
void pn4_lock_lose(struct pn4_lock_state *ls, int st)
{
	struct pn4_node *node = READ_ONCE(ls->open->node);
	bool lost;

	if (!node)
		return;
	spin_lock_irq(&node->lock);
	lost = pn4_lock_mark_lost(ls);
	spin_unlock_irq(&node->lock);
	if (!lost)
		return;
	/* also what was written and will not get to the server any more */
	pn4_host_invalidate(node);
	pn4_locks_report(ls->open->vol, node, 1, st);
}

/*
 * The open has new state, and a new generation.  @reclaim: the server has taken
 * it as a reclaim.  0: every lock is there or marked as lost; else the NFS
 * status or -errno because of which recovery must start over.
 */
int pn4_locks_recover(struct pn4_open *open, bool reclaim)
{
	struct pn4_lock_state *ls;
	struct pn4_range r;
	int st = 0;

	pn4_locks_forget(open, reclaim);
	while (!st && (ls = pn4_locks_stale(open, &r))) {
		st = reclaim ? pn4_lock_reclaim(ls, &r) : pn4_lock_check(ls);
		if (st && !pn4_recover_again(st)) {
			pn4_lock_lose(ls, st);
			st = 0;
		}
		pn4_lock_state_put(ls);
	}
	return st;
}

/* Somebody's state was revoked: have all locks of @open looked at again. */
int pn4_locks_doubt(struct pn4_open *open)
{
	struct pn4_node *node = READ_ONCE(open->node);
	struct pn4_lock_state *ls;
	struct pn4_range *r;

	if (!node)
		return 0;
	spin_lock_irq(&node->lock);
	list_for_each_entry(ls, &open->locks, link)
		list_for_each_entry(r, &ls->ranges, link)
			if (!r->local)
				r->gen = open->gen - 1;
	spin_unlock_irq(&node->lock);
	return pn4_locks_recover(open, false);
}
