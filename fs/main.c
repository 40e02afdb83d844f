// SPDX-License-Identifier: GPL-2.0
/* Module start and end: a list and a ladder. */
#include <linux/module.h>
#include <linux/slab.h>
#include "penstock.h"

struct workqueue_struct *ps_wq;
struct kmem_cache *ps_inode_cache;

struct file_system_type ps_fs_type = {
	.owner = THIS_MODULE,
	.name = "penstock",
	.init_fs_context = ps_init_fs_context,
	.parameters = ps_params,
	.kill_sb = ps_kill_sb,
	.fs_flags = FS_RENAME_DOES_D_MOVE,
};
MODULE_ALIAS_FS("penstock");

static int __init ps_init(void)
{
	int rc;

	rc = prpc_init();
	if (rc)
		return rc;
	rc = pn4_init();
	if (rc)
		goto err_rpc;
	rc = ps_writeback_init();
	if (rc)
		goto err_nfs4;
	rc = ps_direct_init();
	if (rc)
		goto err_writeback;
	rc = -ENOMEM;
	ps_wq = alloc_workqueue("penstock_fs", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!ps_wq)
		goto err_direct;
	ps_inode_cache = kmem_cache_create("penstock_inode",
			sizeof(struct ps_inode), 0,
			SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, ps_inode_once);
	if (!ps_inode_cache)
		goto err_wq;
	rc = ps_shrink_init();
	if (rc)
		goto err_cache;
	rc = ps_sysfs_init();
	if (rc)
		goto err_shrink;
	rc = register_filesystem(&ps_fs_type);
	if (rc)
		goto err_sysfs;
	return 0;

err_sysfs:
	ps_sysfs_exit();
err_shrink:
	ps_shrink_exit();
err_cache:
	kmem_cache_destroy(ps_inode_cache);
err_wq:
	destroy_workqueue(ps_wq);
err_direct:
	ps_direct_exit();
err_writeback:
	ps_writeback_exit();
err_nfs4:
	pn4_exit();
err_rpc:
	prpc_exit();
	return rc;
}

static void __exit ps_exit(void)
{
	unregister_filesystem(&ps_fs_type);
	ps_submount_exit();
	ps_sysfs_exit();
	ps_shrink_exit();
	rcu_barrier();		/* inodes and access entries being freed */
	kmem_cache_destroy(ps_inode_cache);
	destroy_workqueue(ps_wq);
	ps_direct_exit();
	ps_writeback_exit();
	pn4_exit();
	prpc_exit();
}

module_init(ps_init);
module_exit(ps_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("penstock, a parallel NFSv4.2 client");
MODULE_VERSION(PENSTOCK_VERSION);
