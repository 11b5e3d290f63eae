#pragma once
// What a child may do, and how the kernel is told: Landlock for files, TCP ports and signals, seccomp for system calls,
// resource limits.
#include <stddef.h>
#include <stdint.h>

// What may be done with a file, or with all files beneath a directory.
enum { LINUX_MAY_READ = 1, LINUX_MAY_EXECUTE = 2, LINUX_MAY_WRITE = 4, LINUX_MAY_ADD = 8 };

// Whose system calls are filtered. A shell's are judged by whoever has its listener, where a file's mode, owner or times
// are to change, and where something is to be connected.
enum {
    LINUX_FILTER_PLAIN,            // a child that is given no shell
    LINUX_FILTER_AGENT,            // one that starts a shell, and judges its calls
    LINUX_FILTER_OFFLINE_SHELL,    // a shell and its programs: no sockets
    LINUX_FILTER_ONLINE_SHELL,     // the same with TCP
};

// Of a process's own entries of /proc.
enum { LINUX_READS_NOTHING, LINUX_READS_ALL, LINUX_READS_STATE };

// A path and what may be done there. One that does not exist grants nothing, unless it is needed.
typedef struct {
    const char *path;
    uint32_t rights;
    uint32_t is_needed;  // without it there is no child
} linux_grant;

// A resource (RLIMIT_*) and the most of it; a limit that is lower already stays.
typedef struct {
    int resource;
    uint64_t most;
} linux_limit;

// The walls of one child. Strings and arrays are borrowed for the call.
typedef struct {
    int landlock_abi;  // of the kernel; 0 builds none of what Landlock can
    const linux_grant *grants;
    size_t grant_count;
    int reads_itself;  // its own entries of /proc: LINUX_READS_…
    int bounds_ports;  // TCP: connect to `ports` alone, bind none
    const uint16_t *ports;
    size_t port_count;
    int filters_calls;  // seccomp
    int filter;         // LINUX_FILTER_…
    int may_serve;      // listen, and System V or POSIX objects that others can open
    int may_send;       // datagrams, to any address
    const linux_limit *limits;
    size_t limit_count;
    int oom_score;  // /proc/PID/oom_score_adj, unless it is higher already
} linux_walls;

// What this kernel, as far as it lets this process, can build.
typedef struct {
    int landlock_abi;  // 0: no Landlock
    int filters_calls;
} linux_wall_kernel;

// Tries it in a child of its own, which ends at once.
linux_wall_kernel linux_probe_walls(void);

// A Landlock ruleset of `walls`; -1 with errno set on failure, -2 where Landlock is not asked for.
int linux_make_ruleset(const linux_walls *walls);

// Puts the walls round the calling thread, which must have no new privileges: 0 or an errno. Async-signal-safe.
// `listener` becomes that of a shell's filter.
int linux_enter_walls(const linux_walls *walls, int ruleset, int *listener);

// A ruleset that keeps signals from all outside; -1 where the kernel has none.
int linux_make_signal_ruleset(int landlock_abi);

// Has the kernel end the child `pid` before others where memory is short.
void linux_set_oom_score(int pid, int score);
