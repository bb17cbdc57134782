import pytest

from genie_hf.models.quantizers.registry import quantizer_config, quantizer_values


def test_the_configuration_is_a_dict_with_a_type():
    config = quantizer_config({"type": "fsq", "levels": [4, 4]})
    assert config.codebook_size == 16 and config.codebook_dim == 2
    assert quantizer_values(config) == {"type": "fsq", "levels": [4, 4]}
    assert quantizer_config(quantizer_values(config)).levels == [4, 4]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"type": "rvq"}, "no quantizer type 'rvq'; choose one of vq, fsq"),
        ({"type": "fsq", "codebook_size": 8}, "'fsq' has no field 'codebook_size'; its fields are levels"),
        ({"type": "fsq", "levels": [1, 4]}, r"at least 2, got \[1, 4\]"),
        ({"type": "vq", "codebook_size": 0}, "at least 1, got 0"),
        ({"type": "vq", "continuous_steps": -5}, "continuous_steps must be at least 0, got -5"),
        ({"type": ["vq"]}, r"no quantizer type \['vq'\]; choose one of vq, fsq"),
    ],
)
def test_impossible_quantizers_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        quantizer_config(values)
