import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from face_alignment_3d.errors import WeightsError
from face_alignment_3d.weights.manifest import (
    add_to_manifest,
    load_manifest,
    manifest_path,
    with_entry,
    write_manifest,
)


def test_the_library_finds_its_own_manifest_and_it_is_valid():
    assert manifest_path().name == "weights_manifest.json"
    for name, entry in load_manifest().items():
        assert entry.name == name


def test_round_trip(tmp_path, make_entry):
    path = tmp_path / "manifest.json"
    entries = {"base": make_entry(), "lite": make_entry(name="lite", file="lite.safetensors", url=None)}
    write_manifest(entries, path)
    assert load_manifest(path) == entries
    assert list(load_manifest(path)) == ["base", "lite"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["manifest.json"]


def test_adding_replaces_the_entry_of_the_same_name_and_keeps_the_others(tmp_path, make_entry):
    path = tmp_path / "manifest.json"
    path.write_text('{"schema": 1, "weights": []}')
    add_to_manifest(make_entry(), path)
    add_to_manifest(make_entry(name="lite", file="lite.safetensors"), path)
    add_to_manifest(make_entry(seed=8), path)
    entries = load_manifest(path)
    assert list(entries) == ["base", "lite"]
    assert entries["base"].seed == 8


def test_two_names_cannot_share_a_file(make_entry):
    with pytest.raises(WeightsError, match=r"'base' and 'other' share the file 'base\.safetensors'"):
        with_entry({"base": make_entry()}, make_entry(name="other"))


def test_entries_and_their_metrics_cannot_be_changed(make_entry):
    entry = make_entry()
    with pytest.raises(FrozenInstanceError):
        entry.seed = 1
    with pytest.raises(TypeError):
        entry.metrics["afw"] = 1.0


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("name", "Base", "lower-case letters"),
        ("name", "", "lower-case letters"),
        ("kind", "detector", "one of cascade, blendshapes"),
        ("preset", " ", "non-empty string"),
        ("file", "../base.safetensors", "bare file name"),
        ("file", "a/b.safetensors", "bare file name"),
        ("file", "a\\b.safetensors", "bare file name"),
        ("file", "base.pth", "bare file name"),
        ("sha256", "AB" * 32, "64 lower-case hexadecimal"),
        ("sha256", "ab" * 31, "64 lower-case hexadecimal"),
        ("bytes", 0, "positive integer"),
        ("bytes", True, "positive integer"),
        ("bytes", 1.5, "positive integer"),
        ("file", "/etc/a.safetensors", "bare file name"),
        ("file", "C:\\a.safetensors", "bare file name"),
        ("file", "C:a.safetensors", "bare file name"),
        ("file", "..safetensors", "bare file name"),
        ("file", "a.safetensors\n", "bare file name"),
        ("file", "a\0.safetensors", "bare file name"),
        ("file", "\u212a.safetensors", "bare file name"),
        ("file", "nul.safetensors", "bare file name"),
        ("file", "COM1.b.safetensors", "bare file name"),
        ("name", "../base", "lower-case letters"),
        ("url", "ftp://example.org/a", "https URL"),
        ("url", "http://example.org/a", "https URL"),
        ("url", "http://127.0.0.1.example.org/a", "https URL"),
        ("url", "file:///etc/passwd", "https URL"),
        ("url", "//example.org/a", "https URL"),
        ("url", "https:///a", "https URL"),
        ("url", "https://example.org:99999/a", "https URL"),
        ("url", "https://[::1/a", "https URL"),
        ("url", "https://user:secret@example.org/a", "https URL"),
        ("url", "https://example.org/a\x1b[2J", "https URL"),
        ("url", "", "https URL"),
        ("embedded", 1, "true or false"),
        ("input_size", "128", "positive integer"),
        ("data", ["", "a"], "list of strings"),
        ("seed", None, "an integer"),
        ("metrics", {"nme": "3.5"}, "finite numbers"),
        ("metrics", {"nme": float("nan")}, "finite numbers"),
        ("metrics", [3.5], "finite numbers"),
        ("metrics", {"nme": float("inf")}, "finite numbers"),
        ("date", "31.01.2025", "YYYY-MM-DD"),
        ("date", "2025-02-30", "YYYY-MM-DD"),
    ],
)
def test_a_bad_field_is_named_with_what_was_expected(make_entry, field, value, expected):
    value = tuple(value) if field == "data" else value
    with pytest.raises(WeightsError, match=rf"'{field}' must be .*{expected}.*; got "):
        make_entry(**{field: value})


