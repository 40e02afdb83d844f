/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every decoder that reads what a server sent, behind one prototype.  Each
 * also reads all bytes that its results point at, so that the address
 * sanitizer sees a pointer that leads out of the buffer.
 */
#ifndef UNIT_DECODERS_H
#define UNIT_DECODERS_H

#include "../../net/xdr.h"

struct decoder {
	const char *name;
	int (*run)(struct pxdr_dec *d);	/* 0, a status, -EREMOTEIO, ... */
};

extern const struct decoder decoders[];
extern const unsigned int nr_decoders;

/* Aborts if there is none. */
const struct decoder *decoder_find(const char *name);
unsigned int decoder_index(const char *name);
/*
 * Run it over exactly these bytes and check what must hold whatever they are:
 * the reader stays inside, and an error is remembered.
 */
int decoder_run(const struct decoder *dec, const u8 *data, size_t len,
		size_t *used);

#endif
