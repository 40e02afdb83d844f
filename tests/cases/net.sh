# SPDX-License-Identifier: GPL-2.0
# Topology: client, by itself. net/ without a file system on top of it, against
# a server that misbehaves on request; tests/net/run says how.

#: fs=penstock from=none timeout=240 proto=tcp
t_transport() {
	. /penstock/guest/env
	# Both modules define the same trace events: only one can be loaded.
	trap /penstock/guest/load EXIT
	/penstock/guest/load -u
	/penstock/repo/tests/net/run /penstock/repo/build/$KERNEL/penstock_net_test.ko
}
