// SPDX-License-Identifier: GPL-2.0
/*
 * Names: lookup, links, creation and removal, directory listings.
 */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#include "attr.h"
#include "codec.h"

/* ---- LOOKUP, LOOKUPP, READLINK ---- */

void pn4_enc_lookup(struct pxdr_enc *e, const char *name, u32 len)
{
	pxdr_u32(e, PN4_OP_LOOKUP);
	pxdr_opaque(e, name, len);
}

void pn4_enc_lookupp(struct pxdr_enc *e)
{
	pxdr_u32(e, PN4_OP_LOOKUPP);
}

void pn4_enc_readlink(struct pxdr_enc *e)
{
	pxdr_u32(e, PN4_OP_READLINK);
}

int pn4_dec_readlink(struct pxdr_dec *d, const char **target, u32 *len)
{
	int st = pn4_dec_head(d, PN4_OP_READLINK);

	if (st)
		return st;
	*target = pxdr_get_opaque(d, PN4_PATH_MAX - 1, len);
	if (!*target || !*len || memchr(*target, 0, *len))
		d->bad = true;
	return pn4_dec_end(d);
}

/* ---- CREATE, REMOVE, RENAME, LINK ---- */

void pn4_enc_create(struct pxdr_enc *e, const struct pn4_create_args *args)
{
	pxdr_u32(e, PN4_OP_CREATE);
	pxdr_u32(e, args->type);
	if (args->type == PN4_LNK) {
		pxdr_opaque(e, args->target, args->target_len);
	} else if (args->type == PN4_BLK || args->type == PN4_CHR) {
		pxdr_u32(e, args->rdev_major);
		pxdr_u32(e, args->rdev_minor);
	}
	pxdr_opaque(e, args->name, args->name_len);
	pn4_enc_fattr(e, args->set);
}

int pn4_dec_create(struct pxdr_dec *d, struct pn4_create_res *res)
{
	int st = pn4_dec_head(d, PN4_OP_CREATE);

	if (st)
		return st;
	pn4_dec_cinfo(d, &res->cinfo);
	pn4_dec_bitmap(d, res->attrset, true);
	return pn4_dec_end(d);
}

void pn4_enc_remove(struct pxdr_enc *e, const char *name, u32 len)
{
	pxdr_u32(e, PN4_OP_REMOVE);
	pxdr_opaque(e, name, len);
}

int pn4_dec_remove(struct pxdr_dec *d, struct pn4_cinfo *cinfo)
{
	int st = pn4_dec_head(d, PN4_OP_REMOVE);

	if (st)
		return st;
	pn4_dec_cinfo(d, cinfo);
	return pn4_dec_end(d);
}

void pn4_enc_rename(struct pxdr_enc *e, const char *oname, u32 olen,
		    const char *nname, u32 nlen)
{
	pxdr_u32(e, PN4_OP_RENAME);
	pxdr_opaque(e, oname, olen);
	pxdr_opaque(e, nname, nlen);
}

int pn4_dec_rename(struct pxdr_dec *d, struct pn4_cinfo *source,
		   struct pn4_cinfo *target)
{
	int st = pn4_dec_head(d, PN4_OP_RENAME);

	if (st)
		return st;
	pn4_dec_cinfo(d, source);
	pn4_dec_cinfo(d, target);
	return pn4_dec_end(d);
}

void pn4_enc_link(struct pxdr_enc *e, const char *name, u32 len)
{
	pxdr_u32(e, PN4_OP_LINK);
	pxdr_opaque(e, name, len);
}

int pn4_dec_link(struct pxdr_dec *d, struct pn4_cinfo *cinfo)
{
	int st = pn4_dec_head(d, PN4_OP_LINK);

	if (st)
		return st;
	pn4_dec_cinfo(d, cinfo);
	return pn4_dec_end(d);
}

/* ---- READDIR ---- */

void pn4_enc_readdir(struct pxdr_enc *e, const struct pn4_readdir_args *args)
{
	pxdr_u32(e, PN4_OP_READDIR);
	pxdr_u64(e, args->cookie);
	pn4_enc_verf(e, args->verf);
	pxdr_u32(e, args->dircount);
	pxdr_u32(e, args->maxcount);
	pn4_enc_bitmap(e, args->mask);
}

int pn4_readdir_begin(struct pxdr_dec *d, __be64 *verf)
{
	int st = pn4_dec_head(d, PN4_OP_READDIR);

	if (st)
		return st;
	*verf = pn4_get_verf(d);
	return pn4_dec_end(d);
}

static bool pn4_dot_or_dotdot(const char *name, u32 len)
{
	return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

static bool pn4_name_usable(const char *name, u32 len)
{
	return len && len <= PN4_NAME_MAX && !memchr(name, '/', len) &&
	       !memchr(name, 0, len);
}

/*
 * cookie and name of entry4, or the end of dirlist4.  Consumes at least four
 * bytes or fails, so that loops around it end with the buffer.
 */
static int pn4_dec_entry_name(struct pxdr_dec *d, struct pn4_dirent *ent, bool *eof)
{
	if (!pxdr_get_bool(d)) {
		*eof = pxdr_get_bool(d);
		return pn4_dec_end(d);
	}
	ent->cookie = pxdr_get_u64(d);
	ent->name = pxdr_get_opaque(d, (u32)pxdr_left(d), &ent->name_len);
	if (!ent->name || !ent->cookie)
		d->bad = true;
	return pn4_dec_end(d) ?: 1;
}

int pn4_readdir_next(struct pxdr_dec *d, struct pn4_dirent *ent, bool *eof)
{
	int more;

	ent->skipped = 0;
	for (;;) {
		more = pn4_dec_entry_name(d, ent, eof);
		if (more <= 0)
			return more;
		pn4_dec_fattr(d, &ent->attr, &ent->fh);
		if (d->bad)
			return -EREMOTEIO;
		if (!pn4_name_usable(ent->name, ent->name_len))
			ent->skipped++;
		else if (!pn4_dot_or_dotdot(ent->name, ent->name_len))
			return 1;
	}
}

int pn4_readdir_end(struct pxdr_dec *d, bool *eof)
{
	u32 mask[PN4_BITMAP_WORDS];
	struct pn4_dirent ent;
	u32 len;
	int more;

	for (;;) {
		more = pn4_dec_entry_name(d, &ent, eof);
		if (more <= 0)
			return more;
		pn4_dec_bitmap(d, mask, true);
		pxdr_get_opaque(d, (u32)pxdr_left(d), &len);
	}
}
