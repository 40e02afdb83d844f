// SPDX-License-Identifier: GPL-2.0
/*
 * Direct I/O: user pages straight into a pn4_io, any alignment.
 *
 * One ps_dio is one pn4_io.  It holds its inode, its OPEN and the pages until
 * the engine is done with all of them, whoever waits: a killed waiter leaves
 * and the other side cleans up.  Asynchronous reads complete the kiocb from
 * softirq; what needs to sleep (a new file size, cached pages, a COMMIT, a
 * page that lost its dirty bit) goes through a work item.
 *
 * Writes are durable when they are reported: one that fits in a single WRITE
 * is sent FILE_SYNC, a larger one unstable and with a COMMIT behind it.
 */
#include <linux/completion.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "../net/wait.h"
#include "penstock.h"
#include "trace.h"

#define PS_DIO_INLINE	16		/* pages without a second allocation */
#define PS_DIO_MAX	SZ_64M		/* bytes of one io */
#define PS_DIO_GRACE	(10 * HZ)	/* for taking back what a killed task waits for */

/* ps_dio.state */
enum {
	PS_DIO_MET,		/* waiter left, or io done: the second cleans up */
	PS_DIO_STABLE,		/* the COMMIT's verdict is what counts */
};

/*
 * struct ps_dio - one direct read or write
 * @iocb: NULL: somebody waits for @done
 * @grows: a write past the end of file as it was
 * @dirtied: pages were marked dirty before, as one must not do in softirq
 * @peer: there may be PCI peer-to-peer pages
 * @bv: the user's pages; io.data.bv are others if the data takes a detour
 */
struct ps_dio {
	struct pn4_io io;
	struct inode *inode;
	struct pn4_open *open;
	struct kiocb *iocb;
	unsigned long state;
	struct completion done;
	unsigned int nr;
	enum ps_hold hold;
	bool grows;
	bool dirtied;
	bool peer;
	struct work_struct work;
	struct bio_vec *bv;
	struct bio_vec embedded[PS_DIO_INLINE];
};

static struct kmem_cache *ps_dio_cache;

static void ps_dio_work(struct work_struct *work);
static void ps_dio_done(struct pn4_io *io);
static void ps_dio_stable(struct pn4_io *io);

/* ---- pages ---- */

/* Mark pages to be read into dirty where that may sleep, see ps_dio_done(). */
static void ps_dio_dirty(struct ps_dio *d)
{
	unsigned int i;

	for (i = 0; i < d->nr; i++)
		if (!folio_test_dirty(page_folio(d->bv[i].bv_page)))
			set_page_dirty_lock(d->bv[i].bv_page);
	d->dirtied = true;
}

/* How many pages from the @i-th on follow each other, as in a huge page. */
static unsigned int ps_dio_following(const struct ps_dio *d, unsigned int i)
{
	unsigned int n = 1;

	while (i + n < d->nr && d->bv[i + n].bv_page == d->bv[i].bv_page + n)
		n++;
	return n;
}

static void ps_dio_unpin(struct ps_dio *d, bool dirty)
{
	unsigned int i, n;

	if (unlikely(d->io.data.memory))
		ps_gpu_done(d->inode, &d->io, d->bv);
	if (d->hold == PS_HOLD_NONE)
		return;
	if (dirty)
		ps_dio_dirty(d);
	for (i = 0; i < d->nr; i += n) {
		n = ps_dio_following(d, i);
		ps_release_pages(d->bv[i].bv_page, n, d->hold);
	}
}

static bool ps_dio_still_dirty(const struct ps_dio *d)
{
	unsigned int i;

	for (i = 0; i < d->nr; i++)
		if (!folio_test_dirty(page_folio(d->bv[i].bv_page)))
			return false;
	return true;
}

/*
 * Take pages of up to @max bytes.  The page pointers are gathered in the upper
 * half of the bio_vec array, which is filled from below behind them.
 */
static ssize_t ps_dio_extract(struct ps_dio *d, struct iov_iter *iter,
			      unsigned int max_pages, size_t max)
{
	ssize_t len = 0, got;
	size_t off;

	d->hold = ps_extract_hold(iter);
	while (iov_iter_count(iter) && d->nr < max_pages && (size_t)len < max) {
		unsigned int room = max_pages - d->nr;
		struct bio_vec *bv = d->bv + d->nr;
		struct page **pages = (struct page **)(bv + room) - room;
		size_t left;

		got = ps_extract_pages(iter, pages, max - len, room, d->peer, &off);
		if (got == -EREMOTEIO && !d->peer &&
		    ps_gpu_pins_peer(PS_SB(d->inode->i_sb), iov_iter_count(iter))) {
			d->peer = true;
			continue;
		}
		if (got <= 0)
			return len ? len : got;
		len += got;
		for (left = got; left; bv++, pages++, off = 0, d->nr++) {
			struct page *page = *pages;
			size_t n = min_t(size_t, left, PAGE_SIZE - off);

			bv->bv_page = page;
			bv->bv_offset = off;
			bv->bv_len = n;
			left -= n;
		}
	}
	return len;
}

