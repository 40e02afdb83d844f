// SPDX-License-Identifier: GPL-2.0
/*
 * Opening and closing regular files.
 *
 * Every file description has an OPEN of its own.  It is made by name, also
 * for a cached dentry: that a file was replaced by another one is seen then
 * and there, and not when the directory's attributes run out.  Files without
 * a name (unlinked, reached by handle) are opened by handle.
 *
 * Unless a delegation is held: then nobody else can have replaced the file, and
 * the server need not hear of the open.  One is asked for when a file is opened
 * again; for a file that is used once it would only have to be given back.
 */
#include <linux/namei.h>
#include <linux/slab.h>
#include "../net/wait.h"
#include "penstock.h"

static fmode_t ps_open_fmode(unsigned int flags)
{
	switch (flags & O_ACCMODE) {
	case O_WRONLY:
		return FMODE_WRITE;
	case O_RDWR:
		return FMODE_READ | FMODE_WRITE;
	default:
		return FMODE_READ;	/* 3 means ioctls; nothing to write */
	}
}

/* Hang an OPEN on the file description; owns @open on success. */
static int ps_file_init(struct inode *inode, struct file *file,
			struct pn4_open *open, bool truncated)
{
	struct ps_file *pf = kmalloc(sizeof(*pf), GFP_KERNEL);

	if (!pf)
		return -ENOMEM;
	pf->open = open;
	pf->truncated = truncated;
	file->private_data = pf;
	atomic_inc(&PS_I(inode)->opens);
	return 0;
}

static void ps_file_undo(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	file->private_data = NULL;
	atomic_dec(&PS_I(inode)->opens);
}

static int ps_finish_open(struct inode *inode, struct file *file)
{
	file->f_mode |= FMODE_NOWAIT | FMODE_CAN_ODIRECT;
	return 0;
}

/* ---- by name, in one round trip ---- */

static void ps_fill_create(struct pn4_open_args *a, unsigned int flags,
			   umode_t mode)
{
	if (!(flags & O_CREAT))
		return;
	a->create = true;
	a->excl = flags & O_EXCL;
	a->set.valid = PN4_ATTR_MODE;
	a->set.mode = mode & 07777;
	if (flags & O_TRUNC) {
		a->set.valid |= PN4_ATTR_SIZE;
		a->set.size = 0;
	}
}

/*
 * Send the OPEN and find the inode.  Returns it with args->open attached; on
 * failure an ERR_PTR and nothing is left open.
 */
static struct inode *ps_open_by_name(struct inode *dir, struct dentry *dentry,
				     struct pn4_open_args *a)
{
	struct ps_stamp st = ps_stamp(dir);
	struct inode *inode;
	int rc;

	a->dir = PS_N(dir);
	a->name = dentry->d_name.name;
	a->len = dentry->d_name.len;
	rc = pn4_open(PS_SB(dir->i_sb)->vol, a);
	if (rc)
		return ERR_PTR(rc);
	if (a->create)
		ps_attr_apply_dir(dir, &a->dir_attr, st);
	inode = ps_iget(dir->i_sb, &a->fh, &a->attr, st.time);
	if (!IS_ERR(inode) && !S_ISREG(inode->i_mode)) {
		iput(inode);
		inode = ERR_PTR(-EIO);
	}
	if (IS_ERR(inode)) {
		pn4_open_drop(a->open);
		return inode;
	}
	set_bit(PS_I_OPENED, &PS_I(inode)->flags);
	pn4_open_attach(a->open, PS_N(inode));
	return inode;
}

/* The size of 0 came with the OPEN: what is cached of the file is void. */
static void ps_open_truncated(struct inode *inode)
{
	truncate_pagecache(inode, 0);
	spin_lock(&inode->i_lock);
	i_size_write(inode, 0);
	spin_unlock(&inode->i_lock);
	set_bit(PS_I_OWN, &PS_I(inode)->flags);
	ps_attr_expire(inode);
}

/* What OPEN cannot open, the VFS walks over or opens otherwise. */
static bool ps_not_a_file(int rc)
{
	return rc == -EISDIR || rc == -ELOOP || rc == -ENOTDIR ||
	       rc == -EINVAL || rc == -EMEDIUMTYPE || rc == -ENXIO;
}

static int ps_no_open(struct inode *dir, struct dentry *dentry,
		      struct file *file)
{
	struct dentry *res;

