# SPDX-License-Identifier: GPL-2.0
# Topology: client, node1. The programs of the distribution's nfstest that need
# no packet trace, on a mount of ours instead of one of their own.

# Assertions that no NFS client meets, or that fail on ext4 as well.
known_failures() {
	cat <<-'END'
	[the server keeps the time of access]: read - file st_atime should be updated
	[fails on a local file system]: open - opening existent file should return an error when O_EXCL|O_CREAT is used
	[fails on a local file system]: open - opening symbolic link should return an error when O_EXCL|O_CREAT is used
	END
}

# nfstest PROGRAM [OPTIONS]: in $T, all assertions but the known ones must hold
nfstest() {
	prog=$1
	shift
	known_failures >/tmp/nfstest.known
	# A base name means: no mount of its own, no trace. It finds its own address
	# only by its name where the Internet is out of reach.
	HOSTNAME=$(hostname) "nfstest_$prog" --basename nfstest --notty --verbose none --tmpdir /tmp \
		--server "$NODE" --mtpoint "$M" --datadir "${T#"$M"/}" \
		--bugmsgs /tmp/nfstest.known "$@" >/tmp/nfstest.out 2>&1 || true
	grep -v ' PASS: ' /tmp/nfstest.out || true
	grep -qE '^[0-9]+ tests \([1-9][0-9]* passed, 0 failed' /tmp/nfstest.out || fail "nfstest_$prog $*"
}

#: timeout=300
t_posix_names() {
	nfstest posix --runtest access,chdir,creat,link,mkdir,opendir,closedir,readdir,readlink,rename,rewinddir,rmdir,seekdir,symlink,telldir,unlink
}

#: timeout=300 more
t_posix_data() {
	nfstest posix --runtest close,fcntl,fdatasync,fstat,fstatvfs,fsync,lseek,lstat,mmap,munmap,read,stat,statvfs,sync,write
}

# 4096 modes of a file and of a directory, 3000 combinations of flags
#: long slow timeout=1200
t_posix_chmod_open() { nfstest posix --runtest chmod,open; }

#: timeout=300
t_lock() { nfstest lock --runtest btest01; }

# Files made, written, renamed, linked, locked and removed at random
#: timeout=300 more
t_io() {
	nfstest_io -d "$T/io" -s 42 -n 2 -r 15 -e -v info --minfiles 5 --fsizeavg 64k --fsizedev 16k \
		--rsize 16k --rsizedev 2k --wsize 16k --wsizedev 2k --rename 15 --remove 10 \
		--link 5 --slink 3 --readdir 5 >/tmp/nfstest.out 2>&1 || fail "nfstest_io: $(cat /tmp/nfstest.out)"
	cat /tmp/nfstest.out
	# It says so and ends with status 0. (That mountstats cannot read what is no nfs is no error.)
	! grep ERROR /tmp/nfstest.out || fail "nfstest_io (above)"
	grep -qE 'WRITE: +[1-9]' /tmp/nfstest.out || fail "nfstest_io has written nothing"
}
