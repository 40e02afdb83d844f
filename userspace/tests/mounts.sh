#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# mount.penstock with the distribution's mount(8) and umount(8), without the
# kernel module: fakefs.so turns the file system into a tmpfs and notes every
# call.  Runs in mount namespaces of its own, as root or in a user namespace;
# /run/mount and /usr/sbin are replaced inside them, nothing outside changes.
#
#   private /usr/sbin:  mount.penstock (ours)  umount.nfs (refuses, as nfs-utils')
#   private /run/mount: an empty tmpfs, so utab is the test's own

built=$(readlink -f "$1")

if [ -z "$IN_NAMESPACE" ]; then
	user=
	[ "$(id -u)" = 0 ] || user=-r
	if ! unshare $user -m true 2>/dev/null; then
		echo "no permission to make a mount namespace"
		exit 77
	fi
	IN_NAMESPACE=1 exec unshare $user -m "$0" "$built"
fi

set -e
dir=$(mktemp -d)
mount -t tmpfs scratch "$dir"
trap 'umount -l "$dir"; rmdir "$dir"' EXIT
mkdir "$dir/real" "$dir/sbin" "$dir/mnt" "$dir/x y"
mnt=$dir/mnt
export FAKE_TRACE="$dir/trace"

sbin=$(readlink -f /sbin)
mount --bind "$sbin" "$dir/real"
for tool in "$dir/real"/*; do
	ln -s "$tool" "$dir/sbin/"
done
rm -f "$dir/sbin/mount.penstock" "$dir/sbin/umount.nfs" "$dir/sbin/umount.nfs4" "$dir/sbin/modprobe"
# mount(8) clears LD_PRELOAD before it runs a helper
cat >"$dir/sbin/mount.penstock" <<EOF
#!/bin/sh
LD_PRELOAD=$built/tests/fakefs.so exec $built/mount.penstock "\$@"
EOF
printf '#!/bin/sh\necho "$@: is not an NFS filesystem" >&2\nexit 32\n' >"$dir/sbin/umount.nfs"
cp "$dir/sbin/umount.nfs" "$dir/sbin/umount.nfs4"
cat >"$dir/sbin/modprobe" <<'EOF'
#!/bin/sh
echo "modprobe: FATAL: Module $1 not found in directory /lib/modules/x" >&2
exit 1
EOF
chmod 755 "$dir"/sbin/*mount.* "$dir/sbin/modprobe"
mount --bind "$dir/sbin" "$sbin"
mkdir -p /run/mount
mount -t tmpfs utab /run/mount
: >"$dir/fstab"

fake="env LD_PRELOAD=$built/tests/fakefs.so"
helper="$sbin/mount.penstock"

fail() {
	echo "FAILED: $*"
	echo "--- trace"; cat "$FAKE_TRACE"
	echo "--- output"; cat "$dir/out"
	echo "--- utab"; cat /run/mount/utab
	exit 1
}

# expect STATUS COMMAND...: runs it, its output is in $dir/out
expect() {
	want=$1
	shift
	echo "+ $*"
	: >"$FAKE_TRACE"
	status=0
	"$@" >"$dir/out" 2>&1 || status=$?
	[ $status = "$want" ] || fail "status $status instead of $want: $*"
}

says() { grep -qF -e "$1" "$dir/out" || fail "the output lacks: $1"; }
quiet() { [ ! -s "$dir/out" ] || fail "unexpected output"; }
traced() { grep -qxF -e "$1" "$FAKE_TRACE" || fail "the trace lacks: $1"; }
not_traced() { ! grep -qF -e "$1" "$FAKE_TRACE" || fail "the trace has: $1"; }
mounted() { mountpoint -q "$mnt" || fail "$mnt is not mounted"; }
not_mounted() { ! mountpoint -q "$mnt" || fail "$mnt is mounted"; }
utab_lines() {
	lines=$(grep -c "TARGET=$mnt " /run/mount/utab || true)
	[ "$lines" = "$1" ] || fail "$lines utab entries instead of $1"
}

# --- the calls that reach the kernel
expect 0 $helper 10.0.0.1,10.0.0.3-10.0.0.4,[fd00::1],10.0.0.1:/export "$mnt" \
	-o rw,_netdev,noatime,nosuid,vers=4.2,rsize=1M,soft,timeout=5
quiet
{
	echo fsopen penstock
	echo set source=10.0.0.1,10.0.0.3-10.0.0.4,[fd00::1],10.0.0.1:/export
	for addr in 10.0.0.1 10.0.0.3 10.0.0.4 fd00::1; do
		echo set addr=$addr
	done
	echo set vers=4.2
	echo set rsize=1048576
	echo flag soft
	echo set timeout=5
	echo create
} | cmp -s - "$FAKE_TRACE" || fail "wrong calls"
mounted
findmnt -no OPTIONS "$mnt" | grep -q nosuid.*noatime || fail "mount flags are missing"
utab_lines 1
grep -q "OPTS=_netdev" /run/mount/utab || fail "no _netdev in utab"

# --- umount, with the magic of NFS and an umount.nfs that refuses
expect 0 env FAKE_MAGIC=1 $fake umount "$mnt"
quiet
not_mounted
utab_lines 0
for flag in -f -l -v -c -i; do
	expect 0 $helper 10.0.0.1:/export "$mnt"
	expect 0 env FAKE_MAGIC=1 $fake umount $flag "$mnt"
	not_mounted
	utab_lines 0
done
# by device, and through a symbolic link
expect 0 $helper 10.0.0.1:/export "$mnt"
expect 0 env FAKE_MAGIC=1 $fake umount 10.0.0.1:/export
not_mounted
ln -s "$mnt" "$dir/link"
expect 0 $helper 10.0.0.1:/export "$dir/link"
mounted
expect 0 env FAKE_MAGIC=1 $fake umount "$dir/link"
not_mounted
# that the entry is what does it
expect 0 $helper -n 10.0.0.1:/export "$mnt"
utab_lines 0
expect 32 env FAKE_MAGIC=1 $fake umount "$mnt"
says "is not an NFS filesystem"
umount -i "$mnt"

# --- through mount(8)
expect 0 $fake mount -t penstock 10.0.0.1:/export "$mnt"
quiet
mounted
utab_lines 1
expect 0 env FAKE_MAGIC=1 $fake umount "$mnt"
not_mounted
utab_lines 0
expect 1 $fake mount -t penstock -o rszie=1M 10.0.0.1:/export "$mnt"
says "mount.penstock: 10.0.0.1:/export on $mnt: unknown option 'rszie=1M'; did you mean 'rsize'?"
not_mounted
expect 0 $fake mount -r -t penstock 10.0.0.1:/export "$mnt"
traced "flag ro"
! touch "$mnt/file" 2>/dev/null || fail "a read-only mount was written to"

# --- remount: ro to rw, only what changed is sent
expect 0 $fake mount -o remount,rw,noexec,noac "$mnt"
traced "flag rw"
traced "flag noac"
traced "reconfigure"
not_traced "addr"
touch "$mnt/file"
findmnt -no OPTIONS "$mnt" | grep -q noexec || fail "noexec was not set"
utab_lines 1
expect 0 $helper 10.0.0.1:/export "$mnt" -o remount,ro
findmnt -no OPTIONS "$mnt" | grep -q ^ro, || fail "not read-only"
! findmnt -no OPTIONS "$mnt" | grep -q noexec || fail "noexec is still set"
utab_lines 1
# another device for the same path: its addresses; utab keeps the first one
expect 0 $helper 10.0.0.2,10.0.0.3:/export "$mnt" -o remount
traced "set addr=10.0.0.2"
traced "set addr=10.0.0.3"
expect 32 $helper 10.0.0.1:/other "$mnt" -o remount
says "another directory of the server"
utab_lines 1
expect 0 $fake mount -t penstock -o remount 10.0.0.4:/export "$mnt"
traced "set addr=10.0.0.4"
expect 0 env FAKE_MAGIC=1 $fake umount "$mnt"
utab_lines 0
expect 32 $helper 10.0.0.1:/export "$mnt" -o remount,ro
says "cannot remount: it is not a mount point"

# --- fstab, mount -a twice, a path with blanks
cat >"$dir/fstab" <<EOF
10.0.0.1:/a\\040b $mnt penstock _netdev,nofail,noatime,x-systemd.automount,comment=x 0 0
10.0.0.1:/other $dir/x\\040y penstock noauto,users 0 0
EOF
expect 0 $fake mount -a -T "$dir/fstab"
mounted
traced "set source=10.0.0.1:/a b"
utab_lines 1
expect 0 $fake mount -a -T "$dir/fstab"
not_traced "create"
[ "$(grep -c " $mnt " /proc/self/mountinfo)" = 1 ] || fail "mounted twice"
expect 0 env FAKE_MAGIC=1 $fake umount -a -O _netdev
not_mounted
expect 0 $fake mount -T "$dir/fstab" "$dir/x y"
grep -q 'TARGET=.*/x.040y' /run/mount/utab || fail "no entry for a path with blanks"
expect 0 env FAKE_MAGIC=1 $fake umount "$dir/x y"

