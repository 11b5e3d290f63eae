#define _GNU_SOURCE
#include "Successor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// What the successor tells of itself, in this order; the second is missing when it has become the program.
struct report {
    int pid;
    int error;
};

static void write_number(char *digits, int number) {
    char reversed[16];
    int count = 0;
    do reversed[count++] = (char)('0' + number % 10), number /= 10;
    while (number);
    while (count) *digits++ = reversed[--count];
    *digits = 0;
}

// The descriptors in their places, all others closed; 0 or an errno. Async-signal-safe.
static int place(const linux_successor_plan *plan, int *report) {
    int first = 3, end = first + plan->descriptor_count;
    // Out of the way first: one may stand where another is to go.
    int high = fcntl(*report, F_DUPFD_CLOEXEC, end);
    if (high < 0) return errno;
    *report = high;
    int moved[LINUX_MOST_HANDED];
    for (int index = 0; index < plan->descriptor_count; index++) {
        moved[index] = fcntl(plan->descriptors[index], F_DUPFD_CLOEXEC, end);
        if (moved[index] < 0) return errno;
    }
    for (int index = 0; index < plan->descriptor_count; index++)
        if (dup2(moved[index], first + index) < 0) return errno;
    // All but those in their places go with exec; dup2 has taken the mark from these.
    return syscall(SYS_close_range, (unsigned)end, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) ? errno : 0;
}

static int become(const linux_successor_plan *plan, int *report) {
    int error = place(plan, report);
    if (error) return error;
    struct sigaction fallback = {.sa_handler = SIG_DFL};
    for (int number = 1; number < 65; number++)
        if (number != SIGKILL && number != SIGSTOP) sigaction(number, &fallback, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, 0);
    execve(plan->path, plan->arguments, plan->environment);
    return errno;
}

// In the child of a child: on memory of its own, so that it may write where it must; async-signal-safe calls only.
static void succeed(const linux_successor_plan *plan, int report) {
    struct report told = {getpid(), 0};
    write_number(plan->own_id, told.pid);
    (void)!write(report, &told.pid, sizeof told.pid);
    told.error = become(plan, &report);
    (void)!write(report, &told.error, sizeof told.error);
    _exit(127);
}

static ssize_t read_all(int from, void *into, size_t size) {
    ssize_t count;
    do count = read(from, into, size);
    while (count < 0 && errno == EINTR);
    return count;
}

int linux_start_successor(const linux_successor_plan *plan) {
    int pair[2];
    if (plan->descriptor_count > LINUX_MOST_HANDED) return -E2BIG;
    if (pipe2(pair, O_CLOEXEC)) return -errno;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int between = _Fork();
    int error = between < 0 ? errno : 0;
    if (!between) {
        int child = _Fork();
        if (!child) succeed(plan, pair[1]);
        _exit(child < 0 ? 1 : 0);
    }
    pthread_sigmask(SIG_SETMASK, &old, 0);
    close(pair[1]);
    struct report told = {0, error};
    if (!error) {
        // Its parent is gone by then: it is a child of whoever looks after orphans.
        waitpid(between, 0, 0);
        if (read_all(pair[0], &told.pid, sizeof told.pid) != sizeof told.pid) told.error = EAGAIN;
        else if (read_all(pair[0], &told.error, sizeof told.error) <= 0) told.error = 0;
    }
    close(pair[0]);
    return told.error ? -told.error : told.pid;
}

int linux_socket_pair(int pair[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
}
