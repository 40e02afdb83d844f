// SPDX-License-Identifier: GPL-2.0
/*
 * Values out of the golden messages.
 */
#include <linux/errno.h>
#include <stdlib.h>
#include <string.h>
#include "../../fs/nfs4/attr.h"
#include "../../fs/nfs4/codec.h"
#include "golden.h"
#include "test.h"
#include "wire.h"

static struct pxdr_dec open_text(const char *text)
{
	struct pxdr_dec d;
	size_t len;
	u8 *data = wire(text, &len);	/* left to the process's end */

	pxdr_dec_init(&d, data, len);
	return d;
}

static struct pxdr_dec open_golden(const char *name)
{
	return open_text(golden(name));
}

static const u8 session[16] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
};

static void check_sid(const struct pn4_stateid *sid)
{
	static const u8 other[12] = {
		0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0, 0x11, 0x22, 0x33, 0x44, 0x55,
	};

	CHECK_EQ(sid->seqid, 7);
	CHECK(!memcmp(sid->other, other, 12));
}

static void check_verf(__be64 verf)
{
	CHECK(!memcmp(&verf, "\1\2\3\4\5\6\7\10", 8));
}

static void check_cinfo(const struct pn4_cinfo *c)
{
	CHECK(c->atomic);
	CHECK_EQ(c->before, 10);
	CHECK_EQ(c->after, 11);
}

