import ArgumentParser
import CCrashGuard
import CKernels
import NormConvKit

@main
struct NormConv: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "normconv",
        abstract: "Replaces the BatchNorm of pretrained ResNets with GroupNorm and scores the result.",
        discussion: """
            EXAMPLES
              normconv inspect resnet50.h5
              normconv convert resnet50.h5 resnet50-gn.h5 --to gn
              normconv eval resnet50-gn.h5 --data test.h5 --against resnet50.h5
              normconv sweep resnet50.h5 resnet50-gn.h5 --data test.h5
              normconv benchmark resnet50-gn.h5

            Exit codes: 0 success, 1 failure (one line on stderr says why), 64 usage error, 130 interrupted.
            """,
        version: normconvVersion,
        subcommands: [
            Inspect.self, Convert.self, Eval.self, Sweep.self, Merge.self, Diff.self,
            Benchmark.self,
        ])

    static func main() async {
        Terminal.holdDescriptors()
        Interruption.install()
        // Seconds: far more than libhdf5 needs to read any array of a network or a split.
        nc_guard_install(10)
        nc_keep_freed_memory()
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            if exitCode(for: error) == .validationFailure {
                let arguments = Array(CommandLine.arguments.dropFirst())
                Terminal.error(Suggestion.message(for: error, arguments: arguments) + "\n")
                exit(withError: ExitCode.validationFailure)
            }
            exit(withError: OneLine.failure(error))
        }
    }
}
