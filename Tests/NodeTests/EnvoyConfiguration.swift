/// Envoy as the other end of a tunnel: as HBONE client that dials our port 15008, or as HBONE server that we dial.
enum EnvoyConfiguration {
    /// PEM files of one SVID and of the authority that both ends trust.
    struct Credential {
        let certificate: String
        let key: String
        let authority: String
    }

    struct Address {
        let host: String
        let port: Int
        fileprivate var yaml: String { "{socket_address: {address: \"\(host)\", port_value: \(port)}}" }
    }

    /// What a client needs to know: where it takes plaintext, which node it dials, which endpoint it asks for, as whom and of whom.
    struct Client {
        let credential: Credential
        let listen: Address
        let node: Address
        let endpoint: Address
        /// SNI: the callee's DNS name, `wallet.default.svc`.
        let serverName: String
        /// The callee's `spiffe://…`.
        let expected: String
    }

    /// What a server needs to know: where it listens for tunnels, as whom, whom it admits, which workload it delivers to.
    struct Server {
        let credential: Credential
        let listen: Address
        let workload: Address
        /// The callers' `spiffe://…` that are admitted.
        let admitted: [String]
    }

    static func client(_ client: Client) -> String {
        let authority = client.endpoint.host.contains(":") ? "[\(client.endpoint.host)]" : client.endpoint.host
        return """
            static_resources:
              listeners:
                - name: plaintext
                  address: \(client.listen.yaml)
                  filter_chains:
                    - filters:
                        - name: tcp
                          typed_config:
                            "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                            stat_prefix: tunnel
                            cluster: node
                            tunneling_config: {hostname: "\(authority):\(client.endpoint.port)"}
              clusters:
                - name: node
                  type: STATIC
                  connect_timeout: 5s
                  load_assignment:
                    cluster_name: node
                    endpoints: [{lb_endpoints: [{endpoint: {address: \(client.node.yaml)}}]}]
                  typed_extension_protocol_options:
                    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                      explicit_http_config: {http2_protocol_options: {}}
                  transport_socket:
                    name: tls
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
                      sni: \(client.serverName)
                      common_tls_context: \(context(client.credential, peers: [client.expected]))

            """
    }

    static func server(_ server: Server) -> String {
        """
        static_resources:
          listeners:
            - name: tunnels
              address: \(server.listen.yaml)
              filter_chains:
                - transport_socket:
                    name: tls
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
                      require_client_certificate: true
                      common_tls_context: \(context(server.credential, peers: server.admitted))
                  filters:
                    - name: http
                      typed_config:
                        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                        stat_prefix: tunnel
                        codec_type: HTTP2
                        http2_protocol_options: {allow_connect: true}
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
                                  route: {cluster: workload, timeout: 0s, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}
          clusters:
            - name: workload
              type: STATIC
              connect_timeout: 5s
              load_assignment:
                cluster_name: workload
                endpoints: [{lb_endpoints: [{endpoint: {address: \(server.workload.yaml)}}]}]

        """
    }

    /// TLS 1.3 with a certificate, `h2`, and peers that are known by their SPIFFE identity.
    private static func context(_ credential: Credential, peers: [String]) -> String {
        let matches = peers.map { "{san_type: URI, matcher: {exact: \"\($0)\"}}" }.joined(separator: ", ")
        return """
            {tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}, alpn_protocols: [h2], \
            tls_certificates: [{certificate_chain: {filename: "\(credential.certificate)"}, private_key: {filename: "\(credential.key)"}}], \
            validation_context: {trusted_ca: {filename: "\(credential.authority)"}, match_typed_subject_alt_names: [\(matches)]}}
            """
    }
}
