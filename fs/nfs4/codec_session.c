// SPDX-License-Identifier: GPL-2.0
/*
 * Client ids, sessions, and state in general: what a mount needs before the
 * first file operation, and recovery after it.
 */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#include "attr.h"
#include "codec.h"

#define PN4_MACHINE_MAX		255	/* authsys_parms.machinename, RFC 5531 */
#define PN4_SECINFO_MAX		64	/* flavours read before it is nonsense */
#define PN4_IMPL_MAX		1024	/* bytes of an implementation's name */

/* ---- SEQUENCE ---- */

void pn4_enc_sequence(struct pxdr_enc *e, const struct pn4_sequence_args *args)
{
	pxdr_u32(e, PN4_OP_SEQUENCE);
	pxdr_fixed(e, args->sessionid, PN4_SESSIONID_SIZE);
	pxdr_u32(e, args->sequenceid);
	pxdr_u32(e, args->slotid);
	pxdr_u32(e, args->highest_slotid);
	pxdr_u32(e, args->cachethis);
}

int pn4_dec_sequence(struct pxdr_dec *d, struct pn4_sequence_res *res)
{
	int st = pn4_dec_head(d, PN4_OP_SEQUENCE);

	if (st)
		return st;
	pn4_get_bytes(d, res->sessionid, PN4_SESSIONID_SIZE);
	res->sequenceid = pxdr_get_u32(d);
	res->slotid = pxdr_get_u32(d);
	res->highest_slotid = pxdr_get_u32(d);
	res->target_highest_slotid = pxdr_get_u32(d);
	res->status_flags = pxdr_get_u32(d);
	return pn4_dec_end(d);
}

/* ---- EXCHANGE_ID ---- */

static void pn4_enc_string(struct pxdr_enc *e, const char *s)
{
	pxdr_opaque(e, s, (u32)strlen(s));
}

void pn4_enc_exchange_id(struct pxdr_enc *e,
			 const struct pn4_exchange_id_args *args)
{
	pxdr_u32(e, PN4_OP_EXCHANGE_ID);
	pxdr_fixed(e, args->verifier, PN4_VERIFIER_SIZE);
	pxdr_opaque(e, args->owner, args->owner_len);
	pxdr_u32(e, args->flags);
	pxdr_u32(e, args->protect ? PN4_SP4_MACH_CRED : PN4_SP4_NONE);
	if (args->protect) {
		pn4_enc_bitmap(e, args->protect->enforce);
		pn4_enc_bitmap(e, args->protect->allow);
	}
	pxdr_u32(e, args->impl_name ? 1 : 0);
	if (!args->impl_name)
		return;
	pn4_enc_string(e, args->impl_domain);
	pn4_enc_string(e, args->impl_name);
	pxdr_u64(e, (u64)args->impl_date.sec);
	pxdr_u32(e, args->impl_date.nsec);
}

/* opaque<PN4_OPAQUE_LIMIT> into a buffer of that size */
static u32 pn4_get_id(struct pxdr_dec *d, u8 *to)
{
	const void *p;
	u32 len;

	p = pxdr_get_opaque(d, PN4_OPAQUE_LIMIT, &len);
	if (p)
		memcpy(to, p, len);
	return len;
}

static void pn4_dec_impl(struct pxdr_dec *d, struct pn4_exchange_id_res *res)
{
	res->impl_domain = pxdr_get_opaque(d, PN4_IMPL_MAX,
					   &res->impl_domain_len);
	res->impl_name = pxdr_get_opaque(d, PN4_IMPL_MAX, &res->impl_name_len);
	res->impl_date.sec = (s64)pxdr_get_u64(d);
	res->impl_date.nsec = pxdr_get_u32(d);
}

/* SP4_SSV is never asked for. */
static void pn4_dec_protect(struct pxdr_dec *d, struct pn4_exchange_id_res *res)
{
	u32 how = pxdr_get_u32(d);

	if (how == PN4_SP4_NONE)
		return;
	if (how != PN4_SP4_MACH_CRED)
		d->bad = true;
	res->protected = true;
	pn4_dec_bitmap(d, res->protect.enforce, true);
	pn4_dec_bitmap(d, res->protect.allow, true);
}

