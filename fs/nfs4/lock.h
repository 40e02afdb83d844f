/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the lock files share: lockstate.c (what is held), lock.c (calls),
 * lockwait.c (waiting), lockrecover.c (getting it back).
 */
#ifndef PENSTOCK_NFS4_LOCK_H
#define PENSTOCK_NFS4_LOCK_H

#include "internal.h"

/**
 * struct pn4_lock_owner - a VFS lock owner, as the server knows it
 *
 * One for all files of the client, so that a server can find deadlocks that
 * span files and clients.  What goes over the wire is @number, never @key.
 *
 * @hash: pn4_lock_table.owners
 * @key, @kind: identity; @key is compared only
 * @number: unique for the client, see pn4_client.open_counter
 */
struct pn4_lock_owner {
	struct hlist_node hash;
	refcount_t ref;
	const void *key;
	enum pn4_lock_kind kind;
	u64 number;
};

/**
 * struct pn4_range - bytes @start to @end (included) that are held
 * @gen: pn4_open.gen under which the server has confirmed it
 * @local: the server does not know of it: a write delegation keeps others out
 */
struct pn4_range {
	struct list_head link;
	u64 start;
	u64 end;
	bool write;
	bool local;
	u32 gen;
};

/**
 * struct pn4_lock_state - what one owner holds through one open
 *
 * node->lock guards everything but @ref, @open and @owner, which are constant.
 *
 * @link: pn4_open.locks
 * @open: borrowed: whoever uses the state holds the open
 * @known: @stateid is one that the server has
 * @lost: the server took the locks away; stays until they are unlocked
 * @state_gen: client->state_gen that @stateid belongs to
 * @ranges: sorted and disjoint, also from those of the owner's other states
 */
struct pn4_lock_state {
	struct list_head link;
	refcount_t ref;
	struct pn4_open *open;
	struct pn4_lock_owner *owner;
	struct pn4_stateid stateid;
	bool known;
	bool lost;
	u32 state_gen;
	struct list_head ranges;
};

/**
 * struct pn4_lock_op - one LOCK or LOCKU, from its begin to its end
 *
 * Outlives the caller if that is killed: then it ends in the background, in
 * turn with the owner's other operations on the file.
 *
 * @link: node->unlocks, while it waits for its turn there
 * @node: pinned
 * @open, @owner: referenced
 * @ls: LOCK: referenced
 * @undo: LOCK succeeded for nobody: unlock what it got
 * @fresh: LOCK: the owner had held nothing of the range before
 * @spare: ranges for splitting and adding, allocated before they are needed
 */
struct pn4_lock_op {
	struct work_struct work;
	struct list_head link;
	struct pn4_node *node;
	struct pn4_open *open;
	struct pn4_lock_owner *owner;
	struct pn4_lock_state *ls;
	u64 start;
	u64 end;
	bool write;
	bool undo;
	bool fresh;
	struct list_head spare;
};

/* lockstate.c */
struct pn4_lock_owner *pn4_lock_owner_get(struct pn4_client *cl,
					  const struct pn4_lock *lk, gfp_t gfp);
void pn4_lock_owner_put(struct pn4_client *cl, struct pn4_lock_owner *owner);
struct pn4_lock_op *pn4_lock_op_new(struct pn4_open *open,
				    const struct pn4_lock *lk, gfp_t gfp);
void pn4_lock_op_free(struct pn4_lock_op *op);
int pn4_lock_enter(struct pn4_lock_op *op);
void pn4_lock_leave(struct pn4_lock_op *op);
void pn4_lock_background(struct pn4_lock_op *op);
void pn4_lock_defer(struct pn4_lock_op *op);
int pn4_lock_state_get(struct pn4_lock_op *op);
void pn4_lock_state_put(struct pn4_lock_state *ls);
void pn4_lock_state_prune(struct pn4_lock_op *op);
struct pn4_lock_state *pn4_lock_state_next(struct pn4_lock_op *op);
bool pn4_lock_adopt(struct pn4_lock_op *op, u32 gen,
		    const struct pn4_stateid *sid);
void pn4_lock_release(struct pn4_lock_op *op, struct pn4_lock_state *ls);
void pn4_lock_hold(struct pn4_lock_op *op, bool local);
bool pn4_lock_rest(const struct pn4_lock_op *op,
		   const struct pn4_lock_state *ls);

/* lock.c */
void pn4_lock_work(struct work_struct *work);
int pn4_lock_claim(struct pn4_lock_op *op);

/* locklocal.c */
int pn4_lock_local(struct pn4_lock_op *op);
bool pn4_unlock_local(struct pn4_lock_op *op, struct pn4_lock_state *ls);
int pn4_lock_local_test(struct pn4_open *open, struct pn4_lock_owner *owner,
			struct pn4_lock *lk);

/* lockwait.c */
void pn4_lock_released(struct pn4_open *open);

/* lockrecover.c */
void pn4_lock_lose(struct pn4_lock_state *ls, int st);
bool pn4_lock_mark_lost(struct pn4_lock_state *ls);

static inline u64 pn4_lock_length(u64 start, u64 end)
{
	return end == U64_MAX ? PN4_UINT64_MAX : end - start + 1;
}

#endif
