/// What the name of an array says: `test_images`, `X_test` and `test/x` are images of the test part.
struct ArrayName: Equatable {
    /// The part of a data set, the one to score on first.
    enum Part: String, CaseIterable { case test, validation, training }

    /// What the array holds.
    enum Role { case images, labels }

    /// Nil where the name says none.
    let part: Part?
    let role: Role
    /// The word that says what it holds: `images`, `x`.
    let word: String

    private static let roles: [(Role, words: Set<String>)] = [
        (.images, ["images", "image", "imgs", "img", "x", "data", "inputs"]),
        (.labels, ["labels", "label", "y", "targets", "target", "ans"]),
    ]
    private static let parts: [(Part, words: Set<String>)] = [
        (.test, ["test", "testing", "eval"]), (.validation, ["val", "valid", "validation", "dev"]),
        (.training, ["train", "training"]),
    ]
    /// Words that say nothing.
    private static let fillers: Set = ["set", "split"]

    /// Known names of images, for errors.
    static let knownImages =
        "an array named images, x or data, with or without test, val or train; choose arrays by name with --images NAME "
        + "(--image-array in convert and diff) and --labels NAME"
    /// Known names of labels, for errors.
    static let knownLabels =
        "an array named labels, y or targets of the same part; choose it with --labels NAME, or its file with --labels FILE"

    /// Nil for a name that has other words in it, or none for what the array holds.
    init?(_ name: String) {
        var part: Part?
        var found: (role: Role, word: String)?
        for word in Self.words(of: name) where !Self.fillers.contains(word) {
            if part == nil, let named = Self.part(word) {
                part = named
            } else if found == nil, let role = Self.roles.first(where: { $0.words.contains(word) })?.0 {
                found = (role, word)
            } else {
                return nil
            }
        }
        guard let found else { return nil }
        (self.part, role, self.word) = (part, found.role, found.word)
    }

    /// The part that a word names.
    static func part(_ word: String) -> Part? {
        parts.first { $0.words.contains(word.lowercased()) }?.0
    }

    /// The words of a name in lower case; `testImages` has two.
    private static func words(of name: String) -> [String] {
        var words = [""]
        var last: Character = " "
        for character in name {
            if !character.isLetter && !character.isNumber || last.isLowercase && character.isUppercase {
                words.append("")
            }
            if character.isLetter || character.isNumber { words[words.count - 1] += character.lowercased() }
            last = character
        }
        return words.filter { !$0.isEmpty }
    }
}
