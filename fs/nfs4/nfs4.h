/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The protocol as the VFS layer sees it: volumes, nodes, opens, I/O.
 *
 * Functions return 0 or a negative errno (a count where said) and may sleep,
 * killable, unless said otherwise.  They act with the credentials of the
 * current task unless a cred is passed.  They retry whatever can be retried
 * (NFS4ERR_DELAY, GRACE, lost sessions, ...), so an error is final.
 */
#ifndef PENSTOCK_NFS4_H
#define PENSTOCK_NFS4_H

#include <linux/bvec.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/socket.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include "../../net/rpc.h"
#include "types.h"

struct pn4_client;
struct pn4_deleg;
struct pn4_layout;
struct pn4_open;
struct pn4_volume;

/* What a server takes, in its order: enum prpc_sec, without those unknown to us. */
struct pn4_flavors {
	unsigned int n;
	u8 sec[8];
};

/**
 * struct pn4_mount_args - what a mount asks for
 * @net: network namespace
 * @name: device string, for messages
 * @addrs, @nr_addrs: server addresses; ports in them mean nothing
 * @port: of all addresses, 0: the one that the transport is known by
 * @minor: highest minor version to use (2 or 1)
 * @minor_fixed: do not fall back
 * @rsize, @wsize: upper limits in bytes, 0: none
 * @soft_timeout: seconds a call may wait, 0: for ever ("hard")
 * @proto: "tcp", "rdma", or "auto": RDMA if both ends have it, else TCP
 * @rails, @nr_rails: local sides to use, none: the suitable ones
 * @paths: connections at a time, 0: as many as seem sensible
 * @own_ports: the ports in @addrs are meant
 * @data_server: it is to hold data only (RFC 8881 section 13.1); give up soon
 * @nfs3: it speaks NFSv3 (RFC 8435 section 2.2)
 * @sec: enum prpc_sec; @server: host name of its Kerberos principal
 * @wanted: not NULL: when the server does not take @sec there, what it takes
 */
struct pn4_mount_args {
	struct net *net;
	const char *name;
	const struct sockaddr_storage *addrs;
	unsigned int nr_addrs;
	const char *const *names;	/* of the addresses, for certificates */
	struct prpc_tls tls;
	unsigned int port;
	unsigned int minor;
	bool minor_fixed;
	u32 rsize;
	u32 wsize;
	unsigned int soft_timeout;
	const struct prpc_rail *rails;
	unsigned int nr_rails;
	unsigned int paths;
	const char *proto;
	bool own_ports;
	bool data_server;
	bool nfs3;
	int sec;
	const char *server;
	struct pn4_flavors *wanted;
};

/**
 * struct pn4_volume - one mounted server file system
 *
 * Owned by the superblock.  Fields up to @client are for the VFS layer to
 * read; they do not change after pn4_mount()/pn4_submount().
 *
 * @rsize, @wsize: largest READ and WRITE in bytes
 * @dtsize: reply buffer of one READDIR
 * @io_unit: what one read-ahead window should be, in bytes
 * @can: PN4_CAN_*
 */
struct pn4_volume {
	struct pn4_fsinfo fs;
	u32 rsize;
	u32 wsize;
	u32 dtsize;
	u32 minor;
	u32 can;
	unsigned int soft_timeout;
	struct pn4_client *client;

	bool dead;		/* umount -f: every call fails with -EIO */
	unsigned long moved;	/* bit 0: the log says that it has gone elsewhere */
	bool leaving;		/* delegations go with the inodes, see pn4_leave() */
	atomic_t late;		/* CLOSEs under way, calls of killed tasks */
	struct list_head client_link;
	spinlock_t lock;	/* guards nodes */
	struct list_head nodes;	/* nodes that hold opens or unstable writes */
	void *host;		/* the VFS layer's */
	struct rcu_head rcu;
	char name[];		/* for messages */
};

#define PN4_CAN_XATTR		BIT(0)	/* RFC 8276 */
#define PN4_CAN_ALLOCATE	BIT(1)
#define PN4_CAN_SEEK		BIT(2)
#define PN4_CAN_COPY		BIT(3)
#define PN4_CAN_CLONE		BIT(4)
#define PN4_CAN_BTIME		BIT(5)

