// SPDX-License-Identifier: GPL-2.0
/*
 * As much of PEM (RFC 7468), DER and X.509 (RFC 5280) as it takes to put the
 * right bytes into a keyring and to say until when they are good.  tlshd does
 * the judging.
 */
#include <ctype.h>
#include <string.h>
#include <time.h>

#include "helper.h"

#define DER_INTEGER		0x02
#define DER_UTC_TIME		0x17
#define DER_GENERAL_TIME	0x18
#define DER_SEQUENCE		0x30
#define DER_VERSION		0xa0	/* [0] of TBSCertificate */

struct der {
	const uint8_t *at;
	size_t left;
};

/* Take one element off @in; its content into @content.  Its tag, or -1. */
static int der_take(struct der *in, struct der *content)
{
	size_t len, bytes, head = 2;
	int tag;

	if (in->left < 2)
		return -1;
	tag = in->at[0];
	len = in->at[1];
	if (len & 0x80) {
		bytes = len & 0x7f;
		if (!bytes || bytes > 4 || in->left - 2 < bytes)
			return -1;
		for (len = 0; head < 2 + bytes; head++)
			len = len << 8 | in->at[head];
	}
	if (len > in->left - head)
		return -1;
	content->at = in->at + head;
	content->left = len;
	in->at += head + len;
	in->left -= head + len;
	return tag;
}

static bool der_skip(struct der *in, int tag)
{
	struct der content;

	return der_take(in, &content) == tag;
}

static int digits(const uint8_t *at, int n)
{
	int value = 0;

	for (; n--; at++) {
		if (!isdigit(*at))
			return -1;
		value = value * 10 + *at - '0';
	}
	return value;
}

/* RFC 5280 section 4.1.2.5: always with seconds, always UTC. */
static int64_t der_time(int tag, const struct der *text)
{
	size_t year = tag == DER_GENERAL_TIME ? 4 : 2;
	struct tm tm = { 0 };
	const uint8_t *at = text->at + year;

	if ((tag != DER_UTC_TIME && tag != DER_GENERAL_TIME) ||
	    text->left != year + 11 || at[10] != 'Z' || digits(text->at, year) < 0 ||
	    digits(at, 5) < 0 || digits(at + 5, 5) < 0)
		return -1;
	tm.tm_year = digits(text->at, year);
	if (year == 4)
		tm.tm_year -= 1900;
	else if (tm.tm_year < 50)
		tm.tm_year += 100;
	tm.tm_mon = digits(at, 2) - 1;
	tm.tm_mday = digits(at + 2, 2);
	tm.tm_hour = digits(at + 4, 2);
	tm.tm_min = digits(at + 6, 2);
	tm.tm_sec = digits(at + 8, 2);
	return timegm(&tm);
}

int64_t x509_not_after(const uint8_t *der, size_t len)
{
	struct der in = { der, len }, cert, tbs, validity, text, from;
	int tag;

	if (der_take(&in, &cert) != DER_SEQUENCE || in.left ||
	    der_take(&cert, &tbs) != DER_SEQUENCE)
		return -1;
	if (tbs.left && tbs.at[0] == DER_VERSION && !der_skip(&tbs, DER_VERSION))
		return -1;
	/* serial number, signature algorithm, issuer */
	if (!der_skip(&tbs, DER_INTEGER) || !der_skip(&tbs, DER_SEQUENCE) ||
	    !der_skip(&tbs, DER_SEQUENCE) ||
	    der_take(&tbs, &validity) != DER_SEQUENCE ||
	    der_take(&validity, &from) < 0)
		return -1;
	tag = der_take(&validity, &text);
	return tag < 0 ? -1 : der_time(tag, &text);
}

/* ---- PEM ---- */

static int base64_value(int c)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(set, c) : NULL;

	return p ? (int)(p - set) : -1;
}

/* Up to @end; the number of bytes, or -1. */
static long base64_decode(const char *at, const char *end, uint8_t *out)
{
	uint32_t bits = 0;
	unsigned int have = 0;
	long n = 0;

	for (; at < end && *at != '='; at++) {
		if (isspace((unsigned char)*at))
			continue;
		if (base64_value(*at) < 0)
			return -1;
		bits = bits << 6 | base64_value(*at);
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = bits >> have;
		}
	}
	return n;
}

static const char *find(const char *at, const char *end, const char *what)
{
	return memmem(at, end - at, what, strlen(what));
}

/* The text between the lines of the next block whose label ends with @want. */
static const char *pem_block(const char *at, const char *end, const char *want,
			     const char **body_end, bool *locked)
{
	const char *begin = at, *label_end;

	while ((begin = find(begin, end, "-----BEGIN "))) {
		begin += strlen("-----BEGIN ");
		label_end = find(begin, end, "-----");
		if (!label_end)
			return NULL;
		*locked = find(begin, label_end, "ENCRYPTED");
		if ((size_t)(label_end - begin) < strlen(want) ||
		    memcmp(label_end - strlen(want), want, strlen(want)))
			continue;
		begin = label_end + strlen("-----");
		*body_end = find(begin, end, "-----END ");
		if (!*body_end)
			return NULL;
		*locked |= !!find(begin, *body_end, "Proc-Type:");
		return begin;
	}
	return NULL;
}

long pem_decode(const char *text, size_t len, const char *want, uint8_t *out,
		bool *more, char *why)
{
	const char *end = text + len, *body, *body_end, *next_end;
	bool locked, next_locked;
	long n;

	if (more)
		*more = false;
	if (len && (uint8_t)text[0] == DER_SEQUENCE) {
		memcpy(out, text, len);
		return len;
	}
	body = pem_block(text, end, want, &body_end, &locked);
	if (!body)
		return complain(why, "there is no %s in it, neither PEM nor DER", want);
	if (locked)
		return complain(why, "the key is encrypted, and nobody is there to type its passphrase when a connection is made anew: decrypt it, in a file that only root can read");
	n = base64_decode(body, body_end, out);
	if (n <= 0)
		return complain(why, "the %s in it is not proper PEM", want);
	if (more)
		*more = pem_block(body_end, end, want, &next_end, &next_locked);
	return n;
}
