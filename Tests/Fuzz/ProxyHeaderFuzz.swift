// modules: Platform:AddressRange,PeerAddress
// files: Sources/Server/ProxyHeader.swift
//
// The first byte seeds the places where the header is cut. Whole and cut must agree, no byte behind the header may be
// taken, and a version 1 header that is taken is written as the protocol writes it.

import Platform

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    guard let seed = bytes.first else { return 0 }
    let input = bytes.dropFirst()
    let whole = Outcome(of: input, state: nil)
    precondition(whole == Outcome(of: input, state: UInt32(seed) | 0x100), "whole and cut disagree")
    precondition(whole.taken <= 16 + 216 + ProxyHeader.maxExtraBytes)
    if whole.isComplete, input.first == UInt8(ascii: "P") {
        precondition(input.prefix(whole.taken).suffix(2) == [0x0D, 0x0A] && whole.taken <= 107)
    }
    return 0
}

private struct Outcome: Equatable {
    var taken = 0
    var isComplete = false
    var client: String?
    var reason: String?

    /// Feeds as much as is wanted at a time, or with a state less than that.
    init(of input: ArraySlice<UInt8>, state: UInt32?) {
        var header = ProxyHeader()
        var state = state
        do throws(ProxyHeader.Malformed) {
            while !isComplete, taken < input.count {
                var size = min(header.wanted, input.count - taken)
                if let old = state {
                    let next = old &* 1_664_525 &+ 1_013_904_223
                    size = min(size, 1 + Int(next >> 28))
                    state = next
                }
                isComplete = try header.take(input.dropFirst(taken).prefix(size))
                taken += size
                precondition(isComplete == (header.wanted == 0))
            }
            client = header.client.map { "\($0)" }
        } catch {
            // How far it came before it saw the fault depends on the pieces.
            (taken, reason) = (0, error.reason)
        }
    }
}
