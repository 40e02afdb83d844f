// SPDX-License-Identifier: GPL-2.0
/*
 * Client ids and sessions: EXCHANGE_ID, CREATE_SESSION, the connection's
 * greeting, lease renewal, and the list of clients that mounts share.
 */
#include <linux/inet.h>
#include <linux/utsname.h>
#include "codec_nfs3.h"
#include "internal.h"

#define PN3_CALLS		64	/* at a time, to an NFSv3 data server */
#define PN4_STATE_SEND		1024
#define PN4_STATE_REPLY		(3 * PN4_OPAQUE_LIMIT + 512)
#define PN4_MOUNT_TIME		(30 * HZ)	/* a silent server at mount */
#define PN4_DS_TIME		(5 * HZ)	/* a data server, which I/O waits for */
#define PN4_SIBLING_SLOTS	128	/* all of them for READ */
#define PN4_DESTROY_TIME	(2 * HZ)

static LIST_HEAD(pn4_clients);
static DEFINE_MUTEX(pn4_clients_lock);	/* pn4_clients, making of clients */
static atomic_t pn4_clients_made;
static u8 pn4_boot_verifier[PN4_VERIFIER_SIZE];

/* ---- calls that make and end client ids and sessions ---- */

static struct pn4_call *pn4_state_call(struct pn4_client *cl)
{
	struct pn4_call *c = pn4_call_new(cl, NULL, PN4_STATE_SEND,
					  PN4_STATE_REPLY);

	if (!c)
		return NULL;
	c->privileged = true;
	c->unkillable = current->flags & PF_WQ_WORKER;
	if (!c->unkillable) {	/* a mount or umount is waiting */
		c->give_up = (jiffies + PN4_MOUNT_TIME) | 1;
		c->impatient = true;
	}
	if (cl->data_server || cl->elder)
		c->give_up = (jiffies + PN4_DS_TIME) | 1;
	return c;
}

/* Run a compound that is one operation without SEQUENCE. */
static int pn4_state_run(struct pn4_call *c, u32 op)
{
	c->first_op = op;
	return pn4_call_run(c);
}

/* The next try of @c is to go over @conn and no other, unless that is NULL. */
static void pn4_state_pin(struct pn4_call *c, struct prpc_conn *conn)
{
	if (!conn)
		return;
	c->rpc.flags |= PRPC_PINNED;
	c->rpc.conn = conn;
}

/*
 * EXCHANGE_ID (RFC 8881 section 18.35), over @conn if there is one.  0, an NFS
 * status (> 0) or -errno; the caller does not use impl_ of @res.
 */
int pn4_client_ask(struct pn4_client *cl, struct prpc_conn *conn,
		   struct pn4_exchange_id_res *res)
{
	struct pn4_exchange_id_args a = {
		.owner = cl->owner,
		.owner_len = strlen(cl->owner),
		/* section 13.1: what a mount is for is the server's to say */
		.flags = PN4_EXCHGID_SUPP_MOVED_REFER |
			 (cl->data_server ? PN4_EXCHGID_USE_PNFS_DS :
			  PN4_EXCHGID_USE_NON_PNFS | PN4_EXCHGID_USE_PNFS_MDS),
		.protect = cl->protected ? &pn4_protect_wanted : NULL,
		.impl_domain = "penstock",
		.impl_name = "penstock " PENSTOCK_VERSION,
	};
	struct pn4_call *c = pn4_state_call(cl);
	int st;

	if (!c)
		return -ENOMEM;
	memcpy(a.verifier, cl->verifier, sizeof(a.verifier));
	do {
		st = pn4_call_start_bare(c, cl->cred);
		if (st)
			break;
		pn4_state_pin(c, conn);
		pn4_enc_exchange_id(pn4_op(c, PN4_OP_EXCHANGE_ID), &a);
		st = pn4_state_run(c, PN4_OP_EXCHANGE_ID);
		st = st ?: pn4_dec_exchange_id(&c->dec, res);
	} while (pn4_call_again(c, &st));
	res->impl_domain = NULL;
	res->impl_name = NULL;
	pn4_call_put(c);
	/* the server may not change what was asked for (section 18.35.3) */
	if (!st && res->protected && !a.protect)
		st = -EREMOTEIO;
	return st;
}

/*
 * Get a client id.  0, -errno; -EPROTONOSUPPORT if the server speaks no
 * NFSv4.1, -EAGAIN if it only dislikes the minor version and there is a lower
 * one to try.
 */
