#define _GNU_SOURCE
#include "Walls.h"

#include "Filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// The kernel's interface, by its numbers: headers of a build machine may be older than the kernel the program runs on.
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum { QUERY_VERSION = 1, RULE_PATH = 1, RULE_PORT = 2 };

enum {
    EXECUTE = 1 << 0, WRITE_FILE = 1 << 1, READ_FILE = 1 << 2, READ_DIR = 1 << 3,
    REMOVE_DIR = 1 << 4, REMOVE_FILE = 1 << 5, MAKE_CHAR = 1 << 6, MAKE_DIR = 1 << 7, MAKE_REG = 1 << 8,
    MAKE_SOCK = 1 << 9, MAKE_FIFO = 1 << 10, MAKE_BLOCK = 1 << 11, MAKE_SYM = 1 << 12,
    REFER = 1 << 13, TRUNCATE = 1 << 14, IOCTL_DEVICE = 1 << 15
};
enum { ANY_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE };
enum { BIND_TCP = 1, CONNECT_TCP = 2 };
enum { SCOPE_ABSTRACT_SOCKETS = 1, SCOPE_SIGNALS = 2 };

struct ruleset {
    uint64_t files, ports, scopes;
};

struct path_rule {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

struct port_rule {
    uint64_t allowed, port;
};

// All that a kernel of this ABI can refuse; what it does not know it would take for a mistake.
static uint64_t known_files(int abi) {
    uint64_t rights = (1 << 13) - 1;
    if (abi >= 2) rights |= REFER;
    if (abi >= 3) rights |= TRUNCATE;
    if (abi >= 5) rights |= IOCTL_DEVICE;
    return rights;
}

static uint64_t file_rights(uint32_t rights) {
    uint64_t allowed = 0;
    if (rights & LINUX_MAY_READ) allowed |= READ_FILE | READ_DIR;
    if (rights & LINUX_MAY_EXECUTE) allowed |= EXECUTE;
    // No devices are made, and nothing is asked of one.
    if (rights & LINUX_MAY_WRITE)
        allowed |= WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM | REFER
            | TRUNCATE;
    if (rights & LINUX_MAY_ADD) allowed |= WRITE_FILE | MAKE_REG | TRUNCATE;
    return allowed;
}

static int add_rule(int ruleset, int type, const void *rule) {
    return (int)syscall(SYS_landlock_add_rule, ruleset, type, rule, 0);
}

static int create_ruleset(const linux_walls *walls) {
    struct ruleset attributes = {.files = known_files(walls->landlock_abi)};
    if (walls->landlock_abi >= 4 && walls->bounds_ports) attributes.ports = BIND_TCP | CONNECT_TCP;
    if (walls->landlock_abi >= 6) attributes.scopes = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS;
    size_t size = walls->landlock_abi >= 6 ? 24 : walls->landlock_abi >= 4 ? 16 : 8;
    return (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
}

static int add_path(int ruleset, const char *path, uint32_t rights, int abi) {
    int file = open(path, O_PATH | O_CLOEXEC);
    if (file < 0) return -1;
    struct stat status;
    int result = fstat(file, &status);
    if (!result) {
        struct path_rule rule = {file_rights(rights) & known_files(abi), file};
        if (!S_ISDIR(status.st_mode)) rule.allowed &= ANY_FILE;
        if (rule.allowed) result = add_rule(ruleset, RULE_PATH, &rule);
    }
    int saved = errno;
    close(file);
    errno = saved;
    return result;
}

static int fill_ruleset(int ruleset, const linux_walls *walls) {
    for (size_t index = 0; index < walls->grant_count; index++) {
        const linux_grant *grant = &walls->grants[index];
        if (add_path(ruleset, grant->path, grant->rights, walls->landlock_abi) && grant->is_needed) return -1;
    }
    if (walls->landlock_abi < 4 || !walls->bounds_ports) return 0;
    for (size_t index = 0; index < walls->port_count; index++) {
        struct port_rule rule = {CONNECT_TCP, walls->ports[index]};
        if (add_rule(ruleset, RULE_PORT, &rule)) return -1;
    }
    return 0;
}

int linux_make_ruleset(const linux_walls *walls) {
    if (walls->landlock_abi <= 0) return -2;
    int ruleset = create_ruleset(walls);
    if (ruleset < 0) return -1;
    if (!fill_ruleset(ruleset, walls)) return ruleset;
    int saved = errno;
    close(ruleset);
    errno = saved;
    return -1;
}

int linux_make_signal_ruleset(int landlock_abi) {
    if (landlock_abi < 6) return -1;
    struct ruleset attributes = {.scopes = SCOPE_SIGNALS};
    return (int)syscall(SYS_landlock_create_ruleset, &attributes, 24, 0);
}

// Of root's rights a child keeps those over files, which Landlock bounds: the login may be another user's.
static void drop_capabilities(void) {
    enum { CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, LAST = 63 };
    // Who has no right to drop any has none.
    for (int capability = FOWNER + 1; capability <= LAST; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) && errno == EPERM) break;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2] = {{0}};
    if (syscall(SYS_capget, &header, sets)) return;
    // Those in force end with exec; these would outlive it.
    sets[0].inheritable = sets[1].inheritable = 0;
    syscall(SYS_capset, &header, sets);
}

