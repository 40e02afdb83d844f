// SPDX-License-Identifier: GPL-2.0
/*
 * Rails: the local side of paths.  Which pairs of a rail and an address there
 * are, which of them are used, and where a connection starts.
 *
 * An interface suits an address if the address is in one of its networks.  If
 * none does, the routing table decides about each connection, unless rails were
 * named: then each of them is taken to lead there.  Of an address that is on
 * another link than those of the rails that were named no use is made.
 *
 * Of more pairs than paths the ones are used for which a hash over this
 * client's identity, the address and the rail is largest (rendezvous hashing),
 * equally many on each rail, then on each address.  So clients agree on
 * nothing and spread evenly, and an address that comes or goes moves only the
 * paths that are its own.
 */
#include <linux/cpumask.h>
#include <linux/ethtool.h>
#include <linux/inet.h>
#include <linux/inetdevice.h>
#include <linux/jhash.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include "internal.h"

/*
 * Connections of one pair: for links that one processor cannot fill, and no
 * more than there are processors, or they would only take turns.
 */
#define PRPC_LANES_MAX		16
#define PRPC_FAST_MBIT		20000
#define PRPC_FAST_LANES		4
#define PRPC_BRISK_MBIT		10000
#define PRPC_BRISK_LANES	2

/*
 * A path that there could be.  @used: how many there will be, at most @lanes;
 * @weight: this client's preference.
 */
struct prpc_pair {
	u16 rail;
	u16 addr;
	u8 lanes;
	u8 used;
	u32 weight;
};

/* @rail_used, @addr_used: paths so far on each of them. */
struct prpc_plan {
	const struct prpc_peer_args *args;
	const struct prpc_rail *rails;
	unsigned int nr_rails;
	struct prpc_pair *pairs;
	unsigned int nr_pairs;
	unsigned int rail_used[PRPC_MAX_RAILS + 1];
	unsigned int addr_used[PRPC_MAX_ADDRS];
};

int prpc_rail_parse(struct prpc_rail *rail, const char *text)
{
	char addr[sizeof(rail->name)], *slash;
	unsigned int max;

	memset(rail, 0, sizeof(*rail));
	if (strscpy(rail->name, text, sizeof(rail->name)) <= 0)
		return -EINVAL;
	strscpy(addr, text, sizeof(addr));
	slash = strchr(addr, '/');
	if (slash)
		*slash = 0;
	if (inet_pton_with_scope(&init_net, AF_UNSPEC, addr, NULL, &rail->net)) {
		rail->net.ss_family = 0;
		return slash || !dev_valid_name(text) ? -EINVAL : 0;
	}
	max = rail->net.ss_family == AF_INET ? 32 : 128;
	rail->bits = max;
	if (slash && (kstrtouint(slash + 1, 10, &rail->bits) || rail->bits > max))
		return -EINVAL;
	return 0;
}

/* ---- source addresses; RCU ---- */

/* How well an interface's address suits a destination, or the rail. */
enum prpc_fit {
	PRPC_FIT_NONE,
	PRPC_FIT_ROUTED,
	PRPC_FIT_LINK,		/* in the same network */
	PRPC_FIT_SELF,		/* the destination is this host */
};

static bool prpc_in_v4(__be32 addr, const struct prpc_rail *rail)
{
	const struct sockaddr_in *net = (const void *)&rail->net;
	__be32 mask = inet_make_mask(rail->bits);

	return net->sin_family == AF_INET && !((addr ^ net->sin_addr.s_addr) & mask);
}

static enum prpc_fit prpc_fit_v4(const struct net_device *dev,
				 const struct prpc_rail *rail,
				 const struct sockaddr_storage *to,
				 struct sockaddr_storage *from)
{
	__be32 addr = ((const struct sockaddr_in *)to)->sin_addr.s_addr;
	const struct in_device *in = __in_dev_get_rcu(dev);
	struct sockaddr_in *sin = (void *)from;
	enum prpc_fit fit, best = PRPC_FIT_NONE;
	const struct in_ifaddr *ifa;

