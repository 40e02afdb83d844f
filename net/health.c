// SPDX-License-Identifier: GPL-2.0
/*
 * Is anybody there?  Paths that have died without a word, and links and
 * addresses of ours that go and come.
 *
 * While calls are outstanding, a look ten times a second: a path on which the
 * other machine's transport has not been heard of for a while is sent a NULL
 * call, so that there is something to acknowledge.  It is given up if still
 * nothing comes although another path to the same server is heard of.  So a
 * server that is merely busy loses nothing, because its machine acknowledges,
 * and one that stands still neither, because nothing is heard on any path; and
 * the last path is never given up here.  Giving up one that lives does no harm:
 * its calls are sent again in their session slots, where they run once.
 */
#include <linux/inetdevice.h>
#include <linux/jiffies.h>
#include <linux/netdevice.h>
#include <net/addrconf.h>
#include <net/if_inet6.h>
#include "internal.h"

#define PRPC_WATCH		(HZ / 10)
#define PRPC_PROBE_AFTER	(HZ / 4)
#define PRPC_DEAD_AFTER		(HZ * 7 / 10)
/* Heard of just now: longer ago, and all may have fallen silent since. */
#define PRPC_FRESH		(HZ / 4)
#define PRPC_PROBE_LASTS	(2 * HZ)
/* A look that comes so late says that we have slept, not the others. */
#define PRPC_WATCH_LATE		(3 * PRPC_WATCH)
/* A link that is up may still have to find its neighbours. */
#define PRPC_LINK_SETTLE	(HZ / 5)

/* Idle connections are only heard of now and then: TCP's keepalive. */
#define PRPC_HEARD		(8 * HZ)

static LIST_HEAD(prpc_peers);
/* Guards prpc_peers; outside peer->lock. */
static DEFINE_SPINLOCK(prpc_peers_lock);

/* ---- probes ---- */

static void prpc_probe_done(struct prpc_call *call)
{
	struct prpc_path *path = container_of(call, struct prpc_path, probe.call);

	/* the call may be used again at once */
	smp_store_release(&path->probing, false);
}

/* path->probing is set, and ours. */
static void prpc_probe(struct prpc_path *path)
{
	struct prpc_probe *p = &path->probe;

	prpc_call_init(&p->call, path->peer, 0, NULL, p->buf, sizeof(p->buf));
	p->call.flags = PRPC_PINNED;
	p->call.conn = p->conn;
	p->call.reply = p->reply;
	p->call.reply_size = sizeof(p->reply);
	p->call.deadline = (jiffies + PRPC_PROBE_LASTS) | 1;
	p->call.done = prpc_probe_done;
	prpc_submit(&p->call);
}

/* ---- the look; peer->lock held ---- */

bool prpc_peer_heard_locked(struct prpc_peer *peer)
{
	struct prpc_conn *conn;
	unsigned int i;

	lockdep_assert_held(&peer->lock);
	for (i = 0; i < peer->nr_live; i++) {
		conn = peer->live[i]->conn;
		if (!conn->ops->heard ||
		    time_before(jiffies, conn->ops->heard(conn) + PRPC_HEARD))
			return true;
	}
	return false;
}

bool prpc_peer_heard(struct prpc_peer *peer)
{
	bool heard;

	spin_lock_bh(&peer->lock);
	heard = prpc_peer_heard_locked(peer);
	spin_unlock_bh(&peer->lock);
	return heard;
}

static bool prpc_silent(const struct prpc_path *path, unsigned long time)
{
	return path->calls && time_after_eq(jiffies, path->quiet + time);
}

/* Note what was heard.  @late: we have not been listening. */
static void prpc_listen(struct prpc_path *path, bool late)
{
	unsigned long heard = path->conn->ops->heard(path->conn);

	if (late || !path->calls || heard != path->heard)
		path->quiet = jiffies;
	path->heard = heard;
}

