// SPDX-License-Identifier: GPL-2.0
/*
 * Mount options.
 *
 * The kernel resolves no names: addresses come as addr= options, put there by
 * mount.penstock, or as literals in the device string.
 */
#include <linux/fs_parser.h>
#include <linux/inet.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include "penstock.h"

enum {
	Opt_addr, Opt_port, Opt_vers, Opt_rsize, Opt_wsize, Opt_hard, Opt_soft,
	Opt_timeout, Opt_proto, Opt_sec, Opt_actimeo, Opt_noac, Opt_ac,
	Opt_local_lock, Opt_xprtsec, Opt_proto_why, Opt_paths, Opt_rails,
	Opt_gpudirect,
	Opt_servername, Opt_cert_serial, Opt_privkey_serial, Opt_renew,
};

static const struct constant_table ps_local_locks[] = {
	{ "none",	0 },
	{ "posix",	PS_LOCAL_POSIX },
	{ "flock",	PS_LOCAL_FLOCK },
	{ "all",	PS_LOCAL_POSIX | PS_LOCAL_FLOCK },
	{}
};

static const struct constant_table ps_secs[] = {
	{ "sys",	PRPC_SEC_SYS },
	{ "krb5",	PRPC_SEC_KRB5 },
	{ "krb5i",	PRPC_SEC_KRB5I },
	{ "krb5p",	PRPC_SEC_KRB5P },
	{}
};

const struct fs_parameter_spec ps_params[] = {
	fsparam_string("addr", Opt_addr),
	fsparam_u32("port", Opt_port),
	fsparam_string("vers", Opt_vers),
	fsparam_u32("rsize", Opt_rsize),
	fsparam_u32("wsize", Opt_wsize),
	fsparam_flag("hard", Opt_hard),
	fsparam_flag("soft", Opt_soft),
	fsparam_u32("timeout", Opt_timeout),
	fsparam_string("proto", Opt_proto),
	fsparam_string("sec", Opt_sec),
	fsparam_u32("actimeo", Opt_actimeo),
	fsparam_flag("ac", Opt_ac),
	fsparam_flag("noac", Opt_noac),
	fsparam_enum("local_lock", Opt_local_lock, ps_local_locks),
	fsparam_string("xprtsec", Opt_xprtsec),
	fsparam_string("proto_why", Opt_proto_why),
	fsparam_u32("paths", Opt_paths),
	fsparam_string("rails", Opt_rails),
	fsparam_enum("gpudirect", Opt_gpudirect, ps_gpu_modes),
	fsparam_string("servername", Opt_servername),
	fsparam_s32("cert_serial", Opt_cert_serial),
	fsparam_s32("privkey_serial", Opt_privkey_serial),
	fsparam_flag("renew", Opt_renew),
	{}
};

static const char *ps_name(const struct fs_context *fc)
{
	return fc->source ? fc->source : "(no device)";
}

static int ps_add_addr(struct fs_context *fc, struct ps_sb *sbi,
		       const char *text)
{
	struct ps_opts *o = &sbi->opts;
	struct sockaddr_storage ss = {}, *addrs;

	if (inet_pton_with_scope(sbi->net, AF_UNSPEC, text, NULL, &ss))
		return invalf(fc, "penstock: %s: addr=%s is not an IPv4 or IPv6 address",
			      ps_name(fc), text);
	if (o->nr_addrs >= PRPC_MAX_ADDRS)
		return invalf(fc, "penstock: %s: more than %d addresses",
			      ps_name(fc), PRPC_MAX_ADDRS);
	addrs = krealloc(o->addrs, (o->nr_addrs + 1) * sizeof(*addrs),
			 GFP_KERNEL);
	if (!addrs)
		return -ENOMEM;
	o->addrs = addrs;
	if (ps_grow_names(o))
		return -ENOMEM;
	addrs[o->nr_addrs++] = ss;
	return 0;
}

static int ps_parse_addr(struct fs_context *fc, const char *text)
{
	struct ps_fs_context *ctx = fc->fs_private;
	struct ps_sb *sbi = fc->s_fs_info;

	if (!ctx->addrs_reset) {
		ctx->addrs_reset = true;
		ps_free_names(&sbi->opts);
		sbi->opts.nr_addrs = 0;
	}
	return ps_add_addr(fc, sbi, text);
}

