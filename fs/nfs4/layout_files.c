// SPDX-License-Identifier: GPL-2.0
/*
 * Files layouts: which data server has a byte, and where (RFC 8881 section
 * 13.4).
 */
#include <linux/math64.h>
#include <linux/types.h>
#include "layout_map.h"

bool pn4_map_files(const struct pn4_stripe *s, u64 pos, u64 len,
		   struct pn4_chunk *c)
{
	u64 unit, in_unit, turn, stripe;

	if (pos < s->offset || !s->unit || !s->nr)
		return false;
	unit = div64_u64_rem(pos - s->offset, s->unit, &in_unit);
	turn = div64_u64_rem(unit, s->nr, &stripe);
	div64_u64_rem(stripe + s->first, s->nr, &stripe);
	c->stripe = (u32)stripe;
	c->pos = s->dense ? turn * s->unit + in_unit : pos;
	c->len = len < s->unit - in_unit ? len : s->unit - in_unit;
	return true;
}
