// SPDX-License-Identifier: GPL-2.0
/*
 * Layouts: what is said of them on the wire, and where the bytes of a file lie.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../../fs/nfs4/codec_layout.h"
#include "../../fs/nfs4/codec_nfs3.h"
#include "../../fs/nfs4/layout_map.h"
#include "golden.h"
#include "test.h"
#include "wire.h"

#define SID	"7 xaabbccddeeff001122334455"
#define DEVID	"x0f0e0d0c0b0a09080706050403020100"

static const struct pn4_stateid sid = {
	7, { 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0, 0x11, 0x22, 0x33, 0x44, 0x55 }
};
static const u8 devid[16] = { 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0 };

static void check_wire(const struct pxdr_enc *e, const char *text)
{
	size_t len;
	u8 *want = wire(text, &len);

	CHECK(!e->overflow);
	CHECK_EQ(pxdr_enc_len(e), len);
	CHECK(!memcmp(e->start, want, len));
	free(want);
}

static __be32 room[1024];

static struct pxdr_enc begin(void)
{
	struct pxdr_enc e;

	pxdr_enc_init(&e, room, sizeof(room));
	return e;
}

TEST(layoutget_encodes)
{
	struct pn4_layoutget_args a = {
		.type = PN4_LAYOUT_FLEX, .iomode = PN4_IOMODE_RW, .offset = 5,
		.length = PN4_UINT64_MAX, .minlength = 4096, .stateid = sid,
		.maxcount = 16000,
	};
	struct pxdr_enc e = begin();

	pn4_enc_layoutget(&e, &a);
	check_wire(&e, "50 0 4 2 q5 q0xffffffffffffffff q4096 " SID " 16000");
}

TEST(layoutcommit_encodes)
{
	struct pn4_layoutcommit_args a = {
		.length = PN4_UINT64_MAX, .stateid = sid, .last = 99,
		.type = PN4_LAYOUT_FILES,
	};
	struct pxdr_enc e = begin();

	pn4_enc_layoutcommit(&e, &a);
	check_wire(&e, "49 q0 q0xffffffffffffffff 0 " SID " 1 q99 0 1 0");
	a.last = PN4_UINT64_MAX;
	a.reclaim = true;
	e = begin();
	pn4_enc_layoutcommit(&e, &a);
	check_wire(&e, "49 q0 q0xffffffffffffffff 1 " SID " 0 0 1 0");
}

static const struct pn4_ds_error error = {
	.offset = 10, .length = 20, .status = PN4ERR_NXIO, .op = PN4_OP_WRITE,
	.deviceid = { 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0 },
};
static const struct pn4_ds_stats stats = {
	.deviceid = { 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0 },
	.netid = "tcp", .addr = "10.1.0.12.8.1", .fh = { 2, { 1, 2 } },
	.read = { 1, 4096, 1500000000 }, .write = { 2, 8192, 3 },
	.duration = 7000000009,
};

#define LATENCY(n, bytes, sec, ns) \
	"q" #n " q" #bytes " q" #n " q" #bytes " q0 q" #sec " " #ns " q" #sec " " #ns
#define UPDATE	"'tcp' '10.1.0.12.8.1' o0102 " LATENCY(1, 4096, 1, 500000000) " " \
	LATENCY(2, 8192, 0, 3) " q7 9 0"
#define HEAD	"q0 q0xffffffffffffffff " SID " q1 q4096 q2 q8192 " DEVID

TEST(nfs3_encodes)
{
	static const struct pn4_fh fh = { 3, { 1, 2, 3 } };
	struct pxdr_enc e = begin();

	pn3_enc_read(&e, &fh, 4096, 512);
	check_wire(&e, "o010203 q4096 512");
	e = begin();
	pn3_enc_write(&e, &fh, 4096, PN4_FILE_SYNC, 9);
	check_wire(&e, "o010203 q4096 9 2 9");
	e = begin();
	pn3_enc_commit(&e, &fh);
	check_wire(&e, "o010203 q0 0");
}

TEST(layoutreturn_encodes)
{
	struct pn4_layoutreturn_args a = {
		.type = PN4_LAYOUT_FLEX, .iomode = PN4_IOMODE_ANY,
		.kind = PN4_LAYOUTRECALL_FILE, .length = PN4_UINT64_MAX,
		.stateid = sid, .errors = &error, .nr_errors = 1,
		.stats = &stats, .nr_stats = 1,
	};
	struct pxdr_enc e = begin();

	pn4_enc_layoutreturn(&e, &a);
	check_wire(&e, "51 0 4 3 1 q0 q0xffffffffffffffff " SID " [ "
		   "1 q10 q20 " SID " 1 " DEVID " 6 38 1 " HEAD " " UPDATE " ]");
	a.type = PN4_LAYOUT_FILES;
	e = begin();
	pn4_enc_layoutreturn(&e, &a);
	check_wire(&e, "51 0 1 3 1 q0 q0xffffffffffffffff " SID " 0");
	a.kind = PN4_LAYOUTRECALL_ALL;
	e = begin();
	pn4_enc_layoutreturn(&e, &a);
	check_wire(&e, "51 0 1 3 3");
}

TEST(layout_reports_encode)
{
	struct pxdr_enc e = begin();

	pn4_enc_layouterror(&e, &sid, &error);
	check_wire(&e, "64 q10 q20 " SID " 1 " DEVID " 6 38");
	e = begin();
	pn4_enc_layoutstats(&e, &sid, PN4_LAYOUT_FLEX, &stats);
	check_wire(&e, "65 " HEAD " 4 [ " UPDATE " ]");
	e = begin();
	pn4_enc_layoutstats(&e, &sid, PN4_LAYOUT_FILES, &stats);
	check_wire(&e, "65 " HEAD " 1 0");
}

TEST(getdeviceinfo_encodes)
{
	struct pxdr_enc e = begin();

	pn4_enc_getdeviceinfo(&e, devid, PN4_LAYOUT_FLEX, 16000);
	check_wire(&e, "47 " DEVID " 4 16000 1 6");
}

TEST(flexible_layout_values)
{
	struct pn4_layout4 lo;
	struct pn4_ff_layout ff;
	struct pn4_ff_ds ds;
	size_t len;

	lo.body = wire(golden("ff_layout"), &len);
	lo.body_len = (u32)len;
	CHECK_EQ(pn4_dec_ff_layout(&lo, &ff), 0);
	CHECK_EQ(ff.unit, 65536);
	CHECK_EQ(ff.nr_mirrors, 2);
	CHECK_EQ(ff.nr_stripes, 2);
	CHECK_EQ(ff.flags, PN4_FF_NO_LAYOUTCOMMIT);
	CHECK_EQ(ff.stats_hint, 30);
	pn4_ff_next_ds(&ff, &ds);
	CHECK_EQ(ds.efficiency, 10);
	CHECK(!memcmp(ds.deviceid, devid, 16));
	CHECK(ds.numeric && ds.uid == 100 && ds.gid == 200);
	CHECK_EQ(ds.nr_fhs, 1);
	CHECK_EQ(ds.fhs[0].len, 2);
	pn4_ff_next_ds(&ff, &ds);
	CHECK(!ds.numeric);
	pn4_ff_next_ds(&ff, &ds);
	CHECK_EQ(ds.efficiency, 20);
}

TEST(universal_addresses)
{
	static const struct { const char *text; int st; u32 host; u16 port; } t[] = {
		{ "10.1.0.12.8.1", 0, 9, 2049 },
		{ "fd00::1:12.80.10", 0, 10, 20490 },
		{ "10.1.0.12.256.1", -EINVAL }, { "8.1", -EINVAL }, { ".8.1", -EINVAL },
		{ "", -EINVAL }, { "10.1.0.12.0.0", -EINVAL }, { "1.2.3.4.5.", -EINVAL },
		{ "1.2.3.4.0005.1", -EINVAL },
	};
	unsigned int i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pn4_netaddr na = { .addr = t[i].text,
					  .addr_len = (u32)strlen(t[i].text) };
		u32 host;
		u16 port;
		int st = pn4_uaddr_port(&na, &host, &port);

		if (st != t[i].st)
			test_fail(__FILE__, __LINE__, "%s: %d", t[i].text, st);
		if (!st && (host != t[i].host || port != t[i].port))
			test_fail(__FILE__, __LINE__, "%s: %u %u", t[i].text, host,
				  port);
	}
}

TEST(devices_that_change_or_go)
{
	struct pn4_cb_notify_deviceid_args args;
	struct pn4_devnotify n;
	struct pxdr_dec d;
	size_t len;
	u8 *data = wire(golden("cb_devnotify"), &len);

	pxdr_dec_init(&d, data, len);
	CHECK_EQ(pn4_dec_cb_notify_deviceid(&d, &args), 0);
	CHECK(pn4_devnotify_next(&args, &n));
	CHECK(!n.gone && n.type == PN4_LAYOUT_FLEX);
	CHECK(pn4_devnotify_next(&args, &n));
	CHECK(!n.gone && n.type == PN4_LAYOUT_FILES);
	CHECK(pn4_devnotify_next(&args, &n));
	CHECK(n.gone && n.type == PN4_LAYOUT_FLEX && !memcmp(n.deviceid, devid, 16));
	CHECK(!pn4_devnotify_next(&args, &n));
}

static void check_chunk(const struct pn4_chunk *c, u32 stripe, u64 pos, u64 len)
{
	CHECK_EQ(c->stripe, stripe);
	CHECK_EQ(c->pos, pos);
	CHECK_EQ(c->len, len);
}

TEST(files_layout_maps)
{
	struct pn4_stripe s = { .unit = 100, .nr = 3, .first = 1, .offset = 50 };
	struct pn4_chunk c;

	CHECK(!pn4_map_files(&s, 49, 1, &c));
	CHECK(pn4_map_files(&s, 50, 1000, &c));
	check_chunk(&c, 1, 50, 100);
	CHECK(pn4_map_files(&s, 265, 1000, &c));
	check_chunk(&c, 0, 265, 85);
	CHECK(pn4_map_files(&s, 350, 10, &c));
	check_chunk(&c, 1, 350, 10);
	s.dense = true;
	CHECK(pn4_map_files(&s, 365, 1000, &c));	/* second turn, 15 into it */
	check_chunk(&c, 1, 115, 85);
	CHECK(pn4_map_files(&s, 265, 1000, &c));
	check_chunk(&c, 0, 15, 85);
	s.nr = 0;
	CHECK(!pn4_map_files(&s, 365, 1000, &c));
}

