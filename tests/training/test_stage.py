"""What a stage needs of earlier ones."""

import pytest

from genie_hf import GenieVideoTokenizer
from genie_hf.training import train
from genie_hf.training.recipe_file import build_recipe


def test_a_tokenizer_of_another_recipe_is_refused(tiny_values, tmp_path):
    other = build_recipe(tiny_values)
    GenieVideoTokenizer(other.video_tokenizer).save_pretrained(tmp_path / "video_tokenizer")
    tiny_values["video_tokenizer"]["quantizer"]["codebook_size"] = 16
    with pytest.raises(ValueError, match="has codebook_size 32, but the recipe's has 16: train it again"):
        train(build_recipe(tiny_values), tmp_path, "world")
