// SPDX-License-Identifier: GPL-2.0
/*
 * One compound: begin, add operations, run or submit, decide about a retry.
 *
 *	c = pn4_call_new(...);
 *	pn4_for_each_try(c, cred, st) {		// takes a slot, writes SEQUENCE
 *		... encode ...
 *		st = pn4_call_run(c);		// sends, waits, reads SEQUENCE
 *		... st = st ?: pn4_dec_...(&c->dec, ...);
 *	}					// st is 0 or -errno
 *	pn4_call_put(c);
 *
 * Everything is encoded anew for each try: state ids, the session and the
 * minor version may have changed through recovery.
 */
#include <linux/mm.h>
#include "internal.h"
#include "fault.h"
#include "../../net/wait.h"

#define PN4_IO_SEND	640
#define PN4_IO_REPLY	512
#define PN4_POOL_MIN	64
#define PN4_REPEAT_MAX	500		/* of a call that is being worked on */
#define PN4_LOSSES_MAX	5		/* connections a mount's call may lose */
#define PN4_TRIES_MAX	64		/* recoveries one operation may ask for */

static struct kmem_cache *pn4_call_cache;	/* with I/O sized buffers */
static mempool_t *pn4_call_pool;

/* pn4_call.phase */
enum { PN4_PHASE_BUSY, PN4_PHASE_DONE, PN4_PHASE_ORPHAN };

static void pn4_call_setup(struct pn4_call *c, struct pn4_client *cl,
			   struct pn4_volume *vol)
{
	refcount_set(&c->ref, 1);
	c->client = cl;
	c->vol = vol;
	init_completion(&c->done);
}

/*
 * A call with room for @send_size bytes of arguments and @reply_size bytes of
 * results.  NULL if there is no memory.
 */
struct pn4_call *pn4_call_new(struct pn4_client *cl, struct pn4_volume *vol,
			      u32 send_size, u32 reply_size)
{
	u32 ssize = PRPC_HEADER_MAX + PN4_FRAME_MAX + ALIGN(send_size, 8);
	u32 rsize = PN4_FRAME_MAX + ALIGN(reply_size, 8);
	struct pn4_call *c = kvzalloc(sizeof(*c), GFP_NOFS);

	if (!c)
		return NULL;
	c->sbuf = kvmalloc(ssize + rsize, GFP_NOFS);
	if (!c->sbuf) {
		kvfree(c);
		return NULL;
	}
	c->rbuf = c->sbuf + ssize;
	c->ssize = ssize;
	c->rsize = rsize;
	pn4_call_setup(c, cl, vol);
	return c;
}

/* A call for READ, WRITE, COMMIT or CLOSE.  Waits for memory, never fails. */
struct pn4_call *pn4_call_new_io(struct pn4_client *cl, struct pn4_volume *vol)
{
	struct pn4_call *c = mempool_alloc(pn4_call_pool, GFP_NOFS);

	memset(c, 0, sizeof(*c));
	c->sbuf = c + 1;
	c->rbuf = c->sbuf + PN4_IO_SEND;
	c->ssize = PN4_IO_SEND;
	c->rsize = PN4_IO_REPLY;
	c->pooled = true;
	pn4_call_setup(c, cl, vol);
	return c;
}

void pn4_call_put(struct pn4_call *c)
{
	if (!c || !refcount_dec_and_test(&c->ref))
		return;
	WARN_ON_ONCE(c->has_slot);
	if (c->pooled) {
		mempool_free(c, pn4_call_pool);
		return;
	}
	kvfree(c->sbuf);
	kvfree(c);
}

/* The error with which every call of an aborted volume ends, or 0. */
int pn4_volume_error(struct pn4_volume *vol)
{
	return READ_ONCE(vol->dead) ? -EIO : 0;
}

/* Has @c waited long enough? */
bool pn4_call_late(const struct pn4_call *c)
{
	if (!c->give_up || !time_after(jiffies, c->give_up))
		return false;
	return !c->hopeful || time_after(jiffies, c->give_up + PRPC_HOPE) ||
	       !prpc_peer_heard(c->client->peer);
}

static int pn4_call_rpc(struct pn4_call *c, u32 proc, const struct cred *cred)
{
	int err = c->vol ? pn4_volume_error(c->vol) : 0;

	if (err)
		return err;
	prpc_call_init(&c->rpc, c->client->peer, proc, cred, c->sbuf, c->ssize);
	c->rpc.reply = c->rbuf;
	c->rpc.reply_size = c->rsize;
	c->rpc.tag = c->vol ? (void *)c->vol : c->client;
	c->rpc.deadline = c->give_up;
	if (c->hopeful)
		c->rpc.flags |= PRPC_HOPEFUL;
	if (c->impatient || c->client->elder)
		c->rpc.flags |= PRPC_NO_RESEND;
	c->nops = 0;
	c->status = 0;
	c->phase = PN4_PHASE_BUSY;
	c->nops_place = NULL;
	return 0;
}

