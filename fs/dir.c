// SPDX-License-Identifier: GPL-2.0
/*
 * Making, linking, renaming and removing names.
 *
 * The VFS holds the directory's i_rwsem in all of these.  A call that failed
 * in an unclear way (killed, timed out) may have been done by the server, so
 * then neither the dentry nor the directory's attributes are believed.
 */
#include <linux/namei.h>
#include "penstock.h"

static bool ps_unclear(int rc)
{
	return rc == -ERESTARTSYS || rc == -EINTR || rc == -ETIMEDOUT ||
	       rc == -EIO;
}

/* Forget what the cache says about @dentry after @rc. */
static void ps_op_failed(struct inode *dir, struct dentry *dentry, int rc)
{
	if (rc == -ESTALE)
		ps_attr_expire(dir);
	if (!ps_unclear(rc) && rc != -EEXIST && rc != -ENOENT && rc != -ESTALE)
		return;
	ps_attr_expire(dir);
	d_drop(dentry);
}

/* @dentry may be hashed (a negative answer) or not (lookup was skipped). */
static struct dentry *ps_instantiate(struct inode *dir, struct dentry *dentry,
				     struct inode *inode)
{
	struct dentry *alias;

	d_drop(dentry);
	alias = d_splice_alias(inode, dentry);
	if (!IS_ERR(alias))
		ps_set_verf(alias ?: dentry, READ_ONCE(PS_I(dir)->dir_verf));
	return alias;
}

/* CREATE: everything but regular files.  An alias, NULL or ERR_PTR. */
static struct dentry *ps_make(struct inode *dir, struct dentry *dentry,
			      u32 type, umode_t mode, dev_t rdev,
			      const char *target)
{
	struct pn4_create c = {
		.name = dentry->d_name.name,
		.len = dentry->d_name.len,
		.target = target,
		.set = {
			.valid = PN4_ATTR_TYPE | PN4_ATTR_MODE,
			.type = type,
			.mode = mode & 07777,
			.rdev_major = MAJOR(rdev),
			.rdev_minor = MINOR(rdev),
		},
	};
	struct ps_stamp st = ps_stamp(dir);
	int rc;

	if (c.len > PN4_NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	if (type == PN4_BLK || type == PN4_CHR)
		c.set.valid |= PN4_ATTR_RDEV;
	rc = pn4_create(PS_N(dir), &c);
	if (rc) {
		ps_op_failed(dir, dentry, rc);
		return ERR_PTR(rc);
	}
	ps_attr_apply_dir(dir, &c.dir_attr, st);
	return ps_instantiate(dir, dentry,
			      ps_iget(dir->i_sb, &c.fh, &c.attr, st.time));
}

static ps_mkdir_t ps_mkdir(ps_idmap *idmap, struct inode *dir,
			   struct dentry *dentry, umode_t mode)
{
	struct dentry *res = ps_make(dir, dentry, PN4_DIR, mode, 0, NULL);

	return ps_mkdir_ret(PTR_ERR_OR_ZERO(res), res);
}

static int ps_symlink(ps_idmap *idmap, struct inode *dir,
		      struct dentry *dentry, const char *target)
{
	struct dentry *res;

	if (strlen(target) >= PN4_PATH_MAX)
		return -ENAMETOOLONG;
	res = ps_make(dir, dentry, PN4_LNK, 0777, 0, target);
	if (IS_ERR(res))
		return PTR_ERR(res);
	dput(res);
	return 0;
}

static int ps_mknod(ps_idmap *idmap, struct inode *dir, struct dentry *dentry,
		    umode_t mode, dev_t rdev)
{
	struct dentry *res;
	u32 type;

	switch (mode & S_IFMT) {
	case 0:
	case S_IFREG:
		return ps_create_file(dir, dentry, mode, true);
	case S_IFBLK:
		type = PN4_BLK;
		break;
	case S_IFCHR:
		type = PN4_CHR;
		break;
	case S_IFIFO:
		type = PN4_FIFO;
		break;
	case S_IFSOCK:
		type = PN4_SOCK;
		break;
	default:
		return -EINVAL;
	}
	res = ps_make(dir, dentry, type, mode, rdev, NULL);
	if (IS_ERR(res))
		return PTR_ERR(res);
	dput(res);
	return 0;
}

PS_CREATE(ps_create)
{
	return ps_create_file(dir, dentry, mode, PS_CREATE_EXCL);
}

static int ps_link(struct dentry *old, struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(old);
	struct ps_stamp st = ps_stamp(dir), fst;
	struct pn4_attr attr = {}, dir_attr = {};
	int rc;

	if (dentry->d_name.len > PN4_NAME_MAX)
		return -ENAMETOOLONG;
	if (S_ISREG(inode->i_mode)) {
		rc = ps_flush_range(inode, 0, LLONG_MAX, false);
		if (rc)
			return rc;
	}
	fst = ps_stamp(inode);
	rc = pn4_link(PS_N(inode), PS_N(dir), dentry->d_name.name,
		      dentry->d_name.len, &attr, &dir_attr);
	if (rc) {
		ps_op_failed(dir, dentry, rc);
		return rc;
	}
	ps_meta_changed(inode);
	ps_attr_apply(inode, &attr, fst, false);
	ps_attr_apply_dir(dir, &dir_attr, st);
	ihold(inode);
	dput(ps_instantiate(dir, dentry, inode));
	return 0;
}

/* One name less; the inode may have others. */
static void ps_unlinked(struct inode *inode)
{
	ps_meta_changed(inode);
	spin_lock(&inode->i_lock);
	if (S_ISDIR(inode->i_mode))
		clear_nlink(inode);
	else if (inode->i_nlink)
		drop_nlink(inode);
	spin_unlock(&inode->i_lock);
}

/*
 * The node of a file about to lose its only name, so that its delegation can go
 * along, or NULL.  What is dirty goes to the server first: the removal may fail.
 */
static struct pn4_node *ps_last_name(struct inode *inode)
{
	if (!inode || !S_ISREG(inode->i_mode) || inode->i_nlink > 1 ||
	    !pn4_deleg_vouches(PS_N(inode)))
		return NULL;
	if (ps_flush_all(inode))
		return NULL;
	ps_drop_clean_wb_open(inode);
	return PS_N(inode);
}

static int ps_remove(struct inode *dir, struct dentry *dentry)
{
	struct ps_stamp st = ps_stamp(dir);
	struct pn4_attr attr = {};
	int rc;

	rc = pn4_remove(PS_N(dir), dentry->d_name.name, dentry->d_name.len,
			ps_last_name(d_inode(dentry)), &attr);
	if (rc) {
		ps_op_failed(dir, dentry, rc);
		return rc;
	}
	ps_attr_apply_dir(dir, &attr, st);
	if (d_really_is_positive(dentry))
		ps_unlinked(d_inode(dentry));
	/* it becomes negative, of the version that we have just made */
	ps_set_verf(dentry, READ_ONCE(PS_I(dir)->dir_verf));
	return 0;
}

static int ps_unlink(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);

	if (inode && ps_silly_needed(inode))
		return ps_silly_rename(dir, dentry);
	return ps_remove(dir, dentry);
}

