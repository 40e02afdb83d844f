# SPDX-License-Identifier: GPL-2.0
# Topology: client, node1, node2. Mounting, options, and what is said when it fails.

#: from=none
t_mount_and_unmount() {
	mount_fs $NODE:/export /mnt/a
	touch /mnt/a/probe.$$
	rm /mnt/a/probe.$$
	umount /mnt/a
	fails mountpoint -q /mnt/a
	for i in 1 2 3 4 5; do
		mount_fs $NODE:/export /mnt/a
		umount /mnt/a
	done
}

#: from=none
t_addresses() {
	for host in 10.1.0.11 10.2.0.11 '[fd00:1::11]' node1-v6 node1-rail2 node2; do
		mount_fs $host:/export /mnt/a
		df /mnt/a >/dev/null
		umount /mnt/a
	done
}

#: from=none fs=penstock
t_many_addresses() {
	for hosts in node1-all 10.1.0.11,10.2.0.11 node1,node1-rail2,'[fd00:1::11]'; do
		mount_fs $hosts:/export /mnt/a
		df /mnt/a >/dev/null
		umount /mnt/a
	done
}

# The first address is dead; the next one is used.
#: from=none fs=penstock
t_first_address_dead() {
	mount_fs node1-halfdead:/export /mnt/a
	umount /mnt/a
	mount_fs 10.1.0.99,10.1.0.11:/export /mnt/a
	umount /mnt/a
}

#: from=none
t_subdirectory() {
	mount_fs $NODE:/export /mnt/a
	mkdir -p "/mnt/a/sub.$$/with space"
	echo here >"/mnt/a/sub.$$/with space/f"
	mount_fs "$NODE:/export/sub.$$" /mnt/b
	eq "$(cat '/mnt/b/with space/f')" here
	umount /mnt/b
	mount_fs "$NODE:/export/xfs" /mnt/b
	umount /mnt/b
	rm -r /mnt/a/sub.$$
	umount /mnt/a
}

#: from=none
t_pseudo_root() {
	mount_fs $NODE:/ /mnt/a
	ls /mnt/a >/tmp/names
	grep -x export /tmp/names
	grep -x ro /tmp/names
	eq "$(cat /mnt/a/ro/file)" "read only"
	fails cat /mnt/a/private/file
	umount /mnt/a
}

#: from=none
t_read_only_and_remount() {
	mount_fs $NODE:/export /mnt/a ro
	fails_with "ead-only" touch /mnt/a/x
	mount -o remount,rw /mnt/a
	touch /mnt/a/x.$$
	mount -o remount,ro /mnt/a
	fails_with "ead-only" rm /mnt/a/x.$$
	grep ' /mnt/a .* ro,' /proc/mounts
	mount -o remount,rw /mnt/a
	rm /mnt/a/x.$$
	umount /mnt/a
}

#: from=none
t_fstab() {
	type=$FS
	mkdir -p /mnt/a
	sed -i '/ \/mnt\/a /d' /etc/fstab
	echo "$NODE:/export /mnt/a $type _netdev,nofail,noatime,nosuid 0 0" >>/etc/fstab
	mount /mnt/a
	mountpoint /mnt/a
	grep ' /mnt/a .*nosuid' /proc/mounts
	umount /mnt/a
	mount -a -t $type
	mountpoint /mnt/a
	umount /mnt/a
	sed -i '/ \/mnt\/a /d' /etc/fstab
}

#: from=none
t_busy() {
	mount_fs $NODE:/export /mnt/a
	sleep 100 </mnt/a &
	sleep 0.3
	fails umount /mnt/a
	kill $!
	wait $! || true
	umount /mnt/a
}

#: from=none
t_lazy_unmount() {
	mount_fs $NODE:/export /mnt/a
	exec 7>/mnt/a/lazy.$$
	umount -l /mnt/a
	echo "still writes" >&7
	exec 7>&-
	mount_fs $NODE:/export /mnt/a
	eq "$(cat /mnt/a/lazy.$$)" "still writes"
	rm /mnt/a/lazy.$$
	umount /mnt/a
}

#: from=none
t_two_mounts_of_two_nodes() {
	mount_fs node1:/export /mnt/a
	mount_fs node2:/export /mnt/b
	echo one >/mnt/a/f.$$
	echo two >/mnt/b/f.$$
	eq "$(cat /mnt/a/f.$$ /mnt/b/f.$$ | tr '\n' ' ')" "one two "
	cp /mnt/a/f.$$ /mnt/b/g.$$
	umount /mnt/a
	eq "$(cat /mnt/b/g.$$)" one
	rm /mnt/b/?.$$
	umount /mnt/b
}

#: from=none
t_many_mounts() {
	for i in $(seq 12); do
		mount_fs node$((i % 2 + 1)):/export /mnt/m$i
	done
	for i in $(seq 12); do
		ls /mnt/m$i >/dev/null
	done
	for i in $(seq 12); do
		umount /mnt/m$i
	done
}

#: from=none
t_mount_over_and_bind() {
	mount_fs $NODE:/export /mnt/a
	mkdir -p /mnt/a/over.$$ /mnt/bind
	mount -t tmpfs none /mnt/a/over.$$
	touch /mnt/a/over.$$/in-tmpfs
	umount /mnt/a/over.$$
	mount --bind /mnt/a/over.$$ /mnt/bind
	echo x >/mnt/bind/f
	eq "$(cat /mnt/a/over.$$/f)" x
	# -i: see Documentation/limits.rst
	umount -i /mnt/bind
	rm -r /mnt/a/over.$$
	umount /mnt/a
}

