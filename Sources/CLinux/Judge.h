#pragma once
// Not for Swift: shared by the files of this target.
#include "Shell.h"

// What a shell's programs wanted and were refused.
enum linux_refusal {
    LINUX_REFUSED_NETWORK, LINUX_REFUSED_CONNECTION, LINUX_REFUSED_CHANGE, LINUX_REFUSED_SIZE,
    LINUX_REFUSED_OUTLIVING_COMMAND, LINUX_REFUSED_OUTLIVING_RUN,
    LINUX_REFUSALS
};

// How often.
struct linux_refused {
    unsigned times[LINUX_REFUSALS];
};

// Takes one call that waits at `listener`, judges and answers it. What is allowed is done here, with what was judged: the
// caller could change its own copy meanwhile.
void linux_judge(int listener, const linux_shell_plan *plan, struct linux_refused *refused);
