import Foundation
import TestSupport
import Tensors
import Testing

@testable import Datasets

/// A folder that a test fills with copies of fixture images and with texts.
struct MadeFolder {
    let path: String

    /// Makes an image of each name.
    func images(_ names: String..., of fixture: String = "rgb.png") throws {
        for name in names { try write(name, Data(contentsOf: URL(fileURLWithPath: Self.fixture(fixture)))) }
    }

    func write(_ name: String, _ data: Data) throws {
        let url = URL(fileURLWithPath: path + "/" + name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: url)
    }

    func write(_ name: String, _ text: String) throws { try write(name, Data(text.utf8)) }

    static func fixture(_ name: String) -> String { TestFiles.fixture("images/" + name) }

    static func with(_ body: (MadeFolder) throws -> Void) throws {
        try TestFiles.withTemporaryFolder { try body(MadeFolder(path: $0)) }
    }
}

extension Split {
    /// Images, height, width and channels.
    var extents: [Int] { [count, height, width, channels] }
}

@Suite struct ListingTests {
    private func names(_ split: Split, in folder: MadeFolder) -> [String]? {
        split.files?.map { String($0.dropFirst(folder.path.count + 1)) }
    }

    @Test("A folder's classes are its folders in the order of their code points, images at any depth")
    func folder() throws {
        try MadeFolder.with { folder in
            try folder.images(
                "b/2.png", "b/10.JPG", "B/x.jpeg", "ä/deep/er/y.png", "a/.hidden.png", ".git/z.png")
            try folder.images("a/1.png", "a/notes.txt", "loose.png")
            let split = try Split(path: folder.path)
            #expect(split.classNames == ["B", "a", "b", "ä"])
            #expect(
                names(split, in: folder) == ["B/x.jpeg", "a/1.png", "b/10.JPG", "b/2.png", "ä/deep/er/y.png"])
            #expect(split.labels == [0, 1, 2, 2, 3])
            #expect(split.unplacedClasses == 4)
            #expect(split.labelReading == LabelReading(source: "folders", order: "names in sorted order"))
            #expect(split.extents == [5, 224, 224, 3])
        }
    }

    @Test("A folder that contains itself by a link is read once")
    func linkedFolder() throws {
        try MadeFolder.with { folder in
            try folder.images("a/1.png")
            try FileManager.default.createSymbolicLink(
                atPath: folder.path + "/a/again", withDestinationPath: folder.path + "/a")
            #expect(try Split(path: folder.path).count == 1)
        }
    }

    @Test("Images are read as their files have them, in any piece of the split")
    func pixels() throws {
        try MadeFolder.with { folder in
            try folder.images("a/1.png", of: "rgb.png")
            try folder.images("b/1.jpg", of: "photo.jpg")
            try folder.images("b/2.jpg", of: "orientation-6.jpg")
            let transform = ImageTransform(size: Extent(height: 9, width: 11), interpolation: .bicubic)
            let split = try Split(path: folder.path, transform: transform)
            let all = try split.read(0..<3, preprocessing: .unit)
            #expect(try split.read(1..<2, preprocessing: .unit) == Array(all[297..<594]))
            let expected = try ImageFile(path: MadeFolder.fixture("orientation-6.jpg"))
                .transformed(by: transform)
            #expect(Array(all[594...]) == expected.values.map { Float($0) / 255 })
        }
    }

    @Test("Without labels, images may lie in the folder itself")
    func flat() throws {
        try MadeFolder.with { folder in
            try folder.images("2.png", "1.png")
            let split = try Split(path: folder.path, requiresLabels: false)
            #expect(names(split, in: folder) == ["1.png", "2.png"])
            #expect(split.labels == nil)
            #expect(throws: DatasetError.noClassFolders(folder: folder.path, images: 2)) {
                try Split(path: folder.path)
            }
        }
    }

    @Test("Folders without images are refused")
    func emptyFolders() throws {
        try MadeFolder.with { folder in
            #expect(throws: DatasetError.noImageFiles(folder: folder.path, found: [])) {
                try Split(path: folder.path)
            }
            try folder.images("a/1.png", "b/notes.txt")
            #expect(throws: DatasetError.emptyClass(folder: folder.path, name: "b")) {
                try Split(path: folder.path)
            }
        }
    }

    @Test("Oxford-IIIT Pet's list works as it is, beside its folder of images")
    func pets() throws {
        try MadeFolder.with { folder in
            try folder.images("images/Abyssinian_201.jpg", "images/yorkshire_terrier_9.jpg", of: "photo.jpg")
            try folder.images("images/american_bulldog_1.jpg", of: "photo.jpg")
            try folder.write(
                "annotations/test.txt",
                "#Image CLASS-ID SPECIES BREED ID\nAbyssinian_201 1 1 1\namerican_bulldog_1 2 2 1\n"
                    + "yorkshire_terrier_9 3 2 25\n")
            let split = try Split(path: folder.path + "/annotations/test.txt")
            #expect(split.labels == [0, 1, 2])
            #expect(split.classNames == ["Abyssinian", "american_bulldog", "yorkshire_terrier"])
            #expect(split.unplacedClasses == 3)
            _ = try split.read(0..<3, preprocessing: .torch)
            try folder.write("annotations/0.txt", "Abyssinian_201 0 1 1\n")
            let expected = DatasetError.malformedLine(
                file: folder.path + "/annotations/0.txt", line: 1, found: "Abyssinian_201 0 1 1",
                expected: "classes that count from 1")
            #expect(throws: expected) { try Split(path: folder.path + "/annotations/0.txt") }
        }
    }

    @Test("Lists: numbers, names, blanks and commas in paths, headers, a mark of the byte order, line ends")
    func lists() throws {
        try MadeFolder.with { folder in
            try folder.images("a b/1,2.png", "c.png")
            let cases: [(String, String, [Int], [String]?)] = [
                ("1.txt", "a b/1,2.png 7\nc.png 0\n", [7, 0], nil),
                ("2.txt", "\u{FEFF}a b/1,2.png dog\r\n\r\nc.png cat", [1, 0], ["cat", "dog"]),
                ("3.csv", "\"a b/1,2.png\",3\nc.png, 4\n", [3, 4], nil),
                (
                    "4.csv", "id,Label,Path\n9,\"say \"\"dog\"\"\",c.png\n8,cat,c\n", [1, 0],
                    ["cat", "say \"dog\""]
                ),
                ("5.tsv", "a b/1,2.png\tdog\nc.png\tdog\n", [0, 0], ["dog"]),
                ("6.lst", "\(folder.path)/c.png 1", [1], nil),
            ]
            for (name, text, labels, classes) in cases {
                try folder.write(name, text)
                let split = try Split(path: folder.path + "/" + name)
                #expect(split.labels == labels, "\(name)")
                #expect(split.classNames == classes, "\(name)")
                if name != "4.csv" { _ = try split.read(0..<split.count, preprocessing: .raw) }
            }
        }
    }

    @Test("A list of paths alone has no labels")
    func unlabelledList() throws {
        try MadeFolder.with { folder in
            try folder.images("c.png")
            try folder.write("list.txt", "c.png\n")
            let path = folder.path + "/list.txt"
            let split = try Split(path: path, requiresLabels: false)
            #expect(split.labels == nil)
            #expect(split.files?.count == 1)
            let expected = DatasetError.malformedLine(
                file: path, line: 1, found: "c.png", expected: "an image's path and its label")
            #expect(throws: expected) { try Split(path: path) }
        }
    }

    @Test("A list that is too large is refused, not read in part")
    func largeList() throws {
        try MadeFolder.with { folder in
            let path = folder.path + "/classes.txt"
            try Data("cat 0\n".utf8).write(to: URL(fileURLWithPath: path))
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            // A hole: it takes no room on the disk.
            try file.truncate(atOffset: (16 << 20) + 1)
            try file.close()
            #expect(throws: DatasetError.listTooLarge(file: path, limit: 16 << 20)) {
                try ClassIndices(path: path)
            }
        }
    }

    @Test("Damaged lists say where")
    func damagedLists() throws {
        try MadeFolder.with { folder in
            try folder.images("c.png")
            let path = folder.path + "/list.csv"
            let cases: [(Data, DatasetError)] = [
                (Data(), .emptyList(file: path)), (Data("# none\n".utf8), .emptyList(file: path)),
                (Data("path,label\n".utf8), .emptyList(file: path)),
                (Data([0xFF, 0xFE, 0x63]), .listIsNoText(file: path)),
                (
                    Data("c.png,1\nc.png\n".utf8),
                    .malformedLine(
                        file: path, line: 2, found: "c.png", expected: "as many fields as the lines before")
                ),
                (
                    Data("c.png,\"1\nc.png,2\n".utf8),
                    .malformedLine(
                        file: path, line: 1, found: "c.png,\"1", expected: "quotes that are closed")
                ),
                (
                    Data("#\nd.png,1\n".utf8),
                    .listedImageMissing(file: path, line: 2, image: "d.png")
                ),
                (
                    Data("c.png,1\nc.png,-1\n".utf8),
                    .malformedLine(
                        file: path, line: 2, found: "-1", expected: "a class number, 0…1048575")
                ),
            ]
            for (data, expected) in cases {
                try folder.write("list.csv", data)
                #expect(throws: expected) { try Split(path: path) }
            }
        }
    }

    @Test("Broken images are named, and left out only when that is asked for")
    func broken() throws {
        try MadeFolder.with { folder in
            try folder.images("a/1.png", "b/1.png", "b/3.png")
            try folder.write("a/2.jpg", "no image")
            try folder.write("b/2.webp", "RIFF....WEBP")
            let split = try Split(path: folder.path)
            #expect(split.count == 5 && split.broken.isEmpty)
            let error = ImageError.wrongFormat(
                file: folder.path + "/a/2.jpg", found: "not a known image format")
            #expect(throws: DatasetError.image(error)) { try split.read(0..<5, preprocessing: .raw) }
            let sound = try split.withoutBrokenImages()
            #expect(names(sound, in: folder) == ["a/1.png", "b/1.png", "b/3.png"])
            #expect(sound.labels == [0, 1, 1])
            #expect(sound.broken.map(\.file) == ["/a/2.jpg", "/b/2.webp"].map { folder.path + $0 })
            #expect(sound.broken.first?.reason == error.description)
            _ = try sound.read(0..<3, preprocessing: .torch)
        }
    }

    @Test("A split of broken images only is refused")
    func allBroken() throws {
        try MadeFolder.with { folder in
            try folder.write("a/1.jpg", "")
            let first = ImageError.wrongFormat(file: folder.path + "/a/1.jpg", found: "an empty file")
            #expect(throws: DatasetError.allBroken(file: folder.path, count: 1, first: first)) {
                try Split(path: folder.path).withoutBrokenImages()
            }
        }
    }

    @Test("A preprocessing for three colours is refused where images are read as grey")
    func channels() throws {
        try MadeFolder.with { folder in
            try folder.images("a/1.png")
            var transform = ImageTransform.torch
            transform.channels = 1
            let split = try Split(path: folder.path, transform: transform)
            let expected = DatasetError.wrongChannels(
                file: folder.path, object: "images", found: 1, preprocessing: "torch", expected: 3)
            #expect(throws: expected) { try split.check(.torch) }
        }
    }
}

