// SPDX-License-Identifier: GPL-2.0
/*
 * Trunking: who is at the other end of a new connection?
 *
 * Addresses that a mount names are believed to be one server's only once each
 * connection has proven it (RFC 8881 section 2.10.5): EXCHANGE_ID on it must
 * give the owner, major and minor, and the scope that the first one gave, and
 * BIND_CONN_TO_SESSION must find the session there, which a server that merely
 * has the same name does not know.  Any other connection is closed and never
 * carries a call.
 */
#include <linux/string.h>
#include "internal.h"

#define PN4_TRUNK_PATIENCE	(5 * HZ)
#define PN4_TRUNK_ROOM		64	/* a SEQUENCE alone needs none */

/* What a greeting has found out. */
enum pn4_trunk {
	PN4_TRUNK_SESSION,	/* the session's server */
	PN4_TRUNK_CLIENT,	/* another node of it: see sibling.c */
	PN4_TRUNK_NONE,		/* somebody else */
};

static enum pn4_trunk pn4_trunk_compare(struct pn4_client *cl,
					const struct pn4_exchange_id_res *res,
					bool *same_id)
{
	enum pn4_trunk found = PN4_TRUNK_NONE;

	spin_lock(&cl->lock);
	*same_id = res->clientid == cl->clientid;
	if (pn4_same_server(res, cl->server))
		found = res->so_minor_id == cl->server->so_minor_id ?
			PN4_TRUNK_SESSION : PN4_TRUNK_CLIENT;
	spin_unlock(&cl->lock);
	return found;
}

/* Once for each address, however often it is looked at again. */
static int pn4_trunk_refuse(struct pn4_client *cl, struct prpc_conn *conn,
			    const struct pn4_exchange_id_res *res, const char *why)
{
	if (!prpc_conn_refused(conn))
		pr_warn("penstock: %s: %pISpc %s (it calls itself \"%*pE\"); not used, looking again now and then\n",
			cl->name, prpc_conn_addr(conn), why,
			min_t(int, res->so_major_len, 64), res->so_major);
	return -EKEYREJECTED;
}

/*
 * Do the paths that are live still lead to the session?  If not, recovery is
 * told.  Does not wait for it, nor for a slot.
 */
static bool pn4_trunk_session_lives(struct pn4_client *cl)
{
	struct pn4_call *c = pn4_call_new(cl, NULL, PN4_TRUNK_ROOM, PN4_TRUNK_ROOM);
	int st;

	if (!c)
		return false;
	c->nowait = true;
	st = pn4_call_start(c, cl->cred);
	if (!st) {
		c->rpc.deadline = (jiffies + PN4_TRUNK_PATIENCE) | 1;
		st = pn4_call_run(c);
	}
	if (st > 0 && pn4_error(st)->class == PN4_CLASS_SESSION)
		pn4_recover_session(cl, c->session_gen);
	pn4_call_put(c);
	return !st;
}

/*
 * Bind @conn to the session, for callbacks as well if no live one carries them.  Who
 * does not know the session although the others do is another server of the same
 * name; if they do not either, the server has restarted.
 */
static int pn4_trunk_bind(struct pn4_client *cl, struct prpc_conn *conn,
			  const struct pn4_exchange_id_res *res, bool same_id)
{
	int st = pn4_client_bind(cl, conn, !cl->elder && !pn4_backchannel_lives(cl));

	if (st != PN4ERR_BADSESSION || same_id || !prpc_peer_live(cl->peer))
		return min(st, 0);
	if (!pn4_trunk_session_lives(cl))
		return -EAGAIN;
	return pn4_trunk_refuse(cl, conn, res,
				"has the same name but not our session");
}

/*
 * An EXCHANGE_ID between those of recovery and its CREATE_SESSION would replace
 * the client id that is not confirmed yet (section 18.35.4, case 4).
 */
static void pn4_trunk_settle(struct pn4_client *cl)
{
	wait_event_timeout(cl->wait, test_bit(PN4_CL_READY, &cl->state) ||
			   test_bit(PN4_CL_DEAD, &cl->state) ||
			   !prpc_peer_live(cl->peer), PN4_TRUNK_PATIENCE);
}

static int pn4_trunk_join(struct pn4_client *cl, struct prpc_conn *conn)
{
	struct pn4_exchange_id_res *res = kmalloc(sizeof(*res), GFP_NOFS);
	bool same_id;
	int st;

	if (!res)
		return -ENOMEM;
	pn4_trunk_settle(cl);
	st = pn4_client_ask(cl, conn, res);
	if (st > 0)
		st = -EREMOTEIO;
	if (st)
		goto out;
	switch (pn4_trunk_compare(cl, res, &same_id)) {
	case PN4_TRUNK_SESSION:
		st = pn4_trunk_bind(cl, conn, res, same_id);
		break;
	case PN4_TRUNK_CLIENT:
		if (pn4_sibling_found(cl, conn, res)) {
			st = -EKEYREJECTED;
			break;
		}
		st = pn4_trunk_refuse(cl, conn, res,
				      "is the same server but needs a session of its own");
		break;
	case PN4_TRUNK_NONE:
		st = pn4_trunk_refuse(cl, conn, res, "is another server");
		break;
	}
out:
	kfree(res);
	return st;
}

/*
 * A connection came up.  Beside others it has to prove where it leads.  When it
 * is the only one and its path has been good before, it is taken as it is, so
 * that even a connection that lasts for one call only gets a call done: our
 * calls bind it to the fore channel by themselves (SP4_NONE, RFC 8881 section
 * 2.10.3.1), and the back channel is bound behind them.  One to a protected
 * session has to be bound first.
 */
int pn4_trunk_ready(struct prpc_peer *peer, struct prpc_conn *conn)
{
	struct pn4_client *cl = prpc_peer_priv(peer);

	if (!READ_ONCE(cl->session.gen) || cl->nfs3)
		return 0;
	if (prpc_peer_live(peer) || !prpc_conn_proven(conn) || READ_ONCE(cl->protected))
		return pn4_trunk_join(cl, conn);
	if (!cl->elder && time_after(jiffies, READ_ONCE(cl->last_bind) + HZ))
		pn4_backchannel_want(cl);
	return 0;
}
