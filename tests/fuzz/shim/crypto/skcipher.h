/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A stand-in for block ciphers: depends on the key, is its own inverse, touches
 * exactly the bytes that it is given, and refuses what the kernel's would.  No
 * cryptography.
 */
#ifndef SHIM_CRYPTO_SKCIPHER_H
#define SHIM_CRYPTO_SKCIPHER_H

#include <crypto/hash.h>
#include <linux/errno.h>
#include <linux/scatterlist.h>

struct crypto_sync_skcipher {
	u64 key;
	bool cts;
};

struct skcipher_request {
	struct crypto_sync_skcipher *tfm;
	struct scatterlist *sg;
	u32 len;
};

#define SYNC_SKCIPHER_REQUEST_ON_STACK(req, tfm) \
	struct skcipher_request req##_mem, *(req) = &req##_mem
#define skcipher_request_set_sync_tfm(req, with)		((req)->tfm = (with))
#define skcipher_request_set_callback(req, flags, done, data)	((void)(req))
#define skcipher_request_zero(req)				((void)(req))

static inline void skcipher_request_set_crypt(struct skcipher_request *req,
					      struct scatterlist *from,
					      struct scatterlist *to, u32 len, u8 *iv)
{
	req->sg = to;
	req->len = len;
}

static inline struct crypto_sync_skcipher *
crypto_alloc_sync_skcipher(const char *name, u32 type, u32 mask)
{
	struct crypto_sync_skcipher *tfm = calloc(1, sizeof(*tfm));

	tfm->cts = name[1] == 't';
	return tfm;
}

static inline void crypto_free_sync_skcipher(struct crypto_sync_skcipher *tfm)
{
	free(tfm);
}

static inline int crypto_sync_skcipher_setkey(struct crypto_sync_skcipher *tfm,
					      const u8 *key, u32 len)
{
	tfm->key = shim_hash(0xcbf29ce484222325ull, key, len);
	return 0;
}

static inline int crypto_skcipher_encrypt(struct skcipher_request *req)
{
	u32 i;

	if (req->len > req->sg->len)
		abort();
	if (req->tfm->cts ? req->len < 16 : req->len % 16)
		return -EINVAL;
	for (i = 0; i < req->len; i++)
		req->sg->mem[i] ^= req->tfm->key >> i % 8 * 8;
	return 0;
}

static inline int crypto_skcipher_decrypt(struct skcipher_request *req)
{
	return crypto_skcipher_encrypt(req);
}

#endif
