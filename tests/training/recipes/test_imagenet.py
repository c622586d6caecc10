import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torchvision.models import resnet152

from face_alignment_3d.errors import WeightsError
from face_alignment_3d.networks.paper.depth import PaperDepth
from face_alignment_3d.networks.paper.detection import PaperDetection
from face_alignment_3d.training.recipes.imagenet import load_resnet152, load_resnet200, read_tensors

BLOCKS = (3, 24, 36, 3)
WIDTHS = (64, 128, 256, 512)


def _filled(build, value):
    """A network without the minutes of drawing weights: all of them are ``value``."""
    with torch.device("meta"):
        network = build(66)
    network.to_empty(device="cpu")
    for tensor in network.state_dict().values():
        tensor.fill_(value)
    return network


def _resnet152_state():
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in resnet152().state_dict().items()}
    return {name: torch.full(shape, float(i % 97)) for i, (name, shape) in enumerate(shapes.items())}


def _norm(channels, generator):
    return {
        "weight": torch.rand(channels, generator=generator) * 0.2 + 0.9,
        "bias": torch.randn(channels, generator=generator) * 0.1,
        "running_mean": torch.randn(channels, generator=generator) * 0.1,
        "running_var": torch.rand(channels, generator=generator) + 0.5,
    }


def _convolution(outputs, inputs, kernel, generator):
    weight = torch.randn(outputs, inputs, kernel, kernel, generator=generator)
    return {"weight": weight * (0.5 / (inputs * kernel * kernel)) ** 0.5}


def _timm_state(blocks=BLOCKS):
    """Weights of a pre-activation ResNet with the names that timm gives them."""
    generator = torch.Generator().manual_seed(0)
    layers = {"stem.conv": _convolution(64, 3, 7, generator)}
    inputs = 64
    for stage, (count, width) in enumerate(zip(blocks, WIDTHS, strict=True)):
        for block in range(count):
            here = f"stages.{stage}.blocks.{block}"
            layers[f"{here}.norm1"] = _norm(inputs, generator)
            layers[f"{here}.conv1"] = _convolution(width, inputs, 1, generator)
            layers[f"{here}.norm2"] = _norm(width, generator)
            layers[f"{here}.conv2"] = _convolution(width, width, 3, generator)
            layers[f"{here}.norm3"] = _norm(width, generator)
            layers[f"{here}.conv3"] = _convolution(4 * width, width, 1, generator)
            if block == 0:
                layers[f"{here}.downsample.conv"] = _convolution(4 * width, inputs, 1, generator)
            inputs = 4 * width
    layers["norm"] = _norm(inputs, generator)
    layers["head.fc"] = _convolution(1000, inputs, 1, generator)
    return {f"{layer}.{name}": tensor for layer, parts in layers.items() for name, tensor in parts.items()}


