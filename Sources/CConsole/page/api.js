// Asking the service. The key is in session storage and in a header, and nowhere else.

const session = {
  get key() { return sessionStorage.getItem("portcullis-key") || ""; },
  set key(key) { sessionStorage.setItem("portcullis-key", key); },
  forget() { sessionStorage.removeItem("portcullis-key"); },
  caller: null,
};

/** What went wrong, in words for a person. */
class Trouble extends Error {
  constructor(status, title, message, more = {}) {
    super(message);
    Object.assign(this, { status, title }, more);
  }
}

const titles = {
  400: "The service does not take this as it is",
  401: "This key does not open",
  402: "This key may not spend more",
  403: "This key may not do that",
  404: "There is no such thing",
  409: "It stands against what there is",
  413: "This is too large",
  415: "The service does not read this kind of content",
  421: "The service is called by another name",
  500: "Something went wrong in the service",
  502: "The model's side gave no whole answer",
  503: "The service cannot answer at the moment",
  504: "The answer took too long",
  529: "The service is busy",
};

const titleOf = (status) => titles[status] || (status >= 500 ? titles[500] : titles[400]);

/** When a 429 is over, in milliseconds since 1970, from whatever of the answer tells it; nil where nothing does. */
function resetOf(response, error) {
  const told = error && (error.reset_at || error.resets_at);
  if (told && !Number.isNaN(Date.parse(told))) return Date.parse(told);
  const after = parseFloat(response.headers.get("retry-after"));
  if (Number.isFinite(after)) return Date.now() + after * 1000;
  const reset = response.headers.get("x-ratelimit-reset") || response.headers.get("anthropic-ratelimit-unified-reset");
  if (!reset) return null;
  const when = /^\d+$/.test(reset) ? Number(reset) * 1000 : Date.parse(reset);
  return Number.isNaN(when) ? null : when;
}

async function troubleOf(response) {
  let error = null;
  try {
    const body = await response.json();
    error = body.error || null;
  } catch { /* A proxy in front has words of its own, or none. */ }
  const message = (error && error.message) || "The service answered with status " + response.status + " and no explanation.";
  const more = { request: response.headers.get("request-id"), field: error && error.param };
  if (response.status === 429) {
    const isKeys = /wrong API keys/.test(message);
    return new Trouble(429, isKeys ? "Too many wrong keys" : "A limit is reached", message, { ...more, until: resetOf(response, error) });
  }
  if (response.status === 401 && /expired/.test(message)) return new Trouble(401, "This key has expired", message, { ...more, isExpired: true });
  return new Trouble(response.status, titleOf(response.status), message, more);
}

/** What a failed attempt to reach the service is called. */
function unreachable(error) {
  if (error instanceof Trouble || error.name === "AbortError") return error;
  return new Trouble(0, "The service cannot be reached", "No answer came from " + location.host
    + ". The network, or the service itself, may be down; the address and its certificate may have changed.");
}

/** One request; throws Trouble. */
async function ask(path, { method = "GET", body, key = session.key, headers = {}, signal } = {}) {
  const fields = { ...headers };
  if (key) fields.authorization = "Bearer " + key;
  if (body !== undefined) fields["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method, headers: fields, body: body === undefined ? undefined : JSON.stringify(body), signal,
      credentials: "omit", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer",
    });
  } catch (error) {
    throw unreachable(error);
  }
  if (response.ok) return response;
  const trouble = await troubleOf(response);
  if (response.status === 401 && session.caller) signOut(trouble);
  throw trouble;
}

const get = async (path, options) => (await ask(path, options)).json();
const post = async (path, body = {}) => (await ask(path, { method: "POST", body })).json();
const remove = async (path) => (await ask(path, { method: "DELETE" })).json();

/** The events of a stream, as they come: what stands behind `data:` of each. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch (error) {
      throw unreachable(error);
    }
    if (piece.done) return;
    pending += piece.value;
    const parts = pending.split(/\r?\n\r?\n/);
    pending = parts.pop();
    for (const part of parts) {
      const data = part.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
      if (data && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

// MARK: How trouble is shown

/** A box with the trouble in full words; of a limit with the time until it ends, which is counted down. */
function troubleBox(trouble, again) {
  const box = el("div", { class: "callout bad", role: "alert" }, el("p", { class: "callout-title" }, trouble.title), el("p", {}, trouble.message));
  const retry = again && el("button", { type: "button", class: "small", onclick: () => again() }, "Ask again");
  if (trouble.until) {
    const left = el("span", { class: "clock", role: "timer", "aria-live": "off" });
    box.append(el("p", { class: "countdown" }, "Free again at ", el("strong", {}, moment(trouble.until)), ", in ", left));
    if (retry) retry.disabled = true;
    const tick = () => {
      const seconds = (trouble.until - Date.now()) / 1000;
      left.textContent = seconds > 0 ? clock(seconds) : "0:00";
      if (seconds > 0 && (left.isConnected || !tick.wasShown)) {
        tick.wasShown = tick.wasShown || left.isConnected;
        setTimeout(tick, 1000 - ((Date.now() - trouble.until) % 1000 + 1000) % 1000 || 1000);
      } else if (seconds <= 0) {
        if (retry) retry.disabled = false;
        announce("The limit is over. You can ask again.");
      }
    };
    tick();
  }
  if (retry) box.append(el("p", { class: "callout-acts" }, retry));
  if (trouble.request) box.append(el("p", { class: "hint" }, "Request ", el("code", {}, trouble.request), " in the operator's log"));
  return box;
}
