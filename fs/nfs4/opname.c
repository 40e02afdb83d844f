// SPDX-License-Identifier: GPL-2.0
/* Names of operations for statistics. */
#include "internal.h"

static const char * const pn4_op_names[PN4_OP_COUNT] = {
	[PN4_OP_ACCESS] = "access",
	[PN4_OP_CLOSE] = "close",
	[PN4_OP_COMMIT] = "commit",
	[PN4_OP_CREATE] = "create",
	[PN4_OP_DELEGRETURN] = "delegreturn",
	[PN4_OP_GETATTR] = "getattr",
	[PN4_OP_GETFH] = "getfh",
	[PN4_OP_LINK] = "link",
	[PN4_OP_LOCK] = "lock",
	[PN4_OP_LOCKT] = "lockt",
	[PN4_OP_LOCKU] = "locku",
	[PN4_OP_LOOKUP] = "lookup",
	[PN4_OP_LOOKUPP] = "lookupp",
	[PN4_OP_OPEN] = "open",
	[PN4_OP_PUTROOTFH] = "putrootfh",
	[PN4_OP_READ] = "read",
	[PN4_OP_READDIR] = "readdir",
	[PN4_OP_READLINK] = "readlink",
	[PN4_OP_REMOVE] = "remove",
	[PN4_OP_RENAME] = "rename",
	[PN4_OP_SECINFO] = "secinfo",
	[PN4_OP_SETATTR] = "setattr",
	[PN4_OP_WRITE] = "write",
	[PN4_OP_BIND_CONN_TO_SESSION] = "bind_conn_to_session",
	[PN4_OP_EXCHANGE_ID] = "exchange_id",
	[PN4_OP_CREATE_SESSION] = "create_session",
	[PN4_OP_DESTROY_SESSION] = "destroy_session",
	[PN4_OP_FREE_STATEID] = "free_stateid",
	[PN4_OP_SECINFO_NO_NAME] = "secinfo_no_name",
	[PN4_OP_SEQUENCE] = "sequence",
	[PN4_OP_TEST_STATEID] = "test_stateid",
	[PN4_OP_DESTROY_CLIENTID] = "destroy_clientid",
	[PN4_OP_RECLAIM_COMPLETE] = "reclaim_complete",
	[PN4_OP_ALLOCATE] = "allocate",
	[PN4_OP_COPY] = "copy",
	[PN4_OP_DEALLOCATE] = "deallocate",
	[PN4_OP_SEEK] = "seek",
	[PN4_OP_CLONE] = "clone",
	[PN4_OP_GETXATTR] = "getxattr",
	[PN4_OP_SETXATTR] = "setxattr",
	[PN4_OP_LISTXATTRS] = "listxattrs",
	[PN4_OP_REMOVEXATTR] = "removexattr",
};

const char *pn4_op_name(u32 op)
{
	return op < PN4_OP_COUNT && pn4_op_names[op] ? pn4_op_names[op] : "other";
}
