// SPDX-License-Identifier: GPL-2.0
/*
 * The frame of a COMPOUND, file handles, attributes and data.
 */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#include "attr.h"
#include "codec.h"

/* ---- shared pieces ---- */

void pn4_get_bytes(struct pxdr_dec *d, void *to, u32 len)
{
	const void *p = pxdr_get_fixed(d, len);

	if (p)
		memcpy(to, p, len);
	else
		memset(to, 0, len);
}

/* verifier4: eight bytes without meaning, kept as they came */
__be64 pn4_get_verf(struct pxdr_dec *d)
{
	__be64 verf;

	pn4_get_bytes(d, &verf, sizeof(verf));
	return verf;
}

void pn4_enc_verf(struct pxdr_enc *e, __be64 verf)
{
	pxdr_fixed(e, &verf, sizeof(verf));
}

void pn4_enc_stateid(struct pxdr_enc *e, const struct pn4_stateid *sid)
{
	pxdr_u32(e, sid->seqid);
	pxdr_fixed(e, sid->other, PN4_OTHER_SIZE);
}

void pn4_dec_stateid(struct pxdr_dec *d, struct pn4_stateid *sid)
{
	sid->seqid = pxdr_get_u32(d);
	pn4_get_bytes(d, sid->other, PN4_OTHER_SIZE);
}

void pn4_dec_cinfo(struct pxdr_dec *d, struct pn4_cinfo *cinfo)
{
	cinfo->atomic = pxdr_get_bool(d);
	cinfo->before = pxdr_get_u64(d);
	cinfo->after = pxdr_get_u64(d);
}

void pn4_dec_nfs_fh(struct pxdr_dec *d, struct pn4_fh *fh)
{
	const void *p;
	u32 len;

	p = pxdr_get_opaque(d, PN4_FHSIZE, &len);
	fh->len = (u16)len;
	if (!p || !len)
		d->bad = true;
	else
		memcpy(fh->data, p, len);
}

u32 pn4_dec_stable(struct pxdr_dec *d)
{
	u32 v = pxdr_get_u32(d);

	if (v > PN4_FILE_SYNC)
		d->bad = true;
	return v;
}

/* ---- the frame ---- */

__be32 *pn4_enc_compound(struct pxdr_enc *e, u32 minor)
{
	pxdr_u32(e, 0);			/* tag */
	pxdr_u32(e, minor);
	return pxdr_reserve(e, 4);
}

void pn4_enc_compound_end(__be32 *place, u32 nops)
{
	if (place)
		*place = cpu_to_be32(nops);
}

/* A status is an XDR enum, hence signed: ours to return as a positive int. */
static u32 pn4_dec_status(struct pxdr_dec *d)
{
	u32 status = pxdr_get_u32(d);

	if ((s32)status < 0)
		d->bad = true;
	return status;
}

int pn4_dec_compound(struct pxdr_dec *d, u32 *status, u32 *nops)
{
	u32 len;

	*status = pn4_dec_status(d);
	pxdr_get_opaque(d, PN4_TAG_MAX, &len);
	*nops = pxdr_get_count(d, PN4_MAX_OPS, 8);
	return pn4_dec_end(d);
}

int pn4_dec_head(struct pxdr_dec *d, u32 op)
{
	u32 got = pxdr_get_u32(d);
	u32 status = pn4_dec_status(d);

	if (got != op && (got != PN4_OP_ILLEGAL || status != PN4ERR_OP_ILLEGAL))
		d->bad = true;
	return d->bad ? -EREMOTEIO : (int)status;
}

int pn4_dec_void(struct pxdr_dec *d, u32 op)
{
	return pn4_dec_head(d, op);
}

u32 pn4_peek_op(const struct pxdr_dec *d)
{
	struct pxdr_dec at = *d;

	return pxdr_get_u32(&at);
}

/* ---- file handles ---- */

void pn4_enc_putrootfh(struct pxdr_enc *e)
{
	pxdr_u32(e, PN4_OP_PUTROOTFH);
}

void pn4_enc_putfh(struct pxdr_enc *e, const struct pn4_fh *fh)
{
	pxdr_u32(e, PN4_OP_PUTFH);
	pxdr_opaque(e, fh->data, fh->len);
}

void pn4_enc_savefh(struct pxdr_enc *e)
{
	pxdr_u32(e, PN4_OP_SAVEFH);
}

void pn4_enc_restorefh(struct pxdr_enc *e)
{
	pxdr_u32(e, PN4_OP_RESTOREFH);
}

void pn4_enc_getfh(struct pxdr_enc *e)
{
	pxdr_u32(e, PN4_OP_GETFH);
}

