// SPDX-License-Identifier: GPL-2.0
/* Regular files: reading, writing, fsync. */
#include "penstock.h"

static ssize_t ps_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	int rc;

	rc = pn4_open_error(ps_file_open(iocb->ki_filp));
	if (rc)
		return rc;
	if (iocb->ki_flags & IOCB_DIRECT)
		return ps_direct_read(iocb, to);
	rc = ps_data_revalidate(inode, iocb->ki_flags & IOCB_NOWAIT);
	return rc ? rc : filemap_read(iocb, to, 0);
}

static ssize_t ps_splice_read(struct file *in, loff_t *pos,
			      struct pipe_inode_info *pipe, size_t len,
			      unsigned int flags)
{
	int rc = pn4_open_error(ps_file_open(in)) ?:
		 ps_data_revalidate(file_inode(in), false);

	return rc ? rc : ps_generic_splice_read(in, pos, pipe, len, flags);
}

static ssize_t ps_write_locked(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t rc = 0;

	/* where the file ends, others may have moved */
	if (iocb->ki_flags & IOCB_APPEND)
		rc = ps_attr_refresh(inode);
	if (!rc && test_bit(PS_I_DATA_STALE, &PS_I(inode)->flags))
		rc = ps_data_invalidate(inode);
	rc = rc ?: generic_write_checks(iocb, from);
	return rc > 0 ? ps_buffered_write(iocb, from) : rc;
}

static ssize_t ps_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t rc = pn4_open_error(ps_file_open(iocb->ki_filp));

	if (rc)
		return rc;
	if (iocb->ki_flags & IOCB_DIRECT)
		return ps_direct_write(iocb, from);
	if (iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;
	rc = down_write_killable(&inode->i_rwsem);
	if (rc)
		return rc;
	rc = ps_write_locked(iocb, from);
	inode_unlock(inode);
	return rc > 0 ? generic_write_sync(iocb, rc) : rc;
}

/* Also for O_SYNC, O_DSYNC and msync. */
int ps_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *inode = file_inode(file);
	int rc, err;

	rc = ps_flush_range(inode, start, end, true);
	rc = rc ?: ps_commit(inode);
	err = file_check_and_advance_wb_err(file);
	err = err ?: pn4_open_error(ps_file_open(file));
	return err ? err : rc;
}

const struct inode_operations ps_file_iops = {
	.permission = ps_permission,
	.getattr = ps_getattr,
	.setattr = ps_setattr,
	.listxattr = ps_listxattr,
};

const struct file_operations ps_file_fops = {
	.owner = THIS_MODULE,
	.open = ps_open,
	.flush = ps_flush,
	.release = ps_release,
	.llseek = ps_llseek,
	.read_iter = ps_read_iter,
	.write_iter = ps_write_iter,
	.splice_read = ps_splice_read,
	.splice_write = iter_file_splice_write,
	.fsync = ps_fsync,
	.lock = ps_lock,
	.flock = ps_flock,
	.setlease = ps_setlease,
	.fallocate = ps_fallocate,
	.copy_file_range = ps_copy_file_range,
	.remap_file_range = ps_remap_file_range,
#if PS_KV(6, 17)
	.mmap_prepare = ps_mmap_prepare,
#else
	.mmap = ps_mmap,
#endif
};
