// SPDX-License-Identifier: GPL-2.0
/* RPC-over-RDMA headers (RFC 8166) and private data (RFC 8797). */
#include <string.h>
#include "../../net/rdma/header.h"
#include "rdma_messages.h"
#include "test.h"
#include "wire.h"

static const struct prdma_seg segs[] = {
	{ 0x11, 4096, 0x1000 },
	{ 0x22, 8192, 0xffff888000002000 },
	{ 0x33, 100, 0x3000 },
};

/* ---- what we send ---- */

static void encodes_as(const struct prdma_call_header *h, const char *text)
{
	static __be32 buf[PRDMA_HEADER_MAX / 4];
	struct pxdr_enc e;
	size_t len;
	u8 *want = wire(text, &len);

	pxdr_enc_init(&e, buf, sizeof(buf));
	prdma_header_encode(&e, h);
	CHECK(!e.overflow);
	CHECK_EQ(pxdr_enc_len(&e), len);
	CHECK_EQ(prdma_header_size(h), len);
	CHECK(!memcmp(buf, want, len));
}

TEST(rdma_encode_inline)
{
	struct prdma_call_header h = { .xid = 7, .credits = 32 };

	encodes_as(&h, "7 1 32 0  0 0 0");
}

TEST(rdma_encode_write_payload)
{
	struct prdma_call_header h = {
		.xid = 0xfedcba98, .credits = 32,
		.read = { segs, 2 }, .read_at = 180,
	};

	encodes_as(&h, "0xfedcba98 1 32 0 "
		       "1 180 0x11 4096 q0x1000 "
		       "1 180 0x22 8192 q0xffff888000002000 0  0  0");
}

TEST(rdma_encode_read_payload)
{
	struct prdma_call_header h = {
		.xid = 7, .credits = 32, .write = { segs, 2 },
	};

	encodes_as(&h, "7 1 32 0  0 "
		       "1 2 0x11 4096 q0x1000 0x22 8192 q0xffff888000002000 0  0");
}

TEST(rdma_encode_long_reply)
{
	struct prdma_call_header h = {
		.xid = 7, .credits = 32, .reply = { segs + 2, 1 },
	};

	encodes_as(&h, "7 1 32 0  0  0  1 1 0x33 100 q0x3000");
}

TEST(rdma_encode_long_call)
{
	struct prdma_call_header h = {
		.xid = 7, .credits = 32,
		.message = { segs, 1 },
		.read = { segs + 1, 1 }, .read_at = 200,
		.reply = { segs + 2, 1 },
	};

	encodes_as(&h, "7 1 32 1  1 0 0x11 4096 q0x1000 "
		       "1 200 0x22 8192 q0xffff888000002000 0  0  "
		       "1 1 0x33 100 q0x3000");
}

TEST(rdma_encode_everything_fits)
{
	static struct prdma_seg all[PRDMA_SEGS_MAX];
	struct prdma_call_header h = {
		.message = { all, 1 }, .read = { all, PRDMA_SEGS_MAX - 3 },
		.write = { all, 1 }, .reply = { all, 1 },
	};
	__be32 buf[PRDMA_HEADER_MAX / 4];
	struct pxdr_enc e;

	CHECK(prdma_header_size(&h) <= PRDMA_HEADER_MAX);
	pxdr_enc_init(&e, buf, prdma_header_size(&h));
	prdma_header_encode(&e, &h);
	CHECK(!e.overflow);
	pxdr_enc_init(&e, buf, prdma_header_size(&h) - 4);
	prdma_header_encode(&e, &h);
	CHECK(e.overflow);
}

TEST(rdma_encode_plain)
{
	__be32 buf[PRDMA_HEADER_MIN / 4];
	struct pxdr_enc e;
	size_t len;
	u8 *want = wire("9 1 5 0  0 0 0", &len);

	pxdr_enc_init(&e, buf, sizeof(buf));
	prdma_header_encode_plain(&e, 9, 5);
	CHECK_EQ(pxdr_enc_len(&e), len);
	CHECK(!memcmp(buf, want, len));
}