/* ---- life ---- */

static struct ps_dio *ps_dio_new(struct kiocb *iocb, struct iov_iter *iter,
				 size_t max, bool write)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	unsigned int pages = iov_iter_npages(iter, INT_MAX);
	struct ps_dio *d;
	ssize_t len;

	pages = min_t(unsigned int, pages, (max >> PAGE_SHIFT) + 1);
	d = kmem_cache_alloc(ps_dio_cache, GFP_KERNEL);
	if (!d)
		return ERR_PTR(-ENOMEM);
	memset(d, 0, offsetof(struct ps_dio, embedded));
	d->inode = inode;
	d->bv = d->embedded;
	if (pages > PS_DIO_INLINE)
		d->bv = kvmalloc_array(pages, sizeof(*d->bv), GFP_KERNEL);
	else
		pages = PS_DIO_INLINE;
	len = d->bv ? ps_dio_extract(d, iter, pages, max) : -ENOMEM;
	if (len <= 0) {
		if (d->bv != d->embedded)
			kvfree(d->bv);
		kmem_cache_free(ps_dio_cache, d);
		return ERR_PTR(len ? len : -EFAULT);
	}
	d->open = pn4_open_get(ps_file_open(iocb->ki_filp));
	init_completion(&d->done);
	d->io.node = PS_N(inode);
	d->io.open = d->open;
	d->io.cred = pn4_open_cred(d->open);
	d->io.data.bv = d->bv;
	d->io.data.nr = d->nr;
	d->io.data.len = len;
	d->io.pos = iocb->ki_pos;
	d->io.write = write;
	d->io.nowait = iocb->ki_flags & IOCB_NOWAIT;
	d->io.killable = true;
	d->io.done = ps_dio_done;
	d->io.stable_done = ps_dio_stable;
	ihold(inode);
	inode_dio_begin(inode);
	if (write)
		ps_own_begin(inode);
	return d;
}

static ssize_t ps_dio_result(const struct ps_dio *d)
{
	if (d->io.result && !(d->io.write && d->io.error))
		return d->io.result;
	return d->io.error;
}

/* Bytes and pages are where they belong; the last thing done to @d. */
static void ps_dio_free(struct ps_dio *d)
{
	struct inode *inode = d->inode;

	if (d->io.write)
		ps_own_end(inode);
	pn4_open_put(d->open);
	if (d->bv != d->embedded)
		kvfree(d->bv);
	kmem_cache_free(ps_dio_cache, d);
	inode_dio_end(inode);
	ps_iput_atomic(inode);
}

/* What a finished write means for the inode.  Sleeps. */
static void ps_dio_written(struct ps_dio *d)
{
	struct inode *inode = d->inode;
	loff_t end = d->io.pos + d->io.result;

	if (!d->io.result)
		return;
	if (d->grows) {
		spin_lock(&inode->i_lock);
		if (end > i_size_read(inode))
			i_size_write(inode, end);
		spin_unlock(&inode->i_lock);
	}
	/* read in again by a mapping or read-ahead while it was on its way */
	if (inode->i_mapping->nrpages)
		invalidate_inode_pages2_range(inode->i_mapping,
					      d->io.pos >> PAGE_SHIFT,
					      (end - 1) >> PAGE_SHIFT);
}

/* Process context: everything that is left to do, and the result. */
static ssize_t ps_dio_finish(struct ps_dio *d)
{
	ssize_t rc = ps_dio_result(d);

	if (d->io.write)
		ps_dio_written(d);
	ps_dio_unpin(d, !d->io.write);
	ps_dio_free(d);
	return rc;
}

static void ps_dio_defer(struct ps_dio *d)
{
	ps_busy_get(PS_SB(d->inode->i_sb));
	INIT_WORK(&d->work, ps_dio_work);
	queue_work(ps_wq, &d->work);
}

/* A waiter takes over from here, unless it has left. */
static void ps_dio_wake(struct ps_dio *d)
{
	if (test_and_set_bit(PS_DIO_MET, &d->state))
		ps_dio_defer(d);
	else
		complete(&d->done);
}

static void ps_dio_commit(struct ps_dio *d)
{
	struct inode *inode = d->inode;
	struct ps_sb *sbi = PS_SB(inode->i_sb);

	/* ends in ps_dio_stable(), here or in the engine */
	ihold(inode);
	pn4_commit(PS_N(inode), NULL);
	ps_iput_atomic(inode);
	ps_busy_put(sbi);
}

