// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes on the wire.  What is read is one table with a row for each
 * attribute and reader; what is set is a short list in pn4_enc_fattr().
 */
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>
#include "attr.h"

#define PN4_ID_NOBODY	65534
#define PN4_ID_INVALID	0xffffffff
#define PN4_NSEC_MAX	999999999
#define PN4_SIZE_MAX	0x7fffffffffffffffULL	/* loff_t's */
#define PN4_ID_DIGITS	10

/* Readers: whose struct a row fills */
enum pn4_reader { PN4_R_ATTR, PN4_R_FSINFO, PN4_R_STATFS };


/* What one reading fills; @fh may be NULL */
struct pn4_fattr_out {
	void *base;
	u64 valid;
	struct pn4_fh *fh;
};

struct pn4_attr_row {
	u8 bit;
	u8 reader;
	bool required;		/* every server has it, section 5.8.1: always ask */
	u16 at;			/* member of the reader's struct */
	u64 flag;		/* PN4_R_ATTR: PN4_ATTR_* */
	void (*dec)(struct pxdr_dec *d, void *to, struct pn4_fattr_out *out);
};

/* ---- values ---- */

static void pn4_dec_u32(struct pxdr_dec *d, void *to, struct pn4_fattr_out *out)
{
	*(u32 *)to = pxdr_get_u32(d);
}

static void pn4_dec_u64(struct pxdr_dec *d, void *to, struct pn4_fattr_out *out)
{
	*(u64 *)to = pxdr_get_u64(d);
}

static void pn4_dec_bool(struct pxdr_dec *d, void *to, struct pn4_fattr_out *out)
{
	*(bool *)to = pxdr_get_bool(d);
}

/* Sizes and offsets must fit the kernel's loff_t. */
static void pn4_dec_size(struct pxdr_dec *d, void *to, struct pn4_fattr_out *out)
{
	u64 v = pxdr_get_u64(d);

	*(u64 *)to = v > PN4_SIZE_MAX ? PN4_SIZE_MAX : v;
}

static void pn4_dec_type(struct pxdr_dec *d, void *to, struct pn4_fattr_out *out)
{
	u32 v = pxdr_get_u32(d);

	if (v < PN4_REG || v > PN4_NAMEDATTR)
		d->bad = true;
	*(u32 *)to = v;
}

static void pn4_dec_mode(struct pxdr_dec *d, void *to, struct pn4_fattr_out *out)
{
	*(u32 *)to = pxdr_get_u32(d) & 07777;
}

/* fsid4: two consecutive members */
static void pn4_dec_u64x2(struct pxdr_dec *d, void *to, struct pn4_fattr_out *out)
{
	((u64 *)to)[0] = pxdr_get_u64(d);
	((u64 *)to)[1] = pxdr_get_u64(d);
}

/* specdata4 */
static void pn4_dec_u32x2(struct pxdr_dec *d, void *to, struct pn4_fattr_out *out)
{
	((u32 *)to)[0] = pxdr_get_u32(d);
	((u32 *)to)[1] = pxdr_get_u32(d);
}

/* One file with a damaged time stamp shall not hide its directory: clamp. */
static void pn4_dec_time(struct pxdr_dec *d, void *to, struct pn4_fattr_out *out)
{
	struct pn4_time *t = to;

	t->sec = (s64)pxdr_get_u64(d);
	t->nsec = pxdr_get_u32(d);
	if (t->nsec > PN4_NSEC_MAX)
		t->nsec = PN4_NSEC_MAX;
}

static void pn4_dec_words(struct pxdr_dec *d, void *to, struct pn4_fattr_out *out)
{
	pn4_dec_bitmap(d, to, true);
}

/* layouttype4<>, as bits; others than the low ones are none that we know */
static void pn4_dec_layout_types(struct pxdr_dec *d, void *to,
				 struct pn4_fattr_out *out)
{
	u32 n = pxdr_get_count(d, 64, 4);
	u32 *bits = to;

