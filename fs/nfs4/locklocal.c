// SPDX-License-Identifier: GPL-2.0
/*
 * Locks that the server does not hear of, because a write delegation keeps all
 * others out (RFC 8881 section 10.4.2), and how they are told to it when the
 * delegation goes.
 */
#include "lock.h"

/* A range of somebody else that is in the way.  node->lock is held. */
static const struct pn4_range *pn4_range_conflict(struct pn4_node *node,
						  const struct pn4_lock_owner *owner,
						  u64 start, u64 end, bool write)
{
	const struct pn4_lock_state *ls;
	const struct pn4_open *open;
	const struct pn4_range *r;

	lockdep_assert_held(&node->lock);
	list_for_each_entry(open, &node->opens, link) {
		list_for_each_entry(ls, &open->locks, link) {
			if (ls->owner == owner)
				continue;
			list_for_each_entry(r, &ls->ranges, link)
				if (r->start <= end && r->end >= start &&
				    (r->write || write))
					return r;
		}
	}
	return NULL;
}

/* 0: granted; -EAGAIN: one of ours has it; 1: the server has to be asked. */
int pn4_lock_local(struct pn4_lock_op *op)
{
	struct pn4_node *node = op->node;
	int rc = 1;

	if (!pn4_deleg_covers(node, FMODE_WRITE))
		return 1;
	spin_lock_irq(&node->lock);
	if (node->deleg_write && !pn4_open_fault(op->open)) {
		rc = -EAGAIN;
		if (!pn4_range_conflict(node, op->owner, op->start, op->end,
					op->write)) {
			pn4_lock_hold(op, true);
			rc = 0;
		}
	}
	spin_unlock_irq(&node->lock);
	if (!rc)
		pn4_count(op->open->vol->client, PN4_N_LOCAL_LOCKS);
	return rc;
}

/* Release op's range of @ls if the server has nothing of it. */
bool pn4_unlock_local(struct pn4_lock_op *op, struct pn4_lock_state *ls)
{
	const struct pn4_range *r;
	bool local = true;

	spin_lock_irq(&op->node->lock);
	list_for_each_entry(r, &ls->ranges, link)
		if (r->start <= op->end && r->end >= op->start && !r->local)
			local = false;
	if (local)
		pn4_lock_release(op, ls);
	spin_unlock_irq(&op->node->lock);
	if (local)
		pn4_lock_released(op->open);
	return local;
}

/* As pn4_lock_test(), or -ENOLCK: ask the server. */
int pn4_lock_local_test(struct pn4_open *open, struct pn4_lock_owner *owner,
			struct pn4_lock *lk)
{
	struct pn4_node *node = open->node;
	const struct pn4_range *r;
	int rc = -ENOLCK;

	if (!pn4_deleg_covers(node, FMODE_WRITE))
		return rc;
	spin_lock_irq(&node->lock);
	if (node->deleg_write) {
		r = pn4_range_conflict(node, owner, lk->start, lk->end,
				       lk->write);
		rc = r ? 1 : 0;
		if (r) {
			lk->write = r->write;
			lk->start = r->start;
			lk->end = r->end;
		}
	}
	spin_unlock_irq(&node->lock);
	return rc;
}

/* ---- when the delegation goes ---- */

static struct pn4_range *pn4_range_local(const struct pn4_lock_state *ls)
{
	struct pn4_range *r;

	list_for_each_entry(r, &ls->ranges, link)
		if (r->local)
			return r;
	return NULL;
}

static struct pn4_lock_state *pn4_lock_state_local(const struct pn4_open *open)
{
	struct pn4_lock_state *ls;

	list_for_each_entry(ls, &open->locks, link)
		if (pn4_range_local(ls))
			return ls;
	return NULL;
}

/* Has @open locks that the server does not know of?  node->lock is held. */
bool pn4_locks_local(const struct pn4_open *open)
{
	return pn4_lock_state_local(open);
}

/* The next local range of op->ls, to be locked by @op, whose turn it is. */
static bool pn4_lock_op_local(struct pn4_lock_op *op)
{
	struct pn4_range *r;

	spin_lock_irq(&op->node->lock);
	r = pn4_range_local(op->ls);
	if (r) {
		op->start = r->start;
		op->end = r->end;
		op->write = r->write;
	}
	spin_unlock_irq(&op->node->lock);
	return r;
}

/* The owner of some local range of @open, referenced with its state. */
static struct pn4_lock_state *pn4_locks_next_local(struct pn4_open *open)
{
	struct pn4_node *node = open->node;
	struct pn4_lock_state *ls;

	spin_lock_irq(&node->lock);
	ls = pn4_lock_state_local(open);
	if (ls)
		refcount_inc(&ls->ref);
	spin_unlock_irq(&node->lock);
	return ls;
}

static void pn4_lock_claim_state(struct pn4_open *open, struct pn4_lock_state *ls)
{
	struct pn4_lock lk = { .owner = ls->owner->key, .kind = ls->owner->kind };
	struct pn4_lock_op *op = pn4_lock_op_new(open, &lk,
						 GFP_NOFS | __GFP_NOFAIL);
	int st = 0;

	op->ls = ls;
	pn4_lock_enter(op);	/* of a work item: nobody kills it */
	while (!st && pn4_lock_op_local(op))
		st = pn4_lock_claim(op);
	if (st)
		pn4_lock_lose(ls, st);
	pn4_lock_leave(op);
	pn4_lock_op_free(op);	/* and @ls */
}

/*
 * Tell the server of the local locks of @open, which is not local any more.
 * What it does not grant is lost.  The caller holds a reference; a work item.
 */
void pn4_locks_claim(struct pn4_open *open)
{
	struct pn4_lock_state *ls;

	while ((ls = pn4_locks_next_local(open)))
		pn4_lock_claim_state(open, ls);
}

/*
 * The delegation is gone, and was not given back.  Locks of opens that are to be
 * got back go the way of other locks then; those of opens that the server still
 * has are lost.  Returns how many.  node->lock is held.
 */
unsigned int pn4_locks_orphan(struct pn4_node *node)
{
	struct pn4_lock_state *ls;
	struct pn4_open *open;
	struct pn4_range *r;
	unsigned int lost = 0;
	bool local;

	lockdep_assert_held(&node->lock);
	list_for_each_entry(open, &node->opens, link) {
		list_for_each_entry(ls, &open->locks, link) {
			local = false;
			list_for_each_entry(r, &ls->ranges, link) {
				if (!r->local)
					continue;
				r->local = false;
				r->gen = open->gen - 1;
				local = true;
			}
			if (local && !open->lost && pn4_lock_mark_lost(ls))
				lost++;
			else if (local)
				ls->known = false;
		}
	}
	return lost;
}