/* ---- what we receive ---- */

static bool decode(const char *text, struct prdma_message *m, u8 **buf)
{
	size_t len;

	*buf = wire(text, &len);
	memset(m, 0xee, sizeof(*m));
	return prdma_message_decode(*buf, len, m);
}

static void refused(const char *text)
{
	struct prdma_message m;
	u8 *buf;

	if (decode(text, &m, &buf))
		test_fail(__FILE__, __LINE__, "accepted: %s", text);
}

TEST(rdma_decode_inline_reply)
{
	struct prdma_message m;
	u8 *buf;

	CHECK(decode("7 1 32 0  0 0 0  7 1 0 0 0 0", &m, &buf));
	CHECK_EQ(m.xid, 7);
	CHECK_EQ(m.credits, 32);
	CHECK_EQ(m.proc, PRDMA_MSG);
	CHECK(m.body == buf + PRDMA_HEADER_MIN);
	CHECK_EQ(m.body_len, 24);
	CHECK(!m.has_write && !m.has_reply && !m.nr_write && !m.nr_reply);
	CHECK(!prdma_message_is_call(&m));
}

TEST(rdma_decode_returned_write_chunk)
{
	struct prdma_message m;
	u8 *buf;

	CHECK(decode("7 1 1 0  0  1 2 0x11 4096 q0x1000 0x22 10 q0xffff888000002000 0  0  "
		     "7 1", &m, &buf));
	CHECK(m.has_write && !m.has_reply);
	CHECK_EQ(m.nr_write, 2);
	CHECK_EQ(m.write[1].handle, 0x22);
	CHECK_EQ(m.write[1].len, 10);
	CHECK(m.write[1].offset == 0xffff888000002000);
	CHECK_EQ(m.body_len, 8);
}

TEST(rdma_decode_long_reply)
{
	struct prdma_message m;
	u8 *buf;

	CHECK(decode("7 1 1 1  0  0  1 1 0x33 99 q0x3000", &m, &buf));
	CHECK_EQ(m.proc, PRDMA_NOMSG);
	CHECK(!m.body && m.has_reply && !m.has_write);
	CHECK_EQ(m.nr_reply, 1);
	CHECK_EQ(m.reply[0].len, 99);
	/* data in the Write chunk as well */
	CHECK(decode("7 1 1 1  0  1 1 0x11 5 q0x1000 0  1 1 0x33 99 q0x3000", &m, &buf));
	CHECK_EQ(m.nr_write, 1);
	CHECK_EQ(m.write[0].len, 5);
	CHECK_EQ(m.reply[0].len, 99);
}

TEST(rdma_decode_errors)
{
	struct prdma_message m;
	u8 *buf;

	CHECK(decode("7 1 3 4 1 1 2", &m, &buf));
	CHECK_EQ(m.proc, PRDMA_ERROR);
	CHECK_EQ(m.err, PRDMA_ERR_VERS);
	CHECK_EQ(m.vers_low, 1);
	CHECK_EQ(m.vers_high, 2);
	CHECK(!m.body);
	CHECK(decode("7 1 3 4 2", &m, &buf));
	CHECK_EQ(m.err, PRDMA_ERR_CHUNK);
	CHECK(!prdma_message_is_call(&m));
	refused("7 1 3 4");
	refused("7 1 3 4 0");
	refused("7 1 3 4 3");
	refused("7 1 3 4 1 1");
}

TEST(rdma_decode_callback)
{
	struct prdma_message m;
	u8 *buf;

	CHECK(decode("9 1 2 0  0 0 0  9 0 2 1 0", &m, &buf));
	CHECK(prdma_message_is_call(&m));
}

