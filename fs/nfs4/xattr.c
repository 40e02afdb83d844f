// SPDX-License-Identifier: GPL-2.0
/*
 * Extended attributes of users (RFC 8276).  Names here lack "user.".
 */
#include <linux/xattr.h>
#include "internal.h"

static int pn4_xattr_room(struct pn4_node *node, u32 *reply)
{
	struct pn4_session *s = &node->vol->client->session;

	if (!(READ_ONCE(node->vol->can) & PN4_CAN_XATTR))
		return -EOPNOTSUPP;
	*reply = min_t(u32, *reply, s->max_response - PN4_IO_OVERHEAD);
	return 0;
}

ssize_t pn4_getxattr(struct pn4_node *node, const char *name, void *buf,
		     size_t size)
{
	u32 room = PN4_XATTR_SIZE_MAX + 256, len = 0;
	struct pn4_call *c;
	const void *value;
	int st;

	st = pn4_xattr_room(node, &room);
	if (st)
		return st;
	c = pn4_call_new(node->vol->client, node->vol, 768, room);
	if (!c)
		return -ENOMEM;
	pn4_for_each_try(c, current_cred(), st) {
		pn4_call_putfh(c, &node->fh);
		pn4_enc_getxattr(pn4_op(c, PN4_OP_GETXATTR), name, strlen(name));
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_getxattr(&c->dec, &value, &len);
	}
	if (!st && size) {
		if (len > size)
			st = -ERANGE;
		else
			memcpy(buf, value, len);
	}
	pn4_call_put(c);
	return st ?: (ssize_t)len;
}

int pn4_setxattr(struct pn4_node *node, const char *name, const void *value,
		 size_t size, int flags)
{
	struct pn4_setxattr_args a = {
		.option = flags & XATTR_CREATE ? PN4_SETXATTR_CREATE :
			  flags & XATTR_REPLACE ? PN4_SETXATTR_REPLACE :
						  PN4_SETXATTR_EITHER,
		.name = name, .name_len = strlen(name),
		.value = value, .value_len = size,
	};
	struct pn4_cinfo cinfo;
	struct pn4_call *c;
	u32 room = 1024;
	int st;

	st = pn4_xattr_room(node, &room);
	if (st)
		return st;
	if (size + PN4_IO_OVERHEAD > node->vol->client->session.max_request)
		return -E2BIG;
	c = pn4_call_new(node->vol->client, node->vol, 768 + size, room);
	if (!c)
		return -ENOMEM;
	c->cachethis = true;
	pn4_for_each_try(c, current_cred(), st) {
		pn4_call_putfh(c, &node->fh);
		pn4_enc_setxattr(pn4_op(c, PN4_OP_SETXATTR), &a);
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_setxattr(&c->dec, &cinfo);
	}
	pn4_call_put(c);
	return st;
}

int pn4_removexattr(struct pn4_node *node, const char *name)
{
	struct pn4_cinfo cinfo;
	struct pn4_call *c;
	u32 room = 1024;
	int st;

	st = pn4_xattr_room(node, &room);
	if (st)
		return st;
	c = pn4_call_new(node->vol->client, node->vol, 768, room);
	if (!c)
		return -ENOMEM;
	c->cachethis = true;
	pn4_for_each_try(c, current_cred(), st) {
		pn4_call_putfh(c, &node->fh);
		pn4_enc_removexattr(pn4_op(c, PN4_OP_REMOVEXATTR), name,
				    strlen(name));
		st = pn4_call_run(c);
		st = st ?: pn4_dec_putfh(&c->dec);
		st = st ?: pn4_dec_removexattr(&c->dec, &cinfo);
	}
	pn4_call_put(c);
	return st;
}

/* Names of one reply appended to @buf at *at; *at counts on without room. */
static int pn4_listxattr_fill(struct pn4_listxattrs_res *res, char *buf,
			      size_t size, size_t *at)
{
	const char *name;
	u32 len;

	while (pn4_listxattrs_next(res, &name, &len)) {
		size_t want = XATTR_USER_PREFIX_LEN + len + 1;

		if (memchr(name, 0, len))
			continue;	/* no program could name it */
		if (size && *at + want > size)
			return -ERANGE;
		if (size) {
			memcpy(buf + *at, XATTR_USER_PREFIX,
			       XATTR_USER_PREFIX_LEN);
			memcpy(buf + *at + XATTR_USER_PREFIX_LEN, name, len);
			buf[*at + want - 1] = 0;
		}
		*at += want;
		if (*at > XATTR_LIST_MAX)
			return -E2BIG;
	}
	return 0;
}

ssize_t pn4_listxattr(struct pn4_node *node, char *buf, size_t size)
{
	struct pn4_listxattrs_res res = {};
	u32 room = 16384, rounds = 0;
	struct pn4_call *c;
	size_t at = 0;
	u64 cookie = 0;
	int st;

	st = pn4_xattr_room(node, &room);
	if (st)
		return st;
	c = pn4_call_new(node->vol->client, node->vol, 512, room);
	if (!c)
		return -ENOMEM;
	do {
		cookie = res.cookie;
		pn4_for_each_try(c, current_cred(), st) {
			pn4_call_putfh(c, &node->fh);
			pn4_enc_listxattrs(pn4_op(c, PN4_OP_LISTXATTRS), cookie,
					   room - 256);
			st = pn4_call_run(c);
			st = st ?: pn4_dec_putfh(&c->dec);
			st = st ?: pn4_dec_listxattrs(&c->dec, &res);
		}
		st = st ?: pn4_listxattr_fill(&res, buf, size, &at);
		/* a server that gets nowhere must not keep us here */
		if (!st && !res.eof && (res.cookie == cookie || ++rounds > 4096))
			st = -EREMOTEIO;
	} while (!st && !res.eof);
	pn4_call_put(c);
	return st ?: (ssize_t)at;
}
