/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between kernels that fs/ notices.
 *
 * Written for the newest kernel; older ones are made to look like it.  All
 * names are private (ps_, PS_): distributions backport helpers without a
 * version bump, and a shim under the upstream name would then clash.
 */
#ifndef PENSTOCK_FS_COMPAT_H
#define PENSTOCK_FS_COMPAT_H

#include <linux/version.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/shrinker.h>
#include <linux/splice.h>
#include <linux/stat.h>
#include <linux/uio.h>
#include <linux/workqueue.h>
#include <linux/writeback.h>
#include <linux/xattr.h>

#define PS_KV(a, b) (LINUX_VERSION_CODE >= KERNEL_VERSION(a, b, 0))

#if !PS_KV(6, 1)
#error "penstock needs Linux 6.1 or newer"
#endif
#ifndef CONFIG_64BIT
#error "penstock needs a 64-bit kernel"
#endif

#if PS_KV(6, 3)				/* file locks left linux/fs.h */
#include <linux/filelock.h>
#endif

/* ---- id-mapped mounts: 6.3 replaced user_namespace by mnt_idmap ---- */
#if PS_KV(6, 3)
typedef struct mnt_idmap ps_idmap;
#define ps_nop_idmap		(&nop_mnt_idmap)
#else
typedef struct user_namespace ps_idmap;
#define ps_nop_idmap		(&init_user_ns)
#endif

/* ---- inode operations ---- */
#if PS_KV(6, 15)			/* ->mkdir returns a dentry */
typedef struct dentry *ps_mkdir_t;
/* @alias: what d_splice_alias() returned; consumed */
static inline ps_mkdir_t ps_mkdir_ret(int err, struct dentry *alias)
{
	return err ? ERR_PTR(err) : alias;
}
#else
typedef int ps_mkdir_t;
static inline ps_mkdir_t ps_mkdir_ret(int err, struct dentry *alias)
{
	if (!err)
		dput(alias);
	return err;
}
#endif

#if PS_KV(7, 3)				/* ->create lost its "excl" argument */
#define PS_CREATE(n) static int n(ps_idmap *idmap, struct inode *dir,	\
	struct dentry *dentry, umode_t mode)
#define PS_CREATE_EXCL	true
#else
#define PS_CREATE(n) static int n(ps_idmap *idmap, struct inode *dir,	\
	struct dentry *dentry, umode_t mode, bool excl)
#define PS_CREATE_EXCL	excl
#endif

static inline void ps_fillattr(ps_idmap *idmap, u32 mask, struct inode *inode,
			       struct kstat *st)
{
#if PS_KV(6, 6)
	generic_fillattr(idmap, mask, inode, st);
#else
	generic_fillattr(idmap, inode, st);
#endif
}

/* The change cookie of statx is known to the VFS from 6.2 on. */
static inline void ps_fill_cookie(struct kstat *st, u32 mask, u64 change,
				  bool monotonic)
{
#if PS_KV(6, 2)
	if (!(mask & STATX_CHANGE_COOKIE))
		return;
	st->change_cookie = change;
	st->result_mask |= STATX_CHANGE_COOKIE;
	if (monotonic)
		st->attributes |= STATX_ATTR_CHANGE_MONOTONIC;
	st->attributes_mask |= STATX_ATTR_CHANGE_MONOTONIC;
#endif
}

static inline bool ps_wants_cookie(u32 mask)
{
#if PS_KV(6, 2)
	return mask & STATX_CHANGE_COOKIE;
#else
	return false;
#endif
}

/*
 * Emit a ->d_revalidate named @ops_name that calls @fn(dir, qstr, dentry, flags).
 * Before 6.14 the parent is not passed and must be looked up and pinned.
 */
