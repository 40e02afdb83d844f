/* SPDX-License-Identifier: GPL-2.0 */
/* Events of RDMA connections.  All events of one call print its xid. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM penstock_rdma

#if !defined(PENSTOCK_RDMA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define PENSTOCK_RDMA_TRACE_H

#include <linux/in6.h>
#include <linux/tracepoint.h>
#include "rdma.h"

#define PRDMA_TRACE_ADDR	sizeof(struct sockaddr_in6)

TRACE_EVENT(prdma_cm_event,
	TP_PROTO(const struct prdma_conn *c, const struct rdma_cm_event *ev),
	TP_ARGS(c, ev),
	TP_STRUCT__entry(
		__array(u8, addr, PRDMA_TRACE_ADDR)
		__field(int, event)
		__field(int, status)
	),
	TP_fast_assign(
		memcpy(__entry->addr, &c->conn.addr, PRDMA_TRACE_ADDR);
		__entry->event = ev->event;
		__entry->status = ev->status;
	),
	TP_printk("addr=%pISpc event=%d status=%d", __entry->addr,
		  __entry->event, __entry->status)
);

TRACE_EVENT(prdma_wc_failed,
	TP_PROTO(const struct prdma_conn *c, const struct ib_wc *wc),
	TP_ARGS(c, wc),
	TP_STRUCT__entry(
		__array(u8, addr, PRDMA_TRACE_ADDR)
		__field(u32, status)
		__field(u32, vendor)
	),
	TP_fast_assign(
		memcpy(__entry->addr, &c->conn.addr, PRDMA_TRACE_ADDR);
		__entry->status = wc->status;
		__entry->vendor = wc->vendor_err;
	),
	TP_printk("addr=%pISpc status=%u vendor=0x%x", __entry->addr,
		  __entry->status, __entry->vendor)
);

TRACE_EVENT(prdma_send,
	TP_PROTO(const struct prdma_req *r),
	TP_ARGS(r),
	TP_STRUCT__entry(
		__field(u32, xid)
		__field(u32, inlined)
		__field(u32, message)
		__field(u32, read)
		__field(u32, write)
		__field(u32, reply)
		__field(bool, bounced)
	),
	TP_fast_assign(
		__entry->xid = r->xid;
		__entry->inlined = r->sge[0].length;
		__entry->message = r->h.message.nr;
		__entry->read = r->h.read.nr;
		__entry->write = r->h.write.nr;
		__entry->reply = r->h.reply.nr;
		__entry->bounced = r->bounce;
	),
	TP_printk("xid=%08x head=%u segments: message=%u read=%u write=%u reply=%u%s",
		  __entry->xid, __entry->inlined, __entry->message, __entry->read,
		  __entry->write, __entry->reply,
		  __entry->bounced ? " bounced" : "")
);

TRACE_EVENT(prdma_reply,
	TP_PROTO(const struct prdma_message *m, const struct prpc_call *call,
		 u32 grant, bool invalidated),
	TP_ARGS(m, call, grant, invalidated),
	TP_STRUCT__entry(
		__field(u32, xid)
		__field(u32, proc)
		__field(u32, len)
		__field(u32, grant)
		__field(bool, invalidated)
		__field(bool, stray)
	),
	TP_fast_assign(
		__entry->xid = m->xid;
		__entry->proc = m->proc;
		__entry->len = m->body_len;
		__entry->grant = grant;
		__entry->invalidated = invalidated;
		__entry->stray = !call;
	),
	TP_printk("xid=%08x %s inline=%u grant=%u%s%s", __entry->xid,
		  __print_symbolic(__entry->proc, { 0, "MSG" }, { 1, "NOMSG" },
				   { 4, "ERROR" }),
		  __entry->len, __entry->grant,
		  __entry->invalidated ? " invalidated" : "",
		  __entry->stray ? " stray" : "")
);

TRACE_EVENT(prdma_invalidate,
	TP_PROTO(u32 xid, u32 nr),
	TP_ARGS(xid, nr),
	TP_STRUCT__entry(
		__field(u32, xid)
		__field(u32, nr)
	),
	TP_fast_assign(
		__entry->xid = xid;
		__entry->nr = nr;
	),
	TP_printk("xid=%08x regions=%u", __entry->xid, __entry->nr)
);

TRACE_EVENT(prdma_cancel,
	TP_PROTO(const struct prdma_req *r),
	TP_ARGS(r),
	TP_STRUCT__entry(
		__field(u32, xid)
		__field(u32, regions)
		__field(bool, replied)
	),
	TP_fast_assign(
		__entry->xid = r->xid;
		__entry->regions = r->nr_mrs;
		__entry->replied = r->rep;
	),
	TP_printk("xid=%08x regions=%u%s", __entry->xid, __entry->regions,
		  __entry->replied ? " replied" : "")
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
