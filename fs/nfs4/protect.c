// SPDX-License-Identifier: GPL-2.0
/*
 * State protection (RFC 8881 section 2.10.8.3): whose client id, session and
 * connections these are is proven by the machine's Kerberos credential
 * (SP4_MACH_CRED), so that nobody else can bind a connection to our session or
 * end it.  It needs integrity, so it goes with krb5i and krb5p.
 *
 * In return the server takes the machine's credential for giving back state that
 * a user leaves behind whose ticket is gone.
 */
#include "internal.h"

/* Operations 0 to 31, and 32 to 63. */
#define PN4_OP0(name)	(1U << PN4_OP_##name)
#define PN4_OP1(name)	(1U << (PN4_OP_##name - 32))

const struct pn4_protect_ops pn4_protect_wanted = {
	.enforce = {
		0,
		PN4_OP1(BIND_CONN_TO_SESSION) | PN4_OP1(EXCHANGE_ID) |
		PN4_OP1(CREATE_SESSION) | PN4_OP1(DESTROY_SESSION) |
		PN4_OP1(DESTROY_CLIENTID),
	},
	.allow = {
		PN4_OP0(CLOSE) | PN4_OP0(DELEGRETURN) | PN4_OP0(LOCKU),
		PN4_OP1(FREE_STATEID) | PN4_OP1(TEST_STATEID),
	},
};

bool pn4_protect_wants(const struct pn4_client *cl)
{
	return cl->sec >= PRPC_SEC_KRB5I && !cl->data_server;
}

/*
 * Did EXCHANGE_ID fail with @st because the server cannot protect state?  Then the
 * next one asks for none.  The refusal itself is protected like any reply, so
 * that nobody on the way can bring this about.
 */
bool pn4_protect_refused(struct pn4_client *cl, int st)
{
	if (!cl->protected || (st != PN4ERR_INVAL && st != PN4ERR_NOTSUPP &&
			       st != PN4ERR_SERVERFAULT))
		return false;
	cl->protected = false;
	pr_notice("penstock: %s: the server does not protect state by the machine's credential (%s); going on without\n",
		  cl->name, pn4_status_name(st));
	return true;
}

/* What came of it, with a new client id; cl->lock held. */
void pn4_protect_agreed(struct pn4_client *cl, const struct pn4_exchange_id_res *res)
{
	cl->protected = res->protected;
	memcpy(cl->machine_ops, res->protect.allow, sizeof(cl->machine_ops));
}

/* The credential for operation @op on state that is @own's; no reference. */
const struct cred *pn4_protect_cred(const struct pn4_client *cl, u32 op,
				    const struct cred *own)
{
	return READ_ONCE(cl->protected) && pn4_mask_has(cl->machine_ops, op) ?
	       cl->cred : own;
}

/*
 * A call met a connection that is not bound to the session.  A protected
 * session takes only connections that BIND_CONN_TO_SESSION has brought to it:
 * a new one is, in pn4_trunk_ready(), before it carries a call.
 */
void pn4_protect_unbound(struct pn4_call *c)
{
	if (READ_ONCE(c->client->protected))
		prpc_peer_reset(c->client->peer, c->rpc.conn, -ECONNRESET);
	else
		pn4_recover_start(c->client, PN4_CL_NEED_BIND);
}
