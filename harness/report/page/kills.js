// The steps over memory.max: for each series, which is the points that differ in the limit alone, the predicted
// band and a mark for each point.
"use strict";

const ownKills = new Set(["oom-killed", "oom-group-killed"]);

function seriesOf(points) {
	const all = new Map();
	for (const p of points) {
		const name = p.name.split("/").filter((part) => !/^(max|repeat)=/.test(part)).join(" ") || "all";
		if (!all.has(name)) {
			all.set(name, []);
		}
		all.get(name).push(p);
	}
	return [...all].map(([name, of]) => ({ name, points: of.sort((a, b) => a.max - b.max) }));
}

function drawKills() {
	const points = index.points.filter((p) => p.max > 0);
	if (new Set(points.map((p) => p.max)).size < 2) {
		byId("kills-section").hidden = true;
		return;
	}
	const series = seriesOf(points).sort((a, b) => b.points.at(-1).acked - a.points.at(-1).acked);
	const many = series.length > index.marks.length;
	series.forEach((s, i) => (s.style = i % index.marks.length));
	let shown = series;
	const box = byId("kills");
	const redraw = () => {
		box.replaceChildren(killsPlot(shown, box.clientWidth || 720));
		byId("kills-hint").textContent = (box.querySelector(".band") ? "The band is what was predicted. " : "") +
			"Filled marks are kills by the cage's own limit, hollow ones are other ends." +
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
		const frame = box.firstElementChild.getBoundingClientRect();
		const nearest = nearestMark(box.marks, event.clientX - frame.left, event.clientY - frame.top);
		if (nearest) {
			openPoint(nearest.point, nearest.series.points);
		}
	});
}

// onWidth draws now, and again when the width of the box changes.
function onWidth(box, draw) {
	let width = 0;
	new ResizeObserver(() => {
		if (box.clientWidth !== width) {
			width = box.clientWidth;
			draw();
		}
	}).observe(box);
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

function killsPlot(series, width) {
	const height = Math.max(280, Math.min(420, width * 0.45));
	const bands = series.length <= index.marks.length;
	const labelled = bands && width > 480;
	const frame = { left: 44, right: labelled ? 195 : 16, top: 14, bottom: 46 };
	const points = series.flatMap((s) => s.points);
	const topX = points.reduce((most, p) => Math.max(most, p.max), 0) * 1.02;
	const topY = Math.max(1, points.reduce((most, p) => Math.max(most, p.acked), 0)) * 1.08;
	const x = (v) => frame.left + (v / topX) * (width - frame.left - frame.right);
	const y = (v) => height - frame.bottom - (v / topY) * (height - frame.top - frame.bottom);
	const says = `Acknowledged steps over memory.max: ${points.length} points in ${series.length} series, from ${bytes(points.reduce((least, p) => Math.min(least, p.max), Infinity))} to ${bytes(topX / 1.02)}. The table below has the same figures.`;
	const plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": says });
	plot.append(svg("title", {}, says));

	for (const v of ticks(topY, 6)) {
		plot.append(svg("line", { class: "grid", x1: frame.left, x2: width - frame.right, y1: y(v), y2: y(v) }),
			svg("text", { x: frame.left - 8, y: y(v) + 4, "text-anchor": "end" }, String(v)));
	}
	for (const v of ticks(topX, Math.max(3, Math.floor(width / 110)), true)) {
		plot.append(svg("line", { class: "grid", x1: x(v), x2: x(v), y1: frame.top, y2: height - frame.bottom }),
			svg("text", { x: x(v), y: height - frame.bottom + 18, "text-anchor": "middle" }, v === 0 ? "0" : bytes(v)));
	}
	plot.append(svg("text", { x: (frame.left + width - frame.right) / 2, y: height - 6, "text-anchor": "middle" }, "memory.max"),
		svg("text", { x: 12, y: (frame.top + height - frame.bottom) / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${(frame.top + height - frame.bottom) / 2})` }, "steps"));

	const clip = svg("clipPath", { id: "kills-clip" }, svg("rect", { x: frame.left, y: frame.top, width: width - frame.left - frame.right + 8, height: height - frame.top - frame.bottom + 6 }));
	const inside = svg("g", { "clip-path": "url(#kills-clip)" });
	plot.append(svg("defs", {}, clip), inside);
	const drawn = [];
	const rings = [];
	for (const s of bands ? series : []) {
		const d = bandPath(s.points, x, y, topY);
		if (d) {
			inside.append(svg("path", { class: `band s${s.style}`, d }));
		}
	}
	for (const s of series) {
		let filled = "";
		let hollow = "";
		for (const p of s.points) {
			const at = { x: x(p.max), y: y(p.acked), point: p, series: s };
			const path = markPath(s, at.x, at.y);
			if (ownKills.has(p.verdict)) {
				filled += path;
			} else {
				hollow += path;
			}
			if (p.findings) {
				rings.push(svg("circle", { class: "ring", cx: at.x, cy: at.y, r: 10 }));
			}
			drawn.push(at);
		}
		plot.append(svg("path", { class: `mark filled s${s.style}`, d: filled }), svg("path", { class: `mark hollow s${s.style}`, d: hollow }));
	}
	plot.append(...rings.slice(0, 200));
	if (labelled) {
		plot.append(...seriesLabels(series, x, y));
	} else if (bands) {
		plot.append(...seriesKey(series, frame));
	}
	byId("kills").marks = drawn;
	return plot;
}

// markPath is the mark of a series, so that greyscale tells the series apart.
function markPath(s, x, y) {
	return `M${x.toFixed(1)} ${y.toFixed(1)}${index.marks[s.style]}`;
}

// bandPath goes along the upper ends of the windows and back along the lower ones. Repeats have one window
// each; the widest counts. One without an upper end has none.
function bandPath(points, x, y, topY) {
	const windows = new Map();
	for (const p of points) {
		if (p.window && p.window.length === 2) {
			const [lo, hi] = p.window;
			const before = windows.get(p.max) || [lo, hi];
			windows.set(p.max, [Math.min(lo, before[0]), Math.max(hi, before[1])]);
		}
	}
	const at = [...windows];
	if (at.length === 0) {
		return "";
	}
	const there = at.map(([max, w]) => `${x(max)} ${y(Math.min(w[1], topY * 2))}`);
	const back = at.reverse().map(([max, w]) => `${x(max)} ${y(Math.min(w[0], topY * 2))}`);
	return "M" + [...there, ...back].join("L") + "z";
}

// seriesLabels stand at the end of each series, and make room for each other.
function seriesLabels(series, x, y) {
	let above = -Infinity;
	return series.map((s) => ({ s, at: y(s.points.at(-1).acked) })).sort((a, b) => a.at - b.at).map(({ s, at }) => {
		const place = Math.max(at, above + 15);
		above = place;
		const left = x(s.points.at(-1).max) + 26; // where no point can be
		return svg("g", {}, svg("path", { class: `mark filled s${s.style}`, d: markPath(s, left, place) }),
			svg("text", { class: `label s${s.style}`, x: left + 10, y: place + 4 }, s.name.length > 24 ? s.name.slice(0, 23) + "…" : s.name));
	});
}

// seriesKey is for narrow pages, where the upper left corner is what is free.
function seriesKey(series, frame) {
	return series.map((s, i) => svg("g", {},
		svg("path", { class: `mark filled s${s.style}`, d: markPath(s, frame.left + 14, frame.top + 10 + i * 18) }),
		svg("text", { class: `label s${s.style}`, x: frame.left + 26, y: frame.top + 14 + i * 18 }, s.name)));
}
