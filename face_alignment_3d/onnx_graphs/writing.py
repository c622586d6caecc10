"""A torch module as the bytes of an ONNX file."""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from face_alignment_3d.errors import BackendError
from face_alignment_3d.onnx_graphs.rewriting import align_channels, merge_concatenations
from face_alignment_3d.optional import optional_import
from face_alignment_3d.torch_settings import own_loading

#: Opset of the graphs: read by ONNX Runtime from 1.15 on.
OPSET = 18
#: Of a dimension that may take any size. Without a bound torch 2.6 took the example's size for the only one.
_LARGEST = 2**31 - 1
_CACHE_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"


def to_onnx(
    module: nn.Module,
    example: torch.Tensor,
    *,
    dynamic: Mapping[int, str],
    inputs: Sequence[str],
    outputs: Sequence[str],
    metadata: Mapping[str, str],
) -> bytes:
    """The graph of a module of one input, weights inside, with ``metadata``.

    ``dynamic`` names the dimensions of ``example`` that may take any size; each must be larger than 1 there.
    The same module and metadata give the same bytes.

    Raises :class:`BackendError` where the packages that write ONNX are not installed, or write one that takes
    the sizes of ``example`` alone.
    """
    with optional_import("making an ONNX file"):
        import onnx
        import onnxscript  # torch's exporter needs it, and says so less plainly.
    dimensions = {index: torch.export.Dim(name, max=_LARGEST) for index, name in dynamic.items()}
    with own_loading(), _environment_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of the exporter's own internals; nothing a caller could act on.
        program = torch.onnx.export(
            module.eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=(dimensions,),
            verbose=False,
        )
    if program is None:
        raise BackendError("torch's exporter returned no graph; update torch and onnxscript")
    model = program.model_proto
    shape = model.graph.input[0].type.tensor_type.shape.dim
    if fixed := [name for index, name in dynamic.items() if not shape[index].dim_param]:
        # Where torch.export fails, the exporter records the example instead, and says nothing.
        raise BackendError(
            f"the exporter of torch {torch.__version__} wrote a graph of one {', '.join(fixed)} only, with "
            f"onnxscript {onnxscript.__version__}; update torch and onnxscript"
        )
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(sorted(metadata.items())))
    # Where each node came from in the source: a third of the file, and different on each machine.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    merge_concatenations(model.graph)
    align_channels(model.graph)
    del model.graph.value_info[:]  # Shapes between the nodes, which runtimes infer, and which have changed.
    return bytes(model.SerializeToString(deterministic=True))


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Takes away the variable that the exporter of torch 2.8 leaves in the environment."""
    known = _CACHE_VARIABLE in os.environ
    try:
        yield
    finally:
        if not known:
            os.environ.pop(_CACHE_VARIABLE, None)
