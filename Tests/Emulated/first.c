// The first process of the emulated machine: loads the modules that its disk needs, and becomes the disk's systemd.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int fails(const char *what) {
    fprintf(stderr, "the disk cannot be started from: %s: %s\n", what, strerror(errno));
    return 1;
}

static int loads(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    long status = file < 0 ? -1 : syscall(SYS_finit_module, file, "", 0);
    if (file >= 0) close(file);
    return status == 0 || errno == EEXIST;
}

int main(void) {
    char path[256];
    FILE *modules = fopen("/modules/order", "re");
    if (!modules) return fails("modules");
    while (fscanf(modules, "%255s", path) == 1)
        if (!loads(path)) return fails(path);
    fclose(modules);
    mkdir("/dev", 0755), mkdir("/disk", 0755);
    if (mount("dev", "/dev", "devtmpfs", 0, "")) return fails("/dev");
    // The bus is searched beside this: ten seconds at most.
    for (int tries = 1000; access("/dev/vda", F_OK) && tries; tries--) nanosleep(&(struct timespec){.tv_nsec = 10000000}, 0);
    if (mount("/dev/vda", "/disk", "ext4", 0, "")) return fails("/dev/vda");
    if (mount("/dev", "/disk/dev", 0, MS_MOVE, 0)) return fails("/disk/dev");
    if (chdir("/disk") || mount(".", "/", 0, MS_MOVE, 0) || chroot(".") || chdir("/")) return fails("/disk");
    execl("/lib/systemd/systemd", "systemd", (char *)0);
    return fails("systemd");
}
