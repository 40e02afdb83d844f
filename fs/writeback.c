// SPDX-License-Identifier: GPL-2.0
/*
 * Write-back: runs of dirty bytes become ios of about one WRITE each.
 *
 * Life of a ps_wio: two references.  ->done drops one after ending the
 * folios' write-back; the other goes with it, or, if the server did not
 * promise to keep the data, with ->stable_done.  Until then the io keeps its
 * folios, so that the engine can send them again after the server's restart,
 * and with the folio references keeps the VM from freeing or moving them.
 *
 * Allocation must not wait for memory that only write-back can free.  When
 * the slab has none the io comes out of a reserve and is sent FILE_SYNC: such
 * ios come back as soon as the server answers, unstable ones only after a
 * COMMIT, which nobody may be about to send.
 */
#include <linux/mempool.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "penstock.h"
#include "trace.h"

#define PS_WIO_BVECS	256
#define PS_WIO_RESERVE	16

/*
 * struct ps_wio - one contiguous run on its way to the server
 * @head, @tail: notes of the first and last folio, where only a part of such
 *	a folio's dirty ranges is in this io
 * @reserve: taken when memory was short
 */
struct ps_wio {
	struct pn4_io io;
	refcount_t ref;
	bool reserve;
	struct inode *inode;
	struct pn4_open *open;
	const struct cred *cred;
	struct ps_dirty *head;
	struct ps_dirty *tail;
	struct work_struct work;
	struct bio_vec bv[PS_WIO_BVECS];
};

/* One pass over a file's dirty folios. */
struct ps_wb {
	struct inode *inode;
	struct ps_wio *cur;
	unsigned int submitted;
	bool sync;
};

static struct kmem_cache *ps_wio_cache;
static mempool_t *ps_wio_pool;

/* ---- the io ---- */

static void ps_wio_put(struct ps_wio *w)
{
	struct ps_sb *sbi = PS_SB(w->inode->i_sb);
	struct inode *inode = w->inode;
	unsigned int i;

	if (!refcount_dec_and_test(&w->ref))
		return;
	for (i = 0; i < w->io.data.nr; i++)
		folio_put(page_folio(w->bv[i].bv_page));
	if (w->open)
		pn4_open_put(w->open);
	put_cred(w->cred);
	mempool_free(w, ps_wio_pool);
	ps_iput_atomic(inode);
	ps_busy_put(sbi);
}

/* One of several ios of @folio, or who starts them, is done with it. */
static void ps_part_done(struct folio *folio, struct ps_dirty *d)
{
	if (d) {
		if (!atomic_dec_and_test(&d->pending))
			return;
		kfree(d);
	}
	folio_end_writeback(folio);
}

static void ps_wio_end_folios(struct ps_wio *w)
{
	unsigned int i, nr = w->io.data.nr;

	for (i = 0; i < nr; i++)
		ps_part_done(page_folio(w->bv[i].bv_page),
			     !i ? w->head : i == nr - 1 ? w->tail : NULL);
}

static void ps_wio_error(struct inode *inode, int error)
{
	mapping_set_error(inode->i_mapping, error);
	set_bit(PS_I_DATA_STALE, &PS_I(inode)->flags);
}

static void ps_wio_work(struct work_struct *work);

/* softirq */
static void ps_wio_done(struct pn4_io *io)
{
	struct ps_wio *w = container_of(io, struct ps_wio, io);
	bool more = io->stable_follows;
	struct inode *inode = w->inode;
	struct ps_sb *sbi = PS_SB(inode->i_sb);
	int error = io->error;

	if (error == -ERESTARTSYS) {
		/* who sent it was killed half way; the data still must go */
		queue_work(ps_wq, &w->work);
		return;
	}
	if (!error && !more && io->result < io->data.len)
		error = -EIO;
	trace_ps_writeback_done(inode, io->pos, io->result, error);
	if (error)
		ps_wio_error(inode, error);
	if (more)
		atomic_inc(&PS_I(inode)->unstable);
	ps_wio_end_folios(w);
	ps_own_end(inode);
	if (wq_has_sleeper(&PS_I(inode)->wait))
		wake_up_all(&PS_I(inode)->wait);
	if (!more)
		ps_wio_put(w);
	else if (atomic64_add_return(io->data.len, &sbi->unstable_bytes) >
		 sbi->unstable_max)
		pn4_commit_start(io->node);
	ps_wio_put(w);
}

