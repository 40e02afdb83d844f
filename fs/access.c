// SPDX-License-Identifier: GPL-2.0
/*
 * Permission: what ACCESS said, per inode and identity.
 *
 * Mode bits are no more than a hint about what a server allows, so they are
 * not looked at.  Modifying operations are not checked beforehand either: the
 * server does that when they come.  Path walks are answered from the cache
 * under RCU.
 */
#include <linux/cred.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include "penstock.h"

/* Freed after a grace period, the reference to @cred too. */
struct ps_access {
	const struct cred *cred;
	u32 granted;
	u32 perm_gen;
	struct rcu_head rcu;
};

static void ps_access_free(struct rcu_head *rcu)
{
	struct ps_access *a = container_of(rcu, struct ps_access, rcu);

	put_cred(a->cred);
	kfree(a);
}

/* The inode is being evicted. */
void ps_access_clear(struct ps_inode *pi)
{
	struct ps_access *a;
	int i;

	for (i = 0; i < PS_ACCESS_SLOTS; i++) {
		a = rcu_dereference_protected(pi->access[i], true);
		RCU_INIT_POINTER(pi->access[i], NULL);
		if (a)
			call_rcu(&a->rcu, ps_access_free);
	}
}

/* Granted PN4_ACCESS_* bits, or -1 if unknown. */
static int ps_access_find(struct ps_inode *pi, const struct cred *cred)
{
	u32 gen = READ_ONCE(pi->perm_gen);
	struct ps_access *a;
	int i, granted = -1;

	rcu_read_lock();
	for (i = 0; i < PS_ACCESS_SLOTS; i++) {
		a = rcu_dereference(pi->access[i]);
		if (!a || a->perm_gen != gen)
			continue;
		if (a->cred == cred || !cred_fscmp(a->cred, cred)) {
			granted = a->granted;
			break;
		}
	}
	rcu_read_unlock();
	return granted;
}

static void ps_access_add(struct inode *inode, const struct cred *cred,
			  u32 granted, u32 gen)
{
	struct ps_inode *pi = PS_I(inode);
	struct ps_access *a = kmalloc(sizeof(*a), GFP_KERNEL);
	struct ps_access *old;
	int i, slot = -1;

	if (!a)
		return;
	a->cred = get_cred(cred);
	a->granted = granted;
	a->perm_gen = gen;

	spin_lock(&inode->i_lock);
	for (i = 0; i < PS_ACCESS_SLOTS && slot < 0; i++) {
		old = rcu_dereference_protected(pi->access[i],
						lockdep_is_held(&inode->i_lock));
		if (!old || old->perm_gen != pi->perm_gen ||
		    !cred_fscmp(old->cred, cred))
			slot = i;
	}
	if (slot < 0)
		slot = pi->access_next++ % PS_ACCESS_SLOTS;
	old = rcu_dereference_protected(pi->access[slot],
					lockdep_is_held(&inode->i_lock));
	rcu_assign_pointer(pi->access[slot], a);
	spin_unlock(&inode->i_lock);
	if (old)
		call_rcu(&old->rcu, ps_access_free);
}

/* Ask the server; attributes come along. */
static int ps_access_ask(struct inode *inode, u32 *granted)
{
	struct ps_inode *pi = PS_I(inode);
	struct ps_stamp st = ps_stamp(inode);
	struct pn4_attr attr;
	u32 access = PS_ACCESS_ASK;
	int rc;

	rc = pn4_getattr(&pi->node, &attr, &access);
	if (rc) {
		if (rc == -ESTALE)
			ps_mark_gone(inode);
		return rc;
	}
	ps_attr_apply(inode, &attr, st, false);
	ps_access_add(inode, current_cred(), access, READ_ONCE(pi->perm_gen));
	*granted = access;
	return 0;
}

static bool ps_granted(struct inode *inode, u32 granted, int mask)
{
	bool dir = S_ISDIR(inode->i_mode);
	u32 want = 0;

	if (mask & MAY_READ)
		want |= PN4_ACCESS_READ;
	if (mask & MAY_EXEC)
		want |= dir ? PN4_ACCESS_LOOKUP : PN4_ACCESS_EXECUTE;
	if (mask & MAY_WRITE)
		want |= PN4_ACCESS_MODIFY | PN4_ACCESS_EXTEND;
	return (granted & want) == want;
}

/* Has ACCESS been asked for the caller? */
bool ps_access_known(struct inode *inode)
{
	return ps_access_find(PS_I(inode), current_cred()) >= 0;
}

/* ACCESS came along with an OPEN, whose attributes have been applied. */
void ps_access_opened(struct inode *inode, u32 granted)
{
	ps_access_add(inode, current_cred(), granted,
		      READ_ONCE(PS_I(inode)->perm_gen));
}

/*
 * Is it certain that the caller may open the file?  Else the server is to be
 * asked, which may also know better (an owner may open what the mode forbids).
 */
bool ps_access_open(struct inode *inode, fmode_t fmode)
{
	int cached = ps_access_find(PS_I(inode), current_cred());
	int mask = (fmode & FMODE_READ ? MAY_READ : 0) |
		   (fmode & FMODE_WRITE ? MAY_WRITE : 0);

	return cached >= 0 && ps_granted(inode, cached, mask);
}

/* Is the check left to the operation that follows? */
static bool ps_check_later(struct inode *inode, int mask)
{
	if (!(mask & (MAY_READ | MAY_WRITE | MAY_EXEC)))
		return true;
	if (mask & (MAY_ACCESS | MAY_CHDIR))
		return false;
	switch (inode->i_mode & S_IFMT) {
	case S_IFLNK:
		return true;
	case S_IFREG:
		return (mask & MAY_OPEN) && !(mask & MAY_EXEC);
	case S_IFDIR:
		return (mask & MAY_WRITE) && !(mask & MAY_READ);
	default:
		return false;
	}
}

int ps_permission(ps_idmap *idmap, struct inode *inode, int mask)
{
	struct ps_inode *pi = PS_I(inode);
	int cached = -1, rc;
	u32 granted;

	if (ps_check_later(inode, mask) ||
	    test_bit(PS_I_AUTOMOUNT, &pi->flags))
		return 0;
	if (likely(ps_attr_fresh(inode)))
		cached = ps_access_find(pi, current_cred());
	if (likely(cached >= 0)) {
		granted = cached;
	} else {
		if (mask & MAY_NOT_BLOCK)
			return -ECHILD;
		rc = ps_access_ask(inode, &granted);
		/* a current directory that was removed: one may leave it */
		if (rc == -ESTALE && IS_DEADDIR(inode))
			return generic_permission(idmap, inode, mask);
		if (rc)
			return rc;
	}
	return ps_granted(inode, granted, mask) ? 0 : -EACCES;
}
