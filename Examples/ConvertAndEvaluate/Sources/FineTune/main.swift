// Fine-tunes a network on labelled images with a new head, shows how far it is, and writes it.
import Foundation
import NormConvKit

let arguments = CommandLine.arguments.dropFirst().map { $0 }
guard arguments.count == 4 else {
    print("usage: FineTune INPUT OUTPUT TRAINING-IMAGES VALIDATION-IMAGES")
    exit(64)
}

do {
    let model = try Model(arguments[0])
    let (training, validation) = try model.trainingSplits(arguments[2], validation: arguments[3])
    var options = FineTuneOptions.plain
    (options.batch, options.steps) = (4, 40)
    // Digits have a left and a right.
    options.flips = false

    let (progress, reporter) = AsyncStream.makeStream(of: FineTuneProgress.self)
    async let tuned = model.finetuned(
        on: training, validating: validation, options: options, reporting: reporter)
    for await event in progress {
        switch event {
        case .searching(let trial, let count): print("learning rate \(trial) of \(count)")
        case .training: break
        case .evaluated(let step, _, let top1):
            print("step \(step): top-1 \(String(format: "%.1f", 100 * top1)) %")
        case .notWritten(_, let reason): print("warning: \(reason)")
        }
    }
    try await tuned.keepingNorms().write(to: arguments[1], overwriting: true)
} catch {
    print("error: \(error)")
    exit(1)
}
