"""Play a world in the browser: choose a picture, press a key, and the model imagines the next frame.

`GENIE_MODEL` names the world to play, a folder or a Hub id; without it the page plays the bundled CoinRun world.
"""

import base64
import html
import io
import os
import sys
import time
from pathlib import Path

import diffusers
import gradio as gr
import torch
import transformers
from huggingface_hub import snapshot_download
from PIL import Image, ImageOps, UnidentifiedImageError

from genie_hf import GeniePipeline
from genie_hf.precision import preferred_dtype
from sessions import Session, Sessions

HERE = Path(__file__).parent
BUNDLED_WORLD = HERE.parent / "pipelines" / "coinrun-small"
LARGEST_PICTURE = 25_000_000  # pixels; checked before a picture is decoded
DEFAULT_STEPS = 4  # MaskGIT steps per frame


def load_world():
    """Returns the pipeline, its name, and the paths of the start pictures that come with it (`examples/*.png`)."""
    source = os.environ.get("GENIE_MODEL") or str(BUNDLED_WORLD)
    if source == str(BUNDLED_WORLD) and not (BUNDLED_WORLD / "model_index.json").exists():
        raise SystemExit(
            f"There is no trained world in {BUNDLED_WORLD}: train it with `genie-hf train "
            f"pipelines/coinrun-small/recipe.yaml`, or name another one: GENIE_MODEL=<folder or Hub id>."
        )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
    try:
        pipe = GeniePipeline.from_pretrained(source, dtype=preferred_dtype(device)).to(device)
    except (OSError, ValueError) as error:
        raise SystemExit(f"{source} could not be loaded as a world: {error}") from None
    folder = Path(source) if Path(source).is_dir() else Path(snapshot_download(source, allow_patterns="examples/*"))
    name = folder.name if Path(source).is_dir() else source
    return pipe, name, sorted((folder / "examples").glob("*.png"))


def open_picture(path):
    """Reads an uploaded picture; `ValueError` says in one sentence why it cannot be played."""
    try:
        picture = Image.open(path, formats=["PNG", "JPEG", "WEBP"])  # reads the header only
        if picture.width * picture.height > LARGEST_PICTURE:
            raise ValueError(
                f"That picture has {picture.width} x {picture.height} pixels: use one of 25 megapixels or less."
            )
        return ImageOps.exif_transpose(picture).convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError):
        raise ValueError("That file is not a picture that can be read: use a PNG, JPEG or WebP file.") from None


def data_uri(content, kind):
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def draw(session, message="", seconds=None):
    """The screen as HTML: the current frame, its number, and a message if there is one.

    `data-reply` differs in every reply: `keys.js` waits for it before it sends the next key.
    """
    message = f'<p class="message" role="alert">{html.escape(message)}</p>' if message else ""
    if session is None:
        return f'<figure data-reply="{time.monotonic_ns()}">{message}</figure>'
    file = io.BytesIO()
    session.frames[-1].save(file, "WEBP", lossless=True, method=0)
    took = "" if seconds is None else f" · {1000 * seconds:.0f} ms"
    return (
        f'<figure data-reply="{time.monotonic_ns()}" data-frame="{session.position}">'
        f'<img src="{data_uri(file.getvalue(), "webp")}" alt="The world at frame {session.position}">'
        f'<figcaption aria-live="polite">Frame {session.position}{took}</figcaption>{message}</figure>'
    )


