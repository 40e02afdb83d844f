// SPDX-License-Identifier: GPL-2.0
/*
 * Names in the dentry cache: LOOKUP, and how long its answers are believed.
 *
 * A dentry, positive or negative, remembers in d_time the version of its
 * directory's names (ps_inode.dir_verf) from before the server was asked.  It
 * is good as long as the directory still has this version, which is known
 * while the directory's attributes are fresh.  d_time 0 is never good.
 *
 * A file that others cannot rename or remove without our knowing, because we have
 * a delegation of it, keeps the name it was found under since: d_fsdata then
 * holds the delegation's id.
 */
#include <linux/namei.h>
#include "penstock.h"

void ps_set_verf(struct dentry *dentry, unsigned long verf)
{
	WRITE_ONCE(dentry->d_time, verf);
}

/* The server has found the file of delegation @deleg under this name. */
void ps_set_vouched(struct dentry *dentry, u64 deleg)
{
	WRITE_ONCE(dentry->d_fsdata, (void *)(unsigned long)deleg);
}

bool ps_vouched(const struct dentry *dentry, const struct inode *inode)
{
	unsigned long id = (unsigned long)READ_ONCE(dentry->d_fsdata);

	return id && id == pn4_deleg_vouches(PS_N(inode));
}

static bool ps_verf_good(struct inode *dir, struct dentry *dentry)
{
	return READ_ONCE(dentry->d_time) == READ_ONCE(PS_I(dir)->dir_verf) &&
	       ps_attr_fresh(dir);
}

/* Names about to be made by an operation that fails if they exist. */
static bool ps_exclusive(unsigned int flags)
{
	return (flags & (LOOKUP_CREATE | LOOKUP_EXCL)) ==
	       (LOOKUP_CREATE | LOOKUP_EXCL) && !(flags & LOOKUP_OPEN);
}

struct dentry *ps_lookup(struct inode *dir, struct dentry *dentry,
			 unsigned int flags)
{
	unsigned long verf = READ_ONCE(PS_I(dir)->dir_verf);
	unsigned long asked = jiffies;
	struct inode *inode = NULL;
	struct pn4_attr attr;
	struct dentry *res;
	struct pn4_fh fh;
	int rc;

	if (dentry->d_name.len > PN4_NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	/* the server is asked by the creating operation itself */
	if (ps_exclusive(flags))
		return NULL;
	rc = pn4_lookup(PS_N(dir), dentry->d_name.name, dentry->d_name.len,
			&fh, &attr);
	if (rc == -ESTALE)
		ps_mark_gone(dir);
	if (rc && rc != -ENOENT)
		return ERR_PTR(rc);
	if (!rc)
		inode = ps_iget(dir->i_sb, &fh, &attr, asked);
	res = d_splice_alias(inode, dentry);
	if (!IS_ERR(res))
		ps_set_verf(res ?: dentry, verf);
	return res;
}

/* Ask again by name.  1: still the same object, 0: not, or -errno. */
static int ps_lookup_again(struct inode *dir, const struct qstr *name,
			   struct dentry *dentry, struct inode *inode)
{
	unsigned long verf = READ_ONCE(PS_I(dir)->dir_verf);
	struct ps_stamp st = ps_stamp(inode);
	struct pn4_attr attr;
	struct pn4_fh fh;
	int rc;

	rc = pn4_lookup(PS_N(dir), name->name, name->len, &fh, &attr);
	if (rc == -ENOENT)
		return 0;
	if (rc == -ESTALE) {
		ps_mark_gone(dir);
		return 0;
	}
	if (rc)
		return rc;
	if (!pn4_fh_equal(&fh, &PS_N(inode)->fh))
		return 0;
	ps_attr_apply(inode, &attr, st, false);
	ps_set_verf(dentry, verf);
	return 1;
}

/*
 * @name may be followed by '/', not NUL.  In RCU walk nothing may sleep, and
 * the inodes may be anything that was freed only after a grace period.
 */
static int ps_revalidate(struct inode *dir, const struct qstr *name,
			 struct dentry *dentry, unsigned int flags)
{
	struct inode *inode;
	bool force = flags & LOOKUP_REVAL;
	int rc;

	/* RENAME_TARGET: the server finds out; O_EXCL: "exists" must be true */
	inode = flags & LOOKUP_RCU ? d_inode_rcu(dentry) : d_inode(dentry);
	if (inode && (flags & LOOKUP_EXCL))
		force = true;
	if (!force && inode && ps_vouched(dentry, inode))
		return 1;
	if (likely(!force && ps_verf_good(dir, dentry))) {
		struct ps_inode *pd = PS_I(dir);

		if (inode && !test_bit(PS_I_CHILD_USED, &pd->flags))
			set_bit(PS_I_CHILD_USED, &pd->flags);
		return !inode || !test_bit(PS_I_GONE, &PS_I(inode)->flags);
	}
	if (flags & LOOKUP_RCU)
		return -ECHILD;
	if (inode && test_bit(PS_I_GONE, &PS_I(inode)->flags))
		return 0;
	if (!force) {
		rc = ps_attr_revalidate(dir);
		if (rc)
			return rc == -ESTALE ? 0 : rc;
		if (READ_ONCE(dentry->d_time) == READ_ONCE(PS_I(dir)->dir_verf))
			return 1;
	}
	if (!inode)
		return 0;
	return ps_lookup_again(dir, name, dentry, inode);
}
PS_D_REVALIDATE(ps_d_revalidate, ps_revalidate)

/* Mount points, "." and magic links: only whether the object still exists. */
static int ps_d_weak_revalidate(struct dentry *dentry, unsigned int flags)
{
	struct inode *inode = d_inode(dentry);

	if (!inode)
		return 1;
	if (test_bit(PS_I_GONE, &PS_I(inode)->flags))
		return 0;
	if (pn4_is_referral(&PS_N(inode)->fh))
		return 1;
	if (flags & LOOKUP_RCU)
		return ps_attr_fresh(inode) ? 1 : -ECHILD;
	return ps_attr_revalidate(inode) == -ESTALE ? 0 : 1;
}

/* Do not keep what nobody will find again. */
static int ps_d_delete(const struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);

	return inode && test_bit(PS_I_GONE, &PS_I(inode)->flags);
}

