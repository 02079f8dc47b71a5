import NormConvKit

extension ConvertReport {
    var lines: [String] {
        var table = TextTable([
            ("channels", .right), ("norms", .right), ("groups", .right), ("per group", .right),
            ("standardized convs", .right),
        ])
        for stage in stages {
            table.add(
                "\(stage.channels)", "\(stage.norms)", "\(stage.groups)", "\(stage.channels / stage.groups)",
                "\(stage.standardized)")
        }
        let norms = stages.reduce(0) { $0 + $1.norms }
        var lines = [
            Terminal.bold("\(input): \(architecture)"),
            "\(Formatting.counted(norms, "batch norm")) to group norms, epsilon \(conversion.epsilonText); "
                + "\(Formatting.counted(standardized.count, "convolution")) standardized",
        ]
        if stages.isEmpty, standardized.isEmpty {
            lines[1] =
                refresh == nil
                ? "Norms and weights are unchanged" : "The norms stay; only their statistics changed"
        }
        lines += stages.isEmpty ? [] : table.lines.map { "  " + $0 }
        lines += pairs.summary
        let open = pairs.openConvolutions
        let listed = leftAlone.filter { !open.contains($0.layer) }
        if !listed.isEmpty { lines.append("Convolutions that are not standardized:") }
        lines += listed.prefix(3).map { "  \($0.layer): \($0.reason)" }
        if listed.count > 3 { lines.append("  … and \(listed.count - 3) more (--json lists them)") }
        if !momentsRestart.isEmpty {
            let count = Formatting.counted(momentsRestart.count, "layer")
            lines.append(
                "Moments restart after \(count) that normconv does not compute: \(momentsRestart.listed())")
        }
        if !biased.isEmpty {
            lines.append("\(Formatting.counted(biased.count, "convolution")) got a new bias")
        }
        let dropped =
            droppedParts
            + (droppedParameters.isEmpty
                ? [] : ["\(droppedParameters.count) parameters of running statistics"])
        if !dropped.isEmpty {
            lines.append("Dropped: \(dropped.map { Formatting.head($0, width: 120) }.listed())")
        }
        if !unused.isEmpty { lines.append("Not used by the network: \(unused.listed())") }
        if let refresh { lines.insert(contentsOf: refresh.lines, at: 1) }
        if let calibration { lines += calibration.lines }
        if let estimate { lines += estimate.lines }
        if let notEstimated { lines.append("Agreement with the old network not estimated: \(notEstimated)") }
        lines.append(output.map { "Wrote \($0)" } ?? "Dry run: nothing written")
        if let backup { lines.append("The old file is \(backup)") }
        return lines
    }
}

extension ConversionNote {
    fileprivate var epsilonText: String {
        Set(norms.values.map(\.epsilon)).sorted().listed()
    }
}

extension AgreementEstimate {
    fileprivate var lines: [String] {
        let other = better.map { "; --recipe \($0.recipe): about \(Self.percent($0.agreement))" } ?? ""
        let more = agreement < Self.much ? "; --calibrate IMAGES usually keeps more" : ""
        return [
            "Estimated agreement with the old network: about \(Self.percent(agreement)), on \(images) synthetic images"
                + other + more
        ]
    }
}
