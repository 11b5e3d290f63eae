/// What a shell offers behind `portcullis`, made of the tables that the program reads its command line by.
enum ShellCompletion: String, Sendable, CaseIterable {
    case bash, zsh, fish

    /// The file for that shell.
    var text: String {
        switch self {
        case .bash: Self.bashText
        case .zsh: Self.zshText
        case .fish: Self.fishText
        }
    }

    /// What may stand behind a flag.
    private enum Value {
        case words([String])
        case files
        case anything
    }

    private static let commands = Subcommand.allCases
    private static let verbs = KeyCommand.forms
    private static let collections = RequestCollection.allCases.map(\.rawValue).joined(separator: " ")
    private static let flagged = Setting.all.filter { $0.flag != nil }

    private static func value(of setting: Setting) -> Value {
        let parts = setting.syntax.split(separator: "|").map { $0.filter { $0 != " " } }
        let areWords = parts.allSatisfy { part in part.allSatisfy { $0.isLowercase || $0.isNumber || ".-".contains($0) } }
        if parts.count > 1, areWords { return .words(parts) }
        let isPath = ["FILE", "DIRECTORY", "PROGRAM", "PATH"].contains { setting.syntax.contains($0) }
        return isPath ? .files : .anything
    }

    // MARK: - Shells

    private static var bashText: String {
        var values = ""
        var files: [String] = []
        for setting in flagged {
            guard let flag = setting.flag else { continue }
            switch value(of: setting) {
            case .words(let words): values += "        \(flag)) COMPREPLY=($(compgen -W '\(words.joined(separator: " "))' -- \"$word\")); return ;;\n"
            case .files: files.append(flag)
            case .anything: break
            }
        }
        return """
            # bash completion for portcullis
            _portcullis() {
                local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
                if [ "$COMP_CWORD" -eq 1 ]; then
                    COMPREPLY=($(compgen -W '\(commands.map(\.rawValue).joined(separator: " "))' -- "$word"))
                    return
                fi
                case $before in
            \(values)        \(files.joined(separator: "|"))) COMPREPLY=($(compgen -f -- "$word")); return ;;
                esac
                case ${COMP_WORDS[1]}:$COMP_CWORD in
                    key:2) COMPREPLY=($(compgen -W '\(verbs.map(\.word).joined(separator: " "))' -- "$word")); return ;;
                    collection:2) COMPREPLY=($(compgen -W '\(collections)' -- "$word")); return ;;
                    help:2) COMPREPLY=($(compgen -W '\(commands.map(\.rawValue).joined(separator: " "))' -- "$word")); return ;;
                esac
                if [[ $word == -* ]]; then
                    COMPREPLY=($(compgen -W '\(flagged.compactMap(\.flag).joined(separator: " "))' -- "$word"))
                elif [[ ${COMP_WORDS[1]} == key && ${COMP_WORDS[2]} == @(add|set) && $COMP_CWORD -gt 3 ]]; then
                    compopt -o nospace
                    COMPREPLY=($(compgen -W '\(KeyOption.all.map { "\($0.name)=" }.joined(separator: " "))' -- "$word"))
                fi
            }
            complete -F _portcullis portcullis

            """
    }

    private static var zshText: String {
        var flags = ""
        for setting in flagged {
            guard let flag = setting.flag else { continue }
            let action: String
            switch value(of: setting) {
            case .words(let words): action = ":value:(\(words.joined(separator: " ")))"
            case .files: action = ":file:_files"
            case .anything: action = setting.reader.isSwitch ? "" : ":value:"
            }
            let repeated = setting.reader.isList ? "*" : ""
            flags += "        '\(repeated)\(flag)[\(zshWord(setting.help))]\(action)'\n"
        }
        let described = commands.map { "'\($0.rawValue):\(zshWord($0.summary))'" }.joined(separator: " ")
        let acts = verbs.map { "'\($0.word):\(zshWord($0.arguments))'" }.joined(separator: " ")
        return """
            #compdef portcullis
            # zsh completion for portcullis
            _portcullis() {
                local -a commands=(\(described))
                local -a acts=(\(acts))
                local -a options=(\(KeyOption.all.map { "\($0.name)=" }.joined(separator: " ")))
                local -a flags=(
            \(flags)    )
                if ((CURRENT == 2)); then
                    _describe command commands
                    return
                fi
                case $words[2] in
                    key)
                        if ((CURRENT == 3)); then
                            _describe act acts
                        elif ((CURRENT > 4)) && [[ $words[3] == (add|set) && $PREFIX != -* ]]; then
                            compadd -S '' -- $options
                        else
                            _arguments $flags '*: :'
                        fi
                        ;;
                    collection) compadd \(collections) ;;
                    help) _describe command commands ;;
                    *) _arguments $flags '*: :' ;;
                esac
            }
            _portcullis "$@"

            """
    }

    /// A text that may stand in single quotes and brackets.
    private static func zshWord(_ text: String) -> String {
        var word = ""
        for character in text {
            switch character {
            case "'", "`": break
            case "[", "]", ":": word += "\\\(character)"
            default: word.append(character)
            }
        }
        return word
    }

    private static var fishText: String {
        let isFirst = "not __fish_seen_subcommand_from \(commands.map(\.rawValue).joined(separator: " "))"
        var lines = ["# fish completion for portcullis", "complete -c portcullis -f"]
        for command in commands {
            lines.append("complete -c portcullis -n '\(isFirst)' -a \(command.rawValue) -d '\(fishWord(command.summary))'")
        }
        for verb in verbs {
            lines.append("complete -c portcullis -n '__fish_seen_subcommand_from key' -a \(verb.word) -d '\(fishWord(verb.arguments))'")
        }
        lines.append("complete -c portcullis -n '__fish_seen_subcommand_from collection' -a '\(collections)'")
        for option in KeyOption.all {
            lines.append("complete -c portcullis -n '__fish_seen_subcommand_from add set' -a '\(option.name)=' -d '\(fishWord(option.help))'")
        }
        for setting in flagged {
            guard let flag = setting.flag?.dropFirst(2) else { continue }
            let argument: String
            switch value(of: setting) {
            case .words(let words): argument = " -x -a '\(words.joined(separator: " "))'"
            case .files: argument = " -r -F"
            case .anything: argument = setting.reader.isSwitch ? "" : " -x"
            }
            lines.append("complete -c portcullis -n 'not \(isFirst)' -l \(flag)\(argument) -d '\(fishWord(setting.help))'")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func fishWord(_ text: String) -> String {
        text.filter { $0 != "'" && $0 != "`" && $0 != "\\" }
    }
}
