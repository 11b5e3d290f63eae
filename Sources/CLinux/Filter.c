#define _GNU_SOURCE
#include "Filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/ioprio.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "unknown to the filter of system calls"
#endif

// Younger than some build machines' headers; the same on all architectures.
enum { OPENAT2 = 437, PIDFD_GETFD = 438, PROCESS_MADVISE = 440, MOUNT_SETATTR = 442, QUOTACTL_FD = 443, MEMFD_SECRET = 447,
       PROCESS_MRELEASE = 448, FCHMODAT2 = 452, SETXATTRAT = 463, REMOVEXATTRAT = 466, OPEN_TREE_ATTR = 467, FILE_SETATTR = 469 };

// Refused whatever their arguments: nobody needs them to answer a question, and most reach into other processes or
// widen what a hole in the kernel could be tried with.
static const uint16_t refused[] = {
    // Other processes.
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, PIDFD_GETFD, PROCESS_MADVISE, PROCESS_MRELEASE,
    SYS_migrate_pages, SYS_move_pages,
    // Namespaces, mounts, roots.
    SYS_unshare, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, MOUNT_SETATTR, OPEN_TREE_ATTR,
    SYS_move_mount, SYS_open_tree, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_name_to_handle_at,
    SYS_open_by_handle_at, SYS_fanotify_init, SYS_quotactl,
    // Files by their names, of which older kernels ask no rule; those that are open for writing have their own call.
    SYS_truncate,
    // The kernel itself.
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_init_module,
    SYS_finit_module, SYS_delete_module, SYS_kexec_load,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
    SYS_syslog, SYS_acct, SYS_swapon, SYS_swapoff, SYS_reboot, SYS_vhangup, SYS_personality, SYS_lookup_dcookie,
    // The machine's clock and name.
    SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_sethostname, SYS_setdomainname,
#ifdef __x86_64__
    SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS_ustat, SYS__sysctl,
#endif
};

// Who may open a file and whom it belongs to, said by a name: no rule for files is asked.
static const uint16_t owning[] = {
    SYS_fchmodat, FCHMODAT2, SYS_fchownat,
#ifdef __x86_64__
    SYS_chmod, SYS_chown, SYS_lchown,
#endif
};

// The same by a descriptor, and a file's times: as far as they go, a shell's programs are judged by the one that has the
// listener.
static const uint16_t judged[] = {SYS_fchmod, SYS_fchown, SYS_utimensat};

// What else only a program of an MCP server may want: to be called, objects that any process of the user can open, to run
// what has no name, and to note things with a file by its name.
static const uint16_t serving[] = {
    SYS_setxattr, SYS_lsetxattr, SETXATTRAT, SYS_removexattr, SYS_lremovexattr, REMOVEXATTRAT, SYS_execveat, SYS_listen,
    SYS_shmget, SYS_shmat, SYS_shmctl, SYS_semget, SYS_semop, SYS_semtimedop, SYS_semctl, SYS_msgget, SYS_msgsnd, SYS_msgrcv, SYS_msgctl, SYS_mq_open, SYS_mq_unlink,
};

// Told to be missing, so that a runtime takes its older way. clone3 hides its flags from a filter.
static const uint16_t missing[] = {SYS_clone3, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register};

// What a shell's programs are refused beyond that: to be called, to watch names of files, memory that no limit counts,
// attributes of files.
static const uint16_t beyond_shells[] = {
    SYS_bind, SYS_accept, SYS_accept4, SYS_inotify_add_watch, FILE_SETATTR, QUOTACTL_FD, MEMFD_SECRET,
};

// Told to be unknown to the file system, which programs that copy files get over.
static const uint16_t attributes[] = {
    SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SETXATTRAT, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr, REMOVEXATTRAT,
};

// What they are told to be missing: calls that say elsewhere than in their arguments what they want, and the older forms
// of judged ones.
static const uint16_t missing_for_shells[] = {
    OPENAT2, SYS_memfd_create,
#ifdef __x86_64__
    SYS_utime, SYS_utimes, SYS_futimesat,
#endif
};

// What becomes of a call: a verdict of the kernel's, or one of these rules, which look at its arguments.
enum rule {
    SOCKET_RULE = 1, STREAM_RULE, PAIR_RULE, CLONE_RULE, FIRST_IS_SELF, OWN_PRIORITY, OWN_IO_PRIORITY, THIRD_HAS_NO_FASTOPEN,
    FOURTH_HAS_NO_FASTOPEN, OPEN_RULE, OPENAT_RULE, SECOND_IS_PLAIN_MODE, THIRD_IS_PLAIN_MODE
};

