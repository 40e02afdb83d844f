// SPDX-License-Identifier: GPL-2.0
/*
 * What kind of memory a payload lies in, and which paths reach it.
 *
 * Two kinds need care.  PCI peer-to-peer pages say what they are.  Pages that
 * stand for GPU memory look like ordinary ones and are not: what the CPU reads
 * or writes there is not the data, and nobody would notice.  Only their driver
 * knows them, so a module that talks to it registers here, and every payload
 * of direct I/O is asked about, whatever transport it is for.
 */
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include "internal.h"
#include "trace.h"

static const struct prpc_gpu_ops __rcu *prpc_gpu;

int prpc_gpu_register(const struct prpc_gpu_ops *ops)
{
	return cmpxchg((const struct prpc_gpu_ops __force **)&prpc_gpu, NULL, ops) ?
	       -EBUSY : 0;
}

void prpc_gpu_unregister(void)
{
	RCU_INIT_POINTER(prpc_gpu, NULL);
	/* who has seen it has its module by now, or never will */
	synchronize_rcu();
}

const struct prpc_gpu_ops *prpc_gpu_get(void)
{
	const struct prpc_gpu_ops *ops;

	if (likely(!rcu_access_pointer(prpc_gpu)))
		return NULL;
	rcu_read_lock();
	ops = rcu_dereference(prpc_gpu);
	if (ops && !try_module_get(ops->owner))
		ops = NULL;
	rcu_read_unlock();
	return ops;
}

void prpc_gpu_put(const struct prpc_gpu_ops *ops)
{
	module_put(ops->owner);
}

/* 0, 1 or -EINVAL: some pages are, others are not. */
static int prpc_is_gpu(struct prpc_data *data)
{
	const struct prpc_gpu_ops *ops = prpc_gpu_get();
	unsigned int i, theirs = 0;

	if (likely(!ops))
		return 0;
	/* each: a vector of buffers may have others between its ends */
	for (i = 0; i < data->nr; i++)
		theirs += ops->mine(data->bv[i].bv_page);
	if (theirs == data->nr)
		data->gpu = ops->index(data->bv[0].bv_page);
	prpc_gpu_put(ops);
	return !theirs ? 0 : theirs == data->nr ? 1 : -EINVAL;
}

int prpc_data_classify(struct prpc_data *data, bool peer)
{
	int gpu = prpc_is_gpu(data);
	unsigned int i;

	data->memory = gpu > 0 ? PRPC_MEM_GPU : PRPC_MEM_HOST;
	if (gpu)
		return min(gpu, 0);
	for (i = 0; peer && i < data->nr; i++)
		if (is_pci_p2pdma_page(data->bv[i].bv_page))
			data->memory = PRPC_MEM_PEER;
	return 0;
}

int prpc_conn_rank(struct prpc_conn *conn, const struct prpc_data *data)
{
	return conn->ops->rank ? conn->ops->rank(conn, data) : -EOPNOTSUPP;
}

/* The CPU makes krb5i's checksums and encrypts for krb5p. */
bool prpc_moves_foreign(const struct prpc_peer *peer)
{
	return peer->transport->rank && peer->sec < PRPC_SEC_KRB5I;
}

bool prpc_peer_reaches(struct prpc_peer *peer, enum prpc_memory memory)
{
	struct prpc_data data = { .memory = memory, .gpu = U32_MAX };
	bool known = false, found = false;
	struct prpc_conn *conn;
	unsigned int i;

	if (!prpc_moves_foreign(peer))
		return false;
	spin_lock_bh(&peer->lock);
	for (i = 0; i < peer->nr_live && !found; i++) {
		conn = peer->live[i]->conn;
		if (!conn->ops->rank)
			continue;
		known = true;
		found = prpc_conn_rank(conn, &data) >= 0;
	}
	spin_unlock_bh(&peer->lock);
	return found || !known;		/* nobody can say: its call will see */
}

const struct prpc_data *prpc_call_data(const struct prpc_call *call)
{
	return call->out.len ? &call->out : &call->in;
}

void prpc_call_refuse(struct prpc_conn *conn, struct prpc_call *call, int error)
{
	const struct prpc_data *data = prpc_call_data(call);

	call->refused = error;
	prpc_count(conn->path, PRPC_STAT_REFUSED, data->len);
	trace_prpc_refuse(conn, call, data, error);
}

void prpc_count_memory(struct prpc_path *path, const struct prpc_call *call)
{
	static const enum prpc_stat stats[] = {
		[PRPC_MEM_BOUNCE]	= PRPC_STAT_BOUNCED,
		[PRPC_MEM_PEER]		= PRPC_STAT_PEER,
		[PRPC_MEM_GPU]		= PRPC_STAT_GPU,
	};
	enum prpc_memory memory = prpc_call_data(call)->memory;

	if (likely(memory == PRPC_MEM_HOST) || call->error)
		return;
	prpc_count(path, stats[memory], call->out.len ? call->out.len : call->in_len);
}
