// SPDX-License-Identifier: GPL-2.0
/*
 * Layouts: the operations on them, and what layouts and devices consist of.
 */
#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <linux/types.h>
#include "attr.h"
#include "codec_layout.h"

#define PN4_NETID_MAX	16
#define PN4_UADDR_MAX	128
#define PN4_OWNER_MAX	1024
#define PN4_NSEC	1000000000U

/* ---- LAYOUTGET ---- */

void pn4_enc_layoutget(struct pxdr_enc *e, const struct pn4_layoutget_args *a)
{
	pxdr_u32(e, PN4_OP_LAYOUTGET);
	pxdr_u32(e, false);		/* no signal when one is available */
	pxdr_u32(e, a->type);
	pxdr_u32(e, a->iomode);
	pxdr_u64(e, a->offset);
	pxdr_u64(e, a->length);
	pxdr_u64(e, a->minlength);
	pn4_enc_stateid(e, &a->stateid);
	pxdr_u32(e, a->maxcount);
}

static void pn4_dec_layout4(struct pxdr_dec *d, struct pn4_layout4 *lo)
{
	lo->offset = pxdr_get_u64(d);
	lo->length = pxdr_get_u64(d);
	lo->iomode = pxdr_get_u32(d);
	lo->type = pxdr_get_u32(d);
	lo->body = pxdr_get_opaque(d, PN4_LAYOUT_BODY_MAX, &lo->body_len);
	if (!lo->length || (lo->length != PN4_UINT64_MAX &&
			    lo->offset + lo->length < lo->offset) ||
	    (lo->iomode != PN4_IOMODE_READ && lo->iomode != PN4_IOMODE_RW))
		d->bad = true;
}

int pn4_dec_layoutget(struct pxdr_dec *d, struct pn4_layoutget_res *res)
{
	int st = pn4_dec_head(d, PN4_OP_LAYOUTGET);
	struct pn4_layout4 lo;
	const u8 *first;
	u32 i;

	if (st == PN4ERR_LAYOUTTRYLATER)
		pxdr_get_bool(d);	/* will it signal */
	if (st)
		return pn4_dec_end(d) ?: st;
	res->return_on_close = pxdr_get_bool(d);
	pn4_dec_stateid(d, &res->stateid);
	res->n = pxdr_get_count(d, PN4_LAYOUTS_MAX, 28);
	first = d->p;
	for (i = 0; i < res->n && !d->bad; i++)
		pn4_dec_layout4(d, &lo);
	pxdr_dec_init(&res->layouts, first, (size_t)(d->p - first));
	return pn4_dec_end(d);
}

bool pn4_layoutget_next(struct pn4_layoutget_res *res, struct pn4_layout4 *lo)
{
	if (!res->n)
		return false;
	res->n--;
	pn4_dec_layout4(&res->layouts, lo);
	return !res->layouts.bad;
}

/* ---- LAYOUTCOMMIT ---- */

void pn4_enc_layoutcommit(struct pxdr_enc *e,
			  const struct pn4_layoutcommit_args *a)
{
	pxdr_u32(e, PN4_OP_LAYOUTCOMMIT);
	pxdr_u64(e, a->offset);
	pxdr_u64(e, a->length);
	pxdr_u32(e, a->reclaim);
	pn4_enc_stateid(e, &a->stateid);
	pxdr_u32(e, a->last != PN4_UINT64_MAX);
	if (a->last != PN4_UINT64_MAX)
		pxdr_u64(e, a->last);
	pxdr_u32(e, false);		/* the time of modification is the server's */
	pxdr_u32(e, a->type);
	pxdr_u32(e, 0);			/* lou_body: neither type has one */
}

int pn4_dec_layoutcommit(struct pxdr_dec *d, u64 *size)
{
	int st = pn4_dec_head(d, PN4_OP_LAYOUTCOMMIT);

	if (st)
		return st;
	*size = pxdr_get_bool(d) ? pxdr_get_u64(d) : PN4_UINT64_MAX;
	return pn4_dec_end(d);
}

/* ---- errors and statistics ---- */

static void pn4_enc_device_error(struct pxdr_enc *e,
				 const struct pn4_ds_error *err)
{
	pxdr_u32(e, 1);
	pxdr_fixed(e, err->deviceid, PN4_DEVICEID_SIZE);
	pxdr_u32(e, err->status);
	pxdr_u32(e, err->op);
}