const struct dentry_operations ps_dentry_ops = {
	.d_revalidate = ps_d_revalidate,
	.d_weak_revalidate = ps_d_weak_revalidate,
	.d_delete = ps_d_delete,
	.d_automount = ps_d_automount,
};

/* ---- names that READDIR brought along ---- */

static bool ps_prime_existing(struct dentry *dentry,
			      const struct pn4_dirent *ent, unsigned long verf,
			      unsigned long asked)
{
	struct ps_stamp st = { .seq = U64_MAX, .time = asked };
	struct inode *inode = d_inode(dentry);

	if (!inode || !pn4_fh_equal(&PS_N(inode)->fh, &ent->fh))
		return false;
	ps_attr_apply(inode, &ent->attr, st, false);
	ps_set_verf(dentry, verf);
	return true;
}

/*
 * ps_prime_dentry - put a READDIR entry with handle and attributes in the cache
 * @verf: version of the directory from before the READDIR
 * @asked: jiffies then
 *
 * The caller holds the directory's i_rwsem, shared will do.  A failure means
 * no more than a LOOKUP later.
 */
void ps_prime_dentry(struct dentry *parent, const struct pn4_dirent *ent,
		     unsigned long verf, unsigned long asked)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct qstr name = QSTR_INIT(ent->name, ent->name_len);
	struct dentry *dentry, *alias;
	struct inode *inode;

	if (!(ent->attr.valid & PN4_ATTR_FH) ||
	    (ent->attr.valid & PN4_ATTR_RDERROR) ||
	    !(ent->attr.valid & PN4_ATTR_TYPE))
		return;
	name.hash = full_name_hash(parent, name.name, name.len);
	dentry = d_lookup(parent, &name);
	if (dentry) {
		if (ps_prime_existing(dentry, ent, verf, asked) ||
		    d_really_is_positive(dentry)) {
			dput(dentry);
			return;		/* what differs is looked up again */
		}
		d_drop(dentry);
		dput(dentry);
	}
	dentry = ps_d_alloc_parallel(parent, &name, &wq);
	if (IS_ERR(dentry))
		return;
	if (!d_in_lookup(dentry)) {
		dput(dentry);
		return;
	}
	inode = ps_iget(parent->d_sb, &ent->fh, &ent->attr, asked);
	if (IS_ERR(inode)) {
		d_lookup_done(dentry);
		dput(dentry);
		return;
	}
	alias = d_splice_alias(inode, dentry);
	d_lookup_done(dentry);
	if (!IS_ERR(alias)) {
		ps_set_verf(alias ?: dentry, verf);
		dput(alias);
	}
	dput(dentry);
}