/**
 * struct pn4_node - the protocol's part of an inode; embed and pn4_node_init()
 * @fh: file handle; constant
 * @lock: guards opens, unstable, locking, unlocks and the flags
 * @opens: live opens of the file
 * @unstable: writes the server has not promised to keep, oldest first
 * @deleg_id: not 0 while the file's delegation can be used; as long as it is the
 *	same, nothing was changed by others
 * @deleg_write: it is one for writing
 */
struct pn4_node {
	struct pn4_volume *vol;
	struct pn4_fh fh;
	spinlock_t lock;
	struct list_head opens;
	struct list_head unstable;
	u64 unstable_bytes;
	struct list_head vol_link;
	struct list_head resend;	/* lost unstable writes; the worker's */
	struct mutex commit_mutex;	/* one COMMIT at a time */
	atomic_t writes_in_flight;
	unsigned long flags;		/* PN4_NODE_* */
	wait_queue_head_t wait;		/* writes_in_flight, flags, locking */
	struct pn4_deleg *deleg;	/* see internal.h */
	u64 deleg_id;
	bool deleg_write;
	struct pn4_layout *layout;	/* see layout.h; constant once set */
	unsigned long locking;		/* bits: a lock operation is under way */
	struct list_head unlocks;	/* lock operations that wait for their bit */
	struct delayed_work commit_work;
	struct work_struct resend_work;
};

#define PN4_NODE_RESENDING	0	/* bit: new writes wait, see commit.c */

/**
 * struct pn4_io - one contiguous range of one file, reading or writing
 *
 * The VFS layer fills the first block and embeds the struct in its own.
 * It stays valid until @done was called, or, for a write that ended unstable,
 * until @stable_done was called.
 *
 * @open: the open to do it under (the call holds a reference), or NULL: any
 *	fitting open of the node, else the anonymous stateid
 * @cred: identity (reference held by the caller for as long as the io lives)
 * @data: pages; the io may be of any length, it is cut into calls by rsize
 *	or wsize
 * @pos: file offset in bytes; data.len says how many
 * @write: direction
 * @stable: writes: the least the server must promise before @done, see
 *	enum pn4_stable.  An unstable write that the server made stable by
 *	itself ends with @committed set and no @stable_done follows.
 * @nowait: pn4_io_submit() returns -EAGAIN instead of waiting for a slot
 * @killable: waiting for a slot ends with a fatal signal (not in write-back)
 * @patient: write-back: an expired ticket is waited for a while, since the data
 *	cannot be given again
 * @aborted: by pn4_io_abort()
 *
 * @result: bytes moved from @pos on without a gap
 * @error: 0 or -errno; a short read at end of file is no error
 * @eof: the server said that @pos + @result is the end of the file
 * @committed: the data is on stable storage
 * @stable_follows: for @done to know whether @stable_done comes, which may run
 *	before @done has ended
 *
 * @done: called once; may be called from softirq or before pn4_io_submit()
 *	returns; must not sleep
 * @stable_done: unstable writes only: the data is safe, or lost for the
 *	reason @error.  Process context
 */
struct pn4_io {
	struct pn4_node *node;
	struct pn4_open *open;
	const struct cred *cred;
	struct prpc_data data;
	u64 pos;
	bool write;
	bool nowait;
	bool killable;
	bool patient;
	bool aborted;
	enum pn4_stable stable;

	u32 result;
	int error;
	bool eof;
	bool committed;
	bool stable_follows;
	void (*done)(struct pn4_io *io);
	void (*stable_done)(struct pn4_io *io);

	/* the engine's */
	atomic_t pieces;
	spinlock_t lock;	/* guards result gathering while pieces > 1 */
	u32 hole;		/* first byte, from @pos, that is known not to have moved */
	bool unpromised;	/* some piece was written unstable */
	bool torn;		/* pieces were written to different server lives */
	bool ds_unpromised;	/* some piece was written unstable to a data server */
	u32 ds_losses;		/* pn4_layout.losses when it began */
	__be64 verifier;
	struct completion *resend;
	struct list_head link;	/* node->unstable, node->resend */
};