	while (n--) {
		u32 type = pxdr_get_u32(d);

		if (type < 32)
			*bits |= 1U << type;
	}
}

static void pn4_dec_fh(struct pxdr_dec *d, void *to, struct pn4_fattr_out *out)
{
	const void *p;
	u32 len;

	p = pxdr_get_opaque(d, PN4_FHSIZE, &len);
	if (!p || !len) {
		d->bad = true;
		return;
	}
	if (!out->fh)
		return;
	out->fh->len = len;
	memcpy(out->fh->data, p, len);
}

/*
 * Section 5.9: decimal digits without leading zeros are a numeric id.  "7@x"
 * is a user named 7 in a domain, which is not the same.
 */
static bool pn4_parse_id(const char *s, u32 len, u32 *id)
{
	u64 v = 0;
	u32 i;

	if (!s || !len || len > PN4_ID_DIGITS || (s[0] == '0' && len > 1))
		return false;
	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (u32)(s[i] - '0');
	}
	if (v >= PN4_ID_INVALID)
		return false;
	*id = (u32)v;
	return true;
}

static bool pn4_dec_id(struct pxdr_dec *d, u32 *id)
{
	const char *s;
	u32 len;

	s = pxdr_get_opaque(d, PN4_OPAQUE_LIMIT, &len);
	if (pn4_parse_id(s, len, id))
		return true;
	*id = PN4_ID_NOBODY;
	return false;
}

static void pn4_dec_uid(struct pxdr_dec *d, void *to, struct pn4_fattr_out *out)
{
	if (!pn4_dec_id(d, to))
		out->valid |= PN4_ATTR_BAD_UID;
}

static void pn4_dec_gid(struct pxdr_dec *d, void *to, struct pn4_fattr_out *out)
{
	if (!pn4_dec_id(d, to))
		out->valid |= PN4_ATTR_BAD_GID;
}

/* ---- the table ---- */

#define A(nr, required, kind, member, flag) { PN4_FATTR_##nr, PN4_R_ATTR, \
	required, offsetof(struct pn4_attr, member), PN4_ATTR_##flag, \
	pn4_dec_##kind }
#define F(nr, required, kind, member) { PN4_FATTR_##nr, PN4_R_FSINFO, \
	required, offsetof(struct pn4_fsinfo, member), 0, pn4_dec_##kind }
#define S(nr, required, kind, member) { PN4_FATTR_##nr, PN4_R_STATFS, \
	required, offsetof(struct pn4_statfs, member), 0, pn4_dec_##kind }

