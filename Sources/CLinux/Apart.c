#define _GNU_SOURCE
#include "Apart.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static int write_file(const char *path, const char *text, size_t length) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return errno;
    int error = write(file, text, length) == (ssize_t)length ? 0 : errno;
    close(file);
    return error;
}

// The digits of a number, without what is not async-signal-safe.
static size_t digits(char *place, uint64_t number) {
    char reversed[24];
    size_t count = 0;
    do reversed[count++] = (char)('0' + number % 10);
    while (number /= 10);
    for (size_t index = 0; index < count; index++) place[index] = reversed[count - 1 - index];
    return count;
}

// One id, which stays what it is: files that are made inside belong to the same user outside.
static int map_id(const char *path, unsigned id) {
    char line[64];
    size_t length = digits(line, id);
    line[length++] = ' ';
    length += digits(line + length, id);
    memcpy(line + length, " 1", 2);
    return write_file(path, line, length + 2);
}

// The kernel counts processes by user, in each namespace anew, but root's never; those of a namespace of processes it
// counts since 6.14, beyond the first 300 numbers.
static int bound_tasks(unsigned user, uint64_t most) {
    if (user) {
        struct rlimit limit;
        if (getrlimit(RLIMIT_NPROC, &limit)) return errno;
        if (limit.rlim_max > most) limit.rlim_max = most;
        limit.rlim_cur = limit.rlim_max;
        return setrlimit(RLIMIT_NPROC, &limit) ? errno : 0;
    }
    char line[24];
    enum { RESERVED = 300 };
    return write_file("/proc/sys/kernel/pid_max", line, digits(line, most + RESERVED < RESERVED + 1 ? RESERVED + 1 : most + RESERVED));
}

int linux_settle_apart(unsigned user, unsigned group, uint64_t most_tasks, linux_apart_kernel *found) {
    // Files in /proc of a process that must not be dumped are root's. This is our own copy of the memory.
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)) return errno;
    int error = write_file("/proc/self/setgroups", "deny", 4);
    if (!error) error = map_id("/proc/self/uid_map", user);
    if (!error) error = map_id("/proc/self/gid_map", group);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) return errno;
    if (error) return error;
    found->is_apart = 1;
    found->has_own_proc = !mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0);
    if (most_tasks) {
        error = bound_tasks(user, most_tasks);
        found->bounds_tasks = !error;
    }
    return error;
}
