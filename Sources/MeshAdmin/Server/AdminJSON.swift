internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// How views travel: snake_case keys, sorted.
enum AdminJSON {
    static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return encoder
    }

    static func decoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }

    static func respond(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let data = try encoder().encode(value)
        return Response(status: status, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: ByteBuffer(data: data)))
    }

    static func refuse(_ status: HTTPResponse.Status, _ error: String, _ remedy: String) throws -> Response {
        try respond(AdminComplaint(error: error, remedy: remedy), status: status)
    }
}
