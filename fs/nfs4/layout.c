// SPDX-License-Identifier: GPL-2.0
/*
 * The layouts of files: which data server a piece of I/O goes to, what becomes
 * of it, and when a layout is to be given up.  See layout.h for its life, and
 * RFC 8881 section 12.5.
 *
 * A layout translates, it does not send: that is io.c's.
 */
#include "layout.h"

#define PN4_LAYOUTS_KNOWN	(1U << PN4_LAYOUT_FILES | 1U << PN4_LAYOUT_FLEX)

void pn4_layout_table_init(struct pn4_layout_table *t)
{
	spin_lock_init(&t->lock);
	INIT_LIST_HEAD(&t->layouts);
	INIT_LIST_HEAD(&t->devices);
	INIT_DELAYED_WORK(&t->bulk_work, pn4_layout_bulk_work);
}

/* ---- coming and going ---- */

static struct pn4_layout *pn4_layout_new(struct pn4_node *node,
					 const struct cred *cred)
{
	struct pn4_layout *lo = kzalloc(sizeof(*lo), GFP_NOFS);

	if (!lo)
		return NULL;
	refcount_set(&lo->ref, 1);
	INIT_LIST_HEAD(&lo->link);
	INIT_LIST_HEAD(&lo->segments);
	INIT_LIST_HEAD(&lo->dirty);
	INIT_LIST_HEAD(&lo->parked);
	spin_lock_init(&lo->lock);
	init_waitqueue_head(&lo->wait);
	INIT_WORK(&lo->work, pn4_layout_work);
	lo->vol = node->vol;
	lo->node = node;
	lo->fh = node->fh;
	lo->cred = get_cred(cred);
	lo->since = ktime_get_ns();
	lo->type = node->vol->fs.layout_types & 1U << PN4_LAYOUT_FLEX ?
			PN4_LAYOUT_FLEX : PN4_LAYOUT_FILES;
	return lo;
}

void pn4_layout_put(struct pn4_layout *lo)
{
	if (!refcount_dec_and_test(&lo->ref))
		return;
	WARN_ON_ONCE(!list_empty(&lo->segments));
	put_cred(lo->cred);
	kfree(lo);
}

/* The layout of @node, with or without segments; or NULL.  Process context. */
static struct pn4_layout *pn4_layout_of(struct pn4_node *node,
					const struct cred *cred)
{
	struct pn4_layout_table *t = &node->vol->client->layouts;
	struct pn4_layout *lo, *mine;

	/* complete, if it is there: see the release below */
	lo = smp_load_acquire(&node->layout);
	if (likely(lo))
		return lo;
	mine = pn4_layout_new(node, cred);
	if (!mine)
		return NULL;
	spin_lock(&t->lock);
	lo = node->layout;
	if (!lo) {
		lo = mine;
		mine = NULL;
		list_add(&lo->link, &t->layouts);
		/* pairs with the acquire above */
		smp_store_release(&node->layout, lo);
	}
	spin_unlock(&t->lock);
	if (mine)
		pn4_layout_put(mine);
	return lo;
}

/* Have the work item look after @lo.  Any context. */
void pn4_layout_kick(struct pn4_layout *lo)
{
	refcount_inc(&lo->ref);
	pn4_late_get(lo->vol);
	if (queue_work(pn4_wq, &lo->work))
		return;
	/* what is queued already holds both */
	refcount_dec(&lo->ref);
	pn4_late_put(lo->vol);
}

void pn4_layout_unlock(struct pn4_layout *lo)
{
	clear_bit(PN4_LO_GETTING, &lo->flags);
	clear_bit_unlock(PN4_LO_BUSY, &lo->flags);
	/* cleared before the queue is looked at */
	smp_mb__after_atomic();
	wake_up_all(&lo->wait);
}

void pn4_layout_sid(struct pn4_layout *lo, struct pn4_stateid *sid)
{
	spin_lock_irq(&lo->lock);
	*sid = lo->stateid;
	spin_unlock_irq(&lo->lock);
}

static bool pn4_segment_in(const struct pn4_segment *seg, u32 iomode, u64 offset,
			   u64 end)
{
	return (iomode == PN4_IOMODE_ANY || iomode == seg->iomode) &&
	       seg->offset < end && offset < seg->end;
}

/*
 * Nothing new under segments of @iomode that touch [@offset, @end), and give that
 * back.  False: there was no such thing, nor is one on its way back.
 */
