// SPDX-License-Identifier: GPL-2.0
/*
 * A server that sends anything: the first byte picks a decoder, the rest is
 * the message.  What is wrong with a decoder shows as a sanitizer's report, an
 * abort() of the checks in decoders.c, or a time-out.
 */
#include <stddef.h>
#include <stdint.h>
#include "../unit/decoders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t used;

	if (!size)
		return 0;
	decoder_run(&decoders[data[0] % nr_decoders], data + 1, size - 1, &used);
	return 0;
}
