// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../fs/nfs4/attr.h"
#include "../../fs/nfs4/codec_layout.h"
#include "../../fs/nfs4/codec_nfs3.h"
#include "decoders.h"

#define TEST_STATEIDS	3

/* Where the bytes read go, so that the reads are not optimized away */
static volatile u8 sink;

static void touch(const void *p, size_t len)
{
	const u8 *b = p;
	size_t i;

	if (!p && len)
		abort();
	for (i = 0; i < len; i++)
		sink ^= b[i];
}

#define VOID(op) \
static int run_##op(struct pxdr_dec *d) \
{ \
	return pn4_dec_##op(d); \
}

VOID(destroy_session)
VOID(destroy_clientid)
VOID(reclaim_complete)
VOID(free_stateid)
VOID(putrootfh)
VOID(putfh)
VOID(savefh)
VOID(restorefh)
VOID(lookup)
VOID(lookupp)
VOID(delegreturn)
VOID(allocate)
VOID(deallocate)
VOID(offload_cancel)
VOID(clone)

/* Results that hold no pointers */
#define PLAIN(op, type) \
static int run_##op(struct pxdr_dec *d) \
{ \
	type res; \
	int st = pn4_dec_##op(d, &res); \
\
	if (!st) \
		touch(&res, sizeof(res)); \
	return st; \
}

PLAIN(sequence, struct pn4_sequence_res)
PLAIN(create_session, struct pn4_create_session_res)
PLAIN(bind_conn_to_session, struct pn4_bind_conn_res)
PLAIN(getattr, struct pn4_attr)
PLAIN(getattr_fsinfo, struct pn4_fsinfo)
PLAIN(getattr_statfs, struct pn4_statfs)
PLAIN(getattr_locations, struct pn4_location)
PLAIN(create, struct pn4_create_res)
PLAIN(remove, struct pn4_cinfo)
PLAIN(link, struct pn4_cinfo)
PLAIN(open_downgrade, struct pn4_stateid)
PLAIN(close, struct pn4_stateid)
PLAIN(locku, struct pn4_stateid)
PLAIN(read, struct pn4_read_res)
PLAIN(write, struct pn4_write_res)
PLAIN(commit, __be64)
PLAIN(seek, struct pn4_seek_res)
PLAIN(copy, struct pn4_copy_res)
PLAIN(offload_status, struct pn4_offload_status_res)
PLAIN(setxattr, struct pn4_cinfo)
PLAIN(removexattr, struct pn4_cinfo)
PLAIN(cb_recall_any, struct pn4_cb_recall_any_args)
PLAIN(cb_recall_slot, u32)

static int run_compound(struct pxdr_dec *d)
{
	u32 status, nops;
	int st = pn4_dec_compound(d, &status, &nops);

	if (!st && nops > PN4_MAX_OPS)
		abort();
	return st;
}

static int run_exchange_id(struct pxdr_dec *d)
{
	static struct pn4_exchange_id_res res;
	int st = pn4_dec_exchange_id(d, &res);

	if (st)
		return st;
	if (res.so_major_len > sizeof(res.so_major) ||
	    res.scope_len > sizeof(res.scope) || !pn4_same_server(&res, &res))
		abort();
	touch(res.impl_domain, res.impl_domain_len);
	touch(res.impl_name, res.impl_name_len);
	return 0;
}

static int run_test_stateid(struct pxdr_dec *d)
{
	u32 status[TEST_STATEIDS];
	int st = pn4_dec_test_stateid(d, status, TEST_STATEIDS);

	if (!st)
		touch(status, sizeof(status));
	return st;
}

static int check_secinfo(int st, const struct pn4_secinfo_res *res)
{
	u32 i;

	if (st)
		return st;
	for (i = 0; i < res->n; i++) {
		touch(res->info[i].oid, res->info[i].oid_len);
		if (pn4_secinfo_sec(&res->info[i]) > PN4_GSS_SVC_PRIVACY)
			abort();
	}
	return 0;
}

static int run_secinfo(struct pxdr_dec *d)
{
	struct pn4_secinfo_res res;
	int st = pn4_dec_secinfo(d, &res);

	return check_secinfo(st, &res);
}

