// SPDX-License-Identifier: GPL-2.0
/*
 * OPEN and what follows from it, delegations, byte-range locks.
 *
 * Seqids of open and lock owners are 4.0's; in a session they are sent as zero
 * and mean nothing (RFC 8881 section 8.8).
 */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#include "attr.h"
#include "codec.h"

#define PN4_OPENTYPE_NOCREATE	0
#define PN4_OPENTYPE_CREATE	1

/* open_owner4, lock_owner4 */
static void pn4_enc_owner(struct pxdr_enc *e, u64 clientid, const void *owner,
			  u32 len)
{
	pxdr_u64(e, clientid);
	pxdr_opaque(e, owner, len);
}

/* ---- OPEN ---- */

static void pn4_enc_openflag(struct pxdr_enc *e, const struct pn4_open4_args *args)
{
	if (args->mode == PN4_OPEN_NOCREATE) {
		pxdr_u32(e, PN4_OPENTYPE_NOCREATE);
		return;
	}
	pxdr_u32(e, PN4_OPENTYPE_CREATE);
	pxdr_u32(e, args->mode);
	if (args->mode == PN4_EXCLUSIVE_1)
		pn4_enc_verf(e, args->verf);
	pn4_enc_fattr(e, args->set);
}

static void pn4_enc_claim(struct pxdr_enc *e, const struct pn4_open4_args *args)
{
	pxdr_u32(e, args->claim);
	switch (args->claim) {
	case PN4_CLAIM_NULL:
		pxdr_opaque(e, args->name, args->name_len);
		break;
	case PN4_CLAIM_PREVIOUS:
		pxdr_u32(e, args->deleg_type);
		break;
	case PN4_CLAIM_DELEGATE_CUR:
		pn4_enc_stateid(e, &args->deleg);
		pxdr_opaque(e, args->name, args->name_len);
		break;
	case PN4_CLAIM_DELEG_CUR_FH:
		pn4_enc_stateid(e, &args->deleg);
		break;
	default:			/* CLAIM_FH */
		break;
	}
}

void pn4_enc_open(struct pxdr_enc *e, const struct pn4_open4_args *args)
{
	pxdr_u32(e, PN4_OP_OPEN);
	pxdr_u32(e, 0);			/* seqid */
	pxdr_u32(e, args->access);
	pxdr_u32(e, args->deny);
	pn4_enc_owner(e, args->clientid, args->owner, args->owner_len);
	pn4_enc_openflag(e, args);
	pn4_enc_claim(e, args);
}

/* nfs_space_limit4, as bytes */
static void pn4_dec_space_limit(struct pxdr_dec *d, struct pn4_deleg_res *res)
{
	u32 blocks;

	res->limit_by = pxdr_get_u32(d);
	switch (res->limit_by) {
	case PN4_LIMIT_SIZE:
		res->limit = pxdr_get_u64(d);
		break;
	case PN4_LIMIT_BLOCKS:
		blocks = pxdr_get_u32(d);
		res->limit = (u64)blocks * pxdr_get_u32(d);
		break;
	default:
		d->bad = true;
	}
}

/* nfsace4 */
static void pn4_dec_ace(struct pxdr_dec *d, struct pn4_deleg_res *res)
{
	res->ace_type = pxdr_get_u32(d);
	res->ace_flag = pxdr_get_u32(d);
	res->ace_mask = pxdr_get_u32(d);
	res->ace_who = pxdr_get_opaque(d, PN4_OPAQUE_LIMIT, &res->ace_who_len);
}

void pn4_dec_deleg(struct pxdr_dec *d, struct pn4_deleg_res *res)
{
	memset(res, 0, sizeof(*res));
	res->type = pxdr_get_u32(d);
	switch (res->type) {
	case PN4_DELEG_NONE:
		break;
	case PN4_DELEG_READ:
	case PN4_DELEG_WRITE:
		pn4_dec_stateid(d, &res->stateid);
		res->recall = pxdr_get_bool(d);
		if (res->type == PN4_DELEG_WRITE)
			pn4_dec_space_limit(d, res);
		pn4_dec_ace(d, res);
		break;
	case PN4_DELEG_NONE_EXT:
		res->why = pxdr_get_u32(d);
		if (res->why == PN4_WND_CONTENTION ||
		    res->why == PN4_WND_RESOURCE)
			res->will = pxdr_get_bool(d);
		break;
	default:
		d->bad = true;
	}
}

int pn4_dec_open(struct pxdr_dec *d, struct pn4_open4_res *res)
{
	int st = pn4_dec_head(d, PN4_OP_OPEN);

	if (st)
		return st;
	pn4_dec_stateid(d, &res->stateid);
	pn4_dec_cinfo(d, &res->cinfo);
	res->rflags = pxdr_get_u32(d);
	pn4_dec_bitmap(d, res->attrset, true);
	pn4_dec_deleg(d, &res->deleg);
	return pn4_dec_end(d);
}

