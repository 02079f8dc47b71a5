/// What was recognised, and what was left over.
public struct Recognition: Sendable, Equatable {
    /// The network.
    public var network: Network
    /// Names of parameters that the network does not use, in file order.
    public var unused: [String]

    /// A network and the names in the file that it does not use.
    public init(network: Network, unused: [String]) {
        self.network = network
        self.unused = unused
    }
}
