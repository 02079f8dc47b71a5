import Inference
import Tensors

/// The speed of a network on this machine, for `--json`.
package struct BenchmarkReport: Codable, Sendable {
    /// The format version of this report.
    package var schemaVersion = 1
    /// The network's file.
    package var model: String
    /// What was recognised.
    package var architecture: String
    /// The library that runs it.
    package var library: String
    /// Height, width and channels of an image.
    package var input: [Int]
    /// Images per repeat.
    package var images: Int
    /// Images per batch.
    package var batch: Int
    /// Threads, each with its own batches.
    package var workers: Int
    /// Images per second over the repeats.
    package var imagesPerSecond: Spread
    /// Seconds for one image alone, over as many repeats as fit.
    package var latency: Spread
    /// Threads that share the one image.
    package var latencyThreads: Int
    /// Multiply-adds of convolutions and dense layers for an image.
    package var multiplyAdds: Double
    /// 10⁹ floating-point operations per second, two for a multiply-add, at the median of the images per second.
    package var gigaflops: Double
    /// Share of the time in which the workers ran on a processor; below 1 if other programs ran.
    package var processorShare: Double
    /// The most bytes of memory in use at once, before the latency was measured; nil if the system does not say.
    package var peakMemory: Int?
    /// Seconds from opening the file to the first batch's outputs: reading, compiling, packing weights, running.
    package var startSeconds: Double
    /// Kinds of layers, the costliest first, and what is outside of layers.
    package var kinds: [Share]
    /// Layers in order of execution. Layers that are fused into another are not listed.
    package var layers: [Layer]

    /// Repeats of one measurement.
    package struct Spread: Codable, Sendable, Equatable {
        /// The middle one, or the mean of the two in the middle.
        package var median: Double
        /// The smallest.
        package var min: Double
        /// The largest.
        package var max: Double
        /// How many there are.
        package var repeats: Int

        /// The spread of at least one value.
        package init(_ values: [Double]) {
            precondition(!values.isEmpty)
            let sorted = values.sorted()
            median = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
            (min, max, repeats) = (sorted[0], sorted[sorted.count - 1], sorted.count)
        }
    }

    /// The cost of a kind of layers.
    package struct Share: Codable, Sendable, Equatable {
        /// The kind.
        package var kind: String
        /// Share of the workers' time on a processor; all shares sum to 1.
        package var share: Double
        /// Seconds on a processor for an image.
        package var seconds: Double
        /// Multiply-adds for an image.
        package var multiplyAdds: Double
        /// 10⁹ floating-point operations per second of all workers together, while they have a processor and are in such
        /// layers; nil if nothing is multiplied and added.
        package var gigaflops: Double?
        /// Share of the time of one image alone.
        package var latencyShare: Double
    }

    /// The cost of a layer.
    package struct Layer: Codable, Sendable, Equatable {
        /// The layer's name.
        package var layer: String
        /// Its kind.
        package var kind: String
        /// `56×56×64 → 56×56×256`.
        package var shape: String
        /// Share of the workers' time on a processor.
        package var share: Double
        /// Seconds on a processor for an image.
        package var seconds: Double
        /// Multiply-adds for an image.
        package var multiplyAdds: Double
        /// 10⁹ floating-point operations per second, as for kinds.
        package var gigaflops: Double?
        /// Seconds for one image alone.
        package var latencySeconds: Double
    }
}

/// Where the time of a run goes.
struct TimeProfile {
    let layers: [EngineLayer]
    let throughput: EngineTimings
    let latency: EngineTimings
    let workers: Int

    /// Every layer, in the order in which they are executed.
    var layerRows: [BenchmarkReport.Layer] {
        layers.indices.map { index in
            let (layer, seconds) = (layers[index], throughput.layerSeconds[index])
            return BenchmarkReport.Layer(
                layer: layer.layer, kind: layer.kind.description, shape: "\(layer.input) → \(layer.output)",
                share: seconds / throughput.workerSeconds, seconds: seconds,
                multiplyAdds: layer.multiplyAdds, gigaflops: gigaflops(layer.multiplyAdds, seconds),
                latencySeconds: latency.layerSeconds[index])
        }
    }

    /// The kinds, the costliest first, then what is outside of layers: the shares sum to 1.
    var kindRows: [BenchmarkReport.Share] {
        let kinds = layers.map(\.kind)
        let distinct = kinds.reduce(into: [LayerKind]()) { if !$0.contains($1) { $0.append($1) } }
        var rows = distinct.map { kind in
            let members = layers.indices.filter { kinds[$0] == kind }
            return row(
                kind.description, members.reduce(0) { $0 + throughput.layerSeconds[$1] },
                members.reduce(0) { $0 + latency.layerSeconds[$1] },
                members.reduce(0) { $0 + layers[$1].multiplyAdds })
        }
        rows.sort { $0.seconds > $1.seconds }
        let outside = { (timings: EngineTimings) in
            timings.workerSeconds - timings.layerSeconds.reduce(0, +)
        }
        return rows + [row("outside of layers", outside(throughput), outside(latency), 0)]
    }

    private func row(
        _ kind: String, _ seconds: Double, _ latencySeconds: Double, _ multiplyAdds: Double
    ) -> BenchmarkReport.Share {
        BenchmarkReport.Share(
            kind: kind, share: seconds / throughput.workerSeconds, seconds: seconds,
            multiplyAdds: multiplyAdds, gigaflops: gigaflops(multiplyAdds, seconds),
            latencyShare: latencySeconds / latency.workerSeconds)
    }

    private func gigaflops(_ multiplyAdds: Double, _ seconds: Double) -> Double? {
        multiplyAdds > 0 && seconds > 0 ? 2e-9 * multiplyAdds * Double(workers) / seconds : nil
    }
}