bool pn4_layout_kill(struct pn4_layout *lo, u32 iomode, u64 offset, u64 end)
{
	struct pn4_segment *seg;
	unsigned long flags;
	bool any;

	spin_lock_irqsave(&lo->lock, flags);
	any = pn4_layout_dead(lo);
	if (any) {		/* two ranges at a time: make it all */
		iomode = PN4_IOMODE_ANY;
		offset = 0;
		end = U64_MAX;
	}
	list_for_each_entry(seg, &lo->segments, link) {
		if (!pn4_segment_in(seg, iomode, offset, end))
			continue;
		seg->dead = true;
		any = true;
	}
	if (any) {
		lo->ret_iomode = iomode;
		lo->ret_offset = offset;
		lo->ret_end = end;
		set_bit(PN4_LO_RETURN, &lo->flags);
	}
	spin_unlock_irqrestore(&lo->lock, flags);
	if (any)
		pn4_layout_kick(lo);
	return any;
}

void pn4_layout_kill_all(struct pn4_layout *lo)
{
	pn4_layout_kill(lo, PN4_IOMODE_ANY, 0, U64_MAX);
}

/* It leads to data servers that are of no use: back with it, no other at once. */
static void pn4_layout_reject(struct pn4_layout *lo)
{
	WRITE_ONCE(lo->retry_at, (jiffies + PN4_LAYOUT_REST) | 1);
	pn4_layout_kill_all(lo);
}

/* ---- use ---- */

static bool pn4_segment_fits(const struct pn4_segment *seg, u64 pos, bool write)
{
	if (seg->dead || pos < seg->offset || pos >= seg->end)
		return false;
	if (write)
		return seg->iomode == PN4_IOMODE_RW;
	return seg->iomode == PN4_IOMODE_READ || !(seg->flags & PN4_FF_NO_READ_IO);
}

/* A live segment with the byte at @pos, to be given to pn4_layout_end(). */
struct pn4_segment *pn4_segment_find(struct pn4_layout *lo, u64 pos, bool write)
{
	struct pn4_segment *seg, *found = NULL;
	unsigned long flags;

	spin_lock_irqsave(&lo->lock, flags);
	list_for_each_entry(seg, &lo->segments, link) {
		if (!pn4_segment_fits(seg, pos, write))
			continue;
		found = seg;
		seg->io++;
		break;
	}
	spin_unlock_irqrestore(&lo->lock, flags);
	return found;
}

/*
 * The segment by which the part of @io that begins at file offset @pos can go,
 * or NULL: by the metadata server.  May send LAYOUTGET, killable as @io is.  To
 * be given to pn4_layout_end().
 */
struct pn4_segment *pn4_layout_begin(struct pn4_io *io, u64 pos)
{
	struct pn4_volume *vol = io->node->vol;
	struct pn4_segment *seg;
	struct pn4_layout *lo;

	if (likely(!(vol->fs.layout_types & PN4_LAYOUTS_KNOWN)))
		return NULL;
	/* what is sent again was lost by this very way (or worse) */
	if (io->resend || !pn4_lease_sure(vol->client))
		return NULL;
	/* taking device memory back, pn4_io_abort(), only knows the server itself */
	if (prpc_foreign(&io->data))
		return NULL;
	lo = pn4_layout_of(io->node, io->cred);
	if (!lo)
		return NULL;
	seg = pn4_segment_find(lo, pos, io->write);
	if (seg || io->nowait)
		return seg;
	return pn4_layout_fetch(lo, io, pos);
}

/* Any context. */
void pn4_layout_end(struct pn4_segment *seg)
{
	struct pn4_layout *lo = seg->layout;
	unsigned long flags;

	/* the segment may be gone as soon as the lock is dropped */
	spin_lock_irqsave(&lo->lock, flags);
	if (!--seg->io && seg->dead)
		pn4_layout_kick(lo);
	spin_unlock_irqrestore(&lo->lock, flags);
}

static bool pn4_segment_map(const struct pn4_segment *seg, u64 pos, u64 len,
			    struct pn4_chunk *chunk)
{
	return seg->type == PN4_LAYOUT_FILES ?
		pn4_map_files(&seg->stripe, pos, len, chunk) :
		pn4_map_flex(&seg->stripe, pos, len, chunk);
}

static bool pn4_target_resting(const struct pn4_target *t)
{
	return pn4_ds_resting(t->ds) ||
	       (t->rest_until && time_before(jiffies, t->rest_until));
}

