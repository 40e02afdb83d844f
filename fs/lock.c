// SPDX-License-Identifier: GPL-2.0
/*
 * File locks, among the processes of this client only.
 *
 * Data is treated as if other clients saw the locks: what was written is at
 * the server before a lock is given up, and what is cached is compared with
 * the server after one was got.
 */
#include "penstock.h"

static int ps_lock_sync(struct inode *inode)
{
	int rc;

	rc = ps_flush_all(inode);
	/* adopt the version that we made, so that others' are told from it */
	if (!rc && test_bit(PS_I_OWN, &PS_I(inode)->flags))
		rc = ps_attr_refresh(inode);
	return rc;
}

static int ps_setlk(struct file *file, struct file_lock *fl)
{
	struct inode *inode = file_inode(file);
	int rc;

	rc = ps_lock_sync(inode);
	if (ps_fl(fl, type) == F_UNLCK)
		return locks_lock_file_wait(file, fl);	/* come what may */
	rc = rc ?: locks_lock_file_wait(file, fl);
	if (rc)
		return rc;
	/* the lock is held; what cannot be asked now is asked at first use */
	ps_attr_expire(inode);
	ps_data_revalidate(inode, false);
	return 0;
}

int ps_lock(struct file *file, int cmd, struct file_lock *fl)
{
	if (IS_GETLK(cmd)) {
		posix_test_lock(file, fl);
		return 0;
	}
	return ps_setlk(file, fl);
}

int ps_flock(struct file *file, int cmd, struct file_lock *fl)
{
	if (!(ps_fl(fl, flags) & FL_FLOCK))
		return -ENOLCK;
	return ps_setlk(file, fl);
}

/* A lease would need a delegation behind it. */
int ps_setlease(struct file *file, ps_lease_arg arg, ps_lease **lease,
		void **priv)
{
	if (arg == F_UNLCK)
		return generic_setlease(file, arg, lease, priv);
	return -EAGAIN;
}
