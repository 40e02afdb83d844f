// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes: the cache, and the order in which versions are believed.
 *
 * Replies overtake each other.  Whoever asks for attributes takes a stamp
 * first; a set that was asked for before a newer version was adopted, or
 * before an operation of ours ended, is used only if its change value is the
 * larger one, and then asked for again soon.
 *
 * A change value that we did not cause makes cached data and names stale.
 * What we cause ourselves is marked: for writes by PS_I_OWN, for directories
 * by the change value that the server reports from just before the operation,
 * and for what leaves contents as they are (a new name, mode, xattr) by PS_I_META,
 * which only holds if the time of modification has not moved: somebody else may
 * have written just before.
 * Whether somebody else wrote at the same time cannot be seen: PS_I_UNSURE tells
 * that, and who takes a lock does not rely on what is cached then.
 */
#include <linux/namei.h>
#include "penstock.h"

#define PS_CHANGE_UNDEFINED	4	/* NFS4_CHANGE_TYPE_IS_UNDEFINED */

struct ps_stamp ps_stamp(const struct inode *inode)
{
	struct ps_stamp st = {
		.seq = atomic64_read(&PS_I(inode)->attr_seq),
		.time = jiffies,
	};

	return st;
}

bool ps_attr_fresh(const struct inode *inode)
{
	const struct ps_inode *pi = PS_I(inode);

	return !test_bit(PS_I_ATTR_STALE, &pi->flags) &&
	       (time_before(jiffies, READ_ONCE(pi->attr_time) +
				     READ_ONCE(pi->attr_timeo)) ||
		pn4_deleg_vouches(&pi->node));
}

void ps_attr_expire(struct inode *inode)
{
	set_bit(PS_I_ATTR_STALE, &PS_I(inode)->flags);
}

/* A modification of ours is under way; any context. */
void ps_own_begin(struct inode *inode)
{
	atomic_inc(&PS_I(inode)->own_ops);
	set_bit(PS_I_OWN, &PS_I(inode)->flags);
}

void ps_own_end(struct inode *inode)
{
	atomic64_inc(&PS_I(inode)->attr_seq);
	atomic_dec(&PS_I(inode)->own_ops);
}

/*
 * An operation of ours has changed the object, but neither contents nor names
 * in it.  Any context.
 */
void ps_meta_changed(struct inode *inode)
{
	if (!S_ISDIR(inode->i_mode))
		set_bit(PS_I_META, &PS_I(inode)->flags);
	ps_attr_expire(inode);
}

/* The handle is stale: nobody is to find this inode again. */
void ps_mark_gone(struct inode *inode)
{
	set_bit(PS_I_GONE, &PS_I(inode)->flags);
	ps_attr_expire(inode);
	d_prune_aliases(inode);
}

static struct timespec64 ps_time(const struct pn4_time *t)
{
	return (struct timespec64){ .tv_sec = t->sec, .tv_nsec = t->nsec };
}

static void ps_apply_owner(struct inode *inode, const struct pn4_attr *a)
{
	struct user_namespace *ns = inode->i_sb->s_user_ns;
	struct ps_inode *pi = PS_I(inode);
	umode_t mode = inode->i_mode;
	kuid_t uid = inode->i_uid;
	kgid_t gid = inode->i_gid;

	if (a->valid & PN4_ATTR_MODE)
		mode = (mode & S_IFMT) | (a->mode & 07777);
	if (a->valid & PN4_ATTR_UID)
		uid = make_kuid(ns, a->uid);
	if (a->valid & PN4_ATTR_GID)
		gid = make_kgid(ns, a->gid);
	if (!uid_valid(uid))
		uid = make_kuid(&init_user_ns, overflowuid);
	if (!gid_valid(gid))
		gid = make_kgid(&init_user_ns, overflowgid);
	if (mode == inode->i_mode && uid_eq(uid, inode->i_uid) &&
	    gid_eq(gid, inode->i_gid))
		return;
	inode->i_mode = mode;
	inode->i_uid = uid;
	inode->i_gid = gid;
	WRITE_ONCE(pi->perm_gen, pi->perm_gen + 1);
}

/*
 * While data of ours is on its way the server's size may be behind; it may
 * not be smaller than what we know then.
 */
static void ps_apply_size(struct inode *inode, u64 size, bool fresh)
{
	struct address_space *m = inode->i_mapping;
	bool moving = !fresh || atomic_read(&PS_I(inode)->own_ops) ||
		      mapping_tagged(m, PAGECACHE_TAG_DIRTY) ||
		      mapping_tagged(m, PAGECACHE_TAG_WRITEBACK);
	loff_t old = i_size_read(inode);
	loff_t new = min_t(u64, size, inode->i_sb->s_maxbytes);

	if (new > old || (new < old && !moving))
		i_size_write(inode, new);
}

