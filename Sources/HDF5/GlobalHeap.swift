/// The heap of a file in which strings and lists of variable length stand, read by ourselves to see that each is as long as
/// its attribute says: libhdf5 1.10 copies as many bytes as the heap says, over whatever stands after its memory.
///
/// HDF5 File Format Specification 3.0, III.E "Disk Format: Level 1E - Global Heap". Used under the library's lock.
struct GlobalHeap {
    private let file: HDF5File
    private var collections: [UInt64: [Int: Int]] = [:]
    /// Bytes that may still be read: collections that do not overlap are no more than the file.
    private var remaining: Int

    /// Why a reference is refused.
    struct Damage: Error {
        let reason: String
    }

    init(of file: HDF5File) { (self.file, remaining) = (file, file.byteCount) }

    /// Elements that a reference says there are, the first 32 bits of it.
    static func length(of reference: ArraySlice<UInt8>) -> Int { Int(reference.prefix(4).littleEndian) }

    /// Checks that a reference's object is there and has as many bytes as its elements: a length, the address of a
    /// collection, and the number of an object in it (32 bits).
    mutating func check(_ reference: ArraySlice<UInt8>, elementBytes: Int) throws(Damage) {
        let addressBytes = file.bytes.address_bytes
        guard reference.count >= 8 + addressBytes else { throw Damage(reason: "is cut off") }
        let address = reference.dropFirst(4).prefix(addressBytes).littleEndian
        // The library takes it for a reference to nothing, whatever the length is.
        if address == 0 { return }
        let index = Int(reference.dropFirst(4 + addressBytes).prefix(4).littleEndian)
        guard let found = try collection(at: address)[index] else {
            throw Damage(reason: "refers to object \(index) of the heap at \(address), which is not there")
        }
        let expected = Self.length(of: reference) * elementBytes
        guard found == expected else {
            throw Damage(
                reason:
                    "refers to \(expected) bytes in the heap at \(address), whose object \(index) has \(found)"
            )
        }
    }

    /// The bytes of each object of a collection, by its number.
    private mutating func collection(at address: UInt64) throws(Damage) -> [Int: Int] {
        if let known = collections[address] { return known }
        let damage = Damage(reason: "refers to a heap at \(address) that is damaged")
        let headerBytes = 8 + file.bytes.length_bytes
        var bytes = [UInt8](repeating: 0, count: headerBytes)
        guard file.read(at: address, into: &bytes),
            bytes.starts(with: Array("GCOL\u{1}".utf8)),
            let size = Int(exactly: bytes[8...].littleEndian), size >= headerBytes, size <= remaining
        else { throw damage }
        remaining -= size
        bytes = [UInt8](repeating: 0, count: size)
        guard file.read(at: address, into: &bytes),
            let objects = Self.objects(bytes, lengthBytes: file.bytes.length_bytes)
        else { throw damage }
        collections[address] = objects
        return objects
    }

    /// The bytes of each object: its number (16 bits), references to it (16), zeros (32), its length, and itself, up to a
    /// multiple of 8 bytes. Number 0 is what is free, its header counted in. Nil where one is not inside.
    private static func objects(_ bytes: [UInt8], lengthBytes: Int) -> [Int: Int]? {
        var objects: [Int: Int] = [:]
        let headerBytes = 8 + lengthBytes
        var place = headerBytes
        while place + headerBytes <= bytes.count {
            let index = Int(bytes[place...].prefix(2).littleEndian)
            guard let size = Int(exactly: bytes[(place + 8)...].prefix(lengthBytes).littleEndian),
                size <= bytes.count - place
            else { return nil }
            let taken = index == 0 ? size : headerBytes + (size + 7) / 8 * 8
            guard taken >= headerBytes, taken <= bytes.count - place else { return nil }
            if index != 0 { objects[index] = size }
            place += taken
        }
        return objects
    }
}

extension ArraySlice<UInt8> {
    /// The number that at most eight bytes are, the lowest byte first.
    fileprivate var littleEndian: UInt64 { reversed().reduce(0) { $0 << 8 | UInt64($1) } }
}
