// SPDX-License-Identifier: GPL-2.0
/*
 * The back channel: which connection carries what the server asks us.
 *
 * One at a time.  A server that was not told otherwise goes on using the connection
 * that it has chosen, also when that is dead and only we know: what it asks is lost
 * then, one recall after the other, and whoever waits for what was to be given back
 * waits until it is revoked.  So all other connections are bound for our calls alone
 * (RFC 8881 section 18.34), and once the one that carries callbacks is gone, another
 * is bound for both at once; the server asks anew there what has got no answer.
 *
 * There is no way to take a dead connection back from the server, and of several
 * that may carry callbacks Linux' server takes the one that was bound last.  So the
 * next one has to be one that was certainly bound later: that has been begun since
 * the last was bound.  If none is left a live connection is made anew.
 */
#include "internal.h"

/* Let recovery see to it; any context. */
void pn4_backchannel_want(struct pn4_client *cl)
{
	if (test_bit(PN4_CL_DEAD, &cl->state))
		return;
	set_bit(PN4_CL_NEED_BIND, &cl->state);
	/* else a mount or recovery is at work and sees to it */
	if (test_bit(PN4_CL_READY, &cl->state))
		queue_work(pn4_state_wq, &cl->recover_work);
}

/* A connection is gone, see struct prpc_peer_ops. */
void pn4_backchannel_down(struct prpc_peer *peer, u64 born)
{
	struct pn4_client *cl = prpc_peer_priv(peer);

	/* of the last one pn4_trunk_ready() takes care when it is back */
	if (!cl->elder && !cl->nfs3 && born == READ_ONCE(cl->back) &&
	    prpc_peer_live(peer))
		pn4_backchannel_want(cl);
}

/* A session was made over @conn, which may be gone.  All others come to it later. */
void pn4_backchannel_begun(struct pn4_client *cl, const struct prpc_conn *conn)
{
	WRITE_ONCE(cl->back_births, 0);
	WRITE_ONCE(cl->back, prpc_peer_born(cl->peer, conn));
}

/* The server has agreed that @conn, which may be gone, carries callbacks. */
void pn4_backchannel_bound(struct pn4_client *cl, const struct prpc_conn *conn)
{
	u64 born = prpc_peer_born(cl->peer, conn);

	/* bound once more it is not bound later */
	if (born && born == READ_ONCE(cl->back))
		return;
	WRITE_ONCE(cl->back_births, prpc_peer_births(cl->peer));
	WRITE_ONCE(cl->back, born);
}

/* Is the connection there that carries callbacks, as far as we know? */
bool pn4_backchannel_lives(struct pn4_client *cl)
{
	u64 back = READ_ONCE(cl->back);

	return back && prpc_peer_has(cl->peer, back);
}

/*
 * Now and then: has all that should have seen to it failed?  A server that wants no
 * back channel is asked no more often than once in a lease time.
 */
void pn4_backchannel_check(struct pn4_client *cl)
{
	if (prpc_peer_live(cl->peer) && !pn4_backchannel_lives(cl) &&
	    time_after(jiffies, READ_ONCE(cl->last_bind) + cl->lease_time * HZ))
		pn4_backchannel_want(cl);
}

/* Recovery's step.  NFS status or -errno. */
int pn4_backchannel_bind(struct pn4_client *cl)
{
	bool lives = pn4_backchannel_lives(cl);
	u64 back = READ_ONCE(cl->back), its = 0;
	struct prpc_conn *conn;
	int st;

	conn = prpc_peer_after(cl->peer, lives ? back - 1 : READ_ONCE(cl->back_births), &its);
	if (lives && its != back)	/* just bound by its greeting */
		return 0;
	if (!conn && prpc_peer_live(cl->peer)) {
		prpc_peer_remake(cl->peer);	/* it is bound, or that wanted, as it comes */
		WRITE_ONCE(cl->last_bind, jiffies - 2 * HZ);
		return 0;
	}
	st = pn4_client_bind(cl, conn, true);
	if (st < 0 && conn)	/* gone meanwhile: the next one */
		set_bit(PN4_CL_NEED_BIND, &cl->state);
	return st;
}
