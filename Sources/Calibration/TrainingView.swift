import Foundation
import Tensors

/// A view of an image, in which a rectangle may show another one (CutMix, Yun et al. 2019).
struct TrainingView: Sendable {
    /// What is shown beside the rectangle.
    var view: ImageView
    /// The rectangle.
    var patch: Patch?

    /// A rectangle that shows the same part of another view.
    struct Patch: Sendable {
        var rows: Range<Int>
        var columns: Range<Int>
        var view: ImageView
    }
}

/// How views of training images are drawn: shifted and mirrored, large images scaled and recoloured as well, and every second
/// one with a rectangle of the next.
struct ViewDrawing {
    /// The shape of an image, [height, width, channels].
    let shape: Shape
    /// Whether a mirror image is an image of the same kind.
    let mayMirror: Bool
    /// The standard deviation of each channel of the images.
    let deviations: [Float]

    /// Whether images are large, of which there are often few, and which the old network knows from crops of any size.
    var isLarge: Bool { min(shape[0], shape[1]) >= 64 }

    /// A view of each of some images.
    func views(of images: [Int], using random: inout SplitMix64) -> [TrainingView] {
        let views = images.map { view(of: $0, using: &random) }
        return views.enumerated().map { place, view in
            guard views.count > 1, Bool.random(using: &random) else { return TrainingView(view: view) }
            let share = Float.random(in: 0.1...0.6, using: &random).squareRoot()
            func range(_ extent: Int) -> Range<Int> {
                let length = max(1, Int(share * Float(extent)))
                let start = Int.random(in: 0...extent - length, using: &random)
                return start..<start + length
            }
            let next = views[(place + 1) % views.count]
            return TrainingView(
                view: view, patch: .init(rows: range(shape[0]), columns: range(shape[1]), view: next))
        }
    }

    private func view(of image: Int, using random: inout SplitMix64) -> ImageView {
        func shift(_ extent: Int) -> Int {
            let most = extent / (isLarge ? 4 : 8)
            return Int.random(in: -most...most, using: &random)
        }
        var view = ImageView(
            image: image, rows: shift(shape[0]), columns: shift(shape[1]),
            isMirrored: Bool.random(using: &random) && mayMirror)
        if isLarge { view.change = change(using: &random) }
        return view
    }

    private func change(using random: inout SplitMix64) -> ImageView.Change {
        let zoom = exp2(Float.random(in: -0.5...0.5, using: &random))
        let contrast = Float.random(in: 0.7...1.3, using: &random)
        let brightness = Float.random(in: -0.3...0.3, using: &random)
        let gains = deviations.map { _ in contrast * Float.random(in: 0.9...1.1, using: &random) }
        let offsets = deviations.map { $0 * (brightness + Float.random(in: -0.1...0.1, using: &random)) }
        return ImageView.Change(zoom: zoom, gains: gains, offsets: offsets)
    }
}