/* One rail of several; each has a rails= of its own. */
static int ps_parse_rail(struct fs_context *fc, const char *text)
{
	struct ps_fs_context *ctx = fc->fs_private;
	struct ps_sb *sbi = fc->s_fs_info;
	struct ps_opts *o = &sbi->opts;
	struct prpc_rail rail, *rails;

	if (!ctx->rails_reset) {
		ctx->rails_reset = true;
		o->nr_rails = 0;
	}
	if (prpc_rail_parse(&rail, text))
		return invalf(fc, "penstock: %s: rails=%s is not an interface, an address or a prefix",
			      ps_name(fc), text);
	if (o->nr_rails >= PRPC_MAX_RAILS)
		return invalf(fc, "penstock: %s: more than %d rails",
			      ps_name(fc), PRPC_MAX_RAILS);
	rails = krealloc(o->rails, (o->nr_rails + 1) * sizeof(*rails), GFP_KERNEL);
	if (!rails)
		return -ENOMEM;
	rails[o->nr_rails++] = rail;
	o->rails = rails;
	return 0;
}

static int ps_parse_vers(struct fs_context *fc, struct ps_opts *o,
			 const char *text)
{
	if (!strcmp(text, "4.2") || !strcmp(text, "4.1")) {
		o->minor = text[2] - '0';
		o->minor_fixed = true;
		return 0;
	}
	return invalf(fc, "penstock: %s: vers=%s is not supported, only 4.1 and 4.2",
		      ps_name(fc), text);
}

static int ps_parse_size(struct fs_context *fc, const char *key, u32 value,
			 u32 *to)
{
	if (value < PAGE_SIZE || value % PAGE_SIZE)
		return invalf(fc, "penstock: %s: %s=%u is not a multiple of %lu bytes",
			      ps_name(fc), key, value, PAGE_SIZE);
	*to = value;
	return 0;
}

static int ps_parse_proto(struct fs_context *fc, struct ps_opts *o,
			  const char *text)
{
	if (strcmp(text, "tcp") && strcmp(text, "rdma") && strcmp(text, "auto"))
		return invalf(fc, "penstock: %s: proto=%s is not supported, only tcp, rdma and auto",
			      ps_name(fc), text);
	strscpy(o->proto, text, sizeof(o->proto));
	return 0;
}

static int ps_parse_sec(struct fs_context *fc, struct ps_opts *o, const char *text)
{
	const struct constant_table *t;

	for (t = ps_secs; t->name; t++) {
		if (strcmp(text, t->name))
			continue;
		o->sec = t->value;
		o->sec_given = true;
		return 0;
	}
	return invalf(fc, "penstock: %s: sec=%s is not one of sys, krb5, krb5i and krb5p",
		      ps_name(fc), text);
}

const char *ps_sec_name(const struct ps_opts *o)
{
	return ps_secs[o->sec].name;
}

bool ps_is_wrong_sec(const struct ps_opts *o, const struct pn4_flavors *wanted)
{
	unsigned int i;

	for (i = 0; i < wanted->n; i++)
		if (wanted->sec[i] == o->sec)
			return false;
	return wanted->n;
}

bool ps_pick_sec(const struct fs_context *fc, struct ps_opts *o,
		 const struct pn4_flavors *wanted)
{
	if (o->sec_given || o->sec || !ps_is_wrong_sec(o, wanted) ||
	    !net_eq(fc->net_ns, &init_net))
		return false;
	o->sec = wanted->sec[0];
	pr_notice("penstock: %s: the server wants Kerberos there, using sec=%s\n",
		  ps_name(fc), ps_secs[o->sec].name);
	return true;
}

void ps_name_secs(const struct pn4_flavors *wanted, char *text, size_t size)
{
	size_t n = 0;
	unsigned int i;

	for (i = 0; i < wanted->n; i++)
		n += scnprintf(text + n, size - n, "%s%s", i ? ":" : "",
			       ps_secs[wanted->sec[i]].name);
}

