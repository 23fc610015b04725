import MeshAdmin
