"""Tests mirror the sources name by name: `src/genie_hf/play/world.py` is tested in `tests/play/test_world.py`."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCES = TESTS.parent / "src" / "genie_hf"
TO_BE_DONE = ("data", "models")

# What is small, or shows only in another's work, is tested there.
ELSEWHERE = {
    "cli/training.py": "training/test_command.py",
    "pipeline_checks.py": "test_pipeline_genie.py",
    "play/history.py": "play/test_world.py",
    "play/world_cache.py": "play/test_world.py",
    "precision.py": "test_pipeline_genie.py",
    "stored_pipeline.py": "test_pipeline_genie.py",
    "training/stages.py": "training/test_stages_in_turn.py",
    "training/tokenizer_stage.py": "training/test_stages_in_turn.py",
    "training/world_stage.py": "training/test_stages_in_turn.py",
}


def sources() -> list[str]:
    found = []
    for path in sorted(SOURCES.rglob("*.py")):
        name = path.relative_to(SOURCES)
        if not name.name.startswith("__") and name.parts[0] not in TO_BE_DONE:
            found.append(name.as_posix())
    return found


@pytest.mark.parametrize("source", sources())
def test_every_source_has_its_tests(source):
    folder, _, name = source.rpartition("/")
    mirrored = f"{folder}/test_{name}".lstrip("/")
    assert (TESTS / ELSEWHERE.get(source, mirrored)).exists()
    assert not (source in ELSEWHERE and (TESTS / mirrored).exists()), f"{source} has tests of its own by now"


def test_only_what_exists_is_tested_elsewhere():
    assert ELSEWHERE.keys() <= set(sources())
