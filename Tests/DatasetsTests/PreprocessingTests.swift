import Datasets
import Testing

@Suite("Preprocessing")
struct PreprocessingTests {
    /// One RGB pixel through a preprocessing.
    private func apply(_ preprocessing: Preprocessing, _ pixel: [UInt8]) throws -> [Float] {
        try NpzFile().adding("images", "|u1", [1, 1, 1, 3], pixel).withPath {
            try Split(path: $0, requiresLabels: false).read(0..<1, preprocessing: preprocessing)
        }
    }

    @Test(
        "Each form gives numpy's float32 values",
        arguments: [
            ("raw", [13.0, 128.0, 250.0]),
            ("unit", [0.050980393, 0.5019608, 0.98039216]),
            ("torch", [-1.8952821, 0.2051822, 2.5528543]),
            ("caffe", [146.061, 11.221001, -110.68]),
            ("tf", [-0.8980392, 0.003921628, 0.9607843]),
            ("0.1307,0.3081", [-0.25874594, 1.2050011, 2.7578456]),
            ("0.4914:0.4822:0.4465,0.247:0.2435:0.2616", [-1.7830755, 0.08115326, 2.0408723]),
            ("0.5:0.4:0.3,0.25", [-1.7960784, 0.40784323, 2.7215686]),
        ])
    func values(text: String, expected: [Float]) throws {
        let found = try apply(Preprocessing(parsing: text), [13, 128, 250])
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= $1.ulp })
    }

    @Test(
        "A preprocessing reads what it writes",
        arguments: ["raw", "unit", "torch", "caffe", "tf", "0.5,0.25"])
    func description(text: String) throws {
        #expect(try Preprocessing(parsing: text).description == text)
    }

    @Test(
        "Other text is refused",
        arguments: [
            "", "RAW", "0.5", "0.5,0", "0.5,-1", "0.5,nan", "a,b", "1,2,3", "1:2,1:2:3", "1:,2", "inf,1",
        ])
    func unknown(text: String) {
        #expect(throws: DatasetError.unknownPreprocessing(found: text, expected: Preprocessing.forms)) {
            try Preprocessing(parsing: text)
        }
    }
}
