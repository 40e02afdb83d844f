// SPDX-License-Identifier: GPL-2.0
/*
 * Opens that the server does not hear of, because a delegation covers them, and
 * how they become ordinary ones (OPEN with CLAIM_DELEG_CUR_FH).
 */
#include <linux/fs.h>
#include "internal.h"

struct pn4_open *pn4_open_local(struct pn4_node *node, fmode_t fmode,
				const struct cred *cred)
{
	struct pn4_open *open;
	bool ok;

	if (!pn4_deleg_covers(node, fmode))
		return NULL;
	open = pn4_open_alloc(node->vol, fmode, cred);
	if (!open)
		return NULL;
	open->fh = node->fh;
	open->local = true;
	open->node = node;
	spin_lock_irq(&node->lock);
	ok = node->deleg_id && (!(fmode & FMODE_WRITE) || node->deleg_write);
	if (ok)
		list_add(&open->link, &node->opens);
	spin_unlock_irq(&node->lock);
	if (!ok) {
		pn4_open_free(open);
		return NULL;
	}
	pn4_count(node->vol->client, PN4_N_LOCAL_OPENS);
	pn4_deleg_touch(node);
	return open;
}

void pn4_open_idle(struct pn4_open *open)
{
	WRITE_ONCE(open->idle, true);
}

bool pn4_open_is_idle(const struct pn4_open *open)
{
	return READ_ONCE(open->idle);
}

bool pn4_open_is_local(const struct pn4_open *open)
{
	return READ_ONCE(open->local);
}

/* 0: still to be claimed, and @sid by what; 1: not any more. */
static int pn4_claim_fill(struct pn4_open *open, struct pn4_stateid *sid)
{
	struct pn4_node *node = open->node;
	int done;

	spin_lock_irq(&node->lock);
	done = !open->local;
	if (!done)
		*sid = node->deleg->stateid;
	spin_unlock_irq(&node->lock);
	return done;
}

/* The server has it now.  -EAGAIN: but has lost it since. */
static int pn4_claim_adopt(struct pn4_open *open, u32 gen, u32 state_gen,
			   const struct pn4_stateid *sid)
{
	struct pn4_node *node = open->node;
	int st = 0;

	spin_lock_irq(&node->lock);
	if (open->local && open->gen != gen) {
		st = -EAGAIN;
	} else if (open->local) {
		open->local = false;
		open->stateid = *sid;
		open->state_gen = state_gen;
		open->gen++;
	}
	spin_unlock_irq(&node->lock);
	return st;
}

static int pn4_claim_reply(struct pn4_call *c, struct pn4_open *open)
{
	struct pn4_open4_res res;
	int st = pn4_dec_putfh(&c->dec);

	st = st ?: pn4_dec_open(&c->dec, &res);
	st = st ?: pn4_claim_adopt(open, c->used_gen, c->used_client,
				   &res.stateid);
	if (!st)
		pn4_open_settle_again(open, &res);
	return st;
}

/* Who wanted it claimed was killed. */
static void pn4_claim_late(struct pn4_call *c)
{
	struct pn4_open *open = c->priv;

	if (!c->status)
		pn4_claim_reply(c, open);
	pn4_open_put(open);
}

static int pn4_claim_try(struct pn4_call *c, struct pn4_open *open)
{
	struct pn4_open4_args o = {
		.access = pn4_share_access(open->fmode, PN4_WANT_NO_DELEG),
		.owner = &open->owner,
		.owner_len = sizeof(open->owner),
		.mode = PN4_OPEN_NOCREATE,
		.claim = PN4_CLAIM_DELEG_CUR_FH,
	};
	int st = pn4_call_start(c, open->cred);

	if (st)
		return st;
	o.clientid = c->client->clientid;
	if (pn4_claim_fill(open, &o.deleg)) {
		pn4_slot_put(c);
		return 0;
	}
	pn4_call_putfh(c, &open->fh);
	pn4_enc_open(pn4_op(c, PN4_OP_OPEN), &o);
	pn4_open_get(open);	/* for pn4_claim_late() */
	st = pn4_call_run(c);
	if (st == -ERESTARTSYS)
		return st;
	pn4_open_put(open);
	return st ?: pn4_claim_reply(c, open);
}

/* The server would not: whoever uses it shall know. */
static void pn4_claim_failed(struct pn4_open *open)
{
	struct pn4_node *node = open->node;

	spin_lock_irq(&node->lock);
	if (open->local) {
		open->local = false;
		open->state_gen = 0;	/* nothing to close */
		open->gen++;
		open->error = -EIO;
	}
	spin_unlock_irq(&node->lock);
}

/*
 * Get a local open state of its own, under the delegation that it lives by.  The
 * caller holds a reference, and it is attached.  0; -ERESTARTSYS: killed, and
 * still local; else it is of no use any more.
 */
int pn4_open_claim(struct pn4_open *open, bool unkillable)
{
	struct pn4_volume *vol = open->vol;
	struct pn4_call *c = pn4_call_new_io(vol->client, vol);
	int st;

	c->open = open;
	c->unkillable = unkillable;
	c->orphan = pn4_claim_late;
	c->priv = open;
	do {
		st = pn4_claim_try(c, open);
	} while (pn4_call_again(c, &st));
	pn4_call_put(c);
	if (!st || (st == -ERESTARTSYS && !unkillable))
		return st;
	pn4_claim_failed(open);
	if (!pn4_volume_error(vol)) {
		pn4_count(vol->client, PN4_N_LOST);
		pr_warn_ratelimited("penstock: %s: the server does not take over an open file from a delegation (error %d); its users get EIO\n",
				    vol->name, st);
	}
	return st;
}
