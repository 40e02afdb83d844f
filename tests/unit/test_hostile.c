// SPDX-License-Identifier: GPL-2.0
/*
 * Every decoder against every golden message: whole, cut off at every byte,
 * and damaged at every byte.
 */
#include <linux/errno.h>
#include <stdlib.h>
#include <string.h>
#include "decoders.h"
#include "golden.h"
#include "test.h"
#include "wire.h"

static int run_copy(const struct golden *g, const u8 *data, size_t len, size_t *used)
{
	u8 *copy = exact(data, len);
	int st = decoder_run(decoder_find(g->decoder), copy, len, used);

	if (len)
		free(copy);
	return st;
}

TEST(golden_messages_read_as_said)
{
	unsigned int i;
	size_t len, used;

	for (i = 0; i < nr_goldens; i++) {
		const struct golden *g = &goldens[i];
		u8 *data = wire(g->wire, &len);
		int st = run_copy(g, data, len, &used);

		if (st != g->st)
			test_fail(__FILE__, __LINE__, "%s: %d, not %d", g->name,
				  st, g->st);
		if (st != -EREMOTEIO && used != len - g->tail)
			test_fail(__FILE__, __LINE__, "%s: %zu of %zu bytes used",
				  g->name, used, len - g->tail);
		free(data);
	}
}

TEST(golden_messages_cover_every_decoder)
{
	unsigned int i, j;

	for (i = 0; i < nr_decoders; i++) {
		for (j = 0; j < nr_goldens; j++)
			if (!strcmp(decoders[i].name, goldens[j].decoder) &&
			    goldens[j].st != -EREMOTEIO)
				break;
		if (j == nr_goldens)
			test_fail(__FILE__, __LINE__, "none for %s",
				  decoders[i].name);
	}
}

TEST(messages_cut_at_every_byte_are_refused)
{
	unsigned int i;
	size_t len, n, used;

	for (i = 0; i < nr_goldens; i++) {
		const struct golden *g = &goldens[i];
		u8 *data = wire(g->wire, &len);

		for (n = 0; n < len - g->tail; n++) {
			int st = run_copy(g, data, n, &used);

			if (st != -EREMOTEIO && (!n || n != g->lenient))
				test_fail(__FILE__, __LINE__,
					  "%s cut to %zu of %zu: %d", g->name,
					  n, len, st);
		}
		free(data);
	}
}

/* Only the sanitizers and the checks in decoder_run() judge here. */
TEST(messages_damaged_at_every_byte_do_no_harm)
{
	static const u8 damage[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	unsigned int i, j;
	size_t len, n, used;

	for (i = 0; i < nr_goldens; i++) {
		const struct golden *g = &goldens[i];
		u8 *data = wire(g->wire, &len);

		for (n = 0; n < len; n++) {
			u8 was = data[n];

			for (j = 0; j < sizeof(damage); j++) {
				data[n] = damage[j];
				run_copy(g, data, len, &used);
			}
			data[n] = was;
		}
		free(data);
	}
}

/* The words in which counts and lengths stand, as large as they get */
TEST(hostile_counts_and_lengths_do_no_harm)
{
	static const char * const values[] = {
		"0xffffffff", "0xfffffffe", "0xfffffffc", "0x80000000",
		"0x7fffffff", "0x7ffffffc", "0x40000000", "0x10001", "0x10000",
		"0x401", "0x400", "0x41", "0x40",
	};
	size_t len, n, used, vlen;
	unsigned int i, j;

	for (i = 0; i < nr_goldens; i++) {
		const struct golden *g = &goldens[i];
		u8 *data = wire(g->wire, &len);

		for (n = 0; n + 4 <= len; n += 4) {
			u8 was[4];

			memcpy(was, data + n, 4);
			for (j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
				u8 *v = wire(values[j], &vlen);

				memcpy(data + n, v, 4);
				free(v);
				run_copy(g, data, len, &used);
			}
			memcpy(data + n, was, 4);
		}
		free(data);
	}
}

/* One message's bytes for every decoder: none may trust the other's shape. */
TEST(messages_for_another_decoder_do_no_harm)
{
	unsigned int i, j;
	size_t len, used;

	for (i = 0; i < nr_goldens; i++) {
		u8 *data = wire(goldens[i].wire, &len);

		for (j = 0; j < nr_decoders; j++)
			decoder_run(&decoders[j], data, len, &used);
		free(data);
	}
}
