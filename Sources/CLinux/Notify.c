// Before every header: accept4, and what else the GNU library adds, are declared with this alone.
#define _GNU_SOURCE
#include "include/Notify.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int linux_notify(const char *message, int patience_ms) {
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = name ? strlen(name) : 0;
    if (!length) return 0;
    if ((name[0] != '/' && name[0] != '@') || length >= sizeof address.sun_path) return EAFNOSUPPORT;
    memcpy(address.sun_path, name, length);
    if (name[0] == '@') address.sun_path[0] = 0;
    int number = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (number < 0) return errno;
    int fault = 0;
    if (connect(number, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length))) {
        fault = errno;
    } else if (send(number, message, strlen(message), MSG_NOSIGNAL) < 0) {
        fault = errno;
        struct pollfd room = {.fd = number, .events = POLLOUT};
        if (fault == EAGAIN && patience_ms > 0 && poll(&room, 1, patience_ms) == 1)
            fault = send(number, message, strlen(message), MSG_NOSIGNAL) < 0 ? errno : 0;
    }
    close(number);
    return fault;
}
