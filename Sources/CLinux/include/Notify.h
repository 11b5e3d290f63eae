#pragma once

// Tells the service manager, as sd_notify(3) does, but waits no longer than that for one that does not read. 0, or why
// it could not be told.
int linux_notify(const char *message, int patience_ms);
