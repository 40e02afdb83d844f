// SPDX-License-Identifier: GPL-2.0
/*
 * Where a file system that is not here is: fs_locations (RFC 8881 section
 * 11.16), which with fsid and mounted_on_fileid is what a server says about an
 * absent one (section 11.4.1).
 */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#include "attr.h"
#include "codec.h"

#define PN4_LOC_DEPTH	128	/* components of a path */
#define PN4_LOC_MAX	64	/* locations, and servers of each */
#define PN4_LOC_BYTES	(64U << 10)

static void pn4_locations_mask(u32 mask[PN4_BITMAP_WORDS])
{
	memset(mask, 0, PN4_BITMAP_WORDS * sizeof(*mask));
	mask[0] = 1U << PN4_FATTR_FSID | 1U << PN4_FATTR_FS_LOCATIONS;
	mask[PN4_FATTR_MOUNTED_ON_FILEID / 32] =
		1U << (PN4_FATTR_MOUNTED_ON_FILEID % 32);
}

void pn4_enc_getattr_locations(struct pxdr_enc *e)
{
	u32 mask[PN4_BITMAP_WORDS];

	pn4_locations_mask(mask);
	pn4_enc_getattr(e, mask);
}

/* pathname4 as "/a/b"; components with a '/' or a NUL in them are hostile. */
static void pn4_dec_pathname(struct pxdr_dec *d, char *to, u32 size)
{
	u32 i, len, at = 0, n = pxdr_get_count(d, PN4_LOC_DEPTH, 4);

	for (i = 0; i < n; i++) {
		const char *name = pxdr_get_opaque(d, PN4_NAME_MAX, &len);

		if (!name)
			break;
		if (memchr(name, '/', len) || memchr(name, 0, len) ||
		    at + len + 2 > size)
			d->bad = true;
		if (d->bad || !len)
			continue;
		to[at++] = '/';
		memcpy(to + at, name, len);
		at += len;
	}
	if (!at)
		to[at++] = '/';
	to[at] = 0;
}

/* A server as it stands in the list; one that is too long to be one is left out. */
static void pn4_dec_server(struct pxdr_dec *d, struct pn4_location *loc)
{
	const char *name;
	u32 len;

	name = pxdr_get_opaque(d, PN4_OPAQUE_LIMIT, &len);
	if (!name || !len || len >= sizeof(loc->server[0]) || memchr(name, 0, len) ||
	    loc->nr_servers == PN4_LOC_SERVERS)
		return;
	memcpy(loc->server[loc->nr_servers], name, len);
	loc->server[loc->nr_servers++][len] = 0;
}

static void pn4_dec_location(struct pxdr_dec *d, struct pn4_location *loc)
{
	bool taken = loc->nr_servers;
	u32 i, n = pxdr_get_count(d, PN4_LOC_MAX, 4);
	char skipped[PN4_LOC_PATH];

	for (i = 0; i < n; i++) {
		if (taken)
			pxdr_get_opaque(d, PN4_OPAQUE_LIMIT, &(u32){ 0 });
		else
			pn4_dec_server(d, loc);
	}
	pn4_dec_pathname(d, taken ? skipped : loc->path, PN4_LOC_PATH);
}

/* The first location that has servers is taken; the list is in order of preference. */
static void pn4_dec_locations(struct pxdr_dec *d, struct pn4_location *loc)
{
	u32 n;

	pn4_dec_pathname(d, loc->path, sizeof(loc->path));	/* fs_root: known */
	n = pxdr_get_count(d, PN4_LOC_MAX, 8);
	while (n-- && !d->bad)
		pn4_dec_location(d, loc);
}

/* The values of attrlist4, in the order of their numbers. */
static void pn4_dec_location_attrs(struct pxdr_dec *d, const u32 *mask,
				   struct pn4_location *loc)
{
	u32 i, known[PN4_BITMAP_WORDS];

	/* of others the lengths are not known */
	pn4_locations_mask(known);
	for (i = 0; i < PN4_BITMAP_WORDS; i++)
		if (mask[i] & ~known[i])
			d->bad = true;
	if (pn4_mask_has(mask, PN4_FATTR_FSID)) {
		loc->fsid_major = pxdr_get_u64(d);
		loc->fsid_minor = pxdr_get_u64(d);
	}
	if (pn4_mask_has(mask, PN4_FATTR_FS_LOCATIONS))
		pn4_dec_locations(d, loc);
	if (pn4_mask_has(mask, PN4_FATTR_MOUNTED_ON_FILEID))
		loc->mounted_on = pxdr_get_u64(d);
}

int pn4_dec_getattr_locations(struct pxdr_dec *d, struct pn4_location *loc)
{
	int st = pn4_dec_head(d, PN4_OP_GETATTR);
	u32 len, mask[PN4_BITMAP_WORDS];
	struct pxdr_dec values;
	const void *p;

	if (st)
		return st;
	memset(loc, 0, sizeof(*loc));
	pn4_dec_bitmap(d, mask, false);
	p = pxdr_get_opaque(d, PN4_LOC_BYTES, &len);
	if (p) {
		pxdr_dec_init(&values, p, len);
		pn4_dec_location_attrs(&values, mask, loc);
		if (values.bad || pxdr_left(&values))
			d->bad = true;
	}
	return pn4_dec_end(d);
}
