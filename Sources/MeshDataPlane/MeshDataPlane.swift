// MeshDataPlane
