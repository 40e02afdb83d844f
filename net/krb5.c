// SPDX-License-Identifier: GPL-2.0
/*
 * Kerberos message protection: MIC and sealed Wrap tokens (RFC 4121) with AES
 * and HMAC-SHA1 (RFC 3961, 3962) or HMAC-SHA2 (RFC 8009), initiator's side.
 *
 * Everything is done in place and page by page with requests on the stack, so
 * that sending and receiving need no memory of their own.  Blocks therefore
 * must not cross pages: tokens begin at multiples of the block size.
 */
#include <crypto/algapi.h>
#include <crypto/hash.h>
#include <crypto/skcipher.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/lcm.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "krb5.h"

/* RFC 4121 section 2 */
enum {
	PKRB5_USE_ACCEPTOR_SEAL		= 22,
	PKRB5_USE_ACCEPTOR_SIGN		= 23,
	PKRB5_USE_INITIATOR_SEAL	= 24,
	PKRB5_USE_INITIATOR_SIGN	= 25,
};

/* RFC 3961 section 5.3: what a derived key is for */
enum {
	PKRB5_FOR_CHECKSUM	= 0x99,
	PKRB5_FOR_ENCRYPTION	= 0xaa,
	PKRB5_FOR_INTEGRITY	= 0x55,
};

/* RFC 4121 section 4.2.2 */
enum {
	PKRB5_BY_ACCEPTOR	= 1,
	PKRB5_SEALED		= 2,
	PKRB5_SUBKEY		= 4,
};

/*
 * @sign_len: of derived keys for checksums; @key_len: of all others
 * @sha2: RFC 8009, where the checksum of a sealed token is over its cipher text
 */
struct pkrb5_type {
	u32 enctype;
	u32 key_len;
	u32 sign_len;
	u32 cksum_len;
	bool sha2;
	const char *hmac;
};

static const struct pkrb5_type pkrb5_types[] = {
	{ PKRB5_AES128_SHA1, 16, 16, 12, false, "hmac(sha1)" },
	{ PKRB5_AES256_SHA1, 32, 32, 12, false, "hmac(sha1)" },
	{ PKRB5_AES128_SHA256, 16, 16, 16, true, "hmac(sha256)" },
	{ PKRB5_AES256_SHA384, 32, 24, 24, true, "hmac(sha384)" },
};

/* One direction; @flags: of its tokens. */
struct pkrb5_way {
	u8 flags;
	struct crypto_shash *sign;
	struct crypto_shash *seal;
	struct crypto_sync_skcipher *cbc;
	struct crypto_sync_skcipher *cts;
};

struct pkrb5 {
	const struct pkrb5_type *type;
	struct pkrb5_way out;
	struct pkrb5_way in;
};

/* ---- keys ---- */

/* @len bytes of @v, the most significant first */
static void pkrb5_put(u8 *to, u64 v, u32 len)
{
	for (; len--; v >>= 8)
		to[len] = v;
}

static const struct pkrb5_type *pkrb5_type(u32 enctype)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pkrb5_types); i++)
		if (pkrb5_types[i].enctype == enctype)
			return &pkrb5_types[i];
	return NULL;
}

/* Bit @n of copies of @in, each rotated right by 13 bits more than the last. */
static u32 pkrb5_nfold_bit(const u8 *in, u32 len, u32 n)
{
	u32 bits = len * 8, from = (n + 13 * (bits - 1) * (n / bits)) % bits;

	return in[from / 8] >> (7 - from % 8) & 1;
}

/* RFC 3961 section 5.1: the copies' parts of @out_len bytes, added up. */
static void pkrb5_nfold(const u8 *in, u32 len, u8 *out, u32 out_len)
{
	u32 total = lcm(len, out_len) * 8, n, i, bit, carry;

	memset(out, 0, out_len);
	for (n = 0; n < total; n += out_len * 8) {
		carry = 0;
		for (i = out_len * 8; i-- > 0; carry >>= 1) {
			bit = 7 - i % 8;
			carry += pkrb5_nfold_bit(in, len, n + i) + (out[i / 8] >> bit & 1);
			out[i / 8] = (out[i / 8] & ~(1 << bit)) | (carry & 1) << bit;
		}
		/* one's complement: what falls out on the left comes in on the right */
		for (i = out_len; carry && i-- > 0; carry >>= 8) {
			carry += out[i];
			out[i] = carry;
		}
	}
}

