// SPDX-License-Identifier: GPL-2.0
/* Mapped files. */
#include <linux/mm.h>
#include "penstock.h"

/* A page of a shared mapping becomes writable: it counts as written now. */
static vm_fault_t ps_page_mkwrite(struct vm_fault *vmf)
{
	struct file *file = vmf->vma->vm_file;
	struct inode *inode = file_inode(file);
	struct folio *folio = page_folio(vmf->page);
	vm_fault_t ret = VM_FAULT_LOCKED;
	size_t off;

	sb_start_pagefault(inode->i_sb);
	ps_set_wb_open(inode, ps_file_open(file));
	if (folio_lock_killable(folio)) {
		ret = VM_FAULT_NOPAGE;	/* retried, which a signal ends */
		goto out;
	}
	off = folio_page_idx(folio, vmf->page) << PAGE_SHIFT;
	if (folio->mapping != inode->i_mapping ||
	    folio_pos(folio) + (loff_t)off >= i_size_read(inode)) {
		/* thrown out: retried on another one; cut off: no such byte */
		ret = folio->mapping == inode->i_mapping ? VM_FAULT_SIGBUS :
							   VM_FAULT_NOPAGE;
		folio_unlock(folio);
		goto out;
	}
	ps_dirty_range(folio, off, off + PAGE_SIZE);
	filemap_dirty_folio(inode->i_mapping, folio);
	folio_wait_stable(folio);
out:
	sb_end_pagefault(inode->i_sb);
	return ret;
}

static const struct vm_operations_struct ps_vm_ops = {
	.fault = filemap_fault,
	.map_pages = filemap_map_pages,
	.page_mkwrite = ps_page_mkwrite,
};

#if PS_KV(6, 17)
int ps_mmap_prepare(struct vm_area_desc *desc)
{
	int rc = ps_data_revalidate(file_inode(desc->file), false);

	rc = rc ?: generic_file_mmap_prepare(desc);
	if (!rc)
		desc->vm_ops = &ps_vm_ops;
	return rc;
}
#else
int ps_mmap(struct file *file, struct vm_area_struct *vma)
{
	int rc = ps_data_revalidate(file_inode(file), false);

	rc = rc ?: generic_file_mmap(file, vma);
	if (!rc)
		vma->vm_ops = &ps_vm_ops;
	return rc;
}
#endif
