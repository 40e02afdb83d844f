// SPDX-License-Identifier: GPL-2.0
/*
 * What a layout owes the metadata server: COMMIT at the data servers,
 * LAYOUTCOMMIT, LAYOUTERROR, LAYOUTSTATS, LAYOUTRETURN (RFC 8881 sections 12.5.4,
 * 13.7, 18.42, 18.44; RFC 8435 section 9; RFC 7862 sections 15.6, 15.7).
 */
#include <linux/sched/mm.h>
#include "codec_nfs3.h"
#include "layout.h"

#define PN4_RETURN_SEND		8192
#define PN4_RETURN_STATS	8	/* data servers in a report */

/* ---- COMMIT at the data servers ---- */

static int pn4_commit_once(struct pn4_call *c, struct pn4_target *t,
			   const struct cred *cred, __be64 *verifier)
{
	int st = pn4_call_start(c, cred);

	if (st)
		return st;
	pn4_call_putfh(c, &t->fh);
	pn4_enc_commit(pn4_op(c, PN4_OP_COMMIT), 0, 0);
	st = pn4_call_run(c);
	st = st ?: pn4_dec_putfh(&c->dec);
	return st ?: pn4_dec_commit(&c->dec, verifier);
}

static int pn3_commit_once(struct pn4_call *c, struct pn4_target *t,
			   const struct cred *cred, __be64 *verifier)
{
	int st = pn3_call_start(c, PN3_PROC_COMMIT, PN4_OP_COMMIT, cred);

	if (st)
		return st;
	pn3_enc_commit(&c->rpc.enc, &t->fh);
	st = pn4_call_run(c);
	return st ?: pn3_dec_commit(&c->dec, verifier);
}

static int pn4_target_commit(struct pn4_target *t, struct pn4_volume *vol,
			     const struct cred *cred, __be64 *verifier)
{
	struct pn4_client *cl = pn4_ds_client(t->dev, t->ds, vol);
	struct pn4_call *c;
	int st;

	if (!cl)
		return -ETIMEDOUT;
	c = pn4_call_new_io(cl, vol);
	c->unkillable = true;
	c->give_up = (jiffies + PN4_DS_PATIENCE) | 1;
	c->hopeful = true;
	do {
		st = cl->nfs3 ? pn3_commit_once(c, t, t->cred ?: cred, verifier) :
				pn4_commit_once(c, t, t->cred ?: cred, verifier);
	} while (pn4_call_again(c, &st));
	pn4_call_put(c);
	return st;
}

/* The next target that has uncommitted data, and what it was written under. */
static struct pn4_target *pn4_target_dirty(struct pn4_layout *lo, __be64 *verifier)
{
	struct pn4_target *t;

	spin_lock_irq(&lo->lock);
	t = list_first_entry_or_null(&lo->dirty, struct pn4_target, dirty);
	if (t) {
		list_del_init(&t->dirty);
		*verifier = t->verifier;
		t->seg->io++;
	}
	spin_unlock_irq(&lo->lock);
	return t;
}

static void pn4_target_lost(struct pn4_layout *lo, struct pn4_target *t, int err)
{
	struct pn4_ds_error e = {
		.length = PN4_UINT64_MAX,
		.status = pn4_ds_status(err),
		.op = PN4_OP_COMMIT,
	};

	spin_lock_irq(&lo->lock);
	lo->losses++;
	spin_unlock_irq(&lo->lock);
	if (!err)
		return;		/* it has restarted, and is well */
	pr_warn_ratelimited("penstock: %s: data server %s does not commit (error %d); writing again by the metadata server\n",
			    lo->vol->name, t->ds->uaddr, err);
	if (err == -ETIMEDOUT)
		pn4_ds_failed(t->ds);
	pn4_layout_note(t->seg, t, &e);
	pn4_layout_kill(lo, PN4_IOMODE_ANY, 0, U64_MAX);
}

