/// How the elements of a stored parameter are encoded.
package enum ElementType: String, Sendable, Hashable, CaseIterable {
    case float16, float32, float64, bfloat16
    case int8, int16, int32, int64, uint8, uint16, uint32, uint64

    /// Whether there are values that are no numbers.
    package var isFloat: Bool {
        switch self {
        case .float16, .float32, .float64, .bfloat16: true
        default: false
        }
    }

    /// Bytes an element takes in the file.
    package var size: Int {
        switch self {
        case .int8, .uint8: 1
        case .float16, .bfloat16, .int16, .uint16: 2
        case .float32, .int32, .uint32: 4
        case .float64, .int64, .uint64: 8
        }
    }
}

/// A parameter of a checkpoint: its name, shape and type, and how to read its values.
package struct Parameter: Sendable {
    /// The name in the file, unique in its table: `layer1.0.bn1.weight` (torch), `bn/bn/gamma:0` (Keras).
    package let name: String
    /// Extents as stored.
    package let shape: Shape
    /// Encoding as stored; `read` gives Float32 whatever it is.
    package let elementType: ElementType
    /// Parameters with the same number are one tensor in the file, under several names (tied weights); nil for the others.
    package let tie: Int?
    private let load: @Sendable () throws -> Tensor
    private let loadBytes: (@Sendable () throws -> [UInt8]?)?

    /// `load` is called at every `read`; it gives a tensor of `shape`. `bytes` gives the elements as stored, where
    /// a file has them.
    package init(
        name: String, shape: Shape, elementType: ElementType, tie: Int? = nil,
        bytes: (@Sendable () throws -> [UInt8]?)? = nil, load: @escaping @Sendable () throws -> Tensor
    ) {
        self.name = name
        self.shape = shape
        self.elementType = elementType
        self.tie = tie
        self.load = load
        loadBytes = bytes
    }

    /// Reads the values from the file, as Float32.
    package func read() throws -> Tensor { try load() }

    /// Reads the elements as stored, little-endian and row-major; nil if they were never stored.
    package func readBytes() throws -> [UInt8]? { try loadBytes?() }

    /// The same parameter in a table where so many others come first.
    package func renumberingTie(by offset: Int) -> Parameter {
        guard let tie else { return self }
        return Parameter(
            name: name, shape: shape, elementType: elementType, tie: tie + offset, bytes: loadBytes,
            load: load)
    }

    /// The same parameter under another name.
    package func renamed(_ name: String) -> Parameter {
        Parameter(
            name: name, shape: shape, elementType: elementType, tie: tie, bytes: loadBytes, load: load)
    }
}

/// The parameters of a checkpoint in file order, read only when asked for.
package struct ParameterTable: Sendable {
    private var order: [Parameter]
    private var index: [String: Int]

    /// Traps on a name that occurs twice: readers check that first.
    package init(_ parameters: [Parameter] = []) {
        order = parameters
        index = Dictionary(uniqueKeysWithValues: parameters.enumerated().map { ($1.name, $0) })
    }

    /// The parameter of that name.
    package subscript(_ name: String) -> Parameter? { index[name].map { order[$0] } }

    /// All names, in file order.
    package var names: [String] { order.map(\.name) }
}

extension ParameterTable: RandomAccessCollection {
    /// The first position.
    package var startIndex: Int { order.startIndex }
    /// One past the last position.
    package var endIndex: Int { order.endIndex }
    /// The parameter at a position in file order.
    package subscript(position: Int) -> Parameter { order[position] }
}

extension ParameterTable {
    /// The table with other values for some of its parameters, which keep their place, and new ones at its end.
    package func replacing(_ tensors: [String: Tensor]) -> ParameterTable {
        func parameter(_ name: String, _ tensor: Tensor) -> Parameter {
            Parameter(name: name, shape: tensor.shape, elementType: .float32) { tensor }
        }
        let kept = map { old in tensors[old.name].map { parameter(old.name, $0) } ?? old }
        let new = tensors.keys.filter { self[$0] == nil }.sorted().compactMap { name in
            tensors[name].map { parameter(name, $0) }
        }
        return ParameterTable(kept + new)
    }
}
