// SPDX-License-Identifier: GPL-2.0
/*
 * File locks: fcntl(2), OFD and flock(2), all as byte-range locks at the server.
 *
 * The server decides; the VFS's own list is kept along, for /proc/locks, for
 * releasing at close, for waiting among the processes of this client and for
 * deadlocks among them.  A lock is entered there after the server has granted
 * it and removed after the server has released it.
 *
 * Data follows the locks: what was written is at the server before a lock is
 * given up, and what is cached is compared with the server after one was got.
 * Under a write delegation, which nobody else sees the locks of, it need not.
 */
#include <linux/sched/signal.h>
#include "../net/wait.h"
#include "penstock.h"

/* One request of the VFS on its way through the engine. */
struct ps_lock_req {
	struct pn4_lock lk;
	struct file *file;
	struct file_lock *fl;
};

static bool ps_lock_private(struct inode *inode)
{
	return pn4_deleg_covers(PS_N(inode), FMODE_WRITE);
}

static int ps_lock_sync(struct inode *inode)
{
	int rc;

	if (ps_lock_private(inode))
		return 0;

	rc = ps_flush_all(inode);
	/* adopt the version that we made, so that others' are told from it */
	if (!rc && test_bit(PS_I_OWN, &PS_I(inode)->flags))
		rc = ps_attr_refresh(inode);
	return rc;
}

/*
 * Who held the lock before may have written while we wrote elsewhere in the file
 * and took the change for ours.
 */
static void ps_lock_doubt(struct inode *inode)
{
	struct ps_inode *pi = PS_I(inode);

	if (test_bit(PS_I_UNSURE, &pi->flags) || test_bit(PS_I_OWN, &pi->flags))
		set_bit(PS_I_DATA_STALE, &pi->flags);
}

/* ---- the VFS's list ---- */

/*
 * Only a process of this client that has just given the lock up at the server
 * can still be in the way: for as long as it takes to remove its entry.
 */
static int ps_lock_enter(struct pn4_lock *lk)
{
	struct ps_lock_req *req = container_of(lk, struct ps_lock_req, lk);
	unsigned int flags = ps_fl(req->fl, flags);
	int tries, rc = -EAGAIN;

	ps_fl(req->fl, flags) = flags & ~(FL_SLEEP | FL_ACCESS);
	for (tries = 0; tries < HZ && rc == -EAGAIN && !prpc_killed(); tries++) {
		if (tries)
			schedule_timeout_uninterruptible(1);
		rc = locks_lock_file_wait(req->file, req->fl);
	}
	ps_fl(req->fl, flags) = flags;
	return rc;
}

static int ps_lock_remove(struct pn4_lock *lk)
{
	struct ps_lock_req *req = container_of(lk, struct ps_lock_req, lk);

	return locks_lock_file_wait(req->file, req->fl);
}

/* Is the way free on this client?  -EAGAIN; with FL_SLEEP: waits, -EDEADLK. */
static int ps_lock_local_check(struct ps_lock_req *req, unsigned int sleep)
{
	unsigned int flags = ps_fl(req->fl, flags);
	int rc;

	ps_fl(req->fl, flags) = (flags & ~FL_SLEEP) | FL_ACCESS | sleep;
	rc = locks_lock_file_wait(req->file, req->fl);
	ps_fl(req->fl, flags) = flags;
	return rc;
}

/* ---- translation ---- */

static void ps_lock_req_init(struct ps_lock_req *req, struct file *file,
			     struct file_lock *fl)
{
	bool all = ps_fl(fl, flags) & FL_FLOCK;

	req->file = file;
	req->fl = fl;
	req->lk.owner = ps_fl(fl, owner);
	req->lk.kind = all ? PN4_LOCK_FLOCK : PN4_LOCK_FCNTL;
	req->lk.write = ps_fl(fl, type) == F_WRLCK;
	req->lk.start = all ? 0 : fl->fl_start;
	req->lk.end = all || fl->fl_end == OFFSET_MAX ? U64_MAX : fl->fl_end;
	req->lk.record = ps_fl(fl, type) == F_UNLCK ? ps_lock_remove :
						      ps_lock_enter;
}

/* ---- locking ---- */

static int ps_lock_once(struct ps_lock_req *req)
{
	return ps_lock_local_check(req, 0) ?:
	       pn4_lock(ps_file_open(req->file), &req->lk, false);
}

/*
 * flock(2) gives up the old lock before it waits for another kind of it:
 * otherwise two that share and both want it alone would wait for ever.
 * -EAGAIN: go on, wait.
 */
static int ps_flock_convert(struct ps_lock_req *req)
{
	struct ps_lock_req old = *req;
	int type = ps_fl(req->fl, type);
	int rc;

	if (req->lk.kind != PN4_LOCK_FLOCK ||
	    !pn4_lock_held(ps_file_open(req->file), &req->lk))
		return -EAGAIN;
	rc = ps_lock_once(req);
	if (rc != -EAGAIN)
		return rc;
	ps_fl(req->fl, type) = F_UNLCK;
	old.lk.record = ps_lock_remove;
	pn4_unlock(ps_file_open(req->file), &old.lk);
	ps_fl(req->fl, type) = type;
	return -EAGAIN;
}

