/// How much is done by default: the less a pass over the images costs, the more passes are worth it. With ResNet-50 at
/// 224×224 and 128 images everything takes less than twelve.
package struct CalibrationBudget: Sendable {
    /// Multiply-adds of one pass over the images that are fitted to.
    let cost: Double
    /// Images that are fitted to.
    let images: Int

    /// The budget of a calibration that fits to so many images.
    package init(cost: Double, images: Int) { (self.cost, self.images) = (cost, images) }

    /// Whether mirror images are fitted to as well.
    package var addsMirrored: Bool { cost < 60e9 }
    /// What the sums for a layer's fit may cost, in units of the layer itself.
    var sampling: Double { addsMirrored ? 1 : 0.5 }
    /// Steps of each norm's refinement, of which one takes about three passes.
    package var refinements: Int { Int(min(5, 250e9 / max(cost, 1))) }
    /// How often training goes through the images, about four passes each time; few images are gone through more often.
    package var epochs: Int {
        let enough = max(60, min(90, 11_520 / max(images, 1)))
        let affordable = 600e9 / max(cost, 1)
        // Once or twice through the images does more harm than good.
        return affordable < 3 ? 0 : Int(min(Double(enough), affordable))
    }
}
