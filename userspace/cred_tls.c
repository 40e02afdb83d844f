// SPDX-License-Identifier: GPL-2.0
/*
 * penstock cred tls: this host's certificate and key for xprtsec=mtls.
 *
 * tlshd takes both from the keyring by serial, but whom it trusts from its own
 * configuration alone: --ca looks there and says what is missing.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "helper.h"

/* The largest payload of a key of type "user". */
#define KEY_MAX		32767
#define FILE_SIZE_MAX	(1 << 18)

static const char * const tlshd_confs[] = { "/etc/tlshd.conf", "/etc/tlshd/config" };

struct blob {
	uint8_t data[FILE_SIZE_MAX];
	long len;
};

static struct blob certificate, privkey;

static int bad(const char *file, const char *why)
{
	fprintf(stderr, "penstock cred: %s: %s\n", file, why);
	return -1;
}

/* One block of @file into @blob. */
static int load(struct blob *blob, const char *file, const char *want, bool *more)
{
	static char text[FILE_SIZE_MAX];
	char why[WHY_MAX];
	struct stat st;
	ssize_t len;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	len = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (len < 0 || fstat(fd, &st)) {
		bad(file, strerror(errno));
		goto fail;
	}
	if (blob == &privkey && st.st_mode & (S_IRWXG | S_IRWXO))
		fprintf(stderr, "penstock cred: %s: warning: others than its owner can read or change this key\n",
			file);
	blob->len = pem_decode(text, len, want, blob->data, more, why);
	explicit_bzero(text, sizeof(text));
	if (blob->len < 0) {
		bad(file, why);
		goto fail;
	}
	if (blob->len > KEY_MAX) {
		bad(file, "larger than what a kernel key holds");
		goto fail;
	}
	close(fd);
	return 0;
fail:
	if (fd >= 0)
		close(fd);
	return -1;
}

static int check_certificate(const char *file, const struct blob *blob)
{
	int64_t end = x509_not_after(blob->data, blob->len);

	if (end < 0)
		return bad(file, "not an X.509 certificate");
	if (end < time(NULL))
		return bad(file, "the certificate has expired");
	return 0;
}

static int put(const char *name, const struct blob *blob)
{
	if (keyring_put(name, blob->data, blob->len) >= 0)
		return 0;
	fprintf(stderr, "penstock cred: cannot put '%s' into root's user keyring: %s\n",
		name, strerror(errno));
	return -1;
}

static int set_keys(const char *cert_file, const char *key_file)
{
	bool more;
	int rc;

	prctl(PR_SET_DUMPABLE, 0);	/* no core file with the key in it */
	if (load(&certificate, cert_file, "CERTIFICATE", &more) ||
	    check_certificate(cert_file, &certificate) ||
	    load(&privkey, key_file, "PRIVATE KEY", NULL))
		return EXIT_FAIL;
	if (more)
		fprintf(stderr, "penstock cred: %s: warning: only the first certificate is used; with intermediate ones put the chain into tlshd's own configuration\n",
			cert_file);
	rc = put(KEY_TLS_CERT, &certificate) || put(KEY_TLS_PRIVKEY, &privkey);
	explicit_bzero(&privkey, sizeof(privkey));
	return rc ? EXIT_FAIL : EXIT_OK;
}

/* Does a configuration of tlshd name @file as what clients trust? */
static bool tlshd_trusts(const char *file)
{
	bool client = false, trusts = false;
	char line[1024], *value;
	size_t i;
	FILE *f;

	for (i = 0; !trusts && i < sizeof(tlshd_confs) / sizeof(tlshd_confs[0]); i++) {
		f = fopen(tlshd_confs[i], "re");
		while (f && fgets(line, sizeof(line), f)) {
			line[strcspn(line, "\r\n")] = '\0';
			if (line[0] == '[')
				client = !strcmp(line, "[authenticate.client]");
			value = strchr(line, '=');
			if (client && value && !strncmp(line, "x509.truststore", 15))
				trusts |= !strcmp(value + 1 + strspn(value + 1, " \t"), file);
		}
		if (f)
			fclose(f);
	}
	return trusts;
}

