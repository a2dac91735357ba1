// The steps over memory.max: for each series, the predicted band and a mark for each point.

import { byId, choice, labelled, onWidth, svg } from "./element.mjs";

/** @typedef {import("./data.mjs").Point} Point */
/** @typedef {import("./data.mjs").Series & { style: number }} Styled */
/** @typedef {{ x: number, y: number, point: Point, series: Styled }} Mark */
/** @typedef {(v: number) => number} Coordinate */
/** @typedef {{ s: Styled, left: number, top: number, name: string }} Label */

/** @type {(index: import("./data.mjs").Index, open: import("./data.mjs").Open) => void} */
export function drawKills(index, open) {
	const { kills, marks: shapes } = index;
	if (!kills) {
		byId("kills-section").hidden = true;
		return;
	}
	const series = kills.series.map((s, i) => ({ ...s, style: i % shapes.length }));
	const many = series.length > shapes.length;
	let shown = series;
	/** @type {Mark[]} */
	let marks = [];
	const box = byId("kills");
	const redraw = () => {
		const drawn = killsPlot(index, kills, shown, box.clientWidth || 720);
		marks = drawn.marks;
		box.replaceChildren(drawn.plot);
		byId("kills-hint").textContent = (box.querySelector(".band") ? "The band is what was predicted. " : "") +
			"Filled marks are kills by the cage's own limit, hollow ones are other ends." +
			(kills.max.far ? ` Behind the cut the axis is not to scale: ${kills.max.far.map((t) => t.text).join(", ")}.` : "") +
			(many ? " So many series share marks: choose one to tell it apart." : "");
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

// nearestMark is the one that a click meant, if there is any near it.
/** @type {<M extends { x: number, y: number }>(all: M[], x: number, y: number) => M | null} */
export function nearestMark(all, x, y) {
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

/** @type {(index: import("./data.mjs").Index, kills: import("./data.mjs").Kills, series: Styled[], width: number) => { plot: SVGElement, marks: Mark[] }} */
function killsPlot(index, kills, series, width) {
	const height = Math.max(280, Math.min(420, width * 0.45));
	const bands = series.length <= index.marks.length;
	const named = bands && width > 480 && kills.series.length > 1;
	const frame = { left: 44, right: width - (named ? 195 : 16), top: 14, bottom: height - 46 };
	const steps = series.length === 1 ? series[0].steps : kills.steps;
	/** @type {Coordinate} */
	const x = (v) => frame.left + share(kills.max, v) * (frame.right - frame.left);
	/** @type {Coordinate} */
	const y = (v) => frame.bottom - (v / steps.top) * (frame.bottom - frame.top);
	const count = series.reduce((sum, s) => sum + s.points.length, 0);
	const says = `Acknowledged steps over memory.max: ${count} points in ${series.length} series, from ${kills.from} to ${kills.to}. The table below has the same figures.`;
	const plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": says }, svg("title", {}, says));

	for (const { at, text } of steps.ticks) {
		plot.append(svg("line", { class: "grid", x1: frame.left, x2: frame.right, y1: y(at), y2: y(at) }),
			svg("text", { x: frame.left - 8, y: y(at) + 4, "text-anchor": "end" }, text));
	}
	for (const { at, text } of labelled(kills.max.ticks, width, 110)) {
		plot.append(svg("line", { class: "grid", x1: x(at), x2: x(at), y1: frame.top, y2: frame.bottom }),
			svg("text", { x: x(at), y: frame.bottom + 18, "text-anchor": "middle" }, text));
	}
	plot.append(...farTicks(kills.max, x, frame));
	const middle = (frame.top + frame.bottom) / 2;
	plot.append(svg("text", { x: (frame.left + frame.right) / 2, y: height - 6, "text-anchor": "middle" }, "memory.max"),
		svg("text", { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }, "steps"));

	const clip = svg("clipPath", { id: "kills-clip" }, svg("rect", { x: frame.left, y: frame.top, width: frame.right - frame.left + 8, height: frame.bottom - frame.top + 6 }));
	const inside = svg("g", { "clip-path": "url(#kills-clip)" });
	plot.append(svg("defs", {}, clip), inside);
	/** @type {(s: Styled, x: number, y: number) => string} */
	const mark = (s, x, y) => `M${x.toFixed(1)} ${y.toFixed(1)}${index.marks[s.style]}`; // by its shape, greyscale tells the series apart
	/** @type {Mark[]} */
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
	plot.append(...rings.slice(0, 200), ...(series.length === 1 ? repeats(marks) : []));
	if (bands && kills.series.length > 1) {
		for (const { s, left, top, name } of named ? namesAtEnds(series, index.points, x, y) : namesInCorner(series, frame)) {
			plot.append(svg("g", {}, svg("path", { class: `mark filled s${s.style}`, d: mark(s, left, top) }),
				svg("text", { class: `label s${s.style}`, x: left + 11, y: top + 4 }, name)));
		}
	}
	return { plot, marks };
}

// repeats are numbers beside marks that lie on each other: how many they are.
/** @type {(marks: Mark[]) => SVGElement[]} */
function repeats(marks) {
	/** @type {Map<string, { mark: Mark, count: number }>} */
	const at = new Map();
	for (const mark of marks) {
		const key = `${mark.x} ${mark.y}`;
		const there = at.get(key) || { mark, count: 0 };
		there.count++;
		at.set(key, there);
	}
	return [...at.values()].filter(({ count }) => count > 1).map(({ mark, count }) => svg("text", { class: "times", x: mark.x + 11, y: mark.y - 5 }, `×${count}`));
}

// share is where a value stands on an axis, from 0 to 1: what is behind its cut stands there evenly spaced, as internal/chart has it.
/** @type {(scale: import("./data.mjs").Scale, v: number) => number} */
export function share({ from = 0, top, far = [] }, v) {
	const room = 0.16;
	const at = far.findIndex((t) => t.at >= v);
	const place = v <= top || far.length === 0 ? (v - from) / (top - from) : 1 + ((at < 0 ? far.length - 1 : at) + 0.6) * room;
	return place / (1 + far.length * room);
}

// farTicks are what is behind the cut, and the cut.
/** @type {(scale: import("./data.mjs").Scale, x: Coordinate, frame: { left: number, right: number, top: number, bottom: number }) => SVGElement[]} */
function farTicks({ top, far = [] }, x, frame) {
	if (far.length === 0) {
		return [];
	}
	const cut = x(top);
	const each = (frame.right - cut) / far.length;
	return [svg("rect", { class: "far", x: cut, y: frame.top, width: frame.right - cut, height: frame.bottom - frame.top }),
		svg("path", { class: "cut", d: `M${(cut - 4).toFixed(1)} ${frame.bottom + 5}l5 -10m-1 10l5 -10` }),
		...far.filter((_, i) => each > 50 || i === far.length - 1).map(({ at, text }) => svg("text", { x: x(at), y: frame.bottom + 18, "text-anchor": "middle" }, text))];
}

// bandPath goes along the upper ends of the windows and back along the lower ones. What is far above the plot is cut:
// browsers do not draw what is too far away.
/** @type {(band: import("./data.mjs").Window[], x: Coordinate, y: Coordinate, top: number) => string} */
export function bandPath(band, x, y, top) {
	const there = band.map((w) => `${x(w.max)} ${y(Math.min(w.hi, top * 2))}`);
	const back = band.map((w) => `${x(w.max)} ${y(Math.min(w.lo, top * 2))}`).reverse();
	return "M" + [...there, ...back].join("L") + "z";
}

// namesAtEnds stand at the end of each series, where no point can be, and make room for each other.
/** @type {(series: Styled[], points: Point[], x: Coordinate, y: Coordinate) => Label[]} */
export function namesAtEnds(series, points, x, y) {
	let above = -Infinity;
	return series.map((s) => ({ s, last: points[s.points[s.points.length - 1]] })).sort((a, b) => y(a.last.acked) - y(b.last.acked)).map(({ s, last }) => {
		above = Math.max(y(last.acked), above + 15);
		return { s, left: x(last.max || 0) + 26, top: above, name: s.name.length > 24 ? s.name.slice(0, 23) + "…" : s.name };
	});
}

// namesInCorner are for narrow pages, where the upper left corner is what is free.
/** @type {(series: Styled[], frame: { left: number, top: number }) => Label[]} */
function namesInCorner(series, frame) {
	return series.map((s, i) => ({ s, left: frame.left + 14, top: frame.top + 10 + i * 18, name: s.name }));
}