static int ps_lock_blocking(struct ps_lock_req *req)
{
	struct pn4_open *open = ps_file_open(req->file);
	struct pn4_lock_wait wait;
	int rc = ps_flock_convert(req);

	if (rc != -EAGAIN)
		return rc;
	rc = pn4_lock_wait_begin(&wait, open, &req->lk);
	if (rc)
		return rc;
	for (;;) {
		rc = ps_lock_local_check(req, FL_SLEEP) ?:
		     pn4_lock(open, &req->lk, true);
		if (rc != -EAGAIN)
			break;
		if (ps_lock_local_check(req, 0) == -EAGAIN)
			continue;	/* one of ours: the VFS wakes sooner */
		rc = pn4_lock_wait(&wait);
		if (rc)
			break;
	}
	pn4_lock_wait_end(&wait);
	return rc;
}

/* By @cmd and not by FL_SLEEP, with which a lock manager asks not to be blocked. */
static int ps_lock_get(struct file *file, int cmd, struct file_lock *fl)
{
	struct inode *inode = file_inode(file);
	struct ps_lock_req req;
	int rc;

	ps_lock_req_init(&req, file, fl);
	rc = ps_lock_sync(inode);
	if (rc)
		return rc;
	if (IS_SETLKW(cmd))
		rc = ps_lock_blocking(&req);
	else
		rc = ps_lock_once(&req);
	if (rc)
		return rc;
	if (ps_lock_private(inode))
		return 0;
	/* the lock is held; what cannot be asked now is asked at first use */
	ps_lock_doubt(inode);
	ps_attr_expire(inode);
	ps_data_revalidate(inode, false);
	/* a change of ours in between may have hidden theirs once more */
	ps_lock_doubt(inode);
	return 0;
}

/* Never fails because the server is away: see pn4_unlock(). */
static int ps_lock_put(struct file *file, struct file_lock *fl)
{
	struct pn4_open *open = ps_file_open(file);
	struct ps_lock_req req;

	ps_lock_req_init(&req, file, fl);
	/* every close comes here, also of those who hold nothing */
	if (pn4_lock_held(open, &req.lk))
		ps_lock_sync(file_inode(file));
	return pn4_unlock(open, &req.lk);
}

static int ps_lock_set(struct file *file, int cmd, struct file_lock *fl)
{
	if (ps_fl(fl, type) == F_UNLCK)
		return ps_lock_put(file, fl);
	/* the VFS has not looked, for flock(2); the server will */
	if (ps_fl(fl, type) == F_RDLCK && !(file->f_mode & FMODE_READ))
		return -EBADF;
	if (ps_fl(fl, type) == F_WRLCK && !(file->f_mode & FMODE_WRITE))
		return -EBADF;
	return ps_lock_get(file, cmd, fl);
}

/* ---- testing ---- */

static int ps_lock_test(struct file *file, struct file_lock *fl)
{
	struct ps_lock_req req;
	int rc;

	ps_lock_req_init(&req, file, fl);
	posix_test_lock(file, fl);
	if (ps_fl(fl, type) != F_UNLCK)
		return 0;
	rc = pn4_lock_test(ps_file_open(file), &req.lk);
	if (rc <= 0)
		return rc;
	ps_fl(fl, type) = req.lk.write ? F_WRLCK : F_RDLCK;
	fl->fl_start = min_t(u64, req.lk.start, OFFSET_MAX);
	fl->fl_end = min_t(u64, req.lk.end, OFFSET_MAX);
	ps_fl(fl, flags) &= ~FL_OFDLCK;	/* not this client's, so no -1 ... */
	ps_fl(fl, pid) = 0;		/* ... and not a process of it */
	return 0;
}

/* ---- operations ---- */

int ps_lock(struct file *file, int cmd, struct file_lock *fl)
{
	if (PS_SB(file_inode(file)->i_sb)->opts.local_lock & PS_LOCAL_POSIX) {
		if (!IS_GETLK(cmd))
			return locks_lock_file_wait(file, fl);
		posix_test_lock(file, fl);
		return 0;
	}
	return IS_GETLK(cmd) ? ps_lock_test(file, fl) :
			       ps_lock_set(file, cmd, fl);
}

int ps_flock(struct file *file, int cmd, struct file_lock *fl)
{
	if (!(ps_fl(fl, flags) & FL_FLOCK))
		return -ENOLCK;
	if (PS_SB(file_inode(file)->i_sb)->opts.local_lock & PS_LOCAL_FLOCK)
		return locks_lock_file_wait(file, fl);
	return ps_lock_set(file, cmd, fl);
}

/* A lease would need a delegation behind it. */
int ps_setlease(struct file *file, ps_lease_arg arg, ps_lease **lease,
		void **priv)
{
	if (arg == F_UNLCK)
		return generic_setlease(file, arg, lease, priv);
	return -EAGAIN;
}
