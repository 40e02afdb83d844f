# SPDX-License-Identifier: GPL-2.0
# Topology: client, node1. Random I/O compared byte by byte (tests/tools/psfsx.c);
# on a failure the printed seed repeats it.

run_seeds() {
	ops=$1
	shift
	for seed in "$@"; do
		tool psfsx -n $ops -s $seed file.$seed
	done
}

#: timeout=400 slow more
t_mixed() { run_seeds 3000 1 2 3; }
#: timeout=400 slow more
t_buffered() { tool psfsx -n 4000 -s 11 -m wrvtfcaso f; }
#: timeout=400 slow
t_mapped() { tool psfsx -n 4000 -s 12 -m wrmts f; }
#: timeout=400 slow
t_direct() { tool psfsx -n 3000 -s 13 -m dtfcaho f; }
#: timeout=400 slow more
t_mixed_large() { tool psfsx -n 800 -s 14 -l 16000000 -o 3000000 f; }

#: timeout=400 slow
t_side_by_side() {
	pids=
	for seed in 21 22 23 24; do
		tool psfsx -n 800 -s $seed f$seed &
		pids="$pids $!"
	done
	for p in $pids; do
		wait $p
	done
}

# Small rsize and wsize: many calls for each range.
#: timeout=400 slow more
t_small_transfers() {
	mount_fs $NODE:/export /mnt/small rsize=4096,wsize=8192
	tool psfsx -n 1500 -s 15 /mnt/small/${T##*/}/f
	umount /mnt/small
}

#: timeout=300 slow from=node1:/export/xfs more
t_on_xfs() { tool psfsx -n 2000 -s 16 f; }

# What the project promises: ten seeds of 100,000 operations. A small file meets
# its own edges more often, a large one has more pages between two of them.
#: long slow timeout=3600
t_long_1() { tool psfsx -n 100000 -s 1 f; }
#: long slow timeout=3600
t_long_2() { tool psfsx -n 100000 -s 2 f; }
#: long slow timeout=3600
t_long_3() { tool psfsx -n 100000 -s 3 -l 300000 -o 20000 f; }
#: long slow timeout=3600
t_long_4() { tool psfsx -n 100000 -s 4 -l 300000 -o 20000 f; }
#: long slow timeout=3600
t_long_5() { tool psfsx -n 100000 -s 5 -l 300000 -o 20000 f; }
#: long slow timeout=3600
t_long_6() { tool psfsx -n 100000 -s 6 -l 300000 -o 20000 f; }
#: long slow timeout=3600
t_long_7() { tool psfsx -n 100000 -s 7 -l 300000 -o 20000 f; }
#: long slow timeout=3600
t_long_8() { tool psfsx -n 100000 -s 8 -l 120000 -o 6000 f; }
#: long slow timeout=3600
t_long_9() { tool psfsx -n 100000 -s 9 -l 120000 -o 6000 f; }
#: long slow timeout=3600
t_long_10() { tool psfsx -n 100000 -s 10 -l 120000 -o 6000 f; }
