// SPDX-License-Identifier: GPL-2.0
/*
 * Listing directories.
 *
 * A READDIR reply becomes a chunk: its entries, compact, from one cookie to
 * the next.  An open directory walks its current chunk to the end even if
 * names change meanwhile, and goes on from the last cookie.  Chunks of the
 * directory's present version are kept with the inode for other readers, up
 * to a limit; any change drops them, ours too.
 *
 * Positions are the server's cookies; 0, 1 and 2, which no server may use
 * (RFC 8881 section 18.23.3), stand for ".", ".." and the first entry.
 *
 * READDIR asks for attributes, too, for the first chunk and as long as the
 * entries brought before were looked at: then lookups find them in the dentry
 * cache.
 */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "penstock.h"

#define PS_CHUNKS_MAX	SZ_8M		/* bytes kept per directory */
#define PS_CHUNKS_ALL	SZ_64M		/* bytes kept in all */
#define PS_FIRST_READ	SZ_32K		/* reply size of the first READDIR */
#define PS_READ		SZ_256K		/* and of those that follow */

struct ps_entry {
	u64 cookie;		/* position after it */
	u64 fileid;
	u32 name;		/* offset in the chunk's names */
	u8 len;
	u8 type;		/* DT_* */
};

/*
 * struct ps_chunk - entries of one READDIR reply; not changed once shared
 * @start: cookie it was read from
 * @change: version of the directory
 */
struct ps_chunk {
	refcount_t ref;
	u32 nr;
	u64 start;
	u64 change;
	__be64 verf;
	bool eof;
	u32 bytes;
	char *names;
	struct ps_entry entries[];
};

/* struct ps_dir_file - private_data of an open directory; f_pos_lock */
struct ps_dir_file {
	struct ps_chunk *chunk;
	u32 at;			/* entry of @chunk that comes next */
	__be64 verf;
};

static atomic_long_t ps_chunks_kept;

static void ps_chunk_put(struct ps_chunk *c)
{
	if (c && refcount_dec_and_test(&c->ref))
		kvfree(c);
}

/* i_lock, or nobody else knows the inode. */
static void ps_chunks_clear(struct ps_inode *pi)
{
	struct ps_chunk *c;
	unsigned long i;

	xa_for_each(&pi->chunks, i, c) {
		xa_erase(&pi->chunks, i);
		ps_chunk_put(c);
	}
	atomic_long_sub(pi->chunks_bytes, &ps_chunks_kept);
	pi->chunks_bytes = 0;
}

void ps_chunks_drop(struct ps_inode *pi)
{
	if (!xa_empty(&pi->chunks) || pi->chunks_bytes)
		ps_chunks_clear(pi);
	xa_destroy(&pi->chunks);
}

/* A kept chunk of the present version that starts at @cookie, or NULL. */
static struct ps_chunk *ps_chunk_find(struct inode *dir, u64 cookie)
{
	struct ps_inode *pi = PS_I(dir);
	struct ps_chunk *c = NULL;

	spin_lock(&dir->i_lock);
	if (pi->chunks_change != pi->change)
		ps_chunks_clear(pi);
	else
		c = xa_load(&pi->chunks, cookie);
	if (c)
		refcount_inc(&c->ref);
	spin_unlock(&dir->i_lock);
	return c;
}

static void ps_chunk_keep(struct inode *dir, struct ps_chunk *c)
{
	struct ps_inode *pi = PS_I(dir);

	spin_lock(&dir->i_lock);
	if (c->change != pi->change)
		goto out;
	if (pi->chunks_change != pi->change)
		ps_chunks_clear(pi);
	pi->chunks_change = pi->change;
	if (pi->chunks_bytes + c->bytes > PS_CHUNKS_MAX ||
	    atomic_long_read(&ps_chunks_kept) > PS_CHUNKS_ALL ||
	    xa_insert(&pi->chunks, c->start, c, GFP_ATOMIC | __GFP_NOWARN))
		goto out;
	refcount_inc(&c->ref);
	pi->chunks_bytes += c->bytes;
	atomic_long_add(c->bytes, &ps_chunks_kept);
out:
	spin_unlock(&dir->i_lock);
}

/* ---- one READDIR ---- */

