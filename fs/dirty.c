// SPDX-License-Identifier: GPL-2.0
/*
 * What of a folio is dirty.
 *
 * Only bytes that were written here are sent: clients that write next to each
 * other in one page must not undo each other's work, and a 4 KiB write to a
 * 2 MiB folio must not become a 2 MiB write.  folio->private, under the folio
 * lock, holds one of
 *
 *   a byte range: bit 0 set, end in bits 1-31, start in bits 32-63;
 *   struct ps_dirty, a bit per page, for several ranges of a large folio that
 *   is up to date.
 *
 * A folio that the VM dirtied by itself (a write through a pinned or mapped
 * page) cannot be given a range, for the lock is not held then.  It is marked
 * "checked" and written as a whole.
 *
 * Private data exists only while the folio is dirty.
 */
#include <linux/bitmap.h>
#include <linux/slab.h>
#include "penstock.h"

static void *ps_range(size_t from, size_t to)
{
	return (void *)(from << 32 | to << 1 | 1);
}

static bool ps_is_range(const void *priv)
{
	return (unsigned long)priv & 1;
}

static size_t ps_range_from(const void *priv)
{
	return (unsigned long)priv >> 32;
}

static size_t ps_range_to(const void *priv)
{
	return ((unsigned long)priv & U32_MAX) >> 1;
}

static void ps_set_bits(struct ps_dirty *d, size_t from, size_t to)
{
	unsigned int first = from >> PAGE_SHIFT;

	bitmap_set(d->bits, first, DIV_ROUND_UP(to, PAGE_SIZE) - first);
}

static struct ps_dirty *ps_dirty_alloc(struct folio *folio)
{
	unsigned int nr = folio_nr_pages(folio);
	struct ps_dirty *d;

	if (nr == 1)
		return NULL;
	d = kzalloc(struct_size(d, bits, BITS_TO_LONGS(nr)),
		    GFP_NOFS | __GFP_NOWARN);
	if (d)
		d->nr = nr;
	return d;
}

/* Two ranges apart: a bit per page, or if that cannot be had the hull. */
static void ps_dirty_split(struct folio *folio, size_t from, size_t to)
{
	void *priv = folio_get_private(folio);
	size_t ofrom = ps_range_from(priv), oto = ps_range_to(priv);
	struct ps_dirty *d = ps_dirty_alloc(folio);

	if (!d) {
		folio_change_private(folio, ps_range(min(from, ofrom),
						     max(to, oto)));
		return;
	}
	ps_set_bits(d, ofrom, oto);
	ps_set_bits(d, from, to);
	folio_change_private(folio, d);
}

/*
 * ps_dirty_range - bytes [@from, @to) of the locked @folio were written
 *
 * The caller marks the folio dirty.  Unless it is up to date, the range must
 * have been found to fit (ps_dirty_fits()).
 */
void ps_dirty_range(struct folio *folio, size_t from, size_t to)
{
	void *priv = folio_get_private(folio);

	if (!priv)
		folio_attach_private(folio, ps_range(from, to));
	else if (!ps_is_range(priv))
		ps_set_bits(priv, from, to);
	else if (from <= ps_range_to(priv) && to >= ps_range_from(priv))
		folio_change_private(folio,
				ps_range(min(from, ps_range_from(priv)),
					 max(to, ps_range_to(priv))));
	else
		ps_dirty_split(folio, from, to);
}

/* Can the range be noted without knowing the bytes around it? */
bool ps_dirty_fits(struct folio *folio, size_t from, size_t to)
{
	void *priv = folio_get_private(folio);

	if (folio_test_uptodate(folio) || !priv)
		return true;
	return ps_is_range(priv) && from <= ps_range_to(priv) &&
	       to >= ps_range_from(priv);
}

/*
 * ps_dirty_take - take the note of what is dirty off @folio, for writing
 *
 * Returns a bitmap, the caller's, or NULL: [*@from, *@to) then.
 */
struct ps_dirty *ps_dirty_take(struct folio *folio, size_t *from, size_t *to)
{
	bool whole = folio_test_checked(folio);
	void *priv = folio_get_private(folio);

	if (priv)
		folio_detach_private(folio);
	if (whole)
		folio_clear_checked(folio);
	if (priv && !ps_is_range(priv)) {
		if (!whole)
			return priv;
		kfree(priv);
	}
	if (whole || !priv) {
		*from = 0;
		*to = folio_size(folio);
	} else {
		*from = ps_range_from(priv);
		*to = ps_range_to(priv);
	}
	return NULL;
}

/* The next dirty range from @at on, below @limit. */
bool ps_dirty_next(const struct ps_dirty *d, size_t at, size_t limit,
		   size_t *from, size_t *to)
{
	unsigned int bit = find_next_bit(d->bits, d->nr,
					 DIV_ROUND_UP(at, PAGE_SIZE));

	if (bit >= d->nr || (size_t)bit << PAGE_SHIFT >= limit)
		return false;
	*from = (size_t)bit << PAGE_SHIFT;
	bit = find_next_zero_bit(d->bits, d->nr, bit);
	*to = min((size_t)bit << PAGE_SHIFT, limit);
	return true;
}

/* The VM says so; possibly without the folio lock, possibly atomic. */
bool ps_dirty_folio(struct address_space *mapping, struct folio *folio)
{
	folio_set_checked(folio);
	return filemap_dirty_folio(mapping, folio);
}

static void ps_forget(struct folio *folio)
{
	void *priv = folio_get_private(folio);

	if (priv) {
		folio_detach_private(folio);
		if (!ps_is_range(priv))
			kfree(priv);
	}
	folio_clear_checked(folio);
}

/* Bytes from @off on are cut off; what is dirty before stays so. */
static void ps_clip(struct folio *folio, size_t off)
{
	void *priv = folio_get_private(folio);
	struct ps_dirty *d = priv;
	unsigned int page = DIV_ROUND_UP(off, PAGE_SIZE);
	bool empty;

	if (!priv)
		return;
	if (ps_is_range(priv)) {
		empty = ps_range_from(priv) >= off;
		if (!empty && ps_range_to(priv) > off)
			folio_change_private(folio,
					     ps_range(ps_range_from(priv), off));
	} else {
		bitmap_clear(d->bits, page, d->nr - page);
		empty = bitmap_empty(d->bits, d->nr);
	}
	if (empty && !folio_test_checked(folio)) {
		folio_cancel_dirty(folio);
		ps_forget(folio);
	}
}

void ps_invalidate_folio(struct folio *folio, size_t off, size_t len)
{
	if (!off && len >= folio_size(folio))
		ps_forget(folio);
	else if (off + len >= folio_size(folio))
		ps_clip(folio, off);
	/* a hole in the middle: its bytes are zero now and may be sent */
}

bool ps_release_folio(struct folio *folio, gfp_t gfp)
{
	if (folio_test_dirty(folio) || folio_test_writeback(folio))
		return false;
	ps_forget(folio);
	return true;
}
