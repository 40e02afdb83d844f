// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's fs_context: one system call after another, and the log that
 * the kernel keeps in it (Documentation/filesystems/mount_api.rst in Linux).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "helper.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW	0x00200000
#endif

/* What a remount replaces, as MS_REMOUNT of mount(2) does. */
#define ATTRS_ALL	(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |	\
			 MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |		\
			 MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME |	\
			 MOUNT_ATTR_NOSYMFOLLOW)

static void keep_error(struct fsctx *ctx, const char *line)
{
	size_t old = ctx->errors ? strlen(ctx->errors) : 0;

	ctx->errors = xrealloc(ctx->errors, old + strlen(line) + 3, 1);
	sprintf(ctx->errors + old, "%s%s", old ? "; " : "", line);
}

static void take_line(struct fsctx *ctx, char *line)
{
	static const char prefix[] = PENSTOCK_FSTYPE ": ";
	char level = line[0];
	char *text = line;

	if (level && line[1] == ' ')
		text += 2;
	if (!strncmp(text, prefix, sizeof(prefix) - 1))
		text += sizeof(prefix) - 1;
	if (level == 'w')
		fprintf(stderr, "mount.penstock: %s on %s: warning: %s\n",
			ctx->fail->spec, ctx->fail->dir, text);
	else if (level == 'e')
		keep_error(ctx, text);
	else if (ctx->verbose)
		fprintf(stderr, "mount.penstock: %s\n", text);
}

/* Each read gives one message; ENODATA ends the log. */
static void drain_log(struct fsctx *ctx)
{
	char line[4096];
	ssize_t len;

	for (;;) {
		len = read(ctx->fd, line, sizeof(line) - 1);
		if (len < 0 && (errno == EMSGSIZE || errno == EINTR))
			continue;
		if (len <= 0)
			return;
		while (len && line[len - 1] == '\n')
			len--;
		line[len] = '\0';
		take_line(ctx, line);
	}
}

static int failed(struct fsctx *ctx, enum mount_stage stage, const char *param)
{
	ctx->fail->error = errno;
	ctx->fail->stage = stage;
	ctx->fail->param = param;
	if (ctx->fd >= 0)
		drain_log(ctx);
	ctx->fail->kernel = ctx->errors;
	return -1;
}

int fsctx_open(struct fsctx *ctx)
{
	ctx->fd = fsopen(PENSTOCK_FSTYPE, FSOPEN_CLOEXEC);
	return ctx->fd < 0 ? failed(ctx, STAGE_OPEN, NULL) : 0;
}

int fsctx_pick(struct fsctx *ctx, const char *dir)
{
	ctx->fd = fspick(AT_FDCWD, dir, FSPICK_CLOEXEC | FSPICK_NO_AUTOMOUNT);
	return ctx->fd < 0 ? failed(ctx, STAGE_OPEN, NULL) : 0;
}

int fsctx_flag(struct fsctx *ctx, const char *key)
{
	if (fsconfig(ctx->fd, FSCONFIG_SET_FLAG, key, NULL, 0))
		return failed(ctx, STAGE_PARAM, key);
	return 0;
}

/*
 * The source of a mount with many nodes is soon longer than what fsconfig(2)
 * takes as a string; the module takes it as binary too.  A shortened source
 * would be no way out: mount -a and umount compare it with fstab.
 */
int fsctx_set(struct fsctx *ctx, const char *key, const char *value)
{
	size_t len = strlen(value);
	int rc;

	if (len > FSCONFIG_STRING_MAX)
		rc = fsconfig(ctx->fd, FSCONFIG_SET_BINARY, key, value, len);
	else
		rc = fsconfig(ctx->fd, FSCONFIG_SET_STRING, key, value, 0);
	return rc ? failed(ctx, STAGE_PARAM, key) : 0;
}

int fsctx_create(struct fsctx *ctx)
{
	if (fsconfig(ctx->fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return failed(ctx, STAGE_CREATE, NULL);
	return 0;
}

int fsctx_reconfigure(struct fsctx *ctx)
{
	if (fsconfig(ctx->fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0))
		return failed(ctx, STAGE_REMOUNT, NULL);
	drain_log(ctx);
	return 0;
}

int fsctx_attach(struct fsctx *ctx, uint64_t attrs, const char *dir)
{
	int mnt = fsmount(ctx->fd, FSMOUNT_CLOEXEC, attrs);
	int rc;

	if (mnt < 0)
		return failed(ctx, STAGE_ATTACH, NULL);
	rc = move_mount(mnt, "", AT_FDCWD, dir, MOVE_MOUNT_F_EMPTY_PATH);
	if (rc)
		failed(ctx, STAGE_ATTACH, NULL);
	else
		drain_log(ctx);
	close(mnt);
	return rc;
}

int fsctx_reset_attrs(struct fsctx *ctx, uint64_t attrs, const char *dir)
{
	struct mount_attr attr = {
		.attr_set = attrs,
		.attr_clr = ATTRS_ALL,
	};

	if (mount_setattr(AT_FDCWD, dir, AT_NO_AUTOMOUNT, &attr, sizeof(attr)))
		return failed(ctx, STAGE_REMOUNT, NULL);
	return 0;
}

void fsctx_close(struct fsctx *ctx)
{
	if (ctx->fd >= 0)
		close(ctx->fd);
	ctx->fd = -1;
	free(ctx->errors);
	ctx->errors = NULL;
	ctx->fail->kernel = NULL;
}
