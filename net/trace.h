/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events of calls and connections.  All events of one call print its xid, 0
 * while it has none.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM penstock_net

#if !defined(PENSTOCK_NET_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define PENSTOCK_NET_TRACE_H

#include <linux/in6.h>
#include <linux/ktime.h>
#include <linux/tracepoint.h>
#include "internal.h"

#define PRPC_TRACE_ADDR	sizeof(struct sockaddr_in6)
#define PRPC_TRACE_RAIL	24

#define prpc_show_state(state)						\
	__print_symbolic(state,						\
			 { PRPC_PATH_IDLE,	 "IDLE" },		\
			 { PRPC_PATH_BACKOFF,	 "BACKOFF" },		\
			 { PRPC_PATH_CONNECTING, "CONNECTING" },	\
			 { PRPC_PATH_GREETING,	 "GREETING" },		\
			 { PRPC_PATH_LIVE,	 "LIVE" },		\
			 { PRPC_PATH_CLOSING,	 "CLOSING" },		\
			 { PRPC_PATH_REFUSED,	 "REFUSED" })

TRACE_EVENT(prpc_path_state,
	TP_PROTO(const struct prpc_path *path, int old, int new),
	TP_ARGS(path, old, new),
	TP_STRUCT__entry(
		__array(u8, addr, PRPC_TRACE_ADDR)
		__array(char, rail, PRPC_TRACE_RAIL)
		__field(int, old)
		__field(int, new)
	),
	TP_fast_assign(
		memcpy(__entry->addr, &path->addr, PRPC_TRACE_ADDR);
		strscpy(__entry->rail, path->rail.name, PRPC_TRACE_RAIL);
		__entry->old = old;
		__entry->new = new;
	),
	TP_printk("addr=%pISpc rail=%s %s -> %s", __entry->addr, __entry->rail,
		  prpc_show_state(__entry->old), prpc_show_state(__entry->new))
);

DECLARE_EVENT_CLASS(prpc_conn_event,
	TP_PROTO(const struct prpc_conn *conn, int error),
	TP_ARGS(conn, error),
	TP_STRUCT__entry(
		__array(u8, addr, PRPC_TRACE_ADDR)
		__field(int, error)
	),
	TP_fast_assign(
		memcpy(__entry->addr, &conn->addr, PRPC_TRACE_ADDR);
		__entry->error = error;
	),
	TP_printk("addr=%pISpc error=%d", __entry->addr, __entry->error)
);

DEFINE_EVENT(prpc_conn_event, prpc_connect,
	TP_PROTO(const struct prpc_conn *conn, int error),
	TP_ARGS(conn, error));

DEFINE_EVENT(prpc_conn_event, prpc_conn_down,
	TP_PROTO(const struct prpc_conn *conn, int error),
	TP_ARGS(conn, error));

TRACE_EVENT(prpc_submit,
	TP_PROTO(const struct prpc_peer *peer, const struct prpc_call *call),
	TP_ARGS(peer, call),
	TP_STRUCT__entry(
		__field(u32, xid)
		__field(u32, len)
		__field(u32, out)
		__field(u32, in)
		__field(bool, waits)
	),
	TP_fast_assign(
		__entry->xid = call->xid;
		__entry->len = pxdr_enc_len(&call->enc);
		__entry->out = call->out.len;
		__entry->in = call->in.len;
		__entry->waits = !call->conn;
	),
	TP_printk("xid=%08x len=%u out=%u in=%u%s", __entry->xid, __entry->len,
		  __entry->out, __entry->in, __entry->waits ? " waits" : "")
);

TRACE_EVENT(prpc_send,
	TP_PROTO(const struct prpc_conn *conn, const struct prpc_call *call),
	TP_ARGS(conn, call),
	TP_STRUCT__entry(
		__array(u8, addr, PRPC_TRACE_ADDR)
		__field(u32, xid)
		__field(u32, sends)
	),
	TP_fast_assign(
		memcpy(__entry->addr, &conn->addr, PRPC_TRACE_ADDR);
		__entry->xid = call->xid;
		__entry->sends = call->sends;
	),
	TP_printk("xid=%08x sends=%u addr=%pISpc", __entry->xid, __entry->sends,
		  __entry->addr)
);

TRACE_EVENT(prpc_complete,
	TP_PROTO(const struct prpc_call *call),
	TP_ARGS(call),
	TP_STRUCT__entry(
		__field(u32, xid)
		__field(int, error)
		__field(u32, reply_len)
		__field(u32, in_len)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->xid = call->xid;
		__entry->error = call->error;
		__entry->reply_len = call->reply_len;
		__entry->in_len = call->in_len;
		__entry->ns = call->start_ns ?
			      ktime_get_ns() - call->start_ns : 0;
	),
	TP_printk("xid=%08x error=%d reply=%u in=%u ns=%llu", __entry->xid,
		  __entry->error, __entry->reply_len, __entry->in_len,
		  __entry->ns)
);

TRACE_EVENT(prpc_stray,
	TP_PROTO(const struct prpc_conn *conn, u32 xid),
	TP_ARGS(conn, xid),
	TP_STRUCT__entry(
		__array(u8, addr, PRPC_TRACE_ADDR)
		__field(u32, xid)
	),
	TP_fast_assign(
		memcpy(__entry->addr, &conn->addr, PRPC_TRACE_ADDR);
		__entry->xid = xid;
	),
	TP_printk("xid=%08x addr=%pISpc", __entry->xid, __entry->addr)
);

TRACE_EVENT(prpc_refuse,
	TP_PROTO(const struct prpc_conn *conn, const struct prpc_call *call,
		 const struct prpc_data *data, int error),
	TP_ARGS(conn, call, data, error),
	TP_STRUCT__entry(
		__array(u8, addr, PRPC_TRACE_ADDR)
		__field(u32, xid)
		__field(u32, len)
		__field(u32, memory)
		__field(int, error)
	),
	TP_fast_assign(
		memcpy(__entry->addr, &conn->addr, PRPC_TRACE_ADDR);
		__entry->xid = call->xid;
		__entry->len = data->len;
		__entry->memory = data->memory;
		__entry->error = error;
	),
	TP_printk("xid=%08x %s len=%u error=%d addr=%pISpc", __entry->xid,
		  __print_symbolic(__entry->memory, { PRPC_MEM_PEER, "p2p" },
				   { PRPC_MEM_GPU, "gpu" }),
		  __entry->len, __entry->error, __entry->addr)
);

TRACE_EVENT(prpc_callback,
	TP_PROTO(u32 xid, u32 proc, u32 stat, u32 len),
	TP_ARGS(xid, proc, stat, len),
	TP_STRUCT__entry(
		__field(u32, xid)
		__field(u32, proc)
		__field(u32, stat)
		__field(u32, len)
	),
	TP_fast_assign(
		__entry->xid = xid;
		__entry->proc = proc;
		__entry->stat = stat;
		__entry->len = len;
	),
	TP_printk("xid=%08x proc=%u stat=%u reply=%u", __entry->xid,
		  __entry->proc, __entry->stat, __entry->len)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
