# SPDX-License-Identifier: GPL-2.0
# Topology: client, node1. A little of everything, for kernels other than the
# one that all tests run on.

t_everything() {
	dd if=/dev/urandom of=/tmp/a bs=1M count=8 status=none
	cp /tmp/a big
	eq "$(sum big)" "$(sum /tmp/a)" "cached"
	echo 3 >/proc/sys/vm/drop_caches
	eq "$(sum big)" "$(sum /tmp/a)" "from the server"
	dd if=/tmp/a of=direct bs=1M oflag=direct conv=fsync status=none
	cmp /tmp/a direct
	dd if=direct bs=64k iflag=direct status=none | cmp - /tmp/a
	mkdir -p d/e
	for i in $(seq 100); do
		echo $i >d/f$i
	done
	eq "$(ls d | wc -l)" 101 "names"
	mv d/f1 d/e/moved
	ln d/f2 d/link
	ln -s f3 d/soft
	eq "$(cat d/e/moved d/link d/soft | tr '\n' ' ')" "1 2 3 "
	chmod 600 d/f4
	chown 1001:1002 d/f4
	eq "$(stat -c %a:%u:%g d/f4)" 600:1001:1002
	touch -d @1234567890 d/f4
	eq "$(stat -c %Y d/f4)" 1234567890
	truncate -s 3 big
	eq "$(stat -c %s big)" 3
	setfattr -n user.a -v value d/f5
	getfattr --only-values -n user.a d/f5
	echo one >>d/f6
	eq "$(tail -1 d/f6)" one
	flock d/f7 true
	fallocate -l 1M allocated
	fallocate -p -o 4096 -l 8192 allocated
	cp --reflink=auto /tmp/a copy1
	cp copy1 copy2
	cmp copy1 copy2
	tool psfsx -n 1500 -s 5 fsx
	df . >/dev/null
	stat xfs/. >/dev/null 2>&1 || stat "$M/xfs/." >/dev/null
	rm -r d
	fails stat d
}
