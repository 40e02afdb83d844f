// SPDX-License-Identifier: GPL-2.0
/*
 * Callbacks: the server's COMPOUNDs to us.  Decoders read arguments, encoders
 * write results.
 */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#include "attr.h"
#include "codec.h"

/* ---- the frame ---- */

int pn4_dec_cb_compound(struct pxdr_dec *d, struct pn4_cb_compound *hdr)
{
	hdr->tag = pxdr_get_opaque(d, PN4_TAG_MAX, &hdr->tag_len);
	hdr->minor = pxdr_get_u32(d);
	hdr->ident = pxdr_get_u32(d);
	hdr->nops = pxdr_get_count(d, PN4_MAX_OPS, 4);
	return pn4_dec_end(d);
}

u32 pn4_dec_cb_op(struct pxdr_dec *d)
{
	return pxdr_get_u32(d);
}

void pn4_enc_cb_compound(struct pxdr_enc *e, struct pn4_cb_reply *reply,
			 const char *tag, u32 tag_len)
{
	reply->status = pxdr_reserve(e, 4);
	pxdr_opaque(e, tag, tag_len);
	reply->nops = pxdr_reserve(e, 4);
}

void pn4_enc_cb_compound_end(struct pn4_cb_reply *reply, u32 status, u32 nops)
{
	if (reply->status)
		*reply->status = cpu_to_be32(status);
	if (reply->nops)
		*reply->nops = cpu_to_be32(nops);
}

void pn4_enc_cb_status(struct pxdr_enc *e, u32 op, u32 status)
{
	pxdr_u32(e, op);
	pxdr_u32(e, status);
}

/* ---- CB_SEQUENCE ---- */

/* referring_call_list4 */
static void pn4_check_referring(struct pxdr_dec *d)
{
	u32 n;

	pxdr_get_fixed(d, PN4_SESSIONID_SIZE);
	n = pxdr_get_count(d, PN4_CB_REFERRING_MAX, 8);
	pxdr_get_fixed(d, n * 8);
}

int pn4_dec_cb_sequence(struct pxdr_dec *d, struct pn4_cb_sequence_args *args)
{
	const u8 *first;
	u32 i;

	pn4_get_bytes(d, args->sessionid, PN4_SESSIONID_SIZE);
	args->sequenceid = pxdr_get_u32(d);
	args->slotid = pxdr_get_u32(d);
	args->highest_slotid = pxdr_get_u32(d);
	args->cachethis = pxdr_get_bool(d);
	args->nr_lists = pxdr_get_count(d, PN4_CB_REFERRING_MAX,
					PN4_SESSIONID_SIZE + 4);
	args->nr_calls = 0;
	first = d->p;
	for (i = 0; i < args->nr_lists && !d->bad; i++)
		pn4_check_referring(d);
	pxdr_dec_init(&args->lists, first, (size_t)(d->p - first));
	return pn4_dec_end(d);
}

bool pn4_cb_referring_next(struct pn4_cb_sequence_args *args,
			   struct pn4_cb_referring *ref)
{
	struct pxdr_dec *d = &args->lists;

	while (!args->nr_calls) {
		if (!args->nr_lists)
			return false;
		args->nr_lists--;
		pn4_get_bytes(d, args->list_sessionid, PN4_SESSIONID_SIZE);
		args->nr_calls = pxdr_get_count(d, PN4_CB_REFERRING_MAX, 8);
	}
	args->nr_calls--;
	memcpy(ref->sessionid, args->list_sessionid, PN4_SESSIONID_SIZE);
	ref->sequenceid = pxdr_get_u32(d);
	ref->slotid = pxdr_get_u32(d);
	return !d->bad;
}

