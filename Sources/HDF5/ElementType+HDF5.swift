import CHDF5
import Tensors

extension ElementType {
    /// Recognises a stored type; nil for anything else: compounds, strings, odd precisions.
    init?(type: hid_t) {
        let size = H5Tget_size(type)
        let order = H5Tget_order(type)
        guard order == H5T_ORDER_LE || order == H5T_ORDER_BE, H5Tget_precision(type) == size * 8 else {
            return nil
        }
        let kind: ElementType? =
            switch H5Tget_class(type) {
            case H5T_FLOAT: Self.float(type, size: size)
            case H5T_INTEGER: Self.integer(signed: H5Tget_sign(type) != H5T_SGN_NONE, size: size)
            default: nil
            }
        guard let kind else { return nil }
        self = kind
    }

    /// The integers of h5py's truth values, an enumeration of a byte with `FALSE` for 0 and `TRUE` for 1; nil for
    /// anything else.
    init?(boolean type: hid_t) {
        guard H5Tget_class(type) == H5T_ENUM, H5Tget_size(type) == 1, H5Tget_nmembers(type) == 2 else {
            return nil
        }
        for (value, name) in ["FALSE", "TRUE"].enumerated() {
            var stored: UInt8 = .max
            guard H5Tenum_valueof(type, name, &stored) >= 0, stored == value else { return nil }
        }
        self = .int8
    }

    private static func integer(signed: Bool, size: Int) -> ElementType? {
        switch size {
        case 1: signed ? .int8 : .uint8
        case 2: signed ? .int16 : .uint16
        case 4: signed ? .int32 : .uint32
        case 8: signed ? .int64 : .uint64
        default: nil
        }
    }

    private static func float(_ type: hid_t, size: Int) -> ElementType? {
        var (sign, exponentStart, exponentBits, mantissaStart, mantissaBits) = (0, 0, 0, 0, 0)
        guard
            H5Tget_fields(type, &sign, &exponentStart, &exponentBits, &mantissaStart, &mantissaBits) >= 0,
            H5Tget_norm(type) == H5T_NORM_IMPLIED,
            sign == size * 8 - 1, exponentStart == mantissaBits, mantissaStart == 0
        else { return nil }
        return switch (size, exponentBits, mantissaBits, H5Tget_ebias(type)) {
        case (2, 5, 10, 15): .float16
        case (2, 8, 7, 127): .bfloat16
        case (4, 8, 23, 127): .float32
        case (8, 11, 52, 1023): .float64
        default: nil
        }
    }

    /// The type in this machine's byte order, as a handle to close.
    func nativeType(_ location: HDF5Location) throws(HDF5Error) -> Handle {
        let id =
            switch self {
            case .float16: chdf5_make_float16(5, 10, 15)
            case .bfloat16: chdf5_make_float16(8, 7, 127)
            case .float32: H5Tcopy(chdf5_native_float())
            case .float64: H5Tcopy(chdf5_native_double())
            case .int8: H5Tcopy(chdf5_native_int8())
            case .int16: H5Tcopy(chdf5_native_int16())
            case .int32: H5Tcopy(chdf5_native_int32())
            case .int64: H5Tcopy(chdf5_native_int64())
            case .uint8: H5Tcopy(chdf5_native_uint8())
            case .uint16: H5Tcopy(chdf5_native_uint16())
            case .uint32: H5Tcopy(chdf5_native_uint32())
            case .uint64: H5Tcopy(chdf5_native_uint64())
            }
        return try .type(id, location)
    }

    /// A stored type in words, for errors.
    static func describe(_ type: hid_t) -> String {
        if let kind = ElementType(type: type) { return kind.rawValue }
        let bits = H5Tget_size(type) * 8
        return switch H5Tget_class(type) {
        case H5T_INTEGER: "a \(bits)-bit integer of an unusual layout"
        case H5T_FLOAT: "a \(bits)-bit float of an unusual layout"
        case H5T_STRING: "a string"
        case H5T_COMPOUND: "a compound"
        case H5T_ENUM: "an enumeration"
        case H5T_ARRAY: "an array"
        case H5T_VLEN: "a variable-length sequence"
        case H5T_REFERENCE: "a reference"
        case H5T_OPAQUE: "opaque bytes"
        case H5T_BITFIELD: "a bit field"
        default: "an unknown type"
        }
    }
}
