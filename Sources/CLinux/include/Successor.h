#pragma once
// Starting a process that is to take this one's place.

// As many descriptors as can be handed over.
enum { LINUX_MOST_HANDED = 512 };

// What a successor is to be. Strings and arrays are borrowed for the call.
typedef struct {
    const char *path;
    char *const *arguments;
    char *const *environment;
    char *own_id;  // a place in one of the strings of `environment`, 16 bytes, for the process's own id
    const int *descriptors;  // become 3, 4, …
    int descriptor_count;
} linux_successor_plan;

// Starts a process that is no child of this one: its parent is the one that looks after orphans, as a service manager
// does for its services. Its group, session, user and directory are ours, its signals as at a start. Returns its id,
// or the negative errno of what failed; then there is no such process.
int linux_start_successor(const linux_successor_plan *plan);

// A pair of connected sockets that do not block and close on exec; -1 with errno set on failure.
int linux_socket_pair(int pair[2]);
