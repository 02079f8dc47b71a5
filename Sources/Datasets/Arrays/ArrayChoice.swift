/// The arrays that are taken from a file.
struct ArrayChoice {
    /// The images, or the labels of a file that has only these.
    let name: String
    /// The labels that belong to the images; nil where there are none.
    let labels: String?
    /// Why there are none, if the names of several say so.
    private(set) var unclearLabels: DatasetError?
    /// What names alone decided, for people to check.
    let assumptions: [String]

    /// Images, and labels of the same part. Of several parts the test part is taken, else validation, else training; with
    /// `takesTraining` in the other order.
    init(
        _ arrays: any NamedArrays, images: String?, labels: String?, _ takesTraining: Bool
    ) throws(DatasetError) {
        let known = Named(arrays)
        let (name, others) =
            if let images { (try Self.present(images, in: arrays), [String]()) } else {
                try known.preferred(.images, takesTraining)
            }
        let part = ArrayName(name)?.part
        let candidates = known.names(.labels, part)
        if let labels {
            do throws(DatasetError) {
                self.labels = try Self.present(labels, in: arrays)
            } catch {
                guard case .noArray(let file, let name, let found) = error else { throw error }
                throw .noLabelSource(file: file, name: name, found: found)
            }
        } else if let paired = Self.partner(of: name, in: candidates) {
            self.labels = paired
        } else {
            self.labels = candidates.count == 1 ? candidates[0] : nil
            if candidates.count > 1 {
                unclearLabels = .severalArrays(file: arrays.path, role: "labels", found: candidates)
            }
        }
        self.name = name
        // What was said is not assumed.
        let taken = [name] + (self.labels.map { [$0] } ?? [])
        assumptions = images == nil ? Self.assumption(taken, others, takesTraining) : []
    }

    /// Labels in a file of their own: those of that name or of a known one, or the only array.
    init(_ arrays: any NamedArrays, labels: String?) throws(DatasetError) {
        self.labels = nil
        if let labels {
            (name, assumptions) = (try Self.present(labels, in: arrays), [])
        } else if arrays.names.count == 1 {
            (name, assumptions) = (arrays.names[0], [])
        } else {
            let (found, others) = try Named(arrays).preferred(.labels, false)
            (name, assumptions) = (found, Self.assumption([found], others, false))
        }
    }

    /// Which of several parts was taken, and that the only one is for training.
    private static func assumption(
        _ taken: [String], _ others: [String], _ takesTraining: Bool
    ) -> [String] {
        let names = taken.map { "'\($0)'" }.joined(separator: " and ")
        if !others.isEmpty {
            return ["\(names) are the split; the file also has \(others.map { "'\($0)'" }.listed())"]
        }
        let isTraining = taken.contains { ArrayName($0)?.part == .training }
        return isTraining && !takesTraining ? ["\(names) are the split; the file has no test part"] : []
    }

    private static func present(_ name: String, in arrays: any NamedArrays) throws(DatasetError) -> String {
        // A path with a slash is looked up when it is opened.
        guard arrays.names.contains(name) || name.contains("/") && arrays is HDF5Arrays else {
            throw .noArray(file: arrays.path, name: name, found: arrays.summary)
        }
        return name
    }

    /// The labels that are commonly stored beside images of a name.
    private static func partner(of images: String, in labels: [String]) -> String? {
        let pairs = [
            ("images", "labels"), ("image", "label"), ("x", "y"), ("data", "targets"), ("data", "target"),
        ]
        let words = pairs.filter { $0.0 == ArrayName(images)?.word }.map(\.1)
        let found = labels.filter { name in words.contains { $0 == ArrayName(name)?.word } }
        return found.count == 1 ? found[0] : nil
    }

    /// A file's arrays by what their names say.
    private struct Named {
        let arrays: any NamedArrays
        let all: [(name: String, meaning: ArrayName)]

        init(_ arrays: any NamedArrays) {
            self.arrays = arrays
            all = arrays.names.compactMap { name in ArrayName(name).map { (name, $0) } }
        }

        func names(_ role: ArrayName.Role, _ part: ArrayName.Part?) -> [String] {
            all.filter { $0.meaning.role == role && $0.meaning.part == part }.map(\.name)
        }

        /// The only array of the preferred part, and those of other parts.
        func preferred(
            _ role: ArrayName.Role, _ takesTraining: Bool
        ) throws(DatasetError) -> (name: String, others: [String]) {
            let order: [ArrayName.Part?] = [.test, nil, .validation, .training]
            let ranked = (takesTraining ? order.reversed() : order).map { names(role, $0) }
                .filter { !$0.isEmpty }
            let word = role == .images ? "images" : "labels"
            guard let first = ranked.first else {
                // The one array of an npy file needs no name.
                if arrays is NpyArrays { return (arrays.names[0], []) }
                throw role == .images
                    ? .noImages(file: arrays.path, found: arrays.summary, expected: ArrayName.knownImages)
                    : .noLabels(file: arrays.path, found: arrays.summary, expected: ArrayName.knownLabels)
            }
            // What is of no part may be all of the parts.
            let isUnclear = ranked.count > 1 && first == names(role, nil)
            guard first.count == 1, !isUnclear else {
                throw .severalArrays(
                    file: arrays.path, role: word, found: isUnclear ? ranked.flatMap(\.self) : first)
            }
            return (first[0], ranked.dropFirst().flatMap(\.self))
        }
    }
}
