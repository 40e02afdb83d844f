// SPDX-License-Identifier: GPL-2.0
/*
 * The client owner: the same after each reboot, so that the server drops the
 * state of the incarnation before at once; different for every machine and
 * network namespace, also where images were cloned and host names repeat.
 *
 * It is a digest of what makes the machine: the firmware's system UUID and the
 * factory addresses of its network cards.  A namespace of its own adds its
 * addresses, and two that still look the same are numbered.  Exchanging a card
 * makes a new owner; the old state then goes when its lease runs out.
 */
#include <crypto/sha2.h>
#include <linux/dmi.h>
#include <linux/etherdevice.h>
#include <linux/inetdevice.h>
#include <linux/rtnetlink.h>
#include <linux/utsname.h>
#include <net/addrconf.h>
#include <net/if_inet6.h>
#include "internal.h"

#define PN4_OWNER_HEX	24	/* bytes of the digest that are used */

/* Addresses are summed so that the order of probing does not matter. */
static void pn4_owner_add(u8 sum[SHA256_DIGEST_SIZE], const void *data, u32 len)
{
	u8 one[SHA256_DIGEST_SIZE];
	unsigned int i, carry = 0;

	sha256(data, len, one);
	for (i = 0; i < sizeof(one); i++) {
		carry += sum[i] + one[i];
		sum[i] = carry;
		carry >>= 8;
	}
}

static void pn4_owner_ips(struct net_device *dev, u8 *sum)
{
	const struct in_device *in4 = __in_dev_get_rtnl(dev);
	const struct inet6_dev *in6 = __in6_dev_get(dev);
	const struct inet6_ifaddr *a6;
	const struct in_ifaddr *a4;

	if (in4) {
		in_dev_for_each_ifa_rtnl(a4, in4)
			pn4_owner_add(sum, &a4->ifa_local, sizeof(a4->ifa_local));
	}
	if (!in6)
		return;
	list_for_each_entry(a6, &in6->addr_list, if_list)
		pn4_owner_add(sum, &a6->addr, sizeof(a6->addr));
}

static bool pn4_owner_physical(const struct net_device *dev)
{
	return dev->dev.parent && dev->addr_len == ETH_ALEN &&
	       is_valid_ether_addr(dev->perm_addr);
}

/*
 * Text of the owner for @net into @buf.  The caller makes it unique among the
 * owners that are in use.  May sleep.
 */
int pn4_owner(struct net *net, char *buf, size_t size)
{
	const char *uuid = dmi_get_system_info(DMI_PRODUCT_UUID);
	bool own_ns = !net_eq(net, &init_net);
	u8 sum[SHA256_DIGEST_SIZE] = {};
	struct net_device *dev;
	bool cards = false;

	if (uuid)
		pn4_owner_add(sum, uuid, strlen(uuid));
	rtnl_lock();
	for_each_netdev(&init_net, dev) {
		if (!pn4_owner_physical(dev))
			continue;
		cards = true;
		pn4_owner_add(sum, dev->perm_addr, dev->addr_len);
	}
	for_each_netdev(net, dev) {
		if (!own_ns || dev->flags & IFF_LOOPBACK)
			continue;
		pn4_owner_add(sum, dev->dev_addr, dev->addr_len);
		pn4_owner_ips(dev, sum);
	}
	rtnl_unlock();
	if (!uuid && !cards)	/* nothing firm to go by: the name must do */
		pn4_owner_add(sum, init_uts_ns.name.nodename,
			      strlen(init_uts_ns.name.nodename));
	return scnprintf(buf, size, "penstock/%*phN", PN4_OWNER_HEX, sum);
}
