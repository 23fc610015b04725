import MeshTypes
