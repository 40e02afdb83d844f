// SPDX-License-Identifier: GPL-2.0
/*
 * Which addresses and rails a client's paths are made of, at first and later.
 *
 * They belong to the client, not to a mount: mounts of one server share its
 * paths, so what one of them changes holds for all, and all show the same.
 */
#include <linux/slab.h>
#include "internal.h"

/* ---- the names in the servers' certificates ---- */

void pn4_names_free(char **names, unsigned int n)
{
	unsigned int i;

	for (i = 0; names && i < n; i++)
		kfree(names[i]);
	kfree(names);
}

/* A copy of @names, or where that is NULL the addresses themselves. */
static char **pn4_names_make(const char *const *names,
			     const struct sockaddr_storage *addrs, unsigned int n)
{
	char **copy = kcalloc(n, sizeof(*copy), GFP_KERNEL);
	unsigned int i;

	for (i = 0; copy && i < n; i++) {
		copy[i] = names ? kstrdup(names[i], GFP_KERNEL) :
				  kasprintf(GFP_KERNEL, "%pISc", &addrs[i]);
		if (copy[i])
			continue;
		pn4_names_free(copy, i);
		return NULL;
	}
	return copy;
}

char **pn4_names_of(const struct sockaddr_storage *addrs, unsigned int n)
{
	return pn4_names_make(NULL, addrs, n);
}

/* ---- what paths are made of ---- */

static void pn4_addr_set_port(struct sockaddr_storage *ss, u16 port)
{
	if (ss->ss_family == AF_INET)
		((struct sockaddr_in *)ss)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)ss)->sin6_port = htons(port);
}

/* The address @n of @args with the port that it has on @t. */
struct sockaddr_storage pn4_mount_addr(const struct pn4_mount_args *args,
				       unsigned int n, const struct pn4_transport *t)
{
	struct sockaddr_storage ss = args->addrs[n];

	if (!args->own_ports)
		pn4_addr_set_port(&ss, args->port ?: t->port);
	return ss;
}

void pn4_paths_free(struct pn4_paths *p)
{
	pn4_names_free(p->names, p->nr_addrs);
	kfree(p->addrs);
	kfree(p->rails);
}

/* A copy of what @args says, and where it says nothing, of what @old does. */
static int pn4_paths_fill(struct pn4_paths *p, const struct pn4_client *cl,
			  const struct pn4_mount_args *args,
			  const struct pn4_paths *old)
{
	const struct prpc_rail *rails = args->nr_rails ? args->rails : old->rails;
	const char *const *names = args->nr_addrs ? args->names :
				   (const char *const *)old->names;
	unsigned int i;

	memset(p, 0, sizeof(*p));
	p->nr_addrs = args->nr_addrs ?: old->nr_addrs;
	p->nr_rails = args->nr_rails ?: old->nr_rails;
	p->max = args->paths ?: old->max;
	p->addrs = kcalloc(p->nr_addrs, sizeof(*p->addrs), GFP_KERNEL);
	if (p->nr_rails)
		p->rails = kmemdup(rails, p->nr_rails * sizeof(*rails), GFP_KERNEL);
	if (cl->tls.mode)
		p->names = pn4_names_make(names, args->addrs, p->nr_addrs);
	if (!p->addrs || (p->nr_rails && !p->rails) || (cl->tls.mode && !p->names)) {
		pn4_paths_free(p);
		return -ENOMEM;
	}
	for (i = 0; i < p->nr_addrs; i++)
		p->addrs[i] = args->nr_addrs ?
			      pn4_mount_addr(args, i, cl->transport) :
			      old->addrs[i];
	return 0;
}

/* Connections that each address may have. */
static unsigned int pn4_paths_share(const struct pn4_paths *p)
{
	return max(1U, (p->max ?: PRPC_DEFAULT_PATHS) / p->nr_addrs);
}

static void pn4_paths_args(const struct pn4_client *cl, const struct pn4_paths *p,
			   struct prpc_peer_args *args)
{
	args->addrs = p->addrs;
	args->nr_addrs = p->nr_addrs;
	args->names = (const char *const *)p->names;
	args->rails = p->rails;
	args->nr_rails = p->nr_rails;
	args->max_paths = p->max;
	args->ident = cl->owner;
	if (!cl->elder)
		return;
	args->budget = pn4_paths_share(&cl->elder->paths);
	args->max_paths = cl->elder->paths.max ? args->budget : 0;
}

