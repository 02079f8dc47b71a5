import Checkpoints

/// Where a converted network goes.
package struct ConversionOutput: Sendable {
    /// The path as it was given.
    package let path: String
    /// How the layout is chosen.
    package let layout: LayoutChoice
    /// What may be there already.
    package let replaces: Replaces

    /// What may be at the path already.
    package enum Replaces: Sendable {
        /// Nothing.
        case nothing
        /// Any file but the input.
        case another
        /// The input, which goes on as `NAME.bak`.
        case input
    }

    package init(_ path: String, layout: LayoutChoice, replaces: Replaces) {
        (self.path, self.layout, self.replaces) = (path, layout, replaces)
    }

    /// Throws where nothing can be written there, whatever the input is: before anything is read. `others` are files that the
    /// conversion reads besides.
    package func check(beside others: [String]) throws {
        try OutputName(path).check(layout)
        try OutputIsInput.check(path, others)
    }
}

extension Conversion {
    /// Writes the network and returns what was done. The file appears whole or not at all.
    ///
    /// - Parameters:
    ///   - path: where to; never the input, which `replaceInput` is for.
    ///   - layout: what it is written as; nil for what the ending of its name says, else the input's.
    ///   - overwriting: whether a file that is there is replaced.
    /// - Throws: `NormConvError`.
    @discardableResult
    public func write(
        to path: String, layout: OutputLayout? = nil, overwriting: Bool = false
    ) throws -> ConvertReport {
        try reporting {
            let output = ConversionOutput(
                path, layout: layout.map(LayoutChoice.layout) ?? .byName,
                replaces: overwriting ? .another : .nothing)
            return try write(to: output)
        }
    }

    /// Writes the network in the place of the input, in its layout, and returns what was done; `backup` in it says where the
    /// input is now (`NAME.bak`). The input has one of the two names at every moment.
    ///
    /// - Throws: `NormConvError`, also where there is another `NAME.bak`.
    @discardableResult
    public func replaceInput() throws -> ConvertReport {
        try reporting {
            try write(to: ConversionOutput(model.path, layout: .keep, replaces: .input))
        }
    }

    /// Throws what `write` would throw before it writes anything: for what takes long before. `isWritten` is false where nothing
    /// is to be written at all, so that what is there does not matter.
    package func check(_ output: ConversionOutput, isWritten: Bool = true) throws {
        let layout = try layout(of: output)
        switch output.replaces {
        case .input: try model.checkInPlace(output.path)
        case .another, .nothing:
            let outputs = model.outputs(of: plan, at: output.path, layout: layout)
            try model.checkOutputs(outputs)
            for file in outputs where isWritten {
                try AtomicFile.check(file, overwrite: output.replaces == .another)
            }
        }
        try model.check(plan, note: note, to: output.path, layout: layout)
    }

    /// Writes, and describes what was written.
    package func write(to output: ConversionOutput) throws -> ConvertReport {
        let layout = try layout(of: output)
        var report = report(layout: layout)
        if output.replaces == .input {
            try model.checkInPlace(output.path)
            report.backup = try model.writeInPlace(plan, note: note, to: output.path, layout: layout)
        } else {
            try model.write(
                plan, note: note, to: output.path, layout: layout, overwrite: output.replaces == .another)
        }
        report.output = output.path
        return report
    }

    /// What is done, and lost, where the network is written there.
    package func report(for output: ConversionOutput) throws -> ConvertReport {
        report(layout: try layout(of: output))
    }

    /// The layout of the new file; nil where it is the input's.
    private func layout(of output: ConversionOutput) throws -> OutputLayout? {
        let layout = try OutputName(output.path).layout(output.layout, from: model.checkpoint.layout)
        if options?.weightStandardization == .layers {
            guard layout?.isKeras ?? model.checkpoint.layout.isKeras else {
                throw ConvertFailure.layersAreKeras(path: output.path)
            }
        }
        return layout
    }
}
