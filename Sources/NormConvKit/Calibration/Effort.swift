import Networks
import Tensors

/// How much is done by default: the less a pass over the images costs, the more passes are worth it. With ResNet-50 at
/// 224×224 and 128 images everything takes less than twelve.
struct Effort {
    /// Multiplications of one pass over the images that are fitted to.
    let cost: Int
    /// Images that are fitted to.
    let images: Int

    /// Whether mirror images are fitted to as well.
    var addsMirrored: Bool { cost < 60_000_000_000 }
    /// What the sums for a layer's fit may cost, in units of the layer itself.
    var sampling: Double { addsMirrored ? 1 : 0.5 }
    /// Steps of each norm's refinement, of which one takes about three passes.
    var refinements: Int { min(5, 250_000_000_000 / max(cost, 1)) }
    /// How often training goes through the images, about four passes each time; few images are gone through more often.
    var epochs: Int {
        let enough = max(60, min(90, 11_520 / max(images, 1)))
        let affordable = 600_000_000_000 / max(cost, 1)
        // Once or twice through the images does more harm than good.
        return affordable < 3 ? 0 : min(enough, affordable)
    }
}

extension Network {
    /// Multiplications of convolutions and dense layers for one image.
    func multiplications(shapes: [Shape]) -> Int {
        nodes.enumerated().reduce(0) { sum, entry in
            switch entry.element.operation {
            case .convolution(let convolution): sum + shapes[entry.offset].count * convolution.filterSize
            case .dense(let dense): sum + shapes[entry.offset].count * dense.inputs
            default: sum
            }
        }
    }
}
