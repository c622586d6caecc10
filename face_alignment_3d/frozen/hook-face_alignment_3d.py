"""PyInstaller's hook: adds the data files and the modules that are imported by name.

The data files are the embedded weights, their manifest and the default detector's weights.
"""

from PyInstaller.utils.hooks import can_import_module, collect_data_files, collect_submodules

datas = collect_data_files("face_alignment_3d")
if can_import_module("facenet_pytorch"):
    datas += collect_data_files("facenet_pytorch")
hiddenimports = collect_submodules(
    "face_alignment_3d",
    filter=lambda name: not name.startswith(("face_alignment_3d.training", "face_alignment_3d.frozen")),
)