static void ps_wio_stable(struct pn4_io *io)
{
	struct ps_wio *w = container_of(io, struct ps_wio, io);

	atomic64_sub(io->data.len, &PS_SB(w->inode->i_sb)->unstable_bytes);
	atomic_dec(&PS_I(w->inode)->unstable);
	if (io->error)
		ps_wio_error(w->inode, io->error);
	ps_wio_put(w);
}

/* Send it from a context that no signal reaches. */
static void ps_wio_work(struct work_struct *work)
{
	struct ps_wio *w = container_of(work, struct ps_wio, work);
	unsigned int nofs = memalloc_nofs_save();
	int rc;

	w->io.killable = false;
	rc = pn4_io_submit(&w->io);
	if (rc) {
		w->io.error = WARN_ON_ONCE(rc == -ERESTARTSYS) ? -EIO : rc;
		w->io.stable_follows = false;
		ps_wio_done(&w->io);
	}
	memalloc_nofs_restore(nofs);
}

static void ps_wio_identity(struct ps_wio *w)
{
	struct ps_inode *pi = PS_I(w->inode);

	spin_lock(&w->inode->i_lock);
	w->open = pi->wb_open ? pn4_open_get(pi->wb_open) : NULL;
	spin_unlock(&w->inode->i_lock);
	w->cred = get_cred(w->open ? pn4_open_cred(w->open) : current_cred());
}

static struct ps_wio *ps_wio_new(struct inode *inode, loff_t pos)
{
	struct ps_wio *w;
	bool reserve = false;

	w = kmem_cache_alloc(ps_wio_cache,
			     GFP_NOFS | __GFP_NORETRY | __GFP_NOWARN);
	if (!w) {
		reserve = true;
		w = mempool_alloc(ps_wio_pool, GFP_NOFS);
	}
	memset(w, 0, offsetof(struct ps_wio, bv));
	refcount_set(&w->ref, 2);
	w->reserve = reserve;
	w->inode = inode;
	ps_wio_identity(w);
	ihold(inode);
	ps_busy_get(PS_SB(inode->i_sb));
	INIT_WORK(&w->work, ps_wio_work);
	w->io.node = PS_N(inode);
	w->io.open = w->open;
	w->io.cred = w->cred;
	w->io.data.bv = w->bv;
	w->io.pos = pos;
	w->io.write = true;
	w->io.patient = true;
	w->io.done = ps_wio_done;
	w->io.stable_done = ps_wio_stable;
	return w;
}

/* ---- gathering ---- */

/*
 * @last: nothing follows.  A single WRITE that has to be stable anyway is
 * asked to be, which saves the COMMIT.
 */
static void ps_wb_submit(struct ps_wb *wb, bool last)
{
	struct ps_wio *w = wb->cur;
	struct pn4_node *node = PS_N(wb->inode);

	wb->cur = NULL;
	w->io.stable = PN4_UNSTABLE;
	if (w->reserve ||
	    (last && wb->sync && !wb->submitted &&
	     w->io.data.len <= node->vol->wsize && !pn4_has_unstable(node)))
		w->io.stable = PN4_FILE_SYNC;
	wb->submitted++;
	trace_ps_writeback(wb->inode, w->io.pos, w->io.data.len);
	ps_own_begin(wb->inode);
	w->io.killable = true;
	if (pn4_io_submit(&w->io))
		queue_work(ps_wq, &w->work);
}

static bool ps_wb_fits(const struct ps_wb *wb, loff_t pos, size_t len)
{
	const struct ps_wio *w = wb->cur;

	return w->io.pos + w->io.data.len == pos && !w->tail &&
	       w->io.data.nr < PS_WIO_BVECS &&
	       w->io.data.len + len <= PS_SB(wb->inode->i_sb)->vol->wsize;
}

