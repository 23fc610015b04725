/// Configurations of Envoy: one TCP proxy, a pair with one TLS connection per flow, a pair with HTTP/2 CONNECT.
enum EnvoyPeer {
    /// The address that a listener binds or a cluster connects to.
    struct Address {
        let host: String
        let port: Int
        var yaml: String { "{socket_address: {address: \(host), port_value: \(port)}}" }
    }

    static func plain(listen: Address, to upstream: Address) -> String {
        bootstrap(listener(listen, filter: tcpProxy(tunnel: nil)), cluster(upstream))
    }

    /// The near end: plaintext in, TLS out; with `tunnel`, flows are CONNECT streams of one HTTP/2 connection.
    static func near(listen: Address, to upstream: Address, certificates: Certificates, tunnel: Address?) -> String {
        let transport = upstreamTLS(certificates, alpn: tunnel != nil)
        let filter = tcpProxy(tunnel: tunnel)
        return bootstrap(listener(listen, filter: filter), cluster(upstream, extra: transport + (tunnel == nil ? "" : "\n" + http2Options)))
    }

    /// The far end: TLS in, plaintext to the server.
    static func far(listen: Address, to upstream: Address, certificates: Certificates, tunnel: Bool) -> String {
        let transport = downstreamTLS(certificates, alpn: tunnel)
        let filter = tunnel ? connectTermination : tcpProxy(tunnel: nil)
        return bootstrap(listener(listen, filter: filter, extra: transport), cluster(upstream))
    }

    static func upstreamTLS(_ certificates: Certificates, alpn: Bool) -> String {
        """
              transport_socket:
                name: tls
                typed_config:
                  "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
                  sni: far.default.svc
                  common_tls_context: \(context(certificates.near, certificates, names: ["far.default.svc"], alpn: alpn))
        """
    }

    static func downstreamTLS(_ certificates: Certificates, alpn: Bool) -> String {
        """
                  transport_socket:
                    name: tls
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
                      require_client_certificate: true
                      common_tls_context: \(context(certificates.far, certificates, names: ["near.default.svc"], alpn: alpn))
        """
    }

    static func bootstrap(_ listener: String, _ cluster: String) -> String {
        """
        static_resources:
          listeners:
        \(listener)
          clusters:
        \(cluster)
        overload_manager:
          resource_monitors:
            - name: envoy.resource_monitors.global_downstream_max_connections
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig
                max_active_downstream_connections: 100000
        """
    }

    static func listener(_ address: Address, filter: String, extra: String = "") -> String {
        """
            - name: in
              address: \(address.yaml)
              filter_chains:
                - filters:
        \(filter)
        \(extra)
        """
    }

    private static func tcpProxy(tunnel: Address?) -> String {
        """
                    - name: tcp
                      typed_config:
                        "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                        stat_prefix: tcp
                        cluster: out
                        \(tunnel.map { "tunneling_config: {hostname: \"\($0.host):\($0.port)\"}" } ?? "")
        """
    }

    private static let connectTermination = """
                    - name: http
                      typed_config:
                        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                        stat_prefix: tunnel
                        codec_type: HTTP2
                        http2_protocol_options: {allow_connect: true, initial_stream_window_size: 4194304, initial_connection_window_size: 67108864}
                        upgrade_configs: [{upgrade_type: CONNECT}]
                        http_filters:
                          - name: router
                            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
                        route_config:
                          virtual_hosts:
                            - name: all
                              domains: ["*"]
                              routes:
                                - match: {connect_matcher: {}}
                                  route: {cluster: out, timeout: 0s, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}
        """

    static func cluster(_ upstream: Address, extra: String = "") -> String {
        """
            - name: out
              type: STATIC
              connect_timeout: 5s
              circuit_breakers: {thresholds: [{max_connections: 100000, max_pending_requests: 100000, max_requests: 100000}]}
              load_assignment:
                cluster_name: out
                endpoints: [{lb_endpoints: [{endpoint: {address: \(upstream.yaml)}}]}]
        \(extra)
        """
    }

    static let http2Options = """
              typed_extension_protocol_options:
                envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                  "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                  explicit_http_config:
                    http2_protocol_options: {initial_stream_window_size: 4194304, initial_connection_window_size: 67108864}
        """

    private static func context(
        _ own: Certificates.Files, _ certificates: Certificates, names: [String], alpn: Bool
    ) -> String {
        let matches = names.map { "{san_type: DNS, matcher: {exact: \"\($0)\"}}" }.joined(separator: ", ")
        return """
            {tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}, \
            tls_certificates: [{certificate_chain: {filename: "\(own.certificate)"}, private_key: {filename: "\(own.key)"}}], \
            validation_context: {trusted_ca: {filename: "\(certificates.authority)"}, match_typed_subject_alt_names: [\(matches)]}\
            \(alpn ? ", alpn_protocols: [h2]" : "")}
            """
    }
}