TEST(rdma_decode_what_servers_may_not_send)
{
	/* versions and procedures */
	refused("7 2 32 0  0 0 0  7 1");
	refused("7 0 32 0  0 0 0  7 1");
	refused("7 1 32 2  0 0 0  7 1");
	refused("7 1 32 3");
	refused("7 1 32 5  0 0 0  7 1");
	refused("7 1 32 0xffffffff  0 0 0  7 1");
	/* a Read list */
	refused("7 1 32 0  1 0 0x11 4 q0x1000 0 0 0  7 1");
	/* two Write chunks */
	refused("7 1 32 0  0  1 1 0x11 4 q0x1000 1 1 0x11 4 q0x1000 0  0  7 1");
	/* booleans that are none */
	refused("7 1 32 0  2 0 0  7 1");
	refused("7 1 32 0  0 2 0  7 1");
	refused("7 1 32 0  0 0 2  7 1");
	/* a long reply without a chunk to be in */
	refused("7 1 32 1  0 0 0");
	refused("7 1 32 1  0  1 1 0x11 4 q0x1000 0  0");
	/* an RPC message of another call, or none */
	refused("7 1 32 0  0 0 0  8 1");
	refused("7 1 32 0  0 0 0  7");
	refused("7 1 32 0  0 0 0");
}

TEST(rdma_decode_wrong_lengths)
{
	/* more segments than there are bytes, or than anybody offers */
	refused("7 1 32 0  0  1 2 0x11 4 q0x1000 0  0  7 1");
	refused("7 1 32 0  0  1 0xffffffff 0x11 4 q0x1000 0  0  7 1");
	refused("7 1 32 1  0  0  1 0x10000000 0x11 4 q0x1000");
	/* segments that are larger than any chunk, also in sum and around 2^32 */
	refused("7 1 32 1  0  0  1 1 0x33 0xffffffff q0x3000");
	refused("7 1 32 1  0  0  1 2 0x33 0xffffffff q0x3000 0x33 2 q0x3000");
	refused("7 1 32 1  0  0  1 2 0x33 0x300000 q0x3000 0x33 0x300000 q0x3000");
}

TEST(rdma_decode_seventeen_segments)
{
	struct prdma_message m;
	char text[2048] = "7 1 32 1  0  0  1 16";
	u32 i;
	u8 *buf;

	for (i = 0; i < PRDMA_SEGS_MAX; i++)
		strcat(text, " 0x33 4 q0x3000");
	CHECK(decode(text, &m, &buf));
	CHECK_EQ(m.nr_reply, PRDMA_SEGS_MAX);
	strcat(text, " 0x33 4 q0x3000");
	memcpy(strstr(text, "16"), "17", 2);
	refused(text);
}

/* Every beginning of every good message is refused, and says its xid. */
TEST(rdma_decode_cut_short)
{
	unsigned int i;

	for (i = 0; i < nr_rdma_messages; i++) {
		size_t len, cut;
		u8 *buf = wire(rdma_messages[i].wire, &len);
		struct prdma_message m;

		CHECK(prdma_message_decode(buf, len, &m));
		for (cut = 0; cut < len - rdma_messages[i].tail; cut++) {
			u8 *part = exact(buf, cut);

			m.xid = 0xeeeeeeee;
			if (prdma_message_decode(part, cut, &m))
				test_fail(__FILE__, __LINE__, "%zu bytes of %s were accepted",
					  cut, rdma_messages[i].name);
			CHECK_EQ(m.xid, cut < 4 ? 0 : 7);
		}
	}
}

/* ---- chunks that come back ---- */

TEST(rdma_chunk_filled_from_the_front)
{
	const struct prdma_chunk offered = { segs, 3 };
	struct prdma_seg back[3];
	u32 len;

	memcpy(back, segs, sizeof(back));
	CHECK(prdma_chunk_filled(&offered, back, 3, &len));
	CHECK_EQ(len, 4096 + 8192 + 100);
	back[1].len = 10;
	back[2].len = 0;
	CHECK(prdma_chunk_filled(&offered, back, 3, &len));
	CHECK_EQ(len, 4096 + 10);
	back[0].len = 0;
	back[1].len = 0;
	CHECK(prdma_chunk_filled(&offered, back, 3, &len));
	CHECK_EQ(len, 0);
}

