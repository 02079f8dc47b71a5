import ArgumentParser

/// Suggestions for mistyped commands and options.
enum Suggestion {
    /// The usage error, with a suggestion if a name is similar. ArgumentParser's own suggestions are kept.
    static func message(for error: any Error, arguments: [String]) -> String {
        let text = NormConv.fullMessage(for: error)
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map {
            OneLine.printable(String($0))
        }
        guard let first = lines.first, !text.contains("Did you mean"),
            let (unknown, meant) = firstUnknown(arguments)
        else { return lines.joined(separator: "\n") }
        let typed = OneLine.printable(unknown)
        let stop = first.hasSuffix(".") ? "" : "."
        let what = first.contains("'\(typed)'") ? "" : " There is no '\(typed)'."
        lines[0] = "\(first)\(stop)\(what) Did you mean '\(meant)'?"
        return lines.joined(separator: "\n")
    }

    /// The first unknown command or option, and the most similar known one.
    private static func firstUnknown(_ arguments: [String]) -> (typed: String, meant: String)? {
        let commands = NormConv.configuration.subcommands
        guard let first = arguments.first else { return nil }
        let command = commands.first { name($0) == first }
        if command == nil, !first.hasPrefix("-") {
            return nearest(first, of: commands.map(name) + ["help"]).map { (first, $0) }
        }
        let help = command.map { NormConv.helpMessage(for: $0) } ?? NormConv.helpMessage()
        let known = options(in: help) + ["--help", "--version"]
        for argument in arguments.prefix(while: { $0 != "--" }) where argument.hasPrefix("--") {
            let name = String(argument.prefix { $0 != "=" })
            guard !known.contains(name), let meant = nearest(name, of: known) else { continue }
            return (name, meant)
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
