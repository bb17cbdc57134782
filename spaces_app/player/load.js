// No module, but the body of a function that Gradio runs once the page's element is there. It has the page's modules
// by file name in `modules`: they travel within the page, so they need no requests of their own, come wherever the
// page comes, whatever its address, and are never of two versions.

const addresses = {};

/** A module as a blob. What it imports from `./<name>` comes from another: no two can import each other. */
function addressOf(name) {
  const linked = modules[name].replace(/ from "\.\/(.+?)";/g, (_, other) => ` from "${addressOf(other)}";`);
  addresses[name] ??= URL.createObjectURL(new Blob([linked, `//# sourceURL=player/${name}`], { type: "text/javascript" }));
  return addresses[name];
}

import(addressOf("main.js")).then(({ main }) => {
  main({ element, config: props.config, server, burst: (message) => trigger("burst", message) });
});
