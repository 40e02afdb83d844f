// SPDX-License-Identifier: GPL-2.0
/*
 * Names and attributes: lookup, getattr, setattr, create, remove, rename, ...
 */
#include "internal.h"

#define PN4_NAMES_SEND	(2 * PN4_NAME_MAX + 512)
#define PN4_NAMES_REPLY	2048

/* GETATTR of @want (0: everything an inode is made of). */
void pn4_call_getattr(struct pn4_call *c, u64 want)
{
	u32 mask[PN4_BITMAP_WORDS];

	pn4_attr_mask(want ?: PN4_ATTRS_INODE,
		      c->vol ? c->vol->fs.supported : NULL, mask);
	pn4_enc_getattr(pn4_op(c, PN4_OP_GETATTR), mask);
}

int pn4_call_got_attr(struct pn4_call *c, struct pn4_attr *attr)
{
	return pn4_dec_getattr(&c->dec, attr);
}

/* Note the version before our change, if nobody else's lies in between. */
void pn4_dir_before(struct pn4_attr *attr, const struct pn4_cinfo *cinfo)
{
	if (attr && attr->valid & PN4_ATTR_CHANGE && cinfo->atomic &&
	    attr->change == cinfo->after) {
		attr->before = cinfo->before;
		attr->valid |= PN4_ATTR_BEFORE;
	}
}

static struct pn4_call *pn4_names_call(struct pn4_node *node)
{
	return pn4_call_new(node->vol->client, node->vol, PN4_NAMES_SEND,
			    PN4_NAMES_REPLY);
}

static int pn4_lookup_common(struct pn4_node *dir, const char *name, u32 len,
			     struct pn4_fh *fh, struct pn4_attr *attr)
{
	struct pn4_call *c = pn4_names_call(dir);
	int st;

	if (!c)
		return -ENOMEM;
	c->may_be_away = name;
	pn4_for_each_try(c, current_cred(), st) {
		pn4_call_putfh(c, &dir->fh);
		if (name)
			pn4_enc_lookup(pn4_op(c, PN4_OP_LOOKUP), name, len);
		else
			pn4_enc_lookupp(pn4_op(c, PN4_OP_LOOKUPP));
		pn4_enc_getfh(pn4_op(c, PN4_OP_GETFH));
		pn4_call_getattr(c, 0);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: name ? pn4_dec_lookup(&c->dec) :
				  pn4_dec_lookupp(&c->dec);
		st = st ?: pn4_dec_getfh(&c->dec, fh);
		st = st ?: pn4_call_got_attr(c, attr);
	}
	pn4_call_put(c);
	return st;
}

int pn4_lookup(struct pn4_node *dir, const char *name, u32 len,
	       struct pn4_fh *fh, struct pn4_attr *attr)
{
	int err = pn4_lookup_common(dir, name, len, fh, attr);

	return err == -EREMOTE ? pn4_referral_lookup(dir, name, len, fh, attr) : err;
}

int pn4_lookup_parent(struct pn4_node *dir, struct pn4_fh *fh,
		      struct pn4_attr *attr)
{
	return pn4_lookup_common(dir, NULL, 0, fh, attr);
}

int pn4_getattr(struct pn4_node *node, struct pn4_attr *attr, u32 *access)
{
	struct pn4_call *c = pn4_names_call(node);
	u32 supported, granted;
	int st;

	if (!c)
		return -ENOMEM;
	pn4_layout_commit(node, NULL);
	pn4_for_each_try(c, current_cred(), st) {
		pn4_call_putfh(c, &node->fh);
		if (access)
			pn4_enc_access(pn4_op(c, PN4_OP_ACCESS), *access);
		pn4_call_getattr(c, 0);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		if (access)
			st = st ?: pn4_dec_access(&c->dec, &supported, &granted);
		st = st ?: pn4_call_got_attr(c, attr);
	}
	if (!st && access)
		*access = granted;
	pn4_call_put(c);
	return st;
}

/* A size is set under write state; a read-only open does not count. */
static int pn4_setattr_start(struct pn4_call *c, struct pn4_node *node,
			     struct pn4_open *open, struct pn4_open **found,
			     struct pn4_stateid *sid)
{
	if (!open)
		open = *found = *found ?:
			pn4_open_find(node, FMODE_WRITE, current_cred());
	return pn4_call_start_open(c, open, current_cred(), sid);
}

int pn4_setattr(struct pn4_node *node, struct pn4_open *open,
		const struct pn4_attr *set, struct pn4_attr *attr)
{
	struct pn4_call *c = pn4_names_call(node);
	struct pn4_open *found = NULL;
	u32 attrset[PN4_BITMAP_WORDS];
	struct pn4_stateid sid = {};
	int st = 0;

	if (!c)
		return -ENOMEM;
	c->cachethis = true;
	if (set->valid & PN4_ATTR_SIZE)	/* not to be told of an older one later */
		pn4_layout_commit(node, NULL);
	do {
		if (set->valid & PN4_ATTR_SIZE)
			st = pn4_setattr_start(c, node, open, &found, &sid);
		else
			st = pn4_call_start(c, current_cred());
		if (st)
			break;
		pn4_call_putfh(c, &node->fh);
		pn4_enc_setattr(pn4_op(c, PN4_OP_SETATTR), &sid, set);
		pn4_call_getattr(c, 0);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_setattr(&c->dec, attrset);
		st = st ?: pn4_call_got_attr(c, attr);
	} while (pn4_call_again(c, &st));
	pn4_call_put(c);
	pn4_open_put(found);
	return st;
}