static int check_ca(const char *file)
{
	char *path = realpath(file, NULL);
	int rc = EXIT_FAIL;

	if (!path) {
		bad(file, strerror(errno));
	} else if (!load(&certificate, path, "CERTIFICATE", NULL) &&
		   !check_certificate(path, &certificate)) {
		rc = EXIT_OK;
		if (!tlshd_trusts(path))
			fprintf(stderr, "penstock cred: tlshd does not trust %s yet: write x509.truststore=%s below [authenticate.client] in %s, then systemctl restart tlshd\n",
				path, path, tlshd_confs[access(tlshd_confs[0], F_OK) ? 1 : 0]);
	}
	free(path);
	return rc;
}

/* Have the mount connect anew, with the keys of now. */
static int renew(const char *dir)
{
	struct failure fail = { .spec = "penstock cred", .dir = dir, .path = "/" };
	struct fsctx ctx = { .fd = -1, .fail = &fail };
	int rc = EXIT_OK;

	if (fsctx_pick(&ctx, dir) || fsctx_flag(&ctx, "renew") ||
	    fsctx_reconfigure(&ctx)) {
		fprintf(stderr, "penstock cred: %s: %s\n", dir,
			fail.kernel ? fail.kernel : strerror(fail.error));
		rc = EXIT_FAIL;
	}
	fsctx_close(&ctx);
	return rc;
}

int cred_tls(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "cert", required_argument, NULL, 'c' },
		{ "key", required_argument, NULL, 'k' },
		{ "ca", required_argument, NULL, 'a' },
		{ "renew", required_argument, NULL, 'r' },
		{}
	};
	const char *cert = NULL, *key = NULL, *ca = NULL, *mount = NULL;
	int c, rc = EXIT_OK;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			cert = optarg;
			break;
		case 'k':
			key = optarg;
			break;
		case 'a':
			ca = optarg;
			break;
		case 'r':
			mount = optarg;
			break;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind != argc || !cert != !key || (!cert && !ca && !mount)) {
		fprintf(stderr, "usage: penstock cred tls [--cert FILE --key FILE] [--ca FILE] [--renew MOUNT]\n");
		return EXIT_USAGE;
	}
	if (ca)
		rc = check_ca(ca);
	if (!rc && cert)
		rc = set_keys(cert, key);
	if (!rc && mount)
		rc = renew(mount);
	return rc;
}

/* ---- show and drop ---- */

static bool tlshd_runs(void)
{
	return !system("pidof -s tlshd >/dev/null 2>&1");
}

void cred_tls_show(bool json)
{
	int cert = keyring_find(KEY_TLS_CERT), key = keyring_find(KEY_TLS_PRIVKEY);
	long len = cert ? keyring_read(cert, certificate.data, sizeof(certificate.data)) : -1;
	int64_t end = len > 0 ? x509_not_after(certificate.data, len) : -1;
	time_t when = end;
	char text[32] = "";

	if (end >= 0)
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime(&when));
	if (json) {
		printf("\"tls\": {\"tlshd\": %s, \"cert_serial\": %d, \"privkey_serial\": %d, \"not_after\": \"%s\"}",
		       tlshd_runs() ? "true" : "false", cert, key, text);
		return;
	}
	printf("TLS  tlshd %s\n", tlshd_runs() ? "runs" : "does not run");
	if (cert && key)
		printf("     certificate (key %d) until %s%s, private key %d\n", cert,
		       *text ? text : "?", end >= 0 && end < time(NULL) ? ", EXPIRED" : "", key);
	else
		printf("     no certificate and key of ours: for xprtsec=mtls tlshd uses its own\n");
}

int cred_tls_drop(void)
{
	static const char * const names[] = { KEY_TLS_CERT, KEY_TLS_PRIVKEY };
	int rc = EXIT_OK;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int serial = keyring_find(names[i]);

		if (!serial || !keyring_drop(serial))
			continue;
		fprintf(stderr, "penstock cred: cannot drop key %d: %s\n", serial,
			strerror(errno));
		rc = EXIT_FAIL;
	}
	return rc;
}
