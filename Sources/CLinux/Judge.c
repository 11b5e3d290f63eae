#define _GNU_SOURCE
#include "Judge.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FCHMODAT2 = 452, MOST_PATH = 4096, PIDFD_OF_THREAD = O_EXCL };

// The caller of a call that waits.
struct caller {
    int listener;
    uint64_t id;
    int thread;
};

// False where the caller has ended: its number may be another's by now.
static int is_there(const struct caller *caller) {
    return !ioctl(caller->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &caller->id);
}

// Copies from the caller's memory: how many bytes could be, -1 for none.
static ssize_t copy(const struct caller *caller, uint64_t place, void *to, size_t size) {
    struct iovec ours = {to, size}, theirs = {(void *)(uintptr_t)place, size};
    ssize_t count = process_vm_readv(caller->thread, &ours, 1, &theirs, 1, 0);
    return is_there(caller) ? count : -1;
}

// A string of the caller's, page by page since the next one may not be there: 0 or an errno.
static int copy_string(const struct caller *caller, uint64_t place, char text[MOST_PATH]) {
    size_t count = 0;
    while (count < MOST_PATH) {
        size_t piece = 4096 - (place + count) % 4096;
        if (piece > MOST_PATH - count) piece = MOST_PATH - count;
        ssize_t got = copy(caller, place + count, text + count, piece);
        if (got <= 0) return EFAULT;
        if (memchr(text + count, 0, (size_t)got)) return 0;
        count += (size_t)got;
    }
    return ENAMETOOLONG;
}

// The process of a thread. Kernels before 6.9 open processes alone, and tell only whether a guess is right.
static int open_process(const struct caller *caller) {
    int process = (int)syscall(SYS_pidfd_open, caller->thread, 0);
    if (process < 0) process = (int)syscall(SYS_pidfd_open, caller->thread, PIDFD_OF_THREAD);
    for (int guess = caller->thread - 1; process < 0 && guess > 0 && caller->thread - guess < 65536; guess--)
        if (!syscall(SYS_tgkill, guess, caller->thread, 0)) process = (int)syscall(SYS_pidfd_open, guess, 0);
    if (process >= 0 && !is_there(caller)) {
        close(process);
        return -1;
    }
    return process;
}

// Our own descriptor of what the caller has open as `number`; -1 with errno set.
static int take(const struct caller *caller, int number) {
    int process = open_process(caller);
    if (process < 0) return -1;
    int file = (int)syscall(SYS_pidfd_getfd, process, number, 0);
    int saved = errno;
    close(process);
    errno = saved;
    return file;
}

// True where /proc shows processes by the numbers that we know them by.
static int proc_is_ours(void) {
    char text[24] = {0};
    return readlink("/proc/self", text, sizeof text - 1) > 0 && atoi(text) == getpid();
}

static int working_directory(const struct caller *caller) {
    if (!proc_is_ours()) return -1;
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/cwd", caller->thread);
    int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0 && !is_there(caller)) {
        close(directory);
        return -1;
    }
    return directory;
}

// The number in a name of one of the caller's own descriptors, as C libraries have them for want of better calls; -1 for
// any other name. In our own eyes it would be one of ours.
static int own_descriptor(const char *path) {
    static const char *const folders[] = {"/proc/self/fd/", "/proc/thread-self/fd/", "/dev/fd/"};
    for (size_t index = 0; index < sizeof folders / sizeof *folders; index++) {
        size_t count = strlen(folders[index]);
        if (strncmp(path, folders[index], count) || !path[count] || strlen(path + count) > 9) continue;
        if (strspn(path + count, "0123456789") == strlen(path + count)) return atoi(path + count);
    }
    return -1;
}

// What the caller means by `path` seen from `directory`; -1 with errno set.
static int find(const struct caller *caller, int directory, uint64_t place, int follows, int may_be_empty) {
    char path[MOST_PATH];
    int error = copy_string(caller, place, path);
    if (error) return errno = error, -1;
    if (!*path) return may_be_empty && directory != AT_FDCWD ? take(caller, directory) : (errno = ENOENT, -1);
    int own = follows ? own_descriptor(path) : -1;
    if (own >= 0) return take(caller, own);
    int base = AT_FDCWD;
    if (*path != '/') {
        base = directory == AT_FDCWD ? working_directory(caller) : take(caller, directory);
        if (base < 0) return errno = EPERM, -1;
    }
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | (follows ? 0 : O_NOFOLLOW), .resolve = RESOLVE_NO_MAGICLINKS};
    int file = (int)syscall(SYS_openat2, base, path, &how, sizeof how);
    // systemd's RestrictSUIDSGID= takes that call away, whose mode it cannot see. Wherever a name of ours would lead, what
    // is changed lies where the caller may change it.
    if (file < 0 && errno == ENOSYS) file = openat(base, path, (int)how.flags);
    int saved = errno;
    if (base >= 0) close(base);
    errno = saved;
    return file;
}

// True where the file lies in one of the places, by the kernel's word.
static int is_inside(int file, const linux_shell_plan *plan) {
    char link[48], path[MOST_PATH];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    for (const char *const *place = plan->places; *place; place++) {
        size_t count = strlen(*place);
        if (!strncmp(path, *place, count) && (path[count] == '/' || !path[count])) return 1;
    }
    return 0;
}

static int set_mode(int file, uint64_t mode) {
    // Whoever runs such a file becomes its owner.
    if (mode & (S_ISUID | S_ISGID)) return EPERM;
    char link[48];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    struct stat status;
    if (fstat(file, &status)) return errno;
    // By such a name a link would be followed.
    if (S_ISLNK(status.st_mode)) return EOPNOTSUPP;
    return chmod(link, (mode_t)mode) ? errno : 0;
}

