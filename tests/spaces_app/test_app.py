"""Uploaded files: whatever comes, a picture or one sentence."""

import pytest
from PIL import Image

app = pytest.importorskip("app", reason="the page needs Gradio: pip install 'genie-hf[play]'")


def test_a_photograph_is_turned_as_its_exif_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.new("RGB", (40, 20), "red").save(tmp_path / "photo.jpg", exif=exif)
    picture = app.open_picture(tmp_path / "photo.jpg")
    assert (picture.size, picture.mode) == ((20, 40), "RGB")


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_file_that_is_no_picture_is_refused_without_naming_its_path(tmp_path, content):
    path = tmp_path / "upload.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a picture") as refusal:
        app.open_picture(path)
    assert str(path) not in str(refusal.value)


def test_a_truncated_picture_is_refused(tmp_path):
    path = tmp_path / "upload.png"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="not a picture"):
        app.open_picture(path)


def test_an_enormous_picture_is_refused_before_it_is_decoded(tmp_path):
    Image.new("1", (6000, 5000)).save(tmp_path / "large.png")
    with pytest.raises(ValueError, match="6000 x 5000"):
        app.open_picture(tmp_path / "large.png")


def test_a_missing_bundled_world_ends_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.delenv("GENIE_MODEL", raising=False)
    monkeypatch.setattr(app, "BUNDLED_WORLD", tmp_path)
    with pytest.raises(SystemExit, match="genie-hf train"):
        app.load_world()


def test_a_folder_without_a_world_ends_in_a_sentence_that_names_it(tmp_path, monkeypatch):
    monkeypatch.setenv("GENIE_MODEL", str(tmp_path))
    with pytest.raises(SystemExit, match="could not be loaded as a world"):
        app.load_world()
