# SPDX-License-Identifier: GPL-2.0
# How one row is measured. Everything happens on a fresh mount at $M: a short
# run on other files warms up what the measured one will use. PROTO: tcp or rdma;
# SECURITY: tls, krb5, krb5i, krb5p or nothing.

M=/mnt/test
SNAP=/run/snap

# security: what stands in /proc/mounts and is asked for with both file systems
security() {
	case ${SECURITY:-} in
	"") echo sec=sys ;;
	tls) echo sec=sys,xprtsec=tls ;;
	*) echo sec=$SECURITY ;;
	esac
}

# really FS: what is mounted at $M is that file system, carried by $PROTO
really() {
	mounted=$(awk -v m=$M '$2 == m { t = $3 " " $4 } END { print t }' /proc/mounts)
	case "$1 $mounted," in
	"penstock penstock "*,proto=$PROTO,* | "nfs nfs4 "*vers=4.2,*,proto=$PROTO,*)
		case "$mounted," in *,$(security),*) return ;; esac ;;
	esac
	echo "'$mounted' is mounted at $M where '$1' with $(security) is to be measured" >&2
	return 1
}

remount() {
	! mountpoint -q $M || umount $M
	case $1 in
	penstock) mount -t penstock -o proto=$PROTO,$(security) server:/export $M ;;
	nfs)
		port=
		[ $PROTO = tcp ] || port=,port=20049
		mount -t nfs -o vers=4.2,proto=$PROTO$port,$(security) server:/export $M ;;
	esac
	really $1
}

# While a profile is made: how often each work item runs in a window goes to a file of its own.
WORKS=/sys/kernel/tracing/events/workqueue/workqueue_execute_start
[ -z "${PROFILED:-}" ] || grep -q function.sym $WORKS/trigger || echo hist:keys=function.sym >$WORKS/trigger

# fio sends what these commands print to a file: hence the braces.
# fio_row FS NAME WARM_OPS OPS FIO_OPTIONS...
fio_row() {
	fs=$1 name=$2 warm=$3 ops=$4
	shift 4
	set -- --name=row --fallocate=none --eta=never --disk_util=0 "$@"
	remount $fs
	cd /run/bench
	fio --filename=$M/$fs/warm --size=${WARM_MB}m --number_ios=$warm \
		--output=/run/warm.json --output-format=json "$@" \
		--exec_prerun=: --exec_postrun=:
	fio --filename=$M/$fs/data --size=${DATA_MB}m --number_ios=$ops \
		--output=/run/row.json --output-format=json "$@" \
		--exec_prerun="{ ${PROFILED:+echo hist:keys=function.sym:clear >>$WORKS/trigger; }echo begin $name >$SNAP; }" \
		--exec_postrun="{ echo end $name >$SNAP${PROFILED:+; cat $WORKS/hist >/penstock/out/works}; }"
	really $fs
	cat /run/row.json
	cd /
}

# meta_row FS NAME WARM_OPS OPS KIND
meta_row() {
	remount $1
	/run/bench/psmeta $M/$1/warm-files $3 $5
	/run/bench/psmeta $M/$1/files $4 $5 $SNAP $2
	really $1
}

# The raw ceilings: lines "NAME MB/s", MB of 10^6 bytes, both ends in this guest.

ceilings_tcp() {
	ip netns exec server iperf3 -s -1 -D
	sleep 0.2
	iperf3 -c 10.9.0.2 -n 96M -J >/run/iperf.json
	python3 -c 'import json; r = json.load(open("/run/iperf.json"))["end"]["sum_received"]
print("tcp-stream", r["bits_per_second"] / 8e6)'
}

ceilings_rdma() {
	for test in ib_read_bw ib_write_bw; do
		$test -R -F -d rxe -s 1048576 -n 60 >/run/$test.server 2>&1 &
		sleep 0.5
		$test -R -F -d rxe -s 1048576 -n 60 10.9.0.2 >/run/$test 2>&1 || { cat /run/$test; exit 1; }
		wait
		# size, iterations, peak, average in MiB/s
		awk -v name=$test '$1 == 1048576 { print name, $4 * 1.048576 }' /run/$test
	done
}
