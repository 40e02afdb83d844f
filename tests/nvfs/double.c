// SPDX-License-Identifier: GPL-2.0
/*
 * A double that plays nvidia-fs's side of the interface, without a GPU.
 *
 * /dev/nvfs_double, mapped, is a buffer of "GPU" memory: the pages that the
 * application sees only stand for it.  The memory itself is in blocks of 64 KiB
 * of which no two neighbours are neighbours, and only their DMA addresses lead
 * there.  pread and pwrite of the device look at it and change it.  An ioctl
 * has a file read into or written from it, as nvidia-fs does: by read_iter and
 * write_iter with the stand-in pages.
 *
 * As nvidia-fs, it finds the transport by symbol name when the device is
 * opened, and lets go of it when the last user has gone.  What nvidia-fs would
 * take without a word, and what would break it, is counted, see below.
 */
#include <linux/completion.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/xarray.h>

#define D_BLOCK		SZ_64K
#define D_BLOCK_PAGES	(D_BLOCK / PAGE_SIZE)
#define D_MAX		SZ_32M
#define D_CANARY	0x5a
#define D_IO_MAX	SZ_16M

/* As nvidia-fs lays it out. */
struct d_ops {
	u64 features;
	void *map_blk;
	int (*map)(struct device *dev, struct scatterlist *sg, int nents,
		   enum dma_data_direction dir, unsigned long attrs);
	int (*unmap)(struct device *dev, struct scatterlist *sg, int nents,
		     enum dma_data_direction dir);
	bool (*mine)(struct page *page);
	unsigned int (*index)(struct page *page);
	unsigned int (*rank)(struct device *dev, unsigned int gpu);
	void *rdma_info;
};

/* ---- what a test sets and sees ---- */

#define D_PARAM(name, value, text)				\
	static unsigned int name = value;			\
	module_param(name, uint, 0644);				\
	MODULE_PARM_DESC(name, text)

D_PARAM(features, 0x1f, "what registering offers");
D_PARAM(fail_at, 0, "fail the map of this entry, counted from 1, once");
D_PARAM(maps, 0, "entries mapped");
D_PARAM(unmaps, 0, "entries unmapped");
D_PARAM(active, 0, "entries mapped now");
D_PARAM(registers, 0, "times registered");
D_PARAM(unregisters, 0, "times unregistered");
D_PARAM(bound, 0, "registered now");
/* Each of these is somebody's mistake. */
D_PARAM(holes, 0, "pages said to be done that were never mapped");
D_PARAM(leaks, 0, "pages still mapped when their request had ended");
D_PARAM(touched, 0, "stand-in pages that the CPU has written to");
D_PARAM(joined, 0, "entries of more than one page");
D_PARAM(misused, 0, "maps and unmaps that make no sense");

struct d_buf;

/* A stand-in page and what it stands for. */
struct d_page {
	struct d_buf *buf;
	struct page *page;
	void *gpu;
	unsigned int maps;
	enum { D_IDLE, D_QUEUED, D_STARTED } state;
};

struct d_buf {
	unsigned long nr;
	unsigned long start;		/* user address */
	struct d_page *pages;
	void **blocks;
	struct mutex io;
};

/* Argument of the ioctl. */
struct d_io {
	s32 fd;
	u32 flags;
#define D_WRITE	1
#define D_ASYNC	2
	u64 pos;
	u64 len;
	u64 at;
	s64 result;
};

#define D_IOCTL_IO		_IOWR('N', 1, struct d_io)
#define D_IOCTL_UNREGISTER	_IO('N', 2)

static DEFINE_XARRAY(d_pages);		/* struct d_page by page frame */
static DEFINE_SPINLOCK(d_states);		/* states and counters */
static DEFINE_MUTEX(d_binding);		/* @d_users and what follows */
static unsigned int d_users;
static int (*d_register)(struct d_ops *ops);
static void (*d_unregister)(void);

static struct d_page *d_find(struct page *page)
{
	return xa_load(&d_pages, page_to_pfn(page));
}

/* ---- the functions that the transport calls ---- */

