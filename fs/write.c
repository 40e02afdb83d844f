// SPDX-License-Identifier: GPL-2.0
/*
 * Buffered writes into the page cache.
 *
 * Nothing is read from the server in order to write: a folio that is not up to
 * date keeps the one range that was written.  Only a second range apart from
 * it makes the first one go out, and the folio be read if the file allows it.
 */
#include <linux/sched/signal.h>
#include "penstock.h"
#include "trace.h"

/* From now on write-back acts in the name of @open. */
void ps_set_wb_open(struct inode *inode, struct pn4_open *open)
{
	struct ps_inode *pi = PS_I(inode);
	struct pn4_open *old;

	if (likely(READ_ONCE(pi->wb_open) == open))
		return;
	pn4_open_get(open);
	spin_lock(&inode->i_lock);
	old = pi->wb_open;
	pi->wb_open = open;
	spin_unlock(&inode->i_lock);
	if (old)
		pn4_open_put(old);
}

/*
 * Find and lock the folio to write to.  One that exists may be locked for as
 * long as the server takes to answer, so that wait can be killed.
 */
static struct folio *ps_lock_folio(struct address_space *mapping, loff_t pos,
				   size_t len)
{
	struct folio *folio;
	int rc;

	for (;;) {
		folio = ps_find_folio(mapping, pos >> PAGE_SHIFT);
		if (!folio)
			return ps_get_write_folio(mapping, pos, len);
		rc = folio_lock_killable(folio);
		if (rc) {
			folio_put(folio);
			return ERR_PTR(rc);
		}
		if (folio->mapping == mapping)
			return folio;
		folio_unlock(folio);
		folio_put(folio);
	}
}

/*
 * Bytes of the page behind the end of file may have been written through a
 * mapping; they become part of the file now and must be zero.
 */
static int ps_zero_tail(struct address_space *mapping, loff_t size)
{
	struct folio *folio;
	size_t off;
	int rc;

	if (!(size & ~PAGE_MASK))
		return 0;
	folio = ps_find_folio(mapping, size >> PAGE_SHIFT);
	if (!folio)
		return 0;
	rc = folio_lock_killable(folio);
	if (!rc) {
		off = offset_in_folio(folio, size);
		if (folio->mapping == mapping && folio_test_uptodate(folio))
			folio_zero_segment(folio, off,
					   round_up(off, PAGE_SIZE));
		folio_unlock(folio);
	}
	folio_put(folio);
	return rc;
}

/* How the bytes around those written become known. */
enum ps_fill {
	PS_FILL_NONE,	/* known already, or not needed: a dirty range */
	PS_FILL_WHOLE,	/* there are none */
	PS_FILL_ZERO,	/* behind the end of file: zero */
};

static enum ps_fill ps_fill_how(struct inode *inode, struct folio *folio,
				size_t off, size_t len)
{
	loff_t size = i_size_read(inode), start = folio_pos(folio);

	if (folio_test_uptodate(folio))
		return PS_FILL_NONE;
	if (!off && len == folio_size(folio))
		return PS_FILL_WHOLE;
	if (start >= size || (!off && start + (loff_t)len >= size))
		return PS_FILL_ZERO;
	return PS_FILL_NONE;
}

/*
 * A second range apart from the first, in a folio that is not up to date.
 * Returns 0 with the folio still locked, or 1 if it is to be looked up again
 * or -errno, not locked then.
 */
static int ps_make_room(struct file *file, struct folio *folio)
{
	int rc;

	if (file->f_mode & FMODE_READ) {
		rc = ps_read_folio(file, folio);
		rc = rc ?: folio_wait_locked_killable(folio);
		if (!rc && !folio_test_uptodate(folio))
			rc = -EIO;
		return rc ? rc : 1;
	}
	rc = ps_write_folio_now(folio);
	if (rc)
		folio_unlock(folio);
	return rc;
}

/* Returns the locked folio; *@len is cut to what goes into it. */
static struct folio *ps_write_begin(struct file *file, loff_t pos, size_t *len,
				    enum ps_fill *fill)
{
	struct address_space *mapping = file->f_mapping;
	struct folio *folio;
	size_t off;
	int rc;

