package import MeshProtocols

/// Which requests a route takes: all conditions must hold.
package struct RouteMatch: Hashable, Sendable {
    /// A field or a parameter of the query.
    package struct Condition: Hashable, Sendable {
        /// Of a field in lower case.
        package let name: [UInt8]
        /// nil: it is there, with any value.
        package let value: [UInt8]?

        package init(name: String, value: String?) {
            self.name = Array(name.utf8)
            self.value = value.map { Array($0.utf8) }
        }
    }

    package var path = PathPattern.any
    /// Any of these; empty for all.
    package var methods: [[UInt8]] = []
    package var headers: [Condition] = []
    package var query: [Condition] = []

    package init() {}

    /// - Parameter bytes: those that the head was parsed from.
    package func matches(_ head: RequestHead, _ fields: borrowing FieldTable, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let target = head.target.slice(of: bytes)
        let end = target.firstIndex(of: UInt8(ascii: "?")) ?? target.count
        let path = UnsafeRawBufferPointer(rebasing: target[..<end])
        guard path.isEmpty ? Self.matchesRoot(self.path) : self.path.matches(path) else { return false }
        if !methods.isEmpty {
            let name = head.methodName.slice(of: bytes)
            guard methods.contains(where: { name.elementsEqual($0) }) else { return false }
        }
        for condition in headers where !Self.holds(condition, fields, bytes) { return false }
        guard !query.isEmpty else { return true }
        let parameters = UnsafeRawBufferPointer(rebasing: target[min(end + 1, target.count)...])
        return query.allSatisfy { Self.holds($0, parameters) }
    }

    private static func matchesRoot(_ pattern: PathPattern) -> Bool {
        withUnsafeBytes(of: UInt8(ascii: "/")) { pattern.matches($0) }
    }

    private static func holds(_ condition: Condition, _ fields: borrowing FieldTable, _ bytes: UnsafeRawBufferPointer) -> Bool {
        for index in 0..<fields.count {
            let field = fields[index]
            guard isName(condition.name, field.name.slice(of: bytes)) else { continue }
            guard let wanted = condition.value else { return true }
            if field.value.slice(of: bytes).elementsEqual(wanted) { return true }
        }
        return false
    }

    /// `name=value` between `&`, as they were sent.
    private static func holds(_ condition: Condition, _ parameters: UnsafeRawBufferPointer) -> Bool {
        parameters.split(separator: UInt8(ascii: "&")).contains { parameter in
            let end = parameter.firstIndex(of: UInt8(ascii: "=")) ?? parameter.endIndex
            guard parameter[..<end].elementsEqual(condition.name) else { return false }
            guard let wanted = condition.value else { return true }
            return parameter[min(end + 1, parameter.endIndex)...].elementsEqual(wanted)
        }
    }

    /// The value of a field, its first when it is repeated; nil without one.
    package static func value(of name: [UInt8], _ fields: borrowing FieldTable, _ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer?
    {
        for index in 0..<fields.count where isName(name, fields[index].name.slice(of: bytes)) {
            return fields[index].value.slice(of: bytes)
        }
        return nil
    }

    private static func isName(_ wanted: [UInt8], _ name: UnsafeRawBufferPointer) -> Bool {
        guard name.count == wanted.count else { return false }
        return zip(wanted, name).allSatisfy { $0 == ($1 >= 65 && $1 <= 90 ? $1 | 32 : $1) }
    }
}