static u8 ps_dtype(u32 type)
{
	static const u8 dt[] = {
		[PN4_REG] = DT_REG, [PN4_DIR] = DT_DIR, [PN4_BLK] = DT_BLK,
		[PN4_CHR] = DT_CHR, [PN4_LNK] = DT_LNK, [PN4_SOCK] = DT_SOCK,
		[PN4_FIFO] = DT_FIFO,
	};

	return type < ARRAY_SIZE(dt) ? dt[type] : DT_UNKNOWN;
}

static bool ps_is_dot(const struct pn4_dirent *e)
{
	return e->name[0] == '.' && (e->name_len == 1 ||
	       (e->name_len == 2 && e->name[1] == '.'));
}

/* Count entries and name bytes of the reply; 0 or -errno. */
static int ps_reply_size(const struct pn4_readdir *reply, u32 *nr, u32 *bytes)
{
	struct pn4_readdir rd = *reply;
	struct pn4_dirent ent;
	u64 last = rd.cookie;
	int rc;

	*nr = 0;
	*bytes = 0;
	while ((rc = pn4_readdir_entry(&rd, &ent)) > 0) {
		/* a position that does not move would have us loop */
		if (ent.cookie <= 2 || ent.cookie == last ||
		    ent.cookie == reply->cookie)
			return -EIO;
		last = ent.cookie;
		(*nr)++;
		*bytes += ent.name_len;
	}
	if (!rc && !*nr && !rd.eof)
		return -EIO;
	return rc;
}

static void ps_chunk_add(struct ps_chunk *c, const struct pn4_dirent *ent,
			 u32 *name)
{
	struct ps_entry *e = &c->entries[c->nr++];
	const struct pn4_attr *a = &ent->attr;

	e->cookie = ent->cookie;
	e->fileid = a->valid & PN4_ATTR_MOUNTED_ON ? a->mounted_on :
		    a->valid & PN4_ATTR_FILEID ? a->fileid : 0;
	e->type = a->valid & PN4_ATTR_TYPE ? ps_dtype(a->type) : DT_UNKNOWN;
	e->len = ps_is_dot(ent) ? 0 : ent->name_len;	/* ours: not the server's */
	e->name = *name;
	memcpy(c->names + *name, ent->name, ent->name_len);
	*name += ent->name_len;
}

static struct ps_chunk *ps_chunk_make(struct file *file, struct pn4_readdir *rd,
				      unsigned long verf, unsigned long asked)
{
	struct pn4_dirent ent;
	struct ps_chunk *c;
	u32 nr, bytes, name = 0;
	int rc = ps_reply_size(rd, &nr, &bytes);

	if (rc)
		return ERR_PTR(rc);
	bytes += struct_size(c, entries, nr);
	c = kvzalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!c)
		return ERR_PTR(-ENOMEM);
	refcount_set(&c->ref, 1);
	c->start = rd->cookie;
	c->bytes = bytes;
	c->names = (char *)&c->entries[nr];
	while (c->nr < nr && pn4_readdir_entry(rd, &ent) > 0) {
		ps_chunk_add(c, &ent, &name);
		if (rd->plus && !ps_is_dot(&ent))
			ps_prime_dentry(file->f_path.dentry, &ent, verf, asked);
	}
	/* read to the end, for eof */
	pn4_readdir_entry(rd, &ent);
	c->eof = rd->eof;
	c->verf = rd->verf;
	return c;
}

/* Are attributes worth asking for? */
static bool ps_want_plus(struct inode *dir, u64 cookie)
{
	return test_and_clear_bit(PS_I_CHILD_USED, &PS_I(dir)->flags) || !cookie;
}

static struct ps_chunk *ps_chunk_read(struct file *file, u64 cookie,
				      __be64 verf)
{
	struct inode *dir = file_inode(file);
	unsigned long dir_verf = READ_ONCE(PS_I(dir)->dir_verf);
	struct ps_stamp st = ps_stamp(dir);
	struct pn4_readdir rd = { .cookie = cookie, .verf = verf };
	const struct cred *old;
	struct ps_chunk *c;
	int rc;

	rd.size = min_t(u32, PS_SB(dir->i_sb)->vol->dtsize,
			cookie ? PS_READ : PS_FIRST_READ);
	rd.plus = ps_want_plus(dir, cookie);
	rd.buf = kvmalloc(rd.size, GFP_KERNEL);
	if (!rd.buf)
		return ERR_PTR(-ENOMEM);
	old = ps_override_creds(file->f_cred);
	rc = pn4_readdir(PS_N(dir), &rd);
	ps_revert_creds(old);
	if (rc) {
		c = ERR_PTR(rc);
		goto out;
	}
	if (rd.dir_attr.valid)
		ps_attr_apply(dir, &rd.dir_attr, st, false);
	c = ps_chunk_make(file, &rd, dir_verf, st.time);
	if (!IS_ERR(c) && (rd.dir_attr.valid & PN4_ATTR_CHANGE)) {
		c->change = rd.dir_attr.change;
		ps_chunk_keep(dir, c);
	}
out:
	kvfree(rd.buf);
	return c;
}

