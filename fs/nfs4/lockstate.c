// SPDX-License-Identifier: GPL-2.0
/*
 * What is locked: owners, the ranges they hold, and the order of operations.
 *
 * The ranges are kept here, and not taken from the VFS's lists, because
 * recovery needs them together with the state ids, under a lock that it can
 * take while a LOCK of the same owner is on its way.
 *
 * Operations of one owner on one file go one after the other, also those that
 * end in the background: a bit of node->locking, chosen by the owner's number,
 * is held from before LOCK or LOCKU is sent until its outcome is known here and
 * in the VFS.  The bit belongs to the operation, not to a task.
 */
#include <linux/hash.h>
#include "lock.h"
#include "../../net/wait.h"

static struct workqueue_struct *pn4_lock_wq;

/* ---- owners ---- */

static struct hlist_head *pn4_lock_bucket(struct pn4_lock_table *t,
					  const void *key)
{
	return &t->owners[hash_ptr(key, PN4_LOCK_HASH_BITS)];
}

static struct pn4_lock_owner *pn4_lock_owner_find(struct pn4_lock_table *t,
						  const struct pn4_lock *lk)
{
	struct pn4_lock_owner *owner;

	lockdep_assert_held(&t->lock);
	hlist_for_each_entry(owner, pn4_lock_bucket(t, lk->owner), hash) {
		if (owner->key == lk->owner && owner->kind == lk->kind) {
			refcount_inc(&owner->ref);
			return owner;
		}
	}
	return NULL;
}

/* The owner of @lk, referenced; NULL: no memory, or (@gfp 0) not known. */
struct pn4_lock_owner *pn4_lock_owner_get(struct pn4_client *cl,
					  const struct pn4_lock *lk, gfp_t gfp)
{
	struct pn4_lock_table *t = &cl->locks;
	struct pn4_lock_owner *owner, *new = NULL;
	unsigned long flags;

	if (gfp) {
		new = kzalloc(sizeof(*new), gfp);
		if (!new)
			return NULL;
		refcount_set(&new->ref, 1);
		new->key = lk->owner;
		new->kind = lk->kind;
		new->number = atomic64_inc_return(&cl->open_counter);
	}
	spin_lock_irqsave(&t->lock, flags);
	owner = pn4_lock_owner_find(t, lk);
	if (!owner && new) {
		owner = new;
		new = NULL;
		hlist_add_head(&owner->hash, pn4_lock_bucket(t, lk->owner));
	}
	spin_unlock_irqrestore(&t->lock, flags);
	kfree(new);
	return owner;
}

void pn4_lock_owner_put(struct pn4_client *cl, struct pn4_lock_owner *owner)
{
	struct pn4_lock_table *t = &cl->locks;
	unsigned long flags;
	bool last;

	if (!owner)
		return;
	spin_lock_irqsave(&t->lock, flags);	/* also from a CLOSE that ends in softirq */
	last = refcount_dec_and_test(&owner->ref);
	if (last)
		hlist_del(&owner->hash);
	spin_unlock_irqrestore(&t->lock, flags);
	if (last)
		kfree(owner);
}

/* ---- ranges ---- */

static void pn4_ranges_free(struct list_head *list)
{
	struct pn4_range *r, *next;

	list_for_each_entry_safe(r, next, list, link)
		kfree(r);
	INIT_LIST_HEAD(list);
}

static bool pn4_range_spare(struct list_head *spare, gfp_t gfp)
{
	struct pn4_range *r = kmalloc(sizeof(*r), gfp);

	if (r)
		list_add(&r->link, spare);
	return r;
}

static struct pn4_range *pn4_range_take(struct list_head *spare)
{
	struct pn4_range *r = list_first_entry(spare, struct pn4_range, link);

	list_del(&r->link);
	return r;
}

/* Take [@start, @end] out of @list; needs one of @spare to split a range. */
static void pn4_range_cut(struct list_head *list, u64 start, u64 end,
			  struct list_head *spare)
{
	struct pn4_range *r, *next, *tail;

