// SPDX-License-Identifier: GPL-2.0
/*
 * The only I/O engine: cut a pn4_io into pieces, send them, gather, retry.
 *
 * Pieces complete in softirq.  What must sleep (waiting for a slot again, for
 * recovery, a pause) goes through pn4_wq with the piece's own call, so that a
 * retry allocates nothing.
 */
#include <linux/sched/mm.h>
#include "codec_nfs3.h"
#include "internal.h"
#include "../../net/wait.h"

static void pn4_piece_done(struct pn4_call *c);

/* ---- gathering ---- */

static void pn4_io_error(struct pn4_io *io, u32 at, int error)
{
	unsigned long flags;

	spin_lock_irqsave(&io->lock, flags);
	if (at < io->hole) {
		io->hole = at;
		io->error = error;	/* the first one in file order */
	} else if (!io->error) {
		io->error = error;
	}
	spin_unlock_irqrestore(&io->lock, flags);
}

static void pn4_io_eof(struct pn4_io *io, u32 at)
{
	unsigned long flags;

	spin_lock_irqsave(&io->lock, flags);
	if (at < io->hole)
		io->hole = at;
	io->eof = true;
	spin_unlock_irqrestore(&io->lock, flags);
}

/* One piece less; the last one reports.  Any context. */
static void pn4_io_put(struct pn4_io *io)
{
	struct pn4_node *node = io->node;

	if (!atomic_dec_and_test(&io->pieces))
		return;
	io->result = min(io->hole, io->data.len);
	if (io->write) {
		io->committed = !io->error && !io->unpromised &&
				!io->ds_unpromised;
		if (!io->resend)
			io->stable_follows = !io->error && !io->committed;
		if (!io->error && !io->committed)
			pn4_commit_written(io);
		if (atomic_dec_and_test(&node->writes_in_flight) &&
		    /* waitqueue_active: ordered by the fully ordered dec */
		    waitqueue_active(&node->wait))
			wake_up_all(&node->wait);
	}
	io->done(io);
}

/* ---- one piece ---- */

static void pn4_piece_data(struct pn4_call *c, struct prpc_data *d)
{
	struct pn4_io *io = c->io;

	*d = io->data;
	d->skip += c->at;
	d->len = c->len;
	while (d->nr && d->skip >= d->bv->bv_len) {
		d->skip -= d->bv->bv_len;
		d->bv++;
		d->nr--;
	}
}

static void pn4_piece_encode(struct pn4_call *c, const struct pn4_stateid *sid)
{
	const struct pn4_fh *fh = c->target ? pn4_layout_fh(c) : &c->io->node->fh;
	struct pn4_io *io = c->io;
	u64 pos = io->pos + c->at + c->shift;
	bool nfs3 = c->client->nfs3;

	if (!nfs3)
		pn4_call_putfh(c, fh);
	if (io->write) {
		if (nfs3)
			pn3_enc_write(&c->rpc.enc, fh, pos, io->stable, c->len);
		else
			pn4_enc_write(pn4_op(c, PN4_OP_WRITE), sid, pos, io->stable,
				      c->len);
		if (io->patient)
			c->rpc.flags |= PRPC_PATIENT;
		c->rpc.out_at = pxdr_enc_len(&c->rpc.enc);
		pn4_piece_data(c, &c->rpc.out);
	} else {
		if (nfs3)
			pn3_enc_read(&c->rpc.enc, fh, pos, c->len);
		else
			pn4_enc_read(pn4_op(c, PN4_OP_READ), sid, pos, c->len);
		c->rpc.in_at = PRPC_REPLY_HEAD +
			       (nfs3 ? PN3_READ_DATA_AT : PN4_READ_DATA_AT);
		pn4_piece_data(c, &c->rpc.in);
	}
}

static int pn4_piece_start_ds(struct pn4_call *c)
{
	const struct cred *cred = pn4_layout_cred(c);

	if (!c->client->nfs3)
		return pn4_call_start(c, cred);
	return c->io->write ?
		pn3_call_start(c, PN3_PROC_WRITE, PN4_OP_WRITE, cred) :
		pn3_call_start(c, PN3_PROC_READ, PN4_OP_READ, cred);
}

/* Send piece @c.  On failure nothing is in flight and @c is still the caller's. */
static int pn4_piece_send(struct pn4_call *c)
{
	struct pn4_stateid sid;
	int err;

	if (c->target) {
		c->began = ktime_get_ns();
		err = pn4_piece_start_ds(c);
		pn4_layout_stateid(c, &sid);
	} else {
		err = pn4_call_start_open(c, c->io->open, c->io->cred, &sid);
	}
	if (err)
		return err;
	if (unlikely(READ_ONCE(c->io->aborted))) {
		pn4_slot_put(c);
		return -EINTR;
	}
	pn4_piece_encode(c, &sid);
	c->async = pn4_piece_done;
	pn4_call_submit(c);
	return 0;
}

