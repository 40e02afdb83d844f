// SPDX-License-Identifier: GPL-2.0
/*
 * Devices: GETDEVICEINFO, the cache of what it says, and the clients of the data
 * servers that it names.
 *
 * pn4_layout_table.lock guards the list of cached devices; a device that is
 * taken off it lives on with the segments that use it.
 */
#include <linux/inet.h>
#include <linux/sched/mm.h>
#include "codec_nfs3.h"
#include "layout.h"

#define PN4_DEVICE_REPLY	16384
#define PN4_DEVICES_MAX		256	/* cached for a client */

/* ---- addresses ---- */

static bool pn4_netid_is(const struct pn4_netaddr *na, const char *netid)
{
	return na->netid_len == strlen(netid) &&
	       !memcmp(na->netid, netid, na->netid_len);
}

/* One address of the kind that the client's transport uses; others are left out. */
static bool pn4_ds_addr(const struct pn4_client *cl, const struct pn4_netaddr *na,
			struct sockaddr_storage *ss)
{
	bool rdma = !strcmp(cl->transport->name, "rdma");
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;
	u32 len;
	u16 port;

	if (pn4_uaddr_port(na, &len, &port))
		return false;
	memset(ss, 0, sizeof(*ss));
	if (pn4_netid_is(na, rdma ? "rdma" : "tcp")) {
		ss->ss_family = AF_INET;
		sin->sin_port = htons(port);
		return in4_pton(na->addr, len, (u8 *)&sin->sin_addr, -1, NULL);
	}
	if (pn4_netid_is(na, rdma ? "rdma6" : "tcp6")) {
		ss->ss_family = AF_INET6;
		sin6->sin6_port = htons(port);
		return in6_pton(na->addr, len, (u8 *)&sin6->sin6_addr, -1, NULL);
	}
	return false;
}

static void pn4_ds_fill(struct pn4_ds *ds, const struct pn4_client *cl,
			struct pn4_multipath *mp)
{
	struct pn4_netaddr na;

	mutex_init(&ds->lock);
	while (pn4_multipath_next(mp, &na)) {
		if (!pn4_ds_addr(cl, &na, &ds->addrs[ds->nr_addrs]))
			continue;
		if (!ds->nr_addrs++) {
			snprintf(ds->netid, sizeof(ds->netid), "%.*s",
				 (int)na.netid_len, na.netid);
			snprintf(ds->uaddr, sizeof(ds->uaddr), "%.*s",
				 (int)na.addr_len, na.addr);
		}
	}
}

/* ---- making a device ---- */

static struct pn4_device *pn4_device_alloc(u32 nr_ds, u32 nr_indices)
{
	struct pn4_device *dev = kvzalloc(struct_size(dev, ds, nr_ds), GFP_NOFS);

	if (!dev)
		return NULL;
	if (nr_indices) {
		dev->indices = kvcalloc(nr_indices, sizeof(u32), GFP_NOFS);
		if (!dev->indices) {
			kvfree(dev);
			return NULL;
		}
	}
	refcount_set(&dev->ref, 1);
	INIT_LIST_HEAD(&dev->link);
	dev->nr_ds = nr_ds;
	dev->nr_indices = nr_indices;
	return dev;
}

static struct pn4_device *pn4_device_files(const struct pn4_client *cl,
					   const struct pn4_deviceinfo_res *di)
{
	struct pn4_multipath mp;
	struct pn4_fl_device fd;
	struct pn4_device *dev;
	u32 i;

	if (pn4_dec_fl_device(di, &fd))
		return ERR_PTR(-EREMOTEIO);
	dev = pn4_device_alloc(fd.nr_ds, fd.nr_indices);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	dev->minor = cl->minor;
	for (i = 0; i < fd.nr_indices; i++)
		dev->indices[i] = pn4_fl_next_index(&fd);
	for (i = 0; i < fd.nr_ds; i++) {
		pn4_fl_next_ds(&fd, &mp);
		pn4_ds_fill(&dev->ds[i], cl, &mp);
	}
	return dev;
}

/* How well a version is spoken here; 0: not at all. */
static u32 pn4_version_rank(const struct pn4_ff_version *v)
{
	if (v->version == PN3_VERSION)
		return 1;
	return v->version == PN4_VERSION && v->minor >= 1 && v->minor <= 2 ?
		1 + v->minor : 0;
}

/* The data server's best version; -1: none. */
static int pn4_device_version(const struct pn4_ff_device *fd)
{
	u32 i, rank, high = 0;
	int best = -1;

	for (i = 0; i < fd->nr_versions; i++) {
		rank = pn4_version_rank(&fd->versions[i]);
		if (rank <= high)
			continue;
		high = rank;
		best = i;
	}
	return best;
}

