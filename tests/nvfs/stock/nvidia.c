// SPDX-License-Identifier: GPL-2.0
/*
 * nvidia.ko: plays the GPU's driver for an unmodified nvidia-fs.
 *
 * Memory "of the GPU" is what a program maps of /dev/fakegpu: blocks of 64 KiB
 * of ordinary memory of which no two neighbours are neighbours.  The DMA address
 * of a block is its linear address, which is what soft RoCE takes.  The GPU
 * itself is QEMU's pci-testdev, which is made to look like one.
 *
 * Compiled against nv-p2p.h of the distribution's driver package.
 */
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "nv-p2p.h"

#define G_BLOCK		SZ_64K
#define G_MAX		SZ_64M
#define G_BAR		SZ_256M

static unsigned int tables, mappings;
module_param(tables, uint, 0444);
MODULE_PARM_DESC(tables, "page tables handed out now");
module_param(mappings, uint, 0444);
MODULE_PARM_DESC(mappings, "DMA mappings now");

/* What a program has mapped; lives until the last page table has gone. */
struct g_buf {
	struct list_head link;
	refcount_t refs;
	refcount_t maps;
	struct mm_struct *mm;		/* compared only */
	unsigned long start;
	unsigned long nr;
	struct list_head tables;
	struct page *blocks[];
};

struct g_table {
	struct nvidia_p2p_page_table table;
	struct list_head link;
	struct g_buf *buf;
	void (*gone)(void *data);
	void *data;
	u8 uuid[NVIDIA_P2P_GPU_UUID_LEN];
	unsigned long first;		/* block */
};

/* Guards g_bufs, the tables of each, and the counters. */
static DEFINE_MUTEX(g_lock);
static LIST_HEAD(g_bufs);

/* ---- memory ---- */

static void g_buf_put(struct g_buf *b)
{
	unsigned long i, j;

	if (!refcount_dec_and_test(&b->refs))
		return;
	for (i = 0; i < b->nr; i++)
		for (j = 0; b->blocks[i] && j < G_BLOCK / PAGE_SIZE; j++)
			put_page(b->blocks[i] + j);
	kvfree(b);
}

static void g_vma_open(struct vm_area_struct *vma)
{
	struct g_buf *b = vma->vm_private_data;

	refcount_inc(&b->maps);
}

/* The program frees it or ends: whoever has it pinned is told, and waited for. */
static void g_vma_close(struct vm_area_struct *vma)
{
	struct g_buf *b = vma->vm_private_data;
	struct g_table *t;

	if (!refcount_dec_and_test(&b->maps))
		return;
	mutex_lock(&g_lock);
	list_del_init(&b->link);
	while ((t = list_first_entry_or_null(&b->tables, struct g_table, link))) {
		list_del_init(&t->link);
		mutex_unlock(&g_lock);
		if (t->gone)
			t->gone(t->data);
		mutex_lock(&g_lock);
	}
	mutex_unlock(&g_lock);
	g_buf_put(b);
}

static const struct vm_operations_struct g_vm_ops = {
	.open	= g_vma_open,
	.close	= g_vma_close,
};

static int g_fill(struct g_buf *b, struct vm_area_struct *vma)
{
	unsigned long i, j;
	int rc;

	/* the other way round than they were given out */
	for (i = b->nr; i--; ) {
		b->blocks[i] = alloc_pages(GFP_KERNEL | __GFP_ZERO, get_order(G_BLOCK));
		if (!b->blocks[i])
			return -ENOMEM;
		split_page(b->blocks[i], get_order(G_BLOCK));
	}
	for (i = 0; i < b->nr; i++) {
		for (j = 0; j < G_BLOCK / PAGE_SIZE; j++) {
			rc = vm_insert_page(vma, vma->vm_start + i * G_BLOCK + j * PAGE_SIZE,
					    b->blocks[i] + j);
			if (rc)
				return rc;
		}
	}
	return 0;
}