int pn4_dec_exchange_id(struct pxdr_dec *d, struct pn4_exchange_id_res *res)
{
	int st = pn4_dec_head(d, PN4_OP_EXCHANGE_ID);

	if (st)
		return st;
	memset(res, 0, sizeof(*res));
	res->clientid = pxdr_get_u64(d);
	res->sequenceid = pxdr_get_u32(d);
	res->flags = pxdr_get_u32(d);
	pn4_dec_protect(d, res);
	res->so_minor_id = pxdr_get_u64(d);
	res->so_major_len = pn4_get_id(d, res->so_major);
	res->scope_len = pn4_get_id(d, res->scope);
	if (pxdr_get_count(d, 1, 20))
		pn4_dec_impl(d, res);
	return pn4_dec_end(d);
}

bool pn4_same_server(const struct pn4_exchange_id_res *a,
		     const struct pn4_exchange_id_res *b)
{
	return a->so_major_len == b->so_major_len &&
	       !memcmp(a->so_major, b->so_major, a->so_major_len) &&
	       a->scope_len == b->scope_len &&
	       !memcmp(a->scope, b->scope, a->scope_len);
}

/* ---- CREATE_SESSION and the like ---- */

static void pn4_enc_channel(struct pxdr_enc *e, const struct pn4_channel_attrs *ca)
{
	pxdr_u32(e, ca->headerpadsize);
	pxdr_u32(e, ca->maxrequestsize);
	pxdr_u32(e, ca->maxresponsesize);
	pxdr_u32(e, ca->maxresponsesize_cached);
	pxdr_u32(e, ca->maxoperations);
	pxdr_u32(e, ca->maxrequests);
	pxdr_u32(e, 0);			/* ca_rdma_ird<1> */
}

static void pn4_dec_channel(struct pxdr_dec *d, struct pn4_channel_attrs *ca)
{
	ca->headerpadsize = pxdr_get_u32(d);
	ca->maxrequestsize = pxdr_get_u32(d);
	ca->maxresponsesize = pxdr_get_u32(d);
	ca->maxresponsesize_cached = pxdr_get_u32(d);
	ca->maxoperations = pxdr_get_u32(d);
	ca->maxrequests = pxdr_get_u32(d);
	if (pxdr_get_count(d, 1, 4))
		pxdr_get_u32(d);
}

/* authsys_parms of nobody in particular: callbacks are not checked by it */
static void pn4_enc_cb_authsys(struct pxdr_enc *e, const char *machine)
{
	size_t len = strlen(machine);

	pxdr_u32(e, PN4_AUTH_SYS);
	pxdr_u32(e, 0);			/* stamp */
	pxdr_opaque(e, machine, len < PN4_MACHINE_MAX ? (u32)len : PN4_MACHINE_MAX);
	pxdr_u32(e, 0);			/* uid */
	pxdr_u32(e, 0);			/* gid */
	pxdr_u32(e, 0);			/* gids<16> */
}

void pn4_enc_create_session(struct pxdr_enc *e,
			    const struct pn4_create_session_args *args)
{
	pxdr_u32(e, PN4_OP_CREATE_SESSION);
	pxdr_u64(e, args->clientid);
	pxdr_u32(e, args->sequenceid);
	pxdr_u32(e, args->flags);
	pn4_enc_channel(e, &args->fore);
	pn4_enc_channel(e, &args->back);
	pxdr_u32(e, args->cb_program);
	pxdr_u32(e, 2);			/* csa_sec_parms<>, best first */
	pn4_enc_cb_authsys(e, args->machine);
	pxdr_u32(e, PN4_AUTH_NONE);
}

int pn4_dec_create_session(struct pxdr_dec *d,
			   struct pn4_create_session_res *res)
{
	int st = pn4_dec_head(d, PN4_OP_CREATE_SESSION);

	if (st)
		return st;
	pn4_get_bytes(d, res->sessionid, PN4_SESSIONID_SIZE);
	res->sequenceid = pxdr_get_u32(d);
	res->flags = pxdr_get_u32(d);
	pn4_dec_channel(d, &res->fore);
	pn4_dec_channel(d, &res->back);
	return pn4_dec_end(d);
}

void pn4_enc_bind_conn_to_session(struct pxdr_enc *e, const u8 *sessionid,
				  u32 dir, bool rdma_mode)
{
	pxdr_u32(e, PN4_OP_BIND_CONN_TO_SESSION);
	pxdr_fixed(e, sessionid, PN4_SESSIONID_SIZE);
	pxdr_u32(e, dir);
	pxdr_u32(e, rdma_mode);
}

int pn4_dec_bind_conn_to_session(struct pxdr_dec *d,
				 struct pn4_bind_conn_res *res)
{
	int st = pn4_dec_head(d, PN4_OP_BIND_CONN_TO_SESSION);

