// SPDX-License-Identifier: GPL-2.0
/*
 * Volumes: mount, submount, unmount, what a file system is and can.
 */
#include "internal.h"
#include "fault.h"

struct workqueue_struct *pn4_wq;
struct workqueue_struct *pn4_state_wq;

#define PN4_DTSIZE	(64U << 10)
#define PN4_RENEW_TIME	(60 * HZ)	/* for one connection */

static struct pn4_volume *pn4_volume_alloc(const char *name)
{
	size_t len = strlen(name) + 1;
	struct pn4_volume *vol = kzalloc(struct_size(vol, name, len), GFP_KERNEL);

	if (!vol)
		return NULL;
	spin_lock_init(&vol->lock);
	INIT_LIST_HEAD(&vol->nodes);
	INIT_LIST_HEAD(&vol->client_link);
	memcpy(vol->name, name, len);
	return vol;
}

static void pn4_volume_link(struct pn4_volume *vol, struct pn4_client *cl)
{
	vol->client = cl;
	vol->minor = cl->minor;
	spin_lock(&cl->lock);
	list_add(&vol->client_link, &cl->volumes);
	spin_unlock(&cl->lock);
}

/* ---- finding the root ---- */

/* One step of the walk: the root (@name NULL) or @name in *@fh. */
static int pn4_walk_step(struct pn4_volume *vol, const char *name, u32 len,
			 struct pn4_fh *fh, struct pn4_attr *attr,
			 struct pn4_flavors *wanted)
{
	struct pn4_call *c = pn4_call_new(vol->client, vol, PN4_NAME_MAX + 512,
					  2048);
	bool wrong = false;
	int st;

	if (!c)
		return -ENOMEM;
	pn4_for_each_try(c, current_cred(), st) {
		if (name) {
			pn4_call_putfh(c, fh);
			pn4_enc_lookup(pn4_op(c, PN4_OP_LOOKUP), name, len);
		} else {
			pn4_enc_putrootfh(pn4_op(c, PN4_OP_PUTROOTFH));
		}
		pn4_enc_getfh(pn4_op(c, PN4_OP_GETFH));
		pn4_call_getattr(c, 0);
		st = pn4_call_run(c);
		if (name) {
			st = st ?: pn4_dec_putfh(&c->dec);
			st = st ?: pn4_dec_lookup(&c->dec);
		} else {
			st = st ?: pn4_dec_putrootfh(&c->dec);
		}
		st = st ?: pn4_dec_getfh(&c->dec, fh);
		st = st ?: pn4_call_got_attr(c, attr);
		wrong = st == PN4ERR_WRONGSEC;
	}
	pn4_call_put(c);
	if (wrong && wanted)
		pn4_ask_flavors(vol, fh, name, len, wanted);
	return st;
}

static int pn4_walk(struct pn4_volume *vol, const char *path, struct pn4_fh *fh,
		    struct pn4_attr *attr, struct pn4_flavors *wanted)
{
	int err = pn4_walk_step(vol, NULL, 0, fh, attr, wanted);

	while (!err) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (!len)
			break;
		if (len > PN4_NAME_MAX)
			return -ENAMETOOLONG;
		err = pn4_walk_step(vol, path, len, fh, attr, wanted);
		path += len;
	}
	return err;
}

/* ---- what it is and can ---- */

static int pn4_fsinfo_call(struct pn4_volume *vol, const struct pn4_fh *fh,
			   const u32 *supported)
{
	struct pn4_call *c = pn4_call_new(vol->client, vol, 512, 2048);
	u32 mask[PN4_BITMAP_WORDS];
	int st;

	if (!c)
		return -ENOMEM;
	pn4_fsinfo_mask(supported, vol->minor, mask);
	pn4_for_each_try(c, current_cred(), st) {
		pn4_call_putfh(c, fh);
		pn4_enc_getattr(pn4_op(c, PN4_OP_GETATTR), mask);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_getattr_fsinfo(&c->dec, &vol->fs);
	}
	pn4_call_put(c);
	return st;
}

static u32 pn4_io_limit(u64 server, u32 session, u32 asked)
{
	u64 max = session - PN4_IO_OVERHEAD;

	if (server)
		max = min(max, server);
	if (asked)
		max = min_t(u64, max, asked);
	if (max > PAGE_SIZE)
		max &= PAGE_MASK;
	return max_t(u64, max, 1024);
}

