// SPDX-License-Identifier: GPL-2.0
/*
 * Open files that lose their last name.
 *
 * A server keeps an open file without a name at best until it restarts, so a
 * file that is open here gets a name of ours in the same directory instead,
 * ".penstock" and numbers, which is removed after the last close.  For an
 * unlink the file is renamed; for a rename over it a second link is made, so
 * that the target name never vanishes.
 */
#include <linux/cred.h>
#include <linux/slab.h>
#include "../net/wait.h"
#include "penstock.h"

#define PS_SILLY_NAME	32

/*
 * struct ps_silly - the name to remove
 * @dir: a reference; @inode: one only while @work is queued
 * @cred: of who removed the real name
 */
struct ps_silly {
	struct inode *dir;
	struct inode *inode;
	const struct cred *cred;
	struct work_struct work;
	char name[PS_SILLY_NAME];
};

static atomic_t ps_silly_count;

static void ps_silly_free(struct ps_silly *s)
{
	put_cred(s->cred);
	iput(s->dir);
	kfree(s);
}

static int ps_silly_remove(struct ps_silly *s)
{
	const struct cred *old = ps_override_creds(s->cred);
	struct ps_stamp st = ps_stamp(s->dir);
	struct pn4_attr attr = {};
	int rc;

	rc = pn4_remove(PS_N(s->dir), s->name, strlen(s->name), NULL, &attr);
	if (!rc)
		ps_attr_apply_dir(s->dir, &attr, st);
	ps_revert_creds(old);
	return rc;
}

static void ps_silly_removed(struct inode *inode)
{
	ps_attr_expire(inode);
	d_prune_aliases(inode);
	spin_lock(&inode->i_lock);
	if (inode->i_nlink == 1)
		drop_nlink(inode);
	spin_unlock(&inode->i_lock);
}

/* Take the name over from the inode, unless the file was opened again. */
static struct ps_silly *ps_silly_take(struct inode *inode)
{
	struct ps_inode *pi = PS_I(inode);
	struct ps_silly *s = NULL;

	spin_lock(&inode->i_lock);
	if (!atomic_read(&pi->opens)) {
		s = pi->silly;
		pi->silly = NULL;
	}
	spin_unlock(&inode->i_lock);
	return s;
}

/* Holds a reference to the inode. */
static void ps_silly_work(struct work_struct *work)
{
	struct ps_silly *s = container_of(work, struct ps_silly, work);
	struct inode *inode = s->inode;
	struct ps_sb *sbi = PS_SB(inode->i_sb);

	ps_silly_remove(s);
	ps_silly_free(s);
	ps_silly_removed(inode);
	iput(inode);
	ps_busy_put(sbi);
}

static struct ps_silly *ps_silly_new(struct inode *dir, struct inode *inode)
{
	struct ps_silly *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return NULL;
	ihold(dir);
	s->dir = dir;
	s->inode = inode;
	s->cred = get_current_cred();
	INIT_WORK(&s->work, ps_silly_work);
	return s;
}

static void ps_silly_next_name(struct ps_silly *s)
{
	snprintf(s->name, sizeof(s->name), ".penstock%llx%04x",
		 (unsigned long long)PS_I(s->inode)->fileid,
		 atomic_inc_return(&ps_silly_count) & 0xffff);
}

bool ps_silly_needed(struct inode *inode)
{
	struct ps_inode *pi = PS_I(inode);

	return S_ISREG(inode->i_mode) && atomic_read(&pi->opens) > 0 &&
	       !READ_ONCE(pi->silly);
}

static void ps_silly_set(struct ps_silly *s)
{
	struct inode *inode = s->inode;
	struct ps_inode *pi = PS_I(inode);

	spin_lock(&inode->i_lock);
	pi->silly = s;
	spin_unlock(&inode->i_lock);
	ps_meta_changed(inode);
	/* the last close may have come in the meantime */
	if (!atomic_read(&pi->opens))
		ps_silly_last_close(inode);
}

/*
 * ps_silly_rename - instead of removing the name of an open file
 *
 * The VFS holds i_rwsem of @dir and of the file.
 */
int ps_silly_rename(struct inode *dir, struct dentry *dentry)
{
	struct ps_silly *s = ps_silly_new(dir, d_inode(dentry));
	struct ps_stamp st = ps_stamp(dir);
	struct pn4_attr attr = {};
	int rc;

	if (!s)
		return -ENOMEM;
	ps_silly_next_name(s);
	rc = pn4_rename(PS_N(dir), dentry->d_name.name, dentry->d_name.len,
			PS_N(dir), s->name, strlen(s->name), &attr, NULL);
	if (rc) {
		ps_silly_free(s);
		return rc;
	}
	ps_attr_apply_dir(dir, &attr, st);
	ps_silly_set(s);
	return 0;
}

/* Before an open file is renamed over: a second name keeps it. */
int ps_silly_link(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	struct ps_silly *s = ps_silly_new(dir, inode);
	struct ps_stamp st = ps_stamp(dir), fst = ps_stamp(inode);
	struct pn4_attr attr = {}, dir_attr = {};
	int rc = -EEXIST, tries;

	if (!s)
		return -ENOMEM;
	for (tries = 0; rc == -EEXIST && tries < 3; tries++) {
		ps_silly_next_name(s);
		rc = pn4_link(PS_N(inode), PS_N(dir), s->name, strlen(s->name),
			      &attr, &dir_attr);
	}
	if (rc) {
		ps_silly_free(s);
		return rc;
	}
	ps_meta_changed(inode);
	ps_attr_apply(inode, &attr, fst, false);
	ps_attr_apply_dir(dir, &dir_attr, st);
	ps_silly_set(s);
	return 0;
}

/*
 * The last file description of @inode is gone.  A task that was killed cannot
 * wait for the server: there a work item removes the name.
 */
void ps_silly_last_close(struct inode *inode)
{
	struct ps_silly *s;

	if (likely(!READ_ONCE(PS_I(inode)->silly)))
		return;
	s = ps_silly_take(inode);
	if (!s)
		return;
	if (!prpc_killed() && ps_silly_remove(s) != -ERESTARTSYS) {
		ps_silly_free(s);
		ps_silly_removed(inode);
		return;
	}
	ihold(inode);
	ps_busy_get(PS_SB(inode->i_sb));
	queue_work(ps_wq, &s->work);
}
