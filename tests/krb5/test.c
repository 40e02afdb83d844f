// SPDX-License-Identifier: GPL-2.0
/*
 * net/krb5.c in user space: the vectors of RFC 3961, 3962 and 8009, and tokens
 * (RFC 4121) there and back, whole and with each of their bytes changed.
 */
#include <stdio.h>
#include "shim.h"
#include "../../net/krb5.c"

static unsigned int checks;

#define CHECK(x) do {							\
	checks++;							\
	if (!(x)) {							\
		fprintf(stderr, "FAIL %s:%d: %s\n", __FILE__, __LINE__, #x); \
		exit(1);						\
	}								\
} while (0)

static u32 hex(const char *text, u8 *out)
{
	u32 n = 0;

	for (; *text; text++) {
		if (*text == ' ')
			continue;
		sscanf(text++, "%2hhx", out + n++);
	}
	return n;
}

static void is(const u8 *got, const char *want)
{
	u8 bytes[256];
	u32 n = hex(want, bytes);

	CHECK(!memcmp(got, bytes, n));
}

/* RFC 3961 appendix A.1 */
static void nfold(const char *in, u32 len, const char *want)
{
	u8 out[64];

	pkrb5_nfold((const u8 *)in, strlen(in), out, len);
	is(out, want);
}

static void test_nfold(void)
{
	nfold("012345", 8, "be072631276b1955");
	nfold("password", 7, "78a07b6caf85fa");
	nfold("Rough Consensus, and Running Code", 8, "bb6ed30870b7f0e0");
	nfold("password", 21, "59e4a8ca7c0385c3c37b3f6d2000247cb6e6bd5b3e");
	nfold("MASSACHVSETTS INSTITVTE OF TECHNOLOGY", 24,
	      "db3b0d8f0b061e603282b308a50841229ad798fab9540c1b");
	nfold("Q", 21, "518a54a215a8452a518a54a215a8452a518a54a215");
	nfold("ba", 21, "fb25d531ae8974499f52fd92ea9857c4ba24cf297e");
	nfold("kerberos", 16, "6b65726265726f737b9b5b2b93132b93");
	nfold("kerberos", 32, "6b65726265726f737b9b5b2b93132b935c9bdcdad95c9899c4cae4dee6d6cae4");
}

static struct page pages[3];
static struct page *page_list[] = { &pages[0], &pages[1], &pages[2] };
static struct pkrb5_pages buf = { page_list, sizeof(pages) };

/* RFC 3962 appendix B; at the end of a page too */
static void cts(const char *in, const char *out)
{
	static const u8 key[] = "chicken teriyaki";
	static const u32 at[] = { 0, PAGE_SIZE - 16, PAGE_SIZE - 32 };
	u8 bytes[64], back[64];
	struct pkrb5_way w = {
		.cbc = pkrb5_cipher("cbc(aes)", key, 16),
		.cts = pkrb5_cipher("cts(cbc(aes))", key, 16),
	};
	u32 i, n = strlen(in);

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		pkrb5_pages_write(&buf, at[i], in, n);
		CHECK(!pkrb5_crypt_pages(&w, &buf, at[i], n, true));
		pkrb5_pages_read(&buf, at[i], bytes, n);
		is(bytes, out);
		CHECK(!pkrb5_crypt_pages(&w, &buf, at[i], n, false));
		pkrb5_pages_read(&buf, at[i], back, n);
		CHECK(!memcmp(back, in, n));
	}
	pkrb5_way_free(&w);
}

static void test_cts(void)
{
	cts("I would like the ", "c6353568f2bf8cb4d8a580362da7ff7f97");
	cts("I would like the General Gau's ",
	    "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5");
	cts("I would like the General Gau's C",
	    "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584");
	cts("I would like the General Gau's Chicken, please,",
	    "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e"
	    "39312523a78662d5be7fcbcc98ebf5");
	cts("I would like the General Gau's Chicken, please, ",
	    "97687268d6ecccc0c07b25e25ecfe5849dad8bbb96c4cdc03bc103e1a194bbd8"
	    "39312523a78662d5be7fcbcc98ebf5a8");
}

