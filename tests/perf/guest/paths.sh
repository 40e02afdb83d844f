# SPDX-License-Identifier: GPL-2.0
# Several rails at a time; lib.sh has been read before.

# SERVER: what reaches the server's ends of the rails. roce: the first namespace has all; a
# host has no rail to an address of its own, rules lead there.
case $PROTO in
roce)	SERVER= NAMED= ;;
*)	SERVER="ip netns exec server" NAMED=1 ;;
esac
PROTO=tcp

# Rail I's two ways, and soft RoCE on one of its ends: after they have gone, again. A rail
# that is down leads nowhere, and not past itself inside the host.
roce_routes() {
	ip route replace 10.9.$1.2 dev cl$1 src 10.9.$1.1 table 101
	ip route replace 10.9.$1.1 dev sv$1 src 10.9.$1.2 table 101
	ip route replace unreachable 10.9.$1.0/24 table 101
}
roce_device() {
	[ -e /sys/class/infiniband/roce_$1 ] || rdma link add roce_$1 type rxe netdev $1
}
# What its connection manager could not send (no link, no address) has ended it for good.
roce_again() {
	if [ -e /sys/class/infiniband/roce_$1 ]; then
		rdma link delete roce_$1
		roce_device $1
	fi
}

# Mount over the first N rails, one connection each. PROTO: tcp, rdma, or with penstock
# mixed0 or mixed1: that rail over RDMA and the others over TCP.
# rails_mount FS N
rails_mount() {
	for m in $(awk '$3 ~ /^(nfs4|penstock)$/ { print $2 }' /proc/mounts); do
		umount $m
	done
	proto=$PROTO port=
	case $1-$PROTO in
	penstock-mixed*) proto=auto ;;
	nfs-rdma) port=,port=20049 ;;
	esac
	case $PROTO in
	rdma|mixed*) for i in $(seq 0 $(($2 - 1))); do roce_device cl$i; done ;;
	esac
	case $1 in
	penstock)
		addrs=$(seq -s, -f 10.9.%g.2 0 $(($2 - 1)))
		rails=${NAMED:+,rails=$(seq -s, -f cl%g 0 $(($2 - 1)))}
		mount -t penstock -o proto=$proto,paths=$2$rails $addrs:/export $M
		;;
	nfs)	# an address joins the first mount's client when it is mounted as well
		mount -t nfs -o vers=4.2,proto=$proto$port,max_connect=16 10.9.0.2:/export $M
		for i in $(seq 1 $(($2 - 1))); do
			mkdir -p /mnt/more$i
			mount -t nfs -o vers=4.2,proto=$proto$port,max_connect=16 10.9.$i.2:/export /mnt/more$i
		done
		;;
	esac
	case $PROTO in
	mixed*)	# with what carries it gone, a path that has begun over RDMA goes on over TCP
		for i in $(seq 0 $(($2 - 1))); do
			[ $i = ${PROTO#mixed} ] || rdma link delete roce_cl$i
		done
		;;
	esac
	rails_really $1 $2
}

# rails_really FS N: as really(), and each rail's transport is what PROTO says
rails_really() {
	case $PROTO in
	mixed*)
		want=$(for i in $(seq 0 $(($2 - 1))); do
			[ $i = ${PROTO#mixed} ] && echo 10.9.$i.2 rdma || echo 10.9.$i.2 tcp
		done)
		for i in $(seq 100); do
			got=$(penstock_paths $M)
			[ "$want" != "$got" ] || return 0
			sleep 0.1
		done
		echo "the paths are '$got', not '$want'" >&2
		return 1
		;;
	*) really $1 ;;
	esac
}

# Lines "ADDRESS TRANSPORT" of the live paths.
penstock_paths() {
	. /penstock/guest/env
	/penstock/repo/build/$KERNEL/bin/penstock paths --json -i 0.01 $1 | python3 -c 'import json, sys
for path in sorted(json.load(sys.stdin)["paths"], key=lambda path: path["address"]):
	if path["state"] == "LIVE":
		print(path["address"].rsplit(":", 1)[0], path["transport"])'
}

# A line "RX TX" of bytes for each rail.
rails_bytes() {
	for i in $(seq 0 $((RAILS - 1))); do
		echo $(cat /sys/class/net/cl$i/statistics/rx_bytes /sys/class/net/cl$i/statistics/tx_bytes)
	done
}

# "IDLE ALL": ticks of the processor
idle_ticks() {
	awk '$1 == "cpu" { print $5 + $6, $2 + $3 + $4 + $5 + $6 + $7 + $8 }' /proc/stat
}

rails_count() {
	rails_bytes
	idle_ticks
}

# rails_fio FS FIO_OPTIONS...
rails_fio() {
	fs=$1
	shift
	fio --directory=$M/$fs --fallocate=none --eta=never --disk_util=0 \
		--output=/run/rails.json --output-format=json "$@"
}

# What rails_count says before and after, and what fio says. SECONDS: look for so long,
# WARM seconds after fio's begin; 0: from its begin to its end.
# rails_run FS WARM SECONDS FIO_OPTIONS...
rails_run() {
	fs=$1 warm=$2 seconds=$3
	shift 3
	sync
	rails_count >/run/before
	rails_fio $fs "$@" &
	if [ $seconds != 0 ]; then
		sleep $warm
		rails_count >/run/before
		sleep $seconds
		rails_count >/run/after
	fi
	wait $!
	[ $seconds != 0 ] || rails_count >/run/after
	really $fs
	cat /run/before /run/after /run/rails.json
}

# The same with two windows of SECONDS; between them COMMAND happens.
# rails_turn FS WARM SECONDS COMMAND FIO_OPTIONS...
rails_turn() {
	fs=$1 warm=$2 seconds=$3 turn=$4
	shift 4
	sync
	rails_fio $fs "$@" &
	sleep $warm
	rails_count >/run/counts
	sleep $seconds
	rails_count >>/run/counts
	$turn
	sleep $seconds
	rails_count >>/run/counts
	wait $!
	really $fs
	cat /run/counts /run/rails.json
}

# Rail I passes so many kbit/s each way from now on.
# rail_rate I KBIT
rail_rate() {
	tc qdisc change dev cl$1 root tbf rate ${2}kbit burst 32k limit 4m
	$SERVER tc qdisc change dev sv$1 root tbf rate ${2}kbit burst 32k limit 4m
}

# ---- deaths of the second rail, and what undoes them ----

FIO_CHECKED="--bs=32k --direct=1 --ioengine=libaio --iodepth=8 --verify=crc32c --verify_fatal=1 --rate_iops=100"

# rail_end END COMMAND...: in the network namespace of rail 1's end, sv1 or cl1
rail_end() {
	case $1 in
	sv1)	shift; $SERVER "$@" ;;
	cl1)	shift; "$@" ;;
	esac
}
# end_drops END [VERDICT]: what arrives there is lost, or refused; end_hears END: no more
end_drops() {
	rail_end $1 nft "table inet death_$1 { chain in { type filter hook input priority -300; iifname $1 ${2:-drop}; }; }"
}
end_hears() {
	rail_end $1 nft delete table inet death_$1
}

