// SPDX-License-Identifier: GPL-2.0
/*
 * penstock_nvfs.ko: the door that nvidia-fs knocks at.
 *
 * nvidia-fs looks two symbols up by name when somebody opens its device, gives
 * a table of functions to the one, and calls the other when the last user has
 * gone.  Meanwhile it holds this module.  Which module has the symbols does not
 * matter, but there can be only one: a second one is refused by the loader,
 * which is why they are not in penstock_rdma.ko.
 *
 * Who uses the table holds a reference to it, for as long as something is
 * mapped, so that unregistering waits for the last unmap.
 */
#include <linux/completion.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/percpu-refcount.h>
#include "rdma.h"

/* nvfs_ops.features */
#define NVFS_MAP	BIT_ULL(1)
#define NVFS_MINE	BIT_ULL(2)
#define NVFS_RANK	BIT_ULL(3)
#define NVFS_NEEDED	(BIT_ULL(0) | NVFS_MAP | NVFS_MINE | NVFS_RANK)

/**
 * struct nvfs_ops - what nvidia-fs offers; its layout is nvidia-fs's
 * @features: which members are there
 * @map_blk: for block drivers
 * @map: number of entries; -2: no GPU page among them, nothing is held; -1:
 *	error, and the entries that have an address are still mapped
 * @unmap: entries unmapped, 0, or -1; looks at the pages alone
 * @mine: is this a GPU's page?
 * @index: of its GPU, or UINT_MAX
 * @rank: of a PCI device for that GPU; lower is nearer, the upper half is the
 *	distance
 */
struct nvfs_ops {
	u64 features;
	void *map_blk;
	int (*map)(struct device *dev, struct scatterlist *sg, int nents,
		   enum dma_data_direction dir, unsigned long attrs);
	int (*unmap)(struct device *dev, struct scatterlist *sg, int nents,
		     enum dma_data_direction dir);
	bool (*mine)(struct page *page);
	unsigned int (*index)(struct page *page);
	unsigned int (*rank)(struct device *dev, unsigned int gpu);
};

#define NVFS_NO_GPU	(-2)

static char *stand_in;
module_param(stand_in, charp, 0444);
MODULE_PARM_DESC(stand_in, "tests: PCI device, as 0000:00:02.0, that stands for RDMA devices in software");

static struct device *nvfs_stand_in;
/* Guards registering and unregistering; readers: RCU, then @nvfs_users. */
static DEFINE_MUTEX(nvfs_mutex);
static const struct nvfs_ops __rcu *nvfs_table;
static struct percpu_ref nvfs_users;
static DECLARE_COMPLETION(nvfs_idle);

/* ---- who uses the table ---- */

static void nvfs_users_gone(struct percpu_ref *ref)
{
	complete(&nvfs_idle);
}

static const struct nvfs_ops *nvfs_get(void)
{
	const struct nvfs_ops *ops;

	rcu_read_lock();
	ops = rcu_dereference(nvfs_table);
	if (ops && !percpu_ref_tryget_live(&nvfs_users))
		ops = NULL;
	rcu_read_unlock();
	return ops;
}

static void nvfs_put(void)
{
	percpu_ref_put(&nvfs_users);
}

/* ---- the mapper ---- */

/* nvidia-fs takes it for a PCI device without looking. */
static struct device *nvfs_device(struct ib_device *ib)
{
	struct device *dev = ib->dma_device;

	if (dev && dev_is_pci(dev))
		return dev;
	return ib_uses_virt_dma(ib) ? nvfs_stand_in : NULL;
}

static bool nvfs_mine(struct page *page)
{
	const struct nvfs_ops *ops;
	bool mine;

	/* it reads what only a page on its own has */
	if (PageCompound(page) || is_zone_device_page(page))
		return false;
	ops = nvfs_get();
	if (!ops)
		return false;
	mine = ops->mine(page);
	nvfs_put();
	return mine;
}

static u32 nvfs_index(struct page *page)
{
	const struct nvfs_ops *ops = nvfs_get();
	u32 gpu = U32_MAX;

	if (!ops)
		return gpu;
	gpu = ops->index(page);
	nvfs_put();
	return gpu;
}

static int nvfs_rank(struct ib_device *ib, u32 gpu)
{
	struct device *dev = nvfs_device(ib);
	const struct nvfs_ops *ops;
	u32 rank = U32_MAX;

	if (!dev)
		return -ENODEV;
	ops = nvfs_get();
	if (!ops)
		return -EIO;
	if (gpu != U32_MAX)
		rank = ops->rank(dev, gpu);
	nvfs_put();
	/* not known: as good as any other that is not */
	return min_t(u32, rank, INT_MAX);
}

