/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Layouts and devices to bytes and back: RFC 8881 sections 12, 13 and 18.40 to
 * 18.44, RFC 8435, RFC 7862 sections 15.6 and 15.7.  Conventions as in codec.h.
 *
 * What comes in lists is checked as a whole first and then read one by one with
 * pn4_..._next(), so that nothing is allocated here and nothing fails halfway.
 */
#ifndef PENSTOCK_NFS4_CODEC_LAYOUT_H
#define PENSTOCK_NFS4_CODEC_LAYOUT_H

#include "codec.h"

/* ---- operations ---- */

struct pn4_layoutget_args {
	u32 type;			/* PN4_LAYOUT_* */
	u32 iomode;			/* PN4_IOMODE_* */
	u64 offset;
	u64 length;
	u64 minlength;
	struct pn4_stateid stateid;
	u32 maxcount;
};

/* layout4; @body: borrowed */
struct pn4_layout4 {
	u64 offset;
	u64 length;			/* PN4_UINT64_MAX: to the end */
	u32 iomode;
	u32 type;
	const u8 *body;
	u32 body_len;
};

struct pn4_layoutget_res {
	bool return_on_close;
	struct pn4_stateid stateid;
	u32 n;				/* left to read */
	struct pxdr_dec layouts;
};

void pn4_enc_layoutget(struct pxdr_enc *e, const struct pn4_layoutget_args *a);
int pn4_dec_layoutget(struct pxdr_dec *d, struct pn4_layoutget_res *res);
bool pn4_layoutget_next(struct pn4_layoutget_res *res, struct pn4_layout4 *lo);

/* @last: offset of the last byte written; PN4_UINT64_MAX: nothing new */
struct pn4_layoutcommit_args {
	u64 offset;
	u64 length;
	bool reclaim;
	struct pn4_stateid stateid;
	u64 last;
	u32 type;
};

void pn4_enc_layoutcommit(struct pxdr_enc *e,
			  const struct pn4_layoutcommit_args *a);
/* @size: PN4_UINT64_MAX if it did not change */
int pn4_dec_layoutcommit(struct pxdr_dec *d, u64 *size);

/* device_error4 with its range: LAYOUTERROR, and ff_ioerr4 */
struct pn4_ds_error {
	u64 offset;
	u64 length;
	u8 deviceid[PN4_DEVICEID_SIZE];
	u32 status;
	u32 op;
};

/* What one data server did: LAYOUTSTATS, and ff_iostats4 */
struct pn4_ds_count {
	u64 ops;
	u64 bytes;
	u64 busy_ns;
};

/**
 * struct pn4_ds_stats - one data server of one file
 * @netid, @addr: netaddr4, terminated
 * @duration: since the counts began, ns
 */
struct pn4_ds_stats {
	u8 deviceid[PN4_DEVICEID_SIZE];
	const char *netid;
	const char *addr;
	struct pn4_fh fh;
	struct pn4_ds_count read;
	struct pn4_ds_count write;
	u64 duration;
};

/**
 * struct pn4_layoutreturn_args - LAYOUTRETURN
 * @kind: PN4_LAYOUTRECALL_*, which has the values of layoutreturn_type4
 * @offset, @length, @stateid: PN4_LAYOUTRECALL_FILE
 * @errors, @stats: flexible files only
 */
struct pn4_layoutreturn_args {
	u32 type;
	u32 iomode;
	u32 kind;
	u64 offset;
	u64 length;
	struct pn4_stateid stateid;
	const struct pn4_ds_error *errors;
	u32 nr_errors;
	const struct pn4_ds_stats *stats;
	u32 nr_stats;
};

void pn4_enc_layoutreturn(struct pxdr_enc *e,
			  const struct pn4_layoutreturn_args *a);
/* @sid: of what remains; *@remains: something does */
int pn4_dec_layoutreturn(struct pxdr_dec *d, struct pn4_stateid *sid,
			 bool *remains);

void pn4_enc_layouterror(struct pxdr_enc *e, const struct pn4_stateid *sid,
			 const struct pn4_ds_error *err);
PN4_DEC_VOID(layouterror, PN4_OP_LAYOUTERROR)
void pn4_enc_layoutstats(struct pxdr_enc *e, const struct pn4_stateid *sid,
			 u32 type, const struct pn4_ds_stats *s);
PN4_DEC_VOID(layoutstats, PN4_OP_LAYOUTSTATS)

