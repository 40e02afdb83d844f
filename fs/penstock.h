/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VFS layer: what its files share.  It knows inodes, folios and dentries
 * and sees the protocol only through nfs4/nfs4.h.
 */
#ifndef PENSTOCK_FS_H
#define PENSTOCK_FS_H

#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/llist.h>
#include <linux/pagemap.h>
#include <linux/xarray.h>
#include "compat.h"
#include "nfs4/nfs4.h"
#include "nfs4/host.h"

#define PS_MAGIC		0x6969	/* NFS_SUPER_MAGIC, what libcufile knows */
#define PS_READAHEAD		SZ_16M	/* window, bytes */
#define PS_SOFT_TIMEOUT		60	/* seconds, "soft" without "timeout=" */
#define PS_ACCESS_SLOTS		4
#define PS_TIMES_UNSET		(-1)
#define PS_LOCAL_POSIX		BIT(0)	/* fcntl(2) locks, OFD ones too */
#define PS_LOCAL_FLOCK		BIT(1)

/* gpudirect=: direct I/O with device memory */
enum ps_gpu_mode {
	PS_GPU_AUTO,		/* where a device can move it, else an error */
	PS_GPU_REQUIRE,		/* and no mount where none ever can */
	PS_GPU_OFF,		/* always an error */
	PS_GPU_BOUNCE,		/* PCI peer-to-peer memory by the CPU, if need be */
};

/* What became of it: bytes, _WRITTEN right behind _READ; and why not, requests. */
enum ps_gpu_count {
	PS_GPU_GPU_READ,
	PS_GPU_GPU_WRITTEN,
	PS_GPU_PEER_READ,
	PS_GPU_PEER_WRITTEN,
	PS_GPU_BOUNCED_READ,
	PS_GPU_BOUNCED_WRITTEN,
	PS_GPU_REFUSED,
	PS_GPU_NO_OFF,
	PS_GPU_NO_PATH,
	PS_GPU_NO_MIXED,
	PS_GPU_NO_FAILED,	/* admitted, but it did not work */
	PS_GPU_COUNTS,
};

/**
 * struct ps_opts - mount options
 * @actimeo: seconds attributes are trusted, 0 with noac, PS_TIMES_UNSET: adapt
 * @port: of all addresses, 0: the transport's own
 * @timeout: seconds a call may wait when @soft
 * @local_lock: PS_LOCAL_*: locks that the server does not hear of
 * @rails, @nr_rails, @paths: which connections, see net/rail.c
 * @tls, @names: what protects them; for each of @addrs the name in its
 *	certificate, or NULL: its text
 */
struct ps_opts {
	struct sockaddr_storage *addrs;
	unsigned int nr_addrs;
	struct prpc_rail *rails;
	unsigned int nr_rails;
	unsigned int paths;
	unsigned int port;
	unsigned int minor;
	bool minor_fixed;
	bool soft;
	bool timeout_set;
	unsigned int timeout;
	int actimeo;
	unsigned int local_lock;
	enum ps_gpu_mode gpu;
	u32 rsize;
	u32 wsize;
	char proto[8];
	struct prpc_tls tls;
	char **names;
	int sec;		/* enum prpc_sec */
	bool sec_given;		/* else the server has a say */
};

/**
 * struct ps_sb - one superblock, s_fs_info
 * @busy: ios and works that hold inodes of this superblock without a file
 * @wait: woken when @busy gets to zero
 * @unstable_bytes: written, not yet promised by the server; beyond
 *	@unstable_max commits are not put off
 * @put_list, @put_work: inodes whose last reference ended up in softirq
 */
struct ps_sb {
	struct super_block *sb;
	struct pn4_volume *vol;
	struct net *net;
	char *source;
	struct ps_opts opts;
	unsigned long ac_reg_min, ac_reg_max;	/* jiffies */
	unsigned long ac_dir_min, ac_dir_max;
	atomic_t busy;
	wait_queue_head_t wait;
	atomic64_t unstable_bytes;
	u64 unstable_max;
	atomic64_t gpu[PS_GPU_COUNTS];
	struct llist_head put_list;
	struct work_struct put_work;
	struct kobject *dir;		/* in sysfs */
};

/* ps_inode.flags */
enum {
	PS_I_ATTR_STALE,	/* ask the server before the next use */
	PS_I_DATA_STALE,	/* cached pages are of an older version */
	PS_I_OWN,		/* we changed it: the next change value is ours */
	PS_I_META,		/* the same, if contents are as they were */
	PS_I_UNSURE,		/* ... and may have hidden that others changed it, too */
	PS_I_GONE,		/* the server does not know the handle any more */
	PS_I_AUTOMOUNT,		/* root of another file system of the server */
	PS_I_CHILD_USED,	/* directory: a cached child was looked at */
	PS_I_INVALIDATING,	/* bit lock: pages are being thrown out */
	PS_I_OPENED,		/* was opened before: a delegation may be of use */
};

