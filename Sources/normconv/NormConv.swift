import ArgumentParser
import CCrashGuard
import CKernels
import Dispatch
import NormConvKit

@main
struct NormConv: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "normconv",
        abstract: "Replaces the BatchNorm of pretrained networks with GroupNorm and scores the result.",
        discussion: """
            EXAMPLES
              normconv inspect resnet50.h5
              normconv convert resnet50.h5 resnet50-gn.h5 --to gn
              normconv eval resnet50-gn.h5 --data test.h5 --against resnet50.h5
              normconv finetune resnet50-gn.h5 tuned.h5 --data train --validate val
              normconv sweep resnet50.h5 resnet50-gn.h5 --data test.h5
              normconv benchmark resnet50-gn.h5

            Exit codes: 0 success, 1 failure (one line on stderr says why), 64 usage error, 130 interrupted.
            """,
        version: normconvVersion,
        subcommands: [
            Inspect.self, Convert.self, Eval.self, Sweep.self, Merge.self, Diff.self,
            FineTune.self, Experiment.self, Benchmark.self,
        ])

    /// Waits on the main thread, so that commands may be asynchronous. An asynchronous `main` would hand that thread to
    /// libdispatch, whose own one takes every signal and ends the process by it, before `Interruption` hears of it.
    static func main() {
        Terminal.holdDescriptors()
        Interruption.install()
        // Seconds: far more than libhdf5 needs to read any array of a network or a split.
        nc_guard_install(10)
        nc_keep_freed_memory()
        let done = DispatchSemaphore(value: 0)
        Task.detached {
            await runCommand()
            done.signal()
        }
        done.wait()
    }

    /// Short and long flags of every command.
    static let commonFlags = ["--json", "--quiet", "-q"]

    /// The arguments, with the flags that every command takes behind the command where they stand before it.
    static func commandFirst(_ arguments: [String]) -> [String] {
        let flags = arguments.prefix { commonFlags.contains($0) }
        let others = arguments.dropFirst(flags.count)
        guard let command = others.first else { return arguments }
        return [command] + flags + others.dropFirst()
    }

    private static func runCommand() async {
        let arguments = commandFirst(Array(CommandLine.arguments.dropFirst()))
        do {
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            JSONFailure.print(error, arguments: arguments)
            if exitCode(for: error) == .validationFailure {
                Terminal.error(Suggestion.message(for: error, arguments: arguments) + "\n")
                exit(withError: ExitCode.validationFailure)
            }
            exit(withError: OneLine.failure(error))
        }
    }
}