/* Asks to be told of changes and deletion */
void pn4_enc_getdeviceinfo(struct pxdr_enc *e, const u8 *id, u32 type,
			   u32 maxcount);
/* device_addr4; @body: borrowed */
struct pn4_deviceinfo_res {
	u32 type;
	const u8 *body;
	u32 body_len;
};
int pn4_dec_getdeviceinfo(struct pxdr_dec *d, struct pn4_deviceinfo_res *res);

/* CB_NOTIFY_DEVICEID: what was said of one device */
struct pn4_devnotify {
	u32 type;
	u8 deviceid[PN4_DEVICEID_SIZE];
	bool gone;			/* deleted; else changed */
};
struct pn4_cb_notify_deviceid_args {
	u32 n;				/* left to read */
	struct pxdr_dec changes;
	u32 kinds;			/* bits left of the one being read */
	struct pxdr_dec vals;
};
int pn4_dec_cb_notify_deviceid(struct pxdr_dec *d,
			       struct pn4_cb_notify_deviceid_args *args);
bool pn4_devnotify_next(struct pn4_cb_notify_deviceid_args *args,
			struct pn4_devnotify *n);

/* ---- what is in a layout ---- */

/* nfsv4_1_file_layout4 */
struct pn4_fl_layout {
	u8 deviceid[PN4_DEVICEID_SIZE];
	u32 util;
	u32 first;			/* nfl_first_stripe_index */
	u64 pattern_offset;
	u32 nr_fhs;
	struct pxdr_dec fhs;
};
int pn4_dec_fl_layout(const struct pn4_layout4 *lo, struct pn4_fl_layout *fl);
void pn4_fl_next_fh(struct pn4_fl_layout *fl, struct pn4_fh *fh);

/* ff_layout4: @nr_mirrors times @nr_stripes data servers, mirror by mirror */
struct pn4_ff_layout {
	u64 unit;			/* bytes; 0: no striping */
	u32 nr_mirrors;
	u32 nr_stripes;
	u32 flags;
	u32 stats_hint;			/* seconds */
	struct pxdr_dec mirrors;
	u32 left;			/* of the mirror being read */
};
/* ff_data_server4 */
struct pn4_ff_ds {
	u8 deviceid[PN4_DEVICEID_SIZE];
	u32 efficiency;
	struct pn4_stateid stateid;
	u32 nr_fhs;
	struct pn4_fh fhs[PN4_FH_VERSIONS_MAX];
	bool numeric;			/* @uid and @gid hold numbers */
	u32 uid;
	u32 gid;
};
/* -EREMOTEIO also if mirrors differ in their number of stripes */
int pn4_dec_ff_layout(const struct pn4_layout4 *lo, struct pn4_ff_layout *ff);
void pn4_ff_next_ds(struct pn4_ff_layout *ff, struct pn4_ff_ds *ds);

/* ---- what is in a device ---- */

/* netaddr4: borrowed, not terminated */
struct pn4_netaddr {
	const char *netid;
	u32 netid_len;
	const char *addr;
	u32 addr_len;
};
/* A multipath_list4 to be read */
struct pn4_multipath {
	u32 n;
	struct pxdr_dec addrs;
};
bool pn4_multipath_next(struct pn4_multipath *mp, struct pn4_netaddr *na);
/*
 * Universal address (RFC 5665 section 5.2.3): how many bytes of @na->addr are
 * the host, and the port.  -EINVAL if it is none.
 */
int pn4_uaddr_port(const struct pn4_netaddr *na, u32 *host_len, u16 *port);

/* nfsv4_1_file_layout_ds_addr4; each index is below @nr_ds */
struct pn4_fl_device {
	u32 nr_indices;
	struct pxdr_dec indices;
	u32 nr_ds;
	struct pxdr_dec servers;
};
int pn4_dec_fl_device(const struct pn4_deviceinfo_res *di,
		      struct pn4_fl_device *fd);
u32 pn4_fl_next_index(struct pn4_fl_device *fd);
void pn4_fl_next_ds(struct pn4_fl_device *fd, struct pn4_multipath *mp);

/* ff_device_addr4 */
struct pn4_ff_version {
	u32 version;
	u32 minor;
	u32 rsize;
	u32 wsize;
	bool tight;
};
struct pn4_ff_device {
	struct pn4_multipath addrs;
	u32 nr_versions;
	struct pn4_ff_version versions[PN4_FH_VERSIONS_MAX];
};
int pn4_dec_ff_device(const struct pn4_deviceinfo_res *di,
		      struct pn4_ff_device *fd);

#endif
