// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <stdio.h>
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

/* fattr4 @text into @attr: 0 or -EREMOTEIO */
static int read_fattr(const char *text, struct pn4_attr *attr)
{
	struct pxdr_dec d = open_text(text);

	pn4_dec_fattr(&d, attr, NULL);
	if (!d.bad)
		CHECK_EQ(pxdr_left(&d), 0);
	return pn4_dec_end(&d);
}

TEST(getattr_values)
{
	struct pxdr_dec d = open_text(golden("getattr"));
	struct pn4_attr a;

	CHECK_EQ(pn4_dec_getattr(&d, &a), 0);
	CHECK_EQ(a.valid, PN4_ATTRS_INODE);
	CHECK_EQ(a.type, PN4_REG);
	CHECK_EQ(a.change, 77);
	CHECK_EQ(a.size, 12345);
	CHECK_EQ(a.fsid_major, 1);
	CHECK_EQ(a.fsid_minor, 2);
	CHECK_EQ(a.fileid, 4242);
	CHECK_EQ(a.mode, 0644);
	CHECK_EQ(a.nlink, 2);
	CHECK_EQ(a.uid, 1000);
	CHECK_EQ(a.gid, 100);
	CHECK_EQ(a.rdev_major, 8);
	CHECK_EQ(a.rdev_minor, 17);
	CHECK_EQ(a.used, 16384);
	CHECK_EQ(a.atime.sec, 1000000001);
	CHECK_EQ(a.atime.nsec, 111);
	CHECK_EQ(a.btime.sec, 1000000002);
	CHECK_EQ(a.ctime.sec, 1000000003);
	CHECK_EQ(a.mtime.sec, 1000000004);
	CHECK_EQ(a.mtime.nsec, 444);
	CHECK_EQ(a.mounted_on, 4242);
}

TEST(fsinfo_values)
{
	struct pxdr_dec d = open_text(golden("fsinfo"));
	struct pn4_fsinfo f;

	CHECK_EQ(pn4_dec_getattr_fsinfo(&d, &f), 0);
	CHECK_EQ(f.supported[0], 0xfffff);
	CHECK_EQ(f.supported[2], 0x7ffff);
	CHECK_EQ(f.exclcreat[0], 0x12);
	CHECK_EQ(f.exclcreat[1], 0x22);
	CHECK_EQ(f.exclcreat[2], 0);
	CHECK_EQ(f.fh_expire_type, PN4_FH_PERSISTENT);
	CHECK_EQ(f.layout_types, 1 << PN4_LAYOUT_FILES | 1 << PN4_LAYOUT_FLEX);
	CHECK(f.link_support && f.symlink_support && !f.case_insensitive);
	CHECK_EQ(f.fsid_major, 5);
	CHECK_EQ(f.fsid_minor, 6);
	CHECK_EQ(f.lease_time, 90);
	CHECK(f.maxfilesize == 0x7fffffffffffffffULL);
	CHECK_EQ(f.maxlink, 255);
	CHECK_EQ(f.maxname, 255);
	CHECK_EQ(f.maxread, 1048576);
	CHECK_EQ(f.maxwrite, 1048576);
	CHECK_EQ(f.time_delta.nsec, 1);
	CHECK_EQ(f.clone_blksize, 4096);
	CHECK_EQ(f.change_attr_type, PN4_CHANGE_VERSION_COUNTER);
	CHECK(f.xattr_support);
}

TEST(statfs_values)
{
	struct pxdr_dec d = open_text(golden("statfs"));
	struct pn4_statfs s;

	CHECK_EQ(pn4_dec_getattr_statfs(&d, &s), 0);
	CHECK_EQ(s.files_avail, 11);
	CHECK_EQ(s.files_free, 22);
	CHECK_EQ(s.files_total, 33);
	CHECK_EQ(s.maxname, 255);
	CHECK_EQ(s.space_avail, 1000);
	CHECK_EQ(s.space_free, 2000);
	CHECK_EQ(s.space_total, 3000);
}

