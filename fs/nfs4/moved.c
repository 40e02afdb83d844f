// SPDX-License-Identifier: GPL-2.0
/*
 * File systems that are at another server: referrals, and what has moved away
 * (RFC 8881 section 11).
 *
 * A name whose object is absent from the start is a referral.  It gets a file
 * handle of our own making, because the server gives none, and walking into it
 * mounts what the server's fs_locations name.  A file system that is mounted and
 * moves away is not followed: its calls fail with EREMOTE, and the log says
 * where it is said to be.
 */
#include <linux/inet.h>
#include <linux/jhash.h>
#include <linux/slab.h>
#include "internal.h"

#define PN4_LOC_REPLY	(16U << 10)

static const u8 pn4_referral_mark[16] = "penstock:refer";

/* The rest of such a handle tells referrals of a volume apart. */
struct pn4_referral {
	u8 mark[sizeof(pn4_referral_mark)];
	u64 mounted_on;
	u32 dir;
	u32 name;
};

bool pn4_is_referral(const struct pn4_fh *fh)
{
	return fh->len == sizeof(struct pn4_referral) &&
	       !memcmp(fh->data, pn4_referral_mark, sizeof(pn4_referral_mark));
}

/* Of @name in @dir, or of @dir itself if that is NULL. */
static int pn4_ask_location(struct pn4_node *dir, const char *name, u32 len,
			    struct pn4_location *loc)
{
	struct pn4_call *c = pn4_call_new(dir->vol->client, dir->vol,
					  PN4_NAME_MAX + 512, PN4_LOC_REPLY);
	int st;

	if (!c)
		return -ENOMEM;
	pn4_for_each_try(c, current_cred(), st) {
		pn4_call_putfh(c, &dir->fh);
		if (name)
			pn4_enc_lookup(pn4_op(c, PN4_OP_LOOKUP), name, len);
		pn4_enc_getattr_locations(pn4_op(c, PN4_OP_GETATTR));
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		if (name)
			st = st ?: pn4_dec_lookup(&c->dec);
		st = st ?: pn4_dec_getattr_locations(&c->dec, loc);
	}
	pn4_call_put(c);
	return st;
}

static void pn4_referral_attr(const struct pn4_location *loc, struct pn4_attr *attr)
{
	memset(attr, 0, sizeof(*attr));
	attr->valid = PN4_ATTR_TYPE | PN4_ATTR_FSID | PN4_ATTR_FILEID |
		      PN4_ATTR_MOUNTED_ON | PN4_ATTR_MODE | PN4_ATTR_NLINK |
		      PN4_ATTR_UID | PN4_ATTR_GID;
	attr->type = PN4_DIR;
	attr->mode = 0555;
	attr->nlink = 2;
	attr->fsid_major = U64_MAX;	/* no other file system's */
	attr->fsid_minor = loc->mounted_on;
	attr->fileid = loc->mounted_on;
	attr->mounted_on = loc->mounted_on;
}

int pn4_referral_lookup(struct pn4_node *dir, const char *name, u32 len,
			struct pn4_fh *fh, struct pn4_attr *attr)
{
	struct pn4_location *loc = kmalloc(sizeof(*loc), GFP_NOFS);
	struct pn4_referral ref;
	int err;

	if (!loc)
		return -ENOMEM;
	err = pn4_ask_location(dir, name, len, loc);
	if (err)
		goto out;
	memcpy(ref.mark, pn4_referral_mark, sizeof(ref.mark));
	ref.mounted_on = loc->mounted_on;
	ref.dir = jhash(dir->fh.data, dir->fh.len, 0);
	ref.name = jhash(name, len, 0);
	fh->len = sizeof(ref);
	memcpy(fh->data, &ref, sizeof(ref));
	pn4_referral_attr(loc, attr);
out:
	kfree(loc);
	return err;
}

/* Those of @loc's servers that are addresses. */
static unsigned int pn4_location_addrs(struct net *net, const struct pn4_location *loc,
				       struct sockaddr_storage *addrs)
{
	unsigned int i, n = 0;

	for (i = 0; i < loc->nr_servers; i++) {
		memset(&addrs[n], 0, sizeof(addrs[n]));
		if (!inet_pton_with_scope(net, AF_UNSPEC, loc->server[i], NULL,
					  &addrs[n]))
			n++;
	}
	return n;
}

int pn4_refer(struct pn4_node *dir, const char *name, u32 len,
	      struct pn4_mount_args *args, struct pn4_volume **volp,
	      struct pn4_fh *fh, struct pn4_attr *attr)
{
	struct sockaddr_storage *addrs;
	struct pn4_location *loc;
	unsigned int n = 0;
	char **names = NULL;
	int err = -ENOMEM;

	addrs = kcalloc(PN4_LOC_SERVERS, sizeof(*addrs), GFP_KERNEL);
	loc = kmalloc(sizeof(*loc), GFP_KERNEL);
	if (!addrs || !loc)
		goto out;
	err = pn4_ask_location(dir, name, len, loc);
	if (err)
		goto out;
	n = pn4_location_addrs(args->net, loc, addrs);
	if (!n) {
		err = -EREMOTE;
		pr_warn_ratelimited("penstock: %s: the server refers to %s:%s, which is no address; mount that by itself\n",
				    args->name, loc->nr_servers ? loc->server[0] : "nobody",
				    loc->path);
		goto out;
	}
	names = pn4_names_of(addrs, n);
	if (!names) {
		err = -ENOMEM;
		goto out;
	}
	args->addrs = addrs;
	args->nr_addrs = n;
	args->names = (const char *const *)names;
	err = pn4_mount(args, loc->path, volp, fh, attr);
out:
	pn4_names_free(names, n);
	kfree(loc);
	kfree(addrs);
	return err;
}

void pn4_moved(struct pn4_volume *vol)
{
	pn4_count(vol->client, PN4_N_MOVED);
	if (!test_and_set_bit(0, &vol->moved))
		pr_warn("penstock: %s: the server says that this file system has moved to another one; its users get EREMOTE until it is mounted from there\n",
			vol->name);
}
