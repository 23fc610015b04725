internal import Foundation
internal import MeshIdentity
internal import MeshTelemetry

/// Certificates that should have been renewed by now (R1.3).
enum CertificateAge {
    struct Finding {
        let text: String
        let isUrgent: Bool
    }

    /// The one with the largest share of its life behind it, if that is too large.
    static func oldest(_ statuses: [CertificateStatus], now: Date) -> Finding? {
        let aged = statuses.compactMap { status in status.age(now).map { (status, $0) } }
        let late = aged.filter { $0.1 > CertificateStatus.lateShare }
        guard let (status, age) = late.max(by: { $0.1 < $1.1 }) else { return nil }
        let percent = Int(age * 100)
        let until = status.notAfter?.formatted(.iso8601) ?? ""
        return Finding(
            text: "\(late.count) past \(Int(CertificateStatus.lateShare * 100)) % of their life, first \(status.service) at \(percent) % "
                + "(until \(until)): \(status.lastError ?? "no attempt failed; was the clock set?")",
            isUrgent: age > CertificateStatus.urgentShare)
    }

    static func families(_ statuses: [CertificateStatus], now: Date) -> [MetricFamily] {
        [
            MetricFamily(
                name: "myelin_certificate_age_ratio", help: "How much of a service's certificate's life is over; renewed at about 0.5.",
                kind: .gauge,
                samples: statuses.compactMap { status in
                    status.age(now).map { age in
                        MetricSample(
                            labels: [
                                MetricSample.Label("service", "\(status.service.name)"),
                                MetricSample.Label("namespace", status.service.namespace),
                            ], value: (age * 1000).rounded() / 1000)
                    }
                })
        ]
    }
}