def _entry_json(make_entry, tmp_path: Path) -> dict:
    write_manifest({"base": make_entry()}, tmp_path / "good.json")
    return json.loads((tmp_path / "good.json").read_text())["weights"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda entry: entry.pop("sha256"), r"entry 0 \('base'\) lacks sha256"),
        (lambda entry: entry.update(sha512="x"), r"entry 0 \('base'\) has unknown keys: sha512"),
        (lambda entry: entry.update(data="helen"), "'data' must be a list"),
        (lambda entry: entry.update(seed=1.0), "'seed' must be an integer; got 1.0"),
    ],
)
def test_a_broken_entry_is_refused(tmp_path, make_entry, change, message):
    entry = _entry_json(make_entry, tmp_path)
    change(entry)
    path = tmp_path / "broken.json"
    path.write_text(json.dumps({"schema": 2, "weights": [entry]}))
    with pytest.raises(WeightsError, match=message) as caught:
        load_manifest(path)
    assert str(path) in str(caught.value)


def test_two_entries_of_one_name_are_refused(tmp_path, make_entry):
    entry = _entry_json(make_entry, tmp_path)
    path = tmp_path / "broken.json"
    path.write_text(json.dumps({"schema": 2, "weights": [entry, entry]}))
    with pytest.raises(WeightsError, match="two entries are named 'base'"):
        load_manifest(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "'schema' and 'weights'"),
        ('{"weights": []}', "'schema' and 'weights'"),
        ('{"schema": 3, "weights": []}', "its schema is 3 .* reads 2"),
        ('{"schema": 1, "weights": {}}', "'weights' must be a list"),
        ('{"schema": true, "weights": []}', "its schema is True"),
        ("[" * 100_000, "is not JSON"),
        ('{"schema": ' + "9" * 5000, "is not JSON"),
        ('{"schema": 1, "weights": ["base"]}', "entry 0 must be an object"),
    ],
)
def test_a_broken_file_is_refused(tmp_path, text, message):
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(WeightsError, match=message):
        load_manifest(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"cannot read .*absent\.json"):
        load_manifest(tmp_path / "absent.json")


def test_manifests_of_schema_1_knew_only_cascades(tmp_path, make_entry):
    path = tmp_path / "manifest.json"
    write_manifest({"base": make_entry()}, path)
    content = json.loads(path.read_text())
    assert content["schema"] == 2
    content["schema"] = 1
    assert content["weights"][0].pop("kind") == "cascade"
    path.write_text(json.dumps(content))
    assert load_manifest(path)["base"] == make_entry()


def test_blendshapes_have_no_network_to_name(make_entry):
    entry = make_entry(kind="blendshapes", preset=None, input_size=None)
    assert entry.preset is None
    with pytest.raises(WeightsError, match="null for other kinds; got 'lite'"):
        make_entry(kind="blendshapes", input_size=None)
    with pytest.raises(WeightsError, match=r"'input_size' must be given for a cascade .*; got None"):
        make_entry(input_size=None)


def test_two_names_that_differ_in_case_alone_are_one_file(make_entry):
    with pytest.raises(WeightsError, match=r"share the file 'BASE\.safetensors'"):
        with_entry({"base": make_entry()}, make_entry(name="other", file="BASE.safetensors"))


def test_numbers_of_any_size_are_metrics(make_entry):
    assert make_entry(metrics={"photos": 10**400}).metrics["photos"] == 10**400
