from pathlib import Path

import pytest

from face_alignment_3d.errors import WeightsError
from face_alignment_3d.weights.store import (
    EMBEDDED_DIR,
    Fetch,
    Refuse,
    Use,
    cache_directory,
    candidates,
    decide,
    identify,
    plan,
    resolve_weights,
)

HOME, PACKAGE, CACHE = Path("/home-dir"), Path("/package"), Path("/cache")
IN_HOME, IN_PACKAGE, IN_CACHE = (folder / "base.safetensors" for folder in (HOME, PACKAGE, CACHE))
WITH_HOME = {"FACE_ALIGNMENT_3D_HOME": str(HOME)}
OFFLINE = {"FACE_ALIGNMENT_3D_OFFLINE": "1"}
URL = "https://example.org/base.safetensors"
GOOD, BAD = True, False


def _decide(entry, environment, existing, offline=None):
    return decide(
        entry,
        environment=environment,
        cache_dir=CACHE,
        existing=existing,
        offline=offline,
        embedded_dir=PACKAGE,
    )


@pytest.mark.parametrize(
    ("embedded", "url", "environment", "existing", "outcome"),
    [
        # Where a file is used from: the user's folder, the package, the cache, in this order.
        (True, None, WITH_HOME, {IN_HOME: GOOD, IN_PACKAGE: GOOD, IN_CACHE: GOOD}, IN_HOME),
        (True, None, WITH_HOME, {IN_PACKAGE: GOOD, IN_CACHE: GOOD}, IN_PACKAGE),
        (True, None, {}, {IN_PACKAGE: GOOD, IN_CACHE: GOOD}, IN_PACKAGE),
        (True, None, {}, {IN_HOME: GOOD, IN_CACHE: GOOD}, IN_CACHE),
        (False, URL, {}, {IN_CACHE: GOOD}, IN_CACHE),
        (False, URL, WITH_HOME, {IN_CACHE: GOOD}, IN_CACHE),
        (False, URL, OFFLINE, {IN_CACHE: GOOD}, IN_CACHE),
        (False, URL, {"FACE_ALIGNMENT_3D_HOME": ""}, {IN_HOME: GOOD, IN_CACHE: GOOD}, IN_CACHE),
        # The package's folder counts for embedded entries only.
        (False, URL, {}, {IN_PACKAGE: GOOD}, Fetch),
        # Downloads go to the user's folder when there is one. The cache repairs itself.
        (False, URL, {}, {}, IN_CACHE),
        (False, URL, WITH_HOME, {}, IN_HOME),
        (False, URL, {}, {IN_CACHE: BAD}, IN_CACHE),
        (False, URL, {"FACE_ALIGNMENT_3D_OFFLINE": "0"}, {}, IN_CACHE),
        # What is not ours is neither replaced nor passed over.
        (False, URL, WITH_HOME, {IN_HOME: BAD, IN_CACHE: GOOD}, r"/home-dir.* delete it .* or pass its path"),
        (True, URL, {}, {IN_PACKAGE: BAD, IN_CACHE: GOOD}, r"/package.* reinstall face-alignment-3d"),
        # No way.
        (False, URL, OFFLINE, {}, r"'base' are not in /cache and offline is set; run `face-alignment-3d "
                                  r"weights download base`.* or set FACE_ALIGNMENT_3D_HOME"),
        (False, URL, OFFLINE | WITH_HOME, {}, "are not in /home-dir and offline is set"),
        (False, URL, OFFLINE, {IN_CACHE: BAD}, "are damaged in /cache and offline is set"),
        (False, None, {}, {}, r"not published.*train them with `face-alignment-3d train base .*runs/base`"),
        (True, None, {}, {}, r"part of the package.*reinstall"),
    ],
)  # fmt: skip
def test_the_decision(make_entry, embedded, url, environment, existing, outcome):
    decision = _decide(make_entry(embedded=embedded, url=url), environment, existing)
    if isinstance(outcome, str):
        assert isinstance(decision, Refuse)
        with pytest.raises(WeightsError, match=outcome):
            raise WeightsError(decision.reason)
    elif outcome is Fetch:
        assert isinstance(decision, Fetch)
    elif existing.get(outcome):
        assert decision == Use(outcome)
    else:
        assert isinstance(decision, Fetch)
        assert decision.destination == outcome


@pytest.mark.parametrize(
    ("argument", "variable", "fetches"),
    [(None, "", True), (None, "no", True), (None, "TRUE", False), (True, "0", False), (False, "1", True)],
)
def test_the_offline_argument_goes_before_the_variable(make_entry, argument, variable, fetches):
    decision = _decide(make_entry(), {"FACE_ALIGNMENT_3D_OFFLINE": variable}, {}, argument)
    assert isinstance(decision, Fetch) == fetches


