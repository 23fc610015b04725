extension UInt64 {
    /// Nanoseconds since an earlier moment; 0 when that is a little later. Each worker reads the clock once a turn, so what they do to shared state
    /// comes slightly out of order.
    package func elapsed(since earlier: UInt64) -> UInt64 { self > earlier ? self - earlier : 0 }
}
