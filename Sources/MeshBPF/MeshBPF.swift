// MeshBPF
