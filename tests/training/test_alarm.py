"""Codes and actions that die are told."""

from genie_hf.training import train
from genie_hf.training.alarm import sound_alarm
from genie_hf.training.recipe_file import build_recipe


def test_dying_codes_raise_an_alarm(tiny_values, tmp_path, caplog):
    tiny_values["training"]["tokenizer"] |= {"steps": 2, "learning_rate": 1e-9, "min_learning_rate": None}
    tiny_values["video_tokenizer"]["quantizer"] |= {"codebook_size": 4096, "revival_threshold": 0.0}
    train(build_recipe(tiny_values), tmp_path, "tokenizer")
    alarms = [record.message for record in caplog.records if "A few codes carry nearly everything" in record.message]
    assert len(alarms) == 1 and "of the 4096 codes" in alarms[0]


def test_an_alarm_says_what_is_wrong(caplog):
    line = {"step": 5, "stage": "tokenizer", "usage": 0.25, "perplexity": 1.0}
    sound_alarm(line, {"": 4}, set())
    assert "Codes are dying at step 5 of stage tokenizer: 25% of the 4 codes are in use" in caplog.text
    caplog.clear()
    sound_alarm(line | {"usage": 1.0}, {"": 4}, set())
    assert "perplexity 1.00 of the 4 codes" in caplog.text and "dying" not in caplog.text
