// What one has used and may use; for administrators what everybody has.

const usage = { span: "30d", whose: "mine" };

function usageView(root) {
  const body = el("div", { class: "stack" });
  const span = el("select", { id: "span", onchange: () => { usage.span = span.value; load(); } },
    [["7d", "7 days"], ["30d", "30 days"], ["90d", "90 days"], ["365d", "a year"]].map(([value, label]) => el("option", { value }, label)));
  span.value = usage.span;
  const whose = isAdmin() ? el("select", { id: "whose", onchange: () => { usage.whose = whose.value; load(); } },
    el("option", { value: "mine" }, "my own"), el("option", { value: "all" }, "everybody's")) : null;
  if (whose) whose.value = usage.whose;
  root.append(el("div", { class: "page" },
    el("div", { class: "page-head" }, el("h1", {}, "Usage"), el("span", { class: "grow" }),
      whose ? [el("label", { for: "whose" }, "Whose"), whose] : null, el("label", { for: "span" }, "Of the last"), span),
    body));

  let turn = 0;
  async function load() {
    const mine = ++turn;
    body.setAttribute("aria-busy", "true");
    try {
      const isAll = isAdmin() && usage.whose === "all";
      const name = isAll ? "" : "&key=" + encodeURIComponent(session.caller.name);
      const since = "since=" + usage.span;
      const byTime = usage.span === "365d" ? "month" : "day";
      const asked = [get("/v1/usage?" + since + "&by=" + byTime + name), get("/v1/usage?" + since + "&by=model" + name), get("/v1/quota")];
      if (isAll) asked.push(get("/v1/usage?" + since + "&by=key"));
      const [days, models, quota, keys] = await Promise.all(asked);
      if (mine !== turn) return;
      body.replaceChildren(
        isAll ? "" : stretches(days), isAll ? "" : limits(days), timeline(days, byTime),
        keys ? breakdown("By key", "key", keys.rows) : "", breakdown("By model", "model", models.rows), windows(quota));
    } catch (trouble) {
      if (mine === turn) body.replaceChildren(troubleBox(trouble, load));
    }
    body.removeAttribute("aria-busy");
  }
  load();
  return {};
}

const tokensOf = (row) => row.input_tokens + (row.cache_read_tokens || 0) + (row.cache_write_tokens || 0) + row.output_tokens;

/** Today, this week and this month. */
function stretches(report) {
  if (!report.today) return "";
  const card = (title, used) => el("div", { class: "figure" },
    el("h2", {}, title), el("p", { class: "big" }, money(used.cost_usd)),
    el("p", { class: "hint" }, plural(used.requests, "request"), " · ", plural(used.input_tokens + used.output_tokens, "token")));
  return el("div", { class: "figures" }, card("Today", report.today), card("This week", report.this_week), card("This month", report.this_month));
}

const limitWords = (name) => name.split("-").join(" ").replace(/^\w/, (letter) => letter.toUpperCase());

/** The key's own limits. */
function limits(report) {
  const section = el("section", { class: "panel" }, el("h2", {}, "Limits of this key"));
  if (!report.limits || !report.limits.length) {
    section.append(el("p", { class: "hint" }, "This key has no limits of its own. What the account behind the gateway may use still counts."));
    return section;
  }
  section.append(el("ul", { class: "gauges" }, report.limits.map((limit) => {
    const show = limit.unit === "usd" ? money : count;
    const part = limit.limit > 0 ? limit.used / limit.limit : 1;
    const seconds = (Date.parse(limit.resets_at) - Date.now()) / 1000;
    const words = show(limit.used) + " of " + show(limit.limit) + (limit.unit === "usd" ? "" : " " + limit.unit);
    return el("li", {},
      el("p", { class: "gauge-head" }, el("strong", {}, limitWords(limit.name)), el("span", {}, words)),
      meter(part, limitWords(limit.name) + ": " + Math.round(part * 100) + " % used"),
      el("p", { class: "hint" }, Math.round(part * 100) + " % used" + (limit.used > 0 ? ", anew in " + length(seconds) : "")));
  })));
  return section;
}

/** The windows that the vendor gives the account. */
function windows(quota) {
  const section = el("section", { class: "panel" }, el("h2", {}, "The account behind the gateway"));
  section.append(quotaGauges(quota) || el("p", { class: "hint" }, "Nothing is known of the account's windows yet. The first answers bring it."));
  return section;
}

const windowWords = { five_hour: "5 hours", seven_day: "7 days", seven_day_opus: "7 days, Opus", seven_day_sonnet: "7 days, Sonnet" };

