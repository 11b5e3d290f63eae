import CNGHTTP2

/// The heads of a connection's responses in the form nghttp2 takes; one after another in the same memory.
@safe struct HTTP2ResponseHead {
    /// Status and length as text.
    private var numbers: [UInt8] = []
    private var list: [nghttp2_nv] = unsafe []

    /// Passes a response's fields as nghttp2 wants them; it copies what it needs before the call returns.
    mutating func withFields(
        of response: Response, date: [UInt8], length: Int?, _ body: (UnsafeBufferPointer<nghttp2_nv>) -> Void
    ) {
        let hasLength = length != nil && response.status != 204 && response.status != 304
        setNumbers(response.status, length ?? 0)
        let (numbers, fields) = (numbers, response.fields)
        unsafe numbers.withUnsafeBufferPointer { numbers in
            unsafe date.withUnsafeBufferPointer { date in
                unsafe fields.lines.withUnsafeBufferPointer { lines in
                    unsafe begin(numbers, date, hasLength: hasLength)
                    fields.forEachRange { name, value, isUnique in
                        // A value that never comes again would only push useful ones out of the HPACK table.
                        let flags = isUnique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE
                        unsafe add(
                            UnsafeBufferPointer(rebasing: lines[name]),
                            UnsafeBufferPointer(rebasing: lines[value]), flags)
                    }
                    unsafe list.withUnsafeBufferPointer { unsafe body($0) }
                }
            }
        }
        // The pointers are void from here on.
        unsafe list.removeAll(keepingCapacity: true)
    }

    /// The same for an interim response 100, which has nothing but its status.
    mutating func withContinue(_ body: (UnsafeBufferPointer<nghttp2_nv>) -> Void) {
        setNumbers(100, 0)
        let numbers = numbers
        unsafe numbers.withUnsafeBufferPointer { numbers in
            unsafe add(Self.status, UnsafeBufferPointer(rebasing: numbers[..<Self.statusDigits]), NGHTTP2_NV_FLAG_NONE)
            unsafe list.withUnsafeBufferPointer { unsafe body($0) }
        }
        unsafe list.removeAll(keepingCapacity: true)
    }

    private mutating func begin(
        _ numbers: UnsafeBufferPointer<UInt8>, _ date: UnsafeBufferPointer<UInt8>, hasLength: Bool
    ) {
        let (status, length) = unsafe (numbers[..<Self.statusDigits], numbers[Self.statusDigits...])
        unsafe add(Self.status, UnsafeBufferPointer(rebasing: status), NGHTTP2_NV_FLAG_NONE)
        unsafe add("date", date, NGHTTP2_NV_FLAG_NONE)
        guard hasLength else { return }
        unsafe add("content-length", UnsafeBufferPointer(rebasing: length), NGHTTP2_NV_FLAG_NONE)
    }

    private mutating func add(_ name: StaticString, _ value: UnsafeBufferPointer<UInt8>, _ flags: nghttp2_nv_flag) {
        // A literal lives as long as the program.
        unsafe add(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount), value, flags)
    }

    private mutating func add(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, _ flags: nghttp2_nv_flag
    ) {
        unsafe list.append(
            nghttp2_nv(
                name: UnsafeMutablePointer(mutating: name.baseAddress),
                value: UnsafeMutablePointer(mutating: value.baseAddress), namelen: name.count, valuelen: value.count,
                flags: UInt8(flags.rawValue)))
    }

    private mutating func setNumbers(_ status: Int, _ length: Int) {
        numbers.removeAll(keepingCapacity: true)
        numbers.append(decimal: status)
        numbers.append(decimal: length)
    }

    private static let status: StaticString = ":status"
    /// A status has three digits (RFC 9110 §15).
    private static let statusDigits = 3
}
