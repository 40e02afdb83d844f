// SPDX-License-Identifier: GPL-2.0
/* What the server does with a file's bytes by itself (RFC 7862). */
#include <linux/fs.h>
#include <linux/falloc.h>
#include "penstock.h"

/* Both ends in i_rwsem order; killable. */
static int ps_lock_two(struct inode *a, struct inode *b)
{
	int rc;

	if (a > b)
		swap(a, b);
	rc = down_write_killable(&a->i_rwsem);
	if (rc || a == b)
		return rc;
	rc = down_write_killable_nested(&b->i_rwsem, I_MUTEX_NONDIR2);
	if (rc)
		inode_unlock(a);
	return rc;
}

static void ps_unlock_two(struct inode *a, struct inode *b)
{
	inode_unlock(a);
	if (a != b)
		inode_unlock(b);
}

/* Both are written out, and the target's range leaves the cache. */
static int ps_copy_prepare(struct inode *in, struct inode *out, loff_t opos,
			   loff_t len)
{
	loff_t end = len ? opos + len - 1 : LLONG_MAX;
	int rc;

	inode_dio_wait(out);
	rc = ps_flush_range(in, 0, LLONG_MAX, false);
	rc = rc ?: ps_flush_all(out);
	if (rc)
		return rc;
	unmap_mapping_range(out->i_mapping, opos, len, 0);
	return invalidate_inode_pages2_range(out->i_mapping, opos >> PAGE_SHIFT,
					     end >> PAGE_SHIFT);
}

static void ps_copy_grown(struct inode *out, loff_t end)
{
	loff_t old;

	spin_lock(&out->i_lock);
	old = i_size_read(out);
	if (end > old)
		i_size_write(out, end);
	spin_unlock(&out->i_lock);
	if (end > old)
		pagecache_isize_extended(out, old, end);
}

static ssize_t ps_server_copy(struct file *in, loff_t ipos, struct file *out,
			      loff_t opos, size_t len)
{
	struct inode *src = file_inode(in), *dst = file_inode(out);
	struct pn4_attr attr = {};
	struct ps_stamp st;
	ssize_t rc;

	rc = ps_lock_two(src, dst);
	if (rc)
		return rc;
	rc = ps_copy_prepare(src, dst, opos, len);
	if (rc)
		goto out;
	st = ps_stamp(dst);
	rc = pn4_copy(PS_N(src), ps_file_open(in), ipos, PS_N(dst),
		      ps_file_open(out), opos, len, &attr);
	if (rc > 0) {
		ps_copy_grown(dst, opos + rc);
		ps_attr_apply(dst, &attr, st, true);
	} else {
		ps_attr_expire(dst);
	}
	/* a fault may have read the old bytes in again */
	invalidate_inode_pages2_range(dst->i_mapping, opos >> PAGE_SHIFT,
				      (opos + len - 1) >> PAGE_SHIFT);
out:
	ps_unlock_two(src, dst);
	return rc;
}

/* The VFS has no fallback behind this method, so it is here. */
ssize_t ps_copy_file_range(struct file *in, loff_t ipos, struct file *out,
			   loff_t opos, size_t len, unsigned int flags)
{
	struct inode *dst = file_inode(out);
	ssize_t rc = -EOPNOTSUPP;

	if (!len)
		return 0;
	if (in->f_op == &ps_file_fops && file_inode(in)->i_sb == dst->i_sb &&
	    file_inode(in) != dst && (PS_SB(dst->i_sb)->vol->can & PN4_CAN_COPY))
		rc = ps_server_copy(in, ipos, out, opos, len);
	if (rc == -EOPNOTSUPP || rc == -EXDEV)
		rc = ps_copy_fallback(in, ipos, out, opos, len);
	return rc;
}