/* ---- volumes: client.c, volume.c ---- */

/*
 * Connect to the server (sharing the client of an earlier mount of the same
 * server), walk @path from its root and read the attributes of what is there.
 * On success *@volp is the caller's, to be given to pn4_umount().
 * Errors: those of connecting (-ECONNREFUSED, -EHOSTUNREACH, -ETIMEDOUT, ...),
 * -EPROTONOSUPPORT (no NFSv4.1 there), -ENOENT, -EACCES, -EPERM.
 */
int pn4_mount(const struct pn4_mount_args *args, const char *path,
	      struct pn4_volume **volp, struct pn4_fh *fh, struct pn4_attr *attr);
/* A volume for the other file system that @fh of the same server is on. */
int pn4_submount(struct pn4_volume *parent, const struct pn4_fh *fh,
		 struct pn4_volume **volp, struct pn4_attr *attr);
/* Is @fh what pn4_lookup() gives for a file system that is at another server? */
bool pn4_is_referral(const struct pn4_fh *fh);
/*
 * As pn4_mount(), of the file system that the server refers to as @name in @dir.
 * @args: as for a mount of this server, but for addrs and names: certificates are
 * to name the addresses.  -EREMOTE: the server names no address.
 */
int pn4_refer(struct pn4_node *dir, const char *name, u32 len,
	      struct pn4_mount_args *args, struct pn4_volume **volp,
	      struct pn4_fh *fh, struct pn4_attr *attr);
/*
 * No file is open or dirty any more: from now on nothing pins an inode on account
 * of a delegation.
 */
void pn4_leave(struct pn4_volume *vol);
/* Give up the volume; the last one of a client destroys session and client id. */
void pn4_umount(struct pn4_volume *vol);
/* umount -f: fail everything of this volume now and from now on.  Does not wait. */
void pn4_abort(struct pn4_volume *vol);
/* Two volumes are the same file system of the same server, mounted alike? */
bool pn4_same_volume(const struct pn4_volume *a, const struct pn4_volume *b);
/* The transport in use. */
const char *pn4_proto(const struct pn4_volume *vol);
/* Can data be moved to and from such memory, as far as is known now? */
bool pn4_reaches(const struct pn4_volume *vol, enum prpc_memory memory);
void pn4_show_options(struct pn4_volume *vol, struct seq_file *m);
/*
 * Other addresses, rails or number of paths, for all volumes of the server.  What
 * @args does not give stays as it is: addrs, rails and paths (and port and names,
 * which go with addrs) are looked at.  Errors: those of prpc_peer_change().
 */
int pn4_paths_change(struct pn4_volume *vol, const struct pn4_mount_args *args);
/* ... as mount options. */
void pn4_paths_show(struct pn4_volume *vol, struct seq_file *m);
/* The directory in @parent that shows them; borrowed, ERR_PTR. */
struct kobject *pn4_expose(struct pn4_volume *vol, struct kobject *parent);
/* Counters for /proc/self/mountstats. */
void pn4_show_stats(struct pn4_volume *vol, struct seq_file *m);
int pn4_statfs(struct pn4_node *node, struct pn4_statfs *st);

/* ---- nodes: commit.c ---- */

void pn4_node_init_once(struct pn4_node *node);	/* slab constructor part */
void pn4_node_init(struct pn4_node *node, struct pn4_volume *vol,
		   const struct pn4_fh *fh);
/* Before the inode goes: nothing may be open or unstable any more. */
void pn4_node_evict(struct pn4_node *node);

