import Testing

/// Fails the test, where there is no expression to expect.
func complain(_ text: String, at location: SourceLocation = #_sourceLocation) {
    Issue.record(Comment(rawValue: text), sourceLocation: location)
}

func duration(_ body: () throws -> Void) throws -> Duration { try ContinuousClock().measure(body) }
