/// Which of a file's tensors are one and the same: views of one storage with the same offset, shape and strides.
struct TiedTensors {
    private struct View: Hashable {
        let key: String
        let offset: Int
        let extents: [Int]
        let strides: [Int]
    }

    /// For each tensor, the number of those that it is tied with; nil where it is tied with none.
    let numbers: [Int?]

    init(_ tensors: [TorchTensor]) {
        let views = tensors.map { tensor -> View? in
            guard case .key(let key) = tensor.storage.place, tensor.shape.count > 0 else { return nil }
            return View(
                key: key, offset: tensor.offset, extents: tensor.shape.extents, strides: tensor.strides)
        }
        var places: [View: [Int]] = [:]
        for (place, view) in views.enumerated() {
            if let view { places[view, default: []].append(place) }
        }
        var numbers = [Int?](repeating: nil, count: tensors.count)
        for (number, view) in views.enumerated() {
            guard let view, let tied = places[view], tied.count > 1, tied[0] == number else { continue }
            for place in tied { numbers[place] = number }
        }
        self.numbers = numbers
    }
}
