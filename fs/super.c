// SPDX-License-Identifier: GPL-2.0
/*
 * Superblocks: mounting, sharing, remounting, going away.
 *
 * A superblock is a server file system, whatever directory of it is mounted:
 * mounts of one file system with the same options share it, and with it the
 * caches.  Each mount's root is a dentry of its own (d_obtain_root()), and
 * s_root belongs to an inode that stands for nothing.
 */
#include <linux/completion.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include "../net/wait.h"
#include "penstock.h"

#define PS_AC_REG_MIN	(3 * HZ)
#define PS_AC_REG_MAX	(60 * HZ)
#define PS_AC_DIR_MIN	(30 * HZ)
#define PS_AC_DIR_MAX	(60 * HZ)

void ps_busy_get(struct ps_sb *sbi)
{
	atomic_inc(&sbi->busy);
}

/* The RCU section keeps @sbi, see ps_free_sb(). */
void ps_busy_put(struct ps_sb *sbi)
{
	rcu_read_lock();
	if (atomic_dec_and_test(&sbi->busy))
		wake_up_all(&sbi->wait);
	rcu_read_unlock();
}

/* ---- a mounted superblock ---- */

static int ps_statfs(struct dentry *dentry, struct kstatfs *st)
{
	struct super_block *sb = dentry->d_sb;
	struct pn4_statfs s = {};
	int rc = pn4_statfs(PS_N(d_inode(dentry)), &s);

	if (rc)
		return rc;
	st->f_type = PS_MAGIC;
	st->f_bsize = sb->s_blocksize;
	st->f_frsize = sb->s_blocksize;
	st->f_blocks = s.space_total >> sb->s_blocksize_bits;
	st->f_bfree = s.space_free >> sb->s_blocksize_bits;
	st->f_bavail = s.space_avail >> sb->s_blocksize_bits;
	st->f_files = s.files_total;
	st->f_ffree = s.files_avail;
	st->f_namelen = s.maxname ? s.maxname : PN4_NAME_MAX;
	st->f_fsid = u64_to_fsid(PS_SB(sb)->vol->fs.fsid_major * 31 +
				 PS_SB(sb)->vol->fs.fsid_minor);
	return 0;
}

static int ps_show_options(struct seq_file *m, struct dentry *root)
{
	ps_show_opts(m, PS_SB(root->d_sb));
	return 0;
}

static int ps_show_stats(struct seq_file *m, struct dentry *root)
{
	pn4_show_stats(PS_SB(root->d_sb)->vol, m);
	ps_gpu_show(m, PS_SB(root->d_sb));
	return 0;
}

/*
 * umount -f.  The VFS does not say which mount is meant; while another one
 * shares the superblock, its processes must not suffer, so nothing is cut off.
 */
static void ps_umount_begin(struct super_block *sb)
{
	if (atomic_read(&sb->s_active) <= 1)
		pn4_abort(PS_SB(sb)->vol);
}

/* sync(2), syncfs(2) and umount: what was written back becomes stable, too. */
static int ps_sync_fs(struct super_block *sb, int wait)
{
	return wait ? pn4_commit_all(PS_SB(sb)->vol) : 0;
}

static const struct super_operations ps_sops = {
	.alloc_inode = ps_alloc_inode,
	.free_inode = ps_free_inode,
	.evict_inode = ps_evict_inode,
	.statfs = ps_statfs,
	.sync_fs = ps_sync_fs,
	.show_options = ps_show_options,
	.show_stats = ps_show_stats,
	.umount_begin = ps_umount_begin,
};

/* ---- making one ---- */

static void ps_set_times(struct ps_sb *sbi)
{
	unsigned long t = sbi->opts.actimeo * HZ;

	if (sbi->opts.actimeo == PS_TIMES_UNSET) {
		sbi->ac_reg_min = PS_AC_REG_MIN;
		sbi->ac_reg_max = PS_AC_REG_MAX;
		sbi->ac_dir_min = PS_AC_DIR_MIN;
		sbi->ac_dir_max = PS_AC_DIR_MAX;
		return;
	}
	sbi->ac_reg_min = t;
	sbi->ac_reg_max = t;
	sbi->ac_dir_min = t;
	sbi->ac_dir_max = t;
}

/* s_root: an inode that nobody can reach. */
static struct dentry *ps_make_root(struct super_block *sb)
{
	static const struct pn4_fh none;
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;
	inode->i_mode = S_IFDIR;
	inode->i_ino = 1;
	pn4_node_init(PS_N(inode), PS_SB(sb)->vol, &none);
	return d_make_root(inode);
}

