// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <stdlib.h>
#include <string.h>
#include "../../fs/nfs4/codec.h"
#include "golden.h"
#include "test.h"
#include "wire.h"

static struct pxdr_dec open_text(const char *text)
{
	struct pxdr_dec d;
	size_t len;
	u8 *data = wire(text, &len);	/* left to the process's end */

	pxdr_dec_init(&d, data, len);
	return d;
}

TEST(cb_compound_as_a_server_recalls)
{
	struct pxdr_dec d = open_text(golden("cb_compound"));
	struct pn4_cb_sequence_args seq;
	struct pn4_cb_recall_args recall;
	struct pn4_cb_compound hdr;
	u32 slot;

	CHECK_EQ(pn4_dec_cb_compound(&d, &hdr), 0);
	CHECK_EQ(hdr.tag_len, 0);
	CHECK_EQ(hdr.minor, 2);
	CHECK_EQ(hdr.nops, 3);
	CHECK_EQ(pn4_dec_cb_op(&d), PN4_OP_CB_SEQUENCE);
	CHECK_EQ(pn4_dec_cb_sequence(&d, &seq), 0);
	CHECK_EQ(seq.sequenceid, 1);
	CHECK(seq.cachethis);
	CHECK_EQ(seq.nr_lists, 0);
	CHECK_EQ(pn4_dec_cb_op(&d), PN4_OP_CB_RECALL);
	CHECK_EQ(pn4_dec_cb_recall(&d, &recall), 0);
	CHECK_EQ(recall.stateid.seqid, 7);
	CHECK(!recall.truncate);
	CHECK_EQ(recall.fh.len, 2);
	CHECK_EQ(pn4_dec_cb_op(&d), PN4_OP_CB_RECALL_SLOT);
	CHECK_EQ(pn4_dec_cb_recall_slot(&d, &slot), 0);
	CHECK_EQ(slot, 5);
	CHECK_EQ(pxdr_left(&d), 0);
}

TEST(cb_compound_bounds)
{
	struct pn4_cb_compound hdr;
	struct pxdr_dec d = open_text("'' 1 0 65 1 1 1 1 1 1 1 1 1 1 1 1 1");

	CHECK_EQ(pn4_dec_cb_compound(&d, &hdr), -EREMOTEIO);
	d = open_text("1025");
	CHECK_EQ(pn4_dec_cb_compound(&d, &hdr), -EREMOTEIO);
}

TEST(cb_sequence_referring_calls)
{
	struct pxdr_dec d = open_text(golden("cb_sequence"));
	struct pn4_cb_sequence_args args;
	struct pn4_cb_referring ref;

	CHECK_EQ(pn4_dec_cb_sequence(&d, &args), 0);
	CHECK_EQ(args.sequenceid, 5);
	CHECK_EQ(args.slotid, 1);
	CHECK_EQ(args.highest_slotid, 2);
	CHECK_EQ(args.nr_lists, 3);
	CHECK(pn4_cb_referring_next(&args, &ref));
	CHECK_EQ(ref.sessionid[15], 15);
	CHECK_EQ(ref.sequenceid, 8);
	CHECK_EQ(ref.slotid, 0);
	CHECK(pn4_cb_referring_next(&args, &ref));
	CHECK_EQ(ref.sequenceid, 9);
	CHECK_EQ(ref.slotid, 1);
	CHECK(pn4_cb_referring_next(&args, &ref));	/* over the empty list */
	CHECK_EQ(ref.sessionid[0], 0x10);
	CHECK_EQ(ref.sequenceid, 4);
	CHECK_EQ(ref.slotid, 7);
	CHECK(!pn4_cb_referring_next(&args, &ref));
	CHECK(!pn4_cb_referring_next(&args, &ref));
}