	if (!in)
		return best;
	in_dev_for_each_ifa_rcu(ifa, in) {
		if (rail->net.ss_family && !prpc_in_v4(ifa->ifa_local, rail))
			continue;
		fit = ifa->ifa_local == addr ? PRPC_FIT_SELF :
		      inet_ifa_match(addr, ifa) ? PRPC_FIT_LINK : PRPC_FIT_ROUTED;
		if (fit <= best)
			continue;
		best = fit;
		sin->sin_family = AF_INET;
		sin->sin_addr.s_addr = ifa->ifa_local;
	}
	return best;
}

#if IS_ENABLED(CONFIG_IPV6)
static bool prpc_in_v6(const struct in6_addr *addr, const struct prpc_rail *rail)
{
	const struct sockaddr_in6 *net = (const void *)&rail->net;

	return net->sin6_family == AF_INET6 &&
	       ipv6_prefix_equal(addr, &net->sin6_addr, rail->bits);
}

/* A link-local destination is on the link that its scope names. */
static bool prpc_on_link_v6(const struct net_device *dev,
			    const struct sockaddr_in6 *to,
			    const struct inet6_ifaddr *ifa)
{
	if (to->sin6_scope_id && to->sin6_scope_id != dev->ifindex)
		return false;
	return ipv6_prefix_equal(&to->sin6_addr, &ifa->addr, ifa->prefix_len);
}

static enum prpc_fit prpc_fit_v6(const struct net_device *dev,
				 const struct prpc_rail *rail,
				 const struct sockaddr_storage *to,
				 struct sockaddr_storage *from)
{
	const struct sockaddr_in6 *sin6 = (const void *)to;
	struct sockaddr_in6 *out = (void *)from;
	const struct inet6_dev *in6 = __in6_dev_get(dev);
	enum prpc_fit fit, best = PRPC_FIT_NONE;
	const struct inet6_ifaddr *ifa;
	bool local = ipv6_addr_type(&sin6->sin6_addr) & IPV6_ADDR_LINKLOCAL;

	if (!in6)
		return best;
	list_for_each_entry_rcu(ifa, &in6->addr_list, if_list) {
		bool ll = ipv6_addr_type(&ifa->addr) & IPV6_ADDR_LINKLOCAL;

		if (ll != local || ifa->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
			continue;
		if (rail->net.ss_family && !prpc_in_v6(&ifa->addr, rail))
			continue;
		fit = ipv6_addr_equal(&ifa->addr, &sin6->sin6_addr) ? PRPC_FIT_SELF :
		      prpc_on_link_v6(dev, sin6, ifa) ? PRPC_FIT_LINK : PRPC_FIT_ROUTED;
		if (fit <= best)
			continue;
		best = fit;
		out->sin6_family = AF_INET6;
		out->sin6_addr = ifa->addr;
		out->sin6_scope_id = ll ? dev->ifindex : 0;
	}
	return best;
}
#else
static enum prpc_fit prpc_fit_v6(const struct net_device *dev,
				 const struct prpc_rail *rail,
				 const struct sockaddr_storage *to,
				 struct sockaddr_storage *from)
{
	return PRPC_FIT_NONE;
}
#endif

/* The best of @dev's addresses towards @to that are @rail's; in @from. */
static enum prpc_fit prpc_fit(const struct net_device *dev,
			      const struct prpc_rail *rail,
			      const struct sockaddr_storage *to,
			      struct sockaddr_storage *from)
{
	if (!rail->net.ss_family && *rail->name && strcmp(dev->name, rail->name))
		return PRPC_FIT_NONE;
	if (to->ss_family == AF_INET)
		return prpc_fit_v4(dev, rail, to, from);
	return prpc_fit_v6(dev, rail, to, from);
}

/* The same over all interfaces of @net. */
static enum prpc_fit prpc_rail_fit(struct net *net, const struct prpc_rail *rail,
				   const struct sockaddr_storage *to,
				   struct sockaddr_storage *from, int *ifindex)
{
	enum prpc_fit fit, best = PRPC_FIT_NONE;
	struct sockaddr_storage ss = {};
	const struct net_device *dev;