static int ps_fill_super(struct super_block *sb)
{
	struct ps_sb *sbi = PS_SB(sb);
	const struct pn4_volume *vol = sbi->vol;
	int rc;

	sbi->sb = sb;
	sbi->vol->host = sb;
	ps_set_times(sbi);
	/* unpromised data cannot be reclaimed: a 32nd of memory at most */
	sbi->unstable_max = max_t(u64, (u64)totalram_pages() << PAGE_SHIFT >> 5,
				  SZ_16M);
	sb->s_magic = PS_MAGIC;
	sb->s_op = &ps_sops;
	sb->s_xattr = ps_xattr_handlers;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	if (vol->fs.maxfilesize && vol->fs.maxfilesize < MAX_LFS_FILESIZE)
		sb->s_maxbytes = vol->fs.maxfilesize;
	sb->s_time_gran = 1;	/* time_delta is for clocks; what is set is kept */
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_flags |= SB_NOATIME;
	ps_set_d_op(sb, &ps_dentry_ops);
	rc = super_setup_bdi(sb);
	if (rc)
		return rc;
	if (sbi->opts.sec == PRPC_SEC_KRB5I)	/* sent as they were when the checksum was made */
		sb->s_iflags |= SB_I_STABLE_WRITES;
	sb->s_bdi->ra_pages = PS_READAHEAD >> PAGE_SHIFT;
	sb->s_bdi->io_pages = vol->rsize >> PAGE_SHIFT;
	sb->s_root = ps_make_root(sb);
	return sb->s_root ? 0 : -ENOMEM;
}

static bool ps_same_opts(const struct ps_opts *a, const struct ps_opts *b)
{
	return a->actimeo == b->actimeo && a->soft == b->soft &&
	       a->timeout == b->timeout && a->local_lock == b->local_lock &&
	       a->gpu == b->gpu;
}

static int ps_test_super(struct super_block *sb, struct fs_context *fc)
{
	const struct ps_sb *old = PS_SB(sb), *new = fc->s_fs_info;

	return old->net == new->net && !READ_ONCE(old->vol->dead) &&
	       !((sb->s_flags ^ fc->sb_flags) & SB_RDONLY) &&
	       ps_same_opts(&old->opts, &new->opts) &&
	       pn4_same_volume(old->vol, new->vol);
}

/* What the protocol layer said, in words. */
static int ps_mount_failed(struct fs_context *fc, int rc)
{
	const struct ps_sb *sbi = fc->s_fs_info;
	const char *why;

	switch (rc) {
	case -ENOENT:
		why = "no such directory at the server";
		break;
	case -EACCES:
	case -EPERM:
		why = sbi->opts.sec ?
		      "the server or the KDC does not let this host in (dmesg may say more)" :
		      "the server does not let this host in";
		break;
	case -EKEYEXPIRED:
		why = "the Kerberos ticket has expired; get a new one with kinit";
		break;
	case -ENOPROTOOPT:
		why = "penstock_rdma cannot be loaded (dmesg says why); use proto=tcp";
		break;
	case -ENODEV:
		why = "no RDMA device leads to the server; use proto=tcp";
		break;
	case -EPROTONOSUPPORT:
		why = "the server does not speak NFSv4.1 or 4.2";
		break;
	case -ECONNREFUSED:
		why = "connection refused";
		break;
	case -ETIMEDOUT:
		why = "the server does not answer";
		break;
	case -EHOSTUNREACH:
	case -ENETUNREACH:
		why = "no route to the server";
		break;
	case -EADDRNOTAVAIL:
		why = "no interface of this host leads to the server";
		break;
	case -EREMOTE:
		why = "the server says that it is at another server; mount it from there";
		break;
	case -ENOTDIR:
		why = "not a directory";
		break;
	default:
		why = "the mount failed";
	}
	errorf(fc, "penstock: %s: %s (error %d); nothing is mounted",
	       fc->source, why, rc);
	return rc;
}

static struct pn4_mount_args ps_mount_args(const struct fs_context *fc,
					   const struct ps_sb *sbi)
{
	const struct ps_opts *o = &sbi->opts;

	return (struct pn4_mount_args) {
		.net = sbi->net,
		.name = fc->source,
		.addrs = o->addrs,
		.nr_addrs = o->nr_addrs,
		.names = (const char *const *)o->names,
		.tls = o->tls,
		.port = o->port,
		.minor = o->minor,
		.minor_fixed = o->minor_fixed,
		.rsize = o->rsize,
		.wsize = o->wsize,
		.soft_timeout = o->soft ? o->timeout : 0,
		.proto = o->proto,
		.rails = o->rails,
		.nr_rails = o->nr_rails,
		.paths = o->paths,
		.sec = o->sec,
	};
}