int pn4_client_exchange(struct pn4_client *cl)
{
	struct pn4_exchange_id_res *res = kmalloc(sizeof(*res), GFP_NOFS);
	int st;

	if (!res)
		return -ENOMEM;
	st = pn4_client_ask(cl, NULL, res);
	if (pn4_protect_refused(cl, st))
		st = pn4_client_ask(cl, NULL, res);
	if (st == PN4ERR_MINOR_VERS_MISMATCH)
		st = cl->minor > 1 && !cl->minor_fixed ? -EAGAIN :
							 -EPROTONOSUPPORT;
	if (!st) {
		spin_lock(&cl->lock);
		cl->clientid = res->clientid;
		cl->create_seq = res->sequenceid;
		pn4_protect_agreed(cl, res);
		swap(cl->server, res);
		spin_unlock(&cl->lock);
		pn4_count(cl, PN4_N_CLIENTIDS);
	}
	kfree(res);
	return pn4_errno(st);
}

/* Smallest channel with which anything useful can be done. */
static bool pn4_session_usable(const struct pn4_create_session_res *r)
{
	return r->fore.maxrequests >= 1 && r->fore.maxoperations >= 8 &&
	       r->fore.maxrequestsize >= 4096 + PN4_IO_OVERHEAD &&
	       r->fore.maxresponsesize >= 4096 + PN4_IO_OVERHEAD;
}

static int pn4_session_made(struct pn4_client *cl,
			    const struct pn4_create_session_res *r)
{
	struct pn4_session *s = &cl->session;

	if (!pn4_session_usable(r)) {
		pr_warn("penstock: %s: server offers an unusably small session\n",
			cl->name);
		return -EREMOTEIO;
	}
	s->max_request = r->fore.maxrequestsize;
	s->max_response = r->fore.maxresponsesize;
	s->cb_slots = clamp_t(u32, r->back.maxrequests, 1, PN4_CB_SLOTS);
	pn4_session_install(s, r->sessionid, r->fore.maxrequests);
	pn4_count(cl, PN4_N_SESSIONS);
	if (!(r->flags & PN4_SESSION_CONN_BACK_CHAN) && !cl->elder)
		set_bit(PN4_CL_NEED_BIND, &cl->state);
	return 0;
}

/*
 * The longest reply that the server has to keep (sa_cachethis): a file created,
 * with its attributes and the directory's and four names of 128 bytes, or a lock
 * that an owner of 1024 bytes holds.  Asking for more costs calls at a time: up to
 * 6.13, Linux' server has 64 KiB for a session and divides them by this.  Of a
 * protected reply it sets 400 bytes aside, twice that where it is encrypted.
 */
static u32 pn4_cached_max(const struct pn4_client *cl)
{
	static const u32 protection[] = {
		[PRPC_SEC_SYS] = 0,
		[PRPC_SEC_KRB5] = 64,
		[PRPC_SEC_KRB5I] = 64 + 400,
		[PRPC_SEC_KRB5P] = 64 + 800,
	};

	return 1280 + protection[cl->sec];
}

/* CREATE_SESSION (section 18.36).  0, an NFS status (> 0) or -errno. */
int pn4_client_session(struct pn4_client *cl)
{
	struct pn4_client *elder = cl->elder ?: cl;
	struct pn4_create_session_args a = {
		.clientid = cl->clientid,
		.flags = cl->elder ? 0 : PN4_SESSION_CONN_BACK_CHAN,
		.fore = {
			.maxrequestsize = PN4_IO_MAX + PN4_IO_OVERHEAD,
			.maxresponsesize = PN4_IO_MAX + PN4_IO_OVERHEAD,
			.maxresponsesize_cached = pn4_cached_max(cl),
			.maxoperations = 16,
			.maxrequests = cl->elder ? PN4_SIBLING_SLOTS :
						   PN4_SLOTS_WANTED,
		},
		.back = {
			.maxrequestsize = 4096,
			.maxresponsesize = 4096,
			.maxresponsesize_cached = 0,
			.maxoperations = 8,
			.maxrequests = PN4_CB_SLOTS,
		},
		.cb_program = PN4_CB_PROGRAM,
		.machine = init_uts_ns.name.nodename,
	};
	struct pn4_create_session_res res;
	struct pn4_call *c = pn4_state_call(cl);
	int st;

	if (!c)
		return -ENOMEM;
	mutex_lock(&elder->create_mutex);
	a.sequenceid = elder->create_seq;
	do {
		st = pn4_call_start_bare(c, cl->cred);
		if (st)
			break;
		pn4_enc_create_session(pn4_op(c, PN4_OP_CREATE_SESSION), &a);
		st = pn4_state_run(c, PN4_OP_CREATE_SESSION);
		st = st ?: pn4_dec_create_session(&c->dec, &res);
	} while (pn4_call_again(c, &st));
	if (!st)
		elder->create_seq++;	/* section 18.36.4: for the next one */
	mutex_unlock(&elder->create_mutex);
	if (!st)
		pn4_backchannel_begun(cl, c->rpc.conn);
	pn4_call_put(c);
	return st ?: pn4_session_made(cl, &res);
}