static struct crypto_sync_skcipher *pkrb5_cipher(const char *name, const u8 *key,
						 u32 len)
{
	struct crypto_sync_skcipher *tfm = crypto_alloc_sync_skcipher(name, 0, 0);
	int error;

	if (IS_ERR(tfm))
		return tfm;
	error = crypto_sync_skcipher_setkey(tfm, key, len);
	if (!error)
		return tfm;
	crypto_free_sync_skcipher(tfm);
	return ERR_PTR(error);
}

static struct crypto_shash *pkrb5_hmac(const char *name, const u8 *key, u32 len)
{
	struct crypto_shash *tfm = crypto_alloc_shash(name, 0, 0);
	int error;

	if (IS_ERR(tfm))
		return tfm;
	error = crypto_shash_setkey(tfm, key, len);
	if (!error)
		return tfm;
	crypto_free_shash(tfm);
	return ERR_PTR(error);
}

/* @sg: linear memory or part of a page, in place */
static int pkrb5_crypt(struct crypto_sync_skcipher *tfm, struct scatterlist *sg,
		       u32 len, u8 *iv, bool encrypt)
{
	SYNC_SKCIPHER_REQUEST_ON_STACK(req, tfm);
	int error;

	skcipher_request_set_sync_tfm(req, tfm);
	skcipher_request_set_callback(req, 0, NULL, NULL);
	skcipher_request_set_crypt(req, sg, sg, len, iv);
	error = encrypt ? crypto_skcipher_encrypt(req) : crypto_skcipher_decrypt(req);
	skcipher_request_zero(req);
	return error;
}

/* RFC 3961 section 5.1: DR(), where random-to-key is the identity. */
static int pkrb5_derive_sha1(const struct pkrb5_type *t, const u8 *key,
			     const u8 *use, u8 *out)
{
	struct crypto_sync_skcipher *tfm = pkrb5_cipher("cbc(aes)", key, t->key_len);
	u8 iv[PKRB5_BLOCK], *block;
	struct scatterlist sg;
	int error = 0;
	u32 at;

	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	block = kmalloc(PKRB5_BLOCK, GFP_KERNEL);
	if (!block) {
		error = -ENOMEM;
		goto out;
	}
	pkrb5_nfold(use, 5, block, PKRB5_BLOCK);
	sg_init_one(&sg, block, PKRB5_BLOCK);
	for (at = 0; at < t->key_len && !error; at += PKRB5_BLOCK) {
		memset(iv, 0, sizeof(iv));
		error = pkrb5_crypt(tfm, &sg, PKRB5_BLOCK, iv, true);
		memcpy(out + at, block, PKRB5_BLOCK);
	}
	kfree_sensitive(block);
out:
	crypto_free_sync_skcipher(tfm);
	return error;
}

/* RFC 8009 section 3: KDF-HMAC-SHA2 */
static int pkrb5_derive_sha2(const struct pkrb5_type *t, const u8 *key,
			     const u8 *use, u32 len, u8 *out)
{
	struct crypto_shash *tfm = pkrb5_hmac(t->hmac, key, t->key_len);
	u8 in[4 + 5 + 1 + 4] = { 0, 0, 0, 1 };
	u8 digest[HASH_MAX_DIGESTSIZE];
	int error;

	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	memcpy(in + 4, use, 5);
	pkrb5_put(in + 10, len * 8, 4);
	error = crypto_shash_tfm_digest(tfm, in, sizeof(in), digest);
	memcpy(out, digest, len);
	memzero_explicit(digest, sizeof(digest));
	crypto_free_shash(tfm);
	return error;
}

