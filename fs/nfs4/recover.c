// SPDX-License-Identifier: GPL-2.0
/*
 * One worker per client gets lost state back.  While it runs, calls other than
 * its own take no slots.
 *
 *	READY --session lost-----> NEED_SESSION --CREATE_SESSION--> READY
 *	                               | STALE_CLIENTID
 *	READY --client id lost--> NEED_CLIENTID --EXCHANGE_ID--> NEED_SESSION
 *	                           (then all opens are lost:) NEED_OPENS
 *	READY --state id lost--> NEED_OPENS --OPEN (reclaim)--> READY
 *	a new client id: RECLAIM_COMPLETE after the opens that can be reclaimed,
 *	                 then the others are opened anew, then READY
 *	READY --some state revoked--> NEED_TEST --TEST_STATEID--> READY, NEED_OPENS
 *	READY --no callbacks--> NEED_BIND --BIND_CONN_TO_SESSION--> READY
 *
 * Every failed round is followed by a pause that grows; the worker ends only
 * with READY or with the client (PN4_CL_DEAD).
 */
#include "host.h"
#include "internal.h"

#define PN4_RECOVER_PAUSE_MAX	(10 * HZ)
#define PN4_BIND_PAUSE		(10 * HZ)	/* between binds that do not help */

/* Calls may take slots again. */
void pn4_ready(struct pn4_client *cl)
{
	set_bit(PN4_CL_READY, &cl->state);
	/* set before the queue is looked at */
	smp_mb__after_atomic();
	wake_up_all(&cl->wait);
}

void pn4_recover_start(struct pn4_client *cl, int need)
{
	if (test_bit(PN4_CL_DEAD, &cl->state))
		return;
	if (need == PN4_CL_NEED_BIND &&
	    time_before(jiffies, cl->last_bind + PN4_BIND_PAUSE))
		return;
	set_bit(need, &cl->state);
	if (need != PN4_CL_NEED_BIND && need != PN4_CL_NEED_TEST)
		clear_bit(PN4_CL_READY, &cl->state);
	queue_work(pn4_state_wq, &cl->recover_work);
}

/* The session of generation @session_gen is of no use; any context. */
void pn4_recover_session(struct pn4_client *cl, u32 session_gen)
{
	if (READ_ONCE(cl->session.gen) == session_gen)
		pn4_recover_start(cl, PN4_CL_NEED_SESSION);
}

void pn4_recover_client(struct pn4_client *cl, u32 state_gen)
{
	if (READ_ONCE(cl->state_gen) == state_gen)
		pn4_recover_start(cl, PN4_CL_NEED_CLIENTID);
}

/* The server does not know the state of @open that a call of @gen used. */
void pn4_recover_open(struct pn4_open *open, u32 gen)
{
	struct pn4_node *node = READ_ONCE(open->node);
	bool lost = false;

	if (!node)
		return;
	spin_lock_irq(&node->lock);
	if (open->gen == gen && !open->error) {
		lost = true;
		if (open->local)
			pn4_deleg_lose(node);
		else
			open->lost = true;
	}
	spin_unlock_irq(&node->lock);
	if (lost)
		pn4_recover_start(open->vol->client, PN4_CL_NEED_OPENS);
}

/* sr_status_flags (RFC 8881 section 18.46.3).  softirq. */
void pn4_recover_flags(struct pn4_client *cl, u32 flags)
{
	if (flags & PN4_SEQ_RESTART_RECLAIM_NEEDED) {
		clear_bit(PN4_CL_RECLAIMED, &cl->state);
		set_bit(PN4_CL_LOST_ALL, &cl->state);
		pn4_recover_start(cl, PN4_CL_NEED_OPENS);
	} else if (flags & PN4_SEQ_EXPIRED_ALL_STATE_REVOKED) {
		set_bit(PN4_CL_LOST_ALL, &cl->state);
		pn4_recover_start(cl, PN4_CL_NEED_OPENS);
	}
	pn4_revoked_flags(cl, flags);
	if (flags & (PN4_SEQ_DEVID_CHANGED | PN4_SEQ_DEVID_DELETED))
		pn4_devices_doubt(cl);
	if (flags & (PN4_SEQ_CB_PATH_DOWN | PN4_SEQ_CB_PATH_DOWN_SESSION |
		     PN4_SEQ_BACKCHANNEL_FAULT))
		pn4_recover_start(cl, PN4_CL_NEED_BIND);
}

/* Does status @st of a step mean that a more basic one has to be repeated? */
bool pn4_recover_again(int st)
{
	int class = st > 0 ? pn4_error(st)->class : PN4_CLASS_DONE;

	return st < 0 || class == PN4_CLASS_SESSION || class == PN4_CLASS_CLIENT;
}

/* A call of the recovery worker, which needs no READY and cannot be killed; or NULL. */
struct pn4_call *pn4_recover_call(struct pn4_client *cl, u32 send_size,
				  u32 reply_size)
{
	struct pn4_call *c = pn4_call_new(cl, NULL, send_size, reply_size);

	if (c) {
		c->privileged = true;
		c->unkillable = true;
	}
	return c;
}

