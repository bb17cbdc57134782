import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const FOLDER = new URL("../../../spaces_app/player/", import.meta.url);
const read = (name) => readFileSync(new URL(name, FOLDER), "utf8");
const MODULES = readdirSync(FOLDER).filter((name) => name.endsWith(".js") && name !== "load.js");

/** Runs load.js as Gradio does. */
function run(modules, { element, props = { config: {} }, server, trigger } = {}) {
  return Function("modules", "element", "props", "server", "trigger", read("load.js"))(modules, element, props, server, trigger);
}

test("the main module is run with what the page has, in strict mode", () => {
  const triggered = [];
  const given = [];
  globalThis.take = (value) => given.push(value);
  const main = "export function main(all) { take(all); all.burst({ world: 1 }); take(this); }";
  const page = { element: "element", props: { config: "config" }, server: "server", trigger: (...all) => triggered.push(all) };
  run({ "main.js": main }, page);
  const { burst, ...rest } = given[0];
  assert.equal(typeof burst, "function");
  assert.deepEqual(rest, { element: "element", config: "config", server: "server" });
  assert.deepEqual(triggered, [["burst", { world: 1 }]]);
  assert.notEqual(given[1], globalThis);
  delete globalThis.take;
});

test("each module has a scope of its own and runs once", () => {
  globalThis.log = [];
  run({
    "main.js": 'import { b } from "./b.js";\nimport {\n  one,\n  Two,\n} from "./a.js";\nconst own = "main";\nexport function main() { log.push(own, b(), one, typeof Two); }',
    "a.js": 'const own = "a";\nlog.push(`${own} runs`);\nexport const one = 1;\nexport class Two {}',
    "b.js": 'import { one } from "./a.js";\nconst own = "b";\nexport function b() { return own + one; }',
  });
  assert.deepEqual(globalThis.log, ["a runs", "main", "b1", 1, "function"]);
  delete globalThis.log;
});

for (const name of MODULES.filter((name) => name !== "main.js")) {
  test(`${name} exports to the page what it exports to Node`, async () => {
    const native = await import(new URL(name, FOLDER));
    globalThis.found = null;
    const main = `import { ${Object.keys(native)} } from "./it.js";\nexport function main() { found = { ${Object.keys(native)} }; }`;
    const others = Object.fromEntries(MODULES.map((other) => [other, read(other)]));
    run({ ...others, "it.js": others[name], "main.js": main });
    assert.deepEqual(Object.keys(globalThis.found).sort(), Object.keys(native).sort());
    for (const value of Object.values(globalThis.found)) assert.notEqual(value, undefined);
    delete globalThis.found;
  });
}
