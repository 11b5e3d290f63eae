// Stands in for the CLI and tries what it is told to: lines `NAME KIND ARGUMENT` in the file `go` of its home, to which it
// answers `NAME allowed` or `NAME denied ERRNO` in the file `results`.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

// A try is 0, or what it failed with.
static int result(long value) { return value < 0 ? errno : 0; }

static int closing(int file) {
    int error = result(file);
    if (file >= 0) close(file);
    return error;
}

static int reads(const char *path) {
    char byte;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return errno;
    int error = result(read(file, &byte, 1));
    close(file);
    return error;
}

static int lists(const char *path) {
    DIR *directory = opendir(path);
    if (!directory) return errno;
    closedir(directory);
    return 0;
}

static int writes(const char *path) {
    int error = closing(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!error) unlink(path);
    return error;
}

// In a process of its own, since some tries change or end the one that makes them.
static int apart(int (*try)(const char *), const char *argument) {
    pid_t child = fork();
    if (child < 0) return errno;
    if (!child) _exit(try(argument));
    int status;
    if (waitpid(child, &status, 0) < 0) return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int runs(const char *path) {
    char *arguments[] = {(char *)path, "-c", "exit 0", 0};
    execv(path, arguments);
    return errno;
}

static int traces(const char *pid) {
    int error = result(ptrace(PTRACE_SEIZE, atoi(pid), 0, 0));
    return error;
}

static int makes_namespaces(const char *flags) { return result(unshare((int)strtol(flags, 0, 0))); }

static int mounts(const char *path) {
    if (mount("none", path, "tmpfs", 0, "")) return errno;
    return result(umount(path));
}

static int clones(const char *flags) {
    return result(syscall(SYS_clone, strtol(flags, 0, 0) | SIGCHLD, 0, 0, 0, 0)) ?: 0;
}

static int unix_socket(const char *path, int type) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address;
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (*path == '@') {
        *address.sun_path = 0;
        length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    }
    int file = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (file < 0) return errno;
    int error = result(connect(file, (struct sockaddr *)&address, length));
    close(file);
    return error;
}

// A port of this machine, or ADDRESS:PORT. What no one answers for three seconds is EINPROGRESS.
static int internet(const char *place, int type, int serve) {
    char host[16] = "127.0.0.1";
    const char *port = strchr(place, ':') ? strchr(place, ':') + 1 : place;
    if (port != place) snprintf(host, sizeof host, "%.*s", (int)(port - place - 1), place);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) return EINVAL;
    int file = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (file < 0) return errno;
    setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_sec = 3}, sizeof(struct timeval));
    int error = serve ? result(bind(file, (struct sockaddr *)&address, sizeof address) ?: listen(file, 1))
                      : result(connect(file, (struct sockaddr *)&address, sizeof address));
    close(file);
    return error;
}

static int listens_unbound(void) {
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0) return errno;
    int error = result(listen(file, 1));
    close(file);
    return error;
}

static int remembers_pairs(int type) {
    int pair[2];
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair)) return errno;
    close(pair[0]), close(pair[1]);
    return 0;
}

static int reads_memory(const char *pid) {
    static char mine[8], theirs[8];
    struct iovec local = {mine, sizeof mine}, remote = {theirs, sizeof theirs};
    return result(process_vm_readv(atoi(pid), &local, 1, &remote, 1, 0));
}

static int takes_descriptor(const char *pid) {
    int process = (int)syscall(SYS_pidfd_open, atoi(pid), 0);
    if (process < 0) return errno;
    int error = closing((int)syscall(SYS_pidfd_getfd, process, 0, 0));
    close(process);
    return error;
}

static int limits(const char *pid) {
    struct rlimit old;
    return result(prlimit(atoi(pid), RLIMIT_CORE, 0, &old));
}

static int makes_ring(void) {
    char parameters[120] = {0};
    return closing((int)syscall(SYS_io_uring_setup, 1, parameters));
}

static int makes_map(void) {
    union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    return closing((int)syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes));
}

