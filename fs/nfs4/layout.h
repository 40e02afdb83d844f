/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Layouts and data servers, for the files of fs/nfs4/ that deal with them.
 *
 * Owners: node -> layout -> segment -> device -> data server -> client.  A piece
 * of I/O (struct pn4_call) holds the segment that it goes by.
 *
 *	no segment --LAYOUTGET--> live --recall, error, close--> dead --its last
 *	I/O ends--> COMMIT, LAYOUTCOMMIT, LAYOUTRETURN --> gone
 *
 * No I/O begins under a dead segment, and none is under way when it is returned.
 */
#ifndef PENSTOCK_NFS4_LAYOUT_H
#define PENSTOCK_NFS4_LAYOUT_H

#include "codec_layout.h"
#include "internal.h"
#include "layout_map.h"

#define PN4_DS_PATIENCE		(5 * HZ)	/* for an answer of a data server */
#define PN4_DS_REST		(15 * HZ)	/* a failed one is left alone so long */
#define PN4_LAYOUT_REST		(5 * HZ)	/* no LAYOUTGET after one that failed */
#define PN4_LAYOUT_ERRORS	8		/* kept for LAYOUTRETURN */

/**
 * struct pn4_ds - a data server, by the addresses that a device gives it
 * @lock: one connects at a time, and guards @client until it is set
 * @client: NULL: not connected yet; a reference, constant once set
 * @rest_until: jiffies; it has failed and is left alone; 0: it has not
 */
struct pn4_ds {
	struct mutex lock;
	struct pn4_client *client;
	unsigned long rest_until;
	unsigned int nr_addrs;
	struct sockaddr_storage addrs[PN4_DS_ADDRS_MAX];
	char netid[8];			/* of the first address, for reports */
	char uaddr[64];
};

/**
 * struct pn4_device - what GETDEVICEINFO has said; constant
 * @link: pn4_layout_table.devices
 * @version: index of the protocol version that is used in its lists; flex only
 * @indices: stripe index -> data server, @nr_indices of them; files only
 */
struct pn4_device {
	refcount_t ref;
	struct list_head link;
	u8 id[PN4_DEVICEID_SIZE];
	u32 type;
	u32 version;
	bool nfs3;			/* else NFSv4.@minor */
	u32 minor;
	u32 rsize;
	u32 wsize;
	bool tight;
	u32 nr_indices;
	u32 *indices;
	u32 nr_ds;
	struct pn4_ds ds[];
};

/**
 * struct pn4_target - a file of a data server that a part of the bytes is in
 * @dev: a reference
 * @cred: to act with; NULL: the one that does the I/O
 * @dirty: pn4_layout.dirty, while it holds what is not committed; under layout->lock
 * @verifier: of the first write since; under layout->lock
 * @read, @write: for LAYOUTSTATS, under layout->lock
 */
struct pn4_target {
	struct pn4_device *dev;
	struct pn4_ds *ds;
	struct pn4_fh fh;
	struct pn4_stateid stateid;
	const struct cred *cred;
	u32 efficiency;
	struct pn4_segment *seg;
	struct list_head dirty;
	__be64 verifier;
	unsigned long rest_until;	/* reads go to other mirrors */
	struct pn4_ds_count read;
	struct pn4_ds_count write;
};

/**
 * struct pn4_segment - one layout4
 * @link, @dead, @io: under layout->lock
 * @io: pieces and COMMITs under way; only the layout's work item frees it, once
 *	it is dead and this is 0
 * @targets: @nr_mirrors times stripe.nr, mirror by mirror
 * @own_state: I/O goes by the open's state id, not by target->stateid
 */
struct pn4_segment {
	struct list_head link;
	struct pn4_layout *layout;
	bool dead;
	unsigned int io;
	u64 offset;
	u64 end;			/* the byte behind it; U64_MAX: all */
	u32 iomode;
	u32 type;
	u32 flags;			/* PN4_FF_* */
	bool own_state;
	bool thru_mds;			/* COMMIT goes to the metadata server */
	struct pn4_stripe stripe;
	u32 nr_mirrors;
	struct pn4_target targets[];
};