static void pn4_volume_sizes(struct pn4_volume *vol,
			     const struct pn4_mount_args *args)
{
	struct pn4_session *s = &vol->client->session;

	vol->rsize = pn4_io_limit(vol->fs.maxread, s->max_response,
				  args ? args->rsize : 0);
	vol->wsize = pn4_io_limit(vol->fs.maxwrite, s->max_request,
				  args ? args->wsize : 0);
	vol->dtsize = min(PN4_DTSIZE, s->max_response - PN4_IO_OVERHEAD);
	if (vol->fs.lease_time)
		vol->client->lease_time = clamp_t(u32, vol->fs.lease_time, 5, 3600);
}

static void pn4_volume_abilities(struct pn4_volume *vol)
{
	vol->can = 0;
	if (vol->minor >= 2)	/* each is taken back when the server refuses */
		vol->can |= PN4_CAN_ALLOCATE | PN4_CAN_SEEK | PN4_CAN_COPY |
			    PN4_CAN_CLONE;
	if (vol->fs.xattr_support)
		vol->can |= PN4_CAN_XATTR;
	if (pn4_mask_has(vol->fs.supported, PN4_FATTR_TIME_CREATE))
		vol->can |= PN4_CAN_BTIME;
}

static int pn4_volume_probe(struct pn4_volume *vol, const struct pn4_fh *fh,
			    struct pn4_attr *attr)
{
	struct pn4_node node = { .vol = vol, .fh = *fh };
	u32 supported[PN4_BITMAP_WORDS];
	int err;

	err = pn4_fsinfo_call(vol, fh, NULL);
	if (err)
		return err;
	memcpy(supported, vol->fs.supported, sizeof(supported));
	err = pn4_fsinfo_call(vol, fh, supported);
	if (err)
		return err;
	memcpy(vol->fs.supported, supported, sizeof(supported));
	if (vol->client->sec && vol->fs.layout_types) {
		pr_notice("penstock: %s: the server offers layouts, which are not used with sec=krb5*: data servers could only be asked without Kerberos\n",
			  vol->name);
		vol->fs.layout_types = 0;
	}
	/* again, now with everything the server has to say */
	err = pn4_getattr(&node, attr, NULL);
	if (err)
		return err;
	vol->fs.fsid_major = attr->fsid_major;
	vol->fs.fsid_minor = attr->fsid_minor;
	pn4_volume_abilities(vol);
	return 0;
}

/* ---- mount and unmount ---- */

int pn4_mount(const struct pn4_mount_args *args, const char *path,
	      struct pn4_volume **volp, struct pn4_fh *fh, struct pn4_attr *attr)
{
	struct pn4_volume *vol = pn4_volume_alloc(args->name);
	struct pn4_client *cl;
	int err;

	if (!vol)
		return -ENOMEM;
	cl = pn4_client_get(args);
	if (IS_ERR(cl)) {
		kfree(vol);
		/* what answers there is no NFS server */
		return PTR_ERR(cl) == -EREMOTEIO ? -EPROTO : PTR_ERR(cl);
	}
	vol->soft_timeout = args->soft_timeout;
	pn4_volume_link(vol, cl);
	err = pn4_walk(vol, path, fh, attr, args->wanted) ?:
	      pn4_volume_probe(vol, fh, attr);
	if (err) {
		pn4_umount(vol);
		return err;
	}
	pn4_volume_sizes(vol, args);
	*volp = vol;
	return 0;
}

int pn4_submount(struct pn4_volume *parent, const struct pn4_fh *fh,
		 struct pn4_volume **volp, struct pn4_attr *attr)
{
	struct pn4_volume *vol = pn4_volume_alloc(parent->name);
	struct pn4_mount_args args = {
		.rsize = parent->rsize, .wsize = parent->wsize,
	};
	int err;

	if (!vol)
		return -ENOMEM;
	refcount_inc(&parent->client->ref);
	vol->soft_timeout = parent->soft_timeout;
	pn4_volume_link(vol, parent->client);
	err = pn4_volume_probe(vol, fh, attr);
	if (err) {
		pn4_umount(vol);
		return err;
	}
	pn4_volume_sizes(vol, &args);
	*volp = vol;
	return 0;
}

void pn4_umount(struct pn4_volume *vol)
{
	struct pn4_client *cl = vol->client;
	bool last;

	/* CLOSEs and calls of killed tasks: give them a moment, then cut off */
	if (!wait_event_timeout(cl->wait, !atomic_read(&vol->late) ||
				READ_ONCE(vol->dead), 3 * HZ))
		pn4_abort(vol);
	wait_event(cl->wait, !atomic_read(&vol->late));
	spin_lock(&cl->lock);
	list_del(&vol->client_link);
	last = list_empty(&cl->volumes);
	spin_unlock(&cl->lock);
	if (last)	/* one of the data servers may be this very client */
		pn4_devices_forget(cl, NULL);
	pn4_client_put(cl);
	kfree_rcu(vol, rcu);	/* pn4_deleg_vouches() in a path walk */
}

