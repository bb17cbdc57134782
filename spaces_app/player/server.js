// The page's server, which answers in one sentence where it cannot do what is asked.

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
      reply = await functions[name]({ ...message, model });
    } catch (error) {
      console.warn(name, error);
    }
    if (!reply) throw new Error(NO_ANSWER);
    if (reply.error) throw Object.assign(new Error(reply.error), reply); // with `expired` or `num_frames`
    return reply;
  };
}