/*
 * Bind @conn, or else one that is in use, to the session (section 18.34); @back: in
 * both directions, so that it carries callbacks.  NFS status or -errno.
 */
int pn4_client_bind(struct pn4_client *cl, struct prpc_conn *conn, bool back)
{
	struct pn4_bind_conn_res res;
	struct pn4_call *c = pn4_state_call(cl);
	u8 id[sizeof(cl->session.id)];
	int st;

	if (!c)
		return -ENOMEM;
	spin_lock_bh(&cl->session.lock);
	memcpy(id, cl->session.id, sizeof(id));
	spin_unlock_bh(&cl->session.lock);
	do {
		st = pn4_call_start_bare(c, cl->cred);
		if (st)
			break;
		pn4_state_pin(c, conn);
		pn4_enc_bind_conn_to_session(
			pn4_op(c, PN4_OP_BIND_CONN_TO_SESSION),
			id, back ? PN4_CDFC_FORE_OR_BOTH : PN4_CDFC_FORE, false);
		st = pn4_state_run(c, PN4_OP_BIND_CONN_TO_SESSION);
		st = st ?: pn4_dec_bind_conn_to_session(&c->dec, &res);
	} while (pn4_call_again(c, &st));
	if (!st && memcmp(res.sessionid, id, sizeof(id)))
		st = -EREMOTEIO;
	if (!st && back)
		pn4_backchannel_bound(cl, c->rpc.conn);
	pn4_call_put(c);
	return st;
}

int pn4_client_reclaim_complete(struct pn4_client *cl)
{
	struct pn4_call *c = pn4_state_call(cl);
	int st;

	if (!c)
		return -ENOMEM;
	pn4_for_each_try(c, cl->cred, st) {
		pn4_enc_reclaim_complete(pn4_op(c, PN4_OP_RECLAIM_COMPLETE),
					 false);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_reclaim_complete(&c->dec);
	}
	pn4_call_put(c);
	return st == PN4ERR_COMPLETE_ALREADY ? 0 : st;
}

/* DESTROY_SESSION, DESTROY_CLIENTID: politeness, bounded in time. */
static void pn4_client_farewell(struct pn4_client *cl)
{
	struct pn4_call *c = pn4_state_call(cl);
	int st;

	if (!c || !prpc_peer_live(cl->peer))
		goto out;
	/* umount -f of a server that says nothing: its lease will see to it */
	if (test_bit(PN4_CL_ABORTED, &cl->state) &&
	    time_after(jiffies, cl->last_renewal + PN4_DESTROY_TIME))
		goto out;
	c->give_up = (jiffies + PN4_DESTROY_TIME) | 1;
	if (pn4_call_start_bare(c, cl->cred))
		goto out;
	pn4_enc_destroy_session(pn4_op(c, PN4_OP_DESTROY_SESSION),
				cl->session.id);
	st = pn4_state_run(c, PN4_OP_DESTROY_SESSION);
	st = st ?: pn4_dec_destroy_session(&c->dec);
	if (st < 0 || cl->elder || pn4_call_start_bare(c, cl->cred))
		goto out;
	pn4_enc_destroy_clientid(pn4_op(c, PN4_OP_DESTROY_CLIENTID),
				 cl->clientid);
	pn4_state_run(c, PN4_OP_DESTROY_CLIENTID);
out:
	pn4_call_put(c);
}

const struct prpc_peer_ops pn4_peer_ops = {
	.ready = pn4_trunk_ready,
	.down = pn4_backchannel_down,
	.callback = pn4_callback,
};

/* ---- lease ---- */