def build_page(pipe, name, examples):
    """The page. Every visitor has a session of their own, found by Gradio's session hash."""
    sessions = Sessions()
    num_actions = pipe.dynamics.config.num_actions
    expired = "There is no world here yet, or it has expired: choose a picture to start."

    def start(picture, num_inference_steps, request):
        try:
            session = Session(pipe, picture, num_inference_steps)
        except (ValueError, TypeError) as error:
            return draw(sessions.get(request.session_hash), str(error))
        sessions.put(request.session_hash, session)
        return draw(session)

    def start_first(num_inference_steps, request: gr.Request):
        if not examples:
            return draw(None, "Upload a picture to start.")
        return start(open_picture(examples[0]), num_inference_steps, request)

    def start_example(num_inference_steps, request: gr.Request, choice: gr.SelectData):
        return start(open_picture(examples[choice.index]), num_inference_steps, request)

    def start_upload(path, num_inference_steps, request: gr.Request):
        try:
            picture = open_picture(path)
        except ValueError as error:
            return draw(sessions.get(request.session_hash), str(error))
        return start(picture, num_inference_steps, request)

    def reset(num_inference_steps, request: gr.Request):
        session = sessions.get(request.session_hash)
        return draw(None, expired) if session is None else start(session.image, num_inference_steps, request)

    def stepping(action):
        def step(request: gr.Request):
            session = sessions.get(request.session_hash)
            if session is None:
                return draw(None, expired)
            began = time.perf_counter()
            session.step(action)
            return draw(session, seconds=time.perf_counter() - began)

        return step

    def undo(request: gr.Request):
        session = sessions.get(request.session_hash)
        if session is None:
            return draw(None, expired)
        session.undo()
        return draw(session)

    def gif(request: gr.Request):
        session = sessions.get(request.session_hash)
        if session is None:
            return ""
        uri = data_uri(session.gif(), "gif")
        return f'<a href="{uri}" download="genie.gif"><img src="{uri}" alt="The session as a GIF">Save this GIF</a>'

    def leave(request: gr.Request):
        sessions.drop(request.session_hash)

    with gr.Blocks(title="Genie: play a world", analytics_enabled=False, delete_cache=(600, 1800)) as page:
        gr.Markdown(
            "# Play a world that a neural network imagines\n"
            "Choose a picture, then press a button or its key. Each frame is generated from the ones before it and "
            "from your action. The model found its actions by itself, so they have no names: try them."
        )
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                screen = gr.HTML(elem_id="screen", js_on_load=(HERE / "keys.js").read_text())
                with gr.Row(elem_id="actions"):
                    buttons = [
                        gr.Button(str(action + 1), elem_id=f"action-{action + 1}", variant="primary")
                        for action in range(num_actions)
                    ]
                with gr.Row(elem_id="session"):
                    undo_button = gr.Button("Undo (Z)", elem_id="undo")
                    reset_button = gr.Button("Reset (R)", elem_id="reset")
                    gif_button = gr.Button("Make a GIF", elem_id="make-gif")
                gif_view = gr.HTML(elem_id="gif")
            with gr.Column(scale=2, min_width=320):
                gr.Markdown("### Start from a picture")
                gallery = gr.Gallery(
                    [str(path) for path in examples],
                    show_label=False,
                    columns=4,
                    height="auto",
                    allow_preview=False,
                    buttons=[],
                    elem_id="starts",
                    visible=bool(examples),
                )
                upload = gr.UploadButton("Or from one of your own", file_types=["image"], elem_id="upload")
                steps = gr.Slider(
                    1,
                    25,
                    DEFAULT_STEPS,
                    step=1,
                    label="MaskGIT steps per frame",
                    info="More steps: sharper and slower. Takes effect at the next start or reset.",
                )
                dtype = str(pipe.dtype).removeprefix("torch.")
                gr.Markdown(f"World: `{name}`, {num_actions} actions, on {pipe.device.type} in {dtype}.")

        # One queue for everything that runs the model: the frames of a visitor come in the order of the presses.
        in_turn = {
            "outputs": screen,
            "concurrency_id": "model",
            "concurrency_limit": 1,
            "trigger_mode": "multiple",
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        page.load(start_first, steps, **in_turn)
        gallery.select(start_example, steps, **in_turn)
        upload.upload(start_upload, [upload, steps], **in_turn)
        for action, button in enumerate(buttons):
            button.click(stepping(action), **in_turn)
        undo_button.click(undo, **in_turn)
        reset_button.click(reset, steps, **in_turn)
        gif_button.click(gif, outputs=gif_view, api_visibility="private")
        page.unload(leave)
    return page


def main():
    page = build_page(*load_world())
    has_screen = sys.platform in ("darwin", "win32") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    page.queue(max_size=64).launch(
        inbrowser=has_screen,
        css_paths=HERE / "page.css",
        footer_links=["gradio"],
        max_file_size="8mb",
        run_history=False,
        ssr_mode=False,
        state_session_capacity=1000,
    )


if __name__ == "__main__":
    main()