	for (;;) {
		folio = ps_lock_folio(mapping, pos, *len);
		if (IS_ERR(folio))
			return folio;
		off = offset_in_folio(folio, pos);
		*len = min(*len, folio_size(folio) - off);
		*fill = ps_fill_how(mapping->host, folio, off, *len);
		if (*fill == PS_FILL_ZERO)
			folio_zero_segments(folio, 0, off, off + *len,
					    folio_size(folio));
		if (*fill != PS_FILL_NONE || ps_dirty_fits(folio, off, off + *len))
			return folio;
		rc = ps_make_room(file, folio);
		if (!rc)
			return folio;
		folio_put(folio);
		if (rc < 0)
			return ERR_PTR(rc);
	}
}

/* @copied of @len bytes are in.  Returns how many of them count. */
static size_t ps_write_end(struct inode *inode, struct folio *folio, loff_t pos,
			   size_t len, size_t copied, enum ps_fill fill)
{
	size_t off = offset_in_folio(folio, pos);

	if (fill == PS_FILL_ZERO && copied < len)
		folio_zero_segment(folio, off + copied, off + len);
	if (fill == PS_FILL_ZERO || (fill == PS_FILL_WHOLE && copied == len))
		folio_mark_uptodate(folio);
	else if (fill == PS_FILL_WHOLE && !ps_dirty_fits(folio, off, off + copied))
		copied = 0;
	if (!copied)
		goto out;
	ps_dirty_range(folio, off, off + copied);
	filemap_dirty_folio(inode->i_mapping, folio);
	if (pos + (loff_t)copied > i_size_read(inode)) {
		spin_lock(&inode->i_lock);
		if (pos + (loff_t)copied > i_size_read(inode))
			i_size_write(inode, pos + copied);
		spin_unlock(&inode->i_lock);
	}
out:
	folio_unlock(folio);
	folio_put(folio);
	return copied;
}

/* One folio's worth.  Bytes written, 0: fault the source in, or -errno. */
static ssize_t ps_write_some(struct file *file, loff_t pos, size_t len,
			     struct iov_iter *from)
{
	struct folio *folio;
	enum ps_fill fill;
	size_t got, copied;

	folio = ps_write_begin(file, pos, &len, &fill);
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	got = ps_copy_from_iter(folio, offset_in_folio(folio, pos), len, from);
	flush_dcache_folio(folio);
	copied = ps_write_end(file_inode(file), folio, pos, len, got, fill);
	if (copied < got)
		iov_iter_revert(from, got - copied);
	return copied;
}

/*
 * ps_buffered_write - copy @from into the page cache
 *
 * The caller holds i_rwsem and has done the checks.  Returns bytes or -errno.
 */
ssize_t ps_buffered_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	struct address_space *mapping = file->f_mapping;
	loff_t pos = iocb->ki_pos, size = i_size_read(mapping->host);
	size_t chunk = ps_write_chunk(mapping), len;
	ssize_t done = 0, rc = 0;

	trace_ps_write(mapping->host, pos, iov_iter_count(from));
	ps_set_wb_open(mapping->host, ps_file_open(file));
	if (pos > size)
		rc = ps_zero_tail(mapping, size);
	while (!rc && iov_iter_count(from)) {
		len = min(chunk - ((size_t)pos & (chunk - 1)),
			  iov_iter_count(from));
again:
		balance_dirty_pages_ratelimited(mapping);
		if (fault_in_iov_iter_readable(from, len) == len) {
			rc = -EFAULT;
			break;
		}
		if (fatal_signal_pending(current)) {
			rc = -EINTR;
			break;
		}
		rc = ps_write_some(file, pos, len, from);
		cond_resched();
		if (rc < 0)
			break;
		if (!rc) {	/* the source went away in between: by pages */
			len = min_t(size_t, PAGE_SIZE - offset_in_page(pos),
				    len);
			goto again;
		}
		pos += rc;
		done += rc;
		rc = 0;
	}
	iocb->ki_pos += done;
	return done ? done : rc;
}
