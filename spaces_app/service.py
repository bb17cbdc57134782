"""What a player can ask for, and what is checked before it reaches the model; no web framework in sight.

Messages and replies are dicts of plain values, as the page's script sends and gets them. A request that cannot be
served raises `Refusal`; what the models raise passes as it is, for `to_refusal` to put into words.
"""

import asyncio
import base64
import binascii
import io
from concurrent.futures import Future
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from PIL import Image

from engine import Engine
from genie_hf import GeniePipeline
from genie_hf.drawing import gif_note, to_gif, to_mp4
from limits import RateLimit
from pictures import data_uri, read_picture, to_webp
from refusal import Refusal
from session import Session
from session_store import SessionStore

if TYPE_CHECKING:
    from collection import Collection

MAX_SESSIONS = 100
MAX_MEMORY = 2_000_000_000  # bytes that all worlds together may take
MAX_INFERENCE_STEPS = 25  # MaskGIT steps a frame
DEFAULT_INFERENCE_STEPS = 4
MAX_WAIT_SECONDS = 10


class Visits:
    """The sessions of all players of a page, whichever world they play, and what is counted of them."""

    def __init__(self):
        self.sessions = SessionStore(MAX_SESSIONS, MAX_MEMORY, seconds=15 * 60)
        self.starts = RateLimit(60, 600)
        self.exports = RateLimit(6, 60)


