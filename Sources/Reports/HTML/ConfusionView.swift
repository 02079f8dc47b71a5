import Evaluation

/// Labels against predictions: the matrix where it is small enough to read, and the most frequent confusions.
struct ConfusionView {
    let confusionName: NetworkName
    let matrix: Matrix?
    let pairs: [Pair]
    let pairsTitle: String
    let hasNoErrors: Bool

    /// A label, a prediction, and how often they meet.
    struct Pair {
        let from: String
        let to: String
        let pairImages: String
        let share: String
        let pairWidth: String
    }

    /// The matrix as a chart.
    struct Matrix {
        /// Width and height, in pixels.
        let extent: String
        let cellSize: String
        let cells: [Cell]
        let rowLabels: [Label]
        let columnLabels: [Label]
        let axisX: String
        let axisY: String
        let gridX: String
        let gridY: String
        let gridSize: String

        struct Cell {
            let x: String
            let y: String
            let opacity: String
            let cellKind: String
            let tooltip: String
            let number: String?
            let textX: String
            let textY: String
            let textKind: String
        }

        struct Label {
            let x: String
            let y: String
            let labelText: String
        }
    }

    init(_ evaluation: Evaluation, _ name: NetworkName, _ names: ClassNames) {
        let limits = EvalPage.Limits.pairs
        confusionName = name
        matrix = Matrix(evaluation, names)
        let mistakes = evaluation.confusion.mistakes
        let shown = mistakes.prefix(matrix == nil ? limits.instead : limits.beside)
        let most = Double(shown.first?.images ?? 1)
        hasNoErrors = mistakes.isEmpty
        pairsTitle = "Most frequent confusions"
        pairs = shown.map { cell in
            let images = evaluation.classes[cell.label].images
            return Pair(
                from: names[cell.label], to: names[cell.prediction],
                pairImages: Formatting.grouped(cell.images),
                share: Formatting.percent(Double(cell.images) / Double(images)),
                pairWidth: place(100 * Double(cell.images) / most))
        }
    }
}

extension ConfusionView.Matrix {
    /// Nil where there are too many classes to read.
    init?(_ evaluation: Evaluation, _ names: ClassNames) {
        let count = evaluation.classes.count
        guard count <= EvalPage.Limits.matrixClasses else { return nil }
        // In pixels: the chart scrolls where there is not room for it.
        let isLong = (evaluation.confusion.cells.map(\.images).max() ?? 0) > 999
        let size = count > 24 ? 16.0 : isLong ? 40 : 32
        let labels = (0..<count).map { Formatting.head(names[$0], width: 14) }
        let margin = 26 + 8.4 * Double(labels.map(\.count).max() ?? 1)
        let side = size * Double(count)
        cellSize = place(size - 1)
        (gridX, gridY, gridSize) = (place(margin), place(margin), place(side))
        extent = place(margin + side + 2)
        cells = evaluation.confusion.cells.map { cell in
            let share = Double(cell.images) / Double(evaluation.classes[cell.label].images)
            let (x, y) = (margin + Double(cell.prediction) * size, margin + Double(cell.label) * size)
            let isRight = cell.label == cell.prediction
            return Cell(
                x: place(x), y: place(y),
                opacity: Formatting.fixed(0.08 + 0.92 * share.squareRoot(), digits: 2),
                cellKind: isRight ? "right" : "wrong",
                tooltip:
                    "label \(names[cell.label]), predicted \(names[cell.prediction]): \(cell.images) images, "
                    + "\(Formatting.percent(share)) of the class",
                number: count <= 24 ? "\(cell.images)" : nil, textX: place(x + (size - 1) / 2),
                textY: place(y + (size - 1) / 2 + 5),
                textKind: share > 0.36 ? "onfill" : "onback")
        }
        rowLabels = (0..<count).map {
            Label(
                x: place(margin - 6), y: place(margin + (Double($0) + 0.5) * size + 4), labelText: labels[$0])
        }
        columnLabels = (0..<count).map {
            Label(
                x: place(margin + (Double($0) + 0.5) * size + 4), y: place(margin - 6), labelText: labels[$0])
        }
        (axisX, axisY) = (place(margin + side / 2), place(margin + side / 2))
    }
}
