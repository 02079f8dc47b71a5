import Foundation
import TestSupport
import Testing

private let split = TestFiles.fixture("mnist-test-100.npz")

/// Five networks that are all called `model.h5`, each in a folder of its own.
@Suite("five networks of one name")
struct SeveralNetworksTests {
    private static let folders = ["a", "b", "runs/1/last", "runs/2/last", "runs/a"]
    /// The shortest ends of the paths that tell them apart.
    private static let names = [
        "a/model.h5", "b/model.h5", "1/last/model.h5", "2/last/model.h5", "runs/a/model.h5",
    ]

    /// Runs a command over the five, from the folder that has them.
    private func run(_ arguments: String...) throws -> (run: Run, html: String) {
        try TestFiles.withTemporaryFolder { folder in
            let sources = ["mnist-resnet.keras3.h5", "mnist-sequential.keras3.h5"]
            for (index, name) in Self.folders.enumerated() {
                let path = "\(folder)/x/\(name)"
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
                try FileManager.default.copyItem(
                    atPath: TestFiles.fixture(sources[index % 2]), toPath: path + "/model.h5")
            }
            let run = try normconv(
                inShell: "cd \"$1\" && shift && exec \"$0\" \"$@\"",
                [folder + "/x"] + arguments + Self.folders.map { $0 + "/model.h5" } + [
                    "--data", split, "--html", folder + "/report.html",
                ])
            #expect(run.code == 0, "\(run.errors)")
            return (run, try String(contentsOfFile: folder + "/report.html", encoding: .utf8))
        }
    }

    /// The tables of an output: lines without a blank one between them, of at least three.
    private func tables(_ output: String) -> [[String]] {
        output.components(separatedBy: "\n").split(separator: "").map(Array.init).filter { $0.count >= 3 }
    }

    /// Whether each name is there, and no cell of another table's.
    private func named(_ lines: [String]) -> [String] {
        Self.names.filter { name in lines.contains { $0.split(separator: " ").contains { $0 == name } } }
    }

    @Test("eval: each has its row in both tables and its column of classes, in 80 columns")
    func eval() throws {
        let (run, html) = try run("eval")
        for line in run.output.components(separatedBy: "\n") where !line.contains(split) {
            #expect(line.count <= 80, "\(line)")
        }
        let tables = tables(run.output)
        let scores = try #require(tables.first { $0.contains { $0.contains("images/s") } })
        #expect(named(scores) == Self.names, "\(scores)")
        let header = try #require(scores.first { $0.contains("images/s") })
        let rows = scores.filter { $0.contains("model.h5") }
        // Name, top-1 and its unit, two ends of an interval, top-5 and its unit, NLL, ECE, speed.
        #expect(rows.count == 5 && rows.allSatisfy { $0.split(separator: " ").count == 10 }, "\(rows)")
        for (title, end) in [("NLL", "NLL"), ("ECE", "ECE"), ("images/s", "images/s")] {
            let place = try #require(header.range(of: title)).upperBound
            let column = header.distance(from: header.startIndex, to: place)
            for row in rows {
                let cell = row.prefix(column)
                #expect(cell.last?.isNumber == true && row.dropFirst(column).first ?? " " == " ", "\(end)")
            }
        }
        let compared = try #require(tables.first { $0.contains { $0.contains("gained") } })
        #expect(named(compared.filter { $0.hasPrefix(" ") }) == Array(Self.names.dropFirst()), "\(compared)")
        // Ten classes for each network, four networks in a table.
        let classes = tables.filter { $0.contains { $0.contains("class  images") } }
        #expect(classes.count == 2)
        let shares = classes.joined().filter { $0.contains("%") }
        #expect(shares.count == 20)
        #expect(shares.reduce(0) { $0 + $1.count { $0 == "%" } } == 50)
        let titles = classes.joined().filter { $0.contains("class  images") }
            .flatMap { $0.split(separator: " ").dropFirst(2) }
        #expect(titles.count == 5 && Set(titles).count == 5, "\(titles)")
        for name in Self.names { #expect(html.contains(name), "\(name)") }
    }

    @Test("sweep: each has its column, in 80 columns, and its line in the chart")
    func sweep() throws {
        let (run, html) = try run("sweep", "--batch-sizes", "50", "--shuffles", "2")
        for line in run.output.components(separatedBy: "\n") where !line.contains(split) {
            #expect(line.count <= 80, "\(line)")
        }
        let headers = run.output.components(separatedBy: "\n").filter { $0.contains("batch size  ") }
        let titles = headers.flatMap { $0.split(separator: " ").dropFirst(2) }
        #expect(titles.count == 5 && Set(titles).count == 5, "\(titles)")
        #expect(run.output.matches(of: /[0-9] ± [0-9]/).count == 5)
        #expect(html.components(separatedBy: "<polyline").count - 1 == 5)
        for name in Self.names { #expect(html.contains(name), "\(name)") }
    }
}
