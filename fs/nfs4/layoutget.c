// SPDX-License-Identifier: GPL-2.0
/*
 * LAYOUTGET, and segments made of what it brings (RFC 8881 sections 13.3 and
 * 18.43, RFC 8435 section 5).
 */
#include <linux/overflow.h>
#include "codec_nfs3.h"
#include "layout.h"
#include "../../net/wait.h"

#define PN4_LAYOUTGET_REPLY	16384
#define PN4_LAYOUTGET_MIN	4096	/* bytes that a layout must be good for */
#define PN4_FETCH_WAIT		(5 * HZ)	/* for another's LAYOUTGET */

/* ---- segments ---- */

/* Process context. */
void pn4_segment_free(struct pn4_segment *seg)
{
	u32 i, n = seg->nr_mirrors * seg->stripe.nr;

	for (i = 0; i < n; i++) {
		pn4_device_put(seg->targets[i].dev);
		put_cred(seg->targets[i].cred);
	}
	kvfree(seg);
}

static struct pn4_segment *pn4_segment_alloc(struct pn4_layout *lo,
					     const struct pn4_layout4 *l4,
					     u32 mirrors, u32 stripes)
{
	struct pn4_segment *seg;
	u32 i, n = mirrors * stripes;

	seg = kvzalloc(struct_size(seg, targets, n), GFP_NOFS);
	if (!seg)
		return NULL;
	seg->layout = lo;
	seg->offset = l4->offset;
	seg->end = l4->length == PN4_UINT64_MAX ? U64_MAX :
						  l4->offset + l4->length;
	seg->iomode = l4->iomode;
	seg->type = l4->type;
	seg->nr_mirrors = mirrors;
	seg->stripe.nr = stripes;
	for (i = 0; i < n; i++) {
		seg->targets[i].seg = seg;
		INIT_LIST_HEAD(&seg->targets[i].dirty);
	}
	return seg;
}

/*
 * The file handles of a files layout: by stripe if dense, else by data server,
 * or one for all, or the metadata server's (section 13.3).
 */
static int pn4_files_handles(struct pn4_segment *seg, struct pn4_device *dev,
			     struct pn4_fl_layout *fl)
{
	bool dense = seg->stripe.dense;
	struct pn4_fh *fhs;
	u32 i;

	if (dense ? fl->nr_fhs != dev->nr_indices :
		    fl->nr_fhs > 1 && fl->nr_fhs != dev->nr_ds)
		return -EREMOTEIO;
	fhs = kvcalloc(max(fl->nr_fhs, 1U), sizeof(*fhs), GFP_NOFS);
	if (!fhs)
		return -ENOMEM;
	fhs[0] = seg->layout->fh;
	for (i = 0; i < fl->nr_fhs; i++)
		pn4_fl_next_fh(fl, &fhs[i]);
	for (i = 0; i < seg->stripe.nr; i++) {
		u32 at = fl->nr_fhs <= 1 ? 0 : dense ? i : dev->indices[i];

		seg->targets[i].fh = fhs[at];
	}
	kvfree(fhs);
	return 0;
}

static struct pn4_segment *pn4_segment_files(struct pn4_layout *lo,
					     const struct pn4_layout4 *l4,
					     const struct cred *cred)
{
	struct pn4_segment *seg = NULL;
	struct pn4_fl_layout fl;
	struct pn4_device *dev;
	int err = -ENOMEM;
	u32 i;

	if (pn4_dec_fl_layout(l4, &fl))
		return ERR_PTR(-EREMOTEIO);
	dev = pn4_device_get(lo->vol, fl.deviceid, PN4_LAYOUT_FILES, cred);
	if (IS_ERR(dev))
		return ERR_CAST(dev);
	seg = pn4_segment_alloc(lo, l4, 1, dev->nr_indices);
	if (!seg)
		goto out;
	seg->stripe.unit = fl.util & PN4_NFL_UNIT_MASK;
	seg->stripe.offset = fl.pattern_offset;
	seg->stripe.first = fl.first;
	seg->stripe.dense = fl.util & PN4_NFL_DENSE;
	seg->thru_mds = fl.util & PN4_NFL_COMMIT_THRU_MDS;
	seg->own_state = true;
	for (i = 0; i < dev->nr_indices; i++) {
		refcount_inc(&dev->ref);
		seg->targets[i].dev = dev;
		seg->targets[i].ds = &dev->ds[dev->indices[i]];
	}
	err = fl.first < dev->nr_indices ? pn4_files_handles(seg, dev, &fl) :
					   -EREMOTEIO;
	if (err)
		pn4_segment_free(seg);
out:
	pn4_device_put(dev);
	return err ? ERR_PTR(err) : seg;
}

/* A user and a group, and nothing else (RFC 8435 section 2.2.1). */
static const struct cred *pn4_synthetic_cred(u32 uid, u32 gid)
{
	struct cred *cred = prepare_kernel_cred(&init_task);

	if (!cred)
		return NULL;
	cred->fsuid = make_kuid(&init_user_ns, uid);
	cred->fsgid = make_kgid(&init_user_ns, gid);
	return cred;
}

