// SPDX-License-Identifier: GPL-2.0
/*
 * Siblings: the server's addresses that know our client id but not our session.
 *
 * A server may be several nodes that share opens and locks, but no sessions (RFC
 * 8881 section 2.10.5, client id trunking: so_major_id and scope are the same,
 * so_minor_id is not).  For each such address a client, the elder, has a sibling:
 * another struct pn4_client with paths and a session of its own and nothing else.
 *
 * Siblings carry READs, and whatever comes of one other than data, the elder sends
 * it anew.  Nothing else may be sent anew like that: what has not been answered in
 * one session may still be carried out by that node, late, after another session has
 * done the same and more.
 *
 * A sibling that was found stays as long as its elder.
 */
#include <linux/sched/mm.h>
#include "internal.h"

#define PN4_SIBLING_AGAIN	HZ
#define PN4_SIBLING_PATIENCE	(5 * HZ)

/* Does the server know the elder, and as we do?  RFC 8881 section 2.10.5.1 */
static bool pn4_sibling_proven(struct pn4_client *elder,
			       const struct pn4_exchange_id_res *res)
{
	bool proven;

	spin_lock(&elder->lock);
	proven = res->flags & PN4_EXCHGID_CONFIRMED_R &&
		 res->clientid == elder->clientid &&
		 pn4_same_server(res, elder->server);
	spin_unlock(&elder->lock);
	return proven;
}

/* 0, NFS status (> 0) or -errno; -EAGAIN: not now. */
static int pn4_sibling_session(struct pn4_client *cl)
{
	struct pn4_exchange_id_res *res;
	int st;

	/* EXCHANGE_ID would get into the way of the elder's recovery, see trunk.c */
	if (!test_bit(PN4_CL_READY, &cl->elder->state))
		return -EAGAIN;
	res = kmalloc(sizeof(*res), GFP_NOFS);
	if (!res)
		return -ENOMEM;
	st = pn4_client_ask(cl, NULL, res);
	if (!st && !pn4_sibling_proven(cl->elder, res))
		st = -EKEYREJECTED;
	if (!st) {
		spin_lock(&cl->lock);
		cl->clientid = res->clientid;
		swap(cl->server, res);
		spin_unlock(&cl->lock);
		st = pn4_client_session(cl);
	}
	kfree(res);
	return st;
}

/* A sibling's recover_work: until it has a session, or goes. */
static void pn4_sibling_work(struct work_struct *work)
{
	struct pn4_client *cl = container_of(work, struct pn4_client, recover_work);
	unsigned int tries = 0;
	int st;

	pn4_sibling_expose(cl, NULL);
	while (!test_bit(PN4_CL_DEAD, &cl->state)) {
		clear_bit(PN4_CL_NEED_SESSION, &cl->state);
		clear_bit(PN4_CL_NEED_CLIENTID, &cl->state);
		st = prpc_peer_wait(cl->peer, HZ / 4) ?: pn4_sibling_session(cl);
		if (!st) {
			prpc_peer_spread(cl->peer);
			pn4_ready(cl);
			return;
		}
		wait_event_timeout(cl->wait, test_bit(PN4_CL_DEAD, &cl->state),
				   PN4_SIBLING_AGAIN << min(tries++, 3U));
	}
}

static struct pn4_client *pn4_sibling_new(struct pn4_client *elder, unsigned int n)
{
	const struct pn4_paths *p = &elder->paths;
	struct pn4_mount_args args = {
		.net = elder->net,
		.name = elder->name,
		.addrs = &p->addrs[n],
		.nr_addrs = 1,
		.own_ports = true,
		.names = p->names ? (const char *const *)&p->names[n] : NULL,
		.tls = elder->tls,
		.minor = elder->minor,
		.minor_fixed = true,
		.rails = p->rails,
		.nr_rails = p->nr_rails,
	};
	struct pn4_client *cl;

	lockdep_assert_held(&elder->paths_mutex);
	cl = pn4_client_alloc(&args, elder->transport);
	if (!cl)
		return NULL;
	free_percpu(cl->stats);
	cl->stats = elder->stats;
	cl->elder = elder;
	strscpy(cl->owner, elder->owner, sizeof(cl->owner));
	INIT_WORK(&cl->recover_work, pn4_sibling_work);
	if (pn4_client_peer(cl, &args)) {
		pn4_client_destroy(cl);
		return NULL;
	}
	return cl;
}

/* 0, or why the sibling @cl is not wanted. */
static int pn4_sibling_enter(struct pn4_client *elder, struct pn4_client *cl)
{
	int err = -ESHUTDOWN;

	spin_lock(&elder->lock);
	if (!test_bit(PN4_CL_DEAD, &elder->state)) {
		elder->siblings[elder->nr_siblings] = cl;
		/* pairs with the acquire in pn4_siblings_each() */
		smp_store_release(&elder->nr_siblings, elder->nr_siblings + 1);
		queue_work(pn4_state_wq, &cl->recover_work);
		err = 0;
	}
	spin_unlock(&elder->lock);
	return err;
}

