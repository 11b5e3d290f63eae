"use strict";
// Building blocks. Nothing here or elsewhere makes HTML from text: elements are made, and text is put into them as text.

/** Makes an element: `el("p", {class: "x", onclick: f}, "text", child)`. */
function el(name, attributes, ...children) {
  const node = document.createElement(name);
  return fill(node, attributes, children);
}

/** The same for SVG. */
function svg(name, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  return fill(node, attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled" || name === "hidden") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const byId = (id) => document.getElementById(id);

/** Says something to screen readers, without moving anybody's place. */
function announce(text) {
  const region = byId("polite");
  // The same words twice would not be heard again.
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 60);
}

// MARK: Numbers and times, as people read them

const whole = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });

const count = (number) => (number >= 100000 ? compact.format(number) : whole.format(number));

/** Dollars: two places, or more where they would say nothing. */
function money(dollars) {
  const places = dollars !== 0 && Math.abs(dollars) < 0.1 ? 4 : 2;
  return "$" + dollars.toLocaleString(undefined, { minimumFractionDigits: places, maximumFractionDigits: places });
}

/** A length of time in its two greatest units. */
function length(seconds) {
  seconds = Math.max(0, Math.ceil(seconds));
  if (seconds < 60) return seconds + " s";
  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = parts.findIndex(([, size]) => seconds >= size);
  const [great, size] = parts[first];
  const [small, sub] = parts[first + 1];
  const rest = Math.floor((seconds % size) / sub);
  return Math.floor(seconds / size) + " " + great + (rest ? " " + rest + " " + small : "");
}

/** A count-down as a clock shows it. */
function clock(seconds) {
  seconds = Math.max(0, Math.ceil(seconds));
  if (seconds >= 86400) return length(seconds);
  const pad = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  return (hours ? hours + ":" + pad(minutes) : String(minutes)) + ":" + pad(seconds % 60);
}

/** A moment: its time today, its day otherwise. */
function moment(when) {
  const date = new Date(when);
  if (Number.isNaN(date.getTime())) return String(when);
  const isToday = date.toDateString() === new Date().toDateString();
  const time = date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  return isToday ? time : date.toLocaleDateString(undefined, { day: "numeric", month: "short" }) + ", " + time;
}

const plural = (number, one, many) => count(number) + " " + (number === 1 ? one : many || one + "s");

/** A button that copies text and says so. */
function copyButton(text, label = "Copy") {
  const button = el("button", {
    type: "button", class: "quiet small",
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
        button.textContent = "Copied";
        announce("Copied");
      } catch {
        button.textContent = "Not allowed";
      }
      setTimeout(() => { button.textContent = label; }, 1600);
    },
  }, label);
  return button;
}

/** What is shown where there is nothing. */
function empty(title, text, ...more) {
  return el("div", { class: "empty" }, el("p", { class: "empty-title" }, title), el("p", {}, text), ...more);
}
