// SPDX-License-Identifier: GPL-2.0
/*
 * Inodes: their life, keyed by file handle, and what the protocol layer needs
 * from its host (nfs4/host.h).
 */
#include <linux/jhash.h>
#include <linux/ratelimit.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "penstock.h"

void ps_inode_once(void *p)
{
	struct ps_inode *pi = p;

	pn4_node_init_once(&pi->node);
	init_waitqueue_head(&pi->wait);
	xa_init(&pi->chunks);
	inode_init_once(&pi->vfs_inode);
}

struct inode *ps_alloc_inode(struct super_block *sb)
{
	struct ps_inode *pi = alloc_inode_sb(sb, ps_inode_cache, GFP_KERNEL);
	int i;

	if (!pi)
		return NULL;
	pi->flags = 0;
	pi->attr_time = jiffies;
	pi->attr_timeo = 0;
	pi->attr_same = jiffies;
	pi->change = 0;
	pi->fileid = 0;
	atomic64_set(&pi->attr_seq, 1);
	atomic_set(&pi->own_ops, 0);
	atomic_set(&pi->opens, 0);
	atomic_set(&pi->reads, 0);
	atomic_set(&pi->unstable, 0);
	pi->perm_gen = 0;
	for (i = 0; i < PS_ACCESS_SLOTS; i++)
		RCU_INIT_POINTER(pi->access[i], NULL);
	pi->access_next = 0;
	pi->btime = (struct timespec64){};
	pi->wb_open = NULL;
	pi->silly = NULL;
	pi->dir_verf = 1;
	pi->chunks_change = 0;
	pi->chunks_bytes = 0;
	pi->link = NULL;
	return &pi->vfs_inode;
}

/* After an RCU grace period: path walks may have read link until now. */
void ps_free_inode(struct inode *inode)
{
	struct ps_inode *pi = PS_I(inode);

	kfree(pi->link);
	kmem_cache_free(ps_inode_cache, pi);
}

void ps_evict_inode(struct inode *inode)
{
	struct ps_inode *pi = PS_I(inode);

	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	if (pi->wb_open)
		pn4_open_put(pi->wb_open);
	pi->wb_open = NULL;
	ps_access_clear(pi);
	ps_chunks_drop(pi);
	pn4_node_evict(&pi->node);
}

struct ps_iget_key {
	const struct pn4_fh *fh;
	const struct pn4_attr *attr;
	struct ps_sb *sbi;
};

static int ps_iget_test(struct inode *inode, void *data)
{
	const struct ps_iget_key *key = data;
	const struct ps_inode *pi = PS_I(inode);

	return pn4_fh_equal(&pi->node.fh, key->fh) &&
	       !test_bit(PS_I_GONE, &pi->flags);
}

static int ps_iget_set(struct inode *inode, void *data)
{
	const struct ps_iget_key *key = data;

	pn4_node_init(PS_N(inode), key->sbi->vol, key->fh);
	return 0;
}

static umode_t ps_type_mode(u32 type)
{
	static const umode_t mode[] = {
		[PN4_REG] = S_IFREG, [PN4_DIR] = S_IFDIR, [PN4_BLK] = S_IFBLK,
		[PN4_CHR] = S_IFCHR, [PN4_LNK] = S_IFLNK,
		[PN4_SOCK] = S_IFSOCK, [PN4_FIFO] = S_IFIFO,
	};

	return type < ARRAY_SIZE(mode) ? mode[type] : 0;
}

/* Is the object the root of another file system than @sbi's? */
static bool ps_other_fs(const struct ps_sb *sbi, const struct pn4_attr *attr)
{
	return (attr->valid & PN4_ATTR_FSID) &&
	       (attr->fsid_major != sbi->vol->fs.fsid_major ||
		attr->fsid_minor != sbi->vol->fs.fsid_minor);
}

