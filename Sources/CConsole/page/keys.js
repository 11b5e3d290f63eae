// Keys, with all that `portcullis key` does.

const optionHelp = [
  ["expires", "Ends on", "date", ""], ["turns", "Answers at once", "number", "any"],
  ["spend-per-month", "Dollars a month", "number", "no limit"], ["requests-per-day", "Requests a day", "number", "no limit"],
  ["models", "Models, with commas between", "text", "all"],
];

/** All keys, page by page. */
async function allKeys() {
  const found = [];
  let next = "";
  do {
    const page = await get("/console/api/keys" + (next ? "?after=" + encodeURIComponent(next) : ""));
    found.push(...page.data);
    next = page.next;
  } while (next);
  return found;
}

function keysView(root) {
  const body = el("div", { class: "stack" });
  const filter = el("input", { type: "search", id: "key-filter", placeholder: "Find a key", "aria-label": "Find a key", oninput: () => show() });
  let keys = [];
  root.append(el("div", { class: "page" },
    el("div", { class: "page-head" }, el("h1", {}, "Keys"), el("span", { class: "grow" }), filter,
      el("button", { type: "button", class: "primary", id: "add-key", onclick: addKey }, "Add a key")),
    body));

  async function load() {
    try {
      keys = await allKeys();
      show();
    } catch (trouble) {
      body.replaceChildren(troubleBox(trouble, load));
    }
  }

  function show() {
    const wanted = filter.value.trim().toLowerCase();
    const shown = keys.filter((key) => !wanted || (key.name + " " + key.options).toLowerCase().includes(wanted));
    if (!keys.length) return body.replaceChildren(empty("There are no keys yet", "Add one for each person or app: each has its own limits, its own usage and its own processes."));
    if (!shown.length) return body.replaceChildren(empty("No key is called so", "The search looks at names and options."));
    body.replaceChildren(el("ul", { class: "cards" }, shown.slice(0, 300).map(card)),
      shown.length > 300 ? el("p", { class: "hint" }, "And " + plural(shown.length - 300, "more key") + ": search for them.") : "");
  }

  function card(key) {
    const isStored = key.source === "ledger";
    const isMine = key.name === session.caller.name;
    const options = splitOptions(key.options);
    const kind = key.state === "enabled" ? "good" : key.state === "disabled" || key.state === "expired" ? "off" : "odd";
    const ends = (key.secrets || []).filter((secret) => secret.ends && Date.parse(secret.ends) > Date.now());
    const act = (label, run, style) => el("button", { type: "button", class: "small " + (style || ""), "aria-label": label + " " + key.name, onclick: () => run(key) }, label);
    return el("li", { class: "card" },
      el("div", { class: "card-head" }, el("h2", {}, key.name), el("span", { class: "badge " + kind }, key.state), isMine ? el("span", { class: "badge" }, "this one") : null),
      options.length ? el("ul", { class: "options" }, options.map((option) => el("li", {}, option))) : el("p", { class: "hint" }, "No limits."),
      el("p", { class: "hint" }, isStored ? "Made " + moment(key.created) : "From " + key.source + "; changed there.",
        ends.length ? " An old secret opens until " + moment(ends[0].ends) + "." : ""),
      isStored ? el("div", { class: "card-acts" }, act("Edit", editKey), act("Rotate", rotateKey),
        key.state === "disabled" ? act("Enable", (each) => change(each, "enable")) : act("Disable", (each) => change(each, "disable")),
        act("Remove", removeKey, "danger")) : null);
  }

  // MARK: Acts

  /** Does something; trouble is shown in a dialog's box. */
  async function attempt(box, run) {
    try {
      return await run();
    } catch (trouble) {
      box.replaceChildren(troubleBox(trouble));
      return null;
    }
  }

  async function addKey() {
    const box = el("div", {});
    const name = el("input", { id: "new-name", autocomplete: "off", spellcheck: "false", maxlength: "64", "aria-describedby": "new-name-help" });
    const fields = optionFields([]);
    const made = await openDialog("Add a key", el("div", { class: "fields" }, box,
      el("div", { class: "field" }, el("label", { for: "new-name" }, "Name"), name, el("p", { class: "hint", id: "new-name-help" }, "Of the person or the app: letters, digits, '.', '_' and '-'. The log shows it.")),
      fields.node), [{ label: "Cancel", value: null }, { label: "Add", kind: "primary", act: () => attempt(box, () => post("/console/api/keys", { name: name.value.trim(), options: fields.words() })) }]);
    if (!made) return;
    await showSecret(made, "The key of " + made.name);
    await load();
  }

  async function editKey(key) {
    const box = el("div", {});
    const fields = optionFields(splitOptions(key.options));
    const done = await openDialog("Options of " + key.name, el("div", { class: "fields" }, box, fields.node),
      [{ label: "Cancel", value: null }, { label: "Save", kind: "primary", act: () => {
        const words = fields.changes();
        return words.length ? attempt(box, () => post("/console/api/keys/" + encodeURIComponent(key.name), { options: words })) : { notes: [] };
      } }]);
    if (!done) return;
    announce("Options of " + key.name + " saved. " + done.notes.join(" "));
    await load();
  }

  async function rotateKey(key) {
    const box = el("div", {});
    const overlap = el("select", { id: "overlap" }, [["24h", "a day"], ["1h", "an hour"], ["7d", "a week"], ["0", "no longer"]].map(([value, label]) => el("option", { value }, label)));
    const made = await openDialog("A new secret for " + key.name, el("div", { class: "fields" }, box,
      el("p", {}, "Limits and usage stay. Whoever uses the key needs the new secret before the old one ends."),
      el("div", { class: "field" }, el("label", { for: "overlap" }, "The old secret opens for"), overlap)),
    [{ label: "Cancel", value: null }, { label: "Rotate", kind: "primary", act: () => attempt(box, () => post("/console/api/keys/" + encodeURIComponent(key.name) + "/rotate", { overlap: overlap.value })) }]);
    if (!made) return;
    await showSecret(made, "The new secret of " + key.name);
    await load();
  }

  async function change(key, act) {
    try {
      await post("/console/api/keys/" + encodeURIComponent(key.name) + "/" + act);
      announce(key.name + (act === "enable" ? " is enabled" : " is disabled"));
      await load();
    } catch (trouble) {
      body.prepend(troubleBox(trouble));
    }
  }

  async function removeKey(key) {
    if (!(await confirmDialog("Remove " + key.name + "?", "The key stops opening at once, and its name becomes free. What it used stays in the reports. Disabling can be undone, removing cannot.", "Remove"))) return;
    try {
      await remove("/console/api/keys/" + encodeURIComponent(key.name));
      announce(key.name + " is removed");
      await load();
    } catch (trouble) {
      body.prepend(troubleBox(trouble));
    }
  }

  load();
  return {};
}