/* A SEQUENCE alone, when nothing else has renewed for a third of the lease. */
static void pn4_renew_work(struct work_struct *work)
{
	struct pn4_client *cl = container_of(to_delayed_work(work),
					     struct pn4_client, renew_work);
	unsigned long period = max_t(unsigned long, cl->lease_time * HZ / 3, HZ);
	struct pn4_call *c;
	int st;

	if (test_bit(PN4_CL_DEAD, &cl->state))
		return;
	pn4_deleg_unused(cl);
	if (!cl->elder)
		pn4_backchannel_check(cl);
	if (time_before(jiffies, READ_ONCE(cl->last_renewal) + period) ||
	    !test_bit(PN4_CL_READY, &cl->state) || !prpc_peer_live(cl->peer))
		goto again;
	c = pn4_call_new_io(cl, NULL);
	c->nowait = true;
	c->rpc.deadline = 0;
	st = pn4_call_start(c, cl->cred);
	if (!st) {
		c->rpc.deadline = (jiffies + cl->lease_time * HZ) | 1;
		st = pn4_call_run(c);
		c->nowait = false;
		if (st > 0)	/* starts recovery; what comes of it is its own */
			pn4_call_again(c, &st);
	}
	pn4_call_put(c);
again:
	queue_delayed_work(pn4_state_wq, &cl->renew_work, period / 2);
}

/* ---- making and sharing ---- */

static bool pn4_client_matches(const struct pn4_client *cl,
			       const struct pn4_mount_args *args)
{
	struct sockaddr_storage ss;
	unsigned int i;

	if (!net_eq(cl->net, args->net) || cl->sec != args->sec ||
	    !prpc_tls_equal(&cl->tls, &args->tls) ||
	    !pn4_transport_fits(cl, args->proto))
		return false;
	if ((cl->data_server && !args->data_server) || cl->nfs3 != args->nfs3)
		return false;
	if (args->minor_fixed ? cl->minor != args->minor : cl->minor_fixed)
		return false;
	/* not by the addresses that its mount named: one may be another server's */
	for (i = 0; i < args->nr_addrs; i++) {
		ss = pn4_mount_addr(args, i, cl->transport);
		if (prpc_peer_proven(cl->peer, &ss, cl->tls.mode ? args->names[i] : NULL))
			return true;
	}
	return false;
}

/*
 * A client id belongs to one principal and flavour (RFC 8881 section 2.4.3):
 * mounts with another one have a client id of their own.
 */
static const char *pn4_sec_owner(int sec)
{
	static const char * const owners[] = {
		[PRPC_SEC_KRB5] = "/krb5",
		[PRPC_SEC_KRB5I] = "/krb5i",
		[PRPC_SEC_KRB5P] = "/krb5p",
	};

	return sec ? owners[sec] : "";
}

/*
 * Number owners that came out equal but belong to different namespaces, or
 * prove themselves with different keys: what is under TLS is never shared with
 * what is not.
 */
static void pn4_client_own(struct pn4_client *cl)
{
	struct pn4_client *other;
	unsigned int n = 1;
	size_t len;

	lockdep_assert_held(&pn4_clients_lock);
	len = pn4_owner(cl->net, cl->owner, sizeof(cl->owner) - 28);
	len += scnprintf(cl->owner + len, 20, "%s%s%s", cl->transport->owner,
			 pn4_sec_owner(cl->sec),
			 cl->tls.mode == PRPC_TLS_SERVER ? "/tls" :
			 cl->tls.mode == PRPC_TLS_MUTUAL ? "/mtls" : "");
again:
	list_for_each_entry(other, &pn4_clients, link) {
		if ((net_eq(other->net, cl->net) &&
		     prpc_tls_equal(&other->tls, &cl->tls)) ||
		    strcmp(other->owner, cl->owner))
			continue;
		snprintf(cl->owner + len, sizeof(cl->owner) - len, ".%u", ++n);
		goto again;
	}
}

static void pn4_client_free(struct pn4_client *cl)
{
	pn4_pace_exit(&cl->pace);
	if (!cl->elder)
		free_percpu(cl->stats);
	if (cl->cred)
		put_cred(cl->cred);
	if (cl->net)
		put_net(cl->net);
	pn4_paths_free(&cl->paths);
	kfree(cl->server);
	kfree(cl->name);
	synchronize_rcu();	/* pn4_late_put() */
	kvfree(cl);
}

