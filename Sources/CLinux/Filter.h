#pragma once
// Not for Swift: shared by the files of this target.

// Has the kernel refuse the calling thread what no child needs: 0 or an errno. Async-signal-safe.
int linux_enter_filter(int may_serve);

// The Landlock ABI that the kernel tells; 0 for none.
int linux_landlock_version(void);
