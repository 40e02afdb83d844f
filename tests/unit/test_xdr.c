// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>
#include "test.h"
#include "wire.h"

TEST(xdr_what_is_written_reads_back)
{
	static __be32 buf[32];
	struct pxdr_enc e;
	struct pxdr_dec d;
	const char *s;
	u32 len;

	memset(buf, 0xee, sizeof(buf));
	pxdr_enc_init(&e, buf, sizeof(buf));
	pxdr_u32(&e, 0xfedcba98);
	pxdr_u64(&e, 0x123456789abcdef0);
	pxdr_opaque(&e, "hello", 5);
	pxdr_fixed(&e, "abc", 3);
	pxdr_u32(&e, 1);
	CHECK_EQ(pxdr_enc_len(&e), 4 + 8 + 12 + 4 + 4);
	CHECK(!memcmp((u8 *)buf + 16, "hello\0\0\0abc\0", 12));
	pxdr_dec_init(&d, buf, pxdr_enc_len(&e));
	CHECK_EQ(pxdr_get_u32(&d), 0xfedcba98);
	CHECK(pxdr_get_u64(&d) == 0x123456789abcdef0);
	s = pxdr_get_opaque(&d, 5, &len);
	CHECK_STR(s, len, "hello");
	s = pxdr_get_fixed(&d, 3);
	CHECK(s && !memcmp(s, "abc", 3));
	CHECK(pxdr_get_bool(&d));
	CHECK(!d.bad);
	CHECK_EQ(pxdr_left(&d), 0);
}

TEST(xdr_writer_stops_and_stays_stopped)
{
	u8 *buf = exact("xxxxxxxx", 8);
	struct pxdr_enc e;

	pxdr_enc_init(&e, buf, 8);
	pxdr_u32(&e, 1);
	pxdr_opaque(&e, "a", 1);
	CHECK(e.overflow);
	pxdr_u32(&e, 3);	/* would fit, but comes after an overflow */
	CHECK(e.overflow);
	CHECK(!pxdr_reserve(&e, 0xffffffff));
	free(buf);
}

TEST(xdr_reader_stops_and_stays_stopped)
{
	size_t len;
	u8 *buf = wire("1 2 3", &len);
	struct pxdr_dec d;
	u32 n;

	pxdr_dec_init(&d, buf, len);
	CHECK(!pxdr_get_opaque(&d, 0, &n));
	CHECK(d.bad);
	CHECK_EQ(n, 0);
	CHECK_EQ(pxdr_left(&d), 0);
	CHECK_EQ(pxdr_get_u32(&d), 0);
	CHECK(pxdr_get_u64(&d) == 0);
	CHECK_EQ(pxdr_get_count(&d, 10, 1), 0);
	free(buf);
}

TEST(xdr_lengths_near_the_limit)
{
	static const char * const lens[] = {
		"0xffffffff 1", "0xfffffffe 1", "0xfffffffd 1", "0xfffffffc 1",
		"0x80000000 1", "5 1", "8 1",
	};
	struct pxdr_dec d;
	size_t i, len;
	u32 n;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		u8 *buf = wire(lens[i], &len);

		pxdr_dec_init(&d, buf, len);
		CHECK(!pxdr_get_opaque(&d, 0xffffffff, &n));
		CHECK(d.bad);
		pxdr_dec_init(&d, buf, len);
		CHECK_EQ(pxdr_get_count(&d, 0xffffffff, 4), 0);
		CHECK(d.bad);
		free(buf);
	}
}

TEST(xdr_bool_is_0_or_1)
{
	size_t len;
	u8 *buf = wire("2", &len);
	struct pxdr_dec d;

	pxdr_dec_init(&d, buf, len);
	CHECK(!pxdr_get_bool(&d));
	CHECK(d.bad);
	free(buf);
}
