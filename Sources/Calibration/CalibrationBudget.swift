/// How much a calibration does by default: as many steps as fit into its time.
///
/// The time of a step is estimated from its multiply-adds, not measured: the same seed gives the same file on any machine.
package struct CalibrationBudget: Sendable {
    /// Multiply-adds of one pass over the images that are fitted to.
    let cost: Double
    /// Images that are fitted to.
    let images: Int
    /// Seconds that the calibration may take on a machine of `rate`.
    let seconds: Double
    /// Whether mirror images are fitted to as well.
    package let addsMirrored: Bool

    /// Seconds without an option: by `rate`, what 512 images of ResNet-50 at 224×224 take with training. Measured: 825.
    package static let defaultSeconds = 900.0
    /// Multiply-adds a second: what two cores with AVX-512 reach with networks of ImageNet's size.
    package static let usualRate = 1e11
    /// The same of this machine, where it is measured.
    private var rate = usualRate
    /// Refinements at most.
    private static let mostRefinements = 5

    /// The budget of a calibration that fits to so many images in so many seconds. Mirror images are added where they are
    /// images of the same kind, and leave enough time for all epochs.
    package init(cost: Double, images: Int, seconds: Double = defaultSeconds, mayMirror: Bool = true) {
        (self.cost, self.images, self.seconds) = (cost, images, seconds)
        let pass = max(cost, 1) / rate
        let layers = pass * Double(Self.layerPasses(refinements: Self.mostRefinements, addsMirrored: true))
        addsMirrored =
            mayMirror && layers <= seconds / 3
            && layers + 4 * pass * Double(Self.enoughEpochs(images: images)) <= seconds
    }

    /// Plans what is left for a machine on which a pass over the images takes so many seconds.
    mutating func adapt(toPass seconds: Double) {
        rate = min(rate, max(cost, 1) / max(seconds, 1e-9))
    }

    /// Seconds of one pass over the images.
    private var pass: Double { max(cost, 1) / rate }
    /// Passes that the layer-wise fit takes.
    static func layerPasses(refinements: Int, addsMirrored: Bool) -> Int {
        (9 + 3 * refinements) * (addsMirrored ? 2 : 1)
    }
    /// Seconds of the layer-wise fit: at most a third of all, but for the least that it needs.
    private var layerSeconds: Double {
        Double(Self.layerPasses(refinements: refinements, addsMirrored: addsMirrored)) * pass
    }

    /// What the sums for a layer's fit may cost, in units of the layer itself.
    var sampling: Double { addsMirrored ? 1 : 0.5 }
    /// Steps of each norm's refinement, of which one takes about three passes.
    package var refinements: Int {
        let passes = seconds / 3 / pass / (addsMirrored ? 2 : 1)
        return Int(min(max((passes - 9) / 3, 0), Double(Self.mostRefinements)))
    }
    /// How often training goes through the images, about four passes each time; few images are gone through more often.
    package var epochs: Int {
        let affordable = (seconds - layerSeconds) / (4 * pass)
        // Once or twice through the images does more harm than good.
        return affordable < 3 ? 0 : Int(min(Double(Self.enoughEpochs(images: images)), affordable))
    }
    /// Epochs at most.
    private static func enoughEpochs(images: Int) -> Int { max(60, min(90, 11_520 / max(images, 1))) }
}