/* ---- opens ---- */

static void pn4_recover_lose_node(struct pn4_node *node)
{
	struct pn4_open *open;

	spin_lock_irq(&node->lock);
	list_for_each_entry(open, &node->opens, link) {
		open->no_reclaim = false;
		if (!open->error && !open->local)
			open->lost = true;
	}
	spin_unlock_irq(&node->lock);
}

static void pn4_recover_lose_all(struct pn4_client *cl)
{
	struct pn4_volume *vol;
	struct pn4_node *node;

	pn4_layouts_lose(cl);
	pn4_delegs_lose(cl);	/* which local opens live by */
	spin_lock(&cl->lock);
	list_for_each_entry(vol, &cl->volumes, client_link) {
		spin_lock(&vol->lock);
		list_for_each_entry(node, &vol->nodes, vol_link)
			pn4_recover_lose_node(node);
		spin_unlock(&vol->lock);
	}
	spin_unlock(&cl->lock);
}

/* An open of @node that is @due, with @get referenced. */
static struct pn4_open *pn4_recover_find(struct pn4_client *cl,
					 struct pn4_node *node, pn4_due_t due,
					 bool get)
{
	struct pn4_open *open, *found = NULL;

	spin_lock_irq(&node->lock);
	list_for_each_entry(open, &node->opens, link) {
		if (!due(cl, open) || !refcount_read(&open->ref))
			continue;
		if (get && !refcount_inc_not_zero(&open->ref))
			continue;
		found = open;
		break;
	}
	spin_unlock_irq(&node->lock);
	return found;
}

/*
 * A node with opens that are @due, pinned: the file may be closed for good while
 * the worker is busy with them.
 */
static struct pn4_node *pn4_recover_next(struct pn4_client *cl, pn4_due_t due)
{
	struct pn4_node *node, *found = NULL;
	struct pn4_volume *vol;

	spin_lock(&cl->lock);
	list_for_each_entry(vol, &cl->volumes, client_link) {
		spin_lock(&vol->lock);
		list_for_each_entry(node, &vol->nodes, vol_link) {
			if (vol->dead)
				break;
			if (pn4_recover_find(cl, node, due, false) &&
			    pn4_host_pin(node)) {
				found = node;
				break;
			}
		}
		spin_unlock(&vol->lock);
		if (found)
			break;
	}
	spin_unlock(&cl->lock);
	return found;
}

/*
 * Have @one look at every open that is @due (asked under node->lock), and which
 * is due no more afterwards, until there is none or @one does not give 0.  The
 * recovery worker's.
 */
int pn4_recover_each(struct pn4_client *cl, pn4_due_t due,
		     int (*one)(struct pn4_open *open))
{
	struct pn4_node *node;
	struct pn4_open *open;
	int st = 0;

	while (!st && !test_bit(PN4_CL_DEAD, &cl->state) &&
	       (node = pn4_recover_next(cl, due))) {
		open = pn4_recover_find(cl, node, due, true);
		if (open) {
			st = one(open);
			pn4_open_put(open);
		}
		pn4_host_unpin(node);
	}
	return st;
}

/* The server will not give it back: whoever uses it shall know. */
static void pn4_recover_give_up(struct pn4_open *open, int st)
{
	struct pn4_node *node = open->node;

	pn4_count(open->vol->client, PN4_N_LOST);
	if (!node)
		return;
	pn4_host_warn(node, open->vol->name,
		      "an open file lost its state at the server (%s); its users get %s",
		      st > 0 ? pn4_status_name(st) : "no answer",
		      st == PN4ERR_STALE ? "ESTALE" : "EIO");
	spin_lock_irq(&node->lock);
	open->lost = false;
	open->error = st == PN4ERR_STALE ? -ESTALE : -EIO;
	spin_unlock_irq(&node->lock);
}

/* A lost open that can be got back now */
static bool pn4_recover_due(struct pn4_client *cl, const struct pn4_open *open)
{
	return open->lost && (!open->no_reclaim ||
			      test_bit(PN4_CL_RECLAIMED, &cl->state));
}

static int pn4_recover_one(struct pn4_open *open)
{
	int st = pn4_open_reclaim(open);

	if (st <= 0 || pn4_recover_again(st))
		return st;
	pn4_recover_give_up(open, st);
	return 0;
}

/* 0, or the NFS status or -errno that stopped it. */
static int pn4_recover_opens(struct pn4_client *cl)
{
	int st;

	clear_bit(PN4_CL_NEED_OPENS, &cl->state);
	/* what is lost from now on sets it again */
	smp_mb__after_atomic();
	if (test_and_clear_bit(PN4_CL_LOST_ALL, &cl->state))
		pn4_recover_lose_all(cl);
	st = pn4_delegs_recover(cl);
	st = st ?: pn4_recover_each(cl, pn4_recover_due, pn4_recover_one);
	if (st)
		set_bit(PN4_CL_NEED_OPENS, &cl->state);
	return st;
}

/* ---- the steps ---- */

