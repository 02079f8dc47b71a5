import Foundation

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// A page as an XML parser sees it.
final class PageContent: NSObject, XMLParserDelegate {
    var elements: [String: Int] = [:]
    var identifiers: [String] = []
    var attributes: [(element: String, name: String, value: String)] = []
    var text = ""
    /// What is in the elements title and h1.
    var title = ""
    var heading = ""
    private var open: [String] = []

    /// Nil where the page is not well-formed.
    init?(_ page: String) {
        super.init()
        let parser = XMLParser(data: Data(page.utf8))
        parser.delegate = self
        guard parser.parse() else { return nil }
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes found: [String: String]
    ) {
        elements[name, default: 0] += 1
        open.append(name)
        if let identifier = found["id"] { identifiers.append(identifier) }
        attributes += found.map { (name, $0.key, $0.value) }
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        text += string
        if open.contains("title"), !open.contains("svg") { title += string }
        if open.contains("h1") { heading += string }
    }

    func parser(
        _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
    ) {
        open.removeLast()
    }
}
