// No module, but the body of a function that Gradio runs once the page's element is there. It has the page's modules
// in `modules`, by file name, as they travel within the page: so they come wherever the page comes, whatever its
// address. A browser takes milliseconds to fetch a module even from a blob; here each becomes a function instead, with
// a scope of its own, and the first world is asked for at once.

const exported = {}; // by file name

/** What a module exports. It runs when it is first imported. */
function load(name) {
  exported[name] ??= Function("load", linked(name))(load);
  return exported[name];
}

/** A module's text as that of a function. It knows those forms of `import` and `export` that the modules use. */
function linked(name) {
  const names = [...modules[name].matchAll(/^export (?:async )?(?:class|const|function) (\w+)/gm)].map((found) => found[1]);
  const body = modules[name].replace(/^export /gm, "").replace(/^import (\{.+?\}) from "\.\/(.+?)";$/gms, 'const $1 = load("$2");');
  return `"use strict"; ${body}\nreturn { ${names} };\n//# sourceURL=player/${name}`;
}

const burst = (message) => trigger("burst", message);
load("main.js").main({ element, config: props.config, server, burst });
