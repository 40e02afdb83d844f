# SPDX-License-Identifier: GPL-2.0
# Who somebody is to the server: the one that they are outside of namespaces.

#: fs=penstock
t_user_namespace() {
	mkdir $T/home
	chown 1001:1001 $T/home
	echo secret >$T/secret
	chmod 600 $T/secret
	# root in a namespace of 1001's making
	as 1001 unshare --user --map-root-user sh -euc "
		echo mine >$T/home/f
		test \$(stat -c %u $T/home/f) = 0
		test \$(stat -c %u $T/secret) = 65534
		if cat $T/secret || chown 1 $T/home/f || chmod 644 $T/secret; then
			exit 1
		fi"
	eq "$(stat -c %u:%g $T/home/f)" 1001:1001 owner
	eq "$(cat $T/secret)" secret
	eq "$(stat -c %a $T/secret)" 600 mode
}

# idmapped DIR: with a mount of it at which root's files are 1001's
idmapped() {
	mount --bind -o X-mount.idmap=b:0:1001:1 $1 /tmp/mapped
}

#: fs=penstock
t_idmapped_mount() {
	mkdir $T/dir /tmp/dir /tmp/mapped
	idmapped /tmp/dir
	eq "$(stat -c %u /tmp/mapped)" 1001 "owner on a file system that can"
	umount /tmp/mapped
	echo here >$T/dir/f
	fails idmapped $T/dir
	fails mountpoint -q /tmp/mapped
	eq "$(cat $T/dir/f)" here
	rmdir /tmp/dir /tmp/mapped
}