/* By number, as attrlist4 is. */
static const struct pn4_attr_row pn4_attr_rows[] = {
	F(SUPPORTED_ATTRS,	true,  words,	supported),
	A(TYPE,			true,  type,	type,		TYPE),
	F(FH_EXPIRE_TYPE,	true,  u32,	fh_expire_type),
	A(CHANGE,		true,  u64,	change,		CHANGE),
	A(SIZE,			true,  size,	size,		SIZE),
	F(LINK_SUPPORT,		true,  bool,	link_support),
	F(SYMLINK_SUPPORT,	true,  bool,	symlink_support),
	A(FSID,			true,  u64x2,	fsid_major,	FSID),
	F(FSID,			true,  u64x2,	fsid_major),
	F(LEASE_TIME,		true,  u32,	lease_time),
	A(RDATTR_ERROR,		true,  u32,	rderror,	RDERROR),
	F(CASE_INSENSITIVE,	false, bool,	case_insensitive),
	A(FILEHANDLE,		true,  fh,	valid,		FH),
	A(FILEID,		false, u64,	fileid,		FILEID),
	S(FILES_AVAIL,		false, u64,	files_avail),
	S(FILES_FREE,		false, u64,	files_free),
	S(FILES_TOTAL,		false, u64,	files_total),
	F(MAXFILESIZE,		false, size,	maxfilesize),
	F(MAXLINK,		false, u32,	maxlink),
	F(MAXNAME,		false, u32,	maxname),
	S(MAXNAME,		false, u32,	maxname),
	F(MAXREAD,		false, u64,	maxread),
	F(MAXWRITE,		false, u64,	maxwrite),
	A(MODE,			false, mode,	mode,		MODE),
	A(NUMLINKS,		false, u32,	nlink,		NLINK),
	A(OWNER,		false, uid,	uid,		UID),
	A(OWNER_GROUP,		false, gid,	gid,		GID),
	A(RAWDEV,		false, u32x2,	rdev_major,	RDEV),
	S(SPACE_AVAIL,		false, u64,	space_avail),
	S(SPACE_FREE,		false, u64,	space_free),
	S(SPACE_TOTAL,		false, u64,	space_total),
	A(SPACE_USED,		false, u64,	used,		USED),
	A(TIME_ACCESS,		false, time,	atime,		ATIME),
	A(TIME_CREATE,		false, time,	btime,		BTIME),
	F(TIME_DELTA,		false, time,	time_delta),
	A(TIME_METADATA,	false, time,	ctime,		CTIME),
	A(TIME_MODIFY,		false, time,	mtime,		MTIME),
	A(MOUNTED_ON_FILEID,	false, u64,	mounted_on,	MOUNTED_ON),
	F(FS_LAYOUT_TYPE,	false, layout_types, layout_types),
	F(SUPPATTR_EXCLCREAT,	true,  words,	exclcreat),
	F(CLONE_BLKSIZE,	false, u32,	clone_blksize),
	F(CHANGE_ATTR_TYPE,	false, u32,	change_attr_type),
	F(XATTR_SUPPORT,	false, bool,	xattr_support),
};

#undef A
#undef F
#undef S

#define PN4_NR_ROWS	(sizeof(pn4_attr_rows) / sizeof(pn4_attr_rows[0]))
#define pn4_for_each_row(row) \
	for (row = pn4_attr_rows; row < pn4_attr_rows + PN4_NR_ROWS; row++)

/* ---- bitmaps ---- */

static void pn4_mask_set(u32 *mask, u32 bit)
{
	mask[bit / 32] |= 1U << (bit % 32);
}

static bool pn4_row_wanted(const struct pn4_attr_row *row, const u32 *supported)
{
	return row->required || (supported && pn4_mask_has(supported, row->bit));
}

void pn4_attr_mask(u64 want, const u32 *supported, u32 mask[PN4_BITMAP_WORDS])
{
	const struct pn4_attr_row *row;

	memset(mask, 0, PN4_BITMAP_WORDS * sizeof(*mask));
	pn4_for_each_row(row)
		if (row->reader == PN4_R_ATTR && (row->flag & want) &&
		    pn4_row_wanted(row, supported))
			pn4_mask_set(mask, row->bit);
}

u64 pn4_attr_from_mask(const u32 mask[PN4_BITMAP_WORDS])
{
	const struct pn4_attr_row *row;
	u64 got = 0;

	pn4_for_each_row(row)
		if (row->reader == PN4_R_ATTR && pn4_mask_has(mask, row->bit))
			got |= row->flag;
	/* set only, under numbers of their own */
	if (pn4_mask_has(mask, PN4_FATTR_TIME_ACCESS_SET))
		got |= PN4_ATTR_ATIME | PN4_ATTR_ATIME_NOW;
	if (pn4_mask_has(mask, PN4_FATTR_TIME_MODIFY_SET))
		got |= PN4_ATTR_MTIME | PN4_ATTR_MTIME_NOW;
	if (pn4_mask_has(mask, PN4_FATTR_MODE_UMASK))
		got |= PN4_ATTR_MODE | PN4_ATTR_UMASK;
	return got;
}

static void pn4_reader_mask(enum pn4_reader reader, const u32 *supported,
			    u32 below, u32 *mask)
{
	const struct pn4_attr_row *row;

	memset(mask, 0, PN4_BITMAP_WORDS * sizeof(*mask));
	pn4_for_each_row(row)
		if (row->reader == reader && row->bit < below &&
		    pn4_row_wanted(row, supported))
			pn4_mask_set(mask, row->bit);
}

