from session import Session


def test_a_step_from_an_older_frame_begins_another_branch():
    session = Session(b"0")
    numbers = [
        session.add(parent, action, 0, f"step {action}", b"%d" % number)
        for number, (parent, action) in enumerate([(0, 1), (1, 2), (2, 2), (1, 4), (4, 0)], start=1)
    ]
    assert numbers == [1, 2, 3, 4, 5] and session.current == 5
    assert session.path(3) == [0, 1, 2, 3] and session.path(5) == [0, 1, 4, 5]
    assert session.actions(5) == [1, 4, 0] and session.steps(5) == ["step 1", "step 4", "step 0"]
    assert session.images(5) == [b"0", b"1", b"4", b"5"]


def test_tokens_cannot_be_guessed():
    tokens = {Session(b"").token for _ in range(100)}
    assert len(tokens) == 100 and all(len(token) >= 20 for token in tokens)
