// MeshLab
