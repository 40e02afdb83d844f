// SPDX-License-Identifier: GPL-2.0
/*
 * Unstable writes: COMMIT, compare verifiers, send again (RFC 8881 section
 * 18.3, 18.32).
 *
 * A write that the server has not promised to keep stays on node->unstable,
 * pages and all.  One COMMIT covers everything that was on the list when it
 * was sent.  If the server has restarted since the write, the very same io is
 * sent again as FILE_SYNC, in the order in which the writes were made, while
 * newer writes to the file wait (pn4_write_begin()).
 *
 * node->commit_mutex: one COMMIT at a time.  A waiter that is killed puts its
 * list back; resending is a work item's business and cannot be killed.
 */
#include <linux/sched/mm.h>
#include "internal.h"
#include "../../net/wait.h"

#define PN4_COMMIT_LATE		(2 * HZ)	/* unstable data is left alone so long */
#define PN4_COMMIT_POLL		(HZ / 20)

/* A write has ended unstable.  softirq; called before io->done. */
void pn4_commit_written(struct pn4_io *io)
{
	struct pn4_node *node = io->node;
	unsigned long flags;
	bool first;

	spin_lock_irqsave(&node->lock, flags);
	first = list_empty(&node->unstable);
	list_add_tail(&io->link, &node->unstable);
	node->unstable_bytes += io->data.len;
	spin_unlock_irqrestore(&node->lock, flags);
	if (first)
		queue_delayed_work(pn4_wq, &node->commit_work, PN4_COMMIT_LATE);
}

bool pn4_has_unstable(struct pn4_node *node)
{
	return !list_empty_careful(&node->unstable) ||
	       test_bit(PN4_NODE_RESENDING, &node->flags);
}

static void pn4_commit_end(struct list_head *list, int error)
{
	struct pn4_io *io, *next;

	list_for_each_entry_safe(io, next, list, link) {
		list_del_init(&io->link);
		if (error) {
			io->error = error;
			pn4_count(io->node->vol->client, PN4_N_LOST);
		}
		io->committed = !error;
		io->stable_done(io);
	}
}

static void pn4_commit_take(struct pn4_node *node, struct list_head *list)
{
	spin_lock_irq(&node->lock);
	list_splice_init(&node->unstable, list);
	node->unstable_bytes = 0;
	spin_unlock_irq(&node->lock);
}

/* Back to the head: they are older than what came in between. */
static void pn4_commit_untake(struct pn4_node *node, struct list_head *list)
{
	struct pn4_io *io;
	u64 bytes = 0;

	list_for_each_entry(io, list, link)
		bytes += io->data.len;
	spin_lock_irq(&node->lock);
	list_splice(list, &node->unstable);
	node->unstable_bytes += bytes;
	spin_unlock_irq(&node->lock);
	queue_delayed_work(pn4_wq, &node->commit_work, PN4_COMMIT_LATE);
}

/* COMMIT everything (offset 0, count 0), fetch attributes along. */
static int pn4_commit_call(struct pn4_node *node, const struct cred *cred,
			   __be64 *verifier, struct pn4_attr *attr)
{
	struct pn4_call *c = pn4_call_new_io(node->vol->client, node->vol);
	int st;

	c->unkillable = current->flags & PF_WQ_WORKER;
	pn4_for_each_try(c, cred, st) {
		c->rpc.flags |= PRPC_PATIENT;
		pn4_call_putfh(c, &node->fh);
		pn4_enc_commit(pn4_op(c, PN4_OP_COMMIT), 0, 0);
		pn4_call_getattr(c, 0);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_commit(&c->dec, verifier);
		if (!st && pn4_call_got_attr(c, attr))
			attr->valid = 0;
	}
	pn4_call_put(c);
	return st;
}

/* ---- sending again ---- */

static void pn4_resent(struct pn4_io *io)
{
	complete(io->resend);
}

static void pn4_resend_one(struct pn4_io *io)
{
	void (*done)(struct pn4_io *io) = io->done;
	DECLARE_COMPLETION_ONSTACK(again);
	int err;

	io->done = pn4_resent;
	io->resend = &again;
	io->stable = PN4_FILE_SYNC;
	io->killable = false;
	io->nowait = false;
	pn4_count(io->node->vol->client, PN4_N_RESENT_WRITES);
	err = pn4_io_submit(io);
	if (err)
		io->error = err;
	else
		wait_for_completion(&again);
	io->done = done;
	io->resend = NULL;
}