/* ---- the listing ---- */

/* Find the entry after position @cookie in the current chunk. */
static bool ps_seek_chunk(struct ps_dir_file *df, u64 cookie)
{
	struct ps_chunk *c = df->chunk;
	u32 i;

	if (!c)
		return false;
	if (df->at && df->at <= c->nr && c->entries[df->at - 1].cookie == cookie)
		return df->at < c->nr || c->eof;
	if (c->start == cookie) {
		df->at = 0;
		return c->nr || c->eof;
	}
	for (i = 0; i < c->nr; i++) {
		if (c->entries[i].cookie == cookie) {
			df->at = i + 1;
			return df->at < c->nr || c->eof;
		}
	}
	return false;
}

static int ps_get_chunk(struct file *file, struct ps_dir_file *df, u64 cookie)
{
	struct ps_chunk *c;

	if (cookie && ps_seek_chunk(df, cookie))
		return 0;
	c = ps_chunk_find(file_inode(file), cookie);
	if (!c)
		c = ps_chunk_read(file, cookie, cookie ? df->verf : 0);
	if (IS_ERR(c))
		return PTR_ERR(c);
	ps_chunk_put(df->chunk);
	df->chunk = c;
	df->at = 0;
	df->verf = c->verf;
	return 0;
}

/* 1: the caller's buffer is full. */
static int ps_emit_chunk(struct ps_dir_file *df, struct dir_context *ctx)
{
	struct ps_chunk *c = df->chunk;

	while (df->at < c->nr) {
		const struct ps_entry *e = &c->entries[df->at];

		if (e->len && !dir_emit(ctx, c->names + e->name, e->len,
					e->fileid, e->type))
			return 1;
		df->at++;
		ctx->pos = e->cookie;
	}
	return 0;
}

static int ps_iterate(struct file *file, struct dir_context *ctx)
{
	struct inode *dir = file_inode(file);
	struct ps_dir_file *df = file->private_data;
	int rc;

	if (ctx->pos == 0) {
		/* opened, or rewound: the present version */
		rc = ps_attr_revalidate(dir);
		if (rc)
			return rc;
		ps_chunk_put(df->chunk);
		df->chunk = NULL;
	}
	if (!dir_emit_dots(file, ctx))
		return 0;
	for (;;) {
		if (fatal_signal_pending(current))
			return -EINTR;
		rc = ps_get_chunk(file, df, ctx->pos == 2 ? 0 : ctx->pos);
		if (rc)
			return rc;
		if (ps_emit_chunk(df, ctx) || df->chunk->eof)
			return 0;
	}
}

static int ps_dir_open(struct inode *inode, struct file *file)
{
	file->private_data = kzalloc(sizeof(struct ps_dir_file), GFP_KERNEL);
	return file->private_data ? 0 : -ENOMEM;
}

static int ps_dir_release(struct inode *inode, struct file *file)
{
	struct ps_dir_file *df = file->private_data;

	ps_chunk_put(df->chunk);
	kfree(df);
	return 0;
}

static loff_t ps_dir_llseek(struct file *file, loff_t off, int whence)
{
	if (whence == SEEK_CUR)
		off += file->f_pos;
	else if (whence != SEEK_SET)
		return -EINVAL;
	return vfs_setpos(file, off, LLONG_MAX);
}

/* What changes a directory is stable when the server answers. */
static int ps_dir_fsync(struct file *file, loff_t start, loff_t end,
			int datasync)
{
	return 0;
}

const struct file_operations ps_dir_fops = {
	.owner = THIS_MODULE,
	.open = ps_dir_open,
	.release = ps_dir_release,
	.llseek = ps_dir_llseek,
	.read = generic_read_dir,
	.iterate_shared = ps_iterate,
	.fsync = ps_dir_fsync,
};
