/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the protocol layer needs from its host, implemented in fs/inode.c.
 */
#ifndef PENSTOCK_NFS4_HOST_H
#define PENSTOCK_NFS4_HOST_H

#include <linux/compiler.h>
#include <linux/types.h>

struct pn4_node;

/*
 * Keep the node's inode from going away; false if it is going already.
 * Any context.  Undone by pn4_host_unpin(): any context too, it never evicts the
 * inode itself, which may have to wait for the very worker that calls it.
 */
bool pn4_host_pin(struct pn4_node *node);
void pn4_host_unpin(struct pn4_node *node);
/* Write all dirty pages and wait; caller holds a pin.  May sleep, NOFS. */
int pn4_host_flush(struct pn4_node *node);
/*
 * Write all dirty data, make it stable, and learn the version that this has
 * made, so that what others do later is told from it.  As pn4_host_flush().
 */
void pn4_host_settle(struct pn4_node *node);
/* Size and change value as they are here; true: more than the server knows. */
bool pn4_host_attr(struct pn4_node *node, u64 *size, u64 *change);
/*
 * Is there data that the server does not have, for a version of the file that
 * may not be @change?
 */
bool pn4_host_conflict(struct pn4_node *node, u64 change);
/* Cached data and attributes are worth nothing any more. */
void pn4_host_invalidate(struct pn4_node *node);
/* A write that was acknowledged to its writer is lost; reported by fsync. */
void pn4_host_error(struct pn4_node *node, int error);
/*
 * Say in the kernel log what happened to the node's file, and name the file: its
 * path below the mount, as far as it has one.  Rate limited; caller holds a pin.
 * May sleep, NOFS.
 */
__printf(3, 4)
void pn4_host_warn(struct pn4_node *node, const char *mount, const char *fmt, ...);

#endif