#define PS_ACCESS_ASK	(PN4_ACCESS_READ | PN4_ACCESS_LOOKUP | \
			 PN4_ACCESS_MODIFY | PN4_ACCESS_EXTEND | \
			 PN4_ACCESS_DELETE | PN4_ACCESS_EXECUTE)

struct ps_access;
struct ps_silly;

/**
 * struct ps_inode - an inode, keyed by its file handle
 *
 * i_lock guards attributes, @change, @wb_open, @silly; flags are atomic.
 *
 * @attr_seq: bumped when a newer version is adopted and when an operation of
 *	ours that changes the object has ended; an attribute set asked for
 *	before the bump is old
 * @own_ops: writes of ours on their way: i_size and change are in motion
 * @attr_time: jiffies when the attributes were asked for
 * @attr_timeo: jiffies for which they are trusted
 * @attr_same: jiffies since when they have not changed
 * @perm_gen: what the access cache is valid for
 * @opens: file descriptions
 * @reads: buffered reads in flight
 * @wait: woken when @reads gets to zero and when write-back of folios ends
 * @unstable: written back, but not yet promised by the server; ios
 * @wb_open: the open whose identity write-back uses; holds a reference
 * @dir_verf: version of a directory's names; dentries carry it in d_time.
 *	Not bumped by our own changes.  0 is never valid.
 * @chunks: cached listing, by start cookie; of version @chunks_change
 * @link: target of a symlink, once read
 */
struct ps_inode {
	struct pn4_node node;
	unsigned long flags;
	unsigned long attr_time;
	unsigned long attr_timeo;
	unsigned long attr_same;
	u64 change;
	u64 fileid;
	atomic64_t attr_seq;
	atomic_t own_ops;
	atomic_t opens;
	atomic_t reads;
	atomic_t unstable;
	u32 perm_gen;
	struct ps_access __rcu *access[PS_ACCESS_SLOTS];
	unsigned int access_next;
	struct timespec64 btime;
	wait_queue_head_t wait;
	struct pn4_open *wb_open;
	struct ps_silly *silly;
	struct llist_node put_link;
	unsigned long dir_verf;
	struct xarray chunks;
	u64 chunks_change;
	size_t chunks_bytes;
	char *link;
	struct inode vfs_inode;
};

/**
 * struct ps_stamp - taken before attributes are asked for, see ps_attr_apply()
 */
struct ps_stamp {
	u64 seq;
	unsigned long time;
};

/**
 * struct ps_file - private_data of an open regular file
 * @truncated: the OPEN itself has set the size to 0
 */
struct ps_file {
	struct pn4_open *open;
	bool truncated;
};

static inline struct ps_inode *PS_I(const struct inode *inode)
{
	return container_of(inode, struct ps_inode, vfs_inode);
}

static inline struct pn4_node *PS_N(const struct inode *inode)
{
	return &PS_I(inode)->node;
}

