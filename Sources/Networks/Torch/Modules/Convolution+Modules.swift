import Tensors

extension Convolution {
    /// Takes over what a module records: strides, padding and dilation. Returns what is wrong where it computes something
    /// else than a convolution with this kernel.
    mutating func take(_ module: RecordedModule, static padding: RecordedModule?) -> String? {
        let isStandardized = ["StdConv2d", "StdConv2dSame"].contains(module.className)
        let isSame = ["Conv2dSame", "Conv2dSamePadding", "StdConv2dSame"].contains(module.className)
        let isStatic = module.className == "Conv2dStaticSamePadding"
        guard module.isConvolution else { return "is \(module.title), expected Conv\(dimensions)d" }
        if isStandardized {
            guard let epsilon = module.number("eps"), epsilon >= 0 else { return "does not record its eps" }
            standardization = epsilon
        } else if standardization != nil {
            return "is \(module.title), expected StdConv2d"
        }
        guard let strides = module.extents("stride", dimensions),
            let dilation = module.extents("dilation", dimensions),
            (strides + dilation).allSatisfy((1...RecordedModule.extentLimit).contains)
        else { return "does not record its strides and dilation" }
        if let groups = module.number("groups"), groups != Double(self.groups) {
            return "has \(groups.formatted) groups, expected \(self.groups)"
        }
        if let mode = module.text("padding_mode"), mode != "zeros" {
            return "has padding_mode '\(mode)', expected 'zeros'"
        }
        (self.strides, self.dilation) = (Extent(strides), Extent(dilation))
        let resolved = isSame ? .same : isStatic ? Self.margins(of: padding) : margins(module)
        guard let resolved else { return "has a padding that normconv does not compute" }
        self.padding = resolved
        return nil
    }

    /// The margins of `padding`: two numbers, `'valid'` or `'same'`, whose odd row or column goes to the end.
    private func margins(_ module: RecordedModule) -> Padding? {
        if module.text("padding") == "valid" { return .valid }
        if module.text("padding") == "same" {
            let reaches = zip(dilation.all, size.all).map { $0.multipliedReportingOverflow(by: $1 - 1) }
            guard !reaches.contains(where: { $0.overflow }) else { return nil }
            return .margins(
                Margins(reaches.map { ($0.partialValue / 2, $0.partialValue - $0.partialValue / 2) }))
        }
        guard let margins = module.extents("padding", dimensions),
            // Margins that a filter does not reach across only take memory.
            zip(margins, Array(zip(size.all, dilation.all)).suffix(dimensions)).allSatisfy({ margin, reach in
                margin >= 0 && margin / reach.1 <= reach.0
            })
        else { return nil }
        return .margins(Margins(margins.map { ($0, $0) }))
    }

    /// The margins that efficientnet_pytorch's module in a convolution adds.
    private static func margins(of module: RecordedModule?) -> Padding? {
        guard let module else { return nil }
        return module.isIdentity ? .valid : module.zeroMargins.map(Padding.margins)
    }
}

extension Double {
    /// Whole numbers without a point.
    fileprivate var formatted: String { Int(exactly: self).map(String.init) ?? "\(self)" }
}