static void pn4_resend_work(struct work_struct *work)
{
	struct pn4_node *node = container_of(work, struct pn4_node, resend_work);
	unsigned int nofs = memalloc_nofs_save();
	struct pn4_io *io;

	wait_event(node->wait, !atomic_read(&node->writes_in_flight));
	while ((io = list_first_entry_or_null(&node->resend, struct pn4_io,
					      link))) {
		LIST_HEAD(one);

		pn4_resend_one(io);
		list_move(&io->link, &one);
		pn4_commit_end(&one, io->error);
	}
	clear_bit(PN4_NODE_RESENDING, &node->flags);
	/* cleared before the queue is looked at */
	smp_mb__after_atomic();
	wake_up_all(&node->wait);
	memalloc_nofs_restore(nofs);
	pn4_host_unpin(node);
}

/* Hand @list to the worker; the caller holds commit_mutex and an inode. */
static void pn4_resend_start(struct pn4_node *node, struct list_head *list)
{
	set_bit(PN4_NODE_RESENDING, &node->flags);
	/* set before writes_in_flight is looked at, see pn4_write_begin() */
	smp_mb__after_atomic();
	list_splice_tail_init(list, &node->resend);
	if (WARN_ON_ONCE(!pn4_host_pin(node))) {
		pn4_commit_end(&node->resend, -EIO);
		clear_bit(PN4_NODE_RESENDING, &node->flags);
		return;
	}
	queue_work(pn4_wq, &node->resend_work);
}

/* ---- COMMIT ---- */

static bool pn4_commit_lost(const struct pn4_io *io, __be64 verifier)
{
	return (io->unpromised && (io->torn || io->verifier != verifier)) ||
	       (io->ds_unpromised && pn4_layout_lost(io));
}

/* Was some of it written to the metadata server, or is to be committed there? */
static bool pn4_commit_mds(const struct list_head *list)
{
	struct pn4_io *io;

	list_for_each_entry(io, list, link)
		if (io->unpromised)
			return true;
	return false;
}

static void pn4_commit_sort(struct pn4_node *node, struct list_head *list,
			    __be64 verifier)
{
	struct pn4_io *io, *next;
	LIST_HEAD(lost);

	list_for_each_entry_safe(io, next, list, link)
		if (pn4_commit_lost(io, verifier))
			list_move_tail(&io->link, &lost);
	pn4_commit_end(list, 0);
	if (!list_empty(&lost))
		pn4_resend_start(node, &lost);
}

static int pn4_commit_locked(struct pn4_node *node, struct pn4_attr *attr)
{
	__be64 verifier = 0;
	struct pn4_attr dummy;
	const struct cred *cred;
	LIST_HEAD(list);
	int err = 0;

	lockdep_assert_held(&node->commit_mutex);
	pn4_commit_take(node, &list);
	if (list_empty(&list))
		return 0;
	pn4_layout_commit_data(node);
	if (pn4_commit_mds(&list)) {
		cred = get_cred(list_first_entry(&list, struct pn4_io, link)->cred);
		err = pn4_commit_call(node, cred, &verifier, attr ?: &dummy);
		put_cred(cred);
	}
	if (!err)
		pn4_commit_sort(node, &list, verifier);
	else if (err == -ERESTARTSYS || err == -ETIMEDOUT)
		pn4_commit_untake(node, &list);
	else
		pn4_commit_end(&list, err);
	return err == -ERESTARTSYS ? err : 0;
}

static int pn4_resend_wait(struct pn4_node *node)
{
	if (likely(!test_bit(PN4_NODE_RESENDING, &node->flags)))
		return 0;
	return prpc_wait_killable(node->wait,
			!test_bit(PN4_NODE_RESENDING, &node->flags),
			MAX_SCHEDULE_TIMEOUT) < 0 ? -ERESTARTSYS : 0;
}

