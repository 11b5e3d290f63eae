#define _GNU_SOURCE
#include "Shell.h"

#include "Filter.h"
#include "Judge.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif

// What the shell needs between clone and exec.
struct beginning {
    const linux_shell_plan *plan;
    int ruleset;
    int listener;
    int error;
};

static int become_shell(struct beginning *beginning) {
    const linux_shell_plan *plan = beginning->plan;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL)) return errno;
    // Behind the gateway and everybody's answers, however many there will be; behind that already where it fails.
    setpriority(PRIO_PROCESS, 0, 10);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, 0);
    int error = linux_enter_walls(plan->walls, beginning->ruleset, &beginning->listener);
    if (error) return error;
    execve(plan->path, plan->arguments, plan->environment);
    return errno;
}

static int shell_main(void *argument) {
    struct beginning *beginning = argument;
    beginning->error = become_shell(beginning);
    _exit(127);
}

// With the descriptors in common until exec, the listener is the parent's too.
static int start_shell(struct beginning *beginning) {
    const size_t size = 64 * 1024;
    void *stack = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) return -1;
    int pid = clone(shell_main, (char *)stack + size, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, beginning);
    int saved = errno;
    munmap(stack, size);
    errno = saved;
    return pid;
}

// Reaps what has ended; true once the shell has, whose status it then knows.
static int reap(int shell, int *status) {
    int ended = 0, any, pid;
    while ((pid = waitpid(-1, &any, WNOHANG)) > 0)
        if (pid == shell) *status = any, ended = 1;
    return ended;
}

// Tells in one line what was refused: a program may have said of it no more than that something did not work.
static void tell(const struct linux_refused *refused) {
    static const char *const names[LINUX_REFUSALS] = {
        "the network, which it has none of", "a connection past the egress proxy", "a change of a file's mode, owner or times",
    };
    char line[512] = "portcullis: the walls of this workspace refused: ";
    const size_t beginning = strlen(line);
    size_t length = beginning;
    for (int kind = 0; kind < LINUX_REFUSALS; kind++) {
        if (!refused->times[kind]) continue;
        int count = snprintf(line + length, sizeof line - length, "%s%s (%u)", length > beginning ? "; " : "", names[kind], refused->times[kind]);
        if (count > 0) length += (size_t)count;
    }
    if (length == beginning) return;
    line[length++] = '\n';
    // Nobody need be there to read it any more.
    if (write(2, line, length) < 0) return;
}

// Judges until the shell has ended.
static int attend(const linux_shell_plan *plan, int shell, int listener, int children, struct linux_refused *refused) {
    int status = 0;
    struct pollfd watched[] = {{.fd = children, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
    while (1) {
        if (poll(watched, 2, -1) < 0 && errno != EINTR) return status;
        if (watched[1].revents & POLLIN) linux_judge(listener, plan, refused);
        // Nobody is left who could call.
        if (watched[1].revents & (POLLHUP | POLLERR)) watched[1].fd = -1;
        if (!(watched[0].revents & POLLIN)) continue;
        struct signalfd_siginfo told[8];
        if (read(children, told, sizeof told) < 0 && errno != EAGAIN) return status;
        if (reap(shell, &status)) return status;
    }
}

// Ends what the shell has left behind. Signals to everybody reach none but those within the walls; a fork that was under
// way is met in the next round.
static void end_the_rest(void) {
    for (int round = 0; round < 2000; round++) {
        if (kill(-1, SIGKILL) && errno != ESRCH && errno != EPERM) return;
        int pid;
        while ((pid = waitpid(-1, 0, WNOHANG)) > 0) {}
        if (pid < 0) return;
        nanosleep(&(struct timespec){0, 500000}, 0);
    }
}

int linux_run_shell(const linux_shell_plan *plan) {
    syscall(SYS_close_range, 3u, ~0u, 0u);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_CHILD_SUBREAPER, 1)) return -errno;
    linux_prepare_filter();
    struct beginning beginning = {.plan = plan, .listener = -1, .error = 0};
    beginning.ruleset = linux_make_ruleset(plan->walls);
    if (beginning.ruleset < 0) return beginning.ruleset == -1 ? -errno : -ENOSYS;
    // Walls round us and all shells of this call: what is killed with everybody is then among them.
    int signals = linux_make_signal_ruleset(plan->walls->landlock_abi), bounds_signals = 0;
    if (signals >= 0) {
        bounds_signals = !syscall(SYS_landlock_restrict_self, signals, 0);
        close(signals);
    }
    // A signal to the group is for the shell to heed, by whose end we end.
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, 0);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    int children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (children < 0) return -errno;
    int shell = start_shell(&beginning);
    if (shell < 0) return -errno;
    close(beginning.ruleset);
    if (beginning.error) {
        waitpid(shell, 0, 0);
        return -beginning.error;
    }
    struct linux_refused refused = {{0}};
    int status = attend(plan, shell, beginning.listener, children, &refused);
    close(beginning.listener);
    if (bounds_signals) end_the_rest();
    tell(&refused);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Looks into another process as a judge does into a caller.
static linux_judge_kernel look_into(int other, char *place) {
    char byte;
    struct iovec ours = {&byte, 1}, theirs = {place, 1};
    if (process_vm_readv(other, &ours, 1, &theirs, 1, 0) != 1) return LINUX_READS_NO_MEMORY;
    int process = (int)syscall(SYS_pidfd_open, other, 0);
    // Whether there is such a descriptor is asked after whether any may be taken.
    int file = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, 0, 0);
    return file >= 0 || (process >= 0 && errno == EBADF) ? LINUX_JUDGES : LINUX_TAKES_NO_FILES;
}

static linux_judge_kernel try_to_judge(void) {
    const linux_walls walls = {.filters_calls = 1, .filter = LINUX_FILTER_OFFLINE_SHELL};
    char byte = 0;
    int listener = -1;
    // A program that a shell starts can be looked into, which we could not. This is our own copy of the memory.
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)) return LINUX_JUDGES_UNKNOWN;
    int other = fork();
    if (!other) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (1) pause();
    }
    if (other < 0) return LINUX_JUDGES_UNKNOWN;
    linux_judge_kernel found = look_into(other, &byte);
    kill(other, SIGKILL);
    waitpid(other, 0, 0);
    if (found != LINUX_JUDGES) return found;
    return linux_enter_filter(&walls, &listener) ? LINUX_FILTERS_NO_CALLS : LINUX_JUDGES;
}

linux_judge_kernel linux_probe_judge(void) {
    linux_prepare_filter();
    // Whoever started us may have such calls end the process that makes them: it must not be this one.
    int child = fork();
    if (!child) _exit((int)try_to_judge());
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return LINUX_JUDGES_UNKNOWN;
    return (linux_judge_kernel)WEXITSTATUS(status);
}
