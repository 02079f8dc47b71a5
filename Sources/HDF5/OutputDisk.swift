import CHDF5
import CHDF5Driver
import Foundation

/// Owns a file on the disk that libhdf5 writes without hearing of failures: see `hdf5_driver.h`. Whoever calls the
/// library asks for them.
final class OutputDisk {
    private let disk: OpaquePointer

    /// Creates the file, or empties it.
    init(_ path: String, _ location: HDF5Location) throws(HDF5Error) {
        guard let disk = nc_hdf5_disk_open(path) else {
            throw .systemFailure(
                location, action: "creating the file", reason: String(cString: strerror(errno)))
        }
        self.disk = disk
    }

    deinit {
        // Outside of the lock, under which all others would wait for the disk.
        close()
        Library.locked { nc_hdf5_disk_release(disk) }
    }

    /// Makes access properties lead here.
    func use(_ access: hid_t) -> herr_t { nc_hdf5_disk_use(disk, access) }

    /// The first write error of the system; nil if there was none.
    var failure: String? {
        let code = nc_hdf5_disk_failure(disk)
        return code == 0 ? nil : String(cString: strerror(code))
    }

    /// Closes the file after libhdf5 has closed it. Some file systems report only now that they are full.
    func close() { nc_hdf5_disk_close(disk) }
}