static void pn4_enc_nfstime(struct pxdr_enc *e, u64 ns)
{
	u64 rest;

	pxdr_u64(e, div64_u64_rem(ns, PN4_NSEC, &rest));
	pxdr_u32(e, (u32)rest);
}

/* io_info4 */
static void pn4_enc_io_info(struct pxdr_enc *e, const struct pn4_ds_count *c)
{
	pxdr_u64(e, c->ops);
	pxdr_u64(e, c->bytes);
}

/* ff_io_latency4: what was asked for was also done */
static void pn4_enc_io_latency(struct pxdr_enc *e, const struct pn4_ds_count *c)
{
	pn4_enc_io_info(e, c);
	pn4_enc_io_info(e, c);
	pxdr_u64(e, 0);			/* not delivered */
	pn4_enc_nfstime(e, c->busy_ns);
	pn4_enc_nfstime(e, c->busy_ns);
}

/* ff_layoutupdate4 */
static void pn4_enc_ff_update(struct pxdr_enc *e, const struct pn4_ds_stats *s)
{
	pxdr_opaque(e, s->netid, strlen(s->netid));
	pxdr_opaque(e, s->addr, strlen(s->addr));
	pxdr_opaque(e, s->fh.data, s->fh.len);
	pn4_enc_io_latency(e, &s->read);
	pn4_enc_io_latency(e, &s->write);
	pn4_enc_nfstime(e, s->duration);
	pxdr_u32(e, false);	/* not local */
}

/* layoutupdate4 with ff_layoutupdate4 in it, or with nothing */
static void pn4_enc_stats_update(struct pxdr_enc *e, u32 type,
				 const struct pn4_ds_stats *s)
{
	__be32 *len;

	pxdr_u32(e, type);
	len = pxdr_opaque_begin(e);
	if (type == PN4_LAYOUT_FLEX)
		pn4_enc_ff_update(e, s);
	pxdr_opaque_end(e, len);
}

/* ff_ioerr4, and what LAYOUTERROR has to say */
static void pn4_enc_ioerr(struct pxdr_enc *e, const struct pn4_stateid *sid,
			  const struct pn4_ds_error *err)
{
	pxdr_u64(e, err->offset);
	pxdr_u64(e, err->length);
	pn4_enc_stateid(e, sid);
	pn4_enc_device_error(e, err);
}

void pn4_enc_layouterror(struct pxdr_enc *e, const struct pn4_stateid *sid,
			 const struct pn4_ds_error *err)
{
	pxdr_u32(e, PN4_OP_LAYOUTERROR);
	pn4_enc_ioerr(e, sid, err);
}

static void pn4_enc_stats_head(struct pxdr_enc *e, const struct pn4_stateid *sid,
			       const struct pn4_ds_stats *s)
{
	pxdr_u64(e, 0);
	pxdr_u64(e, PN4_UINT64_MAX);
	pn4_enc_stateid(e, sid);
	pn4_enc_io_info(e, &s->read);
	pn4_enc_io_info(e, &s->write);
	pxdr_fixed(e, s->deviceid, PN4_DEVICEID_SIZE);
}

void pn4_enc_layoutstats(struct pxdr_enc *e, const struct pn4_stateid *sid,
			 u32 type, const struct pn4_ds_stats *s)
{
	pxdr_u32(e, PN4_OP_LAYOUTSTATS);
	pn4_enc_stats_head(e, sid, s);
	pn4_enc_stats_update(e, type, s);
}

/* ---- LAYOUTRETURN ---- */

/* ff_iostats4: unlike LAYOUTSTATS, no layoutupdate4 around the last part */
static void pn4_enc_iostats(struct pxdr_enc *e, const struct pn4_stateid *sid,
			    const struct pn4_ds_stats *s)
{
	pn4_enc_stats_head(e, sid, s);
	pn4_enc_ff_update(e, s);
}

/* ff_layoutreturn4; files have nothing to say */
static void pn4_enc_return_body(struct pxdr_enc *e,
				const struct pn4_layoutreturn_args *a)
{
	__be32 *len = pxdr_opaque_begin(e);
	u32 i;

	if (a->type == PN4_LAYOUT_FLEX) {
		pxdr_u32(e, a->nr_errors);
		for (i = 0; i < a->nr_errors; i++)
			pn4_enc_ioerr(e, &a->stateid, &a->errors[i]);
		pxdr_u32(e, a->nr_stats);
		for (i = 0; i < a->nr_stats; i++)
			pn4_enc_iostats(e, &a->stateid, &a->stats[i]);
	}
	pxdr_opaque_end(e, len);
}

