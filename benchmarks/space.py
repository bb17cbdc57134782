"""The page as players meet it: key to pixels in a real browser, many players at once, memory over a long time.

    python benchmarks/space.py [--short] [--soak-minutes 10] [--output build/benchmarks/space.json]

Serves the bundled world, or the one that GENIE_MODEL names, by spaces_app/app.py in a process of its own. One player
sits at Chromium, here and behind 80 ms of round trip; the many speak the page's protocol without a browser. Writes the
figures as JSON and a plot beside them. Server, browser and players share this machine: run it while it is idle.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import socket
import statistics
import sys
import time
from pathlib import Path

import httpx
import matplotlib.pyplot as plt
import numpy as np
import psutil
from measure import ROOT, machine, report, table
from playwright.async_api import async_playwright
from tqdm import tqdm

APP = ROOT / "spaces_app" / "app.py"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
STEPS = 4  # the page's default
FAR = 0.04  # seconds each way
PLAYERS = (1, 4, 16, 64)
IN_FLIGHT = 2  # requests of one player who holds a key
SOAK_FRAMES = 60  # until a player of the soak starts another world

# Notes keys, requests with the server's own times, and frames, all by the page's clock. A frame is drawn when it is on
# the canvas, and shown when the browser begins to paint.
PROBE = """
const probe = (window.probe = { keys: [], calls: [], frames: [] });
for (const type of ["keydown", "keyup"]) addEventListener(type, (event) => probe.keys.push(event.timeStamp), true);
const ask = window.fetch;
window.fetch = async (address, options) => {
  if (!String(address).includes("/component_server")) return ask(address, options);
  const call = { name: JSON.parse(options.body).fn_name, asked: performance.now() };
  probe.calls.push(call);
  const response = await ask(address, options);
  Object.assign(call, await response.clone().json(), { answered: performance.now() });
  return response;
};
new MutationObserver(() => {
  const drawn = performance.now();
  requestAnimationFrame(() => probe.frames.push({ drawn, shown: performance.now() }));
}).observe(document, { subtree: true, attributeFilter: ["data-number"] });
probe.tap = () => {
  const step = probe.calls.findLast(({ name }) => name === "step");
  const [key, frame] = [probe.keys.at(-2), probe.frames.at(-1)];
  return {
    "ms": frame.shown - key,
    "model": step.model_ms,
    "all but the model": frame.shown - key - step.model_ms,
    "key to request": step.asked - key,
    "on the way": step.answered - step.asked - step.ms,
    "rest of the server": step.ms - step.model_ms,
    "reply to canvas": frame.drawn - step.answered,
    "canvas to paint": frame.shown - frame.drawn,
  };
};
"""
WHEN = {  # a tap comes: what must be true in the page before, and seconds to wait then
    "right after a frame": ("true", 0),
    "previews in work": ("probe.calls.at(-1).name === 'preview'", 0.1),
    "at rest": ("probe.calls.at(-1).name === 'preview' && probe.calls.at(-1).answered", 0.4),
}


@contextlib.contextmanager
def serve(log: Path):
    """The page's process, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port), "GENIE_PROXY_HOPS": "1"}
    environment.pop("DISPLAY", None)  # opens no window
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        server = psutil.Popen([sys.executable, str(APP)], env=environment, stdout=file, stderr=file)
    try:
        yield server, f"http://127.0.0.1:{port}"
    finally:
        if server.poll() is None:
            server.kill()
        server.wait()


async def while_alive(server: psutil.Popen, work) -> None:
    work = asyncio.ensure_future(work)
    while not work.done():
        await asyncio.wait([work], timeout=1)
        if server.poll() is not None:
            work.cancel()
            raise SystemExit(f"The page's process ended with {server.poll()}.")
    await work


