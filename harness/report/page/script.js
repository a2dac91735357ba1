// Code generated from the modules beside it by go generate ./harness/report. DO NOT EDIT.
"use strict";
(() => {
  // ../../../harness/report/page/data.mjs
  async function unpack(block) {
    const packed = Uint8Array.from(atob(block.textContent || ""), (c) => c.charCodeAt(0));
    return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  }
  function detailsIn(blocks, chunk) {
    const unpacked = /* @__PURE__ */ new Map();
    return async (place) => {
      const at = Math.floor(place / chunk);
      const details = unpacked.get(at) || unpack(blocks[at]);
      unpacked.set(at, details);
      return (await details)[place % chunk];
    };
  }

  // ../../../harness/report/page/element.mjs
  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== void 0 && value !== false) {
        element.setAttribute(name, String(value));
      }
    }
    element.append(...children);
    return element;
  }
  function html(name, attributes = {}, ...children) {
    return fill(document.createElement(name), attributes, children);
  }
  function svg(name, attributes = {}, ...children) {
    return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
  }
  function breakable(name) {
    return name.split("/").flatMap((part, i) => i === 0 ? [part] : ["/", html("wbr"), part]);
  }
  var byId = (id) => (
    /** @type {HTMLElement} */
    document.getElementById(id)
  );
  function choice(text, options, chosen, pick) {
    const select = html("select", {}, ...options.map((option, i) => html("option", { value: i }, option)));
    select.value = String(chosen);
    select.addEventListener("change", () => pick(Number(select.value)));
    return html("label", {}, text + " ", select);
  }
  function badge(index, verdict) {
    return html("span", { class: "badge v-" + verdict, "aria-hidden": "true" }, index.letters[verdict]);
  }
  function onWidth(box, draw2) {
    let width = 0;
    new ResizeObserver(() => {
      if (box.clientWidth !== width) {
        width = box.clientWidth;
        draw2();
      }
    }).observe(box);
  }
  function labelled(ticks, room, width) {
    const each = Math.ceil(ticks.length * width / room);
    return ticks.filter((_, i) => i % each === 0);
  }

  // ../../../harness/report/page/kind.mjs
  var patterns = {
    "anon": "",
    "shmem": "M-2 2L2 -2M0 8L8 0M6 10L10 6",
    "sock": "M2 1.2v1.6M6 5.2v1.6",
    "kernel": "M0 0L8 8M0 8L8 0",
    "page cache": "M0 4H8",
    "page tables": "M4 0V8",
    "not split": "M0 2H8M0 6H8"
  };
  var other = { file: "page cache", swap: "sock" };
  var nameOf = (kind) => (other[kind] || kind).replaceAll(" ", "-");
  var filling = (kind) => `url(#kind-${nameOf(kind)})`;
  function definePatterns() {
    const all = Object.entries(patterns).map(([kind, d]) => svg(
      "pattern",
      { id: `kind-${nameOf(kind)}`, class: `kind k-${nameOf(kind)}`, width: 8, height: 8, patternUnits: "userSpaceOnUse" },
      svg("rect", { width: 8, height: 8 }),
      svg("path", { d })
    ));
    document.body.append(svg("svg", { class: "patterns", width: 0, height: 0, "aria-hidden": "true" }, svg("defs", {}, ...all)));
  }
  var line = "swap, the dotted line";
  function swatch(kind) {
    return svg("svg", { class: "swatch", width: 18, height: 14, "aria-hidden": "true" }, kind === line ? svg("path", { class: "swap", d: "M0 7H18" }) : svg("rect", { class: "area-line", x: 0.5, y: 0.5, width: 17, height: 13, fill: filling(kind) }));
  }
  function legend(label, kinds) {
    return html("ul", { class: "legend", "aria-label": label }, ...kinds.map(({ kind, text }) => html("li", {}, swatch(kind), html("span", {}, kind), html("span", { class: "dim" }, text))));
  }

  // ../../../harness/report/page/kills.mjs
  function drawKills(index, open) {
    const { kills, marks: shapes } = index;
    if (!kills) {
      byId("kills-section").hidden = true;
      return;
    }
    const series = kills.series.map((s, i) => ({ ...s, style: i % shapes.length }));
    const many = series.length > shapes.length;
    let shown = series;
    let marks = [];
    const box = byId("kills");
    const redraw = () => {
      const drawn = killsPlot(index, kills, shown, box.clientWidth || 720);
      marks = drawn.marks;
      box.replaceChildren(drawn.plot);
      byId("kills-hint").textContent = (box.querySelector(".band") ? "The band is what was predicted. " : "") + "Filled marks are kills by the cage's own limit, hollow ones are other ends." + (kills.max.far ? ` Behind the cut the axis is not to scale: ${kills.max.far.map((t) => t.text).join(", ")}.` : "") + (many ? " So many series share marks: choose one to tell it apart." : "");
    };
    if (many) {
      byId("kills-controls").append(choice("Series", [`all ${series.length}, without their bands`, ...series.map((s) => s.name)], 0, (i) => {
        shown = i === 0 ? series : [series[i - 1]];
        redraw();
      }));
    }
    onWidth(box, redraw);
    box.addEventListener("click", (event) => {
      const frame = box.children[0].getBoundingClientRect();
      const nearest = nearestMark(marks, event.clientX - frame.left, event.clientY - frame.top);
      if (nearest) {
        open(nearest.point, nearest.series.points.map((place) => index.points[place]));
      }
    });
  }
  function nearestMark(all, x, y) {
    let best = null;
    let distance = 24 ** 2;
    for (const m of all) {
      const d = (m.x - x) ** 2 + (m.y - y) ** 2;
      if (d < distance) {
        best = m;
        distance = d;
      }
    }
    return best;
  }
  function killsPlot(index, kills, series, width) {
    const height = Math.max(280, Math.min(420, width * 0.45));
    const bands = series.length <= index.marks.length;
    const named = bands && width > 480 && kills.series.length > 1;
    const frame = { left: 44, right: width - (named ? 195 : 16), top: 14, bottom: height - 46 };
    const steps = series.length === 1 ? series[0].steps : kills.steps;
    const x = (v) => frame.left + share(kills.max, v) * (frame.right - frame.left);
    const y = (v) => frame.bottom - v / steps.top * (frame.bottom - frame.top);
    const count2 = series.reduce((sum, s) => sum + s.points.length, 0);
    const says = `Acknowledged steps over memory.max: ${count2} points in ${series.length} series, from ${kills.from} to ${kills.to}. The table below has the same figures.`;
    const plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": says }, svg("title", {}, says));
    for (const { at, text } of steps.ticks) {
      plot.append(
        svg("line", { class: "grid", x1: frame.left, x2: frame.right, y1: y(at), y2: y(at) }),
        svg("text", { x: frame.left - 8, y: y(at) + 4, "text-anchor": "end" }, text)
      );
    }
    for (const { at, text } of labelled(kills.max.ticks, width, 110)) {
      plot.append(
        svg("line", { class: "grid", x1: x(at), x2: x(at), y1: frame.top, y2: frame.bottom }),
        svg("text", { x: x(at), y: frame.bottom + 18, "text-anchor": "middle" }, text)
      );
    }
    plot.append(...farTicks(kills.max, x, frame));
    const middle = (frame.top + frame.bottom) / 2;
    plot.append(
      svg("text", { x: (frame.left + frame.right) / 2, y: height - 6, "text-anchor": "middle" }, "memory.max"),
      svg("text", { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }, "steps")
    );
    const clip = svg("clipPath", { id: "kills-clip" }, svg("rect", { x: frame.left, y: frame.top, width: frame.right - frame.left + 8, height: frame.bottom - frame.top + 6 }));
    const inside = svg("g", { "clip-path": "url(#kills-clip)" });
    plot.append(svg("defs", {}, clip), inside);
    const mark = (s, x2, y2) => `M${x2.toFixed(1)} ${y2.toFixed(1)}${index.marks[s.style]}`;
    const marks = [];
    const rings = [];
    for (const s of series) {
      if (bands && s.band) {
        inside.append(svg("path", { class: `band s${s.style}`, d: bandPath(s.band.filter((w) => !kills.max.far || w.max <= kills.max.top), x, y, steps.top) }));
      }
      const paths = { filled: "", hollow: "" };
      for (const point of s.points.map((place) => index.points[place])) {
        const at = { x: x(point.max || 0), y: y(point.acked), point, series: s };
        paths[index.own.includes(point.verdict) ? "filled" : "hollow"] += mark(s, at.x, at.y);
        if (point.findings) {
          rings.push(svg("circle", { class: "ring", cx: at.x, cy: at.y, r: 10 }));
        }
        marks.push(at);
      }
      plot.append(...Object.entries(paths).map(([style, d]) => svg("path", { class: `mark ${style} s${s.style}`, d })));
    }
    plot.append(...rings.slice(0, 200), ...series.length === 1 ? repeats(marks) : []);
    if (bands && kills.series.length > 1) {
      for (const { s, left, top, name } of named ? namesAtEnds(series, index.points, x, y) : namesInCorner(series, frame)) {
        plot.append(svg(
          "g",
          {},
          svg("path", { class: `mark filled s${s.style}`, d: mark(s, left, top) }),
          svg("text", { class: `label s${s.style}`, x: left + 11, y: top + 4 }, name)
        ));
      }
    }
    return { plot, marks };
  }
  function repeats(marks) {
    const at = /* @__PURE__ */ new Map();
    for (const mark of marks) {
      const key = `${mark.x} ${mark.y}`;
      const there = at.get(key) || { mark, count: 0 };
      there.count++;
      at.set(key, there);
    }
    return [...at.values()].filter(({ count: count2 }) => count2 > 1).map(({ mark, count: count2 }) => svg("text", { class: "times", x: mark.x + 11, y: mark.y - 5 }, `×${count2}`));
  }
  function share({ from = 0, top, far = [] }, v) {
    const room = 0.16;
    const at = far.findIndex((t) => t.at >= v);
    const place = v <= top || far.length === 0 ? (v - from) / (top - from) : 1 + ((at < 0 ? far.length - 1 : at) + 0.6) * room;
    return place / (1 + far.length * room);
  }
  function farTicks({ top, far = [] }, x, frame) {
    if (far.length === 0) {
      return [];
    }
    const cut = x(top);
    const each = (frame.right - cut) / far.length;
    return [
      svg("rect", { class: "far", x: cut, y: frame.top, width: frame.right - cut, height: frame.bottom - frame.top }),
      svg("path", { class: "cut", d: `M${(cut - 4).toFixed(1)} ${frame.bottom + 5}l5 -10m-1 10l5 -10` }),
      ...far.filter((_, i) => each > 50 || i === far.length - 1).map(({ at, text }) => svg("text", { x: x(at), y: frame.bottom + 18, "text-anchor": "middle" }, text))
    ];
  }
  function bandPath(band, x, y, top) {
    const there = band.map((w) => `${x(w.max)} ${y(Math.min(w.hi, top * 2))}`);
    const back = band.map((w) => `${x(w.max)} ${y(Math.min(w.lo, top * 2))}`).reverse();
    return "M" + [...there, ...back].join("L") + "z";
  }
  function namesAtEnds(series, points, x, y) {
    let above = -Infinity;
    return series.map((s) => ({ s, last: points[s.points[s.points.length - 1]] })).sort((a, b) => y(a.last.acked) - y(b.last.acked)).map(({ s, last }) => {
      above = Math.max(y(last.acked), above + 15);
      return { s, left: x(last.max || 0) + 26, top: above, name: s.name.length > 24 ? s.name.slice(0, 23) + "…" : s.name };
    });
  }
  function namesInCorner(series, frame) {
    return series.map((s, i) => ({ s, left: frame.left + 14, top: frame.top + 10 + i * 18, name: s.name }));
  }

  // ../../../harness/report/page/count.mjs
  var count = (n, what) => `${n} ${what}${String(n) === "1" ? "" : "s"}`;

  // ../../../harness/report/page/map.mjs
  function drawMap(index, open) {
    const axes = index.axes;
    const regular = index.points.filter((p) => p.values.every((v) => v >= 0));
    if (axes.length === 0 || regular.length === 0 || axes.length === 1 && axes[0].Values.length === 1 && !axes[0].Values[0]) {
      byId("map-section").hidden = true;
      return;
    }
    const view = firstView(axes);
    let cells = [];
    const controls = byId("map-controls");
    const redraw = () => {
      const focused = [...controls.querySelectorAll("select")].findIndex((select) => select === document.activeElement);
      controls.replaceChildren();
      if (axes.length > 2) {
        const names = axes.map((a) => a.Name);
        const swap = (which, other2) => (i) => {
          if (view[other2] === i) {
            view[other2] = view[which];
          }
          view[which] = i;
          redraw();
        };
        controls.append(choice("Across", names, view.across, swap("across", "down")), choice("Down", names, view.down, swap("down", "across")));
        axes.forEach((a, i) => {
          if (i !== view.across && i !== view.down && a.Values.length > 1) {
            controls.append(choice(a.Name, a.Values, view.fixed[i], (v) => {
              view.fixed[i] = v;
              redraw();
            }));
          }
        });
      }
      cells = cellsOf(regular, axes, view);
      byId("map").replaceChildren(mapTable(index, cells, view));
      controls.querySelectorAll("select")[focused]?.focus();
    };
    redraw();
    const openCell = (cell) => {
      const points = cells[
        /** @type {HTMLTableRowElement} */
        cell.parentElement.sectionRowIndex
      ][cell.cellIndex - 1];
      open(points[0], points);
    };
    for (
      const [kind, act] of
      /** @type {const} */
      [["click", openCell], ["keydown", moveInMap]]
    ) {
      byId("map").addEventListener(kind, (event) => {
        const cell = (
          /** @type {Element} */
          event.target.closest(".cell")
        );
        if (cell) {
          act(
            /** @type {HTMLTableCellElement} */
            cell,
            /** @type {any} */
            event,
            openCell
          );
        }
      });
    }
    if (regular.length < index.points.length) {
      byId("map-hint").append(` ${index.points.length - regular.length} points have other axes and are only in the table.`);
    }
  }
  function firstView(axes) {
    const order = axes.map((_, i) => i).sort((a, b) => axes[b].Values.length - axes[a].Values.length);
    const max = axes.findIndex((a) => a.Name === "max" && a.Values.length > 1);
    const across = max >= 0 ? max : order[0];
    return { across, down: order.find((i) => i !== across) ?? -1, fixed: axes.map(() => 0) };
  }
  function cellsOf(points, axes, { across, down, fixed }) {
    const cells = Array.from({ length: down < 0 ? 1 : axes[down].Values.length }, () => axes[across].Values.map(() => []));
    for (const p of points) {
      if (p.values.every((v, i) => i === across || i === down || v === fixed[i])) {
        cells[down < 0 ? 0 : p.values[down]][p.values[across]].push(p);
      }
    }
    return cells;
  }
  function mapTable(index, cells, view) {
    const across = index.axes[view.across];
    const down = index.axes[view.down];
    const columns2 = across.Values.length;
    const size = columns2 > 24 ? " dense" : columns2 >= 6 && columns2 <= 16 ? " full" : "";
    const caption = `Verdict and acknowledged steps by ${across.Name}` + (down ? ` and ${down.Name}` : "");
    const table = html("table", { class: "map" + size, role: "grid", "aria-label": caption, "aria-describedby": "map-hint" });
    table.style.setProperty("--columns", String(columns2));
    table.append(html("thead", {}, html(
      "tr",
      { role: "row" },
      ...[(down ? down.Name + " ↓  " : "") + across.Name + " →", ...across.Values].map((text) => html("th", { scope: "col", role: "columnheader" }, text))
    )));
    table.append(html("tbody", {}, ...cells.map((row, y) => html(
      "tr",
      { role: "row" },
      html("th", { scope: "row", role: "rowheader" }, down ? down.Values[y] : ""),
      ...row.map((points) => points.length ? mapCell(index, points) : html("td", { role: "gridcell" }))
    ))));
    const first = (
      /** @type {HTMLElement | null} */
      table.querySelector(".cell")
    );
    if (first) {
      first.tabIndex = 0;
    }
    return table;
  }
  function mapCell(index, points) {
    const { verdicts, steps, found, label } = cellText(index.verdicts, points);
    return html(
      "td",
      {
        role: "gridcell",
        tabindex: -1,
        title: label,
        "aria-label": label,
        class: `cell v-${verdicts[0]}` + (verdicts.length > 1 ? " mixed" : "") + (found ? " found" : "")
      },
      `${verdicts.map((v) => index.letters[v]).join("")} ${steps}${found ? " !" : ""}`
    );
  }
  function cellText(order, points) {
    const times = (v) => points.filter((p) => p.verdict === v).length;
    const verdicts = order.filter((v) => times(v) > 0).sort((a, b) => times(b) - times(a));
    const said = verdicts.length === 1 ? verdicts : verdicts.map((v) => `${v} (${times(v)} of ${points.length})`);
    const counts = points.map((p) => p.acked);
    const [lo, hi] = [Math.min(...counts), Math.max(...counts)];
    const steps = lo === hi ? String(lo) : `${lo}–${hi}`;
    const found = points.some((p) => p.findings);
    const label = `${points[0].name}${points.length > 1 ? ` and ${count(points.length - 1, "repeat")}` : ""}: ${said.join(" and ")}, ${count(steps, "step")}` + (points[0].predicted ? `, predicted ${points[0].predicted}` : "") + (found ? ", has a finding" : "");
    return { verdicts, steps, found, label };
  }
  function moveInMap(cell, event, openCell) {
    const row = (
      /** @type {HTMLTableRowElement} */
      cell.parentElement
    );
    const isCell = (e) => e?.classList.contains("cell");
    const cells = [...row.cells].filter(isCell);
    const column = [.../** @type {HTMLTableSectionElement} */
    row.parentElement.rows].map((r) => r.cells[cell.cellIndex]).filter(isCell);
    const beside = (among, by) => among[Math.max(0, Math.min(among.length - 1, among.indexOf(cell) + by))];
    const keys = {
      ArrowLeft: () => beside(cells, -1),
      ArrowRight: () => beside(cells, 1),
      Home: () => cells[0],
      End: () => cells[cells.length - 1],
      ArrowUp: () => beside(column, -1),
      ArrowDown: () => beside(column, 1)
    };
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      openCell(cell);
    } else if (Object.hasOwn(keys, event.key)) {
      event.preventDefault();
      const to = keys[event.key]();
      cell.tabIndex = -1;
      to.tabIndex = 0;
      to.focus();
    }
  }

  // ../../../harness/report/page/inside.mjs
  var barWidth = 220;
  function pieces(sizes, top, width) {
    let left = 0;
    return sizes.map((size) => {
      const piece = { left, wide: size / Math.max(top, 1) * width };
      left += piece.wide;
      return piece;
    });
  }
  function insideTable(inside) {
    const { when, kinds, rows, top, rest } = inside;
    const bar = (sizes) => svg(
      "svg",
      { viewBox: `0 0 ${barWidth} 16`, preserveAspectRatio: "none", "aria-hidden": "true" },
      ...pieces(sizes, top, barWidth).map(({ left, wide }, i) => svg("rect", { class: "area-line", x: left, y: 1, width: wide, height: 14, fill: filling(kinds[i]) }))
    );
    const head = html(
      "tr",
      {},
      html("th", { scope: "col" }, "Process"),
      html("td"),
      ...kinds.map((kind) => html("th", { scope: "col", class: "number" }, kind)),
      html("th", { scope: "col", class: "wide-only" }, "State")
    );
    return [
      html("p", { class: "hint" }, when + " What two of them share, each of them has, and some of it may be charged elsewhere."),
      html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Processes" }, html("table", { class: "inside" }, html("thead", {}, head), html(
        "tbody",
        {},
        ...rows.map((r) => html(
          "tr",
          {},
          html("th", { scope: "row" }, r.name),
          html("td", {}, bar(r.sizes)),
          ...r.texts.map((text) => html("td", { class: "number" }, text)),
          html("td", { class: "dim wide-only" }, r.note || "")
        ))
      ))),
      ...rest ? [html("p", { class: "hint" }, rest)] : [],
      legend("Kinds of memory of a process", kinds.map((kind) => ({ kind, text: "" })))
    ];
  }

  // ../../../harness/report/page/stack.mjs
  var page = 4096;
  function sums(column) {
    let sum = 0;
    return column.map((v) => sum += v);
  }
  function stacked({ kinds = [], columns: columns2 }) {
    const current = sums(columns2.current || []);
    let lower = current.map(() => 0);
    return kinds.map((kind) => {
      const sizes = sums(columns2[kind] || []);
      const upper = lower.map((v, i) => Math.min(v + sizes[i] * page, Math.max(current[i], v)));
      const area = { kind, lower, upper };
      lower = upper;
      return area;
    });
  }
  function fullest({ columns: columns2 }) {
    const current = sums(columns2.current || []);
    return current.lastIndexOf(Math.max(...current));
  }
  function kindsAt({ kinds = [], columns: columns2 }, place) {
    return kinds.map((kind) => ({ kind, size: (sums(columns2[kind] || [])[place] || 0) * page }));
  }
  var mib = (bytes) => (bytes / 2 ** 20).toFixed(1) + " MiB";

  // ../../../harness/report/page/readings.mjs
  var page2 = 4096;
  function readingRows({ kinds = [], columns: columns2 }) {
    const at = sums(columns2.at || []);
    const of = (name) => sums(columns2[name] || at.map(() => 0));
    const sizes = [of("current"), ...kinds.map((kind) => of(kind).map((n) => n * page2)), ...columns2.swap ? [of("swap")] : []];
    const events = ["high", "max", "oom", "oom_kill"].filter((name) => columns2[name]);
    const step = of("step");
    return {
      head: ["Time", "Steps", "memory.current", ...kinds, ...columns2.swap ? ["swap"] : [], ...events],
      rows: at.map((us, i) => [`${(us / 1e6).toFixed(3)} s`, String(step[i]), ...sizes.map((s) => mib(s[i])), ...events.map((name) => String(of(name)[i]))])
    };
  }
  function readingsTable(timeline) {
    const details = html("details", { id: "readings" }, html("summary", {}, "Readings as a table"));
    details.addEventListener("toggle", () => {
      if (details.querySelector("table")) {
        return;
      }
      const { head, rows } = readingRows(timeline);
      details.append(html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Readings" }, html(
        "table",
        { class: "inside" },
        html("thead", {}, html("tr", {}, ...head.map((text) => html("th", { scope: "col", class: "number" }, text)))),
        html("tbody", {}, ...rows.map((row) => html("tr", {}, ...row.map((text) => html("td", { class: "number" }, text)))))
      )));
    });
    return details;
  }

  // ../../../harness/report/page/latency.mjs
  function stepMoments({ gap = [], took = [] }) {
    let end = 0;
    return gap.map((us, i) => {
      const begin = end + us;
      end = begin + took[i];
      return { begin, end };
    });
  }
  function latencyLane(steps, x, top, high, frame) {
    const { took, columns: columns2, failed = [], p50, last, slowest, doubled } = steps;
    const bottom = top + high;
    const y = (us) => bottom - us / (took?.top || 1) * high;
    const segment = ({ begin = 0, end = 0 }) => `M${x(begin).toFixed(1)} ${y(end - begin).toFixed(1)}H${Math.max(x(end), x(begin) + 0.1).toFixed(1)}`;
    const cross = ({ begin = 0, end = 0 }) => `M${(x(end) - 3.5).toFixed(1)} ${(y(end - begin) - 3.5).toFixed(1)}l7 7m0 -7l-7 7`;
    const all = stepMoments(columns2);
    const bad = new Set(failed);
    return [
      svg("rect", { class: "lane", x: frame.left, width: frame.right - frame.left, y: top, height: high }),
      ...(took?.ticks || []).slice(1).flatMap((tick) => [
        svg("line", { class: "grid", x1: frame.left, x2: frame.right, y1: y(tick.at), y2: y(tick.at) }),
        svg("text", { x: frame.left - 8, y: y(tick.at) + 4, "text-anchor": "end" }, tick.text)
      ]),
      svg("text", { x: frame.left - 8, y: bottom + 1, "text-anchor": "end" }, "latency"),
      ...doubled ? [
        svg("line", { class: "doubled", x1: x(doubled.at), x2: x(doubled.at), y1: top, y2: bottom }),
        svg("text", { x: x(doubled.at) + 5, y: top + 11 }, frame.wide ? doubled.text : "×2")
      ] : [],
      svg("path", { class: "latency", d: all.filter((_, i) => !bad.has(i)).map(segment).join("") }),
      svg("path", { class: "latency failed", d: all.filter((_, i) => bad.has(i)).map((s) => segment(s) + cross(s)).join("") }),
      ...frame.wide ? [...p50 ? [`p50 ${p50}`, `last ${last}`] : [], `max ${slowest}`].map((text, i) => svg("text", { x: frame.right + 6, y: top + 12 + 16 * i }, text)) : []
    ];
  }

  // ../../../harness/report/page/timeline.mjs
  var counters = ["high", "max", "oom", "oom_kill"];
  var laneHeight = 20;
  var total = (column) => (column || []).reduce((sum, v) => sum + v, 0);
  function timelineText(point, timeline) {
    const { over, limits = [], some, full, columns: columns2, kills = [], captures = [], steps } = timeline;
    const rose = counters.flatMap((name) => columns2[name] ? [`${name} ${total(columns2[name])}`] : []);
    const kinds = kindsAt(timeline, fullest(timeline)).filter((k) => k.size > 0).map((k) => `${k.kind} ${mib(k.size)}`);
    const changes = limits.flatMap((l) => (l.changes || []).map((c) => `${l.name} ${c.text} from ${seconds(c.time)} on`));
    return [
      `memory.current over ${over}: ` + [`up to ${point.peakText}`, ...limits.map((l) => `${l.name} ${l.text}`), ...changes].join(", "),
      ...kinds.length > 0 ? ["the highest reading has " + kinds.join(", ")] : [],
      ...columns2.swap ? [`swap up to ${mib(Math.max(...sums(columns2.swap)))}`] : [],
      count(point.acked, "step") + (steps?.p50 ? `, half of them within ${steps.p50}, the slowest ${steps.slowest}, the last ${steps.last}` : "") + (steps?.doubled ? `, ${steps.doubled.text}` : ""),
      rose.join(", ") || "no events",
      ...kills.length > 0 ? [kills.map((k) => `${k.text} after ${seconds(k.at)}`).join(", ")] : [],
      ...captures.length > 0 ? [captures.map((c) => `captured ${c.text} after ${seconds(c.at)}`).join(", ")] : [],
      ...some ? [`pressure ${some}, ${full}`] : []
    ].join("; ");
  }
  var seconds = (us) => (us / 1e6).toFixed(us < 1e7 ? 2 : 1) + " s";
  function timelinePlot(point, timeline, width) {
    const { time, memory, some, full, columns: columns2, steps } = timeline;
    if (!time || !memory) {
      return html("p", { class: "dim" }, "The timeline has no two readings to draw.");
    }
    const wide = width > 480;
    const plotHeight = Math.max(180, Math.min(280, width * 0.36));
    const frame = { left: 74, right: width - (wide ? 92 : 16), top: 38, bottom: 38 + plotHeight, wide };
    const lanes = counters.filter((name) => columns2[name]);
    const pressureTop = frame.bottom + 8 + lanes.length * laneHeight;
    const latencyTop = pressureTop + (some ? 44 : 0);
    const height = latencyTop + (steps ? 84 : 0) + 26;
    const from = time.from || 0;
    const x = (t) => frame.left + Math.max(t - from, 0) / (time.top - from || 1) * (frame.right - frame.left);
    const y = (v) => frame.bottom - v / memory.top * plotHeight;
    const at = sums(columns2.at || []);
    const says = timelineText(point, timeline);
    const plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": says }, svg("title", {}, says));
    plot.append(...memoryArea(timeline, at, x, y, frame), ...limitLines(timeline, x, y, frame), ...moments(timeline, x, frame));
    const lane = (name, middle, high) => plot.append(
      svg("rect", { class: "lane", x: frame.left, width: frame.right - frame.left, y: middle - high / 2, height: high }),
      svg("text", { x: frame.left - 8, y: middle + 4, "text-anchor": "end" }, name)
    );
    lanes.forEach((name, i) => {
      const middle = frame.bottom + 8 + (i + 0.5) * laneHeight;
      lane(name, middle, 14);
      const d = (columns2[name] || []).map((rose, j) => rose > 0 ? `M${x(at[j]).toFixed(1)} ${middle - 7}v14` : "").join("");
      plot.append(svg("path", { class: "tick" + (name.startsWith("oom") ? " bad" : ""), d }));
      if (wide) {
        plot.append(svg("text", { x: frame.right + 6, y: middle + 4 }, String(total(columns2[name]))));
      }
    });
    if (some && full) {
      const middle = pressureTop + 23;
      lane("pressure", middle, 30);
      plot.append(
        svg("path", { class: "pressure", d: sharePath(columns2.some || [], at, x, middle + 15) }),
        svg("path", { class: "pressure full", d: sharePath(columns2.full || [], at, x, middle + 15) })
      );
      if (wide) {
        plot.append(svg("text", { x: frame.right + 6, y: middle - 3 }, some), svg("text", { x: frame.right + 6, y: middle + 12 }, full));
      }
    }
    if (steps) {
      plot.append(...latencyLane(steps, x, latencyTop + 10, 66, frame));
    }
    for (const tick of labelled(time.ticks, width, 90)) {
      plot.append(svg("text", { x: x(tick.at), y: height - 6, "text-anchor": "middle" }, tick.text));
    }
    return plot;
  }
  function memoryArea(timeline, at, x, y, frame) {
    const { memory, columns: columns2 } = timeline;
    const points = (values) => values.map((v, i) => `${x(at[i]).toFixed(1)} ${y(v).toFixed(1)}`);
    const drawn = (memory?.ticks || []).flatMap((tick) => [
      svg("line", { class: "grid", x1: frame.left, x2: frame.right, y1: y(tick.at), y2: y(tick.at) }),
      svg("text", { x: frame.left - 8, y: y(tick.at) + 4, "text-anchor": "end" }, tick.text)
    ]);
    const current = points(sums(columns2.current || [])).join("L");
    drawn.push(svg("path", { class: "area", d: `M${x(at[0])} ${frame.bottom}L${current}L${x(at[at.length - 1])} ${frame.bottom}z` }));
    for (const { kind, lower, upper } of stacked(timeline)) {
      const d = `M${points(upper).join("L")}L${points(lower).reverse().join("L")}z`;
      drawn.push(svg("path", { class: "area-line kind-area", "data-kind": kind, d, fill: filling(kind) }));
    }
    drawn.push(...stepLines(columns2.step || [], at, x, frame), svg("path", { class: "memory", d: "M" + current }));
    if (columns2.swap) {
      drawn.push(svg("path", { class: "swap", d: "M" + points(sums(columns2.swap)).join("L") }));
    }
    return drawn;
  }
  function limitLines({ limits = [], memory }, x, y, frame) {
    let above = frame.top;
    return limits.flatMap((limit) => {
      const top = memory?.top || 0;
      const middle = y(limit.at);
      if (limit.at > top && !limit.changes) {
        return [svg("text", { class: "limit-text", x: frame.left + 6, y: above += 15 }, `↑ ${limit.name} ${limit.text} is above this picture`)];
      }
      const d = limitPath(limit, top, x, y, frame);
      const last = (limit.changes || []).reduce((_, c) => c.at > 0 && c.at <= top ? y(c.at) : frame.top, limit.at > top ? frame.top : middle);
      return [
        svg("path", { class: limit.name === "memory.high" ? "limit high" : "limit", d }),
        frame.wide ? svg("text", { class: "limit-text", x: frame.right + 6, y: last + 4 }, limit.name) : svg("text", { class: "limit-text", x: frame.right, y: last - 5, "text-anchor": "end" }, limit.name)
      ];
    });
  }
  function limitPath(limit, top, x, y, frame) {
    const height = (at) => (at > 0 && at <= top ? y(at) : frame.top).toFixed(1);
    const steps = (limit.changes || []).map((c) => `H${x(c.time).toFixed(1)}V${height(c.at)}`);
    return `M${frame.left} ${height(limit.at)}${steps.join("")}H${frame.right}`;
  }
  function moments({ kills = [], captures = [] }, x, frame) {
    const mark = (name, m, i) => {
      const left = x(m.at);
      const end = left > (frame.left + frame.right) / 2;
      return [
        svg("line", { class: `moment ${name}`, x1: left, x2: left, y1: frame.top - 18, y2: frame.bottom }),
        ...m.took ? [svg("rect", { class: "taking", x: left, y: frame.top - 4, width: Math.max(x(m.at + m.took) - left, 2), height: 4 })] : [],
        ...i === 0 ? [svg(
          "text",
          { class: name + "-text", x: left + (end ? -5 : 5), y: frame.top - (name === "kill" ? 8 : 22), "text-anchor": end ? "end" : "start" },
          name === "kill" ? "✕ " + (kills.length > 1 ? `${kills.length} OOM kills` : m.text) : "◆ " + m.text
        )] : []
      ];
    };
    return [...captures.flatMap((c, i) => mark("capture", c, i)), ...kills.flatMap((k, i) => mark("kill", k, i))];
  }
  function stepLines(rose, at, x, frame) {
    let numbered = -Infinity;
    return sums(rose).flatMap((n, i) => {
      const left = x(at[i]);
      const line2 = svg("line", { class: "step", x1: left, x2: left, y1: frame.top, y2: frame.bottom });
      if (rose[i] <= 0 || left - numbered <= 22) {
        return rose[i] > 0 ? [line2] : [];
      }
      numbered = left;
      return [line2, svg("text", { class: "step-number", x: left + 3, y: frame.bottom - 4 }, String(n))];
    });
  }
  function sharePath(waited, at, x, bottom) {
    return waited.map((us, i) => {
      const share2 = i === 0 ? 0 : Math.min(1, us / Math.max(1, at[i] - at[i - 1]));
      const left = x(at[i - 1]);
      return share2 > 0 ? `M${left.toFixed(1)} ${bottom}v${(-share2 * 30).toFixed(1)}H${Math.max(x(at[i]), left + 1.5).toFixed(1)}V${bottom}z` : "";
    }).join("");
  }

  // ../../../harness/report/page/point.mjs
  function pointDialog(index, detailOf) {
    const dialog = (
      /** @type {HTMLDialogElement} */
      byId("point")
    );
    const place = new Map(index.points.map((p, i) => [p, i]));
    let among = [];
    let at = 0;
    const show = async () => {
      const point = among[at];
      const detail = await detailOf(place.get(point) || 0);
      if (point !== among[at]) {
        return;
      }
      byId("point-title").replaceChildren(...breakable(point.name));
      byId("previous").disabled = at === 0;
      byId("next").disabled = at === among.length - 1;
      const plot = html("div", { class: "plot", id: "timeline" });
      byId("point-body").replaceChildren(...pointBody(index, point, detail, plot));
      if (!dialog.open) {
        dialog.showModal();
      }
      dialog.scrollTop = 0;
      byId("point-title").focus();
      onWidth(plot, () => plot.replaceChildren(timelinePlot(point, detail.timeline, plot.clientWidth || 720)));
    };
    const step = (by) => {
      if (by !== 0 && among[at + by]) {
        at += by;
        show();
      }
    };
    byId("close").addEventListener("click", () => dialog.close());
    byId("previous").addEventListener("click", () => step(-1));
    byId("next").addEventListener("click", () => step(1));
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) {
        dialog.close();
      }
    });
    dialog.addEventListener("keydown", (event) => {
      if (!/** @type {Element} */
      event.target.closest("pre, .scroll")) {
        step({ ArrowLeft: -1, ArrowRight: 1 }[event.key] || 0);
      }
    });
    return (point, others) => {
      among = others;
      at = others.indexOf(point);
      show();
    };
  }
  function kindsLegend(timeline) {
    const place = fullest(timeline);
    const kinds = kindsAt(timeline, place).reverse();
    if (timeline.columns.swap) {
      kinds.unshift({ kind: line, size: sums(timeline.columns.swap)[place] });
    }
    return kinds.length > 0 ? [legend("What the highest reading has", kinds.map(({ kind, size }) => ({ kind, text: mib(size) })))] : [];
  }
  function pointBody(index, point, detail, plot) {
    const steps = `${count(point.acked, "step")} acknowledged of ${point.attempted}` + (point.predicted ? `, ${point.predicted} predicted` : "");
    const readings = detail.timeline.columns.at?.length || 0;
    return [
      html("div", { class: "lead" }, badge(index, point.verdict), html("p", {}, html("strong", {}, point.verdict), ": " + detail.why)),
      html("p", { class: "dim" }, steps),
      html("h3", {}, "Timeline"),
      plot,
      ...kindsLegend(detail.timeline),
      ...detail.readings > readings ? [html("p", { class: "hint" }, `${readings} of ${detail.readings} readings`)] : [],
      ...readings > 0 ? [readingsTable(detail.timeline)] : [],
      ...detail.inside ? [html("h3", {}, "Processes when it was full"), ...insideTable(detail.inside)] : [],
      html("h3", {}, "Evidence"),
      html("dl", { class: "facts" }, ...detail.facts.flatMap(([name, text]) => [html("dt", {}, name), html("dd", {}, text)])),
      ...detail.error ? [html("h3", {}, "Error of the last step"), html("pre", { tabindex: 0 }, detail.error)] : [],
      ...detail.output ? [html("h3", {}, "Output of the target"), html("pre", { tabindex: 0, id: "output" }, detail.output)] : [],
      ...detail.evidence ? [html("details", {}, html("summary", {}, "All evidence as JSON"), html("pre", { tabindex: 0 }, detail.evidence))] : []
    ];
  }

  // ../../../harness/report/page/table.mjs
  var rowsAtOnce = 200;
  var columns = [
    { name: "Point", key: (p) => p.rank },
    { name: "Verdict", key: (p) => p.verdict },
    { name: "Steps", key: (p) => p.acked, text: (p) => String(p.acked), class: "number" },
    { name: "Predicted", key: (p) => p.predicted ? Number.parseInt(p.predicted, 10) : -1, text: (p) => p.predicted || "", class: "number wide-only" },
    { name: "A step took", key: (p) => p.each || 0, text: (p) => p.eachText || "", class: "each wide-only" },
    { name: "memory.max", key: (p) => p.max || Infinity, text: (p) => p.maxText, class: "number wide-only" },
    { name: "Peak", key: (p) => p.peak, text: (p) => p.peakText, class: "number wide-only" },
    { name: "Filled by", key: (p) => p.filled || "~", text: (p) => p.filledText || "", class: "filled-by wide-only" },
    { name: "Time", key: (p) => p.took, text: (p) => p.tookText, class: "number wide-only" },
    { name: "Findings", key: (p) => -(p.findings?.length || 0) }
  ];
  function drawTable(index, open) {
    const table = (
      /** @type {HTMLTableElement} */
      byId("points")
    );
    table.classList.toggle("no-each", !index.points.some((p) => p.eachText));
    const body = html("tbody");
    const headings = columns.map((c) => html("th", { scope: "col", class: c.class }, html("button", { type: "button" }, c.name)));
    table.append(html("caption", { hidden: "" }, "All points; those with findings first"), html("thead", {}, html("tr", {}, ...headings)), body);
    const more = byId("more");
    const text = (
      /** @type {HTMLInputElement} */
      byId("filter-text")
    );
    const verdict = (
      /** @type {HTMLSelectElement} */
      byId("filter-verdict")
    );
    const filled = (
      /** @type {HTMLSelectElement} */
      byId("filter-filled")
    );
    const found = (
      /** @type {HTMLInputElement} */
      byId("filter-found")
    );
    verdict.append(...[...new Set(index.points.map((p) => p.verdict))].map((v) => html("option", { value: v }, v)));
    const kinds = [...new Set(index.points.flatMap((p) => p.filled || []))].sort();
    filled.append(...kinds.map((k) => html("option", { value: k }, k)));
    filled.parentElement.hidden = kinds.length === 0;
    const sort = { by: -1, down: false };
    let shown = [];
    let rows = 0;
    const drawRows = () => {
      body.replaceChildren(...shown.slice(0, rows).map((p) => tableRow(index, p)));
      if (shown.length === 0) {
        body.append(html("tr", {}, html("td", { colspan: columns.length, class: "nothing" }, "No point is like that.")));
      }
      const left = shown.length - rows;
      more.hidden = left <= 0;
      more.textContent = `Show ${Math.min(left, rowsAtOnce * 5)} more of ${shown.length}`;
      byId("shown").textContent = `${shown.length} of ${index.points.length}`;
    };
    const apply = () => {
      shown = sorted(filtered(index, text.value, verdict.value, found.checked, filled.value), sort.by, sort.down);
      rows = rowsAtOnce;
      drawRows();
    };
    headings.forEach((th, i) => th.addEventListener("click", () => {
      sort.down = sort.by === i && !sort.down;
      sort.by = i;
      headings.forEach((other2) => other2.removeAttribute("aria-sort"));
      th.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      apply();
    }));
    byId("filter").addEventListener("input", apply);
    byId("filter").addEventListener("submit", (event) => event.preventDefault());
    more.addEventListener("click", () => {
      rows += rowsAtOnce * 5;
      drawRows();
    });
    const rowOf = (event) => (
      /** @type {HTMLTableRowElement} */
      /** @type {Element} */
      event.target.closest("tr")
    );
    const openRow = (row) => shown.length > 0 && open(shown[row.sectionRowIndex], shown);
    body.addEventListener("click", (event) => openRow(rowOf(event)));
    body.addEventListener("keydown", (event) => {
      const row = rowOf(event);
      const beside = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        openRow(row);
      } else if (beside) {
        event.preventDefault();
        beside.focus();
      }
    });
    apply();
  }
  function filtered(index, text, verdict, found, filled = "") {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const textOf = (p) => [p.name, p.verdict, p.filled || "", checksOf(index, p)].join(" ").toLowerCase();
    return index.points.filter((p) => (!verdict || p.verdict === verdict) && (!filled || p.filled === filled) && (!found || p.findings) && words.every((w) => textOf(p).includes(w)));
  }
  function sorted(points, by, down) {
    if (by < 0) {
      return points;
    }
    const { key } = columns[by];
    const sign = down ? -1 : 1;
    return [...points].sort((a, b) => sign * (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  }
  function checksOf(index, p) {
    return [...new Set(p.findings?.map((i) => index.checks[i]))].join(", ");
  }
  function tableRow(index, p) {
    return html(
      "tr",
      { tabindex: 0 },
      html("td", { class: "name" }, ...breakable(p.name)),
      html("td", { class: "verdict" }, badge(index, p.verdict), html("span", {}, p.verdict)),
      ...columns.flatMap((c) => c.text ? [html("td", { class: c.class }, c.text(p))] : []),
      html("td", { class: "found" }, p.findings ? "! " + checksOf(index, p) : "")
    );
  }

  // ../../../harness/report/page/report.mjs
  async function draw() {
    const index = await unpack(byId("index"));
    const open = pointDialog(index, detailsIn(document.querySelectorAll("script.details"), index.chunk));
    definePatterns();
    drawMap(index, open);
    drawKills(index, open);
    drawTable(index, open);
    document.querySelectorAll("[data-point]").forEach((button) => button.addEventListener("click", () => open(index.points[Number(button.dataset.point)], index.points)));
    requestAnimationFrame(() => setTimeout(() => {
      performance.mark("drawn");
      document.documentElement.dataset.drawn = "yes";
    }));
  }
  draw().catch((error) => {
    document.querySelector("main")?.prepend(html("p", { class: "notice", role: "alert" }, `This browser cannot draw the page: ${error}. It takes one from 2023 or later.`));
    throw error;
  });
})();
