import Testing

@testable import Gateway

@Suite("What needs the operator while the service goes on")
struct ProblemTests {
    @Test("what has come and what is over is told once, in the order of the subjects")
    func changes() {
        let problems = Problems()
        let login = problems.replace(.login, with: ["no login"])
        #expect(login.begun.map(\.text) == ["no login"] && login.over.isEmpty)
        let certificate = problems.replace(.certificate, with: ["one", "two"])
        #expect(certificate.begun.count == 2)
        #expect(problems.current.map(\.text) == ["one", "two", "no login"])

        let generation = problems.generation
        let again = problems.replace(.certificate, with: ["one", "two"])
        #expect(again.begun.isEmpty && again.over.isEmpty && problems.generation == generation)

        let mended = problems.replace(.certificate, with: ["two"])
        #expect(mended.begun.isEmpty && mended.over.map(\.text) == ["one"])
        #expect(problems.generation != generation)
        #expect(problems.current.map(\.subject) == [.certificate, .login])
    }

    @Test(
        "a certificate is spoken of before it ends, but not all its life when that is short",
        arguments: [
            (days: 365, left: 30 * 86_400, nil), (365, 30 * 86_400 - 1, "expires in less than 30 days"),
            (90, 15 * 86_400, "in less than 30 days"), (90, 14 * 86_400 - 1, "in less than 14 days"),
            (90, 7 * 86_400, "in less than 14 days"), (90, 7 * 86_400 - 1, "in less than 7 days"),
            (90, 86_400 + 5, "in less than 7 days"), (90, 7200, "in less than a day:"),
            (90, 0, "has expired"), (90, -5, "has expired"), (6, 3 * 86_400, nil), (6, 86_400, "in less than 7 days"),
        ] as [(days: Int, left: Int, String?)])
    func certificate(days: Int, left: Int, expected: String?) {
        let told = LoadedCertificate.problem(
            file: "/c.pem", hasBegun: true, secondsLeft: left, lifetime: days * 86_400)
        #expect(told.map { $0.contains(expected ?? "-") } == expected.map { _ in true }, "\(told ?? "nothing")")
    }

    @Test("a certificate that is not valid yet is no reason to refuse it")
    func early() {
        let told = LoadedCertificate.problem(
            file: "/c.pem", hasBegun: false, secondsLeft: 90 * 86_400, lifetime: 90 * 86_400)
        #expect(told == "the certificate in /c.pem is not valid yet: clients refuse it until then")
    }
}
