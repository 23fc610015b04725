package import MeshPolicy
internal import Yams

/// One value of a document. Readers return nil after reporting what is wrong, so that reading can go on.
package struct DocumentValue {
    let node: Node
    let document: Document

    init(_ node: Node, of document: Document) {
        self.node = node
        self.document = document
    }

    package var location: RuleLocation {
        RuleLocation(file: document.file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    }

    package func report(_ message: String, _ suggestion: String = "") { document.report(location, message, suggestion) }

    package var isMapping: Bool { node.mapping != nil }
    package var isList: Bool { node.sequence != nil }

    /// Looks without reporting.
    package func hasKey(_ key: String) -> Bool { node.mapping?[key] != nil }

    /// What kind of value this is, in an operator's words.
    var kind: String {
        switch node {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .scalar(let scalar): "\"\(Excerpt.of(scalar.string))\""
        case .alias: "an alias"
        }
    }

    /// - Parameter keys: those that are known; others are reported with the nearest known one.
    package func mapping(keys: [String]) -> DocumentMapping? {
        guard case .mapping(let mapping) = node else {
            report("is \(kind), where a mapping is expected", "write it as `key: value` with one of: \(keys.joined(separator: ", "))")
            return nil
        }
        var entries: [String: DocumentValue] = [:]
        var empty: [DocumentValue] = []
        var seen: Set<String> = []
        for (key, value) in mapping {
            let name = DocumentValue(key, of: document)
            guard let text = key.scalar?.string else {
                name.report("is \(name.kind), where a key is expected")
                continue
            }
            guard keys.contains(text) else {
                name.report("unknown key \"\(Excerpt.of(text))\"", Suggestion.text(for: text, among: keys))
                continue
            }
            // The parser compares keys together with their tags: `!x deny` is no second `deny` to it.
            guard seen.insert(text).inserted else {
                name.report("has the key \(text) twice", "keep one of them")
                continue
            }
            if value.isNull { empty.append(name) } else { entries[text] = DocumentValue(value, of: document) }
        }
        return DocumentMapping(value: self, entries: entries, empty: empty)
    }

    /// Keys and values of a mapping whose keys are names, in the order of the text.
    package func pairs() -> [(key: DocumentValue, value: DocumentValue)] {
        guard case .mapping(let mapping) = node else {
            report("is \(kind), where a mapping of names is expected")
            return []
        }
        return mapping.map { (DocumentValue($0.key, of: document), DocumentValue($0.value, of: document)) }
    }

    /// The elements of a list.
    package func list() -> [DocumentValue]? {
        guard case .sequence(let sequence) = node else {
            report("is \(kind), where a list is expected", "write it as [a, b] or as lines that begin with `- `")
            return nil
        }
        return sequence.map { DocumentValue($0, of: document) }
    }
}

/// A mapping whose keys were checked.
package struct DocumentMapping {
    package let value: DocumentValue
    fileprivate let entries: [String: DocumentValue]
    /// Keys whose value is null.
    fileprivate let empty: [DocumentValue]

    /// nil when the key is absent or null.
    package subscript(key: String) -> DocumentValue? { entries[key] }

    /// Reports keys without a value. For documents in which "nothing" could be taken for less than was meant.
    package func requireValues() {
        for key in empty { key.report("\(key.kind) has no value", "give it one (an empty list is []), or leave the key out") }
    }

    /// Reports an absent key.
    package func required(_ key: String) -> DocumentValue? {
        if let value = entries[key] { return value }
        value.report("the key `\(key)` is missing", "add it")
        return nil
    }
}

extension Node {
    fileprivate var isNull: Bool {
        guard case .scalar(let scalar) = self else { return false }
        return scalar.tag.rawValue == Tag.Name.null.rawValue
            || (scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string))
    }
}

extension DocumentValue {
    /// A mapping in which every key that is there has a value.
    func completeMapping(keys: [String]) -> DocumentMapping? {
        let mapping = mapping(keys: keys)
        mapping?.requireValues()
        return mapping
    }
}

/// What was probably meant.
enum Suggestion {
    static func text(for word: String, among known: [String]) -> String {
        if let nearest = nearest(to: word, among: known) { return "did you mean \"\(nearest)\"?" }
        return "known here: \(known.sorted().joined(separator: ", "))"
    }

    /// The one at the smallest edit distance, if that is small for its length.
    static func nearest(to word: String, among known: [String]) -> String? {
        let folded = word.lowercased().replacing("_", with: "").replacing("-", with: "")
        let ranked = known.map { ($0, distance(folded, $0.lowercased().replacing("_", with: "").replacing("-", with: ""))) }
        guard let best = ranked.min(by: { $0.1 < $1.1 }), best.1 <= max(1, best.0.count / 3) else { return nil }
        return best.0
    }

    private static let longest = 64

    private static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.utf8.prefix(longest)), Array(right.utf8.prefix(longest)))
        var row = Array(0...right.count)
        for (line, byte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = line + 1
            for column in right.indices {
                let replaced = diagonal + (right[column] == byte ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[right.count]
    }
}
