// Small plots, drawn as SVG by hand. Each says in words what it shows, and the numbers stand beside or below it as text.

/** Bars over time. `rows` are {label, value, title}; `words` spells a value at the axis. */
function bars(words, rows, describe) {
  // As wide as it will be, so that its words are as large as others.
  const wide = Math.max(260, Math.min(900, (byId("main").clientWidth || 720) - 90));
  const [high, foot, top] = [176, 22, 20];
  const most = Math.max(...rows.map((row) => row.value), 0);
  const step = wide / Math.max(rows.length, 1);
  const thick = Math.min(step * 0.66, 38);
  const tall = (value) => (most > 0 ? (value / most) * (high - foot - top) : 0);
  const every = Math.ceil(rows.length / Math.max(3, Math.min(8, wide / 90)));
  return svg("svg", { class: "plot", viewBox: "0 0 " + wide + " " + high, role: "img", "aria-label": describe },
    [0.5, 1].map((part) => svg("line", { class: "plot-grid", x1: 0, x2: wide, y1: high - foot - tall(most * part), y2: high - foot - tall(most * part) })),
    most > 0 ? svg("text", { class: "plot-label", x: 0, y: high - foot - tall(most) - 6 }, words(most)) : null,
    svg("line", { class: "plot-axis", x1: 0, x2: wide, y1: high - foot + 0.5, y2: high - foot + 0.5 }),
    rows.map((row, place) => {
      const height = row.value > 0 ? Math.max(tall(row.value), 2) : 0;
      return svg("g", {},
        svg("rect", { class: "plot-hit", x: place * step, y: 0, width: step, height: high - foot }, svg("title", {}, row.title)),
        svg("rect", { class: "plot-bar", x: place * step + (step - thick) / 2, y: high - foot - height, width: thick, height, rx: Math.min(3, thick / 3) }),
        (rows.length - 1 - place) % every === 0
          ? svg("text", place === rows.length - 1 ? { class: "plot-label", x: wide, y: high - 5, "text-anchor": "end" }
            : { class: "plot-label", x: place * step + step / 2, y: high - 5, "text-anchor": "middle" }, row.label) : null);
    }));
}

/** A part of a whole, as a line that fills; `level` colours it. */
function meter(part, describe) {
  const share = Math.max(0, Math.min(1, part));
  const level = part >= 0.95 ? "full" : part >= 0.75 ? "high" : "calm";
  return svg("svg", { class: "meter " + level, viewBox: "0 0 200 6", preserveAspectRatio: "none", role: "img", "aria-label": describe },
    svg("rect", { class: "meter-track", width: 200, height: 6 }),
    svg("rect", { class: "meter-fill", width: Math.max(share * 200, share > 0 ? 4 : 0), height: 6 }));
}

/** A table: `columns` are {title, cell, number}. */
function dataTable(caption, columns, rows, { isHidden = false } = {}) {
  return el("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", { class: "data" },
      el("caption", isHidden ? { class: "visually-hidden" } : {}, caption),
      el("thead", {}, el("tr", {}, columns.map((column) => el("th", { scope: "col", class: column.number ? "number" : null }, column.title)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, columns.map((column, place) =>
        el(place ? "td" : "th", { class: column.number ? "number" : null, scope: place ? null : "row" }, column.cell(row))))))));
}
