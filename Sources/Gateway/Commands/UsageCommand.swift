import Ledger
import Platform
import Vocabulary

/// `portcullis usage`: tells what keys have used out of the ledger, beside a running service too.
enum UsageCommand {
    /// What may stand behind it.
    static let help = """

          --by WHAT       day, month, model, client or key; by day without it
          --key NAME      of one key alone
          --since DAY     the first day: 2026-11-28, today, yesterday, or 30d for the last 30 days;
                          without it the first of this month
          --until DAY     the last day, today without it
          --json, --csv   for programs and for sheets
          and the options of 'portcullis serve', of which --config and --state-dir matter.
        """

    /// How the answer is written.
    enum Form: Equatable { case text, json, csv }

    /// What the words behind `usage` ask for; those that are not its own are settings.
    struct Request: Equatable {
        var query: UsageQuery
        var form = Form.text
        var options: [String] = []

        init(_ arguments: [String], today: CivilDate) throws(ConfigurationFault) {
            query = UsageQuery(today: today)
            var rest = arguments[...]
            while let word = rest.popFirst() {
                switch word {
                case "--json": form = .json
                case "--csv": form = .csv
                default:
                    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                    let name = String(parts[0].dropFirst(2))
                    guard word.hasPrefix("--"), ["by", "key", "since", "until"].contains(name) else {
                        options.append(word)
                        continue
                    }
                    guard let value = parts.count > 1 ? String(parts[1]) : rest.popFirst() else {
                        throw ConfigurationFault(word, "needs a value")
                    }
                    do throws(ValueProblem) { _ = try query.take(name, value, today: today) } catch {
                        throw ConfigurationFault("--\(name)", error.text)
                    }
                }
            }
        }
    }

    /// Returns the exit status: 64 for words that are not understood, 78 for settings or a ledger that cannot be read.
    static func run(_ arguments: [String], environment: [String: String]) -> Int32 {
        let request: Request
        do throws(ConfigurationFault) {
            request = try Request(arguments, today: CivilDate(unixSeconds: WallClock.unixSeconds))
        } catch {
            Terminal.complain(error.description)
            return 64  // EX_USAGE
        }
        do throws(ConfigurationFaults) {
            let state = try stateDirectory(SnapshotLoader(options: request.options, environment: environment))
            let table = try table(request.query, in: state)
            Terminal.say(text(of: table, request))
            return 0
        } catch {
            Terminal.complain(error.description)
            return 78  // EX_CONFIG
        }
    }

    /// As its owner, since whoever opens the ledger first makes files beside it.
    private static func stateDirectory(_ loader: SnapshotLoader) throws(ConfigurationFaults) -> String {
        let state = StateDirectory.resolved(try loader.configurationForAdministration().stateDirectory)
        do throws(SystemError) { _ = try CurrentProcess.becomeOwner(of: state) } catch {
            throw ConfigurationFaults([ConfigurationFault("STATE_DIR", error.description)])
        }
        return state
    }

    static func table(_ query: UsageQuery, in state: String) throws(ConfigurationFaults) -> UsageTable {
        let path = state + "/ledger.sqlite"
        guard LedgerView.exists(path: path) else {
            throw ConfigurationFaults([
                ConfigurationFault("STATE_DIR", "\(state) has no ledger that this user can see; --state-dir names another one")
            ])
        }
        do throws(LedgerFault) {
            let ledger = try LedgerView(path: path)
            let keys = try ledger.keys()
            let names = Dictionary(
                keys.map { (KeyID(stored: $0.id).text, $0.name) }, uniquingKeysWith: { first, _ in first })
            let owner = query.key.map { name in names.first { $0.value == name }?.key ?? name }
            let filter = query.filter(owner: owner)
            return UsageTable(
                query, try ledger.usage(filter, by: query.grouping), try ledger.refusals(filter, by: query.grouping),
                names: names)
        } catch {
            throw ConfigurationFaults([ConfigurationFault("STATE_DIR", "\(path) cannot be read: \(error)")])
        }
    }

    private static func text(of table: UsageTable, _ request: Request) -> String {
        switch request.form {
        case .text: return table.rows.isEmpty ? "nothing was used" : table.text
        case .csv: return table.csv
        case .json:
            var json = JSONWriter()
            json.beginObject()
            json.member("object", literal: "usage")
            json.key("key")
            if let key = request.query.key { json.string(key) } else { json.null() }
            table.write(to: &json)
            json.endObject()
            return String(decoding: json.bytes, as: UTF8.self)
        }
    }
}
