# SPDX-License-Identifier: GPL-2.0
# What the shell cases use. A case file defines functions t_NAME; each of them
# runs alone, by tests/guest/case, in a fresh directory $T of a fresh mount $M.
#
# A comment right before a function says more about it:
#	#: fs=penstock		only for that client (default: both)
#	#: timeout=300		seconds, instead of 120
#	#: more			not in make check: like another case, or rarely breaks
#	#: long			only in make check-long
#	#: from=SOURCE		mounts that instead of node1:/export; from=none: nothing
#	#: slow			start it early
#	#: proto=tcp		is about TCP: skipped in tests/run --proto rdma
#	#: alone		not in tests/run --thrash: no path goes but those it takes itself
#
# PROTO says what mounts are carried by, tcp or rdma; empty: as the client likes.
# PATHS: how many paths a mount of node1 has, over both rails; empty: one.

: "${FS:=penstock}" "${NODE:=node1}" "${PROTO:=}" "${PATHS:=}"

fail() {
	{ set +x; } 2>/dev/null
	echo "FAILED: $*" >&2
	exit 1
}

skip() {
	{ set +x; } 2>/dev/null
	echo "SKIP: $*"
	exit 77
}

# eq GOT WANTED [WHAT]
eq() {
	[ "$1" = "$2" ] || fail "${3:-value}: got '$1', wanted '$2'"
}

# fails COMMAND...: it must not succeed; its words are left in $said
fails() {
	if said=$("$@" 2>&1); then
		fail "this should have failed: $*"
	fi
}

# fails_with TEXT COMMAND...
fails_with() {
	want=$1
	shift
	fails "$@"
	case $said in
	*"$want"*) ;;
	*) fail "'$*' said '$said' where '$want' was expected" ;;
	esac
}

# soft_options SECONDS: a mount that gives up after about that long
soft_options() {
	case $FS in
	nfs) echo "soft,timeo=$(($1 * 10)),retrans=1" ;;
	*) echo "soft,timeout=$1" ;;
	esac
}

# carriers DIR: the transports that have carried calls of that mount
carriers() {
	awk -v d="$1" '
		$1 == "device" { mine = $5 == d }
		mine && $1 == "path:" && / calls=[1-9]/ { print $2 }
		mine && $1 == "xprt:" { print $2 }' /proc/self/mountstats | sort -u | tr '\n' ' '
}

# mount_fs SOURCE DIR [OPTIONS]: mount, and check that it is what was asked for
mount_fs() {
	mkdir -p "$2"
	options=${PROTO:+proto=$PROTO}${3:+${PROTO:+,}$3}
	case $FS in
	nfs)
		type=nfs4
		[ "$PROTO" != rdma ] || options=port=20049,$options
		mount -t nfs -o "vers=4.2,nosharecache${options:+,$options}" "$1" "$2" ;;
	*)
		type=$FS
		case ${PATHS:+$1} in
		node1:*)
			options=paths=$PATHS${options:+,$options}
			set -- "node1,node1-rail2:${1#*:}" "$2" ;;
		esac
		mount -t "$FS" ${options:+-o "$options"} "$1" "$2" ;;
	esac || fail "cannot mount $1"
	[ -z "$PROTO" ] || eq "$(carriers "$2")" "$PROTO " "what carries $2"
	awk -v d="$2" -v t="$type" '$2 == d { have = $3 } END { exit have != t }' /proc/mounts ||
		fail "$2 is not mounted as $type: $(grep " $2 " /proc/mounts)"
	eq "$(stat -f -c %t "$2")" 6969 "file system magic"
}

# as UID COMMAND...: as another person
as() {
	u=$1
	shift
	setpriv --reuid="$u" --regid="$u" --clear-groups "$@"
}

sum() {
	md5sum <"$1" | cut -d' ' -f1
}

# random SIZE >FILE: bytes that repeat from run to run
random() {
	openssl enc -aes-128-ctr -K 000102030405060708090a0b0c0d0e0f \
		-iv "$(printf %032x "${2:-1}")" -in /dev/zero 2>/dev/null | head -c "$1"
}

tool() {
	prog=$1
	shift
	"/penstock/repo/build/tools/$prog" "$@"
}
