// SPDX-License-Identifier: GPL-2.0
/*
 * Hosts to addresses.
 *
 * A storage node with several cards usually has one name with several
 * addresses, and every one of them is a path: all are handed to the kernel,
 * in the order the device and then the resolver gives them.
 */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "helper.h"

static void add_addr(struct addrlist *addrs, const char *text, const char *host)
{
	size_t i;

	for (i = 0; i < addrs->nr; i++)
		if (!strcmp(addrs->text[i], text))
			return;
	addrs->text = xrealloc(addrs->text, addrs->nr + 1,
			       sizeof(*addrs->text));
	addrs->host = xrealloc(addrs->host, addrs->nr + 1, sizeof(*addrs->host));
	addrs->host[addrs->nr] = xstrndup(host, strcspn(host, "%"));
	addrs->text[addrs->nr++] = xstrndup(text, strlen(text));
}

/* Returns 0 or an EAI_ code. */
static int resolve_host(const struct host *host, struct addrlist *addrs)
{
	/*
	 * No AI_ADDRCONFIG: it looks at this machine's addresses of the
	 * moment, and an address that cannot be reached now is still a path.
	 */
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *ai;
	char text[NI_MAXHOST];
	int rc;

	if (host->kind != HOST_NAME)
		hints.ai_flags = AI_NUMERICHOST;
	rc = getaddrinfo(host->text, NULL, &hints, &list);
	if (rc)
		return rc;
	for (ai = list; ai; ai = ai->ai_next)
		if (!getnameinfo(ai->ai_addr, ai->ai_addrlen, text,
				 sizeof(text), NULL, 0, NI_NUMERICHOST))
			add_addr(addrs, text, host->text);
	freeaddrinfo(list);
	return addrs->nr ? 0 : EAI_NONAME;
}

static void describe(const struct host *host, int code, char *why)
{
	const char *reason = gai_strerror(code);

	if (host->kind == HOST_IPV6 && strchr(host->text, '%'))
		complain(why, "address '%.64s': there is no network interface '%.16s'",
			 host->text, strchr(host->text, '%') + 1);
	else if (code == EAI_AGAIN)
		complain(why, "cannot resolve host name '%.64s': no name server answers (%s)",
			 host->text, reason);
	else
		complain(why, "cannot resolve host name '%.64s' (%s)",
			 host->text, reason);
}

int resolve_hosts(const struct devspec *spec, struct addrlist *addrs,
		  void (*warn)(void *arg, const char *sentence), void *arg,
		  bool *temporary, char *why)
{
	char sentence[WHY_MAX + 64];
	size_t i, failed = spec->nr_hosts;
	int *codes = xrealloc(NULL, spec->nr_hosts + 1, sizeof(*codes));

	memset(addrs, 0, sizeof(*addrs));
	*temporary = false;
	for (i = 0; i < spec->nr_hosts; i++) {
		codes[i] = resolve_host(&spec->hosts[i], addrs);
		if (codes[i] == EAI_AGAIN)
			*temporary = true;
		if (codes[i] && failed == spec->nr_hosts)
			failed = i;
	}
	for (i = 0; addrs->nr && warn && i < spec->nr_hosts; i++) {
		if (!codes[i])
			continue;
		describe(&spec->hosts[i], codes[i], why);
		snprintf(sentence, sizeof(sentence),
			 "%s; going on without it", why);
		warn(arg, sentence);
	}
	if (!addrs->nr)
		describe(&spec->hosts[failed], codes[failed], why);
	free(codes);
	if (!addrs->nr)
		return -1;
	*temporary = false;
	if (addrs->nr > KERNEL_ADDRS_MAX)
		return complain(why, "the device resolves to %zu addresses; the kernel takes up to %d on one mount",
				addrs->nr, KERNEL_ADDRS_MAX);
	return 0;
}

void addrlist_free(struct addrlist *addrs)
{
	size_t i;

	for (i = 0; i < addrs->nr; i++) {
		free(addrs->text[i]);
		free(addrs->host[i]);
	}
	free(addrs->text);
	free(addrs->host);
	memset(addrs, 0, sizeof(*addrs));
}
