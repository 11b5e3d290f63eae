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
    int group;
    int ruleset;
    int listener;
    int error;
};

static int become_shell(struct beginning *beginning) {
    const linux_shell_plan *plan = beginning->plan;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || setpgid(0, beginning->group)) return errno;
    // Behind the gateway and everybody's answers; behind them already where it fails. By SCHED_IDLE a command would hardly
    // go on beside a program that never rests.
    setpriority(PRIO_PROCESS, 0, 19);
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

// Who is left of a command.
enum left { LEFT_SHELL, LEFT_OTHERS, LEFT_NOBODY };

// Reaps what has ended; once the shell has, its status is known.
static enum left reap(int shell, int *status, enum left left) {
    int any, pid;
    while ((pid = waitpid(-1, &any, WNOHANG)) > 0)
        if (pid == shell) *status = any, left = LEFT_OTHERS;
    return pid < 0 && left != LEFT_SHELL ? LEFT_NOBODY : left;
}

// Tells in one line what was refused: a program may have said of it no more than that something did not work.
static void tell(const struct linux_refused *refused) {
    static const char *const names[LINUX_REFUSALS] = {
        "the network, which it has none of", "a connection past the egress proxy", "a change of a file's mode, owner or times",
        "a file as large as that", "processes that outlive the command", "processes that outlive the run",
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

// The signal by which the one who ends the rest hears that it is to do so soon, or that its caller has ended. All signals
// are blocked there.
enum { END_SOON = SIGHUP };

// What the end of the shell ends too, as the reader of its output, has this long to do so; and a command whose time is over.
enum { LAST_MILLISECONDS = 500 };

static int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Takes what was heard; true where the end is to come soon.
static int is_to_end(int events) {
    struct signalfd_siginfo told[8];
    ssize_t size = read(events, told, sizeof told);
    for (size_t index = 0; size > 0 && index < (size_t)size / sizeof *told; index++)
        if (told[index].ssi_signo == END_SOON) return 1;
    return 0;
}

// Judges until the shell has ended, and for a moment what it has left; until `caller` has ended, at the longest.
static int attend(const linux_shell_plan *plan, int caller, int shell, int listener, int events, struct linux_refused *refused) {
    int status = SIGKILL;  // by us, where nothing else has ended it before
    enum left left = LEFT_SHELL;
    int64_t end = INT64_MAX;
    struct pollfd watched[] = {{.fd = events, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
    while (getppid() == caller) {
        int64_t now = milliseconds();
        if (end <= now) return status;
        if (poll(watched, 2, end == INT64_MAX ? -1 : (int)(end - now)) < 0 && errno != EINTR) return status;
        if (watched[1].revents & POLLIN) linux_judge(listener, plan, refused);
        // Nobody is left who could call.
        if (watched[1].revents & (POLLHUP | POLLERR)) watched[1].fd = -1;
        if (!(watched[0].revents & POLLIN)) continue;
        if (is_to_end(events) && end == INT64_MAX) end = milliseconds() + LAST_MILLISECONDS;
        enum left before = left;
        left = reap(shell, &status, left);
        if (left == LEFT_NOBODY) return status;
        if (left != before) end = milliseconds() + LAST_MILLISECONDS;
    }
    return status;
}

// Ends what the shell has left behind: how many there were. Signals to everybody reach none but those within the walls; a
// fork that was under way is met in the next round.
static unsigned end_the_rest(void) {
    unsigned ended = 0;
    for (int round = 0; round < 2000; round++) {
        if (kill(-1, SIGKILL) && errno != ESRCH && errno != EPERM) return ended;
        int pid, status;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) ended += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        if (pid < 0) return ended;
        nanosleep(&(struct timespec){0, 500000}, 0);
    }
    return ended;
}

// Runs the shell, and ends what it leaves, once it has ended or `caller` has. `group` is whose signals are for the shell.
static int run_shell(const linux_shell_plan *plan, int caller, int group) {
    // Ended with everybody in that group, who would end the rest?
    if (setpgid(0, 0) || prctl(PR_SET_CHILD_SUBREAPER, 1) || prctl(PR_SET_PDEATHSIG, END_SOON)) return -errno;
    linux_prepare_filter();
    struct beginning beginning = {.plan = plan, .group = group, .listener = -1, .error = 0};
    beginning.ruleset = linux_make_ruleset(plan->walls);
    if (beginning.ruleset < 0) return beginning.ruleset == -1 ? -errno : -ENOSYS;
    // Walls round us and all shells of this call: what is killed with everybody is then among them.
    int signals = linux_make_signal_ruleset(plan->walls->landlock_abi), bounds_signals = 0;
    if (signals >= 0) {
        bounds_signals = !syscall(SYS_landlock_restrict_self, signals, 0);
        close(signals);
    }
    sigset_t heard;
    sigemptyset(&heard);
    sigaddset(&heard, SIGCHLD);
    sigaddset(&heard, END_SOON);
    int events = signalfd(-1, &heard, SFD_CLOEXEC | SFD_NONBLOCK);
    if (events < 0) return -errno;
    int shell = start_shell(&beginning);
    if (shell < 0) return -errno;
    close(beginning.ruleset);
    if (beginning.error) {
        waitpid(shell, 0, 0);
        return -beginning.error;
    }
    struct linux_refused refused = {{0}};
    int status = attend(plan, caller, shell, beginning.listener, events, &refused);
    close(beginning.listener);
    if (bounds_signals)
        refused.times[LINUX_REFUSED_OUTLIVING_COMMAND] = end_the_rest();
    else if (!waitpid(-1, 0, WNOHANG))  // They end with the CLI.
        refused.times[LINUX_REFUSED_OUTLIVING_RUN] = 1;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    // By that signal the kernel ends what writes too large a file.
    if (code == 128 + SIGXFSZ) refused.times[LINUX_REFUSED_SIZE]++;
    tell(&refused);
    return code;
}

// What the one hears whom the CLI knows.
static const int awaited[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};

int linux_run_shell(const linux_shell_plan *plan) {
    syscall(SYS_close_range, 3u, ~0u, 0u);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -errno;
    // A signal to the group is for the shell to heed, if it does so soon.
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, 0);
    int caller = getpid(), group = getpgrp();
    // What it returns, which an exit code has no room for. This memory is shared.
    int *result = mmap(0, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (result == MAP_FAILED) return -errno;
    *result = -ECHILD;
    // Of us the CLI knows, and ends us without notice when the time of a command is over.
    int other = fork();
    if (!other) {
        *result = run_shell(plan, caller, group);
        _exit(0);
    }
    if (other < 0) return -errno;
    sigset_t heard;
    sigemptyset(&heard);
    for (size_t index = 0; index < sizeof awaited / sizeof *awaited; index++) sigaddset(&heard, awaited[index]);
    while (1) {
        int signal = sigwaitinfo(&heard, 0);
        if (signal == SIGCHLD && waitpid(other, 0, WNOHANG)) return *result;
        if (signal > 0 && signal != SIGCHLD) kill(other, END_SOON);
    }
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
