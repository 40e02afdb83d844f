/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Waits that kill -9 ends, also in a task that is already exiting.
 *
 * A dying task gets no more signals, so an ordinary killable wait in its last
 * close would hang with the server.  It is killed if that is what it died of,
 * or if SIGKILL was queued to its group since; the latter can only be polled.
 * A host can be suspended meanwhile, whether the server answers or not.
 * A leaf, open to all layers.
 */
#ifndef PENSTOCK_WAIT_H
#define PENSTOCK_WAIT_H

#include <linux/completion.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

/* "Unsafe": it may hold locks of files; those who wait for them need not be frozen. */
#define PRPC_WAITING	(TASK_KILLABLE | TASK_FREEZABLE_UNSAFE)

static inline bool prpc_killed(void)
{
	if (fatal_signal_pending(current))
		return true;
	if (likely(!(current->flags & PF_EXITING)) || !current->signal)
		return false;
	return (current->signal->group_exit_code & 0x7f) == SIGKILL ||
	       sigismember(&current->signal->shared_pending.signal, SIGKILL);
}

/* How long a wait may sleep before it must look at prpc_killed() again. */
static inline long prpc_wait_slice(long timeout)
{
	return current->flags & PF_EXITING ? min_t(long, timeout, HZ / 2) : timeout;
}

/* 0: @done is; -ERESTARTSYS: killed */
static inline int prpc_wait_done(struct completion *done)
{
	while (current->flags & PF_EXITING) {
		long slice = prpc_wait_slice(MAX_SCHEDULE_TIMEOUT);

		if (wait_for_completion_killable_timeout(done, slice) > 0)
			return 0;
		if (prpc_killed())
			return -ERESTARTSYS;
	}
	return wait_for_completion_state(done, PRPC_WAITING);
}

#define __prpc_wait(wq, cond, timeout, exclusive)				\
({										\
	long __left = (timeout);						\
	int __rc = 0;								\
	DEFINE_WAIT(__w);							\
	for (;;) {								\
		long __s = prpc_wait_slice(__left), __r;			\
		if (exclusive)							\
			prepare_to_wait_exclusive(&(wq), &__w, PRPC_WAITING);	\
		else								\
			prepare_to_wait(&(wq), &__w, PRPC_WAITING);		\
		if (cond) {							\
			__rc = 1;						\
			break;							\
		}								\
		if (prpc_killed()) {						\
			__rc = -ERESTARTSYS;					\
			break;							\
		}								\
		if (!__left)							\
			break;							\
		__r = schedule_timeout(__s);					\
		if (__left != MAX_SCHEDULE_TIMEOUT)				\
			__left -= __s - __r;					\
	}									\
	finish_wait(&(wq), &__w);						\
	__rc;									\
})

/*
 * 1: @cond came true; 0: @timeout jiffies passed (MAX_SCHEDULE_TIMEOUT:
 * never); -ERESTARTSYS: killed.
 */
#define prpc_wait_killable(wq, cond, timeout)	\
	__prpc_wait(wq, cond, timeout, false)
/* The same for one of many waiters of which a wake_up() is to wake one. */
#define prpc_wait_killable_exclusive(wq, cond, timeout)	\
	__prpc_wait(wq, cond, timeout, true)

#endif