/* Every byte lies somewhere, and no two at the same place. */
TEST(dense_stripes_do_not_overlap)
{
	struct pn4_stripe s = { .unit = 4, .nr = 3, .first = 2, .dense = true };
	static u8 seen[3][64];
	struct pn4_chunk c;
	u64 pos;

	for (pos = 0; pos < 96; pos += c.len) {
		u64 i;

		CHECK(pn4_map_files(&s, pos, 96 - pos, &c));
		CHECK(c.len && c.stripe < 3 && c.pos + c.len <= 64);
		for (i = 0; i < c.len; i++)
			CHECK(!seen[c.stripe][c.pos + i]++);
	}
	CHECK_EQ(pos, 96);
}

TEST(flexible_layout_maps)
{
	struct pn4_stripe s = { .nr = 1 };
	struct pn4_chunk c;

	CHECK(pn4_map_flex(&s, 12345, 1 << 20, &c));
	check_chunk(&c, 0, 12345, 1 << 20);
	s.nr = 2;
	CHECK(!pn4_map_flex(&s, 0, 1, &c));
	s.unit = 100;
	CHECK(pn4_map_flex(&s, 350, 1000, &c));
	check_chunk(&c, 1, 350, 50);
	CHECK(pn4_map_flex(&s, 400, 10, &c));
	check_chunk(&c, 0, 400, 10);
}
