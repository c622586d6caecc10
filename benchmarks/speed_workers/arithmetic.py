"""The machine's rate of multiplications, by the routines that networks on it use: what the floor is made of.

Dense products and 3x3 convolutions in 32 bits, large enough to be limited by arithmetic and small enough for
the caches, in torch and in ONNX Runtime. Each call tells how many multiply-adds ("macs") it does.
"""

import argparse

from serving import Request, Said, bind, serve

SIDE = 768
CHANNELS, CELLS = 128, 48
_PRODUCT_MACS = SIDE**3
_CONVOLUTION_MACS = 9 * CHANNELS**2 * CELLS**2


def torch_product(request: Request):
    import torch

    left, right = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    out = torch.empty(SIDE, SIDE)

    def call() -> Said:
        torch.mm(left, right, out=out)
        return {"macs": _PRODUCT_MACS}

    return call


def torch_convolution(request: Request):
    import torch

    layer = torch.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
    layer = layer.to(memory_format=torch.channels_last)
    pixels = torch.rand(1, CHANNELS, CELLS, CELLS).to(memory_format=torch.channels_last)

    def call() -> Said:
        with torch.inference_mode():
            layer(pixels)
        return {"macs": _CONVOLUTION_MACS}

    return call


def onnx_product(threads: int):
    import numpy as np

    random = np.random.default_rng(0)
    left, right = (random.random((SIDE, SIDE), dtype=np.float32) for _ in range(2))
    return _onnx("MatMul", left, right, macs=_PRODUCT_MACS, threads=threads)


def onnx_convolution(threads: int):
    import numpy as np

    random = np.random.default_rng(0)
    pixels = random.random((1, CHANNELS, CELLS, CELLS), dtype=np.float32)
    kernel = random.random((CHANNELS, CHANNELS, 3, 3), dtype=np.float32)
    return _onnx("Conv", pixels, kernel, macs=_CONVOLUTION_MACS, threads=threads, pads=[1, 1, 1, 1])


def _onnx(kind: str, data, constant, *, macs: int, threads: int, **attributes):
    """One node, whose second input is a constant, which the runtime may repack as it does weights."""
    import onnx
    import onnxruntime
    from onnx import helper, numpy_helper

    def value(name, shape):
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

    node = helper.make_node(kind, ["data", "constant"], ["out"], **attributes)
    graph = helper.make_graph(
        [node],
        kind,
        [value("data", data.shape)],
        [value("out", None)],
        [numpy_helper.from_array(constant, "constant")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )

    def call() -> Said:
        session.run(None, {"data": data})
        return {"macs": macs}

    return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()
    bind(args.threads)

    def with_torch(task):
        def prepare(request: Request):
            import torch

            torch.set_num_threads(args.threads)
            return task(request)

        return prepare

    tasks = {
        "torch, product": with_torch(torch_product),
        "torch, convolution": with_torch(torch_convolution),
        "ONNX Runtime, product": lambda request: onnx_product(args.threads),
        "ONNX Runtime, convolution": lambda request: onnx_convolution(args.threads),
    }
    serve(tasks, packages=("torch", "onnxruntime"))


if __name__ == "__main__":
    main()
