import OrderedJSON
import Tensors

/// `x[:, 1:-1, :, ::-1]`: rows and columns cut off, and a choice of channels.
extension KerasSettings {
    /// A dimension's part of such an expression.
    private enum Slice: Equatable {
        /// From one place to another; negative places count from the end, nil is the end.
        case range(start: Int, stop: Int?)
        case reversed
        case index(Int)

        static let all = Slice.range(start: 0, stop: nil)
    }

    /// Nil for what is more than cutting off and choosing.
    func slicing(_ json: JSON) -> [Operation]? {
        guard dataFormat == .channelsLast, operand.rank == 3, let list = json.kerasList,
            let slices = slices(list, dimensions: 4), slices[0] == .all,
            let rows = margins(slices[1]), let columns = margins(slices[2])
        else { return nil }
        let margins = Margins(top: rows.0, bottom: rows.1, left: columns.0, right: columns.1)
        let crop = margins == Margins(0) ? [] : [Operation.crop(.margins(margins))]
        if slices[3] == .all { return crop }
        return channelChoice(slices[3]).map { crop + [$0] }
    }

    private func slices(_ list: [JSON], dimensions: Int) -> [Slice]? {
        let ellipses = list.indices.filter { list[$0]["class_name"]?.string == "__ellipsis__" }
        let missing = dimensions - list.count + ellipses.count
        guard ellipses.count <= 1, missing >= 0 else { return nil }
        let gap = [Slice](repeating: .all, count: missing)
        var slices: [Slice] = []
        for (place, json) in list.enumerated() {
            if ellipses.contains(place) {
                slices += gap
            } else if let slice = slice(json) {
                slices.append(slice)
            } else {
                return nil
            }
        }
        return ellipses.isEmpty ? slices + gap : slices
    }

    /// An index, or a slice as Keras 3 or Keras 2 writes it.
    private func slice(_ json: JSON) -> Slice? {
        if let index = json.int { return .index(index) }
        let record = json["class_name"]?.string == "__slice__" ? json["config"] ?? .null : json
        guard record.members != nil else { return nil }
        let (start, stop, step) = (record["start"] ?? .null, record["stop"] ?? .null, record["step"] ?? .null)
        if start.isNull, stop.isNull, step.int == -1 { return .reversed }
        guard step.isNull || step.int == 1, start.isNull || start.int != nil, stop.isNull || stop.int != nil
        else { return nil }
        return .range(start: start.int ?? 0, stop: stop.int)
    }

    /// What a slice cuts off before and behind, where that does not depend on the extent.
    private func margins(_ slice: Slice) -> (Int, Int)? {
        guard case .range(let start, let stop) = slice, (0...Self.largestSetting).contains(start) else {
            return nil
        }
        guard let stop else { return (start, 0) }
        return (-Self.largestSetting..<0).contains(stop) ? (start, -stop) : nil
    }

    private func channelChoice(_ slice: Slice) -> Operation? {
        guard let count = operand.innermost, count <= Self.largestSetting else { return nil }
        func place(_ index: Int) -> Int? {
            (-count..<0).contains(index) ? index + count : (0...count).contains(index) ? index : nil
        }
        switch slice {
        case .reversed: return .selectChannels((0..<count).reversed(), keepsDimension: true)
        case .index(let index):
            return place(index).flatMap {
                $0 < count ? .selectChannels([$0], keepsDimension: false) : nil
            }
        case .range(let start, let stop):
            guard let start = place(start), let stop = place(stop ?? count), start < stop else { return nil }
            return .selectChannels(Array(start..<stop), keepsDimension: true)
        }
    }
}
