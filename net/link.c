// SPDX-License-Identifier: GPL-2.0
/*
 * Our own end of paths: links and addresses that go and come.
 *
 * What the kernel tells about interfaces is known at once, where silence takes a
 * while to mean anything (health.c).  The port of an RDMA device tells it through
 * its interface, too: that of IPoIB loses its carrier with the port.
 */
#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <net/addrconf.h>
#include <net/if_inet6.h>
#include "internal.h"

/* A link that is up may still have to find its neighbours. */
#define PRPC_LINK_SETTLE	(HZ / 5)

static LIST_HEAD(prpc_peers);
/* Guards prpc_peers; outside peer->lock. */
static DEFINE_SPINLOCK(prpc_peers_lock);

/* What came or went: an interface, or an address of ours when @from is set. */
struct prpc_end {
	int ifindex;
	const struct sockaddr_storage *from;
};

static bool prpc_starts_from(const struct prpc_path *path, const struct sockaddr_storage *from)
{
	const struct sockaddr_storage *local = &path->conn->local;

	if (local->ss_family != from->ss_family)
		return false;
	if (from->ss_family == AF_INET)
		return ((const struct sockaddr_in *)local)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)from)->sin_addr.s_addr;
	return ipv6_addr_equal(&((const struct sockaddr_in6 *)local)->sin6_addr,
			       &((const struct sockaddr_in6 *)from)->sin6_addr);
}

static bool prpc_needs(const struct prpc_path *path, const struct prpc_end *end)
{
	return end->from ? prpc_starts_from(path, end->from) : path->ifindex == end->ifindex;
}

static bool prpc_others_live(const struct prpc_peer *peer, const struct prpc_end *end)
{
	unsigned int i;

	for (i = 0; i < peer->nr_live; i++)
		if (!prpc_needs(peer->live[i], end))
			return true;
	return false;
}

/* The last paths stay: TCP outlives a link or an address that comes back soon. */
static void prpc_end_down(struct prpc_peer *peer, const struct prpc_end *end)
{
	unsigned int i;

	if (!prpc_others_live(peer, end))
		return;
	for (i = peer->nr_live; i--; )
		if (prpc_needs(peer->live[i], end))
			prpc_conn_down_locked(peer->live[i]->conn, end->from ? -EADDRNOTAVAIL : -ENETDOWN);
}

/*
 * A path that is bound to no rail, or has had no connection yet, may be of any
 * interface.  An attempt begun while the link was down has its next SYN seconds
 * away: it begins anew.
 */
static void prpc_end_up(struct prpc_peer *peer, const struct prpc_end *end)
{
	struct prpc_path *path;

	list_for_each_entry(path, &peer->paths, link) {
		if (!prpc_path_bound(path) || !path->ifindex || path->ifindex == end->ifindex)
			prpc_path_kick(path, PRPC_LINK_SETTLE);
		if (path->ifindex == end->ifindex)
			prpc_fallback_kick(path, PRPC_LINK_SETTLE);
		if (path->ifindex == end->ifindex && path->state == PRPC_PATH_CONNECTING) {
			set_bit(PRPC_CONN_CLOSING, &path->conn->flags);
			wake_up_all(&path->conn->wait);
		}
	}
}

static void prpc_end_event(const struct net *net, const struct prpc_end *end, bool up)
{
	struct prpc_peer *peer;

	spin_lock_bh(&prpc_peers_lock);
	list_for_each_entry(peer, &prpc_peers, link) {
		if (!net_eq(peer->net, net))
			continue;
		spin_lock(&peer->lock);
		if (up)
			prpc_end_up(peer, end);
		else
			prpc_end_down(peer, end);
		spin_unlock(&peer->lock);
	}
	spin_unlock_bh(&prpc_peers_lock);
}

/* ---- links ---- */

static void prpc_link_event(const struct net_device *dev, bool up)
{
	struct prpc_end end = { .ifindex = dev->ifindex };

	prpc_end_event(dev_net(dev), &end, up);
}

static int prpc_netdev_event(struct notifier_block *nb, unsigned long event,
			     void *ptr)
{
	const struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	switch (event) {
	case NETDEV_GOING_DOWN:
	case NETDEV_DOWN:
	case NETDEV_UNREGISTER:
		prpc_link_event(dev, false);
		break;
	case NETDEV_UP:
	case NETDEV_CHANGE:
		prpc_link_event(dev, netif_running(dev) && netif_carrier_ok(dev));
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block prpc_netdev_notifier = {
	.notifier_call = prpc_netdev_event,
};

/* ---- addresses of ours ---- */

static void prpc_addr_event(const struct net_device *dev, unsigned long event,
			    const struct sockaddr_storage *from)
{
	struct prpc_end end = { .from = from };

	if (event == NETDEV_UP)
		prpc_link_event(dev, netif_running(dev) && netif_carrier_ok(dev));
	else if (event == NETDEV_DOWN)	/* it neither sends nor receives any more */
		prpc_end_event(dev_net(dev), &end, false);
}

static int prpc_inetaddr_event(struct notifier_block *nb, unsigned long event,
			       void *ptr)
{
	const struct in_ifaddr *ifa = ptr;
	struct sockaddr_storage from = { .ss_family = AF_INET };

	((struct sockaddr_in *)&from)->sin_addr.s_addr = ifa->ifa_local;
	prpc_addr_event(ifa->ifa_dev->dev, event, &from);
	return NOTIFY_DONE;
}

static struct notifier_block prpc_inetaddr_notifier = {
	.notifier_call = prpc_inetaddr_event,
};

#if IS_ENABLED(CONFIG_IPV6)
static int prpc_inet6addr_event(struct notifier_block *nb, unsigned long event,
				void *ptr)
{
	const struct inet6_ifaddr *ifa = ptr;
	struct sockaddr_storage from = { .ss_family = AF_INET6 };

	((struct sockaddr_in6 *)&from)->sin6_addr = ifa->addr;
	prpc_addr_event(ifa->idev->dev, event, &from);
	return NOTIFY_DONE;
}

static struct notifier_block prpc_inet6addr_notifier = {
	.notifier_call = prpc_inet6addr_event,
};
#endif

/* ---- coming and going ---- */

void prpc_link_join(struct prpc_peer *peer)
{
	spin_lock_bh(&prpc_peers_lock);
	list_add_tail(&peer->link, &prpc_peers);
	spin_unlock_bh(&prpc_peers_lock);
}

void prpc_link_leave(struct prpc_peer *peer)
{
	spin_lock_bh(&prpc_peers_lock);
	list_del_init(&peer->link);
	spin_unlock_bh(&prpc_peers_lock);
}

int prpc_link_init(void)
{
	int error = register_netdevice_notifier(&prpc_netdev_notifier);

	if (error)
		return error;
	register_inetaddr_notifier(&prpc_inetaddr_notifier);
#if IS_ENABLED(CONFIG_IPV6)
	register_inet6addr_notifier(&prpc_inet6addr_notifier);
#endif
	return 0;
}

void prpc_link_exit(void)
{
#if IS_ENABLED(CONFIG_IPV6)
	unregister_inet6addr_notifier(&prpc_inet6addr_notifier);
#endif
	unregister_inetaddr_notifier(&prpc_inetaddr_notifier);
	unregister_netdevice_notifier(&prpc_netdev_notifier);
}