	list_for_each_entry_safe(r, next, list, link) {
		if (r->end < start)
			continue;
		if (r->start > end)
			break;
		if (r->start < start && r->end > end) {
			tail = pn4_range_take(spare);
			tail->start = end + 1;
			tail->end = r->end;
			tail->write = r->write;
			tail->gen = r->gen;
			tail->local = r->local;
			r->end = start - 1;
			list_add(&tail->link, &r->link);
			break;
		}
		if (r->start < start)
			r->end = start - 1;
		else if (r->end > end)
			r->start = end + 1;
		else
			list_move(&r->link, spare);
	}
}

static bool pn4_range_joins(const struct pn4_range *a, const struct pn4_range *b)
{
	return a->end != U64_MAX && a->end + 1 == b->start &&
	       a->write == b->write && a->gen == b->gen &&
	       a->local == b->local;
}

/* Put @new, which overlaps nothing, into @list; join it with its neighbours. */
static void pn4_range_add(struct list_head *list, struct pn4_range *new,
			  struct list_head *spare)
{
	struct list_head *at = list;
	struct pn4_range *r;

	list_for_each_entry(r, list, link) {
		if (r->start > new->end)
			break;
		at = &r->link;
	}
	list_add(&new->link, at);
	if (!list_is_first(&new->link, list)) {
		r = list_prev_entry(new, link);
		if (pn4_range_joins(r, new)) {
			new->start = r->start;
			list_move(&r->link, spare);
		}
	}
	if (!list_is_last(&new->link, list)) {
		r = list_next_entry(new, link);
		if (pn4_range_joins(new, r)) {
			new->end = r->end;
			list_move(&r->link, spare);
		}
	}
}

static bool pn4_range_overlaps(const struct list_head *list, u64 start, u64 end)
{
	const struct pn4_range *r;

	list_for_each_entry(r, list, link)
		if (r->start <= end && r->end >= start)
			return true;
	return false;
}

/* ---- states ---- */

void pn4_lock_state_put(struct pn4_lock_state *ls)
{
	if (!ls || !refcount_dec_and_test(&ls->ref))
		return;
	pn4_ranges_free(&ls->ranges);
	pn4_lock_owner_put(ls->open->vol->client, ls->owner);
	kfree(ls);
}

static struct pn4_lock_state *pn4_lock_state_find(struct pn4_open *open,
						  struct pn4_lock_owner *owner)
{
	struct pn4_lock_state *ls;

	list_for_each_entry(ls, &open->locks, link)
		if (ls->owner == owner)
			return ls;
	return NULL;
}

/* Find or make op->ls.  The owner's turn is ours, so nobody else makes one. */
int pn4_lock_state_get(struct pn4_lock_op *op)
{
	struct pn4_lock_state *ls, *new = kzalloc(sizeof(*new), GFP_KERNEL);

	if (!new)
		return -ENOMEM;
	spin_lock_irq(&op->node->lock);
	ls = pn4_lock_state_find(op->open, op->owner);
	if (!ls) {
		ls = new;
		new = NULL;
		refcount_set(&ls->ref, 1);	/* the list's */
		refcount_inc(&op->owner->ref);
		ls->owner = op->owner;
		ls->open = op->open;
		INIT_LIST_HEAD(&ls->ranges);
		list_add(&ls->link, &op->open->locks);
	}
	refcount_inc(&ls->ref);
	spin_unlock_irq(&op->node->lock);
	op->ls = ls;
	kfree(new);
	return 0;
}

/* A state without locks that the server does not know either may go. */
static bool pn4_lock_state_unlink(struct pn4_lock_state *ls)
{
	if (ls->known || !list_empty(&ls->ranges) || list_empty(&ls->link))
		return false;
	list_del_init(&ls->link);
	return true;
}

void pn4_lock_state_prune(struct pn4_lock_op *op)
{
	bool gone;

	spin_lock_irq(&op->node->lock);
	gone = pn4_lock_state_unlink(op->ls);
	spin_unlock_irq(&op->node->lock);
	if (gone)
		pn4_lock_state_put(op->ls);
}

/* Nothing left of what was lost: the open can be used again. */
static void pn4_lock_state_settle(struct pn4_lock_state *ls)
{
	if (!ls->lost || !list_empty(&ls->ranges))
		return;
	ls->lost = false;
	ls->known = false;
	ls->open->locks_lost--;
}

/*
 * A state of op->owner, through any open of the file, that holds something of
 * op's range.  Both it and its open are referenced.
 */
