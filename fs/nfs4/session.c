// SPDX-License-Identifier: GPL-2.0
/*
 * The slot table (RFC 8881 section 2.10.6): take, free, resize, drain.
 *
 * A slot is taken before a compound is encoded and freed when its reply has
 * been read, so that a slot in use always means a call the server may still
 * be working on.  A slot whose last call ended without an answer (aborted,
 * timed out) is in doubt: the server may or may not have counted it.
 *
 * Who finds no slot waits on session->waiting, and the one that has waited
 * longest is woken when there is one again.  Until then it may be overtaken by
 * who needs no waking, because a slot that waits for its owner does nothing;
 * but not for long, or a program with many calls would keep all slots.  Who is
 * frozen, or is woken and does not come, holds up nobody.
 *
 * Reads and writes that wait have half of the slots each: whichever holds fewer
 * is next.  Each needs calls on every path to keep it busy in its direction, and
 * with turns alone the slower ones would pile up and leave the others too few.
 */
#include <linux/sched/signal.h>
#include "internal.h"
#include "../../net/wait.h"

/* Who has waited for so long is not overtaken any more, nor waited for by others. */
#define PN4_SLOT_PATIENCE	(HZ / 50)

/* @called: it was woken, at @woken, and has not looked since; guarded as the list */
struct pn4_slot_wait {
	struct list_head link;
	struct task_struct *task;
	enum pn4_line line;
	unsigned long since;
	unsigned long woken;
	bool called;
};

void pn4_session_init(struct pn4_session *s)
{
	int i;

	spin_lock_init(&s->lock);
	for (i = 0; i < PN4_LINES; i++)
		INIT_LIST_HEAD(&s->waiting[i]);
}

/* How many calls the server may be working on. */
unsigned int pn4_session_used(struct pn4_session *s)
{
	unsigned int used;

	spin_lock_bh(&s->lock);
	used = bitmap_weight(s->busy, PN4_SLOTS_WANTED);
	spin_unlock_bh(&s->lock);
	return used;
}

/* A new session: all slots idle, sequence ids start at 1 (section 2.10.6.1). */
void pn4_session_install(struct pn4_session *s, const u8 *id, u32 slots)
{
	int i;

	spin_lock_bh(&s->lock);
	memcpy(s->id, id, sizeof(s->id));
	s->gen++;
	s->granted = min_t(u32, slots, PN4_SLOTS_WANTED);
	s->limit = s->granted;
	memset(s->held, 0, sizeof(s->held));
	s->highest = 0;
	bitmap_zero(s->busy, PN4_SLOTS_WANTED);
	bitmap_zero(s->doubt, PN4_SLOTS_WANTED);
	for (i = 0; i < PN4_SLOTS_WANTED; i++)
		s->seq[i] = 1;
	for (i = 0; i < PN4_CB_SLOTS; i++)
		s->cb_seq[i] = 0;
	spin_unlock_bh(&s->lock);
}

static enum pn4_line pn4_call_line(const struct pn4_call *c)
{
	if (c->privileged)
		return PN4_LINE_RECOVERY;
	if (!c->io)
		return PN4_LINE_OTHER;
	return c->io->write ? PN4_LINE_WRITE : PN4_LINE_READ;
}

static bool pn4_slot_comes(const struct pn4_slot_wait *w)
{
	return !(READ_ONCE(w->task->__state) & TASK_FROZEN) &&
	       !(w->called && time_after(jiffies, w->woken + PN4_SLOT_PATIENCE));
}

static struct pn4_slot_wait *pn4_line_first(struct pn4_session *s, enum pn4_line line)
{
	struct pn4_slot_wait *w;

	lockdep_assert_held(&s->lock);
	list_for_each_entry(w, &s->waiting[line], link)
		if (pn4_slot_comes(w))
			return w;
	return NULL;
}

/* Of reads and writes: by how many slots has @line more than @other?  Else 0. */
static int pn4_line_surplus(const struct pn4_session *s, enum pn4_line line,
			    enum pn4_line other)
{
	if (line < PN4_LINE_READ || other < PN4_LINE_READ)
		return 0;
	return (int)s->held[line] - (int)s->held[other];
}

/* @w or @first, which waits in a line before? */
static bool pn4_slot_before(const struct pn4_session *s, const struct pn4_slot_wait *w,
			    const struct pn4_slot_wait *first)
{
	int surplus = pn4_line_surplus(s, w->line, first->line);

	if (first->line == PN4_LINE_RECOVERY)
		return false;
	return surplus ? surplus < 0 : time_before(w->since, first->since);
}

