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

static struct pxdr_dec begin(const char *text, __be64 *verf)
{
	struct pxdr_dec d;
	size_t len;
	u8 *data = wire(text, &len);	/* left to the process's end */

	pxdr_dec_init(&d, data, len);
	CHECK_EQ(pn4_readdir_begin(&d, verf), 0);
	return d;
}

TEST(readdir_values)
{
	struct pn4_dirent ent;
	bool eof = false;
	__be64 verf;
	struct pxdr_dec d = begin(golden("readdir"), &verf);

	CHECK(!memcmp(&verf, "\1\2\3\4\5\6\7\10", 8));
	CHECK_EQ(pn4_readdir_next(&d, &ent, &eof), 1);
	CHECK_STR(ent.name, ent.name_len, "a");
	CHECK_EQ(ent.cookie, 3);
	CHECK_EQ(ent.attr.fileid, 100);
	CHECK_EQ(ent.attr.type, PN4_REG);
	CHECK_EQ(ent.attr.valid, PN4_ATTR_TYPE | PN4_ATTR_FILEID |
				 PN4_ATTR_RDERROR | PN4_ATTR_FH);
	CHECK_EQ(ent.fh.len, 4);
	CHECK_EQ(ent.skipped, 0);
	CHECK_EQ(pn4_readdir_next(&d, &ent, &eof), 1);
	CHECK_EQ(ent.attr.type, PN4_DIR);
	CHECK_EQ(pn4_readdir_next(&d, &ent, &eof), 1);
	CHECK_STR(ent.name, ent.name_len, "name with blanks");
	CHECK(!eof);
	CHECK_EQ(pn4_readdir_next(&d, &ent, &eof), 0);
	CHECK(eof);
	CHECK_EQ(pxdr_left(&d), 0);
}

TEST(readdir_more_to_come)
{
	struct pn4_dirent ent;
	bool eof = true;
	__be64 verf;
	struct pxdr_dec d = begin(golden("readdir_more"), &verf);

	CHECK_EQ(pn4_readdir_next(&d, &ent, &eof), 1);
	CHECK_EQ(pn4_readdir_next(&d, &ent, &eof), 0);
	CHECK(!eof);
}

TEST(readdir_odd_names_are_passed_over_and_counted)
{
	struct pn4_dirent ent;
	bool eof;
	__be64 verf;
	struct pxdr_dec d = begin(golden("readdir_odd_names"), &verf);

	CHECK_EQ(pn4_readdir_next(&d, &ent, &eof), 1);
	CHECK_STR(ent.name, ent.name_len, "...");
	CHECK_EQ(ent.cookie, 6);
	CHECK_EQ(ent.skipped, 3);	/* not "." and ".." */
	CHECK_EQ(pn4_readdir_next(&d, &ent, &eof), 0);
	CHECK_EQ(ent.skipped, 1);
}

static void long_name(char *text, size_t len)
{
	strcpy(text, "26 0 q1 1 q3 '");
	memset(text + strlen(text), 'n', len);
	strcpy(text + strlen("26 0 q1 1 q3 '") + len, "' 0 0 0 1");
}

TEST(readdir_names_of_255_bytes_but_not_of_256)
{
	char text[512] = "";
	struct pn4_dirent ent;
	struct pxdr_dec d;
	__be64 verf;
	bool eof;

	long_name(text, 255);
	d = begin(text, &verf);
	CHECK_EQ(pn4_readdir_next(&d, &ent, &eof), 1);
	CHECK_EQ(ent.name_len, 255);
	memset(text, 0, sizeof(text));
	long_name(text, 256);
	d = begin(text, &verf);
	CHECK_EQ(pn4_readdir_next(&d, &ent, &eof), 0);
	CHECK_EQ(ent.skipped, 1);
}

TEST(readdir_rdattr_error)
{
	struct pn4_dirent ent;
	bool eof;
	__be64 verf;
	struct pxdr_dec d = begin(golden("readdir_rdattr_error"), &verf);

	CHECK_EQ(pn4_readdir_next(&d, &ent, &eof), 1);
	CHECK_EQ(ent.attr.valid, PN4_ATTR_RDERROR);
	CHECK_EQ(ent.attr.rderror, PN4ERR_DELAY);
}

TEST(readdir_end_passes_over_the_rest)
{
	static const char text[] = "26 0 q1 1 q3 'a' 0 0 1 q4 'b' 1 8 [ q1 ] 0 1 "
				   "9 0 0 0";
	struct pn4_dirent ent;
	struct pn4_attr attr;
	struct pxdr_dec d;
	__be64 verf;
	bool eof;

	d = begin(text, &verf);
	CHECK_EQ(pn4_readdir_next(&d, &ent, &eof), 1);
	CHECK_EQ(pn4_readdir_end(&d, &eof), 0);
	CHECK(eof);
	CHECK_EQ(pn4_dec_getattr(&d, &attr), 0);
}

/* As large as replies get, all of it names that count for nothing */
TEST(readdir_a_reply_full_of_odd_names_ends)
{
	size_t len, i, n = 40000;
	u8 *entry = wire("1 q3 '' 0 0", &len);
	u8 *end, *data;
	struct pn4_dirent ent;
	struct pxdr_dec d;
	size_t elen;
	bool eof;

	end = wire("0 1", &elen);
	data = malloc(n * len + elen);
	CHECK(data);
	for (i = 0; i < n; i++)
		memcpy(data + i * len, entry, len);
	memcpy(data + n * len, end, elen);
	pxdr_dec_init(&d, data, n * len + elen);
	CHECK_EQ(pn4_readdir_next(&d, &ent, &eof), 0);
	CHECK_EQ(ent.skipped, n);
	free(data);
}