#if PS_KV(6, 14)
#define PS_D_REVALIDATE(ops_name, fn)					\
static int ops_name(struct inode *dir, const struct qstr *q,		\
		struct dentry *d, unsigned int flags)			\
{ return fn(dir, q, d, flags); }
#else
#define PS_D_REVALIDATE(ops_name, fn)					\
static int ops_name(struct dentry *d, unsigned int flags)		\
{									\
	struct name_snapshot snap;					\
	struct dentry *p;						\
	struct inode *dir;						\
	int ret;							\
									\
	if (flags & LOOKUP_RCU) {					\
		dir = d_inode_rcu(READ_ONCE(d->d_parent));		\
		return dir ? fn(dir, &d->d_name, d, flags) : -ECHILD;	\
	}								\
	p = dget_parent(d);						\
	take_dentry_name_snapshot(&snap, d);				\
	ret = fn(d_inode(p), &snap.name, d, flags);			\
	release_dentry_name_snapshot(&snap);				\
	dput(p);							\
	return ret;							\
}
#endif

static inline void ps_set_d_op(struct super_block *sb,
			       const struct dentry_operations *ops)
{
#if PS_KV(6, 17)
	set_default_d_op(sb, ops);
#else
	sb->s_d_op = ops;
#endif
}

/* The caller holds the parent's i_rwsem; see d_alloc_parallel(). */
static inline struct dentry *ps_d_alloc_parallel(struct dentry *parent,
						 const struct qstr *name,
						 wait_queue_head_t *wq)
{
#if PS_KV(7, 1)
	return d_alloc_parallel(parent, name);
#else
	return d_alloc_parallel(parent, name, wq);
#endif
}

#if PS_KV(6, 7)				/* handler tables became fully const */
#define PS_XATTR_TABLE(n)	const struct xattr_handler * const n[]
#else
#define PS_XATTR_TABLE(n)	const struct xattr_handler *n[]
#endif

static inline bool ps_inode_is_new(struct inode *inode)
{
#if PS_KV(6, 19)			/* i_state is opaque */
	return inode_state_read_once(inode) & I_NEW;
#else
	return READ_ONCE(inode->i_state) & I_NEW;
#endif
}

/* ->d_automount hands over one reference; before 6.17 the VFS wanted two. */
static inline struct vfsmount *ps_automount_ret(struct vfsmount *mnt)
{
#if !PS_KV(6, 17)
	if (!IS_ERR(mnt))
		mntget(mnt);
#endif
	return mnt;
}

/* ---- timestamps: fields became private in 6.6 (ctime) and 6.7 ---- */
static inline void ps_set_atime(struct inode *inode, struct timespec64 ts)
{
#if PS_KV(6, 7)
	inode_set_atime_to_ts(inode, ts);
#else
	inode->i_atime = ts;
#endif
}

static inline struct timespec64 ps_mtime(const struct inode *inode)
{
#if PS_KV(6, 7)
	return inode_get_mtime(inode);
#else
	return inode->i_mtime;
#endif
}

static inline void ps_set_mtime(struct inode *inode, struct timespec64 ts)
{
#if PS_KV(6, 7)
	inode_set_mtime_to_ts(inode, ts);
#else
	inode->i_mtime = ts;
#endif
}

static inline void ps_set_ctime(struct inode *inode, struct timespec64 ts)
{
#if PS_KV(6, 7)
	inode_set_ctime_to_ts(inode, ts);
#else
	inode->i_ctime = ts;
#endif
}

/* ---- file locks: 6.9 moved the common part to struct file_lock_core ---- */
#if PS_KV(6, 9)
#define ps_fl(fl, m)		((fl)->c.flc_##m)
typedef struct file_lease ps_lease;
typedef int ps_lease_arg;
#else
#define ps_fl(fl, m)		((fl)->fl_##m)
typedef struct file_lock ps_lease;
typedef long ps_lease_arg;
#endif

/* ---- credentials ---- */
static inline const struct cred *ps_override_creds(const struct cred *cred)
{
	return override_creds(cred);
}

static inline void ps_revert_creds(const struct cred *old)
{
	(void)revert_creds(old);
}

/* ---- page cache ---- */
#if PS_KV(7, 1)				/* renamed */
#include <linux/folio_batch.h>
#else
#include <linux/pagevec.h>
#endif

#if PS_KV(6, 5)
#define ps_generic_splice_read	filemap_splice_read
#else
#define ps_generic_splice_read	generic_file_splice_read
#endif

static inline ssize_t ps_copy_fallback(struct file *in, loff_t ipos,
				       struct file *out, loff_t opos, size_t len)
{
#if PS_KV(6, 8)
	return splice_copy_file_range(in, ipos, out, opos, len);
#else
	return generic_copy_file_range(in, ipos, out, opos, len, 0);
#endif
}

