import pytest
from datasets import Dataset, DatasetDict

from genie_hf.data import DataSource
from genie_hf.evaluation.clips import name_of

ROWS = Dataset.from_dict({"video": []})


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("data/coinrun/test", "test"),
        ({"source": "user/videos", "split": "test"}, "videos"),
        (DataSource(source="user/videos", config="small"), "videos"),
        (ROWS, "data"),
        (DatasetDict(train=ROWS), "data"),
        (["data/first", {"source": "data/second"}], "first, second"),
    ],
)
def test_data_are_called_by_the_last_part_of_their_name(source, name):
    assert name_of(source) == name
