// SPDX-License-Identifier: GPL-2.0
/*
 * Paths as directories of sysfs, a figure a file; see
 * Documentation/statistics.rst.
 */
#include <linux/math64.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include "internal.h"

/* @path: borrowed; prpc_dir_del() waits for readers before it goes */
struct prpc_path_dir {
	struct kobject kobj;
	struct prpc_path *path;
};

enum prpc_figure {
	PRPC_FIG_STATE, PRPC_FIG_TRANSPORT, PRPC_FIG_RAIL, PRPC_FIG_ADDRESS,
	PRPC_FIG_IN_FLIGHT, PRPC_FIG_RATE_OUT, PRPC_FIG_RATE_IN,
	PRPC_FIG_RTT50, PRPC_FIG_RTT99, PRPC_FIG_STAT,
};

/* @figure: PRPC_FIG_STAT + n is counter n */
struct prpc_file {
	struct attribute attr;
	unsigned int figure;
};

#define PRPC_FILE(_name, _figure)					\
	static struct prpc_file prpc_file_##_name = {			\
		.attr = { .name = #_name, .mode = 0444 },		\
		.figure = _figure,					\
	}

PRPC_FILE(state, PRPC_FIG_STATE);
PRPC_FILE(transport, PRPC_FIG_TRANSPORT);
PRPC_FILE(rail, PRPC_FIG_RAIL);
PRPC_FILE(address, PRPC_FIG_ADDRESS);
PRPC_FILE(in_flight, PRPC_FIG_IN_FLIGHT);
PRPC_FILE(rate_out, PRPC_FIG_RATE_OUT);
PRPC_FILE(rate_in, PRPC_FIG_RATE_IN);
PRPC_FILE(rtt_p50_us, PRPC_FIG_RTT50);
PRPC_FILE(rtt_p99_us, PRPC_FIG_RTT99);
PRPC_FILE(calls, PRPC_FIG_STAT + PRPC_STAT_CALLS);
PRPC_FILE(replies, PRPC_FIG_STAT + PRPC_STAT_REPLIES);
PRPC_FILE(bytes_out, PRPC_FIG_STAT + PRPC_STAT_OUT);
PRPC_FILE(bytes_in, PRPC_FIG_STAT + PRPC_STAT_IN);
PRPC_FILE(resends, PRPC_FIG_STAT + PRPC_STAT_RESENDS);
PRPC_FILE(reconnects, PRPC_FIG_STAT + PRPC_STAT_RECONNECTS);
PRPC_FILE(timeouts, PRPC_FIG_STAT + PRPC_STAT_TIMEOUTS);

static struct attribute *prpc_file_attrs[] = {
	&prpc_file_state.attr,
	&prpc_file_transport.attr,
	&prpc_file_rail.attr,
	&prpc_file_address.attr,
	&prpc_file_in_flight.attr,
	&prpc_file_rate_out.attr,
	&prpc_file_rate_in.attr,
	&prpc_file_rtt_p50_us.attr,
	&prpc_file_rtt_p99_us.attr,
	&prpc_file_calls.attr,
	&prpc_file_replies.attr,
	&prpc_file_bytes_out.attr,
	&prpc_file_bytes_in.attr,
	&prpc_file_resends.attr,
	&prpc_file_reconnects.attr,
	&prpc_file_timeouts.attr,
	NULL
};
ATTRIBUTE_GROUPS(prpc_file);

/* Bytes per second that large calls have been moving lately; 0: not known. */
static u64 prpc_rate(const struct prpc_path *path, enum prpc_dir dir)
{
	u32 pace = READ_ONCE(path->flow[dir].pace);

	return pace ? div_u64(1024ULL * NSEC_PER_SEC, pace) : 0;
}

