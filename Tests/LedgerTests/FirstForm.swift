import TestSupport
import Testing

@testable import Ledger

/// A file as the first release wrote it.
enum FirstForm {
    /// Makes one with three responses: `a`, which its owner deleted, and `b` and `c`, which continue it.
    static func make(_ path: String) throws {
        try LedgerFile.make(path)
        let database = try Database(path: path)
        try database.execute("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA secure_delete=ON")
        #expect(try database.text("PRAGMA journal_mode=WAL") == "wal")
        try database.execute(schema)
        try database.execute(
            """
            INSERT INTO responses VALUES (1, 'a', 'alice', NULL, 1000, 2, 1, 518), (2, 'b', 'alice', 1, 1001, 0, 0, 528),
                (3, 'c', 'alice', 1, 1002, 0, 0, 528);
            INSERT INTO items VALUES (1, CAST('"a?"' AS BLOB), CAST('"a!"' AS BLOB)),
                (2, CAST('"b?"' AS BLOB), CAST('"b!"' AS BLOB)), (3, CAST('"c?"' AS BLOB), CAST('"c!"' AS BLOB));
            INSERT INTO answers VALUES (2, CAST('answer b' AS BLOB)), (3, CAST('answer c' AS BLOB));
            """)
    }

    // Never to be changed: such files exist.
    private static let schema: StaticString = """
        BEGIN IMMEDIATE;
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
        PRAGMA user_version = 1;
        COMMIT;
        """
}