/* Is another path heard of just now, while @path is silent? */
static bool prpc_others_heard(const struct prpc_path *path)
{
	const struct prpc_peer *peer = path->peer;
	const struct prpc_path *other;
	unsigned int i;

	for (i = 0; i < peer->nr_live; i++) {
		other = peer->live[i];
		if (other != path &&
		    time_after(other->heard + PRPC_FRESH, jiffies))
			return true;
	}
	return false;
}

/* One look.  Returns the number of paths to probe; they are in @probes. */
static unsigned int prpc_look(struct prpc_peer *peer, struct prpc_path **probes)
{
	bool late = time_after(jiffies, peer->watched + PRPC_WATCH_LATE);
	bool silent = false;
	struct prpc_path *path;
	unsigned int i, n = 0;

	peer->watched = jiffies;
	for (i = 0; i < peer->nr_live; i++) {
		prpc_listen(peer->live[i], late);
		silent |= prpc_silent(peer->live[i], PRPC_PROBE_AFTER);
	}
	if (!silent)
		return 0;
	for (i = peer->nr_live; i--; ) {
		path = peer->live[i];
		if (prpc_silent(path, PRPC_DEAD_AFTER) && prpc_others_heard(path)) {
			prpc_conn_down_locked(path->conn, -ETIMEDOUT);
		} else if ((!path->calls || prpc_silent(path, PRPC_PROBE_AFTER)) &&
			   /* pairs with prpc_probe_done() */
			   !smp_load_acquire(&path->probing)) {
			/* an idle one too: somebody has to be heard of */
			path->probing = true;
			path->probe.conn = path->conn;
			probes[n++] = path;
		}
	}
	return n;
}

static void prpc_watch_work(struct work_struct *work)
{
	struct prpc_peer *peer = container_of(work, struct prpc_peer,
					      watch_work.work);
	struct prpc_path *probes[PRPC_MAX_LIVE];
	unsigned int i, n;

	spin_lock_bh(&peer->lock);
	n = prpc_look(peer, probes);
	if (time_after(jiffies, peer->relaxed + HZ)) {
		peer->relaxed = jiffies;
		prpc_relax(peer);
	}
	peer->watching = !peer->dying && peer->nr_live > 1 &&
			 peer->nr_free < peer->table_size;
	if (peer->watching)
		queue_delayed_work(prpc_io_wq, &peer->watch_work, PRPC_WATCH);
	spin_unlock_bh(&peer->lock);
	for (i = 0; i < n; i++)
		prpc_probe(probes[i]);
}

void prpc_watch_arm(struct prpc_peer *peer)
{
	lockdep_assert_held(&peer->lock);
	if (peer->watching || peer->nr_live < 2 || peer->dying ||
	    !peer->transport->heard)
		return;
	peer->watching = true;
	peer->watched = jiffies;
	queue_delayed_work(prpc_io_wq, &peer->watch_work, PRPC_WATCH);
}

/* ---- links ---- */

/* Does any live path of @peer not go through interface @ifindex? */
static bool prpc_other_links(const struct prpc_peer *peer, int ifindex)
{
	unsigned int i;

	for (i = 0; i < peer->nr_live; i++)
		if (peer->live[i]->ifindex != ifindex)
			return true;
	return false;
}

/* The last paths stay: TCP outlives a link that comes back soon. */
static void prpc_link_down(struct prpc_peer *peer, int ifindex)
{
	unsigned int i;

	if (!prpc_other_links(peer, ifindex))
		return;
	for (i = peer->nr_live; i--; )
		if (peer->live[i]->ifindex == ifindex)
			prpc_conn_down_locked(peer->live[i]->conn, -ENETDOWN);
}

/*
 * A path that has had no connection yet may be of any interface.  An attempt
 * begun while the link was down has its next SYN seconds away: it begins anew.
 */
