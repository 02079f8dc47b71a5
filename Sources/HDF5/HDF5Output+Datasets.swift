import CHDF5
import Tensors

extension HDF5Output {
    /// Copies a dataset with everything that belongs to it: type, layout, filters, attributes, stored bytes.
    package func copy(_ dataset: Dataset, to path: String) throws(HDF5Error) {
        try onFile(path) { (file, place) throws(HDF5Error) -> Void in
            let links = try Handle.properties(H5Pcreate(chdf5_link_create_class()), place)
            try Library.check(H5Pset_create_intermediate_group(links.id, 1), "preparing the copy", place)
            let status = H5Ocopy(dataset.handle.id, ".", file.id, path, chdf5_default(), links.id)
            try dataset.file.checkUnchanged()
            try Library.check(status, "copying \(dataset.location)", place)
        }
    }

    /// Writes new values with the shape, type, layout, filters and attributes of an existing dataset.
    package func write(_ values: [Float], to path: String, replacing dataset: Dataset) throws(HDF5Error) {
        try onFile(path) { (file, place) throws(HDF5Error) -> Void in
            let space = try Handle.space(H5Dget_space(dataset.handle.id), place)
            let creation = try Handle.properties(H5Dget_create_plist(dataset.handle.id), place)
            let created = try create(path, dataset, space, creation, in: file, place)
            try write(values, as: dataset.elementType, into: created, count: dataset.count, place)
            let attributes = dataset.attributes
            for name in try attributes.names() {
                try copy(name, of: attributes, to: created, place)
            }
        }
    }

    /// Writes values of a new shape, contiguous, with the element type of `dataset`.
    package func write(
        _ values: [Float], shape: [Int], to path: String, like dataset: Dataset
    ) throws(HDF5Error) {
        try onFile(path) { (file, place) throws(HDF5Error) -> Void in
            let extents = shape.map { hsize_t($0) }
            let space = try Handle.space(H5Screate_simple(Int32(shape.count), extents, nil), place)
            let creation = try Handle.properties(H5Pcreate(chdf5_dataset_create_class()), place)
            let created = try create(path, dataset, space, creation, in: file, place)
            try write(
                values, as: dataset.elementType, into: created, count: shape.reduce(1, *), place)
        }
    }

    /// Writes elements as they are stored, little-endian, into a new contiguous dataset. Groups on the way to it are
    /// created.
    package func write(
        _ bytes: [UInt8], of kind: ElementType, shape: [Int], to path: String
    ) throws(HDF5Error) {
        try onFile(path) { (file, place) throws(HDF5Error) -> Void in
            let count = shape.reduce(1, *)
            guard bytes.count == count * kind.size else {
                throw .wrongRange(
                    place, found: "\(bytes.count) bytes", expected: "\(count * kind.size) bytes")
            }
            let extents = shape.map { hsize_t($0) }
            let space = try Handle.space(
                shape.isEmpty ? H5Screate(H5S_SCALAR) : H5Screate_simple(Int32(shape.count), extents, nil),
                place)
            let creation = try Handle.properties(H5Pcreate(chdf5_dataset_create_class()), place)
            let type = try kind.nativeType(place)
            try Library.check(H5Tset_order(type.id, H5T_ORDER_LE), "preparing the dataset", place)
            let created = try create(path, type, space, creation, in: file, place)
            guard count > 0 else { return }
            let status = H5Dwrite(
                created.id, type.id, chdf5_all(), chdf5_all(), chdf5_default(), bytes)
            try Library.check(status, "writing the values", place)
        }
    }

    // MARK: Pieces

    /// A dataset of the type of `model`.
    private func create(
        _ path: String, _ model: Dataset, _ space: Handle, _ creation: Handle, in file: Handle,
        _ place: HDF5Location
    ) throws(HDF5Error) -> Handle {
        let stored = try Handle.type(H5Dget_type(model.handle.id), place)
        let type = try Handle.type(H5Tcopy(stored.id), place)
        return try create(path, type, space, creation, in: file, place)
    }

    /// A dataset, which does not remember when it was written.
    private func create(
        _ path: String, _ type: Handle, _ space: Handle, _ creation: Handle, in file: Handle,
        _ place: HDF5Location
    ) throws(HDF5Error) -> Handle {
        try Library.check(H5Pset_obj_track_times(creation.id, false), "preparing the dataset", place)
        let links = try Handle.properties(H5Pcreate(chdf5_link_create_class()), place)
        try Library.check(H5Pset_create_intermediate_group(links.id, 1), "preparing the dataset", place)
        let id = H5Dcreate2(file.id, path, type.id, space.id, links.id, creation.id, chdf5_default())
        return try Handle(id, "creating the dataset", place) { H5Dclose($0) }
    }

    private func write(
        _ values: [Float], as kind: ElementType, into dataset: Handle, count: Int, _ place: HDF5Location
    ) throws(HDF5Error) {
        guard values.count == count else {
            throw .wrongRange(place, found: "\(values.count) values", expected: "\(count) values")
        }
        guard count > 0 else { return }
        // libhdf5 rounds ties away from zero when it narrows to 16 bits.
        switch kind {
        case .float16: try write(values.map(HalfPrecision.half), of: kind, into: dataset, place)
        case .bfloat16: try write(values.map(HalfPrecision.bfloat16), of: kind, into: dataset, place)
        default: try write(values, of: .float32, into: dataset, place)
        }
    }

    /// Writes elements that are in memory as `kind`.
    private func write<Element: BitwiseCopyable>(
        _ elements: [Element], of kind: ElementType, into dataset: Handle, _ place: HDF5Location
    ) throws(HDF5Error) {
        let type = try kind.nativeType(place)
        let status = H5Dwrite(dataset.id, type.id, chdf5_all(), chdf5_all(), chdf5_default(), elements)
        try Library.check(status, "writing the values", place)
    }
}
