#pragma once
#include <sqlite3.h>

// Variadic functions and pointer constants that Swift cannot see.

// What a database file may do to us is nothing: no writing to the schema as if it were data, no functions with side
// effects in views and triggers, no text in double quotes taken for a string, no extensions.
static inline int portcullis_sqlite_harden(sqlite3 *database) {
    static const int on[] = {SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_ENABLE_FKEY};
    static const int off[] = {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION,
                              SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW,
                              SQLITE_DBCONFIG_DQS_DML, SQLITE_DBCONFIG_DQS_DDL};
    for (unsigned i = 0; i < sizeof on / sizeof *on; i++) {
        int result = sqlite3_db_config(database, on[i], 1, (int *)0);
        if (result != SQLITE_OK) return result;
    }
    for (unsigned i = 0; i < sizeof off / sizeof *off; i++) {
        int result = sqlite3_db_config(database, off[i], 0, (int *)0);
        if (result != SQLITE_OK) return result;
    }
    return SQLITE_OK;
}

// SQLite makes a copy of the text.
static inline int portcullis_sqlite_bind_text(sqlite3_stmt *statement, int index, const char *text, int count) {
    return sqlite3_bind_text(statement, index, text, count, SQLITE_TRANSIENT);
}

// SQLite makes a copy of the bytes.
static inline int portcullis_sqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int count) {
    return sqlite3_bind_blob(statement, index, bytes, count, SQLITE_TRANSIENT);
}