int pn4_readlink(struct pn4_node *node, char *buf, u32 size)
{
	struct pn4_call *c = pn4_call_new(node->vol->client, node->vol, 256,
					  PN4_PATH_MAX + 256);
	const char *target;
	u32 len = 0;
	int st;

	if (!c)
		return -ENOMEM;
	pn4_for_each_try(c, current_cred(), st) {
		pn4_call_putfh(c, &node->fh);
		pn4_enc_readlink(pn4_op(c, PN4_OP_READLINK));
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_readlink(&c->dec, &target, &len);
	}
	if (!st && len >= size)
		st = -ENAMETOOLONG;
	if (!st) {
		memcpy(buf, target, len);
		buf[len] = 0;
	}
	pn4_call_put(c);
	return st ?: len;
}

/* GETATTR of the directory saved before, behind RESTOREFH. */
static void pn4_call_dirattr(struct pn4_call *c)
{
	pn4_enc_restorefh(pn4_op(c, PN4_OP_RESTOREFH));
	pn4_call_getattr(c, 0);
}

/* Nice to have only: the operation itself has succeeded by then. */
static void pn4_call_got_dirattr(struct pn4_call *c, struct pn4_attr *attr)
{
	struct pn4_attr dummy;

	attr = attr ?: &dummy;
	if (pn4_dec_restorefh(&c->dec) || pn4_call_got_attr(c, attr))
		attr->valid = 0;
}

int pn4_create(struct pn4_node *dir, struct pn4_create *cr)
{
	u32 tlen = cr->target ? strlen(cr->target) : 0;
	struct pn4_call *c = pn4_call_new(dir->vol->client, dir->vol,
					  PN4_NAMES_SEND + tlen, PN4_NAMES_REPLY);
	struct pn4_create_args a = {
		.type = cr->set.type,
		.name = cr->name, .name_len = cr->len,
		.target = cr->target, .target_len = tlen,
		.rdev_major = cr->set.rdev_major,
		.rdev_minor = cr->set.rdev_minor,
		.set = &cr->set,
	};
	struct pn4_create_res res;
	int st;

	if (!c)
		return -ENOMEM;
	c->cachethis = true;
	cr->dir_attr.valid = 0;
	pn4_for_each_try(c, current_cred(), st) {
		pn4_call_putfh(c, &dir->fh);
		pn4_enc_savefh(pn4_op(c, PN4_OP_SAVEFH));
		pn4_enc_create(pn4_op(c, PN4_OP_CREATE), &a);
		c->first_op = PN4_OP_CREATE;
		pn4_enc_getfh(pn4_op(c, PN4_OP_GETFH));
		pn4_call_getattr(c, 0);
		pn4_call_dirattr(c);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_savefh(&c->dec);
		st = st ?: pn4_dec_create(&c->dec, &res);
		st = st ?: pn4_dec_getfh(&c->dec, &cr->fh);
		st = st ?: pn4_call_got_attr(c, &cr->attr);
		if (!st)
			pn4_call_got_dirattr(c, &cr->dir_attr);
	}
	if (!st)
		pn4_dir_before(&cr->dir_attr, &res.cinfo);
	pn4_call_put(c);
	return st;
}

int pn4_remove(struct pn4_node *dir, const char *name, u32 len,
	       struct pn4_node *node, struct pn4_attr *dir_attr)
{
	struct pn4_call *c = pn4_names_call(dir);
	struct pn4_deleg *d = NULL;
	struct pn4_attr dummy;
	struct pn4_cinfo cinfo;
	int st;

	if (!c)
		return -ENOMEM;
	if (node)
		d = pn4_deleg_take(node);
	c->cachethis = true;
	dir_attr = dir_attr ?: &dummy;
	pn4_for_each_try(c, current_cred(), st) {
		if (d)
			pn4_call_delegreturn(c, d);
		pn4_call_putfh(c, &dir->fh);
		pn4_enc_remove(pn4_op(c, PN4_OP_REMOVE), name, len);
		c->first_op = PN4_OP_REMOVE;
		pn4_call_getattr(c, 0);
		st = pn4_call_run(c);
		if (!st && d)
			st = pn4_call_delegreturned(c, &d);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_remove(&c->dec, &cinfo);
		if (!st && pn4_call_got_attr(c, dir_attr))
			dir_attr->valid = 0;
	}
	if (d)
		pn4_deleg_untake(d, node);
	if (!st)
		pn4_dir_before(dir_attr, &cinfo);
	pn4_call_put(c);
	return st;
}