void pn4_enc_layoutreturn(struct pxdr_enc *e,
			  const struct pn4_layoutreturn_args *a)
{
	pxdr_u32(e, PN4_OP_LAYOUTRETURN);
	pxdr_u32(e, false);		/* no reclaim */
	pxdr_u32(e, a->type);
	pxdr_u32(e, a->iomode);
	pxdr_u32(e, a->kind);
	if (a->kind != PN4_LAYOUTRECALL_FILE)
		return;
	pxdr_u64(e, a->offset);
	pxdr_u64(e, a->length);
	pn4_enc_stateid(e, &a->stateid);
	pn4_enc_return_body(e, a);
}

int pn4_dec_layoutreturn(struct pxdr_dec *d, struct pn4_stateid *sid,
			 bool *remains)
{
	int st = pn4_dec_head(d, PN4_OP_LAYOUTRETURN);

	*remains = false;
	if (st)
		return st;
	*remains = pxdr_get_bool(d);
	if (*remains)
		pn4_dec_stateid(d, sid);
	return pn4_dec_end(d);
}

/* ---- devices ---- */

void pn4_enc_getdeviceinfo(struct pxdr_enc *e, const u8 *id, u32 type,
			   u32 maxcount)
{
	pxdr_u32(e, PN4_OP_GETDEVICEINFO);
	pxdr_fixed(e, id, PN4_DEVICEID_SIZE);
	pxdr_u32(e, type);
	pxdr_u32(e, maxcount);
	pxdr_u32(e, 1);
	pxdr_u32(e, 1U << PN4_NOTIFY_DEVICEID_CHANGE |
		    1U << PN4_NOTIFY_DEVICEID_DELETE);
}

int pn4_dec_getdeviceinfo(struct pxdr_dec *d, struct pn4_deviceinfo_res *res)
{
	int st = pn4_dec_head(d, PN4_OP_GETDEVICEINFO);
	u32 notify[PN4_BITMAP_WORDS];

	if (st == PN4ERR_TOOSMALL)
		pxdr_get_u32(d);	/* gdir_mincount: beyond what we take */
	if (st)
		return pn4_dec_end(d) ?: st;
	res->type = pxdr_get_u32(d);
	res->body = pxdr_get_opaque(d, PN4_LAYOUT_BODY_MAX, &res->body_len);
	pn4_dec_bitmap(d, notify, true);
	return pn4_dec_end(d);
}

/* The next of a notify4's values; bits are in ascending order (section 20.4). */
static bool pn4_devnotify_value(struct pxdr_dec *d, u32 *kinds,
				struct pn4_devnotify *n)
{
	bool change = *kinds & 1U << PN4_NOTIFY_DEVICEID_CHANGE;

	if (!change && !(*kinds & 1U << PN4_NOTIFY_DEVICEID_DELETE))
		return false;
	*kinds &= ~(1U << (change ? PN4_NOTIFY_DEVICEID_CHANGE :
				    PN4_NOTIFY_DEVICEID_DELETE));
	n->gone = !change;
	n->type = pxdr_get_u32(d);
	pn4_get_bytes(d, n->deviceid, PN4_DEVICEID_SIZE);
	if (change)
		pxdr_get_bool(d);	/* ndc_immediate: as soon as can be, always */
	return true;
}

static void pn4_dec_devnotify(struct pxdr_dec *d, u32 *kinds,
			      struct pxdr_dec *vals)
{
	u32 mask[PN4_BITMAP_WORDS], len;
	const void *p;

	pn4_dec_bitmap(d, mask, true);
	p = pxdr_get_opaque(d, (u32)pxdr_left(d), &len);
	*kinds = mask[0];
	pxdr_dec_init(vals, p ?: d->p, len);
}

int pn4_dec_cb_notify_deviceid(struct pxdr_dec *d,
			       struct pn4_cb_notify_deviceid_args *args)
{
	struct pn4_devnotify n;
	struct pxdr_dec vals;
	const u8 *first;
	u32 i, kinds;

	args->n = pxdr_get_count(d, (u32)pxdr_left(d), 8);
	args->kinds = 0;
	first = d->p;
	for (i = 0; i < args->n && !d->bad; i++) {
		pn4_dec_devnotify(d, &kinds, &vals);
		while (!vals.bad && pn4_devnotify_value(&vals, &kinds, &n))
			;
		if (vals.bad)
			d->bad = true;
	}
	pxdr_dec_init(&args->changes, first, (size_t)(d->p - first));
	return pn4_dec_end(d);
}

