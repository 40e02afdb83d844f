// SPDX-License-Identifier: GPL-2.0
#include "check.h"
#include "helper.h"

/* openssl req -x509 -newkey ec -days 3650: until 2036-11-18T13:07:38Z */
static const char sample[] =
	"a line before it\n"
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBbDCCAROgAwIBAgIUNpxEF46Hy9mU3D6o0v5btW5pi0IwCgYIKoZIzj0EAwIw\n"
	"DDEKMAgGA1UEAwwBdDAeFw0yNjExMjExMzA3MzhaFw0zNjExMTgxMzA3MzhaMAwx\n"
	"CjAIBgNVBAMMAXQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASCfqf0d4+sGhCt\n"
	"805glp3EOubjBcLYKeb01p2zA8haIm1cgX4Tvg2Qq/xgm5Nk20pWipRDCnxJlLQD\n"
	"m8BjEFjvo1MwUTAdBgNVHQ4EFgQUSvRI/0+L6G03JcI2IhECDKuvQ4AwHwYDVR0j\n"
	"BBgwFoAUSvRI/0+L6G03JcI2IhECDKuvQ4AwDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"
	"hkjOPQQDAgNHADBEAiA5NQlZD1w7Ncfenb9xeLfj69mFS00iSV5XjhEd6bWLiQIg\n"
	"MdhnCkJ7JnBey2FRHnbC6i0XGrh3C2wQWNl5YcSRz90=\n"
	"-----END CERTIFICATE-----\n";

#define NOT_AFTER	2110626458

static uint8_t out[4096];
static char why[WHY_MAX];

static long decode(const char *text, const char *want, bool *more)
{
	CHECK(strlen(text) <= sizeof(out));
	*why = '\0';
	return pem_decode(text, strlen(text), want, out, more, why);
}

static void test_certificate(void)
{
	char twice[2 * sizeof(sample)];
	uint8_t der[1024];
	bool more;
	long len;

	len = decode(sample, "CERTIFICATE", &more);
	CHECK(len == 368 && !more);
	CHECK(x509_not_after(out, len) == NOT_AFTER);
	memcpy(der, out, len);
	/* DER is taken as it is */
	CHECK(pem_decode((char *)der, len, "CERTIFICATE", out, &more, why) == len);
	CHECK(!memcmp(der, out, len));
	snprintf(twice, sizeof(twice), "%s%s", sample, sample);
	CHECK(decode(twice, "CERTIFICATE", &more) == len && more);
}

/* Whatever is cut off or changed, nothing beyond the end is read. */
static void test_broken(void)
{
	long len = decode(sample, "CERTIFICATE", NULL), i;
	uint8_t *exact;

	CHECK(len == 368);
	for (i = 0; i < len; i++) {
		exact = malloc(i ? i : 1);
		memcpy(exact, out, i);
		CHECK(x509_not_after(exact, i) == -1);
		free(exact);
	}
	exact = malloc(len);
	for (i = 0; i < len; i++) {
		memcpy(exact, out, len);
		exact[i] ^= 0xff;
		x509_not_after(exact, len);
	}
	free(exact);
}

static void test_keys(void)
{
	CHECK(decode("-----BEGIN EC PRIVATE KEY-----\nMAMCAQE=\n-----END EC PRIVATE KEY-----\n",
		     "PRIVATE KEY", NULL) == 5);
	CHECK(!memcmp(out, "\x30\x03\x02\x01\x01", 5));
	CHECK(decode(sample, "PRIVATE KEY", NULL) == -1);
	CHECK_HAS(why, "there is no PRIVATE KEY");
	CHECK(decode("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAMCAQE=\n-----END ENCRYPTED PRIVATE KEY-----\n",
		     "PRIVATE KEY", NULL) == -1);
	CHECK_HAS(why, "encrypted");
	CHECK(decode("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMAMC\n-----END RSA PRIVATE KEY-----\n",
		     "PRIVATE KEY", NULL) == -1);
	CHECK_HAS(why, "encrypted");
	CHECK(decode("-----BEGIN PRIVATE KEY-----\nM*MC\n-----END PRIVATE KEY-----\n",
		     "PRIVATE KEY", NULL) == -1);
	CHECK(decode("-----BEGIN PRIVATE KEY-----\nMAMC", "PRIVATE KEY", NULL) == -1);
	CHECK(decode("-----BEGIN PRIVATE KEY", "PRIVATE KEY", NULL) == -1);
	CHECK(decode("", "PRIVATE KEY", NULL) == -1);
}

int main(void)
{
	test_certificate();
	test_broken();
	test_keys();
	return 0;
}
