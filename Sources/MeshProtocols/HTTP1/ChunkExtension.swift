/// Reads what stands behind a chunk's size: `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )` (RFC 9112 §7.1.1). Bad white
/// space is accepted where the grammar has it, and nowhere else.
struct ChunkExtension: BitwiseCopyable, Sendable {
    private enum State: UInt8, BitwiseCopyable {
        case beforeSemicolon, beforeName, name, afterName, beforeValue, value, quoted, escaped, afterQuoted
    }

    enum Step: BitwiseCopyable { case goesOn, ended, refused }

    private var state = State.beforeSemicolon
    private var count = 0

    /// The byte behind the size, and those that follow; the carriage return ends it.
    mutating func take(_ byte: UInt8) -> Step {
        count += 1
        guard count <= HTTPLimits.chunkExtension else { return .refused }
        if byte == ByteClass.carriageReturn {
            switch state {
            case .name, .value, .afterQuoted: return .ended
            default: return .refused
            }
        }
        guard let next = next(byte) else { return .refused }
        state = next
        return .goesOn
    }

    private func next(_ byte: UInt8) -> State? {
        let isBlank = byte == ByteClass.space || byte == ByteClass.tab
        let isToken = ByteClass.isToken(byte)
        let isSemicolon = byte == UInt8(ascii: ";")
        switch state {
        case .beforeSemicolon: return isBlank ? state : isSemicolon ? .beforeName : nil
        case .beforeName: return isBlank ? state : isToken ? .name : nil
        case .name where isToken: return state
        case .name, .afterName:
            if isBlank { return .afterName }
            return isSemicolon ? .beforeName : byte == UInt8(ascii: "=") ? .beforeValue : nil
        case .beforeValue: return isBlank ? state : byte == UInt8(ascii: "\"") ? .quoted : isToken ? .value : nil
        case .value where isToken: return state
        case .value, .afterQuoted: return isBlank ? .beforeSemicolon : isSemicolon ? .beforeName : nil
        case .quoted:
            guard ByteClass.isFieldValue(byte) else { return nil }
            return byte == UInt8(ascii: "\"") ? .afterQuoted : byte == UInt8(ascii: "\\") ? .escaped : state
        case .escaped: return ByteClass.isFieldValue(byte) ? .quoted : nil
        }
    }
}
