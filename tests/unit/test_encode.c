// SPDX-License-Identifier: GPL-2.0
/*
 * Every encoder against bytes written by hand, and into buffers of every
 * smaller size.
 */
#include <linux/errno.h>
#include <stdlib.h>
#include <string.h>
#include "../../fs/nfs4/attr.h"
#include "../../fs/nfs4/codec.h"
#include "test.h"
#include "wire.h"

#define SESSION	"x000102030405060708090a0b0c0d0e0f"
#define SID	"7 xaabbccddeeff001122334455"
#define VERF	"x0102030405060708"

static const u8 session[16] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
};

static const struct pn4_stateid sid = {
	7, { 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0, 0x11, 0x22, 0x33, 0x44, 0x55 }
};

static const struct pn4_attr mode_0644 = { .valid = PN4_ATTR_MODE, .mode = 0644 };

static __be64 verf(void)
{
	static const u8 bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	__be64 v;

	memcpy(&v, bytes, 8);
	return v;
}

static void enc_compound(struct pxdr_enc *e)
{
	__be32 *place = pn4_enc_compound(e, 2);

	pn4_enc_putrootfh(e);
	pn4_enc_getfh(e);
	pn4_enc_compound_end(place, 2);
}

static void enc_sequence(struct pxdr_enc *e)
{
	struct pn4_sequence_args a = {
		.sequenceid = 9, .slotid = 3, .highest_slotid = 63, .cachethis = true,
	};

	memcpy(a.sessionid, session, 16);
	pn4_enc_sequence(e, &a);
}

static void enc_exchange_id(struct pxdr_enc *e)
{
	struct pn4_exchange_id_args a = {
		.verifier = { 1, 2, 3, 4, 5, 6, 7, 8 }, .owner = "owner",
		.owner_len = 5, .flags = 0x101, .impl_domain = "d",
		.impl_name = "penstock", .impl_date = { 5, 6 },
	};

	pn4_enc_exchange_id(e, &a);
}

static void enc_exchange_id_protected(struct pxdr_enc *e)
{
	static const struct pn4_protect_ops ops = {
		.enforce = { 0, 0x2001e00 }, .allow = { 0x4110, 0x802000 },
	};
	struct pn4_exchange_id_args a = {
		.verifier = { 1, 2, 3, 4, 5, 6, 7, 8 }, .owner = "owner",
		.owner_len = 5, .protect = &ops,
	};

	pn4_enc_exchange_id(e, &a);
}

static void enc_exchange_id_plain(struct pxdr_enc *e)
{
	struct pn4_exchange_id_args a = {
		.verifier = { 1, 2, 3, 4, 5, 6, 7, 8 }, .owner = "owner",
		.owner_len = 5,
	};

	pn4_enc_exchange_id(e, &a);
}

static void enc_create_session(struct pxdr_enc *e)
{
	struct pn4_create_session_args a = {
		.clientid = 0x1122334455667788, .sequenceid = 1, .flags = 2,
		.fore = { 0, 1000, 2000, 300, 16, 64 },
		.back = { 0, 4096, 4097, 0, 2, 16 },
		.cb_program = 0x40000000, .machine = "host",
	};

	pn4_enc_create_session(e, &a);
}

static void enc_bind(struct pxdr_enc *e)
{
	pn4_enc_bind_conn_to_session(e, session, PN4_CDFC_FORE_OR_BOTH, false);
}

static void enc_destroy_session(struct pxdr_enc *e)
{
	pn4_enc_destroy_session(e, session);
}

static void enc_small_session_ops(struct pxdr_enc *e)
{
	struct pn4_stateid two[2] = { sid, sid };

	pn4_enc_destroy_clientid(e, 0x1122334455667788);
	pn4_enc_reclaim_complete(e, false);
	pn4_enc_test_stateid(e, two, 2);
	pn4_enc_free_stateid(e, &sid);
	pn4_enc_secinfo_no_name(e, PN4_SECINFO_PARENT);
	pn4_enc_secinfo(e, "dir", 3);
}

static void enc_handles(struct pxdr_enc *e)
{
	struct pn4_fh fh = { 5, { 1, 2, 3, 4, 5 } };

	pn4_enc_putfh(e, &fh);
	pn4_enc_savefh(e);
	pn4_enc_restorefh(e);
	pn4_enc_lookupp(e);
	pn4_enc_readlink(e);
}

