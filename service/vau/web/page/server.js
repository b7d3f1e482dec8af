// What the server says about itself, and what it says when it refuses.

/** An error of the server's, in its own words. */
export class Refused extends Error {
  constructor(error, status) {
    super(error.message);
    Object.assign(this, { code: error.code, reason: error.reason, status });
  }
}

async function get(path, token) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let answer;
  try {
    answer = await fetch(path, { headers });
  } catch (cause) {
    throw new Refused({ code: "UNAVAILABLE", message: "The server does not answer." }, 0);
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const error = body.error ?? { code: "", message: `The server answers ${answer.status}.` };
  throw new Refused(error, answer.status);
}

/** { token, server, backends }; without the last as long as a token lacks. */
export const aboutServer = (token) => get("api/server", token);

/** What each part does in one frame. */
export const scheduleOf = (backend, token) =>
  get(`api/schedule?backend=${encodeURIComponent(backend)}`, token);

export function streamAddress() {
  const address = new URL("api/stream", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  address.hash = "";
  return address.href;
}

const NO_ROOM = new Set(["STREAM_SLOTS_EXHAUSTED", "BACKEND_BUSY", "TOKEN_STREAMS_EXHAUSTED"]);

/** An error of a stream, for whoever looks at the page. */
export function inWords(backend, error) {
  if (error.reason === "RESUME_INVALID") {
    return `${backend}: The server was started anew and cannot go on with this stream; start again.`;
  }
  const when = error.retryDelayS
    ? `\nTry again in ${Math.max(1, Math.ceil(error.retryDelayS))} s: press Start.`
    : "";
  const what = NO_ROOM.has(error.reason) || error.code === "RESOURCE_EXHAUSTED"
    ? "There is no room at present"
    : error.code === "UNAVAILABLE" ? "The stream was lost" : "The server ended the stream";
  const reason = error.reason ? ` (${error.reason})` : "";
  return `${backend}: ${what}. ${error.message}${reason}${when}`;
}
