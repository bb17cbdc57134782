// The page's server, which answers in one sentence where it cannot do what is asked.

const MAX_MS = { step: 20_000, preview: 20_000 }; // twice what the server takes; a start may wait for a world to be loaded
const NO_ANSWER = "The server did not answer. Check your connection and try again.";

/**
 * Turns Gradio's server functions into one: `ask(name, message)` gives the reply, or fails with a sentence.
 *
 * @param model - the name of the world that is played here
 */
export function connect(functions, model) {
  return async (name, message) => {
    let reply = null;
    try {
      reply = await inTime(functions[name]({ ...message, model }), MAX_MS[name]);
    } catch (error) {
      console.warn(name, error);
    }
    if (!reply) throw new Error(NO_ANSWER);
    if (reply.error) throw Object.assign(new Error(reply.error), reply); // with `expired` or `num_frames`
    return reply;
  };
}

/** A reply, or after so many milliseconds an error: a request that is never answered would stop all play. */
function inTime(reply, ms) {
  if (!ms) return reply;
  let timer;
  const late = new Promise((_, refuse) => { timer = setTimeout(() => refuse(new Error(`no reply in ${ms} ms`)), ms); });
  return Promise.race([reply, late]).finally(() => clearTimeout(timer));
}