TEST(location_values)
{
	struct pxdr_dec d = open_text(golden("locations"));
	struct pn4_location l;

	CHECK_EQ(pn4_dec_getattr_locations(&d, &l), 0);
	CHECK_EQ(l.nr_servers, 2);
	CHECK(!strcmp(l.server[0], "10.0.0.1") && !strcmp(l.server[1], "node1"));
	CHECK(!strcmp(l.path, "/x/export"));
	CHECK_EQ(l.mounted_on, 77);
	d = open_text("9 0 1 0x01000000 [ 0 1 1 'h' 2 'a' 'b/../c' ]");
	CHECK_EQ(pn4_dec_getattr_locations(&d, &l), -EREMOTEIO);
}

/* An old answer must not shine through. */
TEST(what_was_not_sent_is_zero)
{
	struct pn4_attr a;

	memset(&a, 0xff, sizeof(a));
	CHECK_EQ(read_fattr("1 0x8 [ q9 ]", &a), 0);
	CHECK_EQ(a.valid, PN4_ATTR_CHANGE);
	CHECK_EQ(a.change, 9);
	CHECK_EQ(a.size, 0);
	CHECK_EQ(a.uid, 0);
}

TEST(attrlist_must_be_as_long_as_its_values)
{
	struct pn4_attr a;

	CHECK_EQ(read_fattr("1 0x8 [ q9 0 ]", &a), -EREMOTEIO);
	CHECK_EQ(a.valid, 0);
	CHECK_EQ(read_fattr("1 0x8 [ 9 ]", &a), -EREMOTEIO);
	CHECK_EQ(read_fattr("1 0x18 [ q9 ]", &a), -EREMOTEIO);
	CHECK_EQ(read_fattr("1 0x8 0", &a), -EREMOTEIO);
	CHECK_EQ(read_fattr("1 0 [ 1 ]", &a), -EREMOTEIO);
	/* a length that is no multiple of four cannot be the values' */
	CHECK_EQ(read_fattr("1 0x2 5 1 0", &a), -EREMOTEIO);
	/* a value that runs over the end of the list, but not of the buffer */
	CHECK_EQ(read_fattr("2 0 0x10 [ 8 ] 'abcdefgh'", &a), -EREMOTEIO);
}

TEST(attributes_never_asked_for_are_malformed)
{
	struct pn4_attr a;
	struct pxdr_dec d;

	CHECK_EQ(read_fattr("1 0x80 [ 1 ]", &a), -EREMOTEIO);	/* named_attr */
	CHECK_EQ(read_fattr("3 0 0 0x10000 [ 1 ]", &a), -EREMOTEIO);
	CHECK_EQ(read_fattr("4 0 0 0 1 [ 1 ]", &a), -EREMOTEIO);
	CHECK_EQ(read_fattr("17 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0", &a),
		 -EREMOTEIO);
	/* statfs's are not getattr's */
	CHECK_EQ(read_fattr("1 0x200000 [ q1 ]", &a), -EREMOTEIO);
	d = open_text("9 0 1 0x8 [ q1 ]");
	CHECK_EQ(pn4_dec_getattr_statfs(&d, &(struct pn4_statfs){ 0 }), -EREMOTEIO);
}

static void check_owner(const char *owner, bool number, u32 id)
{
	char text[128];
	struct pn4_attr a;

	snprintf(text, sizeof(text), "2 0 0x30 [ %s %s ]", owner, owner);
	CHECK_EQ(read_fattr(text, &a), 0);
	CHECK_EQ(a.valid & (PN4_ATTR_UID | PN4_ATTR_GID),
		 PN4_ATTR_UID | PN4_ATTR_GID);
	if (a.uid != id || a.gid != id ||
	    !!(a.valid & PN4_ATTR_BAD_UID) == number ||
	    !!(a.valid & PN4_ATTR_BAD_GID) == number)
		test_fail(__FILE__, __LINE__, "%s read as %u", owner, a.uid);
}