	if (!d_in_lookup(dentry))
		d_drop(dentry);
	res = ps_lookup(dir, dentry, 0);
	if (IS_ERR(res))
		return PTR_ERR(res);
	return finish_no_open(file, res);
}

static int ps_open_failed(struct inode *dir, struct dentry *dentry,
			  struct file *file, unsigned int flags, int rc,
			  unsigned long verf)
{
	if (rc == -ENOENT && d_in_lookup(dentry)) {
		d_splice_alias(NULL, dentry);
		ps_set_verf(dentry, verf);
		return rc;
	}
	if (ps_not_a_file(rc) && !(rc == -ELOOP && (flags & O_NOFOLLOW)))
		return ps_no_open(dir, dentry, file);
	if (!d_in_lookup(dentry))
		d_drop(dentry);
	if (flags & O_CREAT)
		ps_attr_expire(dir);
	return rc;
}

/*
 * @dentry is new (d_in_lookup()), or known to be negative; the latter only
 * with O_CREAT and the directory locked exclusively.
 */
int ps_atomic_open(struct inode *dir, struct dentry *dentry, struct file *file,
		   unsigned int flags, umode_t mode)
{
	unsigned long verf = READ_ONCE(PS_I(dir)->dir_verf);
	struct pn4_open_args a = { .fmode = ps_open_fmode(flags) };
	struct inode *inode;
	struct dentry *alias;
	int rc;

	if (dentry->d_name.len > PN4_NAME_MAX)
		return -ENAMETOOLONG;
	if (!(flags & O_CREAT) && !d_in_lookup(dentry))
		return -ENOENT;
	if (flags & O_DIRECTORY)
		return ps_no_open(dir, dentry, file);
	ps_fill_create(&a, flags, mode);
	inode = ps_open_by_name(dir, dentry, &a);
	if (IS_ERR(inode))
		return ps_open_failed(dir, dentry, file, flags, PTR_ERR(inode),
				      verf);
	if (a.created)
		file->f_mode |= FMODE_CREATED;
	else if (a.set.valid & PN4_ATTR_SIZE)
		ps_open_truncated(inode);

	ihold(inode);		/* for us, until the file holds it */
	if (!d_in_lookup(dentry))
		d_drop(dentry);
	alias = d_splice_alias(inode, dentry);
	if (IS_ERR(alias)) {
		rc = PTR_ERR(alias);
		goto err_close;
	}
	if (alias)
		dentry = alias;
	ps_set_verf(dentry, a.create ? READ_ONCE(PS_I(dir)->dir_verf) : verf);
	rc = ps_file_init(inode, file, a.open, a.set.valid & PN4_ATTR_SIZE);
	if (rc)
		goto err_alias;
	rc = finish_open(file, dentry, ps_finish_open);
	if (rc)
		goto err_file;
	dput(alias);
	iput(inode);
	return 0;

err_file:
	ps_file_undo(inode, file);
err_alias:
	dput(alias);
err_close:
	pn4_close(a.open, NULL);
	iput(inode);
	return rc;
}

/* ->create and ->mknod: make the file, no description of it is wanted. */
int ps_create_file(struct inode *dir, struct dentry *dentry, umode_t mode,
		   bool excl)
{
	struct pn4_open_args a = { .fmode = FMODE_WRITE };
	struct dentry *alias;
	struct inode *inode;

	if (dentry->d_name.len > PN4_NAME_MAX)
		return -ENAMETOOLONG;
	ps_fill_create(&a, O_CREAT | (excl ? O_EXCL : 0), mode);
	inode = ps_open_by_name(dir, dentry, &a);
	if (IS_ERR(inode)) {
		ps_attr_expire(dir);
		d_drop(dentry);
		return PTR_ERR(inode);
	}
	pn4_close(a.open, NULL);
	d_drop(dentry);
	alias = d_splice_alias(inode, dentry);
	if (IS_ERR(alias))
		return PTR_ERR(alias);
	ps_set_verf(alias ?: dentry, READ_ONCE(PS_I(dir)->dir_verf));
	dput(alias);
	return 0;
}

/* ---- of a known inode ---- */

/* The file was opened: take over what came along.  As pn4_open_attach(). */
static u64 ps_opened(struct inode *inode, struct pn4_open_args *a,
		     struct ps_stamp st)
{
	ps_attr_apply(inode, &a->attr, st, false);
	if (a->access)
		ps_access_opened(inode, a->access);
	return pn4_open_attach(a->open, PS_N(inode));
}