/* Length of the derived key in @out, or -errno. */
static int pkrb5_derive(const struct pkrb5_type *t, const u8 *key, u32 usage,
			     u8 type, u8 *out)
{
	u32 len = type == PKRB5_FOR_ENCRYPTION ? t->key_len : t->sign_len;
	u8 use[5];
	int error;

	pkrb5_put(use, usage, 4);
	use[4] = type;
	error = t->sha2 ? pkrb5_derive_sha2(t, key, use, len, out) :
			  pkrb5_derive_sha1(t, key, use, out);
	return error ?: len;
}

/* A derived key in its transform: one of @hmac and @cipher is wanted. */
static void *pkrb5_tfm(const struct pkrb5_type *t, const u8 *key, u32 usage,
		       u8 type, const char *hmac, const char *cipher)
{
	u8 derived[PKRB5_KEY_MAX];
	int len = pkrb5_derive(t, key, usage, type, derived);
	void *tfm;

	if (len < 0)
		return ERR_PTR(len);
	if (hmac)
		tfm = pkrb5_hmac(hmac, derived, len);
	else
		tfm = pkrb5_cipher(cipher, derived, len);
	memzero_explicit(derived, sizeof(derived));
	return tfm;
}

static int pkrb5_way_set(struct pkrb5_way *w, const struct pkrb5_type *t,
			 const u8 *key, u32 sign, u32 seal)
{
	w->sign = pkrb5_tfm(t, key, sign, PKRB5_FOR_CHECKSUM, t->hmac, NULL);
	w->seal = pkrb5_tfm(t, key, seal, PKRB5_FOR_INTEGRITY, t->hmac, NULL);
	w->cbc = pkrb5_tfm(t, key, seal, PKRB5_FOR_ENCRYPTION, NULL, "cbc(aes)");
	w->cts = pkrb5_tfm(t, key, seal, PKRB5_FOR_ENCRYPTION, NULL, "cts(cbc(aes))");
	if (IS_ERR(w->sign))
		return PTR_ERR(w->sign);
	if (IS_ERR(w->seal))
		return PTR_ERR(w->seal);
	return PTR_ERR_OR_ZERO(IS_ERR(w->cbc) ? w->cbc : w->cts);
}

static void pkrb5_way_free(struct pkrb5_way *w)
{
	if (!IS_ERR_OR_NULL(w->sign))
		crypto_free_shash(w->sign);
	if (!IS_ERR_OR_NULL(w->seal))
		crypto_free_shash(w->seal);
	if (!IS_ERR_OR_NULL(w->cbc))
		crypto_free_sync_skcipher(w->cbc);
	if (!IS_ERR_OR_NULL(w->cts))
		crypto_free_sync_skcipher(w->cts);
}

struct pkrb5 *pkrb5_create(u32 enctype, const u8 *key, u32 len, bool subkey)
{
	const struct pkrb5_type *t = pkrb5_type(enctype);
	struct pkrb5 *k;
	int error;

	if (!t)
		return ERR_PTR(-EOPNOTSUPP);
	if (len != t->key_len)
		return ERR_PTR(-EINVAL);
	k = kzalloc(sizeof(*k), GFP_KERNEL);
	if (!k)
		return ERR_PTR(-ENOMEM);
	k->type = t;
	k->out.flags = subkey ? PKRB5_SUBKEY : 0;
	k->in.flags = k->out.flags | PKRB5_BY_ACCEPTOR;
	error = pkrb5_way_set(&k->out, t, key, PKRB5_USE_INITIATOR_SIGN,
			      PKRB5_USE_INITIATOR_SEAL) ?:
		pkrb5_way_set(&k->in, t, key, PKRB5_USE_ACCEPTOR_SIGN,
			      PKRB5_USE_ACCEPTOR_SEAL);
	if (!error)
		return k;
	pkrb5_free(k);
	return ERR_PTR(error);
}

void pkrb5_free(struct pkrb5 *k)
{
	if (IS_ERR_OR_NULL(k))
		return;
	pkrb5_way_free(&k->out);
	pkrb5_way_free(&k->in);
	kfree(k);
}

