// modules: HTTP
// files: Tests/Fuzz/Cuts.swift
//
// The first byte chooses the part; the second seeds the places where the input is cut. Whole and cut must
// agree. For an accepted head, what it promises must hold.

import HTTP

private enum Answer: Equatable {
    case head([UInt8], Int)
    case body([UInt8], Int)
    case fault(HTTPFault)
    case needsMore
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    guard bytes.count > 2 else { return 0 }
    let input = Array(bytes.dropFirst(2))
    let cuts = Cuts(seed: bytes[1])
    switch bytes[0] & 3 {
    case 0: fuzzChunks(input, cuts)
    case 1: fuzzHTTP2(input)
    default: fuzzHead(input, cuts, bytes[0] & 4 == 0 ? HTTPLimits() : tight)
    }
    return 0
}

private var tight: HTTPLimits {
    var limits = HTTPLimits()
    limits.requestLineBytes = 40
    limits.fieldBytes = 24
    limits.headBytes = 96
    limits.fieldCount = 4
    limits.bodyBytes = 64
    limits.chunkExtensionBytes = 8
    limits.chunkExtensionTotalBytes = 12
    limits.trailerBytes = 16
    return limits
}

// MARK: Heads

private func fuzzHead(_ input: [UInt8], _ cuts: Cuts, _ limits: HTTPLimits) {
    var decoder = HTTP1Decoder(limits: limits)
    let whole = answer(&decoder, input)
    decoder = HTTP1Decoder(limits: limits)
    var cut = Answer.needsMore
    var end = 0
    for size in cuts where cut == .needsMore && end < input.count {
        end = min(end + size, input.count)
        cut = answer(&decoder, Array(input[..<end]))
        if end == input.count { break }
        if cut != .needsMore { break }
    }
    precondition(whole == cut, "whole and cut disagree")
}

private func answer(_ decoder: inout HTTP1Decoder, _ bytes: [UInt8]) -> Answer {
    do {
        guard let (request, consumed) = try decoder.decode(bytes.span) else { return .needsMore }
        check(request)
        precondition(consumed > 0 && consumed <= bytes.count)
        return .head(description(request), consumed)
    } catch {
        precondition(error.scope == .connection)
        return .fault(error)
    }
}

/// What every room behind the decoder relies on.
private func check(_ request: Request) {
    let path = request.path
    precondition(path.first == UInt8(ascii: "/") || path.elementsEqual("*".utf8))
    for byte in path { precondition(byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "?") && byte != 0x23) }
    for byte in request.query ?? [] { precondition(byte > 0x20 && byte < 0x7F && byte != 0x23) }
    for byte in request.authority ?? [] { precondition(byte > 0x20 && byte < 0x7F && byte != 0x40) }
    precondition(request.authority != nil || request.version == .http10)
    for (name, value) in request.fields {
        precondition(FieldName(parsing: String(decoding: name, as: UTF8.self)) != nil)
        precondition(!name.contains { $0 >= 0x41 && $0 <= 0x5A })
        precondition(!value.contains { $0 < 0x20 && $0 != 9 || $0 == 0x7F })
        precondition(value.first != 0x20 && value.last != 0x20)
    }
    precondition(request.fields.count(of: .host) <= 1)
    precondition(request.fields.count(of: .contentLength) <= 1)
    if request.body == .chunked { precondition(request.fields[.contentLength] == nil) }
    if case .length(let length) = request.body { precondition(length > 0) }
}

private func description(_ request: Request) -> [UInt8] {
    var text = Array(request.method.name.utf8) + request.path + [0] + (request.query ?? [1])
    text += [0] + (request.authority ?? [1])
    for (name, value) in request.fields { text += name + [0] + value + [0] }
    text += "\(request.version)\(request.body)\(request.keepAlive)\(request.expectsContinue)".utf8
    return text
}

// MARK: Chunks

private func fuzzChunks(_ input: [UInt8], _ cuts: Cuts) {
    for limits in [HTTPLimits(), tight] {
        let whole = body(input, AnySequence([max(input.count, 1)]), limits)
        let cut = body(input, AnySequence(cuts), limits)
        precondition(whole == cut, "whole and cut disagree")
    }
}

private func body(_ input: [UInt8], _ sizes: AnySequence<Int>, _ limits: HTTPLimits) -> Answer {
    var decoder = ChunkedDecoder(limits: limits)
    var data: [UInt8] = []
    var start = 0
    do {
        for size in sizes where start < input.count {
            let piece = Array(input[start..<min(start + size, input.count)])
            var position = 0
            var event = try decoder.next(in: piece.span, at: &position)
            while case .data(let range) = event {
                precondition(!range.isEmpty && range.upperBound == position)
                data += piece[range]
                precondition(data.count <= decoder.dataBytes && data.count <= limits.bodyBytes)
                event = try decoder.next(in: piece.span, at: &position)
            }
            if event == .finished { return .body(data, start + position) }
            precondition(position == piece.count)
            start += piece.count
            if start == input.count { break }
        }
        return .needsMore
    } catch {
        return .fault(error)
    }
}

// MARK: HTTP/2

/// Lines of `name\0value` become the fields of one header block.
private func fuzzHTTP2(_ input: [UInt8]) {
    var builder = HTTP2RequestBuilder(limits: tight)
    var roomy = HTTP2RequestBuilder()
    do throws(HTTPFault) {
        for line in input.split(separator: 0x0A, omittingEmptySubsequences: false) {
            let name = Array(line.prefix { $0 != 0 })
            let value = Array(line.dropFirst(name.count + 1))
            try roomy.add(name: name.span, value: value.span)
            try builder.add(name: name.span, value: value.span)
        }
        check(try roomy.finish(endsStream: input.count % 2 == 0))
        check(try builder.finish(endsStream: input.count % 3 == 0))
    } catch {
        precondition(error.scope == .stream)
    }
}
