"""Play a world in the browser: choose a picture, hold a key, and the model imagines frame after frame.

`GENIE_MODELS` names the worlds to play, folders or Hub ids with commas between them, `user/world@revision` where it
must be this one; `GENIE_MODEL` names one. Without them the page plays those in `worlds.txt`, or the bundled world.
`GENIE_COLLECT` names a folder for what players give by a button that says so; without it nothing played is kept.
`GENIE_PROXY_HOPS` says how many proxies stand before the page, as visitors are told apart by their address.
"""

try:  # on ZeroGPU this must come before PyTorch
    import spaces
except ImportError:
    spaces = None
import asyncio
import logging
import os
import re
import sys
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
from PIL import Image
from starlette.middleware import Middleware

import script
from batch_engine import BatchEngine
from burst_engine import MAX_SECONDS, BurstEngine
from engine import Engine
from genie_hf import GenieDynamicsModel, GeniePipeline
from genie_hf.cli.shared import quieten_libraries
from genie_hf.evaluation.results import read_results
from genie_hf.named_pipeline import examples_in, folder_with, load_pipeline
from limits import BodyLimit, Proxies
from own_address import OwnAddress
from pictures import data_uri, to_webp
from refusal import Refusal, to_refusal
from service import DEFAULT_INFERENCE_STEPS, MAX_INFERENCE_STEPS, Service, Visits
from session import MAX_FRAMES
from worlds import World, Worlds

if TYPE_CHECKING:
    from collection import Collection

HERE = Path(__file__).parent
BUNDLED = HERE.parent / "pipelines" / "coinrun-gpu"

log = logging.getLogger(__name__)


def find_sources() -> dict[str, str]:
    """Where the worlds to play are, by the names to show.

    Raises:
        ValueError: if two have the same name.
    """
    one, several, listed = os.environ.get("GENIE_MODEL"), os.environ.get("GENIE_MODELS"), HERE / "worlds.txt"
    if several:
        sources = [source.strip() for source in several.split(",") if source.strip()]
    elif one:
        sources = [one]
    else:
        sources = listed.read_text().split() if listed.is_file() else [str(BUNDLED)]
    if not sources:
        raise ValueError("GENIE_MODELS or worlds.txt names no world: name folders, or worlds on the Hub as user/name.")
    found: dict[str, str] = {}
    for source in sources:
        is_folder = Path(source).is_dir() or Path(source).is_absolute()
        name = Path(source).name if is_folder else re.sub("@[0-9a-f]{40}$", "", source)
        if name in found:
            raise ValueError(f"GENIE_MODELS names two worlds {name}: give one of the folders another name.")
        found[name] = source
    return found


def load_named(name: str, source: str) -> tuple[GeniePipeline, Path]:
    """The pipeline in a folder or on the Hub, and its folder.

    Raises:
        ValueError: if it cannot be loaded, with a sentence that says its name, but not where it should be.
    """
    quieten_libraries()
    try:
        pipe = load_pipeline(source)
        beside = ["examples/*", "action_legend.json", "action_names.json"]
        folder = folder_with(source, beside)
    except Exception as error:
        log.error("%s could not be loaded: %s", source, error)
        raise ValueError(
            f"The world {name} could not be loaded. Whoever runs this page can name another one: "
            "GENIE_MODEL=<folder or Hub id of a trained world>."
        ) from None
    return pipe, folder


def is_gpu_lent() -> bool:
    """Whether this is ZeroGPU."""
    return bool(os.environ.get("SPACES_ZERO_GPU"))


def make_engine(pipe: GeniePipeline) -> Engine:
    """What runs the model: a thread of this process, or on ZeroGPU a process that is lent a GPU for each burst."""
    if not is_gpu_lent():
        return BatchEngine(pipe)
    pipe.frame_graphs = None  # each process would have to record its own
    return BurstEngine(pipe, spaces.GPU(duration=MAX_SECONDS + 5) if spaces else lambda function: function)


def find_gallery(folder: Path) -> dict[str, Path]:
    """Start pictures by name: those that come with the world, then those that no world was trained on."""
    paths = [*examples_in(folder), *sorted((HERE / "pictures").glob("*.*g"))]
    return {path.stem: path for path in paths}


def thumbnail(path: Path) -> str:
    picture = Image.open(path).convert("RGB")
    picture.thumbnail((128, 128))
    return data_uri(to_webp(picture), "image/webp")


