import Foundation

/// Finds the images of a list: relative to its folder, or to a folder `images` in it or next to it. The extension may be
/// missing, and `\` may separate folders. An absolute path that is not here is looked for there by its longest end that exists.
struct ImageLocator {
    private let list: String
    private let root: String?
    private let folders: [String]

    /// Extensions that a name may lack.
    private static let endings =
        ["", ".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".JPG", ".JPEG", ".PNG"]

    /// `root` takes the place of the folders near the list.
    init(list: String, root: String? = nil) {
        (self.list, self.root) = (list, root)
        if let root {
            folders = [root + "/"]
            return
        }
        let end = list.lastIndex(of: "/")
        let folder = end.map { String(list[...$0]) } ?? "./"
        folders = [folder, folder + "images/", folder + "../images/"]
    }

    /// How a name becomes a path.
    private struct Rule {
        var start: String
        var ending: String
        var turnsSlashes: Bool
        /// What is left off absolute paths, such as `/content/data/`. Others stay whole.
        var absent = ""

        func path(_ name: String) -> String {
            let name = turnsSlashes ? name.replacingOccurrences(of: "\\", with: "/") : name
            if !absent.isEmpty, name.hasPrefix(absent) {
                return start + name.dropFirst(absent.count) + ending
            }
            return (name.hasPrefix("/") ? name : start + name) + ending
        }
    }

    private func rule(_ name: String) -> Rule? {
        guard !name.isEmpty else { return nil }
        for turnsSlashes in name.contains("\\") ? [false, true] : [false] {
            for start in name.hasPrefix("/") ? [""] : folders {
                for ending in Self.endings {
                    let rule = Rule(start: start, ending: ending, turnsSlashes: turnsSlashes)
                    let path = rule.path(name)
                    // A name without an extension can also be a folder.
                    if FileManager.default.fileExists(atPath: path), !isFolder(path) { return rule }
                }
            }
        }
        return endRule(name)
    }

    /// The most folders that are left off an absolute path.
    private static let mostAbsent = 16

    /// The rule for an absolute path of another machine: its longest end that exists.
    private func endRule(_ name: String) -> Rule? {
        guard name.hasPrefix("/") else { return nil }
        let slashes = name.indices.filter { name[$0] == "/" }.prefix(Self.mostAbsent)
        for slash in slashes {
            for start in folders {
                for ending in Self.endings {
                    let rule = Rule(
                        start: start, ending: ending, turnsSlashes: false, absent: String(name[...slash]))
                    let path = rule.path(name)
                    if FileManager.default.fileExists(atPath: path), !isFolder(path) { return rule }
                }
            }
        }
        return nil
    }

    /// Whether there is an image of this name.
    func finds(_ name: String) -> Bool { rule(name) != nil }

    /// The error where there is no image of a name.
    func missing(_ name: String, line: Int) -> DatasetError {
        .listedImageMissing(file: list, line: line, image: name, root: root)
    }

    /// The paths of a column. The location of the first image applies to all.
    func paths(_ names: [String], line: Int) throws(DatasetError) -> FilePaths {
        guard let first = names.first, let rule = rule(first) else {
            throw missing(names.first ?? "", line: line)
        }
        return FilePaths(names.lazy.map { rule.path($0) })
    }
}
