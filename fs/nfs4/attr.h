/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Attributes: bitmap4 and fattr4 to pn4_attr, pn4_fsinfo, pn4_statfs and back.
 * Pure: no allocation, no locks, compiles in user space.
 */
#ifndef PENSTOCK_NFS4_ATTR_H
#define PENSTOCK_NFS4_ATTR_H

#include <linux/types.h>
#include "../../net/xdr.h"
#include "proto.h"
#include "types.h"

/* What an inode is made of, as far as the server has it */
#define PN4_ATTRS_INODE	(PN4_ATTR_TYPE | PN4_ATTR_CHANGE | PN4_ATTR_SIZE | \
	PN4_ATTR_FSID | PN4_ATTR_FILEID | PN4_ATTR_MODE | PN4_ATTR_NLINK | \
	PN4_ATTR_UID | PN4_ATTR_GID | PN4_ATTR_RDEV | PN4_ATTR_USED | \
	PN4_ATTR_ATIME | PN4_ATTR_MTIME | PN4_ATTR_CTIME | PN4_ATTR_BTIME | \
	PN4_ATTR_MOUNTED_ON)

/* READDIR: names and what a dirent carries; the same with inodes filled in */
#define PN4_ATTRS_DIRENT (PN4_ATTR_TYPE | PN4_ATTR_FILEID | \
	PN4_ATTR_MOUNTED_ON | PN4_ATTR_RDERROR)
#define PN4_ATTRS_DIRENT_PLUS (PN4_ATTRS_INODE | PN4_ATTR_RDERROR | PN4_ATTR_FH)

/*
 * bitmap4 words that ask for @want (PN4_ATTR_*), less what the server does not
 * have.  @supported: pn4_fsinfo.supported, or NULL if not known yet: then only
 * attributes that each server must have.
 */
void pn4_attr_mask(u64 want, const u32 *supported, u32 mask[PN4_BITMAP_WORDS]);
/* The reverse: which PN4_ATTR_* a bitmap names; for attrset, exclcreat, ... */
u64 pn4_attr_from_mask(const u32 mask[PN4_BITMAP_WORDS]);
/*
 * All that pn4_fsinfo holds.  @supported as above; a first GETATTR with NULL
 * gets supported_attrs, a second one the rest.  Asking for attributes that the
 * server does not know is harmless too (section 18.7.3), so one GETATTR with
 * @supported all ones does.  @minor: 1 leaves out what is new in 4.2.
 */
void pn4_fsinfo_mask(const u32 *supported, u32 minor,
		     u32 mask[PN4_BITMAP_WORDS]);
void pn4_statfs_mask(const u32 *supported, u32 mask[PN4_BITMAP_WORDS]);

static inline bool pn4_mask_has(const u32 mask[PN4_BITMAP_WORDS], u32 bit)
{
	return bit / 32 < PN4_BITMAP_WORDS && (mask[bit / 32] >> (bit % 32) & 1);
}

/* ---- for the codec ---- */

/* Leading zero words are kept, trailing ones left out. */
void pn4_enc_bitmap(struct pxdr_enc *e, const u32 mask[PN4_BITMAP_WORDS]);
/*
 * Up to PN4_BITMAP_MAX words; those from PN4_BITMAP_WORDS on must be zero
 * unless @lax, and are dropped.
 */
void pn4_dec_bitmap(struct pxdr_dec *d, u32 mask[PN4_BITMAP_WORDS], bool lax);

/* fattr4 of the settable members that @set names, ascending */
void pn4_enc_fattr(struct pxdr_enc *e, const struct pn4_attr *set);
/*
 * fattr4.  Malformed are: attributes that we never ask for (their length is
 * not known), and values that are not as long together as attrlist4 says.
 * @fh may be NULL.
 */
void pn4_dec_fattr(struct pxdr_dec *d, struct pn4_attr *attr, struct pn4_fh *fh);
void pn4_dec_fattr_fsinfo(struct pxdr_dec *d, struct pn4_fsinfo *fs);
void pn4_dec_fattr_statfs(struct pxdr_dec *d, struct pn4_statfs *st);

#endif
