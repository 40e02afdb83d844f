// SPDX-License-Identifier: GPL-2.0
/* Symbolic links: read once, kept with the inode. */
#include <linux/slab.h>
#include "penstock.h"

static const char *ps_read_link(struct inode *inode)
{
	struct ps_inode *pi = PS_I(inode);
	char *buf, *link;
	int rc;

	buf = kmalloc(PN4_PATH_MAX, GFP_KERNEL);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	rc = pn4_readlink(&pi->node, buf, PN4_PATH_MAX);
	if (rc < 0) {
		kfree(buf);
		return ERR_PTR(rc);
	}
	link = kstrdup(buf, GFP_KERNEL_ACCOUNT);
	kfree(buf);
	if (!link)
		return ERR_PTR(-ENOMEM);
	/* the first one stays: walks under RCU may be using it */
	if (cmpxchg_release(&pi->link, NULL, link))
		kfree(link);
	/* pairs with the release: the string is there with the pointer */
	return smp_load_acquire(&pi->link);
}

/* What a handle's symlink says does not change (there is no operation). */
static const char *ps_get_link(struct dentry *dentry, struct inode *inode,
			       struct delayed_call *done)
{
	/* pairs with the release in ps_read_link() */
	const char *link = smp_load_acquire(&PS_I(inode)->link);

	if (likely(link))
		return link;
	if (!dentry)
		return ERR_PTR(-ECHILD);
	return ps_read_link(inode);
}

const struct inode_operations ps_symlink_iops = {
	.get_link = ps_get_link,
	.permission = ps_permission,
	.getattr = ps_getattr,
	.setattr = ps_setattr,
	.listxattr = ps_listxattr,
};