/* The mirror to read from: the most efficient that is well.  nr_mirrors: none. */
static u32 pn4_segment_best(const struct pn4_segment *seg, u32 stripe)
{
	u32 m, best = seg->nr_mirrors;

	for (m = 0; m < seg->nr_mirrors; m++) {
		const struct pn4_target *t = &seg->targets[m * seg->stripe.nr + stripe];

		if (pn4_target_resting(t))
			continue;
		if (best == seg->nr_mirrors || t->efficiency >
		    seg->targets[best * seg->stripe.nr + stripe].efficiency)
			best = m;
	}
	return best;
}

/* How many of @len bytes @t's data server takes in one call.  May connect. */
static u32 pn4_target_len(struct pn4_segment *seg, struct pn4_target *t, u32 len,
			  bool write)
{
	struct pn4_client *cl = pn4_ds_client(t->dev, t->ds, seg->layout->vol);
	u32 max = write ? t->dev->wsize : t->dev->rsize;

	if (max >= PAGE_SIZE && len > max)
		len = max;
	if (!cl)
		return len;
	max = write ? cl->session.max_request : cl->session.max_response;
	max -= PN4_IO_OVERHEAD;
	return min(len, max > PAGE_SIZE ? round_down(max, (u32)PAGE_SIZE) : max);
}

/* How many of @len bytes from @pos on can go in one call; never 0. */
u32 pn4_layout_len(struct pn4_segment *seg, u64 pos, u32 len, bool write)
{
	struct pn4_chunk chunk;
	u32 m, best;

	if (len > seg->end - pos)
		len = seg->end - pos;
	if (!pn4_segment_map(seg, pos, len, &chunk))
		return len;
	len = chunk.len;
	best = write ? 0 : pn4_segment_best(seg, chunk.stripe);
	for (m = 0; m < seg->nr_mirrors; m++)
		if (write || m == best)
			len = pn4_target_len(seg, &seg->targets[m * seg->stripe.nr +
								chunk.stripe],
					     len, write);
	return len;
}

/* How often a piece has to be sent. */
u32 pn4_layout_copies(const struct pn4_segment *seg, bool write)
{
	return write && !(seg->flags & PN4_FF_WRITE_ONE_MIRROR) ?
		seg->nr_mirrors : 1;
}

/* Aim @c at @t; false: its data server cannot be used. */
static bool pn4_target_take(struct pn4_call *c, struct pn4_segment *seg,
			    struct pn4_target *t, const struct pn4_chunk *chunk)
{
	struct pn4_client *cl = pn4_ds_client(t->dev, t->ds, seg->layout->vol);
	unsigned long flags;
	u32 max;

	if (!cl)
		return false;
	max = c->io->write ? cl->session.max_request : cl->session.max_response;
	if (c->len > chunk->len || c->len + PN4_IO_OVERHEAD > max)
		return false;
	if (c->seg != seg) {
		spin_lock_irqsave(&seg->layout->lock, flags);
		seg->io++;
		spin_unlock_irqrestore(&seg->layout->lock, flags);
	}
	c->seg = seg;
	c->target = t;
	c->client = cl;
	c->shift = chunk->pos - (c->io->pos + c->at);
	c->give_up = (jiffies + PN4_DS_PATIENCE) | 1;
	c->hopeful = true;
	return true;
}

static bool pn4_aim_read(struct pn4_call *c, struct pn4_segment *seg,
			 const struct pn4_chunk *chunk)
{
	struct pn4_target *t;
	u32 m, tries;

	for (tries = 0; tries < seg->nr_mirrors; tries++) {
		m = pn4_segment_best(seg, chunk->stripe);
		if (m == seg->nr_mirrors)
			return false;
		t = &seg->targets[m * seg->stripe.nr + chunk->stripe];
		if (pn4_target_take(c, seg, t, chunk))
			return true;
		t->rest_until = (jiffies + PN4_DS_REST) | 1;
	}
	return false;
}

static void pn4_aim_failed(struct pn4_call *c, struct pn4_segment *seg,
			   const struct pn4_chunk *chunk, u32 mirror)
{
	struct pn4_target *t = &seg->targets[mirror * seg->stripe.nr + chunk->stripe];
	struct pn4_ds_error err = {
		.offset = c->io->pos + c->at,
		.length = c->len,
		.status = PN4ERR_NXIO,
		.op = c->io->write ? PN4_OP_WRITE : PN4_OP_READ,
	};

	pn4_count(seg->layout->vol->client, PN4_N_DS_TO_MDS);
	pn4_layout_note(seg, t, &err);
	pn4_layout_reject(seg->layout);
}