static int ps_parse_opt(struct fs_context *fc, int opt, struct ps_opts *o,
			struct fs_parameter *param,
			const struct fs_parse_result *res)
{
	switch (opt) {
	case Opt_addr:
		return ps_parse_addr(fc, param->string);
	case Opt_port:
		if (!res->uint_32 || res->uint_32 > U16_MAX)
			return invalf(fc, "penstock: %s: port=%u is not a port",
				      ps_name(fc), res->uint_32);
		o->port = res->uint_32;
		return 0;
	case Opt_vers:
		return ps_parse_vers(fc, o, param->string);
	case Opt_rsize:
		return ps_parse_size(fc, "rsize", res->uint_32, &o->rsize);
	case Opt_wsize:
		return ps_parse_size(fc, "wsize", res->uint_32, &o->wsize);
	case Opt_hard:
	case Opt_soft:
		o->soft = opt == Opt_soft;
		return 0;
	case Opt_timeout:
		if (!res->uint_32 || res->uint_32 > 86400)
			return invalf(fc, "penstock: %s: timeout=%u is not within 1 to 86400 seconds",
				      ps_name(fc), res->uint_32);
		o->timeout = res->uint_32;
		o->timeout_set = true;
		return 0;
	case Opt_proto:
		return ps_parse_proto(fc, o, param->string);
	case Opt_sec:
		return ps_parse_sec(fc, o, param->string);
	case Opt_xprtsec:
		return ps_parse_xprtsec(fc, o, param->string);
	case Opt_proto_why:	/* only shown; a remount repeats it */
		return 0;
	case Opt_actimeo:
		if (res->uint_32 > 86400)
			return invalf(fc, "penstock: %s: actimeo=%u is more than 86400 seconds",
				      ps_name(fc), res->uint_32);
		o->actimeo = res->uint_32;
		return 0;
	case Opt_noac:
		o->actimeo = 0;
		return 0;
	case Opt_ac:
		o->actimeo = PS_TIMES_UNSET;
		return 0;
	case Opt_local_lock:
		o->local_lock = res->uint_32;
		return 0;
	case Opt_paths:
		if (!res->uint_32 || res->uint_32 > PRPC_MAX_PATHS)
			return invalf(fc, "penstock: %s: paths=%u is not within 1 to %d",
				      ps_name(fc), res->uint_32, PRPC_MAX_PATHS);
		o->paths = res->uint_32;
		return 0;
	case Opt_gpudirect:
		o->gpu = res->uint_32;
		return 0;
	case Opt_rails:
		return ps_parse_rail(fc, param->string);
	case Opt_servername:
		return ps_parse_servername(fc, o, param->string);
	case Opt_cert_serial:
		o->tls.cert = res->int_32;
		return 0;
	case Opt_privkey_serial:
		o->tls.privkey = res->int_32;
		return 0;
	case Opt_renew:
		((struct ps_fs_context *)fc->fs_private)->renew = true;
		return 0;
	}
	return -EINVAL;
}

int ps_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct ps_sb *sbi = fc->s_fs_info;
	struct fs_parse_result res;
	int opt = fs_parse(fc, ps_params, param, &res);

	if (opt == -ENOPARAM) {
		opt = vfs_parse_fs_param_source(fc, param);
		if (opt == -ENOPARAM)
			return invalf(fc, "penstock: %s: unknown option \"%s\"",
				      ps_name(fc), param->key);
		return opt;
	}
	if (opt < 0)
		return opt;
	return ps_parse_opt(fc, opt, &sbi->opts, param, &res);
}

/* What cannot be judged option by option. */
int ps_check_opts(struct fs_context *fc, struct ps_opts *o)
{
	if (o->timeout_set && !o->soft)
		return invalf(fc, "penstock: %s: timeout= has a meaning only with soft",
			      ps_name(fc));
	if (o->sec && !net_eq(fc->net_ns, &init_net))
		return invalf(fc, "penstock: %s: sec=%s works in the initial network namespace only",
			      ps_name(fc), ps_secs[o->sec].name);
	if (o->soft && !o->timeout)
		o->timeout = PS_SOFT_TIMEOUT;
	return ps_check_tls(fc, o);
}

/*
 * "hosts:/path": the path begins at the first ":/", which is never part of an
 * address.  *@path points into fc->source.
 */
