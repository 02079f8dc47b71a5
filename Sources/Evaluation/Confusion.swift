/// Which classes a network takes for which: the confusion matrix without its zeros, by label, then by prediction.
///
/// An image whose label shares the largest output with a class after it is in the diagonal although it counts as wrong:
/// ties count against a network.
package struct Confusion: Sendable, Equatable, Codable {
    /// A cell of the matrix that is not zero.
    package struct Cell: Sendable, Equatable, Codable {
        /// The class that the image is of.
        package let label: Int
        /// The class that the network says.
        package let prediction: Int
        /// How many images.
        package let images: Int
    }

    /// The cells that are not zero, in order.
    package let cells: [Cell]

    /// Counts labels and predictions; images without finite outputs are in no cell.
    init(_ outcomes: OutcomeList, labels: [Int]) {
        var counts: [Pair: Int] = [:]
        for (outcome, label) in zip(outcomes, labels) {
            guard let prediction = outcome.prediction else { continue }
            counts[Pair(label: label, prediction: prediction), default: 0] += 1
        }
        let ordered = counts.sorted {
            ($0.key.label, $0.key.prediction) < ($1.key.label, $1.key.prediction)
        }
        cells = ordered.map { Cell(label: $0.label, prediction: $0.prediction, images: $1) }
    }

    private struct Pair: Hashable {
        let label, prediction: Int
    }

    /// A plain array of cells.
    package init(from decoder: any Decoder) throws { cells = try [Cell](from: decoder) }

    /// A plain array of cells.
    package func encode(to encoder: any Encoder) throws { try cells.encode(to: encoder) }

    /// Pairs of different classes, those confused most often first.
    package var mistakes: [Cell] {
        cells.filter { $0.label != $0.prediction }.sorted {
            ($1.images, $0.label, $0.prediction) < ($0.images, $1.label, $1.prediction)
        }
    }
}