TEST(owners_are_numbers_or_nobody)
{
	check_owner("'0'", true, 0);
	check_owner("'1000'", true, 1000);
	check_owner("'4294967294'", true, 4294967294u);
	check_owner("'4294967295'", false, 65534);	/* (uid_t)-1 */
	check_owner("'4294967296'", false, 65534);
	check_owner("'99999999999'", false, 65534);
	check_owner("'18446744073709551617'", false, 65534);
	check_owner("''", false, 65534);
	check_owner("'01'", false, 65534);
	check_owner("'-1'", false, 65534);
	check_owner("'+1'", false, 65534);
	check_owner("'1 '", false, 65534);
	check_owner("'1000@example.org'", false, 65534);
	check_owner("'nobody'", false, 65534);
	check_owner("'root@localdomain'", false, 65534);
	check_owner("o310031", false, 65534);
}

TEST(owner_strings_are_bounded)
{
	struct pn4_attr a;
	char text[4096] = "2 0 0x10 [ o";
	size_t i;

	for (i = 0; i < 1025; i++)
		strcat(text, "41");
	strcat(text, " ]");
	CHECK_EQ(read_fattr(text, &a), -EREMOTEIO);
}

TEST(values_are_kept_in_range)
{
	struct pn4_attr a;

	CHECK_EQ(read_fattr("1 0x10 [ q0xffffffffffffffff ]", &a), 0);
	CHECK(a.size == 0x7fffffffffffffffULL);
	CHECK_EQ(read_fattr("2 0 0x2 [ 0xffffffff ]", &a), 0);
	CHECK_EQ(a.mode, 07777);
	CHECK_EQ(read_fattr("2 0 0x200000 [ q0xffffffffffffffff 4000000000 ]", &a), 0);
	CHECK_EQ(a.mtime.sec, -1);
	CHECK_EQ(a.mtime.nsec, 999999999);
	CHECK_EQ(read_fattr("1 0x2 [ 0 ]", &a), -EREMOTEIO);
	CHECK_EQ(read_fattr("1 0x2 [ 10 ]", &a), -EREMOTEIO);
	CHECK_EQ(read_fattr("1 0x2 [ 9 ]", &a), 0);
}

TEST(bools_are_0_or_1)
{
	struct pxdr_dec d = open_text("9 0 1 0x20 [ 2 ]");
	struct pn4_fsinfo f;

	CHECK_EQ(pn4_dec_getattr_fsinfo(&d, &f), -EREMOTEIO);
}

TEST(masks_ask_for_what_the_server_has)
{
	static const u32 none[3], all[3] = { ~0U, ~0U, ~0U };
	u32 mask[3];

	pn4_attr_mask(PN4_ATTRS_INODE, all, mask);
	CHECK_EQ(mask[0], 0x0010011a);
	CHECK_EQ(mask[1], 0x00b4a23a);
	CHECK_EQ(mask[2], 0);
	pn4_attr_mask(PN4_ATTRS_INODE, none, mask);	/* the required ones */
	CHECK_EQ(mask[0], 0x0000011a);
	CHECK_EQ(mask[1], 0);
	pn4_attr_mask(PN4_ATTRS_INODE, NULL, mask);
	CHECK_EQ(mask[0], 0x0000011a);
	pn4_attr_mask(PN4_ATTR_SIZE | PN4_ATTR_BTIME, all, mask);
	CHECK_EQ(mask[0], 0x10);
	CHECK_EQ(mask[1], 0x40000);
	pn4_attr_mask(PN4_ATTRS_DIRENT_PLUS, all, mask);
	CHECK(pn4_mask_has(mask, PN4_FATTR_FILEHANDLE));
	CHECK(pn4_mask_has(mask, PN4_FATTR_RDATTR_ERROR));
	pn4_attr_mask(0, all, mask);
	CHECK_EQ(mask[0] | mask[1] | mask[2], 0);
}

