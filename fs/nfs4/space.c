// SPDX-License-Identifier: GPL-2.0
/*
 * NFSv4.2's work on ranges (RFC 7862): allocate, punch, seek, copy, clone.
 *
 * A server that does not have one says so once; after that it is not asked
 * again for this volume.
 */
#include <linux/fs.h>
#include "internal.h"

#define PN4_SPACE_SEND	768
#define PN4_SPACE_REPLY	1024
#define PN4_COPY_POLL	(HZ / 4)

static struct pn4_call *pn4_space_call(struct pn4_node *node)
{
	return pn4_call_new(node->vol->client, node->vol, PN4_SPACE_SEND,
			    PN4_SPACE_REPLY);
}

static bool pn4_can(struct pn4_volume *vol, u32 what)
{
	return READ_ONCE(vol->can) & what;
}

/* Remember a refusal; the errno of @st. */
static int pn4_cannot(struct pn4_volume *vol, u32 what, int st)
{
	if (st != -EOPNOTSUPP)
		return st;
	spin_lock(&vol->lock);
	vol->can &= ~what;
	spin_unlock(&vol->lock);
	return st;
}

static int pn4_space_op(struct pn4_node *node, struct pn4_open *open, u32 op,
			u64 pos, u64 len, struct pn4_attr *attr)
{
	struct pn4_call *c;
	struct pn4_stateid sid;
	int st;

	if (!pn4_can(node->vol, PN4_CAN_ALLOCATE))
		return -EOPNOTSUPP;
	c = pn4_space_call(node);
	if (!c)
		return -ENOMEM;
	c->cachethis = true;
	c->open = open;
	attr->valid = 0;
	do {
		st = pn4_call_start_open(c, open, current_cred(), &sid);
		if (st)
			break;
		pn4_call_putfh(c, &node->fh);
		if (op == PN4_OP_ALLOCATE)
			pn4_enc_allocate(pn4_op(c, op), &sid, pos, len);
		else
			pn4_enc_deallocate(pn4_op(c, op), &sid, pos, len);
		pn4_call_getattr(c, 0);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: op == PN4_OP_ALLOCATE ? pn4_dec_allocate(&c->dec) :
						   pn4_dec_deallocate(&c->dec);
		if (!st && pn4_call_got_attr(c, attr))
			attr->valid = 0;
	} while (pn4_call_again(c, &st));
	pn4_call_put(c);
	return pn4_cannot(node->vol, PN4_CAN_ALLOCATE, st);
}

int pn4_allocate(struct pn4_node *node, struct pn4_open *open, u64 pos, u64 len,
		 struct pn4_attr *attr)
{
	return pn4_space_op(node, open, PN4_OP_ALLOCATE, pos, len, attr);
}

int pn4_deallocate(struct pn4_node *node, struct pn4_open *open, u64 pos,
		   u64 len, struct pn4_attr *attr)
{
	return pn4_space_op(node, open, PN4_OP_DEALLOCATE, pos, len, attr);
}

loff_t pn4_seek(struct pn4_node *node, struct pn4_open *open, u64 pos, bool hole)
{
	struct pn4_seek_res res;
	struct pn4_stateid sid;
	struct pn4_call *c;
	int st;

	if (!pn4_can(node->vol, PN4_CAN_SEEK))
		return -EOPNOTSUPP;
	c = pn4_space_call(node);
	if (!c)
		return -ENOMEM;
	do {
		st = pn4_call_start_open(c, open, current_cred(), &sid);
		if (st)
			break;
		pn4_call_putfh(c, &node->fh);
		pn4_enc_seek(pn4_op(c, PN4_OP_SEEK), &sid, pos,
			     hole ? PN4_CONTENT_HOLE : PN4_CONTENT_DATA);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_seek(&c->dec, &res);
	} while (pn4_call_again(c, &st));
	pn4_call_put(c);
	if (st)
		return pn4_cannot(node->vol, PN4_CAN_SEEK, st);
	if (res.eof && !hole)	/* section 15.11.3: no data up to the end */
		return -ENXIO;
	return res.offset > S64_MAX ? -EREMOTEIO : (loff_t)res.offset;
}

/* ---- COPY and CLONE: two files in one compound ---- */

struct pn4_pair {
	struct pn4_node *src, *dst;
	struct pn4_open *src_open, *dst_open;
	struct pn4_stateid src_sid, dst_sid;
};

/* PUTFH source, SAVEFH, PUTFH destination */
static int pn4_pair_start(struct pn4_call *c, struct pn4_pair *p)
{
	/* one of the two can be watched for lost state: alternate */
	bool src = c->tries & 1;
	int st = pn4_call_start_open(c, src ? p->src_open : p->dst_open,
				     current_cred(),
				     src ? &p->src_sid : &p->dst_sid);

	if (st)
		return st;
	st = pn4_open_stateid(src ? p->dst_open : p->src_open,
			      src ? &p->dst_sid : &p->src_sid);
	if (st) {
		pn4_slot_put(c);
		return st;
	}
	pn4_call_putfh(c, &p->src->fh);
	pn4_enc_savefh(pn4_op(c, PN4_OP_SAVEFH));
	pn4_call_putfh(c, &p->dst->fh);
	return 0;
}

