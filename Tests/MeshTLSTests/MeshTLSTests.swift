import MeshTLS
