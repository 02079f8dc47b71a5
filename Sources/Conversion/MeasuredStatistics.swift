/// What images tell about a network beyond the statistics that its batch norms store: how values vary together.
package struct MeasuredStatistics: Sendable, Equatable {
    /// Of a convolution, by the name of its kernel: one value per weight of a filter of each group, [groups, inputs / groups,
    /// taps], that add up to 1 over a filter. Filters lose least when they reach zero mean along it.
    package var directions: [String: [Double]]
    /// Of a batch norm, by the name of its running mean: the mean of each channel that enters it over each image, [images]
    /// [channels], less the mean over all images, in standard deviations of the channel.
    package var imageMeans: [String: [[Double]]]

    /// Nothing measured of layers that are in neither.
    package init(directions: [String: [Double]] = [:], imageMeans: [String: [[Double]]] = [:]) {
        (self.directions, self.imageMeans) = (directions, imageMeans)
    }
}