/* A result that is a stateid */
static int pn4_dec_sid_res(struct pxdr_dec *d, u32 op, struct pn4_stateid *sid)
{
	int st = pn4_dec_head(d, op);

	if (st)
		return st;
	pn4_dec_stateid(d, sid);
	return pn4_dec_end(d);
}

void pn4_enc_open_downgrade(struct pxdr_enc *e, const struct pn4_stateid *sid,
			    u32 access, u32 deny)
{
	pxdr_u32(e, PN4_OP_OPEN_DOWNGRADE);
	pn4_enc_stateid(e, sid);
	pxdr_u32(e, 0);			/* seqid */
	pxdr_u32(e, access);
	pxdr_u32(e, deny);
}

int pn4_dec_open_downgrade(struct pxdr_dec *d, struct pn4_stateid *sid)
{
	return pn4_dec_sid_res(d, PN4_OP_OPEN_DOWNGRADE, sid);
}

void pn4_enc_close(struct pxdr_enc *e, const struct pn4_stateid *sid)
{
	pxdr_u32(e, PN4_OP_CLOSE);
	pxdr_u32(e, 0);			/* seqid */
	pn4_enc_stateid(e, sid);
}

int pn4_dec_close(struct pxdr_dec *d, struct pn4_stateid *sid)
{
	return pn4_dec_sid_res(d, PN4_OP_CLOSE, sid);
}

void pn4_enc_delegreturn(struct pxdr_enc *e, const struct pn4_stateid *sid)
{
	pxdr_u32(e, PN4_OP_DELEGRETURN);
	pn4_enc_stateid(e, sid);
}

/* ---- LOCK, LOCKT, LOCKU ---- */

void pn4_enc_lock(struct pxdr_enc *e, const struct pn4_lock_args *args)
{
	pxdr_u32(e, PN4_OP_LOCK);
	pxdr_u32(e, args->type);
	pxdr_u32(e, args->reclaim);
	pxdr_u64(e, args->offset);
	pxdr_u64(e, args->length);
	pxdr_u32(e, args->new_owner);
	if (args->new_owner)
		pxdr_u32(e, 0);		/* open_seqid */
	pn4_enc_stateid(e, &args->stateid);
	pxdr_u32(e, 0);			/* lock_seqid */
	if (args->new_owner)
		pn4_enc_owner(e, args->clientid, args->owner, args->owner_len);
}

/* LOCK4denied */
static void pn4_dec_denied(struct pxdr_dec *d, struct pn4_lock_denied *denied)
{
	denied->offset = pxdr_get_u64(d);
	denied->length = pxdr_get_u64(d);
	denied->type = pxdr_get_u32(d);
	if (denied->type < PN4_READ_LT || denied->type > PN4_WRITEW_LT)
		d->bad = true;
	denied->clientid = pxdr_get_u64(d);
	denied->owner = pxdr_get_opaque(d, PN4_OPAQUE_LIMIT, &denied->owner_len);
}

int pn4_dec_lock(struct pxdr_dec *d, struct pn4_stateid *sid,
		 struct pn4_lock_denied *denied)
{
	int st = pn4_dec_head(d, PN4_OP_LOCK);

	if (!st)
		pn4_dec_stateid(d, sid);
	else if (st == PN4ERR_DENIED)
		pn4_dec_denied(d, denied);
	return pn4_dec_end(d) ?: st;
}

void pn4_enc_lockt(struct pxdr_enc *e, const struct pn4_lock_args *args)
{
	pxdr_u32(e, PN4_OP_LOCKT);
	pxdr_u32(e, args->type);
	pxdr_u64(e, args->offset);
	pxdr_u64(e, args->length);
	pn4_enc_owner(e, args->clientid, args->owner, args->owner_len);
}

int pn4_dec_lockt(struct pxdr_dec *d, struct pn4_lock_denied *denied)
{
	int st = pn4_dec_head(d, PN4_OP_LOCKT);

	if (st == PN4ERR_DENIED)
		pn4_dec_denied(d, denied);
	return pn4_dec_end(d) ?: st;
}

void pn4_enc_locku(struct pxdr_enc *e, u32 type, const struct pn4_stateid *sid,
		   u64 offset, u64 length)
{
	pxdr_u32(e, PN4_OP_LOCKU);
	pxdr_u32(e, type);
	pxdr_u32(e, 0);			/* seqid */
	pn4_enc_stateid(e, sid);
	pxdr_u64(e, offset);
	pxdr_u64(e, length);
}

int pn4_dec_locku(struct pxdr_dec *d, struct pn4_stateid *sid)
{
	return pn4_dec_sid_res(d, PN4_OP_LOCKU, sid);
}