/* Entry @sg into @p; false: not possible. */
static bool d_map_one(struct scatterlist *sg, struct d_page *p)
{
	if (!sg->length || sg->offset >= PAGE_SIZE || p->state == D_IDLE) {
		misused++;
		return false;
	}
	if (sg->offset + sg->length > PAGE_SIZE)
		joined++;
	p->state = D_STARTED;
	p->maps++;
	maps++;
	active++;
	sg_dma_address(sg) = (unsigned long)p->gpu + sg->offset;
	sg_dma_len(sg) = sg->length;
	return true;
}

static int d_map(struct device *dev, struct scatterlist *sgl, int nents,
		 enum dma_data_direction dir, unsigned long attrs)
{
	struct scatterlist *sg;
	struct d_page *p;
	int i, rc = nents, mine = 0;

	if (WARN_ON_ONCE(in_atomic() || irqs_disabled()) || nents <= 0 || !dev ||
	    !dev_is_pci(dev)) {
		misused++;
		return -1;
	}
	spin_lock(&d_states);
	for_each_sg(sgl, sg, nents, i) {
		p = d_find(sg_page(sg));
		if (!p && !mine)
			continue;
		if (!p || mine++ != i || (fail_at && fail_at == i + 1) ||
		    !d_map_one(sg, p)) {
			fail_at = 0;
			rc = -1;
			break;
		}
	}
	spin_unlock(&d_states);
	return mine ? rc : -2;
}

static int d_unmap(struct device *dev, struct scatterlist *sgl, int nents,
		   enum dma_data_direction dir)
{
	struct scatterlist *sg;
	struct d_page *p;
	int i, rc = nents;

	if (WARN_ON_ONCE(in_atomic() || irqs_disabled()))
		misused++;
	spin_lock(&d_states);
	for_each_sg(sgl, sg, nents, i) {
		p = d_find(sg_page(sg));
		if (!p || !p->maps || p->state == D_IDLE) {
			misused++;
			rc = -1;
			break;
		}
		p->maps--;
		unmaps++;
		active--;
	}
	spin_unlock(&d_states);
	return rc;
}

static bool d_mine(struct page *page)
{
	return !page->mapping && d_find(page);
}

static unsigned int d_index(struct page *page)
{
	return d_find(page) ? 3 : UINT_MAX;
}

static unsigned int d_rank(struct device *dev, unsigned int gpu)
{
	return gpu == 3 ? 0x00820000 : 0xffff0000;
}

static struct d_ops d_ops = {
	.map	= d_map,
	.unmap	= d_unmap,
	.mine	= d_mine,
	.index	= d_index,
	.rank	= d_rank,
};

/* ---- finding the transport ---- */

static void d_let_go(void)
{
	if (d_register)
		__symbol_put("rpcrdma_register_nvfs_dma_ops");
	if (d_unregister)
		__symbol_put("rpcrdma_unregister_nvfs_dma_ops");
	d_register = NULL;
	d_unregister = NULL;
	bound = 0;
}

static void d_users_get(void)
{
	mutex_lock(&d_binding);
	d_users++;
	if (!bound) {
		d_register = __symbol_get("rpcrdma_register_nvfs_dma_ops");
		d_unregister = __symbol_get("rpcrdma_unregister_nvfs_dma_ops");
		d_ops.features = features;
		if (d_register && d_unregister && !d_register(&d_ops)) {
			bound = 1;
			registers++;
		} else {
			d_let_go();
		}
	}
	mutex_unlock(&d_binding);
}

static void d_unbind(void)
{
	lockdep_assert_held(&d_binding);
	if (!bound)
		return;
	d_unregister();
	/* nothing can be mapped from here on, and nothing may be any more */
	if (active)
		misused++;
	unregisters++;
	d_let_go();
}

static void d_users_put(void)
{
	mutex_lock(&d_binding);
	if (!--d_users)
		d_unbind();
	mutex_unlock(&d_binding);
}

/* ---- buffers ---- */

static void d_buf_free(struct d_buf *b)
{
	unsigned long i;

	for (i = 0; i < b->nr; i++) {
		if (!b->pages[i].page)
			continue;
		xa_erase(&d_pages, page_to_pfn(b->pages[i].page));
		put_page(b->pages[i].page);
	}
	for (i = 0; i < b->nr / D_BLOCK_PAGES; i++)
		free_pages((unsigned long)b->blocks[i], get_order(D_BLOCK));
	kvfree(b->pages);
	kvfree(b->blocks);
	b->pages = NULL;
	b->blocks = NULL;
	b->nr = 0;
}