/* The flavour is not the server's. */
static int ps_wrong_sec(struct fs_context *fc, const struct pn4_flavors *wanted)
{
	const struct ps_sb *sbi = fc->s_fs_info;
	char text[64];

	ps_name_secs(wanted, text, sizeof(text));
	errorf(fc, "penstock: %s: the server does not take sec=%s there but sec=%s; nothing is mounted",
	       fc->source, ps_sec_name(&sbi->opts), text);
	return -EPERM;
}

static int ps_connect(struct fs_context *fc, struct ps_sb *sbi,
		      struct pn4_fh *fh, struct pn4_attr *attr)
{
	struct pn4_flavors wanted;
	struct pn4_mount_args args;
	const char *path;
	char *server;
	int rc;

	rc = ps_check_opts(fc, &sbi->opts);
	rc = rc ?: ps_finish_addrs(fc, sbi);
	rc = rc ?: ps_split_source(fc, &path);
	if (rc)
		return rc;
	server = ps_first_host(fc->source);
	if (!server)
		return -ENOMEM;
	do {
		wanted.n = 0;
		args = ps_mount_args(fc, sbi);
		args.server = server;
		args.wanted = &wanted;
		rc = pn4_mount(&args, path, &sbi->vol, fh, attr);
	} while (rc && ps_pick_sec(fc, &sbi->opts, &wanted));
	kfree(server);
	if (rc && ps_is_wrong_sec(&sbi->opts, &wanted))
		return ps_wrong_sec(fc, &wanted);
	if (!rc && attr->type != PN4_DIR)
		rc = -ENOTDIR;
	return rc ? ps_mount_failed(fc, rc) : ps_gpu_check_mount(fc, sbi);
}

/* The server says that what belongs here is at another one: go there. */
static int ps_refer(struct fs_context *fc, struct ps_sb *sbi,
		    struct pn4_fh *fh, struct pn4_attr *attr)
{
	struct ps_fs_context *ctx = fc->fs_private;
	struct pn4_mount_args args = ps_mount_args(fc, sbi);
	struct name_snapshot name;
	struct dentry *dir;
	int rc;

	take_dentry_name_snapshot(&name, ctx->place);
	dir = dget_parent(ctx->place);
	rc = pn4_refer(PS_N(d_inode(dir)), name.name.name, name.name.len, &args,
		       &sbi->vol, fh, attr);
	dput(dir);
	release_dentry_name_snapshot(&name);
	return rc;
}

/* Cross from the covered directory into what is behind it. */
static int ps_cross(struct fs_context *fc, struct ps_sb *sbi,
		    struct pn4_fh *fh, struct pn4_attr *attr)
{
	struct ps_fs_context *ctx = fc->fs_private;

	if (!ctx->covered)
		return -EINVAL;
	*fh = PS_N(ctx->covered)->fh;
	if (pn4_is_referral(fh))
		return ps_refer(fc, sbi, fh, attr);
	return pn4_submount(PS_SB(ctx->parent)->vol, fh, &sbi->vol, attr);
}

static int ps_get_root(struct fs_context *fc, struct super_block *sb,
		       const struct pn4_fh *fh, const struct pn4_attr *attr,
		       unsigned long asked)
{
	struct dentry *root;

	/* ERR_PTR passes through */
	root = d_obtain_root(ps_iget(sb, fh, attr, asked));
	if (IS_ERR(root))
		return PTR_ERR(root);
	fc->root = root;
	return 0;
}

static int ps_get_tree(struct fs_context *fc)
{
	struct ps_sb *sbi = fc->s_fs_info;
	unsigned long asked = jiffies;
	struct super_block *sb;
	struct pn4_attr attr;
	struct pn4_fh fh;
	int rc;

	if (fc->purpose == FS_CONTEXT_FOR_SUBMOUNT)
		rc = ps_cross(fc, sbi, &fh, &attr);
	else
		rc = ps_connect(fc, sbi, &fh, &attr);
	if (rc)
		return rc;
	sbi->source = kstrdup(fc->source, GFP_KERNEL);
	if (!sbi->source)
		return -ENOMEM;
	sb = sget_fc(fc, ps_test_super, set_anon_super_fc);
	if (IS_ERR(sb))
		return PTR_ERR(sb);
	if (!sb->s_root) {
		rc = ps_fill_super(sb);
		if (!rc) {
			sb->s_flags |= SB_ACTIVE;
			ps_sysfs_add(sb);
		}
	}
	if (!rc)
		rc = ps_get_root(fc, sb, &fh, &attr, asked);
	if (rc)
		deactivate_locked_super(sb);
	return rc;
}

