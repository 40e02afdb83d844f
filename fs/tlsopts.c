// SPDX-License-Identifier: GPL-2.0
/*
 * Mount options of TLS: whether, with which keys (by serial: the keys themselves
 * are in keyrings), and what each server is called in its certificate.
 */
#include <linux/ctype.h>
#include <linux/fs_context.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include "penstock.h"

#define PS_SERVERNAME_MAX	253	/* RFC 1035 section 2.3.4, without the root */

int ps_parse_xprtsec(struct fs_context *fc, struct ps_opts *o, const char *text)
{
	int mode;

	for (mode = PRPC_TLS_NONE; mode <= PRPC_TLS_MUTUAL; mode++) {
		if (strcmp(text, prpc_tls_name(mode)))
			continue;
		o->tls.mode = mode;
		return 0;
	}
	return invalf(fc, "penstock: %s: xprtsec=%s is not one of none, tls and mtls",
		      fc->source ?: "(no device)", text);
}

int ps_parse_servername(struct fs_context *fc, struct ps_opts *o, const char *text)
{
	size_t i, len = strlen(text);
	char *name;

	for (i = 0; i < len; i++)
		if (!isgraph(text[i]))
			break;
	if (!len || i < len || len > PS_SERVERNAME_MAX || !o->nr_addrs)
		return invalf(fc, "penstock: %s: servername= is not a name, or stands before all addresses",
			      fc->source ?: "(no device)");
	name = kstrdup(text, GFP_KERNEL);
	if (!name)
		return -ENOMEM;
	kfree(o->names[o->nr_addrs - 1]);
	o->names[o->nr_addrs - 1] = name;
	return 0;
}

int ps_check_tls(struct fs_context *fc, const struct ps_opts *o)
{
	const char *source = fc->source ?: "(no device)", *mode = prpc_tls_name(o->tls.mode);

	if (o->tls.mode != PRPC_TLS_MUTUAL && (o->tls.cert || o->tls.privkey))
		return invalf(fc, "penstock: %s: cert_serial= and privkey_serial= have a meaning only with xprtsec=mtls",
			      source);
	if (!o->tls.cert != !o->tls.privkey)
		return invalf(fc, "penstock: %s: cert_serial= and privkey_serial= go together", source);
	if (!o->tls.mode)
		return 0;
	if (!strcmp(o->proto, "rdma"))
		return invalf(fc, "penstock: %s: xprtsec=%s is not possible with proto=rdma: nothing is encrypted over RDMA",
			      source, mode);
	if (IS_ENABLED(CONFIG_NET_HANDSHAKE))
		return 0;
	errorf(fc, "penstock: %s: xprtsec=%s is not possible: this kernel cannot ask a daemon for a TLS handshake (CONFIG_NET_HANDSHAKE, Linux 6.5 and newer)",
	       source, mode);
	return -EOPNOTSUPP;
}

int ps_grow_names(struct ps_opts *o)
{
	char **names = krealloc(o->names, (o->nr_addrs + 1) * sizeof(*names), GFP_KERNEL);

	if (!names)
		return -ENOMEM;
	names[o->nr_addrs] = NULL;
	o->names = names;
	return 0;
}

static char *ps_addr_name(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET)
		return kasprintf(GFP_KERNEL, "%pI4",
				 &((const struct sockaddr_in *)ss)->sin_addr);
	return kasprintf(GFP_KERNEL, "%pI6c",
			 &((const struct sockaddr_in6 *)ss)->sin6_addr);
}

int ps_finish_names(struct ps_opts *o)
{
	unsigned int i;

	for (i = 0; o->tls.mode && i < o->nr_addrs; i++) {
		if (!o->names[i])
			o->names[i] = ps_addr_name(&o->addrs[i]);
		if (!o->names[i])
			return -ENOMEM;
	}
	return 0;
}

int ps_copy_names(struct ps_opts *to, const struct ps_opts *from)
{
	unsigned int i;

	if (!from->nr_addrs)
		return 0;
	to->names = kcalloc(from->nr_addrs, sizeof(*to->names), GFP_KERNEL);
	if (!to->names)
		return -ENOMEM;
	for (i = 0; i < from->nr_addrs; i++) {
		if (!from->names[i])
			continue;
		to->names[i] = kstrdup(from->names[i], GFP_KERNEL);
		if (!to->names[i])
			return -ENOMEM;
	}
	return 0;
}

void ps_free_names(struct ps_opts *o)
{
	unsigned int i;

	for (i = 0; o->names && i < o->nr_addrs; i++)
		kfree(o->names[i]);
	kfree(o->names);
	o->names = NULL;
}

void ps_show_tls(struct seq_file *m, const struct ps_opts *o)
{
	if (!o->tls.mode)
		return;
	seq_printf(m, ",xprtsec=%s", prpc_tls_name(o->tls.mode));
	if (o->tls.cert)
		seq_printf(m, ",cert_serial=%d,privkey_serial=%d", o->tls.cert,
			   o->tls.privkey);
}