/* Whose turn is it? */
static struct pn4_slot_wait *pn4_slot_first(struct pn4_session *s)
{
	struct pn4_slot_wait *w, *first = NULL;
	enum pn4_line line;

	for (line = 0; line < PN4_LINES; line++) {
		w = pn4_line_first(s, line);
		if (w && (!first || pn4_slot_before(s, w, first)))
			first = w;
	}
	return first;
}

/* May @c have a slot before those who wait?  @w: it waits itself, or NULL. */
static bool pn4_slot_turn(const struct pn4_call *c, const struct pn4_slot_wait *w)
{
	struct pn4_session *s = &c->client->session;
	const struct pn4_slot_wait *first = pn4_slot_first(s);

	if (!first || first == w || c->line == PN4_LINE_RECOVERY)
		return true;
	return pn4_line_surplus(s, c->line, first->line) <= 0 &&
	       time_before(jiffies, first->since + PN4_SLOT_PATIENCE);
}

/* There may be a slot for who has waited longest. */
static void pn4_slot_wake(struct pn4_session *s)
{
	struct pn4_slot_wait *first = pn4_slot_first(s);

	if (!first || first->called || find_first_zero_bit(s->busy, s->limit) == s->limit)
		return;
	first->called = true;
	first->woken = jiffies;
	wake_up_process(first->task);
}

static bool pn4_slot_try(struct pn4_call *c, struct pn4_slot_wait *w)
{
	struct pn4_session *s = &c->client->session;
	bool ok = false;
	u32 slot;

	if (!c->privileged && !test_bit(PN4_CL_READY, &c->client->state))
		return false;
	spin_lock_bh(&s->lock);
	if (w)
		w->called = false;
	slot = find_first_zero_bit(s->busy, s->limit);
	if (slot < s->limit && pn4_slot_turn(c, w)) {
		__set_bit(slot, s->busy);
		s->held[c->line]++;
		if (slot > s->highest)
			s->highest = slot;
		c->slot = slot;
		c->seq = s->seq[slot];
		c->highest = s->highest;
		c->session_gen = s->gen;
		c->has_slot = true;
		ok = true;
	} else if (w) {
		pn4_slot_wake(s);	/* it was woken, but another is first by now */
	}
	spin_unlock_bh(&s->lock);
	return ok;
}

/* Why a call must not wait any longer, or 0. */
static int pn4_slot_error(struct pn4_call *c)
{
	int err = c->vol ? pn4_volume_error(c->vol) : 0;

	if (err)
		return err;
	if (test_bit(PN4_CL_DEAD, &c->client->state) && !c->privileged)
		return -EIO;
	return pn4_call_late(c) ? -ETIMEDOUT : 0;
}

static bool pn4_slot_settled(struct pn4_call *c, struct pn4_slot_wait *w, int *err)
{
	*err = pn4_slot_error(c);
	return *err || pn4_slot_try(c, w);
}

static void pn4_slot_queue(struct pn4_call *c, struct pn4_slot_wait *w)
{
	struct pn4_session *s = &c->client->session;

	w->task = current;
	w->line = c->line;
	w->since = jiffies;
	w->called = false;
	spin_lock_bh(&s->lock);
	list_add_tail(&w->link, &s->waiting[w->line]);
	spin_unlock_bh(&s->lock);
}

/* It may have been woken for a slot that it did not take, or one of several. */
static void pn4_slot_leave(struct pn4_call *c, struct pn4_slot_wait *w)
{
	struct pn4_session *s = &c->client->session;

	spin_lock_bh(&s->lock);
	list_del(&w->link);
	pn4_slot_wake(s);
	spin_unlock_bh(&s->lock);
}

/*
 * Take a slot, wait for one if need be.  0, -EAGAIN (nowait), -EIO (volume
 * aborted), -ETIMEDOUT (soft), -ERESTARTSYS (killed).
 */
int pn4_slot_get(struct pn4_call *c)
{
	long ms = c->give_up || c->unkillable ? HZ : MAX_SCHEDULE_TIMEOUT;
	struct pn4_slot_wait w;
	int err = pn4_slot_error(c), rc;

	c->line = pn4_call_line(c);
	if (err || pn4_slot_try(c, NULL))
		return err;
	if (c->nowait)
		return -EAGAIN;
	pn4_slot_queue(c, &w);
	do {
		rc = prpc_wait_killable(c->client->wait, pn4_slot_settled(c, &w, &err), ms);
		if (rc < 0 && c->unkillable) {
			/* write-back of a dying task must still finish */
			schedule_timeout_uninterruptible(HZ / 10);
			rc = 0;
		}
	} while (!rc);
	pn4_slot_leave(c, &w);
	return rc < 0 ? -ERESTARTSYS : err;
}

