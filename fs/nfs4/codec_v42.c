// SPDX-License-Identifier: GPL-2.0
/*
 * What NFSv4.2 added (RFC 7862), and extended attributes (RFC 8276).
 */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#include "codec.h"

/* ---- space ---- */

static void pn4_enc_range_op(struct pxdr_enc *e, u32 op,
			     const struct pn4_stateid *sid, u64 offset, u64 length)
{
	pxdr_u32(e, op);
	pn4_enc_stateid(e, sid);
	pxdr_u64(e, offset);
	pxdr_u64(e, length);
}

void pn4_enc_allocate(struct pxdr_enc *e, const struct pn4_stateid *sid,
		      u64 offset, u64 length)
{
	pn4_enc_range_op(e, PN4_OP_ALLOCATE, sid, offset, length);
}

void pn4_enc_deallocate(struct pxdr_enc *e, const struct pn4_stateid *sid,
			u64 offset, u64 length)
{
	pn4_enc_range_op(e, PN4_OP_DEALLOCATE, sid, offset, length);
}

void pn4_enc_seek(struct pxdr_enc *e, const struct pn4_stateid *sid, u64 offset,
		  u32 what)
{
	pxdr_u32(e, PN4_OP_SEEK);
	pn4_enc_stateid(e, sid);
	pxdr_u64(e, offset);
	pxdr_u32(e, what);
}

int pn4_dec_seek(struct pxdr_dec *d, struct pn4_seek_res *res)
{
	int st = pn4_dec_head(d, PN4_OP_SEEK);

	if (st)
		return st;
	res->eof = pxdr_get_bool(d);
	res->offset = pxdr_get_u64(d);
	return pn4_dec_end(d);
}

/* ---- copies ---- */

void pn4_enc_copy(struct pxdr_enc *e, const struct pn4_copy_args *args)
{
	pxdr_u32(e, PN4_OP_COPY);
	pn4_enc_stateid(e, &args->src);
	pn4_enc_stateid(e, &args->dst);
	pxdr_u64(e, args->src_offset);
	pxdr_u64(e, args->dst_offset);
	pxdr_u64(e, args->count);
	pxdr_u32(e, args->consecutive);
	pxdr_u32(e, args->synchronous);
	pxdr_u32(e, 0);			/* ca_source_server<>: this one */
}

void pn4_dec_write_response(struct pxdr_dec *d, struct pn4_copy_res *res)
{
	memset(res, 0, sizeof(*res));
	res->async = pxdr_get_count(d, 1, 16);
	if (res->async)
		pn4_dec_stateid(d, &res->stateid);
	res->count = pxdr_get_u64(d);
	res->committed = pn4_dec_stable(d);
	res->verf = pn4_get_verf(d);
}

int pn4_dec_copy(struct pxdr_dec *d, struct pn4_copy_res *res)
{
	int st = pn4_dec_head(d, PN4_OP_COPY);

	memset(res, 0, sizeof(*res));
	if (st && st != PN4ERR_OFFLOAD_NO_REQS)
		return st;
	if (!st)
		pn4_dec_write_response(d, res);
	res->consecutive = pxdr_get_bool(d);
	res->synchronous = pxdr_get_bool(d);
	return pn4_dec_end(d) ?: st;
}

void pn4_enc_offload_cancel(struct pxdr_enc *e, const struct pn4_stateid *sid)
{
	pxdr_u32(e, PN4_OP_OFFLOAD_CANCEL);
	pn4_enc_stateid(e, sid);
}

void pn4_enc_offload_status(struct pxdr_enc *e, const struct pn4_stateid *sid)
{
	pxdr_u32(e, PN4_OP_OFFLOAD_STATUS);
	pn4_enc_stateid(e, sid);
}

int pn4_dec_offload_status(struct pxdr_dec *d,
			   struct pn4_offload_status_res *res)
{
	int st = pn4_dec_head(d, PN4_OP_OFFLOAD_STATUS);

