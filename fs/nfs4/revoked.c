// SPDX-License-Identifier: GPL-2.0
/*
 * The server has taken some state away, but does not say which: ask about each
 * state id, acknowledge what is gone (RFC 8881 section 8.4.2.4), get back what can
 * be had again.
 *
 * A server repeats the flag with each SEQUENCE until all was acknowledged, and
 * one that never stops must not keep us busy: hence a pause between rounds.
 */
#include "internal.h"
#include "lock.h"

#define PN4_REVOKED_PAUSE	(5 * HZ)

#define PN4_SEQ_SOME_REVOKED	(PN4_SEQ_EXPIRED_SOME_STATE_REVOKED | \
				 PN4_SEQ_ADMIN_STATE_REVOKED | \
				 PN4_SEQ_RECALLABLE_STATE_REVOKED)

/* TEST_STATEID, with the answer into *@status; FREE_STATEID if that is NULL. */
static int pn4_stateid_call(struct pn4_client *cl, const struct cred *cred,
			    const struct pn4_stateid *sid, u32 *status)
{
	struct pn4_call *c = pn4_recover_call(cl, 256, 256);
	int st;

	if (!c)
		return -ENOMEM;
	cred = pn4_protect_cred(cl, status ? PN4_OP_TEST_STATEID : PN4_OP_FREE_STATEID,
				cred);
	pn4_for_each_try(c, cred, st) {
		if (status)
			pn4_enc_test_stateid(pn4_op(c, PN4_OP_TEST_STATEID),
					     sid, 1);
		else
			pn4_enc_free_stateid(pn4_op(c, PN4_OP_FREE_STATEID),
					     sid);
		st = pn4_call_run(c);
		if (!st)
			st = status ? pn4_dec_test_stateid(&c->dec, status, 1) :
				      pn4_dec_free_stateid(&c->dec);
	}
	pn4_call_put(c);
	return st;
}

/*
 * Ask what has become of @sid; its NFS status into *@status.  0, the NFS status
 * of the call, or -errno.  The recovery worker's.
 */
int pn4_stateid_test(struct pn4_client *cl, const struct cred *cred,
		     const struct pn4_stateid *sid, u32 *status)
{
	return pn4_stateid_call(cl, cred, sid, status);
}

/*
 * Acknowledge that @sid is gone (section 18.38); a server that does not know it
 * any more is right too.  0, an NFS status that asks for recovery, or -errno.
 */
int pn4_stateid_free(struct pn4_client *cl, const struct cred *cred,
		     const struct pn4_stateid *sid)
{
	int st = pn4_stateid_call(cl, cred, sid, NULL);

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

/* An open that this round has not asked about */
static bool pn4_revoked_due(struct pn4_client *cl, const struct pn4_open *open)
{
	return open->tested != cl->test_round && !open->lost && !open->error &&
	       !open->local;
}

static int pn4_revoked_open(struct pn4_open *open)
{
	struct pn4_client *cl = open->vol->client;
	struct pn4_stateid sid;
	u32 gen = READ_ONCE(open->gen), status = 0;
	int st = pn4_open_stateid(open, &sid);

	open->tested = cl->test_round;
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
	int st;

	cl->test_round++;
	clear_bit(PN4_CL_NEED_TEST, &cl->state);
	/* flags of replies from now on count again, but not at once */
	smp_mb__after_atomic();
	WRITE_ONCE(cl->last_test, jiffies);
	st = pn4_delegs_test(cl);
	st = st ?: pn4_layouts_test(cl);
	st = st ?: pn4_recover_each(cl, pn4_revoked_due, pn4_revoked_open);
	if (st)
		set_bit(PN4_CL_NEED_TEST, &cl->state);
	return st;
}
