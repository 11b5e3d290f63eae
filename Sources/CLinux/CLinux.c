#define _GNU_SOURCE
#include "CLinux.h"

#include "Filter.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

int linux_accept(int listener, void *peer) {
    socklen_t length = sizeof(struct sockaddr_storage);
    return accept4(listener, peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int linux_stream_type(void) { return SOCK_STREAM; }

int linux_stream_socket(int family, int blocks) {
    return socket(family, SOCK_STREAM | SOCK_CLOEXEC | (blocks ? 0 : SOCK_NONBLOCK), 0);
}

int linux_datagram_socket(void) { return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

int linux_peer_user(int socket, uint32_t *user) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length)) return -1;
    *user = peer.uid;
    return 0;
}

static int control(int epoll, int operation, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(epoll, operation, fd, &event);
}

int linux_epoll_add(int epoll, int fd, uint32_t events) { return control(epoll, EPOLL_CTL_ADD, fd, events); }
int linux_epoll_modify(int epoll, int fd, uint32_t events) { return control(epoll, EPOLL_CTL_MOD, fd, events); }
int linux_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0); }
int linux_epoll_fd(const struct epoll_event *event) { return event->data.fd; }

// What the child needs between clone and exec.
struct start {
    const linux_spawn_plan *plan;  // nil for a child that only tries `walls`, with a ruleset that it makes itself
    const linux_walls *walls;      // nil for none
    int input, output, errors;     // the child's ends, all >= 3
    int ruleset;                   // negative for none
    int landlock_abi;              // what the child found
    int error;
    unsigned user, group;          // of a child apart, as they are outside
    linux_apart_kernel *apart;     // asked for by a child that only tries to be apart
    linux_apart_kernel found;
};

// To join a group may take many milliseconds. As long as this process had them open too, what the parent closes meanwhile
// would stay open: connections, pipes, locks.
static int join(int group, int ruleset) {
    unsigned first = group, second = ruleset < 0 ? group : ruleset;
    if (first > second) first = ruleset, second = group;
    if (first > 3) syscall(SYS_close_range, 3u, first - 1, 0u);
    if (second > first + 1) syscall(SYS_close_range, first + 1, second - 1, 0u);
    syscall(SYS_close_range, second + 1, ~0u, 0u);
    return write(group, "0", 1) == 1 ? 0 : -1;
}

// Runs in the child on the parent's memory: async-signal-safe calls only, and nothing of the parent's is changed.
static int become(const struct start *start) {
    const linux_spawn_plan *plan = start->plan;
    if (dup2(start->input, 0) < 0 || dup2(start->output, 1) < 0 || dup2(start->errors, 2) < 0) return errno;
    if (plan->group >= 0 && join(plan->group, start->ruleset)) return errno;
    int ruleset = start->ruleset;
    if (plan->is_apart) {
        // As for a group: to settle takes longer than what the parent closes meanwhile may stay open.
        if (plan->group < 0) syscall(SYS_close_range, 3u, ~0u, 0u);
        linux_apart_kernel found;
        int error = linux_settle_apart(start->user, start->group, plan->most_tasks, &found);
        if (error) return error;
        // Only now the places are those that it will see.
        if (start->walls) ruleset = linux_make_ruleset(start->walls);
        if (ruleset == -1) return errno;
    }
    if (setpgid(0, 0)) return errno;
    struct sigaction fallback = {.sa_handler = SIG_DFL};
    for (int number = 1; number < 65; number++)
        if (number != SIGKILL && number != SIGSTOP) sigaction(number, &fallback, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL)) return errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return errno;
    struct rlimit core = {0, 0};
    setrlimit(RLIMIT_CORE, &core);
    if (plan->max_open_files) {
        struct rlimit files = {plan->max_open_files, plan->max_open_files};
        if (setrlimit(RLIMIT_NOFILE, &files)) return errno;
    }
    if (plan->directory && chdir(plan->directory)) return errno;
    if (syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC)) return errno;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, 0);
    // The last, since much of the above is refused from here on.
    int refused = start->walls ? linux_enter_walls(start->walls, ruleset, 0) : 0;
    if (refused) return refused;
    execve(plan->path, plan->arguments, plan->environment);
    return errno;
}

// Whoever started us may have such calls end the process that makes them: it must be this one.
static int try_walls(struct start *start) {
    linux_walls walls = *start->walls;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return errno;
    if (walls.landlock_abi) walls.landlock_abi = start->landlock_abi = linux_landlock_version();
    int ruleset = linux_make_ruleset(&walls);
    return ruleset == -1 ? errno : linux_enter_walls(&walls, ruleset, 0);
}

// As many tasks as no machine has fewer of.
static int try_apart(struct start *start) { return linux_settle_apart(start->user, start->group, 64, &start->found); }

