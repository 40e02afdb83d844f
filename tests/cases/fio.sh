# SPDX-License-Identifier: GPL-2.0
# Topology: client, node1. fio writes patterns and verifies them.

verify() {
	fio --name=job --directory=. --size=${size:-24m} --verify=crc32c --verify_fatal=1 \
		--do_verify=1 --verify_state_save=0 --randrepeat=1 --fallocate=none \
		--minimal --output=/tmp/fio.out "$@" || { cat /tmp/fio.out; fail "fio $*"; }
}

#: timeout=240 more
t_buffered_sequential() { verify --rw=write --bs=1m --ioengine=psync --end_fsync=1; }
#: timeout=240
t_buffered_random() { verify --rw=randwrite --bs=4k --ioengine=psync --size=8m; }
#: timeout=240 more
t_buffered_mixed_sizes() { verify --rw=randwrite --bsrange=512-64k --bs_unaligned=1 --ioengine=psync --size=8m; }
#: timeout=240 more
t_direct_sequential() { verify --rw=write --bs=1m --direct=1 --ioengine=libaio --iodepth=8; }
#: timeout=240
t_direct_random_deep() { verify --rw=randwrite --bs=4k --direct=1 --ioengine=libaio --iodepth=64 --size=8m; }
#: timeout=240 more
t_direct_sync() { verify --rw=randwrite --bs=8k --direct=1 --ioengine=psync --size=4m; }
#: timeout=240 more
t_io_uring() { verify --rw=randwrite --bs=4k --direct=1 --ioengine=io_uring --iodepth=64 --size=8m; }
#: timeout=240 more
t_io_uring_buffered() { verify --rw=randwrite --bs=16k --ioengine=io_uring --iodepth=16 --size=8m; }
#: timeout=240
t_io_uring_fixed_buffers() { verify --rw=randrw --bs=64k --direct=1 --ioengine=io_uring --fixedbufs --iodepth=8; }
#: timeout=240
t_mmap() { verify --rw=randwrite --bs=4k --ioengine=mmap --size=8m; }
#: timeout=240 more
t_vectored() { verify --rw=randwrite --bs=16k --ioengine=pvsync2 --size=8m; }
#: timeout=240 more
t_synchronous() { verify --rw=write --bs=64k --sync=1 --ioengine=psync --size=4m; }
#: timeout=240 more
t_fsync_each() { verify --rw=randwrite --bs=4k --fsync=1 --ioengine=psync --size=1m; }
#: timeout=300
t_four_jobs() { verify --rw=randwrite --bs=16k --ioengine=psync --numjobs=4 --size=6m --group_reporting; }
#: timeout=300 more
t_splice() { verify --rw=write --bs=64k --ioengine=splice --size=4m; }

#: timeout=300 more
t_read_random_mixed() {
	fio --name=job --directory=. --size=16m --rw=randrw --bs=4k --direct=1 --ioengine=libaio \
		--iodepth=32 --time_based --runtime=5 --fallocate=none --minimal --output=/tmp/fio.out ||
		{ cat /tmp/fio.out; fail fio; }
}

# A direct I/O request that is killed: nothing is left behind.
t_killed_in_flight() {
	fio --thread --name=job --directory=. --size=64m --rw=randwrite --bs=64k --direct=1 --fallocate=none \
		--ioengine=io_uring --iodepth=64 --time_based --runtime=60 --minimal >/dev/null &
	fio=$!
	until [ -s job.0.0 ]; do
		kill -0 $fio || fail "fio ended by itself"
		sleep 0.2
	done
	sleep 1
	kill -KILL $fio
	wait $fio || true
	sleep 1
	rm job.0.0
}
