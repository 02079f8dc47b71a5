import Foundation
import TestSupport
import Testing

@testable import Datasets

/// Lists as pandas, Kaggle and photographers write them: images `Test/0.png` to `Test/3.png`, whose labels are 0 to 3.
@Suite("Columns of lists")
struct ListColumnTests {
    private static let names = (0..<4).map { "Test/\($0).png" }

    private func withImages(_ body: (MadeFolder) throws -> Void) throws {
        try MadeFolder.with { folder in
            for name in Self.names { try folder.images(name) }
            try body(folder)
        }
    }

    private func lines(_ header: String?, _ line: (String, Int) -> String) -> String {
        ((header.map { [$0] } ?? []) + Self.names.enumerated().map { line($1, $0) })
            .map { $0 + "\n" }.joined()
    }

    /// What a list is read as, or why it is not.
    private func expect(
        _ text: String, _ name: String = "list.csv", labels: [Int] = [0, 1, 2, 3],
        classNames: [String]? = nil,
        from source: String, order: String = "numbers are output indices", unplaced: Int? = nil,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        try withImages { folder in
            try folder.write(name, text)
            let split = try Split(path: folder.path + "/" + name)
            #expect(split.labels == labels, sourceLocation: location)
            #expect(split.classNames == classNames, sourceLocation: location)
            #expect(split.unplacedClasses == unplaced, sourceLocation: location)
            let reading = LabelReading(source: source, order: order)
            #expect(split.labelReading == reading, sourceLocation: location)
            let files = split.files.map { $0.map { URL(fileURLWithPath: $0).lastPathComponent } }
            #expect(files == ["0.png", "1.png", "2.png", "3.png"], sourceLocation: location)
        }
    }

    private func expectFailure(
        _ text: String, _ name: String = "list.csv", at location: SourceLocation = #_sourceLocation,
        _ expected: (String) -> DatasetError
    ) throws {
        try withImages { folder in
            try folder.write(name, text)
            let path = folder.path + "/" + name
            #expect(throws: expected(path), sourceLocation: location) { try Split(path: path) }
        }
    }

    @Test(
        "Headers as people write them, in any order, with columns that are neither path nor label",
        arguments: [
            ("filename,label", "P,L", "label"), (",filename,label", "9,P,L", "label"),
            ("Width,Roi.X1,ClassId,Path", "8,0,L,P", "ClassId"),
            ("Filename;Width;ClassId", "P;8;L", "ClassId"),
            ("filename\tlabel", "P\tL", "label"), ("label,filename", "L,P", "label"),
            ("filename,labels", "P,L", "labels"), ("idx,filename,finding", "9,P,L", "finding"),
            ("No.,filename,finding", "9,P,L", "finding"), ("Unnamed: 0,filename,finding", "9,P,L", "finding"),
            ("file_name,label", "P,L", "label"),
            ("image_id,label", "P,L", "label"), ("class id,filepaths", "L,P", "class id"),
            ("image,target", "P,L", "target"), ("img_path,Class Index", "P,L", "Class Index"),
            ("id,breed_id,label_id", "P,7,L", "label_id"), ("filename,red_level", "P,L", "red_level"),
            ("\u{FEFF}filename,label", "P,L", "label"), ("filename,label\r", "P,L\r", "label"),
            (" filename , label ", " P , L ", "label"), ("filename,label,target", "P,L,L.0", "label"),
        ])
    func headers(header: String, line: String, column: String) throws {
        let text = lines(header) { name, label in
            line.replacingOccurrences(of: "P", with: name).replacingOccurrences(of: "L", with: "\(label)")
        }
        try expect(text, from: "column '\(column)'")
    }

