import Datasets

extension Model {
    /// What the rows of an array are to the network.
    var arrayForm: ArrayForm {
        switch network.input.dimensions {
        case 1: .steps(channels: network.input.channels)
        case 3: .volumes(channels: network.input.channels)
        default: .images
        }
    }
}

extension ArrayForm {
    /// `steps of 187×1`
    func description(_ extents: [Int?]) -> String {
        let size = extents.map { $0.map(String.init) ?? "any" }.joined(separator: "×")
        return switch self {
        case .steps: "steps of \(size)"
        case .images: "images of \(size)"
        case .volumes: "volumes of \(size)"
        }
    }
}