/* Somebody else changed it: nothing cached of it can be trusted. */
static void ps_foreign_change(struct inode *inode)
{
	struct ps_inode *pi = PS_I(inode);

	WRITE_ONCE(pi->perm_gen, pi->perm_gen + 1);
	if (S_ISDIR(inode->i_mode))
		WRITE_ONCE(pi->dir_verf, pi->dir_verf + 1);
	else if (S_ISREG(inode->i_mode))
		set_bit(PS_I_DATA_STALE, &pi->flags);
}

/* Trust attributes the longer, the longer they have not changed. */
static void ps_age(struct inode *inode, bool changed, unsigned long asked)
{
	struct ps_sb *sbi = PS_SB(inode->i_sb);
	struct ps_inode *pi = PS_I(inode);
	bool dir = S_ISDIR(inode->i_mode);
	unsigned long lo = dir ? sbi->ac_dir_min : sbi->ac_reg_min;
	unsigned long hi = dir ? sbi->ac_dir_max : sbi->ac_reg_max;
	unsigned long timeo = pi->attr_timeo;

	if (changed) {
		timeo = lo;
		pi->attr_same = jiffies;
	} else if (time_after(jiffies, pi->attr_same + timeo)) {
		timeo *= 2;
		pi->attr_same = jiffies;
	}
	WRITE_ONCE(pi->attr_timeo, clamp(timeo, lo, hi));
	WRITE_ONCE(pi->attr_time, asked);
}

static void ps_apply_rest(struct inode *inode, const struct pn4_attr *a)
{
	if (a->valid & PN4_ATTR_NLINK)
		set_nlink(inode, a->nlink);
	if (a->valid & PN4_ATTR_USED)
		inode->i_blocks = (a->used + 511) >> 9;
	if (a->valid & PN4_ATTR_ATIME)
		ps_set_atime(inode, ps_time(&a->atime));
	if (a->valid & PN4_ATTR_MTIME)
		ps_set_mtime(inode, ps_time(&a->mtime));
	if (a->valid & PN4_ATTR_CTIME)
		ps_set_ctime(inode, ps_time(&a->ctime));
	if (a->valid & PN4_ATTR_BTIME)
		PS_I(inode)->btime = ps_time(&a->btime);
}

/* Is a new change value due to what we did ourselves? */
static bool ps_change_is_ours(struct inode *inode, const struct pn4_attr *a)
{
	struct ps_inode *pi = PS_I(inode);
	struct timespec64 mtime = ps_time(&a->mtime), known;

	if (test_bit(PS_I_OWN, &pi->flags))
		return true;
	known = ps_mtime(inode);
	return test_bit(PS_I_META, &pi->flags) &&
	       (a->valid & PN4_ATTR_MTIME) && (a->valid & PN4_ATTR_SIZE) &&
	       timespec64_equal(&mtime, &known) &&
	       a->size == i_size_read(inode);
}

static void ps_apply_locked(struct inode *inode, const struct pn4_attr *a,
			    struct ps_stamp st, bool own)
{
	struct ps_inode *pi = PS_I(inode);
	bool fresh = st.seq == (u64)atomic64_read(&pi->attr_seq);
	bool ordered = PS_SB(inode->i_sb)->vol->fs.change_attr_type !=
		       PS_CHANGE_UNDEFINED;
	bool changed = a->change != pi->change;

	lockdep_assert_held(&inode->i_lock);
	if (!fresh && !(changed && ordered && a->change > pi->change)) {
		if (changed || !ordered)
			ps_attr_expire(inode);
		return;
	}
	if (changed) {
		if (own || ps_change_is_ours(inode, a))
			set_bit(PS_I_UNSURE, &pi->flags);
		else
			ps_foreign_change(inode);
		pi->change = a->change;
		atomic64_inc(&pi->attr_seq);
	}
	ps_age(inode, changed, st.time);
	ps_apply_owner(inode, a);
	ps_apply_rest(inode, a);
	if (a->valid & PN4_ATTR_SIZE) {
		if (S_ISREG(inode->i_mode))
			ps_apply_size(inode, a->size, fresh);
		else
			i_size_write(inode, a->size);
	}
	if (fresh) {
		clear_bit(PS_I_ATTR_STALE, &pi->flags);
		clear_bit(PS_I_META, &pi->flags);
		if (!atomic_read(&pi->own_ops))
			clear_bit(PS_I_OWN, &pi->flags);
	} else {
		ps_attr_expire(inode);
	}
}

/*
 * ps_attr_apply - believe a set of attributes, if it is not older than others
 * @st: taken before it was asked for
 * @own: it comes with an operation of ours, which caused the change if there
 *	was one
 *
 * May not be called from softirq.
 */
void ps_attr_apply(struct inode *inode, const struct pn4_attr *attr,
		   struct ps_stamp st, bool own)
{
	struct pn4_attr fixed;