struct pn4_lock_state *pn4_lock_state_next(struct pn4_lock_op *op)
{
	struct pn4_lock_state *ls, *found = NULL;
	struct pn4_open *open;

	spin_lock_irq(&op->node->lock);
	list_for_each_entry(open, &op->node->opens, link) {
		ls = pn4_lock_state_find(open, op->owner);
		if (!ls || !pn4_range_overlaps(&ls->ranges, op->start, op->end))
			continue;
		if (!refcount_inc_not_zero(&open->ref))
			continue;
		refcount_inc(&ls->ref);
		found = ls;
		break;
	}
	spin_unlock_irq(&op->node->lock);
	return found;
}

static bool pn4_owner_holds(struct pn4_node *node, struct pn4_lock_owner *owner,
			    u64 start, u64 end)
{
	struct pn4_lock_state *ls;
	struct pn4_open *open;

	lockdep_assert_held(&node->lock);
	list_for_each_entry(open, &node->opens, link) {
		ls = pn4_lock_state_find(open, owner);
		if (ls && pn4_range_overlaps(&ls->ranges, start, end))
			return true;
	}
	return false;
}

bool pn4_lock_held(struct pn4_open *open, const struct pn4_lock *lk)
{
	struct pn4_client *cl = open->vol->client;
	struct pn4_lock_owner *owner = pn4_lock_owner_get(cl, lk, 0);
	struct pn4_node *node = open->node;
	bool held;

	if (!owner)
		return false;
	spin_lock_irq(&node->lock);
	held = pn4_owner_holds(node, owner, lk->start, lk->end);
	spin_unlock_irq(&node->lock);
	pn4_lock_owner_put(cl, owner);
	return held;
}

/* op's range is held through op->ls from now on.  node->lock is held. */
void pn4_lock_hold(struct pn4_lock_op *op, bool local)
{
	struct pn4_node *node = op->node;
	struct pn4_lock_state *other;
	struct pn4_range *new;
	struct pn4_open *open;

	op->fresh = !pn4_owner_holds(node, op->owner, op->start, op->end);
	list_for_each_entry(open, &node->opens, link) {
		other = pn4_lock_state_find(open, op->owner);
		if (!other)
			continue;
		pn4_range_cut(&other->ranges, op->start, op->end, &op->spare);
		pn4_lock_state_settle(other);
	}
	new = pn4_range_take(&op->spare);
	new->start = op->start;
	new->end = op->end;
	new->write = op->write;
	new->gen = op->open->gen;
	new->local = local;
	pn4_range_add(&op->ls->ranges, new, &op->spare);
}

/*
 * LOCK has succeeded, under generation @gen of the open.  False: the open was
 * reclaimed since, by a worker that did not know of this lock; ask again.
 */
bool pn4_lock_adopt(struct pn4_lock_op *op, u32 gen,
		    const struct pn4_stateid *sid)
{
	struct pn4_lock_state *ls = op->ls;
	struct pn4_node *node = op->node;

	spin_lock_irq(&node->lock);
	if (op->open->gen != gen) {
		spin_unlock_irq(&node->lock);
		return false;
	}
	pn4_lock_hold(op, false);
	ls->stateid = *sid;
	ls->known = true;
	ls->state_gen = op->open->state_gen;
	spin_unlock_irq(&node->lock);
	return true;
}

/* Does @ls hold anything besides op's range?  node->lock is held. */
bool pn4_lock_rest(const struct pn4_lock_op *op, const struct pn4_lock_state *ls)
{
	const struct pn4_range *r;

	list_for_each_entry(r, &ls->ranges, link)
		if (r->start < op->start || r->end > op->end)
			return true;
	return false;
}

/* op's range is no longer held through @ls.  node->lock is held. */
void pn4_lock_release(struct pn4_lock_op *op, struct pn4_lock_state *ls)
{
	lockdep_assert_held(&op->node->lock);
	pn4_range_cut(&ls->ranges, op->start, op->end, &op->spare);
	pn4_lock_state_settle(ls);
}

/* The open is closed, and with it what it may still have of locks. */
void pn4_locks_free(struct pn4_open *open)
{
	struct pn4_lock_state *ls, *next;

	list_for_each_entry_safe(ls, next, &open->locks, link) {
		list_del_init(&ls->link);
		pn4_lock_state_put(ls);
	}
}

/* ---- operations and their order ---- */