void pn4_fsinfo_mask(const u32 *supported, u32 minor,
		     u32 mask[PN4_BITMAP_WORDS])
{
	u32 below = minor < 2 ? PN4_FATTR_CLONE_BLKSIZE : PN4_BITMAP_WORDS * 32;

	pn4_reader_mask(PN4_R_FSINFO, supported, below, mask);
}

void pn4_statfs_mask(const u32 *supported, u32 mask[PN4_BITMAP_WORDS])
{
	pn4_reader_mask(PN4_R_STATFS, supported, PN4_BITMAP_WORDS * 32, mask);
}

void pn4_enc_bitmap(struct pxdr_enc *e, const u32 mask[PN4_BITMAP_WORDS])
{
	u32 i, n = PN4_BITMAP_WORDS;

	while (n && !mask[n - 1])
		n--;
	pxdr_u32(e, n);
	for (i = 0; i < n; i++)
		pxdr_u32(e, mask[i]);
}

void pn4_dec_bitmap(struct pxdr_dec *d, u32 mask[PN4_BITMAP_WORDS], bool lax)
{
	u32 i, n = pxdr_get_count(d, PN4_BITMAP_MAX, 4);

	memset(mask, 0, PN4_BITMAP_WORDS * sizeof(*mask));
	for (i = 0; i < n; i++) {
		u32 v = pxdr_get_u32(d);

		if (i < PN4_BITMAP_WORDS)
			mask[i] = v;
		else if (v && !lax)
			d->bad = true;
	}
}

/* ---- reading ---- */

/* Every bit must have a row: the lengths of other values are not known. */
static bool pn4_mask_readable(enum pn4_reader reader, const u32 *mask)
{
	const struct pn4_attr_row *row;
	u32 left[PN4_BITMAP_WORDS];

	memcpy(left, mask, sizeof(left));
	pn4_for_each_row(row)
		if (row->reader == reader)
			left[row->bit / 32] &= ~(1U << (row->bit % 32));
	return !(left[0] | left[1] | left[2]);
}

static void pn4_dec_rows(struct pxdr_dec *d, enum pn4_reader reader,
			 struct pn4_fattr_out *out)
{
	const struct pn4_attr_row *row;
	u32 mask[PN4_BITMAP_WORDS];
	struct pxdr_dec vals;
	const void *p;
	u32 len;

	pn4_dec_bitmap(d, mask, false);
	p = pxdr_get_opaque(d, (u32)pxdr_left(d), &len);
	if (!p || (len & 3) || !pn4_mask_readable(reader, mask)) {
		d->bad = true;
		return;
	}
	pxdr_dec_init(&vals, p, len);
	pn4_for_each_row(row) {
		if (row->reader != reader || !pn4_mask_has(mask, row->bit))
			continue;
		row->dec(&vals, (u8 *)out->base + row->at, out);
		out->valid |= row->flag;
	}
	if (vals.bad || pxdr_left(&vals))
		d->bad = true;
}

void pn4_dec_fattr(struct pxdr_dec *d, struct pn4_attr *attr, struct pn4_fh *fh)
{
	struct pn4_fattr_out out = { .base = attr, .fh = fh };

	memset(attr, 0, sizeof(*attr));
	if (fh)
		fh->len = 0;
	pn4_dec_rows(d, PN4_R_ATTR, &out);
	attr->valid = d->bad ? 0 : out.valid;
	if (!fh)
		attr->valid &= ~PN4_ATTR_FH;
}

void pn4_dec_fattr_fsinfo(struct pxdr_dec *d, struct pn4_fsinfo *fs)
{
	struct pn4_fattr_out out = { .base = fs };

	memset(fs, 0, sizeof(*fs));
	pn4_dec_rows(d, PN4_R_FSINFO, &out);
}

