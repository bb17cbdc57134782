"""The named endpoints, as programs call them."""

import base64
import io

import pytest
from PIL import Image

app = pytest.importorskip("app", reason="the page needs Gradio: pip install 'genie-hf[play]'")
gradio_client = pytest.importorskip("gradio_client", reason="comes with Gradio: pip install 'genie-hf[play]'")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Gradio's own, of pandas


@pytest.fixture
def client(tiny_pipeline, tmp_path):
    Image.radial_gradient("L").resize((32, 32)).save(tmp_path / "ball.png")

    def load(name, source, visits):
        service = app.Service(tiny_pipeline, {source: tmp_path / "ball.png"}, app.BatchEngine(tiny_pipeline), visits)
        return app.World(service, app.describe(service, tmp_path, name))

    page = app.build_page(app.Worlds({"tiny": "ball", "other": "hoop"}, load))
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, inbrowser=False)
    yield gradio_client.Client(url, verbose=False)
    page.close()


def picture(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_a_program_plays(client):
    started = client.predict(seed=1, api_name="/start")
    world = started["world"]
    assert (started["frame"], started["num_actions"], started["gallery"]) == (0, 5, ["ball"])
    assert picture(started["image"]).size == (16, 16)

    sheet = picture(client.predict(world=world, api_name="/preview")["sheet"])
    assert sheet.size == (5 * 16, 16)
    first = client.predict(world=world, action=3, api_name="/step")
    assert first["frame"] == 1
    assert picture(first["image"]).tobytes() == sheet.crop((3 * 16, 0, 4 * 16, 16)).tobytes()
    assert client.predict(world=world, api_name="/undo")["image"] == started["image"]
    again = client.predict(world=world, action=3, api_name="/step")
    assert (again["frame"], again["image"]) == (2, first["image"])
    assert client.predict(world=world, action=3, roll=1, api_name="/step")["frame"] == 3


def test_a_program_chooses_a_world(client):
    first, other = client.predict(api_name="/start"), client.predict(model="other", api_name="/start")
    assert first["models"] == other["models"] == ["tiny", "other"]
    assert (first["gallery"], other["gallery"]) == (["ball"], ["hoop"])
    for each in (first, other):
        assert client.predict(world=each["world"], action=1, api_name="/step")["frame"] == 1


def test_mistakes_are_told_in_the_same_sentences_as_on_the_page(client):
    world = client.predict(api_name="/start")["world"]
    mistakes = {
        "action is 5. Choose a whole number from 0 to 4.": {"world": world, "action": 5, "api_name": "/step"},
        "This world has expired. Press Reset to start it again.": {"world": "forged", "api_name": "/preview"},
        "There is no world ? on this page. There are tiny, other.": {"model": "?", "api_name": "/start"},
        "There is no such start picture in the gallery. Choose another one.": {"example": "?", "api_name": "/start"},
    }
    for sentence, request in mistakes.items():
        with pytest.raises(gradio_client.exceptions.AppError) as error:
            client.predict(**request)
        assert str(error.value) == sentence
