/// Why a zip archive or a numpy array in it is refused.
package enum ArchiveError: Error, Equatable {
    /// The system could not open or read the file.
    case unreadable(file: String, reason: String)
    /// The system could not write the file.
    case unwritable(file: String, reason: String)
    /// The file changed during reading.
    case changed(file: String)
    /// The file ends before something that it announces.
    case truncated(file: String, offset: Int, expected: Int)
    /// There is no end-of-directory record at the end of the file.
    case notZip(file: String)
    /// The directory's records contradict each other or the file's size.
    case damagedDirectory(file: String, found: String, expected: String)
    /// The archive is one part of several.
    case spansDisks(file: String)
    /// More members than `ZipArchive.Limits` allows.
    case tooManyMembers(file: String, found: UInt64, limit: Int)
    /// A name that is empty, absolute, climbs out of its folder or is not text.
    case unsafeName(file: String, name: String)
    /// Two members of one name.
    case duplicateName(file: String, name: String)
    /// A member that needs a password.
    case encrypted(file: String, member: String)
    /// A compression method other than stored and deflate.
    case unsupportedMethod(file: String, member: String, found: Int)
    /// A member's own header contradicts the directory.
    case headerMismatch(file: String, member: String, found: String, expected: String)
    /// Two members share bytes of the file, or a member runs into the directory.
    case overlapping(file: String, member: String, with: String)
    /// A member that inflates to more than the limit for its stored bytes.
    case expandsTooMuch(file: String, member: String, found: Int, limit: Int)
    /// Deflate data that no compressor writes.
    case damagedStream(file: String, member: String)
    /// A member of another size than the directory says.
    case wrongSize(file: String, member: String, found: Int, expected: Int)
    /// A member's bytes are not those that were stored.
    case wrongChecksum(file: String, member: String, found: UInt32, expected: UInt32)
    /// No member of that name.
    case missingMember(file: String, member: String)
    /// A member without numpy's magic bytes.
    case notNumpy(file: String, member: String)
    /// A version of the npy format other than 1 to 3.
    case unsupportedNumpyVersion(file: String, member: String, found: Int)
    /// An npy header that is not the dictionary that numpy writes.
    case malformedNumpyHeader(file: String, member: String, found: String, expected: String)
    /// An element type that is neither integer nor float, or of a width that is not read here.
    case unsupportedElementType(file: String, member: String, found: String)
    /// An array of several dimensions stored column by column.
    case fortranOrder(file: String, member: String)
    /// The shape and element type ask for another number of bytes than there are.
    case wrongPayload(file: String, member: String, found: Int, expected: Int)
}

extension ArchiveError: CustomStringConvertible {
    /// The message in one line: the file, the member, what was found and what was expected.
    package var description: String {
        switch self {
        case .unreadable(let file, let reason): "\(file): \(reason)"
        case .changed(let file):
            "\(file): the file changed while it was read; try again when no other program writes to it"
        case .unwritable(let file, let reason): "\(file): cannot be written: \(reason)"
        case .truncated(let file, let offset, let expected):
            "\(file): the file ends early, expected \(expected) bytes at \(offset)"
        case .notZip(let file): "\(file): not a complete zip archive: the end-of-directory record is missing"
        case .damagedDirectory(let file, let found, let expected):
            "\(file): damaged zip directory: found \(found), expected \(expected)"
        case .spansDisks(let file):
            "\(file): one part of a split zip archive, expected a single file; join the parts first"
        case .tooManyMembers(let file, let found, let limit):
            "\(file): \(found) members, expected at most \(limit)"
        case .unsafeName(let file, let name):
            "\(file): unsafe member name \(name.debugDescription), expected a relative path"
        case .duplicateName(let file, let name): "\(file): two members are named '\(name)'"
        case .encrypted(let file, let member):
            "\(file): '\(member)' is encrypted, expected an archive without a password"
        case .unsupportedMethod(let file, let member, let found):
            "\(file): '\(member)': compression method \(found), expected 0 (stored) or 8 (deflate)"
        case .headerMismatch(let file, let member, let found, let expected):
            "\(file): '\(member)': its header has \(found), the zip directory has \(expected)"
        case .overlapping(let file, let member, let other): "\(file): '\(member)' overlaps \(other)"
        case .expandsTooMuch(let file, let member, let found, let limit):
            "\(file): '\(member)' inflates to \(found) bytes, expected at most \(limit) for its compressed size"
        case .damagedStream(let file, let member): "\(file): '\(member)': damaged deflate data"
        case .wrongSize(let file, let member, let found, let expected):
            "\(file): '\(member)': \(found) bytes, expected \(expected)"
        case .wrongChecksum(let file, let member, let found, let expected):
            "\(file): '\(member)': CRC-32 is \(String(found, radix: 16)), "
                + "expected \(String(expected, radix: 16))"
        case .missingMember(let file, let member): "\(file): no member '\(member)'"
        case .notNumpy(let file, let member):
            "\(file): '\(member)': not a numpy array: the magic bytes are missing"
        case .unsupportedNumpyVersion(let file, let member, let found):
            "\(file): '\(member)': npy format version \(found), expected 1, 2 or 3"
        case .malformedNumpyHeader(let file, let member, let found, let expected):
            "\(file): '\(member)': npy header has \(found), expected \(expected)"
        case .unsupportedElementType(let file, let member, let found):
            "\(file): '\(member)': elements of type \(found), expected b1, u1…u8, i1…i8, f2, f4 or f8"
        case .fortranOrder(let file, let member):
            "\(file): '\(member)': stored in Fortran order, expected C order; save numpy.ascontiguousarray(array)"
        case .wrongPayload(let file, let member, let found, let expected):
            "\(file): '\(member)': \(found) bytes of elements, expected \(expected)"
        }
    }
}
