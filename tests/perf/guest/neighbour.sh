# SPDX-License-Identifier: GPL-2.0
# A second client in a network namespace of its own, and its silence.

neighbour_setup() {
	ip netns add other
	ip link add name cl9 mtu 9000 netns other type veth peer name sv9 mtu 9000 netns server
	ip -n other addr add 10.9.9.1/24 dev cl9
	ip -n server addr add 10.9.9.2/24 dev sv9
	ip -n other link set lo up
	ip -n other link set cl9 up
	ip -n server link set sv9 up
	mkdir -p /mnt/other
	mount -t penstock -o proto=tcp 10.9.0.2:/export $M
	nsenter --net=/run/netns/other mount -t penstock -o proto=tcp 10.9.9.2:/export /mnt/other
	[ "$(grep -c ' penstock ' /proc/mounts)" = 2 ]
	mkdir -p $M/d
}

neighbour_silent() {
	ip netns exec other nft -f - <<-'END'
		table inet silence {
			chain in { type filter hook input priority -300; policy drop; }
			chain out { type filter hook output priority -300; policy drop; }
		}
	END
}

neighbour_speaks() {
	echo "delete table inet silence" | ip netns exec other nft -f -
}
