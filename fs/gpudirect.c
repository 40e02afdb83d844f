// SPDX-License-Identifier: GPL-2.0
/*
 * Direct I/O whose buffer is device memory: may it be done, by whom, and what
 * became of it.
 *
 * A buffer is judged once, when it is pinned.  What cannot be moved by a device
 * is refused with an error that says so; the CPU takes part only where the
 * mount has asked for it, with gpudirect=bounce, and then it is counted.
 */
#include <linux/highmem.h>
#include <linux/memremap.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include "penstock.h"
#include "trace.h"

const struct constant_table ps_gpu_modes[] = {
	{ "auto",	PS_GPU_AUTO },
	{ "require",	PS_GPU_REQUIRE },
	{ "off",	PS_GPU_OFF },
	{ "bounce",	PS_GPU_BOUNCE },
	{}
};

const char *ps_gpu_mode_name(enum ps_gpu_mode mode)
{
	const struct constant_table *t = ps_gpu_modes;

	while (t->name && t->value != mode)
		t++;
	return t->name;
}

int ps_gpu_check_mount(struct fs_context *fc, const struct ps_sb *sbi)
{
	if (sbi->opts.gpu != PS_GPU_REQUIRE)
		return 0;
	if (sbi->opts.sec >= PRPC_SEC_KRB5I)
		return invalf(fc, "penstock: %s: gpudirect=require, but with sec=%s the CPU reads all data, which it cannot in device memory; nothing is mounted",
			      fc->source, ps_sec_name(&sbi->opts));
	if (!strcmp(pn4_proto(sbi->vol), "rdma"))
		return 0;
	return invalf(fc, "penstock: %s: gpudirect=require, but the connections use TCP, which cannot reach device memory; nothing is mounted",
		      fc->source);
}

static void ps_gpu_add(struct ps_sb *sbi, enum ps_gpu_count what, u64 n)
{
	atomic64_add(n, &sbi->gpu[what]);
}

/* ---- in between, where no device can do it ---- */

static void ps_bounce_copy(struct bio_vec *to, const struct bio_vec *from,
			   unsigned int nr, size_t len)
{
	size_t n;

	for (; nr && len; nr--, to++, from++, len -= n) {
		n = min_t(size_t, len, from->bv_len);
		memcpy_page(to->bv_page, to->bv_offset, from->bv_page,
			    from->bv_offset, n);
		cond_resched();
	}
}

static void ps_bounce_free(struct bio_vec *bv, unsigned int nr)
{
	while (nr)
		__free_page(bv[--nr].bv_page);
	kvfree(bv);
}

static int ps_gpu_bounce(struct pn4_io *io)
{
	struct bio_vec *bv;
	unsigned int i;

	bv = kvmalloc_array(io->data.nr, sizeof(*bv), GFP_KERNEL);
	if (!bv)
		return -ENOMEM;
	for (i = 0; i < io->data.nr; i++) {
		bv[i] = io->data.bv[i];
		bv[i].bv_page = alloc_page(GFP_KERNEL);
		if (!bv[i].bv_page) {
			ps_bounce_free(bv, i);
			return -ENOMEM;
		}
	}
	if (io->write)
		ps_bounce_copy(bv, io->data.bv, io->data.nr, io->data.len);
	io->data.bv = bv;
	io->data.memory = PRPC_MEM_BOUNCE;
	return 0;
}

/* ---- judging ---- */

struct ps_gpu_no {
	enum ps_gpu_count why;
	const char *sentence;
};

static const struct ps_gpu_no ps_gpu_no_off = {
	PS_GPU_NO_OFF, "gpudirect=off"
};

static const struct ps_gpu_no ps_gpu_no_path = {
	PS_GPU_NO_PATH, "no path of the mount can reach it"
};

static const struct ps_gpu_no ps_gpu_no_mixed = {
	PS_GPU_NO_MIXED, "it is only in part GPU memory"
};

static int ps_gpu_refuse(struct ps_sb *sbi, const struct pn4_io *io,
			 const struct ps_gpu_no *no, int error)
{
	ps_gpu_add(sbi, no->why, 1);
	ps_gpu_add(sbi, PS_GPU_REFUSED, io->data.len);
	pr_warn_ratelimited("penstock: %s: direct I/O with device memory is refused (error %d): %s\n",
			    sbi->source, error, no->sentence);
	return error;
}

