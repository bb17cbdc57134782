"""`genie-hf export-remote-code`."""

import json

import pytest

from genie_hf import GeniePipeline


def test_what_lies_beside_a_world_comes_along_but_not_its_training(run, world, tmp_path):
    (world / "runs" / "world").mkdir(parents=True)
    (world / "runs" / "world" / "metrics.jsonl").touch()
    (world / "notes.pkl").touch()
    (world / "README.md").write_text("# My world\n")
    status, out, _ = run("export-remote-code", world, tmp_path / "out")
    assert status == 0
    assert f'DiffusionPipeline.from_pretrained("{tmp_path / "out"}", trust_remote_code=True)' in out
    assert (tmp_path / "out" / "start.png").exists()
    assert not (tmp_path / "out" / "runs").exists() and not (tmp_path / "out" / "notes.pkl").exists()
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith("# My world\n") and "trust_remote_code=True" in card
    assert (world / "README.md").read_text() == "# My world\n"


def test_what_was_exported_is_published_with_its_code(run, world, tmp_path):
    run("export-remote-code", world, tmp_path / "out")
    status, out, _ = run("publish", tmp_path / "out", "user/world", "--dry-run")
    listed = {line.split()[-1] for line in out.splitlines()[:-1]}
    assert status == 0 and listed == {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()
    }


def test_an_export_that_breaks_off_changes_nothing(run, world, tmp_path, files_of_at_most):
    def files():
        return {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}

    def told(*arguments):
        with files_of_at_most(20_000):
            status, _, err = run("export-remote-code", world, tmp_path / "out", *arguments)
        assert status == 2
        return err.splitlines()[-1]

    sentence = f"genie-hf: {tmp_path / 'out'} cannot be written (File too large). Make room, or name another place."
    assert told() == sentence and list((tmp_path / "out").iterdir()) == []
    assert run("export-remote-code", world, tmp_path / "out")[0] == 0
    before = files()
    (world / "start.png").unlink()
    assert told("--overwrite") == sentence and files() == before


def test_a_place_that_cannot_be_written_is_said_before_the_world_is_loaded(run, world, tmp_path, monkeypatch):
    monkeypatch.setattr(GeniePipeline, "from_pretrained", pytest.fail)
    (tmp_path / "file").touch()
    status, _, err = run("export-remote-code", world, tmp_path / "file" / "out")
    assert status == 2 and "out/model_index.json cannot be written (Not a directory)" in err


def test_nothing_but_the_result_is_printed(run, world, tmp_path):
    status, out, err = run("export-remote-code", world, tmp_path / "out")
    assert status == 0 and len(out.splitlines()) == 1 and "Loading" not in err


def test_a_damaged_config_is_named(run, world, tmp_path):
    (world / "dynamics" / "config.json").write_text("{")
    status, _, err = run("export-remote-code", world, tmp_path / "out")
    assert status == 2 and f"{world}/dynamics/config.json is damaged (" in err and not (tmp_path / "out").exists()


def test_what_cannot_be_exported_is_said(run, world, tmp_path):
    def refused(*arguments) -> str:
        status, _, err = run("export-remote-code", *arguments)
        assert status == 2
        return err

    full = tmp_path / "full"
    (full / "dynamics").mkdir(parents=True)
    (full / "dynamics" / "model-00001-of-00002.safetensors").touch()
    (full / ".gitattributes").touch()
    assert f"{full} is not empty: choose another folder" in refused(world, full)
    assert run("export-remote-code", world, full, "--overwrite")[0] == 0
    assert (full / "model_index.json").exists() and (full / ".gitattributes").exists()
    assert not (full / "dynamics" / "model-00001-of-00002.safetensors").exists()
    for inside in (world, world / "out"):
        assert f"{inside} lies in the pipeline itself: choose another folder." in refused(world, inside, "--overwrite")
    assert f"There is no folder {tmp_path / 'none'}" in refused(tmp_path / "none", tmp_path / "out")
    (world / "model_index.json").write_text(json.dumps({"_class_name": "WanPipeline"}))
    assert f"{world} holds a WanPipeline: name the folder of a GeniePipeline." in refused(world, tmp_path / "out")
    assert not (tmp_path / "out").exists()
