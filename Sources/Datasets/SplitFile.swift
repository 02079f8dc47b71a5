import Archives
import Foundation
import HDF5

/// The arrays of a split's file under the names that people give them.
struct SplitFile {
    let images: any StoredArray
    let labels: (any StoredArray)?
    let classNames: [String]?
    /// What the labels that belong to `images` are called.
    let labelsName: String

    /// Images and their labels: our own, Keras' (`x_test`; `mnist.npz` has `x_train` beside it), scikit-learn's and
    /// torchvision's names.
    static let names = [("images", "labels"), ("x_test", "y_test"), ("X", "y"), ("data", "targets")]

    /// Opens a file by its content: zip means npz, everything else has to be HDF5.
    init(path: String) throws(DatasetError) {
        if Self.isZip(path) {
            do throws(ArchiveError) { self = try Self.npz(path) } catch { throw .archive(error) }
        } else {
            do throws(HDF5Error) { self = try Self.hdf5(path) } catch { throw .hdf5(error) }
        }
    }
}
