// MeshProtocols