static bool pn4_sibling_add(struct pn4_client *elder, unsigned int n)
{
	struct pn4_client *cl;

	if (elder->nr_siblings == PN4_SIBLINGS_MAX)
		return false;
	cl = pn4_sibling_new(elder, n);
	if (!cl)
		return false;
	if (pn4_sibling_enter(elder, cl)) {
		pn4_client_destroy(cl);
		return false;
	}
	pr_info("penstock: %s: %pISpc is the same server with sessions of its own; files are read there, too\n",
		elder->name, &elder->paths.addrs[n]);
	return true;
}

static bool pn4_sibling_has(const struct pn4_client *elder,
			    const struct sockaddr_storage *addr)
{
	unsigned int i;

	for (i = 0; i < elder->nr_siblings; i++)
		if (pn4_paths_find(&elder->siblings[i]->paths, addr) >= 0)
			return true;
	return false;
}

/**
 * pn4_sibling_found - see to it that @conn's address has a sibling
 * @cl: whose connection it is
 * @conn: leads to @cl's server, but not to its session
 * @res: what the server says of itself there
 *
 * Context: process; does not wait for the network.
 * Return: false if it can have none, and is of no use.
 */
bool pn4_sibling_found(struct pn4_client *cl, struct prpc_conn *conn,
		       const struct pn4_exchange_id_res *res)
{
	const struct sockaddr_storage *addr = prpc_conn_addr(conn);
	unsigned int nofs;
	bool has;
	int n;

	/* with Kerberos the session is the machine's, and bound by it */
	if (cl->elder || cl->data_server || cl->sec || cl->protected ||
	    !pn4_sibling_proven(cl, res))
		return false;
	mutex_lock(&cl->paths_mutex);
	nofs = memalloc_nofs_save();
	n = pn4_paths_find(&cl->paths, addr);
	has = n >= 0 && (pn4_sibling_has(cl, addr) || pn4_sibling_add(cl, n));
	memalloc_nofs_restore(nofs);
	mutex_unlock(&cl->paths_mutex);
	return has;
}

/* ---- use ---- */

/* Any context. */
void pn4_siblings_each(struct pn4_client *cl,
		       void (*one)(struct pn4_client *sibling, void *arg), void *arg)
{
	/* pairs with the release in pn4_sibling_enter() */
	unsigned int i, n = smp_load_acquire(&cl->nr_siblings);

	for (i = 0; i < n; i++)
		one(cl->siblings[i], arg);
}

static bool pn4_sibling_takes(const struct pn4_client *cl, const struct pn4_call *c)
{
	return test_bit(PN4_CL_READY, &cl->state) &&
	       c->len + PN4_IO_OVERHEAD <= READ_ONCE(cl->session.max_response);
}

/*
 * Let @c, a new READ for the server itself, go where least is still to come from;
 * the elder comes first among equals.  Any context.
 */
void pn4_sibling_aim(struct pn4_call *c)
{
	struct pn4_client *cl = c->client, *sibling;
	/* pairs with the release in pn4_sibling_enter() */
	unsigned int i, n = smp_load_acquire(&cl->nr_siblings);
	u64 due, least;

	if (likely(!n) || prpc_foreign(&c->io->data) ||
	    !test_bit(PN4_CL_READY, &cl->state))
		return;
	least = prpc_peer_due(cl->peer);
	for (i = 0; i < n; i++) {
		sibling = cl->siblings[i];
		if (!pn4_sibling_takes(sibling, c))
			continue;
		due = prpc_peer_due(sibling->peer);
		if (due >= least)
			continue;
		least = due;
		c->client = sibling;
	}
	if (c->client == cl)
		return;
	c->nowait = true;
	c->give_up = (jiffies + PN4_SIBLING_PATIENCE) | 1;
	c->hopeful = true;
}

/*
 * A sibling was not able to do @c: @st is why, or -EAGAIN if it did a part.  From now
 * on @c is as if new and the elder's, whether or not the sibling is of use again.
 */
void pn4_sibling_failed(struct pn4_call *c, int st)
{
	struct pn4_client *cl = c->client;
	int class = st > 0 ? pn4_error(st)->class : PN4_CLASS_DONE;

	if (class == PN4_CLASS_SESSION || class == PN4_CLASS_CLIENT)
		pn4_recover_session(cl, c->session_gen);
	c->client = cl->elder;
	c->nowait = c->io->nowait;
	c->give_up = 0;
	c->hopeful = false;
	c->tries = 0;
	c->delay_ms = 0;
}

/* After PN4_CL_DEAD was set, and before the client id goes. */
void pn4_siblings_end(struct pn4_client *cl)
{
	unsigned int i;

	spin_lock(&cl->lock);	/* from here on none is entered */
	spin_unlock(&cl->lock);
	for (i = 0; i < cl->nr_siblings; i++)
		pn4_client_destroy(cl->siblings[i]);
}
