// modules: Platform:AddressRange,PeerAddress
// files: Sources/Server/ProxyHeader.swift Tests/Fuzz/Cuts.swift
//
// The first byte seeds the places where the header is cut. Whole and cut must agree, no byte behind the header may be
// taken, and a header that is taken ends where the protocol says.

import Platform

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    guard let seed = bytes.first else { return 0 }
    let input = bytes.dropFirst()
    let whole = Outcome(of: input, in: repeatElement(input.count, count: input.count))
    precondition(whole == Outcome(of: input, in: Cuts(seed: seed)), "whole and cut disagree")
    precondition(whole.taken <= 16 + 216 + ProxyHeader.maxExtraBytes)
    guard whole.isComplete else { return 0 }
    let taken = Array(input.prefix(whole.taken))
    if taken.first == UInt8(ascii: "P") {
        precondition(taken.firstIndex(of: 0x0A) == taken.count - 1 && taken.count <= 107)
    } else {
        precondition(taken.count == 16 + Int(taken[14]) << 8 + Int(taken[15]))
    }
    return 0
}

private struct Outcome: Equatable {
    var taken = 0
    var isComplete = false
    var client: String?
    var reason: String?

    /// Feeds pieces of these sizes, but no more than is wanted at a time.
    init(of input: ArraySlice<UInt8>, in sizes: some Sequence<Int>) {
        var header = ProxyHeader()
        do throws(ProxyHeader.Malformed) {
            for most in sizes {
                if isComplete || taken == input.count { break }
                let size = min(most, header.wanted, input.count - taken)
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