/*
 * Make stable what data servers have.  What they have lost is counted in
 * layout->losses, see pn4_layout_lost().  commit_mutex is held.
 */
void pn4_layout_commit_data(struct pn4_node *node)
{
	struct pn4_layout *lo = READ_ONCE(node->layout);
	struct pn4_target *t;
	__be64 before, now;
	int err;

	while (lo && (t = pn4_target_dirty(lo, &before))) {
		err = pn4_target_commit(t, lo->vol, lo->cred, &now);
		if (err || now != before)
			pn4_target_lost(lo, t, err);
		pn4_layout_end(t->seg);
	}
}

/* Has some of the unstable data of @io been lost by a data server? */
bool pn4_layout_lost(const struct pn4_io *io)
{
	struct pn4_layout *lo = READ_ONCE(io->node->layout);

	return !lo || READ_ONCE(lo->losses) != io->ds_losses;
}

/* ---- LAYOUTCOMMIT ---- */

static bool pn4_layout_owes(const struct pn4_layout *lo)
{
	return READ_ONCE(lo->writes) != READ_ONCE(lo->told);
}

bool pn4_layout_pending(const struct pn4_node *node)
{
	const struct pn4_layout *lo = READ_ONCE(node->layout);

	return lo && pn4_layout_owes(lo);
}

static int pn4_layoutcommit_reply(struct pn4_call *c, struct pn4_attr *attr)
{
	struct pn4_attr dummy;
	u64 size;
	int st = pn4_dec_putfh(&c->dec);

	st = st ?: pn4_dec_layoutcommit(&c->dec, &size);
	attr = attr ?: &dummy;
	if (!st && pn4_call_got_attr(c, attr))
		attr->valid = 0;
	return st;
}

/* A layout that is gone can still be told of in a grace period (12.7.4). */
static void pn4_layoutcommit_fill(struct pn4_layout *lo,
				  struct pn4_layoutcommit_args *a, u32 *writes)
{
	spin_lock_irq(&lo->lock);
	a->reclaim = !lo->has_stateid;
	a->stateid = lo->stateid;
	a->last = lo->last;
	a->type = lo->type;
	*writes = lo->writes;
	spin_unlock_irq(&lo->lock);
}

static int pn4_layoutcommit(struct pn4_layout *lo, struct pn4_attr *attr,
			    bool unkillable, u32 *writes)
{
	struct pn4_call *c = pn4_call_new_io(lo->vol->client, lo->vol);
	struct pn4_layoutcommit_args a = { .length = PN4_UINT64_MAX };
	int st;

	c->unkillable = unkillable;
	pn4_for_each_try(c, lo->cred, st) {
		pn4_layoutcommit_fill(lo, &a, writes);
		pn4_call_putfh(c, &lo->fh);
		pn4_enc_layoutcommit(pn4_op(c, PN4_OP_LAYOUTCOMMIT), &a);
		c->first_op = PN4_OP_LAYOUTCOMMIT;
		pn4_call_getattr(c, 0);
		st = pn4_call_run(c);
		st = st ?: pn4_layoutcommit_reply(c, attr);
	}
	pn4_call_put(c);
	return st;
}

/* Tell the metadata server of what was written.  Failing that, the log. */
static void pn4_layout_tell(struct pn4_layout *lo, struct pn4_attr *attr,
			    bool unkillable)
{
	u32 writes = 0;
	int err;

	if (!pn4_layout_owes(lo))
		return;
	err = pn4_layoutcommit(lo, attr, unkillable, &writes);
	if (err == -ERESTARTSYS || err == -ETIMEDOUT)
		return;		/* the next one does */
	if (err)
		pr_warn_ratelimited("penstock: %s: LAYOUTCOMMIT failed (error %d): the size of a file that was written may be wrong at the server\n",
				    lo->vol->name, err);
	spin_lock_irq(&lo->lock);
	lo->told = writes;
	spin_unlock_irq(&lo->lock);
}