/* pn4_layout.flags */
enum {
	PN4_LO_BUSY,		/* bit lock: LAYOUTGET or LAYOUTRETURN under way */
	PN4_LO_GETTING,		/* it is LAYOUTGET */
	PN4_LO_RETURN,		/* something is dead */
	PN4_LO_CLOSE,		/* to be returned when the file is closed */
};

/**
 * struct pn4_layout - what a client has of one file; made with its first I/O
 *
 * @node: NULL once the inode is gone; under pn4_layout_table.lock
 * @link: pn4_layout_table.layouts
 * @lock: guards what follows; softirq-safe
 * @has_stateid: the server knows of a layout
 * @retry_at: jiffies before which no LAYOUTGET is sent
 * @losses: counts unstable data lost by data servers; see commit.c
 * @dirty: targets with data that is not committed
 * @writes: writes that LAYOUTCOMMIT has to tell of; @told: that it has told of
 * @last: the last byte written
 * @parked: pieces that wait until the server has the layout back, @taken: how
 *	often it has been given back, or parts of it; see pn4_layout_park()
 * @ret_offset, @ret_end, @ret_iomode: what LAYOUTRETURN will give back
 * @stats_every, @stats_at: when to send LAYOUTSTATS; jiffies, 0: never
 */
struct pn4_layout {
	refcount_t ref;
	struct pn4_volume *vol;
	struct pn4_node *node;
	struct list_head link;
	struct pn4_fh fh;
	const struct cred *cred;
	unsigned long flags;
	wait_queue_head_t wait;
	struct work_struct work;
	u64 since;			/* ns; for the statistics */

	spinlock_t lock;
	struct list_head segments;
	unsigned int nr_segments;
	struct pn4_stateid stateid;
	bool has_stateid;
	u32 type;
	u32 state_gen;			/* client->state_gen it belongs to */
	u32 tested;			/* cl->test_round of the last test */
	unsigned long retry_at;
	u32 losses;
	struct list_head dirty;
	u32 writes;
	u32 told;
	u64 last;
	unsigned long stats_every;
	unsigned long stats_at;
	struct list_head parked;
	u32 taken;
	u64 ret_offset;
	u64 ret_end;
	u32 ret_iomode;
	u32 nr_errors;
	struct pn4_ds_error errors[PN4_LAYOUT_ERRORS];
};

/* layout.c */
void pn4_layout_put(struct pn4_layout *lo);
void pn4_layout_kick(struct pn4_layout *lo);
bool pn4_layout_kill(struct pn4_layout *lo, u32 iomode, u64 offset, u64 end);
void pn4_layout_kill_all(struct pn4_layout *lo);
/* The state id of today. */
void pn4_layout_sid(struct pn4_layout *lo, struct pn4_stateid *sid);
u32 pn4_ds_status(int st);
void pn4_layout_note(struct pn4_segment *seg, struct pn4_target *t,
		     const struct pn4_ds_error *err);
struct pn4_segment *pn4_segment_find(struct pn4_layout *lo, u64 pos, bool write);
static inline bool pn4_layout_dead(const struct pn4_layout *lo)
{
	return test_bit(PN4_LO_RETURN, &lo->flags);
}
void pn4_layout_unlock(struct pn4_layout *lo);

/* layoutget.c */
struct pn4_segment *pn4_layout_fetch(struct pn4_layout *lo, struct pn4_io *io,
				     u64 pos);
void pn4_segment_free(struct pn4_segment *seg);

/* layoutrecall.c */
void pn4_layout_bulk_work(struct work_struct *work);

/* layoutreturn.c */
void pn4_layout_work(struct work_struct *work);

/* device.c */
struct pn4_device *pn4_device_get(struct pn4_volume *vol, const u8 *id, u32 type,
				  const struct cred *cred);
void pn4_device_put(struct pn4_device *dev);
struct pn4_client *pn4_ds_client(struct pn4_device *dev, struct pn4_ds *ds,
				 struct pn4_volume *vol);
void pn4_ds_failed(struct pn4_ds *ds);
bool pn4_ds_resting(const struct pn4_ds *ds);

#endif