/** The one time that a secret is shown. */
function showSecret(made, title) {
  const field = el("input", { id: "secret", readonly: true, value: made.key, "aria-label": title, onfocus: () => field.select() });
  return openDialog(title, el("div", { class: "fields" },
    el("p", {}, "This is shown once. Only a digest of it is kept, so nobody can look it up again."),
    el("div", { class: "secret-field" }, field, copyButton(() => field.value)),
    made.old_key_ends ? el("p", { class: "hint" }, "The old secret opens until " + moment(made.old_key_ends) + ".") : null,
    (made.notes || []).map((note) => el("p", { class: "hint" }, note))), [{ label: "I have it", value: true, kind: "primary" }], { isSticky: true });
}

/** Options as they are written: blanks between them, quotes round what has some. */
const splitOptions = (line) => (line.match(/[^\s="]+=(?:"[^"]*"|[^\s"]*)/g) || []);

const plain = (word) => word.replace(/^([^=]+)="([^"]*)"$/, "$1=$2");

/** Fields for the usual options and a free one for all others; tells words, or what has changed of `given`. */
function optionFields(given) {
  const before = new Map(given.map((word) => { const [name, ...rest] = plain(word).split("="); return [name, rest.join("=")]; }));
  const role = el("select", { id: "option-role" }, el("option", { value: "" }, "user"), el("option", { value: "admin" }, "admin: sees and changes all of this"));
  role.value = before.get("role") === "admin" ? "admin" : "";
  const usual = optionHelp.map(([name, label, type, placeholder]) => {
    const input = el("input", { id: "option-" + name, type, placeholder, autocomplete: "off", min: type === "number" ? "0" : null, step: name.startsWith("spend") ? "any" : null });
    const value = before.get(name) || "";
    input.value = type === "date" ? dayOf(value) : value;
    return { name, label, input, first: input.value };
  });
  const others = [...before].filter(([name]) => name !== "role" && !optionHelp.some(([each]) => each === name));
  const free = el("textarea", { id: "option-others", rows: "3", spellcheck: "false", value: others.map(([name, value]) => name + "=" + value).join("\n"), "aria-describedby": "option-others-help" });
  const node = el("div", { class: "fields" },
    el("div", { class: "field" }, el("label", { for: "option-role" }, "Role"), role),
    el("div", { class: "field-grid" }, usual.map(({ name, label, input }) => el("div", { class: "field" }, el("label", { for: "option-" + name }, label), input))),
    el("div", { class: "field" }, el("label", { for: "option-others" }, "Other options"), free,
      el("p", { class: "hint", id: "option-others-help" }, "One a line as option=value, for instance tokens-per-minute=200000, from=10.0.0.0/8, account=team, web-search=yes. ", el("code", {}, "portcullis help key"), " lists all.")));
  const now = () => {
    const words = new Map();
    if (role.value) words.set("role", role.value);
    // What was not touched stays as it was written, to the second.
    for (const { name, input, first } of usual) if (input.value) words.set(name, input.value === first && before.has(name) ? before.get(name) : input.value.trim());
    for (const line of free.value.split("\n").map((each) => each.trim()).filter(Boolean)) {
      const [name, ...rest] = plain(line).split("=");
      words.set(name.trim(), rest.join("="));
    }
    return words;
  };
  return {
    node,
    words: () => [...now()].map(([name, value]) => name + "=" + value),
    changes: () => {
      const after = now();
      const gone = [...before.keys()].filter((name) => !after.has(name)).map((name) => name + "=");
      return gone.concat([...after].filter(([name, value]) => before.get(name) !== value).map(([name, value]) => name + "=" + value));
    },
  };
}

/** The day that an end is written for: the end of a day is midnight behind it. */
function dayOf(time) {
  if (!time) return "";
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "" : new Date(date.getTime() - 1).toISOString().slice(0, 10);
}