bool ps_gpu_pins_peer(struct ps_sb *sbi, size_t len)
{
	struct pn4_io io = { .data.len = min_t(size_t, len, U32_MAX) };

	if (sbi->opts.gpu == PS_GPU_BOUNCE)
		return true;
	if (sbi->opts.gpu != PS_GPU_OFF &&
	    pn4_reaches(sbi->vol, PRPC_MEM_PEER))
		return true;
	ps_gpu_refuse(sbi, &io, sbi->opts.gpu == PS_GPU_OFF ? &ps_gpu_no_off :
		      &ps_gpu_no_path, -EREMOTEIO);
	return false;
}

static int ps_gpu_judge(struct ps_sb *sbi, struct pn4_io *io, bool peer)
{
	bool reached;

	if (prpc_data_classify(&io->data, peer))
		return ps_gpu_refuse(sbi, io, &ps_gpu_no_mixed, -EINVAL);
	if (likely(!prpc_foreign(&io->data)))
		return 0;
	reached = pn4_reaches(sbi->vol, io->data.memory);
	if (io->data.memory == PRPC_MEM_PEER)	/* or it would not be pinned */
		return reached ? 0 : ps_gpu_bounce(io);
	if (sbi->opts.gpu == PS_GPU_OFF)
		return ps_gpu_refuse(sbi, io, &ps_gpu_no_off, -EOPNOTSUPP);
	return reached ? 0 : ps_gpu_refuse(sbi, io, &ps_gpu_no_path, -EOPNOTSUPP);
}

int ps_gpu_admit(struct inode *inode, struct pn4_io *io, bool peer)
{
	int error = ps_gpu_judge(PS_SB(inode->i_sb), io, peer);

	if (error || io->data.memory)
		trace_ps_direct_memory(inode, io->pos, io->data.len,
				       io->data.memory, error);
	return error;
}

/* ---- the end ---- */

void ps_gpu_done(struct inode *inode, struct pn4_io *io, struct bio_vec *user)
{
	static const enum ps_gpu_count counts[] = {
		[PRPC_MEM_BOUNCE]	= PS_GPU_BOUNCED_READ,
		[PRPC_MEM_PEER]		= PS_GPU_PEER_READ,
		[PRPC_MEM_GPU]		= PS_GPU_GPU_READ,
	};
	enum prpc_memory memory = io->data.memory;
	struct ps_sb *sbi = PS_SB(inode->i_sb);

	if (memory == PRPC_MEM_BOUNCE) {
		if (!io->write)
			ps_bounce_copy(user, io->data.bv, io->data.nr, io->result);
		ps_bounce_free(io->data.bv, io->data.nr);
		io->data.bv = user;
	}
	if (!io->write || !io->error)
		ps_gpu_add(sbi, counts[memory] + io->write, io->result);
	if (io->error && io->error != -EINTR) {
		ps_gpu_add(sbi, PS_GPU_NO_FAILED, 1);
		ps_gpu_add(sbi, PS_GPU_REFUSED, io->data.len - io->result);
	}
}

void ps_gpu_show(struct seq_file *m, struct ps_sb *sbi)
{
	static const char * const names[PS_GPU_COUNTS] = {
		[PS_GPU_GPU_READ]		= "gpu_read",
		[PS_GPU_GPU_WRITTEN]		= "gpu_written",
		[PS_GPU_PEER_READ]		= "p2p_read",
		[PS_GPU_PEER_WRITTEN]		= "p2p_written",
		[PS_GPU_BOUNCED_READ]		= "bounced_read",
		[PS_GPU_BOUNCED_WRITTEN]	= "bounced_written",
		[PS_GPU_REFUSED]		= "refused",
		[PS_GPU_NO_OFF]			= "no_off",
		[PS_GPU_NO_PATH]		= "no_path",
		[PS_GPU_NO_MIXED]		= "no_mixed",
		[PS_GPU_NO_FAILED]		= "no_failed",
	};
	int i;

	seq_printf(m, "\tgpudirect: mode=%s", ps_gpu_mode_name(sbi->opts.gpu));
	for (i = 0; i < PS_GPU_COUNTS; i++)
		seq_printf(m, " %s=%lld", names[i], atomic64_read(&sbi->gpu[i]));
	seq_putc(m, '\n');
}
