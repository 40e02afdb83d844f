/* SPDX-License-Identifier: GPL-2.0 */
/* What net/krb5.c takes from the kernel, on top of libcrypto. */
#ifndef KRB5_SHIM_H
#define KRB5_SHIM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define PAGE_SHIFT	12
#define PAGE_SIZE	(1u << PAGE_SHIFT)
#define offset_in_page(p) ((p) & (PAGE_SIZE - 1))
#define min_t(t, a, b)	((t)(a) < (t)(b) ? (t)(a) : (t)(b))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define GFP_KERNEL	0
#define GFP_NOIO	0
#define __GFP_NOFAIL	0
#define WARN_ON_ONCE(x)	(x)

/* linux/err.h */
#define ERR_PTR(e)	((void *)(intptr_t)(e))
#define PTR_ERR(p)	((int)(intptr_t)(p))
#define IS_ERR(p)	((uintptr_t)(p) >= (uintptr_t)-4095)
#define IS_ERR_OR_NULL(p) (!(p) || IS_ERR(p))
#define PTR_ERR_OR_ZERO(p) (IS_ERR(p) ? PTR_ERR(p) : 0)

#define kmalloc(n, g)	malloc(n)
#define kzalloc(n, g)	calloc(1, n)
#define kfree		free
#define kfree_sensitive	free
#define memzero_explicit(p, n) memset(p, 0, n)
#define crypto_memneq	memcmp

struct page {
	u8 bytes[PAGE_SIZE];
};

#define kmap_local_page(p) ((p)->bytes)
#define kunmap_local(p)	((void)(p))

struct bio_vec {
	struct page *bv_page;
	u32 bv_len;
	u32 bv_offset;
};

struct bvec_iter {
	u32 bi_size;
	u32 bi_idx;
	u32 bi_bvec_done;
};

struct bio_vec bvec_iter_bvec(const struct bio_vec *bv, struct bvec_iter it);
void bvec_iter_advance(const struct bio_vec *bv, struct bvec_iter *it, u32 n);

/* crypto/hash.h: HMAC */
#define HASH_MAX_DIGESTSIZE 64

struct crypto_shash;
struct shash_desc {
	struct crypto_shash *tfm;
	void *state;
};

#define SHASH_DESC_ON_STACK(d, t) struct shash_desc d##_mem = {}, *d = &d##_mem
struct crypto_shash *crypto_alloc_shash(const char *name, u32 type, u32 mask);
void crypto_free_shash(struct crypto_shash *tfm);
int crypto_shash_setkey(struct crypto_shash *tfm, const u8 *key, u32 len);
int crypto_shash_init(struct shash_desc *d);
int crypto_shash_update(struct shash_desc *d, const u8 *data, u32 len);
int crypto_shash_final(struct shash_desc *d, u8 *out);
int crypto_shash_finup(struct shash_desc *d, const u8 *data, u32 len, u8 *out);
int crypto_shash_tfm_digest(struct crypto_shash *tfm, const u8 *data, u32 len, u8 *out);
void shash_desc_zero(struct shash_desc *d);

/* crypto/skcipher.h: cbc(aes), cts(cbc(aes)) */
struct scatterlist {
	u8 *p;
};

#define sg_init_one(sg, mem, n)		((sg)->p = (void *)(mem))
#define sg_init_table(sg, n)		((void)(sg))
#define sg_set_page(sg, pg, n, off)	((sg)->p = (pg)->bytes + (off))

struct crypto_sync_skcipher;
struct skcipher_request {
	struct crypto_sync_skcipher *tfm;
	u8 *p;
	u32 len;
	u8 *iv;
};

#define SYNC_SKCIPHER_REQUEST_ON_STACK(r, t) struct skcipher_request r##_mem, *r = &r##_mem
#define skcipher_request_set_sync_tfm(r, t)	((r)->tfm = (t))
#define skcipher_request_set_callback(r, f, d, a) ((void)0)
#define skcipher_request_set_crypt(r, s, d, n, v) \
	((r)->p = (s)->p, (r)->len = (n), (r)->iv = (v))
#define skcipher_request_zero(r)		((void)(r))
struct crypto_sync_skcipher *crypto_alloc_sync_skcipher(const char *name, u32 type, u32 mask);
void crypto_free_sync_skcipher(struct crypto_sync_skcipher *tfm);
int crypto_sync_skcipher_setkey(struct crypto_sync_skcipher *tfm, const u8 *key, u32 len);
int crypto_skcipher_encrypt(struct skcipher_request *r);
int crypto_skcipher_decrypt(struct skcipher_request *r);

static inline u32 lcm(u32 a, u32 b)
{
	u32 n = a;

	while (n % b)
		n += a;
	return n;
}

void get_random_bytes(void *p, size_t n);

#endif