/* An attempt has failed: the entries that got an address are held. */
static void nvfs_unmap_some(const struct nvfs_ops *ops, struct device *dev,
			    struct sg_table *sgt, enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i, n = 0;

	for_each_sg(sgt->sgl, sg, sgt->orig_nents, i) {
		if (!sg_dma_address(sg))
			break;
		n++;
	}
	if (n)
		ops->unmap(dev, sgt->sgl, n, dir);
}

static int nvfs_map(struct ib_device *ib, struct sg_table *sgt,
		    enum dma_data_direction dir)
{
	struct device *dev = nvfs_device(ib);
	const struct nvfs_ops *ops;
	struct scatterlist *sg;
	int i, n;

	ops = dev ? nvfs_get() : NULL;
	if (!ops)
		return -EIO;
	for_each_sg(sgt->sgl, sg, sgt->orig_nents, i) {
		sg_dma_address(sg) = 0;
		sg_dma_len(sg) = 0;
	}
	n = ops->map(dev, sgt->sgl, sgt->orig_nents, dir, 0);
	if (n == sgt->orig_nents)
		return 0;		/* the reference is nvfs_unmap()'s */
	if (n != NVFS_NO_GPU)
		nvfs_unmap_some(ops, dev, sgt, dir);
	nvfs_put();
	return -EIO;
}

static void nvfs_unmap(struct ib_device *ib, struct sg_table *sgt,
		       enum dma_data_direction dir)
{
	/* what the table's reference, taken by nvfs_map(), keeps */
	const struct nvfs_ops *ops = rcu_dereference_protected(nvfs_table, true);

	if (ops->unmap(nvfs_device(ib), sgt->sgl, sgt->orig_nents, dir) <= 0)
		pr_warn_ratelimited("penstock: nvidia-fs does not take back GPU memory that it has mapped for %s; it stays pinned\n",
				    dev_name(&ib->dev));
	nvfs_put();
}

static const struct prdma_mapper nvfs_mapper = {
	.gpu.owner	= THIS_MODULE,
	.gpu.mine	= nvfs_mine,
	.gpu.index	= nvfs_index,
	.rank		= nvfs_rank,
	.map		= nvfs_map,
	.unmap		= nvfs_unmap,
};

/* ---- what nvidia-fs calls ---- */

int rpcrdma_register_nvfs_dma_ops(struct nvfs_ops *ops);
void rpcrdma_unregister_nvfs_dma_ops(void);

int rpcrdma_register_nvfs_dma_ops(struct nvfs_ops *ops)
{
	int error = -EBUSY;

	if (!ops || (ops->features & NVFS_NEEDED) != NVFS_NEEDED) {
		pr_err("penstock: this nvidia-fs lacks functions that GPU memory over RDMA needs (it has 0x%llx); GPUDirect stays off\n",
		       ops ? ops->features : 0);
		return -EOPNOTSUPP;
	}
	mutex_lock(&nvfs_mutex);
	if (!rcu_access_pointer(nvfs_table))
		error = percpu_ref_init(&nvfs_users, nvfs_users_gone, 0, GFP_KERNEL);
	if (!error) {
		reinit_completion(&nvfs_idle);
		rcu_assign_pointer(nvfs_table, ops);
	}
	mutex_unlock(&nvfs_mutex);
	return error;
}
EXPORT_SYMBOL_GPL(rpcrdma_register_nvfs_dma_ops);

void rpcrdma_unregister_nvfs_dma_ops(void)
{
	mutex_lock(&nvfs_mutex);
	if (rcu_access_pointer(nvfs_table)) {
		percpu_ref_kill(&nvfs_users);
		/* each of them ends: who is killed takes its calls back */
		wait_for_completion(&nvfs_idle);
		RCU_INIT_POINTER(nvfs_table, NULL);
		/* nobody is on the way to the reference any more */
		synchronize_rcu();
		percpu_ref_exit(&nvfs_users);
	}
	mutex_unlock(&nvfs_mutex);
}
EXPORT_SYMBOL_GPL(rpcrdma_unregister_nvfs_dma_ops);

/* ---- the module ---- */

static int __init nvfs_init(void)
{
	int error;

	if (stand_in) {
		nvfs_stand_in = bus_find_device_by_name(&pci_bus_type, NULL, stand_in);
		if (!nvfs_stand_in) {
			pr_err("penstock: there is no PCI device %s\n", stand_in);
			return -ENODEV;
		}
	}
	error = prdma_set_mapper(&nvfs_mapper);
	if (error)
		put_device(nvfs_stand_in);
	return error;
}

static void __exit nvfs_exit(void)
{
	prdma_set_mapper(NULL);
	put_device(nvfs_stand_in);
}

module_init(nvfs_init);
module_exit(nvfs_exit);

MODULE_DESCRIPTION("penstock: GPU memory through nvidia-fs");
MODULE_VERSION(PENSTOCK_VERSION);
MODULE_LICENSE("GPL");
