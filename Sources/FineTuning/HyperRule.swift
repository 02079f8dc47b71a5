/// The settings that Big Transfer chooses by the size of a data set (BiT-HyperRule, Kolesnikov et al. 2020).
package enum HyperRule {
    /// Steps for so many images: those of `bit_hyperrule.py`, which are for batches of 512, but at most 100 epochs.
    package static func steps(images: Int, batch: Int) -> Int {
        min(images < 20_000 ? 500 : images < 500_000 ? 10_000 : 20_000, 100 * max(images / batch, 1))
    }

    /// α of mixup; 0 for none.
    package static func mixup(images: Int) -> Double { images < 20_000 ? 0 : 0.1 }
}
