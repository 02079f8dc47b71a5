import Tensors

/// The pickle of a state dictionary: an `OrderedDict` of tensors.
///
/// Protocol 2, with the opcodes that `torch.load(weights_only=True)` takes. Sources: `Lib/pickletools.py`,
/// `torch/_utils.py` (`_rebuild_tensor_v2`), `torch/serialization.py` (`persistent_id`).
struct PickleOutput {
    /// The whole pickle.
    private(set) var bytes: [UInt8] = [0x80, 2]  // PROTO

    /// A pickle of tensors; the one at place `i` is on the storage with the key `keys[i]`, which tied ones share.
    init(_ tensors: [(parameter: Parameter, storageClass: String)], keys: [Int]) {
        emptyOrderedDictionary()
        opcode("(")  // MARK
        for (tensor, key) in zip(tensors, keys) {
            string(tensor.parameter.name)
            self.tensor(tensor.parameter.shape, of: tensor.storageClass, key: "\(key)")
        }
        opcode("u")  // SETITEMS
        opcode(".")  // STOP
    }

    /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)`
    private mutating func tensor(_ shape: Shape, of storageClass: String, key: String) {
        global("torch._utils", "_rebuild_tensor_v2")
        opcode("(")
        storage(storageClass, key: key, count: shape.count)
        integer(0)
        tuple(shape.extents)
        tuple(shape.torchStrides)
        opcode(0x89)  // NEWFALSE
        emptyOrderedDictionary()
        opcode("t")  // TUPLE
        opcode("R")  // REDUCE
    }

    /// `('storage', class, key, location, count)`, which the file's reader looks up.
    private mutating func storage(_ storageClass: String, key: String, count: Int) {
        opcode("(")
        string("storage")
        global("torch", storageClass)
        string(key)
        string("cpu")
        integer(count)
        opcode("t")
        opcode("Q")  // BINPERSID
    }

    private mutating func emptyOrderedDictionary() {
        global("collections", "OrderedDict")
        opcode(")")  // EMPTY_TUPLE
        opcode("R")
    }

    private mutating func tuple(_ values: [Int]) {
        guard !values.isEmpty else { return opcode(")") }
        opcode("(")
        for value in values { integer(value) }
        opcode("t")
    }

    private mutating func global(_ module: String, _ name: String) {
        opcode("c")
        bytes += "\(module)\n\(name)\n".utf8
    }

    private mutating func string(_ text: String) {
        opcode("X")  // BINUNICODE
        append(UInt32(text.utf8.count))
        bytes += text.utf8
    }

    /// BININT1, BININT2, BININT or LONG1, as short as Python writes a number that is not negative.
    private mutating func integer(_ value: Int) {
        if let short = UInt8(exactly: value) {
            opcode("K")
            append(short)
        } else if let middle = UInt16(exactly: value) {
            opcode("M")
            append(middle)
        } else if let long = Int32(exactly: value) {
            opcode("J")
            append(long)
        } else {
            opcode(0x8a)
            append(UInt8(8))
            append(Int64(value))
        }
    }

    private mutating func opcode(_ character: Unicode.Scalar) { opcode(UInt8(ascii: character)) }

    private mutating func opcode(_ byte: UInt8) { bytes.append(byte) }

    private mutating func append(_ value: some FixedWidthInteger) {
        bytes += withUnsafeBytes(of: value.littleEndian, Array.init)
    }
}

extension Shape {
    /// Elements from one position of a dimension to the next in a contiguous tensor. PyTorch counts empty dimensions as
    /// one.
    fileprivate var torchStrides: [Int] {
        var strides = [Int](repeating: 1, count: rank)
        for dimension in strides.indices.dropLast().reversed() {
            strides[dimension] = strides[dimension + 1] * max(self[dimension + 1], 1)
        }
        return strides
    }
}