static void enc_getattr(struct pxdr_enc *e)
{
	const u32 mask[3] = { 0x18, 0x2, 0 };
	const u32 third[3] = { 0, 0, 0x2000 };
	const u32 none[3] = { 0 };

	pn4_enc_getattr(e, mask);
	pn4_enc_getattr(e, third);
	pn4_enc_getattr(e, none);
}

static void enc_setattr(struct pxdr_enc *e)
{
	struct pn4_attr a = {
		.valid = PN4_ATTR_SIZE | PN4_ATTR_MODE | PN4_ATTR_UID |
			 PN4_ATTR_GID | PN4_ATTR_ATIME_NOW | PN4_ATTR_MTIME |
			 PN4_ATTR_BTIME,
		.size = 5, .mode = 0104755, .uid = 0, .gid = 4294967294u,
		.mtime = { -1, 999999999 }, .btime = { 7, 8 },
	};

	pn4_enc_setattr(e, &sid, &a);
}

static void enc_setattr_none(struct pxdr_enc *e)
{
	struct pn4_attr a = { .valid = PN4_ATTR_NLINK | PN4_ATTR_FSID };

	pn4_enc_setattr(e, &sid, &a);
}

static void enc_access(struct pxdr_enc *e)
{
	pn4_enc_access(e, PN4_ACCESS_READ | PN4_ACCESS_XALIST);
}

static void enc_lookup(struct pxdr_enc *e)
{
	pn4_enc_lookup(e, "name", 4);
}

static void enc_create(struct pxdr_enc *e, u32 type)
{
	struct pn4_create_args a = {
		.type = type, .name = "n", .name_len = 1, .target = "tgt",
		.target_len = 3, .rdev_major = 8, .rdev_minor = 17,
		.set = &mode_0644,
	};

	pn4_enc_create(e, &a);
}

static void enc_mkdir(struct pxdr_enc *e)
{
	enc_create(e, PN4_DIR);
}

static void enc_symlink(struct pxdr_enc *e)
{
	enc_create(e, PN4_LNK);
}

static void enc_mknod(struct pxdr_enc *e)
{
	enc_create(e, PN4_BLK);
	enc_create(e, PN4_CHR);
	enc_create(e, PN4_FIFO);
	enc_create(e, PN4_SOCK);
}

static void enc_names(struct pxdr_enc *e)
{
	pn4_enc_remove(e, "gone", 4);
	pn4_enc_rename(e, "a", 1, "bcdef", 5);
	pn4_enc_link(e, "l", 1);
}

static void enc_readdir(struct pxdr_enc *e)
{
	struct pn4_readdir_args a = {
		.cookie = 77, .verf = verf(), .dircount = 1000,
		.maxcount = 65536, .mask = { 0x100802, 0x800000, 0 },
	};

	pn4_enc_readdir(e, &a);
}

static const struct pn4_open4_args open_base = {
	.access = PN4_SHARE_ACCESS_READ | PN4_WANT_NO_DELEG,
	.deny = PN4_SHARE_DENY_NONE, .clientid = 3, .owner = "own",
	.owner_len = 3, .mode = PN4_OPEN_NOCREATE, .claim = PN4_CLAIM_NULL,
	.name = "f", .name_len = 1,
};

#define OPEN_HEAD "18 0 0x401 0 q3 'own' "

static void enc_open_null(struct pxdr_enc *e)
{
	pn4_enc_open(e, &open_base);
}

static void enc_open_create(struct pxdr_enc *e, u32 mode)
{
	struct pn4_open4_args a = open_base;

	a.mode = mode;
	a.set = &mode_0644;
	a.verf = verf();
	pn4_enc_open(e, &a);
}

static void enc_open_unchecked(struct pxdr_enc *e)
{
	enc_open_create(e, PN4_UNCHECKED);
}

static void enc_open_guarded(struct pxdr_enc *e)
{
	enc_open_create(e, PN4_GUARDED);
}

static void enc_open_exclusive(struct pxdr_enc *e)
{
	enc_open_create(e, PN4_EXCLUSIVE_1);
}

static void enc_open_claim(struct pxdr_enc *e, u32 claim)
{
	struct pn4_open4_args a = open_base;

	a.claim = claim;
	a.deleg = sid;
	a.deleg_type = PN4_DELEG_WRITE;
	pn4_enc_open(e, &a);
}