async def read_config(url: str) -> dict:
    """What the page's script knows, and the number of its component; waits until the page is there."""
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                components = (await client.get(f"{url}/config")).raise_for_status().json()["components"]
                break
            await asyncio.sleep(0.2)
    component = next(component for component in components if component["type"] == "html")
    return component["props"]["props"]["config"]["first"] | {"component": component["id"]}


# One player at a browser


async def serve_far(url: str) -> asyncio.Server:
    """The same page at another port, where bytes arrive later, both ways, but no fewer of them."""
    later = asyncio.get_running_loop().call_later

    async def carry(reader, writer):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                later(FAR, writer.write, data)
        later(FAR, writer.close)

    async def connected(reader, writer):
        there = await asyncio.open_connection("127.0.0.1", httpx.URL(url).port)
        await asyncio.gather(carry(reader, there[1]), carry(there[0], writer))

    return await asyncio.start_server(connected, "127.0.0.1", 0)


async def measure_browser(
    browser, address: str, about: dict, num_taps: int, seconds: float
) -> tuple[list[dict], dict]:
    """A row for each time at which a tap can come, and one about holding a key."""
    page = await browser.new_page(viewport={"width": 1200, "height": 900})
    page.on("pageerror", lambda error: print(error, file=sys.stderr))
    await page.add_init_script(PROBE)
    await page.goto(address)

    async def until(condition: str) -> None:
        await page.wait_for_function(condition, polling=10, timeout=60_000)

    async def tap() -> dict:
        frames = await page.evaluate("probe.frames.length")
        await page.keyboard.press("1")
        await until(f"probe.frames.length > {frames}")
        return await page.evaluate("probe.tap()")

    await until("probe.calls.some((call) => call.name === 'preview' && call.answered)")
    await page.focus(".view")
    await tap()  # the first does not count
    taps = {when: [] for when in WHEN}
    for _ in tqdm(range(num_taps), ", ".join(f"{k} {v}" for k, v in about.items()), leave=False, disable=None):
        for when, (condition, pause) in WHEN.items():
            await until(condition)
            await asyncio.sleep(pause)
            taps[when].append(await tap())

    await page.keyboard.down("1")
    await asyncio.sleep(seconds)
    await page.keyboard.up("1")
    await asyncio.sleep(1)
    pressed, released = await page.evaluate("probe.keys.slice(-2)")
    shown = [frame["shown"] for frame in await page.evaluate("probe.frames")]
    await page.close()
    rows = []
    for when, many in taps.items():
        columns = {key: [one[key] for one in many] for key in many[0]}
        figures = {key: round(statistics.median(column), 1) for key, column in columns.items()}
        p95 = round(np.percentile(columns["ms"], 95), 1)
        rows.append(about | {"tap": when, "ms": figures.pop("ms"), "p95": p95} | figures)
    rate = sum(pressed < at <= released for at in shown) / (released - pressed)
    return rows, about | {"frames/s": round(1000 * rate, 1), "after release": sum(at > released for at in shown)}


# Many players without one


