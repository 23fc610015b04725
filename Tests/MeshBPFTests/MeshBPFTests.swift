import MeshBPF
