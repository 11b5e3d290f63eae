import Vocabulary

/// How rows of JSON objects are told to people.
enum AdminTable {
    /// All rows as one JSON array.
    static func json(_ rows: [String]) -> String {
        rows.isEmpty ? "[]" : "[\n\(rows.joined(separator: ",\n"))\n]"
    }

    /// A line for each key.
    static func keys(_ rows: [String]) -> String {
        let cells = rows.map { row in
            let key = members(row)
            return [text(key["name"]), text(key["source"]), text(key["state"]), text(key["created"]), text(key["options"])]
        }
        return aligned([["NAME", "SOURCE", "STATE", "CREATED", "OPTIONS"]] + cells)
    }

    /// All that is known of one key.
    static func key(_ row: String) -> String {
        let key = members(row)
        var lines = ["name", "id", "source", "state", "created", "changed", "options"].compactMap { name in
            key[name].map { [name, text($0)] }
        }
        for secret in key["secrets"].map({ Array($0.elements) }) ?? [] {
            let ends = secret["ends"].map { ", ends \(text($0))" } ?? ""
            lines.append(["secret", "made \(text(secret["created"]))\(ends)"])
        }
        return aligned(lines)
    }

    /// A line for each act.
    static func acts(_ rows: [String]) -> String {
        let cells = rows.map { row in
            let act = members(row)
            return ["time", "actor", "action", "subject", "detail"].map { text(act[$0]) }
        }
        return aligned([["TIME", "ACTOR", "ACTION", "SUBJECT", "DETAIL"]] + cells)
    }

    private static func members(_ row: String) -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        guard let document = try? JSONDocument(parsing: Array(row.utf8)) else { return members }
        for (name, value) in document.root.members { members[name.string] = value }
        return members
    }

    /// A text that cannot steer a terminal.
    private static func text(_ value: JSONValue?) -> String {
        let text = value?.text?.string ?? ""
        return String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "?" : $0 }))
    }

    /// Cells under each other; no blanks at the end of a line.
    private static func aligned(_ rows: [[String]]) -> String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        return rows.map { row in
            let line = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}
