// SPDX-License-Identifier: GPL-2.0
/*
 * RPCSEC_GSS: anybody's context, tokens and protected replies.
 *
 * The first byte of an input says what is tried (see try[]), the second which
 * enctype, and whether with an acceptor's subkey; the rest is the message, or
 * what an honest server makes a message of that is then changed on its way.
 * An unchanged one must come out as it went in.  The crypto is a stand-in (see
 * tests/fuzz/shim), so krb5.c's way through the bytes is tried and not
 * its secrecy.
 */
#include <linux/minmax.h>
#include "../../net/krb5.c"
#include "../../net/gss_wire.h"

#define PAGES		4
#define ROOM		(PAGES * PAGE_SIZE)
#define SEQ		0x01020304
#define TEXT_MAX	(ROOM - 512)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile u8 sink;

static void touch(const void *p, size_t len)
{
	const u8 *b = p;

	if (!p && len)
		abort();
	while (len--)
		sink ^= *b++;
}

/* ---- pages ---- */

struct room {
	struct page *ptrs[PAGES];
	struct bio_vec bv[PAGES];
	struct pkrb5_pages buf;
};

/* The last page ends where @size bytes end, so that no byte behind is touched. */
static struct room *room_new(u32 size)
{
	struct room *r = calloc(1, sizeof(*r));
	u32 i, n;

	for (i = 0; i < PAGES; i++) {
		n = min_t(u32, size, PAGE_SIZE);
		size -= n;
		r->ptrs[i] = n ? calloc(1, n) : NULL;
		r->bv[i] = (struct bio_vec){ .bv_page = r->ptrs[i], .bv_len = PAGE_SIZE };
	}
	r->buf = (struct pkrb5_pages){ .pages = r->ptrs, .size = ROOM };
	return r;
}

static void room_free(struct room *r)
{
	int i;

	for (i = 0; i < PAGES; i++)
		free(r->ptrs[i]);
	free(r);
}

/* ---- both ends ---- */

static struct pkrb5 *client_key(u8 how)
{
	static const u8 bytes[PKRB5_KEY_MAX] = "0123456789abcdef0123456789abcde";
	static struct pkrb5 *keys[8];
	const struct pkrb5_type *t = &pkrb5_types[how & 3];
	struct pkrb5 **k = &keys[how & 7];

	if (!*k)
		*k = pkrb5_create(t->enctype, bytes, t->key_len, how & 4);
	if (IS_ERR_OR_NULL(*k))
		abort();
	return *k;
}

/* The same keys, used the other way round. */
static const struct pkrb5 *server_key(u8 how)
{
	static struct pkrb5 k;
	struct pkrb5_way way;

	k = *client_key(how);
	way = k.out;
	k.out = k.in;
	k.in = way;
	return &k;
}

/* ---- messages of an honest server ---- */

static u8 wire[ROOM + 512];
static u32 wire_len;

static void put(const void *p, u32 len)
{
	memcpy(wire + wire_len, p, len);
	wire_len += len;
}

static void put32(u32 v)
{
	__be32 be = cpu_to_be32(v);

	put(&be, 4);
}

static void put_mic(const struct pkrb5 *k, const void *p, u32 len)
{
	struct pkrb5_piece piece = { .data = p, .len = len };
	u8 token[PKRB5_MIC_MAX];

	if (pkrb5_mic(k, 7, &piece, 1, token))
		abort();
	put32(pkrb5_mic_len(k));
	put(token, pkrb5_mic_len(k));
}

/* How a server makes and changes a message. */
struct deed {
	u16 rrc;	/* RFC 4121 section 4.2.5: rotated to the right */
	u16 ec;		/* section 4.2.4: the last so many bytes are filler */
	u8 cut;		/* so much is missing at the end */
	u16 at;		/* what is changed there */
	u8 xor;
};

/* As pkrb5_seal(), with filler. */
static u32 seal(const struct pkrb5 *k, struct pkrb5_pages *buf, u32 len, u16 ec)
{
	u8 header[PKRB5_HEADER] = { 5, 4, k->out.flags | PKRB5_SEALED, 0xff, ec >> 8, ec };
	u32 at = PKRB5_HEADER, n = PKRB5_BLOCK + len + PKRB5_HEADER;
	u8 digest[HASH_MAX_DIGESTSIZE];

	pkrb5_pages_write(buf, 0, header, sizeof(header));
	pkrb5_pages_write(buf, at + PKRB5_BLOCK + len, header, sizeof(header));
	if (!k->type->sha2)
		pkrb5_hash_sealed(k->type, k->out.seal, buf, at, n, digest);
	pkrb5_crypt_pages(&k->out, buf, at, n, true);
	if (k->type->sha2)
		pkrb5_hash_sealed(k->type, k->out.seal, buf, at, n, digest);
	pkrb5_pages_write(buf, at + n, digest, k->type->cksum_len);
	return at + n + k->type->cksum_len;
}

static void put_sealed(const struct pkrb5 *k, const void *text, u32 len,
		       const struct deed *deed)
{
	struct room *r = room_new(ROOM);
	u8 token[ROOM], *body = token + PKRB5_HEADER;
	u32 n, shift;

	pkrb5_pages_write(&r->buf, PKRB5_SEAL_FRONT, text, len);
	n = seal(k, &r->buf, len, deed->ec);
	pkrb5_pages_read(&r->buf, 0, token, n);
	room_free(r);
	token[6] = deed->rrc >> 8;
	token[7] = deed->rrc;
	put(token, PKRB5_HEADER);
	n -= PKRB5_HEADER;
	shift = deed->rrc % n;
	put(body + n - shift, shift);
	put(body, n - shift);
}