u32 pkrb5_mic_len(const struct pkrb5 *k)
{
	return PKRB5_HEADER + k->type->cksum_len;
}

/* ---- bytes in pages ---- */

static void pkrb5_pages_copy(const struct pkrb5_pages *buf, u32 at, void *mem,
			     u32 len, bool write)
{
	while (len) {
		u32 off = offset_in_page(at);
		u32 n = min_t(u32, len, PAGE_SIZE - off);
		u8 *p = kmap_local_page(buf->pages[at >> PAGE_SHIFT]);

		if (write)
			memcpy(p + off, mem, n);
		else
			memcpy(mem, p + off, n);
		kunmap_local(p);
		at += n;
		mem += n;
		len -= n;
	}
}

void pkrb5_pages_read(const struct pkrb5_pages *buf, u32 at, void *to, u32 len)
{
	pkrb5_pages_copy(buf, at, to, len, false);
}

void pkrb5_pages_write(struct pkrb5_pages *buf, u32 at, const void *from, u32 len)
{
	pkrb5_pages_copy(buf, at, (void *)from, len, true);
}

/* Move the first @n of @len bytes at @at to their end. */
static void pkrb5_pages_rotate(struct pkrb5_pages *buf, u32 at, u32 len, u32 n)
{
	u8 first[PKRB5_SHIFT_MAX], some[128];
	u32 left = len - n;

	pkrb5_pages_read(buf, at, first, n);
	while (left) {
		u32 m = min_t(u32, left, sizeof(some));

		pkrb5_pages_read(buf, at + n, some, m);
		pkrb5_pages_write(buf, at, some, m);
		at += m;
		left -= m;
	}
	pkrb5_pages_write(buf, at, first, n);
}

/* ---- checksums ---- */

static int pkrb5_hash_bvec(struct shash_desc *desc, const struct pkrb5_piece *p)
{
	struct bvec_iter it = { .bi_size = p->skip + p->len };
	struct bio_vec bv;
	int error = 0;

	bvec_iter_advance(p->bv, &it, p->skip);
	while (it.bi_size && !error) {
		u8 *mem;

		bv = bvec_iter_bvec(p->bv, it);	/* within one page */
		mem = kmap_local_page(bv.bv_page);
		error = crypto_shash_update(desc, mem + bv.bv_offset, bv.bv_len);
		kunmap_local(mem);
		bvec_iter_advance(p->bv, &it, bv.bv_len);
	}
	return error;
}

static int pkrb5_hash_pages(struct shash_desc *desc, const struct pkrb5_pages *buf,
			    u32 at, u32 len)
{
	int error = 0;

	while (len && !error) {
		u32 off = offset_in_page(at);
		u32 n = min_t(u32, len, PAGE_SIZE - off);
		u8 *p = kmap_local_page(buf->pages[at >> PAGE_SHIFT]);

		error = crypto_shash_update(desc, p + off, n);
		kunmap_local(p);
		at += n;
		len -= n;
	}
	return error;
}

/* Over the pieces and then @header; @digest: HASH_MAX_DIGESTSIZE bytes */
static int pkrb5_hash_pieces(struct crypto_shash *tfm, const struct pkrb5_piece *p,
			     unsigned int n, const u8 *header, u8 *digest)
{
	SHASH_DESC_ON_STACK(desc, tfm);
	int error;

	desc->tfm = tfm;
	error = crypto_shash_init(desc);
	for (; n && !error; n--, p++)
		error = p->data ? crypto_shash_update(desc, p->data, p->len) :
				  pkrb5_hash_bvec(desc, p);
	error = error ?: crypto_shash_finup(desc, header, PKRB5_HEADER, digest);
	shash_desc_zero(desc);
	return error;
}

