import TestSupport
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
        "what does not exist is named before what is missing because of it, also behind an early flag",
        arguments: [
            (["--json", "inspct", "a.h5"], "There is no command 'inspct'. Did you mean 'inspect'?"),
            (["--json", "inspect", "a.h5", "--qqqqqq"], "There is no option '--qqqqqq'."),
            (["-q", "--json", "--verison"], "There is no option '--verison'. Did you mean '--version'?"),
            (["convert", "a.h5", "b.h5", "--qqqqqq", "8"], "There is no option '--qqqqqq'."),
            (["eval", "a.h5", "--qqqqqq"], "There is no option '--qqqqqq'."),
            (["help", "--bogus"], "There is no option '--bogus'."),
            (["help", "--hepl"], "There is no option '--hepl'. Did you mean '--help'?"),
            (
                ["--json"],
                "The command is missing: inspect, convert, eval, sweep, merge, diff, finetune, experiment, benchmark."
            ),
        ])
    func first(arguments: [String], told: String) throws {
        let run = try normconv(arguments)
        #expect(run.code == 64 && run.errors.hasPrefix("Error: \(told)\n"), "\(run.errors)")
        #expect(run.errors.contains("Usage: normconv") && !run.errors.contains("Help: "))
    }

    @Test("flags of every command may stand before it")
    func early() throws {
        let network = TestFiles.fixture("mnist-resnet.keras3.h5")
        let behind = try normconv("inspect", network, "--json")
        #expect(try normconv("--json", "inspect", network).output == behind.output)
        #expect(behind.code == 0 && behind.output.hasPrefix("{"))
        let missing = try normconv("--json", "inspect", "nowhere.h5")
        #expect(missing.code == 1 && missing.output.contains("nowhere.h5: no such file"))
    }

    @Test(
        "other tools' names for options and values are understood",
        arguments: [
            (["--group-size", "8"], "--groups size:8"), (["--group-size=8"], "--groups size:8"),
            (["--channels-per-group"], "--groups size:N"), (["--num-groups", "4"], "--groups 4"),
            (["--to", "groupnorm"], "--to gn"), (["--to=Layer-Norm"], "--to ln"),
            (["--to", "IN"], "--to in"),
            (["--ws", "true"], "--ws on"),
        ])
    func otherNames(options: [String], meant: String) throws {
        let run = try normconv(["convert", "a.h5", "b.h5"] + options)
        let first = try #require(run.errors.split(separator: "\n").first)
        #expect(run.code == 64 && first.hasSuffix("Did you mean '\(meant)'?"), "\(run.errors)")
    }

    @Test(
        "another tool's name is no suggestion where the option is of another command, or the value of another option",
        arguments: [
            ["eval", "a.h5", "--data", "b.h5", "--group-size", "8"],
            ["convert", "a.h5", "b.h5", "--init", "groupnorm"],
            ["convert", "a.h5", "b.h5", "--to", "batchnorm"],
        ])
    func foreign(arguments: [String]) throws {
        let run = try normconv(arguments)
        #expect(run.code == 64 && !run.errors.contains("Did you mean"), "\(run.errors)")
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
        #expect(
            !(try normconv("convert", "a.h5", "b.h5", "--group-size", "8\u{1B}[2J").errors.contains("\u{1B}"))
        )
    }
}
