// SPDX-License-Identifier: GPL-2.0
/*
 * Crossing into other file systems that the server exports.
 *
 * A directory whose fsid differs from its superblock's is the root of another
 * file system.  Walking over it mounts that one on top; mounts that nobody
 * used for a while go away again.
 */
#include <linux/mount.h>
#include <linux/slab.h>
#include "penstock.h"

#define PS_EXPIRE	(300 * HZ)

static LIST_HEAD(ps_submounts);	/* guarded by the VFS (mnt_set_expiry()) */

static void ps_expire(struct work_struct *work);
static DECLARE_DELAYED_WORK(ps_expire_work, ps_expire);

/* A mount goes when it was found idle twice in a row. */
static void ps_expire(struct work_struct *work)
{
	mark_mounts_for_expiry(&ps_submounts);
	if (!list_empty(&ps_submounts))
		schedule_delayed_work(&ps_expire_work, PS_EXPIRE / 2);
}

void ps_submount_exit(void)
{
	cancel_delayed_work_sync(&ps_expire_work);
}

/* The parent's device string, and the way from there. */
static char *ps_submount_source(const struct path *path)
{
	const char *parent = PS_SB(path->dentry->d_sb)->source;
	size_t len = strlen(parent);
	char *buf, *way, *source;

	buf = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	way = dentry_path_raw(path->dentry, buf, PATH_MAX);
	if (IS_ERR(way)) {
		kfree(buf);
		return way;
	}
	while (len && parent[len - 1] == '/')
		len--;
	source = kasprintf(GFP_KERNEL, "%.*s%s", (int)len, parent, way);
	kfree(buf);
	return source ? source : ERR_PTR(-ENOMEM);
}

static int ps_submount_context(struct fs_context *fc, const struct path *path)
{
	struct ps_sb *parent = PS_SB(path->dentry->d_sb), *sbi = fc->s_fs_info;
	struct ps_fs_context *ctx = fc->fs_private;
	char *source = ps_submount_source(path);

	if (IS_ERR(source))
		return PTR_ERR(source);
	kfree(fc->source);
	fc->source = source;
	ctx->covered = d_inode(path->dentry);
	ctx->place = path->dentry;
	ctx->parent = path->dentry->d_sb;
	put_net(sbi->net);
	sbi->net = get_net(parent->net);
	fc->sb_flags |= path->dentry->d_sb->s_flags & SB_RDONLY;
	return ps_copy_opts(&sbi->opts, &parent->opts);
}

struct vfsmount *ps_d_automount(struct path *path)
{
	struct fs_context *fc;
	struct vfsmount *mnt;
	int rc;

	fc = fs_context_for_submount(&ps_fs_type, path->dentry);
	if (IS_ERR(fc))
		return ERR_CAST(fc);
	rc = ps_submount_context(fc, path);
	mnt = rc ? ERR_PTR(rc) : fc_mount(fc);
	put_fs_context(fc);
	if (IS_ERR(mnt))
		return mnt;
	mnt = ps_automount_ret(mnt);
	mnt_set_expiry(mnt, &ps_submounts);
	schedule_delayed_work(&ps_expire_work, PS_EXPIRE / 2);
	return mnt;
}
