/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A stand-in for keyed hashes: depends on key and bytes, and reads exactly the
 * bytes that it is given.  No cryptography.
 */
#ifndef SHIM_CRYPTO_HASH_H
#define SHIM_CRYPTO_HASH_H

#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#define HASH_MAX_DIGESTSIZE	64

struct crypto_shash {
	u64 key;
	u32 size;
};

struct shash_desc {
	struct crypto_shash *tfm;
	u64 sum;
};

#define SHASH_DESC_ON_STACK(desc, tfm) \
	struct shash_desc desc##_mem, *(desc) = &desc##_mem
#define shash_desc_zero(desc)	memset(desc, 0, sizeof(*(desc)))

static inline u64 shim_hash(u64 sum, const u8 *p, size_t len)
{
	while (len--)
		sum = (sum ^ *p++) * 0x100000001b3ull;
	return sum;
}

static inline struct crypto_shash *crypto_alloc_shash(const char *name, u32 type, u32 mask)
{
	struct crypto_shash *tfm = calloc(1, sizeof(*tfm));

	tfm->size = strstr(name, "sha1") ? 20 : strstr(name, "sha256") ? 32 : 48;
	return tfm;
}

static inline void crypto_free_shash(struct crypto_shash *tfm)
{
	free(tfm);
}

static inline int crypto_shash_setkey(struct crypto_shash *tfm, const u8 *key, u32 len)
{
	tfm->key = shim_hash(0xcbf29ce484222325ull, key, len);
	return 0;
}

static inline int crypto_shash_init(struct shash_desc *desc)
{
	desc->sum = desc->tfm->key;
	return 0;
}

static inline int crypto_shash_update(struct shash_desc *desc, const u8 *p, u32 len)
{
	desc->sum = shim_hash(desc->sum, p, len);
	return 0;
}

static inline int crypto_shash_final(struct shash_desc *desc, u8 *out)
{
	u64 sum = desc->sum;
	u32 i;

	for (i = 0; i < desc->tfm->size; i++) {
		sum = (sum ^ i) * 0x9e3779b97f4a7c15ull;
		out[i] = sum >> 56;
	}
	return 0;
}

static inline int crypto_shash_finup(struct shash_desc *desc, const u8 *p, u32 len,
				     u8 *out)
{
	crypto_shash_update(desc, p, len);
	return crypto_shash_final(desc, out);
}

static inline int crypto_shash_tfm_digest(struct crypto_shash *tfm, const u8 *p, u32 len,
					  u8 *out)
{
	struct shash_desc desc = { .tfm = tfm };

	crypto_shash_init(&desc);
	return crypto_shash_finup(&desc, p, len, out);
}

#endif