/* RFC 8009 appendix A */
static void derive(u32 enctype, const char *base, const char *kc, const char *ke,
		   const char *ki)
{
	const struct pkrb5_type *t = pkrb5_type(enctype);
	u8 key[32], out[32];

	hex(base, key);
	CHECK(pkrb5_derive(t, key, 2, PKRB5_FOR_CHECKSUM, out) == (int)t->sign_len);
	is(out, kc);
	CHECK(pkrb5_derive(t, key, 2, PKRB5_FOR_ENCRYPTION, out) == (int)t->key_len);
	is(out, ke);
	CHECK(pkrb5_derive(t, key, 2, PKRB5_FOR_INTEGRITY, out) == (int)t->sign_len);
	is(out, ki);
}

#define BASE128 "3705D96080C17728A0E800EAB6E0D23C"
#define BASE256 "6D404D37FAF79F9DF0D33568D320669800EB4836472EA8A026D16B7182460C52"

static void encrypt(u32 enctype, const char *base, const char *plain, const char *out)
{
	const struct pkrb5_type *t = pkrb5_type(enctype);
	struct pkrb5_way w = {};
	u8 key[32], bytes[128], got[128], digest[64];
	u32 n = hex(plain, bytes);

	hex(base, key);
	CHECK(!pkrb5_way_set(&w, t, key, 2, 2));
	pkrb5_pages_write(&buf, 0, bytes, n);
	CHECK(!pkrb5_crypt_pages(&w, &buf, 0, n, true));
	CHECK(!pkrb5_hash_sealed(t, w.seal, &buf, 0, n, digest));
	pkrb5_pages_read(&buf, 0, got, n);
	memcpy(got + n, digest, t->cksum_len);
	is(got, out);
	pkrb5_way_free(&w);
}

static void test_sha2(void)
{
	derive(PKRB5_AES128_SHA256, BASE128, "B31A018A48F54776F403E9A396325DC3",
	       "9B197DD1E8C5609D6E67C3E37C62C72E", "9FDA0E56AB2D85E1569A688696C26A6C");
	derive(PKRB5_AES256_SHA384, BASE256,
	       "EF5718BE86CC84963D8BBB5031E9F5C4BA41F28FAF69E73D",
	       "56AB22BEE63D82D7BC5227F6773F8EA7A5EB1C825160C38312980C442E5C7E49",
	       "69B16514E3CD8E56B82010D5C73012B622C4D00FFC23ED1F");
	encrypt(PKRB5_AES128_SHA256, BASE128, "7BCA285E2FD4130FB55B1A5C83BC5B24 000102030405",
		"84D7F30754ED987BAB0BF3506BEB09CFB55402CEF7E6"
		"877CE99E247E52D16ED4421DFDF8976C");
	encrypt(PKRB5_AES128_SHA256, BASE128,
		"56AB21713FF62C0A1457200F6FA9948F 000102030405060708090A0B0C0D0E0F",
		"3517D640F50DDC8AD3628722B3569D2AE07493FA8263254080EA65C1008E8FC2"
		"95FB4852E7D83E1E7C48C37EEBE6B0D3");
	encrypt(PKRB5_AES256_SHA384, BASE256, "B80D3251C1F6471494256FFE712D0B9A 000102030405",
		"4ED7B37C2BCAC8F74F23C1CF07E62BC7B75FB3F637B9"
		"F559C7F664F69EAB7B6092237526EA0D1F61CB20D69D10F2");
}

/* The same keys as the other side has them. */
static struct pkrb5 *mirror(u32 enctype, const u8 *key, u32 len)
{
	struct pkrb5 *k = pkrb5_create(enctype, key, len, true);
	struct pkrb5_way w = k->out;

	k->out = k->in;
	k->in = w;
	return k;
}

