import ArgumentParser

/// What is wrong in a command line, and what was probably meant.
enum Suggestion {
    /// The usage error. A command or option that does not exist is named before anything that is missing or wrong because of it.
    static func message(for error: any Error, arguments: [String]) -> String {
        var lines = NormConv.fullMessage(for: error).split(separator: "\n", omittingEmptySubsequences: false)
            .map { OneLine.printable(String($0)) }
        guard let first = lines.first else { return "" }
        if arguments.allSatisfy(NormConv.commonFlags.contains) {
            lines[0] =
                "Error: The command is missing: \(NormConv.configuration.subcommands.map(name).listed(.max))."
        } else if let mistake = firstUnknown(arguments) {
            // What ArgumentParser says about another argument, up to the usage.
            lines.removeFirst(lines.firstIndex { $0.hasPrefix("Usage: ") } ?? 1)
            let meant = mistake.meant.map { " Did you mean '\($0)'?" } ?? ""
            let line = "Error: There is no \(mistake.kind) '\(mistake.typed)'.\(meant)"
            lines.insert(OneLine.printable(line), at: 0)
        } else if let meant = OtherName.value(in: arguments, blamedBy: first) {
            lines[0] += " Did you mean '\(meant)'?"
        }
        return lines.joined(separator: "\n")
    }

    /// A word that is not known, and the most similar known one, if there is one.
    private typealias Mistake = (kind: String, typed: String, meant: String?)

    /// The first unknown command or option.
    private static func firstUnknown(_ arguments: [String]) -> Mistake? {
        let commands = NormConv.configuration.subcommands
        guard let first = arguments.first else { return nil }
        let command = commands.first { name($0) == first }
        if command == nil, !first.hasPrefix("-"), first != "help" {
            return ("command", first, nearest(first, of: commands.map(name) + ["help"]))
        }
        let help = command.map { NormConv.helpMessage(for: $0) } ?? NormConv.helpMessage()
        let known = options(in: help) + ["--help", "--version"]
        let options = Array(arguments.prefix { $0 != "--" })
        for (index, argument) in options.enumerated() where argument.hasPrefix("--") {
            let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
            guard let name = parts.first, !known.contains(name) else { continue }
            let value = parts.count > 1 ? parts[1] : options.dropFirst(index + 1).first
            return ("option", name, OtherName.option(name, value, of: known) ?? nearest(name, of: known))
        }
        return nil
    }

    private static func name(_ command: any ParsableCommand.Type) -> String {
        command.configuration.commandName ?? "\(command)".lowercased()
    }

    /// The long options on a help page.
    private static func options(in help: String) -> [String] {
        help.split { !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-")) }
            .filter { $0.hasPrefix("--") && $0.count > 3 }.map(String.init)
    }

    /// The candidate with the fewest edits, at most a third of the letters, or one that begins with `typed`.
    static func nearest(_ typed: String, of candidates: [String]) -> String? {
        guard typed.count <= 40 else { return nil }
        let beginning = candidates.first { typed.count >= 5 && $0.hasPrefix(typed) }
        let ranked = candidates.map { (name: $0, edits: edits(typed, $0)) }
        let best = ranked.min { $0.edits < $1.edits }
        let letters = typed.filter { $0 != "-" }.count
        if let best, best.edits <= max(1, letters / 3) { return best.name }
        return beginning
    }

    /// The optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
    static func edits(_ first: String, _ second: String) -> Int {
        let (a, b) = (Array(first), Array(second))
        var rows = [Array(0...b.count)]
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var least = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    least = min(least, rows[i - 1][j - 1] + 1)
                }
                row.append(least)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
