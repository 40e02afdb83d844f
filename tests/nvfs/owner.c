// SPDX-License-Identifier: GPL-2.0
/* Another file system's module that exports what nvidia-fs looks for. */
#include <linux/module.h>

int rpcrdma_register_nvfs_dma_ops(void *ops);
void rpcrdma_unregister_nvfs_dma_ops(void);

int rpcrdma_register_nvfs_dma_ops(void *ops)
{
	return -EOPNOTSUPP;
}
EXPORT_SYMBOL_GPL(rpcrdma_register_nvfs_dma_ops);

void rpcrdma_unregister_nvfs_dma_ops(void)
{
}
EXPORT_SYMBOL_GPL(rpcrdma_unregister_nvfs_dma_ops);

MODULE_DESCRIPTION("penstock tests: owner of the symbols that nvidia-fs looks for");
MODULE_LICENSE("GPL");