/* Without a peer yet; pn4_client_destroy() frees it.  NULL: no memory. */
struct pn4_client *pn4_client_alloc(const struct pn4_mount_args *args,
				    const struct pn4_transport *t)
{
	struct pn4_client *cl = kvzalloc(sizeof(*cl), GFP_KERNEL);

	if (!cl)
		return NULL;
	refcount_set(&cl->ref, 1);
	cl->number = atomic_inc_return(&pn4_clients_made);
	mutex_init(&cl->change_mutex);
	mutex_init(&cl->paths_mutex);
	mutex_init(&cl->create_mutex);
	INIT_LIST_HEAD(&cl->link);
	INIT_LIST_HEAD(&cl->volumes);
	spin_lock_init(&cl->lock);
	init_waitqueue_head(&cl->wait);
	pn4_session_init(&cl->session);
	pn4_lock_table_init(&cl->locks);
	pn4_pace_init(&cl->pace);
	pn4_deleg_table_init(&cl->delegs);
	pn4_layout_table_init(&cl->layouts);
	INIT_DELAYED_WORK(&cl->renew_work, pn4_renew_work);
	pn4_recover_init(cl);
	cl->net = get_net(args->net);
	cl->sec = args->sec;
	cl->minor = args->minor;
	cl->minor_fixed = args->minor_fixed;
	cl->data_server = args->data_server;
	cl->nfs3 = args->nfs3;
	cl->protected = pn4_protect_wants(cl);
	cl->tls = args->tls;
	cl->transport = t;
	cl->lease_time = 60;
	cl->state_gen = 1;
	memcpy(cl->verifier, pn4_boot_verifier, sizeof(cl->verifier));
	cl->cred = prepare_kernel_cred(&init_task);
	cl->stats = alloc_percpu(struct pn4_stats);
	cl->name = kstrdup(args->name, GFP_KERNEL);
	if (!cl->cred || !cl->stats || !cl->name) {
		pn4_client_free(cl);
		return NULL;
	}
	return cl;
}

/* Its paths, none of them connected.  0 or -errno. */
int pn4_client_peer(struct pn4_client *cl, const struct pn4_mount_args *args)
{
	struct prpc_peer_args p = {
		.net = cl->net,
		.name = cl->name,
		.ops = &pn4_peer_ops,
		.priv = cl,
		.prog = PN4_PROGRAM,
		.vers = cl->nfs3 ? PN3_VERSION : PN4_VERSION,
		.cb_prog = PN4_CB_PROGRAM,
		.tls = cl->tls,
		.max_calls = 2 * PN4_SLOTS_WANTED,
		.proto = cl->transport->name,
		.spare = cl->elder,
		.sec = cl->sec,
		.server = args->server,
	};
	struct prpc_peer *peer;
	int err = pn4_paths_init(cl, args, &p);

	if (err)
		return err;
	pn4_transport_fallback(cl, args, &p);
	peer = prpc_peer_create(&p);
	if (IS_ERR(peer))
		return PTR_ERR(peer);
	cl->peer = peer;
	return 0;
}

/* No session, but slots, so that no more calls are under way than a server likes. */
static int pn3_client_begin(struct pn4_client *cl)
{
	struct pn4_session *s = &cl->session;
	u8 id[sizeof(s->id)];

	get_random_bytes(id, sizeof(id));	/* nobody calls back */
	s->max_request = PN4_IO_MAX + PN4_IO_OVERHEAD;
	s->max_response = PN4_IO_MAX + PN4_IO_OVERHEAD;
	pn4_session_install(s, id, PN3_CALLS);
	return 0;
}

/* A mount is waiting: fail instead of trying for ever, and be killable. */
static int pn4_client_begin(struct pn4_client *cl)
{
	int st;

	if (cl->nfs3)
		return pn3_client_begin(cl);
	st = pn4_client_exchange(cl);
	if (st == -EAGAIN) {
		pr_notice("penstock: %s: server refuses NFSv4.%u, using NFSv4.%u\n",
			  cl->name, cl->minor, cl->minor - 1);
		cl->minor--;
		st = pn4_client_exchange(cl);
	}
	if (st)
		return st;
	st = pn4_client_session(cl);
	if (st == PN4ERR_STALE_CLIENTID)	/* restarted just now */
		st = pn4_client_exchange(cl) ?: pn4_client_session(cl);
	if (st)
		return pn4_errno(st);
	st = pn4_client_reclaim_complete(cl);
	if (st)
		return pn4_errno(st);
	set_bit(PN4_CL_RECLAIMED, &cl->state);
	return 0;
}

