import CHDF5
import TestSupport
import Testing

@testable import Datasets
@testable import HDF5

@Suite("Arrays of HDF5 files")
struct HDF5ArrayTests {
    @Test("A group with several names is listed once")
    func groupsWithTwoNames() throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/split.h5"
            // 2⁴⁰ paths lead to the last group.
            Library.locked {
                let file = H5Fcreate(path, chdf5_truncate(), chdf5_default(), chdf5_default())
                defer { _ = H5Fclose(file) }
                var parent = file
                for _ in 0..<40 {
                    let child = H5Gcreate2(parent, "a", chdf5_default(), chdf5_default(), chdf5_default())
                    #expect(H5Lcreate_hard(child, ".", parent, "b", chdf5_default(), chdf5_default()) >= 0)
                    if parent != file { _ = H5Gclose(parent) }
                    parent = child
                }
                _ = H5Gclose(parent)
            }
            let expected = DatasetError.noImages(file: path, found: [], expected: ArrayName.knownImages)
            #expect(throws: expected) { try Split(path: path, requiresLabels: false) }
        }
    }
}
