// The timeline of one point: what the cage was filled with, with the limits, the steps, the kills and the captures; below it, on
// the same time axis, the counters that rose, the time that was lost to reclaim, and how long each step took.

import { count } from "./count.mjs";
import { html, labelled, svg } from "./element.mjs";
import { filling } from "./kind.mjs";
import { latencyLane } from "./latency.mjs";
import { fullest, kindsAt, mib, stacked, sums } from "./stack.mjs";

/** @typedef {(v: number) => number} Coordinate */
/** @typedef {{ left: number, right: number, top: number, bottom: number, wide: boolean }} Frame */
/** @typedef {import("./data.mjs").Timeline} Timeline */

const counters = ["high", "max", "oom", "oom_kill"];
const laneHeight = 20;

const total = (/** @type {number[] | undefined} */ column) => (column || []).reduce((sum, v) => sum + v, 0);

// timelineText is what a screen reader says for the plot.
/** @type {(point: import("./data.mjs").Point, timeline: Timeline) => string} */
export function timelineText(point, timeline) {
	const { over, limits = [], some, full, columns, kills = [], captures = [], steps } = timeline;
	const rose = counters.flatMap((name) => (columns[name] ? [`${name} ${total(columns[name])}`] : []));
	const kinds = kindsAt(timeline, fullest(timeline)).filter((k) => k.size > 0).map((k) => `${k.kind} ${mib(k.size)}`);
	const changes = limits.flatMap((l) => (l.changes || []).map((c) => `${l.name} ${c.text} from ${seconds(c.time)} on`));
	return [`memory.current over ${over}: ` + [`up to ${point.peakText}`, ...limits.map((l) => `${l.name} ${l.text}`), ...changes].join(", "),
		...(kinds.length > 0 ? ["the highest reading has " + kinds.join(", ")] : []),
		...(columns.swap ? [`swap up to ${mib(Math.max(...sums(columns.swap)))}`] : []),
		count(point.acked, "step") + (steps?.p50 ? `, half of them within ${steps.p50}, the slowest ${steps.slowest}, the last ${steps.last}` : "") +
			(steps?.doubled ? `, ${steps.doubled.text}` : ""),
		rose.join(", ") || "no events",
		...(kills.length > 0 ? [kills.map((k) => `${k.text} after ${seconds(k.at)}`).join(", ")] : []),
		...(captures.length > 0 ? [captures.map((c) => `captured ${c.text} after ${seconds(c.at)}`).join(", ")] : []),
		...(some ? [`pressure ${some}, ${full}`] : [])].join("; ");
}

const seconds = (/** @type {number} */ us) => (us / 1e6).toFixed(us < 1e7 ? 2 : 1) + " s";

