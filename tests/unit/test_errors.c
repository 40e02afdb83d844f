// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <string.h>
#include "../../fs/nfs4/errors.h"
#include "../../fs/nfs4/proto.h"
#include "test.h"

/* nfsstat4 of RFC 7863 and RFC 8276 as ranges, but for the holes */
static bool in_rfc(u32 st)
{
	static const u32 low[] = {
		0, 1, 2, 5, 6, 13, 17, 18, 20, 21, 22, 27, 28, 30, 31, 63, 66,
		69, 70,
	};
	size_t i;

	for (i = 0; i < sizeof(low) / sizeof(low[0]); i++)
		if (low[i] == st)
			return true;
	return st == 10001 || (st >= 10003 && st <= 10096 && st != 10073);
}

TEST(every_status_of_the_rfcs_has_a_row)
{
	u32 st;

	for (st = 0; st < 10200; st++) {
		const struct pn4_error *e = pn4_error(st);

		if (in_rfc(st) != (e->status == st))
			test_fail(__FILE__, __LINE__, "%u: row of %u", st,
				  e->status);
	}
}

TEST(unknown_statuses_fail_sanely)
{
	static const u32 unknown[] = { 3, 19, 10000, 10073, 10097, 0x7fffffff, ~0U };
	size_t i;

	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		CHECK_EQ(pn4_error(unknown[i])->class, PN4_CLASS_FAIL);
		CHECK_EQ(pn4_error(unknown[i])->err, -EREMOTEIO);
		CHECK(!strcmp(pn4_status_name(unknown[i]), "NFS4ERR_?"));
	}
}

/* Errnos above 511 are the kernel's own and mean nothing to a program. */
TEST(errors_are_errnos_a_program_may_see)
{
	u32 st;

	for (st = 1; st < 10200; st++) {
		const struct pn4_error *e = pn4_error(st);

		CHECK(e->err < 0 && e->err > -512);
		CHECK(e->class != PN4_CLASS_DONE);
		CHECK(!strncmp(e->name, "NFS4ERR_", 8));
	}
	CHECK_EQ(pn4_error(0)->class, PN4_CLASS_DONE);
	CHECK_EQ(pn4_error(0)->err, 0);
}

TEST(errors_lead_where_they_should)
{
	static const struct {
		u32 status;
		u8 class;
		s16 err;
	} want[] = {
		{ PN4ERR_NOENT, PN4_CLASS_FAIL, -ENOENT },
		{ PN4ERR_ACCESS, PN4_CLASS_FAIL, -EACCES },
		{ PN4ERR_NOTSUPP, PN4_CLASS_FAIL, -EOPNOTSUPP },
		{ PN4ERR_DQUOT, PN4_CLASS_FAIL, -EDQUOT },
		{ PN4ERR_STALE, PN4_CLASS_FAIL, -ESTALE },
		{ PN4ERR_NOXATTR, PN4_CLASS_FAIL, -ENODATA },
		{ PN4ERR_DELAY, PN4_CLASS_DELAY, -EBUSY },
		{ PN4ERR_GRACE, PN4_CLASS_GRACE, -EBUSY },
		{ PN4ERR_RETRY_UNCACHED_REP, PN4_CLASS_RETRY, -EIO },
		{ PN4ERR_BADSESSION, PN4_CLASS_SESSION, -EIO },
		{ PN4ERR_DEADSESSION, PN4_CLASS_SESSION, -EIO },
		{ PN4ERR_BADSLOT, PN4_CLASS_SESSION, -EIO },
		{ PN4ERR_SEQ_MISORDERED, PN4_CLASS_SESSION, -EIO },
		{ PN4ERR_STALE_CLIENTID, PN4_CLASS_CLIENT, -EIO },
		{ PN4ERR_BAD_STATEID, PN4_CLASS_STATEID, -EIO },
		{ PN4ERR_OLD_STATEID, PN4_CLASS_STATEID, -EIO },
		{ PN4ERR_EXPIRED, PN4_CLASS_STATEID, -EIO },
		{ PN4ERR_MOVED, PN4_CLASS_MOVED, -EREMOTE },
		{ PN4ERR_CONN_NOT_BOUND_TO_SESSION, PN4_CLASS_BACKCHANNEL, -EIO },
	};
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		CHECK_EQ(pn4_error(want[i].status)->class, want[i].class);
		CHECK_EQ(pn4_error(want[i].status)->err, want[i].err);
	}
	CHECK(!strcmp(pn4_status_name(10008), "NFS4ERR_DELAY"));
	CHECK(!strcmp(pn4_status_name(0), "NFS4_OK"));
	CHECK_EQ(pn4_errno(0), 0);
	CHECK_EQ(pn4_errno(-EINTR), -EINTR);
	CHECK_EQ(pn4_errno(PN4ERR_NOSPC), -ENOSPC);
}

TEST(state_that_is_gone)
{
	CHECK(pn4_state_gone(PN4ERR_BAD_STATEID));
	CHECK(pn4_state_gone(PN4ERR_EXPIRED));
	CHECK(pn4_state_gone(PN4ERR_DELEG_REVOKED));
	CHECK(pn4_state_gone(PN4ERR_STALE));
	CHECK(!pn4_state_gone(PN4ERR_BADSESSION));
	CHECK(!pn4_state_gone(PN4ERR_STALE_CLIENTID));
	CHECK(!pn4_state_gone(PN4ERR_DELAY));
	CHECK(!pn4_state_gone(0));
	CHECK(!pn4_state_gone(-EIO));
}