static void pn4_abort_one(struct pn4_client *cl, void *vol)
{
	set_bit(PN4_CL_ABORTED, &cl->state);
	prpc_abort(cl->peer, vol, -EIO);
}

void pn4_abort(struct pn4_volume *vol)
{
	WRITE_ONCE(vol->dead, true);
	pn4_siblings_each(vol->client, pn4_abort_one, vol);
	pn4_abort_one(vol->client, vol);
	wake_up_all(&vol->client->wait);
	wake_up_all(&vol->client->locks.wait);
	wake_up_all(&vol->client->pace.wait);
}

bool pn4_same_volume(const struct pn4_volume *a, const struct pn4_volume *b)
{
	return a->client == b->client && !READ_ONCE(a->dead) &&
	       a->fs.fsid_major == b->fs.fsid_major &&
	       a->fs.fsid_minor == b->fs.fsid_minor &&
	       a->rsize == b->rsize && a->wsize == b->wsize &&
	       a->soft_timeout == b->soft_timeout;
}

int pn4_statfs(struct pn4_node *node, struct pn4_statfs *st)
{
	struct pn4_volume *vol = node->vol;
	struct pn4_call *c = pn4_call_new(vol->client, vol, 256, 1024);
	u32 mask[PN4_BITMAP_WORDS];
	int rc;

	if (!c)
		return -ENOMEM;
	pn4_statfs_mask(vol->fs.supported, mask);
	do {
		rc = pn4_call_start(c, current_cred());
		if (rc)
			break;
		pn4_call_putfh(c, &node->fh);
		pn4_enc_getattr(pn4_op(c, PN4_OP_GETATTR), mask);
		rc = pn4_call_run(c);
		rc = rc ?: pn4_dec_putfh(&c->dec);
		rc = rc ?: pn4_dec_getattr_statfs(&c->dec, st);
	} while (pn4_call_again(c, &rc));
	pn4_call_put(c);
	return rc;
}

/* ---- showing ---- */

bool pn4_reaches(const struct pn4_volume *vol, enum prpc_memory memory)
{
	return prpc_peer_reaches(vol->client->peer, memory);
}

const char *pn4_proto(const struct pn4_volume *vol)
{
	return vol->client->transport->name;
}

static void pn4_renew_one(struct pn4_client *cl, void *err)
{
	if (!*(int *)err)
		*(int *)err = prpc_peer_renew(cl->peer, PN4_RENEW_TIME);
}

int pn4_renew(struct pn4_volume *vol)
{
	int err = 0;

	pn4_renew_one(vol->client, &err);
	pn4_siblings_each(vol->client, pn4_renew_one, &err);
	return err;
}

void pn4_show_options(struct pn4_volume *vol, struct seq_file *m)
{
	seq_printf(m, ",vers=4.%u,rsize=%u,wsize=%u", vol->minor, vol->rsize,
		   vol->wsize);
	pn4_transport_show(vol->client, m);
	if (vol->soft_timeout)
		seq_printf(m, ",soft,timeout=%u", vol->soft_timeout);
	else
		seq_puts(m, ",hard");
}

static const char * const pn4_counter_names[PN4_N_COUNTERS] = {
	[PN4_N_DELAYS] = "delays",
	[PN4_N_RECOVERIES] = "recoveries",
	[PN4_N_SESSIONS] = "sessions",
	[PN4_N_CLIENTIDS] = "clientids",
	[PN4_N_RECLAIMS] = "reclaims",
	[PN4_N_LOST] = "lost",
	[PN4_N_RESENT_WRITES] = "resent_writes",
	[PN4_N_CALLBACKS] = "callbacks",
	[PN4_N_BAD_REPLIES] = "bad_replies",
	[PN4_N_LOCK_RECLAIMS] = "lock_reclaims",
	[PN4_N_LOCKS_LOST] = "locks_lost",
	[PN4_N_LOCK_NOTIFIES] = "lock_notifies",
	[PN4_N_LOCK_POLLS] = "lock_polls",
	[PN4_N_PACED] = "paced",
	[PN4_N_DELEGS] = "delegations",
	[PN4_N_DELEG_RECALLS] = "deleg_recalls",
	[PN4_N_DELEG_RETURNS] = "deleg_returns",
	[PN4_N_DELEG_RECLAIMS] = "deleg_reclaims",
	[PN4_N_DELEGS_LOST] = "delegs_lost",
	[PN4_N_LOCAL_OPENS] = "local_opens",
	[PN4_N_LOCAL_LOCKS] = "local_locks",
	[PN4_N_LAYOUTS] = "layouts",
	[PN4_N_LAYOUT_RECALLS] = "layout_recalls",
	[PN4_N_LAYOUT_RETURNS] = "layout_returns",
	[PN4_N_LAYOUTS_LOST] = "layouts_lost",
	[PN4_N_DS_ERRORS] = "ds_errors",
	[PN4_N_DS_TO_MDS] = "ds_to_mds",
	[PN4_N_DS_FENCED] = "ds_fenced",
	[PN4_N_MOVED] = "moved",
};

