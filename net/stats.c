// SPDX-License-Identifier: GPL-2.0
/* Counters of paths, summed up and printed.  Counting itself: prpc_count(). */
#include "internal.h"

void prpc_conn_count(struct prpc_conn *conn, u64 bytes_out, u64 bytes_in)
{
	if (bytes_out)
		prpc_count(conn->path, PRPC_STAT_OUT, bytes_out);
	if (bytes_in)
		prpc_count(conn->path, PRPC_STAT_IN, bytes_in);
}

static void prpc_stats_sum(const struct prpc_path *path, struct prpc_stats *sum)
{
	const struct prpc_stats *one;
	int cpu, i;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		one = per_cpu_ptr(path->stats, cpu);
		for (i = 0; i < PRPC_STAT_NR; i++)
			sum->v[i] += READ_ONCE(one->v[i]);
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
	};
	struct prpc_peer *peer = path->peer;
	struct prpc_conn *conn = NULL;
	enum prpc_path_state state;
	struct prpc_stats sum;
	int i;

	spin_lock_bh(&peer->lock);
	state = path->state;
	if (state == PRPC_PATH_LIVE && prpc_conn_use(path->conn))
		conn = path->conn;
	spin_unlock_bh(&peer->lock);

	prpc_stats_sum(path, &sum);
	seq_printf(m, "path: %s %pISpc state=%s", peer->transport->name,
		   &path->addr, prpc_path_state_name(state));
	for (i = 0; i < PRPC_STAT_NR; i++)
		seq_printf(m, " %s=%llu", names[i], sum.v[i]);
	if (conn) {
		if (conn->ops->show)
			conn->ops->show(conn, m);
		prpc_conn_unuse(conn);
	}
	seq_putc(m, '\n');
}

void prpc_peer_show(struct prpc_peer *peer, struct seq_file *m)
{
	struct prpc_path *path;

	list_for_each_entry(path, &peer->paths, link)
		prpc_path_show(path, m);
}