class Players:
    """Players who hold a key, each in a world of its own."""

    def __init__(self, url: str, config: dict, count: int):
        self.clients = [
            httpx.AsyncClient(base_url=url, timeout=60, trust_env=False, verify=False) for _ in range(count)
        ]
        self.config, self.count, self.worlds = config, count, [None] * count
        self.replies = [[] for _ in range(count)]  # when each came, ms after the request, ms of the model
        self.errors = []

    async def call(self, player: int, name: str, message: dict) -> dict | None:
        body = {"session_hash": f"player{player}", "component_id": self.config["component"], "fn_name": name}
        where = {"x-forwarded-for": f"10.{self.count}.0.{player}"}  # the page limits what comes from one address
        try:
            reply = await self.clients[player].post(
                "/gradio_api/component_server/", json=body | {"data": message}, headers=where
            )
            reply = reply.raise_for_status().json()
        except httpx.HTTPError as error:
            reply = {"error": repr(error)}
        if "error" not in reply:
            return reply
        self.errors.append(reply["error"])
        await asyncio.sleep(0.5)

    async def start(self, player: int) -> None:
        gallery = self.config["gallery"]
        prompt = {"gallery": gallery[player % len(gallery)]["name"], "seed": player, "steps": STEPS}
        self.worlds[player] = await self.call(player, "start", prompt)

    async def hold(self, player: int, end: float, num_frames: int) -> None:
        while time.perf_counter() < end:
            if self.worlds[player]:
                numbers = iter(range(1, num_frames))
                await asyncio.gather(*(self.fly(player, numbers, end) for _ in range(IN_FLIGHT)))
            if time.perf_counter() < end:
                await self.start(player)

    async def fly(self, player: int, numbers, end: float) -> None:
        world = self.worlds[player]["world"]
        while (asked := time.perf_counter()) < end and (number := next(numbers, None)):
            step = {"world": world, "frame": number, "parent": number - 1, "action": player % 2, "roll": 0}
            if not (reply := await self.call(player, "step", step)):
                break
            came = time.perf_counter()
            self.replies[player].append((came, 1000 * (came - asked), reply["model_ms"]))

    async def play(self, seconds: float, num_frames: int | None = None) -> float:
        """Plays in worlds of so many frames. Returns when, after all had started, the clock began."""
        num_frames = num_frames or self.config["max_frames"]
        await asyncio.gather(*map(self.start, range(self.count)))
        began = time.perf_counter()
        await asyncio.gather(*(self.hold(player, began + seconds, num_frames) for player in range(self.count)))
        await asyncio.gather(*(client.aclose() for client in self.clients))
        return began

    def rates(self, begin: float, end: float) -> list[float]:
        """Frames a second of each player between two times."""
        return [sum(begin < came <= end for came, *_ in replies) / (end - begin) for replies in self.replies]


async def measure_players(players: Players, server: psutil.Popen, seconds: float) -> dict:
    began = await players.play(seconds)
    rates = players.rates(began, began + seconds)
    replies = [reply for of_one in players.replies for reply in of_one] or [(0, 0, 0)]
    _, latencies, model = zip(*replies, strict=True)
    return {
        "players": players.count,
        "frames/s each": round(statistics.median(rates), 2),
        "the slowest": round(min(rates), 2),
        "frames/s of all": round(sum(rates), 1),
        "ms from request to reply": round(statistics.median(latencies)),
        "p95": round(np.percentile(latencies, 95)),
        "model, ms a batch": round(statistics.median(model)),
        "server's MB": round(server.memory_info().rss / 1e6),
        "errors": len(players.errors),
    }


async def measure_soak(players: Players, server: psutil.Popen, seconds: float) -> tuple[dict, list]:
    """Memory while players play on and on, and start new worlds."""
    playing = asyncio.create_task(players.play(seconds, SOAK_FRAMES))
    memory, began = [], time.perf_counter()
    with tqdm(total=round(seconds), desc="soak", unit="s", leave=False, disable=None) as bar:
        while not playing.done():
            memory.append((time.perf_counter() - began, server.memory_info().rss / 1e6))
            bar.update(round(memory[-1][0]) - bar.n)
            await asyncio.wait([playing], timeout=min(10, seconds / 20))
    began, part = await playing, min(60, seconds / 4)

    def growth(since: float) -> float:
        x, y = np.array([point for point in memory if point[0] >= since]).T
        return round(60 * np.polyfit(x, y, 1)[0], 2)

    figures = {
        "players": players.count,
        "minutes": round(seconds / 60, 1),
        "frames": sum(map(len, players.replies)),
        "frames/s at first": round(sum(players.rates(began, began + part)), 1),
        "at last": round(sum(players.rates(began + seconds - part, began + seconds)), 1),
        "server's MB at first": round(memory[0][1]),
        "at most": round(max(rss for _, rss in memory)),
        "MB a minute after the first": growth(part),
        "in the second half": growth(seconds / 2),
        "errors": len(players.errors),
    }
    return figures, [(round(at, 1), round(rss, 1)) for at, rss in memory]


