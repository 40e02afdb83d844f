// SPDX-License-Identifier: GPL-2.0
/*
 * Flexible files: which data server of a mirror has a byte (RFC 8435 section
 * 6).  Striping is sparse, so it has it at the offset that it has in the file.
 */
#include <linux/math64.h>
#include <linux/types.h>
#include "layout_map.h"

bool pn4_map_flex(const struct pn4_stripe *s, u64 pos, u64 len,
		  struct pn4_chunk *c)
{
	u64 unit, in_unit, stripe = 0;

	if (!s->nr || (s->nr > 1 && !s->unit))
		return false;
	c->len = len;
	if (s->nr > 1) {
		unit = div64_u64_rem(pos, s->unit, &in_unit);
		div64_u64_rem(unit, s->nr, &stripe);
		if (c->len > s->unit - in_unit)
			c->len = s->unit - in_unit;
	}
	c->stripe = (u32)stripe;
	c->pos = pos;
	return true;
}
