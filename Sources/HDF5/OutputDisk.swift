import CHDF5
import CHDF5Driver
import Foundation

/// Owns a file on the disk that libhdf5 writes without hearing of failures: see `hdf5_driver.h`. Whoever calls the
/// library asks for them.
final class OutputDisk {
    private let disk: OpaquePointer
    /// What `disk` may still be writing.
    private var lent: Any?

    /// Creates the file, or empties it.
    init(_ path: String, _ location: HDF5Location) throws(HDF5Error) {
        guard let disk = nc_hdf5_disk_open(path) else {
            throw .systemFailure(
                location, action: "creating the file", reason: String(cString: strerror(errno)))
        }
        self.disk = disk
    }

    deinit { Library.locked { nc_hdf5_disk_release(disk) } }

    /// Makes access properties lead here.
    func use(_ access: hid_t) -> herr_t { nc_hdf5_disk_use(disk, access) }

    /// Lends the elements of an array that the library is to write as they are, so that it need not wait for the disk.
    /// The array stays alive as long; of large ones there is never a second one that waits.
    func lend<Element: BitwiseCopyable>(_ elements: [Element]) {
        // Elements stay where they are while somebody holds the array, and whoever changes it gets a copy.
        elements.withUnsafeBytes { bytes in
            guard bytes.count >= 1 << 18 else { return }
            let isLarge = bytes.count > 16 << 20
            nc_hdf5_disk_lend(disk, isLarge ? nil : bytes.baseAddress, isLarge ? 0 : bytes.count)
            lent = isLarge ? nil : elements
        }
    }

    /// What the system said first of something that could not be written; nil where all was.
    var failure: String? {
        let code = nc_hdf5_disk_failure(disk)
        return code == 0 ? nil : String(cString: strerror(code))
    }

    /// Closes the file, which the library has closed: some file systems tell only now that they are full.
    func close() { nc_hdf5_disk_close(disk) }
}
