// The kinds of memory: each has a shade and a pattern of its own, so that they can be told apart without colours.

import { html, svg } from "./element.mjs";

// patterns are drawn over the shade of a kind, in tiles of 8 by 8.
/** @type {Record<string, string>} */
const patterns = {
	"anon": "",
	"shmem": "M-2 2L2 -2M0 8L8 0M6 10L10 6",
	"sock": "M2 1.2v1.6M6 5.2v1.6",
	"kernel": "M0 0L8 8M0 8L8 0",
	"page cache": "M0 4H8",
	"page tables": "M4 0V8",
	"not split": "M0 2H8M0 6H8",
};

/** @type {Record<string, string>} */
const other = { file: "page cache", swap: "sock" }; // in a list of processes

/** @type {(kind: string) => string} */
const nameOf = (kind) => (other[kind] || kind).replaceAll(" ", "-");

// filling is what an area of that kind has as its fill.
/** @type {(kind: string) => string} */
export const filling = (kind) => `url(#kind-${nameOf(kind)})`;

// definePatterns puts them where every picture of the page finds them.
export function definePatterns() {
	const all = Object.entries(patterns).map(([kind, d]) => svg("pattern",
		{ id: `kind-${nameOf(kind)}`, class: `kind k-${nameOf(kind)}`, width: 8, height: 8, patternUnits: "userSpaceOnUse" },
		svg("rect", { width: 8, height: 8 }), svg("path", { d })));
	document.body.append(svg("svg", { class: "patterns", width: 0, height: 0, "aria-hidden": "true" }, svg("defs", {}, ...all)));
}

// line is a kind that is no area but a line.
export const line = "swap, the dotted line";

// swatch stands for a kind in a legend.
/** @type {(kind: string) => Element} */
function swatch(kind) {
	return svg("svg", { class: "swatch", width: 18, height: 14, "aria-hidden": "true" }, kind === line ? svg("path", { class: "swap", d: "M0 7H18" }) : svg("rect", { class: "area-line", x: 0.5, y: 0.5, width: 17, height: 13, fill: filling(kind) }));
}

// legend names kinds, with a text each.
/** @type {(label: string, kinds: { kind: string, text: string }[]) => Element} */
export function legend(label, kinds) {
	return html("ul", { class: "legend", "aria-label": label }, ...kinds.map(({ kind, text }) => html("li", {}, swatch(kind), html("span", {}, kind), html("span", { class: "dim" }, text))));
}