static int ps_open_node(struct inode *inode, struct pn4_open_args *a)
{
	struct ps_stamp st = ps_stamp(inode);
	int rc;

	a->node = PS_N(inode);
	rc = pn4_open(PS_SB(inode->i_sb)->vol, a);
	if (rc == -ESTALE)
		ps_mark_gone(inode);
	if (rc)
		return rc;
	ps_opened(inode, a, st);
	return 0;
}

/* By the name it was found under; -EOPENSTALE has the VFS look again. */
static int ps_open_named(struct inode *inode, struct dentry *dentry,
			 struct pn4_open_args *a)
{
	struct dentry *parent = dget_parent(dentry);
	u64 before = pn4_deleg_vouches(PS_N(inode)), deleg;
	struct ps_stamp st = ps_stamp(inode);
	struct name_snapshot snap;
	int rc;

	take_dentry_name_snapshot(&snap, dentry);
	a->dir = PS_N(d_inode(parent));
	a->name = snap.name.name;
	a->len = snap.name.len;
	rc = pn4_open(PS_SB(inode->i_sb)->vol, a);
	release_dentry_name_snapshot(&snap);
	dput(parent);
	if (rc == -ENOENT || rc == -ESTALE || ps_not_a_file(rc)) {
		d_drop(dentry);
		return -EOPENSTALE;
	}
	if (rc)
		return rc;
	if (!pn4_fh_equal(&a->fh, &PS_N(inode)->fh)) {
		pn4_open_drop(a->open);
		d_drop(dentry);
		return -EOPENSTALE;
	}
	deleg = ps_opened(inode, a, st);
	if (!deleg && before == pn4_deleg_vouches(PS_N(inode)))
		deleg = before;		/* held all along */
	if (deleg)
		ps_set_vouched(dentry, deleg);
	return 0;
}

/* Under a delegation; false: the server has to be asked. */
static bool ps_open_local(struct inode *inode, struct dentry *dentry,
			  bool named, struct pn4_open_args *a)
{
	if (!pn4_deleg_covers(PS_N(inode), a->fmode) ||
	    (named && !ps_vouched(dentry, inode)) ||
	    !ps_attr_fresh(inode) || !ps_access_open(inode, a->fmode))
		return false;
	a->open = pn4_open_local(PS_N(inode), a->fmode, current_cred());
	return a->open;
}

/* Twice opened, it may be opened more often. */
static void ps_open_want(struct inode *inode, struct pn4_open_args *a)
{
	struct ps_inode *pi = PS_I(inode);

	if (!test_bit(PS_I_OPENED, &pi->flags)) {
		set_bit(PS_I_OPENED, &pi->flags);
		return;
	}
	a->want = true;
	if (!ps_access_known(inode))
		a->access = PS_ACCESS_ASK;
}

int ps_open(struct inode *inode, struct file *file)
{
	struct dentry *dentry = file_dentry(file);
	struct pn4_open_args a = { .fmode = ps_open_fmode(file->f_flags) };
	bool named = !d_unhashed(dentry) && !IS_ROOT(dentry);
	int rc = generic_file_open(inode, file);

	if (rc)
		return rc;
	if (!ps_open_local(inode, dentry, named, &a)) {
		ps_open_want(inode, &a);
		rc = named ? ps_open_named(inode, dentry, &a) :
			     ps_open_node(inode, &a);
	}
	if (rc)
		return rc;
	rc = ps_file_init(inode, file, a.open, false);
	if (rc) {
		pn4_close(a.open, NULL);
		return rc;
	}
	return ps_finish_open(inode, file);
}

/* ---- closing ---- */

/* May what was written stay here for now?  Nobody sees the difference then. */
static bool ps_close_lazy(struct inode *inode)
{
	return pn4_deleg_lazy(PS_N(inode), i_size_read(inode));
}

/*
 * close(2): what was written is at the server, and safe, or an error is told.
 * Under a write delegation it is on its way.
 */
int ps_flush(struct file *file, fl_owner_t id)
{
	struct inode *inode = file_inode(file);
	int rc = 0, err;

	if (!(file->f_mode & FMODE_WRITE))
		return 0;
	if (ps_close_lazy(inode)) {
		ps_writeback_range(inode, 0, LLONG_MAX, true);
		return file_check_and_advance_wb_err(file);
	}
	if (prpc_killed()) {	/* nobody will hear of it, see ps_late_close() */
		ps_writeback_range(inode, 0, LLONG_MAX, true);
		return -EINTR;
	}
	if (ps_data_dirty(inode) || pn4_has_unstable(PS_N(inode)))
		rc = ps_flush_all(inode);
	err = file_check_and_advance_wb_err(file);
	return err ? err : rc;
}

