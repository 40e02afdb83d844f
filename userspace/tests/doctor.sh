#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# penstock doctor --gpu on made-up hosts.  $1: the folder of built programs.
set -eu
doctor="$1/penstock doctor --gpu"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
fail() { echo "doctor: $*"; exit 1; }

# device ADDRESS-PATH CLASS VENDOR: below the first root complex
device() {
	local dir=$root/sys/devices/pci0000:00/$1
	mkdir -p "$dir" "$root/sys/bus/pci/devices"
	echo "$2" >"$dir/class"
	echo "$3" >"$dir/vendor"
	ln -sfn "$dir" "$root/sys/bus/pci/devices/$(basename "$1")"
}

# space ADDRESS DEVCTL ACS: 4 KiB of configuration space
space() {
	python3 - "$root/sys/bus/pci/devices/$1/config" "$2" "$3" <<'PY'
import sys
space = bytearray(4096)
space[0x34] = 0x40
space[0x40:0x42] = bytes((0x10, 0))
space[0x48] = int(sys.argv[2], 0)
space[0x100:0x104] = (0x0d | 1 << 16).to_bytes(4, "little")
space[0x106] = int(sys.argv[3], 0)
open(sys.argv[1], "wb").write(space)
PY
}

says() {
	grep -q -- "$1" "$root/out" || { cat "$root/out"; fail "does not say: $1"; }
}

run() {
	status=0
	$doctor --root "$root" >"$root/out" || status=$?
}

run
[ $status = 32 ] || fail "status $status on an empty host"
says '^missing  rail .*no RDMA device'
says 'no GPU of NVIDIA or AMD'

# all is well: GPU and card behind one switch
device 0000:00:01.0/0000:01:00.0 0x060400 0x8086
device 0000:00:01.0/0000:01:00.0/0000:02:00.0 0x060400 0x8086
device 0000:00:01.0/0000:01:00.0/0000:02:00.0/0000:03:00.0 0x030200 0x10de
device 0000:00:01.0/0000:01:00.0/0000:02:01.0/0000:04:00.0 0x020700 0x15b3
device 0000:00:02.0 0x030000 0x1234
mkdir -p "$root/sys/class/infiniband/mlx5_0" "$root/sys/module/nvidia" "$root/sys/module/nvidia_fs" \
	"$root/proc/self" "$root/etc" "$root/boot" "$root/sys/kernel/iommu_groups/0"
ln -sfn "$root/sys/bus/pci/devices/0000:04:00.0" "$root/sys/class/infiniband/mlx5_0/device"
echo 550.163 >"$root/sys/module/nvidia/version"
echo 2.19.7 >"$root/sys/module/nvidia_fs/version"
echo 'CONFIG_PCI_P2PDMA=y' >"$root/boot/config-$(uname -r)"
echo 'identity' >"$root/sys/kernel/iommu_groups/0/type"
echo '{ "denylist": { "filesystems": [ "cifs" ] } }' >"$root/etc/cufile.json"
printf '0 T rpcrdma_register_nvfs_dma_ops\t[penstock_nvfs]\n' >"$root/proc/kallsyms"
space 0000:03:00.0 0x10 0
space 0000:04:00.0 0x10 0
space 0000:02:00.0 0 0
run
[ $status = 0 ] || { cat "$root/out"; fail "status $status on a good host"; }
says '^ok  *pair .*GPU 0000:03:00.0 and mlx5_0 are behind the same switch'
says '^ok  *door .*penstock_nvfs has'
says '^ok  *iommu .*passes addresses through'
! grep -q relaxed "$root/out" || fail "complains about relaxed ordering"
! grep -q '^[a-z]*  *acs' "$root/out" || fail "complains about ACS"

# and with everything wrong
printf '0 T rpcrdma_register_nvfs_dma_ops\t[rpcrdma]\n' >"$root/proc/kallsyms"
echo 'DMA-FQ' >"$root/sys/kernel/iommu_groups/0/type"
printf '{ "denylist": { // "nfs" is below\n "filesystems": [ "cifs", "nfs" ] } }\n' >"$root/etc/cufile.json"
space 0000:03:00.0 0 0
space 0000:02:00.0 0 0x1d
printf 'device n:/e mounted on /mnt with fstype penstock statvers=1.1\n\tpath: tcp 10.0.0.1:2049 state=LIVE\n\tgpudirect: mode=auto gpu_read=7\n' \
	>"$root/proc/self/mountstats"
run
[ $status = 32 ] || fail "status $status on a bad host"
says 'belong to rpcrdma'
says 'boot with iommu=pt'
says '^missing  cufile .*denies the file system'
says 'relaxed ordering'
says 'ACS redirect on'
says '/mnt uses TCP.*gpu_read=7'
$doctor --json --root "$root" >"$root/json" || true
python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); assert d["ok"] is False and len(d["findings"]) > 8' "$root/json" ||
	fail "the JSON is wrong"

# a comment does not deny
printf '{ // "denylist": { "filesystems": [ "nfs" ] }\n }\n' >"$root/etc/cufile.json"
run
says 'does not deny penstock'
