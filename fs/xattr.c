// SPDX-License-Identifier: GPL-2.0
/* Extended attributes of users (RFC 8276). */
#include <linux/xattr.h>
#include "penstock.h"

static bool ps_can_xattr(struct inode *inode)
{
	return PS_SB(inode->i_sb)->vol->can & PN4_CAN_XATTR;
}

static int ps_xattr_get(const struct xattr_handler *h, struct dentry *dentry,
			struct inode *inode, const char *name, void *buf,
			size_t size)
{
	if (!ps_can_xattr(inode))
		return -EOPNOTSUPP;
	return pn4_getxattr(PS_N(inode), name, buf, size);
}

static int ps_xattr_set(const struct xattr_handler *h, ps_idmap *idmap,
			struct dentry *dentry, struct inode *inode,
			const char *name, const void *value, size_t size,
			int flags)
{
	int rc;

	if (!ps_can_xattr(inode))
		return -EOPNOTSUPP;
	if (value)
		rc = pn4_setxattr(PS_N(inode), name, value, size, flags);
	else
		rc = pn4_removexattr(PS_N(inode), name);
	/* ctime and change move with it, contents do not */
	ps_meta_changed(inode);
	return rc;
}

static const struct xattr_handler ps_xattr_user = {
	.prefix = XATTR_USER_PREFIX,
	.get = ps_xattr_get,
	.set = ps_xattr_set,
};

PS_XATTR_TABLE(ps_xattr_handlers) = { &ps_xattr_user, NULL };

ssize_t ps_listxattr(struct dentry *dentry, char *buf, size_t size)
{
	struct inode *inode = d_inode(dentry);

	return ps_can_xattr(inode) ? pn4_listxattr(PS_N(inode), buf, size) : 0;
}