# ---- what is said when it does not work ----

#: from=none fs=penstock
t_wrong_options() {
	mkdir -p /mnt/a
	fails_with nonsense mount -t penstock -o nonsense $NODE:/export /mnt/a
	fails_with rsize mount -t penstock -o rsize=12x $NODE:/export /mnt/a
	fails_with vers mount -t penstock -o vers=3 $NODE:/export /mnt/a
	fails_with nconnect mount -t penstock -o nconnect=4 $NODE:/export /mnt/a
	fails_with timeout mount -t penstock -o soft,timeout=0 $NODE:/export /mnt/a
	fails mount -t penstock $NODE /mnt/a
	fails mount -t penstock :/export /mnt/a
	fails mount -t penstock $NODE:export /mnt/a
	fails mount -t penstock '[fd00::1:/export' /mnt/a
	fails mountpoint -q /mnt/a
}

# The kernel has to check for itself what a helper would have refused.
#: from=none fs=penstock
t_wrong_options_to_the_kernel() {
	mkdir -p /mnt/a
	for o in nonsense rsize=junk soft=1 addr= addr=1.2.3.4.5 addr=10.1.0.11,rsize=99999999999999999999 \
		 vers=9 port=70000 timeout=-1; do
		fails mount -i -t penstock -o $o $NODE:/export /mnt/a
	done
	fails mount -i -t penstock none /mnt/a
	fails mount -i -t penstock "" /mnt/a
	fails mount -i -t penstock "$(printf 'x%.0s' $(seq 3000)):/export" /mnt/a
}

#: from=none fs=penstock
t_cannot_resolve() {
	mkdir -p /mnt/a
	fails_with no-such-host mount -t penstock -o retry=0 no-such-host.invalid:/export /mnt/a
}

#: from=none fs=penstock
t_refused() {
	mkdir -p /mnt/a
	fails_with refused mount -t penstock -o port=9,retry=0 $NODE:/export /mnt/a
}

#: from=none fs=penstock
t_no_route() {
	mkdir -p /mnt/a
	fails_with "no route" mount -t penstock -o retry=0 192.0.2.7:/export /mnt/a
	fails_with "no route" mount -t penstock -o retry=0 10.1.0.99:/export /mnt/a
}

#: from=none fs=penstock
t_not_exported() {
	mkdir -p /mnt/a
	fails_with "not exported" mount -t penstock -o retry=0 $NODE:/nothing/here /mnt/a
	fails_with "not exported" mount -t penstock -o retry=0 $NODE:/private /mnt/a
	fails mount -t penstock -o retry=0 $NODE:/ro/file /mnt/a
}

#: from=none fs=penstock
t_no_mount_point() {
	fails mount -t penstock $NODE:/export /mnt/does-not-exist
	fails_with root as 1001 mount -t penstock $NODE:/export /mnt
}

#: from=none fs=penstock
t_options_are_shown() {
	mount_fs $NODE:/export /mnt/a soft,timeout=30,rsize=65536
	line=$(grep ' /mnt/a penstock ' /proc/mounts)
	for word in soft timeout=30 rsize=65536; do
		case $line in *$word*) ;; *) fail "no $word in: $line" ;; esac
	done
	umount /mnt/a
	mount_fs $NODE:/export /mnt/a vers=4.1
	grep ' /mnt/a penstock .*vers=4.1' /proc/mounts
	umount /mnt/a
}

#: fs=penstock
t_statistics() {
	dd if=/dev/zero of=f bs=1M count=4 conv=fsync status=none
	echo 3 >/proc/sys/vm/drop_caches
	cat f >/dev/null
	awk -v m="$M" '$1 == "device" { mine = $5 == m } mine' /proc/self/mountstats >/tmp/stats
	[ "$(wc -l </tmp/stats)" -gt 1 ] || fail "nothing about $M in /proc/self/mountstats"
	grep -E '[0-9]{7,}' /tmp/stats
}

# Linux' server divides 64 KiB by the longest reply that a client wants kept, or gives slots
# as they are used: who wants 2 KiB or more, as the kernel's client does, gets 30 of them.
#: fs=penstock
t_slots() {
	slots=$(awk -v m="$M" '$1 == "device" { mine = $5 == m }
		mine && match($0, /slots=[0-9]+\/[0-9]+/) { split(substr($0, RSTART, RLENGTH), n, "/"); print n[2] }
		' /proc/self/mountstats)
	[ "$slots" -ge 48 ] || fail "a session of '$slots' slots"
}

# The module is there only when it is needed.
#: from=none fs=penstock
t_module_comes_and_goes() {
	! grep -q ' penstock ' /proc/mounts || skip "something is mounted"
	[ ! -e /sys/module/penstock_rdma ] || rmmod penstock_rdma
	rmmod penstock
	mount_fs $NODE:/export /mnt/a
	fails rmmod penstock
	umount /mnt/a
	[ ! -e /sys/module/penstock_rdma ] || rmmod penstock_rdma
	rmmod penstock
	modprobe penstock
}
