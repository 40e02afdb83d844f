// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for a lock that another client holds.
 *
 * A server may say when it has become free (CB_NOTIFY_LOCK, RFC 8881 section
 * 20.11); that is a hint, which can get lost, so the waiter asks now and then
 * all the same.  It asks often until a promise to call (OPEN4_RESULT_MAY_NOTIFY_LOCK)
 * has been kept once: there are servers that give it and never call.
 */
#include <linux/random.h>
#include "lock.h"

#define PN4_POLL_MIN		100	/* ms, doubled each time, up to ... */
#define PN4_POLL_MAX		5000
#define PN4_POLL_MIN_NOTIFY	1000	/* the same where calls come */
#define PN4_POLL_MAX_NOTIFY	30000

static bool pn4_lock_notifies(const struct pn4_lock_wait *w)
{
	return READ_ONCE(w->open->may_notify) &&
	       READ_ONCE(w->open->vol->client->locks.notified);
}

static void pn4_lock_wait_reset(struct pn4_lock_wait *w)
{
	w->delay_ms = pn4_lock_notifies(w) ? PN4_POLL_MIN_NOTIFY : PN4_POLL_MIN;
}

/* Before the LOCK, lest the call for it comes before the waiter is known. */
int pn4_lock_wait_begin(struct pn4_lock_wait *w, struct pn4_open *open,
			const struct pn4_lock *lk)
{
	struct pn4_lock_table *t = &open->vol->client->locks;

	w->open = open;
	w->woken = false;
	w->owner = pn4_lock_owner_get(open->vol->client, lk, GFP_KERNEL);
	if (!w->owner)
		return -ENOMEM;
	pn4_lock_wait_reset(w);
	spin_lock_irq(&t->lock);
	list_add(&w->link, &t->waits);
	spin_unlock_irq(&t->lock);
	return 0;
}

void pn4_lock_wait_end(struct pn4_lock_wait *w)
{
	struct pn4_client *cl = w->open->vol->client;

	spin_lock_irq(&cl->locks.lock);
	list_del(&w->link);
	spin_unlock_irq(&cl->locks.lock);
	pn4_lock_owner_put(cl, w->owner);
}

static bool pn4_lock_wait_over(struct pn4_lock_wait *w)
{
	return READ_ONCE(w->woken) || pn4_volume_error(w->open->vol);
}

/*
 * Until it is worth to try again.  0; -ERESTARTSYS: any signal; -EIO: the
 * volume is dead.
 */
int pn4_lock_wait(struct pn4_lock_wait *w)
{
	struct pn4_client *cl = w->open->vol->client;
	unsigned int max = pn4_lock_notifies(w) ? PN4_POLL_MAX_NOTIFY :
						  PN4_POLL_MAX;
	/* a quarter by chance, so that many waiters do not ask as one */
	unsigned int ms = w->delay_ms - get_random_u32() % (w->delay_ms / 4);
	long left;
	int err;

	left = wait_event_interruptible_timeout(cl->locks.wait,
						pn4_lock_wait_over(w),
						msecs_to_jiffies(ms));
	if (left < 0)
		return -ERESTARTSYS;
	err = pn4_volume_error(w->open->vol);
	if (err)
		return err;
	if (READ_ONCE(w->woken)) {
		WRITE_ONCE(w->woken, false);
		pn4_lock_wait_reset(w);
	} else {
		pn4_count(cl, PN4_N_LOCK_POLLS);
		w->delay_ms = min(2 * w->delay_ms, max);
	}
	return 0;
}

/* A lock that the server did not know of is free: nobody else tells. */
void pn4_lock_released(struct pn4_open *open)
{
	struct pn4_lock_table *t = &open->vol->client->locks;
	struct pn4_lock_wait *w;
	bool found = false;

	spin_lock_irq(&t->lock);
	list_for_each_entry(w, &t->waits, link) {
		if (!pn4_fh_equal(&w->open->fh, &open->fh))
			continue;
		WRITE_ONCE(w->woken, true);
		found = true;
	}
	spin_unlock_irq(&t->lock);
	if (found)
		wake_up_all(&t->wait);
}

/* CB_NOTIFY_LOCK.  Unknown owners are none of the caller's concern. */
void pn4_lock_notify(struct pn4_client *cl,
		     const struct pn4_cb_notify_lock_args *a)
{
	struct pn4_lock_table *t = &cl->locks;
	struct pn4_lock_wait *w;
	bool found = false;
	u64 number;

	if (a->owner_len != sizeof(number))
		return;
	memcpy(&number, a->owner, sizeof(number));
	spin_lock_irq(&t->lock);
	list_for_each_entry(w, &t->waits, link) {
		if (w->owner->number != number ||
		    !pn4_fh_equal(&w->open->fh, &a->fh))
			continue;
		WRITE_ONCE(w->woken, true);
		found = true;
	}
	spin_unlock_irq(&t->lock);
	if (!found)
		return;
	WRITE_ONCE(t->notified, true);
	pn4_count(cl, PN4_N_LOCK_NOTIFIES);
	wake_up_all(&t->wait);
}