	if (!(attr->valid & PN4_ATTR_CHANGE)) {
		ps_attr_expire(inode);
		return;
	}
	if (PS_N(inode)->layout) {
		fixed = *attr;
		pn4_layout_attr(PS_N(inode), &fixed);
		attr = &fixed;
	}
	spin_lock(&inode->i_lock);
	ps_apply_locked(inode, attr, st, own);
	spin_unlock(&inode->i_lock);
}

/*
 * Attributes of a directory after an operation of ours in it.  It was ours
 * alone if the server says, atomically, that the directory was before in the
 * version that we know (RFC 8881 section 3.3.4, change_info4).
 */
void ps_attr_apply_dir(struct inode *dir, const struct pn4_attr *attr,
		       struct ps_stamp st)
{
	struct ps_inode *pi = PS_I(dir);

	spin_lock(&dir->i_lock);
	if (attr->valid & PN4_ATTR_CHANGE)
		ps_apply_locked(dir, attr, st,
				(attr->valid & PN4_ATTR_BEFORE) &&
				attr->before == pi->change);
	else
		ps_attr_expire(dir);
	spin_unlock(&dir->i_lock);
}

int ps_attr_refresh(struct inode *inode)
{
	struct ps_stamp st = ps_stamp(inode);
	struct pn4_attr attr;
	int rc;

	if (test_bit(PS_I_GONE, &PS_I(inode)->flags))
		return -ESTALE;
	rc = pn4_getattr(PS_N(inode), &attr, NULL);
	if (!rc)
		ps_attr_apply(inode, &attr, st, false);
	else if (rc == -ESTALE)
		ps_mark_gone(inode);
	return rc;
}

int ps_attr_revalidate(struct inode *inode)
{
	return ps_attr_fresh(inode) ? 0 : ps_attr_refresh(inode);
}

/* The root of a file system not yet crossed into shows what lookup saw. */
static bool ps_stat_needs_server(struct inode *inode, unsigned int flags)
{
	struct ps_inode *pi = PS_I(inode);

	if (test_bit(PS_I_AUTOMOUNT, &pi->flags))
		return false;
	if (flags & AT_STATX_FORCE_SYNC)
		return true;
	if (flags & AT_STATX_DONT_SYNC)
		return false;
	return test_bit(PS_I_OWN, &pi->flags) || !ps_attr_fresh(inode);
}

int ps_getattr(ps_idmap *idmap, const struct path *path, struct kstat *st,
	       u32 mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	struct ps_inode *pi = PS_I(inode);
	struct pn4_volume *vol = PS_SB(inode->i_sb)->vol;
	int rc;

	if (S_ISREG(inode->i_mode) && !(flags & AT_STATX_DONT_SYNC) &&
	    (mask & (STATX_SIZE | STATX_BLOCKS | STATX_MTIME | STATX_CTIME) ||
	     ps_wants_cookie(mask)) && ps_data_dirty(inode)) {
		rc = ps_flush_range(inode, 0, LLONG_MAX, false);
		if (rc)
			return rc;
	}
	if (ps_stat_needs_server(inode, flags)) {
		rc = ps_attr_refresh(inode);
		if (rc && !(rc == -ESTALE && IS_DEADDIR(inode)))
			return rc;
	}
	ps_fillattr(idmap, mask, inode, st);
	st->ino = pi->fileid;
	if (S_ISREG(inode->i_mode))
		st->blksize = clamp_t(u32, rounddown_pow_of_two(vol->wsize),
				      PAGE_SIZE, SZ_1M);
	if (vol->can & PN4_CAN_BTIME) {
		st->btime = pi->btime;
		st->result_mask |= STATX_BTIME;
	}
	ps_fill_cookie(st, mask, pi->change, vol->fs.change_attr_type !=
					     PS_CHANGE_UNDEFINED);
	return 0;
}

static void ps_fill_times(const struct iattr *ia, struct pn4_attr *set)
{
	if (ia->ia_valid & ATTR_ATIME_SET) {
		set->valid |= PN4_ATTR_ATIME;
		set->atime.sec = ia->ia_atime.tv_sec;
		set->atime.nsec = ia->ia_atime.tv_nsec;
	} else if (ia->ia_valid & ATTR_ATIME) {
		set->valid |= PN4_ATTR_ATIME_NOW;
	}
	if (ia->ia_valid & ATTR_MTIME_SET) {
		set->valid |= PN4_ATTR_MTIME;
		set->mtime.sec = ia->ia_mtime.tv_sec;
		set->mtime.nsec = ia->ia_mtime.tv_nsec;
	} else if ((ia->ia_valid & ATTR_MTIME) && !(ia->ia_valid & ATTR_SIZE)) {
		set->valid |= PN4_ATTR_MTIME_NOW;	/* a new size implies it */
	}
}

