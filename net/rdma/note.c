// SPDX-License-Identifier: GPL-2.0
/* Answers to the server's calls, on the way back (RFC 8167). */
#include "rdma.h"

static void prdma_note_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct prdma_note *note = container_of(wc->wr_cqe, struct prdma_note, cqe);
	struct prdma_conn *c = wc->qp->qp_context;

	if (wc->status != IB_WC_SUCCESS) {
		prdma_wc_failed(c, wc);
		return;
	}
	prdma_sq_put(c, 1);
	spin_lock_bh(&c->lock);
	list_add(&note->link, &c->notes);
	spin_unlock_bh(&c->lock);
}

static struct prdma_note *prdma_note_get(struct prdma_conn *c)
{
	struct prdma_note *note;

	spin_lock_bh(&c->lock);
	note = list_first_entry_or_null(&c->notes, struct prdma_note, link);
	if (note && (c->stopped || !prdma_sq_get(c, 1)))
		note = NULL;
	if (note)
		list_del(&note->link);
	spin_unlock_bh(&c->lock);
	return note;
}

/* RFC 8167: inline only, with the credits that we grant to the server. */
int prdma_send_reply(struct prpc_conn *conn, const void *buf, size_t len)
{
	struct prdma_conn *c = prdma_conn(conn);
	struct prdma_note *note;
	struct pxdr_enc e;
	int error;

	if (len < 4 || len > c->inline_send - PRDMA_HEADER_MIN)
		return -EMSGSIZE;
	note = prdma_note_get(c);
	if (!note)
		return -ENOMEM;
	pxdr_enc_init(&e, note->buf, PRDMA_INLINE);
	prdma_header_encode_plain(&e, be32_to_cpup(buf), PRDMA_CALLBACKS);
	pxdr_fixed(&e, buf, len);
	note->sge.length = pxdr_enc_len(&e);
	ib_dma_sync_single_for_device(c->dev, note->dma, note->sge.length,
				      DMA_TO_DEVICE);
	error = ib_post_send(c->qp, &note->send, NULL);
	if (error)
		prdma_down(c, error);
	else
		prpc_conn_count(conn, note->sge.length, 0);
	return error;
}

int prdma_notes_create(struct prdma_conn *c)
{
	struct prdma_note *note;
	int i, error;

	for (i = 0; i < PRDMA_CALLBACKS; i++) {
		note = &c->note_room[i];
		error = prdma_buf_create(c, &note->buf, &note->dma, DMA_TO_DEVICE);
		if (error)
			return error;
		note->sge.addr = note->dma;
		note->sge.lkey = c->pd->local_dma_lkey;
		note->cqe.done = prdma_note_done;
		note->send.wr_cqe = &note->cqe;
		note->send.sg_list = &note->sge;
		note->send.num_sge = 1;
		note->send.opcode = IB_WR_SEND;
		note->send.send_flags = IB_SEND_SIGNALED;
		list_add(&note->link, &c->notes);
	}
	return 0;
}

void prdma_notes_destroy(struct prdma_conn *c)
{
	int i;

	for (i = 0; i < PRDMA_CALLBACKS; i++)
		prdma_buf_destroy(c, c->note_room[i].buf, c->note_room[i].dma,
				  DMA_TO_DEVICE);
}
