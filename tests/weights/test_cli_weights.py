import pytest

from face_alignment_3d.cli import main
from face_alignment_3d.weights.manifest import write_manifest


@pytest.fixture
def run(monkeypatch, tmp_path, server, make_entry, capsys):
    """Runs a command line against a manifest of one published and one unpublished entry."""
    base = make_entry(url=server.url)
    paper = make_entry(name="paper", file="paper.safetensors", url=None)
    path = tmp_path / "weights_manifest.json"
    write_manifest({"base": base, "paper": paper}, path)
    monkeypatch.setattr("face_alignment_3d.weights.manifest.manifest_path", lambda: path)

    def run_line(*words: str) -> tuple[int, str, str]:
        status = main(["weights", *words])
        out, err = capsys.readouterr()
        return status, out, err

    return run_line


@pytest.fixture
def cached(tmp_path):
    return tmp_path / "cache" / "base.safetensors"


def test_download_then_path_verify_and_list(run, cached, server):
    assert run("download", "base", "--quiet") == (0, f"{cached}\n", "")
    assert run("path", "base") == (0, f"{cached}\n", "")
    assert run("verify", "base") == (0, f"base: ok: {cached}\n", "")
    assert run("verify") == (0, f"base: ok: {cached}\npaper: not here\n", "")
    status, out, _ = run("list")
    assert status == 0
    assert str(cached) in out
    assert len(server.ranges) == 1


def test_list_before_any_download(run):
    status, out, err = run("list")
    assert (status, err) == (0, "")
    header, base, paper = out.splitlines()
    assert header.split()[:2] == ["NAME", "KIND"]
    assert base.split()[0] == "base"
    assert "0.4 MB" in base
    assert "not downloaded" in base
    assert "not available" in paper


def test_verify_finds_damage(run, cached):
    run("download", "base", "--quiet")
    cached.write_bytes(cached.read_bytes()[:-1])
    assert run("verify") == (1, f"base: DAMAGED: {cached}\npaper: not here\n", "")


def test_weights_that_were_named_must_be_here(run):
    assert run("verify", "base") == (1, "base: not here\n", "")
    status, out, err = run("path", "base")
    assert (status, out) == (2, "")
    assert "run `face-alignment-3d weights download base`" in err


def test_one_failed_download_does_not_keep_the_others_away(run, cached):
    status, out, err = run("download", "paper", "base", "--quiet")
    assert (status, out) == (1, f"{cached}\n")
    assert "not published" in err


def test_download_all_takes_what_is_published(run, cached):
    assert run("download", "--all", "--quiet") == (0, f"{cached}\n", "")


def test_offline_forbids_downloads(run, monkeypatch, server):
    monkeypatch.setenv("FACE_ALIGNMENT_3D_OFFLINE", "1")
    status, _, err = run("download", "base")
    assert status == 1
    assert "offline is set" in err
    assert server.ranges == []


@pytest.mark.parametrize("command", ["download", "verify", "path"])
def test_an_unknown_name_lists_the_known_ones(run, command):
    status, out, err = run(command, "bass")
    assert (status, out) == (2, "")
    assert "no weights are named bass; the manifest has: base, paper" in err


@pytest.mark.parametrize("words", [(), ("download",), ("download", "base", "--all"), ("path",)])
def test_incomplete_lines_are_usage_errors(run, words):
    with pytest.raises(SystemExit) as caught:
        run(*words)
    assert caught.value.code == 2