static u64 prpc_figure(const struct prpc_path *path, unsigned int figure)
{
	struct prpc_stats *sum;
	u64 value = 0;

	switch (figure) {
	case PRPC_FIG_IN_FLIGHT:
		return READ_ONCE(path->calls);
	case PRPC_FIG_RATE_OUT:
		return prpc_rate(path, PRPC_DIR_OUT);
	case PRPC_FIG_RATE_IN:
		return prpc_rate(path, PRPC_DIR_IN);
	}
	sum = kmalloc(sizeof(*sum), GFP_KERNEL);
	if (!sum)
		return 0;
	prpc_stats_sum(path, sum);
	if (figure == PRPC_FIG_RTT50)
		value = prpc_latency(sum, 50);
	else if (figure == PRPC_FIG_RTT99)
		value = prpc_latency(sum, 99);
	else
		value = sum->v[figure - PRPC_FIG_STAT];
	kfree(sum);
	return value;
}

static ssize_t prpc_file_show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	const struct prpc_path *path = container_of(kobj, struct prpc_path_dir, kobj)->path;
	unsigned int figure = container_of(attr, struct prpc_file, attr)->figure;

	switch (figure) {
	case PRPC_FIG_STATE:
		return sysfs_emit(buf, "%s\n",
				  prpc_path_state_name(READ_ONCE(path->state)));
	case PRPC_FIG_TRANSPORT:
		return sysfs_emit(buf, "%s\n", prpc_path_transport(path)->name);
	case PRPC_FIG_RAIL:
		return sysfs_emit(buf, "%s\n", *path->rail.name ? path->rail.name : "-");
	case PRPC_FIG_ADDRESS:
		return sysfs_emit(buf, "%pISpc\n", &path->addr);
	default:
		return sysfs_emit(buf, "%llu\n", prpc_figure(path, figure));
	}
}

static void prpc_dir_release(struct kobject *kobj)
{
	kfree(container_of(kobj, struct prpc_path_dir, kobj));
}

static const struct sysfs_ops prpc_dir_ops = {
	.show = prpc_file_show,
};

static const struct kobj_type prpc_dir_type = {
	.release = prpc_dir_release,
	.sysfs_ops = &prpc_dir_ops,
	.default_groups = prpc_file_groups,
};

/* Without one the path works as well. */
static void prpc_dir_add(struct prpc_path *path)
{
	struct prpc_path_dir *dir = kzalloc(sizeof(*dir), GFP_KERNEL);

	if (!dir)
		return;
	dir->path = path;
	if (kobject_init_and_add(&dir->kobj, &prpc_dir_type, path->peer->dir, "%u",
				 path->index))
		kobject_put(&dir->kobj);
	else
		path->dir = dir;
}

void prpc_dir_del(struct prpc_path *path)
{
	if (!path->dir)
		return;
	kobject_del(&path->dir->kobj);
	kobject_put(&path->dir->kobj);
	path->dir = NULL;
}

void prpc_dirs_update(struct prpc_peer *peer)
{
	struct prpc_path *path;

	lockdep_assert_held(&peer->change);
	if (!peer->dir)
		return;
	list_for_each_entry(path, &peer->paths, link)
		if (!path->dir)
			prpc_dir_add(path);
}

struct kobject *prpc_peer_expose(struct prpc_peer *peer, struct kobject *parent,
				 const char *name)
{
	struct kobject *dir;

	mutex_lock(&peer->change);
	if (!peer->dir) {
		peer->dir = kobject_create_and_add(name, parent);
		prpc_dirs_update(peer);
	}
	dir = peer->dir ?: ERR_PTR(-ENOMEM);
	mutex_unlock(&peer->change);
	return dir;
}

void prpc_peer_expose_below(struct prpc_peer *peer, struct prpc_peer *upper,
			    const char *name)
{
	struct kobject *dir;

	mutex_lock(&upper->change);
	dir = kobject_get(upper->dir);
	mutex_unlock(&upper->change);
	if (dir)
		prpc_peer_expose(peer, dir, name);
	kobject_put(dir);
}

void prpc_unexpose(struct prpc_peer *peer)
{
	struct prpc_path *path;

	mutex_lock(&peer->change);
	list_for_each_entry(path, &peer->paths, link)
		prpc_dir_del(path);
	kobject_put(peer->dir);
	peer->dir = NULL;
	mutex_unlock(&peer->change);
}
