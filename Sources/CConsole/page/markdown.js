// Markdown as models write it, made into elements: code, lists, tables, quotes, emphasis and links. What it does not know
// stays text, so that nothing a model says is lost or becomes part of the page.

const fence = /^(\s{0,3})(`{3,}|~{3,})\s*([^`]*)$/;
const bullet = /^(\s*)([-*+]|\d{1,9}[.)])(\s+|$)(.*)$/;

function renderMarkdown(text) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  return blocks(lines, 0);
}

function blocks(lines, depth) {
  const out = document.createDocumentFragment();
  let paragraph = [];
  const flush = () => {
    if (paragraph.length) out.append(el("p", {}, inline(paragraph.join("\n"))));
    paragraph = [];
  };
  for (let at = 0; at < lines.length;) {
    const line = lines[at];
    const opened = line.match(fence);
    if (opened) {
      flush();
      at = code(lines, at, opened, out);
    } else if (/^\s*$/.test(line)) {
      flush();
      at += 1;
    } else if (/^ {0,3}#{1,6}\s/.test(line)) {
      flush();
      // Not headings of this page: its outline is its own.
      const level = line.trim().match(/^#+/)[0].length;
      out.append(el("p", { class: "md-heading md-heading-" + Math.min(level, 3) }, inline(line.trim().replace(/^#+\s+|\s+#+$/g, ""))));
      at += 1;
    } else if (/^ {0,3}([-*_])(\s*\1){2,}\s*$/.test(line)) {
      flush();
      out.append(el("hr", {}));
      at += 1;
    } else if (depth < 8 && /^ {0,3}>/.test(line)) {
      flush();
      const quoted = [];
      while (at < lines.length && /^ {0,3}>/.test(lines[at])) quoted.push(lines[at++].replace(/^ {0,3}> ?/, ""));
      out.append(el("blockquote", {}, blocks(quoted, depth + 1)));
    } else if (depth < 8 && bullet.test(line)) {
      flush();
      at = list(lines, at, depth, out);
    } else if (isTable(lines, at)) {
      flush();
      at = table(lines, at, out);
    } else {
      paragraph.push(line);
      at += 1;
    }
  }
  flush();
  return out;
}

/** A block of code; one whose end has not come yet goes on to the end. */
function code(lines, at, opened, out) {
  const [, indent, mark, info] = opened;
  const body = [];
  at += 1;
  const ends = (line) => line.trim().startsWith(mark) && /^\s*(`+|~+)\s*$/.test(line);
  while (at < lines.length && !ends(lines[at])) body.push(lines[at++].replace(new RegExp("^ {0," + indent.length + "}"), ""));
  const text = body.join("\n");
  const language = info.trim().split(/\s/)[0].slice(0, 24);
  out.append(el("div", { class: "code" },
    el("div", { class: "code-head" }, el("span", {}, language || "text"), copyButton(text)),
    el("pre", { tabindex: "0", role: "region", "aria-label": (language || "Text") + " code" }, el("code", {}, text))));
  return at + 1;
}

function list(lines, at, depth, out) {
  const [, indent, marker] = lines[at].match(bullet);
  const isOrdered = /\d/.test(marker);
  const node = el(isOrdered ? "ol" : "ul", isOrdered && parseInt(marker, 10) !== 1 ? { start: parseInt(marker, 10) } : {});
  while (at < lines.length) {
    const found = lines[at].match(bullet);
    if (!found || found[1].length !== indent.length || /\d/.test(found[2]) !== isOrdered) break;
    const inner = found[1].length + found[2].length + Math.min(Math.max(found[3].length, 1), 4);
    const item = [found[4]];
    at += 1;
    while (at < lines.length) {
      const line = lines[at];
      const lead = line.match(/^\s*/)[0].length;
      const isBlank = /^\s*$/.test(line);
      if (isBlank && !(at + 1 < lines.length && lines[at + 1].match(/^\s*/)[0].length >= inner && lines[at + 1].trim())) break;
      if (!isBlank && lead <= indent.length && (bullet.test(line) || item[item.length - 1] === "")) break;
      if (!isBlank && lead < inner && bullet.test(line) && lead <= indent.length) break;
      item.push(isBlank ? "" : line.slice(Math.min(lead, inner)));
      at += 1;
    }
    const content = blocks(item, depth + 1);
    // A short item needs no paragraph of its own.
    const only = content.childNodes.length >= 1 && content.firstChild.nodeName === "P" ? content.firstChild : null;
    if (only) only.replaceWith(...only.childNodes);
    node.append(el("li", {}, content));
    if (at < lines.length && /^\s*$/.test(lines[at]) && at + 1 < lines.length && bullet.test(lines[at + 1])) at += 1;
  }
  out.append(node);
  return at;
}

const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|"));

function isTable(lines, at) {
  return lines[at].includes("|") && at + 1 < lines.length && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[at + 1])
    && lines[at + 1].includes("-") && cells(lines[at]).length === cells(lines[at + 1]).length;
}

function table(lines, at, out) {
  const head = cells(lines[at]);
  at += 2;
  const rows = [];
  while (at < lines.length && lines[at].includes("|")) rows.push(cells(lines[at++]));
  out.append(el("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Table" },
    el("table", {},
      el("thead", {}, el("tr", {}, head.map((cell) => el("th", { scope: "col" }, inline(cell))))),
      el("tbody", {}, rows.map((row) => el("tr", {}, head.map((_, place) => el("td", {}, inline(row[place] || "")))))))));
  return at;
}

// MARK: Within a line

const spans = [
  // As long a row as anybody writes, and the whole of it: any number, tried in every length, would hold the page up for minutes.
  [/^(`{1,12})(?!`)([\s\S]*?[^`])\1(?!`)/, (found) => el("code", {}, found[2].replace(/^ (.+) $/, "$1"))],
  [/^\*\*(?=\S)([\s\S]*?\S)\*\*/, (found, depth) => el("strong", {}, inline(found[1], depth))],
  [/^__(?=\S)([\s\S]*?\S)__(?!\w)/, (found, depth) => el("strong", {}, inline(found[1], depth))],
  [/^~~(?=\S)([\s\S]*?\S)~~/, (found, depth) => el("del", {}, inline(found[1], depth))],
  [/^\*(?=[^\s*])([\s\S]*?[^\s*])\*(?!\*)/, (found, depth) => el("em", {}, inline(found[1], depth))],
  [/^_(?=[^\s_])([\s\S]*?[^\s_])_(?!\w)/, (found, depth) => el("em", {}, inline(found[1], depth))],
  // An image would be fetched from elsewhere; its link says where it is.
  [/^!?\[([^\]\n]*)\]\(\s*<?([^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*)>?(?:\s+"[^"\n]*")?\s*\)/, (found, depth) => link(found[2], inline(found[1] || found[2], depth), found[0])],
  [/^<((?:https?:\/\/|mailto:)[^\s<>]+)>/i, (found) => link(found[1], found[1], found[0])],
  [/^https?:\/\/[^\s<>"'`)\]]*[^\s<>"'`)\].,;:!?*_]/i, (found) => link(found[0], found[0], found[0])],
  [/^\\([\\`*_{}[\]()#+\-.!~|<>])/, (found) => found[1]],
];

function inline(text, depth = 0) {
  const out = [];
  let plain = "";
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at, at + 4000);
    const before = at ? text[at - 1] : " ";
    let made = null;
    if (depth < 6 && "`*_~![<h\\".includes(rest[0].toLowerCase()) && !(/\w/.test(before) && /[_h]/i.test(rest[0]))) {
      for (const [pattern, make] of spans) {
        const found = rest.match(pattern);
        if (!found) continue;
        made = [found[0].length, make(found, depth + 1)];
        break;
      }
    }
    if (!made) {
      plain += text[at++];
      continue;
    }
    if (plain) out.push(plain);
    plain = "";
    out.push(made[1]);
    at += made[0];
  }
  if (plain) out.push(plain);
  return out;
}

/** A link to where browsers go without running anything; any other stays the text it was. */
function link(address, content, written) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return written;
  }
  if (!["https:", "http:", "mailto:"].includes(url.protocol)) return written;
  return el("a", { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow" }, content);
}
