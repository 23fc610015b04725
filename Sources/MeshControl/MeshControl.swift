// MeshControl