static int run_secinfo_no_name(struct pxdr_dec *d)
{
	struct pn4_secinfo_res res;
	int st = pn4_dec_secinfo_no_name(d, &res);

	return check_secinfo(st, &res);
}

static int run_getfh(struct pxdr_dec *d)
{
	struct pn4_fh fh;
	int st = pn4_dec_getfh(d, &fh);

	if (!st && (!fh.len || fh.len > PN4_FHSIZE))
		abort();
	if (!st)
		touch(fh.data, fh.len);
	return st;
}

static int run_setattr(struct pxdr_dec *d)
{
	u32 set[PN4_BITMAP_WORDS];
	int st = pn4_dec_setattr(d, set);

	touch(set, sizeof(set));
	return st;
}

static int run_access(struct pxdr_dec *d)
{
	u32 supported = 0, access = 0;

	return pn4_dec_access(d, &supported, &access);
}

static int run_readlink(struct pxdr_dec *d)
{
	const char *target;
	u32 len;
	int st = pn4_dec_readlink(d, &target, &len);

	if (!st && (!len || len >= PN4_PATH_MAX || memchr(target, 0, len)))
		abort();
	if (!st)
		touch(target, len);
	return st;
}

static int run_rename(struct pxdr_dec *d)
{
	struct pn4_cinfo a, b;

	return pn4_dec_rename(d, &a, &b);
}

static void touch_dirent(const struct pn4_dirent *ent)
{
	touch(ent->name, ent->name_len);
	touch(&ent->attr, sizeof(ent->attr));
	if (!ent->name_len || ent->name_len > PN4_NAME_MAX || !ent->cookie ||
	    memchr(ent->name, '/', ent->name_len) ||
	    memchr(ent->name, 0, ent->name_len))
		abort();
	if (ent->name[0] == '.' &&
	    (ent->name_len == 1 || (ent->name_len == 2 && ent->name[1] == '.')))
		abort();
	if (ent->attr.valid & PN4_ATTR_FH)
		touch(ent->fh.data, ent->fh.len);
}

static int run_readdir(struct pxdr_dec *d)
{
	size_t left = pxdr_left(d);
	struct pn4_dirent ent;
	__be64 verf;
	bool eof;
	int st = pn4_readdir_begin(d, &verf);

	if (st)
		return st;
	while ((st = pn4_readdir_next(d, &ent, &eof)) > 0) {
		touch_dirent(&ent);
		if (pxdr_left(d) >= left)
			abort();	/* no progress: it would never end */
		left = pxdr_left(d);
	}
	return st;
}

/* The same bytes, the entries passed over: must find the same end. */
static int run_readdir_end(struct pxdr_dec *d)
{
	struct pxdr_dec other = *d;
	struct pn4_dirent ent;
	bool eof, eof2;
	__be64 verf;
	int st = pn4_readdir_begin(d, &verf), st2;

	if (st)
		return st;
	st = pn4_readdir_end(d, &eof);
	pn4_readdir_begin(&other, &verf);
	do {
		st2 = pn4_readdir_next(&other, &ent, &eof2);
	} while (st2 > 0);
	if (!st2 && (st || other.p != d->p || eof != eof2))
		abort();
	return st;
}

static int run_open(struct pxdr_dec *d)
{
	struct pn4_open4_res res;
	int st = pn4_dec_open(d, &res);

	if (!st)
		touch(res.deleg.ace_who, res.deleg.ace_who_len);
	return st;
}

static int run_lock(struct pxdr_dec *d)
{
	struct pn4_lock_denied denied;
	struct pn4_stateid sid;
	int st = pn4_dec_lock(d, &sid, &denied);

	if (st == PN4ERR_DENIED)
		touch(denied.owner, denied.owner_len);
	return st;
}

static int run_lockt(struct pxdr_dec *d)
{
	struct pn4_lock_denied denied;
	int st = pn4_dec_lockt(d, &denied);

	if (st == PN4ERR_DENIED)
		touch(denied.owner, denied.owner_len);
	return st;
}

static int run_getxattr(struct pxdr_dec *d)
{
	const void *value;
	u32 len;
	int st = pn4_dec_getxattr(d, &value, &len);

	if (!st)
		touch(value, len);
	return st;
}