static void ps_wb_add(struct ps_wb *wb, struct folio *folio, size_t from,
		      size_t to, struct ps_dirty *d)
{
	loff_t pos = folio_pos(folio) + from;
	struct ps_wio *w;
	struct bio_vec *bv;

	if (wb->cur && !ps_wb_fits(wb, pos, to - from))
		ps_wb_submit(wb, false);
	if (!wb->cur)
		wb->cur = ps_wio_new(wb->inode, pos);
	w = wb->cur;
	if (!w->io.data.nr)
		w->head = d;
	else
		w->tail = d;
	folio_get(folio);
	bv = &w->bv[w->io.data.nr++];
	bv->bv_page = folio_page(folio, from >> PAGE_SHIFT);
	bv->bv_offset = offset_in_page(from);
	bv->bv_len = to - from;
	w->io.data.len += bv->bv_len;
}

/* @folio is locked, no longer dirty, and not yet under write-back. */
static void ps_wb_start(struct ps_wb *wb, struct folio *folio)
{
	loff_t size = i_size_read(wb->inode), pos = folio_pos(folio);
	size_t limit = size <= pos ? 0 :
		       min_t(u64, size - pos, folio_size(folio));
	size_t from, to, at = 0;
	struct ps_dirty *d = ps_dirty_take(folio, &from, &to);

	folio_start_writeback(folio);
	if (!d) {
		to = min(to, limit);
		if (from < to)
			ps_wb_add(wb, folio, from, to, NULL);
		else		/* cut off in the meantime */
			folio_end_writeback(folio);
		return;
	}
	atomic_set(&d->pending, 1);
	while (ps_dirty_next(d, at, limit, &from, &to)) {
		atomic_inc(&d->pending);
		ps_wb_add(wb, folio, from, to, d);
		at = to;
	}
	ps_part_done(folio, d);
}

static int ps_wb_folio(struct folio *folio, struct writeback_control *wbc,
		       void *data)
{
	ps_wb_start(data, folio);
	folio_unlock(folio);
	return 0;
}

static int ps_wb_run(struct inode *inode, struct writeback_control *wbc,
		     bool sync)
{
	struct ps_wb wb = { .inode = inode, .sync = sync };
	unsigned int nofs = memalloc_nofs_save();
	int rc;

	rc = ps_for_each_dirty(inode->i_mapping, wbc, ps_wb_folio, &wb);
	if (wb.cur)
		ps_wb_submit(&wb, true);
	memalloc_nofs_restore(nofs);
	return rc;
}

int ps_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	return ps_wb_run(mapping->host, wbc, wbc->sync_mode == WB_SYNC_ALL);
}

/* Start writing dirty folios in the range; does not wait for any. */
int ps_writeback_range(struct inode *inode, loff_t start, loff_t end, bool sync)
{
	struct writeback_control wbc = {
		.sync_mode = WB_SYNC_NONE,
		.nr_to_write = LONG_MAX,
		.range_start = start,
		.range_end = end,
	};

	return ps_wb_run(inode, &wbc, sync);
}

/*
 * ps_write_folio_now - write the locked @folio, if dirty, and wait
 *
 * It stays locked.  Returns 0 or -EINTR.
 */
int ps_write_folio_now(struct folio *folio)
{
	struct inode *inode = folio->mapping->host;
	struct ps_wb wb = { .inode = inode };
	unsigned int nofs;
	int rc = ps_wait_folio(inode, folio);

	if (rc || !folio_clear_dirty_for_io(folio))
		return rc;
	nofs = memalloc_nofs_save();
	ps_wb_start(&wb, folio);
	if (wb.cur)
		ps_wb_submit(&wb, false);
	memalloc_nofs_restore(nofs);
	return ps_wait_folio(inode, folio);
}

int ps_writeback_init(void)
{
	ps_wio_cache = KMEM_CACHE(ps_wio, SLAB_HWCACHE_ALIGN);
	if (!ps_wio_cache)
		return -ENOMEM;
	ps_wio_pool = mempool_create_slab_pool(PS_WIO_RESERVE, ps_wio_cache);
	if (!ps_wio_pool) {
		kmem_cache_destroy(ps_wio_cache);
		return -ENOMEM;
	}
	return 0;
}

void ps_writeback_exit(void)
{
	mempool_destroy(ps_wio_pool);
	kmem_cache_destroy(ps_wio_cache);
}