static void enc_open_fh(struct pxdr_enc *e)
{
	enc_open_claim(e, PN4_CLAIM_FH);
}

static void enc_open_previous(struct pxdr_enc *e)
{
	enc_open_claim(e, PN4_CLAIM_PREVIOUS);
}

static void enc_open_deleg_cur(struct pxdr_enc *e)
{
	enc_open_claim(e, PN4_CLAIM_DELEGATE_CUR);
	enc_open_claim(e, PN4_CLAIM_DELEG_CUR_FH);
}

static void enc_open_others(struct pxdr_enc *e)
{
	pn4_enc_open_downgrade(e, &sid, 1, 0);
	pn4_enc_close(e, &sid);
	pn4_enc_delegreturn(e, &sid);
}

static const struct pn4_lock_args lock_base = {
	.type = PN4_WRITEW_LT, .offset = 16, .length = PN4_UINT64_MAX,
	.stateid = { 7, { 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0, 0x11, 0x22,
			  0x33, 0x44, 0x55 } },
	.clientid = 3, .owner = "lo", .owner_len = 2,
};

static void enc_lock_new(struct pxdr_enc *e)
{
	struct pn4_lock_args a = lock_base;

	a.new_owner = true;
	a.reclaim = true;
	pn4_enc_lock(e, &a);
}

static void enc_lock(struct pxdr_enc *e)
{
	pn4_enc_lock(e, &lock_base);
}

static void enc_lockt_locku(struct pxdr_enc *e)
{
	pn4_enc_lockt(e, &lock_base);
	pn4_enc_locku(e, PN4_READ_LT, &sid, 1, 2);
}

static void enc_data(struct pxdr_enc *e)
{
	pn4_enc_read(e, &sid, 0x100000000, 1048576);
	pn4_enc_commit(e, 4096, 0);
	pn4_enc_write(e, &sid, 8192, PN4_FILE_SYNC, 5);
}

static void enc_v42(struct pxdr_enc *e)
{
	pn4_enc_allocate(e, &sid, 1, 2);
	pn4_enc_deallocate(e, &sid, 3, 4);
	pn4_enc_seek(e, &sid, 5, PN4_CONTENT_HOLE);
	pn4_enc_offload_cancel(e, &sid);
	pn4_enc_offload_status(e, &sid);
}

static void enc_copies(struct pxdr_enc *e)
{
	struct pn4_copy_args copy = { sid, { 0 }, 1, 2, 3, true, false };
	struct pn4_clone_args clone = { { 0 }, sid, 4, 5, 6 };

	pn4_enc_copy(e, &copy);
	pn4_enc_clone(e, &clone);
}

static void enc_xattrs(struct pxdr_enc *e)
{
	struct pn4_setxattr_args set = {
		PN4_SETXATTR_REPLACE, "key", 3, "value", 5,
	};

	pn4_enc_getxattr(e, "key", 3);
	pn4_enc_setxattr(e, &set);
	pn4_enc_listxattrs(e, 9, 4096);
	pn4_enc_removexattr(e, "key", 3);
}

static void enc_cb(struct pxdr_enc *e)
{
	struct pn4_cb_sequence_args seq = { .sequenceid = 4, .slotid = 1 };
	struct pn4_attr attr = {
		.valid = PN4_ATTR_CHANGE | PN4_ATTR_SIZE | PN4_ATTR_MODE,
		.change = 5, .size = 6,
	};
	struct pn4_cb_reply reply;

	memcpy(seq.sessionid, session, 16);
	pn4_enc_cb_compound(e, &reply, "tag", 3);
	pn4_enc_cb_sequence(e, &seq, 15, 14);
	pn4_enc_cb_getattr(e, &attr);
	pn4_enc_cb_status(e, PN4_OP_CB_NOTIFY, PN4ERR_NOTSUPP);
	pn4_enc_cb_compound_end(&reply, PN4ERR_NOTSUPP, 3);
}

