// SPDX-License-Identifier: GPL-2.0
/*
 * Which path a call goes to.
 *
 * A large call goes where it can be expected to be done first: outstanding
 * bytes in its direction, times what a KiB of them has been taking there.  Each
 * completed large call is a sample of that: the time it took, divided by what
 * was outstanding when it joined.  Paths whose paces differ by less than four
 * are taken for equal: where the server and not the path is the bottleneck, the
 * sample says more about our own choice than about the path, and weighing by
 * it would drift away from an even load.  Equal paths follow their true rates
 * all the same, because the faster one is sooner free for the next call.
 *
 * A small call stays with its CPU, so that a path's lines stay in its cache,
 * unless another path, a different one each time, looks twice as good.
 *
 * Paths through devices of the caller's NUMA node come first: of those that are
 * equally good for a large call, and for a small one as long as none of the
 * others looks twice as good.
 *
 * What a path is worth is forgotten slowly, see prpc_relax(), so that one that
 * was slow is tried again.
 */
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/smp.h>
#include "gss.h"

#define PRPC_LARGE	(32u << 10)
/* Less than so many times the best pace is as good as the best. */
#define PRPC_EQUAL	4
/* Beside the payload, both ways: about a compound's words. */
#define PRPC_SMALL	256u
/* Small calls change their path for this much, at least: 1024 ns. */
#define PRPC_WORTH	200u

/* As the caller gave it: what protection makes of it comes and goes with tries. */
static u32 prpc_payload(const struct prpc_call *call, enum prpc_dir dir)
{
	if (unlikely(call->gss))
		return dir == PRPC_DIR_OUT ? call->gss->out.len : call->gss->in.len;
	return dir == PRPC_DIR_OUT ? call->out.len : call->in.len;
}

static u32 prpc_bytes(const struct prpc_call *call, enum prpc_dir dir)
{
	return PRPC_SMALL + prpc_payload(call, dir);
}

static enum prpc_dir prpc_direction(const struct prpc_call *call)
{
	return prpc_payload(call, PRPC_DIR_IN) > prpc_payload(call, PRPC_DIR_OUT) ?
	       PRPC_DIR_IN : PRPC_DIR_OUT;
}

static bool prpc_large(const struct prpc_call *call)
{
	return max(prpc_payload(call, PRPC_DIR_IN),
		   prpc_payload(call, PRPC_DIR_OUT)) >= PRPC_LARGE;
}

/* ---- NUMA nodes ---- */

static bool prpc_is_near(const struct prpc_path *path, int node)
{
	int its = path->conn->node;

	return its == NUMA_NO_NODE || its == node;
}

void prpc_near_update(struct prpc_peer *peer)
{
	struct prpc_near *near;
	unsigned int i;
	int node;

	lockdep_assert_held(&peer->lock);
	for (node = 0; node < nr_node_ids; node++) {
		near = &peer->near[node];
		near->nr = 0;
		for (i = 0; i < peer->nr_live; i++)
			if (prpc_is_near(peer->live[i], node))
				near->at[near->nr++] = i;
		for (i = 0; !near->nr && i < peer->nr_live; i++)
			near->at[i] = i;
		near->nr = near->nr ?: peer->nr_live;
	}
}

/* ---- large calls ---- */

/* The best pace of any live path, at least 1. */
static u32 prpc_best_pace(const struct prpc_peer *peer, enum prpc_dir dir)
{
	u32 pace, best = U32_MAX;
	unsigned int i;

	for (i = 0; i < peer->nr_live; i++) {
		pace = peer->live[i]->flow[dir].pace;
		if (pace && pace < best)
			best = pace;
	}
	return best == U32_MAX ? 1 : best;
}

static u64 prpc_cost(const struct prpc_flow *flow, u32 bytes, u32 best)
{
	u64 kib = (flow->load + bytes) >> 10;

	return kib * (flow->pace / PRPC_EQUAL < best ? best : flow->pace);
}

static struct prpc_path *prpc_choose_large(struct prpc_peer *peer,
					   const struct prpc_call *call)
{
	enum prpc_dir dir = prpc_direction(call);
	u32 best = prpc_best_pace(peer, dir), bytes = prpc_bytes(call, dir);
	u64 cost, least = U64_MAX;
	struct prpc_path *path, *found = NULL;
	unsigned int i, at = 0;
	int node = numa_node_id();

	/* from the cursor on: of equals the one that had no call for longest */
	for (i = 0; i < peer->nr_live; i++) {
		path = peer->live[(peer->cursor[dir] + i) % peer->nr_live];
		cost = prpc_cost(&path->flow[dir], bytes, best);
		if (!found || cost < least ||
		    (cost == least && prpc_is_near(path, node) && !prpc_is_near(found, node))) {
			least = cost;
			at = i;
			found = path;
		}
	}
	peer->cursor[dir] += at + 1;
	return found;
}

/* ---- memory that only a device can touch ---- */

/*
 * The nearest path; of equally near ones the one that is done first.  If none
 * reaches it any will do whose transport says so; one that knows nothing of such
 * memory would take the wrong bytes.
 */
static struct prpc_path *prpc_choose_foreign(struct prpc_peer *peer,
					     const struct prpc_call *call)
{
	enum prpc_dir dir = prpc_direction(call);
	u32 best = prpc_best_pace(peer, dir), bytes = prpc_bytes(call, dir);
	struct prpc_path *path, *found = NULL;
	u64 cost, least = U64_MAX;
	int rank, nearest = INT_MAX;
	unsigned int i;

	for (i = 0; i < peer->nr_live; i++) {
		path = peer->live[(peer->cursor[dir] + i) % peer->nr_live];
		if (!path->conn->ops->rank)
			continue;
		found = found ?: path;
		rank = prpc_conn_rank(path->conn, prpc_call_data(call));
		cost = prpc_cost(&path->flow[dir], bytes, best);
		if (rank < 0 || rank > nearest || (rank == nearest && cost >= least))
			continue;
		nearest = rank;
		least = cost;
		found = path;
	}
	peer->cursor[dir]++;
	return found;
}