static void ps_init_inode(struct inode *inode, const struct pn4_attr *attr)
{
	struct ps_inode *pi = PS_I(inode);
	struct ps_sb *sbi = PS_SB(inode->i_sb);

	inode->i_mode = ps_type_mode(attr->type);
	inode->i_flags |= S_NOATIME | S_NOCMTIME;
	if (attr->valid & PN4_ATTR_FILEID)
		pi->fileid = attr->fileid;
	set_nlink(inode, 1);
	if (ps_other_fs(sbi, attr)) {
		set_bit(PS_I_AUTOMOUNT, &pi->flags);
		if (attr->valid & PN4_ATTR_MOUNTED_ON)
			pi->fileid = attr->mounted_on;
	}
	inode->i_ino = pi->fileid;

	switch (inode->i_mode & S_IFMT) {
	case S_IFDIR:
		inode->i_op = &ps_dir_iops;
		inode->i_fop = &ps_dir_fops;
		if (test_bit(PS_I_AUTOMOUNT, &pi->flags))
			inode->i_flags |= S_AUTOMOUNT;
		break;
	case S_IFLNK:
		inode->i_op = &ps_symlink_iops;
		break;
	case S_IFREG:
		inode->i_op = &ps_file_iops;
		inode->i_fop = &ps_file_fops;
		inode->i_mapping->a_ops = &ps_aops;
		mapping_set_large_folios(inode->i_mapping);
		break;
	default:
		inode->i_op = &ps_special_iops;
		init_special_inode(inode, inode->i_mode,
				   MKDEV(attr->rdev_major, attr->rdev_minor));
	}
}

/*
 * ps_iget - the inode of a file handle
 * @attr: what the server says about it; the type must be among it
 * @asked: jiffies when @attr was asked for
 *
 * Returns a reference or an ERR_PTR.
 */
struct inode *ps_iget(struct super_block *sb, const struct pn4_fh *fh,
		      const struct pn4_attr *attr, unsigned long asked)
{
	struct ps_iget_key key = { .fh = fh, .attr = attr, .sbi = PS_SB(sb) };
	struct ps_stamp st = { .seq = U64_MAX, .time = asked };
	umode_t type = ps_type_mode(attr->type);
	struct inode *inode;

	if (!(attr->valid & PN4_ATTR_TYPE) || !type || !fh->len)
		return ERR_PTR(-EIO);
again:
	inode = iget5_locked(sb, jhash(fh->data, fh->len, 0), ps_iget_test,
			     ps_iget_set, &key);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (ps_inode_is_new(inode)) {
		ps_init_inode(inode, attr);
		st.seq = atomic64_read(&PS_I(inode)->attr_seq);
		ps_attr_apply(inode, attr, st, true);
		unlock_new_inode(inode);
		return inode;
	}
	if ((inode->i_mode & S_IFMT) != type) {
		/* the server gave the handle to something else */
		ps_mark_gone(inode);
		iput(inode);
		goto again;
	}
	ps_attr_apply(inode, attr, st, false);
	return inode;
}

/*
 * Drop a reference from a context that must not sleep.  There is at most one
 * deferred reference per inode: whoever sees a count of one holds the last.
 */
void ps_iput_atomic(struct inode *inode)
{
	struct ps_sb *sbi = PS_SB(inode->i_sb);

	if (atomic_add_unless(&inode->i_count, -1, 1))
		return;
	ps_busy_get(sbi);
	if (llist_add(&PS_I(inode)->put_link, &sbi->put_list))
		queue_work(ps_wq, &sbi->put_work);
}

void ps_put_inodes(struct work_struct *work)
{
	struct ps_sb *sbi = container_of(work, struct ps_sb, put_work);
	struct llist_node *n = llist_del_all(&sbi->put_list);

	while (n) {
		struct ps_inode *pi = llist_entry(n, struct ps_inode, put_link);

		n = n->next;
		iput(&pi->vfs_inode);
		ps_busy_put(sbi);
	}
}

/* ---- nfs4/host.h ---- */