/* Begin a compound without SEQUENCE: the calls that make clients and sessions. */
int pn4_call_start_bare(struct pn4_call *c, const struct cred *cred)
{
	int err = pn4_call_rpc(c, PN4_PROC_COMPOUND, cred);

	if (!err)
		c->nops_place = pn4_enc_compound(&c->rpc.enc, c->client->minor);
	return err;
}

/*
 * Begin procedure @proc of an NFSv3 data server; @op: what it counts as.  There is
 * no session: slots only bound the number of calls.  Errors as pn4_call_start().
 */
int pn3_call_start(struct pn4_call *c, u32 proc, u32 op, const struct cred *cred)
{
	int err = pn4_slot_get(c);

	if (err)
		return err;
	err = pn4_call_rpc(c, proc, cred);
	if (err)
		pn4_slot_put(c);
	c->first_op = op;
	return err;
}

/*
 * Take a slot and begin a compound with SEQUENCE.  0, or the errors of
 * pn4_slot_get(); nothing is held then.
 */
int pn4_call_start(struct pn4_call *c, const struct cred *cred)
{
	struct pn4_sequence_args seq = { .cachethis = c->cachethis };
	int err;

	if (!c->give_up && c->vol && c->vol->soft_timeout)
		c->give_up = (jiffies + c->vol->soft_timeout * HZ) | 1;
	err = pn4_slot_get(c);
	if (err)
		return err;
	err = pn4_call_start_bare(c, cred);
	if (err) {
		pn4_slot_put(c);
		return err;
	}
	c->used_client = READ_ONCE(c->client->state_gen);
	c->used_gen = c->open ? READ_ONCE(c->open->gen) : c->used_client;
	memcpy(seq.sessionid, c->client->session.id, sizeof(seq.sessionid));
	seq.slotid = c->slot;
	seq.sequenceid = c->seq;
	seq.highest_slotid = c->highest;
	pn4_enc_sequence(pn4_op(c, PN4_OP_SEQUENCE), &seq);
	return 0;
}

void pn4_call_putfh(struct pn4_call *c, const struct pn4_fh *fh)
{
	pn4_enc_putfh(pn4_op(c, PN4_OP_PUTFH), fh);
}

/* ---- completion ---- */

/* SEQUENCE's part of the reply; the slot's fate is decided here. */
static int pn4_call_sequence(struct pn4_call *c)
{
	struct pn4_sequence_res res;
	int st = pn4_dec_sequence(&c->dec, &res);

	if (st == PN4ERR_SEQ_MISORDERED && pn4_slot_unskip(c))
		return -EAGAIN;		/* it never saw the call before this */
	if (st == PN4ERR_DELAY)
		return -EINPROGRESS;	/* see pn4_call_repeat() */
	if (st > 0) {
		if (st == PN4ERR_RETRY_UNCACHED_REP)
			pn4_slot_skip(c);
		return st;
	}
	if (!st && (res.slotid != c->slot ||
		    memcmp(res.sessionid, c->client->session.id,
			   sizeof(res.sessionid))))
		st = -EREMOTEIO;
	if (st) {
		pn4_slot_skip(c);
		return st;
	}
	pn4_slot_reply(c, &res);
	WRITE_ONCE(c->client->last_renewal, jiffies);
	/* a sibling's are no news: they are the elder's, or for lack of a back channel */
	if (unlikely(res.status_flags) && !c->client->elder)
		pn4_recover_flags(c->client, res.status_flags);
	return 0;
}

static bool pn4_later(u32 status)
{
	enum pn4_class class = pn4_error(status)->class;

	return class == PN4_CLASS_DELAY || class == PN4_CLASS_GRACE;
}

/* Status of the RPC, the compound's frame and SEQUENCE.  softirq. */
static int pn4_call_finish(struct pn4_call *c)
{
	u32 status, nops;
	int st = c->rpc.error;

	if (st) {
		if (c->has_slot && c->rpc.sends)
			pn4_slot_skip(c);
		return st;
	}
	prpc_reply(&c->rpc, &c->dec);
	if (!c->nops_place)	/* NFSv3 */
		return 0;
	st = pn4_dec_compound(&c->dec, &status, &nops);
	if (!st && !nops)	/* refused as a whole: minor version, op limit */
		st = status ? status : -EREMOTEIO;
	else if (!st && c->has_slot)
		st = pn4_call_sequence(c);
	if (unlikely(c->paced) && st >= 0 && !pn4_later(st ?: status)) {
		c->paced = false;
		pn4_pace_answered(c->client);
	}
	if (unlikely(st == -EREMOTEIO))
		pn4_count(c->client, PN4_N_BAD_REPLIES);
	return st;
}