static void pn4_piece_end(struct pn4_call *c)
{
	struct pn4_segment *seg = c->seg;
	struct pn4_io *io = c->io;

	pn4_call_put(c);
	if (seg)
		pn4_layout_end(seg);
	pn4_io_put(io);
}

/* Whose mount's figures @c counts in */
static struct pn4_client *pn4_piece_mds(const struct pn4_call *c)
{
	return c->io->node->vol->client;
}

/*
 * READ's data is placed before its length is known to be right, so what was
 * placed and what the head says must agree.  0: the piece is complete.
 */
static int pn4_read_reply(struct pn4_call *c)
{
	struct pn4_read_res res;
	int st = c->client->nfs3 ? pn3_dec_read(&c->dec, &res) :
				   pn4_dec_read(&c->dec, &res);

	if (st)
		return st;
	if (res.count > c->len || c->rpc.in_len < res.count ||
	    c->rpc.reply_len < c->rpc.in_at)
		return -EREMOTEIO;
	this_cpu_add(pn4_piece_mds(c)->stats->read_bytes, res.count);
	if (c->target)
		pn4_layout_done(c, res.count);
	if (res.eof && c->target && pn4_layout_striped(c)) {
		/* of this part only: the metadata server knows the whole */
		c->at += res.count;
		c->len -= res.count;
		return c->len ? -ENODATA : 0;
	}
	if (res.eof && res.count < c->len) {
		pn4_io_eof(c->io, c->at + res.count);
		return 0;
	}
	c->at += res.count;
	c->len -= res.count;
	if (res.eof)
		c->io->eof = true;
	if (!c->len)
		return 0;
	return res.count ? -EAGAIN : PN4ERR_DELAY;	/* short, not at the end */
}

static int pn4_write_reply(struct pn4_call *c)
{
	struct pn4_io *io = c->io;
	struct pn4_write_res res;
	unsigned long flags;
	int st = c->client->nfs3 ? pn3_dec_write(&c->dec, &res) :
				   pn4_dec_write(&c->dec, &res);

	if (st)
		return st;
	if (!res.count || res.count > c->len || res.committed < io->stable)
		return -EREMOTEIO;
	this_cpu_add(pn4_piece_mds(c)->stats->write_bytes, res.count);
	if (c->target) {
		pn4_layout_done(c, res.count);
		pn4_layout_wrote(c, &res);
	}
	spin_lock_irqsave(&io->lock, flags);
	if (res.committed == PN4_UNSTABLE && c->target &&
	    !pn4_layout_thru_mds(c)) {
		io->ds_unpromised = true;
	} else if (res.committed == PN4_UNSTABLE) {
		if (!io->unpromised)
			io->verifier = res.verf;
		else if (io->verifier != res.verf)
			io->torn = true;	/* restarted in between */
		io->unpromised = true;
	}
	spin_unlock_irqrestore(&io->lock, flags);
	c->at += res.count;
	c->len -= res.count;
	return c->len ? -EAGAIN : 0;
}

static void pn4_piece_work(struct work_struct *work)
{
	struct pn4_call *c = container_of(work, struct pn4_call, work);
	unsigned int nofs = memalloc_nofs_save();
	int st = c->status;

	c->unkillable = true;
	c->nowait = false;
	for (;;) {
		int cause = st;

		if (c->client->elder) {
			pn4_sibling_failed(c, st);
			c->nowait = false;
		} else if (!pn4_call_again(c, &st)) {
			if (!c->target)
				break;
			if (pn4_layout_failed(c, cause, true))
				goto out;
		}
		st = pn4_piece_send(c);
		if (!st)
			goto out;
	}
	pn4_io_error(c->io, c->at, st);
	pn4_piece_end(c);
out:
	memalloc_nofs_restore(nofs);
}

static void pn4_piece_done(struct pn4_call *c)
{
	int st = c->status;

	if (!st && !c->client->nfs3)
		st = pn4_dec_putfh(&c->dec);
	if (!st)
		st = c->io->write ? pn4_write_reply(c) : pn4_read_reply(c);
	if (likely(!st)) {
		pn4_piece_end(c);
		return;
	}
	if (st == -EREMOTEIO)
		pn4_count(c->client, PN4_N_BAD_REPLIES);
	c->status = st;
	c->nowait = false;
	INIT_WORK(&c->work, pn4_piece_work);
	queue_work(pn4_wq, &c->work);
}

/* ---- a whole io ---- */

/*
 * While lost unstable writes are sent again, new ones must not overtake them:
 * the older data could land on top of the newer.
 */
