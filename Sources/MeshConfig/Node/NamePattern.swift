/// What the name of a cgroup or a unit must look like: `wallet@{zone}.service`, `wallet-*`.
///
/// `*` stands for anything, also nothing; `{name}` for at least one character, which it remembers.
package struct NamePattern: Sendable, Hashable {
    private enum Segment: Sendable, Hashable {
        case literal(String)
        case anything
        case variable(String)

        var isWildcard: Bool {
            switch self {
            case .literal: false
            case .anything, .variable: true
            }
        }
    }

    /// Matching tries every division of a name among these.
    private static let maximumWildcards = 4

    package let text: String
    private let segments: [Segment]

    /// - Returns: nil when braces do not match, a variable has no name, or two wildcards touch.
    package init?(_ text: String) {
        self.text = text
        guard !text.isEmpty, let segments = Self.segments(of: text), segments.count(where: \.isWildcard) <= Self.maximumWildcards else {
            return nil
        }
        guard !zip(segments, segments.dropFirst()).contains(where: { $0.isWildcard && $1.isWildcard }) else { return nil }
        self.segments = segments
    }

    package var variables: [String] {
        segments.compactMap { if case .variable(let name) = $0 { name } else { nil } }
    }

    /// The one name that matches, if it is only one.
    package var onlyName: String? { segments.contains(where: \.isWildcard) ? nil : text }

    /// - Returns: what the variables stand for; nil when `name` does not match. Each wildcard takes as little as it can.
    package func match(_ name: String) -> [String: String]? {
        var variables: [String: String] = [:]
        return Self.match(segments[...], name[...], &variables) ? variables : nil
    }

    private static func match(_ segments: ArraySlice<Segment>, _ name: Substring, _ variables: inout [String: String]) -> Bool {
        guard let first = segments.first else { return name.isEmpty }
        let rest = segments.dropFirst()
        switch first {
        case .literal(let text): return name.hasPrefix(text) && match(rest, name.dropFirst(text.count), &variables)
        case .anything: return divide(name, atLeast: 0) { _, after in match(rest, after, &variables) }
        case .variable(let variable):
            return divide(name, atLeast: 1) { taken, after in
                guard match(rest, after, &variables) else { return false }
                variables[variable] = String(taken)
                return true
            }
        }
    }

    private static func divide(_ name: Substring, atLeast: Int, _ isMatch: (Substring, Substring) -> Bool) -> Bool {
        guard name.count >= atLeast else { return false }
        return (atLeast...name.count).contains { isMatch(name.prefix($0), name.dropFirst($0)) }
    }

    private static func segments(of text: String) -> [Segment]? {
        var segments: [Segment] = []
        var rest = text[...]
        while let first = rest.first {
            switch first {
            case "*":
                segments.append(.anything)
                rest = rest.dropFirst()
            case "{":
                guard let end = rest.firstIndex(of: "}") else { return nil }
                let name = String(rest[rest.index(after: rest.startIndex)..<end])
                guard Template.isName(name), !segments.contains(.variable(name)) else { return nil }
                segments.append(.variable(name))
                rest = rest[rest.index(after: end)...]
            case "}": return nil
            default:
                let literal = rest.prefix { !"*{}".contains($0) }
                segments.append(.literal(String(literal)))
                rest = rest.dropFirst(literal.count)
            }
        }
        return segments
    }
}

/// Text with variables: `{name}`.
package struct Template: Sendable, Hashable {
    package let text: String

    package init(_ text: String) { self.text = text }

    /// - Parameter variables: variables that are not among them stay as they are.
    package func filled(_ variables: [String: String]) -> String {
        variables.reduce(text) { $0.replacing("{\($1.key)}", with: $1.value) }
    }

    /// The variables in it; nil when its braces do not match.
    package var variables: [String]? {
        var found: [String] = []
        var rest = text[...]
        while let start = rest.firstIndex(where: { "{}".contains($0) }) {
            guard rest[start] == "{", let end = rest[start...].firstIndex(of: "}") else { return nil }
            let name = String(rest[rest.index(after: start)..<end])
            guard Self.isName(name) else { return nil }
            found.append(name)
            rest = rest[rest.index(after: end)...]
        }
        return found
    }

    static func isName(_ name: String) -> Bool {
        (1...32).contains(name.utf8.count)
            && name.utf8.allSatisfy { $0 == UInt8(ascii: "_") || ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z")) }
    }
}
