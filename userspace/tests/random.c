// SPDX-License-Identifier: GPL-2.0
/*
 * Feeds fuzz.c with what people type, cut, doubled and garbled.  The seed is
 * fixed: a failure repeats.
 */
#include <string.h>

#include "check.h"
#include "helper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROUNDS = 60000 };

static const char *const pieces[] = {
	"node1", "node-2.example.org", "10.0.0.1", "10.0.0.10-10.0.0.25",
	"[fd00::1]", "[fd00::1]-[fd00::ff]", "[fe80::1%eth0]", ":/", ":", "/",
	",", "/export", "a b", "0.0.0.0-255.255.255.255", "[", "]", "-", "%",
	"255.255.255.250-255.255.255.255", "rsize=", "1M", "=", "\"", "vers=4.2",
	"soft", "timeout=5", "ro", "remount", "x-a", "_netdev", "port=2049",
	"4294967296", "nosuid", "context=\"a,b\"", "addr=10.0.0.1", "\377", " ",
	"retry=1", "nconnect=8", "unknwon",
};

static uint32_t next(void)
{
	static uint32_t state = 0x9e3779b9;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static size_t compose(uint8_t *input, size_t room)
{
	unsigned int n = next() % 9 + 1;
	size_t len = 0;

	input[len++] = next();
	while (n--) {
		const char *piece = pieces[next() % (sizeof(pieces) /
						     sizeof(pieces[0]))];

		if (len + strlen(piece) > room)
			break;
		memcpy(input + len, piece, strlen(piece));
		len += strlen(piece);
	}
	for (n = next() % 4; n && len > 1; n--)
		input[1 + next() % (len - 1)] = next() % 2 ? next() & 0xff :
						(uint8_t)",:/[]-=\"%"[next() % 9];
	return next() % 8 ? len : 1 + next() % len;
}

int main(void)
{
	uint8_t input[256];
	int i;

	for (i = 0; i < ROUNDS; i++) {
		size_t len = compose(input, sizeof(input));
		/* a copy of exact size, so that reading past it is seen */
		uint8_t *copy = malloc(len);

		CHECK(copy);
		memcpy(copy, input, len);
		LLVMFuzzerTestOneInput(copy, len);
		free(copy);
	}
	return 0;
}
