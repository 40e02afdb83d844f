// SPDX-License-Identifier: GPL-2.0
/*
 * CB_COMPOUND: what the server asks of us (RFC 8881 section 20).
 *
 * Recalls are answered at once; the work that they mean is done elsewhere.
 */
#include "codec_layout.h"
#include "internal.h"

/* CB_SEQUENCE must be first and only first (section 20.9.3). */
static u32 pn4_cb_begin(struct pn4_client *cl, struct pxdr_dec *args,
			struct pxdr_enc *res)
{
	struct pn4_cb_sequence_args seq;
	u32 st;

	if (pn4_dec_cb_sequence(args, &seq)) {
		pn4_enc_cb_status(res, PN4_OP_CB_SEQUENCE, PN4ERR_BADXDR);
		return PN4ERR_BADXDR;
	}
	st = pn4_cb_sequence(cl, &seq);
	if (st)
		pn4_enc_cb_status(res, PN4_OP_CB_SEQUENCE, st);
	else
		pn4_enc_cb_sequence(res, &seq, cl->session.cb_slots - 1,
				    cl->session.cb_slots - 1);
	return st;
}

static u32 pn4_cb_recall(struct pn4_client *cl, struct pxdr_dec *args)
{
	struct pn4_cb_recall_args a;

	if (pn4_dec_cb_recall(args, &a))
		return PN4ERR_BADXDR;
	return pn4_deleg_recall(cl, &a);
}

static u32 pn4_cb_recall_any(struct pn4_client *cl, struct pxdr_dec *args)
{
	struct pn4_cb_recall_any_args a;

	if (pn4_dec_cb_recall_any(args, &a))
		return PN4ERR_BADXDR;
	pn4_deleg_keep(cl, a.objects_to_keep, a.type_mask);
	pn4_layout_keep(cl, a.type_mask);
	return 0;
}

static u32 pn4_cb_layoutrecall(struct pn4_client *cl, struct pxdr_dec *args)
{
	struct pn4_cb_layoutrecall_args a;

	if (pn4_dec_cb_layoutrecall(args, &a))
		return PN4ERR_BADXDR;
	return pn4_layout_recall(cl, &a);
}

static u32 pn4_cb_notify_deviceid(struct pn4_client *cl, struct pxdr_dec *args)
{
	struct pn4_cb_notify_deviceid_args a;

	if (pn4_dec_cb_notify_deviceid(args, &a))
		return PN4ERR_BADXDR;
	return pn4_devices_notify(cl, &a);
}

/* The only one besides CB_SEQUENCE that has more to say than its status. */
static u32 pn4_cb_getattr(struct pn4_client *cl, struct pxdr_dec *args,
			  struct pxdr_enc *res)
{
	struct pn4_cb_getattr_args a;
	struct pn4_attr attr;
	u32 st = PN4ERR_BADXDR;

	if (!pn4_dec_cb_getattr(args, &a))
		st = pn4_deleg_getattr(cl, &a, &attr);
	if (st)
		pn4_enc_cb_status(res, PN4_OP_CB_GETATTR, st);
	else
		pn4_enc_cb_getattr(res, &attr);
	return st;
}

static u32 pn4_cb_notify_lock(struct pn4_client *cl, struct pxdr_dec *args)
{
	struct pn4_cb_notify_lock_args a;

	if (pn4_dec_cb_notify_lock(args, &a))
		return PN4ERR_BADXDR;
	pn4_lock_notify(cl, &a);
	return 0;
}

static u32 pn4_cb_recall_slot(struct pn4_client *cl, struct pxdr_dec *args)
{
	u32 highest;

	if (pn4_dec_cb_recall_slot(args, &highest))
		return PN4ERR_BADXDR;
	pn4_session_limit(cl, highest);
	return 0;
}

/* What is not offered: consume the arguments, say no in the RFC's words. */
static u32 pn4_cb_refuse(u32 op, struct pxdr_dec *args)
{
	if (pn4_skip_cb_op(args, op))
		return PN4ERR_BADXDR;
	switch (op) {
	case PN4_OP_CB_PUSH_DELEG:
		return PN4ERR_REJECT_DELEG;
	case PN4_OP_CB_RECALLABLE_OBJ_AVAIL:
	case PN4_OP_CB_WANTS_CANCELLED:
		return 0;	/* hints */
	default:
		return PN4ERR_NOTSUPP;
	}
}

static u32 pn4_cb_op(struct pn4_client *cl, u32 op, struct pxdr_dec *args,
		     struct pxdr_enc *res)
{
	u32 st;

	switch (op) {
	case PN4_OP_CB_GETATTR:
		return pn4_cb_getattr(cl, args, res);
	case PN4_OP_CB_RECALL:
		st = pn4_cb_recall(cl, args);
		break;
	case PN4_OP_CB_RECALL_ANY:
		st = pn4_cb_recall_any(cl, args);
		break;
	case PN4_OP_CB_RECALL_SLOT:
		st = pn4_cb_recall_slot(cl, args);
		break;
	case PN4_OP_CB_NOTIFY_LOCK:
		st = pn4_cb_notify_lock(cl, args);
		break;
	case PN4_OP_CB_SEQUENCE:
		st = PN4ERR_SEQUENCE_POS;
		break;
	case PN4_OP_CB_LAYOUTRECALL:
		st = pn4_cb_layoutrecall(cl, args);
		break;
	case PN4_OP_CB_NOTIFY_DEVICEID:
		st = pn4_cb_notify_deviceid(cl, args);
		break;
	case PN4_OP_CB_NOTIFY:
	case PN4_OP_CB_PUSH_DELEG:
	case PN4_OP_CB_RECALLABLE_OBJ_AVAIL:
	case PN4_OP_CB_WANTS_CANCELLED:
	case PN4_OP_CB_OFFLOAD:
		st = pn4_cb_refuse(op, args);
		break;
	default:
		op = PN4_OP_CB_ILLEGAL;
		st = PN4ERR_OP_ILLEGAL;
	}
	pn4_enc_cb_status(res, op, st);
	return st;
}

/* Returns an RPC accept_stat.  Process context. */
u32 pn4_callback(struct prpc_peer *peer, u32 proc, struct pxdr_dec *args,
		 struct pxdr_enc *res)
{
	struct pn4_client *cl = prpc_peer_priv(peer);
	struct pn4_cb_compound hdr;
	struct pn4_cb_reply reply;
	u32 st = 0, n = 0, op;

	if (proc == PN4_CB_PROC_NULL)
		return 0;
	if (proc != PN4_CB_PROC_COMPOUND)
		return 3;	/* PROC_UNAVAIL */
	if (pn4_dec_cb_compound(args, &hdr))
		return 4;	/* GARBAGE_ARGS */
	pn4_count(cl, PN4_N_CALLBACKS);
	pn4_enc_cb_compound(res, &reply, hdr.tag, hdr.tag_len);
	if (hdr.minor != cl->minor)
		st = PN4ERR_MINOR_VERS_MISMATCH;
	while (!st && n < hdr.nops) {
		op = pn4_dec_cb_op(args);
		if (args->bad) {
			st = PN4ERR_BADXDR;
			break;
		}
		if (n == 0 && op != PN4_OP_CB_SEQUENCE) {
			st = PN4ERR_OP_NOT_IN_SESSION;
			pn4_enc_cb_status(res, op, st);
		} else if (n == 0) {
			st = pn4_cb_begin(cl, args, res);
		} else {
			st = pn4_cb_op(cl, op, args, res);
		}
		n++;
	}
	pn4_enc_cb_compound_end(&reply, st, n);
	return 0;
}
