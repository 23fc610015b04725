internal import Hummingbird

/// Gives every refusal a body of `AdminComplaint`.
struct ComplaintMiddleware<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as any HTTPResponseError where error.status == .notFound {
            return try AdminJSON.refuse(
                .notFound, "there is no \(request.uri.path)", "see docs/myelinctl.md; the daemon may be older than you")
        } catch let error as any HTTPResponseError {
            return try AdminJSON.refuse(error.status, "\(error.status)", "see docs/myelinctl.md")
        } catch {
            context.logger.error("the status socket cannot answer", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            return try AdminJSON.refuse(.internalServerError, "the daemon cannot answer", "see its log")
        }
    }
}
