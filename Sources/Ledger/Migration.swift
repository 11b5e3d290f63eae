/// One step that brings a file from one form to the next; the form is how many steps it has behind it.
///
/// A step that has been released never changes: files with that form exist.
struct Migration {
    /// Statements that give no rows.
    let sql: StaticString

    /// All of them, oldest first.
    static let steps = [Migration(sql: responses), Migration(sql: sizes)]

    // `children` counts the responses that continue this one: what has none may go. `hidden` was deleted by its owner,
    // and its items stay only for those that continue it. Contents have tables of their own, because SQLite rewrites a
    // row whole when it changes a number in it.
    private static let responses: StaticString = """
        CREATE TABLE responses (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            owner TEXT NOT NULL,
            parent INTEGER REFERENCES responses (number),
            created INTEGER NOT NULL,
            children INTEGER NOT NULL DEFAULT 0,
            hidden INTEGER NOT NULL DEFAULT 0,
            size INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE items (
            number INTEGER PRIMARY KEY REFERENCES responses (number),
            input BLOB NOT NULL,
            output BLOB NOT NULL
        ) STRICT;
        CREATE TABLE answers (
            number INTEGER PRIMARY KEY REFERENCES responses (number),
            answer BLOB NOT NULL
        ) STRICT;
        CREATE INDEX ends ON responses (created, number) WHERE children = 0;
        CREATE INDEX continuations ON responses (parent) WHERE parent IS NOT NULL;
        """

    // What stores count against their bounds, in the file and not in memory, so that it is undone with the transaction
    // that it belongs to.
    private static let sizes: StaticString = """
        CREATE TABLE sizes (
            store TEXT NOT NULL,
            owner TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            PRIMARY KEY (store, owner)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO sizes (store, owner, bytes) SELECT 'responses', '', coalesce(sum(size), 0) FROM responses;
        """
}