static int d_buf_fill(struct d_buf *b)
{
	unsigned long i, nr = b->nr / D_BLOCK_PAGES;
	struct d_page *p;

	/* the other way round than they were given out */
	for (i = nr; i--; ) {
		b->blocks[i] = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO,
							get_order(D_BLOCK));
		if (!b->blocks[i])
			return -ENOMEM;
	}
	for (i = 0; i < b->nr; i++) {
		p = &b->pages[i];
		p->buf = b;
		p->gpu = b->blocks[i / D_BLOCK_PAGES] +
			 i % D_BLOCK_PAGES * PAGE_SIZE;
		p->page = alloc_page(GFP_HIGHUSER);
		if (!p->page)
			return -ENOMEM;
		memset(page_address(p->page), D_CANARY, PAGE_SIZE);
		if (xa_err(xa_store(&d_pages, page_to_pfn(p->page), p, GFP_KERNEL)))
			return -ENOMEM;
	}
	return 0;
}

static void d_vma_open(struct vm_area_struct *vma)
{
	d_users_get();
}

static void d_vma_close(struct vm_area_struct *vma)
{
	d_users_put();
}

static const struct vm_operations_struct d_vm_ops = {
	.open	= d_vma_open,
	.close	= d_vma_close,
};

static int d_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long i, len = vma->vm_end - vma->vm_start;
	struct d_buf *b = file->private_data;
	int rc;

	if (b->nr || len % D_BLOCK || len > D_MAX || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	b->pages = kvcalloc(len / PAGE_SIZE, sizeof(*b->pages), GFP_KERNEL);
	b->blocks = kvcalloc(len / D_BLOCK, sizeof(*b->blocks), GFP_KERNEL);
	b->nr = b->pages && b->blocks ? len / PAGE_SIZE : 0;
	rc = b->nr ? d_buf_fill(b) : -ENOMEM;
	for (i = 0; !rc && i < b->nr; i++)
		rc = vm_insert_page(vma, vma->vm_start + i * PAGE_SIZE,
				    b->pages[i].page);
	if (rc) {
		d_buf_free(b);
		return rc;
	}
	b->start = vma->vm_start;
	vma->vm_ops = &d_vm_ops;
	d_users_get();
	return 0;
}

/* ---- I/O ---- */

/* Before: the pages are queued.  After: what has become of them? */
static void d_io_begin(struct d_buf *b, const struct d_io *io)
{
	unsigned long i, at = io->at / PAGE_SIZE;

	spin_lock(&d_states);
	for (i = at; i < at + io->len / PAGE_SIZE; i++)
		b->pages[i].state = D_QUEUED;
	spin_unlock(&d_states);
}

static void d_io_end(struct d_buf *b, struct d_io *io)
{
	unsigned long i, at = io->at / PAGE_SIZE;
	bool hole = false;
	struct d_page *p;

	spin_lock(&d_states);
	for (i = at; i < at + io->len / PAGE_SIZE; i++) {
		p = &b->pages[i];
		if (io->result > (s64)((i - at) * PAGE_SIZE) && p->state != D_STARTED) {
			hole = true;
			holes++;
		}
		if (p->maps)
			leaks++;
		if (memchr_inv(page_address(p->page), D_CANARY, PAGE_SIZE)) {
			memset(page_address(p->page), D_CANARY, PAGE_SIZE);
			touched++;
		}
		p->state = D_IDLE;
	}
	spin_unlock(&d_states);
	if (hole && io->flags & D_WRITE)
		io->result = -EIO;
}

struct d_wait {
	struct kiocb iocb;
	struct completion done;
	long result;
};

static void d_complete(struct kiocb *iocb, long result)
{
	struct d_wait *w = container_of(iocb, struct d_wait, iocb);

	w->result = result;
	complete(&w->done);
}