rail_dies() {
	case $1 in
	silent)	end_drops sv1; end_drops cl1 ;;	# nothing arrives, nobody is told
	deaf)	end_drops sv1 ;;
	mute)	end_drops cl1 ;;
	reset)	end_drops sv1 "meta l4proto tcp reject with tcp reset" ;;
	cable)	$SERVER ip link set sv1 down ;;
	device)	ip link set cl1 down ;;
	address) ip addr del 10.9.1.1/24 dev cl1 ;;
	remove)	rdma link delete roce_cl1 ;;
	esac
}

rail_lives() {
	case $1 in
	silent)	end_hears sv1; end_hears cl1 ;;
	deaf|reset) end_hears sv1 ;;
	mute)	end_hears cl1 ;;
	cable)	$SERVER ip link set sv1 up ;;
	device)	ip link set cl1 up ;;
	address) ip addr add 10.9.1.1/24 dev cl1 ;;
	remove)	roce_device cl1 ;;
	esac
	[ -n "$SERVER" ] || roce_routes 1
	case $1 in
	cable|device|address) roce_again cl1; roce_again sv1 ;;
	esac
}

# What failover_run reads.
failover_data() {
	rails_mount $1 2
	fio --name=w --filename=$M/$1/checked --size=16m --rw=write $FIO_CHECKED --rate_iops=0 --do_verify=0 \
		--output=/dev/null
}

# Two jobs, one that writes and reads back, one that reads; meanwhile the second
# rail dies after DELAY seconds, for DEAD seconds.
# failover_run FS KIND DELAY DEAD
failover_run() {
	rails_mount $1 2
	total=$(($4 + 4))
	rails_bytes >/run/before
	fio --directory=$M/$1 --fallocate=none --eta=never --disk_util=0 --output=/run/rails.json --output-format=json \
		--name=w --filename=written --size=$((total * 3200))k --rw=randwrite $FIO_CHECKED --do_verify=1 \
		--name=r --filename=checked --size=16m --rw=randread $FIO_CHECKED --time_based --runtime=$total &
	sleep $3
	rail_dies $2
	rails_bytes >/run/after
	sleep $4
	rail_lives $2
	wait $!
	case $PROTO in mixed*) ;; *) really $1 ;; esac
	cat /run/before /run/after /run/rails.json
}

# ---- how many calls ----

# Nothing happens on a mount; HELD: a file is open and locked.
# calls_idle N SECONDS NAME [HELD]
calls_idle() {
	rails_mount penstock $1
	if [ -n "${4:-}" ]; then
		echo >$M/penstock/held
		exec 8<>$M/penstock/held
		flock -x 8
	fi
	sleep 30
	echo begin $3 >$SNAP
	sleep $2
	echo end $3 >$SNAP
	really penstock
	exec 8<&-
}

# FILES files of MB MiB each are written, synced and closed.
# calls_checkpoint N NAME FILES MB
calls_checkpoint() {
	rails_mount penstock $1
	mkdir -p $M/penstock/checkpoint
	echo begin $2 >$SNAP
	for i in $(seq $3); do
		dd if=/dev/zero of=$M/penstock/checkpoint/$i bs=1M count=$4 conv=fsync status=none
	done
	echo end $2 >$SNAP
	really penstock
	rm -r $M/penstock/checkpoint
}

# A file is read by a job that starts.
# calls_restart N NAME MB
calls_restart() {
	rails_mount penstock $1
	dd if=/dev/zero of=$M/penstock/model bs=1M count=$3 conv=fsync status=none
	rails_mount penstock $1
	echo begin $2 >$SNAP
	cat $M/penstock/model >/dev/null
	echo end $2 >$SNAP
	really penstock
	rm $M/penstock/model
}
