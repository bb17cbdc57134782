"""The page's script: ES modules, and what loads them. See player/load.js."""

import json
from pathlib import Path

SOURCES = {path.name: path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("player/*.js"))}
LOADER = SOURCES.pop("load.js")
ON_LOAD = f"const modules = {json.dumps(SOURCES)};\n{LOADER}"
