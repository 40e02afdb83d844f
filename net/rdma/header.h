/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RPC-over-RDMA version 1 on the wire (RFC 8166): the header with its chunk
 * lists, and what connections tell each other when they are made (RFC 8797).
 *
 * Pure: no verbs, no allocation, no locks, compiles in user space.  Everything
 * decoded here is hostile: what comes out has been checked against the length
 * of what came in and against the limits below.
 */
#ifndef PENSTOCK_RDMA_HEADER_H
#define PENSTOCK_RDMA_HEADER_H

#include "../xdr.h"

#define PRDMA_VERSION		1
/* Header without chunks; also the least that can be answered (section 4.5). */
#define PRDMA_HEADER_MIN	28
/* Bytes each way in one message, unless agreed otherwise (section 3.3.3). */
#define PRDMA_INLINE_DEFAULT	1024
#define PRDMA_INLINE_MAX	(256u * 1024)
/* Segments of all chunks of one message; so many are sent and understood. */
#define PRDMA_SEGS_MAX		16
/* The longest header: all of them in a Read list, and the other two lists. */
#define PRDMA_HEADER_MAX	(PRDMA_HEADER_MIN + PRDMA_SEGS_MAX * 24 + 12)
/* No chunk is larger: 4 MiB of data and the words around. */
#define PRDMA_CHUNK_MAX		((4u << 20) + (64u << 10))

/* rdma_proc, section 4.2.4 */
enum prdma_proc {
	PRDMA_MSG	= 0,
	PRDMA_NOMSG	= 1,
	PRDMA_MSGP	= 2,	/* obsolete */
	PRDMA_DONE	= 3,	/* obsolete */
	PRDMA_ERROR	= 4,
};

/* rdma_err, section 4.5 */
enum prdma_err {
	PRDMA_ERR_VERS	= 1,
	PRDMA_ERR_CHUNK	= 2,
};

/** struct prdma_seg - plain segment (section 3.4.3): memory of the requester */
struct prdma_seg {
	u32 handle;
	u32 len;
	u64 offset;
};

/** struct prdma_chunk - @nr segments; none: there is no such chunk */
struct prdma_chunk {
	const struct prdma_seg *seg;
	u32 nr;
};

/**
 * struct prdma_call_header - what a call's header is made of
 * @credits: asked for
 * @message: Position-Zero Read chunk with the message itself, which is then
 *	not inline (RDMA_NOMSG, section 3.5.3)
 * @read: Read chunk whose content belongs at @read_at of the message
 * @write: Write chunk for the one data item of the reply that can be placed
 * @reply: Reply chunk for the whole message if it is too long to be inline
 */
struct prdma_call_header {
	u32 xid;
	u32 credits;
	struct prdma_chunk message;
	struct prdma_chunk read;
	u32 read_at;
	struct prdma_chunk write;
	struct prdma_chunk reply;
};

/* Bytes that prdma_header_encode() will write. */
u32 prdma_header_size(const struct prdma_call_header *h);
void prdma_header_encode(struct pxdr_enc *e, const struct prdma_call_header *h);
/* Header of a message without chunks: answers in the backward direction. */
void prdma_header_encode_plain(struct pxdr_enc *e, u32 xid, u32 credits);

/**
 * struct prdma_message - a message received
 * @proc: MSG, NOMSG or ERROR
 * @body: MSG: the inline RPC message of @body_len bytes, at least 8, whose xid
 *	is the same; otherwise NULL.  Points into the buffer decoded
 * @err, @vers_low, @vers_high: ERROR; the latter two for ERR_VERS
 * @has_write, @has_reply: the sender has returned such a chunk
 * @write: @nr_write segments of the returned Write chunk
 * @reply: @nr_reply segments of the returned Reply chunk
 */
struct prdma_message {
	u32 xid;
	u32 vers;
	u32 credits;
	u32 proc;
	const u8 *body;
	u32 body_len;
	u32 err;
	u32 vers_low;
	u32 vers_high;
	bool has_write;
	bool has_reply;
	u32 nr_write;
	u32 nr_reply;
	struct prdma_seg write[PRDMA_SEGS_MAX];
	struct prdma_seg reply[PRDMA_SEGS_MAX];
};

/*
 * Decode the message in @buf.  False: it is malformed, too large, or of a kind
 * that no server may send us (a Read list, several Write chunks, MSGP, DONE,
 * another version); only @m->xid is meaningful then, and 0 if there is none.
 */
bool prdma_message_decode(const void *buf, u32 len, struct prdma_message *m);
/* Is it a call (backward direction, RFC 8167 section 4)?  Only of a MSG. */
bool prdma_message_is_call(const struct prdma_message *m);
/*
 * Is the chunk of @nr segments at @back the one that was offered, filled from
 * the front (section 3.4.6)?  *@len: bytes in it.
 */
bool prdma_chunk_filled(const struct prdma_chunk *offered,
			const struct prdma_seg *back, u32 nr, u32 *len);

/* RFC 8797 section 4 */
#define PRDMA_PRIVATE_LEN	8

/** struct prdma_private - @send_size, @recv_size: bytes, multiples of 1024 */
struct prdma_private {
	u32 send_size;
	u32 recv_size;
	bool remote_inv;
};

void prdma_private_encode(u8 buf[PRDMA_PRIVATE_LEN], const struct prdma_private *p);
/* What the peer told; the defaults of RFC 8166 if it told nothing. */
void prdma_private_decode(const void *buf, u32 len, struct prdma_private *p);

#endif