int pn4_commit(struct pn4_node *node, struct pn4_attr *attr)
{
	unsigned int nofs;
	int err;

	if (attr)
		attr->valid = 0;
	if (!pn4_has_unstable(node) && !mutex_is_locked(&node->commit_mutex) &&
	    !pn4_layout_pending(node))
		return 0;
	err = mutex_lock_killable(&node->commit_mutex);
	if (err)
		return -ERESTARTSYS;
	nofs = memalloc_nofs_save();
	err = pn4_resend_wait(node);	/* node->resend is the worker's until then */
	if (!err)
		err = pn4_commit_locked(node, attr);
	if (!err)
		pn4_layout_commit(node, attr);
	memalloc_nofs_restore(nofs);
	mutex_unlock(&node->commit_mutex);
	return err ?: pn4_resend_wait(node);
}

/* commit_mutex, if nothing is being sent again either. */
static bool pn4_commit_trylock(struct pn4_node *node)
{
	if (!mutex_trylock(&node->commit_mutex))
		return false;
	if (!test_bit(PN4_NODE_RESENDING, &node->flags))
		return true;
	mutex_unlock(&node->commit_mutex);
	return false;
}

/*
 * For a layout that is to go back.  Not if there are pieces on @parked, which wait
 * for just that: what is sent again waits for them, pn4_resend_work().
 */
void pn4_commit_going(struct pn4_node *node, const struct list_head *parked)
{
	while (!pn4_commit_trylock(node)) {
		if (wait_event_timeout(node->wait, !list_empty_careful(parked),
				       PN4_COMMIT_POLL))
			return;
	}
	if (list_empty_careful(parked))
		pn4_commit_locked(node, NULL);
	mutex_unlock(&node->commit_mutex);
}

/* Runs without a reference of its own: pn4_node_evict() waits for it. */
static void pn4_commit_work(struct work_struct *work)
{
	struct pn4_node *node = container_of(to_delayed_work(work),
					     struct pn4_node, commit_work);

	if (!pn4_has_unstable(node) || !pn4_host_pin(node))
		return;
	pn4_commit(node, NULL);
	pn4_host_unpin(node);
}

void pn4_commit_start(struct pn4_node *node)
{
	mod_delayed_work(pn4_wq, &node->commit_work, 0);
}

/* Every node of the volume; for sync and unmount. */
int pn4_commit_all(struct pn4_volume *vol)
{
	struct pn4_node *node, *found;
	int err = 0;

	while (!err) {
		found = NULL;
		spin_lock(&vol->lock);
		list_for_each_entry(node, &vol->nodes, vol_link) {
			if (pn4_has_unstable(node) && pn4_host_pin(node)) {
				found = node;
				break;
			}
		}
		spin_unlock(&vol->lock);
		if (!found)
			break;
		err = pn4_commit(found, NULL);
		pn4_host_unpin(found);
	}
	return err;
}

void pn4_node_init_once(struct pn4_node *node)
{
	spin_lock_init(&node->lock);
	INIT_LIST_HEAD(&node->opens);
	INIT_LIST_HEAD(&node->unlocks);
	INIT_LIST_HEAD(&node->unstable);
	INIT_LIST_HEAD(&node->resend);
	INIT_LIST_HEAD(&node->vol_link);
	mutex_init(&node->commit_mutex);
	init_waitqueue_head(&node->wait);
}

void pn4_node_init(struct pn4_node *node, struct pn4_volume *vol,
		   const struct pn4_fh *fh)
{
	/* not once: to debugobjects they are gone when the inode is freed */
	INIT_DELAYED_WORK(&node->commit_work, pn4_commit_work);
	INIT_WORK(&node->resend_work, pn4_resend_work);
	node->vol = vol;
	node->fh = *fh;
	node->flags = 0;
	node->locking = 0;
	node->deleg = NULL;
	node->deleg_id = 0;
	node->deleg_write = false;
	node->layout = NULL;
	node->unstable_bytes = 0;
	atomic_set(&node->writes_in_flight, 0);
}

void pn4_node_evict(struct pn4_node *node)
{
	/* The work may be the one that drops the last reference. */
	if (current_work() != &node->commit_work.work)
		cancel_delayed_work_sync(&node->commit_work);
	WARN_ON_ONCE(!list_empty(&node->opens));
	WARN_ON_ONCE(!list_empty(&node->unstable));
	pn4_layout_evict(node);
	pn4_deleg_evict(node);
	spin_lock(&node->vol->lock);
	list_del_init(&node->vol_link);
	spin_unlock(&node->vol->lock);
}
