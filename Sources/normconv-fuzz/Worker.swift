import Foundation
import HDF5
import Networks
import NormConvKit
import OrderedJSON
import Tensors

/// Reads inputs as normconv does, and all of their values.
struct Worker {
    let corpus: Corpus
    let state: SharedState
    /// A file of weights alone, for configurations.
    let weights: String
    private let folder = NSTemporaryDirectory()

    /// The exit code where an input took too much memory.
    static let memoryExit: Int32 = 3
    /// Bytes that the process may come to, or 0. The program's own limit is 300 MiB for files as small as these; readers
    /// that ran before may have left something.
    private let mostMemory: Int

    init(corpus: Corpus, state: SharedState, weights: String, mostMemory: Int) {
        (self.corpus, self.state, self.weights, self.mostMemory) = (corpus, state, weights, mostMemory)
        guard mostMemory > 0 else { return }
        // A bomb ends this process and not the machine.
        var limit = rlimit(rlim_cur: 8 << 30, rlim_max: 8 << 30)
        setrlimit(.init(RLIMIT_AS.rawValue), &limit)
    }

    func run(_ numbers: Range<Int>) throws {
        for number in numbers {
            state.input = number
            let input = corpus.input(number)
            let path = input.path(in: folder)
            try Data(input.bytes).write(to: URL(fileURLWithPath: path))
            let isAccepted = read(path, input.format)
            if mostMemory > 0, Self.peakMemory > mostMemory { exit(Self.memoryExit) }
            state.count(input.format, accepted: isAccepted)
            if !input.isUnchanged(in: folder) { state.countChanged(input.format) }
        }
        state.input = numbers.upperBound
    }

    private static var peakMemory: Int {
        var usage = rusage()
        getrusage(.init(RUSAGE_SELF.rawValue), &usage)
        #if os(Linux)
            return usage.ru_maxrss << 10
        #else
            return usage.ru_maxrss
        #endif
    }

    /// Whether at least one way of reading takes the file.
    private func read(_ path: String, _ format: Format) -> Bool {
        switch format {
        case .hdf5: any([{ try everything(path) }, { try network(path) }, { try split(path) }])
        case .npz: any([{ try network(path) }, { try split(path) }])
        case .keras, .torch, .safetensors: any([{ try network(path) }])
        case .json: any([{ try architecture(path) }])
        case .jpeg, .png: any([{ try image(path) }])
        case .list: any([{ try split(path) }, { _ = try ClassIndices(path: path) }])
        case .cifar, .idx: any([{ try split(path) }])
        }
    }

    private func any(_ ways: [() throws -> Void]) -> Bool {
        var isAccepted = false
        for way in ways {
            do {
                try way()
                isAccepted = true
            } catch {
                // Descriptions are code too.
                _ = "\(error)".count
            }
        }
        return isAccepted
    }

    /// All objects, attributes and values of an HDF5 file.
    private func everything(_ path: String) throws {
        let root = try HDF5File(reading: path).root
        try attributes(root.attributes)
        for (_, dataset) in try root.datasets() {
            try attributes(dataset.attributes)
            if dataset.byteCount < 16 << 20 { _ = try? dataset.readFloats() }
        }
    }

    private func attributes(_ attributes: Attributes) throws {
        for name in try attributes.names() {
            _ = try? attributes.strings(name)
            _ = try? attributes.floats(name)
            _ = try? attributes.stringForm(name)
        }
    }

    private func network(_ path: String) throws {
        let model = try Model(path: path)
        for parameter in model.checkpoint.parameters where parameter.shape.count < 4 << 20 {
            _ = try parameter.read()
        }
    }

    private func architecture(_ path: String) throws {
        let text = try readConfiguration(path)
        _ = try? recognizeKeras(config: .parse(text), parameters: ParameterTable())
        _ = try Model(path: weights, architecture: text)
    }

    private func split(_ path: String) throws {
        let split = try Split(path: path, requiresLabels: false)
        guard split.height * split.width * split.channels < 4 << 20 else { return }
        _ = try split.read(0..<min(2, split.count), preprocessing: .raw)
        _ = try split.read(split.count - 1..<split.count, preprocessing: .raw)
    }

    private func image(_ path: String) throws {
        let list = folder + "/list.csv"
        let name = path.split(separator: "/").last ?? ""
        try "\(name),0\n".write(toFile: list, atomically: false, encoding: .utf8)
        try split(list)
    }
}
