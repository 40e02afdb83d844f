// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of RPCSEC_GSS: what a call needs besides, and pages of ours that
 * protected messages pass through.
 *
 * A page of each would be allocated, cleared and freed again for every 4 KiB
 * that are read.  What was let go is kept for the next call instead, as much as
 * was in use lately; what was not goes back after a while.
 */
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "gss.h"

#define PGSS_CALLS_MIN	64
#define PGSS_PAGES_MIN	512
#define PGSS_SPARES	4096
#define PGSS_SPARE_TIME	(10 * HZ)

static struct kmem_cache *pgss_call_cache;
static mempool_t *pgss_calls;
static mempool_t *pgss_page_pool;

/* Guards the spares; a leaf, for a moment only. */
static DEFINE_SPINLOCK(pgss_spare_lock);
static struct page **pgss_spares;
static unsigned int pgss_nr_spares;
static unsigned int pgss_spares_low;	/* fewest since the last look */

static void pgss_spare_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(pgss_spare_dwork, pgss_spare_work);

/* ---- spare pages ---- */

static unsigned int pgss_spares_get(struct page **pages, unsigned int nr)
{
	spin_lock_bh(&pgss_spare_lock);
	nr = min(nr, pgss_nr_spares);
	pgss_nr_spares -= nr;
	memcpy(pages, pgss_spares + pgss_nr_spares, nr * sizeof(*pages));
	pgss_spares_low = min(pgss_spares_low, pgss_nr_spares);
	spin_unlock_bh(&pgss_spare_lock);
	return nr;
}

/* Returns how many were taken, of the first. */
static unsigned int pgss_spares_put(struct page **pages, unsigned int nr)
{
	bool first;

	/* somebody may wait for the pool: it comes first */
	if (READ_ONCE(pgss_page_pool->curr_nr) < pgss_page_pool->min_nr)
		return 0;
	spin_lock_bh(&pgss_spare_lock);
	first = !pgss_nr_spares;
	nr = min(nr, PGSS_SPARES - pgss_nr_spares);
	memcpy(pgss_spares + pgss_nr_spares, pages, nr * sizeof(*pages));
	pgss_nr_spares += nr;
	spin_unlock_bh(&pgss_spare_lock);
	if (first)	/* from then on the look queues itself */
		queue_delayed_work(system_unbound_wq, &pgss_spare_dwork, PGSS_SPARE_TIME);
	return nr;
}

/* Let go of @nr spares, a few at a time. */
static void pgss_spares_free(unsigned int nr)
{
	struct page *pages[16];
	unsigned int n;

	while (nr) {
		n = pgss_spares_get(pages, min_t(unsigned int, nr, ARRAY_SIZE(pages)));
		if (!n)
			return;
		nr -= n;
		while (n)
			mempool_free(pages[--n], pgss_page_pool);
	}
}

/* What nobody has wanted since the last look. */
static void pgss_spare_work(struct work_struct *work)
{
	unsigned int nr;

	spin_lock_bh(&pgss_spare_lock);
	nr = pgss_spares_low;
	spin_unlock_bh(&pgss_spare_lock);
	pgss_spares_free(nr);

	spin_lock_bh(&pgss_spare_lock);
	nr = pgss_spares_low = pgss_nr_spares;
	spin_unlock_bh(&pgss_spare_lock);
	if (nr)
		queue_delayed_work(system_unbound_wq, &pgss_spare_dwork, PGSS_SPARE_TIME);
}

/* ---- pages of a message ---- */

void pgss_pages_get(struct pgss_pages *w, u32 skip, u32 size)
{
	u32 nr = DIV_ROUND_UP(skip + size, PAGE_SIZE), i;

	w->buf.pages = kvmalloc_array(nr, sizeof(*w->buf.pages),
				      GFP_NOFS | __GFP_NOFAIL);
	w->bv = kvmalloc_array(nr, sizeof(*w->bv), GFP_NOFS | __GFP_NOFAIL);
	w->buf.size = nr * PAGE_SIZE;
	w->nr = nr;
	for (i = pgss_spares_get(w->buf.pages, nr); i < nr; i++)
		w->buf.pages[i] = mempool_alloc(pgss_page_pool, GFP_NOFS);
	for (i = 0; i < nr; i++)
		bvec_set_page(&w->bv[i], w->buf.pages[i], PAGE_SIZE, 0);
}

void pgss_pages_put(struct pgss_pages *w)
{
	unsigned int kept;

	if (!w->nr)
		return;
	kept = pgss_spares_put(w->buf.pages, w->nr);
	while (w->nr > kept)
		mempool_free(w->buf.pages[--w->nr], pgss_page_pool);
	kvfree(w->buf.pages);
	kvfree(w->bv);
	memset(w, 0, sizeof(*w));
}

/* ---- calls ---- */

struct pgss_call *pgss_call_alloc(void)
{
	struct pgss_call *g = mempool_alloc(pgss_calls, GFP_NOFS);

	return memset(g, 0, sizeof(*g));
}

void pgss_call_release(struct pgss_call *g)
{
	mempool_free(g, pgss_calls);
}

/* ---- coming and going ---- */

void pgss_memory_exit(void)
{
	cancel_delayed_work_sync(&pgss_spare_dwork);
	pgss_spares_free(pgss_nr_spares);
	kvfree(pgss_spares);
	mempool_destroy(pgss_page_pool);
	mempool_destroy(pgss_calls);
	kmem_cache_destroy(pgss_call_cache);
	pgss_spares = NULL;
	pgss_page_pool = NULL;
	pgss_calls = NULL;
	pgss_call_cache = NULL;
}

/* Only once somebody uses RPCSEC_GSS: the pools hold 2 MiB. */
int pgss_memory_init(void)
{
	static DEFINE_MUTEX(lock);
	int error = 0;

	mutex_lock(&lock);
	if (pgss_page_pool)
		goto out;
	pgss_spares = kvcalloc(PGSS_SPARES, sizeof(*pgss_spares), GFP_KERNEL);
	pgss_call_cache = KMEM_CACHE(pgss_call, 0);
	if (pgss_call_cache && pgss_spares)
		pgss_calls = mempool_create_slab_pool(PGSS_CALLS_MIN, pgss_call_cache);
	if (pgss_calls)
		pgss_page_pool = mempool_create_page_pool(PGSS_PAGES_MIN, 0);
	if (!pgss_page_pool) {
		pgss_memory_exit();
		error = -ENOMEM;
	}
out:
	mutex_unlock(&lock);
	return error;
}
