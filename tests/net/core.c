// SPDX-License-Identifier: GPL-2.0
/* net/ as one object: the driver has a copy of its own beside penstock.ko's. */
#include "../../net/rpc.c"
#include "../../net/take.c"
#include "../../net/backchannel.c"
#include "../../net/auth.c"
#include "../../net/krb5.c"
#include "../../net/gss.c"
#include "../../net/gss_call.c"
#include "../../net/gss_wire.c"
#include "../../net/path.c"
#include "../../net/choose.c"
#include "../../net/rail.c"
#include "../../net/change.c"
#include "../../net/health.c"
#include "../../net/link.c"
#include "../../net/fallback.c"
#include "../../net/peer.c"
#include "../../net/memory.c"
#include "../../net/stats.c"
#include "../../net/sysfs.c"
#include "../../net/tcp.c"
#include "../../net/tcp_rx.c"
#include "../../net/tcp_tx.c"
#ifdef CONFIG_NET_HANDSHAKE
#include "../../net/tls.c"
#endif
/* last: it makes the events of every later include of trace.h once more */
#include "../../net/trace.c"
