import Archives
import Foundation

/// The kind of a file that is not HDF5, by its first bytes.
package enum FileKind: Sendable, Equatable {
    case html, gitLFSPointer, zip, safetensors, numpy, pickle, unknown

    /// Judges the first bytes of a file (a few hundred are enough).
    package init(firstBytes bytes: [UInt8]) {
        let text = String(decoding: bytes.prefix(512), as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines.union(["\u{FEFF}"])).lowercased()
        if text.hasPrefix("version https://git-lfs") {
            self = .gitLFSPointer
        } else if ["<!doctype html", "<html", "<head", "<?xml", "<!--"].contains(where: text.hasPrefix) {
            self = .html
        } else if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) {
            self = .zip
        } else if bytes.starts(with: [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]) {
            self = .numpy
        } else if bytes.count > 9, bytes[8] == UInt8(ascii: "{"),
            bytes[..<8].contains(where: { $0 < 9 || $0 > 0x7F })
        {
            // A 64-bit length, and not text; that it can be one is checked where it is read.
            self = .safetensors
        } else if bytes.count > 1, bytes[0] == 0x80, (2...5).contains(bytes[1]) {
            self = .pickle
        } else {
            self = .unknown
        }
    }

    /// A description of the file, and what to do.
    package var hint: String {
        switch self {
        case .html: "it looks like an HTML page: the download failed"
        case .gitLFSPointer: "it is a Git LFS pointer: run git lfs pull"
        case .zip: "it is a zip archive (.keras, .npz or .pth?)"
        case .safetensors: "it looks like a safetensors file"
        case .numpy: "it is a NumPy .npy array"
        case .pickle: "it looks like a Python pickle"
        case .unknown: "the HDF5 signature is missing"
        }
    }
}

extension FileKind {
    /// The kind by a file's first bytes; `unknown` if it cannot be read, which the next read reports.
    package init(path: String) {
        self.init(firstBytes: RandomAccessFile.firstBytes(512, of: path))
    }
}
