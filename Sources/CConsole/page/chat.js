// The chat: a conversation that lives in this page alone, asked in the Chat Completions dialect and streamed.

const chat = {
  /** What was said: {role, content, images} and of answers {thinking, usage}. */
  turns: [],
  models: null,
  model: sessionStorage.getItem("portcullis-model") || "",
  effort: sessionStorage.getItem("portcullis-effort") || "",
  instructions: "",
  images: [],
  draft: "",
  /** What ends the answer that runs. */
  running: null,
};

const starters = [
  ["Explain", "Explain how TLS keeps a conversation secret, in five sentences."],
  ["Write", "Write a shell one-liner that finds the ten largest files below a directory, and explain each part."],
  ["Compare", "Compare three ways to keep secrets out of a command line. Use a table."],
];

async function loadModels() {
  if (!chat.models) chat.models = (await get("/v1/models")).data;
  if (!chat.models.some((model) => model.id === chat.model)) chat.model = chat.models.length ? chat.models[0].id : "";
  return chat.models;
}

function chatView(root) {
  const log = el("div", { class: "log", id: "log", role: "log", "aria-label": "Conversation", "aria-live": "off", tabindex: "0" });
  const select = el("select", { id: "model", "aria-label": "Model", onchange: () => { chat.model = select.value; sessionStorage.setItem("portcullis-model", chat.model); showEfforts(); } });
  const effort = el("select", { id: "effort", "aria-label": "Thinking", onchange: () => { chat.effort = effort.value; sessionStorage.setItem("portcullis-effort", chat.effort); } });
  const thinkingWords = [["", "auto"], ["none", "none"], ["low", "low"], ["medium", "medium"], ["high", "high"], ["xhigh", "very high"], ["max", "most"]];
  const showEfforts = () => {
    const model = (chat.models || []).find((each) => each.id === chat.model);
    const canThink = !model || !model.supported_parameters || model.supported_parameters.includes("reasoning");
    effort.replaceChildren(...thinkingWords.map(([value, label]) => el("option", { value }, "Thinking: " + label)));
    effort.value = canThink ? chat.effort : "";
    effort.disabled = !canThink;
  };
  const fresh = el("button", { type: "button", class: "quiet", id: "new-chat", onclick: () => { stop(); chat.turns = []; showLog(); input.focus(); announce("New chat"); } }, "New chat");
  const guide = el("button", { type: "button", class: "quiet", id: "instructions", onclick: editInstructions }, "Instructions");

  const input = el("textarea", {
    id: "prompt", rows: "1", placeholder: "Ask anything", "aria-label": "Your message", "aria-describedby": "prompt-help", value: chat.draft,
    oninput: () => { chat.draft = input.value; grow(); },
    onkeydown: (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        if (!chat.running) send();
      }
    },
    onpaste: (event) => {
      const files = [...event.clipboardData.files].filter((file) => file.type.startsWith("image/"));
      if (!files.length) return;
      event.preventDefault();
      addImages(files);
    },
  });
  const grow = () => {
    input.style.height = "auto";
    input.style.height = Math.min(input.scrollHeight + 2, window.innerHeight * 0.4) + "px";
  };
  const picker = el("input", { type: "file", id: "picker", accept: "image/png,image/jpeg,image/gif,image/webp", multiple: true, class: "visually-hidden", tabindex: "-1", "aria-hidden": "true", onchange: () => { addImages([...picker.files]); picker.value = ""; } });
  const attach = el("button", { type: "button", class: "quiet icon", "aria-label": "Add images", title: "Add images", onclick: () => picker.click() },
    svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: "M4 6.5A2.5 2.5 0 0 1 6.5 4h11A2.5 2.5 0 0 1 20 6.5v11a2.5 2.5 0 0 1-2.5 2.5h-11A2.5 2.5 0 0 1 4 17.5zM4.5 17l4.8-5 3.4 3.4 2.4-2.3 4.4 4.2M15.2 9.3v.1" })));
  const go = el("button", { type: "submit", class: "primary", id: "send" }, "Send");
  const chips = el("ul", { class: "chips", "aria-label": "Images to send" });
  const form = el("form", {
    class: "composer",
    onsubmit: (event) => { event.preventDefault(); if (chat.running) stop(); else send(); },
    ondragover: (event) => event.preventDefault(),
    ondrop: (event) => { event.preventDefault(); addImages([...event.dataTransfer.files].filter((file) => file.type.startsWith("image/"))); },
  }, chips, el("div", { class: "composer-row" }, picker, attach, input, go),
    el("p", { id: "prompt-help", class: "hint" }, "Enter sends, Shift and Enter begin a new line. Nothing is kept when the page is left."));

  root.append(
    el("div", { class: "chat" },
      el("div", { class: "chat-head" },
        el("h1", { class: "visually-hidden" }, "Chat"),
        select, effort, el("span", { class: "grow" }), guide, fresh),
      log, form));

  const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const toEnd = () => { log.scrollTop = log.scrollHeight; };

  function showLog() {
    log.replaceChildren(...chat.turns.map(turnNode));
    toEnd();
    if (!chat.turns.length) {
      log.append(el("div", { class: "hello" },
        svg("svg", { class: "mark huge", viewBox: "0 0 32 32", "aria-hidden": "true" }, svg("path", { d: "M5 27V14a11 11 0 0 1 22 0v13M11 9v19M16 8v21M21 9v19M6 16h20M6 22h20" })),
        el("h2", { class: "hello-title" }, "What would you like to know?"),
        el("p", { class: "hint" }, "Your question goes through this gateway as any app's would, and counts as yours."),
        el("div", { class: "starters" }, starters.map(([label, text]) => el("button", { type: "button", class: "starter", onclick: () => { input.value = chat.draft = text; grow(); input.focus(); } },
          el("strong", {}, label), el("span", {}, text))))));
      log.scrollTop = 0;
    }
  }

  function turnNode(turn) {
    if (turn.role === "user") {
      return el("article", { class: "turn user", "aria-label": "You" },
        turn.images.length ? el("div", { class: "pictures" }, turn.images.map((image) => el("img", { src: image.url, alt: image.name }))) : null,
        turn.content ? el("p", {}, turn.content) : null);
    }
    const node = el("article", { class: "turn model", "aria-label": "Answer" });
    turn.node = node;
    showAnswer(turn);
    return node;
  }

  function showAnswer(turn) {
    const parts = [];
    if (turn.thinking) {
      const isOpen = turn.node.querySelector("details.thinking")?.open ?? false;
      const title = turn.content || turn.isDone ? "Thinking" + (turn.thinkingSeconds ? " · " + length(turn.thinkingSeconds) : "") : "Thinking…";
      parts.push(el("details", { class: "thinking", open: isOpen }, el("summary", {}, title), el("div", { class: "thinking-text" }, turn.thinking)));
    }
    if (turn.content) parts.push(el("div", { class: "prose" }, renderMarkdown(turn.content)));
    else if (!turn.isDone && !turn.thinking) parts.push(el("p", { class: "waiting" }, el("span", {}), el("span", {}), el("span", {}), el("span", { class: "visually-hidden" }, "Waiting for the answer")));
    if (turn.note) parts.push(el("p", { class: "hint" }, turn.note));
    if (turn.trouble) parts.push(troubleBox(turn.trouble, turn === chat.turns[chat.turns.length - 1] ? () => again(turn) : null));
    if (turn.isDone && turn.content) {
      const facts = turn.usage ? [plural(turn.usage.prompt_tokens, "token") + " in", plural(turn.usage.completion_tokens, "token") + " out"] : [];
      if (turn.seconds) facts.push(turn.seconds.toFixed(1) + " s");
      parts.push(el("div", { class: "turn-foot" }, el("span", {}, facts.join(" · ")), copyButton(() => turn.content, "Copy answer")));
    }
    turn.node.replaceChildren(...parts);
  }

  function again(turn) {
    if (chat.running) return;
    chat.turns.splice(chat.turns.indexOf(turn), 1);
    showLog();
    answer();
  }

  // MARK: Asking

  function send() {
    const text = input.value.trim();
    if (!text && !chat.images.length) return input.focus();
    chat.turns.push({ role: "user", content: text, images: chat.images });
    chat.images = [];
    input.value = chat.draft = "";
    grow();
    showChips();
    showLog();
    answer();
  }

  function stop() {
    if (chat.running) chat.running.abort();
  }

  function messages() {
    const said = chat.instructions ? [{ role: "system", content: chat.instructions }] : [];
    for (const turn of chat.turns) {
      if (turn.role === "assistant") {
        if (turn.content) said.push({ role: "assistant", content: turn.content });
      } else if (turn.images.length) {
        const parts = turn.images.map((image) => ({ type: "image_url", image_url: { url: image.url } }));
        if (turn.content) parts.push({ type: "text", text: turn.content });
        said.push({ role: "user", content: parts });
      } else {
        said.push({ role: "user", content: turn.content });
      }
    }
    return said;
  }

  async function answer() {
    const body = { model: chat.model, stream: true, stream_options: { include_usage: true }, messages: messages() };
    if (!effort.disabled && chat.effort) body.reasoning_effort = chat.effort;
    const turn = { role: "assistant", content: "", thinking: "" };
    const controller = new AbortController();
    const began = performance.now();
    chat.turns.push(turn);
    chat.running = controller;
    log.setAttribute("aria-busy", "true");
    go.textContent = "Stop";
    go.classList.add("stop");
    log.querySelector(".hello")?.remove();
    log.append(turnNode(turn));
    toEnd();
    const reader = new Reader();
    const painter = new Painter(() => {
      const follow = isAtEnd();
      showAnswer(turn);
      if (follow) toEnd();
      reader.hear(turn.content);
    });
    announce("The answer is on its way");
    try {
      const response = await ask("/v1/chat/completions", { method: "POST", body, signal: controller.signal });
      let isWhole = false;
      for await (const event of events(response)) {
        if (event.error) throw new Trouble(0, "The answer broke off", event.error.message, { request: response.headers.get("request-id"), until: event.error.reset_at && Date.parse(event.error.reset_at) });
        if (event.usage) turn.usage = event.usage;
        const choice = event.choices && event.choices[0];
        if (!choice) continue;
        if (choice.delta.reasoning_content) turn.thinking += choice.delta.reasoning_content;
        if (choice.delta.content) {
          if (turn.thinking && !turn.content) turn.thinkingSeconds = (performance.now() - began) / 1000;
          turn.content += choice.delta.content;
        }
        if (choice.finish_reason) {
          isWhole = true;
          if (choice.finish_reason === "length") turn.note = "The answer ends here because it reached the most tokens it may have.";
          if (choice.finish_reason === "content_filter") turn.note = "The model declined to go on.";
        }
        painter.want();
      }
      if (!isWhole) throw new Trouble(0, "The answer broke off", "The connection ended before the answer did.");
      if (!turn.content && !turn.note) turn.note = "The model answered without a word.";
    } catch (error) {
      if (error.name === "AbortError" || controller.signal.aborted) turn.note = "You stopped this answer.";
      else if (error instanceof Trouble) turn.trouble = error;
      else turn.trouble = new Trouble(0, "The answer cannot be read", String(error));
    }
    turn.isDone = true;
    turn.seconds = (performance.now() - began) / 1000;
    chat.running = null;
    painter.end();
    log.setAttribute("aria-busy", "false");
    go.textContent = "Send";
    go.classList.remove("stop");
    reader.finish(turn);
  }

  // MARK: Images and instructions

  async function addImages(files) {
    for (const file of files.slice(0, 10 - chat.images.length)) {
      try {
        chat.images.push(await pictureOf(file));
      } catch {
        announce(file.name + " cannot be read as an image");
        chips.append(el("li", { class: "chip bad" }, file.name + " cannot be read as an image"));
        return;
      }
    }
    showChips();
    input.focus();
  }

  function showChips() {
    chips.replaceChildren(...chat.images.map((image, place) => el("li", { class: "chip" }, el("img", { src: image.url, alt: "" }), el("span", {}, image.name),
      el("button", { type: "button", class: "quiet icon", "aria-label": "Leave out " + image.name, onclick: () => { chat.images.splice(place, 1); showChips(); input.focus(); } }, "×"))));
  }

  async function editInstructions() {
    const text = el("textarea", { id: "instructions-text", rows: "6", value: chat.instructions });
    const kept = await openDialog("Instructions", el("div", {}, el("label", { for: "instructions-text" }, "What the model is told before your first message"), text),
      [{ label: "Cancel", value: null }, { label: "Keep", kind: "primary", act: () => ({ text: text.value.trim() }) }]);
    if (kept) chat.instructions = kept.text;
    guide.classList.toggle("is-set", Boolean(chat.instructions));
  }

  guide.classList.toggle("is-set", Boolean(chat.instructions));
  showChips();
  showLog();
  showEfforts();
  loadModels().then((models) => {
    select.replaceChildren(...models.map((model) => el("option", { value: model.id }, model.display_name === model.id ? model.id : model.id + " — " + model.display_name)));
    select.value = chat.model;
    showEfforts();
  }).catch((trouble) => { log.append(troubleBox(trouble, () => showView("chat"))); });
  grow();
  if (window.matchMedia("(min-width: 700px)").matches) input.focus();
  return { leave: stop };
}

