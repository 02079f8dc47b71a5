import Evaluation
import Foundation

/// Images with what is said of them.
struct GalleryView {
    let galleryName: NetworkName
    let galleryCount: String
    let figures: [Figure]

    struct Figure {
        let source: String?
        let pictureKind: String
        let imageName: String
        let labelName: String
        let says: [Says]
    }

    /// What a network says of an image.
    struct Says {
        let who: String
        let what: String
        let probability: String
    }
}

/// Pictures as data URIs, each made once.
struct PictureCache {
    private let picture: (Int) throws -> Picture?
    private var sources: [Int: (source: String?, kind: String)] = [:]

    init(_ picture: @escaping (Int) throws -> Picture?) { self.picture = picture }

    /// The image as PNG, reduced, and whether it is so small that its pixels are shown as squares.
    mutating func source(_ index: Int) throws -> (source: String?, kind: String) {
        if let known = sources[index] { return known }
        let picture = try picture(index)?.reduced(to: EvalPage.Limits.pictureSize)
        let source = picture.map { "data:image/png;base64," + Data($0.png).base64EncodedString() }
        let kind = picture.map { max($0.width, $0.height) <= 64 } ?? false ? "pixels" : "photo"
        sources[index] = (source, kind)
        return (source, kind)
    }
}

/// Chooses and labels images.
struct Gallery {
    let labels: [Int]
    let names: ClassNames
    let paths: [String]?

    /// A network's most confident errors.
    func errors(
        of name: NetworkName, _ outcomes: OutcomeList, limit: Int, pictures: inout PictureCache
    ) throws -> GalleryView {
        let wrong = outcomes.indices.filter {
            outcomes[$0].prediction != nil && !outcomes[$0].isCorrect(within: 1)
        }
        return GalleryView(
            galleryName: name, galleryCount: Formatting.grouped(wrong.count),
            figures: try mostConfident(wrong, outcomes, limit).map { image in
                try figure(image, [says("", outcomes[image])], &pictures)
            })
    }

    /// The images that a network loses, the most confident errors first.
    func lost(
        _ lost: [Int], before: OutcomeList, after: OutcomeList, name: NetworkName, limit: Int,
        pictures: inout PictureCache
    ) throws -> GalleryView {
        GalleryView(
            galleryName: name, galleryCount: Formatting.grouped(lost.count),
            figures: try mostConfident(lost, after, limit).map { image in
                try figure(image, [says("was ", before[image]), says("now ", after[image])], &pictures)
            })
    }

    private func mostConfident(_ images: [Int], _ outcomes: OutcomeList, _ limit: Int) -> ArraySlice<Int> {
        images.sorted { (outcomes[$1].confidence ?? 0, $0) < (outcomes[$0].confidence ?? 0, $1) }.prefix(
            limit)
    }

    private func says(_ who: String, _ outcome: Outcome) -> GalleryView.Says {
        .init(
            who: who, what: outcome.prediction.map { names[$0] } ?? "nothing finite",
            probability: outcome.confidence.map { $0 >= 0.9995 ? "> 99.9 %" : Formatting.percent($0) } ?? "")
    }

    private func figure(
        _ image: Int, _ says: [GalleryView.Says], _ pictures: inout PictureCache
    ) throws -> GalleryView.Figure {
        let picture = try pictures.source(image)
        return .init(
            source: picture.source, pictureKind: picture.kind,
            imageName: paths?[image] ?? "image \(Formatting.grouped(image))", labelName: names[labels[image]],
            says: says)
    }
}