static void prpc_link_up(struct prpc_peer *peer, int ifindex)
{
	struct prpc_path *path;

	list_for_each_entry(path, &peer->paths, link) {
		if (!path->ifindex || path->ifindex == ifindex)
			prpc_path_kick(path, PRPC_LINK_SETTLE);
		if (path->ifindex == ifindex && path->state == PRPC_PATH_CONNECTING) {
			set_bit(PRPC_CONN_CLOSING, &path->conn->flags);
			wake_up_all(&path->conn->wait);
		}
	}
}

static void prpc_link_event(const struct net *net, int ifindex, bool up)
{
	struct prpc_peer *peer;

	spin_lock_bh(&prpc_peers_lock);
	list_for_each_entry(peer, &prpc_peers, link) {
		if (!net_eq(peer->net, net))
			continue;
		spin_lock(&peer->lock);
		if (up)
			prpc_link_up(peer, ifindex);
		else
			prpc_link_down(peer, ifindex);
		spin_unlock(&peer->lock);
	}
	spin_unlock_bh(&prpc_peers_lock);
}

static int prpc_netdev_event(struct notifier_block *nb, unsigned long event,
			     void *ptr)
{
	const struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	bool up = netif_running(dev) && netif_carrier_ok(dev);

	switch (event) {
	case NETDEV_GOING_DOWN:
	case NETDEV_DOWN:
	case NETDEV_UNREGISTER:
		prpc_link_event(dev_net(dev), dev->ifindex, false);
		break;
	case NETDEV_UP:
	case NETDEV_CHANGE:
		prpc_link_event(dev_net(dev), dev->ifindex, up);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block prpc_netdev_notifier = {
	.notifier_call = prpc_netdev_event,
};

/* ---- addresses of ours ---- */

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

static bool prpc_other_sources(const struct prpc_peer *peer,
			       const struct sockaddr_storage *from)
{
	unsigned int i;

	for (i = 0; i < peer->nr_live; i++)
		if (!prpc_starts_from(peer->live[i], from))
			return true;
	return false;
}

/* An address that is gone neither sends nor receives; the last paths stay. */
static void prpc_source_gone(struct prpc_peer *peer, const struct sockaddr_storage *from)
{
	unsigned int i;

	if (!prpc_other_sources(peer, from))
		return;
	for (i = peer->nr_live; i--; )
		if (prpc_starts_from(peer->live[i], from))
			prpc_conn_down_locked(peer->live[i]->conn, -EADDRNOTAVAIL);
}

static void prpc_addr_event(const struct net_device *dev, unsigned long event,
			    const struct sockaddr_storage *from)
{
	struct prpc_peer *peer;

	if (event == NETDEV_UP)
		prpc_link_event(dev_net(dev), dev->ifindex,
				netif_running(dev) && netif_carrier_ok(dev));
	if (event != NETDEV_DOWN)
		return;
	spin_lock_bh(&prpc_peers_lock);
	list_for_each_entry(peer, &prpc_peers, link) {
		if (!net_eq(peer->net, dev_net(dev)))
			continue;
		spin_lock(&peer->lock);
		prpc_source_gone(peer, from);
		spin_unlock(&peer->lock);
	}
	spin_unlock_bh(&prpc_peers_lock);
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

void prpc_watch_init(struct prpc_peer *peer)
{
	INIT_DELAYED_WORK(&peer->watch_work, prpc_watch_work);
	spin_lock_bh(&prpc_peers_lock);
	list_add_tail(&peer->link, &prpc_peers);
	spin_unlock_bh(&prpc_peers_lock);
}

/* peer->dying is set.  Probes under way are failed with all other calls. */
void prpc_watch_stop(struct prpc_peer *peer)
{
	spin_lock_bh(&prpc_peers_lock);
	list_del_init(&peer->link);
	spin_unlock_bh(&prpc_peers_lock);
	cancel_delayed_work_sync(&peer->watch_work);
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