void pn4_enc_cb_sequence(struct pxdr_enc *e,
			 const struct pn4_cb_sequence_args *args,
			 u32 highest_slotid, u32 target_highest_slotid)
{
	pn4_enc_cb_status(e, PN4_OP_CB_SEQUENCE, PN4_OK);
	pxdr_fixed(e, args->sessionid, PN4_SESSIONID_SIZE);
	pxdr_u32(e, args->sequenceid);
	pxdr_u32(e, args->slotid);
	pxdr_u32(e, highest_slotid);
	pxdr_u32(e, target_highest_slotid);
}

/* ---- recalls ---- */

int pn4_dec_cb_recall(struct pxdr_dec *d, struct pn4_cb_recall_args *args)
{
	pn4_dec_stateid(d, &args->stateid);
	args->truncate = pxdr_get_bool(d);
	pn4_dec_nfs_fh(d, &args->fh);
	return pn4_dec_end(d);
}

int pn4_dec_cb_recall_any(struct pxdr_dec *d,
			  struct pn4_cb_recall_any_args *args)
{
	u32 mask[PN4_BITMAP_WORDS];

	args->objects_to_keep = pxdr_get_u32(d);
	pn4_dec_bitmap(d, mask, true);
	args->type_mask = mask[0];
	return pn4_dec_end(d);
}

int pn4_dec_cb_recall_slot(struct pxdr_dec *d, u32 *target_highest_slotid)
{
	*target_highest_slotid = pxdr_get_u32(d);
	return pn4_dec_end(d);
}

int pn4_dec_cb_layoutrecall(struct pxdr_dec *d,
			    struct pn4_cb_layoutrecall_args *args)
{
	memset(args, 0, sizeof(*args));
	args->layout_type = pxdr_get_u32(d);
	args->iomode = pxdr_get_u32(d);
	args->changed = pxdr_get_bool(d);
	args->recall_type = pxdr_get_u32(d);
	switch (args->recall_type) {
	case PN4_LAYOUTRECALL_FILE:
		pn4_dec_nfs_fh(d, &args->fh);
		args->offset = pxdr_get_u64(d);
		args->length = pxdr_get_u64(d);
		pn4_dec_stateid(d, &args->stateid);
		break;
	case PN4_LAYOUTRECALL_FSID:
		args->fsid_major = pxdr_get_u64(d);
		args->fsid_minor = pxdr_get_u64(d);
		break;
	case PN4_LAYOUTRECALL_ALL:
		break;
	default:
		d->bad = true;
	}
	return pn4_dec_end(d);
}

int pn4_dec_cb_push_deleg(struct pxdr_dec *d,
			  struct pn4_cb_push_deleg_args *args)
{
	pn4_dec_nfs_fh(d, &args->fh);
	pn4_dec_deleg(d, &args->deleg);
	return pn4_dec_end(d);
}

/* ---- CB_GETATTR ---- */

int pn4_dec_cb_getattr(struct pxdr_dec *d, struct pn4_cb_getattr_args *args)
{
	pn4_dec_nfs_fh(d, &args->fh);
	pn4_dec_bitmap(d, args->mask, true);
	return pn4_dec_end(d);
}

/* Only these two may be asked of a client (section 20.1.3). */
void pn4_enc_cb_getattr(struct pxdr_enc *e, const struct pn4_attr *attr)
{
	u32 mask[PN4_BITMAP_WORDS] = { 0 };
	u32 len = 0;

	if (attr->valid & PN4_ATTR_CHANGE) {
		mask[0] |= 1U << PN4_FATTR_CHANGE;
		len += 8;
	}
	if (attr->valid & PN4_ATTR_SIZE) {
		mask[0] |= 1U << PN4_FATTR_SIZE;
		len += 8;
	}
	pn4_enc_cb_status(e, PN4_OP_CB_GETATTR, PN4_OK);
	pn4_enc_bitmap(e, mask);
	pxdr_u32(e, len);
	if (attr->valid & PN4_ATTR_CHANGE)
		pxdr_u64(e, attr->change);
	if (attr->valid & PN4_ATTR_SIZE)
		pxdr_u64(e, attr->size);
}

/* ---- notifications ---- */

