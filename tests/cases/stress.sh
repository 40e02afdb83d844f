# SPDX-License-Identifier: GPL-2.0
# Topology: client, node1. stress-ng's file system stressors; each verifies
# what it does where it can.

stress() {
	stress-ng --temp-path . --verify --oom-avoid --timeout ${seconds:-8} "$@" >/tmp/stress.out 2>&1 || {
		cat /tmp/stress.out
		fail "stress-ng $*"
	}
	! grep -E 'fail:|FAIL' /tmp/stress.out || fail "stress-ng $* (above)"
	eq "$(ls | wc -l)" 0 "files left behind"
}

#: timeout=200
t_dentry() { stress --dentry 2 --dentries 100; }
#: timeout=200 more
t_dir() { stress --dir 2 --dir-dirs 64; }
#: timeout=200 more
t_dirdeep() { stress --dirdeep 1 --dirdeep-inodes 200; }
#: timeout=200 more
t_dirmany() { stress --dirmany 1 --dirmany-bytes 4k; }
#: timeout=200
t_rename() { stress --rename 2; }
#: timeout=200 more
t_symlink() { stress --symlink 1; }
#: timeout=200 more
t_getdent() { stress --getdent 2; }
#: timeout=200 more
t_chmod() { stress --chmod 2; }
#: timeout=200 more
t_chown() { stress --chown 2; }
#: timeout=200 more
t_utime() { stress --utime 2; }
#: timeout=200 more
t_touch() { stress --touch 2; }
#: timeout=200
t_open() { stress --filename 1 --filename-opts posix; }
#: timeout=200 more
t_access() { stress --access 2; }
#: timeout=200 more
t_fcntl() { stress --fcntl 1; }
#: timeout=200 more
t_flock() { stress --flock 2; }
#: timeout=200
t_lockf() { stress --lockf 2; }
#: timeout=200
t_hdd() { stress --hdd 2 --hdd-bytes 8m --hdd-opts wr-rnd,rd-rnd,fsync; }
#: timeout=200 more
t_hdd_direct() { stress --hdd 1 --hdd-bytes 8m --hdd-opts direct,wr-seq,rd-rnd; }
#: timeout=200 more
t_seek() { stress --seek 1 --seek-size 4m; }
#: timeout=200 more
t_readahead() { stress --readahead 1 --readahead-bytes 8m; }
#: timeout=200 more
t_fallocate() { stress --fallocate 1 --fallocate-bytes 8m; }
#: timeout=200 more
t_sync_file() { stress --sync-file 1 --sync-file-bytes 4m; }
#: timeout=200 more
t_aio() { stress --aiol 1; }
#: timeout=200
t_iomix() { stress --iomix 1 --iomix-bytes 8m; }
#: timeout=200
t_mmap_file() { stress --mmap 1 --mmap-file --mmap-bytes 8m; }
#: timeout=200 more
t_sendfile() { stress --sendfile 1 --sendfile-size 1m; }
#: timeout=200
t_xattr() { stress --xattr 1; }
#: timeout=200
t_metamix() { stress --metamix 1 --metamix-bytes 2m; }
