import numpy as np
import pytest

from genie_hf.data.coinrun.buttons import LEFT, LEFT_JUMP, RIGHT, RIGHT_JUMP
from genie_hf.data.coinrun.policies import balanced, sticky


def test_sticky_holds_buttons_for_2_to_12_steps_and_mostly_goes_right():
    buttons = sticky(np.random.default_rng(0), 20_000)

    assert len(buttons) == 20_000
    changes = np.flatnonzero(np.diff(buttons))
    assert np.diff(changes).min() == 2
    assert np.isin(buttons, [RIGHT, RIGHT_JUMP]).mean() == pytest.approx(0.6, abs=0.03)
    assert set(buttons) == {1, 2, 4, 5, 7, 8}


def test_balanced_holds_buttons_for_2_to_8_decisions_and_left_as_often_as_right():
    buttons = balanced(np.random.default_rng(0), 20_000)

    assert len(buttons) == 20_000
    assert np.diff(np.flatnonzero(np.diff(buttons))).min() == 2
    assert np.isin(buttons, [LEFT, LEFT_JUMP]).mean() == pytest.approx(0.4, abs=0.03)
    assert np.isin(buttons, [RIGHT, RIGHT_JUMP]).mean() == pytest.approx(0.4, abs=0.03)
    assert set(buttons) == {1, 2, 4, 5, 7, 8}