def test_an_unclear_offline_variable_is_refused(make_entry):
    with pytest.raises(WeightsError, match="FACE_ALIGNMENT_3D_OFFLINE must be 1 or 0; got 'maybe'"):
        _decide(make_entry(), {"FACE_ALIGNMENT_3D_OFFLINE": "maybe"}, {})


def test_an_explicit_path_is_used_as_it_is_or_refused():
    path = Path("mine/base.safetensors")
    assert _decide(path, OFFLINE | WITH_HOME, {path: GOOD}) == Use(path)
    refused = _decide(path, {}, {IN_CACHE: GOOD})
    assert isinstance(refused, Refuse)
    assert str(path) in refused.reason


def test_candidates_follow_the_order(make_entry):
    places = candidates(
        make_entry(embedded=True), environment=WITH_HOME, cache_dir=CACHE, embedded_dir=PACKAGE
    )
    assert places == (IN_HOME, IN_PACKAGE, IN_CACHE)


def test_names_and_paths_are_told_apart(make_entry):
    manifest = {"base": make_entry(), "odd.safetensors": make_entry(name="odd.safetensors")}
    assert identify("base", manifest) == make_entry()
    assert identify("odd.safetensors", manifest) == manifest["odd.safetensors"]
    assert identify(Path("odd.safetensors"), manifest) == Path("odd.safetensors")
    assert identify("~/base.safetensors", manifest) == Path.home() / "base.safetensors"
    for wrong in ("bass", "model.pth", Path("base")):
        with pytest.raises(WeightsError, match=r"\('base', 'odd\.safetensors'\) or the path of a \.safe"):
            identify(wrong, manifest)


def test_a_user_without_a_home_folder(make_entry, monkeypatch):
    def unknown(*_, **__):
        raise RuntimeError("Could not determine home directory.")

    options = {"environment": {}, "cache_dir": None, "embedded_dir": PACKAGE}
    embedded = make_entry(embedded=True)
    assert candidates(embedded, **options) == (IN_PACKAGE,)
    assert decide(embedded, existing={IN_PACKAGE: GOOD}, **options) == Use(IN_PACKAGE)
    refused = decide(make_entry(url=URL), existing={}, **options)
    assert "no home folder" in refused.reason
    with_folder = {**options, "environment": WITH_HOME}
    assert isinstance(decide(make_entry(url=URL), existing={}, **with_folder), Fetch)
    monkeypatch.setattr("platformdirs.user_cache_path", unknown)
    assert cache_directory() is None
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/.cache/x"))
    assert cache_directory() is None  # Not a folder of that name in the current one.
    assert isinstance(plan("lite"), Use)


def test_the_cache_is_outside_the_package():
    assert not cache_directory().is_relative_to(EMBEDDED_DIR.parent.parent)


def test_resolve_downloads_once_into_the_cache(tmp_path, server, make_entry, payload):
    manifest = {"base": make_entry(url=server.url)}
    assert isinstance(plan("base", manifest=manifest), Fetch)
    path = resolve_weights("base", manifest=manifest, progress=False)
    assert path == tmp_path / "cache" / "base.safetensors"
    assert path.read_bytes() == payload
    assert resolve_weights("base", manifest=manifest, offline=True) == path
    assert len(server.ranges) == 1


def test_resolve_repairs_its_cache(tmp_path, server, make_entry, payload):
    cached = tmp_path / "cache" / "base.safetensors"
    cached.parent.mkdir()
    cached.write_bytes(payload[:-1] + b"?")
    manifest = {"base": make_entry(url=server.url)}
    with pytest.raises(WeightsError, match="are damaged in"):
        resolve_weights("base", manifest=manifest, offline=True)
    assert resolve_weights("base", manifest=manifest, progress=False) == cached
    assert cached.read_bytes() == payload


def test_resolve_leaves_the_users_own_folder_alone(tmp_path, monkeypatch, server, make_entry):
    monkeypatch.setenv("FACE_ALIGNMENT_3D_HOME", str(tmp_path))
    (tmp_path / "base.safetensors").write_bytes(b"the user's own")
    with pytest.raises(WeightsError, match="delete it to get the right one"):
        resolve_weights("base", manifest={"base": make_entry(url=server.url)})
    assert (tmp_path / "base.safetensors").read_bytes() == b"the user's own"
    assert server.ranges == []


def test_resolve_takes_a_path(tmp_path):
    path = tmp_path / "mine.safetensors"
    with pytest.raises(WeightsError, match=r"there is no weight file .*mine\.safetensors"):
        resolve_weights(path)
    path.write_bytes(b"any")
    assert resolve_weights(path) == path
    assert resolve_weights(str(path), offline=True) == path
