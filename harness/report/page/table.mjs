// The table of points: filtered, sorted, and drawn in parts, since a browser takes seconds for 10,000 rows.

import { badge, breakable, byId, html } from "./element.mjs";

/** @typedef {import("./data.mjs").Index} Index */
/** @typedef {import("./data.mjs").Point} Point */

const rowsAtOnce = 200;

/**
 * Each column is sorted by a key, and shows a text or has a cell of its own.
 * @type {{ name: string, key: (p: Point) => string | number, text?: (p: Point) => string, class?: string }[]}
 */
const columns = [
	{ name: "Point", key: (p) => p.rank },
	{ name: "Verdict", key: (p) => p.verdict },
	{ name: "Steps", key: (p) => p.acked, text: (p) => String(p.acked), class: "number" },
	{ name: "Predicted", key: (p) => (p.predicted ? Number.parseInt(p.predicted, 10) : -1), text: (p) => p.predicted || "", class: "number wide-only" },
	{ name: "A step took", key: (p) => p.each || 0, text: (p) => p.eachText || "", class: "each wide-only" },
	{ name: "memory.max", key: (p) => p.max || Infinity, text: (p) => p.maxText, class: "number wide-only" },
	{ name: "Peak", key: (p) => p.peak, text: (p) => p.peakText, class: "number wide-only" },
	{ name: "Filled by", key: (p) => p.filled || "~", text: (p) => p.filledText || "", class: "filled-by wide-only" },
	{ name: "Time", key: (p) => p.took, text: (p) => p.tookText, class: "number wide-only" },
	{ name: "Findings", key: (p) => -(p.findings?.length || 0) },
];

/** @type {(index: Index, open: import("./data.mjs").Open) => void} */
export function drawTable(index, open) {
	const table = /** @type {HTMLTableElement} */ (byId("points"));
	table.classList.toggle("no-each", !index.points.some((p) => p.eachText));
	const body = html("tbody");
	const headings = columns.map((c) => html("th", { scope: "col", class: c.class }, html("button", { type: "button" }, c.name)));
	table.append(html("caption", { hidden: "" }, "All points; those with findings first"), html("thead", {}, html("tr", {}, ...headings)), body);
	const more = byId("more");
	const text = /** @type {HTMLInputElement} */ (byId("filter-text"));
	const verdict = /** @type {HTMLSelectElement} */ (byId("filter-verdict"));
	const filled = /** @type {HTMLSelectElement} */ (byId("filter-filled"));
	const found = /** @type {HTMLInputElement} */ (byId("filter-found"));
	verdict.append(...[...new Set(index.points.map((p) => p.verdict))].map((v) => html("option", { value: v }, v)));
	const kinds = [...new Set(index.points.flatMap((p) => p.filled || []))].sort();
	filled.append(...kinds.map((k) => html("option", { value: k }, k)));
	/** @type {HTMLElement} */ (filled.parentElement).hidden = kinds.length === 0;

	const sort = { by: -1, down: false };
	/** @type {Point[]} */
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
	const rowOf = (/** @type {Event} */ event) => /** @type {HTMLTableRowElement} */ (/** @type {Element} */ (event.target).closest("tr"));
	const openRow = (/** @type {HTMLTableRowElement} */ row) => shown.length > 0 && open(shown[row.sectionRowIndex], shown);
	body.addEventListener("click", (event) => openRow(rowOf(event)));
	body.addEventListener("keydown", (event) => {
		const row = rowOf(event);
		const beside = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
		if (event.key === "Enter" || event.key === " ") {
			event.preventDefault();
			openRow(row);
		} else if (beside) {
			event.preventDefault();
			/** @type {HTMLElement} */ (beside).focus();
		}
	});
	apply();
}

// filtered are the points that have all words of the text, the verdict and what filled them where there is one, and
// findings where they must.
/** @type {(index: Index, text: string, verdict: string, found: boolean, filled?: string) => Point[]} */
export function filtered(index, text, verdict, found, filled = "") {
	const words = text.toLowerCase().split(/\s+/).filter(Boolean);
	const textOf = (/** @type {Point} */ p) => [p.name, p.verdict, p.filled || "", checksOf(index, p)].join(" ").toLowerCase();
	return index.points.filter((p) => (!verdict || p.verdict === verdict) && (!filled || p.filled === filled) && (!found || p.findings) && words.every((w) => textOf(p).includes(w)));
}

// sorted are the points in the order of a column; as they come where it is -1.
/** @type {(points: Point[], by: number, down: boolean) => Point[]} */
export function sorted(points, by, down) {
	if (by < 0) {
		return points;
	}
	const { key } = columns[by];
	const sign = down ? -1 : 1;
	return [...points].sort((a, b) => sign * (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** @type {(index: Index, p: Point) => string} */
function checksOf(index, p) {
	return [...new Set(p.findings?.map((i) => index.checks[i]))].join(", ");
}

/** @type {(index: Index, p: Point) => HTMLElement} */
function tableRow(index, p) {
	return html("tr", { tabindex: 0 },
		html("td", { class: "name" }, ...breakable(p.name)),
		html("td", { class: "verdict" }, badge(index, p.verdict), html("span", {}, p.verdict)),
		...columns.flatMap((c) => (c.text ? [html("td", { class: c.class }, c.text(p))] : [])),
		html("td", { class: "found" }, p.findings ? "! " + checksOf(index, p) : ""));
}