void pn4_late_put(struct pn4_volume *vol)
{
	struct pn4_client *cl = vol->client;

	/*
	 * The unmounter may free the volume once it sees 0, and after that the
	 * client: RCU keeps the wait queue's memory while it is woken.
	 */
	rcu_read_lock();
	if (atomic_dec_and_test(&vol->late))
		wake_up_all(&cl->wait);
	rcu_read_unlock();
}

static void pn4_call_late_put(struct pn4_call *c)
{
	struct pn4_volume *vol = c->vol;

	pn4_call_put(c);
	if (vol)
		pn4_late_put(vol);
}

static void pn4_call_orphan_work(struct work_struct *work)
{
	struct pn4_call *c = container_of(work, struct pn4_call, work);

	c->orphan(c);
	pn4_call_late_put(c);
}

/* Its waiter is gone; see to it without sleeping here. */
static void pn4_call_orphaned(struct pn4_call *c)
{
	if (!c->orphan) {
		pn4_call_late_put(c);
		return;
	}
	INIT_WORK(&c->work, pn4_call_orphan_work);
	queue_work(pn4_wq, &c->work);
}

/* c->status is known and the slot is free: whoever waits shall go on. */
void pn4_call_end(struct pn4_call *c)
{
	if (c->async) {
		c->async(c);
		return;		/* the reference went along */
	}
	if (cmpxchg(&c->phase, PN4_PHASE_BUSY, PN4_PHASE_DONE) ==
	    PN4_PHASE_ORPHAN) {
		pn4_call_orphaned(c);
		return;
	}
	complete(&c->done);
	pn4_call_put(c);
}

static void pn4_call_done(struct prpc_call *rpc);

static void pn4_call_repeat_work(struct work_struct *work)
{
	struct pn4_call *c = container_of(to_delayed_work(work),
					  struct pn4_call, repeat);
	int err = c->vol ? pn4_volume_error(c->vol) : 0;

	if (!err && test_bit(PN4_CL_DEAD, &c->client->state))
		err = -EIO;
	if (!err && pn4_call_late(c))
		err = -ETIMEDOUT;
	if (!err) {
		prpc_submit(&c->rpc);
		return;
	}
	c->rpc.error = err;
	pn4_call_done(&c->rpc);
}

/*
 * SEQUENCE said NFS4ERR_DELAY: as a rule the call was sent again after a loss
 * and the server still works on the first one.  The same request goes out once
 * more in the same slot (RFC 8881 section 15.1.1.3); in another one it would
 * run twice.
 */
static void pn4_call_repeat(struct pn4_call *c)
{
	c->delay_ms = clamp_t(unsigned int, c->delay_ms * 2, PN4_DELAY_MIN,
			      PN4_REPEAT_MAX);
	pn4_count(c->client, PN4_N_DELAYS);
	INIT_DELAYED_WORK(&c->repeat, pn4_call_repeat_work);
	queue_delayed_work(pn4_wq, &c->repeat, msecs_to_jiffies(c->delay_ms));
}

static void pn4_call_done(struct prpc_call *rpc)
{
	struct pn4_call *c = container_of(rpc, struct pn4_call, rpc);

	c->status = pn4_call_finish(c);
	if (c->status == -EINPROGRESS) {
		pn4_call_repeat(c);
		return;
	}
	pn4_slot_put(c);
	if (!pn4_fault_answered(c))
		pn4_call_end(c);
}

/*
 * Send an encoded compound.  With c->async set, the caller's reference goes
 * to it; it is called in every case, perhaps before this returns.  Otherwise
 * pn4_call_run() is what to use.
 */
void pn4_call_submit(struct pn4_call *c)
{
	struct pn4_client *cl = c->client;

	this_cpu_inc(cl->stats->ops[c->first_op]);
	if (c->nops_place)
		pn4_enc_compound_end(c->nops_place, c->nops);
	c->rpc.done = pn4_call_done;
	if (unlikely(c->rpc.enc.overflow)) {
		c->rpc.error = -EMSGSIZE;
		pn4_call_done(&c->rpc);
		return;
	}
	if (!pn4_fault_submit(c))
		prpc_submit(&c->rpc);
}

/*
 * Send and wait.  0: the reply is there and SEQUENCE was fine, c->dec stands
 * behind it.  > 0: NFS status of SEQUENCE or of the compound; < 0: -errno.
 * -ERESTARTSYS: the waiter was killed; the call lives on without it.
 */