bool pn4_host_pin(struct pn4_node *node)
{
	struct inode *inode = ps_node_inode(node);
	struct ps_sb *sbi = PS_SB(inode->i_sb);

	ps_busy_get(sbi);	/* unmounting waits for the unpin */
	/* with another holder around no lock is needed, so any context will do */
	if (atomic_inc_not_zero(&inode->i_count))
		return true;
	if (in_task() && igrab(inode))
		return true;
	ps_busy_put(sbi);
	return false;
}

void pn4_host_unpin(struct pn4_node *node)
{
	struct inode *inode = ps_node_inode(node);
	struct ps_sb *sbi = PS_SB(inode->i_sb);

	ps_iput_atomic(inode);
	ps_busy_put(sbi);
}

int pn4_host_flush(struct pn4_node *node)
{
	unsigned int nofs = memalloc_nofs_save();
	int rc = filemap_write_and_wait(ps_node_inode(node)->i_mapping);

	memalloc_nofs_restore(nofs);
	return rc;
}

void pn4_host_settle(struct pn4_node *node)
{
	struct inode *inode = ps_node_inode(node);
	unsigned int nofs = memalloc_nofs_save();

	ps_flush_all(inode);
	ps_drop_clean_wb_open(inode);
	if (test_bit(PS_I_OWN, &PS_I(inode)->flags))
		ps_attr_refresh(inode);
	memalloc_nofs_restore(nofs);
}

bool pn4_host_attr(struct pn4_node *node, u64 *size, u64 *change)
{
	struct inode *inode = ps_node_inode(node);

	*size = i_size_read(inode);
	*change = READ_ONCE(PS_I(inode)->change);
	return test_bit(PS_I_OWN, &PS_I(inode)->flags) || ps_data_dirty(inode);
}

bool pn4_host_conflict(struct pn4_node *node, u64 change)
{
	struct inode *inode = ps_node_inode(node);

	/* also different after a write of ours that was answered: who can tell */
	return (ps_data_dirty(inode) || pn4_has_unstable(node)) &&
	       READ_ONCE(PS_I(inode)->change) != change;
}

void pn4_host_invalidate(struct pn4_node *node)
{
	struct ps_inode *pi = container_of(node, struct ps_inode, node);

	set_bit(PS_I_DATA_STALE, &pi->flags);
	clear_bit(PS_I_OWN, &pi->flags);
	clear_bit(PS_I_META, &pi->flags);
	ps_attr_expire(&pi->vfs_inode);
}

void pn4_host_error(struct pn4_node *node, int error)
{
	struct inode *inode = ps_node_inode(node);

	mapping_set_error(inode->i_mapping, error);
	set_bit(PS_I_DATA_STALE, &PS_I(inode)->flags);
}

/* A path below the mount under which @inode is known, in @buf, or "?". */
static const char *ps_inode_path(struct inode *inode, char *buf, int size)
{
	struct dentry *dentry = d_find_any_alias(inode);
	const char *path = NULL;

	if (dentry && buf)
		path = dentry_path_raw(dentry, buf, size);
	dput(dentry);
	return IS_ERR_OR_NULL(path) ? "?" : path;
}

void pn4_host_warn(struct pn4_node *node, const char *mount, const char *fmt, ...)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);
	struct inode *inode = ps_node_inode(node);
	struct va_format what;
	const char *path;
	va_list args;
	char *buf;

	if (!__ratelimit(&limit))
		return;
	buf = kmalloc(PATH_MAX, GFP_NOFS);
	path = ps_inode_path(inode, buf, PATH_MAX);
	va_start(args, fmt);
	what.fmt = fmt;
	what.va = &args;
	/* %pE: a name may hold anything, also what looks like another message */
	pr_warn("penstock: %s: %*pE (inode %llu): %pV\n", mount,
		(int)strlen(path), path, (unsigned long long)inode->i_ino, &what);
	va_end(args);
	kfree(buf);
}
