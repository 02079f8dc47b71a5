import Testing

@testable import Reports

@Suite("progress")
struct ProgressTextTests {
    private let long = String(repeating: "resnet", count: 20) + ".h5"

    @Test(
        "a line fits any width, and has the time left to the last",
        arguments: [20, 30, 40, 60, 79, 80, 200], [0, 500, 50_000])
    func width(columns: Int, done: Int) {
        for title in ["gn.h5", long, "网络.h5", ""] {
            let text = ProgressText(title, images: done, of: 50_000, seconds: 10)
            let line = text.line(columns: columns)
            #expect(Columns.count(line) <= columns, "\(line)")
            #expect(columns < 30 || line.hasSuffix(text.left), "\(line)")
            #expect(columns < 60 || line.contains("/50,000 images"), "\(line)")
        }
    }

    @Test("the bar, images a second and the time left")
    func figures() {
        let text = ProgressText("a", images: 500, of: 50_000, seconds: 10)
        #expect(text.line(columns: 79).hasSuffix("  500/50,000 images  50.0 images/s  16:30 left"))
        let half = ProgressText("a", images: 5, of: 10, seconds: 1).line(columns: 79)
        #expect(half == "a [###############---------------]  5/10 images  5.0 images/s  0:01 left")
        #expect(
            ProgressText("a", images: 5, of: 10, seconds: 1).line(columns: 30) == "a  5/10 images  0:01 left")
    }

    @Test(
        "what goes beyond its total counts as the total, and a total of nothing as nothing done",
        arguments: [
            (11, 10, "10/10 images", 1), (1_000_000, 3, "3/3 images", 1), (-1, 10, "0/10 images", 0),
            (5, 0, "0/0 images", 0), (5, -3, "0/0 images", 0), (.max, .max, "9,223,372,036,854,775,807/", 1),
            (.min, .max, "0/9,", 0),
        ] as [(Int, Int, String, Double)])
    func clamped(done: Int, total: Int, count: String, share: Double) {
        let text = ProgressText("a", images: done, of: total, seconds: 3)
        #expect(text.share == share && text.count.hasPrefix(count), "\(text)")
        let line = text.line(columns: 200)
        #expect(line.contains(count) && line.count { $0 == "#" } == Int(30 * share), "\(line)")
        #expect(!line.contains("-0:") && !line.contains("left left"))
    }

    @Test("before there is a rate, the time left is being estimated")
    func unknown() {
        for seconds in [0.0, 5, -1] {
            let text = ProgressText("a", images: 0, of: 10, seconds: seconds)
            #expect(text.rate == nil && text.left == "estimating the time left")
        }
    }

    @Test("images of an earlier run count as done, and tell nothing of the rate")
    func resumed() {
        let text = ProgressText("a", images: 1_100, before: 1_000, of: 2_000, seconds: 10)
        #expect(text.share == 0.55 && text.rate == "10.0 images/s" && text.left == "1:30 left")
        let first = ProgressText("a", images: 1_000, before: 1_000, of: 2_000, seconds: 10)
        #expect(first.rate == nil && first.left == "estimating the time left")
    }

    @Test("a stage's time left is that of all stages, whatever the share that it is told")
    func stage() {
        func text(_ share: Double, seconds: Double = 30) -> ProgressText {
            ProgressText("calibrating", stage: "layers", done: 3, of: 40, share: share, seconds: seconds)
        }
        #expect(text(0.25).left == "1:30 left" && text(0.25).count == "layers 3/40")
        #expect(text(1.5).share == 1 && text(1.5).left == "0:00 left")
        for share in [0, -1, Double.nan, .infinity] {
            #expect(text(share).share == 0 && text(share).left == "estimating the time left")
        }
        #expect(text(0.25, seconds: 0).left == "estimating the time left")
        // The first steps tell little of the rate: no hours that become seconds.
        #expect(text(0.009).left == "estimating the time left" && text(0.01).left == "49:30 left")
        let start = ProgressText("calibrating", stage: "starting", done: 0, of: 0, share: 0, seconds: 0)
        #expect(start.count == "starting")
        #expect(ProgressText("c", stage: "s", done: 9, of: 8, share: 1, seconds: 1).count == "s 8/8")
    }
}

@Suite("columns of a terminal")
struct ColumnsTests {
    @Test(
        "East Asian characters and emoji take two, marks none",
        arguments: [
            ("", 0), ("resnet", 6), ("网络", 4), ("ネット", 6), ("한국", 4), ("e\u{301}", 1), ("é", 1),
            ("😀", 2), ("a\u{200B}", 1), ("Ω→×", 3),
        ])
    func count(text: String, expected: Int) { #expect(Columns.count(text) == expected) }

    @Test("beginnings and ends take at most what there is, and cut no character")
    func cut() {
        #expect(Columns.prefix("网络.h5", 3) == "网" && Columns.suffix("网络.h5", 5) == "络.h5")
        #expect(Columns.suffix("网络.h5", 4) == ".h5" && Columns.prefix("ab", 0) == "")
        #expect(Formatting.tail("网络模型.h5", width: 6) == "…型.h5")
        #expect(Formatting.head("网络模型.h5", width: 6) == "网络…")
        for width in -1...12 {
            for text in [Formatting.tail("网络模型.h5", width: width), Formatting.head("abcdefg", width: width)] {
                #expect(Columns.count(text) <= max(width, 0))
            }
        }
    }
}