// What of /proc a process needs of itself; of its environment, memory and threads nothing.
static void add_itself(int ruleset, int reads_itself, int abi) {
    static const char *const parts[] = {
        "/proc/self/auxv", "/proc/self/cgroup", "/proc/self/limits", "/proc/self/maps", "/proc/self/mountinfo", "/proc/self/mounts",
        "/proc/self/smaps", "/proc/self/smaps_rollup", "/proc/self/stat", "/proc/self/statm", "/proc/self/status",
    };
    if (reads_itself == LINUX_READS_ALL) add_path(ruleset, "/proc/self", LINUX_MAY_READ, abi);
    if (reads_itself != LINUX_READS_STATE) return;
    for (size_t index = 0; index < sizeof parts / sizeof *parts; index++) add_path(ruleset, parts[index], LINUX_MAY_READ, abi);
}

int linux_enter_walls(const linux_walls *walls, int ruleset, int *listener) {
    drop_capabilities();
    for (size_t index = 0; index < walls->limit_count; index++) {
        const linux_limit *wanted = &walls->limits[index];
        struct rlimit limit;
        if (getrlimit(wanted->resource, &limit)) return errno;
        if (limit.rlim_max > wanted->most) limit.rlim_max = wanted->most;
        if (limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
        if (setrlimit(wanted->resource, &limit)) return errno;
    }
    if (ruleset >= 0) {
        // Which entries are its own is known only here. The descriptor is this child's copy, the ruleset its alone.
        add_itself(ruleset, walls->reads_itself, walls->landlock_abi);
        if (syscall(SYS_landlock_restrict_self, ruleset, 0)) return errno;
    }
    return walls->filters_calls ? linux_enter_filter(walls, listener) : 0;
}

void linux_set_oom_score(int pid, int score) {
    char text[32];
    snprintf(text, sizeof text, "/proc/%d/oom_score_adj", pid);
    int file = -1;
    // The kernel lets us go on in the middle of exec, when for a moment the child is nobody's to write, or even to see. On
    // a busy machine it may have to wait there for a processor.
    for (int attempt = 0; attempt < 70; attempt++) {
        file = open(text, O_WRONLY | O_CLOEXEC);
        if (file >= 0 || (errno != EACCES && errno != ENOENT)) break;
        nanosleep(&(struct timespec){0, attempt < 40 ? 50000 : 1000000}, 0);
    }
    if (file < 0) return;
    int length = snprintf(text, sizeof text, "%d", score);
    // A score that is higher already may not be lowered, and need not be.
    if (write(file, text, (size_t)length) < 0) errno = 0;
    close(file);
}

int linux_landlock_version(void) {
    long version = syscall(SYS_landlock_create_ruleset, 0, 0, QUERY_VERSION);
    return version < 0 ? 0 : (int)version;
}
