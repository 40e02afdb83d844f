/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replies and callbacks as the RFCs say they look, in the notation of wire.h.
 */
#ifndef UNIT_GOLDEN_H
#define UNIT_GOLDEN_H

#include <linux/types.h>

/**
 * struct golden - one message
 * @name: unique
 * @decoder: who reads it
 * @st: what that returns
 * @tail: bytes at the end that it leaves alone
 * @lenient: beginnings of it that are well-formed too, as lengths in bytes
 */
struct golden {
	const char *name;
	const char *decoder;
	int st;
	const char *wire;
	size_t tail;
	size_t lenient;
};

extern const struct golden goldens[];
extern const unsigned int nr_goldens;

/* The text of @name; aborts if there is none. */
const char *golden(const char *name);
/* One file each: the decoder's index, the bytes.  Exit status. */
int golden_write_seeds(const char *dir);

#endif