int pn4_dec_getfh(struct pxdr_dec *d, struct pn4_fh *fh)
{
	int st = pn4_dec_head(d, PN4_OP_GETFH);

	if (st)
		return st;
	pn4_dec_nfs_fh(d, fh);
	return pn4_dec_end(d);
}

/* ---- attributes ---- */

void pn4_enc_getattr(struct pxdr_enc *e, const u32 mask[PN4_BITMAP_WORDS])
{
	pxdr_u32(e, PN4_OP_GETATTR);
	pn4_enc_bitmap(e, mask);
}

int pn4_dec_getattr(struct pxdr_dec *d, struct pn4_attr *attr)
{
	int st = pn4_dec_head(d, PN4_OP_GETATTR);

	if (st)
		return st;
	pn4_dec_fattr(d, attr, NULL);
	return pn4_dec_end(d);
}

int pn4_dec_getattr_fsinfo(struct pxdr_dec *d, struct pn4_fsinfo *fs)
{
	int st = pn4_dec_head(d, PN4_OP_GETATTR);

	if (st)
		return st;
	pn4_dec_fattr_fsinfo(d, fs);
	return pn4_dec_end(d);
}

int pn4_dec_getattr_statfs(struct pxdr_dec *d, struct pn4_statfs *sf)
{
	int st = pn4_dec_head(d, PN4_OP_GETATTR);

	if (st)
		return st;
	pn4_dec_fattr_statfs(d, sf);
	return pn4_dec_end(d);
}

void pn4_enc_setattr(struct pxdr_enc *e, const struct pn4_stateid *sid,
		     const struct pn4_attr *set)
{
	pxdr_u32(e, PN4_OP_SETATTR);
	pn4_enc_stateid(e, sid);
	pn4_enc_fattr(e, set);
}

/*
 * attrsset comes with every status; a failed operation is the last one of its
 * compound, so a server that leaves it out then does no harm.
 */
int pn4_dec_setattr(struct pxdr_dec *d, u32 attrset[PN4_BITMAP_WORDS])
{
	int st = pn4_dec_head(d, PN4_OP_SETATTR);

	memset(attrset, 0, PN4_BITMAP_WORDS * sizeof(*attrset));
	if (st < 0 || (st > 0 && !pxdr_left(d)))
		return st;
	pn4_dec_bitmap(d, attrset, true);
	return pn4_dec_end(d) ?: st;
}

void pn4_enc_access(struct pxdr_enc *e, u32 access)
{
	pxdr_u32(e, PN4_OP_ACCESS);
	pxdr_u32(e, access);
}

int pn4_dec_access(struct pxdr_dec *d, u32 *supported, u32 *access)
{
	int st = pn4_dec_head(d, PN4_OP_ACCESS);

	if (st)
		return st;
	*supported = pxdr_get_u32(d);
	*access = pxdr_get_u32(d);
	return pn4_dec_end(d);
}

/* ---- data ---- */

void pn4_enc_read(struct pxdr_enc *e, const struct pn4_stateid *sid, u64 offset,
		  u32 count)
{
	pxdr_u32(e, PN4_OP_READ);
	pn4_enc_stateid(e, sid);
	pxdr_u64(e, offset);
	pxdr_u32(e, count);
}

int pn4_dec_read(struct pxdr_dec *d, struct pn4_read_res *res)
{
	int st = pn4_dec_head(d, PN4_OP_READ);

	if (st)
		return st;
	res->eof = pxdr_get_bool(d);
	res->count = pxdr_get_u32(d);
	return pn4_dec_end(d);
}

void pn4_enc_write(struct pxdr_enc *e, const struct pn4_stateid *sid,
		   u64 offset, u32 stable, u32 len)
{
	pxdr_u32(e, PN4_OP_WRITE);
	pn4_enc_stateid(e, sid);
	pxdr_u64(e, offset);
	pxdr_u32(e, stable);
	pxdr_u32(e, len);
}

int pn4_dec_write(struct pxdr_dec *d, struct pn4_write_res *res)
{
	int st = pn4_dec_head(d, PN4_OP_WRITE);

	if (st)
		return st;
	res->count = pxdr_get_u32(d);
	res->committed = pn4_dec_stable(d);
	res->verf = pn4_get_verf(d);
	return pn4_dec_end(d);
}

void pn4_enc_commit(struct pxdr_enc *e, u64 offset, u32 count)
{
	pxdr_u32(e, PN4_OP_COMMIT);
	pxdr_u64(e, offset);
	pxdr_u32(e, count);
}

int pn4_dec_commit(struct pxdr_dec *d, __be64 *verf)
{
	int st = pn4_dec_head(d, PN4_OP_COMMIT);

	if (st)
		return st;
	*verf = pn4_get_verf(d);
	return pn4_dec_end(d);
}