/* @attr (may be NULL): attributes afterwards, if anything was to be told. */
void pn4_layout_commit(struct pn4_node *node, struct pn4_attr *attr)
{
	struct pn4_layout *lo = READ_ONCE(node->layout);

	if (lo)
		pn4_layout_tell(lo, attr, current->flags & PF_WQ_WORKER);
}

/* ---- LAYOUTERROR, LAYOUTSTATS ---- */

static void pn4_report_call(struct pn4_layout *lo, const struct pn4_ds_error *err,
			    const struct pn4_ds_stats *stats)
{
	struct pn4_call *c = pn4_call_new(lo->vol->client, lo->vol, 1024, 256);
	struct pn4_stateid sid;
	int st;

	if (!c)
		return;
	c->unkillable = true;
	pn4_for_each_try(c, lo->cred, st) {
		pn4_layout_sid(lo, &sid);
		pn4_call_putfh(c, &lo->fh);
		if (err)
			pn4_enc_layouterror(pn4_op(c, PN4_OP_LAYOUTERROR), &sid,
					    err);
		else
			pn4_enc_layoutstats(pn4_op(c, PN4_OP_LAYOUTSTATS), &sid,
					    lo->type, stats);
		st = pn4_call_run(c);	/* what it thinks of it does not matter */
	}
	pn4_call_put(c);
}

static u32 pn4_take_errors(struct pn4_layout *lo, struct pn4_ds_error *errors)
{
	u32 n;

	spin_lock_irq(&lo->lock);
	n = lo->nr_errors;
	memcpy(errors, lo->errors, n * sizeof(*errors));
	lo->nr_errors = 0;
	spin_unlock_irq(&lo->lock);
	return n;
}

static void pn4_report_errors(struct pn4_layout *lo,
			      const struct pn4_ds_error *errors, u32 n)
{
	u32 i;

	for (i = 0; i < n && lo->vol->minor >= 2; i++)
		pn4_report_call(lo, &errors[i], NULL);
}

/* What was done by @t since the last report; false: nothing. */
static bool pn4_take_stats(struct pn4_layout *lo, struct pn4_target *t,
			   struct pn4_ds_stats *s)
{
	lockdep_assert_held(&lo->lock);
	if (!t->read.ops && !t->write.ops)
		return false;
	memcpy(s->deviceid, t->dev->id, sizeof(s->deviceid));
	s->netid = t->ds->netid;
	s->addr = t->ds->uaddr;
	s->fh = t->fh;
	s->read = t->read;
	s->write = t->write;
	s->duration = ktime_get_ns() - lo->since;
	memset(&t->read, 0, sizeof(t->read));
	memset(&t->write, 0, sizeof(t->write));
	return true;
}

static u32 pn4_segment_stats(struct pn4_layout *lo, struct pn4_segment *seg,
			     struct pn4_ds_stats *s, u32 n)
{
	u32 i;

	for (i = 0; i < seg->nr_mirrors * seg->stripe.nr &&
		    n < PN4_RETURN_STATS; i++)
		n += pn4_take_stats(lo, &seg->targets[i], &s[n]);
	return n;
}

/* BUSY is held: segments, whose devices the reports name, do not go. */
static void pn4_report_stats(struct pn4_layout *lo, struct pn4_ds_stats *stats)
{
	struct pn4_segment *seg;
	u32 i, n = 0;

	spin_lock_irq(&lo->lock);
	list_for_each_entry(seg, &lo->segments, link)
		n = pn4_segment_stats(lo, seg, stats, n);
	lo->since = ktime_get_ns();
	spin_unlock_irq(&lo->lock);
	for (i = 0; i < n; i++)
		pn4_report_call(lo, NULL, &stats[i]);
}

/* ---- LAYOUTRETURN ---- */