def draw(results: dict, path: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    counts = [row["players"] for row in results["players"]]
    for key, label in (("frames/s of all", "all players"), ("frames/s each", "each (median)")):
        left.plot(counts, [row[key] for row in results["players"]], "o-", label=label)
    alone = results["players"][0]["frames/s of all"]
    left.axhline(alone, color="grey", linestyle=":", label="all, if one came after the other")
    left.set_xscale("log", base=2)
    left.set_xticks(counts, counts)
    left.set(xlabel="players at once", ylabel="frames a second", ylim=(0, None), title="every player holds a key")
    left.legend(fontsize=8)
    seconds, memory = zip(*results["memory"], strict=True)
    right.plot([s / 60 for s in seconds], memory)
    title = f"{results['soak'][0]['players']} players, a new world every {SOAK_FRAMES} frames"
    right.set(xlabel="minutes", ylabel="resident memory of the server, MB", ylim=(0, None), title=title)
    for axis in (left, right):
        axis.grid(alpha=0.3)
    about = results["machine"]
    name = about["accelerator"] or f"{about['cores']} cores of {about['cpu']}"
    figure.suptitle(f"{results['world']}, {STEPS} MaskGIT steps, {results['device']}, {name}")
    figure.savefig(path, dpi=100)


async def measure(server: psutil.Popen, url: str, results: dict, short: bool, soak_minutes: float) -> None:
    def section(title, key, rows):
        results[key] = rows
        print(f"\n**{title}**\n\n{table(rows)}", flush=True)

    def players(count):
        everybody.append(Players(url, config, count))
        return everybody[-1]

    everybody, config = [], await read_config(url)
    results |= {"world": config["model"], "device": config["device"]}
    async with async_playwright() as playwright, await serve_far(url) as far:
        browser = await playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        far_url = f"http://127.0.0.1:{far.sockets[0].getsockname()[1]}"
        rows = []
        for where, address, steps in (("here", url, STEPS), ("+80 ms", far_url, STEPS), ("here", url, 8)):
            address = f"{address}/?w={config['gallery'][0]['name']}&n={steps}"
            about = {"connection": where, "steps": steps}
            rows.append(await measure_browser(browser, address, about, *((6, 2) if short else (20, 5))))
        await browser.close()
    section("One player: milliseconds from key to paint", "taps", [row for taps, _ in rows for row in taps])
    section("One player: a key held", "held", [held for _, held in rows])
    seconds = 5 if short else 20
    many = [
        await measure_players(players(n), server, seconds) for n in tqdm(PLAYERS, "players", leave=False, disable=None)
    ]
    alone = many[0]["frames/s of all"]
    for row in many:
        row["to one player"] = round(row["frames/s of all"] / alone, 2) if alone else ""
    section("Many players", "players", many)
    soak, results["memory"] = await measure_soak(players(16), server, 60 * soak_minutes)
    section("A long time", "soak", [soak])
    results["errors"] = sorted({error for players in everybody for error in players.errors})
    if results["errors"]:
        print("\nErrors:", *results["errors"], sep="\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="fewer taps, less time for each number of players")
    parser.add_argument("--soak-minutes", type=float, default=10)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "benchmarks" / "space.json")
    arguments = parser.parse_args()
    if BROWSER is None:
        parser.error("there is no Chromium on the PATH: apt-get install chromium")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # through `serve`, which ends the page
    results = {"machine": machine(), "short": arguments.short, "steps": STEPS}
    log = arguments.output.with_suffix(".log")
    with serve(log) as (server, url):
        asyncio.run(while_alive(server, measure(server, url, results, arguments.short, arguments.soak_minutes)))
    print(f"the page's own words are in {log}")
    report(arguments.output, results)
    draw(results, arguments.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
