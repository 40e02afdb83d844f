// SPDX-License-Identifier: GPL-2.0
/*
 * Giving delegations back (RFC 8881 section 10.4.4): because the server asks,
 * because nobody uses them, because the inode goes.
 *
 * What was only known here must be known to the server first: data, opens, locks,
 * in this order.  Data that was written before the recall came is at the server and
 * stable when DELEGRETURN is sent; what is written after that is ordinary again,
 * flushed by the close that follows.
 *
 * The items may wait for write-back, for the owner's turn of a lock and for
 * recovery; nothing there waits for them.
 */
#include "lock.h"

static struct workqueue_struct *pn4_deleg_wq;

/* ---- DELEGRETURN ---- */

/*
 * The state id to return, or false: the server has it no more.  Asked with a
 * slot in hand, so no recovery is at work.
 */
static bool pn4_delegreturn_fill(struct pn4_deleg *d, struct pn4_stateid *sid)
{
	struct pn4_deleg_table *t = &d->vol->client->delegs;

	spin_lock(&t->lock);
	*sid = d->stateid;
	spin_unlock(&t->lock);
	return d->state_gen == READ_ONCE(d->vol->client->state_gen);
}

/* A failure leaves it to the server to revoke it. */
static void pn4_delegreturn(struct pn4_deleg *d)
{
	struct pn4_volume *vol = d->vol;
	struct pn4_call *c = pn4_call_new_io(vol->client, vol);
	const struct cred *cred;
	struct pn4_stateid sid;
	int st;

	c->unkillable = true;
	cred = pn4_protect_cred(c->client, PN4_OP_DELEGRETURN, d->cred);
	pn4_for_each_try(c, cred, st) {
		if (!pn4_delegreturn_fill(d, &sid)) {
			pn4_slot_put(c);
			break;
		}
		pn4_call_putfh(c, &d->fh);
		pn4_enc_delegreturn(pn4_op(c, PN4_OP_DELEGRETURN), &sid);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_delegreturn(&c->dec);
		if (pn4_state_gone(st))
			st = 0;
	}
	pn4_call_put(c);
	pn4_count(vol->client, PN4_N_DELEG_RETURNS);
}

/* ---- together with another operation ---- */

/* DELEGRETURN of @d, which pn4_deleg_take() gave. */
void pn4_call_delegreturn(struct pn4_call *c, struct pn4_deleg *d)
{
	struct pn4_stateid sid;

	pn4_delegreturn_fill(d, &sid);
	pn4_call_putfh(c, &d->fh);
	pn4_enc_delegreturn(pn4_op(c, PN4_OP_DELEGRETURN), &sid);
}

/*
 * The reply to that.  0: *@d is returned, and the next operation was tried;
 * -EAGAIN: the call ended there, to be made without.  In both cases the reference
 * is gone.  Else what stopped the call.
 */
int pn4_call_delegreturned(struct pn4_call *c, struct pn4_deleg **d)
{
	int st = pn4_dec_putfh(&c->dec);

	st = st ?: pn4_dec_delegreturn(&c->dec);
	if (st && !pn4_state_gone(st))
		return st;
	pn4_count((*d)->vol->client, PN4_N_DELEG_RETURNS);
	pn4_deleg_detach(*d);
	pn4_deleg_put(*d);
	*d = NULL;
	return st ? -EAGAIN : 0;
}

/* It is not known whether the call was made: return it to be sure. */
void pn4_deleg_untake(struct pn4_deleg *d, struct pn4_node *node)
{
	if (pn4_deleg_detach(d))
		pn4_deleg_drop(d);
	else
		pn4_deleg_put(d);
}

/* ---- in the background ---- */

/* One that hangs on no node; its last reference and a stay of the volume. */
static void pn4_deleg_drop_work(struct work_struct *work)
{
	struct pn4_deleg *d = container_of(work, struct pn4_deleg, work);
	struct pn4_volume *vol = d->vol;

	pn4_delegreturn(d);
	pn4_deleg_put(d);
	pn4_late_put(vol);
}

/* Return @d, which hangs on no node, in the background.  Consumes the reference. */
void pn4_deleg_drop(struct pn4_deleg *d)
{
	pn4_late_get(d->vol);
	INIT_WORK(&d->work, pn4_deleg_drop_work);
	queue_work(pn4_deleg_wq, &d->work);
}

/* The inode goes: nothing is open, dirty or locked. */
void pn4_deleg_evict(struct pn4_node *node)
{
	struct pn4_deleg *d = node->deleg;

	if (likely(!d))
		return;
	refcount_inc(&d->ref);
	pn4_deleg_detach(d);
	pn4_deleg_drop(d);
}

/* ---- with everything that was done under it ---- */

/* An open of @node that the server does not know of, referenced. */
static struct pn4_open *pn4_deleg_next_open(struct pn4_node *node)
{
	struct pn4_open *open, *found = NULL;

	spin_lock_irq(&node->lock);
	list_for_each_entry(open, &node->opens, link) {
		if (open->local && refcount_inc_not_zero(&open->ref)) {
			found = open;
			break;
		}
	}
	spin_unlock_irq(&node->lock);
	return found;
}

/* An open with locks that the server does not know of, referenced. */
static struct pn4_open *pn4_deleg_next_locked(struct pn4_node *node)
{
	struct pn4_open *open, *found = NULL;

	spin_lock_irq(&node->lock);
	list_for_each_entry(open, &node->opens, link) {
		if (pn4_locks_local(open) && refcount_inc_not_zero(&open->ref)) {
			found = open;
			break;
		}
	}
	spin_unlock_irq(&node->lock);
	return found;
}

static void pn4_deleg_settle(struct pn4_node *node)
{
	struct pn4_open *open;

	pn4_host_settle(node);
	while ((open = pn4_deleg_next_open(node))) {
		pn4_open_claim(open, true);
		pn4_open_put(open);
	}
	while ((open = pn4_deleg_next_locked(node))) {
		pn4_locks_claim(open);
		pn4_open_put(open);
	}
	/* closed in the meantime, by who still saw the delegation */
	pn4_host_settle(node);
}

/* Holds a reference to the delegation and a pin on its node. */
void pn4_deleg_work(struct work_struct *work)
{
	struct pn4_deleg *d = container_of(work, struct pn4_deleg, work);
	struct pn4_node *node = d->pinned;

	pn4_deleg_settle(node);
	/* lost meanwhile, then recovery has taken it off */
	if (READ_ONCE(d->node))
		pn4_delegreturn(d);
	pn4_deleg_detach(d);
	pn4_deleg_put(d);
	pn4_host_unpin(node);	/* last: client and volume may go with it */
}

/* @d hangs on a node that is pinned, and nothing new is done under it. */
void pn4_deleg_queue(struct pn4_deleg *d)
{
	d->pinned = d->node;
	refcount_inc(&d->ref);
	queue_work(pn4_deleg_wq, &d->work);
}

int pn4_deleg_init(void)
{
	pn4_deleg_wq = alloc_workqueue("penstock_delegs", WQ_UNBOUND, 0);
	return pn4_deleg_wq ? 0 : -ENOMEM;
}

void pn4_deleg_exit(void)
{
	destroy_workqueue(pn4_deleg_wq);
}