struct pn4_lock_op *pn4_lock_op_new(struct pn4_open *open,
				    const struct pn4_lock *lk, gfp_t gfp)
{
	struct pn4_client *cl = open->vol->client;
	struct pn4_lock_op *op = kzalloc(sizeof(*op), gfp);

	if (!op)
		return NULL;
	INIT_WORK(&op->work, pn4_lock_work);
	INIT_LIST_HEAD(&op->link);
	INIT_LIST_HEAD(&op->spare);
	op->node = open->node;
	op->open = pn4_open_get(open);
	op->start = lk->start;
	op->end = lk->end;
	op->write = lk->write;
	pn4_host_pin(op->node);		/* open, so it is there */
	op->owner = pn4_lock_owner_get(cl, lk, gfp);
	if (!op->owner || !pn4_range_spare(&op->spare, gfp) ||
	    !pn4_range_spare(&op->spare, gfp)) {	/* to add, to split */
		pn4_lock_op_free(op);
		return NULL;
	}
	return op;
}

void pn4_lock_op_free(struct pn4_lock_op *op)
{
	struct pn4_node *node = op->node;

	pn4_ranges_free(&op->spare);
	pn4_lock_state_put(op->ls);
	pn4_lock_owner_put(op->open->vol->client, op->owner);
	pn4_open_put(op->open);
	kfree(op);
	pn4_host_unpin(node);	/* last: client and volume may go with it */
}

static unsigned int pn4_lock_bit(const struct pn4_lock_op *op)
{
	return hash_64(op->owner->number, ilog2(BITS_PER_LONG));
}

static bool pn4_lock_try_enter(struct pn4_lock_op *op)
{
	bool ok;

	spin_lock_irq(&op->node->lock);
	ok = !__test_and_set_bit(pn4_lock_bit(op), &op->node->locking);
	spin_unlock_irq(&op->node->lock);
	return ok;
}

/* Wait for the owner's turn.  0 or -ERESTARTSYS (killed). */
int pn4_lock_enter(struct pn4_lock_op *op)
{
	int rc = prpc_wait_killable(op->node->wait, pn4_lock_try_enter(op),
				    MAX_SCHEDULE_TIMEOUT);

	return rc < 0 ? rc : 0;
}

/* The turn goes to an operation that waits in the background, if there is one. */
void pn4_lock_leave(struct pn4_lock_op *op)
{
	struct pn4_node *node = op->node;
	unsigned int bit = pn4_lock_bit(op);
	struct pn4_lock_op *next;

	spin_lock_irq(&node->lock);
	list_for_each_entry(next, &node->unlocks, link) {
		if (pn4_lock_bit(next) != bit)
			continue;
		list_del_init(&next->link);
		queue_work(pn4_lock_wq, &next->work);
		spin_unlock_irq(&node->lock);
		return;
	}
	__clear_bit(bit, &node->locking);
	spin_unlock_irq(&node->lock);
	wake_up_all(&node->wait);
}

/* Have @op done by a work item, when it is its turn.  Any context. */
void pn4_lock_background(struct pn4_lock_op *op)
{
	struct pn4_node *node = op->node;
	unsigned long flags;

	spin_lock_irqsave(&node->lock, flags);
	if (__test_and_set_bit(pn4_lock_bit(op), &node->locking))
		list_add_tail(&op->link, &node->unlocks);
	else
		queue_work(pn4_lock_wq, &op->work);
	spin_unlock_irqrestore(&node->lock, flags);
}

/* The same for an operation whose turn it is already. */
void pn4_lock_defer(struct pn4_lock_op *op)
{
	queue_work(pn4_lock_wq, &op->work);
}

/* ---- module and client ---- */

void pn4_lock_table_init(struct pn4_lock_table *t)
{
	spin_lock_init(&t->lock);
	INIT_LIST_HEAD(&t->waits);
	init_waitqueue_head(&t->wait);
}

/* Its items wait for write-back and recovery; nothing there waits for them. */
int pn4_lock_init(void)
{
	pn4_lock_wq = alloc_workqueue("penstock_locks", WQ_UNBOUND, 0);
	return pn4_lock_wq ? 0 : -ENOMEM;
}

void pn4_lock_exit(void)
{
	destroy_workqueue(pn4_lock_wq);
}
