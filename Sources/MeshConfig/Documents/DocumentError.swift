/// One thing that is wrong with a file.
package struct DocumentError: Error, Hashable, Sendable, CustomStringConvertible {
    package let file: String
    /// From 1; 0 when the file as a whole is meant.
    package let line: Int
    package let column: Int
    package let message: String
    /// What was probably meant, or what to do; empty if there is nothing to say.
    package let suggestion: String

    package init(file: String, line: Int = 0, column: Int = 0, message: String, suggestion: String = "") {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
        self.suggestion = suggestion
    }

    /// `file:line:column: message`, and the suggestion indented on a second line.
    package var description: String {
        let place = line > 0 ? "\(file):\(line):\(column)" : file
        return suggestion.isEmpty ? "\(place): \(message)" : "\(place): \(message)\n  \(suggestion)"
    }
}

/// What messages quote of a file: short, and without what would steer a terminal.
enum Excerpt {
    private static let longest = 40

    static func of(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(longest).map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .format, .lineSeparator, .paragraphSeparator: "?"
                    default: scalar
                    }
                }))
    }
}

/// Everything that is wrong with a file or a directory of them, in the order of the text.
package struct DocumentErrors: Error, Hashable, Sendable, CustomStringConvertible {
    /// Further errors of one file are not listed.
    package static let maximumPerFile = 50

    /// Never empty.
    package let errors: [DocumentError]

    package init(_ errors: [DocumentError]) { self.errors = errors }

    package var description: String { errors.map(\.description).joined(separator: "\n") }
}
