#define _GNU_SOURCE
#include "Filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "unknown to the filter of system calls"
#endif

// Younger than some build machines' headers; the same on all architectures.
enum { PIDFD_GETFD = 438, PROCESS_MADVISE = 440, MOUNT_SETATTR = 442, PROCESS_MRELEASE = 448, OPEN_TREE_ATTR = 467 };

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

// What only a program of an MCP server may want: to be called, and objects that any process of the user can open.
static const uint16_t serving[] = {
    SYS_listen, SYS_shmget, SYS_shmat, SYS_shmctl, SYS_semget, SYS_semop, SYS_semtimedop, SYS_semctl, SYS_msgget,
    SYS_msgsnd, SYS_msgrcv, SYS_msgctl, SYS_mq_open, SYS_mq_unlink,
};

// Told to be missing, so that a runtime takes its older way. clone3 hides its flags from a filter.
static const uint16_t missing[] = {SYS_clone3, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register};

enum { MOST = 320 };

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

static void refuse(struct program *program, uint32_t call, uint32_t verdict) {
    step(program, BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1);
    answer(program, verdict);
}

// The rest of a rule of one call, `length` steps long, is left out for all others.
static void only(struct program *program, uint32_t call, uint8_t length) {
    step(program, BPF_JMP | BPF_JEQ | BPF_K, call, 0, length);
}

// A call whose argument, a process, must be 0: the caller itself.
static void only_itself(struct program *program, uint32_t call, unsigned index) {
    only(program, call, 4);
    load(program, ARGUMENT(index));
    step(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
    answer(program, SECCOMP_RET_ALLOW);
    answer(program, REFUSE(EPERM));
}

// Internet sockets, and pairs of connected ones: a pair of datagram sockets could be connected to another address.
static void sockets(struct program *program) {
    only(program, SYS_socket, 5);
    load(program, ARGUMENT(0));
    step(program, BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 1, 0);
    step(program, BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1);
    answer(program, SECCOMP_RET_ALLOW);
    answer(program, REFUSE(EAFNOSUPPORT));
    only(program, SYS_socketpair, 7);
    load(program, ARGUMENT(0));
    step(program, BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 4);
    load(program, ARGUMENT(1));
    step(program, BPF_ALU | BPF_AND | BPF_K, 0xF, 0, 0);
    step(program, BPF_JMP | BPF_JEQ | BPF_K, SOCK_STREAM, 0, 1);
    answer(program, SECCOMP_RET_ALLOW);
    answer(program, REFUSE(EAFNOSUPPORT));
}

// Threads and processes, but no namespaces for them.
static void clones(struct program *program) {
    const uint32_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID
        | CLONE_NEWNET;
    only(program, SYS_clone, 4);
    load(program, ARGUMENT(0));
    step(program, BPF_JMP | BPF_JSET | BPF_K, namespaces, 0, 1);
    answer(program, REFUSE(EPERM));
    answer(program, SECCOMP_RET_ALLOW);
}

static void write_program(struct program *program, int may_serve) {
    load(program, offsetof(struct seccomp_data, arch));
    step(program, BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0);
    answer(program, SECCOMP_RET_KILL_PROCESS);
    load(program, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    // The calls of x32, which are the same under other numbers.
    step(program, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);
    answer(program, REFUSE(ENOSYS));
#endif
    for (size_t index = 0; index < sizeof refused / sizeof *refused; index++)
        refuse(program, refused[index], REFUSE(EPERM));
    for (size_t index = 0; index < sizeof missing / sizeof *missing; index++)
        refuse(program, missing[index], REFUSE(ENOSYS));
    for (size_t index = 0; !may_serve && index < sizeof serving / sizeof *serving; index++)
        refuse(program, serving[index], REFUSE(EPERM));
    only_itself(program, SYS_prlimit64, 0);
    only_itself(program, SYS_setpriority, 1);
    only_itself(program, SYS_ioprio_set, 1);
    sockets(program);
    clones(program);
    answer(program, SECCOMP_RET_ALLOW);
}

int linux_enter_filter(int may_serve) {
    struct program program = {.count = 0};
    write_program(&program, may_serve);
    // A program that did not fit must not pass for one that did.
    if (program.count == MOST) return E2BIG;
    struct sock_fprog filter = {.len = program.count, .filter = program.steps};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) ? errno : 0;
}