static int pn4_flex_target(struct pn4_layout *lo, struct pn4_target *t,
			   const struct pn4_ff_ds *ds, const struct cred *cred)
{
	struct pn4_device *dev = pn4_device_get(lo->vol, ds->deviceid,
						PN4_LAYOUT_FLEX, cred);

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	t->dev = dev;
	t->ds = &dev->ds[0];
	t->efficiency = ds->efficiency;
	t->stateid = ds->stateid;
	/* one for each version that the device offers, or one for all */
	t->fh = ds->fhs[dev->version < ds->nr_fhs ? dev->version : 0];
	if (dev->nfs3 && t->fh.len > PN3_FHSIZE)
		return -EREMOTEIO;
	if (dev->tight || !ds->numeric)
		return 0;
	t->cred = pn4_synthetic_cred(ds->uid, ds->gid);
	return t->cred ? 0 : -ENOMEM;
}

static struct pn4_segment *pn4_segment_flex(struct pn4_layout *lo,
					    const struct pn4_layout4 *l4,
					    const struct cred *cred)
{
	struct pn4_ff_layout ff;
	struct pn4_segment *seg;
	struct pn4_ff_ds *ds;
	int err = 0;
	u32 i;

	if (pn4_dec_ff_layout(l4, &ff))
		return ERR_PTR(-EREMOTEIO);
	ds = kmalloc(sizeof(*ds), GFP_NOFS);
	seg = pn4_segment_alloc(lo, l4, ff.nr_mirrors, ff.nr_stripes);
	if (!ds || !seg) {
		kvfree(seg);
		kfree(ds);
		return ERR_PTR(-ENOMEM);
	}
	seg->stripe.unit = ff.unit;
	seg->flags = ff.flags;
	for (i = 0; i < ff.nr_mirrors * ff.nr_stripes && !err; i++) {
		pn4_ff_next_ds(&ff, ds);
		err = pn4_flex_target(lo, &seg->targets[i], ds, cred);
	}
	if (ff.stats_hint && lo->vol->minor >= 2)
		lo->stats_every = min(ff.stats_hint, 3600U) * HZ;
	kfree(ds);
	if (!err)
		return seg;
	pn4_segment_free(seg);
	return ERR_PTR(err);
}

/* ---- the call ---- */

/* Section 12.5.3: newer replies have higher sequence ids. */
static void pn4_layout_took(struct pn4_layout *lo, struct list_head *segs,
			    const struct pn4_layoutget_res *res, u32 state_gen)
{
	struct pn4_segment *seg, *next;

	spin_lock_irq(&lo->lock);
	if (state_gen != READ_ONCE(lo->vol->client->state_gen)) {
		spin_unlock_irq(&lo->lock);
		return;
	}
	if (!lo->has_stateid || !pn4_sid_same(&lo->stateid, &res->stateid) ||
	    (s32)(res->stateid.seqid - lo->stateid.seqid) > 0)
		lo->stateid = res->stateid;
	lo->has_stateid = true;
	lo->state_gen = state_gen;
	list_for_each_entry_safe(seg, next, segs, link) {
		list_move(&seg->link, &lo->segments);
		lo->nr_segments++;
	}
	if (res->return_on_close)
		set_bit(PN4_LO_CLOSE, &lo->flags);
	spin_unlock_irq(&lo->lock);
	pn4_count(lo->vol->client, PN4_N_LAYOUTS);
}

/* Segments of all that is in @res and can be used; the last reason if none is. */
static int pn4_layoutget_segments(struct pn4_layout *lo,
				  struct pn4_layoutget_res *res,
				  const struct cred *cred, struct list_head *segs)
{
	struct pn4_segment *seg;
	struct pn4_layout4 l4;
	int err = -ENODATA;

	while (pn4_layoutget_next(res, &l4)) {
		if (l4.type != lo->type)
			continue;
		seg = l4.type == PN4_LAYOUT_FILES ?
			pn4_segment_files(lo, &l4, cred) :
			pn4_segment_flex(lo, &l4, cred);
		if (IS_ERR(seg))
			err = PTR_ERR(seg);
		else
			list_add(&seg->link, segs);
	}
	return list_empty(segs) ? err : 0;
}

static bool pn4_layoutget_again(struct pn4_call *c, int *st)
{
	switch (*st) {
	case PN4ERR_LAYOUTTRYLATER:
	case PN4ERR_RECALLCONFLICT:
	case PN4ERR_RETURNCONFLICT:
	case PN4ERR_GRACE:
	case PN4ERR_DELAY:
		*st = -EBUSY;	/* the metadata server will do meanwhile */
		return false;
	default:
		return pn4_call_again(c, st);
	}
}

/* Which state id: the layout's, or for the first one that of the open. */
static int pn4_layoutget_start(struct pn4_call *c, struct pn4_layout *lo,
			       struct pn4_io *io, struct pn4_stateid *sid)
{
	bool have = READ_ONCE(lo->has_stateid);
	int err;

