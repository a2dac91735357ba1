// Who was in the cage when it was full: a table of the processes, with a bar each.

import { html, svg } from "./element.mjs";
import { filling, legend } from "./kind.mjs";

/** @typedef {import("./data.mjs").Inside} Inside */

const barWidth = 220;

// pieces are where the parts of a bar begin and how wide they are.
/** @type {(sizes: number[], top: number, width: number) => { left: number, wide: number }[]} */
export function pieces(sizes, top, width) {
	let left = 0;
	return sizes.map((size) => {
		const piece = { left, wide: (size / Math.max(top, 1)) * width };
		left += piece.wide;
		return piece;
	});
}

/** @type {(inside: Inside) => Element[]} */
export function insideTable(inside) {
	const { when, kinds, rows, top, rest } = inside;
	const bar = (/** @type {number[]} */ sizes) => svg("svg", { viewBox: `0 0 ${barWidth} 16`, preserveAspectRatio: "none", "aria-hidden": "true" },
		...pieces(sizes, top, barWidth).map(({ left, wide }, i) => svg("rect", { class: "area-line", x: left, y: 1, width: wide, height: 14, fill: filling(kinds[i]) })));
	const head = html("tr", {}, html("th", { scope: "col" }, "Process"), html("td"),
		...kinds.map((kind) => html("th", { scope: "col", class: "number" }, kind)), html("th", { scope: "col", class: "wide-only" }, "State"));
	return [
		html("p", { class: "hint" }, when + " What two of them share, each of them has, and some of it may be charged elsewhere."),
		html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Processes" }, html("table", { class: "inside" }, html("thead", {}, head), html("tbody", {},
			...rows.map((r) => html("tr", {}, html("th", { scope: "row" }, r.name), html("td", {}, bar(r.sizes)),
				...r.texts.map((text) => html("td", { class: "number" }, text)), html("td", { class: "dim wide-only" }, r.note || "")))))),
		...(rest ? [html("p", { class: "hint" }, rest)] : []),
		legend("Kinds of memory of a process", kinds.map((kind) => ({ kind, text: "" }))),
	];
}
