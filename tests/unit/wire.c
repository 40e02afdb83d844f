// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wire.h"

#define WIRE_MAX	8192
#define WIRE_DEPTH	8

struct out {
	u8 data[WIRE_MAX];
	size_t len;
};

static void die(const char *why, const char *at)
{
	fprintf(stderr, "wire: %s at \"%.40s\"\n", why, at);
	abort();
}

static void put(struct out *o, const void *data, size_t len)
{
	if (o->len + len > sizeof(o->data))
		die("too long", "");
	memcpy(o->data + o->len, data, len);
	o->len += len;
}

static void put_u32(struct out *o, u32 v)
{
	u8 b[4] = { (u8)(v >> 24), (u8)(v >> 16), (u8)(v >> 8), (u8)v };

	put(o, b, 4);
}

static void put_pad(struct out *o)
{
	while (o->len % 4)
		put(o, "", 1);
}

static u64 number(const char *p, const char **end)
{
	u64 v = strtoull(p, (char **)end, 0);

	if (*end == p)
		die("no number", p);
	return v;
}

static const char *put_hex(struct out *o, const char *p, bool counted)
{
	u8 buf[2048];
	size_t n = 0;

	while (isxdigit((unsigned char)p[0])) {
		char two[3] = { p[0], p[1], 0 };

		if (!isxdigit((unsigned char)p[1]) || n == sizeof(buf))
			die("bad hex", p);
		buf[n++] = (u8)strtoul(two, NULL, 16);
		p += 2;
	}
	if (counted)
		put_u32(o, (u32)n);
	put(o, buf, n);
	put_pad(o);
	return p;
}

static const char *put_string(struct out *o, const char *p)
{
	const char *end = strchr(p, '\'');

	if (!end)
		die("open string", p);
	put_u32(o, (u32)(end - p));
	put(o, p, (size_t)(end - p));
	put_pad(o);
	return end + 1;
}

static void close_list(struct out *o, size_t start)
{
	u32 n = (u32)(o->len - start);
	u8 b[4] = { (u8)(n >> 24), (u8)(n >> 16), (u8)(n >> 8), (u8)n };

	memcpy(o->data + start - 4, b, 4);
	put_pad(o);
}

u8 *wire(const char *p, size_t *len)
{
	static struct out o;
	size_t open[WIRE_DEPTH];
	unsigned int depth = 0;
	u64 v;

	o.len = 0;
	while (*p) {
		if (isspace((unsigned char)*p)) {
			p++;
		} else if (*p == 'x' || *p == 'o') {
			p = put_hex(&o, p + 1, *p == 'o');
		} else if (*p == '\'') {
			p = put_string(&o, p + 1);
		} else if (*p == '[') {
			if (depth == WIRE_DEPTH)
				die("too deep", p);
			put_u32(&o, 0);
			open[depth++] = o.len;
			p++;
		} else if (*p == ']') {
			if (!depth)
				die("nothing to close", p);
			close_list(&o, open[--depth]);
			p++;
		} else if (*p == 'q') {
			v = number(p + 1, &p);
			put_u32(&o, (u32)(v >> 32));
			put_u32(&o, (u32)v);
		} else {
			v = number(p, &p);
			if (v > 0xffffffff)
				die("not 32 bits", p);
			put_u32(&o, (u32)v);
		}
	}
	if (depth)
		die("open list", p);
	*len = o.len;
	return exact(o.data, o.len);
}

u8 *exact(const void *data, size_t len)
{
	u8 *p = malloc(len ? len : 1);

	if (!p)
		abort();
	memcpy(p, data, len);
	/* malloc(0) would do, but its result may be NULL */
	return len ? p : p + 1;
}