def _run_timm(state, image):
    """The features before the classifier, computed from the weights' names alone."""

    def norm(x, name):
        parts = [state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return F.relu(F.batch_norm(x, *parts))

    x = F.max_pool2d(F.conv2d(image, state["stem.conv.weight"], None, 2, 3), 3, 2, 1)
    for stage, count in enumerate(BLOCKS):
        for block in range(count):
            here, stride = f"stages.{stage}.blocks.{block}", 2 if stage and not block else 1
            active = norm(x, f"{here}.norm1")
            shortcut = (
                F.conv2d(active, state[f"{here}.downsample.conv.weight"], None, stride) if not block else x
            )
            y = F.conv2d(active, state[f"{here}.conv1.weight"])
            y = F.conv2d(norm(y, f"{here}.norm2"), state[f"{here}.conv2.weight"], None, stride, 1)
            x = shortcut + F.conv2d(norm(y, f"{here}.norm3"), state[f"{here}.conv3.weight"])
    return norm(x, "norm").mean(dim=(2, 3))


@pytest.fixture(scope="module")
def timm_state():
    return _timm_state()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_the_trunk_takes_torchvisions_weights_and_leaves_the_rest(tmp_path, suffix):
    state, path = _resnet152_state(), tmp_path / f"resnet152{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save({"state_dict": state}, path)
    detection = _filled(PaperDetection, 0.5)
    load_resnet152(detection, path)
    for name, tensor in detection.trunk.state_dict().items():
        assert torch.equal(tensor.float(), state[name]), name
    assert (detection.score.weight == 0.5).all()
    assert (detection.deconvolution.weight == 0.5).all()


def test_a_resnet_200_computes_in_the_z_network_what_it_does_by_itself(tmp_path, timm_state):
    save_file(timm_state, tmp_path / "resnet200.safetensors")
    # All else is zero: the filters of the heatmaps, and the two blocks that the file lacks.
    depth = _filled(PaperDepth, 0.0).eval()
    load_resnet200(depth, tmp_path / "resnet200.safetensors")
    for name, tensor in depth.state_dict().items():
        if name.endswith("running_var") and name.startswith(("stages.2.36.", "stages.2.37.")):
            tensor.fill_(1.0)
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    seen = {}
    depth.score.register_forward_hook(lambda module, inputs, output: seen.update(features=inputs[0]))
    with torch.no_grad():
        depth(image, torch.rand(1, 66, 64, 64), torch.zeros(1, 66, 2))
        expected = _run_timm(timm_state, image)
    assert expected.std() > 0.01
    torch.testing.assert_close(seen["features"], expected, rtol=1e-3, atol=1e-4)


def test_new_layers_of_the_z_network_keep_their_start(tmp_path, timm_state):
    save_file(timm_state, tmp_path / "resnet200.safetensors")
    depth = _filled(PaperDepth, 0.25)
    load_resnet200(depth, tmp_path / "resnet200.safetensors")
    assert torch.equal(depth.stem[0].weight[:, :3], timm_state["stem.conv.weight"])
    assert (depth.stem[0].weight[:, 3:] == 0.25).all()
    assert (depth.score.weight == 0.25).all()
    assert (depth.stages[2][36].residual[0].weight == 0.25).all()
    assert not (depth.stages[2][35].residual[0].weight == 0.25).all()


@pytest.mark.parametrize("damage", ["missing", "shape", "not finite"])
def test_a_tensor_that_does_not_fit_is_named(tmp_path, timm_state, damage):
    name = "stages.1.blocks.2.conv2.weight"
    state = dict(timm_state)
    if damage == "missing":
        del state[name]
    elif damage == "shape":
        state[name] = torch.zeros(128, 64, 3, 3)
    else:
        state[name] = torch.full((128, 128, 3, 3), float("nan"))
    save_file(state, tmp_path / "resnet200.safetensors")
    with pytest.raises(WeightsError, match=r"resnet200\.safetensors.*stages\.1\.blocks\.2\.conv2\.weight"):
        load_resnet200(_filled(PaperDepth, 0.0), tmp_path / "resnet200.safetensors")


def test_weights_of_another_network_are_refused(tmp_path):
    save_file({"features.0.weight": torch.zeros(3)}, tmp_path / "vgg.safetensors")
    with pytest.raises(
        WeightsError, match=r"expected a tensor conv1\.weight of shape \(64, 3, 7, 7\), got none"
    ):
        load_resnet152(_filled(PaperDetection, 0.0), tmp_path / "vgg.safetensors")


class _Evil:
    def __reduce__(self):
        return (print, ("unpickled",))


@pytest.mark.parametrize("content", ["nothing", "bytes", "pickle", "list"])
def test_files_that_hold_no_tensors_are_refused(tmp_path, capsys, content):
    path = tmp_path / "weights.pth"
    if content == "bytes":
        path.write_bytes(b"no weights")
    elif content != "nothing":
        torch.save(_Evil() if content == "pickle" else [torch.zeros(1)], path)
    with pytest.raises(WeightsError, match=r"weights\.pth"):
        read_tensors(path)
    assert "unpickled" not in capsys.readouterr().out
