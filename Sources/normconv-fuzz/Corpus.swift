import Archives
import Foundation
import Tensors

/// The kind of a seed, by its name.
enum Format: String, CaseIterable {
    case hdf5, keras, torch, npz, npy, safetensors, json, jpeg, png, bmp, pnm, list, cifar, idx

    init?(name: String) {
        let endings: [(String, Format)] = [
            (".h5", .hdf5), (".keras", .keras), (".pth", .torch), (".pt", .torch), (".pkl", .torch),
            (".npz", .npz), (".npy", .npy),
            (".safetensors", .safetensors),
            (".json", .json), (".jpg", .jpeg), (".png", .png), (".bmp", .bmp), (".pnm", .pnm),
            (".csv", .list), (".txt", .list), (".jsonl", .list),
            (".bin", .cifar),
            ("-ubyte", .idx), (".gz", .idx),
        ]
        guard let found = endings.first(where: { name.hasSuffix($0.0) }) else { return nil }
        self = found.1
    }

    /// Whether seeds are zip archives, whose members' checksums would hide all damage from the readers of these.
    var isZip: Bool { [.keras, .torch, .npz].contains(self) }
}

/// Good files, and the damaged ones that are made of them.
struct Corpus {
    private let seeds: [(name: String, format: Format, bytes: [UInt8])]
    private let seed: UInt64

    /// An input and the ending of its name.
    struct Input {
        let format: Format
        let ending: String
        let bytes: [UInt8]

        /// Where it is read from.
        func path(in folder: String) -> String { "\(folder)/input\(format == .idx ? "-" : ".")\(ending)" }

        /// Whether the file still is what was written.
        func isUnchanged(in folder: String) -> Bool {
            (try? Data(contentsOf: URL(fileURLWithPath: path(in: folder)))).map { Array($0) == bytes }
                ?? false
        }
    }

    init(folder: String, only: String?, seed: UInt64) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        seeds = try names.filter { only.map($0.contains) ?? true }.compactMap { name in
            guard let format = Format(name: name) else { return nil }
            return (name, format, Array(try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))))
        }
        guard !seeds.isEmpty else { throw CocoaError(.fileReadNoSuchFile) }
        self.seed = seed
    }

    var count: Int { seeds.count }

    /// A good file of each format.
    var examples: [Input] {
        Format.allCases.compactMap { format in
            seeds.first { $0.format == format }.map {
                Input(format: format, ending: Self.ending($0.name, format), bytes: $0.bytes)
            }
        }
    }

    private static func ending(_ name: String, _ format: Format) -> String {
        guard format == .idx else { return String(name.split(separator: ".").last ?? "") }
        return name.hasSuffix(".gz") ? "images-idx3-ubyte.gz" : "images-idx3-ubyte"
    }

    /// The input of that number.
    func input(_ number: Int) -> Input {
        var generator = SplitMix64(seed: seed &+ UInt64(number) &* 0x9E37_79B9)
        let (name, format, bytes) = seeds[number % seeds.count]
        // Another file of the format, to take pieces from.
        let others = seeds.filter { $0.format == format }
        let donor = others[Int.random(in: others.indices, using: &generator)].bytes
        var mutation = Mutation(generator: generator, donor: donor)
        var damaged: [UInt8]
        if format.isZip, Bool.random(using: &mutation.generator) {
            damaged = (try? Self.rewritten(bytes, &mutation)) ?? mutation.damaged(bytes)
        } else {
            damaged = mutation.damaged(bytes)
        }
        if format == .png, Bool.random(using: &mutation.generator) { Self.correctChecksums(&damaged) }
        return Input(format: format, ending: Self.ending(name, format), bytes: damaged)
    }

    /// The archive with a member damaged and its checksum right.
    private static func rewritten(_ bytes: [UInt8], _ mutation: inout Mutation) throws -> [UInt8] {
        let path = NSTemporaryDirectory() + "/members.zip"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let archive = try ZipArchive(path: path)
        let chosen = Int.random(in: archive.members.indices, using: &mutation.generator)
        var output = try ZipOutput(path: path + ".new", named: path)
        for (index, member) in archive.members.enumerated() {
            let content = try archive.read(member)
            try output.add(member.name, index == chosen ? mutation.damaged(content) : content)
        }
        try output.close()
        return Array(try Data(contentsOf: URL(fileURLWithPath: path + ".new")))
    }

    /// Sets the CRC-32 of each chunk of a PNG file, as far as its lengths make sense.
    private static func correctChecksums(_ bytes: inout [UInt8]) {
        var start = 8
        while start + 12 <= bytes.count {
            let length = bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
            let end = start + 8 + length
            guard end + 4 <= bytes.count else { return }
            var crc = UInt32.max
            for byte in bytes[start + 4..<end] {
                crc ^= UInt32(byte)
                for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 0 ? 0 : 0xEDB8_8320) }
            }
            withUnsafeBytes(of: (~crc).bigEndian) { bytes.replaceSubrange(end..<end + 4, with: $0) }
            start = end + 4
        }
    }
}

