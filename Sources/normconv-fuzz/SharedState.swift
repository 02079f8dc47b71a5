import Foundation

/// Numbers in a file that parent and child both have in memory: they outlive the child.
final class SharedState {
    private let numbers: UnsafeMutableBufferPointer<Int>
    private static let size = 4096

    init(path: String) throws {
        let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
        guard descriptor >= 0, ftruncate(descriptor, off_t(Self.size)) == 0,
            let memory = mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            memory != MAP_FAILED
        else { throw CocoaError(.fileWriteUnknown) }
        close(descriptor)
        let count = Self.size / MemoryLayout<Int>.size
        numbers = UnsafeMutableBufferPointer(
            start: memory.bindMemory(to: Int.self, capacity: count), count: count)
    }

    /// The input that is read.
    var input: Int {
        get { numbers[0] }
        set { numbers[0] = newValue }
    }

    func tried(_ format: Format) -> Int { numbers[Self.place(format)] }

    func accepted(_ format: Format) -> Int { numbers[Self.place(format) + 1] }

    /// Inputs whose file was not the same any more after it was read.
    func changed(_ format: Format) -> Int { numbers[Self.place(format) + 2] }

    func count(_ format: Format, accepted: Bool) {
        numbers[Self.place(format)] += 1
        numbers[Self.place(format) + 1] += accepted ? 1 : 0
    }

    func countChanged(_ format: Format) { numbers[Self.place(format) + 2] += 1 }

    private static func place(_ format: Format) -> Int {
        1 + 3 * (Format.allCases.firstIndex(of: format) ?? 0)
    }
}
