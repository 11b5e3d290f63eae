// What runs, what went wrong, and what is set: for administrators.

/** Calls `look` again and again while the page is looked at. */
function watch(look, milliseconds) {
  let isOver = false;
  let timer = null;
  const next = async () => {
    if (isOver) return;
    if (!document.hidden) await look();
    if (!isOver) timer = setTimeout(next, milliseconds);
  };
  next();
  return () => { isOver = true; clearTimeout(timer); };
}

function operationView(root) {
  const [problems, turns, processes, accounts, errors] = Array.from({ length: 5 }, () => el("div", {}));
  const panel = (title, node, more) => el("section", { class: "panel" }, el("div", { class: "panel-head" }, el("h2", {}, title), more || null), node);
  root.append(el("div", { class: "page" }, el("div", { class: "page-head" }, el("h1", {}, "Operation")),
    el("div", { class: "stack" }, problems, panel("Answers that run", turns), panel("Processes", processes), panel("Accounts", accounts), panel("Recent errors and warnings", errors))));

  let isTold = "";
  const look = async () => {
    try {
      const [running, load, health] = await Promise.all([get("/console/api/turns"), get("/console/api/processes"), get("/health")]);
      showProblems(problems, health);
      // A list that is the same stays, with the focus that is in it.
      const told = JSON.stringify(running.data.map((turn) => [turn.id, turn.state]));
      if (told !== isTold || !turns.firstChild) { isTold = told; showTurns(turns, running.data, look); }
      for (const turn of running.data) {
        const cell = turns.querySelector('[data-turn="' + turn.id + '"]');
        if (cell) cell.textContent = progress(turn);
      }
      showProcesses(processes, load, health);
    } catch (trouble) {
      if (session.caller) problems.replaceChildren(troubleBox(trouble));
    }
  };
  const lookSlowly = async () => {
    try {
      const [logins, lines] = await Promise.all([get("/console/api/accounts"), get("/console/api/errors")]);
      showAccounts(accounts, logins.data);
      showErrors(errors, lines.data);
    } catch (trouble) {
      if (session.caller) problems.replaceChildren(troubleBox(trouble));
    }
  };
  const ends = [watch(look, 2000), watch(lookSlowly, 10000)];
  return { leave: () => ends.forEach((end) => end()) };
}

const progress = (turn) => length(turn.seconds) + " · " + (turn.output_tokens || turn.input_tokens
  ? count(turn.input_tokens) + " in, " + (turn.is_estimated ? "about " : "") + count(turn.output_tokens) + " out" : "nothing used yet");

function showProblems(node, health) {
  if (!health.problems.length) return node.replaceChildren();
  if (node.dataset.told === JSON.stringify(health.problems) && node.firstChild) return;
  node.dataset.told = JSON.stringify(health.problems);
  node.replaceChildren(el("div", { class: "callout warn" }, el("p", { class: "callout-title" }, "The service needs you"),
    el("ul", {}, health.problems.map((problem) => el("li", {}, el("strong", {}, problem.about), ": ", problem.text)))));
}

function showTurns(node, turns, look) {
  if (!turns.length) return node.replaceChildren(empty("Nothing runs at the moment", "Answers show up here while they are being given, and can be ended."));
  const cancel = async (turn) => {
    if (!(await confirmDialog("End this answer?", turn.key + " is told that an administrator has ended it. What was used so far counts.", "End it"))) return;
    try {
      await post("/console/api/turns/" + turn.id + "/cancel");
      announce("The answer is being ended");
    } catch (trouble) {
      node.prepend(troubleBox(trouble));
    }
    await look();
  };
  // No table: its last column, where an answer is ended, would be out of sight on a phone.
  node.replaceChildren(el("ul", { class: "rows" }, turns.map((turn) => el("li", {},
    el("div", { class: "row-text" },
      el("p", { class: "card-head" }, el("strong", {}, turn.key), el("span", { class: "badge " + (turn.state === "answering" ? "good" : "") }, turn.state)),
      el("p", { class: "hint" }, [turn.model || "no model yet", turn.dialect.replace(/([A-Z])/g, " $1").toLowerCase(), turn.account && "account " + turn.account].filter(Boolean).join(" · ")),
      el("p", { class: "hint", "data-turn": turn.id }, progress(turn))),
    el("button", { type: "button", class: "small danger", disabled: turn.state === "ending", "aria-label": "End the answer for " + turn.key, onclick: () => cancel(turn) }, "End")))));
}

function showProcesses(node, load, health) {
  const figure = (title, value, hint) => el("div", { class: "figure" }, el("h3", {}, title), el("p", { class: "big" }, value), el("p", { class: "hint" }, hint));
  const { now, since_start: since, turns } = load;
  const begun = since.kept + since.rewound + since.waiting + since.fresh;
  node.replaceChildren(
    el("div", { class: "figures" },
      figure("Serving", count(now.serving), "of " + plural(turns.running_limit, "place") + ", " + plural(turns.waiting, "request") + " waiting"),
      figure("Keeping", count(now.idle), "go on with their conversations"),
      figure("Ready", count(now.waiting), "wait for a first question")),
    el("p", { class: "hint" }, plural(begun, "turn") + " since the start " + length(health.uptime_seconds) + " ago: " + count(since.kept) + " went on in their process, "
      + count(since.rewound) + " in one that forgot another conversation, " + count(since.waiting) + " found one ready, " + count(since.fresh) + " started one. "
      + plural(since.died, "process", "processes") + " ended by themselves."),
    el("p", { class: "hint" }, "Portcullis " + health.version + ", CLI " + health.cli_version + ", walls " + health.sandbox + ", control groups " + health.control_groups + "."));
}