TEST(masks_of_fsinfo_and_statfs)
{
	static const u32 all[3] = { ~0U, ~0U, ~0U };
	u32 mask[3];

	pn4_fsinfo_mask(all, 2, mask);
	CHECK_EQ(mask[0], 0xf8010565);
	CHECK_EQ(mask[1], 0x40080000);
	CHECK_EQ(mask[2], 0x0004a800);
	pn4_fsinfo_mask(all, 1, mask);
	CHECK_EQ(mask[2], 0x00000800);
	pn4_fsinfo_mask(NULL, 2, mask);
	CHECK_EQ(mask[0], 0x00000565);
	CHECK_EQ(mask[2], 0x00000800);
	pn4_statfs_mask(all, mask);
	CHECK_EQ(mask[0], 0x20e00000);
	CHECK_EQ(mask[1], 0x00001c00);
	CHECK_EQ(mask[2], 0);
}

TEST(masks_and_flags_say_the_same)
{
	static const u32 all[3] = { ~0U, ~0U, ~0U };
	u32 mask[3] = { 0 };
	u64 flag;

	for (flag = 1; flag <= PN4_ATTR_FH; flag <<= 1) {
		pn4_attr_mask(flag, all, mask);
		CHECK(mask[0] | mask[1] | mask[2]);
		CHECK_EQ(pn4_attr_from_mask(mask), flag);
	}
	memset(mask, 0, sizeof(mask));
	mask[1] = 1U << (54 - 32);	/* time_modify_set */
	CHECK_EQ(pn4_attr_from_mask(mask), PN4_ATTR_MTIME | PN4_ATTR_MTIME_NOW);
	mask[1] = 1U << (48 - 32);
	CHECK_EQ(pn4_attr_from_mask(mask), PN4_ATTR_ATIME | PN4_ATTR_ATIME_NOW);
	mask[1] = 0;
	mask[2] = 1U << (81 - 64);
	CHECK_EQ(pn4_attr_from_mask(mask), PN4_ATTR_MODE | PN4_ATTR_UMASK);
	CHECK(!pn4_mask_has(mask, 96));
	CHECK(!pn4_mask_has(mask, 0xffffffff));
}

/* What is set reads back, where numbers to set and to get are the same. */
TEST(set_attributes_read_back)
{
	struct pn4_attr set = {
		.valid = PN4_ATTR_SIZE | PN4_ATTR_MODE | PN4_ATTR_UID |
			 PN4_ATTR_GID | PN4_ATTR_BTIME,
		.size = 1ULL << 40, .mode = 04711, .uid = 1234567890,
		.gid = 9, .btime = { -5, 17 },
	}, got;
	static __be32 buf[64];
	struct pxdr_enc e;
	struct pxdr_dec d;

	pxdr_enc_init(&e, buf, sizeof(buf));
	pn4_enc_fattr(&e, &set);
	CHECK(!e.overflow);
	pxdr_dec_init(&d, buf, pxdr_enc_len(&e));
	pn4_dec_fattr(&d, &got, NULL);
	CHECK(!d.bad);
	CHECK_EQ(pxdr_left(&d), 0);
	CHECK(!memcmp(&set, &got, sizeof(set)));
}

TEST(filehandles_come_with_dirents_only)
{
	struct pxdr_dec d = open_text("1 0x80000 [ o0102 ]");
	struct pn4_attr a;
	struct pn4_fh fh;

	pn4_dec_fattr(&d, &a, &fh);
	CHECK(!d.bad);
	CHECK_EQ(a.valid, PN4_ATTR_FH);
	CHECK_EQ(fh.len, 2);
	CHECK_EQ(read_fattr("1 0x80000 [ o0102 ]", &a), 0);
	CHECK_EQ(a.valid, 0);
	CHECK_EQ(read_fattr("1 0x80000 [ 0 ]", &a), -EREMOTEIO);
	d = open_text("1 0x8 [ q1 ]");
	pn4_dec_fattr(&d, &a, &fh);
	CHECK_EQ(fh.len, 0);
}
