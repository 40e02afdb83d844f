/* SPDX-License-Identifier: GPL-2.0 */
/* memcmp(): the fuzzer looks into it and learns what would have been right. */
#ifndef SHIM_CRYPTO_ALGAPI_H
#define SHIM_CRYPTO_ALGAPI_H

#include <string.h>

#define crypto_memneq(a, b, len)	(memcmp(a, b, len) != 0)
#define memzero_explicit(p, len)	memset(p, 0, len)
#define WARN_ON_ONCE(what)		((what) ? abort(), 1 : 0)
#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))

#endif
