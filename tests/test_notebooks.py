"""The notebooks run from beginning to end, and hold what they showed."""

import importlib.util
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
NOTEBOOKS = [pytest.param(path, id=path.stem) for path in sorted(FOLDER.glob("*.ipynb"))]


def shown(notebook):
    """What each cell of code showed: the kinds of its outputs."""
    return [
        {kind for output in cell.outputs for kind in output.get("data", {"text": None})}
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS)
def test_a_notebook_runs_and_shows_what_is_stored(path, monkeypatch):
    pytest.importorskip("procgen", reason="levels are recorded")
    spec = importlib.util.spec_from_file_location("run_notebooks", FOLDER / "run.py")
    run_notebooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run_notebooks)
    stored = nbformat.read(path, as_version=4)
    assert shown(run_notebooks.run(path)) == shown(stored)


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_a_stored_notebook_is_whole_and_small(path):
    stored = nbformat.read(path, as_version=4)
    assert any("image/png" in kinds for kinds in shown(stored))
    counts = [cell.execution_count for cell in stored.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert path.stat().st_size < 600_000
