// SPDX-License-Identifier: GPL-2.0
/*
 * NFSv3 as data servers speak it: READ, WRITE, COMMIT (RFC 1813 sections 3.3.6,
 * 3.3.7, 3.3.21).  Pure: no state, no I/O.
 */
#include "codec_nfs3.h"

#define PN3_ATTR	84		/* fattr3 */
#define PN3_PRE_ATTR	24		/* wcc_attr */

static void pn3_enc_fh(struct pxdr_enc *e, const struct pn4_fh *fh)
{
	pxdr_opaque(e, fh->data, fh->len);
}

/*
 * 0, nfsstat3, or -EREMOTEIO.  The numbers are those of NFSv4, which has more: an
 * NFSv3 server that uses one of these would ask for a recovery of state.
 */
static int pn3_dec_status(struct pxdr_dec *d)
{
	u32 status = pxdr_get_u32(d);

	if (status > PN4ERR_DELAY)
		d->bad = true;
	return pn4_dec_end(d) ?: (int)status;
}

static void pn3_skip_wcc(struct pxdr_dec *d)
{
	if (pxdr_get_bool(d))
		pxdr_get_fixed(d, PN3_PRE_ATTR);
	if (pxdr_get_bool(d))
		pxdr_get_fixed(d, PN3_ATTR);
}

void pn3_enc_read(struct pxdr_enc *e, const struct pn4_fh *fh, u64 offset, u32 count)
{
	pn3_enc_fh(e, fh);
	pxdr_u64(e, offset);
	pxdr_u32(e, count);
}

int pn3_dec_read(struct pxdr_dec *d, struct pn4_read_res *res)
{
	int st = pn3_dec_status(d);

	if (st)
		return st;
	if (!pxdr_get_bool(d))
		d->bad = true;
	pxdr_get_fixed(d, PN3_ATTR);
	res->count = pxdr_get_u32(d);
	res->eof = pxdr_get_bool(d);
	if (pxdr_get_u32(d) != res->count)
		d->bad = true;
	return pn4_dec_end(d);
}

void pn3_enc_write(struct pxdr_enc *e, const struct pn4_fh *fh, u64 offset, u32 stable,
		   u32 len)
{
	pn3_enc_fh(e, fh);
	pxdr_u64(e, offset);
	pxdr_u32(e, len);
	pxdr_u32(e, stable);
	pxdr_u32(e, len);
}

int pn3_dec_write(struct pxdr_dec *d, struct pn4_write_res *res)
{
	int st = pn3_dec_status(d);

	if (st)
		return st;
	pn3_skip_wcc(d);
	res->count = pxdr_get_u32(d);
	res->committed = pn4_dec_stable(d);
	res->verf = pn4_get_verf(d);
	return pn4_dec_end(d);
}

void pn3_enc_commit(struct pxdr_enc *e, const struct pn4_fh *fh)
{
	pn3_enc_fh(e, fh);
	pxdr_u64(e, 0);
	pxdr_u32(e, 0);
}

int pn3_dec_commit(struct pxdr_dec *d, __be64 *verf)
{
	int st = pn3_dec_status(d);

	if (st)
		return st;
	pn3_skip_wcc(d);
	*verf = pn4_get_verf(d);
	return pn4_dec_end(d);
}