int pn4_call_run(struct pn4_call *c)
{
	reinit_completion(&c->done);
	refcount_inc(&c->ref);
	pn4_call_submit(c);
	if (!prpc_wait_done(&c->done))
		return c->status;
	if (c->unkillable) {
		wait_for_completion(&c->done);
		return c->status;
	}
	if (c->vol)
		pn4_late_get(c->vol);
	if (cmpxchg(&c->phase, PN4_PHASE_BUSY, PN4_PHASE_ORPHAN) == PN4_PHASE_BUSY)
		return -ERESTARTSYS;
	if (c->vol)
		pn4_late_put(c->vol);
	return c->status;
}

/* ---- what to do about a failure ---- */

/* A recovery that did not help must not be asked for in a tight loop. */
static int pn4_call_recovered(struct pn4_call *c, int fail)
{
	if (++c->tries > PN4_TRIES_MAX)
		return fail;
	return c->tries > 1 ? pn4_call_pause(c) : 0;
}

/*
 * Decide about status @st of one try.  True: go round again.  False: *st is
 * final, 0 or -errno.  Privileged calls (recovery) get their status back raw
 * unless a mere pause helps.  May sleep.
 */
bool pn4_call_again(struct pn4_call *c, int *st)
{
	const struct pn4_error *e;
	int err = 0;

	if (*st == 0)
		return false;
	if (*st == -EAGAIN && !c->nowait)
		return true;
	if (*st == -ENOTCONN && c->impatient && c->losses++ < PN4_LOSSES_MAX) {
		*st = pn4_call_pause(c) ?: *st;
		return *st == -ENOTCONN;
	}
	if (*st < 0)
		return false;
	e = pn4_error(*st);
	switch (e->class) {
	case PN4_CLASS_RETRY:
		err = pn4_call_recovered(c, e->err);
		break;
	case PN4_CLASS_DELAY:
	case PN4_CLASS_GRACE:
		pn4_count(c->client, PN4_N_DELAYS);
		err = pn4_call_pause(c);
		break;
	case PN4_CLASS_SESSION:
		if (c->privileged)
			return false;
		pn4_recover_session(c->client, c->session_gen);
		err = pn4_call_recovered(c, e->err);
		break;
	case PN4_CLASS_CLIENT:
		if (c->privileged)
			return false;
		pn4_recover_client(c->client, c->used_client);
		err = pn4_call_recovered(c, e->err);
		break;
	case PN4_CLASS_BACKCHANNEL:
		pn4_protect_unbound(c);
		err = pn4_call_recovered(c, e->err);
		break;
	case PN4_CLASS_MOVED:
		if (c->privileged)
			return false;
		/* a data server knows nothing of file systems */
		if (c->vol && c->vol->client == c->client && !c->may_be_away)
			pn4_moved(c->vol);
		err = e->err;
		break;
	case PN4_CLASS_STATEID:
		if (c->privileged)
			return false;
		if (!c->open)
			err = e->err;
		else
			pn4_recover_open(c->open, c->used_gen);
		err = err ?: pn4_call_recovered(c, e->err);
		break;
	default:
		if (c->privileged)
			return false;
		err = e->err;
		break;
	}
	if (!err)
		return true;
	*st = err;
	return false;
}

/*
 * The slab allocator leaves objects with a constructor alone; without one a
 * kernel that zeroes what it allocates would do so with each call's buffers.
 */
static void pn4_call_ctor(void *object)
{
}

/* mempool_create_slab_pool() takes no cache that has a constructor. */
static void *pn4_call_alloc(gfp_t gfp, void *cache)
{
	return kmem_cache_alloc(cache, gfp);
}

static void pn4_call_free(void *object, void *cache)
{
	kmem_cache_free(cache, object);
}

int pn4_compound_init(void)
{
	pn4_call_cache = kmem_cache_create("penstock_call",
			sizeof(struct pn4_call) + PN4_IO_SEND + PN4_IO_REPLY,
			0, SLAB_HWCACHE_ALIGN, pn4_call_ctor);
	if (!pn4_call_cache)
		return -ENOMEM;
	pn4_call_pool = mempool_create(PN4_POOL_MIN, pn4_call_alloc,
				       pn4_call_free, pn4_call_cache);
	if (!pn4_call_pool) {
		kmem_cache_destroy(pn4_call_cache);
		return -ENOMEM;
	}
	return 0;
}

void pn4_compound_exit(void)
{
	mempool_destroy(pn4_call_pool);
	kmem_cache_destroy(pn4_call_cache);
}
