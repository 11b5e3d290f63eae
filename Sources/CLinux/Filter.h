#pragma once
#include "Walls.h"

// Not for Swift: shared by the files of this target.

// Writes what the filters are; to be called before a child may need one.
void linux_prepare_filter(void);

// Has the kernel refuse the calling thread what no child needs: 0 or an errno. Async-signal-safe. `listener` becomes the
// descriptor by which a shell's calls are judged.
int linux_enter_filter(const linux_walls *walls, int *listener);

// The Landlock ABI that the kernel tells; 0 for none.
int linux_landlock_version(void);