/* RFC 8009 section 5: over the initial cipher state, zeroes, and the cipher text */
static int pkrb5_hash_sealed(const struct pkrb5_type *t, struct crypto_shash *tfm,
			     const struct pkrb5_pages *buf, u32 at, u32 len,
			     u8 *digest)
{
	static const u8 state[PKRB5_BLOCK];
	SHASH_DESC_ON_STACK(desc, tfm);
	int error;

	desc->tfm = tfm;
	error = crypto_shash_init(desc);
	if (!error && t->sha2)
		error = crypto_shash_update(desc, state, sizeof(state));
	error = error ?: pkrb5_hash_pages(desc, buf, at, len);
	error = error ?: crypto_shash_final(desc, digest);
	shash_desc_zero(desc);
	return error;
}

/* ---- MIC tokens ---- */

static void pkrb5_mic_header(const struct pkrb5 *k, u64 seq, u8 *token)
{
	memset(token, 0xff, PKRB5_HEADER);
	token[0] = 4;
	token[1] = 4;
	token[2] = k->out.flags;
	pkrb5_put(token + 8, seq, 8);
}

int pkrb5_mic(const struct pkrb5 *k, u64 seq, const struct pkrb5_piece *p,
	      unsigned int n, u8 *token)
{
	u8 digest[HASH_MAX_DIGESTSIZE];
	int error;

	pkrb5_mic_header(k, seq, token);
	error = pkrb5_hash_pieces(k->out.sign, p, n, token, digest);
	memcpy(token + PKRB5_HEADER, digest, k->type->cksum_len);
	return error;
}

int pkrb5_mic_check(const struct pkrb5 *k, const struct pkrb5_piece *p,
		    unsigned int n, const u8 *token, u32 len)
{
	static const u8 filler[5] = { 0xff, 0xff, 0xff, 0xff, 0xff };
	u8 digest[HASH_MAX_DIGESTSIZE];
	int error;

	if (len != pkrb5_mic_len(k) || token[0] != 4 || token[1] != 4 ||
	    token[2] != k->in.flags ||
	    memcmp(token + 3, filler, sizeof(filler)))
		return -EBADMSG;
	error = pkrb5_hash_pieces(k->in.sign, p, n, token, digest);
	if (error)
		return error;
	return crypto_memneq(digest, token + PKRB5_HEADER, k->type->cksum_len) ?
	       -EBADMSG : 0;
}

/* ---- sealed Wrap tokens ---- */

/* The last one or two blocks, where ciphertext stealing happens. */
static int pkrb5_crypt_tail(const struct pkrb5_way *w, struct pkrb5_pages *buf,
			    u32 at, u32 len, u8 *iv, bool encrypt)
{
	u8 *tail = kmalloc(2 * PKRB5_BLOCK, GFP_NOIO | __GFP_NOFAIL);
	struct scatterlist sg;
	int error;

	pkrb5_pages_read(buf, at, tail, len);
	sg_init_one(&sg, tail, len);
	error = pkrb5_crypt(w->cts, &sg, len, iv, encrypt);
	pkrb5_pages_write(buf, at, tail, len);
	kfree_sensitive(tail);
	return error;
}

/*
 * AES-CBC with ciphertext stealing over @len bytes, more than one block: all
 * but the end is plain CBC, which carries its state from page to page.
 */
static int pkrb5_crypt_pages(const struct pkrb5_way *w, struct pkrb5_pages *buf,
			     u32 at, u32 len, bool encrypt)
{
	u32 tail = len % PKRB5_BLOCK + PKRB5_BLOCK;
	u8 iv[PKRB5_BLOCK] = {};
	struct scatterlist sg;
	int error = 0;

	if (tail == PKRB5_BLOCK)
		tail += PKRB5_BLOCK;
	for (len -= tail; len && !error;) {
		u32 off = offset_in_page(at);
		u32 n = min_t(u32, len, PAGE_SIZE - off);

		sg_init_table(&sg, 1);
		sg_set_page(&sg, buf->pages[at >> PAGE_SHIFT], n, off);
		error = pkrb5_crypt(w->cbc, &sg, n, iv, encrypt);
		at += n;
		len -= n;
	}
	return error ?: pkrb5_crypt_tail(w, buf, at, tail, iv, encrypt);
}