int pn4_dec_cb_notify_lock(struct pxdr_dec *d,
			   struct pn4_cb_notify_lock_args *args)
{
	pn4_dec_nfs_fh(d, &args->fh);
	args->clientid = pxdr_get_u64(d);
	args->owner = pxdr_get_opaque(d, PN4_OPAQUE_LIMIT, &args->owner_len);
	return pn4_dec_end(d);
}

int pn4_dec_cb_offload(struct pxdr_dec *d, struct pn4_cb_offload_args *args)
{
	pn4_dec_nfs_fh(d, &args->fh);
	pn4_dec_stateid(d, &args->stateid);
	args->status = pxdr_get_u32(d);
	memset(&args->res, 0, sizeof(args->res));
	if (args->status == PN4_OK)
		pn4_dec_write_response(d, &args->res);
	else
		args->res.count = pxdr_get_u64(d);
	return pn4_dec_end(d);
}

/* notify4<>: at least two counts each */
static int pn4_skip_notify_list(struct pxdr_dec *d)
{
	u32 n = pxdr_get_count(d, (u32)pxdr_left(d), 8);
	u32 mask[PN4_BITMAP_WORDS];
	u32 len;

	while (n-- && !d->bad) {
		pn4_dec_bitmap(d, mask, true);
		pxdr_get_opaque(d, (u32)pxdr_left(d), &len);
	}
	return pn4_dec_end(d);
}

static int pn4_skip_cb_notify(struct pxdr_dec *d)
{
	struct pn4_stateid sid;
	struct pn4_fh fh;

	pn4_dec_stateid(d, &sid);
	pn4_dec_nfs_fh(d, &fh);
	return pn4_skip_notify_list(d);
}

int pn4_skip_cb_op(struct pxdr_dec *d, u32 op)
{
	union {
		struct pn4_cb_sequence_args sequence;
		struct pn4_cb_recall_args recall;
		struct pn4_cb_recall_any_args recall_any;
		struct pn4_cb_getattr_args getattr;
		struct pn4_cb_layoutrecall_args layoutrecall;
		struct pn4_cb_notify_lock_args notify_lock;
		struct pn4_cb_offload_args offload;
		struct pn4_cb_push_deleg_args push_deleg;
		u32 slotid;
	} u;

	switch (op) {
	case PN4_OP_CB_GETATTR:
		return pn4_dec_cb_getattr(d, &u.getattr);
	case PN4_OP_CB_RECALL:
		return pn4_dec_cb_recall(d, &u.recall);
	case PN4_OP_CB_LAYOUTRECALL:
		return pn4_dec_cb_layoutrecall(d, &u.layoutrecall);
	case PN4_OP_CB_NOTIFY:
		return pn4_skip_cb_notify(d);
	case PN4_OP_CB_PUSH_DELEG:
		return pn4_dec_cb_push_deleg(d, &u.push_deleg);
	case PN4_OP_CB_RECALL_ANY:
	case PN4_OP_CB_RECALLABLE_OBJ_AVAIL:
		return pn4_dec_cb_recall_any(d, &u.recall_any);
	case PN4_OP_CB_RECALL_SLOT:
		return pn4_dec_cb_recall_slot(d, &u.slotid);
	case PN4_OP_CB_SEQUENCE:
		return pn4_dec_cb_sequence(d, &u.sequence);
	case PN4_OP_CB_WANTS_CANCELLED:
		pxdr_get_bool(d);
		pxdr_get_bool(d);
		return pn4_dec_end(d);
	case PN4_OP_CB_NOTIFY_LOCK:
		return pn4_dec_cb_notify_lock(d, &u.notify_lock);
	case PN4_OP_CB_NOTIFY_DEVICEID:
		return pn4_skip_notify_list(d);
	case PN4_OP_CB_OFFLOAD:
		return pn4_dec_cb_offload(d, &u.offload);
	default:
		return pn4_dec_end(d) ?: -EOPNOTSUPP;
	}
}