TEST(cb_values)
{
	struct pxdr_dec d = open_text(golden("cb_recall_any"));
	struct pn4_cb_layoutrecall_args lr;
	struct pn4_cb_notify_lock_args nl;
	struct pn4_cb_recall_any_args any;
	struct pn4_cb_getattr_args ga;
	struct pn4_cb_offload_args off;

	CHECK_EQ(pn4_dec_cb_recall_any(&d, &any), 0);
	CHECK_EQ(any.objects_to_keep, 100);
	CHECK_EQ(any.type_mask, 3);
	d = open_text(golden("cb_getattr"));
	CHECK_EQ(pn4_dec_cb_getattr(&d, &ga), 0);
	CHECK_EQ(ga.mask[0], 0x18);
	d = open_text(golden("cb_layoutrecall_file"));
	CHECK_EQ(pn4_dec_cb_layoutrecall(&d, &lr), 0);
	CHECK_EQ(lr.recall_type, PN4_LAYOUTRECALL_FILE);
	CHECK(lr.length == PN4_UINT64_MAX);
	CHECK_EQ(lr.stateid.seqid, 7);
	d = open_text(golden("cb_layoutrecall_fsid"));
	CHECK_EQ(pn4_dec_cb_layoutrecall(&d, &lr), 0);
	CHECK(lr.changed);
	CHECK_EQ(lr.fsid_minor, 9);
	d = open_text(golden("cb_notify_lock"));
	CHECK_EQ(pn4_dec_cb_notify_lock(&d, &nl), 0);
	CHECK_STR(nl.owner, nl.owner_len, "owner");
	d = open_text(golden("cb_offload"));
	CHECK_EQ(pn4_dec_cb_offload(&d, &off), 0);
	CHECK_EQ(off.status, 0);
	CHECK_EQ(off.res.count, 8192);
	d = open_text(golden("cb_offload_failed"));
	CHECK_EQ(pn4_dec_cb_offload(&d, &off), 0);
	CHECK_EQ(off.status, PN4ERR_NOSPC);
	CHECK_EQ(off.res.count, 512);
}

/* Refusing one operation must leave the reader at the next. */
TEST(cb_operations_can_be_passed_over)
{
	static const struct {
		u32 op;
		const char *golden;
	} ops[] = {
		{ PN4_OP_CB_GETATTR, "cb_getattr" },
		{ PN4_OP_CB_RECALL, "cb_recall" },
		{ PN4_OP_CB_LAYOUTRECALL, "cb_layoutrecall_file" },
		{ PN4_OP_CB_NOTIFY, "cb_notify" },
		{ PN4_OP_CB_PUSH_DELEG, "cb_push_deleg" },
		{ PN4_OP_CB_RECALL_ANY, "cb_recall_any" },
		{ PN4_OP_CB_RECALLABLE_OBJ_AVAIL, "cb_recall_any" },
		{ PN4_OP_CB_RECALL_SLOT, "cb_recall_slot" },
		{ PN4_OP_CB_SEQUENCE, "cb_sequence" },
		{ PN4_OP_CB_WANTS_CANCELLED, "cb_wants_cancelled" },
		{ PN4_OP_CB_NOTIFY_LOCK, "cb_notify_lock" },
		{ PN4_OP_CB_NOTIFY_DEVICEID, "cb_notify_deviceid" },
		{ PN4_OP_CB_OFFLOAD, "cb_offload" },
	};
	struct pxdr_dec d;
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		d = open_text(golden(ops[i].golden));
		CHECK_EQ(pn4_skip_cb_op(&d, ops[i].op), 0);
		CHECK_EQ(pxdr_left(&d), 0);
	}
	d = open_text("1 2 3");
	CHECK_EQ(pn4_skip_cb_op(&d, PN4_OP_CB_ILLEGAL), -EOPNOTSUPP);
	CHECK_EQ(pn4_skip_cb_op(&d, 16), -EOPNOTSUPP);
	CHECK_EQ(pn4_skip_cb_op(&d, 2), -EOPNOTSUPP);
	CHECK(!d.bad);
}
