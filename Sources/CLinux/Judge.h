#pragma once
// Not for Swift: shared by the files of this target.
#include "Shell.h"

// Takes one call that waits at `listener`, judges and answers it. What is allowed is done here, with what was judged: the
// caller could change its own copy meanwhile.
void linux_judge(int listener, const linux_shell_plan *plan);