void pn4_dec_fattr_statfs(struct pxdr_dec *d, struct pn4_statfs *st)
{
	struct pn4_fattr_out out = { .base = st };

	memset(st, 0, sizeof(*st));
	pn4_dec_rows(d, PN4_R_STATFS, &out);
}

/* ---- setting ---- */

static void pn4_enc_id(struct pxdr_enc *e, u32 id)
{
	char buf[PN4_ID_DIGITS];
	char *p = buf + sizeof(buf);

	do {
		*--p = '0' + id % 10;
		id /= 10;
	} while (id);
	pxdr_opaque(e, p, (u32)(buf + sizeof(buf) - p));
}

static void pn4_enc_time(struct pxdr_enc *e, const struct pn4_time *t)
{
	pxdr_u64(e, (u64)t->sec);
	pxdr_u32(e, t->nsec);
}

/* settime4 */
static void pn4_enc_settime(struct pxdr_enc *e, const struct pn4_time *t, bool now)
{
	pxdr_u32(e, now ? PN4_SET_TO_SERVER_TIME : PN4_SET_TO_CLIENT_TIME);
	if (!now)
		pn4_enc_time(e, t);
}

static void pn4_set_mask(const struct pn4_attr *set, u32 *mask)
{
	u64 v = set->valid;

	memset(mask, 0, PN4_BITMAP_WORDS * sizeof(*mask));
	if (v & PN4_ATTR_SIZE)
		pn4_mask_set(mask, PN4_FATTR_SIZE);
	if (v & PN4_ATTR_MODE)
		pn4_mask_set(mask, v & PN4_ATTR_UMASK ? PN4_FATTR_MODE_UMASK :
							PN4_FATTR_MODE);
	if (v & PN4_ATTR_UID)
		pn4_mask_set(mask, PN4_FATTR_OWNER);
	if (v & PN4_ATTR_GID)
		pn4_mask_set(mask, PN4_FATTR_OWNER_GROUP);
	if (v & (PN4_ATTR_ATIME | PN4_ATTR_ATIME_NOW))
		pn4_mask_set(mask, PN4_FATTR_TIME_ACCESS_SET);
	if (v & PN4_ATTR_BTIME)
		pn4_mask_set(mask, PN4_FATTR_TIME_CREATE);
	if (v & (PN4_ATTR_MTIME | PN4_ATTR_MTIME_NOW))
		pn4_mask_set(mask, PN4_FATTR_TIME_MODIFY_SET);
}

void pn4_enc_fattr(struct pxdr_enc *e, const struct pn4_attr *set)
{
	u32 mask[PN4_BITMAP_WORDS];
	__be32 *len;

	pn4_set_mask(set, mask);
	pn4_enc_bitmap(e, mask);
	len = pxdr_opaque_begin(e);
	if (pn4_mask_has(mask, PN4_FATTR_SIZE))
		pxdr_u64(e, set->size);
	if (pn4_mask_has(mask, PN4_FATTR_MODE))
		pxdr_u32(e, set->mode & 07777);
	if (pn4_mask_has(mask, PN4_FATTR_OWNER))
		pn4_enc_id(e, set->uid);
	if (pn4_mask_has(mask, PN4_FATTR_OWNER_GROUP))
		pn4_enc_id(e, set->gid);
	if (pn4_mask_has(mask, PN4_FATTR_TIME_ACCESS_SET))
		pn4_enc_settime(e, &set->atime,
				set->valid & PN4_ATTR_ATIME_NOW);
	if (pn4_mask_has(mask, PN4_FATTR_TIME_CREATE))
		pn4_enc_time(e, &set->btime);
	if (pn4_mask_has(mask, PN4_FATTR_TIME_MODIFY_SET))
		pn4_enc_settime(e, &set->mtime,
				set->valid & PN4_ATTR_MTIME_NOW);
	if (pn4_mask_has(mask, PN4_FATTR_MODE_UMASK)) {
		pxdr_u32(e, set->mode & 07777);
		pxdr_u32(e, set->umask & 0777);
	}
	pxdr_opaque_end(e, len);
}
