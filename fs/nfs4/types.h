/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Values that cross the border between the VFS layer, the protocol engine and
 * the pure codec.  No kernel types beyond integers: compiles in user space.
 */
#ifndef PENSTOCK_NFS4_TYPES_H
#define PENSTOCK_NFS4_TYPES_H

#include <linux/types.h>

#define PN4_FHSIZE	128	/* RFC 8881 section 3.2, NFS4_FHSIZE */
#define PN4_NAME_MAX	255
#define PN4_PATH_MAX	4096

struct pn4_fh {
	u16 len;
	u8 data[PN4_FHSIZE];
};

struct pn4_stateid {
	u32 seqid;
	u8 other[12];
};

struct pn4_time {
	s64 sec;
	u32 nsec;
};

/* pn4_attr.valid: which members were sent (or are to be set) */
#define PN4_ATTR_TYPE		(1ULL << 0)
#define PN4_ATTR_CHANGE		(1ULL << 1)
#define PN4_ATTR_SIZE		(1ULL << 2)
#define PN4_ATTR_FSID		(1ULL << 3)
#define PN4_ATTR_FILEID		(1ULL << 4)
#define PN4_ATTR_MODE		(1ULL << 5)
#define PN4_ATTR_NLINK		(1ULL << 6)
#define PN4_ATTR_UID		(1ULL << 7)
#define PN4_ATTR_GID		(1ULL << 8)
#define PN4_ATTR_RDEV		(1ULL << 9)
#define PN4_ATTR_USED		(1ULL << 10)
#define PN4_ATTR_ATIME		(1ULL << 11)
#define PN4_ATTR_MTIME		(1ULL << 12)
#define PN4_ATTR_CTIME		(1ULL << 13)
#define PN4_ATTR_BTIME		(1ULL << 14)
#define PN4_ATTR_MOUNTED_ON	(1ULL << 15)
#define PN4_ATTR_RDERROR	(1ULL << 16)	/* READDIR: rdattr_error */
#define PN4_ATTR_FH		(1ULL << 17)	/* READDIR: filehandle */
#define PN4_ATTR_BEFORE		(1ULL << 18)	/* dir_attr: change_info4 was atomic */
/* set only: */
#define PN4_ATTR_ATIME_NOW	(1ULL << 32)	/* SET_TO_SERVER_TIME4 */
#define PN4_ATTR_MTIME_NOW	(1ULL << 33)
#define PN4_ATTR_UMASK		(1ULL << 34)	/* with MODE: as mode_umask, RFC 8275 */
#define PN4_ATTR_BAD_UID	(1ULL << 40)	/* a name, not a number, came */
#define PN4_ATTR_BAD_GID	(1ULL << 41)

/**
 * struct pn4_attr - attributes of one object
 * @valid: PN4_ATTR_* of members that hold something
 * @type: nfs_ftype4
 * @mode: permission bits, 07777
 * @umask: set only: of the creating process, applied by the server unless the
 *	directory has a default ACL
 * @uid, @gid: numeric; if the server sent a name that is not a number,
 *	65534 with PN4_ATTR_BAD_UID/GID set
 * @used: bytes of storage
 * @mounted_on: fileid of the mount point underneath (RFC 8881 section 5.8.2.23)
 * @before: only of a directory, after an operation in it: its change value just
 *	before (change_info4.before; PN4_ATTR_BEFORE if atomic and no other
 *	change came before the GETATTR)
 */
struct pn4_attr {
	u64 valid;
	u32 type;
	u32 mode;
	u32 umask;
	u32 nlink;
	u32 uid;
	u32 gid;
	u32 rdev_major;
	u32 rdev_minor;
	u32 rderror;
	u64 change;
	u64 size;
	u64 used;
	u64 fsid_major;
	u64 fsid_minor;
	u64 fileid;
	u64 mounted_on;
	u64 before;
	struct pn4_time atime;
	struct pn4_time mtime;
	struct pn4_time ctime;
	struct pn4_time btime;
};

/* ACCESS, RFC 8881 section 18.1 and RFC 8276 section 8.5 */
#define PN4_ACCESS_READ		0x0001
#define PN4_ACCESS_LOOKUP	0x0002
#define PN4_ACCESS_MODIFY	0x0004
#define PN4_ACCESS_EXTEND	0x0008
#define PN4_ACCESS_DELETE	0x0010
#define PN4_ACCESS_EXECUTE	0x0020
#define PN4_ACCESS_XAREAD	0x0040
#define PN4_ACCESS_XAWRITE	0x0080
#define PN4_ACCESS_XALIST	0x0100

/* stable_how4 */
enum pn4_stable { PN4_UNSTABLE = 0, PN4_DATA_SYNC = 1, PN4_FILE_SYNC = 2 };

/* nfs_ftype4 */
enum {
	PN4_REG = 1, PN4_DIR = 2, PN4_BLK = 3, PN4_CHR = 4, PN4_LNK = 5,
	PN4_SOCK = 6, PN4_FIFO = 7, PN4_ATTRDIR = 8, PN4_NAMEDATTR = 9,
};

/**
 * struct pn4_fsinfo - what a file system is and can, read once per volume
 *
 * Sizes in bytes; 0 where the server did not say.
 */
struct pn4_fsinfo {
	u32 supported[3];	/* bitmap4 words of supported_attrs */
	u32 exclcreat[3];	/* suppattr_exclcreat: may be set by EXCLUSIVE4_1 */
	u32 lease_time;		/* seconds */
	u32 fh_expire_type;
	u64 maxfilesize;
	u32 maxlink;
	u32 maxname;
	u64 maxread;
	u64 maxwrite;
	struct pn4_time time_delta;
	u32 clone_blksize;
	u32 change_attr_type;
	bool link_support;
	bool symlink_support;
	bool case_insensitive;
	bool xattr_support;
	u32 layout_types;	/* fs_layout_type: bit n for layouttype4 n < 32 */
	u64 fsid_major;
	u64 fsid_minor;
};

/** struct pn4_statfs - space and inodes; bytes and counts */
struct pn4_statfs {
	u64 space_total;
	u64 space_free;
	u64 space_avail;
	u64 files_total;
	u64 files_free;
	u64 files_avail;
	u32 maxname;
};

/**
 * struct pn4_dirent - one decoded READDIR entry
 * @name: in the reply buffer, @name_len bytes, not terminated; never empty,
 *	holds no '/' and no NUL
 * @cookie: position after this entry
 * @fh: valid if attr.valid has PN4_ATTR_FH
 * @skipped: entries passed over just before this one (or before the end of the
 *	listing) because no Linux name can be what they are called
 */
struct pn4_dirent {
	const char *name;
	u32 name_len;
	u64 cookie;
	u32 skipped;
	struct pn4_attr attr;
	struct pn4_fh fh;
};

#endif