static int pn4_pair_reply(struct pn4_call *c)
{
	int st = pn4_dec_putfh(&c->dec);

	st = st ?: pn4_dec_savefh(&c->dec);
	return st ?: pn4_dec_putfh(&c->dec);
}

/* Make what COPY wrote unstable stable; whether the same server life did it. */
static int pn4_copy_commit(struct pn4_node *node, __be64 verf)
{
	struct pn4_call *c = pn4_space_call(node);
	__be64 now;
	int st;

	if (!c)
		return -ENOMEM;
	pn4_for_each_try(c, current_cred(), st) {
		pn4_call_putfh(c, &node->fh);
		pn4_enc_commit(pn4_op(c, PN4_OP_COMMIT), 0, 0);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_commit(&c->dec, &now);
	}
	pn4_call_put(c);
	return st ?: now == verf ? 0 : -EAGAIN;
}

ssize_t pn4_copy(struct pn4_node *src, struct pn4_open *src_open, u64 src_pos,
		 struct pn4_node *dst, struct pn4_open *dst_open, u64 dst_pos,
		 u64 len, struct pn4_attr *dst_attr)
{
	struct pn4_pair p = {
		.src = src, .dst = dst,
		.src_open = src_open, .dst_open = dst_open,
	};
	struct pn4_copy_res res;
	struct pn4_call *c;
	int st;

	if (src->vol->client != dst->vol->client)
		return -EXDEV;
	if (!pn4_can(dst->vol, PN4_CAN_COPY))
		return -EOPNOTSUPP;
	c = pn4_space_call(dst);
	if (!c)
		return -ENOMEM;
	c->cachethis = true;
	dst_attr->valid = 0;
again:
	do {
		struct pn4_copy_args a = {
			.src_offset = src_pos, .dst_offset = dst_pos,
			.count = len, .consecutive = true,
			/* an asynchronous one would need CB_OFFLOAD's outcome */
			.synchronous = true,
		};

		st = pn4_pair_start(c, &p);
		if (st)
			break;
		a.src = p.src_sid;
		a.dst = p.dst_sid;
		pn4_enc_copy(pn4_op(c, PN4_OP_COPY), &a);
		c->first_op = PN4_OP_COPY;
		pn4_call_getattr(c, 0);
		st = pn4_call_run(c);
		st = st ?: pn4_pair_reply(c);
		st = st ?: pn4_dec_copy(&c->dec, &res);
		if (st == PN4ERR_OFFLOAD_NO_REQS)
			st = PN4ERR_NOTSUPP;
		if (!st && pn4_call_got_attr(c, dst_attr))
			dst_attr->valid = 0;
	} while (pn4_call_again(c, &st));
	if (!st && (res.async || res.count > len))
		st = -EREMOTEIO;
	if (!st && res.count && res.committed == PN4_UNSTABLE) {
		st = pn4_copy_commit(dst, res.verf);
		if (st == -EAGAIN)
			goto again;	/* the server forgot: copy once more */
	}
	pn4_call_put(c);
	if (st)
		return pn4_cannot(dst->vol, PN4_CAN_COPY, st);
	return res.count;
}

int pn4_clone(struct pn4_node *src, struct pn4_open *src_open, u64 src_pos,
	      struct pn4_node *dst, struct pn4_open *dst_open, u64 dst_pos,
	      u64 len, struct pn4_attr *dst_attr)
{
	struct pn4_pair p = {
		.src = src, .dst = dst,
		.src_open = src_open, .dst_open = dst_open,
	};
	struct pn4_call *c;
	int st;

	if (src->vol->client != dst->vol->client)
		return -EXDEV;
	if (!pn4_can(dst->vol, PN4_CAN_CLONE))
		return -EOPNOTSUPP;
	c = pn4_space_call(dst);
	if (!c)
		return -ENOMEM;
	c->cachethis = true;
	dst_attr->valid = 0;
	do {
		struct pn4_clone_args a = {
			.src_offset = src_pos, .dst_offset = dst_pos,
			.count = len,
		};

		st = pn4_pair_start(c, &p);
		if (st)
			break;
		a.src = p.src_sid;
		a.dst = p.dst_sid;
		pn4_enc_clone(pn4_op(c, PN4_OP_CLONE), &a);
		c->first_op = PN4_OP_CLONE;
		pn4_call_getattr(c, 0);
		st = pn4_call_run(c);
		st = st ?: pn4_pair_reply(c);
		st = st ?: pn4_dec_clone(&c->dec);
		if (!st && pn4_call_got_attr(c, dst_attr))
			dst_attr->valid = 0;
	} while (pn4_call_again(c, &st));
	pn4_call_put(c);
	/* this file system may be unable while others of the server are */
	return pn4_cannot(dst->vol, PN4_CAN_CLONE, st);
}
