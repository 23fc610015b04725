import MeshSystem
