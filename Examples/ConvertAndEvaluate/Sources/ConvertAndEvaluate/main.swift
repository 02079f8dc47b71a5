// Converts a network, calibrates it where images are given, and scores both on a test split.
import Foundation
import NormConvKit

let arguments = CommandLine.arguments.dropFirst().map { $0 }
guard (3...4).contains(arguments.count) else {
    print("usage: ConvertAndEvaluate INPUT OUTPUT TEST-SPLIT [CALIBRATION-IMAGES]")
    exit(64)
}

do {
    let model = try Model(arguments[0])
    let isCalibrated = arguments.count == 4
    // Standardized weights need images.
    let options = ConversionOptions(groups: .perGroup(8), weightStandardization: isCalibrated ? .on : .off)
    var gn = try model.converting(options)
    if isCalibrated {
        var options = SplitOptions()
        options.requiresLabels = false
        gn = try await gn.calibrated(on: model.split(arguments[3], options: options))
    }
    for warning in gn.warnings { print("warning: \(warning)") }
    try gn.write(to: arguments[1], overwriting: true)

    let split = try model.split(arguments[2])
    let report = try await [Model(arguments[1]), model].evaluated(on: split, baseline: 1)
    for network in report.models {
        let top1 = network.evaluation.top1
        let figures = [top1.value, top1.low, top1.high].map { String(format: "%.1f", 100 * $0) }
        print("\(network.model): top-1 \(figures[0]) % [\(figures[1]), \(figures[2])]")
    }
} catch {
    print("error: \(error)")
    exit(1)
}
