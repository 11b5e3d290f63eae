#pragma once
// Finding a key's digest among those of all keys, in a time that tells nothing of either.
#include <stddef.h>
#include <stdint.h>

// The place, counted from 1, of the `digest` of 32 bytes among the `count` ones that follow each other in `digests`;
// 0 when it is not there. What is done, and which memory is read, depends on `count` alone.
size_t portcullis_key_place(const uint8_t *digest, const uint8_t *digests, size_t count);