# --- dry run, verbose
expect 0 $helper -fv 10.0.0.1,10.0.0.2:/export "$mnt"
says "address 10.0.0.2"
says "would be mounted"
[ ! -s "$FAKE_TRACE" ] || fail "-f called the kernel"
not_mounted
utab_lines 0

# --- a device longer than what fsconfig takes as a string
long=10.0.0.1
for i in $(seq 2 30); do
	long=$long,10.0.0.$i
done
expect 0 $helper "$long:/export" "$mnt"
traced "binary source $(printf %s "$long:/export" | wc -c)"
traced "set addr=10.0.0.30"
umount -i "$mnt"

# --- failures: status and words
refused="mount.penstock: 10.0.0.1:/export on $mnt: connection refused"
expect 32 env FAKE_ERRNO=111 FAKE_LOG="e penstock: 10.0.0.1 port 2049: refused" \
	$helper 10.0.0.1:/export "$mnt"
says "$refused: nothing listens on port 2049 of 10.0.0.1"
says "  kernel: 10.0.0.1 port 2049: refused"
not_mounted
utab_lines 0
expect 32 env FAKE_ERRNO=110 $helper 10.0.0.1:/export "$mnt"
says "timed out: no answer from 10.0.0.1"
expect 32 env FAKE_ERRNO=2 $fake mount -t penstock 10.0.0.1:/export "$mnt"
says "not exported: the server has no /export"
expect 32 env FAKE_REFUSE=rsize FAKE_LOG="e penstock: rsize is odd" \
	$helper 10.0.0.1:/export "$mnt" -o rsize=5000