static inline bool pn4_fh_equal(const struct pn4_fh *a, const struct pn4_fh *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

/* ---- names and attributes: names.c ---- */

/* @fh, @attr: of the object found.  -ENOENT, -ENOTDIR, -ESTALE (directory). */
int pn4_lookup(struct pn4_node *dir, const char *name, u32 len,
	       struct pn4_fh *fh, struct pn4_attr *attr);
int pn4_lookup_parent(struct pn4_node *dir, struct pn4_fh *fh, struct pn4_attr *attr);
/*
 * Attributes; if @access, also ACCESS with the PN4_ACCESS_* asked in *@access,
 * on return those granted to the caller.
 */
int pn4_getattr(struct pn4_node *node, struct pn4_attr *attr, u32 *access);
/* @set: valid says which members to set; @open may be NULL; @attr: afterwards */
int pn4_setattr(struct pn4_node *node, struct pn4_open *open,
		const struct pn4_attr *set, struct pn4_attr *attr);
/* Target into @buf (PN4_PATH_MAX bytes), terminated; its length or -errno */
int pn4_readlink(struct pn4_node *node, char *buf, u32 size);

/**
 * struct pn4_create - a new object that is not a regular file
 * @set: type, mode and, for devices, rdev
 * @target: symlinks only
 * @dir_attr: attributes of the directory afterwards (valid may be 0)
 */
struct pn4_create {
	const char *name;
	u32 len;
	struct pn4_attr set;
	const char *target;
	struct pn4_fh fh;
	struct pn4_attr attr;
	struct pn4_attr dir_attr;
};
int pn4_create(struct pn4_node *dir, struct pn4_create *c);
/* *_attr: attributes of the directories afterwards; may be NULL */
/* @node: the file, to give up its delegation along with its last name; or NULL */
int pn4_remove(struct pn4_node *dir, const char *name, u32 len,
	       struct pn4_node *node, struct pn4_attr *dir_attr);
int pn4_rename(struct pn4_node *odir, const char *oname, u32 olen,
	       struct pn4_node *ndir, const char *nname, u32 nlen,
	       struct pn4_attr *odir_attr, struct pn4_attr *ndir_attr);
int pn4_link(struct pn4_node *node, struct pn4_node *dir, const char *name,
	     u32 len, struct pn4_attr *attr, struct pn4_attr *dir_attr);

/**
 * struct pn4_readdir - one READDIR reply
 * @cookie, @verf: position to go on from (0, 0: from the start)
 * @plus: ask for all attributes and file handles, not only fileid and type
 * @buf, @size: kvmalloc'ed by the caller, at most vol->dtsize is used
 * The entries are borrowed from @buf: iterate with pn4_readdir_next().
 */
struct pn4_readdir {
	u64 cookie;
	__be64 verf;
	bool plus;
	void *buf;
	u32 size;

	bool eof;
	struct pxdr_dec entries;
	struct pn4_attr dir_attr;
};
/* -EBADCOOKIE (PN4's own use of -EINVAL) never leaves: the listing restarts */
int pn4_readdir(struct pn4_node *dir, struct pn4_readdir *rd);
/* 1: @ent filled; 0: no more in this reply (rd->eof is set now); -EREMOTEIO */
int pn4_readdir_entry(struct pn4_readdir *rd, struct pn4_dirent *ent);

/* RFC 8276; names without "user."; value length or -errno */
ssize_t pn4_getxattr(struct pn4_node *node, const char *name, void *buf, size_t size);
int pn4_setxattr(struct pn4_node *node, const char *name, const void *value,
		 size_t size, int flags);
int pn4_removexattr(struct pn4_node *node, const char *name);
/* Fills @buf with "user.NAME\0"...; total length, -ERANGE; size 0: length only */
ssize_t pn4_listxattr(struct pn4_node *node, char *buf, size_t size);

/* ---- opens: open.c ---- */

/**
 * struct pn4_open_args - OPEN
 * @dir, @name, @len: CLAIM_NULL by name; or
 * @node: the file itself (CLAIM_FH), when @name is NULL
 * @fmode: FMODE_READ and/or FMODE_WRITE
 * @create, @excl: O_CREAT, O_EXCL; @set: attributes of a new file (mode; size 0
 *	if O_TRUNC)
 * @want: a delegation would be of use
 * @access: PN4_ACCESS_* to ask along; on return those granted
 * Results: @fh, @attr, @dir_attr, @created, @open (one reference)
 */
struct pn4_open_args {
	struct pn4_node *dir;
	struct pn4_node *node;
	const char *name;
	u32 len;
	fmode_t fmode;
	bool create;
	bool excl;
	bool want;
	struct pn4_attr set;

	u32 access;
	bool created;
	struct pn4_fh fh;
	struct pn4_attr attr;
	struct pn4_attr dir_attr;
	struct pn4_open *open;
};
/*
 * By name, the node is not known before: the open is not attached to a node
 * until pn4_open_attach(), which must follow (or pn4_open_drop()).
 */
int pn4_open(struct pn4_volume *vol, struct pn4_open_args *args);
/*
 * The attributes that came along must have been applied before.  Returns
 * node->deleg_id if it is of a delegation that came with this open, else 0.
 */
u64 pn4_open_attach(struct pn4_open *open, struct pn4_node *node);
void pn4_open_drop(struct pn4_open *open);
/* An open that includes @fmode by the same user, or NULL; takes a reference. */
struct pn4_open *pn4_open_find(struct pn4_node *node, fmode_t fmode,
			       const struct cred *cred);
struct pn4_open *pn4_open_get(struct pn4_open *open);
/* The last put sends CLOSE in the background.  Any context. */
void pn4_open_put(struct pn4_open *open);
/*
 * The file description is gone: send CLOSE now unless others hold references,
 * and get the attributes afterwards (@attr may be NULL; valid may be 0).
 */
int pn4_close(struct pn4_open *open, struct pn4_attr *attr);
const struct cred *pn4_open_cred(const struct pn4_open *open);
/*
 * State of the open, or of a lock taken through it, was lost for good (the
 * server took it away): the errno with which everything fails, or 0.
 */
int pn4_open_error(const struct pn4_open *open);

/* ---- delegations: deleg.c ---- */

/*
 * Does a delegation vouch for what is known of the file?  Returns its id or 0.
 * Any context; the answer is good for as long as it takes to use what is cached.
 */
u64 pn4_deleg_vouches(const struct pn4_node *node);
/* Can opens with @fmode be served by it? */
bool pn4_deleg_covers(const struct pn4_node *node, fmode_t fmode);
/*
 * May a file of @size bytes be closed with data not at the server (section
 * 10.4.1)?  Also: can locks on it not concern anybody else?
 */
bool pn4_deleg_lazy(struct pn4_node *node, u64 size);
/*
 * An open that the server does not hear of, or NULL: the delegation does not
 * allow it (any more).  Whether @cred may open the file the caller knows.
 */
struct pn4_open *pn4_open_local(struct pn4_node *node, fmode_t fmode,
				const struct cred *cred);
/* Only write-back uses @open from now on. */
void pn4_open_idle(struct pn4_open *open);
bool pn4_open_is_idle(const struct pn4_open *open);
bool pn4_open_is_local(const struct pn4_open *open);
/* Memory is short: how many delegations there are; give back the oldest @nr. */
unsigned long pn4_delegs_count(void);
unsigned long pn4_delegs_shrink(unsigned long nr);

/* ---- locks: lock.c, lockwait.c ---- */

/*
 * Owners of different kinds are different ones.  An OFD lock is PN4_LOCK_FCNTL:
 * its owner, a file description, cannot be taken for a process.
 */
enum pn4_lock_kind { PN4_LOCK_FCNTL, PN4_LOCK_FLOCK };

/**
 * struct pn4_lock - a byte-range lock: asked for, given up, or in the way
 * @owner, @kind: identity of the owner; @owner is compared, never followed
 * @write: exclusive
 * @start, @end: first and last byte; U64_MAX: to the end of the file
 * @record: enter or remove the lock in the VFS's own list.  Called when the
 *	server has granted or released it and before any other operation of
 *	this owner on the file; must not wait for the server.  An error after a
 *	grant gives the lock back.
 */
struct pn4_lock {
	const void *owner;
	enum pn4_lock_kind kind;
	bool write;
	u64 start;
	u64 end;
	int (*record)(struct pn4_lock *lk);
};

/* A waiter for a lock; begin before the first pn4_lock(), and end. */
struct pn4_lock_owner;
struct pn4_lock_wait {
	struct list_head link;
	struct pn4_open *open;
	struct pn4_lock_owner *owner;
	unsigned int delay_ms;
	bool woken;
};

/*
 * Ask the server once.  0: granted and recorded; -EAGAIN: somebody else has it;
 * -EDEADLK; -EIO: a lock or the open was lost (pn4_open_error()); -ERESTARTSYS:
 * killed, and if the server grants it, that is undone in the background.
 * @wait: tell the server that we shall wait for it.
 */
int pn4_lock(struct pn4_open *open, struct pn4_lock *lk, bool wait);
/*
 * Give up @lk, whichever open of the file it was got through; also what was
 * lost.  Returns what @record returned: if the caller is killed, the rest
 * happens in the background, after write-back and before CLOSE.
 */
int pn4_unlock(struct pn4_open *open, struct pn4_lock *lk);
/* Does the owner hold, or has it lost, anything of the range? */
bool pn4_lock_held(struct pn4_open *open, const struct pn4_lock *lk);
/* 1: @lk now says what is in the way (not: whose it is); 0: nothing; -errno */
int pn4_lock_test(struct pn4_open *open, struct pn4_lock *lk);
int pn4_lock_wait_begin(struct pn4_lock_wait *w, struct pn4_open *open,
			const struct pn4_lock *lk);
/* Until it may be free.  0, -ERESTARTSYS (any signal), -EIO (volume dead). */
int pn4_lock_wait(struct pn4_lock_wait *w);
void pn4_lock_wait_end(struct pn4_lock_wait *w);

/* ---- data: io.c, commit.c, space.c ---- */

/*
 * See struct pn4_io.  0: done will be (or was) called; -EAGAIN (nowait only)
 * or -ERESTARTSYS/-EINTR (killable only): it will not.
 */
int pn4_io_submit(struct pn4_io *io);
/*
 * End @io, which was submitted and of which no @done has been seen, with -EINTR:
 * what is in the transport is taken back, nothing is sent any more.  A piece may
 * be on its way between the two, so call it again until @done.  May sleep, but
 * not for the network.
 */
void pn4_io_abort(struct pn4_io *io);
/*
 * Make stable what has been written unstable, wait for it.  @attr (may be
 * NULL): attributes afterwards, valid 0 if nothing was to be committed.
 * Errors of single ios go to their stable_done; the return value is 0 or
 * -ERESTARTSYS.
 */
int pn4_commit(struct pn4_node *node, struct pn4_attr *attr);
/* Start it and return; any context that may allocate GFP_NOFS. */
void pn4_commit_start(struct pn4_node *node);
bool pn4_has_unstable(struct pn4_node *node);
/*
 * What data servers were given the metadata server may not know of yet: correct
 * the size in @attr.
 */
void pn4_layout_attr(const struct pn4_node *node, struct pn4_attr *attr);
/* All nodes of the volume: for sync_fs, and before evicting all inodes. */
int pn4_commit_all(struct pn4_volume *vol);
/*
 * New connections with the keys of today, while everything goes on.  0,
 * -ERESTARTSYS or -ETIMEDOUT: a path does not come back, the others are as before.
 */
int pn4_renew(struct pn4_volume *vol);

int pn4_allocate(struct pn4_node *node, struct pn4_open *open, u64 pos, u64 len,
		 struct pn4_attr *attr);
int pn4_deallocate(struct pn4_node *node, struct pn4_open *open, u64 pos,
		   u64 len, struct pn4_attr *attr);
/* @hole: SEEK_HOLE else SEEK_DATA.  Offset or -ENXIO */
loff_t pn4_seek(struct pn4_node *node, struct pn4_open *open, u64 pos, bool hole);
/* Server-side COPY; bytes copied (committed), or -EOPNOTSUPP, -EXDEV */
ssize_t pn4_copy(struct pn4_node *src, struct pn4_open *src_open, u64 src_pos,
		 struct pn4_node *dst, struct pn4_open *dst_open, u64 dst_pos,
		 u64 len, struct pn4_attr *dst_attr);
int pn4_clone(struct pn4_node *src, struct pn4_open *src_open, u64 src_pos,
	      struct pn4_node *dst, struct pn4_open *dst_open, u64 dst_pos,
	      u64 len, struct pn4_attr *dst_attr);

int pn4_init(void);
void pn4_exit(void);

#endif
