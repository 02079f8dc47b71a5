/// Names that papers and other tools use, and what they are here.
enum OtherName {
    private static let options = [
        "--group-size": ("--groups", "size:"), "--channels-per-group": ("--groups", "size:"),
        "--num-groups": ("--groups", ""), "--weight-standardization": ("--ws", ""),
        "--initialization": ("--init", ""), "--calibration-data": ("--calibrate", ""),
    ]

    private static let values = [
        "--to": ["group": "gn", "gn": "gn", "layer": "ln", "ln": "ln", "instance": "in", "in": "in"],
        "--ws": ["true": "on", "yes": "on", "false": "off", "no": "off", "none": "off"],
    ]

    /// `--groups size:8` for `--group-size` and `8`; nil for an unknown name, or one of an option that is not among these.
    static func option(_ name: String, _ value: String?, of known: [String]) -> String? {
        guard let (option, beginning) = options[name], known.contains(option) else { return nil }
        let value = value.flatMap { $0.hasPrefix("-") ? nil : $0 }
        return "\(option) \(beginning)\(value ?? (beginning.isEmpty ? "VALUE" : "N"))"
    }

    /// `--to gn` for the `--to groupnorm` among these arguments, if the error is about it.
    static func value(in arguments: [String], blamedBy error: String) -> String? {
        let words = arguments.flatMap { $0.split(separator: "=", maxSplits: 1).map(String.init) }
        for (option, typed) in zip(words, words.dropFirst())
        where error.contains("'\(typed)' is invalid for '\(option) ") {
            return values[option]?[plain(typed)].map { "\(option) \($0)" }
        }
        return nil
    }

    /// Lowercase letters alone, without "norm": `group` for `Group-Norm`.
    private static func plain(_ typed: String) -> String {
        let letters = typed.lowercased().filter(\.isLetter)
        return letters.count > 4 && letters.hasSuffix("norm") ? String(letters.dropLast(4)) : letters
    }
}
