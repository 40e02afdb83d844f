// SPDX-License-Identifier: GPL-2.0
/* Which flavours a server takes, when it has refused the one that was used. */
#include "internal.h"

static void pn4_flavors_know(const struct pn4_secinfo_res *res, struct pn4_flavors *f)
{
	u32 i;
	int sec;

	for (i = 0; i < res->n && f->n < ARRAY_SIZE(f->sec); i++) {
		sec = pn4_secinfo_sec(&res->info[i]);
		if (sec >= 0)
			f->sec[f->n++] = sec;
	}
}

/* The root has no name to ask for: SECINFO_NO_NAME (RFC 8881 section 18.45). */
static int pn4_secinfo_root(struct pn4_call *c, struct pn4_secinfo_res *res)
{
	int st;

	pn4_enc_putrootfh(pn4_op(c, PN4_OP_PUTROOTFH));
	pn4_enc_secinfo_no_name(pn4_op(c, PN4_OP_SECINFO_NO_NAME),
				PN4_SECINFO_CURRENT_FH);
	st = pn4_call_run(c);
	st = st ?: pn4_dec_putrootfh(&c->dec);
	return st ?: pn4_dec_secinfo_no_name(&c->dec, res);
}

/* Section 18.29; what @name is in has let us in. */
static int pn4_secinfo_name(struct pn4_call *c, const struct pn4_fh *dir,
			    const char *name, u32 len, struct pn4_secinfo_res *res)
{
	int st;

	pn4_call_putfh(c, dir);
	pn4_enc_secinfo(pn4_op(c, PN4_OP_SECINFO), name, len);
	st = pn4_call_run(c);
	st = st ?: pn4_dec_putfh(&c->dec);
	return st ?: pn4_dec_secinfo(&c->dec, res);
}

void pn4_ask_flavors(struct pn4_volume *vol, const struct pn4_fh *dir,
		     const char *name, u32 len, struct pn4_flavors *f)
{
	struct pn4_call *c = pn4_call_new(vol->client, vol, PN4_NAME_MAX + 512, 2048);
	struct pn4_secinfo_res res;
	int st;

	f->n = 0;
	if (!c)
		return;
	pn4_for_each_try(c, current_cred(), st) {
		st = name ? pn4_secinfo_name(c, dir, name, len, &res) :
			    pn4_secinfo_root(c, &res);
		if (!st)	/* it points into the reply */
			pn4_flavors_know(&res, f);
	}
	pn4_call_put(c);
}
