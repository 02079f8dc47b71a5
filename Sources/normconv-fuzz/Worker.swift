import CCrashGuard
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
    /// The exit code where an input could not be written or no child be made.
    static let systemExit: Int32 = 4
    /// Seconds by the clock that an input may take.
    private let seconds: UInt32
    /// Bytes that reading one may come to, or 0. The program's own limit is 300 MiB for files as small as these.
    private let mostMemory: Int

    init(corpus: Corpus, state: SharedState, weights: String, seconds: UInt32, mostMemory: Int) {
        (self.corpus, self.state, self.weights) = (corpus, state, weights)
        (self.seconds, self.mostMemory) = (seconds, mostMemory)
        guard mostMemory > 0 else { return }
        // A bomb ends this process and not the machine.
        var limit = rlimit(rlim_cur: 8 << 30, rlim_max: 8 << 30)
        setrlimit(.init(RLIMIT_AS.rawValue), &limit)
    }

    /// Reads all inputs, each in a child. Where one does not end well, this process ends in the same way.
    func run(_ numbers: Range<Int>) {
        // What libraries and runtime set up once, the children find done.
        for example in corpus.examples {
            let path = example.path(in: folder)
            guard (try? Data(example.bytes).write(to: URL(fileURLWithPath: path))) != nil else {
                _exit(Self.systemExit)
            }
            _ = read(path, example.format)
        }
        for input in numbers {
            state.input = input
            let child = Self.fork()
            guard child >= 0 else { _exit(Self.systemExit) }
            if child == 0 { runChild(input) }
            var status: Int32 = 0
            while waitpid(child, &status, 0) < 0, errno == EINTR {}
            let number = status & 0x7F
            if number != 0 {
                signal(number, SIG_DFL)
                kill(getpid(), number)
            }
            if status != 0 { _exit(status >> 8) }
        }
    }

    /// Swift hides it, as most of what runs on several threads must not be used after it; here one thread has.
    private static let fork = unsafeBitCast(
        dlsym(dlopen(nil, RTLD_NOW), "fork"), to: (@convention(c) () -> pid_t).self)

    private func runChild(_ number: Int) -> Never {
        alarm(seconds)
        // Crashes and endless loops inside a C library end with exit code 1, as in normconv.
        nc_guard_install(1)
        let input = corpus.input(number)
        guard (try? Data(input.bytes).write(to: URL(fileURLWithPath: input.path(in: folder)))) != nil else {
            _exit(Self.systemExit)
        }
        let isAccepted = read(input.path(in: folder), input.format)
        if mostMemory > 0, Self.peakMemory > mostMemory { _exit(Self.memoryExit) }
        state.count(input.format, accepted: isAccepted)
        if !input.isUnchanged(in: folder) { state.countChanged(input.format) }
        _exit(0)
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
        case .keras, .safetensors: any([{ try network(path) }])
        case .torch:
            any([
                { try network(path) }, { try network(path, key: "model") },
                { try network(path, key: "target") },
            ])
        case .json: any([{ try architecture(path) }])
        case .jpeg, .png, .bmp, .pnm: any([{ try image(path) }])
        case .list: any([{ try split(path) }, { _ = try ClassIndices(path: path) }])
        case .cifar, .idx, .npy: any([{ try split(path) }])
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

    private func network(_ path: String, key: String? = nil) throws {
        let model = try Model(path: path, key: key)
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
        guard split.shape.count < 4 << 20 else { return }
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
