// SPDX-License-Identifier: GPL-2.0
/*
 * Memory pressure: delegations keep state here and at the server, and inodes that
 * are in use for nothing else.  The oldest unused ones are given back.
 */
#include "penstock.h"

static unsigned long ps_shrink_count(struct shrinker *s, struct shrink_control *sc)
{
	return pn4_delegs_count() ?: SHRINK_EMPTY;
}

/* Giving back sends calls, so it is started here and done elsewhere. */
static unsigned long ps_shrink_scan(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long done;

	if (!(sc->gfp_mask & __GFP_FS))
		return SHRINK_STOP;
	done = pn4_delegs_shrink(sc->nr_to_scan);
	return done ?: SHRINK_STOP;
}

static struct ps_shrinker ps_delegs = {
	.count = ps_shrink_count,
	.scan = ps_shrink_scan,
};

int ps_shrink_init(void)
{
	return ps_shrinker_register(&ps_delegs, "penstock-delegations");
}

void ps_shrink_exit(void)
{
	ps_shrinker_unregister(&ps_delegs);
}