/* ---- remount ---- */

static const char *ps_fixed_option(const struct ps_sb *old,
				   const struct ps_sb *new)
{
	const struct ps_opts *o = &old->opts, *n = &new->opts;

	if (n->minor != o->minor && n->minor != old->vol->minor)
		return "vers";
	if (n->rsize != o->rsize && n->rsize != old->vol->rsize)
		return "rsize";
	if (n->wsize != o->wsize && n->wsize != old->vol->wsize)
		return "wsize";
	if (strcmp(n->proto, o->proto) &&
	    strcmp(n->proto, pn4_proto(old->vol)))
		return "proto";
	if (n->port != o->port)
		return "port";
	if (n->sec != o->sec)
		return "sec";
	if (n->local_lock != o->local_lock)
		return "local_lock";
	if (n->gpu != o->gpu)
		return "gpudirect";
	if (!prpc_tls_equal(&n->tls, &o->tls))
		return "xprtsec";
	return NULL;
}

static int ps_renew(struct fs_context *fc, struct ps_sb *sbi)
{
	int rc = pn4_renew(sbi->vol);

	if (rc && rc != -ERESTARTSYS)
		errorf(fc, "penstock: %s: a connection does not come back (error %d), dmesg may say why; those that are left keep the keys they have",
		       sbi->source, rc);
	return rc;
}

/* addr=, rails= and paths=, as far as they are given. */
static int ps_change_paths(struct fs_context *fc, struct ps_sb *sbi,
			   const struct ps_opts *new)
{
	const struct ps_fs_context *ctx = fc->fs_private;
	struct pn4_mount_args args = {
		.addrs = new->addrs,
		.nr_addrs = ctx->addrs_reset ? new->nr_addrs : 0,
		.names = (const char *const *)new->names,
		.port = new->port,
		.rails = new->rails,
		.nr_rails = ctx->rails_reset ? new->nr_rails : 0,
		.paths = new->paths,
	};
	int rc;

	if (!args.nr_addrs && !args.nr_rails && !args.paths)
		return 0;
	rc = pn4_paths_change(sbi->vol, &args);
	if (rc == -EADDRNOTAVAIL)
		errorf(fc, "penstock: %s: none of the addresses could be reached through any of the rails; nothing has changed",
		       sbi->source);
	else if (rc == -ENOTCONN)
		errorf(fc, "penstock: %s: no path that would be left leads to this server; nothing has changed",
		       sbi->source);
	return rc;
}

/*
 * What can change while files are open: the paths, how long to wait, how long
 * to trust.
 */
static int ps_reconfigure(struct fs_context *fc)
{
	struct super_block *sb = fc->root->d_sb;
	struct ps_sb *sbi = PS_SB(sb), *new = fc->s_fs_info;
	const char *fixed;
	int rc;

	/* timeout= that was there goes with a soft that goes */
	if (!new->opts.soft && sbi->opts.soft)
		new->opts.timeout_set = false;
	rc = ps_check_opts(fc, &new->opts);
	if (rc)
		return rc;
	if (!fc->source)
		fc->source = kstrdup(sbi->source, GFP_KERNEL);
	if (!fc->source)
		return -ENOMEM;
	rc = ps_finish_addrs(fc, new);
	if (rc)
		return rc;
	fixed = ps_fixed_option(sbi, new);
	if (fixed)
		return invalf(fc, "penstock: %s: %s= cannot change on remount; unmount first",
			      sbi->source, fixed);
	rc = ps_change_paths(fc, sbi, &new->opts);
	if (rc)
		return rc;
	/* for paths alone nothing has to be written, which may take them to end */
	if (fc->sb_flags_mask || sbi->opts.soft != new->opts.soft ||
	    sbi->opts.timeout != new->opts.timeout ||
	    sbi->opts.actimeo != new->opts.actimeo)
		sync_filesystem(sb);
	sbi->opts.soft = new->opts.soft;
	sbi->opts.timeout = new->opts.timeout;
	sbi->opts.actimeo = new->opts.actimeo;
	WRITE_ONCE(sbi->vol->soft_timeout,
		   sbi->opts.soft ? sbi->opts.timeout : 0);
	ps_set_times(sbi);
	return ((struct ps_fs_context *)fc->fs_private)->renew ? ps_renew(fc, sbi) : 0;
}