class Service:
    """Plays a world for many players at once.

    Args:
        pipe: the world model.
        gallery: start pictures by the name that a replay link gives them.
        engine: what runs the model.
        visits: those of the page.
        collection: keeps the ways that players give, on a page that takes them.
    """

    def __init__(
        self,
        pipe: GeniePipeline,
        gallery: dict[str, Path],
        engine: Engine,
        visits: Visits,
        collection: "Collection | None" = None,
    ):
        self.pipe, self.gallery, self.engine, self.collection = pipe, gallery, engine, collection
        self.num_actions = pipe.dynamics.config.num_actions
        self.sessions, self.starts, self.exports = visits.sessions, visits.starts, visits.exports

    async def start(self, message: dict, address: str) -> dict:
        """A new world.

        Args:
            message: `gallery` (a name), `picture` (an image file in base64, or as a data URI) or `text`; `seed` and
                `steps`, the MaskGIT steps a frame; `leave`, a world that this one takes the place of.
            address: of the player.

        Returns:
            `world`, the token that all other requests name; `frame` and `image`, its first.

        Raises:
            Refusal: for values out of range, a picture that does not serve, a text where the page takes none, too many
                starts from the address, or where there is no room for another world.
        """
        seed = whole(message, "seed", 0, 2**31 - 1, default=0)
        steps = whole(message, "steps", 1, MAX_INFERENCE_STEPS, default=DEFAULT_INFERENCE_STEPS)
        if not self.starts.allow(address):
            raise Refusal("Many worlds were started from your address just now. Wait a few minutes.")
        if message.get("text"):
            if not self.engine.takes_text:
                raise Refusal("This page has no model that turns text into pictures. Choose a picture.")
            prompt: dict[str, str | Image.Image] = {"prompt": str(message["text"])[:500]}
        else:
            prompt = {"image": await asyncio.to_thread(self._picture, message)}
        session = await answer(self.engine.start(**prompt, seed=seed, num_inference_steps=steps))
        session.service = self
        self.sessions.drop(str(message.get("leave")))
        self.sessions.put(session, address)
        return {"world": session.token, "frame": 0, "image": data_uri(session.frames[0].image, "image/webp")}

    async def step(self, message: dict) -> dict:
        """The next frame.

        Args:
            message: `world`; `action`, from 0; `roll`, from 0: each is another sample; `parent`, the frame to step
                from, by default the one made last; `frame`, the number that the new frame will have, by default the
                next.

        Returns:
            `frame` and `image`; `ms`, the time that it took here, of which the model had `model_ms`.

        Raises:
            Refusal: for values out of range, a world that is no more, or where the step takes too long.
        """
        began = perf_counter()
        session = self.session(message)
        action = whole(message, "action", 0, self.num_actions - 1)
        roll = whole(message, "roll", 0, 1000, default=0)
        parent = whole(message, "parent", 0, 10**6, default=session.current)
        number = whole(message, "frame", 0, 10**6, default=len(session.frames))
        try:
            new = await answer(self.engine.step(session, number, parent, action, roll))
        except TimeoutError:
            self.engine.give_up(session)
            raise Refusal("The server is busy, or a step was lost on its way. Try again.") from None
        return {
            "frame": new.number,
            "image": data_uri(session.frames[new.number].image, "image/webp"),
            "ms": round(1000 * (perf_counter() - began), 1),
            "model_ms": round(new.milliseconds, 1),
        }

    async def preview(self, message: dict) -> dict:
        """What each action would lead to.

        Args:
            message: `world`; `frame`, by default the one made last.

        Returns:
            `sheet`, the frames in the order of the actions side by side; None if the player has moved on.
        """
        session = self.session(message)
        frame = whole(message, "frame", 0, 10**6, default=session.current)
        images = await answer(self.engine.preview(session, frame))
        return {"sheet": None if images is None else data_uri(await asyncio.to_thread(to_sheet, images), "image/webp")}

    async def undo(self, message: dict) -> dict:
        """Goes back one frame; at the first it stays. The frames taken back are kept.

        Args:
            message: `world`.

        Returns:
            `frame` and `image`, the one that the next step will start from.
        """
        session = self.session(message)
        session.current = session.frames[session.current].parent or 0
        return {"frame": session.current, "image": data_uri(session.frames[session.current].image, "image/webp")}

    async def export(self, message: dict) -> dict:
        """The way from the first frame to another as a file.

        Args:
            message: `world`; `frame`, by default the one made last; `kind`, gif or mp4; `keys`, whether each frame
                shows the action that led to it.

        Returns:
            `file`, its content in base64, and `note`, a sentence on it, or nothing.

        Raises:
            Refusal: for another kind, a frame that does not exist, a world that is no more, or too many films of it.
        """
        session = self.session(message)
        frame = whole(message, "frame", 0, len(session.frames) - 1, default=session.current)
        kind = message.get("kind")
        if kind not in ("gif", "mp4"):
            raise Refusal("That is no kind of film. Choose gif or mp4.")
        if not self.exports.allow(session.token):
            raise Refusal("That were many films in a minute. Wait a little.")
        keys = [None, *(str(action + 1) for action in session.actions(frame))] if message.get("keys") else None
        content = await asyncio.to_thread(film, session.images(frame), kind, self.pipe.config.fps, keys)
        note = gif_note(self.pipe.config.fps) if kind == "gif" else ""
        return {"file": base64.b64encode(content).decode(), "note": note}

    async def give(self, message: dict) -> dict:
        """Keeps the way from the first frame to another, to train worlds with; only when a player says so.

        Args:
            message: `world`; `frame`, by default the one made last.

        Returns:
            `frames`, how many were kept.

        Raises:
            Refusal: on a page that takes none, for a frame that does not exist, a world that is no more, a way without
                a step, too many of them, or where there is no room.
        """
        session = self.session(message)
        frame = whole(message, "frame", 0, len(session.frames) - 1, default=session.current)
        if self.collection is None:
            raise Refusal("This page keeps nothing of what is played.")
        if not self.exports.allow(session.token):
            raise Refusal("That was given many times in a minute. Wait a little.")
        return {"frames": await asyncio.to_thread(self.collection.add, session, frame)}

    def session(self, message: dict) -> Session:
        return self.sessions.get(str(message.get("world")))

    def _picture(self, message: dict) -> Image.Image:
        name, picture = message.get("gallery"), message.get("picture")
        if isinstance(picture, str) and picture:
            try:
                return read_picture(base64.b64decode(picture.partition("base64,")[2] or picture, validate=True))
            except binascii.Error:
                raise Refusal("That picture is not in base64. Send the file's content in base64.") from None
        if not isinstance(name, str) or name not in self.gallery:
            raise Refusal("There is no such start picture in the gallery. Choose another one.")
        return read_picture(self.gallery[name].read_bytes())


def whole(message: dict, name: str, low: int, high: int, default: int | None = None) -> int:
    value = message.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise Refusal(f"{name} is {str(value)[:20]}. Choose a whole number from {low} to {high}.")
    return value


async def answer(future: Future):
    return await asyncio.wait_for(asyncio.wrap_future(future), MAX_WAIT_SECONDS)


def to_sheet(images: list[Image.Image]) -> bytes:
    width, height = images[0].size
    sheet = Image.new("RGB", (len(images) * width, height))
    for i, image in enumerate(images):
        sheet.paste(image, (i * width, 0))
    return to_webp(sheet)


def film(images: list[bytes], kind: str, fps: int, keys: list[str | None] | None) -> bytes:
    frames = [Image.open(io.BytesIO(image)).convert("RGB") for image in images]
    return to_gif(frames, fps, keys) if kind == "gif" else to_mp4(frames, fps, keys)