/** Nil where nothing is known. */
function quotaGauges(quota) {
  const known = Object.entries(quota.windows || {});
  if (!quota.known || !known.length) return null;
  return el("ul", { class: "gauges" }, known.map(([name, window]) => {
    const title = windowWords[name] || limitWords(name.replaceAll("_", "-"));
    const part = window.utilization ?? window.surpassed_threshold ?? null;
    const words = part === null ? (window.status || "not told") : Math.round(part * 100) + " % used";
    const reset = window.resets_at ? "ends in " + length((Date.parse(window.resets_at) - Date.now()) / 1000) + ", at " + moment(window.resets_at) : "";
    return el("li", {}, el("p", { class: "gauge-head" }, el("strong", {}, title), el("span", {}, words)),
      part === null ? null : meter(part, title + ": " + words), reset ? el("p", { class: "hint" }, reset) : null);
  }));
}

/** All days of a span, those without a row too. */
function wholeSpan(report, by) {
  const found = new Map(report.rows.map((row) => [row[by], row]));
  const nothing = { requests: 0, failures: 0, input_tokens: 0, output_tokens: 0, cost_usd: 0 };
  const rows = [];
  for (let day = new Date(report.since + "T00:00:00Z"); day.toISOString().slice(0, 10) <= report.until; day.setUTCDate(day.getUTCDate() + 1)) {
    const name = day.toISOString().slice(0, by === "month" ? 7 : 10);
    if (rows.length && rows[rows.length - 1][by] === name) continue;
    rows.push(found.get(name) || { ...nothing, [by]: name });
  }
  return rows;
}

function timeline(report, by) {
  const rows = wholeSpan(report, by);
  const total = report.total;
  const section = el("section", { class: "panel" }, el("h2", {}, by === "month" ? "By month" : "By day"));
  if (!total.requests) {
    section.append(empty("Nothing was asked in this time", "Ask something in the chat, or from any app with this key: it shows up here."));
    return section;
  }
  const hasCost = rows.some((row) => row.cost_usd > 0);
  const label = (name) => new Date(name + (by === "month" ? "-01" : "") + "T12:00:00Z").toLocaleDateString(undefined, by === "month" ? { month: "short" } : { day: "numeric", month: "short" });
  const refused = Object.values(total.refusals || {}).reduce((sum, number) => sum + number, 0);
  section.append(
    el("p", { class: "facts" }, el("span", {}, el("strong", {}, money(total.cost_usd))), el("span", {}, plural(total.requests, "request")),
      el("span", {}, plural(tokensOf(total), "token")), total.failures ? el("span", {}, count(total.failures) + " failed") : null, refused ? el("span", {}, count(refused) + " refused") : null),
    bars(hasCost ? money : count, rows.map((row) => ({
      label: label(row[by]), value: hasCost ? row.cost_usd : row.requests,
      title: label(row[by]) + ": " + money(row.cost_usd) + ", " + plural(row.requests, "request"),
    })), (hasCost ? "Cost" : "Requests") + " " + (by === "month" ? "by month" : "by day") + ", " + money(total.cost_usd) + " and " + plural(total.requests, "request") + " in all; the table below has the numbers."),
    el("details", { class: "numbers" }, el("summary", {}, "As a table"), usageTable(by === "month" ? "Usage by month" : "Usage by day", by, rows.filter((row) => row.requests))));
  return section;
}

/** What a row is of; the model of a request is known when its answer ends. */
const nameOf = (row, by) => row[by] || "not known yet";

const usageTable = (caption, by, rows) => dataTable(caption, [
  { title: limitWords(by), cell: (row) => nameOf(row, by) },
  { title: "Requests", number: true, cell: (row) => count(row.requests) },
  { title: "Failed", number: true, cell: (row) => count(row.failures || 0) },
  { title: "Tokens in", number: true, cell: (row) => count(tokensOf(row) - row.output_tokens) },
  { title: "Tokens out", number: true, cell: (row) => count(row.output_tokens) },
  { title: "Cost", number: true, cell: (row) => money(row.cost_usd) },
], rows, { isHidden: true });

function breakdown(title, by, rows) {
  if (!rows.length) return "";
  const sorted = [...rows].sort((left, right) => right.cost_usd - left.cost_usd || right.requests - left.requests);
  const most = sorted[0].cost_usd || 0;
  const sum = sorted.reduce((all, row) => all + row.cost_usd, 0);
  return el("section", { class: "panel" }, el("h2", {}, title),
    el("ul", { class: "shares" }, sorted.slice(0, 12).map((row) => el("li", {},
      el("p", { class: "gauge-head" }, el("strong", {}, nameOf(row, by)), el("span", {}, money(row.cost_usd) + " · " + plural(row.requests, "request"))),
      meterOf(most ? row.cost_usd / most : 0, nameOf(row, by) + ": " + (sum ? Math.round((row.cost_usd / sum) * 100) : 0) + " % of the cost")))),
    el("details", { class: "numbers" }, el("summary", {}, "As a table"), usageTable("Usage " + title.toLowerCase(), by, sorted)));
}

/** A part that is neither good nor bad. */
function meterOf(part, describe) {
  const node = meter(part, describe);
  node.setAttribute("class", "meter plain");
  return node;
}