/// Damages bytes.
struct Mutation {
    var generator: SplitMix64
    let donor: [UInt8]

    /// Values at which arithmetic goes wrong.
    private static let edges: [UInt64] = [
        0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 0x7FFF_FFFF, 0x8000_0000,
        0xFFFF_FFFF, 1 << 32, 1 << 40, 1 << 62, 1 << 63 - 1, 1 << 63, .max - 7, .max,
    ]

    /// A copy with one to eight changes.
    mutating func damaged(_ original: [UInt8]) -> [UInt8] {
        var bytes = original
        let changes = 1 << Int.random(in: 0...3, using: &generator)
        for _ in 0..<Int.random(in: 1...changes, using: &generator) { change(&bytes) }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return bytes.append(UInt8.random(in: 0...255, using: &generator)) }
        let place = Int.random(in: bytes.indices, using: &generator)
        switch Int.random(in: 0..<12, using: &generator) {
        case 0...2: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 3, 4: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 5...7: writeInteger(&bytes, at: place)
        case 8: bytes.removeSubrange(place..<min(bytes.count, place + length()))
        case 9:
            let piece = Array(bytes[place..<min(bytes.count, place + length())])
            bytes.insert(contentsOf: piece, at: Int.random(in: 0...bytes.count, using: &generator))
        case 10: takeFromDonor(&bytes, at: place)
        default:
            if Int.random(in: 0..<4, using: &generator) == 0 {
                bytes.removeSubrange(place...)
            } else {
                let piece = Array(bytes[place..<min(bytes.count, place + length())])
                let target = Int.random(in: 0...bytes.count - piece.count, using: &generator)
                bytes.replaceSubrange(target..<target + piece.count, with: piece)
            }
        }
    }

    private mutating func writeInteger(_ bytes: inout [UInt8], at place: Int) {
        let width = min([1, 2, 4, 8][Int.random(in: 0..<4, using: &generator)], bytes.count - place)
        let isBig = Int.random(in: 0..<4, using: &generator) == 0
        var old: UInt64 = 0
        for index in 0..<width {
            old |= UInt64(bytes[place + index]) << UInt64(8 * (isBig ? width - 1 - index : index))
        }
        let edge = Self.edges[Int.random(in: Self.edges.indices, using: &generator)]
        let new = [edge, old &+ 1, old &- 1, old &* 2, UInt64(bytes.count)][
            Int.random(in: 0..<5, using: &generator)]
        for index in 0..<width {
            let digit = isBig ? width - 1 - index : index
            bytes[place + index] = UInt8(truncatingIfNeeded: new >> UInt64(8 * digit))
        }
    }

    private mutating func takeFromDonor(_ bytes: inout [UInt8], at place: Int) {
        guard !donor.isEmpty else { return }
        let start = Int.random(in: donor.indices, using: &generator)
        let piece = donor[start..<min(donor.count, start + length())]
        bytes.replaceSubrange(place..<min(bytes.count, place + piece.count), with: piece)
    }

    /// Mostly a few bytes, seldom thousands.
    private mutating func length() -> Int {
        Int.random(in: 1...1 << Int.random(in: 1...12, using: &generator), using: &generator)
    }
}