int ps_split_source(struct fs_context *fc, const char **path)
{
	const char *colon;

	if (!fc->source)
		return invalf(fc, "penstock: no device given, say host:/path");
	colon = strstr(fc->source, ":/");
	if (!colon || colon == fc->source)
		return invalf(fc, "penstock: %s: the device is not of the form host:/path",
			      fc->source);
	*path = colon + 1;
	if (strlen(*path) >= PN4_PATH_MAX)
		return invalf(fc, "penstock: %s: path too long", fc->source);
	return 0;
}

/* The first host of the device string, whose Kerberos principal is asked for. */
char *ps_first_host(const char *source)
{
	const char *end = strstr(source, ":/"), *comma = strchr(source, ',');

	if (comma && comma < end)
		end = comma;
	if (*source == '[' && end[-1] == ']') {
		source++;
		end--;
	}
	return kmemdup_nul(source, end - source, GFP_KERNEL);
}

/* One host of the device string as an address, "[...]" or bare. */
static int ps_literal(struct fs_context *fc, struct ps_sb *sbi, char *host)
{
	size_t len = strlen(host);
	struct sockaddr_storage ss;

	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = 0;
		host++;
	}
	if (inet_pton_with_scope(sbi->net, AF_UNSPEC, host, NULL, &ss))
		return invalf(fc, "penstock: %s: no addr= option and \"%s\" is not an address; mount.penstock resolves names",
			      fc->source, host);
	return ps_add_addr(fc, sbi, host);
}

static int ps_source_addrs(struct fs_context *fc, struct ps_sb *sbi,
			   const char *path)
{
	char *hosts, *next, *host;
	int rc = 0;

	hosts = kmemdup_nul(fc->source, path - 1 - fc->source, GFP_KERNEL);
	if (!hosts)
		return -ENOMEM;
	next = hosts;
	while (!rc && (host = strsep(&next, ",")))
		rc = ps_literal(fc, sbi, host);
	kfree(hosts);
	return rc;
}

/* Have addresses. */
int ps_finish_addrs(struct fs_context *fc, struct ps_sb *sbi)
{
	struct ps_opts *o = &sbi->opts;
	const char *path;
	int rc;

	rc = ps_split_source(fc, &path);
	if (!rc && !o->nr_addrs)
		rc = ps_source_addrs(fc, sbi, path);
	return rc ?: ps_finish_names(o);
}

int ps_copy_opts(struct ps_opts *to, const struct ps_opts *from)
{
	*to = *from;
	to->addrs = NULL;
	to->rails = NULL;
	to->names = NULL;
	if (from->nr_addrs) {
		to->addrs = kmemdup(from->addrs,
				    from->nr_addrs * sizeof(*from->addrs),
				    GFP_KERNEL);
		if (!to->addrs)
			return -ENOMEM;
	}
	if (from->nr_rails) {
		to->rails = kmemdup(from->rails,
				    from->nr_rails * sizeof(*from->rails),
				    GFP_KERNEL);
		if (!to->rails)
			return -ENOMEM;
	}
	return ps_copy_names(to, from);
}

static void ps_show_local_lock(struct seq_file *m, unsigned int local)
{
	const struct constant_table *t;

	for (t = ps_local_locks; t->name; t++)
		if (local && local == t->value)
			seq_printf(m, ",local_lock=%s", t->name);
}

void ps_show_opts(struct seq_file *m, const struct ps_sb *sbi)
{
	const struct ps_opts *o = &sbi->opts;

	pn4_show_options(sbi->vol, m);
	seq_printf(m, ",sec=%s", ps_sec_name(o));
	ps_show_tls(m, o);
	if (o->port)
		seq_printf(m, ",port=%u", o->port);
	if (!o->actimeo)
		seq_puts(m, ",noac");
	else if (o->actimeo != PS_TIMES_UNSET)
		seq_printf(m, ",actimeo=%d", o->actimeo);
	ps_show_local_lock(m, o->local_lock);
	if (o->gpu)
		seq_printf(m, ",gpudirect=%s", ps_gpu_mode_name(o->gpu));
	pn4_paths_show(sbi->vol, m);
}