static void ps_fill_set(struct inode *inode, const struct iattr *ia,
			struct pn4_attr *set)
{
	struct user_namespace *ns = inode->i_sb->s_user_ns;

	*set = (struct pn4_attr){};
	/* servers clear setuid and setgid themselves where they must */
	if ((ia->ia_valid & ATTR_MODE) &&
	    !(ia->ia_valid & (ATTR_KILL_SUID | ATTR_KILL_SGID))) {
		set->valid |= PN4_ATTR_MODE;
		set->mode = ia->ia_mode & 07777;
	}
	if (ia->ia_valid & ATTR_UID) {
		set->valid |= PN4_ATTR_UID;
		set->uid = from_kuid_munged(ns, ia->ia_uid);
	}
	if (ia->ia_valid & ATTR_GID) {
		set->valid |= PN4_ATTR_GID;
		set->gid = from_kgid_munged(ns, ia->ia_gid);
	}
	if (ia->ia_valid & ATTR_SIZE) {
		set->valid |= PN4_ATTR_SIZE;
		set->size = ia->ia_size;
	}
	ps_fill_times(ia, set);
}

/* Was the size of 0 already set by the OPEN that this comes from? */
static bool ps_truncated_by_open(const struct iattr *ia)
{
	struct ps_file *pf;

	if ((ia->ia_valid & (ATTR_SIZE | ATTR_OPEN | ATTR_FILE)) !=
	    (ATTR_SIZE | ATTR_OPEN | ATTR_FILE) || ia->ia_size)
		return false;
	pf = ia->ia_file->private_data;
	return pf && pf->truncated;
}

static struct pn4_open *ps_setattr_open(const struct iattr *ia)
{
	if (!(ia->ia_valid & ATTR_FILE) || !(ia->ia_valid & ATTR_SIZE) ||
	    !(ia->ia_file->f_mode & FMODE_WRITE))
		return NULL;
	return ps_file_open(ia->ia_file);
}

/*
 * The VFS holds i_rwsem.  What was written before a change of size or times
 * must be at the server first: written later it would undo the change, and a
 * write sent again after a server's restart would let the file grow back.
 */
static int ps_setattr_prepare(struct inode *inode, const struct iattr *ia)
{
	int rc;

	if (!S_ISREG(inode->i_mode))
		return 0;
	if (!(ia->ia_valid & ATTR_SIZE))
		return ps_flush_range(inode, 0, LLONG_MAX, false);
	rc = inode_newsize_ok(inode, ia->ia_size);
	if (rc)
		return rc;
	inode_dio_wait(inode);
	if (!ia->ia_size)
		return ps_data_dirty(inode) || pn4_has_unstable(PS_N(inode)) ?
			ps_flush_all(inode) : 0;
	return ps_flush_all(inode);
}

static void ps_resize(struct inode *inode, loff_t size)
{
	loff_t old = i_size_read(inode);

	truncate_pagecache(inode, min(old, size));
	spin_lock(&inode->i_lock);
	i_size_write(inode, size);
	spin_unlock(&inode->i_lock);
	if (size > old)
		pagecache_isize_extended(inode, old, size);
	else
		truncate_pagecache(inode, size);
}

/* Nobody but us has changed contents: as far as close-to-open goes. */
static bool ps_is_writer(struct inode *inode)
{
	struct ps_inode *pi = PS_I(inode);

	return S_ISREG(inode->i_mode) &&
	       (test_bit(PS_I_OWN, &pi->flags) || READ_ONCE(pi->wb_open) ||
		pn4_deleg_vouches(&pi->node));
}

int ps_setattr(ps_idmap *idmap, struct dentry *dentry, struct iattr *ia)
{
	struct inode *inode = d_inode(dentry);
	struct pn4_attr set, attr = {};
	struct ps_stamp st;
	bool own;
	int rc;

	ps_fill_set(inode, ia, &set);
	if (ps_truncated_by_open(ia)) {
		((struct ps_file *)ia->ia_file->private_data)->truncated = false;
		return 0;
	}
	if (!set.valid)
		return 0;
	rc = ps_setattr_prepare(inode, ia);
	if (rc)
		return rc;
	own = (ia->ia_valid & ATTR_SIZE) || ps_is_writer(inode);
	st = ps_stamp(inode);
	rc = pn4_setattr(PS_N(inode), ps_setattr_open(ia), &set, &attr);
	if (rc) {
		ps_attr_expire(inode);	/* it may have been done nevertheless */
		return rc;
	}
	if (ia->ia_valid & ATTR_SIZE)
		ps_resize(inode, ia->ia_size);
	if (!own)
		ps_meta_changed(inode);
	ps_attr_apply(inode, &attr, st, own);
	return 0;
}
