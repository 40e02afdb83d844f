// SPDX-License-Identifier: GPL-2.0
/*
 * Credentials of calls: AUTH_NONE and AUTH_SYS (RFC 5531 section 8.2 and
 * appendix A).
 */
#include <linux/cred.h>
#include <linux/uidgid.h>
#include "gss.h"

#define PRPC_AUTH_NONE		0
#define PRPC_AUTH_SYS		1
#define PRPC_AUTH_SYS_GIDS	16

/*
 * Ids go out as the initial user namespace sees them: that is what the server
 * shares with this host.  With more groups than fit the lowest are sent
 * (group_info is sorted), like other NFS clients do, so that the server's view
 * does not depend on the client.
 */
static void prpc_auth_sys(const struct prpc_peer *peer, const struct cred *cred,
			  struct pxdr_enc *e)
{
	const struct group_info *groups = cred->group_info;
	int i, n = min(groups->ngroups, PRPC_AUTH_SYS_GIDS);
	__be32 *len;

	pxdr_u32(e, PRPC_AUTH_SYS);
	len = pxdr_opaque_begin(e);
	pxdr_u32(e, 0);			/* stamp: arbitrary */
	pxdr_opaque(e, peer->node, strlen(peer->node));
	pxdr_u32(e, from_kuid(&init_user_ns, cred->fsuid));
	pxdr_u32(e, from_kgid(&init_user_ns, cred->fsgid));
	pxdr_u32(e, n);
	for (i = 0; i < n; i++)
		pxdr_u32(e, from_kgid(&init_user_ns, groups->gid[i]));
	pxdr_opaque_end(e, len);
}

void prpc_auth_marshal(const struct prpc_peer *peer, const struct cred *cred,
		       struct pxdr_enc *e)
{
	if (cred) {
		prpc_auth_sys(peer, cred, e);
	} else {
		pxdr_u32(e, PRPC_AUTH_NONE);
		pxdr_u32(e, 0);
	}
	pxdr_u32(e, PRPC_AUTH_NONE);	/* verifier */
	pxdr_u32(e, 0);
}

/*
 * Neither of these flavours verifies anything; AUTH_SHORT, which a server may offer, is
 * never used.  Only the limit matters.
 */
int prpc_auth_verify(const struct prpc_call *call, struct pxdr_dec *d)
{
	u32 len;

	/* of what is protected further, pgss_unprotect() has seen to it */
	if (call->gss && pgss_service(call) == PRPC_SEC_KRB5)
		return pgss_verify(call->gss, d);
	pxdr_get_u32(d);
	pxdr_get_opaque(d, RPC5531_AUTH_MAX, &len);
	return d->bad ? -EREMOTEIO : 0;
}