static inline struct ps_sb *PS_SB(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct inode *ps_node_inode(struct pn4_node *node)
{
	return &container_of(node, struct ps_inode, node)->vfs_inode;
}

static inline struct pn4_open *ps_file_open(const struct file *file)
{
	struct ps_file *pf = file->private_data;

	return pf->open;
}

/* main.c */
extern struct file_system_type ps_fs_type;
extern struct workqueue_struct *ps_wq;		/* reclaim-safe */
extern struct kmem_cache *ps_inode_cache;

/* params.c */
int ps_init_fs_context(struct fs_context *fc);
extern const struct fs_parameter_spec ps_params[];
int ps_split_source(struct fs_context *fc, const char **path);
int ps_finish_addrs(struct fs_context *fc, struct ps_sb *sbi);
int ps_parse_param(struct fs_context *fc, struct fs_parameter *param);
char *ps_first_host(const char *source);
int ps_check_opts(struct fs_context *fc, struct ps_opts *o);
int ps_copy_opts(struct ps_opts *to, const struct ps_opts *from);
void ps_show_opts(struct seq_file *m, const struct ps_sb *sbi);
/*
 * Was o->sec refused for what it is?  Not if it is among @wanted: then the server
 * misses something else, xprtsec= say.
 */
bool ps_is_wrong_sec(const struct ps_opts *o, const struct pn4_flavors *wanted);
/* The server does not take o->sec but @wanted: may and can we do any?  Into @o. */
bool ps_pick_sec(const struct fs_context *fc, struct ps_opts *o,
		 const struct pn4_flavors *wanted);
const char *ps_sec_name(const struct ps_opts *o);
/* "krb5:krb5i" */
void ps_name_secs(const struct pn4_flavors *wanted, char *text, size_t size);

/* super.c */
struct ps_fs_context {
	struct inode *covered;		/* submount: the directory, borrowed */
	struct dentry *place;		/* submount: its name, borrowed */
	struct super_block *parent;	/* submount, borrowed */
	bool addrs_reset;		/* remount: addr= replaces the list */
	bool rails_reset;
	bool renew;			/* remount: connect anew */
};

/* tlsopts.c */
int ps_parse_xprtsec(struct fs_context *fc, struct ps_opts *o, const char *text);
/* The name of the address that came last. */
int ps_parse_servername(struct fs_context *fc, struct ps_opts *o, const char *text);
int ps_check_tls(struct fs_context *fc, const struct ps_opts *o);
/* A name for each address.  0 or -ENOMEM. */
int ps_finish_names(struct ps_opts *o);
/* Room for the name of one more address. */
int ps_grow_names(struct ps_opts *o);
int ps_copy_names(struct ps_opts *to, const struct ps_opts *from);
void ps_free_names(struct ps_opts *o);
void ps_show_tls(struct seq_file *m, const struct ps_opts *o);
void ps_kill_sb(struct super_block *sb);
void ps_busy_get(struct ps_sb *sbi);
void ps_busy_put(struct ps_sb *sbi);

/* shrink.c */
int ps_shrink_init(void);
void ps_shrink_exit(void);

/* sysfs.c */
int ps_sysfs_init(void);
void ps_sysfs_exit(void);
/* Show @sb, now that it is there; it works without, too. */
void ps_sysfs_add(struct super_block *sb);
void ps_sysfs_del(struct ps_sb *sbi);

/* submount.c */
struct vfsmount *ps_d_automount(struct path *path);
void ps_submount_exit(void);

/* inode.c */
struct inode *ps_alloc_inode(struct super_block *sb);
void ps_free_inode(struct inode *inode);
void ps_evict_inode(struct inode *inode);
void ps_inode_once(void *p);
struct inode *ps_iget(struct super_block *sb, const struct pn4_fh *fh,
		      const struct pn4_attr *attr, unsigned long asked);
void ps_iput_atomic(struct inode *inode);
void ps_put_inodes(struct work_struct *work);

/* attr.c */
struct ps_stamp ps_stamp(const struct inode *inode);
void ps_attr_apply(struct inode *inode, const struct pn4_attr *attr,
		   struct ps_stamp st, bool own);
void ps_attr_apply_dir(struct inode *dir, const struct pn4_attr *attr,
		       struct ps_stamp st);
bool ps_attr_fresh(const struct inode *inode);
int ps_attr_refresh(struct inode *inode);
int ps_attr_revalidate(struct inode *inode);
void ps_attr_expire(struct inode *inode);
void ps_own_begin(struct inode *inode);
void ps_own_end(struct inode *inode);
void ps_meta_changed(struct inode *inode);
void ps_mark_gone(struct inode *inode);
int ps_getattr(ps_idmap *idmap, const struct path *path, struct kstat *st,
	       u32 mask, unsigned int flags);
int ps_setattr(ps_idmap *idmap, struct dentry *dentry, struct iattr *ia);

/* access.c */
int ps_permission(ps_idmap *idmap, struct inode *inode, int mask);
void ps_access_clear(struct ps_inode *pi);
bool ps_access_known(struct inode *inode);
bool ps_access_open(struct inode *inode, fmode_t fmode);
void ps_access_opened(struct inode *inode, u32 granted);

/* lookup.c */
extern const struct dentry_operations ps_dentry_ops;
struct dentry *ps_lookup(struct inode *dir, struct dentry *dentry,
			 unsigned int flags);
void ps_set_verf(struct dentry *dentry, unsigned long verf);
void ps_set_vouched(struct dentry *dentry, u64 deleg);
bool ps_vouched(const struct dentry *dentry, const struct inode *inode);
void ps_prime_dentry(struct dentry *parent, const struct pn4_dirent *ent,
		     unsigned long verf, unsigned long asked);

/* dir.c */
extern const struct inode_operations ps_dir_iops;
extern const struct inode_operations ps_special_iops;

/* silly.c */
int ps_silly_rename(struct inode *dir, struct dentry *dentry);
int ps_silly_link(struct inode *dir, struct dentry *dentry);
void ps_silly_last_close(struct inode *inode);
bool ps_silly_needed(struct inode *inode);

/* open.c */
int ps_atomic_open(struct inode *dir, struct dentry *dentry, struct file *file,
		   unsigned int flags, umode_t mode);
int ps_create_file(struct inode *dir, struct dentry *dentry, umode_t mode,
		   bool excl);
int ps_open(struct inode *inode, struct file *file);
int ps_release(struct inode *inode, struct file *file);
int ps_flush(struct file *file, fl_owner_t id);

/* readdir.c */
extern const struct file_operations ps_dir_fops;
void ps_chunks_drop(struct ps_inode *pi);

/* symlink.c */
extern const struct inode_operations ps_symlink_iops;

/* file.c */
extern const struct inode_operations ps_file_iops;
extern const struct file_operations ps_file_fops;
int ps_fsync(struct file *file, loff_t start, loff_t end, int datasync);

/* cache.c */
int ps_flush_range(struct inode *inode, loff_t start, loff_t end, bool sync);
int ps_flush_all(struct inode *inode);
int ps_commit(struct inode *inode);
int ps_data_revalidate(struct inode *inode, bool nowait);
int ps_data_invalidate(struct inode *inode);
bool ps_data_dirty(struct inode *inode);
void ps_drop_clean_wb_open(struct inode *inode);
int ps_wait_folio(struct inode *inode, struct folio *folio);
extern const struct address_space_operations ps_aops;

/* dirty.c */
void ps_dirty_range(struct folio *folio, size_t from, size_t to);
bool ps_dirty_fits(struct folio *folio, size_t from, size_t to);
bool ps_dirty_folio(struct address_space *mapping, struct folio *folio);
void ps_invalidate_folio(struct folio *folio, size_t off, size_t len);
bool ps_release_folio(struct folio *folio, gfp_t gfp);

/**
 * struct ps_dirty - several dirty ranges of a large folio
 * @pending: during write-back: ios out, and one for who starts them
 * @nr: pages
 * @bits: which of them are dirty
 */
struct ps_dirty {
	atomic_t pending;
	unsigned int nr;
	unsigned long bits[];
};
struct ps_dirty *ps_dirty_take(struct folio *folio, size_t *from, size_t *to);
bool ps_dirty_next(const struct ps_dirty *d, size_t at, size_t limit,
		   size_t *from, size_t *to);

/* read.c */
int ps_read_folio(struct file *file, struct folio *folio);
void ps_readahead(struct readahead_control *rac);

/* write.c */
ssize_t ps_buffered_write(struct kiocb *iocb, struct iov_iter *from);
void ps_set_wb_open(struct inode *inode, struct pn4_open *open);

/* writeback.c */
int ps_writepages(struct address_space *mapping, struct writeback_control *wbc);
int ps_writeback_range(struct inode *inode, loff_t start, loff_t end, bool sync);
int ps_write_folio_now(struct folio *folio);
int ps_writeback_init(void);
void ps_writeback_exit(void);

/* mmap.c */
#if PS_KV(6, 17)
int ps_mmap_prepare(struct vm_area_desc *desc);
#else
int ps_mmap(struct file *file, struct vm_area_struct *vma);
#endif

/* gpudirect.c */
extern const struct constant_table ps_gpu_modes[];
const char *ps_gpu_mode_name(enum ps_gpu_mode mode);
int ps_gpu_check_mount(struct fs_context *fc, const struct ps_sb *sbi);
/* A buffer of @len bytes has peer-to-peer pages: may they be pinned? */
bool ps_gpu_pins_peer(struct ps_sb *sbi, size_t len);
/*
 * The pages of @io are pinned: set io->data.memory.  @peer: there may be
 * peer-to-peer pages among them; then io->data.bv may become a copy.  -errno: it
 * cannot be done.
 */
int ps_gpu_admit(struct inode *inode, struct pn4_io *io, bool peer);
/* @io, not of host memory, has ended; @user: the pages that it is about. */
void ps_gpu_done(struct inode *inode, struct pn4_io *io, struct bio_vec *user);
void ps_gpu_show(struct seq_file *m, struct ps_sb *sbi);

/* direct.c */
ssize_t ps_direct_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t ps_direct_write(struct kiocb *iocb, struct iov_iter *from);
int ps_direct_init(void);
void ps_direct_exit(void);

/* lock.c */
int ps_lock(struct file *file, int cmd, struct file_lock *fl);
int ps_flock(struct file *file, int cmd, struct file_lock *fl);
int ps_setlease(struct file *file, ps_lease_arg arg, ps_lease **lease,
		void **priv);

/* xattr.c */
extern PS_XATTR_TABLE(ps_xattr_handlers);
ssize_t ps_listxattr(struct dentry *dentry, char *buf, size_t size);

/* copy.c */
ssize_t ps_copy_file_range(struct file *in, loff_t ipos, struct file *out,
			   loff_t opos, size_t len, unsigned int flags);
loff_t ps_remap_file_range(struct file *in, loff_t ipos, struct file *out,
			   loff_t opos, loff_t len, unsigned int flags);
long ps_fallocate(struct file *file, int mode, loff_t off, loff_t len);
loff_t ps_llseek(struct file *file, loff_t off, int whence);

#endif
