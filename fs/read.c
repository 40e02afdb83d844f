// SPDX-License-Identifier: GPL-2.0
/*
 * Filling the page cache: folios of a read-ahead window become ios of about
 * one READ each, which complete on their own in softirq.
 *
 * An io holds its inode, its OPEN and, by their locks, its folios.
 */
#include <linux/slab.h>
#include "penstock.h"
#include "trace.h"

#define PS_READ_BVECS	256

struct ps_read {
	struct pn4_io io;
	struct inode *inode;
	struct pn4_open *open;
	const struct cred *cred;
	unsigned int max;
	struct bio_vec bv[];
};

static void ps_read_free(struct ps_read *r)
{
	struct inode *inode = r->inode;
	struct ps_inode *pi = PS_I(inode);
	struct ps_sb *sbi = PS_SB(inode->i_sb);

	if (r->open)
		pn4_open_put(r->open);
	put_cred(r->cred);
	kfree(r);
	if (atomic_dec_and_test(&pi->reads))
		wake_up_all(&pi->wait);
	ps_iput_atomic(inode);
	ps_busy_put(sbi);
}

/* softirq.  What the server does not have before its end of file is zero. */
static void ps_read_done(struct pn4_io *io)
{
	struct ps_read *r = container_of(io, struct ps_read, io);
	size_t left = io->result;
	unsigned int i;

	trace_ps_read_done(r->inode, io->pos, io->result, io->error);
	for (i = 0; i < io->data.nr; i++) {
		struct folio *folio = page_folio(r->bv[i].bv_page);
		size_t len = r->bv[i].bv_len;
		bool ok = left >= len || (io->eof && !io->error);

		if (ok && left < len)
			folio_zero_segment(folio, left, len);
		left -= min(left, len);
		ps_folio_end_read(folio, ok);
	}
	ps_read_free(r);
}

static struct ps_read *ps_read_new(struct inode *inode, struct file *file,
				   loff_t pos, unsigned int max, gfp_t gfp)
{
	struct ps_read *r;

	max = min_t(unsigned int, max, PS_READ_BVECS);
	/* the mask is meant for page cache pages: no place for highmem here */
	r = kmalloc(struct_size(r, bv, max),
		    gfp & ~(__GFP_HIGHMEM | __GFP_MOVABLE));
	if (!r)
		return NULL;
	memset(&r->io, 0, sizeof(r->io));
	r->inode = inode;
	r->max = max;
	r->open = NULL;
	if (file && (file->f_mode & FMODE_READ))
		r->open = pn4_open_get(ps_file_open(file));
	r->cred = get_cred(r->open ? pn4_open_cred(r->open) : current_cred());
	ihold(inode);
	ps_busy_get(PS_SB(inode->i_sb));
	atomic_inc(&PS_I(inode)->reads);
	r->io.node = PS_N(inode);
	r->io.open = r->open;
	r->io.cred = r->cred;
	r->io.data.bv = r->bv;
	r->io.pos = pos;
	r->io.killable = true;
	r->io.done = ps_read_done;
	return r;
}

static void ps_read_add(struct ps_read *r, struct folio *folio)
{
	struct bio_vec *bv = &r->bv[r->io.data.nr++];

	bv->bv_page = folio_page(folio, 0);
	bv->bv_offset = 0;
	bv->bv_len = folio_size(folio);
	r->io.data.len += bv->bv_len;
}

static void ps_read_submit(struct ps_read *r)
{
	int rc;

	trace_ps_read(r->inode, r->io.pos, r->io.data.len);
	rc = pn4_io_submit(&r->io);
	if (!rc)
		return;
	r->io.result = 0;
	r->io.error = rc;
	ps_read_done(&r->io);
}

void ps_readahead(struct readahead_control *rac)
{
	struct inode *inode = rac->mapping->host;
	size_t limit = max_t(size_t, PS_SB(inode->i_sb)->vol->rsize, SZ_64K);
	gfp_t gfp = GFP_NOFS | __GFP_NORETRY | __GFP_NOWARN;
	struct ps_read *r = NULL;
	struct folio *folio;

	while ((folio = readahead_folio(rac))) {
		if (r && (r->io.data.nr == r->max ||
			  r->io.data.len + folio_size(folio) > limit)) {
			ps_read_submit(r);
			r = NULL;
		}
		if (!r)
			r = ps_read_new(inode, rac->file, folio_pos(folio),
					min_t(size_t, limit >> PAGE_SHIFT,
					      readahead_count(rac) + 1), gfp);
		if (!r) {	/* whoever wants it reads it by itself */
			folio_unlock(folio);
			return;
		}
		ps_read_add(r, folio);
	}
	if (r)
		ps_read_submit(r);
}

/* The lock is given up when the folio is filled, or on failure. */
int ps_read_folio(struct file *file, struct folio *folio)
{
	struct inode *inode = folio->mapping->host;
	struct ps_read *r;
	int rc = 0;

	/* a few bytes were written into it without reading the rest */
	if (folio_test_dirty(folio) || folio_test_writeback(folio))
		rc = ps_write_folio_now(folio);
	if (!rc) {
		r = ps_read_new(inode, file, folio_pos(folio), 1, GFP_NOFS);
		if (!r)
			rc = -ENOMEM;
	}
	if (rc) {
		folio_unlock(folio);
		return rc;
	}
	ps_read_add(r, folio);
	ps_read_submit(r);
	return 0;
}
