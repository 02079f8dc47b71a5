import Inference
import Tensors

/// Places of images that parameters are fitted to, and of images that judge.
struct FittedImages {
    /// Places of the images that parameters are fitted to.
    var fit: [Int]
    /// Places of the images set aside.
    var held: [Int]

    /// Fewer images, evenly chosen, where they have more positions than needed: about `total` to fit to and half as many
    /// to judge by, of which an image gives `positions`, but counts for 2,048 at most.
    func thinned(positions: Int, to total: Int) -> FittedImages {
        func some(_ images: [Int], _ count: Int) -> [Int] {
            let count = min(images.count, count)
            return (0..<count).map { images[$0 * images.count / count] }
        }
        let enough = max(total / 2048, total / max(positions, 1))
        return FittedImages(fit: some(fit, enough), held: some(held, enough / 2))
    }
}

/// The images of a calibration.
package struct CalibrationImages {
    /// All of them, preprocessed: those that are fitted to in the order in which they were drawn, their mirror images
    /// where there are any, then the same for those set aside.
    let store: ActivationStore
    /// Places of the images as they were drawn, and of their mirror images.
    let fitted: FittedImages
    /// Places of the images that are fitted to as they were drawn.
    let originals: [Int]
    /// What steps are judged by: the images set aside and, where a pass costs little, five other views of each. One
    /// image more or less then decides nothing.
    let judged: [ImageView]

    var fit: [Int] { fitted.fit }
    var held: [Int] { fitted.held }

    /// How many of so many images are set aside: an eighth, but at least 16, and at most a quarter.
    package static func heldOut(of count: Int) -> Int { min(count / 4, max(16, count / 8)) }

    /// `drawn` with the last images set aside. Mirror images are images that the old network knows as well: they make
    /// up for few.
    init(_ drawn: ActivationStore, addsMirrored: Bool, mayMirror: Bool = true) throws {
        let held = Self.heldOut(of: drawn.count)
        let fit = drawn.count - held
        let times = addsMirrored ? 2 : 1
        store = try ActivationStore(shape: drawn.shape, count: drawn.count * times)
        originals = Array(0..<fit)
        fitted = FittedImages(
            fit: Array(0..<fit * times), held: Array(fit * times..<drawn.count * times))
        let (rows, columns) = (drawn.shape[0] / 16, drawn.shape[1] / 16)
        judged = (fit * times..<fit * times + held).flatMap { image in
            guard addsMirrored else { return [ImageView(image: image)] }
            let moved = [(-rows, -columns), (-rows, columns), (rows, -columns), (rows, columns)]
            return [ImageView(image: image), ImageView(image: image, isMirrored: mayMirror)]
                + moved.enumerated().map { place, shift in
                    ImageView(
                        image: image, rows: shift.0, columns: shift.1,
                        isMirrored: mayMirror && place % 2 == 1)
                }
        }
        var values = [Float](repeating: 0, count: drawn.shape.count)
        for place in 0..<drawn.count {
            let target = place < fit ? place : place + fit * (times - 1)
            for copy in 0..<times {
                let view = ImageView(image: place, isMirrored: copy == 1)
                values.withUnsafeMutableBufferPointer { values in
                    guard let start = values.baseAddress else { return }
                    view.write(from: drawn, to: start)
                    let final = target + copy * (place < fit ? fit : held)
                    store.store(final..<final + 1, UnsafeBufferPointer(values))
                }
            }
        }
    }

    /// About `count` of these images, evenly chosen, with their mirror images; all where there are no more. The same share of
    /// those set aside, but at least 16, judges layers; steps are not judged by them.
    func some(_ count: Int) throws -> CalibrationImages {
        guard count < store.count else { return self }
        let times = fit.count / max(originals.count, 1)
        func chosen(_ places: [Int], _ share: Double, least: Int) -> [Int] {
            let drawn = places.count / times
            let most = min(max(Int(Double(drawn) * share), least), drawn)
            return (0..<times).flatMap { copy in
                (0..<most).map { places[copy * drawn + $0 * drawn / most] }
            }
        }
        let share = Double(count) / Double(store.count)
        let (fit, held) = (chosen(fit, share, least: 1), chosen(held, share, least: 16))
        return CalibrationImages(
            store: try store.copy(of: fit + held),
            fitted: FittedImages(
                fit: Array(fit.indices), held: Array(fit.count..<fit.count + held.count)),
            originals: Array(0..<fit.count / times), judged: [])
    }

    private init(store: ActivationStore, fitted: FittedImages, originals: [Int], judged: [ImageView]) {
        (self.store, self.fitted, self.originals, self.judged) = (store, fitted, originals, judged)
    }

    /// The standard deviation of each channel over the images that are fitted to.
    var deviations: [Float] {
        let channels = store.shape[-1]
        var (sums, squares) = (
            [Double](repeating: 0, count: channels), [Double](repeating: 0, count: channels)
        )
        for image in originals {
            for (index, value) in store.values(image..<image + 1).enumerated() {
                sums[index % channels] += Double(value)
                squares[index % channels] += Double(value) * Double(value)
            }
        }
        let count = Double(max(originals.count * store.shape.count / channels, 1))
        return zip(sums, squares).map { Float(max($1 / count - $0 / count * ($0 / count), 0).squareRoot()) }
    }
}

extension ActivationStore {
    /// Some of the images' values, one image after another.
    fileprivate func copy(of images: [Int]) throws -> ActivationStore {
        let copy = try ActivationStore(shape: shape, count: images.count)
        for (place, image) in images.enumerated() {
            values(image..<image + 1).withUnsafeBufferPointer { copy.store(place..<place + 1, $0) }
        }
        return copy
    }
}