static long d_io_call(struct file *file, struct d_buf *b, const struct d_io *io)
{
	struct iovec iov = {
		.iov_base = (void __user *)(b->start + io->at),
		.iov_len = io->len,
	};
	bool write = io->flags & D_WRITE;
	struct iov_iter iter;
	struct d_wait w;
	long rc;

	init_completion(&w.done);
	init_sync_kiocb(&w.iocb, file);
	w.iocb.ki_pos = io->pos;
	if (io->flags & D_ASYNC)
		w.iocb.ki_complete = d_complete;
	iov_iter_init(&iter, write ? ITER_SOURCE : ITER_DEST, &iov, 1, io->len);
	if (write) {
		w.iocb.ki_flags |= IOCB_WRITE;
		file_start_write(file);
		rc = file->f_op->write_iter(&w.iocb, &iter);
		file_end_write(file);
	} else {
		rc = file->f_op->read_iter(&w.iocb, &iter);
	}
	if (rc != -EIOCBQUEUED)
		return rc;
	if (!(io->flags & D_ASYNC))
		return -EIO;
	wait_for_completion(&w.done);
	return w.result;
}

static int d_io(struct d_buf *b, struct d_io *io)
{
	struct file *file = fget(io->fd);
	int rc = -EINVAL;

	if (!file)
		return -EBADF;
	if (!(file->f_flags & O_DIRECT) || !(file->f_mode & FMODE_CAN_ODIRECT) ||
	    !file->f_op->read_iter || !file->f_op->write_iter)
		goto out;
	if (!io->len || io->len > D_IO_MAX ||
	    !IS_ALIGNED(io->pos | io->len | io->at, PAGE_SIZE) ||
	    io->at + io->len > b->nr * PAGE_SIZE)
		goto out;
	mutex_lock(&b->io);
	d_io_begin(b, io);
	io->result = d_io_call(file, b, io);
	d_io_end(b, io);
	mutex_unlock(&b->io);
	rc = 0;
out:
	fput(file);
	return rc;
}

static long d_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;
	struct d_io io;
	int rc;

	switch (cmd) {
	case D_IOCTL_IO:
		if (copy_from_user(&io, user, sizeof(io)))
			return -EFAULT;
		rc = d_io(file->private_data, &io);
		if (!rc && copy_to_user(user, &io, sizeof(io)))
			rc = -EFAULT;
		return rc;
	case D_IOCTL_UNREGISTER:
		mutex_lock(&d_binding);
		d_unbind();
		mutex_unlock(&d_binding);
		return 0;
	}
	return -ENOTTY;
}

/* ---- looking at the memory itself ---- */

static ssize_t d_copy(struct d_buf *b, char __user *user, size_t len, loff_t *pos,
		      bool write)
{
	size_t done = 0, n, off;
	unsigned long left;
	void *p;

	while (done < len && *pos < b->nr * PAGE_SIZE) {
		off = offset_in_page(*pos);
		n = min_t(size_t, len - done, PAGE_SIZE - off);
		p = b->pages[*pos >> PAGE_SHIFT].gpu + off;
		left = write ? copy_from_user(p, user + done, n) :
			       copy_to_user(user + done, p, n);
		if (left)
			return -EFAULT;
		done += n;
		*pos += n;
	}
	return done;
}

static ssize_t d_read(struct file *file, char __user *user, size_t len, loff_t *pos)
{
	return d_copy(file->private_data, user, len, pos, false);
}

static ssize_t d_write(struct file *file, const char __user *user, size_t len,
		       loff_t *pos)
{
	return d_copy(file->private_data, (char __user *)user, len, pos, true);
}

static int d_open(struct inode *inode, struct file *file)
{
	struct d_buf *b = kzalloc(sizeof(*b), GFP_KERNEL);

	if (!b)
		return -ENOMEM;
	mutex_init(&b->io);
	file->private_data = b;
	d_users_get();
	return 0;
}

static int d_release(struct inode *inode, struct file *file)
{
	struct d_buf *b = file->private_data;

	d_buf_free(b);
	kfree(b);
	d_users_put();
	return 0;
}

static const struct file_operations d_fops = {
	.owner		= THIS_MODULE,
	.open		= d_open,
	.release	= d_release,
	.mmap		= d_mmap,
	.read		= d_read,
	.write		= d_write,
	.unlocked_ioctl	= d_ioctl,
};

static struct miscdevice d_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "nvfs_double",
	.fops	= &d_fops,
	.mode	= 0600,
};

module_misc_device(d_device);

MODULE_DESCRIPTION("penstock tests: plays nvidia-fs");
MODULE_LICENSE("GPL");
