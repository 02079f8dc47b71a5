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
        if let identifier = found["id"] { identifiers.append(identifier) }
        attributes += found.map { (name, $0.key, $0.value) }
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
}
