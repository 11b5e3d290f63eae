import Glibc
import TestSupport
import Testing

@testable import Gateway

@Suite("Help for man and for shells")
struct HelpFormTests {
    private static let flags = Setting.all.compactMap(\.flag)

    @Test("every form tells every command, every flag and every option of keys")
    func complete() {
        let manual = ManualPage.text
        for flag in Self.flags { #expect(manual.contains(".B \"\(ManualPage.escaped(flag))"), "\(flag)") }
        for option in KeyOption.all { #expect(manual.contains(".B \"\(ManualPage.escaped(option.name))=")) }
        for shell in ShellCompletion.allCases {
            let text = shell.text
            for flag in Self.flags { #expect(text.contains(shell == .fish ? "-l \(flag.dropFirst(2)) " : flag), "\(shell) \(flag)") }
            for command in Subcommand.allCases { #expect(text.contains(command.rawValue)) }
            for option in KeyOption.all { #expect(text.contains("\(option.name)=")) }
        }
    }

    @Test("text is what man(7) reads as such")
    func escaping() {
        #expect(ManualPage.escaped(".x `A-B` \"q\" 'a' \\ …") == "\\&.x \\fBA\\-B\\fR \\(dqq\\(dq \\(aqa\\(aq \\e \\[u2026]")
    }

    @Test("bash offers commands, flags, words of a flag, and options of keys")
    func bash() throws {
        let scratch = try Scratch()
        _ = try scratch.write("completion", ShellCompletion.bash.text)
        let lines = [
            ("portcullis re", "reload"), ("portcullis serve --tls-min", "--tls-min-version"),
            ("portcullis serve --overage ", "allow refuse"), ("portcullis key ro", "rotate"), ("portcullis collection b", "bruno"),
            ("portcullis key add bo spend-per-d", "spend-per-day="), ("portcullis help ver", "version"),
        ]
        for (line, wanted) in lines {
            let words = line.split(separator: " ", omittingEmptySubsequences: false).map { "'\($0)'" }.joined(separator: " ")
            let script = "cd '\(scratch.path)'; . ./completion; compopt() { :; }; COMP_WORDS=(\(words)); "
                + "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _portcullis; printf %s \"${COMPREPLY[*]}\" > out"
            _ = try scratch.write("script", script)
            try #require(unsafe system("bash '\(scratch.path)/script'") == 0)
            #expect(String(decoding: try scratch.read("out"), as: UTF8.self) == wanted)
        }
    }

    @Test("forms are asked for by flags, and others are told")
    func parsing() throws {
        #expect(try Command(["help", "--man"]) == .help(.manual))
        #expect(try Command(["help", "--completion", "zsh"]) == .help(.completion(.zsh)))
        for wrong in [["help", "--completion"], ["help", "--completion", "csh"], ["help", "--pdf"], ["help", "--man", "x"]] {
            #expect(throws: ConfigurationFault.self) { try Command(wrong) }
        }
    }
}