static const struct {
	const char *name;
	void (*enc)(struct pxdr_enc *e);
	const char *wire;
} cases[] = {
	{ "COMPOUND", enc_compound, "'' 2 2 24 10" },
	{ "SEQUENCE", enc_sequence, "53 " SESSION " 9 3 63 1" },
	{ "EXCHANGE_ID", enc_exchange_id,
	  "42 " VERF " 'owner' 0x101 0 1 'd' 'penstock' q5 6" },
	{ "EXCHANGE_ID without impl_id", enc_exchange_id_plain,
	  "42 " VERF " 'owner' 0 0 0" },
	{ "EXCHANGE_ID with protection", enc_exchange_id_protected,
	  "42 " VERF " 'owner' 0 1 2 0 0x2001e00 2 0x4110 0x802000 0" },
	{ "CREATE_SESSION", enc_create_session,
	  "43 q0x1122334455667788 1 2 0 1000 2000 300 16 64 0 "
	  "0 4096 4097 0 2 16 0 0x40000000 2 1 0 'host' 0 0 0 0" },
	{ "BIND_CONN_TO_SESSION", enc_bind, "41 " SESSION " 3 0" },
	{ "DESTROY_SESSION", enc_destroy_session, "44 " SESSION },
	{ "DESTROY_CLIENTID ...", enc_small_session_ops,
	  "57 q0x1122334455667788 58 0 55 2 " SID " " SID " 45 " SID " 52 1 33 'dir'" },
	{ "PUTFH ...", enc_handles, "22 o0102030405 32 31 16 27" },
	{ "GETATTR", enc_getattr, "9 2 0x18 0x2 9 3 0 0 0x2000 9 0" },
	{ "SETATTR", enc_setattr,
	  "34 " SID " 2 0x10 0x00450032 "
	  "[ q5 0x9ed '0' '4294967294' 0 q7 8 1 q0xffffffffffffffff 999999999 ]" },
	{ "SETATTR of nothing", enc_setattr_none, "34 " SID " 0 0" },
	{ "ACCESS", enc_access, "3 0x101" },
	{ "LOOKUP", enc_lookup, "15 'name'" },
	{ "CREATE dir", enc_mkdir, "6 2 'n' 2 0 0x2 [ 0x1a4 ]" },
	{ "CREATE symlink", enc_symlink, "6 5 'tgt' 'n' 2 0 0x2 [ 0x1a4 ]" },
	{ "CREATE special", enc_mknod,
	  "6 3 8 17 'n' 2 0 0x2 [ 0x1a4 ] 6 4 8 17 'n' 2 0 0x2 [ 0x1a4 ] "
	  "6 7 'n' 2 0 0x2 [ 0x1a4 ] 6 6 'n' 2 0 0x2 [ 0x1a4 ]" },
	{ "REMOVE, RENAME, LINK", enc_names, "28 'gone' 29 'a' 'bcdef' 11 'l'" },
	{ "READDIR", enc_readdir,
	  "26 q77 " VERF " 1000 65536 2 0x100802 0x800000" },
	{ "OPEN", enc_open_null, OPEN_HEAD "0 0 'f'" },
	{ "OPEN unchecked", enc_open_unchecked,
	  OPEN_HEAD "1 0 2 0 0x2 [ 0x1a4 ] 0 'f'" },
	{ "OPEN guarded", enc_open_guarded,
	  OPEN_HEAD "1 1 2 0 0x2 [ 0x1a4 ] 0 'f'" },
	{ "OPEN exclusive", enc_open_exclusive,
	  OPEN_HEAD "1 3 " VERF " 2 0 0x2 [ 0x1a4 ] 0 'f'" },
	{ "OPEN by handle", enc_open_fh, OPEN_HEAD "0 4" },
	{ "OPEN reclaim", enc_open_previous, OPEN_HEAD "0 1 2" },
	{ "OPEN under a delegation", enc_open_deleg_cur,
	  OPEN_HEAD "0 2 " SID " 'f' " OPEN_HEAD "0 5 " SID },
	{ "OPEN_DOWNGRADE ...", enc_open_others,
	  "21 " SID " 0 1 0 4 0 " SID " 8 " SID },
	{ "LOCK new owner", enc_lock_new,
	  "12 4 1 q16 q0xffffffffffffffff 1 0 " SID " 0 q3 'lo'" },
	{ "LOCK", enc_lock, "12 4 0 q16 q0xffffffffffffffff 0 " SID " 0" },
	{ "LOCKT, LOCKU", enc_lockt_locku,
	  "13 4 q16 q0xffffffffffffffff q3 'lo' 14 1 0 " SID " q1 q2" },
	{ "READ, COMMIT, WRITE", enc_data,
	  "25 " SID " q0x100000000 1048576 5 q4096 0 38 " SID " q8192 2 5" },
	{ "ALLOCATE ...", enc_v42,
	  "59 " SID " q1 q2 62 " SID " q3 q4 69 " SID " q5 1 66 " SID " 67 " SID },
	{ "COPY, CLONE", enc_copies,
	  "60 " SID " 0 x000000000000000000000000 q1 q2 q3 1 0 0 "
	  "71 0 x000000000000000000000000 " SID " q4 q5 q6" },
	{ "xattrs", enc_xattrs,
	  "72 'key' 73 2 'key' 'value' 74 q9 4096 75 'key'" },
	{ "callbacks", enc_cb,
	  "10004 'tag' 3 11 0 " SESSION " 4 1 15 14 "
	  "3 0 1 0x18 [ q5 q6 ] 6 10004" },
};