def button_names(folder: Path, dynamics: GenieDynamicsModel) -> list[str]:
    """What `genie-hf calibrate` calls each action; empty where it is right in less than half of the cases."""
    names = read_results(folder / "action_names.json", dynamics) or {"actions": []}
    return [entry["name"] if (entry["tested_share"] or 0) >= 0.5 else "" for entry in names["actions"]]


def describe(service: Service, folder: Path, model: str) -> dict:
    """What the page's script needs to know of the world."""
    pipe, nothing = service.pipe, {"actions": [], "num_start_frames": 0}
    legend = read_results(folder / "action_legend.json", pipe.dynamics) or nothing
    tokenizer = pipe.video_tokenizer.config
    return {
        "model": model,
        "device": f"{pipe.device.type}, {str(pipe.dtype).removeprefix('torch.')}",
        "actions": service.num_actions,
        "legend": legend["actions"],
        "names": button_names(folder, pipe.dynamics),
        "starts": legend["num_start_frames"],
        "size": list(tokenizer.frame_size),
        "memory": min(pipe.dynamics.config.num_frames, tokenizer.num_frames),
        "fps": pipe.config.fps,
        "steps": DEFAULT_INFERENCE_STEPS,
        "max_steps": MAX_INFERENCE_STEPS,
        "max_frames": MAX_FRAMES,
        "text": service.engine.takes_text,
        "collects": service.collection is not None,
        "bursts": service.engine.bursts is not None,
        "gallery": [
            {"name": name, "image": thumbnail(path), "seen": path.parent.parent == folder}
            for name, path in service.gallery.items()
        ],
    }


def open_collection(name: str, pipe: GeniePipeline, names: list[str]) -> "Collection | None":
    """What keeps the ways that players of a world give, if `GENIE_COLLECT` says where.

    Raises:
        ValueError: nothing can be kept there, with a sentence that does not say where.
    """
    folder = os.environ.get("GENIE_COLLECT")
    if not folder:
        return None
    from collection import Collection  # what reads and writes data takes a second to import

    try:
        return Collection(Path(folder) / name.replace("/", "--"), name, pipe, names)
    except ValueError as error:
        log.error("%s", error)
        raise ValueError(
            f"What players of {name} give could not be kept. Whoever runs this page can name another folder: "
            "GENIE_COLLECT."
        ) from None


def load_world(name: str, source: str, visits: Visits) -> World:
    """The world of a name with all that it takes to play it; what cannot be loaded raises a `ValueError`."""
    pipe, folder = load_named(name, source)
    collection = open_collection(name, pipe, button_names(folder, pipe.dynamics))
    service = Service(pipe, find_gallery(folder), make_engine(pipe), visits, collection)
    return World(service, describe(service, folder, name))


def open_worlds(worlds: Worlds) -> dict:
    """Loads the first world, on ZeroGPU all: there what is not loaded at the start is never on the GPU.

    Returns:
        What the page's script needs to know: `models`, the names, and `first`, what there is to know of the first, or
        None if it could not be loaded.
    """
    first, *_ = [worlds.open_now(name) for name in (worlds.names if is_gpu_lent() else worlds.names[:1])]
    return {"models": worlds.names, "first": None if first.exception() else first.result().description}


def proxy_hops() -> int:
    """How many proxies stand before the page: `GENIE_PROXY_HOPS`, without it one on a Space and none elsewhere.

    Raises:
        ValueError: if it is no number.
    """
    hops = os.environ.get("GENIE_PROXY_HOPS") or ("1" if os.environ.get("SPACE_ID") else "0")
    if not hops.isdecimal():
        raise ValueError(f"GENIE_PROXY_HOPS is {hops}: say how many proxies stand before this page, 0 or more.")
    return int(hops)


def answering(function):
    """Makes what a server function raises a reply with one sentence."""

    @wraps(function)
    async def reply(message, *rest):
        try:
            if not isinstance(message, dict):
                raise Refusal("That request could not be understood. Reload the page.")
            return await function(message, *rest)
        except Exception as error:
            return to_refusal(error).reply

    return reply


