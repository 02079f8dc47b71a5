import Tensors

/// The network that names and shapes describe, in files without a configuration: PyTorch's ResNets, pre-activation
/// ones with BiT, keras.applications. Where nothing fits, norms and the convolutions before them are found by their
/// names: enough to convert (`Network.isComplete` is then false).
///
/// - Parameter groupNorms: Settings of norms without statistics by layer name, where a note has them.
/// - Throws: `NetworkError.unrecognized` where there are no norms either; other cases where names are those of a known
///   network, and shapes are not.
public func recognizeNames(
    parameters: ParameterTable, groupNorms: [String: GroupNormSettings]? = nil
) throws(NetworkError) -> Recognition {
    if let found = try recognizeKerasResNet(parameters: parameters, groupNorms: groupNorms) { return found }
    if let found = try recognizeBiT(parameters: parameters, groupNorms: groupNorms) { return found }
    do {
        return try recognizeTorch(parameters: parameters, groupNorms: groupNorms)
    } catch {
        guard case .unrecognized(let reason) = error,
            let pairs = recognizePairs(parameters: parameters, groupNorms: groupNorms, reason: reason)
        else { throw error }
        return pairs
    }
}