	rcu_read_lock();
	for_each_netdev_rcu(net, dev) {
		fit = prpc_fit(dev, rail, to, &ss);
		if (fit <= best)
			continue;
		best = fit;
		*from = ss;
		*ifindex = netif_running(dev) ? dev->ifindex : -1;
	}
	rcu_read_unlock();
	return best;
}

int prpc_rail_bind(const struct prpc_rail *rail, struct prpc_conn *conn)
{
	enum prpc_fit fit;

	if (!*rail->name)
		return 0;
	fit = prpc_rail_fit(conn->net, rail, &conn->addr, &conn->local, &conn->ifindex);
	if (fit == PRPC_FIT_NONE)
		return -EADDRNOTAVAIL;
	if (conn->ifindex > 0)
		return 0;
	conn->ifindex = 0;
	return -ENETDOWN;
}

/* ---- which pairs there are ---- */

/* Without rails=: the interfaces that have any of the addresses on their link. */
static unsigned int prpc_rails_find(const struct prpc_peer_args *args,
				    struct prpc_rail *rails)
{
	static const struct prpc_rail any;
	struct sockaddr_storage from;
	const struct net_device *dev;
	unsigned int n = 0, i;

	rcu_read_lock();
	for_each_netdev_rcu(args->net, dev) {
		if (dev->flags & IFF_LOOPBACK || n == PRPC_MAX_RAILS)
			continue;
		for (i = 0; i < args->nr_addrs; i++)
			if (prpc_fit(dev, &any, &args->addrs[i], &from) == PRPC_FIT_LINK)
				break;
		if (i < args->nr_addrs)
			strscpy(rails[n++].name, dev->name, sizeof(rails->name));
	}
	rcu_read_unlock();
	return n;
}

/* Connections that a rail takes to be filled, by this machine. */
static u8 prpc_rail_lanes(struct net *net, const struct prpc_rail *rail)
{
	struct ethtool_link_ksettings link = {};
	struct net_device *dev;
	u8 lanes = 1;

	rtnl_lock();
	dev = rail->net.ss_family ? NULL : __dev_get_by_name(net, rail->name);
	if (dev && !__ethtool_get_link_ksettings(dev, &link) &&
	    link.base.speed != (u32)SPEED_UNKNOWN)
		lanes = link.base.speed >= PRPC_FAST_MBIT ? PRPC_FAST_LANES :
			link.base.speed >= PRPC_BRISK_MBIT ? PRPC_BRISK_LANES : 1;
	rtnl_unlock();
	return min_t(unsigned int, lanes, num_online_cpus());
}

static u32 prpc_weight(const struct prpc_plan *plan, u16 rail, u16 addr)
{
	const struct prpc_peer_args *args = plan->args;
	u32 seed = args->ident ? jhash(args->ident, strlen(args->ident), 0) : 0;

	seed = jhash(plan->rails[rail].name, strlen(plan->rails[rail].name), seed);
	return jhash(&args->addrs[addr], sizeof(args->addrs[addr]), seed);
}

static void prpc_pair_add(struct prpc_plan *plan, u16 rail, u16 addr, u8 lanes)
{
	plan->pairs[plan->nr_pairs++] = (struct prpc_pair) {
		.rail = rail,
		.addr = addr,
		.lanes = lanes,
		.weight = prpc_weight(plan, rail, addr),
	};
}

/*
 * The pairs of address @addr: the rails that have it on their link.  If no
 * interface has, each rail that was named may lead there.
 */
static void prpc_pairs_of(struct prpc_plan *plan, u16 addr, const u8 *lanes)
{
	static const struct prpc_rail any;
	const struct prpc_peer_args *args = plan->args;
	const struct sockaddr_storage *to = &args->addrs[addr];
	struct sockaddr_storage from;
	enum prpc_fit fit, want;
	int ifindex;
	u16 i;

	want = prpc_rail_fit(args->net, &any, to, &from, &ifindex);
	if (want == PRPC_FIT_ROUTED && !args->nr_rails)
		return;
	for (i = 0; i < plan->nr_rails; i++) {
		fit = prpc_rail_fit(args->net, &plan->rails[i], to, &from, &ifindex);
		if (fit == want)
			prpc_pair_add(plan, i, addr, lanes[i]);
	}
}

static bool prpc_pair_better(const struct prpc_plan *plan,
			     const struct prpc_pair *a, const struct prpc_pair *b)
{
	if (a->used != b->used)
		return a->used < b->used;
	if (plan->rail_used[a->rail] != plan->rail_used[b->rail])
		return plan->rail_used[a->rail] < plan->rail_used[b->rail];
	if (plan->addr_used[a->addr] != plan->addr_used[b->addr])
		return plan->addr_used[a->addr] < plan->addr_used[b->addr];
	return a->weight > b->weight;
}

/* Use @n paths, or as many as there can be. */
static void prpc_plan_choose(struct prpc_plan *plan, unsigned int n)
{
	struct prpc_pair *pair, *best;
	unsigned int i;

	while (n--) {
		best = NULL;
		for (i = 0; i < plan->nr_pairs; i++) {
			pair = &plan->pairs[i];
			if (pair->used < pair->lanes &&
			    (!best || prpc_pair_better(plan, pair, best)))
				best = pair;
		}
		if (!best)
			return;
		best->used++;
		plan->rail_used[best->rail]++;
		plan->addr_used[best->addr]++;
	}
}

/* Pairs are in order of addresses: the first path leads to the first of them. */
static int prpc_plan_want(struct prpc_peer *peer, const struct prpc_plan *plan)
{
	const struct prpc_peer_args *args = plan->args;
	const struct prpc_pair *pair;
	unsigned int i;
	u8 lane;
	int error;

	for (lane = 0; lane < PRPC_LANES_MAX; lane++) {
		for (i = 0; i < plan->nr_pairs; i++) {
			pair = &plan->pairs[i];
			if (pair->used <= lane)
				continue;
			error = prpc_path_want(peer, &args->addrs[pair->addr],
					       args->names ? args->names[pair->addr] : NULL,
					       &plan->rails[pair->rail]);
			if (error)
				return error;
		}
		if (!peer->nr_first)
			peer->nr_first = peer->nr_ever;
	}
	return 0;
}

static void prpc_plan_pairs(struct prpc_plan *plan, struct prpc_rail *rails)
{
	const struct prpc_peer_args *args = plan->args;
	u8 lanes[PRPC_MAX_RAILS];
	unsigned int i, first;

	plan->rails = rails;
	plan->nr_rails = args->nr_rails;
	if (args->nr_rails)
		memcpy(rails, args->rails, args->nr_rails * sizeof(*rails));
	else
		plan->nr_rails = prpc_rails_find(args, rails);
	for (i = 0; i < plan->nr_rails; i++)
		lanes[i] = args->max_paths ? PRPC_LANES_MAX :
			   prpc_rail_lanes(args->net, &rails[i]);
	for (i = 0; i < args->nr_addrs; i++) {
		first = plan->nr_pairs;
		prpc_pairs_of(plan, i, lanes);
		/* the rail without a name stands behind the others */
		if (plan->nr_pairs == first && !args->nr_rails)
			prpc_pair_add(plan, plan->nr_rails, i,
				      args->max_paths ? PRPC_LANES_MAX : 1);
	}
}

int prpc_rails_plan(struct prpc_peer *peer, const struct prpc_peer_args *args)
{
	struct prpc_plan *plan = kzalloc(sizeof(*plan), GFP_KERNEL);
	struct prpc_rail *rails = kcalloc(PRPC_MAX_RAILS + 1, sizeof(*rails),
					  GFP_KERNEL);
	unsigned int i;
	int error = -ENOMEM;

	if (!plan || !rails)
		goto out;
	plan->args = args;
	plan->pairs = kvcalloc(args->nr_addrs, (PRPC_MAX_RAILS + 1) *
			       sizeof(*plan->pairs), GFP_KERNEL);
	if (!plan->pairs)
		goto out;
	prpc_plan_pairs(plan, rails);
	prpc_plan_choose(plan, args->max_paths ?: args->budget ?: PRPC_DEFAULT_PATHS);
	error = plan->nr_pairs ? prpc_plan_want(peer, plan) : -EADDRNOTAVAIL;
	for (i = 0; i < args->nr_rails; i++)
		if (!plan->rail_used[i])
			pr_warn("penstock: %s: rail %s has no address that could reach a server, or paths= leaves none for it; it is not used\n",
				args->name, rails[i].name);
out:
	if (plan)
		kvfree(plan->pairs);
	kfree(rails);
	kfree(plan);
	return error;
}
