// SPDX-License-Identifier: GPL-2.0
/* The kernel's crypto interface on top of libcrypto. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/aes.h>
#include <openssl/hmac.h>
#include <openssl/modes.h>
#include "shim.h"

struct crypto_shash {
	const EVP_MD *md;
	u8 key[64];
	u32 len;
};

struct crypto_shash *crypto_alloc_shash(const char *name, u32 type, u32 mask)
{
	struct crypto_shash *t = calloc(1, sizeof(*t));

	t->md = strstr(name, "sha1") ? EVP_sha1() :
		strstr(name, "sha256") ? EVP_sha256() : EVP_sha384();
	return t;
}

void crypto_free_shash(struct crypto_shash *t)
{
	free(t);
}

int crypto_shash_setkey(struct crypto_shash *t, const u8 *key, u32 len)
{
	memcpy(t->key, key, len);
	t->len = len;
	return 0;
}

int crypto_shash_init(struct shash_desc *d)
{
	d->state = HMAC_CTX_new();
	return HMAC_Init_ex(d->state, d->tfm->key, d->tfm->len, d->tfm->md, NULL) ? 0 : -EIO;
}

int crypto_shash_update(struct shash_desc *d, const u8 *data, u32 len)
{
	return HMAC_Update(d->state, data, len) ? 0 : -EIO;
}

int crypto_shash_final(struct shash_desc *d, u8 *out)
{
	return HMAC_Final(d->state, out, NULL) ? 0 : -EIO;
}

int crypto_shash_finup(struct shash_desc *d, const u8 *data, u32 len, u8 *out)
{
	return crypto_shash_update(d, data, len) ?: crypto_shash_final(d, out);
}

int crypto_shash_tfm_digest(struct crypto_shash *t, const u8 *data, u32 len, u8 *out)
{
	return HMAC(t->md, t->key, t->len, data, len, out, NULL) ? 0 : -EIO;
}

void shash_desc_zero(struct shash_desc *d)
{
	HMAC_CTX_free(d->state);
}

struct crypto_sync_skcipher {
	bool cts;
	AES_KEY enc;
	AES_KEY dec;
};

struct crypto_sync_skcipher *crypto_alloc_sync_skcipher(const char *name, u32 type, u32 mask)
{
	struct crypto_sync_skcipher *t = calloc(1, sizeof(*t));

	t->cts = !strncmp(name, "cts", 3);
	return t;
}

void crypto_free_sync_skcipher(struct crypto_sync_skcipher *t)
{
	free(t);
}

int crypto_sync_skcipher_setkey(struct crypto_sync_skcipher *t, const u8 *key, u32 len)
{
	AES_set_encrypt_key(key, len * 8, &t->enc);
	AES_set_decrypt_key(key, len * 8, &t->dec);
	return 0;
}

int crypto_skcipher_encrypt(struct skcipher_request *r)
{
	if (!r->tfm->cts) {
		if (r->len % 16)
			return -EINVAL;
		AES_cbc_encrypt(r->p, r->p, r->len, &r->tfm->enc, r->iv, AES_ENCRYPT);
		return 0;
	}
	return CRYPTO_cts128_encrypt(r->p, r->p, r->len, &r->tfm->enc, r->iv,
				     (cbc128_f)AES_cbc_encrypt) ? 0 : -EINVAL;
}

int crypto_skcipher_decrypt(struct skcipher_request *r)
{
	if (!r->tfm->cts) {
		if (r->len % 16)
			return -EINVAL;
		AES_cbc_encrypt(r->p, r->p, r->len, &r->tfm->dec, r->iv, AES_DECRYPT);
		return 0;
	}
	return CRYPTO_cts128_decrypt(r->p, r->p, r->len, &r->tfm->dec, r->iv,
				     (cbc128_f)AES_cbc_encrypt) ? 0 : -EINVAL;
}
