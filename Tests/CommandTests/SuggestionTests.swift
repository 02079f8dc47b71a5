import Testing

@Suite("what was meant")
struct SuggestionTests {
    @Test(
        "a command or option that there is not is wrong usage, and the nearest one is told",
        arguments: [
            (["convrt"], "'convrt'", "convert"), (["inpsect", "a.h5"], "'inpsect'", "inspect"),
            (["evall"], "'evall'", "eval"), (["bench", "a.h5"], "'bench'", "benchmark"),
            (["merg", "--json"], "'merg'", "merge"), (["hlep"], "'hlep'", "help"),
            (["Convert"], "'Convert'", "convert"),
            (["--verison"], "'--verison'", "--version"), (["--hepl"], "'--hepl'", "--help"),
            (["eval", "--hepl"], "'--hepl'", "--help"),
            (["eval", "a.h5", "--dta", "b.h5"], "'--dta'", "--data"),
            (["eval", "a.h5", "--data", "b.h5", "--jso"], "'--jso'", "--json"),
            (["convert", "a.h5", "b.h5", "--group", "8"], "'--group'", "--groups"),
            (["convert", "a.h5", "b.h5", "--calibrte=c.h5"], "'--calibrte", "--calibrate"),
            (["sweep", "a.h5", "--data", "b.h5", "--batchsizes", "8"], "'--batchsizes'", "--batch-sizes"),
        ])
    func near(arguments: [String], typed: String, meant: String) throws {
        let run = try normconv(arguments)
        #expect(run.code == 64 && (run.output.isEmpty || arguments.contains("--json")))
        let first = try #require(run.errors.split(separator: "\n").first)
        #expect(first.contains(typed) && first.hasSuffix("Did you mean '\(meant)'?"), "\(run.errors)")
        #expect(run.errors.contains("Usage: normconv"))
    }

    @Test(
        "nothing is suggested where nothing is near, or where all is known",
        arguments: [
            ["xyz"], ["--qqqqqq"], ["eval", "a.h5"], ["convert", "a.h5", "b.h5", "--to", "--data"],
            ["eval", "a.h5", "--data", "b.h5", "--workers", "0"], [String(repeating: "convert", count: 40)],
            ["eval", "--", "--dta"],
        ])
    func far(arguments: [String]) throws {
        let run = try normconv(arguments)
        #expect(run.code == 64 && !run.errors.contains("Did you mean"), "\(run.errors)")
    }

    @Test("what was typed moves no cursor")
    func escapes() throws {
        let run = try normconv("eval", "a.h5", "--dat\u{1B}a")
        #expect(run.code == 64 && run.errors.contains("Did you mean '--data'?"), "\(run.errors)")
        #expect(!run.errors.contains("\u{1B}"))
    }
}