def build_page(worlds: Worlds) -> gr.Blocks:
    """The page: one component with a script of its own, and named endpoints for programs."""

    @answering
    async def describe(message: dict):
        return (await worlds.get(message)).description

    @answering
    async def start(message: dict, request: gr.Request):
        return await (await worlds.get(message)).service.start(message, request.client.host)

    @answering
    async def step(message: dict):
        return await worlds.playing(message).step(message)

    @answering
    async def preview(message: dict):
        return await worlds.playing(message).preview(message)

    @answering
    async def export(message: dict):
        return await worlds.playing(message).export(message)

    @answering
    async def give(message: dict):
        return await worlds.playing(message).give(message)

    def burst(event: gr.EventData):
        try:
            service = worlds.playing(event._data)
            yield from service.engine.bursts.play(service.session(event._data))
        except Refusal:
            pass  # the steps of an expired world say so themselves

    with gr.Blocks(title="Genie: play a world", analytics_enabled=False) as page:
        player = gr.HTML(
            html_template=(HERE / "player" / "player.html").read_text(),
            js_on_load=script.ON_LOAD,
            server_functions=[describe, start, step, preview, export, give],
            apply_default_css=False,
            config=open_worlds(worlds),
        )
        publish(worlds)
        if is_gpu_lent():
            player.burst(
                burst,
                concurrency_limit=BurstEngine.max_at_once,
                trigger_mode="multiple",
                show_progress="hidden",
                api_visibility="private",
            )
    return page


def publish(worlds: Worlds) -> None:
    """Named endpoints, for `gradio_client` and agents."""

    def told(error: Exception) -> gr.Error:
        return gr.Error(str(to_refusal(error)), print_exception=False)

    async def checked(reply):
        try:
            return await reply
        except Exception as error:
            raise told(error) from None

    def playing(world: str) -> Service:
        try:
            return worlds.playing({"world": world})
        except Refusal as error:
            raise told(error) from None

    async def start(
        request: gr.Request,
        example: str = "",
        picture: str = "",
        text: str = "",
        seed: int = 0,
        steps: int = 4,
        model: str = "",
    ) -> dict:
        """Starts a world from a picture of the gallery (its name), from a picture file (in base64) or from a text.

        `model` is one of `models`, the names of the worlds that are here; without it it is the first.
        """
        service = (await checked(worlds.get({"model": model}))).service
        given = {"gallery": example or next(iter(service.gallery)), "picture": picture, "text": text}
        reply = await checked(service.start({**given, "seed": seed, "steps": steps}, request.client.host))
        more = {"num_actions": service.num_actions, "gallery": list(service.gallery), "models": worlds.names}
        return {**reply, **more}

    async def step(world: str, action: int, roll: int = 0) -> dict:
        """Takes an action, from 0; another roll gives another sample of the same step."""
        service = playing(world)
        reply = asyncio.ensure_future(checked(service.step({"world": world, "action": action, "roll": roll})))
        if bursts := service.engine.bursts:
            await asyncio.sleep(0)  # the step is asked for, or refused
            if not reply.done():
                await asyncio.to_thread(bursts.play_waiting, service.session({"world": world}))
        return await reply

    async def preview(world: str) -> dict:
        """The next frame for every action, side by side in one picture."""
        return await checked(playing(world).preview({"world": world}))

    async def undo(world: str) -> dict:
        """Goes back one frame."""
        return await checked(playing(world).undo({"world": world}))

    for function in (start, step, preview, undo):
        gr.api(function, api_name=function.__name__, concurrency_limit=16)


def serve(page: gr.Blocks, hops: int, **settings):
    """Opens the page to visitors, who are `hops` proxies away. `settings` are Gradio's."""
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")  # or the server believes `x-forwarded-for` of its own machine
    return page.queue(max_size=64).launch(
        css_paths=HERE / "player" / "player.css",
        footer_links=["api", "gradio"],
        max_file_size="1mb",
        run_history=False,
        ssr_mode=False,
        state_session_capacity=1000,
        app_kwargs={"middleware": [Middleware(Proxies, hops=hops), Middleware(BodyLimit), Middleware(OwnAddress)]},
        **settings,
    )


def main():
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        hops, sources = proxy_hops(), find_sources()
    except ValueError as error:
        sys.exit(str(error))
    page = build_page(Worlds(sources, load_world))
    has_screen = sys.platform in ("darwin", "win32") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    try:
        serve(page, hops, inbrowser=has_screen)
    except OSError as error:  # the port is taken
        sys.exit(str(error))


if __name__ == "__main__":
    main()
