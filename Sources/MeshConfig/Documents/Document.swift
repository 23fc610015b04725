internal import MeshPolicy
internal import Yams

/// A YAML 1.1 or JSON document whose every value knows where it stands.
///
/// Reading does not stop at the first mistake: values report theirs to the document, and `finish` throws all of them.
///
///     let document = try Document(file: "node.yaml", limit: 1 << 20)
///     let name = document.root?.mapping(keys: ["name", "port"])?.required("name")?.string()
///     try document.finish()
package final class Document {
    package let file: String
    private let node: Node?
    private var errors: [DocumentError] = []

    /// - Parameter limit: bytes; a larger file is refused.
    package convenience init(file: String, limit: Int) throws(DocumentErrors) {
        do throws(DocumentError) {
            try self.init(text: try DocumentBytes.read(file, limit: limit), file: file)
        } catch { throw DocumentErrors([error]) }
    }

    /// - Parameter file: what errors call the text.
    package convenience init(bytes: [UInt8], file: String, limit: Int) throws(DocumentErrors) {
        do throws(DocumentError) {
            try self.init(text: try DocumentBytes.text(bytes, file: file, limit: limit), file: file)
        } catch { throw DocumentErrors([error]) }
    }

    private init(text: String, file: String) throws(DocumentError) {
        self.file = file
        try DocumentShape.check(text, file: file)
        node = try Self.compose(text, file: file)
    }

    /// nil for a document without a value (only comments, or nothing). Made anew each time: a value owns its document.
    package var root: DocumentValue? {
        guard let node, node.tag.rawValue != Tag.Name.null.rawValue else { return nil }
        return DocumentValue(node, of: self)
    }

    private static func compose(_ text: String, file: String) throws(DocumentError) -> Node? {
        do {
            return try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw DocumentError(error, file: file)
        } catch {
            throw DocumentError(file: file, message: "cannot be read: \(error)")
        }
    }

    func report(_ location: RuleLocation, _ message: String, _ suggestion: String) {
        guard errors.count < DocumentErrors.maximumPerFile else { return }
        errors.append(
            DocumentError(
                file: location.file, line: location.line, column: location.column, message: message, suggestion: suggestion))
    }

    /// - Throws: everything that was reported, in the order of the text.
    package func finish() throws(DocumentErrors) {
        guard !errors.isEmpty else { return }
        throw DocumentErrors(errors.sorted { ($0.line, $0.column) < ($1.line, $1.column) })
    }
}

extension DocumentError {
    /// What the parser says, in our form.
    fileprivate init(_ error: YamlError, file: String) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            self.init(
                file: file, line: mark.line, column: mark.column, message: "is not YAML: \(problem)",
                suggestion: problem.contains("alphabetic or numeric")
                    ? "write \"*\" and \"&\" in quotes" : "check indentation, brackets and quotes at this place and the line before")
        case .duplicatedKeysInMapping(let keys, let context):
            self.init(
                file: file, line: context.mark.line, column: context.mark.column,
                message: "has a key twice: \(keys.prefix(4).map(Excerpt.of).joined(separator: ", "))", suggestion: "keep one of them")
        case .reader(let problem, let offset, _, _):
            self.init(
                file: file, message: "cannot be read: \(problem) at byte \(offset ?? 0)", suggestion: "save the file as plain UTF-8 text")
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
            self.init(file: file, message: "cannot be read: \(error)")
        }
    }
}