/*
 * Let @c, new and for the metadata server, go by @seg: writes to mirror @copy,
 * reads to the best.  False: it cannot, and stays what it is.  Process context;
 * may connect.
 */
bool pn4_layout_aim(struct pn4_call *c, struct pn4_segment *seg, u32 copy)
{
	struct pn4_chunk chunk;

	if (!pn4_segment_map(seg, c->io->pos + c->at, c->len, &chunk))
		return false;
	if (!c->io->write && pn4_aim_read(c, seg, &chunk))
		return true;
	if (c->io->write &&
	    pn4_target_take(c, seg, &seg->targets[copy * seg->stripe.nr +
						  chunk.stripe], &chunk))
		return true;
	pn4_aim_failed(c, seg, &chunk, c->io->write ? copy : 0);
	return false;
}

/* Is the end of a data server's file perhaps not the end of the file? */
bool pn4_layout_striped(const struct pn4_call *c)
{
	return c->seg->stripe.nr > 1;
}

/* The state id for @c (RFC 8881 section 13.9.1, RFC 8435 section 5.1). */
void pn4_layout_stateid(struct pn4_call *c, struct pn4_stateid *sid)
{
	memset(sid, 0, sizeof(*sid));
	if (!c->seg->own_state)
		*sid = c->target->stateid;
	else if (c->io->open)
		pn4_open_stateid(c->io->open, sid);
}

const struct pn4_fh *pn4_layout_fh(const struct pn4_call *c)
{
	return &c->target->fh;
}

bool pn4_layout_thru_mds(const struct pn4_call *c)
{
	return c->seg->thru_mds;
}

u32 pn4_layout_losses(const struct pn4_node *node)
{
	const struct pn4_layout *lo = READ_ONCE(node->layout);

	return lo ? READ_ONCE(lo->losses) : 0;
}

const struct cred *pn4_layout_cred(const struct pn4_call *c)
{
	return c->target->cred ?: c->io->cred;
}

/* ---- what becomes of it ---- */

/* @count bytes have been moved.  softirq. */
void pn4_layout_done(struct pn4_call *c, u32 count)
{
	struct pn4_layout *lo = c->seg->layout;
	struct pn4_client *mds = lo->vol->client;
	struct pn4_ds_count *n;
	unsigned long flags;
	bool stats;

	n = c->io->write ? &c->target->write : &c->target->read;
	spin_lock_irqsave(&lo->lock, flags);
	n->ops++;
	n->bytes += count;
	n->busy_ns += ktime_get_ns() - c->began;
	stats = lo->stats_every && time_after(jiffies, lo->stats_at);
	if (stats)
		lo->stats_at = jiffies + lo->stats_every;
	spin_unlock_irqrestore(&lo->lock, flags);
	if (c->io->write)
		this_cpu_add(mds->stats->layout_written, count);
	else
		this_cpu_add(mds->stats->layout_read, count);
	if (stats)
		pn4_layout_kick(lo);
}

/* A data server has taken a write; before c->at and len move on.  softirq. */
void pn4_layout_wrote(struct pn4_call *c, const struct pn4_write_res *res)
{
	u64 last = c->io->pos + c->at + res->count - 1;
	struct pn4_layout *lo = c->seg->layout;
	struct pn4_target *t = c->target;
	unsigned long flags;

	spin_lock_irqsave(&lo->lock, flags);
	if (!(c->seg->flags & PN4_FF_NO_LAYOUTCOMMIT)) {
		lo->last = lo->writes == lo->told ? last : max(lo->last, last);
		lo->writes++;
	}
	if (res->committed == PN4_UNSTABLE && !c->seg->thru_mds) {
		if (list_empty(&t->dirty))
			list_add_tail(&t->dirty, &lo->dirty);
		else if (t->verifier != res->verf)
			lo->losses++;	/* restarted in between */
		t->verifier = res->verf;
	}
	spin_unlock_irqrestore(&lo->lock, flags);
}

