// SPDX-License-Identifier: GPL-2.0
/*
 * The end of layouts: recalled, of a closed file, of an inode that goes, revoked,
 * or forgotten by the server (RFC 8881 sections 12.5.5, 12.7, 20.3).  Here they are
 * killed; layoutreturn.c gives them back.
 */
#include "../../net/wait.h"
#include "layout.h"

#define PN4_BULK_POLL		(HZ / 20)

/* ---- CB_LAYOUTRECALL, CB_RECALL_ANY ---- */

static bool pn4_recall_meets(const struct pn4_layout *lo,
			     const struct pn4_cb_layoutrecall_args *a)
{
	const struct pn4_fsinfo *fs = &lo->vol->fs;

	if (lo->type != a->layout_type)
		return false;
	switch (a->recall_type) {
	case PN4_LAYOUTRECALL_FILE:
		return pn4_fh_equal(&lo->fh, &a->fh);
	case PN4_LAYOUTRECALL_FSID:
		return fs->fsid_major == a->fsid_major &&
		       fs->fsid_minor == a->fsid_minor;
	default:
		return true;
	}
}

/* Section 12.5.5.2: may the recall be about a layout whose reply is under way? */
static u32 pn4_recall_file(struct pn4_layout *lo,
			   const struct pn4_cb_layoutrecall_args *a)
{
	u64 end = a->length > U64_MAX - a->offset ? U64_MAX : a->offset + a->length;
	bool known;

	if (test_bit(PN4_LO_GETTING, &lo->flags))
		return PN4ERR_DELAY;
	spin_lock_irq(&lo->lock);
	known = lo->has_stateid && pn4_sid_same(&lo->stateid, &a->stateid);
	if (known && (s32)(a->stateid.seqid - lo->stateid.seqid) > 0)
		lo->stateid.seqid = a->stateid.seqid;
	spin_unlock_irq(&lo->lock);
	return known && pn4_layout_kill(lo, a->iomode, a->offset, end) ?
		0 : PN4ERR_NOMATCHING_LAYOUT;
}

static void pn4_recall_bulk(struct pn4_client *cl,
			    const struct pn4_cb_layoutrecall_args *a)
{
	struct pn4_layout_table *t = &cl->layouts;

	lockdep_assert_held(&t->lock);
	/* one of each kind at a time; the server asks again for more */
	t->bulk = *a;
	queue_delayed_work(pn4_wq, &t->bulk_work, 0);
}

/* CB_LAYOUTRECALL: the NFS status for the server. */
u32 pn4_layout_recall(struct pn4_client *cl,
		      const struct pn4_cb_layoutrecall_args *a)
{
	struct pn4_layout_table *t = &cl->layouts;
	u32 st = PN4ERR_NOMATCHING_LAYOUT;
	struct pn4_layout *lo;

	pn4_count(cl, PN4_N_LAYOUT_RECALLS);
	spin_lock(&t->lock);
	list_for_each_entry(lo, &t->layouts, link) {
		if (!pn4_recall_meets(lo, a))
			continue;
		if (a->recall_type == PN4_LAYOUTRECALL_FILE) {
			st = pn4_recall_file(lo, a);
			break;
		}
		if (test_bit(PN4_LO_GETTING, &lo->flags)) {
			st = PN4ERR_DELAY;
			break;
		}
		if (pn4_layout_kill(lo, a->iomode, 0, U64_MAX))
			st = 0;
	}
	if (!st && a->recall_type != PN4_LAYOUTRECALL_FILE)
		pn4_recall_bulk(cl, a);
	spin_unlock(&t->lock);
	return st;
}

/* CB_RECALL_ANY: a layout that is still needed is asked for again. */
void pn4_layout_keep(struct pn4_client *cl, u32 type_mask)
{
	struct pn4_layout_table *t = &cl->layouts;
	struct pn4_layout *lo;

	if (!(type_mask & (BIT(PN4_RCA_FILE_LAYOUT) | BIT(PN4_RCA_FF_READ) |
			   BIT(PN4_RCA_FF_RW))))
		return;
	spin_lock(&t->lock);
	list_for_each_entry(lo, &t->layouts, link)
		pn4_layout_kill_all(lo);
	spin_unlock(&t->lock);
}

/* ---- all of a file system, or of the server ---- */

/* 1: some are still to be returned; 0: none, and @fh is of that file system. */
static int pn4_bulk_left(struct pn4_layout_table *t, struct pn4_layoutreturn_args *a,
			 struct pn4_fh *fh)
{
	struct pn4_layout *lo;
	int left = 0;

	spin_lock(&t->lock);
	list_for_each_entry(lo, &t->layouts, link) {
		if (!pn4_recall_meets(lo, &t->bulk))
			continue;
		*fh = lo->fh;
		if (pn4_layout_dead(lo) || test_bit(PN4_LO_BUSY, &lo->flags))
			left = 1;
	}
	a->kind = t->bulk.recall_type;
	a->type = t->bulk.layout_type;
	if (!left)
		t->bulk.recall_type = 0;
	spin_unlock(&t->lock);
	return left;
}

