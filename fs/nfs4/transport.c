// SPDX-License-Identifier: GPL-2.0
/*
 * Which transport a client's connections use, and why.
 *
 * Decided once, when the client is made: proto=auto tries RDMA first if there
 * is any on this host.  From then on it is RDMA wherever that works: a path on
 * which it does not uses TCP meanwhile (net/fallback.c).  A client that has begun
 * with TCP keeps to that.
 *
 * penstock_rdma is not loaded here for proto=auto: whether this host has a
 * device is what mount.penstock looks at, and loads it then.
 */
#include "internal.h"

#define PN4_DS_CONNECT		(3 * HZ)	/* a data server: there are other ways */
#define PN4_RDMA_PATIENCE	(5 * HZ)	/* proto=auto: a server without RDMA may be silent */

static const struct pn4_transport pn4_tcp = { "tcp", 2049, "" };
static const struct pn4_transport pn4_rdma = { "rdma", 20049, "/rdma" };
/* proto=auto: RDMA, or TCP where that does not work; a client id of its own */
static const struct pn4_transport pn4_mixed = { "rdma", 20049, "/auto" };

/* Why proto=auto does not use RDMA: words for /proc/mounts and for the log. */
static const struct pn4_no_rdma {
	int error;
	const char *word;
	const char *sentence;
} pn4_no_rdma[] = {
	{ -ENOPROTOOPT, "no-rdma-here", "penstock_rdma is not loaded on this host" },
	{ -ENODEV, "no-rdma-route", "no RDMA device here leads to the server" },
	{ -ENETUNREACH, "no-rdma-route", "no RDMA device here leads to the server" },
	{ -EHOSTUNREACH, "no-rdma-route", "no RDMA device here leads to the server" },
	{ -EADDRNOTAVAIL, "no-rdma-route", "no RDMA device here leads to the server" },
	{ -ECONNREFUSED, "rdma-refused", "the server refuses RDMA connections" },
	{ -EOPNOTSUPP, "tls", "nothing is encrypted over RDMA" },
	{ -ETIMEDOUT, "rdma-silent", "the server does not answer RDMA connections" },
	{ 0, "rdma-failed", "RDMA does not work with the server" },
};

static const struct pn4_no_rdma *pn4_no_rdma_because(int error)
{
	const struct pn4_no_rdma *no = pn4_no_rdma;

	while (no->error && no->error != error)
		no++;
	return no;
}

static struct pn4_client *pn4_transport_auto(const struct pn4_mount_args *args)
{
	const struct pn4_no_rdma *no;
	int error = args->tls.mode ? -EOPNOTSUPP : -ENOPROTOOPT;
	struct pn4_client *cl;

	if (!args->tls.mode && prpc_transport_loaded(pn4_rdma.name)) {
		cl = pn4_client_make(args, &pn4_mixed, "rdma-works",
				     PN4_RDMA_PATIENCE);
		if (!IS_ERR(cl)) {
			pr_info("penstock: %s: using RDMA: both ends have it\n",
				args->name);
			return cl;
		}
		error = PTR_ERR(cl);
		if (error == -ERESTARTSYS || error == -ENOMEM)
			return cl;
	}
	no = pn4_no_rdma_because(error);
	cl = pn4_client_make(args, &pn4_tcp, no->word, MAX_SCHEDULE_TIMEOUT);
	if (IS_ERR(cl))
		return cl;
	if (no->error)
		pr_info("penstock: %s: using TCP: %s\n", args->name, no->sentence);
	else
		pr_info("penstock: %s: using TCP: %s (error %d)\n", args->name,
			no->sentence, error);
	return cl;
}

struct pn4_client *pn4_transport_connect(const struct pn4_mount_args *args)
{
	if (!strcmp(args->proto, "auto"))
		return pn4_transport_auto(args);
	return pn4_client_make(args, strcmp(args->proto, pn4_rdma.name) ?
			       &pn4_tcp : &pn4_rdma, NULL, args->data_server ?
			       PN4_DS_CONNECT : MAX_SCHEDULE_TIMEOUT);
}

/* Where the choice is ours, paths on which RDMA does not work may use TCP. */
void pn4_transport_fallback(const struct pn4_client *cl,
			    const struct pn4_mount_args *args,
			    struct prpc_peer_args *peer_args)
{
	if (cl->transport != &pn4_mixed)
		return;
	peer_args->fallback = pn4_tcp.name;
	peer_args->fallback_port = args->port ?: pn4_tcp.port;
}

/*
 * May a mount that asks for @proto share @cl?  One that leaves the choice to us
 * does not take a TCP client that somebody else insisted on, and one that insists
 * on RDMA none whose paths may use TCP.
 */
bool pn4_transport_fits(const struct pn4_client *cl, const char *proto)
{
	if (!strcmp(proto, "auto"))
		return cl->why || cl->transport == &pn4_rdma;
	return cl->transport != &pn4_mixed && !strcmp(proto, cl->transport->name);
}

void pn4_transport_show(const struct pn4_client *cl, struct seq_file *m)
{
	seq_printf(m, ",proto=%s", cl->transport->name);
	if (cl->why)
		seq_printf(m, ",proto_why=%s", cl->why);
}
