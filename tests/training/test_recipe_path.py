"""A recipe is named by its file or its folder."""

import pytest

from genie_hf.training.recipe_path import find_recipe


def test_a_recipe_is_found_by_its_file_or_its_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no recipe at .*recipe.yaml: name a recipe.yaml"):
        find_recipe(tmp_path)
    (tmp_path / "recipe.yaml").touch()
    assert find_recipe(tmp_path) == find_recipe(str(tmp_path / "recipe.yaml")) == tmp_path / "recipe.yaml"
