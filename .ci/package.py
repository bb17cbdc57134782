"""Builds sdist and wheel, installs the wheel in a fresh environment, and plays from there: nothing may be missing."""

import json
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
import venv
from pathlib import Path

ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "PYTHONPATH")}


def build(folder: Path) -> Path:
    done = subprocess.run([sys.executable, "-m", "build", "--outdir", folder], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return next(folder.glob("*.whl"))


def install(wheel: Path, folder: Path) -> Path:
    """The libraries are those of this environment. Its genie_hf is not: it is editable, and a link in a link is not
    followed."""
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", "--no-deps", wheel], check=True, env=ENVIRONMENT)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    packages = {path.name for path in site.iterdir() if "genie" in path.name}
    assert {name.partition("-")[0] for name in packages} == {"genie_hf"}, packages
    assert (site / "genie_hf" / "py.typed").exists(), "type checkers would not look at the package"
    return folder / "bin" / "genie-hf"


def play(command: Path, folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    page = subprocess.Popen([command, "play", "--port", str(port)], cwd=folder, env=ENVIRONMENT)
    try:
        for _ in range(240):
            assert page.poll() is None, "the page has ended"
            try:
                components = json.load(urllib.request.urlopen(url + "config"))["components"]
                break
            except OSError:
                time.sleep(0.5)
        (player,) = (each for each in components if each["type"] == "html")
        gallery = [entry["name"] for entry in player["props"]["props"]["config"]["first"]["gallery"]]

        def ask(function: str, message: dict) -> dict:
            body = {"data": message, "component_id": player["id"], "fn_name": function, "session_hash": "package"}
            headers = {"Content-Type": "application/json"}
            request = urllib.request.Request(url + "gradio_api/component_server/", json.dumps(body).encode(), headers)
            return json.load(urllib.request.urlopen(request))

        for name in gallery:
            world = ask("start", {"gallery": name})["world"]
        assert ask("step", {"world": world, "action": 0})["frame"] == 1
    finally:
        page.terminate()
        page.wait()


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        command = install(build(folder / "dist"), folder / "env")
        subprocess.run([command, "play", "--help"], check=True, stdout=subprocess.DEVNULL, cwd=folder)
        play(command, folder)
    print("The wheel is built, and the page plays from it.")


if __name__ == "__main__":
    main()
