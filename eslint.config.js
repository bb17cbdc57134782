// The script of the page (ES modules for browsers) and its tests (for Node). `make lint` runs it.

import js from "@eslint/js";
import globals from "globals";

const given = Object.fromEntries(["modules", "element", "props", "server", "trigger"].map((name) => [name, "readonly"]));

export default [
  { ignores: ["build/", "dist/", "docs/", ".venv/"] },
  js.configs.recommended,
  { files: ["spaces_app/player/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["spaces_app/player/load.js"], languageOptions: { sourceType: "script", globals: given } },
  { files: ["tests/**/*.js"], languageOptions: { globals: globals.node } },
];
