#pragma once
// Namespaces of a child: it is the first process of its own, all that it starts ends with it, and it sees no other.
#include <stdint.h>

// What a child finds that tries to be apart.
typedef struct {
    int is_apart;      // the namespaces
    int has_own_proc;  // /proc shows its own processes alone
    int bounds_tasks;  // how many tasks there are has a bound
} linux_apart_kernel;

// Tries it in a child of its own, which ends at once.
linux_apart_kernel linux_probe_apart(void);

// Makes the namespaces that the calling process was cloned into its own, with at most so many tasks: 0 or an errno.
// `user` and `group` are its ids outside, and stay the same inside. Async-signal-safe.
int linux_settle_apart(unsigned user, unsigned group, uint64_t most_tasks, linux_apart_kernel *found);
