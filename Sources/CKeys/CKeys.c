// In C for the sake of `hidden`: Swift has nothing to keep its optimizer from making a branch of a mask. It made one,
// by which the time of a look-up told the place of the key. `test_key_lookup.py` tries the object file of this one.

#include "CKeys.h"

#include <string.h>

enum { words = 4 };

// The same value, of which the optimizer knows nothing any more: neither where it comes from nor that it is a mask.
static inline uint64_t hidden(uint64_t value) {
    __asm__ volatile("" : "+r"(value));
    return value;
}

size_t portcullis_key_place(const uint8_t *digest, const uint8_t *digests, size_t count) {
    uint64_t place = 0;
    for (size_t index = 0; index < count; index++) {
        uint64_t difference = 0;
        for (size_t word = 0; word < words; word++) {
            uint64_t left, right;
            memcpy(&left, digest + word * sizeof left, sizeof left);
            memcpy(&right, digests + (index * words + word) * sizeof right, sizeof right);
            // Hidden, or the rest could be left out after the first word that differs.
            difference = hidden(difference | (left ^ right));
        }
        // The top bit of `x | -x` is that of any x but 0; one less is all ones for the same digest, and nothing else.
        uint64_t isSame = hidden((hidden(difference | (0 - difference)) >> 63) - 1);
        place |= (index + 1) & isSame;
    }
    return (size_t)hidden(place);
}