@Suite struct ClassIndicesTests {
    private func indices(_ text: String) throws -> ClassIndices {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/classes.txt"
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            return try ClassIndices(path: path)
        }
    }

    @Test("Lines of a name and an index: a subset, in any order, several names for one output")
    func pairs() throws {
        let classes = try indices("# imagenette\ntench 0\nEnglish springer, 3\nchurch\t1\nchapel 1\n")
        #expect(classes.names == ["tench", "church", "2", "English springer"])
        #expect(try classes.indices(of: ["church", "chapel", "tench"], in: "x") == [1, 1, 0])
    }

    @Test("A line of more than 64 KiB is refused, one of 64 KiB is not")
    func longLine() throws {
        let line = String(repeating: "x", count: 1 << 16)
        #expect(try indices("a 0\n\(line)\n").names.count == 2)
        #expect(throws: DatasetError.self) { try indices("a 0\n\(line)x\n") }
    }

    @Test("Lines of names are all outputs in order; a description may follow the name")
    func lines() throws {
        let classes = try indices(
            "n01440764 tench, Tinca tinca\nn01443537 goldfish\n\nn01484850 shark 5 m long\n")
        #expect(try classes.indices(of: ["n01484850", "n01443537 goldfish"], in: "x") == [2, 1])
        #expect(classes.names[1] == "n01443537 goldfish")
        let plain = try indices("polar bear\npolar fox\n")
        #expect(try plain.indices(of: ["polar fox"], in: "x") == [1])
        #expect(throws: DatasetError.self) { try plain.indices(of: ["polar"], in: "x") }
    }

    @Test("A folder's classes are looked up, and one that is not there is named")
    func folder() throws {
        try MadeFolder.with { folder in
            try folder.images("church/1.png", "tench/1.png")
            let classes = try ClassIndices(names: ["tench", "shark", "church"], source: "model.h5")
            let split = try Split(path: folder.path, classes: classes)
            #expect(split.labels == [2, 0])
            #expect(split.classNames == ["tench", "shark", "church"])
            #expect(split.unplacedClasses == nil)
            let few = try ClassIndices(names: ["tench"], source: "model.h5")
            let expected = DatasetError.unknownClass(file: folder.path, name: "church", classes: "model.h5")
            #expect(throws: expected) { try Split(path: folder.path, classes: few) }
        }
    }

    @Test("A name that several outputs have is refused only where it is asked for, as ImageNet's crane")
    func repeatedNames() throws {
        for classes in [
            try indices("crane\nshark\ncrane\n"),
            try ClassIndices(names: ["crane", "shark", "crane"], source: "model.h5"),
        ] {
            #expect(classes.names == ["crane", "shark", "crane"])
            #expect(try classes.indices(of: ["shark"], in: "x") == [1])
            let expected = DatasetError.malformedClasses(
                file: classes.source, found: "'crane' as 0 and as 2", expected: "one index")
            #expect(throws: expected) { try classes.indices(of: ["crane"], in: "x") }
        }
    }

    @Test("Numbers in a list are outputs, whatever a network calls these; --classes may give them other ones")
    func numbers() throws {
        try MadeFolder.with { folder in
            try folder.images("c.png")
            let path = folder.path + "/list.csv"
            try Data("path,label\nc.png,1\nc.png,0\n".utf8).write(to: URL(fileURLWithPath: path))
            // Digits in another order are the worst of names.
            for names in [["zero", "one"], ["1", "0"]] {
                let split = try Split(path: path, classes: ClassIndices(names: names, source: "model.h5"))
                #expect(split.labels == [1, 0])
                #expect(split.classNames == names)
            }
            #expect(try Split(path: path, classes: indices("1 5\n0 3\n")).labels == [5, 3])
            #expect(throws: DatasetError.self) { try Split(path: path, classes: indices("1 5\n")) }
            for text in ["zero\none\n", "zero 0\none 1\n"] {
                #expect(try Split(path: path, classes: indices(text)).labels == [1, 0])
            }
            let few = try ClassIndices(names: ["zero"], source: "model.h5")
            #expect(throws: DatasetError.self) { try Split(path: path, classes: few) }
        }
    }

    @Test("A byte-order mark is no part of the first name")
    func byteOrderMark() throws {
        #expect(try indices("\u{FEFF}a 1\nb 0\n").indices(of: ["a", "b"], in: "x") == [1, 0])
        #expect(try indices("\u{FEFF}a\nb\n").indices(of: ["a", "b"], in: "x") == [0, 1])
    }

    @Test("Two indices for a name, negative or huge ones, no lines")
    func refused() throws {
        for text in ["a 1\na 2\n", "a -1\n", "a 1048576\n", "", "# a 1\n"] {
            #expect(throws: DatasetError.self, "\(text)") { try indices(text) }
        }
    }
}