/* When the last one is back, say so (RFC 8881 section 20.3.3). */
void pn4_layout_bulk_work(struct work_struct *work)
{
	struct pn4_client *cl = container_of(to_delayed_work(work),
					     struct pn4_client, layouts.bulk_work);
	struct pn4_layoutreturn_args a = { .iomode = PN4_IOMODE_ANY };
	struct pn4_stateid sid;
	struct pn4_fh fh = {};
	struct pn4_call *c;
	bool remains;
	int st;

	if (test_bit(PN4_CL_DEAD, &cl->state))
		return;
	if (pn4_bulk_left(&cl->layouts, &a, &fh)) {
		queue_delayed_work(pn4_wq, &cl->layouts.bulk_work, PN4_BULK_POLL);
		return;
	}
	c = a.kind ? pn4_call_new_io(cl, NULL) : NULL;
	if (!c)
		return;
	c->unkillable = true;
	pn4_for_each_try(c, cl->cred, st) {
		if (fh.len)
			pn4_call_putfh(c, &fh);
		else
			pn4_enc_putrootfh(pn4_op(c, PN4_OP_PUTROOTFH));
		pn4_enc_layoutreturn(pn4_op(c, PN4_OP_LAYOUTRETURN), &a);
		st = pn4_call_run(c);
		st = st ?: fh.len ? pn4_dec_putfh(&c->dec) :
				    pn4_dec_putrootfh(&c->dec);
		st = st ?: pn4_dec_layoutreturn(&c->dec, &sid, &remains);
	}
	pn4_call_put(c);
}

/* ---- the file or the inode goes ---- */

/*
 * Nobody has the file open any more.  @wait: until what has to go back with that
 * is back, killable.
 */
void pn4_layout_closed(struct pn4_node *node, bool wait)
{
	struct pn4_layout *lo = READ_ONCE(node->layout);

	if (!lo || !test_bit(PN4_LO_CLOSE, &lo->flags) ||
	    !list_empty_careful(&node->opens))
		return;
	pn4_layout_kill_all(lo);
	if (wait)
		prpc_wait_killable(lo->wait, !pn4_layout_dead(lo) &&
				   !test_bit(PN4_LO_BUSY, &lo->flags), PN4_DS_PATIENCE);
}

/* The inode goes. */
void pn4_layout_evict(struct pn4_node *node)
{
	struct pn4_layout_table *t = &node->vol->client->layouts;
	struct pn4_layout *lo = node->layout;

	if (likely(!lo))
		return;
	spin_lock(&t->lock);
	lo->node = NULL;
	node->layout = NULL;
	list_del_init(&lo->link);
	spin_unlock(&t->lock);
	pn4_layout_kill_all(lo);
	pn4_layout_kick(lo);	/* it may have to LAYOUTCOMMIT without segments */
	pn4_layout_put(lo);
}

/* ---- revoked or forgotten ---- */

static void pn4_layout_lose(struct pn4_layout *lo)
{
	struct pn4_segment *seg;

	spin_lock_irq(&lo->lock);
	if (lo->has_stateid)
		pn4_count(lo->vol->client, PN4_N_LAYOUTS_LOST);
	lo->has_stateid = false;
	lo->nr_errors = 0;
	lo->losses++;		/* what data servers have not promised is sent again */
	list_for_each_entry(seg, &lo->segments, link)
		seg->dead = true;
	set_bit(PN4_LO_RETURN, &lo->flags);
	spin_unlock_irq(&lo->lock);
	pn4_layout_kick(lo);
}

/* One that this round has not asked about, referenced, and its state id. */
static struct pn4_layout *pn4_layout_untested(struct pn4_client *cl,
					      struct pn4_stateid *sid)
{
	struct pn4_layout_table *t = &cl->layouts;
	struct pn4_layout *lo, *found = NULL;

	spin_lock(&t->lock);
	list_for_each_entry(lo, &t->layouts, link) {
		spin_lock_irq(&lo->lock);
		if (lo->has_stateid && lo->tested != cl->test_round)
			found = lo;
		lo->tested = cl->test_round;
		*sid = lo->stateid;
		spin_unlock_irq(&lo->lock);
		if (!found)
			continue;
		refcount_inc(&found->ref);
		break;
	}
	spin_unlock(&t->lock);
	return found;
}

/*
 * The server has revoked some state: acknowledge what layouts were among it, and
 * forget them.  The recovery worker's; 0, or what stopped it.
 */
int pn4_layouts_test(struct pn4_client *cl)
{
	struct pn4_stateid sid;
	struct pn4_layout *lo;
	u32 status;
	int st = 0;

	while (!st && (lo = pn4_layout_untested(cl, &sid))) {
		status = 0;
		st = pn4_stateid_test(cl, lo->cred, &sid, &status);
		if (!st && status)
			st = pn4_stateid_free(cl, lo->cred, &sid);
		if (!st && status)
			pn4_layout_lose(lo);
		if (st && !pn4_recover_again(st))
			st = 0;
		pn4_layout_put(lo);
	}
	return st;
}

/* The metadata server has forgotten us: its layouts do not survive (section 12.7.4). */
void pn4_layouts_lose(struct pn4_client *cl)
{
	struct pn4_layout_table *t = &cl->layouts;
	struct pn4_layout *lo;

	spin_lock(&t->lock);
	list_for_each_entry(lo, &t->layouts, link)
		pn4_layout_lose(lo);
	spin_unlock(&t->lock);
	pn4_devices_forget(cl, NULL);
}
