// The timeline of one point: memory.current with the limits and the steps, and below it the counters that rose
// and the time that was lost to reclaim.

import { html, labelled, svg } from "./element.mjs";

/** @typedef {(v: number) => number} Coordinate */

const counters = ["high", "max", "oom", "oom_kill"];

const total = (/** @type {number[] | undefined} */ column) => (column || []).reduce((sum, v) => sum + v, 0);

/** @type {(column: number[]) => number[]} */
export function sums(column) {
	let sum = 0;
	return column.map((v) => (sum += v));
}

// timelineText is what a screen reader says for the plot.
/** @type {(point: import("./data.mjs").Point, timeline: import("./data.mjs").Timeline) => string} */
export function timelineText(point, { over, limits = [], some, full, columns }) {
	const rose = counters.flatMap((name) => (columns[name] ? [`${name} ${total(columns[name])}`] : []));
	return [`memory.current over ${over}: ` + [`up to ${point.peakText}`, ...limits.map((l) => `${l.name} ${l.text}`)].join(", "),
		`${point.acked} steps`, rose.join(", ") || "no events", ...(some ? [`pressure ${some}, ${full}`] : [])].join("; ");
}

/** @type {(point: import("./data.mjs").Point, timeline: import("./data.mjs").Timeline, width: number) => Element} */
export function timelinePlot(point, timeline, width) {
	const { time, memory, limits = [], some, full, columns } = timeline;
	if (!time || !memory) {
		return html("p", { class: "dim" }, "The timeline has no two readings to draw.");
	}
	const of = (/** @type {string} */ name) => columns[name] || [];
	const at = sums(of("at"));
	const lanes = counters.filter((name) => columns[name]);
	const says = timelineText(point, timeline);
	const wide = width > 480;
	const plotHeight = Math.max(180, Math.min(280, width * 0.36));
	const frame = { left: 74, right: width - (wide ? 92 : 16), top: 22, bottom: 22 + plotHeight };
	const laneHeight = 20;
	const pressureTop = frame.bottom + 8 + lanes.length * laneHeight;
	const height = pressureTop + (some ? 44 : 0) + 26;
	/** @type {Coordinate} */
	const x = (t) => frame.left + (t / time.top) * (frame.right - frame.left);
	/** @type {Coordinate} */
	const y = (v) => frame.bottom - (v / memory.top) * plotHeight;
	const line = (/** @type {number[]} */ values) => values.map((v, i) => `${x(at[i]).toFixed(1)} ${y(v).toFixed(1)}`).join("L");
	const plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": says }, svg("title", {}, says));

	for (const tick of memory.ticks) {
		plot.append(svg("line", { class: "grid", x1: frame.left, x2: frame.right, y1: y(tick.at), y2: y(tick.at) }),
			svg("text", { x: frame.left - 8, y: y(tick.at) + 4, "text-anchor": "end" }, tick.text));
	}
	plot.append(...stepLines(of("step"), at, x, frame));
	const current = line(sums(of("current")));
	plot.append(svg("path", { class: "area", d: `M${x(at[0])} ${frame.bottom}L${current}L${x(at[at.length - 1])} ${frame.bottom}z` }),
		svg("path", { class: "memory", d: "M" + current }));
	if (columns.swap) {
		plot.append(svg("path", { class: "swap", d: "M" + line(sums(columns.swap)) }));
	}
	let above = frame.top;
	for (const limit of limits) {
		if (limit.at > memory.top) {
			plot.append(svg("text", { class: "limit-text", x: frame.left + 6, y: (above += 15) }, `↑ ${limit.name} ${limit.text} is above this picture`));
			continue;
		}
		const middle = y(limit.at);
		plot.append(svg("line", { class: limit.name === "memory.high" ? "limit high" : "limit", x1: frame.left, x2: frame.right, y1: middle, y2: middle }),
			wide ? svg("text", { class: "limit-text", x: frame.right + 6, y: middle + 4 }, limit.name)
				: svg("text", { class: "limit-text", x: frame.right, y: middle - 5, "text-anchor": "end" }, limit.name));
	}
	/** @type {(name: string, middle: number, height: number) => void} */
	const lane = (name, middle, height) => plot.append(
		svg("rect", { class: "lane", x: frame.left, width: frame.right - frame.left, y: middle - height / 2, height }),
		svg("text", { x: frame.left - 8, y: middle + 4, "text-anchor": "end" }, name));
	lanes.forEach((name, i) => {
		const middle = frame.bottom + 8 + (i + 0.5) * laneHeight;
		lane(name, middle, 14);
		const d = of(name).map((rose, j) => (rose > 0 ? `M${x(at[j]).toFixed(1)} ${middle - 7}v14` : "")).join("");
		plot.append(svg("path", { class: "tick" + (name.startsWith("oom") ? " bad" : ""), d }));
		if (wide) {
			plot.append(svg("text", { x: frame.right + 6, y: middle + 4 }, String(total(of(name)))));
		}
	});
	if (some && full) {
		const middle = pressureTop + 23;
		lane("pressure", middle, 30);
		plot.append(svg("path", { class: "pressure", d: sharePath(of("some"), at, x, middle + 15) }),
			svg("path", { class: "pressure full", d: sharePath(of("full"), at, x, middle + 15) }));
		if (wide) {
			plot.append(svg("text", { x: frame.right + 6, y: middle - 3 }, some), svg("text", { x: frame.right + 6, y: middle + 12 }, full));
		}
	}
	for (const tick of labelled(time.ticks, width, 90)) {
		plot.append(svg("text", { x: x(tick.at), y: height - 6, "text-anchor": "middle" }, tick.text));
	}
	return plot;
}

// stepLines stand where a step was acknowledged. Numbers are left out where they would touch.
/** @type {(rose: number[], at: number[], x: Coordinate, frame: { top: number, bottom: number }) => SVGElement[]} */
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

// sharePath is the share of the time between two readings in which tasks waited for memory: a bar of at most 30 on the
// bottom.
/** @type {(waited: number[], at: number[], x: Coordinate, bottom: number) => string} */
export function sharePath(waited, at, x, bottom) {
	return waited.map((us, i) => {
		const share = i === 0 ? 0 : Math.min(1, us / Math.max(1, at[i] - at[i - 1]));
		const left = x(at[i - 1]);
		return share > 0 ? `M${left.toFixed(1)} ${bottom}v${(-share * 30).toFixed(1)}H${Math.max(x(at[i]), left + 1.5).toFixed(1)}V${bottom}z` : "";
	}).join("");
}