bool pn4_devnotify_next(struct pn4_cb_notify_deviceid_args *args,
			struct pn4_devnotify *n)
{
	while (!args->kinds ||
	       !pn4_devnotify_value(&args->vals, &args->kinds, n)) {
		if (!args->n)
			return false;
		args->n--;
		pn4_dec_devnotify(&args->changes, &args->kinds, &args->vals);
	}
	return !args->vals.bad;
}

bool pn4_multipath_next(struct pn4_multipath *mp, struct pn4_netaddr *na)
{
	if (!mp->n)
		return false;
	mp->n--;
	na->netid = pxdr_get_opaque(&mp->addrs, PN4_NETID_MAX, &na->netid_len);
	na->addr = pxdr_get_opaque(&mp->addrs, PN4_UADDR_MAX, &na->addr_len);
	return !mp->addrs.bad;
}

static void pn4_dec_multipath(struct pxdr_dec *d, struct pn4_multipath *mp)
{
	struct pn4_multipath check;
	struct pn4_netaddr na;

	mp->n = pxdr_get_count(d, PN4_DS_ADDRS_MAX, 8);
	mp->addrs = *d;
	check = *mp;
	while (pn4_multipath_next(&check, &na))
		;
	*d = check.addrs;
}

/* A number of one byte in @s, ending at @end and after a dot; -1 if none. */
static int pn4_uaddr_octet(const char *s, u32 *end)
{
	int v = 0, scale = 1;
	u32 i = *end;

	while (i && s[i - 1] >= '0' && s[i - 1] <= '9' && scale <= 100) {
		v += (s[--i] - '0') * scale;
		scale *= 10;
	}
	if (i == *end || !i || s[i - 1] != '.' || v > 255)
		return -1;
	*end = i - 1;
	return v;
}

int pn4_uaddr_port(const struct pn4_netaddr *na, u32 *host_len, u16 *port)
{
	u32 end = na->addr_len;
	int lo, hi;

	if (!na->addr)
		return -EINVAL;
	lo = pn4_uaddr_octet(na->addr, &end);
	hi = lo < 0 ? -1 : pn4_uaddr_octet(na->addr, &end);
	if (hi < 0 || !end || !(hi | lo))
		return -EINVAL;
	*host_len = end;
	*port = (u16)(hi << 8 | lo);
	return 0;
}

/* ---- files ---- */

int pn4_dec_fl_layout(const struct pn4_layout4 *lo, struct pn4_fl_layout *fl)
{
	struct pxdr_dec d;
	struct pn4_fh fh;
	u32 i;

	pxdr_dec_init(&d, lo->body, lo->body_len);
	pn4_get_bytes(&d, fl->deviceid, PN4_DEVICEID_SIZE);
	fl->util = pxdr_get_u32(&d);
	fl->first = pxdr_get_u32(&d);
	fl->pattern_offset = pxdr_get_u64(&d);
	fl->nr_fhs = pxdr_get_count(&d, PN4_STRIPES_MAX, 8);
	fl->fhs = d;
	for (i = 0; i < fl->nr_fhs && !d.bad; i++)
		pn4_dec_nfs_fh(&d, &fh);
	if (!(fl->util & PN4_NFL_UNIT_MASK))
		d.bad = true;
	return pn4_dec_end(&d);
}

void pn4_fl_next_fh(struct pn4_fl_layout *fl, struct pn4_fh *fh)
{
	pn4_dec_nfs_fh(&fl->fhs, fh);
}

u32 pn4_fl_next_index(struct pn4_fl_device *fd)
{
	return pxdr_get_u32(&fd->indices);
}

void pn4_fl_next_ds(struct pn4_fl_device *fd, struct pn4_multipath *mp)
{
	pn4_dec_multipath(&fd->servers, mp);
}

int pn4_dec_fl_device(const struct pn4_deviceinfo_res *di,
		      struct pn4_fl_device *fd)
{
	struct pn4_fl_device check;
	struct pn4_multipath mp;
	struct pxdr_dec d;
	u32 i;

	pxdr_dec_init(&d, di->body, di->body_len);
	fd->nr_indices = pxdr_get_count(&d, PN4_STRIPES_MAX, 4);
	fd->indices = d;
	pxdr_get_fixed(&d, fd->nr_indices * 4);
	fd->nr_ds = pxdr_get_count(&d, PN4_STRIPES_MAX, 4);
	fd->servers = d;
	check = *fd;
	for (i = 0; i < fd->nr_ds && !check.servers.bad; i++)
		pn4_fl_next_ds(&check, &mp);
	if (!fd->nr_indices || !fd->nr_ds)
		check.servers.bad = true;
	for (i = 0; i < fd->nr_indices && !check.servers.bad; i++)
		if (pn4_fl_next_index(&check) >= fd->nr_ds)
			check.servers.bad = true;
	return pn4_dec_end(&check.servers);
}