#if PS_KV(6, 8)				/* error_remove_page took a folio */
#define PS_AOPS_ERROR_REMOVE	.error_remove_folio = generic_error_remove_folio
#else
#define PS_AOPS_ERROR_REMOVE	.error_remove_page = generic_error_remove_page
#endif

/* NULL if there is none; takes a reference, not the lock. */
static inline struct folio *ps_find_folio(struct address_space *mapping,
					  pgoff_t index)
{
	struct folio *f = __filemap_get_folio(mapping, index, 0, 0);

	return IS_ERR(f) ? NULL : f;
}

/*
 * Find or make the folio to write @len bytes at @pos into, locked.  ERR_PTR
 * on failure.  @len is a size hint that 6.1 cannot use.
 */
static inline struct folio *ps_get_write_folio(struct address_space *mapping,
					       loff_t pos, size_t len)
{
	struct folio *f;
	pgoff_t index = pos >> PAGE_SHIFT;
	gfp_t gfp = mapping_gfp_mask(mapping);

#if PS_KV(6, 6)
	f = __filemap_get_folio(mapping, index,
				FGP_WRITEBEGIN | FGP_NOFS | fgf_set_order(len),
				gfp);
#else
	f = __filemap_get_folio(mapping, index, FGP_LOCK | FGP_WRITE |
				FGP_CREAT | FGP_STABLE | FGP_NOFS, gfp);
#endif
	return f ? f : ERR_PTR(-ENOMEM);
}

/* How many bytes of one write may go into one folio. */
static inline size_t ps_write_chunk(struct address_space *mapping)
{
#if PS_KV(6, 11)
	return mapping_max_folio_size(mapping);
#elif PS_KV(6, 6)
	return PAGE_SIZE << MAX_PAGECACHE_ORDER;
#else
	return PAGE_SIZE;
#endif
}

/* Copy into a locked folio without faulting; may come short. */
static inline size_t ps_copy_from_iter(struct folio *folio, size_t off,
				       size_t len, struct iov_iter *i)
{
#if PS_KV(6, 12)
	return copy_folio_from_iter_atomic(folio, off, len, i);
#else
	size_t done = 0;

	while (done < len) {
		size_t in = off + done;
		size_t n = min(len - done, PAGE_SIZE - offset_in_page(in));
		size_t got = copy_page_from_iter_atomic(
				folio_page(folio, in >> PAGE_SHIFT),
				offset_in_page(in), n, i);

		done += got;
		if (got < n)
			break;
	}
	return done;
#endif
}

static inline void ps_folio_end_read(struct folio *folio, bool ok)
{
#if PS_KV(6, 7)
	folio_end_read(folio, ok);
#else
	if (ok)
		folio_mark_uptodate(folio);
	folio_unlock(folio);
#endif
}

/* Run @fn over each dirty folio (locked on entry; @fn must unlock it). */
typedef int (*ps_wb_fn)(struct folio *, struct writeback_control *, void *);
#if !PS_KV(6, 10)
struct ps_wb_thunk { ps_wb_fn fn; void *data; };
static inline int ps_wb_one(struct page *page, struct writeback_control *wbc,
			    void *p)
{
	struct ps_wb_thunk *t = p;

	return t->fn(page_folio(page), wbc, t->data);
}
#endif
static inline int ps_for_each_dirty(struct address_space *mapping,
				    struct writeback_control *wbc,
				    ps_wb_fn fn, void *data)
{
#if PS_KV(6, 10)
	struct folio *folio = NULL;
	int error = 0;

	while ((folio = writeback_iter(mapping, wbc, folio, &error)))
		error = fn(folio, wbc, data);
	return error;
#else
	struct ps_wb_thunk t = { fn, data };

	return write_cache_pages(mapping, wbc, ps_wb_one, &t);
#endif
}

/*
 * Take pages from an iterator for I/O.  Returns bytes, advances the iterator.
 * Release with ps_release_pages().  With @peer PCI peer-to-peer pages are taken,
 * too, where the kernel can; else they end it, with -EREMOTEIO if they come first.
 */
