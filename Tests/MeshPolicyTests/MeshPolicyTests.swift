import MeshPolicy