/* Everything that one round of the work item says; too large for the stack */
struct pn4_report {
	struct pn4_layoutreturn_args args;
	struct pn4_ds_error errors[PN4_LAYOUT_ERRORS];
	struct pn4_ds_stats stats[PN4_RETURN_STATS];
	struct list_head going;
};

/* 0; whatever else it is, the layout is not used any more. */
static void pn4_return_call(struct pn4_layout *lo, struct pn4_layoutreturn_args *a)
{
	struct pn4_call *c = pn4_call_new(lo->vol->client, lo->vol,
					  PN4_RETURN_SEND, 256);
	struct pn4_stateid sid;
	bool remains = false;
	int st;

	if (!c)
		return;
	c->unkillable = true;
	pn4_for_each_try(c, lo->cred, st) {
		pn4_layout_sid(lo, &a->stateid);
		pn4_call_putfh(c, &lo->fh);
		pn4_enc_layoutreturn(pn4_op(c, PN4_OP_LAYOUTRETURN), a);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_layoutreturn(&c->dec, &sid, &remains);
	}
	pn4_call_put(c);
	pn4_count(lo->vol->client, PN4_N_LAYOUT_RETURNS);
	spin_lock_irq(&lo->lock);
	if (!remains)
		lo->has_stateid = !st && !list_empty(&lo->segments);
	else if ((s32)(sid.seqid - lo->stateid.seqid) > 0)
		lo->stateid = sid;
	spin_unlock_irq(&lo->lock);
}

/* Does something dead still have I/O?  Its end is the next kick. */
static bool pn4_return_early(struct pn4_layout *lo)
{
	struct pn4_segment *seg;

	lockdep_assert_held(&lo->lock);
	list_for_each_entry(seg, &lo->segments, link)
		if (seg->dead && seg->io)
			return true;
	return false;
}

/* What was not committed by now will not be by this segment. */
static void pn4_segment_clean(struct pn4_layout *lo, struct pn4_segment *seg)
{
	u32 i;

	lockdep_assert_held(&lo->lock);
	for (i = 0; i < seg->nr_mirrors * seg->stripe.nr; i++) {
		if (list_empty(&seg->targets[i].dirty))
			continue;
		list_del_init(&seg->targets[i].dirty);
		lo->losses++;
	}
}

/* Take the dead segments off @lo, with all that is to be said.  False: not yet. */
static bool pn4_return_take(struct pn4_layout *lo, struct pn4_report *r)
{
	struct pn4_segment *seg, *next;
	u32 n = 0;

	spin_lock_irq(&lo->lock);
	if (!pn4_layout_dead(lo) || pn4_return_early(lo)) {
		spin_unlock_irq(&lo->lock);
		return false;
	}
	list_for_each_entry_safe(seg, next, &lo->segments, link) {
		if (!seg->dead)
			continue;
		pn4_segment_clean(lo, seg);
		n = pn4_segment_stats(lo, seg, r->stats, n);
		list_move(&seg->link, &r->going);
		lo->nr_segments--;
	}
	r->args = (struct pn4_layoutreturn_args) {
		.type = lo->type,
		.iomode = lo->ret_iomode,
		.kind = PN4_LAYOUTRECALL_FILE,
		.offset = lo->ret_offset,
		.length = lo->ret_end == U64_MAX ? PN4_UINT64_MAX - lo->ret_offset :
						   lo->ret_end - lo->ret_offset,
		.errors = r->errors,
		.stats = r->stats,
		.nr_stats = n,
	};
	if (list_empty(&lo->segments)) {
		r->args.iomode = PN4_IOMODE_ANY;
		r->args.offset = 0;
		r->args.length = PN4_UINT64_MAX;
		clear_bit(PN4_LO_CLOSE, &lo->flags);
	}
	clear_bit(PN4_LO_RETURN, &lo->flags);
	lo->taken++;
	spin_unlock_irq(&lo->lock);
	return true;
}

