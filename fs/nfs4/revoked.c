// SPDX-License-Identifier: GPL-2.0
/*
 * The server has taken some state away, but does not say which: ask about each
 * state id, acknowledge what is gone (RFC 8881 section 8.4.2.4), get back what can
 * be had again.
 *
 * A server repeats the flag with each SEQUENCE until all was acknowledged, and
 * one that never stops must not keep us busy: hence a pause between rounds.
 */
#include "host.h"
#include "internal.h"
#include "lock.h"

#define PN4_REVOKED_PAUSE	(5 * HZ)

#define PN4_SEQ_SOME_REVOKED	(PN4_SEQ_EXPIRED_SOME_STATE_REVOKED | \
				 PN4_SEQ_ADMIN_STATE_REVOKED | \
				 PN4_SEQ_RECALLABLE_STATE_REVOKED)

static struct pn4_call *pn4_revoked_call(struct pn4_client *cl)
{
	struct pn4_call *c = pn4_call_new(cl, NULL, 256, 256);

	if (c) {
		c->privileged = true;
		c->unkillable = true;
	}
	return c;
}

/*
 * Ask what has become of @sid; its NFS status into *@status.  0, the NFS status
 * of the call, or -errno.  The recovery worker's.
 */
int pn4_stateid_test(struct pn4_client *cl, const struct cred *cred,
		     const struct pn4_stateid *sid, u32 *status)
{
	struct pn4_call *c = pn4_revoked_call(cl);
	int st;

	if (!c)
		return -ENOMEM;
	do {
		st = pn4_call_start(c, cred);
		if (st)
			break;
		pn4_enc_test_stateid(pn4_op(c, PN4_OP_TEST_STATEID), sid, 1);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_test_stateid(&c->dec, status, 1);
	} while (pn4_call_again(c, &st));
	pn4_call_put(c);
	return st;
}

/*
 * Acknowledge that @sid is gone (section 18.38); a server that does not know it
 * any more is right too.  0, an NFS status that asks for recovery, or -errno.
 */
int pn4_stateid_free(struct pn4_client *cl, const struct cred *cred,
		     const struct pn4_stateid *sid)
{
	struct pn4_call *c = pn4_revoked_call(cl);
	int st;

	if (!c)
		return -ENOMEM;
	do {
		st = pn4_call_start(c, cred);
		if (st)
			break;
		pn4_enc_free_stateid(pn4_op(c, PN4_OP_FREE_STATEID), sid);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_free_stateid(&c->dec);
	} while (pn4_call_again(c, &st));
	pn4_call_put(c);
	return st > 0 && !pn4_recover_again(st) ? 0 : st;
}

/* sr_status_flags; softirq. */
void pn4_revoked_flags(struct pn4_client *cl, u32 flags)
{
	if (!(flags & PN4_SEQ_SOME_REVOKED) ||
	    test_bit(PN4_CL_NEED_TEST, &cl->state) ||
	    time_before(jiffies, READ_ONCE(cl->last_test) + PN4_REVOKED_PAUSE))
		return;
	pn4_recover_start(cl, PN4_CL_NEED_TEST);
}

/* An open of @node that this round has not asked about, referenced. */
static struct pn4_open *pn4_revoked_find(struct pn4_node *node, u32 round,
					 bool get)
{
	struct pn4_open *open, *found = NULL;

	spin_lock_irq(&node->lock);
	list_for_each_entry(open, &node->opens, link) {
		if (open->tested == round || open->lost || open->error ||
		    !refcount_read(&open->ref))
			continue;
		if (get && !refcount_inc_not_zero(&open->ref))
			continue;
		if (get)
			open->tested = round;
		found = open;
		break;
	}
	spin_unlock_irq(&node->lock);
	return found;
}

static struct pn4_node *pn4_revoked_next(struct pn4_client *cl, u32 round)
{
	struct pn4_node *node, *found = NULL;
	struct pn4_volume *vol;

	spin_lock(&cl->lock);
	list_for_each_entry(vol, &cl->volumes, client_link) {
		spin_lock(&vol->lock);
		list_for_each_entry(node, &vol->nodes, vol_link) {
			if (vol->dead)
				break;
			if (pn4_revoked_find(node, round, false) &&
			    pn4_host_pin(node)) {
				found = node;
				break;
			}
		}
		spin_unlock(&vol->lock);
		if (found)
			break;
	}
	spin_unlock(&cl->lock);
	return found;
}

static int pn4_revoked_open(struct pn4_client *cl, struct pn4_open *open)
{
	struct pn4_stateid sid;
	u32 gen = READ_ONCE(open->gen), status = 0;
	int st = pn4_open_stateid(open, &sid);

	if (st)
		return 0;	/* lost already, and everybody knows */
	st = pn4_stateid_test(cl, open->cred, &sid, &status);
	if (st)
		return pn4_recover_again(st) ? st : 0;
	if (!status)
		return pn4_locks_doubt(open);
	/* got back, with its locks, by the next step; which frees it, too */
	pn4_recover_open(open, gen);
	return 0;
}

/* 0, or what stopped it, as of all recovery steps. */
int pn4_revoked_check(struct pn4_client *cl)
{
	u32 round = ++cl->test_round;
	struct pn4_node *node;
	struct pn4_open *open;
	int st = 0;

	clear_bit(PN4_CL_NEED_TEST, &cl->state);
	/* flags of replies from now on count again, but not at once */
	smp_mb__after_atomic();
	WRITE_ONCE(cl->last_test, jiffies);
	while (!st && !test_bit(PN4_CL_DEAD, &cl->state) &&
	       (node = pn4_revoked_next(cl, round))) {
		open = pn4_revoked_find(node, round, true);
		if (open) {
			st = pn4_revoked_open(cl, open);
			pn4_open_put(open);
		}
		pn4_host_unpin(node);
	}
	if (st)
		set_bit(PN4_CL_NEED_TEST, &cl->state);
	return st;
}