static int g_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long len = vma->vm_end - vma->vm_start;
	struct g_buf *b;
	int rc;

	if (!IS_ALIGNED(len | vma->vm_start, G_BLOCK) || len > G_MAX ||
	    !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	b = kvzalloc(struct_size(b, blocks, len / G_BLOCK), GFP_KERNEL);
	if (!b)
		return -ENOMEM;
	refcount_set(&b->refs, 1);
	refcount_set(&b->maps, 1);
	INIT_LIST_HEAD(&b->tables);
	b->mm = vma->vm_mm;
	b->start = vma->vm_start;
	b->nr = len / G_BLOCK;
	rc = g_fill(b, vma);
	if (rc) {
		g_buf_put(b);
		return rc;
	}
	vma->vm_ops = &g_vm_ops;
	vma->vm_private_data = b;
	mutex_lock(&g_lock);
	list_add(&b->link, &g_bufs);
	mutex_unlock(&g_lock);
	return 0;
}

static const struct file_operations g_fops = {
	.owner	= THIS_MODULE,
	.mmap	= g_mmap,
};

static struct miscdevice g_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "fakegpu",
	.fops	= &g_fops,
	.mode	= 0666,
};

/* ---- what nvidia-fs calls ---- */

static struct g_buf *g_find(unsigned long start, unsigned long len)
{
	struct g_buf *b;

	lockdep_assert_held(&g_lock);
	list_for_each_entry(b, &g_bufs, link)
		if (b->mm == current->mm && start >= b->start &&
		    start + len <= b->start + b->nr * G_BLOCK)
			return b;
	return NULL;
}

static void g_table_free(struct g_table *t)
{
	unsigned long i;

	for (i = 0; t->table.pages && i < t->table.entries; i++)
		kfree(t->table.pages[i]);
	kvfree(t->table.pages);
	kfree(t);
}

static struct g_table *g_table_make(struct g_buf *b, unsigned long first, unsigned long nr)
{
	struct g_table *t = kzalloc(sizeof(*t), GFP_KERNEL);
	unsigned long i;

	if (!t)
		return NULL;
	t->buf = b;
	t->first = first;
	t->table.version = NVIDIA_P2P_PAGE_TABLE_VERSION;
	t->table.page_size = NVIDIA_P2P_PAGE_SIZE_64KB;
	t->table.gpu_uuid = t->uuid;
	t->table.entries = nr;
	t->table.pages = kvcalloc(nr, sizeof(*t->table.pages), GFP_KERNEL);
	for (i = 0; t->table.pages && i < nr; i++) {
		t->table.pages[i] = kzalloc(sizeof(*t->table.pages[i]), GFP_KERNEL);
		if (!t->table.pages[i])
			break;
		t->table.pages[i]->physical_address = page_to_phys(b->blocks[first + i]);
	}
	if (i == nr)
		return t;
	g_table_free(t);
	return NULL;
}

int nvidia_p2p_get_pages(u64 token, u32 space, u64 addr, u64 len,
			 struct nvidia_p2p_page_table **table,
			 void (*gone)(void *data), void *data)
{
	struct g_table *t = NULL;
	struct g_buf *b;

	if (!IS_ALIGNED(addr | len, G_BLOCK) || !len || len > G_MAX)
		return -EINVAL;
	mutex_lock(&g_lock);
	b = g_find(addr, len);
	if (b)
		t = g_table_make(b, (addr - b->start) / G_BLOCK, len / G_BLOCK);
	if (t) {
		t->gone = gone;
		t->data = data;
		refcount_inc(&b->refs);
		list_add(&t->link, &b->tables);
		tables++;
		*table = &t->table;
	}
	mutex_unlock(&g_lock);
	return t ? 0 : b ? -ENOMEM : -EINVAL;
}
EXPORT_SYMBOL_GPL(nvidia_p2p_get_pages);

int nvidia_p2p_free_page_table(struct nvidia_p2p_page_table *table)
{
	struct g_table *t = container_of(table, struct g_table, table);
	struct g_buf *b = t->buf;

	mutex_lock(&g_lock);
	list_del(&t->link);
	tables--;
	mutex_unlock(&g_lock);
	g_table_free(t);
	g_buf_put(b);
	return 0;
}
EXPORT_SYMBOL_GPL(nvidia_p2p_free_page_table);

int nvidia_p2p_put_pages(u64 token, u32 space, u64 addr, struct nvidia_p2p_page_table *table)
{
	return nvidia_p2p_free_page_table(table);
}
EXPORT_SYMBOL_GPL(nvidia_p2p_put_pages);