TEST(compound_head)
{
	struct pxdr_dec d = open_golden("compound");
	u32 status, nops;

	CHECK_EQ(pn4_dec_compound(&d, &status, &nops), 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(nops, 1);
	CHECK_EQ(pn4_peek_op(&d), PN4_OP_SEQUENCE);
	d = open_golden("compound_minor");
	CHECK_EQ(pn4_dec_compound(&d, &status, &nops), 0);
	CHECK_EQ(status, PN4ERR_MINOR_VERS_MISMATCH);
	CHECK_EQ(nops, 0);
	CHECK_EQ(pn4_peek_op(&d), 0);
}

TEST(a_status_that_is_negative_as_an_int_is_malformed)
{
	struct pxdr_dec d = open_text("22 0xffffffff");
	u32 status, nops;

	CHECK_EQ(pn4_dec_putfh(&d), -EREMOTEIO);
	d = open_text("22 0x80000000");
	CHECK_EQ(pn4_dec_putfh(&d), -EREMOTEIO);
	d = open_text("0xfffffffb '' 0");
	CHECK_EQ(pn4_dec_compound(&d, &status, &nops), -EREMOTEIO);
}

TEST(the_wrong_operation_is_malformed)
{
	struct pxdr_dec d = open_text("24 0");

	CHECK_EQ(pn4_dec_putfh(&d), -EREMOTEIO);
	CHECK(d.bad);
	d = open_text("10044 0");	/* OP_ILLEGAL cannot succeed */
	CHECK_EQ(pn4_dec_putfh(&d), -EREMOTEIO);
	d = open_text("10044 10044");
	CHECK_EQ(pn4_dec_clone(&d), PN4ERR_OP_ILLEGAL);
}

TEST(sequence_values)
{
	struct pxdr_dec d = open_golden("sequence");
	struct pn4_sequence_res r;

	CHECK_EQ(pn4_dec_sequence(&d, &r), 0);
	CHECK(!memcmp(r.sessionid, session, 16));
	CHECK_EQ(r.sequenceid, 9);
	CHECK_EQ(r.slotid, 3);
	CHECK_EQ(r.highest_slotid, 63);
	CHECK_EQ(r.target_highest_slotid, 31);
	CHECK_EQ(r.status_flags, 0);
}

TEST(exchange_id_values)
{
	static struct pn4_exchange_id_res r, s;
	struct pxdr_dec d = open_golden("exchange_id");

	CHECK_EQ(pn4_dec_exchange_id(&d, &r), 0);
	CHECK(r.clientid == 0x1122334455667788);
	CHECK_EQ(r.sequenceid, 1);
	CHECK_EQ(r.flags, 0x30103);
	CHECK_EQ(r.so_minor_id, 3);
	CHECK_STR(r.so_major, r.so_major_len, "server.major");
	CHECK_STR(r.scope, r.scope_len, "scope");
	CHECK_STR(r.impl_domain, r.impl_domain_len, "example.org");
	CHECK_STR(r.impl_name, r.impl_name_len, "server 1.0");
	CHECK_EQ(r.impl_date.sec, 1600000000);
	CHECK(pn4_same_server(&r, &r));
	d = open_golden("exchange_id_no_impl");
	CHECK_EQ(pn4_dec_exchange_id(&d, &s), 0);
	CHECK_EQ(s.impl_name_len, 0);
	CHECK(!s.impl_name);
	CHECK(!pn4_same_server(&r, &s));
}

TEST(exchange_id_protection)
{
	static struct pn4_exchange_id_res r;
	struct pxdr_dec d = open_golden("exchange_id_protected");

	CHECK_EQ(pn4_dec_exchange_id(&d, &r), 0);
	CHECK(r.protected);
	CHECK_EQ(r.protect.enforce[0], 0);
	CHECK_EQ(r.protect.enforce[1], 0x2001e00);
	CHECK_EQ(r.protect.allow[0], 0x4110);
	CHECK_EQ(r.protect.allow[1], 0x802000);
	CHECK_STR(r.so_major, r.so_major_len, "major");
	d = open_golden("exchange_id");
	CHECK_EQ(pn4_dec_exchange_id(&d, &r), 0);
	CHECK(!r.protected);
}

TEST(exchange_id_refuses_a_protection_never_asked_for)
{
	static struct pn4_exchange_id_res r;
	struct pxdr_dec d = open_text("42 0 q1 1 0 2 0 0 q0 '' '' 0");

	CHECK_EQ(pn4_dec_exchange_id(&d, &r), -EREMOTEIO);
}

TEST(exchange_id_bounds_its_copies)
{
	static struct pn4_exchange_id_res r;
	char text[4096] = "42 0 q1 1 0 0 q0 o";
	struct pxdr_dec d;
	size_t i;

	for (i = 0; i < 1024; i++)
		strcat(text, "41");
	strcat(text, " '' 0");
	d = open_text(text);
	CHECK_EQ(pn4_dec_exchange_id(&d, &r), 0);
	CHECK_EQ(r.so_major_len, 1024);
	d = open_text("42 0 q1 1 0 0 q0 1025");
	CHECK_EQ(pn4_dec_exchange_id(&d, &r), -EREMOTEIO);
}

TEST(create_session_values)
{
	struct pxdr_dec d = open_golden("create_session");
	struct pn4_create_session_res r;

	CHECK_EQ(pn4_dec_create_session(&d, &r), 0);
	CHECK(!memcmp(r.sessionid, session, 16));
	CHECK_EQ(r.sequenceid, 1);
	CHECK_EQ(r.flags, PN4_SESSION_CONN_BACK_CHAN);
	CHECK_EQ(r.fore.maxrequestsize, 1049620);
	CHECK_EQ(r.fore.maxresponsesize, 1049480);
	CHECK_EQ(r.fore.maxresponsesize_cached, 7584);
	CHECK_EQ(r.fore.maxoperations, 16);
	CHECK_EQ(r.fore.maxrequests, 64);
	CHECK_EQ(r.back.maxrequests, 16);
}

TEST(bind_conn_values)
{
	struct pxdr_dec d = open_golden("bind_conn");
	struct pn4_bind_conn_res r;

	CHECK_EQ(pn4_dec_bind_conn_to_session(&d, &r), 0);
	CHECK_EQ(r.dir, PN4_CDFS_BOTH);
	CHECK(!r.rdma_mode);
}

TEST(test_stateid_wants_as_many_answers_as_questions)
{
	struct pxdr_dec d = open_golden("test_stateid");
	u32 st[3];

	CHECK_EQ(pn4_dec_test_stateid(&d, st, 3), 0);
	CHECK_EQ(st[0], 0);
	CHECK_EQ(st[1], PN4ERR_BAD_STATEID);
	CHECK_EQ(st[2], PN4ERR_DELEG_REVOKED);
	d = open_golden("test_stateid");
	CHECK_EQ(pn4_dec_test_stateid(&d, st, 2), -EREMOTEIO);
	d = open_text("55 0 2 0 0");
	CHECK_EQ(pn4_dec_test_stateid(&d, st, 3), -EREMOTEIO);
}

TEST(secinfo_values_and_more_flavours_than_room)
{
	struct pxdr_dec d = open_golden("secinfo");
	struct pn4_secinfo_res r;
	char text[512] = "52 0 20";
	int i;

	CHECK_EQ(pn4_dec_secinfo_no_name(&d, &r), 0);
	CHECK_EQ(r.n, 3);
	CHECK_EQ(r.info[0].flavor, PN4_RPCSEC_GSS);
	CHECK_EQ(r.info[0].oid_len, 9);
	CHECK_EQ(r.info[0].service, 3);
	CHECK_EQ(r.info[1].flavor, PN4_AUTH_SYS);
	CHECK_EQ(r.info[2].flavor, PN4_AUTH_NONE);
	for (i = 0; i < 20; i++)
		strcat(text, " 1");
	d = open_text(text);
	CHECK_EQ(pn4_dec_secinfo_no_name(&d, &r), 0);
	CHECK_EQ(r.n, PN4_SECINFO_ROOM);
	CHECK_EQ(pxdr_left(&d), 0);
}

TEST(secinfo_flavours_that_are_known)
{
	struct pn4_secinfo gss = { .flavor = PN4_RPCSEC_GSS, .oid_len = 9,
				   .oid = (const u8 *)"\x2a\x86\x48\x86\xf7\x12\1\2\2" };
	struct pn4_secinfo sys = { .flavor = PN4_AUTH_SYS };
	struct pxdr_dec d = open_golden("secinfo_name");
	struct pn4_secinfo_res r;
	u32 i;

	CHECK_EQ(pn4_dec_secinfo(&d, &r), 0);
	CHECK_EQ(r.n, 2);
	CHECK_EQ(pn4_secinfo_sec(&r.info[0]), 2);
	CHECK_EQ(pn4_secinfo_sec(&r.info[1]), 0);
	d = open_golden("secinfo");
	CHECK_EQ(pn4_dec_secinfo(&d, &r), -EREMOTEIO);	/* another operation's */

	CHECK_EQ(pn4_secinfo_sec(&sys), 0);
	for (i = 1; i <= 3; i++) {
		gss.service = i;
		CHECK_EQ(pn4_secinfo_sec(&gss), (int)i);
	}
	gss.service = 4;
	CHECK_EQ(pn4_secinfo_sec(&gss), -1);
	gss.service = 0;
	CHECK_EQ(pn4_secinfo_sec(&gss), -1);
	gss.service = 1;
	gss.oid_len = 8;
	CHECK_EQ(pn4_secinfo_sec(&gss), -1);
	gss.oid_len = 9;
	gss.oid = (const u8 *)"\x2a\x86\x48\x86\xf7\x12\1\2\3";	/* another mechanism */
	CHECK_EQ(pn4_secinfo_sec(&gss), -1);
	sys.flavor = PN4_AUTH_NONE;
	CHECK_EQ(pn4_secinfo_sec(&sys), -1);
}

TEST(getfh_bounds)
{
	struct pxdr_dec d = open_golden("getfh");
	struct pn4_fh fh;

	CHECK_EQ(pn4_dec_getfh(&d, &fh), 0);
	CHECK_EQ(fh.len, 5);
	CHECK(!memcmp(fh.data, "\1\2\3\4\5", 5));
	d = open_text("10 0 0");
	CHECK_EQ(pn4_dec_getfh(&d, &fh), -EREMOTEIO);
	d = open_text("10 0 129");
	CHECK_EQ(pn4_dec_getfh(&d, &fh), -EREMOTEIO);
}

TEST(setattr_says_what_was_set)
{
	struct pxdr_dec d = open_golden("setattr");
	u32 set[3];

	CHECK_EQ(pn4_dec_setattr(&d, set), 0);
	CHECK_EQ(pn4_attr_from_mask(set), PN4_ATTR_SIZE | PN4_ATTR_MODE);
	d = open_text("34 28 1 0x10");
	CHECK_EQ(pn4_dec_setattr(&d, set), PN4ERR_NOSPC);
	CHECK_EQ(set[0], 0x10);
	d = open_text("10044 10044");
	CHECK_EQ(pn4_dec_setattr(&d, set), PN4ERR_OP_ILLEGAL);
	CHECK_EQ(set[0] | set[1] | set[2], 0);
}

TEST(access_values)
{
	struct pxdr_dec d = open_golden("access");
	u32 supported, access;

	CHECK_EQ(pn4_dec_access(&d, &supported, &access), 0);
	CHECK_EQ(supported, 0x1f);
	CHECK_EQ(access, 3);
}

TEST(readlink_rules)
{
	struct pxdr_dec d = open_golden("readlink");
	const char *target;
	u32 len;

	CHECK_EQ(pn4_dec_readlink(&d, &target, &len), 0);
	CHECK_STR(target, len, "../some/where");
	d = open_text("27 0 ''");
	CHECK_EQ(pn4_dec_readlink(&d, &target, &len), -EREMOTEIO);
	d = open_text("27 0 o610062");
	CHECK_EQ(pn4_dec_readlink(&d, &target, &len), -EREMOTEIO);
	d = open_text("27 0 4096");
	CHECK_EQ(pn4_dec_readlink(&d, &target, &len), -EREMOTEIO);
}

TEST(change_infos)
{
	struct pxdr_dec d = open_golden("rename");
	struct pn4_cinfo a, b;
	struct pn4_create_res r;

	CHECK_EQ(pn4_dec_rename(&d, &a, &b), 0);
	check_cinfo(&a);
	CHECK(!b.atomic);
	CHECK_EQ(b.before, 20);
	CHECK_EQ(b.after, 22);
	d = open_golden("remove");
	CHECK_EQ(pn4_dec_remove(&d, &a), 0);
	check_cinfo(&a);
	d = open_golden("create");
	CHECK_EQ(pn4_dec_create(&d, &r), 0);
	check_cinfo(&r.cinfo);
	CHECK_EQ(pn4_attr_from_mask(r.attrset), PN4_ATTR_MODE);
	d = open_golden("setxattr");
	CHECK_EQ(pn4_dec_setxattr(&d, &a), 0);
	check_cinfo(&a);
}

TEST(open_values)
{
	struct pxdr_dec d = open_golden("open");
	struct pn4_open4_res r;

	CHECK_EQ(pn4_dec_open(&d, &r), 0);
	check_sid(&r.stateid);
	check_cinfo(&r.cinfo);
	CHECK_EQ(r.rflags, PN4_OPEN_RESULT_LOCKTYPE_POSIX);
	CHECK_EQ(pn4_attr_from_mask(r.attrset), PN4_ATTR_SIZE | PN4_ATTR_MODE);
	CHECK_EQ(r.deleg.type, PN4_DELEG_NONE);
}

TEST(open_delegations)
{
	struct pxdr_dec d = open_golden("open_read_deleg");
	struct pn4_open4_res r;

	CHECK_EQ(pn4_dec_open(&d, &r), 0);
	CHECK_EQ(r.deleg.type, PN4_DELEG_READ);
	check_sid(&r.deleg.stateid);
	CHECK(!r.deleg.recall);
	CHECK_EQ(r.deleg.ace_mask, 0x81);
	CHECK_STR(r.deleg.ace_who, r.deleg.ace_who_len, "OWNER@");
	d = open_golden("open_write_deleg");
	CHECK_EQ(pn4_dec_open(&d, &r), 0);
	CHECK_EQ(r.deleg.type, PN4_DELEG_WRITE);
	CHECK(r.deleg.recall);
	CHECK_EQ(r.deleg.limit_by, PN4_LIMIT_SIZE);
	CHECK_EQ(r.deleg.limit, 65536);
	d = open_golden("open_write_deleg_blocks");
	CHECK_EQ(pn4_dec_open(&d, &r), 0);
	CHECK_EQ(r.deleg.limit, 16 * 4096);
	d = open_golden("open_none_contention");
	CHECK_EQ(pn4_dec_open(&d, &r), 0);
	CHECK_EQ(r.deleg.type, PN4_DELEG_NONE_EXT);
	CHECK_EQ(r.deleg.why, PN4_WND_CONTENTION);
	CHECK(r.deleg.will);
}

TEST(space_limit_of_blocks_does_not_overflow)
{
	struct pxdr_dec d = open_text("2 7 xaabbccddeeff001122334455 0 2 "
				      "0xffffffff 0xffffffff 0 0 0 ''");
	struct pn4_deleg_res r;

	pn4_dec_deleg(&d, &r);
	CHECK(!d.bad);
	CHECK(r.limit == 0xfffffffe00000001ULL);
}

TEST(lock_values)
{
	struct pxdr_dec d = open_golden("lock_denied");
	struct pn4_lock_denied den;
	struct pn4_stateid sid;

	CHECK_EQ(pn4_dec_lock(&d, &sid, &den), PN4ERR_DENIED);
	CHECK_EQ(den.offset, 4096);
	CHECK(den.length == PN4_UINT64_MAX);
	CHECK_EQ(den.type, PN4_WRITE_LT);
	CHECK_EQ(den.clientid, 5);
	CHECK_STR(den.owner, den.owner_len, "other");
	d = open_golden("lock");
	CHECK_EQ(pn4_dec_lock(&d, &sid, &den), 0);
	check_sid(&sid);
	d = open_golden("lockt_denied");
	CHECK_EQ(pn4_dec_lockt(&d, &den), PN4ERR_DENIED);
	CHECK_EQ(den.length, 1);
	d = open_golden("close");
	CHECK_EQ(pn4_dec_close(&d, &sid), 0);
	check_sid(&sid);
}

TEST(data_values)
{
	struct pxdr_dec d = open_golden("read");
	struct pn4_write_res w;
	struct pn4_read_res r;
	__be64 verf;

	CHECK_EQ(pn4_dec_read(&d, &r), 0);
	CHECK(r.eof);
	CHECK_EQ(r.count, 5);
	CHECK(!memcmp(d.p, "hello", 5));
	d = open_golden("write");
	CHECK_EQ(pn4_dec_write(&d, &w), 0);
	CHECK_EQ(w.count, 4096);
	CHECK_EQ(w.committed, PN4_FILE_SYNC);
	check_verf(w.verf);
	d = open_golden("commit");
	CHECK_EQ(pn4_dec_commit(&d, &verf), 0);
	check_verf(verf);
}

/* Where a transport may place READ data without understanding the reply */
TEST(read_data_starts_where_proto_h_says)
{
	struct pxdr_dec d = open_golden("reply_read");
	const u8 *start = d.p;
	struct pn4_sequence_res seq;
	struct pn4_read_res r;
	u32 status, nops;

	CHECK_EQ(pn4_dec_compound(&d, &status, &nops), 0);
	CHECK_EQ(d.p - start, PN4_COMPOUND_RES);
	CHECK_EQ(pn4_dec_sequence(&d, &seq), 0);
	CHECK_EQ(d.p - start, PN4_COMPOUND_RES + PN4_SEQUENCE_RES);
	CHECK_EQ(pn4_dec_putfh(&d), 0);
	CHECK_EQ(pn4_dec_read(&d, &r), 0);
	CHECK_EQ(d.p - start, PN4_READ_DATA_AT);
	CHECK_EQ(PN4_READ_DATA_AT, 80);
	CHECK(!memcmp(d.p, "abcdefgh", 8));
}

/* The head alone, as the transport hands it over; and a server with a tag */
TEST(read_head_without_the_data)
{
	struct pxdr_dec d = open_golden("reply_read");
	struct pn4_sequence_res seq;
	struct pn4_read_res r;
	u32 status, nops;

	d.end = d.p + PN4_READ_DATA_AT;
	CHECK_EQ(pn4_dec_compound(&d, &status, &nops), 0);
	CHECK_EQ(pn4_dec_sequence(&d, &seq), 0);
	CHECK_EQ(pn4_dec_putfh(&d), 0);
	CHECK_EQ(pn4_dec_read(&d, &r), 0);
	CHECK_EQ(pxdr_left(&d), 0);
	CHECK_EQ(r.count, 8);

	d = open_text("0 'tag' 3 53 0 x000102030405060708090a0b0c0d0e0f "
		      "9 3 63 31 0 22 0 25 0 0 'abcd'");
	d.end = d.p + PN4_READ_DATA_AT;
	CHECK_EQ(pn4_dec_compound(&d, &status, &nops), 0);
	CHECK_EQ(pn4_dec_sequence(&d, &seq), 0);
	CHECK_EQ(pn4_dec_putfh(&d), 0);
	CHECK_EQ(pn4_dec_read(&d, &r), -EREMOTEIO);
}

TEST(v42_values)
{
	struct pxdr_dec d = open_golden("seek");
	struct pn4_offload_status_res o;
	struct pn4_copy_res c;
	struct pn4_seek_res s;

	CHECK_EQ(pn4_dec_seek(&d, &s), 0);
	CHECK(!s.eof);
	CHECK_EQ(s.offset, 65536);
	d = open_golden("copy");
	CHECK_EQ(pn4_dec_copy(&d, &c), 0);
	CHECK(!c.async && c.consecutive && c.synchronous);
	CHECK_EQ(c.count, 1048576);
	CHECK_EQ(c.committed, PN4_FILE_SYNC);
	check_verf(c.verf);
	d = open_golden("copy_async");
	CHECK_EQ(pn4_dec_copy(&d, &c), 0);
	CHECK(c.async && !c.synchronous);
	check_sid(&c.stateid);
	d = open_golden("copy_no_reqs");
	CHECK_EQ(pn4_dec_copy(&d, &c), PN4ERR_OFFLOAD_NO_REQS);
	CHECK(!c.consecutive && c.synchronous);
	d = open_golden("offload_status");
	CHECK_EQ(pn4_dec_offload_status(&d, &o), 0);
	CHECK(!o.complete);
	d = open_golden("offload_status_done");
	CHECK_EQ(pn4_dec_offload_status(&d, &o), 0);
	CHECK(o.complete);
	CHECK_EQ(o.status, PN4ERR_NOSPC);
	CHECK_EQ(o.count, 8192);
}

TEST(xattr_values)
{
	struct pxdr_dec d = open_golden("getxattr");
	struct pn4_listxattrs_res r;
	const void *value;
	const char *name;
	u32 len;

	CHECK_EQ(pn4_dec_getxattr(&d, &value, &len), 0);
	CHECK_STR(value, len, "value");
	d = open_text("72 0 65537");
	CHECK_EQ(pn4_dec_getxattr(&d, &value, &len), -EREMOTEIO);
	d = open_golden("listxattrs");
	CHECK_EQ(pn4_dec_listxattrs(&d, &r), 0);
	CHECK_EQ(r.cookie, 2);
	CHECK(r.eof);
	CHECK(pn4_listxattrs_next(&r, &name, &len));
	CHECK_STR(name, len, "one");
	CHECK(pn4_listxattrs_next(&r, &name, &len));
	CHECK_STR(name, len, "two");
	CHECK(!pn4_listxattrs_next(&r, &name, &len));
	CHECK(!pn4_listxattrs_next(&r, &name, &len));
}

TEST(xattr_names_that_linux_cannot_use_are_passed_over)
{
	struct pxdr_dec d = open_golden("listxattrs_odd");
	struct pn4_listxattrs_res r;
	const char *name;
	u32 len;

	CHECK_EQ(pn4_dec_listxattrs(&d, &r), 0);
	CHECK(!r.eof);
	CHECK(pn4_listxattrs_next(&r, &name, &len));
	CHECK_STR(name, len, "b/c");
	CHECK(pn4_listxattrs_next(&r, &name, &len));
	CHECK_STR(name, len, "d");
	CHECK(!pn4_listxattrs_next(&r, &name, &len));
}
