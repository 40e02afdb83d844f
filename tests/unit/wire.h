/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bytes as the RFCs' XDR says, written down by hand and independent of
 * net/xdr.h.  Words are separated by blanks:
 *
 *	53, 0x10	32-bit number
 *	q53, q0x10	64-bit number
 *	x0011aa		bytes, filled up to four: opaque[n]
 *	o0011aa		the same with their length in front: opaque<>
 *	'name'		string<>
 *	[ ... ]		opaque<> of what is between, e.g. attrlist4
 *
 */
#ifndef UNIT_WIRE_H
#define UNIT_WIRE_H

#include <linux/types.h>

/* malloc'ed to the very size, for the address sanitizer */
u8 *wire(const char *text, size_t *len);
/* A copy of @len bytes, malloc'ed to the very size */
u8 *exact(const void *data, size_t len);

#endif