static int run_listxattrs(struct pxdr_dec *d)
{
	struct pn4_listxattrs_res res;
	const char *name;
	u32 len;
	int st = pn4_dec_listxattrs(d, &res);

	if (st)
		return st;
	while (pn4_listxattrs_next(&res, &name, &len)) {
		touch(name, len);
		if (!len || len > PN4_XATTR_NAME_MAX || memchr(name, 0, len))
			abort();
	}
	if (pxdr_left(&res.names))
		abort();
	return 0;
}

/* ---- callbacks ---- */

static void touch_fh(const struct pn4_fh *fh)
{
	if (!fh->len || fh->len > PN4_FHSIZE)
		abort();
	touch(fh->data, fh->len);
}

static int run_cb_sequence(struct pxdr_dec *d)
{
	struct pn4_cb_sequence_args args;
	struct pn4_cb_referring ref;
	int st = pn4_dec_cb_sequence(d, &args);

	if (st)
		return st;
	while (pn4_cb_referring_next(&args, &ref))
		touch(&ref, sizeof(ref));
	if (args.lists.bad || pxdr_left(&args.lists))
		abort();
	return 0;
}

static int run_cb_recall(struct pxdr_dec *d)
{
	struct pn4_cb_recall_args args;
	int st = pn4_dec_cb_recall(d, &args);

	if (!st)
		touch_fh(&args.fh);
	return st;
}

static int run_cb_getattr(struct pxdr_dec *d)
{
	struct pn4_cb_getattr_args args;
	int st = pn4_dec_cb_getattr(d, &args);

	if (!st)
		touch_fh(&args.fh);
	return st;
}

static int run_cb_layoutrecall(struct pxdr_dec *d)
{
	struct pn4_cb_layoutrecall_args args;
	int st = pn4_dec_cb_layoutrecall(d, &args);

	if (!st && args.recall_type == PN4_LAYOUTRECALL_FILE)
		touch_fh(&args.fh);
	return st;
}

static int run_cb_notify_lock(struct pxdr_dec *d)
{
	struct pn4_cb_notify_lock_args args;
	int st = pn4_dec_cb_notify_lock(d, &args);

	if (!st)
		touch(args.owner, args.owner_len);
	return st;
}

static int run_cb_offload(struct pxdr_dec *d)
{
	struct pn4_cb_offload_args args;
	int st = pn4_dec_cb_offload(d, &args);

	if (!st)
		touch(&args.res, sizeof(args.res));
	return st;
}

static int run_cb_push_deleg(struct pxdr_dec *d)
{
	struct pn4_cb_push_deleg_args args;
	int st = pn4_dec_cb_push_deleg(d, &args);

	if (!st)
		touch(args.deleg.ace_who, args.deleg.ace_who_len);
	return st;
}

/* A whole CB_COMPOUND, all operations refused; answered into a small buffer */
static int run_cb_compound(struct pxdr_dec *d)
{
	static __be32 buf[64];
	struct pn4_cb_compound hdr;
	struct pn4_cb_reply reply;
	struct pxdr_enc e;
	u32 i, op;
	int st = pn4_dec_cb_compound(d, &hdr);

	if (st)
		return st;
	if (hdr.nops > PN4_MAX_OPS)
		abort();
	pxdr_enc_init(&e, buf, sizeof(buf));
	pn4_enc_cb_compound(&e, &reply, hdr.tag, hdr.tag_len);
	for (i = 0; i < hdr.nops && !st; i++) {
		op = pn4_dec_cb_op(d);
		st = pn4_skip_cb_op(d, op);
		pn4_enc_cb_status(&e, op, PN4ERR_NOTSUPP);
	}
	pn4_enc_cb_compound_end(&reply, PN4ERR_NOTSUPP, i);
	return st;
}

