// SPDX-License-Identifier: GPL-2.0
/*
 * One input: the first byte chooses the parser, the rest is its text.
 * Run by libFuzzer (make fuzz) and by random.c (make check).
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "helper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool cond)
{
	if (!cond)
		abort();
}

static void fuzz_devspec(const char *text)
{
	char why[WHY_MAX] = "";
	struct devspec spec;
	uint8_t addr[16];
	size_t i;

	if (devspec_parse(&spec, text, why)) {
		expect(*why);
		devspec_free(&spec);
		return;
	}
	expect(spec.nr_hosts && spec.nr_hosts <= SPEC_HOSTS_MAX);
	expect(spec.path[0] == '/' && !strcmp(spec.text, text));
	for (i = 0; i < spec.nr_hosts; i++) {
		const struct host *host = &spec.hosts[i];

		expect(*host->text && !strpbrk(host->text, "/,[] "));
		if (host->kind == HOST_IPV4)
			expect(inet_pton(AF_INET, host->text, addr) == 1);
		if (host->kind == HOST_IPV6 && !strchr(host->text, '%'))
			expect(inet_pton(AF_INET6, host->text, addr) == 1);
	}
	devspec_free(&spec);
}

static void fuzz_options(const char *text, bool sloppy, const char *live)
{
	char why[WHY_MAX] = "";
	struct options opts;
	size_t i;

	options_init(&opts);
	opts.live = live;
	if (options_parse(&opts, text, sloppy, why))
		expect(*why);
	else if (live)
		options_drop_unchanged(&opts);
	for (i = 0; i < opts.nr_params; i++)
		expect(*opts.params[i].key);
	expect(options_port(&opts) >= 1 && options_port(&opts) <= 65535);
	options_free(&opts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	text = xstrndup((const char *)data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		fuzz_devspec(text);
		break;
	case 1:
		fuzz_options(text, false, NULL);
		break;
	case 2:
		fuzz_options(text, true, NULL);
		break;
	case 3:
		fuzz_options(text, false, text);
		break;
	}
	free(text);
	return 0;
}