loff_t ps_remap_file_range(struct file *in, loff_t ipos, struct file *out,
			   loff_t opos, loff_t len, unsigned int flags)
{
	struct inode *src = file_inode(in), *dst = file_inode(out);
	struct ps_sb *sbi = PS_SB(dst->i_sb);
	struct pn4_attr attr = {};
	struct ps_stamp st;
	loff_t rc;

	/* comparing first (REMAP_FILE_DEDUP) is not to be had from a server */
	if (flags & ~REMAP_FILE_ADVISORY)
		return -EINVAL;
	if (!(sbi->vol->can & PN4_CAN_CLONE))
		return -EOPNOTSUPP;
	rc = ps_lock_two(src, dst);
	if (rc)
		return rc;
	rc = ps_copy_prepare(src, dst, opos, len);
	if (rc)
		goto out;
	st = ps_stamp(dst);
	rc = pn4_clone(PS_N(src), ps_file_open(in), ipos, PS_N(dst),
		       ps_file_open(out), opos, len, &attr);
	if (rc) {
		ps_attr_expire(dst);
		goto out;
	}
	if (!len)			/* to the end of the source */
		len = i_size_read(src) - ipos;
	ps_copy_grown(dst, opos + len);
	ps_attr_apply(dst, &attr, st, true);
	invalidate_inode_pages2_range(dst->i_mapping, opos >> PAGE_SHIFT,
				      (opos + len - 1) >> PAGE_SHIFT);
	rc = len;
out:
	ps_unlock_two(src, dst);
	return rc;
}

static int ps_allocate(struct file *file, loff_t off, loff_t len)
{
	struct inode *inode = file_inode(file);
	struct pn4_attr attr = {};
	struct ps_stamp st;
	int rc;

	rc = inode_newsize_ok(inode, off + len);
	rc = rc ?: ps_flush_all(inode);
	if (rc)
		return rc;
	st = ps_stamp(inode);
	rc = pn4_allocate(PS_N(inode), ps_file_open(file), off, len, &attr);
	if (rc) {
		ps_attr_expire(inode);
		return rc;
	}
	ps_copy_grown(inode, off + len);
	ps_attr_apply(inode, &attr, st, true);
	return 0;
}

static int ps_punch(struct file *file, loff_t off, loff_t len)
{
	struct inode *inode = file_inode(file);
	struct pn4_attr attr = {};
	struct ps_stamp st;
	int rc;

	inode_dio_wait(inode);
	rc = ps_flush_all(inode);
	if (rc)
		return rc;
	st = ps_stamp(inode);
	rc = pn4_deallocate(PS_N(inode), ps_file_open(file), off, len, &attr);
	if (rc) {
		ps_attr_expire(inode);
		return rc;
	}
	truncate_pagecache_range(inode, off, off + len - 1);
	ps_attr_apply(inode, &attr, st, true);
	return 0;
}

long ps_fallocate(struct file *file, int mode, loff_t off, loff_t len)
{
	struct inode *inode = file_inode(file);
	struct ps_sb *sbi = PS_SB(inode->i_sb);
	int rc;

	if (!S_ISREG(inode->i_mode) || !(sbi->vol->can & PN4_CAN_ALLOCATE) ||
	    (mode && mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)))
		return -EOPNOTSUPP;
	rc = down_write_killable(&inode->i_rwsem);
	if (rc)
		return rc;
	rc = mode ? ps_punch(file, off, len) : ps_allocate(file, off, len);
	inode_unlock(inode);
	return rc;
}

static loff_t ps_seek(struct file *file, loff_t off, bool hole)
{
	struct inode *inode = file_inode(file);
	loff_t max = inode->i_sb->s_maxbytes;
	loff_t rc;

	if (off < 0)
		return -ENXIO;
	rc = ps_flush_range(inode, 0, LLONG_MAX, false);
	if (rc)
		return rc;
	rc = pn4_seek(PS_N(inode), ps_file_open(file), off, hole);
	if (rc < 0)
		return rc;
	return vfs_setpos(file, rc, max);
}

loff_t ps_llseek(struct file *file, loff_t off, int whence)
{
	struct inode *inode = file_inode(file);
	loff_t rc;

	if (whence == SEEK_DATA || whence == SEEK_HOLE) {
		rc = -EOPNOTSUPP;
		if (PS_SB(inode->i_sb)->vol->can & PN4_CAN_SEEK)
			rc = ps_seek(file, off, whence == SEEK_HOLE);
		if (rc != -EOPNOTSUPP)
			return rc;
	}
	if (whence != SEEK_SET && whence != SEEK_CUR) {
		rc = ps_attr_revalidate(inode);
		if (rc)
			return rc;
	}
	return generic_file_llseek_size(file, off, whence,
					inode->i_sb->s_maxbytes,
					i_size_read(inode));
}
