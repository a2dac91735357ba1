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
      byId("kills-hint").textContent = (box.querySelector(".band") ? "The band is what was predicted. " : "") + "Filled marks are kills by the cage's own limit, hollow ones are other ends." + (many ? " So many series share marks: choose one to tell it apart." : "");
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
    const named = bands && width > 480;
    const frame = { left: 44, right: width - (named ? 195 : 16), top: 14, bottom: height - 46 };
    const steps = series.length === 1 ? series[0].steps : kills.steps;
    const x = (v) => frame.left + v / kills.max.top * (frame.right - frame.left);
    const y = (v) => frame.bottom - v / steps.top * (frame.bottom - frame.top);
    const count = series.reduce((sum, s) => sum + s.points.length, 0);
    const says = `Acknowledged steps over memory.max: ${count} points in ${series.length} series, from ${kills.from} to ${kills.to}. The table below has the same figures.`;
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
        inside.append(svg("path", { class: `band s${s.style}`, d: bandPath(s.band, x, y, steps.top) }));
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
    plot.append(...rings.slice(0, 200));
    if (bands) {
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
        const swap = (which, other) => (i) => {
          if (view[other] === i) {
            view[other] = view[which];
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
    const verdicts = order.filter((v) => points.some((p) => p.verdict === v));
    const counts = points.map((p) => p.acked);
    const [lo, hi] = [Math.min(...counts), Math.max(...counts)];
    const steps = lo === hi ? String(lo) : `${lo}–${hi}`;
    const found = points.some((p) => p.findings);
    const label = `${points[0].name}${points.length > 1 ? ` and ${points.length - 1} repeats` : ""}: ${verdicts.join(" and ")}, ${steps} steps` + (points[0].predicted ? `, predicted ${points[0].predicted}` : "") + (found ? ", has a finding" : "");
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

  // ../../../harness/report/page/timeline.mjs
  var counters = ["high", "max", "oom", "oom_kill"];
  var total = (column) => (column || []).reduce((sum, v) => sum + v, 0);
  function sums(column) {
    let sum = 0;
    return column.map((v) => sum += v);
  }
  function timelineText(point, { over, limits = [], some, full, columns: columns2 }) {
    const rose = counters.flatMap((name) => columns2[name] ? [`${name} ${total(columns2[name])}`] : []);
    return [
      `memory.current over ${over}: ` + [`up to ${point.peakText}`, ...limits.map((l) => `${l.name} ${l.text}`)].join(", "),
      `${point.acked} steps`,
      rose.join(", ") || "no events",
      ...some ? [`pressure ${some}, ${full}`] : []
    ].join("; ");
  }
  function timelinePlot(point, timeline, width) {
    const { time, memory, limits = [], some, full, columns: columns2 } = timeline;
    if (!time || !memory) {
      return html("p", { class: "dim" }, "The timeline has no two readings to draw.");
    }
    const of = (name) => columns2[name] || [];
    const at = sums(of("at"));
    const lanes = counters.filter((name) => columns2[name]);
    const says = timelineText(point, timeline);
    const wide = width > 480;
    const plotHeight = Math.max(180, Math.min(280, width * 0.36));
    const frame = { left: 74, right: width - (wide ? 92 : 16), top: 22, bottom: 22 + plotHeight };
    const laneHeight = 20;
    const pressureTop = frame.bottom + 8 + lanes.length * laneHeight;
    const height = pressureTop + (some ? 44 : 0) + 26;
    const x = (t) => frame.left + t / time.top * (frame.right - frame.left);
    const y = (v) => frame.bottom - v / memory.top * plotHeight;
    const line = (values) => values.map((v, i) => `${x(at[i]).toFixed(1)} ${y(v).toFixed(1)}`).join("L");
    const plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": says }, svg("title", {}, says));
    for (const tick of memory.ticks) {
      plot.append(
        svg("line", { class: "grid", x1: frame.left, x2: frame.right, y1: y(tick.at), y2: y(tick.at) }),
        svg("text", { x: frame.left - 8, y: y(tick.at) + 4, "text-anchor": "end" }, tick.text)
      );
    }
    plot.append(...stepLines(of("step"), at, x, frame));
    const current = line(sums(of("current")));
    plot.append(
      svg("path", { class: "area", d: `M${x(at[0])} ${frame.bottom}L${current}L${x(at[at.length - 1])} ${frame.bottom}z` }),
      svg("path", { class: "memory", d: "M" + current })
    );
    if (columns2.swap) {
      plot.append(svg("path", { class: "swap", d: "M" + line(sums(columns2.swap)) }));
    }
    let above = frame.top;
    for (const limit of limits) {
      if (limit.at > memory.top) {
        plot.append(svg("text", { class: "limit-text", x: frame.left + 6, y: above += 15 }, `↑ ${limit.name} ${limit.text} is above this picture`));
        continue;
      }
      const middle = y(limit.at);
      plot.append(
        svg("line", { class: limit.name === "memory.high" ? "limit high" : "limit", x1: frame.left, x2: frame.right, y1: middle, y2: middle }),
        wide ? svg("text", { class: "limit-text", x: frame.right + 6, y: middle + 4 }, limit.name) : svg("text", { class: "limit-text", x: frame.right, y: middle - 5, "text-anchor": "end" }, limit.name)
      );
    }
    const lane = (name, middle, height2) => plot.append(
      svg("rect", { class: "lane", x: frame.left, width: frame.right - frame.left, y: middle - height2 / 2, height: height2 }),
      svg("text", { x: frame.left - 8, y: middle + 4, "text-anchor": "end" }, name)
    );
    lanes.forEach((name, i) => {
      const middle = frame.bottom + 8 + (i + 0.5) * laneHeight;
      lane(name, middle, 14);
      const d = of(name).map((rose, j) => rose > 0 ? `M${x(at[j]).toFixed(1)} ${middle - 7}v14` : "").join("");
      plot.append(svg("path", { class: "tick" + (name.startsWith("oom") ? " bad" : ""), d }));
      if (wide) {
        plot.append(svg("text", { x: frame.right + 6, y: middle + 4 }, String(total(of(name)))));
      }
    });
    if (some && full) {
      const middle = pressureTop + 23;
      lane("pressure", middle, 30);
      plot.append(
        svg("path", { class: "pressure", d: sharePath(of("some"), at, x, middle + 15) }),
        svg("path", { class: "pressure full", d: sharePath(of("full"), at, x, middle + 15) })
      );
      if (wide) {
        plot.append(svg("text", { x: frame.right + 6, y: middle - 3 }, some), svg("text", { x: frame.right + 6, y: middle + 12 }, full));
      }
    }
    for (const tick of labelled(time.ticks, width, 90)) {
      plot.append(svg("text", { x: x(tick.at), y: height - 6, "text-anchor": "middle" }, tick.text));
    }
    return plot;
  }
  function stepLines(rose, at, x, frame) {
    let numbered = -Infinity;
    return sums(rose).flatMap((n, i) => {
      const left = x(at[i]);
      const line = svg("line", { class: "step", x1: left, x2: left, y1: frame.top, y2: frame.bottom });
      if (rose[i] <= 0 || left - numbered <= 22) {
        return rose[i] > 0 ? [line] : [];
      }
      numbered = left;
      return [line, svg("text", { x: left, y: frame.top - 8, "text-anchor": "middle" }, String(n))];
    });
  }
  function sharePath(waited, at, x, bottom) {
    return waited.map((us, i) => {
      const share = i === 0 ? 0 : Math.min(1, us / Math.max(1, at[i] - at[i - 1]));
      const left = x(at[i - 1]);
      return share > 0 ? `M${left.toFixed(1)} ${bottom}v${(-share * 30).toFixed(1)}H${Math.max(x(at[i]), left + 1.5).toFixed(1)}V${bottom}z` : "";
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
      if (among[at + by]) {
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
      event.target.closest("pre")) {
        step({ ArrowLeft: -1, ArrowRight: 1 }[event.key] || 0);
      }
    });
    return (point, others) => {
      among = others;
      at = others.indexOf(point);
      show();
    };
  }
  function pointBody(index, point, detail, plot) {
    const steps = `${point.acked} steps acknowledged of ${point.attempted}` + (point.predicted ? `, ${point.predicted} predicted` : "");
    const readings = detail.timeline.columns.at?.length || 0;
    return [
      html("div", { class: "lead" }, badge(index, point.verdict), html("p", {}, html("strong", {}, point.verdict), ": " + detail.why)),
      html("p", { class: "dim" }, steps),
      html("h3", {}, "Timeline"),
      plot,
      ...detail.readings > readings ? [html("p", { class: "hint" }, `${readings} of ${detail.readings} readings`)] : [],
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
    { name: "memory.max", key: (p) => p.max || Infinity, text: (p) => p.maxText, class: "number wide-only" },
    { name: "Peak", key: (p) => p.peak, text: (p) => p.peakText, class: "number wide-only" },
    { name: "Filled by", key: (p) => p.filledText || "~", text: (p) => p.filledText || "", class: "filled-by wide-only" },
    { name: "Time", key: (p) => p.took, text: (p) => p.tookText, class: "number wide-only" },
    { name: "Findings", key: (p) => -(p.findings?.length || 0) }
  ];
  function drawTable(index, open) {
    const table = (
      /** @type {HTMLTableElement} */
      byId("points")
    );
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
      headings.forEach((other) => other.removeAttribute("aria-sort"));
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
