// SPDX-License-Identifier: GPL-2.0
/*
 * The page cache of a file as a whole: flush, commit, throw out.
 *
 * Waiting for write-back through the VM's own helpers cannot be interrupted,
 * so the waits here are our own and end with a fatal signal.
 */
#include <linux/migrate.h>
#include <linux/wait_bit.h>
#include "../net/wait.h"
#include "penstock.h"

bool ps_data_dirty(struct inode *inode)
{
	struct address_space *m = inode->i_mapping;

	return mapping_tagged(m, PAGECACHE_TAG_DIRTY) ||
	       mapping_tagged(m, PAGECACHE_TAG_WRITEBACK);
}

/*
 * Wait for a folio's write-back; also in a task that is dying, in its last
 * close, as long as it does not die of SIGKILL.  ps_wio_done() wakes us.
 */
int ps_wait_folio(struct inode *inode, struct folio *folio)
{
	if (!folio_test_writeback(folio))
		return 0;
	return prpc_wait_killable(PS_I(inode)->wait,
				  !folio_test_writeback(folio),
				  MAX_SCHEDULE_TIMEOUT) < 0 ? -EINTR : 0;
}

static int ps_wait_writeback(struct inode *inode, loff_t start, loff_t end)
{
	struct address_space *mapping = inode->i_mapping;
	pgoff_t index = start >> PAGE_SHIFT, last = end >> PAGE_SHIFT;
	struct folio_batch batch;
	unsigned int i;
	int rc = 0;

	folio_batch_init(&batch);
	while (!rc && index <= last &&
	       filemap_get_folios_tag(mapping, &index, last,
				      PAGECACHE_TAG_WRITEBACK, &batch)) {
		for (i = 0; i < folio_batch_count(&batch) && !rc; i++)
			rc = ps_wait_folio(inode, batch.folios[i]);
		folio_batch_release(&batch);
		cond_resched();
	}
	return rc;
}

/*
 * ps_flush_range - send dirty bytes [@start, @end] to the server and wait
 * @sync: they will have to be stable: a single write may be asked to be
 *
 * Returns 0 or -EINTR.  Write errors are left in the mapping.  What was being
 * written and dirtied again at the same time is caught by the second round.
 */
int ps_flush_range(struct inode *inode, loff_t start, loff_t end, bool sync)
{
	struct address_space *mapping = inode->i_mapping;
	int round, rc;

	for (round = 0; round < 2; round++) {
		if (!ps_data_dirty(inode))
			return 0;
		rc = ps_writeback_range(inode, start, end, sync);
		rc = ps_wait_writeback(inode, start, end) ?: rc;
		if (rc)
			return rc;
		if (!mapping_tagged(mapping, PAGECACHE_TAG_DIRTY))
			return 0;
	}
	return 0;
}

/* Make everything written so far stable.  0 or -ERESTARTSYS. */
int ps_commit(struct inode *inode)
{
	struct ps_stamp st = ps_stamp(inode);
	struct pn4_attr attr;
	int rc = pn4_commit(PS_N(inode), &attr);

	if (!rc && attr.valid)
		ps_attr_apply(inode, &attr, st, true);
	return rc;
}

int ps_flush_all(struct inode *inode)
{
	return ps_flush_range(inode, 0, LLONG_MAX, true) ?: ps_commit(inode);
}

static int ps_throw_out(struct inode *inode)
{
	struct ps_inode *pi = PS_I(inode);
	int rc;

	if (!inode->i_mapping->nrpages)
		return 0;
	rc = ps_flush_range(inode, 0, LLONG_MAX, false);
	/* folios being read are locked: wait where a signal is heard */
	if (!rc && prpc_wait_killable(pi->wait, !atomic_read(&pi->reads),
				      MAX_SCHEDULE_TIMEOUT) < 0)
		rc = -EINTR;
	if (rc)
		return rc;
	/* -EBUSY: dirtied anew through a mapping, so it is ours */
	invalidate_inode_pages2(inode->i_mapping);
	return 0;
}

/*
 * ps_data_invalidate - drop cached pages if they are of an older version
 *
 * Returns when nobody else is at it either.  0 or -errno of a fatal signal.
 */
int ps_data_invalidate(struct inode *inode)
{
	struct ps_inode *pi = PS_I(inode);
	int rc;

	rc = wait_on_bit_lock(&pi->flags, PS_I_INVALIDATING, PRPC_WAITING);
	if (rc)
		return rc;
	if (test_and_clear_bit(PS_I_DATA_STALE, &pi->flags)) {
		clear_bit(PS_I_UNSURE, &pi->flags);
		rc = ps_throw_out(inode);
		if (rc)
			set_bit(PS_I_DATA_STALE, &pi->flags);
	}
	clear_and_wake_up_bit(PS_I_INVALIDATING, &pi->flags);
	return rc;
}

/*
 * ps_data_revalidate - before cached pages are used
 * @nowait: -EAGAIN instead of anything that waits
 */
int ps_data_revalidate(struct inode *inode, bool nowait)
{
	const unsigned long bad = BIT(PS_I_DATA_STALE) | BIT(PS_I_INVALIDATING);
	struct ps_inode *pi = PS_I(inode);
	int rc;

	if (unlikely(!ps_attr_fresh(inode))) {
		if (nowait)
			return -EAGAIN;
		rc = ps_attr_refresh(inode);
		if (rc)
			return rc;
	}
	if (likely(!(READ_ONCE(pi->flags) & bad)))
		return 0;
	return nowait ? -EAGAIN : ps_data_invalidate(inode);
}

/* A folio about to be thrown out must not be dirty; its lock is held. */
static int ps_launder_folio(struct folio *folio)
{
	return ps_write_folio_now(folio);
}

const struct address_space_operations ps_aops = {
	.read_folio = ps_read_folio,
	.readahead = ps_readahead,
	.writepages = ps_writepages,
	.dirty_folio = ps_dirty_folio,
	.invalidate_folio = ps_invalidate_folio,
	.release_folio = ps_release_folio,
	.launder_folio = ps_launder_folio,
	.migrate_folio = filemap_migrate_folio,
	PS_AOPS_ERROR_REMOVE,
};
