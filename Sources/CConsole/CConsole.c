#include "CConsole.h"

// Of C23, which compilers take in older C too, with a warning.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char document[] = {
#embed "page/console.html"
};

static const unsigned char style[] = {
#embed "page/console.css"
};

// One after the other: each file may use what those before it declare.
static const unsigned char script[] = {
#embed "page/dom.js"
    ,
#embed "page/markdown.js"
    ,
#embed "page/api.js"
    ,
#embed "page/plots.js"
    ,
#embed "page/dialogs.js"
    ,
#embed "page/chat.js"
    ,
#embed "page/usage.js"
    ,
#embed "page/keys.js"
    ,
#embed "page/operation.js"
    ,
#embed "page/main.js"
};

const unsigned char *portcullis_console_document(size_t *count) {
    *count = sizeof document;
    return document;
}

const unsigned char *portcullis_console_style(size_t *count) {
    *count = sizeof style;
    return style;
}

const unsigned char *portcullis_console_script(size_t *count) {
    *count = sizeof script;
    return script;
}
