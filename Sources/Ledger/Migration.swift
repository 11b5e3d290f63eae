/// One step that brings a file from one form to the next; the form is how many steps it has behind it.
///
/// A step that has been released never changes: files with that form exist.
struct Migration {
    /// Statements that give no rows.
    let sql: StaticString

    /// All of them, oldest first.
    static let steps = [
        Migration(sql: responses), Migration(sql: sizes), Migration(sql: keys), Migration(sql: usage),
        Migration(sql: conversations), Migration(sql: accountCosts),
    ]

    /// The first form that has keys.
    static let formWithKeys = 3

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

    // Keys and what administrators did. A digest stands for one key alone. `number` is a serial number, with gaps.
    private static let keys: StaticString = """
        CREATE TABLE keys (
            id TEXT NOT NULL PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            options TEXT NOT NULL,
            enabled INTEGER NOT NULL,
            created INTEGER NOT NULL,
            changed INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE secrets (
            digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
            key TEXT NOT NULL REFERENCES keys (id),
            not_after INTEGER,
            created INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX secrets_of_keys ON secrets (key, created, digest, not_after);
        CREATE TABLE audit (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            detail TEXT NOT NULL
        ) STRICT;
        """

    // Hours are Unix hours, cost is in thousand-millionths of a US dollar. `holds` is what running turns have reserved.
    // The indexes are for tidying alone: `unfolded` holds only what is not yet counted with the first hour of its day.
    private static let usage: StaticString = """
        CREATE TABLE usage (
            owner TEXT NOT NULL,
            model TEXT NOT NULL,
            client TEXT NOT NULL,
            hour INTEGER NOT NULL,
            requests INTEGER NOT NULL,
            failures INTEGER NOT NULL,
            refusals INTEGER NOT NULL,
            input INTEGER NOT NULL,
            output INTEGER NOT NULL,
            cache_read INTEGER NOT NULL,
            cache_write INTEGER NOT NULL,
            cost INTEGER NOT NULL,
            milliseconds INTEGER NOT NULL,
            first_milliseconds INTEGER NOT NULL,
            PRIMARY KEY (owner, model, client, hour)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX hours ON usage (hour);
        CREATE INDEX unfolded ON usage (hour) WHERE hour % 24 <> 0;
        CREATE TABLE refusals (
            owner TEXT NOT NULL,
            reason TEXT NOT NULL,
            hour INTEGER NOT NULL,
            count INTEGER NOT NULL,
            PRIMARY KEY (owner, reason, hour)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX hours_of_refusals ON refusals (hour);
        CREATE INDEX unfolded_refusals ON refusals (hour) WHERE hour % 24 <> 0;
        CREATE TABLE recent (
            owner TEXT NOT NULL,
            second INTEGER NOT NULL,
            requests INTEGER NOT NULL,
            input INTEGER NOT NULL,
            output INTEGER NOT NULL,
            cached INTEGER NOT NULL,
            PRIMARY KEY (owner, second)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX seconds ON recent (second);
        CREATE TABLE holds (
            id TEXT NOT NULL PRIMARY KEY,
            gateway TEXT NOT NULL,
            owner TEXT NOT NULL,
            model TEXT NOT NULL,
            client TEXT NOT NULL,
            hour INTEGER NOT NULL,
            requests INTEGER NOT NULL,
            input INTEGER NOT NULL,
            output INTEGER NOT NULL,
            cached INTEGER NOT NULL,
            cost INTEGER NOT NULL,
            until INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        """

    // `length` is how many turns a conversation has: who writes says which he knows. Turns stand in a table with row
    // numbers of its own, since a table without them is slow with large values.
    private static let conversations: StaticString = """
        CREATE TABLE conversations (
            owner TEXT NOT NULL,
            id TEXT NOT NULL,
            created INTEGER NOT NULL,
            used INTEGER NOT NULL,
            model TEXT NOT NULL,
            length INTEGER NOT NULL,
            size INTEGER NOT NULL,
            PRIMARY KEY (owner, id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX conversations_by_use ON conversations (used, owner, id);
        CREATE INDEX conversations_of_owners ON conversations (owner, used, id);
        CREATE TABLE conversation_turns (
            owner TEXT NOT NULL,
            id TEXT NOT NULL,
            position INTEGER NOT NULL,
            content BLOB NOT NULL,
            PRIMARY KEY (owner, id, position)
        ) STRICT;
        """

    // Hours are Unix hours, cost is in thousand-millionths of a US dollar. Few rows: those of a week. What was counted
    // before was all of one account.
    private static let accountCosts: StaticString = """
        CREATE TABLE account_costs (
            account TEXT NOT NULL,
            owner TEXT NOT NULL,
            hour INTEGER NOT NULL,
            cost INTEGER NOT NULL,
            PRIMARY KEY (account, owner, hour)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX hours_of_account_costs ON account_costs (hour);
        INSERT INTO account_costs
            SELECT 'default', owner, hour, sum(cost) FROM usage
            WHERE cost > 0 AND hour >= (SELECT max(hour) FROM usage) - 192 GROUP BY owner, hour;
        """
}