static void pn4_stats_sum(struct pn4_client *cl, struct pn4_stats *sum)
{
	int cpu, i;

	for_each_possible_cpu(cpu) {
		const struct pn4_stats *s = per_cpu_ptr(cl->stats, cpu);

		for (i = 0; i < PN4_OP_COUNT; i++)
			sum->ops[i] += s->ops[i];
		for (i = 0; i < PN4_N_COUNTERS; i++)
			sum->count[i] += s->count[i];
		sum->read_bytes += s->read_bytes;
		sum->write_bytes += s->write_bytes;
		sum->layout_read += s->layout_read;
		sum->layout_written += s->layout_written;
	}
}

static void pn4_show_paths(struct pn4_client *cl, void *m)
{
	prpc_peer_show(cl->peer, m);
}

/* Figures are those of the client, which volumes of one server share. */
void pn4_show_stats(struct pn4_volume *vol, struct seq_file *m)
{
	struct pn4_stats *sum = kzalloc(sizeof(*sum), GFP_KERNEL);
	struct pn4_client *cl = vol->client;
	int i;

	if (!sum)
		return;
	pn4_stats_sum(cl, sum);
	seq_printf(m, "\n\tserver: vers=4.%u lease=%u slots=%u/%u gen=%u delegs=%u%s\n",
		   cl->minor, cl->lease_time, pn4_session_used(&cl->session),
		   cl->session.limit, cl->session.gen, cl->delegs.held,
		   cl->protected ? " protected=machine" : "");
	seq_printf(m, "\tbytes: read=%llu written=%llu\n", sum->read_bytes,
		   sum->write_bytes);
	if (vol->fs.layout_types)
		seq_printf(m, "\tlayouts: types=%#x read=%llu written=%llu\n",
			   vol->fs.layout_types, sum->layout_read,
			   sum->layout_written);
	seq_puts(m, "\tevents:");
	for (i = 0; i < PN4_N_COUNTERS; i++)
		seq_printf(m, " %s=%llu", pn4_counter_names[i], sum->count[i]);
	seq_puts(m, "\n\tops:");
	for (i = 0; i < PN4_OP_COUNT; i++)
		if (sum->ops[i])
			seq_printf(m, " %s=%llu", pn4_op_name(i), sum->ops[i]);
	seq_puts(m, "\n");
	pn4_show_paths(cl, m);
	pn4_siblings_each(cl, pn4_show_paths, m);
	kfree(sum);
}

int pn4_init(void)
{
	int err = -ENOMEM;

	pn4_wq = alloc_workqueue("penstock_nfs4",
				 WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!pn4_wq)
		return -ENOMEM;
	pn4_state_wq = alloc_workqueue("penstock_state",
				       WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!pn4_state_wq)
		goto out_wq;
	err = pn4_lock_init();
	if (err)
		goto out_state_wq;
	err = pn4_deleg_init();
	if (err)
		goto out_lock;
	err = pn4_compound_init();
	if (err)
		goto out_deleg;
	pn4_client_init();
	pn4_fault_init();
	return 0;

out_deleg:
	pn4_deleg_exit();
out_lock:
	pn4_lock_exit();
out_state_wq:
	destroy_workqueue(pn4_state_wq);
out_wq:
	destroy_workqueue(pn4_wq);
	return err;
}

void pn4_exit(void)
{
	pn4_fault_exit();
	pn4_deleg_exit();
	pn4_lock_exit();
	pn4_compound_exit();
	destroy_workqueue(pn4_state_wq);
	destroy_workqueue(pn4_wq);
}