static int set_owner(int file, uint64_t user, uint64_t group) {
    return fchownat(file, "", (uid_t)user, (gid_t)group, AT_EMPTY_PATH) ? errno : 0;
}

static int set_times(const struct caller *caller, int file, uint64_t place) {
    struct timespec times[2];
    if (place && copy(caller, place, times, sizeof times) != sizeof times) return EFAULT;
    if (!syscall(SYS_utimensat, file, "", place ? times : 0, AT_EMPTY_PATH)) return 0;
    // Kernels before 5.8.
    char link[48];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    return errno == EINVAL ? (utimensat(AT_FDCWD, link, place ? times : 0, 0) ? errno : 0) : errno;
}

static int change(const struct caller *caller, const struct seccomp_data *call, int file) {
    const __u64 *arguments = call->args;
    switch (call->nr) {
    case SYS_fchmod: return set_mode(file, arguments[1]);
    case SYS_fchmodat: case FCHMODAT2: return set_mode(file, arguments[2]);
    case SYS_fchown: return set_owner(file, arguments[1], arguments[2]);
    case SYS_fchownat: return set_owner(file, arguments[2], arguments[3]);
    case SYS_utimensat: return set_times(caller, file, arguments[2]);
#ifdef __x86_64__
    case SYS_chmod: return set_mode(file, arguments[1]);
    case SYS_chown: case SYS_lchown: return set_owner(file, arguments[1], arguments[2]);
#endif
    default: return ENOSYS;
    }
}

// The file that a call is about; -1 with errno set.
static int subject(const struct caller *caller, const struct seccomp_data *call) {
    const __u64 *arguments = call->args;
    const int directory = (int)arguments[0];
    switch (call->nr) {
    case SYS_fchmod: case SYS_fchown: return take(caller, directory);
    case SYS_fchmodat: return find(caller, directory, arguments[1], 1, 0);
    case FCHMODAT2: return find(caller, directory, arguments[1], !(arguments[3] & AT_SYMLINK_NOFOLLOW), !!(arguments[3] & AT_EMPTY_PATH));
    case SYS_fchownat: return find(caller, directory, arguments[1], !(arguments[4] & AT_SYMLINK_NOFOLLOW), !!(arguments[4] & AT_EMPTY_PATH));
    case SYS_utimensat:
        if (!arguments[1]) return take(caller, directory);
        return find(caller, directory, arguments[1], !(arguments[3] & AT_SYMLINK_NOFOLLOW), !!(arguments[3] & AT_EMPTY_PATH));
#ifdef __x86_64__
    case SYS_chmod: case SYS_chown: return find(caller, AT_FDCWD, arguments[0], 1, 0);
    case SYS_lchown: return find(caller, AT_FDCWD, arguments[0], 0, 0);
#endif
    default: return errno = ENOSYS, -1;
    }
}

static int judge_change(const struct caller *caller, const struct seccomp_data *call, const linux_shell_plan *plan) {
    int file = subject(caller, call);
    if (file < 0) return errno;
    int error = is_inside(file, plan) ? change(caller, call, file) : EPERM;
    close(file);
    return error;
}

// One address alone, and connected to what was looked at.
static int judge_connection(const struct caller *caller, const struct seccomp_data *call, const linux_shell_plan *plan) {
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    if (call->args[2] < sizeof address || call->args[2] > sizeof(struct sockaddr_storage)) return EACCES;
    if (copy(caller, call->args[1], &address, sizeof address) != sizeof address) return EFAULT;
    if (!plan->port || address.sin_family != AF_INET || address.sin_addr.s_addr != htonl(INADDR_LOOPBACK)
        || address.sin_port != htons(plan->port))
        return EACCES;
    int file = take(caller, (int)call->args[0]);
    if (file < 0) return errno;
    int error = connect(file, (struct sockaddr *)&address, sizeof address) ? errno : 0;
    close(file);
    return error;
}

// Disks fill at once by it, before anybody could count. Programs then write what they want to have, as far as they may.
static int judge_room(const struct seccomp_data *call, const linux_shell_plan *plan) {
    const linux_limit *limit = plan->walls->limits;
    for (size_t index = 0; index < plan->walls->limit_count; index++)
        if (limit[index].resource == RLIMIT_FSIZE && call->args[2] + call->args[3] > limit[index].most) return EFBIG;
    return EOPNOTSUPP;
}

// A socket, where there are none; those of this machine the C library asks for by itself.
static enum linux_refusal refused_socket(const struct seccomp_data *call) {
    return call->args[0] == AF_UNIX || call->args[0] == AF_NETLINK ? LINUX_REFUSALS : LINUX_REFUSED_NETWORK;
}

void linux_judge(int listener, const linux_shell_plan *plan, struct linux_refused *refused) {
    struct seccomp_notif call;
    memset(&call, 0, sizeof call);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call)) return;
    const struct caller caller = {listener, call.id, (int)call.pid};
    enum linux_refusal kind = LINUX_REFUSALS;
    int error = EPERM;
    if (call.data.nr == SYS_socket) {
        kind = refused_socket(&call.data);
    } else if (call.data.nr == SYS_connect) {
        error = judge_connection(&caller, &call.data, plan);
        // What else goes wrong with a connection is no refusal of ours.
        if (error == EACCES) kind = LINUX_REFUSED_CONNECTION;
    } else if (call.data.nr == SYS_fallocate) {
        error = judge_room(&call.data, plan);
        if (error == EFBIG) kind = LINUX_REFUSED_SIZE;
    } else {
        error = judge_change(&caller, &call.data, plan);
        if (error == EPERM) kind = LINUX_REFUSED_CHANGE;
    }
    if (kind < LINUX_REFUSALS) refused->times[kind]++;
    struct seccomp_notif_resp answer = {.id = call.id, .error = -error};
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}
