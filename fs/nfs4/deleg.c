// SPDX-License-Identifier: GPL-2.0
/*
 * Delegations: which are held, and what may be done under them (RFC 8881
 * section 10.4).
 *
 * While a file's delegation is held, the server asks (CB_RECALL) before it lets
 * others change the file; under one for writing, before others even open it.  So
 * what is cached need not be compared with the server, and opens, closes and
 * locks need not be told.  A lease that may be over vouches for nothing.
 *
 * Giving them back is delegreturn.c's business, getting them back after a loss
 * delegrecover.c's.
 */
#include <linux/jhash.h>
#include "internal.h"

#define PN4_DELEG_LEASES	2	/* for which one may lie unused ... */
#define PN4_DELEG_IDLE		(60 * HZ)	/* ... and at least for so long */

void pn4_deleg_table_init(struct pn4_deleg_table *t)
{
	spin_lock_init(&t->lock);
	INIT_LIST_HEAD(&t->lru);
}

static struct hlist_head *pn4_deleg_bucket(struct pn4_deleg_table *t,
					   const struct pn4_fh *fh)
{
	return &t->hash[jhash(fh->data, fh->len, 0) &
			((1 << PN4_DELEG_HASH_BITS) - 1)];
}

static struct pn4_deleg *pn4_deleg_find(struct pn4_deleg_table *t,
					const struct pn4_fh *fh)
{
	struct pn4_deleg *d;

	lockdep_assert_held(&t->lock);
	hlist_for_each_entry(d, pn4_deleg_bucket(t, fh), hash)
		if (pn4_fh_equal(&d->fh, fh))
			return d;
	return NULL;
}

/* ---- coming ---- */

/*
 * A recall may overtake the reply of the OPEN that gave the delegation.  While
 * there are such OPENs, recalls of what is not known are noted.
 */
void pn4_deleg_expect(struct pn4_client *cl)
{
	spin_lock(&cl->delegs.lock);
	cl->delegs.opening++;
	spin_unlock(&cl->delegs.lock);
}

void pn4_deleg_arrived(struct pn4_client *cl)
{
	spin_lock(&cl->delegs.lock);
	cl->delegs.opening--;
	spin_unlock(&cl->delegs.lock);
}

static bool pn4_deleg_early(struct pn4_deleg_table *t,
			    const struct pn4_stateid *sid)
{
	int i;

	lockdep_assert_held(&t->lock);
	for (i = 0; i < PN4_DELEG_EARLY; i++)
		if (pn4_sid_same(&t->early[i], sid))
			return true;
	return false;
}

/* What OPEN's reply says, as a delegation that hangs nowhere.  Never fails. */
struct pn4_deleg *pn4_deleg_new(struct pn4_open *open,
				const struct pn4_deleg_res *res, u32 losses)
{
	struct pn4_client *cl = open->vol->client;
	struct pn4_deleg *d = kzalloc(sizeof(*d), GFP_NOFS | __GFP_NOFAIL);

	refcount_set(&d->ref, 1);
	INIT_LIST_HEAD(&d->link);
	INIT_WORK(&d->work, pn4_deleg_work);
	d->vol = open->vol;
	d->fh = open->fh;
	d->stateid = res->stateid;
	d->cred = get_cred(open->cred);
	d->id = atomic64_inc_return(&cl->open_counter);
	d->write = res->type == PN4_DELEG_WRITE;
	d->limit = d->write ? res->limit : 0;
	d->recall = res->recall;
	d->losses = losses;
	d->state_gen = open->state_gen;
	pn4_count(cl, PN4_N_DELEGS);
	return d;
}

void pn4_deleg_put(struct pn4_deleg *d)
{
	if (!refcount_dec_and_test(&d->ref))
		return;
	put_cred(d->cred);
	kfree(d);
}

/* What can be done under @d from now on; node->lock is held. */
void pn4_deleg_publish(struct pn4_node *node, const struct pn4_deleg *d)
{
	bool good = d && !d->returning && !d->lost;

	lockdep_assert_held(&node->lock);
	WRITE_ONCE(node->deleg_write, good && d->write);
	WRITE_ONCE(node->deleg_id, good ? d->id : 0);
}

static bool pn4_deleg_hang_locked(struct pn4_deleg_table *t,
				  struct pn4_deleg *d, struct pn4_node *node)
{
	struct pn4_client *cl = node->vol->client;
	struct pn4_deleg *old = node->deleg;

	/* an upgrade keeps the state id (section 9.1.1) */
	if (old && pn4_sid_same(&old->stateid, &d->stateid)) {
		old->stateid = d->stateid;
		old->write |= d->write;
		old->limit = d->limit;
		pn4_deleg_publish(node, old);
		pn4_deleg_put(d);
		return true;
	}
	if (old || d->losses != t->losses || d->state_gen != cl->state_gen)
		return false;
	d->node = node;
	d->used = jiffies;
	node->deleg = d;
	list_add_tail(&d->link, &t->lru);
	hlist_add_head(&d->hash, pn4_deleg_bucket(t, &d->fh));
	t->held++;
	pn4_deleg_publish(node, d);
	return true;
}