	if (st)
		return st;
	pn4_get_bytes(d, res->sessionid, PN4_SESSIONID_SIZE);
	res->dir = pxdr_get_u32(d);
	if (res->dir < PN4_CDFS_FORE || res->dir > PN4_CDFS_BOTH)
		d->bad = true;
	res->rdma_mode = pxdr_get_bool(d);
	return pn4_dec_end(d);
}

void pn4_enc_destroy_session(struct pxdr_enc *e, const u8 *sessionid)
{
	pxdr_u32(e, PN4_OP_DESTROY_SESSION);
	pxdr_fixed(e, sessionid, PN4_SESSIONID_SIZE);
}

void pn4_enc_destroy_clientid(struct pxdr_enc *e, u64 clientid)
{
	pxdr_u32(e, PN4_OP_DESTROY_CLIENTID);
	pxdr_u64(e, clientid);
}

void pn4_enc_reclaim_complete(struct pxdr_enc *e, bool one_fs)
{
	pxdr_u32(e, PN4_OP_RECLAIM_COMPLETE);
	pxdr_u32(e, one_fs);
}

/* ---- stateids ---- */

void pn4_enc_test_stateid(struct pxdr_enc *e, const struct pn4_stateid *sids,
			  u32 n)
{
	u32 i;

	pxdr_u32(e, PN4_OP_TEST_STATEID);
	pxdr_u32(e, n);
	for (i = 0; i < n && !e->overflow; i++)
		pn4_enc_stateid(e, &sids[i]);
}

int pn4_dec_test_stateid(struct pxdr_dec *d, u32 *status, u32 n)
{
	int st = pn4_dec_head(d, PN4_OP_TEST_STATEID);
	u32 i, got;

	if (st)
		return st;
	got = pxdr_get_count(d, n, 4);
	if (got != n)
		d->bad = true;
	for (i = 0; i < got; i++)
		status[i] = pxdr_get_u32(d);
	return pn4_dec_end(d);
}

void pn4_enc_free_stateid(struct pxdr_enc *e, const struct pn4_stateid *sid)
{
	pxdr_u32(e, PN4_OP_FREE_STATEID);
	pn4_enc_stateid(e, sid);
}

/* ---- SECINFO, SECINFO_NO_NAME ---- */

int pn4_secinfo_sec(const struct pn4_secinfo *info)
{
	/* 1.2.840.113554.1.2.2: Kerberos (RFC 4121) */
	static const u8 krb5[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2 };

	if (info->flavor == PN4_AUTH_SYS)
		return 0;
	if (info->flavor != PN4_RPCSEC_GSS || info->oid_len != sizeof(krb5) ||
	    memcmp(info->oid, krb5, sizeof(krb5)) ||
	    info->service < PN4_GSS_SVC_NONE || info->service > PN4_GSS_SVC_PRIVACY)
		return -1;
	return (int)info->service;
}

void pn4_enc_secinfo(struct pxdr_enc *e, const char *name, u32 len)
{
	pxdr_u32(e, PN4_OP_SECINFO);
	pxdr_opaque(e, name, len);
}

void pn4_enc_secinfo_no_name(struct pxdr_enc *e, u32 style)
{
	pxdr_u32(e, PN4_OP_SECINFO_NO_NAME);
	pxdr_u32(e, style);
}

static int pn4_dec_flavors(struct pxdr_dec *d, u32 op, struct pn4_secinfo_res *res)
{
	int st = pn4_dec_head(d, op);
	struct pn4_secinfo drop, *s;
	u32 i, n;

	if (st)
		return st;
	memset(res, 0, sizeof(*res));
	n = pxdr_get_count(d, PN4_SECINFO_MAX, 4);
	for (i = 0; i < n; i++) {
		s = i < PN4_SECINFO_ROOM ? &res->info[i] : &drop;
		s->flavor = pxdr_get_u32(d);
		if (s->flavor != PN4_RPCSEC_GSS)
			continue;
		s->oid = pxdr_get_opaque(d, PN4_OPAQUE_LIMIT, &s->oid_len);
		s->qop = pxdr_get_u32(d);
		s->service = pxdr_get_u32(d);
	}
	res->n = n < PN4_SECINFO_ROOM ? n : PN4_SECINFO_ROOM;
	return pn4_dec_end(d);
}

int pn4_dec_secinfo(struct pxdr_dec *d, struct pn4_secinfo_res *res)
{
	return pn4_dec_flavors(d, PN4_OP_SECINFO, res);
}

int pn4_dec_secinfo_no_name(struct pxdr_dec *d, struct pn4_secinfo_res *res)
{
	return pn4_dec_flavors(d, PN4_OP_SECINFO_NO_NAME, res);
}
