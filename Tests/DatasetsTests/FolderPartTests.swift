import Archives
import Foundation
import TestSupport
import Testing

@testable import Datasets

/// Folders with a list in them, folders of parts, and lists whose images are elsewhere.
@Suite("Folders with metadata and parts, roots of lists")
struct FolderPartTests {
    private func names(_ split: Split, in folder: MadeFolder) -> [String]? {
        split.files?.map { String($0.dropFirst(folder.path.count + 1)) }
    }

    @Test(
        "Hugging Face's metadata lists a folder's images and labels",
        arguments: [
            ("metadata.csv", "file_name,label\n0.png,1\nsub/1.png,0\n"),
            (
                "metadata.jsonl",
                "{\"file_name\": \"0.png\", \"label\": 1, \"text\": [\"x\"]}\n{\"label\": 0, \"file_name\": \"sub/1.png\"}\n"
            ),
        ])
    func metadata(name: String, text: String) throws {
        try MadeFolder.with { folder in
            try folder.images("0.png", "sub/1.png", "unlisted.png")
            try folder.write(name, text)
            for path in [folder.path, folder.path + "/" + name] {
                let split = try Split(path: path)
                #expect(names(split, in: folder) == ["0.png", "sub/1.png"])
                #expect(split.labels == [1, 0])
                #expect(split.labelReading?.source == "column 'label'")
            }
        }
    }

    @Test("Names in metadata are class names; metadata without labels leaves these to the folders")
    func metadataNames() throws {
        try MadeFolder.with { folder in
            try folder.images("dog/0.png", "cat/1.png")
            try folder.write("metadata.jsonl", "{\"file_name\": \"dog/0.png\", \"label\": \"b\"}\n")
            let named = try Split(path: folder.path)
            #expect(named.classNames == ["b"] && named.count == 1)
            try folder.write("metadata.jsonl", "{\"file_name\": \"dog/0.png\", \"caption\": {\"a\": 1}}\n")
            let split = try Split(path: folder.path)
            #expect(split.classNames == ["cat", "dog"] && split.labelReading?.source == "folders")
            // Other files of that name are no lists of images.
            try folder.write("metadata.csv", "author,year\nme,2020\n")
            #expect(try Split(path: folder.path).classNames == ["cat", "dog"])
        }
    }

    @Test("A line of metadata that is no object is named", arguments: ["[1]", "{\"file_name\": ", "7"])
    func malformedMetadata(line: String) throws {
        try MadeFolder.with { folder in
            try folder.images("0.png")
            try folder.write("metadata.jsonl", "{\"file_name\": \"0.png\", \"label\": 1}\n\(line)\n")
            let expected = DatasetError.malformedLine(
                file: folder.path + "/metadata.jsonl", line: 2, found: line,
                expected: "a JSON object, as {\"file_name\": …}")
            #expect(throws: expected) { try Split(path: folder.path) }
        }
    }

    @Test("Of folders that are parts of a data set the test part is taken, and that is told")
    func parts() throws {
        try MadeFolder.with { folder in
            try folder.images("train/a/0.png", "train/b/1.png", "val/a/2.png", "val/b/3.png")
            let validation = try Split(path: folder.path)
            #expect(names(validation, in: folder) == ["val/a/2.png", "val/b/3.png"])
            #expect(validation.assumptions == ["folder 'val' is the split; there is also 'train'"])
            try folder.images("test/a/4.png", "test/b/5.png")
            let test = try Split(path: folder.path)
            #expect(names(test, in: folder) == ["test/a/4.png", "test/b/5.png"])
            #expect(test.classNames == ["a", "b"])
            #expect(test.assumptions == ["folder 'test' is the split; there is also 'train' and 'val'"])
            var sources = SplitSources()
            sources.takesTrainingPart = true
            let training = try Split(path: folder.path, sources: sources, requiresLabels: false)
            #expect(names(training, in: folder) == ["train/a/0.png", "train/b/1.png"])
            // A folder of another name beside them: these are classes.
            try folder.images("plane/6.png")
            #expect(try Split(path: folder.path).classNames == ["plane", "test", "train", "val"])
        }
    }

    @Test("A list's paths start from the root that is said, with or without an extension")
    func root() throws {
        try MadeFolder.with { folder in
            try folder.images("elsewhere/Test/0.PNG", "elsewhere/Test/1.PNG")
            var sources = SplitSources()
            sources.imageRoot = folder.path + "/elsewhere"
            for text in [
                "id_code,label\nTest/0,1\nTest/1,0\n", "Test/0.PNG;1\nTest/1.PNG;0\n",
                "path\tlabel\nTest\\0.PNG\t1\nTest\\1.PNG\t0\n",
            ] {
                try folder.write("lists/list.csv", text)
                let split = try Split(path: folder.path + "/lists/list.csv", sources: sources)
                #expect(split.labels == [1, 0])
                #expect(split.files?.last?.hasSuffix("elsewhere/Test/1.PNG") == true)
            }
            sources.imageRoot = folder.path
            let expected = DatasetError.listedImageMissing(
                file: folder.path + "/lists/list.csv", line: 2, image: "Test\\0.PNG", root: folder.path)
            #expect(throws: expected) {
                try Split(path: folder.path + "/lists/list.csv", sources: sources)
            }
            #expect(
                expected.description.contains("expected a path relative to '\(folder.path)'. The extension"))
            let rooted = DatasetError.optionDoesNotFit(
                file: folder.path + "/elsewhere", option: "--image-root", found: "a folder",
                expected: "a list of image files")
            #expect(throws: rooted) { try Split(path: folder.path + "/elsewhere", sources: sources) }
        }
    }

    @Test("An absolute path of another machine is looked for below the root by its longest end")
    func absolutePaths() throws {
        try MadeFolder.with { folder in
            try folder.images("pool/dog/0.png", "pool/cat/0.png", "0.png")
            try folder.write(
                "list.csv", "path,label\n/content/data/dog/0.png,1\n/content/data/cat/0.png,0\n")
            var sources = SplitSources()
            sources.imageRoot = folder.path + "/pool"
            let split = try Split(path: folder.path + "/list.csv", sources: sources)
            #expect(names(split, in: folder) == ["pool/dog/0.png", "pool/cat/0.png"])
            try folder.write("list.csv", "path,label\n/content/data/0.png,1\n/content/data/dog/0.png,0\n")
            let near = try Split(path: folder.path + "/list.csv")
            #expect(names(near, in: folder) == ["0.png", "dog/0.png"])
            try folder.write("list.csv", "path,label\n/content/data/9.png,1\n")
            let expected = DatasetError.listedImageMissing(
                file: folder.path + "/list.csv", line: 2, image: "/content/data/9.png")
            #expect(throws: expected) { try Split(path: folder.path + "/list.csv") }
        }
    }

    @Test("BMP and PPM files are images of folders and lists", arguments: ["8.bmp", "p6-255.pnm"])
    func bitmaps(name: String) throws {
        let archive = try ZipArchive(path: TestFiles.fixture("images/bitmaps.npz"))
        try MadeFolder.with { folder in
            try folder.write("a/" + name, Data(archive.array(named: "file/" + name).storage))
            let transform = ImageTransform(size: .init(height: 5, width: 7), interpolation: .nearest)
            let split = try Split(path: folder.path, transform: transform)
            let expected = try archive.array(named: "pixels/" + name).storage.map { Float($0) }
            let pixels = try split.read(0..<1, preprocessing: .raw)
            #expect(pixels == expected)
        }
    }
}
