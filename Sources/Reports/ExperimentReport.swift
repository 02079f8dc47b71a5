/// What an experiment found: the test error of each arm at each batch size. The source of JSON, tables and HTML.
package struct ExperimentReport: Codable, Sendable, Equatable {
    /// The format version of this report.
    package var schemaVersion = 1
    /// The program's version.
    package var version: String
    /// The network's file.
    package var model: String
    /// The training images.
    package var data: String
    /// The test images.
    package var validation: String
    /// Their numbers.
    package var images: Int
    package var validationImages: Int
    /// The size of an image: [height, width, channels].
    package var imageShape: [Int]
    /// Outputs of the network.
    package var classes: Int
    /// Whether the head is a new one.
    package var newHead: Bool
    /// What all trainings have in common, as text.
    package var settings: [Setting]
    /// Training images that each training sees, with repetitions.
    package var imagesSeen: Int
    /// Trainings of each cell, with seeds that follow one another.
    package var seeds: Int
    /// The arms, in order.
    package var arms: [String]
    /// The batch sizes, in order.
    package var batchSizes: [Int]
    /// Checksums of what the network and the images contain.
    package var inputs: [Setting]?
    /// What is done so far.
    package var cells: [Cell] = []

    /// A setting.
    package struct Setting: Codable, Sendable, Equatable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
    }

    /// An arm at a batch size.
    package struct Cell: Codable, Sendable, Equatable {
        package var arm: String
        package var batchSize: Int
        /// The learning rate that the search chose; nil where no training was possible.
        package var learningRate: Double?
        /// What it chose from.
        package var trials: [FineTuneReport.Trial]
        /// Test error of each seed; 1 − 1/classes where a training diverged.
        package var errors: [Double]
        /// Trainings that diverged.
        package var diverged: Int
        /// Seconds.
        package var seconds: Double
        /// Why there is no result.
        package var obstacle: String?

        package init(
            arm: String, batchSize: Int, learningRate: Double?, trials: [FineTuneReport.Trial],
            errors: [Double],
            diverged: Int, seconds: Double, obstacle: String? = nil
        ) {
            (self.arm, self.batchSize, self.learningRate) = (arm, batchSize, learningRate)
            (self.trials, self.errors, self.diverged) = (trials, errors, diverged)
            (self.seconds, self.obstacle) = (seconds, obstacle)
        }
    }

    /// A report on an experiment that has not begun.
    package init(
        version: String, model: String, data: String, validation: String, images: Int, validationImages: Int,
        imageShape: [Int], classes: Int, newHead: Bool, settings: [Setting], imagesSeen: Int, seeds: Int,
        arms: [String], batchSizes: [Int]
    ) {
        (self.version, self.model, self.data, self.validation) = (version, model, data, validation)
        (self.images, self.validationImages, self.imageShape) = (images, validationImages, imageShape)
        (self.classes, self.newHead, self.settings) = (classes, newHead, settings)
        (self.imagesSeen, self.seeds, self.arms, self.batchSizes) = (imagesSeen, seeds, arms, batchSizes)
    }

    /// The cell of an arm at a batch size.
    package func cell(_ arm: String, _ batchSize: Int) -> Cell? {
        cells.first { $0.arm == arm && $0.batchSize == batchSize }
    }
}

extension ExperimentReport.Cell {
    /// The errors with their mean and standard deviation; nil where there are none.
    package var point: SweepReport.Point? {
        errors.isEmpty ? nil : SweepReport.Point(batchSize: batchSize, errors: errors)
    }
}
