// SPDX-License-Identifier: GPL-2.0
/* Counters of paths, summed up and printed.  Counting itself: prpc_count(). */
#include <linux/log2.h>
#include <linux/math64.h>
#include "internal.h"

void prpc_conn_count(struct prpc_conn *conn, u64 bytes_out, u64 bytes_in)
{
	if (bytes_out)
		prpc_count(conn->path, PRPC_STAT_OUT, bytes_out);
	if (bytes_in)
		prpc_count(conn->path, PRPC_STAT_IN, bytes_in);
}

void prpc_count_latency(struct prpc_path *path, u64 ns)
{
	u64 us = div_u64(ns, 1000) | 1;
	unsigned int octave = ilog2(us);
	unsigned int half = octave && us & BIT_ULL(octave - 1) ? 1 : 0;

	this_cpu_inc(path->stats->latency[min(2 * octave + half,
					      PRPC_LATENCIES - 1u)]);
}

u64 prpc_latency(const struct prpc_stats *sum, unsigned int percent)
{
	u64 all = 0, left;
	unsigned int i;

	for (i = 0; i < PRPC_LATENCIES; i++)
		all += sum->latency[i];
	if (!all)
		return 0;
	left = div_u64(all * percent, 100);
	for (i = 0; i < PRPC_LATENCIES - 1 && left >= sum->latency[i]; i++)
		left -= sum->latency[i];
	return i & 1 ? BIT_ULL(i / 2 + 1) : BIT_ULL(i / 2) * 3 / 2;
}

void prpc_stats_sum(const struct prpc_path *path, struct prpc_stats *sum)
{
	const struct prpc_stats *one;
	int cpu, i;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		one = per_cpu_ptr(path->stats, cpu);
		for (i = 0; i < PRPC_STAT_NR; i++)
			sum->v[i] += READ_ONCE(one->v[i]);
		for (i = 0; i < PRPC_LATENCIES; i++)
			sum->latency[i] += READ_ONCE(one->latency[i]);
	}
}

static void prpc_path_show(struct prpc_path *path, struct seq_file *m)
{
	static const char * const names[PRPC_STAT_NR] = {
		[PRPC_STAT_CALLS]	= "calls",
		[PRPC_STAT_REPLIES]	= "replies",
		[PRPC_STAT_OUT]		= "out",
		[PRPC_STAT_IN]		= "in",
		[PRPC_STAT_PLACED]	= "placed",
		[PRPC_STAT_RESENDS]	= "resends",
		[PRPC_STAT_RECONNECTS]	= "reconnects",
		[PRPC_STAT_TIMEOUTS]	= "timeouts",
		[PRPC_STAT_STRAY]	= "stray",
		[PRPC_STAT_GPU]		= "direct_gpu",
		[PRPC_STAT_PEER]	= "direct_p2p",
		[PRPC_STAT_BOUNCED]	= "bounced_p2p",
		[PRPC_STAT_BOUNCED_GSS]	= "bounced_gss",
		[PRPC_STAT_REFUSED]	= "refused",
	};
	const struct prpc_transport_ops *transport;
	struct prpc_peer *peer = path->peer;
	struct prpc_conn *conn = NULL;
	struct sockaddr_storage addr;
	enum prpc_path_state state;
	struct prpc_stats sum;
	u32 calls;
	int i;

	spin_lock_bh(&peer->lock);
	state = path->state;
	transport = prpc_path_transport(path);
	addr = path->conn ? path->conn->addr : path->addr;
	calls = path->calls;
	if (state == PRPC_PATH_LIVE && prpc_conn_use(path->conn))
		conn = path->conn;
	spin_unlock_bh(&peer->lock);

	prpc_stats_sum(path, &sum);
	seq_printf(m, "path: %s %pISpc state=%s rail=%s inflight=%u",
		   transport->name, &addr,
		   prpc_path_state_name(state),
		   *path->rail.name ? path->rail.name : "-", calls);
	for (i = 0; i < PRPC_STAT_NR; i++)
		seq_printf(m, " %s=%llu", names[i], sum.v[i]);
	seq_printf(m, " rtt50=%llu rtt99=%llu", prpc_latency(&sum, 50),
		   prpc_latency(&sum, 99));
	if (conn) {
		if (conn->node != NUMA_NO_NODE)
			seq_printf(m, " node=%d", conn->node);
		if (conn->ops->show)
			conn->ops->show(conn, m);
		prpc_conn_unuse(conn);
	}
	seq_putc(m, '\n');
}

void prpc_peer_show(struct prpc_peer *peer, struct seq_file *m)
{
	struct prpc_path *paths[PRPC_MAX_LIVE];
	unsigned int i, n = prpc_paths_get(peer, paths);

	for (i = 0; i < n; i++)
		prpc_path_show(paths[i], m);
}