// Calls beyond are younger than this file, and pass.
enum { CALLS = 512, MOST = 1536 };

struct program {
    struct sock_filter steps[MOST];
    unsigned short count;
};

#define REFUSE(number) (SECCOMP_RET_ERRNO | (number))
#define ARGUMENT(index) ((uint32_t)offsetof(struct seccomp_data, args[index]))  // its lower half: little endian

static void step(struct program *program, uint16_t code, uint32_t value, uint8_t yes, uint8_t no) {
    if (program->count == MOST) return;
    program->steps[program->count++] = (struct sock_filter){code, yes, no, value};
}

static void load(struct program *program, uint32_t offset) { step(program, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0); }
static void answer(struct program *program, uint32_t verdict) { step(program, BPF_RET | BPF_K, verdict, 0, 0); }

// `verdict` where the value that was loaded is `value`.
static void answer_if(struct program *program, uint32_t value, uint32_t verdict) {
    step(program, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    answer(program, verdict);
}

// `verdict` where the value that was loaded is none of these.
static void answer_unless(struct program *program, const uint32_t *values, uint8_t count, uint32_t verdict) {
    for (uint8_t index = 0; index < count; index++)
        step(program, BPF_JMP | BPF_JEQ | BPF_K, values[index], (uint8_t)(count - index), 0);
    answer(program, verdict);
}

// Internet sockets alone, of TCP and, where datagrams may be sent, UDP: others that end as TCP, as those of MPTCP and SMC,
// are asked for no port.
static void judge_socket(struct program *program, int may_send) {
    static const uint32_t families[] = {AF_INET, AF_INET6}, types[] = {SOCK_STREAM, SOCK_DGRAM};
    static const uint32_t protocols[] = {0, IPPROTO_TCP, IPPROTO_UDP};
    load(program, ARGUMENT(0));
    answer_unless(program, families, 2, REFUSE(EAFNOSUPPORT));
    load(program, ARGUMENT(1));
    step(program, BPF_ALU | BPF_AND | BPF_K, 0xF, 0, 0);
    answer_unless(program, types, may_send ? 2 : 1, REFUSE(EPERM));
    load(program, ARGUMENT(2));
    answer_unless(program, protocols, may_send ? 3 : 2, REFUSE(EPROTONOSUPPORT));
    answer(program, SECCOMP_RET_ALLOW);
}

// Data with the connection, for which no rule for ports is asked.
static void judge_flags(struct program *program, unsigned index) {
    load(program, ARGUMENT(index));
    step(program, BPF_JMP | BPF_JSET | BPF_K, MSG_FASTOPEN, 0, 1);
    answer(program, REFUSE(EOPNOTSUPP));
    answer(program, SECCOMP_RET_ALLOW);
}

// The caller's own priority: `which` must name one process, and 0 is the caller. A user's would be the gateway's too.
static void judge_priority(struct program *program, uint32_t which) {
    load(program, ARGUMENT(0));
    answer_unless(program, &which, 1, REFUSE(EPERM));
    load(program, ARGUMENT(1));
    answer_if(program, 0, SECCOMP_RET_ALLOW);
    answer(program, REFUSE(EPERM));
}

// Streams, which are connected for good: a pair of datagram sockets could be connected to another address.
static void judge_pair(struct program *program) {
    load(program, ARGUMENT(0));
    step(program, BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 4);
    load(program, ARGUMENT(1));
    step(program, BPF_ALU | BPF_AND | BPF_K, 0xF, 0, 0);
    answer_if(program, SOCK_STREAM, SECCOMP_RET_ALLOW);
    answer(program, REFUSE(EAFNOSUPPORT));
}

// Threads and processes, but no namespaces for them.
static void judge_clone(struct program *program) {
    const uint32_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID
        | CLONE_NEWNET;
    load(program, ARGUMENT(0));
    step(program, BPF_JMP | BPF_JSET | BPF_K, namespaces, 0, 1);
    answer(program, REFUSE(EPERM));
    answer(program, SECCOMP_RET_ALLOW);
}

// A process that is named by 0: the caller itself.
static void judge_self(struct program *program, unsigned index) {
    load(program, ARGUMENT(index));
    answer_if(program, 0, SECCOMP_RET_ALLOW);
    answer(program, REFUSE(EPERM));
}

// A mode without the bits by which whoever runs a file becomes its owner.
static void judge_mode(struct program *program, unsigned index) {
    load(program, ARGUMENT(index));
    step(program, BPF_JMP | BPF_JSET | BPF_K, S_ISUID | S_ISGID, 0, 1);
    answer(program, REFUSE(EPERM));
    answer(program, SECCOMP_RET_ALLOW);
}

// Opening has a mode where it makes a file.
static void judge_open(struct program *program, unsigned flags) {
    enum { NAMELESS = 020000000 };  // O_TMPFILE without O_DIRECTORY
    load(program, ARGUMENT(flags));
    step(program, BPF_JMP | BPF_JSET | BPF_K, O_CREAT | NAMELESS, 1, 0);
    answer(program, SECCOMP_RET_ALLOW);
    judge_mode(program, flags + 1);
}

static void judge(struct program *program, uint32_t verdict) {
    switch (verdict) {
    case SOCKET_RULE: judge_socket(program, 1); break;
    case STREAM_RULE: judge_socket(program, 0); break;
    case PAIR_RULE: judge_pair(program); break;
    case CLONE_RULE: judge_clone(program); break;
    case FIRST_IS_SELF: judge_self(program, 0); break;
    case OWN_PRIORITY: judge_priority(program, PRIO_PROCESS); break;
    case OWN_IO_PRIORITY: judge_priority(program, IOPRIO_WHO_PROCESS); break;
    case THIRD_HAS_NO_FASTOPEN: judge_flags(program, 2); break;
    case FOURTH_HAS_NO_FASTOPEN: judge_flags(program, 3); break;
    case OPEN_RULE: judge_open(program, 1); break;
    case OPENAT_RULE: judge_open(program, 2); break;
    case SECOND_IS_PLAIN_MODE: judge_mode(program, 1); break;
    case THIRD_IS_PLAIN_MODE: judge_mode(program, 2); break;
    default: answer(program, verdict);
    }
}

// Calls from `first` on with one verdict, up to the next.
struct run {
    uint32_t first, verdict;
};

// A tree, since the kernel plays every call through the filter once for each child: along a chain that took longer than
// all the rest of a start.
static void search(struct program *program, const struct run *runs, size_t count) {
    if (count == 1) {
        judge(program, runs->verdict);
        return;
    }
    size_t middle = count / 2;
    step(program, BPF_JMP | BPF_JGE | BPF_K, runs[middle].first, 0, 1);
    unsigned short jump = program->count;
    step(program, BPF_JMP | BPF_JA, 0, 0, 0);
    search(program, runs, middle);
    if (program->count < MOST) program->steps[jump].k = program->count - jump - 1u;
    search(program, runs + middle, count - middle);
}

static void set_all(uint32_t *verdicts, const uint16_t *calls, size_t count, uint32_t verdict) {
    for (size_t index = 0; index < count; index++) verdicts[calls[index]] = verdict;
}

#define SET_ALL(verdicts, calls, verdict) set_all(verdicts, calls, sizeof calls / sizeof *calls, verdict)

// What no child may.
static void set_common(uint32_t *verdicts) {
    for (size_t call = 0; call < CALLS; call++) verdicts[call] = SECCOMP_RET_ALLOW;
    SET_ALL(verdicts, refused, REFUSE(EPERM));
    SET_ALL(verdicts, missing, REFUSE(ENOSYS));
    verdicts[SYS_socketpair] = PAIR_RULE;
    verdicts[SYS_clone] = CLONE_RULE;
    verdicts[SYS_prlimit64] = FIRST_IS_SELF;
    verdicts[SYS_sched_setscheduler] = verdicts[SYS_sched_setparam] = FIRST_IS_SELF;
    verdicts[SYS_sched_setattr] = verdicts[SYS_sched_setaffinity] = FIRST_IS_SELF;
    verdicts[SYS_setpriority] = OWN_PRIORITY;
    verdicts[SYS_ioprio_set] = OWN_IO_PRIORITY;
    verdicts[SYS_sendmsg] = THIRD_HAS_NO_FASTOPEN;
    verdicts[SYS_sendto] = verdicts[SYS_sendmmsg] = FOURTH_HAS_NO_FASTOPEN;
}

// A child that judges for its shells must be let look into them: which processes it can look into, Landlock says.
static void set_agent(uint32_t *verdicts, int may_send) {
    verdicts[SYS_process_vm_readv] = verdicts[PIDFD_GETFD] = SECCOMP_RET_ALLOW;
    SET_ALL(verdicts, serving, REFUSE(EPERM));
    verdicts[SYS_socket] = may_send ? SOCKET_RULE : STREAM_RULE;
}

static void set_shell(uint32_t *verdicts, int is_online) {
    SET_ALL(verdicts, serving, REFUSE(EPERM));
    SET_ALL(verdicts, beyond_shells, REFUSE(EPERM));
    SET_ALL(verdicts, attributes, REFUSE(EOPNOTSUPP));
    SET_ALL(verdicts, missing_for_shells, REFUSE(ENOSYS));
    SET_ALL(verdicts, owning, SECCOMP_RET_USER_NOTIF);
    SET_ALL(verdicts, judged, SECCOMP_RET_USER_NOTIF);
    // Refused by whoever runs the shell, so that it can say so.
    verdicts[SYS_fallocate] = SECCOMP_RET_USER_NOTIF;
    verdicts[SYS_socket] = is_online ? STREAM_RULE : SECCOMP_RET_USER_NOTIF;
    verdicts[SYS_connect] = is_online ? SECCOMP_RET_USER_NOTIF : REFUSE(EPERM);
    verdicts[SYS_openat] = OPENAT_RULE;
    verdicts[SYS_mknodat] = THIRD_IS_PLAIN_MODE;
#ifdef __x86_64__
    verdicts[SYS_open] = OPEN_RULE;
    verdicts[SYS_creat] = verdicts[SYS_mknod] = SECOND_IS_PLAIN_MODE;
#endif
}

static void set_plain(uint32_t *verdicts, int may_serve, int may_send) {
    if (!may_serve) {
        SET_ALL(verdicts, owning, REFUSE(EPERM));
        SET_ALL(verdicts, serving, REFUSE(EPERM));
    }
    verdicts[SYS_socket] = may_send ? SOCKET_RULE : STREAM_RULE;
}

static void write_program(struct program *program, const uint32_t *verdicts) {
    struct run runs[CALLS];
    size_t count = 0;
    for (uint32_t call = 0; call < CALLS; call++)
        if (!call || verdicts[call] != verdicts[call - 1]) runs[count++] = (struct run){call, verdicts[call]};
    if (runs[count - 1].verdict != SECCOMP_RET_ALLOW) runs[count++] = (struct run){CALLS, SECCOMP_RET_ALLOW};

    load(program, offsetof(struct seccomp_data, arch));
    step(program, BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0);
    answer(program, SECCOMP_RET_KILL_PROCESS);
    load(program, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    // The calls of x32, which are the same under other numbers.
    step(program, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);
    answer(program, REFUSE(ENOSYS));
#endif
    search(program, runs, count);
}

enum { FILTERS = 8 };

// Where the program of such walls is.
static int place(int filter, int may_serve, int may_send) {
    switch (filter) {
    case LINUX_FILTER_AGENT: return may_send ? 5 : 4;
    case LINUX_FILTER_OFFLINE_SHELL: return 6;
    case LINUX_FILTER_ONLINE_SHELL: return 7;
    default: return (may_serve ? 2 : 0) + (may_send ? 1 : 0);
    }
}

static struct program programs[FILTERS];
static pthread_once_t written = PTHREAD_ONCE_INIT;

static void write_programs(void) {
    uint32_t verdicts[CALLS];
    for (int form = 0; form < 4; form++) {
        set_common(verdicts);
        set_plain(verdicts, form & 2, form & 1);
        write_program(&programs[place(LINUX_FILTER_PLAIN, form & 2, form & 1)], verdicts);
    }
    for (int may_send = 0; may_send < 2; may_send++) {
        set_common(verdicts);
        set_agent(verdicts, may_send);
        write_program(&programs[place(LINUX_FILTER_AGENT, 0, may_send)], verdicts);
    }
    for (int filter = LINUX_FILTER_OFFLINE_SHELL; filter <= LINUX_FILTER_ONLINE_SHELL; filter++) {
        set_common(verdicts);
        set_shell(verdicts, filter == LINUX_FILTER_ONLINE_SHELL);
        write_program(&programs[place(filter, 0, 0)], verdicts);
    }
}

void linux_prepare_filter(void) { pthread_once(&written, write_programs); }

int linux_enter_filter(const linux_walls *walls, int *listener) {
    const struct program *program = &programs[place(walls->filter, walls->may_serve, walls->may_send)];
    // One that did not fit, or was not written, must not pass for one that was.
    if (!program->count || program->count == MOST) return E2BIG;
    struct sock_fprog filter = {.len = program->count, .filter = (struct sock_filter *)program->steps};
    if (walls->filter < LINUX_FILTER_OFFLINE_SHELL) return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) ? errno : 0;
    *listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
    return *listener < 0 ? errno : 0;
}
