#pragma once
#include <stddef.h>

// The parts of the console's page, as they stand in the files below page/, in the binary for as long as it runs.

/// The document around style and script.
const unsigned char *portcullis_console_document(size_t *count);
/// The only style of the page.
const unsigned char *portcullis_console_style(size_t *count);
/// The only script of the page.
const unsigned char *portcullis_console_script(size_t *count);