	if (st)
		return st;
	res->count = pxdr_get_u64(d);
	res->complete = pxdr_get_count(d, 1, 4);
	res->status = res->complete ? pxdr_get_u32(d) : 0;
	return pn4_dec_end(d);
}

void pn4_enc_clone(struct pxdr_enc *e, const struct pn4_clone_args *args)
{
	pxdr_u32(e, PN4_OP_CLONE);
	pn4_enc_stateid(e, &args->src);
	pn4_enc_stateid(e, &args->dst);
	pxdr_u64(e, args->src_offset);
	pxdr_u64(e, args->dst_offset);
	pxdr_u64(e, args->count);
}

/* ---- extended attributes ---- */

static int pn4_dec_cinfo_res(struct pxdr_dec *d, u32 op, struct pn4_cinfo *cinfo)
{
	int st = pn4_dec_head(d, op);

	if (st)
		return st;
	pn4_dec_cinfo(d, cinfo);
	return pn4_dec_end(d);
}

void pn4_enc_getxattr(struct pxdr_enc *e, const char *name, u32 len)
{
	pxdr_u32(e, PN4_OP_GETXATTR);
	pxdr_opaque(e, name, len);
}

int pn4_dec_getxattr(struct pxdr_dec *d, const void **value, u32 *len)
{
	int st = pn4_dec_head(d, PN4_OP_GETXATTR);

	if (st)
		return st;
	*value = pxdr_get_opaque(d, PN4_XATTR_SIZE_MAX, len);
	return pn4_dec_end(d);
}

void pn4_enc_setxattr(struct pxdr_enc *e, const struct pn4_setxattr_args *args)
{
	pxdr_u32(e, PN4_OP_SETXATTR);
	pxdr_u32(e, args->option);
	pxdr_opaque(e, args->name, args->name_len);
	pxdr_opaque(e, args->value, args->value_len);
}

int pn4_dec_setxattr(struct pxdr_dec *d, struct pn4_cinfo *cinfo)
{
	return pn4_dec_cinfo_res(d, PN4_OP_SETXATTR, cinfo);
}

void pn4_enc_listxattrs(struct pxdr_enc *e, u64 cookie, u32 maxcount)
{
	pxdr_u32(e, PN4_OP_LISTXATTRS);
	pxdr_u64(e, cookie);
	pxdr_u32(e, maxcount);
}

int pn4_dec_listxattrs(struct pxdr_dec *d, struct pn4_listxattrs_res *res)
{
	int st = pn4_dec_head(d, PN4_OP_LISTXATTRS);
	const u8 *first;
	u32 i, len;

	if (st)
		return st;
	res->cookie = pxdr_get_u64(d);
	res->count = pxdr_get_count(d, PN4_XATTR_LIST_MAX, 4);
	first = d->p;
	for (i = 0; i < res->count && !d->bad; i++)
		pxdr_get_opaque(d, (u32)pxdr_left(d), &len);
	pxdr_dec_init(&res->names, first, (size_t)(d->p - first));
	res->eof = pxdr_get_bool(d);
	return pn4_dec_end(d);
}

bool pn4_listxattrs_next(struct pn4_listxattrs_res *res, const char **name,
			 u32 *len)
{
	while (res->count) {
		res->count--;
		*name = pxdr_get_opaque(&res->names,
					(u32)pxdr_left(&res->names), len);
		if (*name && *len && *len <= PN4_XATTR_NAME_MAX &&
		    !memchr(*name, 0, *len))
			return true;
	}
	return false;
}

void pn4_enc_removexattr(struct pxdr_enc *e, const char *name, u32 len)
{
	pxdr_u32(e, PN4_OP_REMOVEXATTR);
	pxdr_opaque(e, name, len);
}

int pn4_dec_removexattr(struct pxdr_dec *d, struct pn4_cinfo *cinfo)
{
	return pn4_dec_cinfo_res(d, PN4_OP_REMOVEXATTR, cinfo);
}