static void ps_dio_work(struct work_struct *work)
{
	struct ps_dio *d = container_of(work, struct ps_dio, work);
	struct ps_sb *sbi = PS_SB(d->inode->i_sb);
	struct kiocb *iocb = d->iocb;
	ssize_t rc;

	if (d->io.stable_follows && !test_bit(PS_DIO_STABLE, &d->state)) {
		ps_dio_commit(d);
		return;
	}
	rc = ps_dio_finish(d);
	if (iocb)
		iocb->ki_complete(iocb, rc);
	ps_busy_put(sbi);
}

/* Can the end be done without sleeping? */
static bool ps_dio_simple(const struct ps_dio *d)
{
	if (d->io.data.memory == PRPC_MEM_BOUNCE)
		return false;
	if (d->io.write)
		return !d->grows && !d->inode->i_mapping->nrpages;
	return d->hold != PS_HOLD_PIN || !d->dirtied || ps_dio_still_dirty(d);
}

/* softirq */
static void ps_dio_done(struct pn4_io *io)
{
	struct ps_dio *d = container_of(io, struct ps_dio, io);
	struct kiocb *iocb = d->iocb;
	ssize_t rc;

	trace_ps_direct_done(d->inode, io->pos, io->result, io->error);
	if (io->stable_follows) {
		ps_dio_defer(d);	/* to commit */
	} else if (!iocb) {
		ps_dio_wake(d);
	} else if (!ps_dio_simple(d)) {
		ps_dio_defer(d);
	} else {
		rc = ps_dio_result(d);
		ps_dio_unpin(d, false);
		ps_dio_free(d);
		iocb->ki_complete(iocb, rc);
	}
}

/* Unstable writes: safe, or lost.  Process context, but of the engine. */
static void ps_dio_stable(struct pn4_io *io)
{
	struct ps_dio *d = container_of(io, struct ps_dio, io);

	set_bit(PS_DIO_STABLE, &d->state);
	if (d->iocb)
		ps_dio_defer(d);
	else
		ps_dio_wake(d);
}

/* ---- submission ---- */

/*
 * Pages of a GPU are mapped for no longer than the request that they came with:
 * their driver uses them for another one then.  What is left after the grace is
 * stuck where it is not mapped, and will not be.
 */
static bool ps_dio_abort(struct ps_dio *d)
{
	unsigned long end = jiffies + PS_DIO_GRACE;

	do {
		pn4_io_abort(&d->io);
		if (wait_for_completion_timeout(&d->done, HZ / 10))
			return true;
	} while (time_before(jiffies, end));
	return false;
}

static ssize_t ps_dio_wait(struct ps_dio *d)
{
	if (prpc_wait_done(&d->done)) {
		if (d->io.data.memory == PRPC_MEM_GPU && ps_dio_abort(d))
			return ps_dio_finish(d);
		if (!test_and_set_bit(PS_DIO_MET, &d->state))
			return -EINTR;	/* the io cleans up */
		wait_for_completion(&d->done);
	}
	return ps_dio_finish(d);
}

/* Never handed over: give everything back. */
static ssize_t ps_dio_cancel(struct ps_dio *d, struct iov_iter *iter, int rc)
{
	iov_iter_revert(iter, d->io.data.len);
	ps_dio_unpin(d, false);
	ps_dio_free(d);
	return rc == -ERESTARTSYS ? -EINTR : rc;
}

/* One io.  Bytes, -EIOCBQUEUED or -errno. */
static ssize_t ps_dio_one(struct kiocb *iocb, struct iov_iter *iter,
			  size_t max, bool write, bool async)
{
	struct ps_dio *d = ps_dio_new(iocb, iter, max, write);
	int rc;

	if (IS_ERR(d))
		return PTR_ERR(d);
	/* a process's pages: those of the kernel are of no GPU, and may not be asked about */
	rc = d->hold == PS_HOLD_PIN ? ps_gpu_admit(d->inode, &d->io, d->peer) : 0;
	if (rc)
		return ps_dio_cancel(d, iter, rc);
	trace_ps_direct(d->inode, d->io.pos, d->io.data.len);
	if (write) {
		d->io.stable = d->io.data.len <= d->io.node->vol->wsize ?
			       PN4_FILE_SYNC : PN4_UNSTABLE;
		d->grows = d->io.pos + d->io.data.len > i_size_read(d->inode);
	}
	if (async) {
		d->iocb = iocb;
		if (!write && d->hold == PS_HOLD_PIN)
			ps_dio_dirty(d);
	}
	rc = pn4_io_submit(&d->io);
	if (rc)
		return ps_dio_cancel(d, iter, rc);
	return async ? -EIOCBQUEUED : ps_dio_wait(d);
}

