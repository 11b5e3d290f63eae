import Platform
import Testing
import Vocabulary

@testable import ClaudeCLI
@testable import Gateway

@Suite("Parts of the account's windows")
struct AccountSharesTests {
    private static let now = 1_795_867_200

    private func principal(_ name: String, _ words: [String]) throws -> Principal {
        Principal(id: KeyID(named: name), name: name, options: try KeyOptions(words: words), owner: ProcessOwner(identity: []))
    }

    /// The window of five hours, so far used, with so many hours to go.
    private func state(used: Double, hoursLeft: Int) -> QuotaState {
        var window = Quota.Window("five_hour")
        window.utilization = used
        window.resetsAt = Self.now + hoursLeft * 3600
        var quota = Quota()
        quota.windows = [window]
        var state = QuotaState()
        state.take(quota, family: nil, observedAt: Self.now)
        return state
    }

    /// Whether a key may go on that has spent so much, beside another that has.
    private func mayGoOn(
        _ own: [String], spent: Int, beside other: [String], spent otherSpent: Int, used: Double, hoursLeft: Int = 5,
        reserve: Int = 0
    ) throws -> Bool {
        let (costs, alice, bob) = (AccountCosts(), try principal("alice", own), try principal("bob", other))
        costs.add(spent, of: alice.id, in: "a", hour: Self.now / 3600)
        costs.add(otherSpent, of: bob.id, in: "a", hour: Self.now / 3600)
        let shares = AccountShares(
            costs: costs, account: "a", sharing: [alice, bob].filter { $0.options.share != nil }, reservePercent: reserve)
        return shares.refusal(alice, state(used: used, hoursLeft: hoursLeft), family: nil, now: Self.now) == nil
    }

    @Test("a key may always use its own part, and beyond it what nobody else is owed")
    func parts() throws {
        // Alice has had half of what is used; 30 % are Bob's, of which he has had none.
        #expect(try mayGoOn(["share=40%"], spent: 1, beside: ["share=30%"], spent: 0, used: 0.39))
        #expect(try mayGoOn(["share=40%"], spent: 1, beside: ["share=30%"], spent: 0, used: 0.69))
        #expect(try !mayGoOn(["share=40%"], spent: 1, beside: ["share=30%"], spent: 0, used: 0.71))
        // Nothing of Bob's is left to be kept.
        #expect(try mayGoOn(["share=40%"], spent: 1, beside: ["share=30%"], spent: 1, used: 0.9))
        // Her own part is hers, whatever the others have used.
        #expect(try mayGoOn(["share=40%"], spent: 1, beside: ["share=30%"], spent: 9, used: 0.99))
    }

    @Test("a key without a part leaves the others theirs")
    func noPart() throws {
        #expect(try mayGoOn([], spent: 1, beside: ["share=30%"], spent: 0, used: 0.69))
        #expect(try !mayGoOn([], spent: 1, beside: ["share=30%"], spent: 0, used: 0.71))
        #expect(try mayGoOn([], spent: 1, beside: [], spent: 0, used: 0.99))
    }

    @Test("the nearer the end of a window, the more of what is unused flows over")
    func flowsOver() throws {
        #expect(try !mayGoOn([], spent: 1, beside: ["share=50%"], spent: 0, used: 0.8, hoursLeft: 4))
        #expect(try mayGoOn([], spent: 1, beside: ["share=50%"], spent: 0, used: 0.8, hoursLeft: 1))
    }

    @Test("the reserve is for keys that say so, to the end")
    func reserve() throws {
        #expect(try !mayGoOn(["share=90%"], spent: 1, beside: [], spent: 0, used: 0.9, hoursLeft: 1, reserve: 10))
        #expect(try mayGoOn(["reserve=yes"], spent: 1, beside: [], spent: 0, used: 0.95, hoursLeft: 1, reserve: 10))
    }
}