/* ---- small calls ---- */

/* What a small call is likely to take on @path, in 1024 ns. */
static u64 prpc_delay(const struct prpc_path *path)
{
	const struct prpc_flow *f = path->flow;
	u64 out = (f[PRPC_DIR_OUT].load >> 10) * f[PRPC_DIR_OUT].pace;
	u64 in = (f[PRPC_DIR_IN].load >> 10) * f[PRPC_DIR_IN].pace;

	return path->rtt + (max(out, in) >> 10);
}

static struct prpc_path *prpc_choose_small(struct prpc_peer *peer)
{
	const struct prpc_near *here = &peer->near[numa_node_id()];
	unsigned int at = here->at[raw_smp_processor_id() % here->nr];
	struct prpc_path *near = peer->live[at];
	unsigned int n = peer->nr_live;
	struct prpc_path *other = peer->live[(at + 1 + peer->turn++ % (n - 1)) % n];

	if (prpc_delay(near) <= 2 * prpc_delay(other) + PRPC_WORTH)
		return near;
	return other;
}

struct prpc_conn *prpc_choose(struct prpc_peer *peer, const struct prpc_call *call)
{
	struct prpc_path *path;

	lockdep_assert_held(&peer->lock);
	if (!peer->nr_live)
		return NULL;
	if (prpc_foreign(prpc_call_data(call))) {
		path = prpc_choose_foreign(peer, call);
		if (!path)
			return NULL;
	} else if (peer->nr_live == 1) {
		path = peer->live[0];
	} else if (prpc_large(call)) {
		path = prpc_choose_large(peer, call);
	} else {
		path = prpc_choose_small(peer);
	}
	return prpc_conn_use(path->conn) ? path->conn : NULL;
}

/* ---- what is outstanding, and what it took ---- */

u64 prpc_peer_due(struct prpc_peer *peer)
{
	u64 least = U64_MAX;
	unsigned int i;

	spin_lock_bh(&peer->lock);
	for (i = 0; i < peer->nr_live; i++)
		least = min_t(u64, least, peer->live[i]->flow[PRPC_DIR_IN].load);
	spin_unlock_bh(&peer->lock);
	return least;
}

u64 prpc_conn_due(const struct prpc_conn *conn)
{
	return READ_ONCE(conn->path->flow[PRPC_DIR_IN].load);
}

void prpc_load(struct prpc_path *path, struct prpc_call *call)
{
	enum prpc_dir dir;

	lockdep_assert_held(&path->peer->lock);
	for (dir = 0; dir < PRPC_DIRS; dir++)
		path->flow[dir].load += prpc_bytes(call, dir);
	if (!path->calls++)
		path->quiet = jiffies;
	call->queued = path->flow[prpc_direction(call)].load >> 10;
	call->loaded = true;
}

/* No single sample counts for too much. */
static u32 prpc_average(u32 old, u64 new)
{
	if (!old)
		return clamp_t(u64, new, 1, U32_MAX / 4);
	new = clamp_t(u64, new, old / 4, 4ULL * old);
	if (new > old)
		old += (u32)(new - old) / 8;
	else
		old -= (old - (u32)new) / 8;
	return clamp_t(u32, old, 1, U32_MAX / 4);
}

static void prpc_measure(struct prpc_path *path, const struct prpc_call *call)
{
	struct prpc_flow *flow = &path->flow[prpc_direction(call)];
	u64 ns = call->end_ns - call->start_ns;

	if (prpc_large(call))
		flow->pace = prpc_average(flow->pace, div_u64(ns, call->queued));
	else
		path->rtt = prpc_average(path->rtt, ns >> 10);
}

void prpc_unload(struct prpc_call *call, bool replied)
{
	struct prpc_path *path;
	enum prpc_dir dir;

	if (!call->loaded)
		return;
	path = call->conn->path;
	lockdep_assert_held(&path->peer->lock);
	call->loaded = false;
	for (dir = 0; dir < PRPC_DIRS; dir++)
		path->flow[dir].load -= prpc_bytes(call, dir);
	if (!--path->calls && path->retired)
		wake_up_all(&path->peer->wait);
	/* a call that was sent twice says nothing about either path */
	if (replied && call->sends == 1)
		prpc_measure(path, call);
}

static u32 prpc_toward(u32 value, u32 best)
{
	return value > best ? value - (value - best) / 4 : value;
}

void prpc_relax(struct prpc_peer *peer)
{
	u32 best[PRPC_DIRS], rtt = U32_MAX;
	struct prpc_path *path;
	enum prpc_dir dir;
	unsigned int i;

	lockdep_assert_held(&peer->lock);
	for (dir = 0; dir < PRPC_DIRS; dir++)
		best[dir] = prpc_best_pace(peer, dir);
	for (i = 0; i < peer->nr_live; i++)
		if (peer->live[i]->rtt)
			rtt = min(rtt, peer->live[i]->rtt);
	for (i = 0; i < peer->nr_live; i++) {
		path = peer->live[i];
		for (dir = 0; dir < PRPC_DIRS; dir++)
			path->flow[dir].pace = prpc_toward(path->flow[dir].pace,
							   best[dir]);
		path->rtt = prpc_toward(path->rtt, rtt);
	}
}
