// Calls the look-up of a key on inputs of several classes, to be watched by valgrind: see test_key_lookup.py.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CKeys.h"

enum { keys = 16, bytes = 32 };
typedef size_t lookup(const uint8_t *, const uint8_t *, size_t);

// The mistake that a look-up must not make, without which its silence under valgrind would prove nothing.
__attribute__((noinline)) size_t stops_early(const uint8_t *digest, const uint8_t *digests, size_t count) {
    for (size_t index = 0; index < count; index++) {
        size_t byte = 0;
        while (byte < bytes && digest[byte] == digests[index * bytes + byte]) byte++;
        if (byte == bytes) return index + 1;
    }
    return 0;
}

// Memory fresh from the allocator: for valgrind nothing in it is known, so it stands for all digests at once.
static int with_unknown_digests(lookup *subject) {
    uint8_t *digest = malloc(bytes), *digests = malloc(keys * bytes);
    if (!digest || !digests) return 1;
    volatile size_t place = subject(digest, digests, keys);
    (void)place;
    free(digest);
    free(digests);
    return 0;
}

static int call(lookup *subject, const char *class, int number, const uint8_t *digest, const uint8_t *digests,
                size_t expected) {
    // All inputs lie at one address, as they do at whoever asks again and again.
    static uint8_t presented[bytes];
    memcpy(presented, digest, bytes);
    if (subject(presented, digests, keys) != expected) return 1;
    printf("%s %d\n", class, number);
    return 0;
}

// Prints the class of each input in the order of the calls.
static int with_known_digests(lookup *subject) {
    uint8_t digests[keys * bytes], near[bytes];
    int faults = 0;
    srand(1);
    for (size_t byte = 0; byte < sizeof digests; byte++) digests[byte] = (uint8_t)(rand() >> 8);
    for (int key = 0; key < keys; key++) {
        faults += call(subject, "key", key, digests + key * bytes, digests, (size_t)key + 1);
    }
    for (int key = 0; key < keys; key += keys - 1) {
        for (int byte = 0; byte < bytes; byte++) {
            memcpy(near, digests + key * bytes, bytes);
            near[byte] ^= 1;
            faults += call(subject, "near", key * bytes + byte, near, digests, 0);
        }
    }
    for (int other = 0; other < 8; other++) {
        for (int byte = 0; byte < bytes; byte++) near[byte] = (uint8_t)(rand() >> 8);
        faults += call(subject, "other", other, near, digests, 0);
    }
    return faults != 0;
}

int main(int count, char **arguments) {
    if (count != 3) return 64;
    lookup *subject = strcmp(arguments[2], "control") == 0 ? stops_early : portcullis_key_place;
    return strcmp(arguments[1], "unknown") == 0 ? with_unknown_digests(subject) : with_known_digests(subject);
}
