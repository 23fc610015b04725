/// Text of strangers for people's eyes: what it says is what one sees.
///
/// Controls (C0, DEL, C1) steer a terminal; marks of direction (U+202E) and invisible characters make text read as other text. They are escaped,
/// in JSON as `\u202e` and elsewhere as `\u{202e}`. Bytes that are no UTF-8 have become U+FFFD before.
package enum VisibleText {
    /// Letters, marks, numbers, punctuation, symbols and the plain space.
    package static func shows(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7f { return scalar.value >= 0x20 }
        // A blank pattern of Braille is a symbol that nobody sees.
        if scalar.properties.isDefaultIgnorableCodePoint || scalar.value == 0x2800 { return false }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .surrogate, .privateUse, .unassigned: return false
        default: return true
        }
    }

    /// - Parameter keepingLines: line ends are meant.
    package static func plain(_ text: String, keepingLines: Bool = false) -> String {
        if text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if shows(scalar) || (keepingLines && scalar == "\n") {
                result.append(scalar)
            } else {
                result.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
            }
        }
        return String(result)
    }

    /// What stands between the quotes of a JSON string (RFC 8259 §7).
    package static func json(_ text: String) -> String {
        if text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { result.append("\\") }
            if shows(scalar) { result.append(scalar) } else { escape(scalar, into: &result) }
        }
        return String(result)
    }

    /// A JSON text, in which such characters can stand in strings only. Line ends and tabs are its layout.
    package static func json(document: String) -> String {
        guard document.utf8.contains(where: { $0 >= 0x7f }) else { return document }
        var result = String.UnicodeScalarView()
        for scalar in document.unicodeScalars {
            if scalar.value < 0x20 || shows(scalar) { result.append(scalar) } else { escape(scalar, into: &result) }
        }
        return String(result)
    }

    /// Beyond the basic plane as two surrogates.
    private static func escape(_ scalar: Unicode.Scalar, into result: inout String.UnicodeScalarView) {
        for unit in String(scalar).utf16 {
            let digits = String(unit, radix: 16)
            result.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).unicodeScalars)
        }
    }
}