static struct pn4_device *pn4_device_flex(const struct pn4_client *cl,
					  const struct pn4_deviceinfo_res *di)
{
	struct pn4_ff_device fd;
	struct pn4_device *dev;
	int v;

	if (pn4_dec_ff_device(di, &fd))
		return ERR_PTR(-EREMOTEIO);
	v = pn4_device_version(&fd);
	if (v < 0)
		return ERR_PTR(-EPROTONOSUPPORT);
	dev = pn4_device_alloc(1, 0);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	dev->version = v;
	dev->nfs3 = fd.versions[v].version == PN3_VERSION;
	dev->minor = fd.versions[v].minor;
	dev->rsize = fd.versions[v].rsize;
	dev->wsize = fd.versions[v].wsize;
	dev->tight = fd.versions[v].tight;
	pn4_ds_fill(&dev->ds[0], cl, &fd.addrs);
	return dev;
}

static struct pn4_device *pn4_device_fetch(struct pn4_volume *vol, const u8 *id,
					   u32 type, const struct cred *cred)
{
	struct pn4_call *c = pn4_call_new(vol->client, vol, 256, PN4_DEVICE_REPLY);
	struct pn4_device *dev = NULL;
	struct pn4_deviceinfo_res di;
	int st;

	if (!c)
		return ERR_PTR(-ENOMEM);
	c->unkillable = current->flags & PF_WQ_WORKER;
	pn4_for_each_try(c, cred, st) {
		pn4_enc_getdeviceinfo(pn4_op(c, PN4_OP_GETDEVICEINFO), id, type,
				      PN4_DEVICE_REPLY - 512);
		c->first_op = PN4_OP_GETDEVICEINFO;
		st = pn4_call_run(c);
		st = st ?: pn4_dec_getdeviceinfo(&c->dec, &di);
	}
	if (!st && di.type != type)
		st = -EREMOTEIO;
	if (!st) {
		dev = type == PN4_LAYOUT_FILES ?
			pn4_device_files(vol->client, &di) :
			pn4_device_flex(vol->client, &di);
		if (!IS_ERR(dev)) {
			memcpy(dev->id, id, sizeof(dev->id));
			dev->type = type;
		}
	}
	pn4_call_put(c);
	return st ? ERR_PTR(st) : dev;
}

/* ---- the cache ---- */

static struct pn4_device *pn4_device_find(struct pn4_layout_table *t,
					  const u8 *id, u32 type)
{
	struct pn4_device *dev;

	lockdep_assert_held(&t->lock);
	list_for_each_entry(dev, &t->devices, link)
		if (dev->type == type && !memcmp(dev->id, id, sizeof(dev->id)))
			return dev;
	return NULL;
}

static struct pn4_device *pn4_device_cached(struct pn4_layout_table *t,
					    const u8 *id, u32 type)
{
	struct pn4_device *dev;

	spin_lock(&t->lock);
	dev = pn4_device_find(t, id, type);
	if (dev)
		refcount_inc(&dev->ref);
	spin_unlock(&t->lock);
	return dev;
}

/* Enter @dev, or have another's who was faster. */
static struct pn4_device *pn4_device_enter(struct pn4_layout_table *t,
					   struct pn4_device *dev)
{
	struct pn4_device *found;

	spin_lock(&t->lock);
	found = pn4_device_find(t, dev->id, dev->type);
	if (found) {
		refcount_inc(&found->ref);
	} else if (t->nr_devices < PN4_DEVICES_MAX) {
		refcount_inc(&dev->ref);
		list_add(&dev->link, &t->devices);
		t->nr_devices++;
	}
	spin_unlock(&t->lock);
	if (found)
		pn4_device_put(dev);
	return found ?: dev;
}

/* The device, referenced, or ERR_PTR.  Process context, killable. */
struct pn4_device *pn4_device_get(struct pn4_volume *vol, const u8 *id, u32 type,
				  const struct cred *cred)
{
	struct pn4_layout_table *t = &vol->client->layouts;
	struct pn4_device *dev;

	if (test_and_clear_bit(0, &t->doubt))
		pn4_devices_forget(vol->client, NULL);
	dev = pn4_device_cached(t, id, type);
	if (dev)
		return dev;
	dev = pn4_device_fetch(vol, id, type, cred);
	return IS_ERR(dev) ? dev : pn4_device_enter(t, dev);
}

