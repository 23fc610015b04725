internal import MeshConfig

/// What must hold of a document that is refused: each error names a place that the text has, in words that fit a terminal.
enum DocumentProperty {
    static func complaint(about errors: DocumentErrors, in bytes: UnsafeRawBufferPointer) -> String? {
        if errors.errors.isEmpty { return "refused without an error" }
        if errors.errors.count > DocumentErrors.maximumPerFile { return "\(errors.errors.count) errors" }
        // YAML 1.1 ends lines also with CR, NEL, LS and PS; a mark may stand behind the last line.
        let lines = bytes.reduce(2) { $0 + ($1 == 10 || $1 == 13 || $1 == 0x85 || $1 == 0xa8 || $1 == 0xa9 ? 1 : 0) }
        for error in errors.errors {
            if error.message.isEmpty { return "an error without a message" }
            if error.line < 0 || error.line > lines { return "line \(error.line) of \(lines)" }
            if error.line > 0 ? error.column < 1 : error.column != 0 {
                return "line \(error.line), column \(error.column): \(error.message)"
            }
            if error.column > bytes.count + 2 { return "column \(error.column) of a text of \(bytes.count) bytes" }
            for scalar in error.description.unicodeScalars where scalar.value < 32 && scalar != "\n" || scalar.value == 127 {
                return "a control character in \"\(error.message)\""
            }
        }
        return nil
    }
}
