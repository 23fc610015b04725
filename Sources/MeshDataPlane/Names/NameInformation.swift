internal import Glibc
package import MeshProtocols

/// How much a name can say, as its spelling shows: words are short and repeat their letters, while what was encoded to be carried out uses
/// all letters alike. Pure.
package enum NameInformation {
    /// Bits in the first `count` labels of a name: for each the number of its characters times their entropy (Shannon), without regard to
    /// case, which is made up anew on the way out.
    package static func bits(in name: DNSName, first count: Int) -> Int {
        name.labels.prefix(count).reduce(0) { $0 + Int(bits(in: $1).rounded(.up)) }
    }

    private static func bits(in label: ArraySlice<UInt8>) -> Double {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { counts in
            counts.initialize(repeating: 0)
            for byte in label { counts[Int(byte)] += 1 }
            let total = Double(label.count)
            var sum = 0.0
            for count in counts where count > 0 { sum += Double(count) * log2(total / Double(count)) }
            return sum
        }
    }
}
