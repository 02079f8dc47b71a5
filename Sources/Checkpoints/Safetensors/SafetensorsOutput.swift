import Archives
import OrderedJSON
import Tensors

/// The contents of a safetensors file. The same parameters give the same bytes.
struct SafetensorsOutput {
    private let parameters: [Parameter]
    private let metadata: [(key: String, value: String)]

    /// Wider elements come first, as the reference implementation does it: every tensor is then aligned.
    init(_ parameters: ParameterTable, metadata: [(key: String, value: String)]) {
        self.parameters = parameters.enumerated().sorted {
            ($1.element.elementType.size, $0.offset) < ($0.element.elementType.size, $1.offset)
        }.map(\.element)
        self.metadata = metadata
    }

    /// Writes the file, one tensor in memory at a time. Errors name it `name`.
    func write(to path: String, named name: String) throws {
        let output = try FileOutput(path: path, named: name)
        let header = header
        guard header.count <= SafetensorsHeader.lengthLimit else {
            throw SafetensorsError.headerTooLong(
                path: name, found: UInt64(header.count), limit: SafetensorsHeader.lengthLimit)
        }
        try output.write(withUnsafeBytes(of: UInt64(header.count).littleEndian, Array.init))
        try output.write(header)
        for parameter in parameters { try output.write(try parameter.encoded(path: name)) }
        try output.close()
    }

    /// The JSON, filled with spaces so that the data begin at a multiple of 8.
    private var header: [UInt8] {
        var members: [JSON.Member] = []
        if !metadata.isEmpty {
            let strings = metadata.map { JSON.Member($0.key, .string($0.value)) }
            members.append(JSON.Member(SafetensorsHeader.metadataKey, .object(strings)))
        }
        var offset = 0
        for parameter in parameters {
            let end = offset + parameter.shape.count * parameter.elementType.size
            let record: [JSON.Member] = [
                JSON.Member("dtype", .string(parameter.elementType.safetensorsName)),
                JSON.Member("shape", .array(parameter.shape.extents.map(JSON.int))),
                JSON.Member("data_offsets", .array([.int(offset), .int(end)])),
            ]
            members.append(JSON.Member(parameter.name, .object(record)))
            offset = end
        }
        var bytes = JSON.object(members).utf8
        while bytes.count % 8 != 0 { bytes.append(UInt8(ascii: " ")) }
        return bytes
    }
}
