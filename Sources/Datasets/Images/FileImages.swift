/// Images in separate files. Each read decodes and transforms them; nothing is cached.
struct FileImages: ImageStore {
    let files: FilePaths
    let transform: ImageTransform
    /// The folder or list, for errors about all files.
    let source: String

    var format: ImageFormat {
        ImageFormat(
            count: files.count, height: transform.crop.height, width: transform.crop.width,
            channels: transform.channels)
    }

    var blackToWhite: ClosedRange<Float> { PixelScale.bytes.range }

    func check(_ preprocessing: Preprocessing) throws(DatasetError) {
        try preprocessing.check(channels: transform.channels, file: source, object: "images")
    }

    func read(
        _ range: Range<Int>, into target: UnsafeMutablePointer<Float>, preprocessing: Preprocessing
    ) throws(DatasetError) {
        let format = format
        for (place, index) in range.enumerated() {
            let image = try imageResult { () throws(ImageError) in
                try ImageFile(path: files[index]).transformed(by: transform)
            }
            image.write(to: target + place * format.size, preprocessing, .bytes)
        }
    }
}
