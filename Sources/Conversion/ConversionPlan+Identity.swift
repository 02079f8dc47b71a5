import Networks
import Tensors

extension ConversionPlan {
    /// A plan that changes nothing: for writing a network in another layout.
    package init(unchanged network: Network) {
        self.init(
            network: network, edits: ParameterEdits(), norms: [], biasedConvolutions: [],
            report: ConversionReport())
    }
}