/* ---- contexts and the end ---- */

static void ps_free_sb(struct ps_sb *sbi)
{
	if (!sbi)
		return;
	if (sbi->vol)
		pn4_umount(sbi->vol);
	put_net(sbi->net);
	ps_free_names(&sbi->opts);
	kfree(sbi->opts.addrs);
	kfree(sbi->opts.rails);
	kfree(sbi->source);
	synchronize_rcu();	/* ps_busy_put() */
	kfree(sbi);
}

static void ps_free_fc(struct fs_context *fc)
{
	kfree(fc->fs_private);
	ps_free_sb(fc->s_fs_info);	/* NULL once a superblock owns it */
}

static const struct fs_context_operations ps_context_ops = {
	.parse_param = ps_parse_param,
	.get_tree = ps_get_tree,
	.reconfigure = ps_reconfigure,
	.free = ps_free_fc,
};

static struct ps_sb *ps_alloc_sb(struct net *net)
{
	struct ps_sb *sbi = kzalloc(sizeof(*sbi), GFP_KERNEL);

	if (!sbi)
		return NULL;
	sbi->net = get_net(net);
	sbi->opts.minor = 2;
	sbi->opts.actimeo = PS_TIMES_UNSET;
	strscpy(sbi->opts.proto, "auto", sizeof(sbi->opts.proto));
	init_waitqueue_head(&sbi->wait);
	init_llist_head(&sbi->put_list);
	INIT_WORK(&sbi->put_work, ps_put_inodes);
	return sbi;
}

int ps_init_fs_context(struct fs_context *fc)
{
	struct ps_fs_context *ctx = kzalloc(sizeof(*ctx), GFP_KERNEL);
	struct ps_sb *sbi = ps_alloc_sb(fc->net_ns);
	int rc = 0;

	if (!ctx || !sbi) {
		kfree(ctx);
		ps_free_sb(sbi);
		return -ENOMEM;
	}
	if (fc->purpose == FS_CONTEXT_FOR_RECONFIGURE) {
		rc = ps_copy_opts(&sbi->opts, &PS_SB(fc->root->d_sb)->opts);
		sbi->opts.timeout_set = false;
		sbi->opts.paths = 0;	/* unless it is given */
	} else {
		ctx->addrs_reset = true;
	}
	fc->fs_private = ctx;
	fc->s_fs_info = sbi;
	fc->ops = &ps_context_ops;
	return rc;
}

struct ps_last_sync {
	struct work_struct work;
	struct super_block *sb;
	struct completion done;
};

static void ps_last_sync_work(struct work_struct *work)
{
	struct ps_last_sync *s = container_of(work, struct ps_last_sync, work);
	struct ps_sb *sbi = PS_SB(s->sb);

	sync_inodes_sb(s->sb);	/* who waits for us holds s_umount */
	pn4_commit_all(sbi->vol);
	pn4_leave(sbi->vol);
	wait_event(sbi->wait, !atomic_read(&sbi->busy));
	complete(&s->done);
}

/*
 * The last mount is gone.  What is dirty goes to the server, and ios that hold
 * inodes end.  The VFS would wait for that beyond the reach of a signal, so it
 * is waited for here, and a signal drops the data like umount -f.
 */
static void ps_last_sync(struct super_block *sb)
{
	struct ps_last_sync s = { .sb = sb };

	init_completion(&s.done);
	INIT_WORK_ONSTACK(&s.work, ps_last_sync_work);
	queue_work(system_unbound_wq, &s.work);
	if (prpc_wait_done(&s.done)) {
		pr_warn("penstock: %s: unmount interrupted, unwritten data is lost\n",
			PS_SB(sb)->source);
		pn4_abort(PS_SB(sb)->vol);
		wait_for_completion(&s.done);
	}
	destroy_work_on_stack(&s.work);
}

void ps_kill_sb(struct super_block *sb)
{
	struct ps_sb *sbi = PS_SB(sb);

	if (sb->s_root)
		ps_last_sync(sb);
	ps_sysfs_del(sbi);
	kill_anon_super(sb);
	ps_free_sb(sbi);
}
