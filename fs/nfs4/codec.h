/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations to bytes and back: for each its encoder and its decoder.
 *
 * Pure: no allocation, no locks, compiles in user space.
 *
 * pn4_enc_OP() appends the operation number and its arguments.  There is no
 * error but e->overflow, which callers look at once, at the end.
 *
 * pn4_dec_OP() reads one result: operation number (which must be OP's), status
 * and results.  It returns 0; or the status (> 0) if that is an error, with
 * whatever the protocol sends along in that case consumed; or -EREMOTEIO if
 * the bytes are no such result.  A server that fails an operation it cannot
 * even decode may answer with OP_ILLEGAL in its place: that reads as
 * PN4ERR_OP_ILLEGAL.  On anything but 0 @res is undefined unless said
 * otherwise.  After -EREMOTEIO d->bad is set, so later decoders fail as well.
 *
 * Pointers in results ("borrowed") point into the reply buffer.
 */
#ifndef PENSTOCK_NFS4_CODEC_H
#define PENSTOCK_NFS4_CODEC_H

#include <linux/errno.h>
#include <linux/types.h>
#include "../../net/xdr.h"
#include "proto.h"
#include "types.h"

/* ---- codec.c: framing and what many operations share ---- */

/* change_info4 of a directory (of the file for xattrs) */
struct pn4_cinfo {
	bool atomic;
	u64 before;
	u64 after;
};

/*
 * Start a COMPOUND4args with an empty tag.  Returns the place of the operation
 * count (NULL after an overflow), for pn4_enc_compound_end().
 */
__be32 *pn4_enc_compound(struct pxdr_enc *e, u32 minor);
/* @place may be NULL */
void pn4_enc_compound_end(__be32 *place, u32 nops);
/*
 * Head of a COMPOUND4res: the status of the last operation that ran, and the
 * count of results that follow.  0 or -EREMOTEIO.  PN4ERR_MINOR_VERS_MISMATCH
 * comes with no results.
 */
int pn4_dec_compound(struct pxdr_dec *d, u32 *status, u32 *nops);
/* A result that is a status and nothing else */
int pn4_dec_void(struct pxdr_dec *d, u32 op);
/* The next operation number, without consuming it; 0 at the end */
u32 pn4_peek_op(const struct pxdr_dec *d);

void pn4_enc_stateid(struct pxdr_enc *e, const struct pn4_stateid *sid);
void pn4_dec_stateid(struct pxdr_dec *d, struct pn4_stateid *sid);

/* ---- for the other files of the codec ---- */
/* Operation number and status; as any decoder */
int pn4_dec_head(struct pxdr_dec *d, u32 op);
static inline int pn4_dec_end(const struct pxdr_dec *d)
{
	return d->bad ? -EREMOTEIO : 0;
}

void pn4_get_bytes(struct pxdr_dec *d, void *to, u32 len);
__be64 pn4_get_verf(struct pxdr_dec *d);
void pn4_enc_verf(struct pxdr_enc *e, __be64 verf);
void pn4_dec_cinfo(struct pxdr_dec *d, struct pn4_cinfo *cinfo);
/* nfs_fh4; an empty one is malformed */
void pn4_dec_nfs_fh(struct pxdr_dec *d, struct pn4_fh *fh);
/* stable_how4 */
u32 pn4_dec_stable(struct pxdr_dec *d);

#define PN4_DEC_VOID(name, op) \
static inline int pn4_dec_##name(struct pxdr_dec *d) \
{ \
	return pn4_dec_void(d, op); \
}

/* ---- codec_session.c: client ids, sessions, state in general ---- */

struct pn4_sequence_args {
	u8 sessionid[PN4_SESSIONID_SIZE];
	u32 sequenceid;
	u32 slotid;
	u32 highest_slotid;
	bool cachethis;
};

/* Compare with what was sent: that is left to the caller. */
struct pn4_sequence_res {
	u8 sessionid[PN4_SESSIONID_SIZE];
	u32 sequenceid;
	u32 slotid;
	u32 highest_slotid;
	u32 target_highest_slotid;
	u32 status_flags;		/* PN4_SEQ_* */
};

void pn4_enc_sequence(struct pxdr_enc *e, const struct pn4_sequence_args *args);
int pn4_dec_sequence(struct pxdr_dec *d, struct pn4_sequence_res *res);

/**
 * struct pn4_protect_ops - state_protect_ops4, bits are operations
 * @enforce: that need the machine's credential
 * @allow: that may have it instead of the user's
 */
struct pn4_protect_ops {
	u32 enforce[PN4_BITMAP_WORDS];
	u32 allow[PN4_BITMAP_WORDS];
};

/**
 * struct pn4_exchange_id_args - EXCHANGE_ID
 * @verifier: co_verifier, one per incarnation of the client
 * @owner: co_ownerid, at most PN4_OPAQUE_LIMIT bytes
 * @flags: PN4_EXCHGID_*
 * @protect: for SP4_MACH_CRED; NULL: SP4_NONE
 * @impl_domain, @impl_name: nfs_impl_id4, terminated; no id if @impl_name is
 *	NULL
 */
struct pn4_exchange_id_args {
	u8 verifier[PN4_VERIFIER_SIZE];
	const void *owner;
	u32 owner_len;
	u32 flags;
	const struct pn4_protect_ops *protect;
	const char *impl_domain;
	const char *impl_name;
	struct pn4_time impl_date;
};

/**
 * struct pn4_exchange_id_res - who the server says it is; over 2 KiB
 * @protected: SP4_MACH_CRED, with @protect; else SP4_NONE
 * @so_minor_id, @so_major: server owner
 * @scope: server scope
 * @impl_domain, @impl_name: borrowed, not terminated; NULL and 0 if not sent
 */
struct pn4_exchange_id_res {
	u64 clientid;
	u32 sequenceid;
	u32 flags;
	bool protected;
	struct pn4_protect_ops protect;
	u64 so_minor_id;
	u32 so_major_len;
	u32 scope_len;
	u8 so_major[PN4_OPAQUE_LIMIT];
	u8 scope[PN4_OPAQUE_LIMIT];
	const char *impl_domain;
	u32 impl_domain_len;
	const char *impl_name;
	u32 impl_name_len;
	struct pn4_time impl_date;
};

void pn4_enc_exchange_id(struct pxdr_enc *e,
			 const struct pn4_exchange_id_args *args);
int pn4_dec_exchange_id(struct pxdr_dec *d, struct pn4_exchange_id_res *res);
/*
 * One server in the sense of client id trunking (RFC 8881 section 2.10.5); if
 * so_minor_id is the same too, connections may share a session.
 */
bool pn4_same_server(const struct pn4_exchange_id_res *a,
		     const struct pn4_exchange_id_res *b);

/* channel_attrs4 without RDMA's; sizes in bytes, RPC header included */
struct pn4_channel_attrs {
	u32 headerpadsize;
	u32 maxrequestsize;
	u32 maxresponsesize;
	u32 maxresponsesize_cached;
	u32 maxoperations;
	u32 maxrequests;
};

/**
 * struct pn4_create_session_args - CREATE_SESSION
 * @cb_program: RPC program number of the callbacks
 * @machine: name in the AUTH_SYS credential that callbacks may carry,
 *	terminated, cut to 255 bytes; AUTH_NONE is offered besides
 */
struct pn4_create_session_args {
	u64 clientid;
	u32 sequenceid;
	u32 flags;			/* PN4_SESSION_* */
	struct pn4_channel_attrs fore;
	struct pn4_channel_attrs back;
	u32 cb_program;
	const char *machine;
};

struct pn4_create_session_res {
	u8 sessionid[PN4_SESSIONID_SIZE];
	u32 sequenceid;
	u32 flags;
	struct pn4_channel_attrs fore;
	struct pn4_channel_attrs back;
};

void pn4_enc_create_session(struct pxdr_enc *e,
			    const struct pn4_create_session_args *args);
int pn4_dec_create_session(struct pxdr_dec *d,
			   struct pn4_create_session_res *res);

struct pn4_bind_conn_res {
	u8 sessionid[PN4_SESSIONID_SIZE];
	u32 dir;			/* PN4_CDFS_* */
	bool rdma_mode;
};

/* @dir: PN4_CDFC_* */
void pn4_enc_bind_conn_to_session(struct pxdr_enc *e, const u8 *sessionid,
				  u32 dir, bool rdma_mode);
int pn4_dec_bind_conn_to_session(struct pxdr_dec *d,
				 struct pn4_bind_conn_res *res);

void pn4_enc_destroy_session(struct pxdr_enc *e, const u8 *sessionid);
PN4_DEC_VOID(destroy_session, PN4_OP_DESTROY_SESSION)

void pn4_enc_destroy_clientid(struct pxdr_enc *e, u64 clientid);
PN4_DEC_VOID(destroy_clientid, PN4_OP_DESTROY_CLIENTID)

void pn4_enc_reclaim_complete(struct pxdr_enc *e, bool one_fs);
PN4_DEC_VOID(reclaim_complete, PN4_OP_RECLAIM_COMPLETE)

void pn4_enc_test_stateid(struct pxdr_enc *e, const struct pn4_stateid *sids,
			  u32 n);
/* @status: one for each of the @n asked about */
int pn4_dec_test_stateid(struct pxdr_dec *d, u32 *status, u32 n);

void pn4_enc_free_stateid(struct pxdr_enc *e, const struct pn4_stateid *sid);
PN4_DEC_VOID(free_stateid, PN4_OP_FREE_STATEID)

/**
 * struct pn4_secinfo - one security flavour
 * @flavor: PN4_AUTH_NONE, PN4_AUTH_SYS, PN4_RPCSEC_GSS, ...
 * @oid, @oid_len, @qop, @service: RPCSEC_GSS only; @oid is borrowed
 */
struct pn4_secinfo {
	u32 flavor;
	const u8 *oid;
	u32 oid_len;
	u32 qop;
	u32 service;
};

#define PN4_SECINFO_ROOM	12

/* What the server accepts, best first; what does not fit is dropped */
struct pn4_secinfo_res {
	u32 n;
	struct pn4_secinfo info[PN4_SECINFO_ROOM];
};

/* The enum prpc_sec of @info, -1 if it is none that we know. */
int pn4_secinfo_sec(const struct pn4_secinfo *info);
/* Both consume the current file handle if they succeed (sections 18.29, 18.45). */
void pn4_enc_secinfo(struct pxdr_enc *e, const char *name, u32 len);
int pn4_dec_secinfo(struct pxdr_dec *d, struct pn4_secinfo_res *res);
void pn4_enc_secinfo_no_name(struct pxdr_enc *e, u32 style);
int pn4_dec_secinfo_no_name(struct pxdr_dec *d, struct pn4_secinfo_res *res);

/* ---- codec.c: file handles and attributes ---- */

void pn4_enc_putrootfh(struct pxdr_enc *e);
PN4_DEC_VOID(putrootfh, PN4_OP_PUTROOTFH)
void pn4_enc_putfh(struct pxdr_enc *e, const struct pn4_fh *fh);
PN4_DEC_VOID(putfh, PN4_OP_PUTFH)
void pn4_enc_savefh(struct pxdr_enc *e);
PN4_DEC_VOID(savefh, PN4_OP_SAVEFH)
void pn4_enc_restorefh(struct pxdr_enc *e);
PN4_DEC_VOID(restorefh, PN4_OP_RESTOREFH)
void pn4_enc_getfh(struct pxdr_enc *e);
/* An empty file handle is malformed. */
int pn4_dec_getfh(struct pxdr_dec *d, struct pn4_fh *fh);

/* @mask: see attr.h */
void pn4_enc_getattr(struct pxdr_enc *e, const u32 mask[PN4_BITMAP_WORDS]);

#define PN4_LOC_SERVERS	16
#define PN4_LOC_PATH	1024

/**
 * struct pn4_location - where a file system is
 * @server: names or addresses, each terminated
 * @path: from the root of those servers, "/..."
 */
struct pn4_location {
	u64 fsid_major;
	u64 fsid_minor;
	u64 mounted_on;
	u32 nr_servers;
	char server[PN4_LOC_SERVERS][64];
	char path[PN4_LOC_PATH];
};
void pn4_enc_getattr_locations(struct pxdr_enc *e);
int pn4_dec_getattr_locations(struct pxdr_dec *d, struct pn4_location *loc);
int pn4_dec_getattr(struct pxdr_dec *d, struct pn4_attr *attr);
int pn4_dec_getattr_fsinfo(struct pxdr_dec *d, struct pn4_fsinfo *fs);
int pn4_dec_getattr_statfs(struct pxdr_dec *d, struct pn4_statfs *st);

/*
 * Sets the members that set->valid names.  Besides the settable ones it may
 * name anything: the rest is passed over.
 */
void pn4_enc_setattr(struct pxdr_enc *e, const struct pn4_stateid *sid,
		     const struct pn4_attr *set);
/* @attrset: what was set, as bitmap4 words; valid for statuses > 0 too */
int pn4_dec_setattr(struct pxdr_dec *d, u32 attrset[PN4_BITMAP_WORDS]);

/* PN4_ACCESS_* */
void pn4_enc_access(struct pxdr_enc *e, u32 access);
int pn4_dec_access(struct pxdr_dec *d, u32 *supported, u32 *access);

/* ---- codec_dir.c: names ---- */

void pn4_enc_lookup(struct pxdr_enc *e, const char *name, u32 len);
PN4_DEC_VOID(lookup, PN4_OP_LOOKUP)
void pn4_enc_lookupp(struct pxdr_enc *e);
PN4_DEC_VOID(lookupp, PN4_OP_LOOKUPP)

void pn4_enc_readlink(struct pxdr_enc *e);
/*
 * @target: borrowed, not terminated; 1 .. PN4_PATH_MAX - 1 bytes without a NUL,
 * anything else is malformed
 */
int pn4_dec_readlink(struct pxdr_dec *d, const char **target, u32 *len);

/**
 * struct pn4_create_args - CREATE
 * @type: PN4_DIR, PN4_LNK, PN4_BLK, PN4_CHR, PN4_FIFO or PN4_SOCK
 * @target: PN4_LNK
 * @rdev_major, @rdev_minor: PN4_BLK, PN4_CHR
 * @set: attributes to set, as in pn4_enc_setattr()
 */
struct pn4_create_args {
	u32 type;
	const char *name;
	u32 name_len;
	const char *target;
	u32 target_len;
	u32 rdev_major;
	u32 rdev_minor;
	const struct pn4_attr *set;
};

struct pn4_create_res {
	struct pn4_cinfo cinfo;
	u32 attrset[PN4_BITMAP_WORDS];
};

void pn4_enc_create(struct pxdr_enc *e, const struct pn4_create_args *args);
int pn4_dec_create(struct pxdr_dec *d, struct pn4_create_res *res);

void pn4_enc_remove(struct pxdr_enc *e, const char *name, u32 len);
int pn4_dec_remove(struct pxdr_dec *d, struct pn4_cinfo *cinfo);

/* SAVED_FH: old directory; CURRENT_FH: new directory */
void pn4_enc_rename(struct pxdr_enc *e, const char *oname, u32 olen,
		    const char *nname, u32 nlen);
int pn4_dec_rename(struct pxdr_dec *d, struct pn4_cinfo *source,
		   struct pn4_cinfo *target);

/* SAVED_FH: object; CURRENT_FH: directory */
void pn4_enc_link(struct pxdr_enc *e, const char *name, u32 len);
int pn4_dec_link(struct pxdr_dec *d, struct pn4_cinfo *cinfo);

/**
 * struct pn4_readdir_args - READDIR
 * @dircount: bytes of names and cookies wished for, a hint (0: none)
 * @maxcount: limit of READDIR4resok in bytes
 */
struct pn4_readdir_args {
	u64 cookie;
	__be64 verf;
	u32 dircount;
	u32 maxcount;
	u32 mask[PN4_BITMAP_WORDS];
};

void pn4_enc_readdir(struct pxdr_enc *e, const struct pn4_readdir_args *args);
/* As any decoder; afterwards @d stands at the first entry. */
int pn4_readdir_begin(struct pxdr_dec *d, __be64 *verf);
/*
 * The next entry.  1: @ent is filled; 0: there are no more in this reply, *eof
 * says whether there are in the directory, and @d stands behind READDIR's
 * result; -EREMOTEIO: malformed.
 *
 * Rules for names: "." and ".." are passed over; so are, counted in
 * ent->skipped, names that are empty, longer than PN4_NAME_MAX, or hold '/' or
 * NUL: one odd name on the server shall not hide its neighbours.  Malformed
 * are XDR errors, attributes that were not asked for, and a cookie of 0, which
 * would start the listing over.
 */
int pn4_readdir_next(struct pxdr_dec *d, struct pn4_dirent *ent, bool *eof);
/* Pass over what pn4_readdir_next() has not returned yet: 0 or -EREMOTEIO. */
int pn4_readdir_end(struct pxdr_dec *d, bool *eof);

/* ---- codec_open.c: OPEN, locks ---- */

/**
 * struct pn4_open4_args - OPEN
 * @access: PN4_SHARE_ACCESS_* with PN4_WANT_*
 * @deny: PN4_SHARE_DENY_*
 * @clientid, @owner: the open owner; servers ignore the client id in 4.1
 * @mode: PN4_OPEN_NOCREATE, PN4_UNCHECKED, PN4_GUARDED, PN4_EXCLUSIVE_1
 * @set: attributes of a new file (not for NOCREATE)
 * @verf: PN4_EXCLUSIVE_1
 * @claim: PN4_CLAIM_NULL, _FH, _PREVIOUS, _DELEGATE_CUR or _DELEG_CUR_FH
 * @name, @name_len: CLAIM_NULL, CLAIM_DELEGATE_CUR
 * @deleg_type: CLAIM_PREVIOUS: delegation that was held, PN4_DELEG_*
 * @deleg: CLAIM_DELEGATE_CUR, CLAIM_DELEG_CUR_FH
 */
struct pn4_open4_args {
	u32 access;
	u32 deny;
	u64 clientid;
	const void *owner;
	u32 owner_len;
	u32 mode;
	const struct pn4_attr *set;
	__be64 verf;
	u32 claim;
	const char *name;
	u32 name_len;
	u32 deleg_type;
	struct pn4_stateid deleg;
};

/**
 * struct pn4_deleg_res - delegation part of an OPEN result or CB_PUSH_DELEG
 * @type: PN4_DELEG_*; what follows is valid as said
 * @recall: READ, WRITE: give it back at once
 * @limit_by: WRITE: PN4_LIMIT_SIZE or _BLOCKS
 * @limit: WRITE: bytes
 * @ace_*: READ, WRITE: whom it allows to open without ACCESS; @ace_who borrowed
 * @why, @will: NONE_EXT: reason, and "will push" or "will signal"
 */
struct pn4_deleg_res {
	u32 type;
	struct pn4_stateid stateid;
	bool recall;
	u32 limit_by;
	u64 limit;
	u32 ace_type;
	u32 ace_flag;
	u32 ace_mask;
	const char *ace_who;
	u32 ace_who_len;
	u32 why;
	bool will;
};

struct pn4_open4_res {
	struct pn4_stateid stateid;
	struct pn4_cinfo cinfo;
	u32 rflags;			/* PN4_OPEN_RESULT_* */
	u32 attrset[PN4_BITMAP_WORDS];
	struct pn4_deleg_res deleg;
};

void pn4_enc_open(struct pxdr_enc *e, const struct pn4_open4_args *args);
int pn4_dec_open(struct pxdr_dec *d, struct pn4_open4_res *res);
/* open_delegation4 alone */
void pn4_dec_deleg(struct pxdr_dec *d, struct pn4_deleg_res *res);

/* @access, @deny: what remains, without PN4_WANT_* */
void pn4_enc_open_downgrade(struct pxdr_enc *e, const struct pn4_stateid *sid,
			    u32 access, u32 deny);
int pn4_dec_open_downgrade(struct pxdr_dec *d, struct pn4_stateid *sid);

void pn4_enc_close(struct pxdr_enc *e, const struct pn4_stateid *sid);
int pn4_dec_close(struct pxdr_dec *d, struct pn4_stateid *sid);

void pn4_enc_delegreturn(struct pxdr_enc *e, const struct pn4_stateid *sid);
PN4_DEC_VOID(delegreturn, PN4_OP_DELEGRETURN)

/**
 * struct pn4_lock_args - LOCK, LOCKT
 * @type: PN4_READ_LT, ...
 * @reclaim: LOCK
 * @length: PN4_UINT64_MAX: to the end of the file; never 0
 * @new_owner: LOCK: first lock of @owner on this file, under the open @stateid;
 *	else @stateid is the lock's
 * @clientid, @owner: LOCKT; LOCK if @new_owner
 */
struct pn4_lock_args {
	u32 type;
	bool reclaim;
	u64 offset;
	u64 length;
	bool new_owner;
	struct pn4_stateid stateid;
	u64 clientid;
	const void *owner;
	u32 owner_len;
};

/* LOCK4denied: the conflicting lock; @owner borrowed */
struct pn4_lock_denied {
	u64 offset;
	u64 length;
	u32 type;
	u64 clientid;
	const u8 *owner;
	u32 owner_len;
};

void pn4_enc_lock(struct pxdr_enc *e, const struct pn4_lock_args *args);
/* @sid if 0; @denied if PN4ERR_DENIED */
int pn4_dec_lock(struct pxdr_dec *d, struct pn4_stateid *sid,
		 struct pn4_lock_denied *denied);
void pn4_enc_lockt(struct pxdr_enc *e, const struct pn4_lock_args *args);
int pn4_dec_lockt(struct pxdr_dec *d, struct pn4_lock_denied *denied);
void pn4_enc_locku(struct pxdr_enc *e, u32 type, const struct pn4_stateid *sid,
		   u64 offset, u64 length);
int pn4_dec_locku(struct pxdr_dec *d, struct pn4_stateid *sid);

/* ---- codec.c: data ---- */

struct pn4_read_res {
	bool eof;
	u32 count;
};

void pn4_enc_read(struct pxdr_enc *e, const struct pn4_stateid *sid, u64 offset,
		  u32 count);
/*
 * Head of the result only: @d stands at the data then, which is not looked at
 * and may not be in this buffer.  It begins PN4_READ_DATA_AT bytes behind the
 * start of the COMPOUND4res of SEQUENCE, PUTFH, READ; if the transport put the
 * bytes from there on into pages, then nothing is left in @d exactly when the
 * server kept to that (compare with what was placed and what was asked).
 */
int pn4_dec_read(struct pxdr_dec *d, struct pn4_read_res *res);

struct pn4_write_res {
	u32 count;
	u32 committed;			/* enum pn4_stable */
	__be64 verf;
};

/*
 * Up to and with the length word; @len bytes of data and their pad go between
 * this and what is encoded next, by the transport.
 */
void pn4_enc_write(struct pxdr_enc *e, const struct pn4_stateid *sid,
		   u64 offset, u32 stable, u32 len);
int pn4_dec_write(struct pxdr_dec *d, struct pn4_write_res *res);

/* @count 0: to the end */
void pn4_enc_commit(struct pxdr_enc *e, u64 offset, u32 count);
int pn4_dec_commit(struct pxdr_dec *d, __be64 *verf);

/* ---- codec_v42.c: RFC 7862 and RFC 8276 ---- */

void pn4_enc_allocate(struct pxdr_enc *e, const struct pn4_stateid *sid,
		      u64 offset, u64 length);
PN4_DEC_VOID(allocate, PN4_OP_ALLOCATE)
void pn4_enc_deallocate(struct pxdr_enc *e, const struct pn4_stateid *sid,
			u64 offset, u64 length);
PN4_DEC_VOID(deallocate, PN4_OP_DEALLOCATE)

struct pn4_seek_res {
	bool eof;
	u64 offset;
};

/* @what: PN4_CONTENT_DATA or PN4_CONTENT_HOLE */
void pn4_enc_seek(struct pxdr_enc *e, const struct pn4_stateid *sid, u64 offset,
		  u32 what);
int pn4_dec_seek(struct pxdr_dec *d, struct pn4_seek_res *res);

/* COPY within one server; SAVED_FH: source; CURRENT_FH: destination */
struct pn4_copy_args {
	struct pn4_stateid src;
	struct pn4_stateid dst;
	u64 src_offset;
	u64 dst_offset;
	u64 count;			/* 0: to the end of the source */
	bool consecutive;
	bool synchronous;
};

/**
 * struct pn4_copy_res - COPY, and CB_OFFLOAD when it ended well
 * @async: it goes on, under @stateid, until CB_OFFLOAD or OFFLOAD_STATUS say
 *	that it is done; @count, @committed and @verf are those of then
 */
struct pn4_copy_res {
	bool async;
	struct pn4_stateid stateid;
	u64 count;
	u32 committed;			/* enum pn4_stable */
	__be64 verf;
	bool consecutive;
	bool synchronous;
};

/* write_response4; @consecutive and @synchronous stay false */
void pn4_dec_write_response(struct pxdr_dec *d, struct pn4_copy_res *res);
void pn4_enc_copy(struct pxdr_enc *e, const struct pn4_copy_args *args);
/* PN4ERR_OFFLOAD_NO_REQS: @consecutive and @synchronous say what would do */
int pn4_dec_copy(struct pxdr_dec *d, struct pn4_copy_res *res);

void pn4_enc_offload_cancel(struct pxdr_enc *e, const struct pn4_stateid *sid);
PN4_DEC_VOID(offload_cancel, PN4_OP_OFFLOAD_CANCEL)

/* @status: of the copy, once @complete */
struct pn4_offload_status_res {
	u64 count;
	bool complete;
	u32 status;
};

void pn4_enc_offload_status(struct pxdr_enc *e, const struct pn4_stateid *sid);
int pn4_dec_offload_status(struct pxdr_dec *d,
			   struct pn4_offload_status_res *res);

/* SAVED_FH: source; CURRENT_FH: destination; @count 0: to the end */
struct pn4_clone_args {
	struct pn4_stateid src;
	struct pn4_stateid dst;
	u64 src_offset;
	u64 dst_offset;
	u64 count;
};

void pn4_enc_clone(struct pxdr_enc *e, const struct pn4_clone_args *args);
PN4_DEC_VOID(clone, PN4_OP_CLONE)

/* Names of attributes without "user." */
void pn4_enc_getxattr(struct pxdr_enc *e, const char *name, u32 len);
/* @value: borrowed, at most PN4_XATTR_SIZE_MAX bytes */
int pn4_dec_getxattr(struct pxdr_dec *d, const void **value, u32 *len);

struct pn4_setxattr_args {
	u32 option;			/* PN4_SETXATTR_* */
	const char *name;
	u32 name_len;
	const void *value;
	u32 value_len;
};

void pn4_enc_setxattr(struct pxdr_enc *e, const struct pn4_setxattr_args *args);
int pn4_dec_setxattr(struct pxdr_dec *d, struct pn4_cinfo *cinfo);

/**
 * struct pn4_listxattrs_res - LISTXATTRS
 * @count: names of this reply, to be read with pn4_listxattrs_next(); all have
 *	been checked
 * @cookie: to go on with unless @eof
 */
struct pn4_listxattrs_res {
	u64 cookie;
	bool eof;
	u32 count;
	struct pxdr_dec names;
};

/* @maxcount: bytes of LISTXATTRS4resok */
void pn4_enc_listxattrs(struct pxdr_enc *e, u64 cookie, u32 maxcount);
int pn4_dec_listxattrs(struct pxdr_dec *d, struct pn4_listxattrs_res *res);
/*
 * True while there is one: borrowed, not terminated, 1 .. PN4_XATTR_NAME_MAX
 * bytes without a NUL; others are passed over.
 */
bool pn4_listxattrs_next(struct pn4_listxattrs_res *res, const char **name,
			 u32 *len);

void pn4_enc_removexattr(struct pxdr_enc *e, const char *name, u32 len);
int pn4_dec_removexattr(struct pxdr_dec *d, struct pn4_cinfo *cinfo);

/* ---- codec_cb.c: what the server asks of us ---- */

/**
 * struct pn4_cb_compound - head of a CB_COMPOUND4args
 * @tag: borrowed, to be sent back
 * @nops: operations that follow, at most PN4_MAX_OPS
 */
struct pn4_cb_compound {
	const char *tag;
	u32 tag_len;
	u32 minor;
	u32 ident;
	u32 nops;
};

/* 0 or -EREMOTEIO: the RPC is answered GARBAGE_ARGS then */
int pn4_dec_cb_compound(struct pxdr_dec *d, struct pn4_cb_compound *hdr);
/* The next operation's number (0 if there is none and d->bad) */
u32 pn4_dec_cb_op(struct pxdr_dec *d);

/*
 * Arguments behind the number.  0, or -EREMOTEIO: answer that operation
 * PN4ERR_BADXDR and stop.
 */

/**
 * struct pn4_cb_sequence_args - CB_SEQUENCE
 * @nr_lists: referring call lists; all have been checked
 * @lists: for pn4_cb_referring_next()
 */
struct pn4_cb_sequence_args {
	u8 sessionid[PN4_SESSIONID_SIZE];
	u32 sequenceid;
	u32 slotid;
	u32 highest_slotid;
	bool cachethis;
	u32 nr_lists;
	struct pxdr_dec lists;
	u32 nr_calls;			/* left in the list being read */
	u8 list_sessionid[PN4_SESSIONID_SIZE];
};

/* A call of ours that the callback refers to: it may overtake our reply */
struct pn4_cb_referring {
	u8 sessionid[PN4_SESSIONID_SIZE];
	u32 sequenceid;
	u32 slotid;
};

int pn4_dec_cb_sequence(struct pxdr_dec *d, struct pn4_cb_sequence_args *args);
/* True while there is one; consumes them */
bool pn4_cb_referring_next(struct pn4_cb_sequence_args *args,
			   struct pn4_cb_referring *ref);

struct pn4_cb_recall_args {
	struct pn4_stateid stateid;
	bool truncate;
	struct pn4_fh fh;
};
int pn4_dec_cb_recall(struct pxdr_dec *d, struct pn4_cb_recall_args *args);

/* Also CB_RECALLABLE_OBJ_AVAIL */
struct pn4_cb_recall_any_args {
	u32 objects_to_keep;
	u32 type_mask;			/* first word, bits PN4_RCA_* */
};
int pn4_dec_cb_recall_any(struct pxdr_dec *d,
			  struct pn4_cb_recall_any_args *args);

int pn4_dec_cb_recall_slot(struct pxdr_dec *d, u32 *target_highest_slotid);

struct pn4_cb_getattr_args {
	struct pn4_fh fh;
	u32 mask[PN4_BITMAP_WORDS];
};
int pn4_dec_cb_getattr(struct pxdr_dec *d, struct pn4_cb_getattr_args *args);

/* @fh, @offset, @length, @stateid: FILE; @fsid_*: FSID */
struct pn4_cb_layoutrecall_args {
	u32 layout_type;
	u32 iomode;			/* PN4_IOMODE_* */
	bool changed;
	u32 recall_type;		/* PN4_LAYOUTRECALL_* */
	struct pn4_fh fh;
	u64 offset;
	u64 length;
	struct pn4_stateid stateid;
	u64 fsid_major;
	u64 fsid_minor;
};
int pn4_dec_cb_layoutrecall(struct pxdr_dec *d,
			    struct pn4_cb_layoutrecall_args *args);

/* @owner: borrowed */
struct pn4_cb_notify_lock_args {
	struct pn4_fh fh;
	u64 clientid;
	const u8 *owner;
	u32 owner_len;
};
int pn4_dec_cb_notify_lock(struct pxdr_dec *d,
			   struct pn4_cb_notify_lock_args *args);

/* @status 0: @res; else the copy failed after @res.count bytes */
struct pn4_cb_offload_args {
	struct pn4_fh fh;
	struct pn4_stateid stateid;
	u32 status;
	struct pn4_copy_res res;
};
int pn4_dec_cb_offload(struct pxdr_dec *d, struct pn4_cb_offload_args *args);

struct pn4_cb_push_deleg_args {
	struct pn4_fh fh;
	struct pn4_deleg_res deleg;
};
int pn4_dec_cb_push_deleg(struct pxdr_dec *d,
			  struct pn4_cb_push_deleg_args *args);

/*
 * Read and drop the arguments of @op, to refuse it and to go on behind it.
 * -EOPNOTSUPP: no such operation (answer OP_CB_ILLEGAL with
 * PN4ERR_OP_ILLEGAL and stop); -EREMOTEIO.
 */
int pn4_skip_cb_op(struct pxdr_dec *d, u32 op);

/* Places to fill in at the end; NULL after an overflow */
struct pn4_cb_reply {
	__be32 *status;
	__be32 *nops;
};

/* Start a CB_COMPOUND4res, with the request's tag */
void pn4_enc_cb_compound(struct pxdr_enc *e, struct pn4_cb_reply *reply,
			 const char *tag, u32 tag_len);
/* @status: of the last operation answered; @nops: results written */
void pn4_enc_cb_compound_end(struct pn4_cb_reply *reply, u32 status, u32 nops);
/* A result without results: most of them, and any that failed */
void pn4_enc_cb_status(struct pxdr_enc *e, u32 op, u32 status);
/* The successful answer; @target: as pn4_sequence_res */
void pn4_enc_cb_sequence(struct pxdr_enc *e,
			 const struct pn4_cb_sequence_args *args,
			 u32 highest_slotid, u32 target_highest_slotid);
/* @attr: change and size, those of them that attr->valid names */
void pn4_enc_cb_getattr(struct pxdr_enc *e, const struct pn4_attr *attr);

#endif
