#pragma once
// Running a shell in walls of its own, and judging those of its calls that the kernel's rules do not bound.
#include "Walls.h"

// What a shell is to be. Strings and arrays are borrowed for the call.
typedef struct {
    const char *path;
    char *const *arguments;
    char *const *environment;
    const linux_walls *walls;     // with a filter for shells
    const char *const *places;    // where modes, owners and times may be changed, without links, ended by a null
    uint16_t port;                // the port of 127.0.0.1 that it may connect to; 0 for none
} linux_shell_plan;

// Runs a shell in place of the calling process, which must have one thread: its descriptors beyond the first three are
// closed. What the shell leaves behind ends with it, as far as the kernel tells signals apart. Returns its exit code, or
// 128 + the signal that ended it; the negative errno of what failed, and then there was no shell.
int linux_run_shell(const linux_shell_plan *plan);

// What one who runs a shell needs of the kernel, and of whatever restricts this process.
typedef enum {
    LINUX_JUDGES,             // all there is
    LINUX_FILTERS_NO_CALLS,   // no filter whose calls wait for it
    LINUX_READS_NO_MEMORY,    // process_vm_readv is refused
    LINUX_TAKES_NO_FILES,     // pidfd_open or pidfd_getfd is
    LINUX_JUDGES_UNKNOWN      // the one that tried was ended
} linux_judge_kernel;

// Tries it with two processes of its own, which end at once.
linux_judge_kernel linux_probe_judge(void);
