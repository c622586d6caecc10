import copy
import hashlib
import json

import pytest
import safetensors.torch
import torch

from face_alignment_3d.errors import WeightsError
from face_alignment_3d.networks.presets import PRESETS
from face_alignment_3d.weights.integrity import verify
from face_alignment_3d.weights.loading import entry_for_file, load_cascade, save_cascade
from face_alignment_3d.weights.safetensors_file import read_metadata

COUNTER = "num_batches_tracked"
SCORE = "regression.score.weight"


@pytest.fixture(scope="module")
def cascade():
    """A ``lite`` cascade whose batch norm has seen something, so that its statistics matter."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        cascade = PRESETS["lite"]().train()
        with torch.no_grad():
            cascade(255 * torch.rand(2, 3, 128, 128))
    return cascade.eval()


@pytest.fixture(scope="module")
def saved(cascade, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "lite.safetensors"
    save_cascade(cascade, path, preset="lite", metadata={"run": "runs/lite", "seed": "7"})
    return path


@pytest.fixture
def tamper(saved, tmp_path):
    """Writes the saved file again after ``change(tensors, metadata)``."""

    def write(change):
        tensors, metadata = safetensors.torch.load_file(saved), dict(read_metadata(saved))
        change(tensors, metadata)
        path = tmp_path / "tampered.safetensors"
        safetensors.torch.save_file(tensors, path, metadata)
        return path

    return write


def test_round_trip_keeps_every_tensor_to_fp16(cascade, saved):
    loaded = load_cascade(saved)
    before, after = cascade.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        if not name.endswith(COUNTER):
            assert after[name].dtype == torch.float32
            assert torch.equal(after[name], tensor.half().float()), name


def test_round_trip_keeps_the_landmarks(cascade, saved):
    crops = 255 * torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        points, confidence, visibility = cascade(crops)
        loaded_points, loaded_confidence, loaded_visibility = load_cascade(saved)(crops)
    torch.testing.assert_close(loaded_points, points, atol=0.05, rtol=0)
    torch.testing.assert_close(loaded_confidence, confidence, atol=2e-3, rtol=0)
    torch.testing.assert_close(loaded_visibility, visibility, atol=2e-3, rtol=0)


def test_weights_without_visibility_are_whole(cascade, tmp_path):
    without = copy.deepcopy(cascade)
    without.visibility = None
    path = tmp_path / "without.safetensors"
    save_cascade(without, path, preset="lite", metadata={})
    loaded = load_cascade(path)
    assert loaded.visibility is None
    crops = torch.zeros(1, 3, 128, 128)
    with torch.no_grad():
        assert len(loaded(crops)) == 2
        torch.testing.assert_close(loaded(crops)[0], without(crops)[0], atol=0.05, rtol=0)


def test_a_loaded_cascade_is_ready_for_inference(saved):
    loaded = load_cascade(saved)
    assert not any(module.training for module in loaded.modules())
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_loading_leaves_the_random_state_alone(saved):
    state = torch.random.get_rng_state()
    load_cascade(saved)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_file_is_fp16_and_describes_itself(saved):
    tensors, metadata = safetensors.torch.load_file(saved), read_metadata(saved)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert not [name for name in tensors if name.endswith(COUNTER)]
    expected = {"preset": "lite", "markup": "3dfaw-66", "landmarks": "66", "input_size": "128", "seed": "7"}
    assert expected.items() <= metadata.items()
    assert "z away" in metadata["coordinates"]
    assert saved.stat().st_size <= 12e6


def test_saving_twice_gives_the_same_bytes(cascade, saved, tmp_path):
    again = tmp_path / "again.safetensors"
    save_cascade(cascade, again, preset="lite", metadata={"seed": "7", "run": "runs/lite"})
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(saved.read_bytes()).digest()
    assert [path.name for path in tmp_path.iterdir()] == ["again.safetensors"]


def test_the_tensors_stay_aligned_after_the_header_is_sorted(saved):
    content = saved.read_bytes()
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    assert length % 8 == 0
    assert list(metadata) == sorted(metadata)


def test_an_entry_is_made_from_a_file(saved):
    entry = entry_for_file(
        saved,
        name="lite",
        url=None,
        embedded=True,
        license="non-commercial research",
        data=("helen_train",),
        training_command="face-alignment-3d train lite",
        seed=7,
        metrics={"afw_nme_inner_percent": 3.5},
        date="2025-01-31",
    )
    assert (entry.preset, entry.input_size, entry.markup) == ("lite", 128, "3dfaw-66")
    assert entry.file == "lite.safetensors"
    verify(entry, saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, m: t.pop(SCORE), rf"of preset .lite., cannot be used: it lacks {SCORE}"),
        (lambda t, m: t.update(extra=torch.zeros(1)), "has the unknown extra"),
        (lambda t, m: t.update({SCORE: torch.zeros(66, 1)}), rf"other shapes: {SCORE} \(66, 1\) instead"),
        (lambda t, m: t.update({SCORE: t[SCORE].to(torch.int8)}), rf"{SCORE} is of type I8; expected F16"),
        (lambda t, m: t[SCORE].fill_(float("nan")), f"has values that are not finite in {SCORE}"),
        (lambda t, m: m.clear(), "not of this library"),
        (lambda t, m: m.update(format="pt"), "not of this library.*it has 'pt'"),
        (lambda t, m: m.update(format_version="2"), "format version '2' .* reads '1'; update"),
        (lambda t, m: m.update(preset="huge"), "preset 'huge', which .* does not know .*'lite'"),
        (lambda t, m: m.pop("preset"), "preset ''"),
        (lambda t, m: m.update(landmarks="68"), "has landmarks '66'; the file has '68'"),
        (lambda t, m: m.update(input_size="256"), "has input_size '128'; the file has '256'"),
        (lambda t, m: m.update(crop_scale="0.5"), "crop_scale must be .* from 1 to 4.* has '0.5'"),
        (lambda t, m: m.update(crop_scale="nan"), "crop_scale must be .* has 'nan'"),
        (lambda t, m: m.pop("crop_scale"), "crop_scale must be .* has ''"),
        (lambda t, m: m.pop("markup"), "has markup '3dfaw-66'; the file has None"),
        (lambda t, m: m.update(coordinates="z towards the camera"), "has coordinates .* the file has 'z tow"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_refused(tamper, change, message):
    path = tamper(change)
    with pytest.raises(WeightsError, match=message) as caught:
        load_cascade(path)
    assert str(path) in str(caught.value)


def test_another_library_version_is_fine(tamper):
    load_cascade(tamper(lambda t, m: m.update(library_version="0.0.1")))


def test_the_crop_is_the_one_that_the_weights_were_trained_at(tamper):
    cascade = load_cascade(tamper(lambda t, m: m.update(crop_scale="1.2")))
    assert cascade.geometry.crop_scale == 1.2


def test_long_lists_of_tensors_are_cut(tamper):
    with pytest.raises(WeightsError, match=r"lacks .* and \d+ more"):
        load_cascade(tamper(lambda t, m: t.clear() or t.update(a=torch.zeros(1))))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a complete safetensors file"),
        (b"just some text", "not a complete safetensors file"),
        (b"<!DOCTYPE html><html>404</html>", "looks like a web page"),
        (b"\n <html>", "looks like a web page"),
        (b"\x80\x04\x95 an old checkpoint", "looks like a pickled .* never loaded"),
        (b"PK\x03\x04 a new checkpoint", "looks like a pickled .* never loaded"),
    ],
)
def test_other_files_are_refused_by_what_they_look_like(tmp_path, content, message):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message) as caught:
        load_cascade(path)
    assert str(path) in str(caught.value)


def test_a_pickle_is_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("exploded").touch, ())

    path = tmp_path / "weights.safetensors"
    torch.save({"weights": Bomb()}, path)
    with pytest.raises(WeightsError, match="looks like a pickled"):
        load_cascade(path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("kept", [4, 1000, -1])
def test_a_truncated_file_is_refused(saved, tmp_path, kept):
    path = tmp_path / "cut.safetensors"
    path.write_bytes(saved.read_bytes()[:kept])
    with pytest.raises(WeightsError, match="not a complete safetensors file"):
        load_cascade(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "absent.safetensors", tmp_path):
        with pytest.raises(WeightsError, match="there is no weight file"):
            load_cascade(path)


@pytest.mark.parametrize(
    ("preset", "metadata", "message"),
    [
        ("huge", {}, "preset must be one of .*'lite'.*; got 'huge'"),
        ("lite", {"preset": "base"}, "metadata may not set preset"),
        ("lite", {"seed": 7}, "'seed' is 7"),
    ],
)
def test_saving_refuses_what_could_not_be_loaded(cascade, tmp_path, preset, metadata, message):
    with pytest.raises(WeightsError, match=message):
        save_cascade(cascade, tmp_path / "a.safetensors", preset=preset, metadata=metadata)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_saving_refuses_what_fp16_cannot_hold(tmp_path, value):
    broken = PRESETS["lite"]()
    with torch.no_grad():
        broken.regression.score.bias[3] = value
    with pytest.raises(WeightsError, match=r"tensor regression\.score\.bias .*fp16 cannot hold"):
        save_cascade(broken, tmp_path / "a.safetensors", preset="lite", metadata={})


def test_saving_refuses_a_cascade_that_is_not_its_preset(tmp_path):
    other = PRESETS["lite"]()
    other.regression.score = torch.nn.Conv2d(64, 68, 1)
    with pytest.raises(WeightsError, match=r"the cascade to save as 'lite' cannot be used: .*\(68,"):
        save_cascade(other, tmp_path / "a.safetensors", preset="lite", metadata={})


def test_saving_into_a_missing_folder_says_so(cascade, tmp_path):
    with pytest.raises(WeightsError, match="cannot write weights to"):
        save_cascade(cascade, tmp_path / "absent" / "a.safetensors", preset="lite", metadata={})