/* What the server has back now, it lets nobody use any more. */
static void pn4_return_unpark(struct pn4_layout *lo)
{
	struct pn4_call *c, *next;

	spin_lock_irq(&lo->lock);
	list_for_each_entry_safe(c, next, &lo->parked, parked) {
		if (c->parked_at == lo->taken)
			continue;	/* came later: its segment is not among these */
		list_del(&c->parked);
		queue_work(pn4_wq, &c->work);
	}
	spin_unlock_irq(&lo->lock);
}

static void pn4_return_send(struct pn4_layout *lo, struct pn4_report *r)
{
	struct pn4_segment *seg, *next;
	bool known;

	r->args.nr_errors = pn4_take_errors(lo, r->errors);
	spin_lock_irq(&lo->lock);
	known = lo->has_stateid &&
		lo->state_gen == READ_ONCE(lo->vol->client->state_gen);
	spin_unlock_irq(&lo->lock);
	if (known) {
		if (lo->type != PN4_LAYOUT_FLEX)
			pn4_report_errors(lo, r->errors, r->args.nr_errors);
		pn4_return_call(lo, &r->args);
	}
	pn4_return_unpark(lo);
	list_for_each_entry_safe(seg, next, &r->going, link)
		pn4_segment_free(seg);
}

/* The inode, pinned, if it is still there. */
static struct pn4_node *pn4_layout_pin(struct pn4_layout *lo)
{
	struct pn4_layout_table *t = &lo->vol->client->layouts;
	struct pn4_node *node;

	spin_lock(&t->lock);
	node = lo->node;
	if (node && !pn4_host_pin(node))
		node = NULL;
	spin_unlock(&t->lock);
	return node;
}

/*
 * Before something goes back: all data is safe and told of.  Where writes wait for
 * just that, what is not yet committed is not waited for: pn4_segment_clean()
 * has it written again.
 */
static void pn4_return_settle(struct pn4_layout *lo)
{
	struct pn4_node *node = pn4_layout_pin(lo);

	if (node) {
		pn4_commit_going(node, &lo->parked);
		pn4_host_unpin(node);
	}
	pn4_layout_tell(lo, NULL, true);
}

static bool pn4_return_ready(struct pn4_layout *lo)
{
	bool ready;

	spin_lock_irq(&lo->lock);
	ready = pn4_layout_dead(lo) && !pn4_return_early(lo);
	spin_unlock_irq(&lo->lock);
	return ready;
}

static void pn4_layout_round(struct pn4_layout *lo, struct pn4_report *r)
{
	u32 n;

	INIT_LIST_HEAD(&r->going);
	if (pn4_return_ready(lo)) {
		pn4_return_settle(lo);
		if (pn4_return_take(lo, r)) {
			pn4_return_send(lo, r);
			return;
		}
	}
	/* its errors go with what is dead, once the last I/O is over */
	if (pn4_layout_dead(lo) || !READ_ONCE(lo->has_stateid))
		return;
	n = pn4_take_errors(lo, r->errors);
	pn4_report_errors(lo, r->errors, n);
	if (lo->stats_every)
		pn4_report_stats(lo, r->stats);
}

void pn4_layout_work(struct work_struct *work)
{
	struct pn4_layout *lo = container_of(work, struct pn4_layout, work);
	unsigned int nofs = memalloc_nofs_save();
	struct pn4_volume *vol = lo->vol;
	struct pn4_report *r;

	r = kzalloc(sizeof(*r), GFP_NOFS | __GFP_NOFAIL);
	wait_event(lo->wait, !test_and_set_bit_lock(PN4_LO_BUSY, &lo->flags));
	pn4_layout_round(lo, r);
	if (!READ_ONCE(lo->node))
		pn4_layout_tell(lo, NULL, true);
	pn4_layout_unlock(lo);
	kfree(r);
	memalloc_nofs_restore(nofs);
	pn4_layout_put(lo);
	pn4_late_put(vol);
}