#define NR_CASES	(sizeof(cases) / sizeof(cases[0]))

TEST(encoders_write_what_the_rfc_says)
{
	static __be32 buf[1024];
	struct pxdr_enc e;
	size_t len, i;

	for (i = 0; i < NR_CASES; i++) {
		u8 *want = wire(cases[i].wire, &len);

		memset(buf, 0xee, sizeof(buf));
		pxdr_enc_init(&e, buf, sizeof(buf));
		cases[i].enc(&e);
		if (e.overflow || pxdr_enc_len(&e) != len || memcmp(buf, want, len))
			test_fail(__FILE__, __LINE__, "%s: %u bytes, %zu wanted, %s",
				  cases[i].name, pxdr_enc_len(&e), len,
				  "or they differ");
		free(want);
	}
}

TEST(encoders_stop_at_the_end_of_the_buffer)
{
	struct pxdr_enc e;
	size_t len, i, n;

	for (i = 0; i < NR_CASES; i++) {
		free(wire(cases[i].wire, &len));
		for (n = 0; n < len; n += 4) {
			u8 *buf = exact(cases, n);

			pxdr_enc_init(&e, buf, n);
			cases[i].enc(&e);
			if (!e.overflow)
				test_fail(__FILE__, __LINE__, "%s in %zu bytes",
					  cases[i].name, n);
			if (n)
				free(buf);
		}
	}
}

TEST(mode_umask_replaces_mode)
{
	struct pn4_attr a = {
		.valid = PN4_ATTR_MODE | PN4_ATTR_UMASK | PN4_ATTR_SIZE,
		.mode = 0666, .umask = 022,
	};
	static __be32 buf[64];
	struct pxdr_enc e;
	size_t len;
	u8 *want = wire("3 0x10 0 0x20000 [ q0 0x1b6 0x12 ]", &len);

	pxdr_enc_init(&e, buf, sizeof(buf));
	pn4_enc_fattr(&e, &a);
	CHECK_EQ(pxdr_enc_len(&e), len);
	CHECK(!memcmp(buf, want, len));
	free(want);
}

TEST(sizes_around_the_data_are_as_proto_h_says)
{
	struct pn4_fh fh = { .len = PN4_FHSIZE };
	const u32 mask[3] = { ~0U, ~0U, ~0U };
	static __be32 buf[256];
	struct pxdr_enc e;
	u32 before;

	pxdr_enc_init(&e, buf, sizeof(buf));
	pn4_enc_compound(&e, 2);
	CHECK_EQ(pxdr_enc_len(&e), PN4_COMPOUND_ARGS);
	before = pxdr_enc_len(&e);
	enc_sequence(&e);
	CHECK_EQ(pxdr_enc_len(&e) - before, PN4_SEQUENCE_ARGS);
	before = pxdr_enc_len(&e);
	pn4_enc_putfh(&e, &fh);
	CHECK_EQ(pxdr_enc_len(&e) - before, PN4_PUTFH_ARGS_MAX);
	before = pxdr_enc_len(&e);
	pn4_enc_write(&e, &sid, 0, 0, 0);
	CHECK_EQ(pxdr_enc_len(&e) - before, PN4_WRITE_ARGS_HEAD);
	before = pxdr_enc_len(&e);
	pn4_enc_getattr(&e, mask);
	CHECK_EQ(pxdr_enc_len(&e) - before, PN4_GETATTR_ARGS_MAX);
	CHECK_EQ(pxdr_enc_len(&e), PN4_WRITE_OVERHEAD);
}