	if (!have && !io->open)
		return -ENOENT;
	err = pn4_call_start_open(c, have ? NULL : io->open, io->cred, sid);
	if (err || !have)
		return err;
	pn4_layout_sid(lo, sid);
	return 0;
}

static int pn4_layoutget_call(struct pn4_layout *lo, struct pn4_io *io,
			      struct pn4_layoutget_args *a, struct list_head *segs)
{
	struct pn4_volume *vol = lo->vol;
	struct pn4_call *c = pn4_call_new(vol->client, vol, 512,
					  PN4_LAYOUTGET_REPLY);
	struct pn4_layoutget_res res;
	int st;

	if (!c)
		return -ENOMEM;
	c->unkillable = !io->killable;
	do {
		st = pn4_layoutget_start(c, lo, io, &a->stateid);
		if (st)
			break;
		pn4_call_putfh(c, &lo->fh);
		pn4_enc_layoutget(pn4_op(c, PN4_OP_LAYOUTGET), a);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_layoutget(&c->dec, &res);
	} while (pn4_layoutget_again(c, &st));
	if (!st) {
		u32 gen = c->used_client;

		st = pn4_layoutget_segments(lo, &res, io->cred, segs);
		/* also without a segment: it has to be given back */
		pn4_layout_took(lo, segs, &res, gen);
	}
	pn4_call_put(c);
	return st;
}

/* Reads of a file that is open for writing do with the layout for that. */
static u32 pn4_fetch_iomode(struct pn4_layout *lo, const struct pn4_io *io)
{
	struct pn4_segment *seg;
	u32 iomode = PN4_IOMODE_RW;

	if (io->write)
		return PN4_IOMODE_RW;
	if (!io->open || !(io->open->fmode & FMODE_WRITE))
		return PN4_IOMODE_READ;
	spin_lock_irq(&lo->lock);
	list_for_each_entry(seg, &lo->segments, link)
		if (seg->flags & PN4_FF_NO_READ_IO)
			iomode = PN4_IOMODE_READ;
	spin_unlock_irq(&lo->lock);
	return iomode;
}

static void pn4_fetch(struct pn4_layout *lo, struct pn4_io *io, u64 pos)
{
	bool first = !READ_ONCE(lo->nr_segments);
	struct pn4_layoutget_args a = {
		.type = lo->type,
		.iomode = pn4_fetch_iomode(lo, io),
		.offset = first ? 0 : round_down(pos, PN4_LAYOUTGET_MIN),
		.length = PN4_UINT64_MAX,
		.minlength = PN4_LAYOUTGET_MIN,
		.maxcount = PN4_LAYOUTGET_REPLY - 512,
	};
	struct pn4_segment *seg, *next;
	LIST_HEAD(segs);
	int err;

	if (a.offset)
		a.length -= a.offset;
	err = pn4_layoutget_call(lo, io, &a, &segs);
	list_for_each_entry_safe(seg, next, &segs, link)
		pn4_segment_free(seg);	/* out of date before it was used */
	if (!err)
		return;
	WRITE_ONCE(lo->retry_at,
		   (jiffies + (err == -EBUSY ? HZ : PN4_LAYOUT_REST)) | 1);
	if (err == -EPROTONOSUPPORT)
		pr_warn_ratelimited("penstock: %s: data servers of a layout speak no NFSv4.1 or NFSv4.2; using the metadata server\n",
				    lo->vol->name);
	if (err == -EREMOTEIO)
		pr_warn_ratelimited("penstock: %s: a layout or device makes no sense; using the metadata server\n",
				    lo->vol->name);
	if (READ_ONCE(lo->has_stateid) && !READ_ONCE(lo->nr_segments)) {
		/* without segments all of it goes back, see pn4_return_take() */
		set_bit(PN4_LO_RETURN, &lo->flags);
		pn4_layout_kick(lo);
	}
}

static bool pn4_fetch_rests(const struct pn4_layout *lo)
{
	unsigned long at = READ_ONCE(lo->retry_at);

	return pn4_layout_dead(lo) || (at && time_before(jiffies, at)) ||
	       READ_ONCE(lo->nr_segments) >= PN4_LAYOUTS_MAX;
}

/* As pn4_segment_find(), and ask the server if there is none. */
struct pn4_segment *pn4_layout_fetch(struct pn4_layout *lo, struct pn4_io *io,
				     u64 pos)
{
	struct pn4_segment *seg;

	if (pn4_fetch_rests(lo))
		return NULL;
	if (test_and_set_bit_lock(PN4_LO_BUSY, &lo->flags)) {
		prpc_wait_killable(lo->wait, !test_bit(PN4_LO_BUSY, &lo->flags),
				   PN4_FETCH_WAIT);
		return pn4_segment_find(lo, pos, io->write);
	}
	set_bit(PN4_LO_GETTING, &lo->flags);
	seg = pn4_segment_find(lo, pos, io->write);	/* since we looked */
	if (!seg && !pn4_fetch_rests(lo)) {
		pn4_fetch(lo, io, pos);
		seg = pn4_segment_find(lo, pos, io->write);
	}
	pn4_layout_unlock(lo);
	return seg;
}