static inline ssize_t ps_extract_pages(struct iov_iter *i, struct page **pages,
				       size_t max, unsigned int npages,
				       bool peer, size_t *off)
{
#if PS_KV(6, 3)
	return iov_iter_extract_pages(i, &pages, max, npages,
				      peer ? ITER_ALLOW_P2PDMA : 0, off);
#else
	const struct iovec *iov;
	unsigned long addr;
	size_t len;
	int got;

	if (!user_backed_iter(i))	/* bvec, xarray: references, not pins */
		return iov_iter_get_pages2(i, pages, max, npages, off);
	/* 6.1 only offers get_pages here, so pin one segment by hand */
	iov_iter_advance(i, 0);		/* skips empty segments */
	iov = iter_is_ubuf(i) ? NULL : i->iov;
	addr = (iov ? (unsigned long)iov->iov_base :
		(unsigned long)i->ubuf) + i->iov_offset;
	len = min3(max, i->count, iov ? iov->iov_len - i->iov_offset : max);
	if (!len)
		return 0;
	*off = offset_in_page(addr);
	npages = min_t(size_t, npages, DIV_ROUND_UP(*off + len, PAGE_SIZE));
	got = pin_user_pages_fast(addr & PAGE_MASK, npages,
				  iov_iter_rw(i) == READ ? FOLL_WRITE : 0,
				  pages);
	if (got <= 0)
		return got ? got : -EFAULT;
	len = min_t(size_t, len, ((size_t)got << PAGE_SHIFT) - *off);
	iov_iter_advance(i, len);
	return len;
#endif
}

enum ps_hold { PS_HOLD_NONE, PS_HOLD_PIN, PS_HOLD_REF };

/* What ps_extract_pages() does to the pages of @i. */
static inline enum ps_hold ps_extract_hold(struct iov_iter *i)
{
	if (user_backed_iter(i))
		return PS_HOLD_PIN;
#if PS_KV(6, 3)
	return PS_HOLD_NONE;
#else
	return PS_HOLD_REF;
#endif
}

/* @n pages that follow each other. */
static inline void ps_release_pages(struct page *page, unsigned int n, enum ps_hold hold)
{
	if (hold == PS_HOLD_PIN)
		unpin_user_page_range_dirty_lock(page, n, false);
	for (; hold == PS_HOLD_REF && n; n--)
		put_page(page++);
}

/* ---- work queues: 7.x insists on one of PERCPU and UNBOUND ---- */
#if PS_KV(6, 17)
#define PS_WQ_PERCPU		WQ_PERCPU
#else
#define PS_WQ_PERCPU		0
#endif

/* ---- tracepoints: __assign_str() lost its second argument in 6.10 ---- */
#if PS_KV(6, 10)
#define ps_assign_str(dst, val)	__assign_str(dst)
#else
#define ps_assign_str(dst, val)	__assign_str(dst, val)
#endif

/* ---- shrinkers: allocated by the kernel from 6.7 on ---- */
struct ps_shrinker {
	unsigned long (*count)(struct shrinker *s, struct shrink_control *sc);
	unsigned long (*scan)(struct shrinker *s, struct shrink_control *sc);
#if PS_KV(6, 7)
	struct shrinker *kernel;
#else
	struct shrinker kernel;
#endif
};

#if PS_KV(6, 7)
static inline int ps_shrinker_register(struct ps_shrinker *s, const char *name)
{
	s->kernel = shrinker_alloc(0, "%s", name);
	if (!s->kernel)
		return -ENOMEM;
	s->kernel->count_objects = s->count;
	s->kernel->scan_objects = s->scan;
	shrinker_register(s->kernel);
	return 0;
}

static inline void ps_shrinker_unregister(struct ps_shrinker *s)
{
	shrinker_free(s->kernel);
}
#else
static inline int ps_shrinker_register(struct ps_shrinker *s, const char *name)
{
	s->kernel.count_objects = s->count;
	s->kernel.scan_objects = s->scan;
	s->kernel.seeks = DEFAULT_SEEKS;
	return register_shrinker(&s->kernel, "%s", name);
}

static inline void ps_shrinker_unregister(struct ps_shrinker *s)
{
	unregister_shrinker(&s->kernel);
}
#endif

#endif
