"""Maps in 3D: posed RGB-D fused into voxels that can be asked in words.

Its rooms are imported by their own names, as they load more: `terralex.mapping.frames` reads sequences.
"""