/* Newer drivers: nobody is told when the memory goes, it stays. */
int nvidia_p2p_get_pages_persistent(u64 addr, u64 len, struct nvidia_p2p_page_table **table,
				    u32 flags)
{
	return nvidia_p2p_get_pages(0, 0, addr, len, table, NULL, NULL);
}
EXPORT_SYMBOL_GPL(nvidia_p2p_get_pages_persistent);

int nvidia_p2p_put_pages_persistent(u64 addr, struct nvidia_p2p_page_table *table, u32 flags)
{
	return nvidia_p2p_free_page_table(table);
}
EXPORT_SYMBOL_GPL(nvidia_p2p_put_pages_persistent);

int nvidia_p2p_dma_map_pages(struct pci_dev *peer, struct nvidia_p2p_page_table *table,
			     struct nvidia_p2p_dma_mapping **mapping)
{
	struct g_table *t = container_of(table, struct g_table, table);
	struct nvidia_p2p_dma_mapping *m = kzalloc(sizeof(*m), GFP_KERNEL);
	unsigned long i;

	if (m)
		m->dma_addresses = kvcalloc(table->entries, sizeof(u64), GFP_KERNEL);
	if (!m || !m->dma_addresses) {
		kfree(m);
		return -ENOMEM;
	}
	m->version = NVIDIA_P2P_DMA_MAPPING_VERSION;
	m->page_size_type = NVIDIA_P2P_PAGE_SIZE_64KB;
	m->entries = table->entries;
	m->pci_dev = peer;
	for (i = 0; i < table->entries; i++)
		m->dma_addresses[i] = (unsigned long)page_address(t->buf->blocks[t->first + i]);
	mutex_lock(&g_lock);
	mappings++;
	mutex_unlock(&g_lock);
	*mapping = m;
	return 0;
}
EXPORT_SYMBOL_GPL(nvidia_p2p_dma_map_pages);

int nvidia_p2p_free_dma_mapping(struct nvidia_p2p_dma_mapping *m)
{
	mutex_lock(&g_lock);
	mappings--;
	mutex_unlock(&g_lock);
	kvfree(m->dma_addresses);
	kfree(m);
	return 0;
}
EXPORT_SYMBOL_GPL(nvidia_p2p_free_dma_mapping);

int nvidia_p2p_dma_unmap_pages(struct pci_dev *peer, struct nvidia_p2p_page_table *table,
			       struct nvidia_p2p_dma_mapping *m)
{
	return nvidia_p2p_free_dma_mapping(m);
}
EXPORT_SYMBOL_GPL(nvidia_p2p_dma_unmap_pages);

/* ---- the device ---- */

static struct pci_dev *g_pci;
static struct {
	unsigned short vendor, device;
	unsigned int class;
	struct resource bar;
} g_true;

static void g_undo(void)
{
	g_pci->vendor = g_true.vendor;
	g_pci->device = g_true.device;
	g_pci->class = g_true.class;
	g_pci->resource[1] = g_true.bar;
	pci_dev_put(g_pci);
}

static int __init g_init(void)
{
	int rc;

	g_pci = pci_get_device(PCI_VENDOR_ID_REDHAT, 0x0005, NULL);
	if (!g_pci) {
		pr_err("nvidia (test double): there is no pci-testdev\n");
		return -ENODEV;
	}
	g_true.vendor = g_pci->vendor;
	g_true.device = g_pci->device;
	g_true.class = g_pci->class;
	g_true.bar = g_pci->resource[1];
	g_pci->vendor = PCI_VENDOR_ID_NVIDIA;
	g_pci->device = 0x20b0;
	g_pci->class = PCI_CLASS_DISPLAY_3D << 8;
	/* only looked at: how much of the memory can be pinned */
	g_pci->resource[1].start = 0x380000000000ULL;
	g_pci->resource[1].end = 0x380000000000ULL + G_BAR - 1;
	g_pci->resource[1].flags = IORESOURCE_MEM | IORESOURCE_MEM_64 | IORESOURCE_PREFETCH;
	rc = misc_register(&g_device);
	if (rc)
		g_undo();
	return rc;
}

static void __exit g_exit(void)
{
	misc_deregister(&g_device);
	g_undo();
}

module_init(g_init);
module_exit(g_exit);
MODULE_DESCRIPTION("penstock tests: plays the GPU's driver");
MODULE_VERSION("550.163.01");
MODULE_LICENSE("GPL");