    @Test(
        "Of lines that are parts of a data set those of the test part are taken, and that is told",
        arguments: [
            ("Path,Label,Split", "P,L,S"), ("image_id,split,label", "P,S,L"),
            ("filepaths,labels,data set", "P,L,S"), ("fold,filename,finding", "S,P,L"),
        ])
    func parts(header: String, line: String) throws {
        let name = header.split(separator: ",")[line.split(separator: ",").firstIndex(of: "S") ?? 0]
        for (values, test, training) in [
            (["Train", "test", "Train", "test"], [1, 3], [0, 2]),
            (["valid", "train", "valid", "train"], [0, 2], [1, 3]),
        ] {
            try withImages { folder in
                let text = lines(header) { name, label in
                    line.replacing("S", with: values[label]).replacing("L", with: "\(label)")
                        .replacing("P", with: name)
                }
                try folder.write("list.csv", text)
                let path = folder.path + "/list.csv"
                let split = try Split(path: path)
                #expect(split.labels == test && split.count == 2)
                #expect(
                    split.assumptions == [
                        "lines with '\(values[test[0]])' in column '\(name)' are the split; "
                            + "there is also '\(values[training[0]])'"
                    ])
                var sources = SplitSources()
                sources.takesTrainingPart = true
                #expect(try Split(path: path, sources: sources).labels == training)
            }
        }
    }

    @Test("A column of parts with other values is none, and one of training alone is told")
    func onePart() throws {
        try withImages { folder in
            try folder.write("list.csv", lines("filename,label,fold") { "\($0),\($1),\($1)" })
            let folds = try Split(path: folder.path + "/list.csv")
            #expect(folds.count == 4 && folds.assumptions.isEmpty)
            try folder.write("list.csv", lines("filename,label,split") { "\($0),\($1),train" })
            let training = try Split(path: folder.path + "/list.csv")
            #expect(training.count == 4)
            #expect(
                training.assumptions == [
                    "lines with 'train' in column 'split' are the split; the list has no test part"
                ])
        }
    }

    @Test("Whole floats are numbers, as pandas writes them", arguments: [".0", ".000000", "."])
    func floats(ending: String) throws {
        try expect(lines("filename,label") { "\($0),\($1)\(ending)" }, from: "column 'label'")
        try expect(
            lines(nil) { "\($0) \($1)\(ending)" }, "list.txt", from: "the last word of each line")
    }

    @Test("Endings may be left off, and folders be apart by backslashes")
    func names() throws {
        try expect(lines("id_code,diagnosis") { "\($0.dropLast(4)),\($1)" }, from: "column 'diagnosis'")
        try expect(
            lines("filename,label") { "\($0.replacingOccurrences(of: "/", with: "\\")),\($1)" },
            from: "column 'label'")
    }

    @Test("Lists without a header: the label is the other field, or the other word, first or last")
    func bare() throws {
        try expect(lines(nil) { "\($0),\($1)" }, from: "column 2")
        try expect(lines(nil) { "\($1),\($0)" }, from: "column 1")
        try expect(lines(nil) { "\($0)\t\($1)" }, "list.txt", from: "column 2")
        try expect(lines(nil) { "\($0), \($1)" }, "list.txt", from: "column 2")
        try expect(lines(nil) { "\($0) \($1)" }, "list.txt", from: "the last word of each line")
        try expect(lines(nil) { "\($1) \($0)" }, "list.txt", from: "the first word of each line")
        try expect(lines("path label") { "\($0) \($1)" }, "list.txt", from: "column 'label'")
        // MXNet: index, label, path.
        try expect(lines(nil) { "\(9 - $1)\t\($1).000000\t\($0)" }, "list.lst", from: "column 2")
        try withImages { folder in
            try folder.images("a b.png")
            try folder.write("list.txt", "3 a b.png\n2 Test/0.png\n")
            #expect(try Split(path: folder.path + "/list.txt").labels == [3, 2])
        }
    }

    @Test("Numbers win over names, which become the names of these numbers, wherever the columns stand")
    func numbersAndNames() throws {
        let names = ["shirt", "coat", "bag", "hat"]
        for (header, isFirst) in [
            ("class_name", true), ("class_name", false), ("category", true), ("class", false),
        ] {
            let text = lines(isFirst ? "filename,\(header),label" : "filename,label,\(header)") {
                name, label in
                isFirst ? "\(name),\(names[label]),\(label)" : "\(name),\(label).0,\(names[label])"
            }
            try expect(text, classNames: names, from: "columns 'label' and '\(header)'")
        }
        try expect(
            lines("class id,filepaths,labels") { "\($1),\($0),\(names[$1])" }, classNames: names,
            from: "columns 'class id' and 'labels'")
        // Numbers that do not occur are their own names.
        try expect(
            lines("filename,label,class_name") { "\($0),\($1 * 2),\(names[$1])" }, labels: [0, 2, 4, 6],
            classNames: ["shirt", "1", "coat", "3", "bag", "5", "hat"],
            from: "columns 'label' and 'class_name'")
    }

    @Test("Numbers and names that do not go together are refused with both lines")
    func contradiction() throws {
        try expectFailure(
            lines("filename,label,class_name") { "\($0),\($1 / 2),\("abcd".dropFirst($1).prefix(1))" }
        ) {
            .malformedLine(file: $0, line: 3, found: "0 b", expected: "'a' for class 0, as in line 2")
        }
        try expectFailure(
            lines("filename,label,class_name") {
                "\($0),\($1),\($1 < 3 ? "abc".dropFirst($1).prefix(1) : "b")"
            }
        ) {
            .malformedLine(file: $0, line: 5, found: "3 b", expected: "class 1 for 'b', as in line 3")
        }
    }

    @Test("Columns of 0 and 1 are classes in their order")
    func oneHot() throws {
        for one in ["1", "1.0"] {
            let text = lines("image,MEL,NV,BCC,AKIEC") { name, label in
                name + (0..<4).map { $0 == label ? "," + one : ",0" }.joined()
            }
            try expect(
                text, classNames: ["MEL", "NV", "BCC", "AKIEC"],
                from: "columns of 0 and 1, 'MEL' to 'AKIEC'", order: "names in the split's order", unplaced: 4
            )
        }
    }

    @Test("Several ones in a line, or none, are refused with the line", arguments: [2, 0])
    func severalOnes(ones: Int) throws {
        let text = lines("image,A,B") { name, label in
            label < 2 ? "\(name),1,0" : name + (ones == 2 ? ",1,1" : ",0,0")
        }
        try expectFailure(text) { .severalLabels(file: "\($0):4", object: "A…B", image: 2, found: ones) }
    }

    @Test("A label that is missing is refused with its line", arguments: ["", "nan", "NaN"])
    func missing(label: String) throws {
        for other in ["0.0", "cat"] {
            try expectFailure(lines("filename,label") { "\($0),\($1 == 1 ? label : other)" }) {
                .malformedLine(file: $0, line: 3, found: label, expected: "a label")
            }
        }
        try expectFailure(lines("filename,label,class_name") { "\($0),\($1),\($1 == 1 ? label : "n\($1)")" })
        {
            .malformedLine(file: $0, line: 3, found: label, expected: "a class name")
        }
    }

    @Test("A path that is missing is refused with its line")
    func missingPath() throws {
        try expectFailure(lines("filename,label") { "\($1 == 2 ? "" : $0),\($1)" }) {
            .malformedLine(file: $0, line: 4, found: "", expected: "an image's path")
        }
    }

    @Test("Numbers below 0 or beyond all classes are refused with their line", arguments: ["-1", "1048576"])
    func beyond(label: String) throws {
        try expectFailure(lines("filename,label") { "\($0),\($1 == 2 ? label : "1")" }) {
            .malformedLine(file: $0, line: 4, found: label, expected: "a class number, 0…1048575")
        }
    }

    @Test("Names among numbers and numbers among names are refused with the first line of the other kind")
    func mixed() throws {
        try expectFailure(lines("filename,label") { "\($0),\($1 < 2 ? "\($1)" : "cat")" }) {
            .malformedLine(file: $0, line: 4, found: "cat", expected: "a number for a label, as in line 2")
        }
        try expectFailure(lines(nil) { "\($0) \($1 < 2 ? "cat" : "\($1)")" }, "list.txt") {
            .malformedLine(file: $0, line: 3, found: "2", expected: "a name for a label, as in line 1")
        }
    }

    @Test("A label that is a fraction is refused", arguments: ["0.5", "-1.25"])
    func fraction(label: String) throws {
        try expectFailure(lines("filename,label") { "\($0),\($1 == 1 ? label : "0")" }) {
            .malformedLine(
                file: $0, line: 3, found: label, expected: "a whole number or a name for a label")
        }
    }

    @Test("Columns that cannot be told are listed, and what is understood")
    func unclear() throws {
        try expectFailure(lines("filename,age,weight") { "\($0),\($1),7" }) {
            .columnsUnclear(
                file: $0, line: 1, found: ["filename", "age", "weight"],
                expected: ListHeader.understoodClass)
        }
        try expectFailure(lines("pic,label,weight") { "\($0).x,\($1),7" }) {
            .columnsUnclear(
                file: $0, line: 1, found: ["pic", "label", "weight"], expected: ListHeader.understoodPath)
        }
        let columns = (0..<21).map { "c\($0)" }
        let text = DatasetError.columnsUnclear(file: "a", line: 1, found: columns, expected: "b").description
        #expect(text.contains("'c19', … and 1 more"))
        try expectFailure(lines("filename,label,target") { "\($0),\($1),\(3 - $1)" }) {
            .columnsUnclear(
                file: $0, line: 1, found: ["label", "target"],
                expected: "one column of labels; remove the others")
        }
        let bare =
            "a path and a label, or a first line that names the columns: " + ListHeader.understood
        try expectFailure(lines("pic,what,weight") { "\($0),\($1),7" }) {
            .columnsUnclear(file: $0, line: 1, found: ["pic", "what", "weight"], expected: bare)
        }
        try expectFailure(lines(nil) { "\($0),\($1),x" }) {
            .columnsUnclear(file: $0, line: 1, found: ["Test/0.png", "0", "x"], expected: bare)
        }
    }

    @Test("A first line of an image that is there is no header, whatever its class is called")
    func noHeader() throws {
        try expect(
            lines(nil) { "\($0.dropLast(4)),\($1 == 0 ? "class" : "n\($1)")" },
            classNames: ["class", "n1", "n2", "n3"], from: "column 2", order: "names in sorted order",
            unplaced: 4)
    }

    @Test("Where no labels are needed, columns that cannot be told are none")
    func unclearWithoutLabels() throws {
        try withImages { folder in
            for text in [
                lines("filename,age,weight") { "\($0),\($1),7" }, lines(nil) { "\($0),\($1),x" },
                lines("filename,age,sex") { name, _ in "\(name),1,1" },
            ] {
                try folder.write("list.csv", text)
                let split = try Split(path: folder.path + "/list.csv", requiresLabels: false)
                #expect(split.labels == nil && split.labelReading == nil && split.count == 4)
            }
        }
    }
}