TEST(rdma_chunk_that_was_not_offered)
{
	const struct prdma_chunk offered = { segs, 3 };
	struct prdma_seg back[4] = { };
	u32 i, len;

	for (i = 0; i < 3; i++) {
		memcpy(back, segs, sizeof(segs));
		back[i].handle++;
		CHECK(!prdma_chunk_filled(&offered, back, 3, &len));
		memcpy(back, segs, sizeof(segs));
		back[i].offset++;
		CHECK(!prdma_chunk_filled(&offered, back, 3, &len));
		memcpy(back, segs, sizeof(segs));
		back[i].len++;
		CHECK(!prdma_chunk_filled(&offered, back, 3, &len));
	}
	memcpy(back, segs, sizeof(segs));
	CHECK(!prdma_chunk_filled(&offered, back, 2, &len));
	CHECK(!prdma_chunk_filled(&offered, back, 4, &len));
	CHECK(!prdma_chunk_filled(&offered, back, 0, &len));
	/* a hole in the middle, a beginning that is missing */
	back[1].len = 4;
	CHECK(!prdma_chunk_filled(&offered, back, 3, &len));
	memcpy(back, segs, sizeof(segs));
	back[0].len = 0;
	CHECK(!prdma_chunk_filled(&offered, back, 3, &len));
}

/* ---- private data ---- */

TEST(rdma_private_there_and_back)
{
	static const u32 sizes[] = { 1024, 4096, 262144 };
	struct prdma_private p, q;
	u8 buf[PRDMA_PRIVATE_LEN];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		p.send_size = sizes[i];
		p.recv_size = sizes[2 - i];
		p.remote_inv = i & 1;
		prdma_private_encode(buf, &p);
		prdma_private_decode(buf, sizeof(buf), &q);
		CHECK_EQ(q.send_size, p.send_size);
		CHECK_EQ(q.recv_size, p.recv_size);
		CHECK_EQ(q.remote_inv, p.remote_inv);
	}
	p.send_size = 5 << 20;
	p.recv_size = 100;
	prdma_private_encode(buf, &p);
	prdma_private_decode(buf, sizeof(buf), &q);
	CHECK_EQ(q.send_size, 262144);
	CHECK_EQ(q.recv_size, 1024);
}

TEST(rdma_private_on_the_wire)
{
	struct prdma_private p = { 4096, 8192, true };
	u8 buf[PRDMA_PRIVATE_LEN];

	prdma_private_encode(buf, &p);
	CHECK(!memcmp(buf, "\xf6\xab\x0e\x18\x01\x01\x03\x07", 8));
}

static void is_default(const void *buf, u32 len)
{
	u8 *data = exact(buf, len);
	struct prdma_private p = { 1, 1, true };

	prdma_private_decode(data, len, &p);
	CHECK_EQ(p.send_size, PRDMA_INLINE_DEFAULT);
	CHECK_EQ(p.recv_size, PRDMA_INLINE_DEFAULT);
	CHECK(!p.remote_inv);
}

TEST(rdma_private_missing_or_odd)
{
	static const u8 good[] = "\xf6\xab\x0e\x18\x01\x01\x03\x07";
	u8 late[20] = "0123456789ab\xf6\xab\x0e\x18\x01\x00\x03\x07";
	struct prdma_private p;
	u32 len;

	prdma_private_decode(NULL, 56, &p);
	CHECK_EQ(p.send_size, PRDMA_INLINE_DEFAULT);
	for (len = 0; len < 8; len++)
		is_default(good, len);
	is_default("\xf6\xab\x0e\x18\x02\x01\x03\x07", 8);	/* another version */
	is_default("\xf6\xab\x0e\x19\x01\x01\x03\x07", 8);
	/* behind what somebody else has put there */
	prdma_private_decode(late, sizeof(late), &p);
	CHECK_EQ(p.send_size, 4096);
	CHECK_EQ(p.recv_size, 8192);
	CHECK(!p.remote_inv);
	is_default(late, sizeof(late) - 1);
}
