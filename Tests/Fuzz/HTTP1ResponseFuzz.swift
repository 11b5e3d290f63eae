// modules: HTTP
// files: Tests/Fuzz/Cuts.swift
//
// The first byte chooses the request's method and the limits; the second seeds the places where the input is cut. Whole
// and cut must agree, and the end of a body must be found at the same byte.

import HTTP

private enum Answer: Equatable {
    case head(HTTP1ResponseDecoder.Head, Int)
    case end(Int, Bool)
    case fault(HTTPFault)
    case needsMore
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    guard bytes.count > 2 else { return 0 }
    let input = Array(bytes.dropFirst(2))
    let method: HTTP.Method = bytes[0] & 1 == 0 ? .post : .head
    let limits = bytes[0] & 2 == 0 ? HTTPLimits() : tight
    let whole = head(input, AnySequence([input.count]), method, limits)
    precondition(whole == head(input, AnySequence(Cuts(seed: bytes[1])), method, limits), "whole and cut disagree")
    guard case .head(let found, let consumed) = whole else { return 0 }
    precondition(consumed <= min(input.count, limits.headBytes) && (100...599).contains(found.status) && found.status != 101)
    precondition(found.body != .untilEnd || !found.keepAlive)
    let body = Array(input[consumed...])
    let atOnce = end(of: found.body, body, AnySequence([max(1, body.count)]), limits)
    let inPieces = end(of: found.body, body, AnySequence(Cuts(seed: bytes[1])), limits)
    precondition(atOnce == inPieces, "the body's end depends on the cuts")
    return 0
}

private var tight: HTTPLimits {
    var limits = HTTPLimits()
    limits.fieldBytes = 24
    limits.headBytes = 96
    limits.fieldCount = 4
    limits.bodyBytes = 64
    limits.chunkExtensionBytes = 8
    limits.chunkExtensionTotalBytes = 12
    limits.trailerBytes = 16
    return limits
}

private func head(_ input: [UInt8], _ sizes: AnySequence<Int>, _ method: HTTP.Method, _ limits: HTTPLimits) -> Answer {
    var decoder = HTTP1ResponseDecoder(answering: method, limits: limits)
    var end = 0
    for size in sizes {
        end = min(end + size, input.count)
        do {
            let part = Array(input[..<end])
            if let (found, consumed) = try decoder.decode(part.span) { return .head(found, consumed) }
        } catch {
            precondition(error.status == 502 && error.scope == .connection)
            return .fault(error)
        }
        if end == input.count { break }
    }
    return .needsMore
}

private func end(of framing: BodyFraming, _ body: [UInt8], _ sizes: AnySequence<Int>, _ limits: HTTPLimits) -> Answer {
    var end = BodyEnd(of: framing, limits: limits)
    var used = 0
    var start = 0
    // There is no end of cuts.
    guard !body.isEmpty else { return .end(0, end.isReached) }
    do {
        for size in sizes {
            let piece = Array(body[start..<min(start + size, body.count)])
            let count = try end.advance(over: piece.span)
            precondition(count <= piece.count)
            used += count
            guard count == piece.count, !end.isReached else { break }
            start += piece.count
            if start == body.count { break }
        }
    } catch {
        return .fault(error)
    }
    return .end(used, end.isReached)
}