/* For a client that is being made: its paths, in @peer_args, too. */
int pn4_paths_init(struct pn4_client *cl, const struct pn4_mount_args *args,
		   struct prpc_peer_args *peer_args)
{
	static const struct pn4_paths none;
	int err = pn4_paths_fill(&cl->paths, cl, args, &none);

	if (!err)
		pn4_paths_args(cl, &cl->paths, peer_args);
	return err;
}

int pn4_paths_find(const struct pn4_paths *p, const struct sockaddr_storage *addr)
{
	unsigned int i;

	for (i = 0; i < p->nr_addrs; i++)
		if (!memcmp(&p->addrs[i], addr, sizeof(*addr)))
			return i;
	return -ENOENT;
}

/* What there is now of its elder's is a sibling's, too: the rails to its address. */
static void pn4_paths_inherit(struct pn4_client *cl, void *arg)
{
	struct prpc_peer_args args = { .name = cl->name };
	struct pn4_paths p = cl->elder->paths;

	lockdep_assert_held(&cl->elder->change_mutex);
	if (pn4_paths_find(&p, cl->paths.addrs) < 0) {
		prpc_peer_clear(cl->peer);
		return;
	}
	p.addrs = cl->paths.addrs;
	p.names = cl->paths.names;
	p.nr_addrs = 1;
	args.net = cl->net;
	pn4_paths_args(cl, &p, &args);
	/* else it goes on with what it has, or without */
	prpc_peer_change(cl->peer, &args);
}

int pn4_paths_change(struct pn4_volume *vol, const struct pn4_mount_args *args)
{
	struct prpc_peer_args peer_args = { .name = vol->client->name };
	struct pn4_client *cl = vol->client;
	struct pn4_paths p;
	int err;

	peer_args.net = cl->net;
	err = mutex_lock_killable(&cl->change_mutex);
	if (err)
		return err;
	err = pn4_paths_fill(&p, cl, args, &cl->paths);
	if (err)
		goto out;
	pn4_paths_args(cl, &p, &peer_args);
	err = prpc_peer_change(cl->peer, &peer_args);
	if (!err) {
		mutex_lock(&cl->paths_mutex);
		swap(p, cl->paths);
		mutex_unlock(&cl->paths_mutex);
		pn4_siblings_each(cl, pn4_paths_inherit, NULL);
	}
	pn4_paths_free(&p);
out:
	mutex_unlock(&cl->change_mutex);
	return err;
}

static void pn4_show_addr(struct seq_file *m, const struct sockaddr_storage *ss)
{
	const struct sockaddr_in6 *sin6 = (const void *)ss;

	if (ss->ss_family == AF_INET)
		seq_printf(m, ",addr=%pI4",
			   &((const struct sockaddr_in *)ss)->sin_addr);
	else if (sin6->sin6_scope_id)
		seq_printf(m, ",addr=%pI6c%%%u", &sin6->sin6_addr,
			   sin6->sin6_scope_id);
	else
		seq_printf(m, ",addr=%pI6c", &sin6->sin6_addr);
}

void pn4_paths_show(struct pn4_volume *vol, struct seq_file *m)
{
	struct pn4_client *cl = vol->client;
	const struct pn4_paths *p = &cl->paths;
	unsigned int i;

	mutex_lock(&cl->paths_mutex);
	if (p->max)
		seq_printf(m, ",paths=%u", p->max);
	for (i = 0; i < p->nr_rails; i++)
		seq_printf(m, ",rails=%s", p->rails[i].name);
	for (i = 0; i < p->nr_addrs; i++) {
		pn4_show_addr(m, &p->addrs[i]);
		if (p->names)
			seq_show_option(m, "servername", p->names[i]);
	}
	mutex_unlock(&cl->paths_mutex);
}

/* A sibling's paths, in the directory of its elder's. */
void pn4_sibling_expose(struct pn4_client *cl, void *arg)
{
	char name[32];

	snprintf(name, sizeof(name), "session%u", cl->number);
	prpc_peer_expose_below(cl->peer, cl->elder->peer, name);
}

struct kobject *pn4_expose(struct pn4_volume *vol, struct kobject *parent)
{
	struct kobject *dir;
	char name[16];

	snprintf(name, sizeof(name), "%u", vol->client->number);
	dir = prpc_peer_expose(vol->client->peer, parent, name);
	pn4_siblings_each(vol->client, pn4_sibling_expose, NULL);
	return dir;
}