/* Of files closed while dirty: what write-back needed an identity for is done. */
void ps_drop_clean_wb_open(struct inode *inode)
{
	struct ps_inode *pi = PS_I(inode);
	struct pn4_open *open = NULL;

	spin_lock(&inode->i_lock);
	if (pi->wb_open && pn4_open_is_idle(pi->wb_open) &&
	    !ps_data_dirty(inode)) {
		open = pi->wb_open;
		pi->wb_open = NULL;
	}
	spin_unlock(&inode->i_lock);
	if (open)
		pn4_open_put(open);
}

/*
 * What is dirty stays here, and so does an identity to write it under, but not
 * an open that the server keeps for it.
 */
static bool ps_keep_wb_open(struct inode *inode, struct pn4_open *open)
{
	struct ps_inode *pi = PS_I(inode);
	struct pn4_open *local, *old = NULL;

	if (!ps_close_lazy(inode))
		return false;
	if (pn4_open_is_local(open)) {
		pn4_open_idle(open);
		return true;
	}
	local = pn4_open_local(PS_N(inode), FMODE_WRITE, pn4_open_cred(open));
	if (!local)
		return false;
	pn4_open_idle(local);
	spin_lock(&inode->i_lock);
	old = local;
	if (pi->wb_open == open) {
		old = open;
		pi->wb_open = local;
	}
	spin_unlock(&inode->i_lock);
	pn4_open_put(old);
	return true;
}

/* Write-back does not need the closing file's identity any more. */
static bool ps_drop_wb_open(struct inode *inode, struct pn4_open *open)
{
	struct ps_inode *pi = PS_I(inode);
	bool drop = false;

	if (READ_ONCE(pi->wb_open) != open)
		return true;
	if (ps_data_dirty(inode))
		return false;
	spin_lock(&inode->i_lock);
	if (pi->wb_open == open) {
		pi->wb_open = NULL;
		drop = true;
	}
	spin_unlock(&inode->i_lock);
	if (drop)
		pn4_open_put(open);
	return true;
}

/* What the last closer, killed, did not wait for; @open is for comparing. */
struct ps_late {
	struct work_struct work;
	struct inode *inode;
	struct pn4_open *open;
};

static void ps_late_work(struct work_struct *work)
{
	struct ps_late *late = container_of(work, struct ps_late, work);
	struct ps_sb *sbi = PS_SB(late->inode->i_sb);

	ps_flush_all(late->inode);
	ps_drop_wb_open(late->inode, late->open);
	iput(late->inode);
	ps_busy_put(sbi);
	kfree(late);
}

static void ps_late_close(struct inode *inode, struct pn4_open *open)
{
	struct ps_late *late = kmalloc(sizeof(*late), GFP_KERNEL);

	if (!late)		/* the next writer or the end of the inode will do */
		return;
	ihold(inode);
	ps_busy_get(PS_SB(inode->i_sb));
	late->inode = inode;
	late->open = open;
	INIT_WORK(&late->work, ps_late_work);
	queue_work(ps_wq, &late->work);
}

int ps_release(struct inode *inode, struct file *file)
{
	struct ps_file *pf = file->private_data;
	struct ps_inode *pi = PS_I(inode);
	struct ps_stamp st;
	struct pn4_attr attr;

	if (!pf)
		return 0;
	if ((file->f_mode & FMODE_WRITE) && !ps_drop_wb_open(inode, pf->open) &&
	    !ps_keep_wb_open(inode, pf->open))
		ps_late_close(inode, pf->open);
	st = ps_stamp(inode);
	if ((file->f_mode & FMODE_WRITE) && test_bit(PS_I_OWN, &pi->flags) &&
	    !ps_close_lazy(inode)) {
		attr.valid = 0;
		if (!pn4_close(pf->open, &attr) && attr.valid)
			ps_attr_apply(inode, &attr, st, true);
	} else {
		pn4_open_put(pf->open);
	}
	kfree(pf);
	file->private_data = NULL;
	if (atomic_dec_and_test(&pi->opens))
		ps_silly_last_close(inode);
	return 0;
}