/*
 * Hang @d on @node, which the caller keeps; takes over the reference.  One that
 * cannot be used goes back at once.  Returns its id if it can be used, else 0.
 */
u64 pn4_deleg_hang(struct pn4_deleg *d, struct pn4_node *node)
{
	struct pn4_deleg_table *t = &node->vol->client->delegs;
	bool hangs, recalled;
	u64 id;

	spin_lock(&t->lock);
	t->opening--;
	recalled = d->recall || pn4_deleg_early(t, &d->stateid);
	spin_lock_irq(&node->lock);
	hangs = pn4_deleg_hang_locked(t, d, node);
	id = node->deleg_id;
	spin_unlock_irq(&node->lock);
	if (hangs && recalled && node->deleg == d)
		pn4_deleg_ask(d);
	spin_unlock(&t->lock);
	if (!hangs)
		pn4_deleg_drop(d);
	return hangs && !recalled ? id : 0;
}

/* ---- use ---- */

u64 pn4_deleg_vouches(const struct pn4_node *node)
{
	u64 id = READ_ONCE(node->deleg_id);

	return id && pn4_lease_sure(node->vol->client) ? id : 0;
}

bool pn4_deleg_covers(const struct pn4_node *node, fmode_t fmode)
{
	return pn4_deleg_vouches(node) &&
	       (!(fmode & FMODE_WRITE) || READ_ONCE(node->deleg_write));
}

bool pn4_deleg_lazy(struct pn4_node *node, u64 size)
{
	bool lazy;

	if (!READ_ONCE(node->deleg_write) || !pn4_deleg_vouches(node))
		return false;
	spin_lock_irq(&node->lock);
	lazy = node->deleg_write && size <= node->deleg->limit;
	spin_unlock_irq(&node->lock);
	return lazy;
}

/* Note that @node's delegation was of use. */
void pn4_deleg_touch(struct pn4_node *node)
{
	struct pn4_deleg_table *t = &node->vol->client->delegs;

	spin_lock(&t->lock);
	if (node->deleg) {
		node->deleg->used = jiffies;
		list_move_tail(&node->deleg->link, &t->lru);
	}
	spin_unlock(&t->lock);
}

/* Does a file description have the file open?  node->lock is held. */
static bool pn4_node_in_use(const struct pn4_node *node)
{
	const struct pn4_open *open;

	list_for_each_entry(open, &node->opens, link)
		if (!open->idle)
			return true;
	return false;
}

/* ---- going ---- */

/* Take @d off its node.  False: it was off already.  The node's reference goes. */
bool pn4_deleg_detach(struct pn4_deleg *d)
{
	struct pn4_deleg_table *t = &d->vol->client->delegs;
	struct pn4_node *node;

	spin_lock(&t->lock);
	node = d->node;
	if (node) {
		spin_lock_irq(&node->lock);
		d->node = NULL;
		node->deleg = NULL;
		pn4_deleg_publish(node, NULL);
		spin_unlock_irq(&node->lock);
		list_del_init(&d->link);
		hlist_del_init(&d->hash);
		t->held--;
	}
	spin_unlock(&t->lock);
	if (node)
		pn4_deleg_put(d);
	return node;
}

/* Nothing new under @d, which hangs on its node. */
void pn4_deleg_stop(struct pn4_deleg *d)
{
	spin_lock_irq(&d->node->lock);
	d->returning = true;
	pn4_deleg_publish(d->node, d);
	spin_unlock_irq(&d->node->lock);
}

/*
 * Have @d given back, in the background.  The table is locked.  False: that is
 * under way, or will be when the inode goes.
 */
bool pn4_deleg_ask(struct pn4_deleg *d)
{
	lockdep_assert_held(&d->vol->client->delegs.lock);
	if (d->returning || d->vol->leaving || !pn4_host_pin(d->node))
		return false;
	pn4_deleg_stop(d);
	pn4_deleg_queue(d);
	return true;
}

/*
 * The delegation of a file that nobody has open and that is about to lose its
 * name, to be given back along with it: referenced, and with nothing new under it; or NULL.
 */
struct pn4_deleg *pn4_deleg_take(struct pn4_node *node)
{
	struct pn4_deleg_table *t = &node->vol->client->delegs;
	struct pn4_deleg *d;

	if (!READ_ONCE(node->deleg_id))
		return NULL;
	spin_lock(&t->lock);
	spin_lock_irq(&node->lock);
	d = node->deleg;
	if (d && !d->returning && !d->lost && list_empty(&node->opens)) {
		refcount_inc(&d->ref);
		d->returning = true;
		pn4_deleg_publish(node, d);
	} else {
		d = NULL;
	}
	spin_unlock_irq(&node->lock);
	spin_unlock(&t->lock);
	return d;
}

