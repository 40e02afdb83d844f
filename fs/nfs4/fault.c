// SPDX-License-Identifier: GPL-2.0
/*
 * Fault points: what goes wrong with the Nth call of a kind, for tests.
 *
 * /sys/kernel/debug/penstock/faults takes one line at a time
 *
 *	OPERATION KIND N [TIMES [VALUE]]
 *	release
 *	clear
 *
 * OPERATION is a name as in the statistics ("write", "open", ...) or "any".  The
 * Nth such call from now on (1: the next), and the TIMES - 1 after it (default
 * 1), meet KIND:
 *
 *	cut-before	the connection ends before the call is sent
 *	cut-half	... when half of it is sent
 *	cut-after	... when it is sent
 *	cut-reply	... when the reply begins
 *	drop		the reply is thrown away
 *	twice		the reply is seen twice
 *	late		the reply is seen VALUE milliseconds later
 *	status		not sent; ends with the NFS status VALUE
 *	error		not sent; ends with the error -VALUE, as of an allocation
 *	hold		not sent before "release" is written
 *
 * Reading lists what is armed: the line, calls seen, calls hit.  "clear" forgets
 * all and releases what is held.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "internal.h"
#include "fault.h"

#define PN4_FAULTS_MAX	16
#define PN4_FAULT_ANY	U32_MAX

enum pn4_fault_kind {
	/* those of net/, under their own numbers */
	PN4_FAULT_LATE = PRPC_FAULT_TWICE + 1,
	PN4_FAULT_STATUS,
	PN4_FAULT_ERROR,
	PN4_FAULT_HOLD,
	PN4_FAULT_KINDS,
};

static const char * const pn4_fault_names[PN4_FAULT_KINDS] = {
	[PRPC_FAULT_CUT_BEFORE] = "cut-before",
	[PRPC_FAULT_CUT_HALF] = "cut-half",
	[PRPC_FAULT_CUT_AFTER] = "cut-after",
	[PRPC_FAULT_CUT_REPLY] = "cut-reply",
	[PRPC_FAULT_DROP] = "drop",
	[PRPC_FAULT_TWICE] = "twice",
	[PN4_FAULT_LATE] = "late",
	[PN4_FAULT_STATUS] = "status",
	[PN4_FAULT_ERROR] = "error",
	[PN4_FAULT_HOLD] = "hold",
};

struct pn4_fault {
	u32 op;
	u32 kind;
	u32 first;		/* the call that meets it, counted from 1 */
	u32 times;
	u32 value;
	u32 seen;
	u32 hit;
};

/* A call on its detour. */
struct pn4_detour {
	struct list_head link;
	struct delayed_work work;
	struct pn4_call *call;
};

static DEFINE_SPINLOCK(pn4_fault_lock);	/* guards all of these */
static struct pn4_fault pn4_faults[PN4_FAULTS_MAX];
static unsigned int pn4_nr_faults;
static LIST_HEAD(pn4_held);
static struct dentry *pn4_fault_dir;

/* ---- choosing ---- */

/* What @c meets, by value; kind 0: nothing. */
static struct pn4_fault pn4_fault_of(struct pn4_call *c)
{
	struct pn4_fault *f, found = {};
	unsigned long flags;

	if (likely(!READ_ONCE(pn4_nr_faults)))
		return found;
	spin_lock_irqsave(&pn4_fault_lock, flags);
	for (f = pn4_faults; f < pn4_faults + pn4_nr_faults; f++) {
		if (f->op != PN4_FAULT_ANY && f->op != c->first_op)
			continue;
		f->seen++;
		if (found.kind || f->seen < f->first ||
		    f->seen - f->first >= f->times)
			continue;
		f->hit++;
		found = *f;
	}
	spin_unlock_irqrestore(&pn4_fault_lock, flags);
	return found;
}

/* ---- doing ---- */

static void pn4_fault_end(struct pn4_call *c, int status)
{
	c->status = status;
	pn4_slot_put(c);
	pn4_call_end(c);
}

static void pn4_fault_late(struct work_struct *work)
{
	struct pn4_detour *d = container_of(work, struct pn4_detour, work.work);
	struct pn4_call *c = d->call;

	kfree(d);
	local_bh_disable();
	pn4_call_end(c);
	local_bh_enable();
}

static bool pn4_fault_hold(struct pn4_call *c)
{
	struct pn4_detour *d = kzalloc(sizeof(*d), GFP_NOFS);
	unsigned long flags;

	if (!d)
		return false;
	d->call = c;
	spin_lock_irqsave(&pn4_fault_lock, flags);
	list_add_tail(&d->link, &pn4_held);
	spin_unlock_irqrestore(&pn4_fault_lock, flags);
	return true;
}

static void pn4_fault_release(void)
{
	struct pn4_detour *d, *next;
	LIST_HEAD(list);

	spin_lock_irq(&pn4_fault_lock);
	list_splice_init(&pn4_held, &list);
	spin_unlock_irq(&pn4_fault_lock);
	list_for_each_entry_safe(d, next, &list, link) {
		prpc_submit(&d->call->rpc);
		kfree(d);
	}
}

