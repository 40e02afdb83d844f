/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's crypto interface, on top of libcrypto; the rest: tests/unit/shim. */
#ifndef KRB5_SHIM_H
#define KRB5_SHIM_H

#include <linux/bvec.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define WARN_ON_ONCE(x)	(x)
#define memzero_explicit(p, n) memset(p, 0, n)
#define crypto_memneq	memcmp

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
	((r)->p = (s)->mem, (r)->len = (n), (r)->iv = (v))
#define skcipher_request_zero(r)		((void)(r))
struct crypto_sync_skcipher *crypto_alloc_sync_skcipher(const char *name, u32 type, u32 mask);
void crypto_free_sync_skcipher(struct crypto_sync_skcipher *tfm);
int crypto_sync_skcipher_setkey(struct crypto_sync_skcipher *tfm, const u8 *key, u32 len);
int crypto_skcipher_encrypt(struct skcipher_request *r);
int crypto_skcipher_decrypt(struct skcipher_request *r);

#endif