function showAccounts(node, accounts) {
  node.replaceChildren(el("ul", { class: "cards" }, accounts.map((account) => el("li", { class: "card" },
    el("div", { class: "card-head" }, el("h3", {}, account.name), el("span", { class: "badge " + (["ok", "logged_in"].includes(account.login) ? "good" : account.login === "unknown" ? "" : "odd") }, "login " + account.login.replaceAll("_", " "))),
    quotaGauges(account.quota) || el("p", { class: "hint" }, "Nothing is known of its windows yet.")))));
}

function showErrors(node, lines) {
  if (node.dataset.told === JSON.stringify(lines) && node.firstChild) return;
  node.dataset.told = JSON.stringify(lines);
  if (!lines.length) return node.replaceChildren(empty("All is quiet", "What goes wrong is told here in the words of the log, the newest first."));
  node.replaceChildren(el("ol", { class: "lines", tabindex: "0", "aria-label": "Recent errors and warnings" }, lines.map((line) => el("li", {},
    el("span", { class: "badge " + (line.level === "error" ? "bad" : "odd") }, line.level), el("time", { datetime: line.time }, moment(line.time)),
    el("code", {}, readable(line.text))))));
}

/** A line of the log without what stands beside it. It spells bytes beyond ASCII as \xNN: letters and signs are shown again. */
function readable(text) {
  const told = text.replace(/^(time=\S+ )?level=\S+ /, "");
  return told.replace(/(?:\\x[89a-f][0-9a-f])+/g, (bytes) => {
    const letters = new TextDecoder().decode(Uint8Array.from(bytes.match(/[89a-f][0-9a-f]/g), (byte) => parseInt(byte, 16)));
    return /^[\p{L}\p{M}\p{N}\p{P}\p{S}]+$/u.test(letters) && !letters.includes("\ufffd") ? letters : bytes;
  });
}

// MARK: Settings

function settingsView(root) {
  const list = el("div", { class: "stack" });
  const audit = el("div", {});
  const filter = el("input", { type: "search", id: "setting-filter", placeholder: "Find a setting", "aria-label": "Find a setting", oninput: () => show() });
  const given = el("input", { type: "checkbox", id: "only-given", onchange: () => show() });
  let settings = [];
  root.append(el("div", { class: "page" },
    el("div", { class: "page-head" }, el("h1", {}, "Settings"), el("span", { class: "grow" }), el("label", { for: "only-given", class: "check" }, given, "only those that are set"), filter),
    el("p", { class: "lead" }, "The configuration in force. It is changed in its file and taken by ", el("code", {}, "portcullis reload"), "."),
    el("div", { class: "stack" }, list, el("section", { class: "panel" }, el("h2", {}, "What administrators did"), audit))));

  function show() {
    const wanted = filter.value.trim().toLowerCase();
    const shown = settings.filter((each) => (!given.checked || each.given_in) && (!wanted || (each.name + " " + each.help).toLowerCase().includes(wanted)));
    if (!shown.length) return list.replaceChildren(empty("No setting is like that", "The search looks at names and their meaning."));
    const sections = [...new Set(shown.map((each) => each.section))];
    list.replaceChildren(...sections.map((section) => el("section", { class: "panel" }, el("h2", {}, section),
      el("dl", { class: "settings" }, shown.filter((each) => each.section === section).map((each) => el("div", { class: each.given_in ? "is-given" : null },
        el("dt", {}, el("code", {}, each.name), each.given_in ? el("span", { class: "hint" }, each.given_in) : null),
        el("dd", {}, el("p", { class: "value" }, each.value ?? each.default.replaceAll("`", "")), el("p", { class: "hint" }, each.help.replaceAll("`", "")))))))));
  }

  (async () => {
    try {
      const [rows, acts, keys] = await Promise.all([get("/console/api/settings"), get("/console/api/audit?count=100"), allKeys()]);
      const names = new Map(keys.map((key) => [key.id.replace(/^key:/, ""), key.name]));
      settings = rows.data;
      show();
      audit.replaceChildren(acts.data.length ? dataTable("What administrators did", [
        { title: "When", cell: (act) => moment(act.time) }, { title: "Who", cell: (act) => act.actor }, { title: "What", cell: (act) => act.action },
        { title: "To", cell: (act) => names.get(act.subject) || act.subject || "–" }, { title: "How", cell: (act) => act.detail },
      ], acts.data, { isHidden: true }) : empty("Nobody has changed anything yet", "Keys that are added, changed or removed, and reloads, are noted here."));
    } catch (trouble) {
      list.replaceChildren(troubleBox(trouble));
    }
  })();
  return {};
}