/* ---- flexible files ---- */

/* fattr4_owner that is a number */
static bool pn4_ff_id(struct pxdr_dec *d, u32 *id)
{
	const char *s;
	u32 len, i;
	u64 v = 0;

	s = pxdr_get_opaque(d, PN4_OWNER_MAX, &len);
	for (i = 0; s && i < len && i < 11; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (u32)(s[i] - '0');
	}
	*id = (u32)v;
	return s && len && len < 11 && v < 0xffffffffU;
}

static void pn4_dec_ff_ds(struct pxdr_dec *d, struct pn4_ff_ds *ds)
{
	bool uid, gid;
	u32 i;

	pn4_get_bytes(d, ds->deviceid, PN4_DEVICEID_SIZE);
	ds->efficiency = pxdr_get_u32(d);
	pn4_dec_stateid(d, &ds->stateid);
	ds->nr_fhs = pxdr_get_count(d, PN4_FH_VERSIONS_MAX, 8);
	for (i = 0; i < ds->nr_fhs && !d->bad; i++)
		pn4_dec_nfs_fh(d, &ds->fhs[i]);
	if (!ds->nr_fhs)
		d->bad = true;
	uid = pn4_ff_id(d, &ds->uid);
	gid = pn4_ff_id(d, &ds->gid);
	ds->numeric = uid && gid;
}

void pn4_ff_next_ds(struct pn4_ff_layout *ff, struct pn4_ff_ds *ds)
{
	if (!ff->left)
		ff->left = pxdr_get_count(&ff->mirrors, PN4_STRIPES_MAX, 52);
	if (ff->left)
		ff->left--;
	pn4_dec_ff_ds(&ff->mirrors, ds);
}

/* ff_mirror4; all have as many data servers as the first */
static void pn4_check_ff_mirror(struct pxdr_dec *d, struct pn4_ff_layout *ff)
{
	u32 n = pxdr_get_count(d, PN4_STRIPES_MAX, 52);
	struct pn4_ff_ds ds;

	if (!ff->nr_stripes)
		ff->nr_stripes = n;
	if (!n || n != ff->nr_stripes || (n > 1 && !ff->unit))
		d->bad = true;
	while (n-- && !d->bad)
		pn4_dec_ff_ds(d, &ds);
}

int pn4_dec_ff_layout(const struct pn4_layout4 *lo, struct pn4_ff_layout *ff)
{
	struct pxdr_dec d;
	u32 i;

	memset(ff, 0, sizeof(*ff));
	pxdr_dec_init(&d, lo->body, lo->body_len);
	ff->unit = pxdr_get_u64(&d);
	ff->nr_mirrors = pxdr_get_count(&d, PN4_MIRRORS_MAX, 4);
	ff->mirrors = d;
	for (i = 0; i < ff->nr_mirrors && !d.bad; i++)
		pn4_check_ff_mirror(&d, ff);
	ff->flags = pxdr_get_u32(&d);
	ff->stats_hint = pxdr_get_u32(&d);
	if (!ff->nr_mirrors)
		d.bad = true;
	return pn4_dec_end(&d);
}

static void pn4_dec_ff_version(struct pxdr_dec *d, struct pn4_ff_version *v)
{
	v->version = pxdr_get_u32(d);
	v->minor = pxdr_get_u32(d);
	v->rsize = pxdr_get_u32(d);
	v->wsize = pxdr_get_u32(d);
	v->tight = pxdr_get_bool(d);
}

int pn4_dec_ff_device(const struct pn4_deviceinfo_res *di,
		      struct pn4_ff_device *fd)
{
	struct pxdr_dec d;
	u32 i;

	pxdr_dec_init(&d, di->body, di->body_len);
	pn4_dec_multipath(&d, &fd->addrs);
	fd->nr_versions = pxdr_get_count(&d, PN4_FH_VERSIONS_MAX, 20);
	for (i = 0; i < fd->nr_versions && !d.bad; i++)
		pn4_dec_ff_version(&d, &fd->versions[i]);
	if (!fd->nr_versions)
		d.bad = true;
	return pn4_dec_end(&d);
}
