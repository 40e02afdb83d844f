// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include "check.h"
#include "helper.h"

static char *text;
static size_t text_len;

static const char *explained(int error, enum mount_stage stage,
			     const char *param, const char *kernel)
{
	static const char spec[] = "node1,node2:/export";
	struct failure fail = {
		.error = error, .stage = stage, .spec = spec, .dir = "/mnt",
		.path = strchr(spec, '/'), .port = 2049, .param = param,
		.kernel = kernel,
	};
	FILE *out;

	free(text);
	out = open_memstream(&text, &text_len);
	explain(out, &fail);
	fclose(out);
	CHECK(!strncmp(text, "mount.penstock: node1,node2:/export on /mnt: ", 45));
	CHECK(!strchr(text, '%'));
	return text;
}

static bool temporary(int error, enum mount_stage stage)
{
	struct failure fail = { .error = error, .stage = stage };

	return error_is_temporary(&fail);
}

static void test_servers(void)
{
	static const struct {
		int error;
		const char *words;
	} rows[] = {
		{ ECONNREFUSED, "refused: nothing listens on port 2049 of node1,node2\n" },
		{ EHOSTUNREACH, "no route to host" },
		{ ENETUNREACH, "no route" },
		{ ETIMEDOUT, "timed out: no answer from node1,node2" },
		{ ENOENT, "not exported: the server has no /export" },
		{ EACCES, "permission denied: the server" },
		{ EPERM, "permission denied: the server" },
		{ EPROTONOSUPPORT, "only NFSv3" },
		{ EBUSY, "busy" },
		{ EINVAL, "refuses these options" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_HAS(explained(rows[i].error, STAGE_CREATE, NULL, NULL),
			  rows[i].words);
}

static void test_kernel_text(void)
{
	explained(ECONNREFUSED, STAGE_CREATE, NULL, "10.0.0.1: refused");
	CHECK_HAS(text, "nothing listens");
	CHECK_HAS(text, "\n  kernel: 10.0.0.1: refused\n  Is the NFS server");
	/* about an option the kernel's own sentence comes first and alone */
	explained(EINVAL, STAGE_PARAM, "rsize", "rsize must be a power of two");
	CHECK_STR(text, "mount.penstock: node1,node2:/export on /mnt: rsize must be a power of two\n");
	explained(EINVAL, STAGE_PARAM, "rsize", NULL);
	CHECK_HAS(text, "refuses option 'rsize' (Invalid argument)");
	/* an errno without a row */
	explained(EXDEV, STAGE_CREATE, NULL, NULL);
	CHECK_STR(text, "mount.penstock: node1,node2:/export on /mnt: Invalid cross-device link\n");
	explained(EXDEV, STAGE_CREATE, NULL, "moon phase");
	CHECK_STR(text, "mount.penstock: node1,node2:/export on /mnt: moon phase\n");
}

static void test_stages(void)
{
	CHECK_HAS(explained(EPERM, STAGE_OPEN, NULL, NULL), "only root can mount");
	CHECK_HAS(explained(EBUSY, STAGE_ATTACH, NULL, NULL), "findmnt /mnt");
	CHECK_HAS(explained(EBUSY, STAGE_REMOUNT, NULL, NULL), "open for writing");
	CHECK(temporary(ECONNREFUSED, STAGE_CREATE));
	CHECK(temporary(ETIMEDOUT, STAGE_CREATE));
	CHECK(!temporary(ENOENT, STAGE_CREATE));
	CHECK(!temporary(EXDEV, STAGE_CREATE));
	CHECK(!temporary(ECONNREFUSED, STAGE_PARAM));
}

static void test_module(void)
{
	static const struct {
		const char *complaint;
		enum module_state state;
		const char *words;
	} rows[] = {
		{ "modprobe: FATAL: Module penstock not found in directory /lib/modules/6.1.0-1-amd64",
		  MODULE_MISSING, "Install the package penstock-dkms" },
		{ "modprobe: ERROR: could not insert 'penstock': Key was rejected by service",
		  MODULE_UNSIGNED, "Secure Boot rejects" },
		{ "modprobe: ERROR: could not insert 'penstock': Required key not available",
		  MODULE_UNSIGNED, "Secure Boot rejects" },
		{ "modprobe: ERROR: could not insert 'penstock': Exec format error",
		  MODULE_MISMATCH, "does not fit kernel" },
		{ "modprobe: ERROR: could not insert 'penstock': Operation not permitted",
		  MODULE_DENIED, "not permitted" },
		{ "modprobe: ERROR: could not insert 'penstock': Cannot allocate memory",
		  MODULE_FAILED, "modprobe penstock failed" },
	};
	size_t i;
	FILE *out;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK(module_classify(rows[i].complaint) == rows[i].state);
		free(text);
		out = open_memstream(&text, &text_len);
		module_explain(out, "n:/x", "/mnt", rows[i].state,
			       rows[i].complaint);
		fclose(out);
		CHECK(!strncmp(text, "mount.penstock: n:/x on /mnt: module missing: ", 46));
		CHECK_HAS(text, rows[i].words);
		CHECK_HAS(text, rows[i].complaint);
	}
}

int main(void)
{
	test_servers();
	test_kernel_text();
	test_stages();
	test_module();
	free(text);
	return 0;
}
