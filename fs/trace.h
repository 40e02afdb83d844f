/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM penstock_fs

#if !defined(PENSTOCK_FS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define PENSTOCK_FS_TRACE_H

#include <linux/tracepoint.h>
#include "penstock.h"

DECLARE_EVENT_CLASS(ps_range_class,
	TP_PROTO(const struct inode *inode, loff_t pos, size_t len),
	TP_ARGS(inode, pos, len),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, fileid)
		__field(loff_t, pos)
		__field(size_t, len)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->fileid = PS_I(inode)->fileid;
		__entry->pos = pos;
		__entry->len = len;
	),
	TP_printk("dev=%u:%u fileid=%llu pos=%lld len=%zu",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->fileid,
		  __entry->pos, __entry->len)
);

#define PS_RANGE_EVENT(name)						\
DEFINE_EVENT(ps_range_class, name,					\
	TP_PROTO(const struct inode *inode, loff_t pos, size_t len),	\
	TP_ARGS(inode, pos, len))

PS_RANGE_EVENT(ps_read);
PS_RANGE_EVENT(ps_write);
PS_RANGE_EVENT(ps_writeback);
PS_RANGE_EVENT(ps_direct);

TRACE_EVENT(ps_direct_memory,
	TP_PROTO(const struct inode *inode, loff_t pos, size_t len,
		 enum prpc_memory memory, int error),
	TP_ARGS(inode, pos, len, memory, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, fileid)
		__field(loff_t, pos)
		__field(size_t, len)
		__field(u32, memory)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->fileid = PS_I(inode)->fileid;
		__entry->pos = pos;
		__entry->len = len;
		__entry->memory = memory;
		__entry->error = error;
	),
	TP_printk("dev=%u:%u fileid=%llu pos=%lld len=%zu %s error=%d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->fileid,
		  __entry->pos, __entry->len,
		  __print_symbolic(__entry->memory, { PRPC_MEM_HOST, "host" },
				   { PRPC_MEM_BOUNCE, "bounced" },
				   { PRPC_MEM_PEER, "p2p" }, { PRPC_MEM_GPU, "gpu" }),
		  __entry->error)
);

DECLARE_EVENT_CLASS(ps_done_class,
	TP_PROTO(const struct inode *inode, loff_t pos, size_t done, int error),
	TP_ARGS(inode, pos, done, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, fileid)
		__field(loff_t, pos)
		__field(size_t, done)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->fileid = PS_I(inode)->fileid;
		__entry->pos = pos;
		__entry->done = done;
		__entry->error = error;
	),
	TP_printk("dev=%u:%u fileid=%llu pos=%lld done=%zu error=%d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->fileid,
		  __entry->pos, __entry->done, __entry->error)
);

#define PS_DONE_EVENT(name)						\
DEFINE_EVENT(ps_done_class, name,					\
	TP_PROTO(const struct inode *inode, loff_t pos, size_t done, int error), \
	TP_ARGS(inode, pos, done, error))

PS_DONE_EVENT(ps_read_done);
PS_DONE_EVENT(ps_writeback_done);
PS_DONE_EVENT(ps_direct_done);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
