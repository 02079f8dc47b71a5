import Foundation
import Tensors

extension Augmentation {
    /// Draws how a decoded image of a size is seen, in torchvision's order: the crop, the flip, the colours.
    /// `transform` is this augmentation's. Throws where a crop does not fit the image of `file`.
    func view(
        of size: Extent, _ transform: ImageTransform, file: String, using random: inout SplitMix64
    ) throws(ImageError) -> DrawnView {
        var view: DrawnView
        switch crop {
        case .resized(let target, let scale, let ratio):
            let window = Self.resizedCrop(of: size, scale, ratio, using: &random)
            view = DrawnView(cut: window, size: target, crop: ImageWindow(whole: target))
        case .center, .random, .padded:
            let (resized, center) = try transform.placement(of: size, file: file)
            view = DrawnView(cut: ImageWindow(whole: size), size: resized, crop: center)
            place(&view, crop: transform.crop, using: &random)
        }
        view.isFlipped = flips && random.unit() < 0.5
        view.adjustments = jitter?.drawn(using: &random) ?? []
        return view
    }

    /// Draws the position of a crop of a fixed size.
    private func place(_ view: inout DrawnView, crop size: Extent, using random: inout SplitMix64) {
        switch crop {
        case .random: view.crop = Self.randomCrop(of: view.size, size, using: &random)
        case .padded(let margin, let isMirrored):
            let padded = Extent(height: size.height + 2 * margin, width: size.width + 2 * margin)
            let window = Self.randomCrop(of: padded, size, using: &random)
            (view.down, view.right) = (margin - window.rows.lowerBound, margin - window.columns.lowerBound)
            view.mirrorsEdges = isMirrored
        case .center, .resized: break
        }
    }

    /// torchvision's `RandomCrop.get_params`; nothing is drawn where the crop is the whole.
    private static func randomCrop(
        of whole: Extent, _ size: Extent, using random: inout SplitMix64
    ) -> ImageWindow {
        whole == size ? ImageWindow(whole: whole) : position(of: size, in: whole, using: &random)
    }

    /// torchvision's `RandomResizedCrop.get_params`: ten tries, then the largest part at the center whose ratio is in
    /// range.
    private static func resizedCrop(
        of whole: Extent, _ scale: ClosedRange<Double>, _ ratio: ClosedRange<Double>,
        using random: inout SplitMix64
    ) -> ImageWindow {
        let area = Double(whole.height * whole.width)
        for _ in 0..<10 {
            let target = area * random.uniform(scale)
            let aspect = exp(random.uniform(log(ratio.lowerBound)...log(ratio.upperBound)))
            let size = Extent(
                height: rounded((target / aspect).squareRoot()),
                width: rounded((target * aspect).squareRoot()))
            if 1...whole.height ~= size.height, 1...whole.width ~= size.width {
                return position(of: size, in: whole, using: &random)
            }
        }
        var size = whole
        let found = Double(whole.width) / Double(whole.height)
        if found < ratio.lowerBound {
            size.height = max(1, rounded(Double(whole.width) / ratio.lowerBound))
        } else if found > ratio.upperBound {
            size.width = max(1, rounded(Double(whole.height) * ratio.upperBound))
        }
        return ImageWindow(size, at: ((whole.height - size.height) / 2, (whole.width - size.width) / 2))
    }

    private static func position(
        of size: Extent, in whole: Extent, using random: inout SplitMix64
    ) -> ImageWindow {
        let row = Int.random(in: 0...whole.height - size.height, using: &random)
        let column = Int.random(in: 0...whole.width - size.width, using: &random)
        return ImageWindow(size, at: (row, column))
    }
}

/// Python's `round`: halves to even. More than any image has where there is no end.
private func rounded(_ value: Double) -> Int { Int(min(value, 0x1p40).rounded(.toNearestOrEven)) }

extension ImageWindow {
    /// A window of a size from a place on.
    fileprivate init(_ size: Extent, at place: (row: Int, column: Int)) {
        self.init(
            rows: place.row..<place.row + size.height, columns: place.column..<place.column + size.width)
    }
}

extension SplitMix64 {
    /// Numbers of their own for each image in each epoch, whatever was drawn before.
    init(seed: UInt64, epoch: Int, image: Int) {
        var mixed = SplitMix64(seed: seed)
        for number in [epoch, image] {
            mixed = SplitMix64(seed: mixed.next() ^ UInt64(bitPattern: Int64(number)))
        }
        self.init(seed: mixed.next())
    }

    /// A number of 0…1, without 1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A number of a range.
    mutating func uniform(_ range: ClosedRange<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * unit()
    }
}
