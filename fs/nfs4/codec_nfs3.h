/* SPDX-License-Identifier: GPL-2.0 */
/* The three procedures of NFSv3 (RFC 1813) that flexible files need of a data server. */
#ifndef _PN4_CODEC_NFS3_H
#define _PN4_CODEC_NFS3_H

#include "codec.h"

#define PN3_VERSION		3
#define PN3_PROC_READ		6
#define PN3_PROC_WRITE		7
#define PN3_PROC_COMMIT		21

#define PN3_FHSIZE		64
/* READ's data behind the RPC header, with the attributes that go before it. */
#define PN3_READ_DATA_AT	104

void pn3_enc_read(struct pxdr_enc *e, const struct pn4_fh *fh, u64 offset, u32 count);
/*
 * Head of the result only, as pn4_dec_read().  Attributes may be left out: then the
 * data is not at PN3_READ_DATA_AT, and that is -EREMOTEIO.
 */
int pn3_dec_read(struct pxdr_dec *d, struct pn4_read_res *res);

/* Up to and with the length word, as pn4_enc_write(). */
void pn3_enc_write(struct pxdr_enc *e, const struct pn4_fh *fh, u64 offset, u32 stable,
		   u32 len);
int pn3_dec_write(struct pxdr_dec *d, struct pn4_write_res *res);

/* All of the file. */
void pn3_enc_commit(struct pxdr_enc *e, const struct pn4_fh *fh);
int pn3_dec_commit(struct pxdr_dec *d, __be64 *verf);

#endif
