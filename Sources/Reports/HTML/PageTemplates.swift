import Foundation
import Mustache

/// The page's templates, which are in the program itself.
enum PageTemplates {
    /// Renders a page.
    static func render(_ view: Any, template: String) throws -> String {
        MustacheContentTypes.register(MarkupText(), named: "MARKUP")
        var library = MustacheLibrary()
        let templates = [
            ("page", PackageResources.page_mustache), ("head", PackageResources.head_mustache),
            ("networks", PackageResources.networks_mustache),
            ("sweep", PackageResources.sweep_mustache), ("errors", PackageResources.errors_mustache),
            ("experiment", PackageResources.experiment_mustache),
            ("finetune", PackageResources.finetune_mustache), ("curves", PackageResources.curves_mustache),
            ("tiles", PackageResources.tiles_mustache), ("bars", PackageResources.bars_mustache),
            ("histogram", PackageResources.histogram_mustache),
            ("summary", PackageResources.summary_mustache),
            ("comparison", PackageResources.comparison_mustache),
            ("intervals", PackageResources.intervals_mustache),
            ("classes", PackageResources.classes_mustache),
            ("confusion", PackageResources.confusion_mustache),
            ("reliability", PackageResources.reliability_mustache),
            ("gallery", PackageResources.gallery_mustache), ("settings", PackageResources.settings_mustache),
        ]
        for (name, bytes) in templates {
            // Each template starts with the library's own escaping anew.
            let text = "{{% CONTENT_TYPE:MARKUP}}" + String(decoding: bytes, as: UTF8.self)
            try library.register(text, named: name)
        }
        guard let text = library.render(view, withTemplate: template) else {
            throw CocoaError(.fileNoSuchFile)
        }
        return text
    }

    /// The style sheet.
    static var css: String { String(decoding: PackageResources.report_css, as: UTF8.self) }
}

/// Text within HTML and XML, in elements and attributes. Goes by scalars: a quote with a combining mark is one
/// character, which is not equal to a quote, and still ends an attribute.
struct MarkupText: MustacheContentType {
    func escapeText(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": escaped += "&lt;".unicodeScalars
            case ">": escaped += "&gt;".unicodeScalars
            case "&": escaped += "&amp;".unicodeScalars
            case "\"": escaped += "&quot;".unicodeScalars
            case "'": escaped += "&#39;".unicodeScalars
            // What XML 1.0 (2.2) has no place for.
            case "\u{0}"..."\u{8}", "\u{B}", "\u{C}", "\u{E}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{FFFE}",
                "\u{FFFF}":
                escaped.append("\u{FFFD}")
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }
}
