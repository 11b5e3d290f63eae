import Vocabulary

/// Turns the vendor's citations of web pages into OpenAI's: those say of a part of the text where it comes from, where the
/// vendor cuts the text into blocks and cites for each.
struct URLCitations: Sendable {
    /// One page that a part of the text rests on.
    struct Citation: Sendable {
        var url: JSONText
        var title: JSONText?
        /// The part's place in the text, in characters (Unicode scalars, as Python counts).
        var start: Int
        var end: Int
    }

    /// Those of the parts that are over.
    private(set) var all: [Citation] = []
    /// How long the text is by now, and how long it was when the open block began.
    private var length = 0
    private var blockStart = 0
    private var open: [(url: JSONText, title: JSONText?)] = []

    /// A block of text begins.
    mutating func beginBlock() {
        blockStart = length
        open = []
    }

    /// The text grows.
    mutating func add(_ slice: JSONSlice, of line: Span<UInt8>) { length += slice.scalarCount(in: line) }

    /// A citation of the open block; those of documents have no address and no counterpart.
    mutating func cite(_ slice: JSONSlice, of line: Span<UInt8>) {
        guard let document = try? JSONDocument(parsing: Array(slice.text(in: line).escaped)),
            document.root["type"]?.text?.matches("web_search_result_location") == true,
            let url = document.root["url"]?.text, !open.contains(where: { $0.url.string == url.string })
        else { return }
        open.append((url, document.root["title"]?.text))
    }

    /// The block is over: what it cited is known to its end. The citations are told that are new.
    mutating func endBlock() -> ArraySlice<Citation> {
        let before = all.count
        for (url, title) in open where length > blockStart {
            all.append(Citation(url: url, title: title, start: blockStart, end: length))
        }
        open = []
        return all[before...]
    }

    /// Begins with another text.
    mutating func removeAll() { self = URLCitations() }
}

extension URLCitations.Citation {
    /// The members in both of OpenAI's dialects.
    func members(_ json: inout JSONWriter) {
        json.member("start_index", start)
        json.member("end_index", end)
        json.member("url", url)
        json.key("title")
        json.string(title ?? url)
    }

    /// As it stands in a chat completion.
    func chat(_ json: inout JSONWriter) {
        json.beginObject()
        json.member("type", literal: "url_citation")
        json.key("url_citation")
        json.beginObject()
        members(&json)
        json.endObject()
        json.endObject()
    }

    /// As it stands in a response.
    func response(_ json: inout JSONWriter) {
        json.beginObject()
        json.member("type", literal: "url_citation")
        members(&json)
        json.endObject()
    }
}

extension JSONSlice {
    /// How many Unicode scalars the escaped text spells.
    fileprivate func scalarCount(in line: Span<UInt8>) -> Int {
        var count = 0
        var index = start
        while index < end {
            let byte = line[index]
            guard byte == UInt8(ascii: "\\"), index + 1 < end else {
                // Every byte but those that go on with a scalar begins one.
                if byte & 0xC0 != 0x80 { count += 1 }
                index += 1
                continue
            }
            guard line[index + 1] == UInt8(ascii: "u"), index + 5 < end else {
                count += 1
                index += 2
                continue
            }
            // The second half of a pair, U+DC00 to U+DFFF, is counted with the first.
            let isSecondHalf = line[index + 2] | 0x20 == UInt8(ascii: "d") && "cdef".utf8.contains(line[index + 3] | 0x20)
            if !isSecondHalf { count += 1 }
            index += 6
        }
        return count
    }
}