#define SKIP(op, OP) \
static int run_cb_##op(struct pxdr_dec *d) \
{ \
	return pn4_skip_cb_op(d, PN4_OP_CB_##OP); \
}

SKIP(notify, NOTIFY)
SKIP(wants_cancelled, WANTS_CANCELLED)
SKIP(notify_deviceid, NOTIFY_DEVICEID)

/* ---- a whole reply, results in whatever order they come ---- */

static int run_next_op(struct pxdr_dec *d)
{
	switch (pn4_peek_op(d)) {
	case PN4_OP_SEQUENCE:
		return run_sequence(d);
	case PN4_OP_PUTFH:
		return run_putfh(d);
	case PN4_OP_PUTROOTFH:
		return run_putrootfh(d);
	case PN4_OP_LOOKUP:
		return run_lookup(d);
	case PN4_OP_GETFH:
		return run_getfh(d);
	case PN4_OP_GETATTR:
		return run_getattr(d);
	case PN4_OP_OPEN:
		return run_open(d);
	case PN4_OP_ACCESS:
		return run_access(d);
	case PN4_OP_READDIR:
		return run_readdir(d);
	case PN4_OP_READ:
		return run_read(d);
	default:
		return pn4_dec_void(d, pn4_peek_op(d));
	}
}

static int run_reply(struct pxdr_dec *d)
{
	u32 i, status, nops;
	int st = pn4_dec_compound(d, &status, &nops);

	for (i = 0; i < nops && !st; i++)
		st = run_next_op(d);
	return st;
}

/* ---- layouts ---- */

static int run_layoutget(struct pxdr_dec *d)
{
	struct pn4_layoutget_res res;
	struct pn4_layout4 lo;
	int st = pn4_dec_layoutget(d, &res);

	while (!st && pn4_layoutget_next(&res, &lo))
		touch(lo.body, lo.body_len);
	return st;
}

PLAIN(layoutcommit, u64)
VOID(layouterror)
VOID(layoutstats)

static int run_layoutreturn(struct pxdr_dec *d)
{
	struct pn4_stateid sid;
	bool remains;
	int st = pn4_dec_layoutreturn(d, &sid, &remains);

	if (!st && remains)
		touch(&sid, sizeof(sid));
	return st;
}

static int run_getdeviceinfo(struct pxdr_dec *d)
{
	struct pn4_deviceinfo_res res;
	int st = pn4_dec_getdeviceinfo(d, &res);

	if (!st)
		touch(res.body, res.body_len);
	return st;
}

static int run_cb_devnotify(struct pxdr_dec *d)
{
	struct pn4_cb_notify_deviceid_args args;
	struct pn4_devnotify n;
	int st = pn4_dec_cb_notify_deviceid(d, &args);

	while (!st && pn4_devnotify_next(&args, &n))
		touch(&n, sizeof(n));
	return st;
}

/* What is inside of others: all that is there */
static int run_body(struct pxdr_dec *d, int st)
{
	if (st)
		d->bad = true;
	else
		d->p = d->end;
	return st;
}

static struct pn4_layout4 body_layout(const struct pxdr_dec *d)
{
	struct pn4_layout4 lo = { .body = d->p, .body_len = (u32)pxdr_left(d) };

	return lo;
}

static struct pn4_deviceinfo_res body_device(const struct pxdr_dec *d)
{
	struct pn4_deviceinfo_res di = { .body = d->p, .body_len = (u32)pxdr_left(d) };

	return di;
}

static int run_fl_layout(struct pxdr_dec *d)
{
	struct pn4_layout4 lo = body_layout(d);
	struct pn4_fl_layout fl;
	struct pn4_fh fh;
	int st = pn4_dec_fl_layout(&lo, &fl);
	u32 i;

	for (i = 0; !st && i < fl.nr_fhs; i++) {
		pn4_fl_next_fh(&fl, &fh);
		touch(fh.data, fh.len);
	}
	if (!st && fl.fhs.bad)
		abort();
	return run_body(d, st);
}

static int run_ff_layout(struct pxdr_dec *d)
{
	struct pn4_layout4 lo = body_layout(d);
	struct pn4_ff_layout ff;
	struct pn4_ff_ds ds;
	int st = pn4_dec_ff_layout(&lo, &ff);
	u32 i;

	for (i = 0; !st && i < ff.nr_mirrors * ff.nr_stripes; i++) {
		pn4_ff_next_ds(&ff, &ds);
		touch(ds.fhs[ds.nr_fhs - 1].data, ds.fhs[ds.nr_fhs - 1].len);
	}
	if (!st && ff.mirrors.bad)
		abort();
	return run_body(d, st);
}

static void touch_multipath(struct pn4_multipath *mp)
{
	struct pn4_netaddr na;
	u32 len;
	u16 port;

	while (pn4_multipath_next(mp, &na)) {
		touch(na.netid, na.netid_len);
		if (!pn4_uaddr_port(&na, &len, &port))
			touch(na.addr, len);
	}
	if (mp->addrs.bad)
		abort();
}

static int run_fl_device(struct pxdr_dec *d)
{
	struct pn4_deviceinfo_res di = body_device(d);
	struct pn4_multipath mp;
	struct pn4_fl_device fd;
	int st = pn4_dec_fl_device(&di, &fd);
	u32 i;

	for (i = 0; !st && i < fd.nr_indices; i++)
		if (pn4_fl_next_index(&fd) >= fd.nr_ds)
			abort();
	for (i = 0; !st && i < fd.nr_ds; i++) {
		pn4_fl_next_ds(&fd, &mp);
		touch_multipath(&mp);
	}
	return run_body(d, st);
}

static int run_ff_device(struct pxdr_dec *d)
{
	struct pn4_deviceinfo_res di = body_device(d);
	struct pn4_ff_device fd;
	int st = pn4_dec_ff_device(&di, &fd);

	if (!st) {
		touch_multipath(&fd.addrs);
		touch(fd.versions, fd.nr_versions * sizeof(fd.versions[0]));
	}
	return run_body(d, st);
}

static int run_nfs3_read(struct pxdr_dec *d)
{
	struct pn4_read_res res;

	return pn3_dec_read(d, &res);
}

static int run_nfs3_write(struct pxdr_dec *d)
{
	struct pn4_write_res res;

	return pn3_dec_write(d, &res);
}

static int run_nfs3_commit(struct pxdr_dec *d)
{
	__be64 verf;

	return pn3_dec_commit(d, &verf);
}

#define D(name)	{ #name, run_##name }

/* The fuzzer's inputs name decoders by index: append only. */
const struct decoder decoders[] = {
	D(reply), D(compound), D(sequence), D(exchange_id), D(create_session),
	D(bind_conn_to_session), D(destroy_session), D(destroy_clientid),
	D(reclaim_complete), D(test_stateid), D(free_stateid),
	D(secinfo_no_name), D(putrootfh), D(putfh), D(savefh), D(restorefh),
	D(getfh), D(getattr), D(getattr_fsinfo), D(getattr_statfs), D(getattr_locations),
	D(setattr),
	D(access), D(lookup), D(lookupp), D(readlink), D(create), D(remove),
	D(rename), D(link), D(readdir), D(readdir_end), D(open),
	D(open_downgrade), D(close), D(delegreturn), D(lock), D(lockt),
	D(locku), D(read), D(write), D(commit), D(allocate), D(deallocate),
	D(seek), D(copy), D(offload_cancel), D(offload_status), D(clone),
	D(getxattr), D(setxattr), D(listxattrs), D(removexattr),
	D(cb_compound), D(cb_sequence), D(cb_recall), D(cb_recall_any),
	D(cb_recall_slot), D(cb_getattr), D(cb_layoutrecall),
	D(cb_notify_lock), D(cb_offload), D(cb_push_deleg), D(cb_notify),
	D(cb_wants_cancelled), D(cb_notify_deviceid),
	D(layoutget), D(layoutcommit), D(layoutreturn), D(layouterror),
	D(layoutstats), D(getdeviceinfo), D(cb_devnotify), D(fl_layout),
	D(ff_layout), D(fl_device), D(ff_device),
	D(nfs3_read), D(nfs3_write), D(nfs3_commit), D(secinfo),
};

const unsigned int nr_decoders = sizeof(decoders) / sizeof(decoders[0]);

unsigned int decoder_index(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_decoders; i++)
		if (!strcmp(decoders[i].name, name))
			return i;
	fprintf(stderr, "no decoder %s\n", name);
	abort();
}

const struct decoder *decoder_find(const char *name)
{
	return &decoders[decoder_index(name)];
}

int decoder_run(const struct decoder *dec, const u8 *data, size_t len,
		size_t *used)
{
	struct pxdr_dec d;
	int st;

	pxdr_dec_init(&d, data, len);
	st = dec->run(&d);
	if (d.p < data || d.p > data + len || d.end != data + len)
		abort();
	if (d.bad != (st == -EREMOTEIO))
		abort();
	*used = (size_t)(d.p - data);
	return st;
}