static void put_reply(const struct pkrb5 *k, bool private, const u8 *text, u32 len,
		      const struct deed *deed)
{
	static u8 body[ROOM];
	__be32 seq = cpu_to_be32(SEQ);
	u32 at;

	put32(0x1111);
	put32(RPC5531_REPLY);
	put32(RPC5531_ACCEPTED);
	put32(PGSS_FLAVOR);
	put_mic(k, &seq, 4);
	put32(RPC5531_SUCCESS);
	memcpy(body, &seq, 4);
	memcpy(body + 4, text, len);
	if (!private) {
		put32(4 + len);
		put(body, 4 + len);
		put_mic(k, body, 4 + len);
		return;
	}
	at = wire_len;
	put32(0);
	put_sealed(k, body, 4 + len, deed);
	len = wire_len - at - 4;
	wire_len = at;
	put32(len);
	wire_len += len;
}

/* ---- what is tried ---- */

/* A context as penstock-gss hands it over. */
static void try_made(u8 how, const u8 *p, u32 len)
{
	struct pgss_made made;
	struct pkrb5 *key;

	if (pgss_parse(&made, p, len))
		return;
	if (!made.window || made.handle_len > PGSS_HANDLE_MAX || made.key_len > PKRB5_KEY_MAX)
		abort();
	touch(made.handle, made.handle_len);
	touch(made.key, made.key_len);
	key = pkrb5_create(made.enctype, made.key, made.key_len, made.subkey);
	if (!IS_ERR(key))
		pkrb5_free(key);
}

/* Any token as a checksum of some bytes. */
static void try_mic(u8 how, const u8 *p, u32 len)
{
	struct room *r = room_new(4106);
	struct pkrb5_piece piece = { .bv = r->bv, .skip = 4090, .len = 16 };
	u8 *token = malloc(len ?: 1);

	memcpy(token, p, len);
	pkrb5_mic_check(client_key(how), &piece, 1, token, len);
	free(token);
	room_free(r);
}

/* Any bytes as a sealed token; the first says where it begins, in blocks. */
static void try_open(u8 how, const u8 *p, u32 len)
{
	struct room *r;
	u32 at, room;
	int n;

	if (!len)
		return;
	at = PAGE_SIZE - *p++ % 64 * PKRB5_BLOCK;
	room = ROOM - at;
	len = min_t(u32, len - 1, room);
	r = room_new(at + len);
	pkrb5_pages_write(&r->buf, at, p, len);
	n = pkrb5_open(client_key(how), &r->buf, at, len);
	if (n >= 0 && (u32)n + PKRB5_SEAL_FRONT > len)
		abort();
	room_free(r);
}

/* What has come, as the transport lays it down.  Is it good? */
static bool receive(u8 how, struct pgss_reply *rep, u8 *results)
{
	__be32 head[PRPC_REPLY_HEADER / 4] = {};
	struct pkrb5 *key = client_key(how);
	u32 n = min_t(u32, wire_len, sizeof(head));
	struct room *r;
	int error;

	memcpy(head, wire, n);
	*rep = (struct pgss_reply){
		.key = key,
		.seq = SEQ,
		.private = how & 8,
		.head = head,
		.head_len = n,
		.skip = -(pkrb5_mic_len(key) + 4) & (PKRB5_BLOCK - 1),
	};
	rep->got = min_t(u32, wire_len - n, ROOM - rep->skip);
	r = room_new(rep->skip + rep->got);
	rep->buf = &r->buf;
	rep->bv = r->bv;
	pkrb5_pages_write(&r->buf, rep->skip, wire + n, rep->got);
	error = pgss_open(rep);
	if (error > 0 || rep->front_len > sizeof(rep->front))
		abort();
	if (!error && !rep->front_len) {
		if (rep->at < rep->skip || rep->len > rep->skip + rep->got - rep->at)
			abort();
		pkrb5_pages_read(&r->buf, rep->at, results, rep->len);
	}
	room_free(r);
	return !error && !rep->front_len;
}

static u8 results[ROOM];

/* Any bytes as a reply. */
static void try_raw(u8 how, const u8 *p, u32 len)
{
	struct pgss_reply rep;

	wire_len = 0;
	put(p, len);
	receive(how, &rep, results);
}

/* A server's reply with @p as results, done to as its first bytes say. */
static void try_reply(u8 how, const u8 *p, u32 len)
{
	struct deed deed;
	struct pgss_reply rep;
	bool honest, good;

	if (len < 8)
		return;
	deed = (struct deed){ p[0] << 8 | p[1], p[2] << 8 | p[3], p[4], p[5] << 8 | p[6], p[7] };
	p += 8;
	len = (len - 8) & ~3u;
	wire_len = 0;
	put_reply(server_key(how), how & 8, p, len, &deed);
	wire_len -= min_t(u32, wire_len, deed.cut);
	wire[deed.at % (wire_len + 1)] ^= deed.xor;
	if (!(how & 8))
		deed.ec = deed.rrc = 0;
	honest = !deed.cut && !deed.xor && deed.ec <= len &&
		 deed.ec <= PKRB5_SHIFT_MAX && deed.rrc <= PKRB5_SHIFT_MAX;
	good = receive(how, &rep, results);
	if (honest && (!good || rep.len != len - deed.ec || memcmp(results, p, rep.len)))
		abort();
	if (!deed.cut && !deed.xor && deed.ec > len && good)
		abort();
}

static void (* const try[])(u8 how, const u8 *p, u32 len) = {
	try_made, try_mic, try_open, try_raw, try_reply,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > TEXT_MAX)
		return 0;
	try[data[0] % ARRAY_SIZE(try)](data[1], data + 2, size - 2);
	return 0;
}