/** Draws when there is something new, but not more often than drawing leaves time for. */
class Painter {
  constructor(paint) { this.paint = paint; this.pause = 60; this.timer = null; }
  want() {
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      const start = performance.now();
      this.paint();
      this.pause = Math.min(1000, Math.max(60, (performance.now() - start) * 5));
    }, this.pause);
  }
  end() { clearTimeout(this.timer); this.timer = null; this.paint(); }
}

/** Reads an answer out to screen readers: whole sentences, and not one on top of the other. */
class Reader {
  constructor() { this.said = 0; this.last = 0; }
  hear(text) {
    if (performance.now() - this.last < 4000) return;
    const end = Math.max(...[". ", "! ", "? ", "\n"].map((mark) => text.lastIndexOf(mark)));
    if (end <= this.said) return;
    this.say(text.slice(this.said, end + 1));
    this.said = end + 1;
  }
  finish(turn) {
    const rest = turn.content.slice(this.said);
    // A very long rest is for the log, which can be read at leisure.
    this.say((rest.length > 600 ? rest.slice(0, 600) + "… The rest is in the conversation." : rest) + (turn.trouble ? "" : turn.note ? " " + turn.note : " The answer is complete."));
  }
  say(text) { this.last = performance.now(); announce(text.trim()); }
}

/** An image as models take it: its file where that is small, else drawn smaller. */
async function pictureOf(file) {
  const bitmap = await createImageBitmap(file);
  const most = Math.max(bitmap.width, bitmap.height);
  let blob = file;
  if (most > 1568 || file.size > 3 << 20) {
    const part = Math.min(1, 1568 / most);
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(bitmap.width * part);
    canvas.height = Math.round(bitmap.height * part);
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.9); });
  }
  bitmap.close();
  const url = await new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
  return { name: file.name || "pasted image", url };
}
