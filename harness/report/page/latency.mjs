// How long each step took, on the time axis of the timeline: a line from its begin to its end, as high as it is long.

import { svg } from "./element.mjs";
import { sums } from "./stack.mjs";

/** @typedef {import("./data.mjs").Steps} Steps */
/** @typedef {(v: number) => number} Coordinate */

// stepMoments are the begins and the ends of the steps.
/** @type {(columns: Steps["columns"]) => { begin: number, end: number }[]} */
export function stepMoments({ gap = [], took = [] }) {
	let end = 0;
	return gap.map((us, i) => {
		const begin = end + us;
		end = begin + took[i];
		return { begin, end };
	});
}

/** @type {(steps: Steps, x: Coordinate, top: number, high: number, frame: { left: number, right: number, wide: boolean }) => SVGElement[]} */
export function latencyLane(steps, x, top, high, frame) {
	const { took, columns, failed = [], p50, last, slowest, doubled } = steps;
	const bottom = top + high;
	/** @type {Coordinate} */
	const y = (us) => bottom - (us / (took?.top || 1)) * high;
	const segment = ({ begin = 0, end = 0 }) => `M${x(begin).toFixed(1)} ${y(end - begin).toFixed(1)}H${Math.max(x(end), x(begin) + 0.1).toFixed(1)}`;
	const cross = ({ begin = 0, end = 0 }) => `M${(x(end) - 3.5).toFixed(1)} ${(y(end - begin) - 3.5).toFixed(1)}l7 7m0 -7l-7 7`;
	const all = stepMoments(columns);
	const bad = new Set(failed);
	return [
		svg("rect", { class: "lane", x: frame.left, width: frame.right - frame.left, y: top, height: high }),
		...(took?.ticks || []).slice(1).flatMap((tick) => [
			svg("line", { class: "grid", x1: frame.left, x2: frame.right, y1: y(tick.at), y2: y(tick.at) }),
			svg("text", { x: frame.left - 8, y: y(tick.at) + 4, "text-anchor": "end" }, tick.text)]),
		svg("text", { x: frame.left - 8, y: bottom + 1, "text-anchor": "end" }, "latency"),
		...(doubled ? [svg("line", { class: "doubled", x1: x(doubled.at), x2: x(doubled.at), y1: top, y2: bottom }),
			svg("text", { x: x(doubled.at) + 5, y: top + 11 }, frame.wide ? doubled.text : "×2")] : []),
		svg("path", { class: "latency", d: all.filter((_, i) => !bad.has(i)).map(segment).join("") }),
		svg("path", { class: "latency failed", d: all.filter((_, i) => bad.has(i)).map((s) => segment(s) + cross(s)).join("") }),
		...(frame.wide ? [...(p50 ? [`p50 ${p50}`, `last ${last}`] : []), `max ${slowest}`].map((text, i) => svg("text", { x: frame.right + 6, y: top + 12 + 16 * i }, text)) : []),
	];
}
