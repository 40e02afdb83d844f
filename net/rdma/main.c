// SPDX-License-Identifier: GPL-2.0
/*
 * penstock_rdma.ko: a transport for penstock.ko, loaded when a mount wants it.
 *
 * A device that is removed needs no code here: each connection hears of it
 * from the connection manager, which waits until all of them have gone.
 */
#include <linux/module.h>
#include "rdma.h"

static int __init prdma_init(void)
{
	return prpc_transport_register(&prdma_ops);
}

static void __exit prdma_exit(void)
{
	prpc_transport_unregister(&prdma_ops);
}

module_init(prdma_init);
module_exit(prdma_exit);

MODULE_ALIAS("penstock-rdma");
MODULE_DESCRIPTION("penstock: RPC-over-RDMA transport");
MODULE_VERSION(PENSTOCK_VERSION);
MODULE_LICENSE("GPL");