int pn4_rename(struct pn4_node *odir, const char *oname, u32 olen,
	       struct pn4_node *ndir, const char *nname, u32 nlen,
	       struct pn4_attr *odir_attr, struct pn4_attr *ndir_attr)
{
	struct pn4_call *c = pn4_names_call(odir);
	struct pn4_cinfo source, target;
	struct pn4_attr dummy;
	int st;

	if (!c)
		return -ENOMEM;
	c->cachethis = true;
	ndir_attr = ndir_attr ?: &dummy;
	pn4_for_each_try(c, current_cred(), st) {
		pn4_call_putfh(c, &odir->fh);
		pn4_enc_savefh(pn4_op(c, PN4_OP_SAVEFH));
		pn4_call_putfh(c, &ndir->fh);
		pn4_enc_rename(pn4_op(c, PN4_OP_RENAME), oname, olen, nname, nlen);
		c->first_op = PN4_OP_RENAME;
		pn4_call_getattr(c, 0);
		pn4_call_dirattr(c);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_savefh(&c->dec);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_rename(&c->dec, &source, &target);
		if (!st) {
			if (pn4_call_got_attr(c, ndir_attr))
				ndir_attr->valid = 0;
			pn4_call_got_dirattr(c, odir_attr);
		}
	}
	if (!st) {
		pn4_dir_before(ndir_attr, &target);
		pn4_dir_before(odir_attr, &source);
	}
	pn4_call_put(c);
	return st;
}

int pn4_link(struct pn4_node *node, struct pn4_node *dir, const char *name,
	     u32 len, struct pn4_attr *attr, struct pn4_attr *dir_attr)
{
	struct pn4_call *c = pn4_names_call(dir);
	struct pn4_cinfo cinfo;
	struct pn4_attr dummy;
	int st;

	if (!c)
		return -ENOMEM;
	c->cachethis = true;
	dir_attr = dir_attr ?: &dummy;
	attr->valid = 0;
	pn4_for_each_try(c, current_cred(), st) {
		pn4_call_putfh(c, &node->fh);
		pn4_enc_savefh(pn4_op(c, PN4_OP_SAVEFH));
		pn4_call_putfh(c, &dir->fh);
		pn4_enc_link(pn4_op(c, PN4_OP_LINK), name, len);
		c->first_op = PN4_OP_LINK;
		pn4_call_getattr(c, 0);
		pn4_call_dirattr(c);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_savefh(&c->dec);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_link(&c->dec, &cinfo);
		if (!st) {
			if (pn4_call_got_attr(c, dir_attr))
				dir_attr->valid = 0;
			pn4_call_got_dirattr(c, attr);
		}
	}
	if (!st)
		pn4_dir_before(dir_attr, &cinfo);
	pn4_call_put(c);
	return st;
}

/*
 * The reply is decoded into the caller's buffer and read from there entry by
 * entry, so it is the call's reply buffer.
 */
int pn4_readdir(struct pn4_node *dir, struct pn4_readdir *rd)
{
	struct pn4_volume *vol = dir->vol;
	struct pn4_call *c = pn4_call_new(vol->client, vol, 384,
					  rd->size);
	struct pn4_readdir_args a = {};
	int st;

	if (!c)
		return -ENOMEM;
	a.dircount = rd->size / 4;
	a.maxcount = rd->size - PN4_READDIR_SLACK;
	pn4_attr_mask(rd->plus ? PN4_ATTRS_DIRENT_PLUS : PN4_ATTRS_DIRENT,
		      vol->fs.supported, a.mask);
	do {
		a.cookie = rd->cookie;
		a.verf = rd->verf;
		st = pn4_call_start(c, current_cred());
		if (st)
			break;
		pn4_call_putfh(c, &dir->fh);
		pn4_call_getattr(c, 0);
		pn4_enc_readdir(pn4_op(c, PN4_OP_READDIR), &a);
		c->first_op = PN4_OP_READDIR;
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_call_got_attr(c, &rd->dir_attr);
		st = st ?: pn4_readdir_begin(&c->dec, &rd->verf);
		if (st == PN4ERR_BAD_COOKIE || st == PN4ERR_NOT_SAME) {
			/* cookies are cookies: go on without the verifier */
			if (rd->verf) {
				rd->verf = 0;
				st = -EAGAIN;
			}
		}
	} while (pn4_call_again(c, &st));
	if (!st) {
		u32 left = pxdr_left(&c->dec);

		/* borrowed by the entries; the call's buffer dies with it */
		if (left > rd->size)
			left = rd->size;
		memcpy(rd->buf, c->dec.p, left);
		pxdr_dec_init(&rd->entries, rd->buf, left);
		rd->eof = false;
	}
	pn4_call_put(c);
	return st;
}

int pn4_readdir_entry(struct pn4_readdir *rd, struct pn4_dirent *ent)
{
	return pn4_readdir_next(&rd->entries, ent, &rd->eof);
}