/* Keep @err about @t's data server for LAYOUTRETURN or LAYOUTERROR. */
void pn4_layout_note(struct pn4_segment *seg, struct pn4_target *t,
		     const struct pn4_ds_error *err)
{
	struct pn4_layout *lo = seg->layout;
	unsigned long flags;

	pn4_count(lo->vol->client, PN4_N_DS_ERRORS);
	spin_lock_irqsave(&lo->lock, flags);
	if (lo->nr_errors < PN4_LAYOUT_ERRORS) {
		lo->errors[lo->nr_errors] = *err;
		memcpy(lo->errors[lo->nr_errors].deviceid, t->dev->id,
		       PN4_DEVICEID_SIZE);
		lo->nr_errors++;
	}
	spin_unlock_irqrestore(&lo->lock, flags);
}

/* What to tell the metadata server about status @st of a call. */
u32 pn4_ds_status(int st)
{
	if (st > 0)
		return st;
	return st == -EREMOTEIO ? PN4ERR_IO : PN4ERR_NXIO;
}

static void pn4_layout_to_mds(struct pn4_call *c)
{
	struct pn4_segment *seg = c->seg;

	pn4_count(seg->layout->vol->client, PN4_N_DS_TO_MDS);
	c->client = seg->layout->vol->client;
	c->seg = NULL;
	c->target = NULL;
	c->shift = 0;
	c->give_up = 0;
	c->hopeful = false;
	pn4_layout_end(seg);
}

/*
 * A data server may still carry out @c, a write without an answer, long after
 * the metadata server has written the same bytes for us, and perhaps newer ones.
 * So @c waits, on behalf of nobody, until the layout is back: then the metadata
 * server keeps late ones out (RFC 8881 section 12.5.5, RFC 8435 section 2.2).
 * @c's segment is dead, and not yet given up by @c, so it is not given back yet.
 */
static void pn4_layout_park(struct pn4_call *c)
{
	struct pn4_layout *lo = c->seg->layout;
	struct pn4_node *node = c->io->node;

	pn4_count(lo->vol->client, PN4_N_DS_FENCED);
	c->status = -EAGAIN;
	spin_lock_irq(&lo->lock);
	c->parked_at = lo->taken;
	list_add_tail(&c->parked, &lo->parked);
	spin_unlock_irq(&lo->lock);
	wake_up_all(&node->wait);	/* pn4_commit_going() */
}

/*
 * @c could not be done by its data server: @st; -ENODATA: that has no more of a
 * striped file, but others may.  It is aimed at another mirror or
 * at the metadata server, to be sent again.  @sent: it has left.  True: not now,
 * c->work will be queued; @c is not the caller's any more.  Process context.
 */
bool pn4_layout_failed(struct pn4_call *c, int st, bool sent)
{
	struct pn4_segment *seg = c->seg;
	struct pn4_target *t = c->target;
	struct pn4_ds_error err = {
		.offset = c->io->pos + c->at,
		.length = c->len,
		.status = pn4_ds_status(st),
		.op = c->io->write ? PN4_OP_WRITE : PN4_OP_READ,
	};
	bool park = sent && c->io->write && st < 0;
	struct pn4_chunk chunk;

	c->tries = 0;
	c->delay_ms = 0;
	if (st == -ENODATA) {		/* it did what it could */
		pn4_layout_to_mds(c);
		return false;
	}
	if (st < 0 && st != -EREMOTEIO)
		pn4_ds_failed(t->ds);
	t->rest_until = (jiffies + PN4_DS_REST) | 1;
	pr_warn_ratelimited("penstock: %s: data server %s does not %s (%s); using others or the metadata server\n",
			    seg->layout->vol->name, t->ds->uaddr,
			    c->io->write ? "write" : "read",
			    st > 0 ? pn4_status_name(st) : "no answer");
	pn4_layout_note(seg, t, &err);
	if (!c->io->write &&
	    pn4_segment_map(seg, c->io->pos + c->at, c->len, &chunk) &&
	    pn4_aim_read(c, seg, &chunk)) {
		pn4_layout_kick(seg->layout);	/* LAYOUTERROR */
		return false;
	}
	pn4_layout_reject(seg->layout);
	if (park)
		pn4_layout_park(c);
	pn4_layout_to_mds(c);
	return park;
}

/* ---- attributes ---- */

void pn4_layout_attr(const struct pn4_node *node, struct pn4_attr *attr)
{
	struct pn4_layout *lo = READ_ONCE(node->layout);

	if (likely(!lo) || !(attr->valid & PN4_ATTR_SIZE))
		return;
	spin_lock_irq(&lo->lock);
	if (lo->writes != lo->told && attr->size <= lo->last)
		attr->size = lo->last + 1;
	spin_unlock_irq(&lo->lock);
}
