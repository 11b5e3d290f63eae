import CNGHTTP2

/// A response's head in the form nghttp2 takes: names and values as ranges of one buffer.
struct HTTP2ResponseHead {
    private var bytes: [UInt8] = []
    private var fields: [(name: Range<Int>, value: Range<Int>, isUnique: Bool)] = []

    init(_ response: Response, date: [UInt8], length: Int?) {
        bytes.reserveCapacity(256 + response.fields.lines.count)
        fields.reserveCapacity(response.fields.count + 3)
        begin(":status")
        bytes.append(UInt8(ascii: "0") + UInt8(response.status / 100 % 10))
        bytes.append(UInt8(ascii: "0") + UInt8(response.status / 10 % 10))
        bytes.append(UInt8(ascii: "0") + UInt8(response.status % 10))
        end()
        begin("date")
        bytes.append(span: date.span)
        end()
        if let length, response.status != 204, response.status != 304 {
            begin("content-length")
            bytes.append(contentsOf: String(length).utf8)
            end()
        }
        let lines = bytes.count
        bytes.append(span: response.fields.lines.span)
        for range in response.fields.ranges {
            fields.append(
                (
                    range.name.lowerBound + lines..<range.name.upperBound + lines,
                    range.value.lowerBound + lines..<range.value.upperBound + lines, range.isUnique
                ))
        }
    }

    /// The head of an interim response 100.
    init(continueOnly: Void) {
        begin(":status")
        bytes.append(literal: "100")
        end()
    }

    private mutating func begin(_ name: StaticString) {
        let start = bytes.count
        bytes.append(literal: name)
        fields.append((start..<bytes.count, bytes.count..<bytes.count, false))
    }

    private mutating func end() {
        let last = fields.count - 1
        fields[last].value = fields[last].value.lowerBound..<bytes.count
    }

    /// Passes the fields as nghttp2 wants them; it copies what it needs before the call returns.
    mutating func withFields(_ body: (UnsafeBufferPointer<nghttp2_nv>) -> Void) {
        let fields = fields
        unsafe bytes.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            let list = unsafe fields.map { field in
                unsafe nghttp2_nv(
                    name: base + field.name.lowerBound, value: base + field.value.lowerBound,
                    namelen: field.name.count, valuelen: field.value.count,
                    // A value that never comes again would only push useful ones out of the HPACK table.
                    flags: UInt8((field.isUnique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE).rawValue))
            }
            unsafe list.withUnsafeBufferPointer { unsafe body($0) }
        }
    }
}