int pkrb5_seal(const struct pkrb5 *k, u64 seq, struct pkrb5_pages *buf, u32 at,
	       u32 len)
{
	u32 body = at + PKRB5_HEADER, body_len = PKRB5_BLOCK + len + PKRB5_HEADER;
	u8 header[PKRB5_HEADER] = { 5, 4, k->out.flags | PKRB5_SEALED, 0xff };
	u8 digest[HASH_MAX_DIGESTSIZE], confounder[PKRB5_BLOCK];
	int error = 0;

	if (WARN_ON_ONCE(at % PKRB5_BLOCK || len > buf->size ||
			 at + len + PKRB5_SEAL_MAX > buf->size))
		return -EINVAL;
	pkrb5_put(header + 8, seq, 8);
	get_random_bytes(confounder, sizeof(confounder));
	pkrb5_pages_write(buf, at, header, sizeof(header));
	pkrb5_pages_write(buf, body, confounder, sizeof(confounder));
	pkrb5_pages_write(buf, body + PKRB5_BLOCK + len, header, sizeof(header));
	if (!k->type->sha2)
		error = pkrb5_hash_sealed(k->type, k->out.seal, buf, body, body_len,
					  digest);
	error = error ?: pkrb5_crypt_pages(&k->out, buf, body, body_len, true);
	if (!error && k->type->sha2)
		error = pkrb5_hash_sealed(k->type, k->out.seal, buf, body, body_len,
					  digest);
	if (error)
		return error;
	pkrb5_pages_write(buf, body + body_len, digest, k->type->cksum_len);
	return PKRB5_HEADER + body_len + k->type->cksum_len;
}

static int pkrb5_sum_check(const struct pkrb5 *k, const struct pkrb5_pages *buf,
			   u32 at, u32 len)
{
	u8 digest[HASH_MAX_DIGESTSIZE], sum[PKRB5_CKSUM_MAX];
	int error = pkrb5_hash_sealed(k->type, k->in.seal, buf, at, len, digest);

	if (error)
		return error;
	pkrb5_pages_read(buf, at + len, sum, k->type->cksum_len);
	return crypto_memneq(digest, sum, k->type->cksum_len) ? -EBADMSG : 0;
}

int pkrb5_open(const struct pkrb5 *k, struct pkrb5_pages *buf, u32 at, u32 len)
{
	u32 body = at + PKRB5_HEADER, body_len, ec, rrc;
	u8 header[PKRB5_HEADER], copy[PKRB5_HEADER];
	int error;

	if (at % PKRB5_BLOCK || at > buf->size || len > buf->size - at ||
	    len < PKRB5_SEAL_FRONT + PKRB5_HEADER + k->type->cksum_len)
		return -EBADMSG;
	pkrb5_pages_read(buf, at, header, sizeof(header));
	ec = header[4] << 8 | header[5];
	rrc = header[6] << 8 | header[7];
	if (header[0] != 5 || header[1] != 4 || header[3] != 0xff ||
	    header[2] != (k->in.flags | PKRB5_SEALED) ||
	    ec > PKRB5_SHIFT_MAX || rrc > PKRB5_SHIFT_MAX)
		return -EBADMSG;
	len -= PKRB5_HEADER;
	if (rrc % len)
		pkrb5_pages_rotate(buf, body, len, rrc % len);
	body_len = len - k->type->cksum_len;
	if (body_len < PKRB5_BLOCK + ec + PKRB5_HEADER)
		return -EBADMSG;

	error = k->type->sha2 ? pkrb5_sum_check(k, buf, body, body_len) : 0;
	error = error ?: pkrb5_crypt_pages(&k->in, buf, body, body_len, false);
	if (!error && !k->type->sha2)
		error = pkrb5_sum_check(k, buf, body, body_len);
	if (error)
		return error;
	/* its copy inside was made before the rotation (section 4.2.4) */
	memset(header + 6, 0, 2);
	pkrb5_pages_read(buf, body + body_len - PKRB5_HEADER, copy, sizeof(copy));
	if (memcmp(header, copy, sizeof(header)))
		return -EBADMSG;
	return body_len - PKRB5_BLOCK - ec - PKRB5_HEADER;
}