static int child_main(void *argument) {
    struct start *start = argument;
    start->error = start->plan ? become(start) : start->apart ? try_apart(start) : try_walls(start);
    _exit(127);
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WATCHED 1
#endif
#endif

// The thread sanitizer takes every clone for a fork and resets its own state in the child, which must therefore not be
// the parent's: it gets a copy of the memory, all but the stack with `struct start` at its far end.
#ifdef WATCHED
#define CLONE_MEMORY 0
#else
#define CLONE_MEMORY CLONE_VM
#endif

// A child apart must for a moment let others look into its memory, which must not be the parent's either.
enum { APART = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC };

// clone with the memory shared until exec: its cost does not grow with the parent's memory as fork's does.
static int clone_child(struct start *start, int *pidfd) {
    static __thread char *stack;
    const size_t size = 64 * 1024;
    if (!stack) {
        void *fresh = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        if (fresh == MAP_FAILED) return -1;
        stack = fresh;
    }
    // Without blocking them, a signal handler could run in the child on the parent's memory.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    struct start *shared = (struct start *)stack;
    *shared = *start;
    const int is_apart = start->apart || (start->plan && start->plan->is_apart);
    shared->user = geteuid(), shared->group = getegid();
    int pid = clone(child_main, stack + size, (is_apart ? APART : CLONE_MEMORY) | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, shared, pidfd);
    int saved = errno;
    start->error = shared->error;
    start->landlock_abi = shared->landlock_abi;
    start->found = shared->found;
    pthread_sigmask(SIG_SETMASK, &old, 0);
    errno = saved;
    return pid;
}

static void close_pair(int pair[2]) {
    if (pair[0] >= 0) close(pair[0]);
    if (pair[1] >= 0) close(pair[1]);
}

// A pipe whose ends are all above 2, so that dup2 in the child can never overwrite one it still needs.
static int open_pipe(int pair[2]) {
    if (pipe2(pair, O_CLOEXEC)) return -1;
    for (int end = 0; end < 2; end++) {
        if (pair[end] > 2) continue;
        int higher = fcntl(pair[end], F_DUPFD_CLOEXEC, 3);
        close(pair[end]);
        pair[end] = higher;
        if (higher < 0) return -1;
    }
    return 0;
}

// Starts what `start` says: 0, or the errno of what failed, and then there is no child.
static int run_child(struct start *start, linux_child *child) {
    if (start->walls) linux_prepare_filter();
    child->pid = clone_child(start, &child->pidfd);
    if (child->pid < 0) return errno;
    if (!start->error && start->plan) return 0;
    waitpid(child->pid, 0, 0);
    close(child->pidfd);
    return start->error;
}

// What a child finds that tries such walls; 0 where it cannot have them.
static int try_in_child(const linux_walls *walls) {
    // Unless the child says otherwise: it may not come to say anything.
    struct start start = {.walls = walls, .ruleset = -1, .error = ENOSYS};
    linux_child child;
    if (run_child(&start, &child)) return 0;
    return walls->landlock_abi ? start.landlock_abi : 1;
}

linux_wall_kernel linux_probe_walls(void) {
    const linux_walls files = {.landlock_abi = 1, .bounds_ports = 1}, calls = {.filters_calls = 1};
    return (linux_wall_kernel){.landlock_abi = try_in_child(&files), .filters_calls = try_in_child(&calls)};
}

linux_apart_kernel linux_probe_apart(void) {
    linux_apart_kernel none = {0};
    struct start start = {.apart = &none, .ruleset = -1, .error = ENOSYS};
    linux_child child;
    // What it found out before something failed it has found out.
    run_child(&start, &child);
    return start.found;
}

linux_child linux_spawn(const linux_spawn_plan *plan) {
    int input[2] = {-1, -1}, output[2] = {-1, -1}, errors[2] = {-1, -1};
    linux_child child = {.error = 0, .pid = -1, .pidfd = -1, .input = -1, .output = -1, .errors = -1};
    int ruleset = plan->walls && !plan->is_apart ? linux_make_ruleset(plan->walls) : -2;
    // One of the three that become its standard streams would be overwritten, and the child in no group.
    const int is_lost = plan->group >= 0 && plan->group < 3;
    if (is_lost) errno = EBADF;
    if (is_lost || ruleset == -1 || open_pipe(input) || open_pipe(output) || open_pipe(errors)) {
        child.error = errno;
    } else {
        struct start start = {.plan = plan, .walls = plan->walls, .input = input[0], .output = output[1], .errors = errors[1],
                              .ruleset = ruleset};
        child.error = run_child(&start, &child);
    }
    if (ruleset >= 0) close(ruleset);
    if (child.error) {
        close_pair(input), close_pair(output), close_pair(errors);
        return child;
    }
    if (plan->walls) linux_set_oom_score(child.pid, plan->walls->oom_score);
    close(input[0]), close(output[1]), close(errors[1]);
    child.input = input[1], child.output = output[0], child.errors = errors[0];
    fcntl(child.input, F_SETFL, O_WRONLY | O_NONBLOCK);
    fcntl(child.output, F_SETFL, O_RDONLY | O_NONBLOCK);
    fcntl(child.errors, F_SETFL, O_RDONLY | O_NONBLOCK);
    return child;
}

int linux_pidfd_reap(int pidfd, int block, int *status) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    int result;
    do result = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | (block ? 0 : WNOHANG));
    while (result && errno == EINTR);
    if (result) return -1;
    if (!info.si_pid) return 0;
    *status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return 1;
}

int linux_is_marked(const char *path, const char *name) {
    char value;
    return getxattr(path, name, &value, 1) == 1 && value == '1';
}

uint64_t linux_raise_open_files(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files)) return 0;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return getrlimit(RLIMIT_NOFILE, &files) ? 0 : files.rlim_cur;
}

int linux_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

static char *const *arguments;

// The C library hands them to what runs before main, too.
__attribute__((constructor)) static void keep_arguments(int count, char **values) {
    (void)count;
    arguments = values;
}

char *const *linux_arguments(void) { return arguments; }

// So much at a heap's end is kept under load.
static int kept = 128 << 10;

// malloc_trim leaves the end of every thread's own heap alone. What gives that back is a free on the thread itself, of a
// block that no thread's cache takes.
static void release_end(void) {
    mallopt(M_TRIM_THRESHOLD, 256 << 10);
    void *volatile block = malloc(96 << 10);
    free(block);
    mallopt(M_TRIM_THRESHOLD, kept);
}

void linux_release_heap(void) {
    release_end();
    malloc_trim(0);
}

void linux_keep_heap(size_t bytes) {
    kept = (int)bytes;
    mallopt(M_TRIM_THRESHOLD, kept);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
}