/*
 * Requests of more than one io, which an asynchronous caller too has to wait
 * for: they go one after the other, each of them wide enough.
 */
static ssize_t ps_dio_run(struct kiocb *iocb, struct iov_iter *iter, bool write,
			  bool wait)
{
	size_t count = iov_iter_count(iter), before;
	bool async = !is_sync_kiocb(iocb) && !wait &&
		     count <= PS_DIO_MAX - PAGE_SIZE &&
		     iov_iter_npages(iter, INT_MAX) <=
		     PS_DIO_MAX >> PAGE_SHIFT;
	ssize_t done = 0, rc;

	if (async)
		return ps_dio_one(iocb, iter, PS_DIO_MAX, write, true);
	do {
		before = iov_iter_count(iter);
		rc = ps_dio_one(iocb, iter, PS_DIO_MAX, write, false);
		if (rc <= 0)
			break;
		done += rc;
		iocb->ki_pos += rc;
		if ((size_t)rc < before - iov_iter_count(iter))
			break;		/* end of file */
	} while (iov_iter_count(iter));
	return done ? done : rc;
}

/* What is dirty in the range goes to the server first. */
static int ps_dio_flush(struct kiocb *iocb, size_t count, bool write)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct address_space *mapping = inode->i_mapping;
	loff_t pos = iocb->ki_pos, end = pos + count - 1;
	bool unstable = write && atomic_read(&PS_I(inode)->unstable);
	int rc;

	if (likely(!mapping->nrpages && !unstable))
		return 0;
	if (iocb->ki_flags & IOCB_NOWAIT)
		return write || ps_data_dirty(inode) ? -EAGAIN : 0;
	/* what is dirty behind the range makes its holes readable: to the end */
	rc = ps_flush_range(inode, pos, LLONG_MAX, false);
	if (rc || !write)
		return rc;
	/* sent again later, older bytes would overwrite ours */
	rc = ps_commit(inode);
	if (rc)
		return rc;
	/* -EBUSY: dirtied through a mapping just now; such order is nobody's */
	invalidate_inode_pages2_range(mapping, pos >> PAGE_SHIFT,
				      end >> PAGE_SHIFT);
	return 0;
}

ssize_t ps_direct_read(struct kiocb *iocb, struct iov_iter *to)
{
	size_t count = iov_iter_count(to);
	int rc;

	if (!count)
		return 0;
	if (iocb->ki_pos >= file_inode(iocb->ki_filp)->i_sb->s_maxbytes)
		return 0;
	rc = ps_dio_flush(iocb, count, false);
	return rc ? rc : ps_dio_run(iocb, to, false, false);
}

static int ps_direct_lock(struct inode *inode, struct kiocb *iocb, bool excl)
{
	if (iocb->ki_flags & IOCB_NOWAIT) {
		if (excl)
			return inode_trylock(inode) ? 0 : -EAGAIN;
		return inode_trylock_shared(inode) ? 0 : -EAGAIN;
	}
	return excl ? down_write_killable(&inode->i_rwsem) :
		      down_read_killable(&inode->i_rwsem);
}

static void ps_direct_unlock(struct inode *inode, bool excl)
{
	if (excl)
		inode_unlock(inode);
	else
		inode_unlock_shared(inode);
}

/*
 * The lock is held, shared, while an io is set up: what excludes truncation
 * afterwards is inode_dio_begin().  Where the position depends on the end of
 * file (O_APPEND), it is held exclusively until the data is there.
 */
ssize_t ps_direct_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	bool append = iocb->ki_flags & IOCB_APPEND;
	ssize_t rc;

	rc = ps_direct_lock(inode, iocb, append);
	if (rc)
		return rc;
	if (append)
		rc = iocb->ki_flags & IOCB_NOWAIT ? -EAGAIN :
		     ps_attr_refresh(inode);
	rc = rc ?: generic_write_checks(iocb, from);
	if (rc > 0)
		rc = ps_dio_flush(iocb, rc, true) ?: rc;
	if (rc > 0)
		rc = ps_dio_run(iocb, from, true, append);
	ps_direct_unlock(inode, append);
	return rc;
}

/* Has the slab allocator not zero what is written anyway, see pn4_call_ctor(). */
static void ps_dio_ctor(void *object)
{
}

int ps_direct_init(void)
{
	ps_dio_cache = kmem_cache_create("penstock_dio", sizeof(struct ps_dio), 0,
					 SLAB_HWCACHE_ALIGN, ps_dio_ctor);
	return ps_dio_cache ? 0 : -ENOMEM;
}

void ps_direct_exit(void)
{
	kmem_cache_destroy(ps_dio_cache);
}
