import Tensors

/// Layers of 1 to 3 dimensions are one layer here: steps in time are a map of one row, and a volume is a map with a depth.
///
/// A value of steps has two dimensions in Keras, [steps, channels], and three here, [1, steps, channels]. Layers of steps
/// give such values and take them; others pass them on. Settings count dimensions as Keras does.
extension KerasSettings {
    /// Dimensions of the layer's windows: 1 of `Conv1D`, 3 of `Conv3D`, otherwise 2.
    var dimensions: Int { className.hasSuffix("1D") ? 1 : className.hasSuffix("3D") ? 3 : 2 }

    /// The operations of a layer of steps, whose operand may be no map yet.
    func onSteps(_ operations: [Operation]) throws(NetworkError) -> [Operation] {
        guard dimensions == 1, !operations.isEmpty, operand.rank == 2, !operand.isSteps else {
            return operations
        }
        try requireChannelsLastMap(ofRank: 2)
        return [.reshape([1, -1, try channels(orFrom: nil)])] + operations
    }
}

extension KerasSettings.Extents {
    /// What a layer of steps gives.
    var ofSteps: Self { Self(rank: 2, innermost: innermost, isSteps: true) }
}
