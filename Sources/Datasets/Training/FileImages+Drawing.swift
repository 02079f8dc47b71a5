import Tensors

extension FileImages {
    /// Whether a crop fits is only known of each image.
    func check(_ augmentation: Augmentation) {}

    func inAnyOrder() -> FileImages { self }

    func draw(
        _ image: Int, _ augmentation: Augmentation, using random: inout SplitMix64,
        to target: UnsafeMutablePointer<Float>, preprocessing: Preprocessing
    ) throws(DatasetError) {
        let (file, transform) = (files[image], augmentation.transform(from: transform))
        let drawn = try imageResult { () throws(ImageError) in
            let image = try ImageFile(path: file).decoded(for: transform)
            let view = try augmentation.view(of: image.extent, transform, file: file, using: &random)
            return image.drawn(view, transform.interpolation)
        }
        drawn.write(to: target, preprocessing, .bytes)
    }
}