static int ps_rmdir(struct inode *dir, struct dentry *dentry)
{
	return ps_remove(dir, dentry);
}

/* RENAME has no flags in NFSv4.2 (RFC 8881 section 18.26). */
static int ps_rename(ps_idmap *idmap, struct inode *odir, struct dentry *old,
		     struct inode *ndir, struct dentry *new, unsigned int flags)
{
	struct inode *inode = d_inode(old), *target = d_inode(new);
	struct ps_stamp ost = ps_stamp(odir), nst = ps_stamp(ndir);
	struct pn4_attr oattr = {}, nattr = {};
	int rc;

	if (flags)
		return -EINVAL;
	if (new->d_name.len > PN4_NAME_MAX)
		return -ENAMETOOLONG;
	if (target && target != inode && ps_silly_needed(target)) {
		rc = ps_silly_link(ndir, new);
		if (rc)
			return rc;
		nst = ps_stamp(ndir);
		ost = ps_stamp(odir);
	}
	rc = pn4_rename(PS_N(odir), old->d_name.name, old->d_name.len,
			PS_N(ndir), new->d_name.name, new->d_name.len,
			&oattr, &nattr);
	if (rc) {
		ps_op_failed(odir, old, rc);
		ps_op_failed(ndir, new, rc);
		return rc;
	}
	ps_attr_apply_dir(odir, &oattr, ost);
	if (ndir != odir)
		ps_attr_apply_dir(ndir, &nattr, nst);
	ps_meta_changed(inode);
	if (target && target != inode)
		ps_unlinked(target);
	d_move(old, new);
	ps_set_verf(old, READ_ONCE(PS_I(ndir)->dir_verf));
	return 0;
}

const struct inode_operations ps_dir_iops = {
	.lookup = ps_lookup,
	.create = ps_create,
	.atomic_open = ps_atomic_open,
	.mkdir = ps_mkdir,
	.mknod = ps_mknod,
	.symlink = ps_symlink,
	.link = ps_link,
	.unlink = ps_unlink,
	.rmdir = ps_rmdir,
	.rename = ps_rename,
	.permission = ps_permission,
	.getattr = ps_getattr,
	.setattr = ps_setattr,
	.listxattr = ps_listxattr,
};

const struct inode_operations ps_special_iops = {
	.permission = ps_permission,
	.getattr = ps_getattr,
	.setattr = ps_setattr,
	.listxattr = ps_listxattr,
};
