// SPDX-License-Identifier: GPL-2.0
/*
 * Pauses before a call is tried again, and how many calls of a client may be
 * tried again in a second.
 *
 * A server that answers everybody NFS4ERR_DELAY is in trouble already.  Each
 * call's own pause grows, but a thousand processes that wait make many calls all
 * the same.  So a retry takes a token, and tokens come at a fixed rate; first
 * tries need none.  A retry that is answered with anything but "later" brings
 * tokens for two others: what was in the way is over, and those who wait go on as
 * fast as the answers come instead of at the fixed rate.
 *
 * The recovery worker's calls need no tokens.  It is alone and pauses by itself,
 * and everybody waits for it.
 */
#include <linux/random.h>
#include "internal.h"
#include "../../net/wait.h"

#define PN4_DELAY_MAX		5000
#define PN4_PACE_INTERVAL	(NSEC_PER_SEC / PN4_PACE_RATE)

static void pn4_pace_refill(struct pn4_pace *p)
{
	u64 now = ktime_get_ns();
	u64 n = (now - p->since) / PN4_PACE_INTERVAL;

	lockdep_assert_held(&p->lock);
	if (!n)
		return;
	if (n >= PN4_PACE_BURST - p->tokens) {
		p->tokens = PN4_PACE_BURST;
		p->since = now;
	} else {
		p->tokens += n;
		p->since += n * PN4_PACE_INTERVAL;
	}
}

static bool pn4_pace_take(struct pn4_pace *p)
{
	bool got;

	spin_lock_bh(&p->lock);
	pn4_pace_refill(p);
	got = p->tokens > 0;
	p->tokens -= got;
	spin_unlock_bh(&p->lock);
	return got;
}

/* Wake as many as there are tokens for; come again while somebody waits. */
static void pn4_pace_work(struct work_struct *work)
{
	struct pn4_pace *p = container_of(work, struct pn4_pace, work.work);
	unsigned int n;

	spin_lock_bh(&p->lock);
	pn4_pace_refill(p);
	n = p->tokens;
	spin_unlock_bh(&p->lock);
	if (n)
		wake_up_nr(&p->wait, n);
	/* waitqueue_active: who comes now queues the work too */
	if (waitqueue_active(&p->wait))
		queue_delayed_work(pn4_state_wq, &p->work,
				   nsecs_to_jiffies(PN4_PACE_INTERVAL));
}

/* A retry of @cl was answered, and not with "later".  Any context. */
void pn4_pace_answered(struct pn4_client *cl)
{
	struct pn4_pace *p = &cl->pace;

	/* waitqueue_active: a waiter that this overlooks is seen to by the work */
	if (!waitqueue_active(&p->wait))
		return;
	spin_lock_bh(&p->lock);
	p->tokens = min(p->tokens + 2, PN4_PACE_BURST);
	spin_unlock_bh(&p->lock);
	wake_up_nr(&p->wait, 2);
}

static bool pn4_pause_over(struct pn4_call *c, int *err)
{
	*err = c->vol ? pn4_volume_error(c->vol) : 0;
	if (!*err && test_bit(PN4_CL_DEAD, &c->client->state) && !c->privileged)
		*err = -EIO;
	return *err;
}

/* 0 after @timeout jiffies, or why not to try again. */
static int pn4_pause(struct pn4_call *c, long timeout)
{
	int err = 0, rc;

	rc = prpc_wait_killable(c->client->wait, pn4_pause_over(c, &err), timeout);
	if (rc >= 0)
		return err;
	if (!c->unkillable)
		return rc;
	schedule_timeout_uninterruptible(timeout);
	return 0;
}

static bool pn4_pace_settled(struct pn4_call *c, int *err)
{
	return pn4_pause_over(c, err) || pn4_pace_take(&c->client->pace);
}

/* Wait for a token.  0, or why not to try again. */
static int pn4_pace_wait(struct pn4_call *c)
{
	struct pn4_pace *p = &c->client->pace;
	int err = 0, rc;

	/* waitqueue_active: not before those who wait; to miss one is no harm */
	if (!waitqueue_active(&p->wait) && pn4_pace_take(p))
		return 0;
	pn4_count(c->client, PN4_N_PACED);
	do {
		queue_delayed_work(pn4_state_wq, &p->work,
				   nsecs_to_jiffies(PN4_PACE_INTERVAL));
		rc = prpc_wait_killable_exclusive(p->wait,
						  pn4_pace_settled(c, &err), HZ);
		if (rc < 0) {
			if (!c->unkillable)
				return rc;
			schedule_timeout_uninterruptible(HZ / 10);
		}
		if (rc <= 0 && c->give_up && time_after(jiffies, c->give_up))
			return -ETIMEDOUT;
	} while (rc <= 0);
	return err;
}

/*
 * Pause before another try, longer each time, and no more often than the client
 * may.  0, or why not to try again: -ETIMEDOUT (soft), -EIO (aborted),
 * -ERESTARTSYS (killed).
 */
int pn4_call_pause(struct pn4_call *c)
{
	unsigned int ms = clamp_t(unsigned int, c->delay_ms * 2, PN4_DELAY_MIN,
				  PN4_DELAY_MAX);
	int err;

	c->delay_ms = ms;
	/* those who were sent away together come back one by one */
	ms += reciprocal_scale(get_random_u32(), ms / 2);
	if (c->give_up && time_after(jiffies + msecs_to_jiffies(ms), c->give_up))
		return -ETIMEDOUT;
	err = pn4_pause(c, msecs_to_jiffies(ms));
	if (err || c->privileged)
		return err;
	c->paced = true;
	return pn4_pace_wait(c);
}

void pn4_pace_init(struct pn4_pace *p)
{
	spin_lock_init(&p->lock);
	init_waitqueue_head(&p->wait);
	INIT_DELAYED_WORK(&p->work, pn4_pace_work);
	p->tokens = PN4_PACE_BURST;
	p->since = ktime_get_ns();
}

/* Nobody waits and no call is on its way any more. */
void pn4_pace_exit(struct pn4_pace *p)
{
	cancel_delayed_work_sync(&p->work);
}