static void test_mic(struct pkrb5 *k, struct pkrb5 *peer)
{
	u8 token[PKRB5_MIC_MAX], data[100];
	struct bio_vec bv[] = { { &pages[0], 50, 10 }, { &pages[1], 4000, 0 } };
	struct pkrb5_piece apart[] = { { data, NULL, 0, 60 }, { data + 60, NULL, 0, 40 } };
	struct pkrb5_piece whole = { data, NULL, 0, 100 };
	struct pkrb5_piece paged = { NULL, bv, 7, 100 };
	u32 i, len = pkrb5_mic_len(k);

	for (i = 0; i < sizeof(data); i++)
		data[i] = i * 7;
	memcpy(pages[0].bytes + 17, data, 43);
	memcpy(pages[1].bytes, data + 43, 57);
	CHECK(!pkrb5_mic(k, 77, apart, 2, token));
	CHECK(!pkrb5_mic_check(peer, &whole, 1, token, len));
	CHECK(!pkrb5_mic_check(peer, &paged, 1, token, len));
	CHECK(pkrb5_mic_check(k, &whole, 1, token, len) == -EBADMSG);
	CHECK(pkrb5_mic_check(peer, &whole, 1, token, len - 1) == -EBADMSG);
	for (i = 0; i < len; i++) {
		token[i] ^= 0x10;
		CHECK(pkrb5_mic_check(peer, &whole, 1, token, len) == -EBADMSG);
		token[i] ^= 0x10;
	}
	data[50] ^= 1;
	CHECK(pkrb5_mic_check(peer, &whole, 1, token, len) == -EBADMSG);
}

/* @len bytes in a token at @at, turned right by @rrc on the way */
static void seal(struct pkrb5 *k, struct pkrb5 *peer, u32 at, u32 len, u32 rrc)
{
	static u8 plain[sizeof(pages)], got[sizeof(pages)], token[sizeof(pages)];
	int n, i, step;
	u8 *body = token + PKRB5_HEADER;

	for (i = 0; i < (int)len; i++)
		plain[i] = i * 31 + (i >> 8);
	pkrb5_pages_write(&buf, at + PKRB5_SEAL_FRONT, plain, len);
	n = pkrb5_seal(k, 5, &buf, at, len);
	CHECK(n == (int)(len + PKRB5_SEAL_FRONT + PKRB5_HEADER + k->type->cksum_len));
	pkrb5_pages_read(&buf, at, token, n);
	if (rrc) {
		u32 rest = n - PKRB5_HEADER - rrc;

		memcpy(got, body + rest, rrc);
		memmove(body + rrc, body, rest);
		memcpy(body, got, rrc);
		token[6] = rrc >> 8;
		token[7] = rrc;
		pkrb5_pages_write(&buf, at, token, n);
	}
	CHECK(pkrb5_open(peer, &buf, at, n) == (int)len);
	pkrb5_pages_read(&buf, at + PKRB5_SEAL_FRONT, got, len);
	CHECK(!memcmp(got, plain, len));

	step = n > 200 ? n / 50 : 1;
	for (i = 0; i < n; i += step) {
		token[i] ^= 4;
		pkrb5_pages_write(&buf, at, token, n);
		CHECK(pkrb5_open(peer, &buf, at, n) == -EBADMSG);
		token[i] ^= 4;
		pkrb5_pages_write(&buf, at, token, n);
		CHECK(i < (int)k->type->cksum_len ||
		      pkrb5_open(peer, &buf, at, i) == -EBADMSG);
	}
}

static void test_tokens(u32 enctype, u32 len)
{
	u8 key[32];
	struct pkrb5 *k, *peer;
	u32 n;

	for (n = 0; n < len; n++)
		key[n] = n * 11 + enctype;
	k = pkrb5_create(enctype, key, len, true);
	CHECK(!IS_ERR(k));
	CHECK(PTR_ERR(pkrb5_create(enctype, key, len - 1, true)) == -EINVAL);
	peer = mirror(enctype, key, len);
	test_mic(k, peer);
	for (n = 0; n < 70; n++)
		seal(k, peer, 16 * (n % 5), n, n % 3 ? 0 : 28);
	seal(k, peer, PAGE_SIZE - 32, 5000, 0);
	seal(k, peer, 0, 8192, 17);
	seal(k, peer, 48, 4096, 0);
	pkrb5_free(k);
	pkrb5_free(peer);
}

int main(void)
{
	test_nfold();
	test_cts();
	test_sha2();
	test_tokens(PKRB5_AES128_SHA1, 16);
	test_tokens(PKRB5_AES256_SHA1, 32);
	test_tokens(PKRB5_AES128_SHA256, 16);
	test_tokens(PKRB5_AES256_SHA384, 32);
	CHECK(PTR_ERR(pkrb5_create(23, NULL, 16, false)) == -EOPNOTSUPP);
	printf("ok   krb5: %u checks\n1 passed, 0 failed, 0 skipped\n", checks);
	return 0;
}