static void pn4_slot_release_locked(struct pn4_session *s, const struct pn4_call *c)
{
	lockdep_assert_held(&s->lock);
	__clear_bit(c->slot, s->busy);
	s->held[c->line]--;
	if (c->slot == s->highest) {
		u32 last = find_last_bit(s->busy, s->granted);

		s->highest = last < s->granted ? last : 0;
	}
	pn4_slot_wake(s);
}

/*
 * Free the slot of @c.  If there was no answer to the call, the slot is in
 * doubt from now on.  Any context.
 */
void pn4_slot_put(struct pn4_call *c)
{
	struct pn4_session *s = &c->client->session;

	if (!c->has_slot)
		return;
	c->has_slot = false;
	spin_lock_bh(&s->lock);
	if (c->session_gen == s->gen)
		pn4_slot_release_locked(s, c);
	spin_unlock_bh(&s->lock);
}

/*
 * SEQUENCE succeeded: the slot moves on (section 18.46) and is free.  One lock
 * round, because every call comes here.
 */
void pn4_slot_reply(struct pn4_call *c, const struct pn4_sequence_res *res)
{
	struct pn4_session *s = &c->client->session;

	c->has_slot = false;
	spin_lock_bh(&s->lock);
	if (c->session_gen == s->gen) {
		s->seq[c->slot]++;
		__clear_bit(c->slot, s->doubt);
		/* The server may shrink and grow the table (section 18.46.3). */
		s->limit = clamp_t(u32, min(res->highest_slotid,
					    res->target_highest_slotid),
				   0, PN4_SLOTS_WANTED - 1) + 1;
		s->granted = max(s->granted, s->limit);
		pn4_slot_release_locked(s, c);
	}
	spin_unlock_bh(&s->lock);
}

/*
 * Whether the server counted the last call on this slot is not known: go on
 * as if it had.  If it had not, it says SEQ_MISORDERED and pn4_slot_unskip()
 * takes the step back.
 */
void pn4_slot_skip(struct pn4_call *c)
{
	struct pn4_session *s = &c->client->session;

	spin_lock_bh(&s->lock);
	if (c->session_gen == s->gen) {
		s->seq[c->slot]++;
		__set_bit(c->slot, s->doubt);
	}
	spin_unlock_bh(&s->lock);
}

/* True if the slot was in doubt and has been stepped back. */
bool pn4_slot_unskip(struct pn4_call *c)
{
	struct pn4_session *s = &c->client->session;
	bool doubt = false;

	spin_lock_bh(&s->lock);
	if (c->session_gen == s->gen) {
		doubt = __test_and_clear_bit(c->slot, s->doubt);
		if (doubt)
			s->seq[c->slot]--;
	}
	spin_unlock_bh(&s->lock);
	return doubt;
}

/* CB_RECALL_SLOT: use slots 0 .. @highest only. */
void pn4_session_limit(struct pn4_client *cl, u32 highest)
{
	struct pn4_session *s = &cl->session;

	spin_lock_bh(&s->lock);
	s->limit = clamp_t(u32, highest, 0, s->granted - 1) + 1;
	spin_unlock_bh(&s->lock);
}

/*
 * Order of the back channel.  Replies are not cached: a repeated request is
 * told so (section 2.10.6.1.3), the server then knows that it ran.
 */
u32 pn4_cb_sequence(struct pn4_client *cl, const struct pn4_cb_sequence_args *a)
{
	struct pn4_session *s = &cl->session;
	u32 st = 0;

	spin_lock_bh(&s->lock);
	if (memcmp(a->sessionid, s->id, sizeof(s->id)))
		st = PN4ERR_BADSESSION;
	else if (a->slotid >= min_t(u32, s->cb_slots, PN4_CB_SLOTS))
		st = PN4ERR_BADSLOT;
	else if (a->sequenceid == s->cb_seq[a->slotid])
		st = a->sequenceid ? PN4ERR_RETRY_UNCACHED_REP :
				     PN4ERR_SEQ_MISORDERED;
	else if (a->sequenceid != s->cb_seq[a->slotid] + 1)
		st = PN4ERR_SEQ_MISORDERED;
	else
		s->cb_seq[a->slotid]++;
	spin_unlock_bh(&s->lock);
	return st;
}