static int pn4_write_begin(struct pn4_io *io)
{
	struct pn4_node *node = io->node;

	for (;;) {
		atomic_inc(&node->writes_in_flight);
		/* counted before we look: the resender looks the other way round */
		smp_mb__after_atomic();
		if (likely(!test_bit(PN4_NODE_RESENDING, &node->flags)) ||
		    io->resend)
			return 0;
		if (atomic_dec_and_test(&node->writes_in_flight))
			wake_up_all(&node->wait);
		if (io->nowait)
			return -EAGAIN;
		if (prpc_wait_killable(node->wait,
				!test_bit(PN4_NODE_RESENDING, &node->flags),
				MAX_SCHEDULE_TIMEOUT) < 0) {
			if (io->killable)
				return -ERESTARTSYS;
			schedule_timeout_uninterruptible(HZ / 10);
		}
	}
}

static struct pn4_call *pn4_piece_new(struct pn4_io *io, u32 at, u32 len)
{
	struct pn4_volume *vol = io->node->vol;
	struct pn4_call *c = pn4_call_new_io(vol->client, vol);

	c->io = io;
	c->at = at;
	c->len = len;
	c->unkillable = !io->killable;
	c->nowait = io->nowait;
	return c;
}

static void pn4_io_reset(struct pn4_io *io)
{
	io->result = 0;
	io->error = 0;
	io->eof = false;
	io->committed = false;
	if (!io->resend)
		io->stable_follows = false;
	io->unpromised = false;
	io->ds_unpromised = false;
	io->ds_losses = pn4_layout_losses(io->node);
	io->torn = false;
	io->hole = U32_MAX;
	spin_lock_init(&io->lock);
	atomic_set(&io->pieces, 1);
}

/* Send the piece of @len bytes at @at, once.  1: and that does for all copies. */
static int pn4_io_piece(struct pn4_io *io, u32 at, u32 len,
			struct pn4_segment *seg, u32 copy)
{
	struct pn4_call *c = pn4_piece_new(io, at, len);
	bool aimed = seg && pn4_layout_aim(c, seg, copy);
	int err;

	if (copy)
		c->nowait = false;	/* half of a write is none */
	if (!aimed && !io->write)
		pn4_sibling_aim(c);
	atomic_inc(&io->pieces);
	err = pn4_piece_send(c);
	if (err && c->client->elder) {
		pn4_sibling_failed(c, err);
		err = pn4_piece_send(c);
	}
	if (err && c->target && err != -EAGAIN && err != -ERESTARTSYS) {
		pn4_layout_failed(c, err, false);
		aimed = false;
		err = pn4_piece_send(c);
	}
	if (!err)
		return !aimed;
	if (c->target)
		pn4_layout_end(c->seg);
	pn4_call_put(c);
	atomic_dec(&io->pieces);
	return err;
}

/*
 * Send what begins at @at; *@len: at most so many bytes, and how many it was;
 * *@sent: something is under way, also if this fails.
 */
static int pn4_io_part(struct pn4_io *io, u32 at, u32 *len, bool *sent)
{
	struct pn4_segment *seg = pn4_layout_begin(io, io->pos + at);
	u32 copy = 0, copies = 1;
	int err;

	if (seg) {
		*len = pn4_layout_len(seg, io->pos + at, *len, io->write);
		copies = pn4_layout_copies(seg, io->write);
	}
	do {
		err = pn4_io_piece(io, at, *len, seg, copy);
		if (err >= 0)
			*sent = true;
	} while (!err && ++copy < copies);
	if (seg)
		pn4_layout_end(seg);
	return min(err, 0);
}

int pn4_io_submit(struct pn4_io *io)
{
	struct pn4_volume *vol = io->node->vol;
	u32 max = io->write ? vol->wsize : vol->rsize;
	bool sent = false;
	u32 at = 0, len;
	int err;

	pn4_io_reset(io);
	if (io->write) {
		err = pn4_write_begin(io);
		if (err)
			return err;
	}
	do {
		len = min(io->data.len - at, max);
		err = pn4_io_part(io, at, &len, &sent);
		if (err)
			break;
		at += len;
	} while (at < io->data.len);

	if (err && !sent) {	/* nothing was sent: as if never called */
		if (io->write && atomic_dec_and_test(&io->node->writes_in_flight))
			wake_up_all(&io->node->wait);
		if (err == -EAGAIN || err == -ERESTARTSYS)
			return err;
		if (io->write)
			atomic_inc(&io->node->writes_in_flight);
	}
	if (err)
		pn4_io_error(io, at, err);
	pn4_io_put(io);
	return 0;
}

static void pn4_io_abort_one(struct pn4_client *cl, void *io)
{
	prpc_abort_data(cl->peer, &((struct pn4_io *)io)->data, -EINTR);
}

void pn4_io_abort(struct pn4_io *io)
{
	struct pn4_client *cl = io->node->vol->client;

	WRITE_ONCE(io->aborted, true);
	pn4_siblings_each(cl, pn4_io_abort_one, io);
	pn4_io_abort_one(cl, io);
}