static int pn4_recover_clientid(struct pn4_client *cl)
{
	u64 before = cl->clientid;
	int err = pn4_client_exchange(cl);

	if (err)
		return err;
	clear_bit(PN4_CL_NEED_CLIENTID, &cl->state);
	set_bit(PN4_CL_NEED_SESSION, &cl->state);
	if (cl->clientid != before) {
		cl->state_gen++;
		clear_bit(PN4_CL_RECLAIMED, &cl->state);
		set_bit(PN4_CL_LOST_ALL, &cl->state);
		set_bit(PN4_CL_NEED_OPENS, &cl->state);
	}
	return 0;
}

static int pn4_recover_new_session(struct pn4_client *cl)
{
	int st = pn4_client_session(cl);

	if (!st)
		clear_bit(PN4_CL_NEED_SESSION, &cl->state);
	else if (st > 0)	/* whatever it is, start from the client id */
		set_bit(PN4_CL_NEED_CLIENTID, &cl->state);
	return st;
}

static int pn4_recover_bind(struct pn4_client *cl)
{
	int st;

	/* before the call: another connection may come up meanwhile */
	WRITE_ONCE(cl->last_bind, jiffies);
	clear_bit(PN4_CL_NEED_BIND, &cl->state);
	st = pn4_backchannel_bind(cl);
	/* no back channel to be had: what cannot be recalled is not kept */
	if (st > 0 && pn4_error(st)->class == PN4_CLASS_FAIL)
		pn4_deleg_keep(cl, 0, U32_MAX);
	return st > 0 && pn4_error(st)->class == PN4_CLASS_FAIL ? 0 : st;
}

static int pn4_recover_complete(struct pn4_client *cl)
{
	int st = pn4_client_reclaim_complete(cl);

	if (!st) {
		set_bit(PN4_CL_RECLAIMED, &cl->state);
		/* those with no_reclaim, if there are any */
		set_bit(PN4_CL_NEED_OPENS, &cl->state);
	}
	return st;
}

/* The most basic thing that is missing.  1: nothing is; else as above. */
static int pn4_recover_step(struct pn4_client *cl)
{
	if (test_bit(PN4_CL_NEED_CLIENTID, &cl->state))
		return pn4_recover_clientid(cl);
	if (test_bit(PN4_CL_NEED_SESSION, &cl->state))
		return pn4_recover_new_session(cl);
	if (test_bit(PN4_CL_NEED_OPENS, &cl->state))
		return pn4_recover_opens(cl);
	if (!test_bit(PN4_CL_RECLAIMED, &cl->state))
		return pn4_recover_complete(cl);
	if (test_bit(PN4_CL_NEED_TEST, &cl->state))
		return pn4_revoked_check(cl);
	if (test_bit(PN4_CL_NEED_BIND, &cl->state))
		return pn4_recover_bind(cl);
	return 1;
}

/* What a failed step asks for. */
static void pn4_recover_failed(struct pn4_client *cl, int st)
{
	int class = st > 0 ? pn4_error(st)->class : PN4_CLASS_FAIL;

	if (class == PN4_CLASS_SESSION)
		set_bit(PN4_CL_NEED_SESSION, &cl->state);
	else if (class == PN4_CLASS_CLIENT)
		set_bit(PN4_CL_NEED_CLIENTID, &cl->state);
}

static void pn4_recover_pause(struct pn4_client *cl, int st)
{
	unsigned int n = min(cl->recover_tries++, 10U);

	if (n == 3)
		pr_warn("penstock: %s: state recovery fails (%s %d), trying on\n",
			cl->name, st > 0 ? pn4_status_name(st) : "error", st);
	wait_event_timeout(cl->wait, test_bit(PN4_CL_DEAD, &cl->state),
			   min_t(unsigned long, PN4_RECOVER_PAUSE_MAX,
				 msecs_to_jiffies(20U << n)));
}

static void pn4_recover_work(struct work_struct *work)
{
	struct pn4_client *cl = container_of(work, struct pn4_client,
					     recover_work);
	unsigned int steps = 0;
	int st;

	pn4_count(cl, PN4_N_RECOVERIES);
	while (!test_bit(PN4_CL_DEAD, &cl->state)) {
		st = pn4_recover_step(cl);
		if (st == 1)
			break;
		if (!st && steps++ < 8)
			continue;
		if (st)
			pn4_recover_failed(cl, st);
		steps = 0;
		pn4_recover_pause(cl, st);	/* never loop without a pause */
	}
	if (cl->recover_tries > 3)
		pr_info("penstock: %s: state recovered\n", cl->name);
	cl->recover_tries = 0;
	pn4_ready(cl);
}

void pn4_recover_init(struct pn4_client *cl)
{
	INIT_WORK(&cl->recover_work, pn4_recover_work);
}

/* After PN4_CL_DEAD was set: fail what recovery is waiting for, and wait. */
void pn4_recover_stop(struct pn4_client *cl)
{
	if (cl->peer)
		prpc_abort(cl->peer, cl, -ESHUTDOWN);
	cancel_work_sync(&cl->recover_work);
}