/* Returns the NFS status for the server. */
u32 pn4_deleg_recall(struct pn4_client *cl, const struct pn4_cb_recall_args *a)
{
	struct pn4_deleg_table *t = &cl->delegs;
	struct pn4_deleg *d;
	u32 st = 0;

	spin_lock(&t->lock);
	d = pn4_deleg_find(t, &a->fh);
	if (d && pn4_sid_same(&d->stateid, &a->stateid)) {
		if (pn4_deleg_ask(d))
			pn4_count(cl, PN4_N_DELEG_RECALLS);
	} else if (t->opening) {
		t->early[t->early_at++ % PN4_DELEG_EARLY] = a->stateid;
		pn4_count(cl, PN4_N_DELEG_RECALLS);
	} else {
		st = d ? PN4ERR_BAD_STATEID : PN4ERR_BADHANDLE;
	}
	spin_unlock(&t->lock);
	return st;
}

/*
 * CB_GETATTR (section 10.4.3): of a file that was changed here, a change value
 * that the server has not seen.
 */
u32 pn4_deleg_getattr(struct pn4_client *cl, const struct pn4_cb_getattr_args *a,
		      struct pn4_attr *attr)
{
	struct pn4_deleg_table *t = &cl->delegs;
	struct pn4_deleg *d;

	attr->valid = 0;
	spin_lock(&t->lock);
	d = pn4_deleg_find(t, &a->fh);
	if (d && d->write) {
		if (pn4_host_attr(d->node, &attr->size, &attr->change))
			attr->change++;
		attr->valid = pn4_attr_from_mask(a->mask) &
			      (PN4_ATTR_SIZE | PN4_ATTR_CHANGE);
	}
	spin_unlock(&t->lock);
	return d && d->write ? 0 : PN4ERR_BADHANDLE;
}

/*
 * Give back the @nr least recently used of those that no file description needs;
 * @old: only those not used since then (jiffies).  @write, @read: of that kind.
 * Returns how many.
 */
static unsigned long pn4_deleg_trim(struct pn4_client *cl, unsigned long nr,
				    bool read, bool write,
				    const unsigned long *old)
{
	struct pn4_deleg_table *t = &cl->delegs;
	unsigned long left, done = 0;
	struct pn4_deleg *d, *next;
	bool busy;

	spin_lock(&t->lock);
	left = t->held;
	list_for_each_entry_safe(d, next, &t->lru, link) {
		if (!left-- || done >= nr ||
		    (old && time_after(d->used, *old)))
			break;
		if (d->returning || !(d->write ? write : read))
			continue;
		spin_lock_irq(&d->node->lock);
		busy = pn4_node_in_use(d->node);
		spin_unlock_irq(&d->node->lock);
		if (busy) {
			d->used = jiffies;
			list_move_tail(&d->link, &t->lru);
		} else if (pn4_deleg_ask(d)) {
			done++;
		}
	}
	spin_unlock(&t->lock);
	return done;
}

/* CB_RECALL_ANY (section 20.6) */
void pn4_deleg_keep(struct pn4_client *cl, u32 keep, u32 type_mask)
{
	unsigned int held = READ_ONCE(cl->delegs.held);

	if (held > keep)
		pn4_deleg_trim(cl, held - keep,
			       type_mask & BIT(PN4_RCA_RDATA_DLG),
			       type_mask & BIT(PN4_RCA_WDATA_DLG), NULL);
}

/* Now and then: what has not been used for long */
void pn4_deleg_unused(struct pn4_client *cl)
{
	unsigned long idle = max_t(unsigned long, PN4_DELEG_IDLE,
				   PN4_DELEG_LEASES * HZ * cl->lease_time);
	unsigned long old = jiffies - idle;

	pn4_deleg_trim(cl, ULONG_MAX, true, true, &old);
}

void pn4_leave(struct pn4_volume *vol)
{
	struct pn4_deleg_table *t = &vol->client->delegs;

	spin_lock(&t->lock);
	vol->leaving = true;
	spin_unlock(&t->lock);
}

/* ---- memory ---- */

static void pn4_deleg_count_one(struct pn4_client *cl, void *arg)
{
	*(unsigned long *)arg += READ_ONCE(cl->delegs.held);
}

unsigned long pn4_delegs_count(void)
{
	unsigned long n = 0;

	pn4_clients_each(pn4_deleg_count_one, &n);
	return n;
}

/* [0]: how many are wanted still, [1]: how many are on their way */
static void pn4_deleg_shrink_one(struct pn4_client *cl, void *arg)
{
	unsigned long *n = arg, done;

	done = pn4_deleg_trim(cl, n[0], true, true, NULL);
	n[0] -= done;
	n[1] += done;
}

unsigned long pn4_delegs_shrink(unsigned long nr)
{
	unsigned long n[2] = { nr, 0 };

	pn4_clients_each(pn4_deleg_shrink_one, n);
	return n[1];
}