bool pn4_fault_submit(struct pn4_call *c)
{
	struct pn4_fault f = pn4_fault_of(c);

	c->late_ms = 0;
	switch (f.kind) {
	case PRPC_FAULT_NONE:
		return false;
	case PN4_FAULT_LATE:
		c->late_ms = f.value;
		return false;
	case PN4_FAULT_STATUS:
		pn4_fault_end(c, f.value);
		return true;
	case PN4_FAULT_ERROR:
		pn4_fault_end(c, -(int)f.value);
		return true;
	case PN4_FAULT_HOLD:
		return pn4_fault_hold(c);
	default:
		c->rpc.fault = f.kind;
		return false;
	}
}

bool pn4_fault_answered(struct pn4_call *c)
{
	struct pn4_detour *d;

	if (likely(!c->late_ms))
		return false;
	d = kzalloc(sizeof(*d), GFP_ATOMIC);
	if (!d)
		return false;
	d->call = c;
	INIT_DELAYED_WORK(&d->work, pn4_fault_late);
	queue_delayed_work(pn4_wq, &d->work, msecs_to_jiffies(c->late_ms));
	return true;
}

/* ---- the file ---- */

static int pn4_fault_kind(const char *name)
{
	int i;

	for (i = 1; i < PN4_FAULT_KINDS; i++)
		if (!strcmp(name, pn4_fault_names[i]))
			return i;
	return -EINVAL;
}

static int pn4_fault_op(const char *name, u32 *op)
{
	*op = PN4_FAULT_ANY;
	if (!strcmp(name, "any"))
		return 0;
	for (*op = 0; *op < PN4_OP_COUNT; (*op)++)
		if (!strcmp(name, pn4_op_name(*op)))
			return 0;
	return -EINVAL;
}

static int pn4_fault_arm(const char *line)
{
	struct pn4_fault f = { .times = 1 };
	char op[32], kind[16];
	int n, rc;

	n = sscanf(line, "%31s %15s %u %u %u", op, kind, &f.first, &f.times,
		   &f.value);
	if (n < 3 || !f.first || !f.times)
		return -EINVAL;
	rc = pn4_fault_op(op, &f.op);
	if (rc)
		return rc;
	rc = pn4_fault_kind(kind);
	if (rc < 0)
		return rc;
	f.kind = rc;
	if ((f.kind == PN4_FAULT_STATUS || f.kind == PN4_FAULT_ERROR ||
	     f.kind == PN4_FAULT_LATE) && !f.value)
		return -EINVAL;
	rc = 0;
	spin_lock_irq(&pn4_fault_lock);
	if (pn4_nr_faults < PN4_FAULTS_MAX) {
		pn4_faults[pn4_nr_faults] = f;
		WRITE_ONCE(pn4_nr_faults, pn4_nr_faults + 1);
	} else {
		rc = -ENOSPC;
	}
	spin_unlock_irq(&pn4_fault_lock);
	return rc;
}

static void pn4_fault_clear(void)
{
	spin_lock_irq(&pn4_fault_lock);
	WRITE_ONCE(pn4_nr_faults, 0);
	spin_unlock_irq(&pn4_fault_lock);
	pn4_fault_release();
}

static ssize_t pn4_fault_write(struct file *file, const char __user *from,
			       size_t size, loff_t *pos)
{
	char buf[96], *line;
	int rc = 0;

	if (size >= sizeof(buf))
		return -EINVAL;
	if (copy_from_user(buf, from, size))
		return -EFAULT;
	buf[size] = 0;
	line = strim(buf);
	if (!strcmp(line, "clear"))
		pn4_fault_clear();
	else if (!strcmp(line, "release"))
		pn4_fault_release();
	else
		rc = pn4_fault_arm(line);
	return rc ?: size;
}

static int pn4_fault_show(struct seq_file *m, void *unused)
{
	struct pn4_fault *f;
	struct pn4_detour *d;
	unsigned int held = 0;

	spin_lock_irq(&pn4_fault_lock);
	for (f = pn4_faults; f < pn4_faults + pn4_nr_faults; f++)
		seq_printf(m, "%s %s %u %u %u seen %u hit %u\n",
			   f->op == PN4_FAULT_ANY ? "any" : pn4_op_name(f->op),
			   pn4_fault_names[f->kind], f->first, f->times,
			   f->value, f->seen, f->hit);
	list_for_each_entry(d, &pn4_held, link)
		held++;
	spin_unlock_irq(&pn4_fault_lock);
	if (held)
		seq_printf(m, "held %u\n", held);
	return 0;
}

static int pn4_fault_open(struct inode *inode, struct file *file)
{
	return single_open(file, pn4_fault_show, NULL);
}

static const struct file_operations pn4_fault_fops = {
	.owner = THIS_MODULE,
	.open = pn4_fault_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
	.write = pn4_fault_write,
};

void pn4_fault_init(void)
{
	pn4_fault_dir = debugfs_create_dir("penstock", NULL);
	debugfs_create_file("faults", 0600, pn4_fault_dir, NULL,
			    &pn4_fault_fops);
	pr_warn("penstock: built with fault points (make FAULTS=1): for tests only\n");
}

/* Before the work queues go; no call is on its way any more. */
void pn4_fault_exit(void)
{
	debugfs_remove_recursive(pn4_fault_dir);
	pn4_fault_clear();
}