void pn4_client_destroy(struct pn4_client *cl)
{
	set_bit(PN4_CL_DEAD, &cl->state);
	wake_up_all(&cl->wait);
	wake_up_all(&cl->pace.wait);
	if (cl->peer)	/* renewal may be waiting for an answer */
		prpc_abort(cl->peer, cl, -ESHUTDOWN);
	cancel_delayed_work_sync(&cl->renew_work);
	cancel_delayed_work_sync(&cl->layouts.bulk_work);
	pn4_recover_stop(cl);
	pn4_siblings_end(cl);
	if (cl->peer) {
		if (cl->session.gen && !cl->nfs3)
			pn4_client_farewell(cl);
		prpc_peer_destroy(cl->peer);
	}
	pn4_client_free(cl);
}

void pn4_client_put(struct pn4_client *cl)
{
	if (!refcount_dec_and_mutex_lock(&cl->ref, &pn4_clients_lock))
		return;
	list_del(&cl->link);
	mutex_unlock(&pn4_clients_lock);
	pn4_client_destroy(cl);
}

/* The client of an earlier mount that turned out to be of the same server. */
static struct pn4_client *pn4_client_twin(struct pn4_client *cl)
{
	struct pn4_client *other;

	lockdep_assert_held(&pn4_clients_lock);
	list_for_each_entry(other, &pn4_clients, link)
		if (net_eq(other->net, cl->net) &&
		    prpc_tls_equal(&other->tls, &cl->tls) &&
		    other->server && cl->server &&
		    other->clientid == cl->clientid &&
		    other->minor == cl->minor &&
		    (!other->data_server || cl->data_server) &&
		    pn4_same_server(other->server, cl->server) &&
		    refcount_inc_not_zero(&other->ref))
			return other;
	return NULL;
}

/*
 * The client for a mount: an existing one of the same server or a new one,
 * with a session.  Killable: the lock is only held while nothing waits.
 */
struct pn4_client *pn4_client_get(const struct pn4_mount_args *args)
{
	struct pn4_client *cl;

	mutex_lock(&pn4_clients_lock);
	list_for_each_entry(cl, &pn4_clients, link) {
		if (pn4_client_matches(cl, args) &&
		    refcount_inc_not_zero(&cl->ref)) {
			mutex_unlock(&pn4_clients_lock);
			return cl;
		}
	}
	mutex_unlock(&pn4_clients_lock);
	return pn4_transport_connect(args);
}

struct pn4_client *pn4_client_make(const struct pn4_mount_args *args,
				   const struct pn4_transport *t,
				   const char *why, long patience)
{
	struct pn4_client *cl = pn4_client_alloc(args, t), *twin;
	int err;

	if (!cl)
		return ERR_PTR(-ENOMEM);
	cl->why = why;
	mutex_lock(&pn4_clients_lock);
	pn4_client_own(cl);
	mutex_unlock(&pn4_clients_lock);

	err = pn4_client_peer(cl, args) ?: prpc_peer_wait(cl->peer, patience) ?:
	      pn4_client_begin(cl);
	/* a server may refuse our certificate only after the handshake */
	if (err == -ENOTCONN && prpc_peer_error(cl->peer) == -EBADE)
		err = -EBADE;
	if (err) {
		pn4_client_destroy(cl);
		return ERR_PTR(err);
	}
	mutex_lock(&pn4_clients_lock);
	twin = pn4_client_twin(cl);
	if (!twin)
		list_add(&cl->link, &pn4_clients);
	mutex_unlock(&pn4_clients_lock);
	if (twin) {
		/* its client id lives on, only our second session goes */
		pn4_client_destroy(cl);
		return twin;
	}
	pn4_ready(cl);
	prpc_peer_spread(cl->peer);
	if (test_bit(PN4_CL_NEED_BIND, &cl->state))
		pn4_recover_start(cl, PN4_CL_NEED_BIND);
	if (!cl->nfs3)
		queue_delayed_work(pn4_state_wq, &cl->renew_work, HZ);
	return cl;
}

/* Every client that is in use; unless the list is just being changed.  Any wait. */
void pn4_clients_each(void (*one)(struct pn4_client *cl, void *arg), void *arg)
{
	struct pn4_client *cl;

	if (!mutex_trylock(&pn4_clients_lock))
		return;
	list_for_each_entry(cl, &pn4_clients, link)
		one(cl, arg);
	mutex_unlock(&pn4_clients_lock);
}

void pn4_client_init(void)
{
	get_random_bytes(pn4_boot_verifier, sizeof(pn4_boot_verifier));
}
