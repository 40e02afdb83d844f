/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each NFS status means for the client.  Pure.
 */
#ifndef PENSTOCK_NFS4_ERRORS_H
#define PENSTOCK_NFS4_ERRORS_H

#include <linux/types.h>

/**
 * enum pn4_class - what to do about a status
 * @PN4_CLASS_DONE: nothing, it went well
 * @PN4_CLASS_RETRY: send again at once, in a new slot sequence; at most a few times
 * @PN4_CLASS_DELAY: send again after a pause that grows
 * @PN4_CLASS_GRACE: the server is in its grace period: send again after a pause;
 *	reclaims are not held up
 * @PN4_CLASS_SESSION: make a new session (the client id if that fails), send
 *	again
 * @PN4_CLASS_CLIENT: make a new client id and session, reclaim, send again
 * @PN4_CLASS_STATEID: the state used is not what the server has: test or
 *	reopen it, send again with the new one
 * @PN4_CLASS_MOVED: the file system is elsewhere now
 * @PN4_CLASS_BACKCHANNEL: bind the connection to the session, send again
 * @PN4_CLASS_FAIL: report pn4_error.err
 */
enum pn4_class {
	PN4_CLASS_DONE,
	PN4_CLASS_RETRY,
	PN4_CLASS_DELAY,
	PN4_CLASS_GRACE,
	PN4_CLASS_SESSION,
	PN4_CLASS_CLIENT,
	PN4_CLASS_STATEID,
	PN4_CLASS_MOVED,
	PN4_CLASS_BACKCHANNEL,
	PN4_CLASS_FAIL,
};

/**
 * struct pn4_error - one row
 * @status: nfsstat4
 * @class: enum pn4_class
 * @err: -errno for the user if the class is PN4_CLASS_FAIL, or did not help
 * @name: as in the RFC
 */
struct pn4_error {
	u32 status;
	u8 class;
	s16 err;
	const char *name;
};

/* Never NULL: unknown statuses are PN4_CLASS_FAIL with -EREMOTEIO. */
const struct pn4_error *pn4_error(u32 status);
/* The state used, or the file, is not there any more: it need not be given up. */
bool pn4_state_gone(int st);
/* "NFS4ERR_NOENT"; "NFS4ERR_?" for what no RFC that we know has */
const char *pn4_status_name(u32 status);

/* 0 for 0, @st if it is negative already, else the row's errno */
static inline int pn4_errno(int st)
{
	return st > 0 ? pn4_error((u32)st)->err : st;
}

#endif