says "on $mnt: rsize is odd"
expect 1 env FAKE_OPEN_ERRNO=1 $helper 10.0.0.1:/export "$mnt"
says "only root can mount"
expect 32 env FAKE_OPEN_ERRNO=19 $helper 10.0.0.1:/export "$mnt"
says "module missing: penstock.ko is not installed for kernel $(uname -r)"
says "modprobe: FATAL: Module penstock not found"
expect 1 $helper node1:export "$mnt"
says "must begin with '/', as in node1:/export"
expect 32 $helper 10.0.0.1:/export "$dir/nowhere"
says "mount point $dir/nowhere: No such file or directory"
expect 32 $helper 10.0.0.1:/export "$dir/fstab"
says "mount point is not a directory"
expect 1 $helper 10.0.0.1:/export
says "Usage:"
expect 0 $helper -V
says "mount.penstock $(cat "$(dirname "$(readlink -f "$0")")/../../VERSION")"
# the mount succeeds although utab cannot be written
umount /run/mount
mount -t tmpfs -o ro utab /run/mount
expect 0 $helper 10.0.0.1:/export "$mnt"
mounted
says "utab cannot be written"
umount -i "$mnt"
umount /run/mount
mount -t tmpfs utab /run/mount

# --- warnings of the kernel are shown when it works, too
expect 0 env FAKE_LOG="w penstock: speaking NFSv4.1" $helper 10.0.0.1:/export "$mnt"
says "on $mnt: warning: speaking NFSv4.1"
umount -i "$mnt"

# --- retry: twice refused, then mounted; and what is not worth a retry
echo 2 >"$dir/fails"
expect 0 env FAKE_ERRNO=111 FAKE_FAILS="$dir/fails" $helper 10.0.0.1:/export "$mnt" -o retry=1
says "trying again"
[ "$(grep -c ^create "$FAKE_TRACE")" = 3 ] || fail "not three attempts"
mounted
umount -i "$mnt"
expect 32 env FAKE_ERRNO=13 $helper 10.0.0.1:/export "$mnt" -o retry=1
says "permission denied: the server"
[ "$(grep -c ^create "$FAKE_TRACE")" = 1 ] || fail "EACCES was retried"

# --- another mount namespace
unshare -m --propagation private sleep 60 &
other=$!
while [ "$(readlink /proc/$other/ns/mnt)" = "$(readlink /proc/self/ns/mnt)" ]; do
	sleep 0.1
done
expect 0 $helper -N $other 10.0.0.1:/export "$mnt"
not_mounted
grep -q " $mnt .*10.0.0.1:/export" /proc/$other/mountinfo || fail "not mounted in the other namespace"
expect 0 $fake mount -N $other -t penstock 10.0.0.1:/two "$mnt"
grep -q " $mnt .*10.0.0.1:/two" /proc/$other/mountinfo || fail "mount -N did not mount there"
not_mounted
kill $other
echo done