/* Process context: the last one leaves the data servers. */
void pn4_device_put(struct pn4_device *dev)
{
	u32 i;

	if (!dev || !refcount_dec_and_test(&dev->ref))
		return;
	for (i = 0; i < dev->nr_ds; i++)
		if (dev->ds[i].client)
			pn4_client_put(dev->ds[i].client);
	kvfree(dev->indices);
	kvfree(dev);
}

/* Forget @id, or all devices if it is NULL: layouts to come ask again. */
void pn4_devices_forget(struct pn4_client *cl, const u8 *id)
{
	struct pn4_layout_table *t = &cl->layouts;
	struct pn4_device *dev, *next;
	LIST_HEAD(gone);

	spin_lock(&t->lock);
	list_for_each_entry_safe(dev, next, &t->devices, link) {
		if (id && memcmp(dev->id, id, sizeof(dev->id)))
			continue;
		list_move(&dev->link, &gone);
		t->nr_devices--;
	}
	spin_unlock(&t->lock);
	list_for_each_entry_safe(dev, next, &gone, link) {
		list_del_init(&dev->link);
		pn4_device_put(dev);
	}
}

/* sr_status_flags: some have changed, who knows which.  softirq. */
void pn4_devices_doubt(struct pn4_client *cl)
{
	set_bit(0, &cl->layouts.doubt);
}

u32 pn4_devices_notify(struct pn4_client *cl,
		       struct pn4_cb_notify_deviceid_args *args)
{
	struct pn4_devnotify n;

	while (pn4_devnotify_next(args, &n))
		pn4_devices_forget(cl, n.deviceid);
	return 0;
}

/* ---- data servers ---- */

bool pn4_ds_resting(const struct pn4_ds *ds)
{
	unsigned long until = READ_ONCE(ds->rest_until);

	return until && time_before(jiffies, until);
}

void pn4_ds_failed(struct pn4_ds *ds)
{
	WRITE_ONCE(ds->rest_until, (jiffies + PN4_DS_REST) | 1);
}

static struct pn4_client *pn4_ds_connect(struct pn4_device *dev,
					 struct pn4_ds *ds,
					 struct pn4_volume *vol)
{
	struct pn4_client *mds = vol->client;
	struct pn4_mount_args args = {
		.net = mds->net,
		.name = vol->name,
		.addrs = ds->addrs,
		.nr_addrs = ds->nr_addrs,
		.own_ports = true,
		.minor = dev->minor,
		.minor_fixed = true,
		.proto = mds->transport->name,
		.data_server = true,
		.nfs3 = dev->nfs3,
		.tls = mds->tls,
	};
	struct pn4_client *cl;
	char **names;

	if (!ds->nr_addrs)
		return ERR_PTR(-EADDRNOTAVAIL);
	names = pn4_names_of(ds->addrs, ds->nr_addrs);
	if (!names)
		return ERR_PTR(-ENOMEM);
	args.names = (const char *const *)names;
	cl = pn4_client_get(&args);
	pn4_names_free(names, ds->nr_addrs);
	/* no file system of it is ever asked for the attribute */
	if (!IS_ERR(cl) && cl->data_server && cl->lease_time > mds->lease_time)
		cl->lease_time = mds->lease_time;
	return cl;
}

/*
 * The client of @ds, connecting it first if need be; borrowed from @dev.  NULL:
 * it cannot be used now.  Process context, killable, and bounded in time.
 */
struct pn4_client *pn4_ds_client(struct pn4_device *dev, struct pn4_ds *ds,
				 struct pn4_volume *vol)
{
	/* complete, if it is there: see the release below */
	struct pn4_client *cl = smp_load_acquire(&ds->client);
	unsigned int nofs;

	if (pn4_ds_resting(ds))
		return NULL;
	if (likely(cl))
		return cl;
	if (mutex_lock_killable(&ds->lock))
		return NULL;
	cl = ds->client;
	if (cl || pn4_ds_resting(ds))
		goto out;
	nofs = memalloc_nofs_save();
	cl = pn4_ds_connect(dev, ds, vol);
	memalloc_nofs_restore(nofs);
	if (IS_ERR(cl)) {
		pr_warn_ratelimited("penstock: %s: data server %s does not answer (error %ld); doing without it, trying again later\n",
				    vol->name, ds->uaddr, PTR_ERR(cl));
		if (PTR_ERR(cl) != -ERESTARTSYS)
			pn4_ds_failed(ds);
		cl = NULL;
		goto out;
	}
	/* pairs with the acquire above: the client is complete */
	smp_store_release(&ds->client, cl);
out:
	mutex_unlock(&ds->lock);
	return cl;
}