static int measures(void) {
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_SOFTWARE, .size = sizeof attributes, .config = PERF_COUNT_SW_CPU_CLOCK};
    return closing((int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

static int shares_memory(void) {
    int segment = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    if (segment < 0) return errno;
    shmctl(segment, IPC_RMID, 0);
    return 0;
}

static int cuts(const char *path) {
    int error = closing(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) ?: result(truncate(path, 0));
    unlink(path);
    return error;
}

// Data with the connection.
static int opens_fast(const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0) return errno;
    int error = result(sendto(file, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&address, sizeof address));
    close(file);
    return error;
}

// The class that processes have anyway, for all of the user.
static int orders_input(void) { return result(syscall(SYS_ioprio_set, 3, 0, 0)); }

static int schedules(const char *pid) {
    struct sched_param parameters = {0};
    return result(sched_setscheduler(atoi(pid), SCHED_OTHER, &parameters));
}

// A copy of this program that has no name, and says its version to nobody.
static int runs_nameless(const char *program) {
    char *arguments[] = {(char *)program, "--version", 0}, *environment[] = {0}, bytes[65536];
    int source = open(program, O_RDONLY | O_CLOEXEC), copy = memfd_create("nameless", MFD_CLOEXEC);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (source < 0 || copy < 0 || nowhere < 0 || dup2(nowhere, 1) < 0) return errno;
    ssize_t count;
    while ((count = read(source, bytes, sizeof bytes)) > 0)
        if (write(copy, bytes, (size_t)count) != count) return errno;
    syscall(SYS_execveat, copy, "", arguments, environment, AT_EMPTY_PATH);
    return errno;
}

static void *nothing(void *argument) { return argument; }

static int threads(void) {
    pthread_t thread;
    int error = pthread_create(&thread, 0, nothing, 0);
    return error ?: pthread_join(thread, 0);
}

static int attempt(const char *kind, const char *argument) {
    if (!strcmp(kind, "read")) return reads(argument);
    if (!strcmp(kind, "list")) return lists(argument);
    if (!strcmp(kind, "write")) return writes(argument);
    if (!strcmp(kind, "run")) return apart(runs, argument);
    if (!strcmp(kind, "trace")) return apart(traces, argument);
    if (!strcmp(kind, "unshare")) return apart(makes_namespaces, argument);
    if (!strcmp(kind, "clone")) return apart(clones, argument);
    if (!strcmp(kind, "mount")) return apart(mounts, argument);
    if (!strcmp(kind, "memory")) return reads_memory(argument);
    if (!strcmp(kind, "descriptor")) return takes_descriptor(argument);
    if (!strcmp(kind, "signal")) return result(kill(atoi(argument), 0));
    if (!strcmp(kind, "limits")) return limits(argument);
    if (!strcmp(kind, "priority")) return result(setpriority(PRIO_PROCESS, (id_t)atoi(argument), 1));
    if (!strcmp(kind, "stream")) return unix_socket(argument, SOCK_STREAM);
    if (!strcmp(kind, "datagram-pair")) return remembers_pairs(SOCK_DGRAM);
    if (!strcmp(kind, "stream-pair")) return remembers_pairs(SOCK_STREAM);
    if (!strcmp(kind, "tcp")) return internet(argument, SOCK_STREAM, 0);
    if (!strcmp(kind, "serve")) return internet(argument, SOCK_STREAM, 1);
    if (!strcmp(kind, "udp")) return internet(argument, SOCK_DGRAM, 0);
    if (!strcmp(kind, "listen")) return listens_unbound();
    if (!strcmp(kind, "netlink")) return closing(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!strcmp(kind, "packet")) return closing(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!strcmp(kind, "ring")) return makes_ring();
    if (!strcmp(kind, "bpf")) return makes_map();
    if (!strcmp(kind, "perf")) return measures();
    if (!strcmp(kind, "faults")) return closing((int)syscall(SYS_userfaultfd, 0));
    if (!strcmp(kind, "keys")) return result(syscall(SYS_keyctl, 0, -2, 1));
    if (!strcmp(kind, "shared-memory")) return shares_memory();
    if (!strcmp(kind, "threads")) return threads();
    if (!strcmp(kind, "truncate")) return cuts(argument);
    if (!strcmp(kind, "mode")) return result(chmod(argument, 0600));
    if (!strcmp(kind, "owner")) return result(lchown(argument, (uid_t)-1, getegid()));
    if (!strcmp(kind, "attribute")) return result(setxattr(argument, "user.probe", "x", 1, 0));
    if (!strcmp(kind, "fast-open")) return opens_fast(argument);
    if (!strcmp(kind, "mptcp")) return closing(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 262));
    if (!strcmp(kind, "io-priority")) return orders_input();
    if (!strcmp(kind, "schedule")) return schedules(argument);
    if (!strcmp(kind, "nameless")) return apart(runs_nameless, argument);
    return 254;
}

static void act(FILE *orders, FILE *answers) {
    char name[64], kind[32], argument[512], line[640];
    while (fgets(line, sizeof line, orders)) {
        *argument = 0;
        if (sscanf(line, "%63s %31s %511s", name, kind, argument) < 2) continue;
        int error = attempt(kind, argument);
        if (error)
            fprintf(answers, "%s denied %s\n", name, strerrorname_np(error) ?: "unknown");
        else
            fprintf(answers, "%s allowed\n", name);
    }
}

int main(int count, char **arguments) {
    for (int index = 1; index < count; index++)
        if (!strcmp(arguments[index], "--version")) return puts("2.1.300 (Claude Code)") < 0;
    const char *home = getenv("HOME");
    if (!home || chdir(home)) return 1;
    signal(SIGPIPE, SIG_IGN);
    FILE *ready = fopen("pid.new", "w");
    if (!ready) return 2;
    fprintf(ready, "%d", getpid());
    fclose(ready);
    if (rename("pid.new", "pid")) return 3;
    while (access("go", F_OK)) usleep(10000);
    FILE *orders = fopen("go", "r"), *answers = fopen("results.new", "w");
    if (!orders || !answers) return 4;
    act(orders, answers);
    fclose(answers);
    if (rename("results.new", "results")) return 5;
    while (pause()) {}
}