/** @type {(point: import("./data.mjs").Point, timeline: Timeline, width: number) => Element} */
export function timelinePlot(point, timeline, width) {
	const { time, memory, some, full, columns, steps } = timeline;
	if (!time || !memory) {
		return html("p", { class: "dim" }, "The timeline has no two readings to draw.");
	}
	const wide = width > 480;
	const plotHeight = Math.max(180, Math.min(280, width * 0.36));
	const frame = { left: 74, right: width - (wide ? 92 : 16), top: 38, bottom: 38 + plotHeight, wide };
	const lanes = counters.filter((name) => columns[name]);
	const pressureTop = frame.bottom + 8 + lanes.length * laneHeight;
	const latencyTop = pressureTop + (some ? 44 : 0);
	const height = latencyTop + (steps ? 84 : 0) + 26;
	const from = time.from || 0;
	/** @type {Coordinate} */
	const x = (t) => frame.left + (Math.max(t - from, 0) / (time.top - from || 1)) * (frame.right - frame.left);
	/** @type {Coordinate} */
	const y = (v) => frame.bottom - (v / memory.top) * plotHeight;
	const at = sums(columns.at || []);
	const says = timelineText(point, timeline);
	const plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": says }, svg("title", {}, says));
	plot.append(...memoryArea(timeline, at, x, y, frame), ...limitLines(timeline, x, y, frame), ...moments(timeline, x, frame));
	const lane = (/** @type {string} */ name, /** @type {number} */ middle, /** @type {number} */ high) => plot.append(
		svg("rect", { class: "lane", x: frame.left, width: frame.right - frame.left, y: middle - high / 2, height: high }),
		svg("text", { x: frame.left - 8, y: middle + 4, "text-anchor": "end" }, name));
	lanes.forEach((name, i) => {
		const middle = frame.bottom + 8 + (i + 0.5) * laneHeight;
		lane(name, middle, 14);
		const d = (columns[name] || []).map((rose, j) => (rose > 0 ? `M${x(at[j]).toFixed(1)} ${middle - 7}v14` : "")).join("");
		plot.append(svg("path", { class: "tick" + (name.startsWith("oom") ? " bad" : ""), d }));
		if (wide) {
			plot.append(svg("text", { x: frame.right + 6, y: middle + 4 }, String(total(columns[name]))));
		}
	});
	if (some && full) {
		const middle = pressureTop + 23;
		lane("pressure", middle, 30);
		plot.append(svg("path", { class: "pressure", d: sharePath(columns.some || [], at, x, middle + 15) }),
			svg("path", { class: "pressure full", d: sharePath(columns.full || [], at, x, middle + 15) }));
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

// memoryArea is memory.current, and in it the kinds of memory where they are known; swap is a line.
/** @type {(timeline: Timeline, at: number[], x: Coordinate, y: Coordinate, frame: Frame) => SVGElement[]} */
function memoryArea(timeline, at, x, y, frame) {
	const { memory, columns } = timeline;
	const points = (/** @type {number[]} */ values) => values.map((v, i) => `${x(at[i]).toFixed(1)} ${y(v).toFixed(1)}`);
	const drawn = (memory?.ticks || []).flatMap((tick) => [svg("line", { class: "grid", x1: frame.left, x2: frame.right, y1: y(tick.at), y2: y(tick.at) }),
		svg("text", { x: frame.left - 8, y: y(tick.at) + 4, "text-anchor": "end" }, tick.text)]);
	const current = points(sums(columns.current || [])).join("L");
	drawn.push(svg("path", { class: "area", d: `M${x(at[0])} ${frame.bottom}L${current}L${x(at[at.length - 1])} ${frame.bottom}z` }));
	for (const { kind, lower, upper } of stacked(timeline)) {
		const d = `M${points(upper).join("L")}L${points(lower).reverse().join("L")}z`;
		drawn.push(svg("path", { class: "area-line kind-area", "data-kind": kind, d, fill: filling(kind) }));
	}
	drawn.push(...stepLines(columns.step || [], at, x, frame), svg("path", { class: "memory", d: "M" + current }));
	if (columns.swap) {
		drawn.push(svg("path", { class: "swap", d: "M" + points(sums(columns.swap)).join("L") }));
	}
	return drawn;
}

// limitLines are the limits, and where they were others later.
/** @type {(timeline: Timeline, x: Coordinate, y: Coordinate, frame: Frame) => SVGElement[]} */
function limitLines({ limits = [], memory }, x, y, frame) {
	let above = frame.top;
	return limits.flatMap((limit) => {
		const top = memory?.top || 0;
		const middle = y(limit.at);
		if (limit.at > top && !limit.changes) {
			return [svg("text", { class: "limit-text", x: frame.left + 6, y: (above += 15) }, `↑ ${limit.name} ${limit.text} is above this picture`)];
		}
		const d = limitPath(limit, top, x, y, frame);
		const last = (limit.changes || []).reduce((_, c) => (c.at > 0 && c.at <= top ? y(c.at) : frame.top), limit.at > top ? frame.top : middle);
		return [svg("path", { class: limit.name === "memory.high" ? "limit high" : "limit", d }),
			frame.wide ? svg("text", { class: "limit-text", x: frame.right + 6, y: last + 4 }, limit.name)
				: svg("text", { class: "limit-text", x: frame.right, y: last - 5, "text-anchor": "end" }, limit.name)];
	});
}

// limitPath is a limit over time; what is above the picture is drawn at its top.
/** @type {(limit: { at: number, changes?: { time: number, at: number }[] }, top: number, x: Coordinate, y: Coordinate, frame: { left: number, right: number, top: number }) => string} */
export function limitPath(limit, top, x, y, frame) {
	const height = (/** @type {number} */ at) => (at > 0 && at <= top ? y(at) : frame.top).toFixed(1);
	const steps = (limit.changes || []).map((c) => `H${x(c.time).toFixed(1)}V${height(c.at)}`);
	return `M${frame.left} ${height(limit.at)}${steps.join("")}H${frame.right}`;
}

// moments are the kills and the captures, with a word each above the picture where there is room.
/** @type {(timeline: Timeline, x: Coordinate, frame: Frame) => SVGElement[]} */
function moments({ kills = [], captures = [] }, x, frame) {
	const mark = (/** @type {string} */ name, /** @type {import("./data.mjs").Moment} */ m, /** @type {number} */ i) => {
		const left = x(m.at);
		const end = left > (frame.left + frame.right) / 2;
		return [svg("line", { class: `moment ${name}`, x1: left, x2: left, y1: frame.top - 18, y2: frame.bottom }),
			...(m.took ? [svg("rect", { class: "taking", x: left, y: frame.top - 4, width: Math.max(x(m.at + m.took) - left, 2), height: 4 })] : []),
			...(i === 0 ? [svg("text", { class: name + "-text", x: left + (end ? -5 : 5), y: frame.top - (name === "kill" ? 8 : 22), "text-anchor": end ? "end" : "start" },
				name === "kill" ? "✕ " + (kills.length > 1 ? `${kills.length} OOM kills` : m.text) : "◆ " + m.text)] : [])];
	};
	return [...captures.flatMap((c, i) => mark("capture", c, i)), ...kills.flatMap((k, i) => mark("kill", k, i))];
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
		return [line, svg("text", { class: "step-number", x: left + 3, y: frame.bottom - 4 }, String(n))];
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
