#pragma once
// The few system calls that Swift cannot make itself: variadic ones, those glibc hides behind _GNU_SOURCE
// (which a header imported by Swift must not define), and starting a process.
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "Apart.h"
#include "Notify.h"
#include "Shell.h"
#include "Successor.h"
#include "Walls.h"
// No header that Swift's Glibc module has too, such as <sys/socket.h>: whichever module is built first would own its
// names, and files that import the other could not see them.

// accept4 with SOCK_NONBLOCK | SOCK_CLOEXEC; `peer` is a struct sockaddr_storage. -1 with errno set on failure.
int linux_accept(int listener, void *peer);

// SOCK_STREAM. Swift sees it as the enumerator of whichever module was read first, libsystemd's or Glibc's, and only
// in files that import that one.
int linux_stream_type(void);

// socket() of that type with SOCK_CLOEXEC; with SOCK_NONBLOCK unless it blocks. -1 with errno set on failure.
int linux_stream_socket(int family, int blocks);

// A Unix socket for datagrams that does not block and closes on exec. -1 with errno set on failure.
int linux_datagram_socket(void);

// The user at the other end of a connected Unix socket, as the kernel noted it when it connected. -1 with errno set.
int linux_peer_user(int socket, uint32_t *user);

// epoll_ctl with the descriptor itself as the event's data.
int linux_epoll_add(int epoll, int fd, uint32_t events);
int linux_epoll_modify(int epoll, int fd, uint32_t events);
int linux_epoll_remove(int epoll, int fd);
int linux_epoll_fd(const struct epoll_event *event);

// What a child is to be. Strings and arrays are borrowed for the call.
typedef struct {
    const char *path;
    char *const *arguments;
    char *const *environment;
    const char *directory;
    uint64_t max_open_files;  // RLIMIT_NOFILE; 0 leaves it
    const linux_walls *walls; // null for none
    int is_apart;             // in namespaces of its own: users, processes, mounts, System V objects
    uint64_t most_tasks;      // of the namespaces, processes and threads; 0 for any
    int group;                // `cgroup.procs` of the control group to be in, opened for writing; negative for ours
} linux_spawn_plan;

// A started child. The descriptors belong to the caller; the parent's pipe ends do not block and close on exec.
typedef struct {
    int error;  // 0, or the errno of the step that failed: then nothing else is valid
    int pid;
    int pidfd;
    int input, output, errors;  // the parent's ends of stdin, stdout and stderr
} linux_child;

// Starts a child in a process group of its own, with default signal dispositions, an empty signal mask, no new
// privileges, no core dumps, every other descriptor closed, and SIGKILL when the calling *thread* ends:
// call it only from threads that live as long as the process.
linux_child linux_spawn(const linux_spawn_plan *plan);


// Reaps the child. 1: it has ended, `status` is its exit code or 128 + signal. 0: it still runs. -1: errno.
int linux_pidfd_reap(int pidfd, int block, int *status);

// True when the extended attribute `name` of a file is "1".
int linux_is_marked(const char *path, const char *name);

// Raises the soft limit of open descriptors to the hard one; returns the limit now in force.
uint64_t linux_raise_open_files(void);

// PR_SET_DUMPABLE 0: no core dump, and no other process of this user reads our memory.
int linux_forbid_dumps(void);



// The arguments that the process was started with, ended by a null.
char *const *linux_arguments(void);

// Gives free memory of all threads' heaps back to the kernel; what is free at a heap's end only of the calling thread's.
void linux_release_heap(void);

// Lets the allocator keep up to so many free bytes at the heap's end, and take all but blocks of 1 MiB from it.
void linux_keep_heap(size_t bytes);
