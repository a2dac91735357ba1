// The readings of a timeline as a table: the text of its picture.

import { html } from "./element.mjs";
import { mib, sums } from "./stack.mjs";

/** @typedef {import("./data.mjs").Timeline} Timeline */

const page = 4096;

// readingRows are the headings and the cells of the readings.
/** @type {(timeline: Timeline) => { head: string[], rows: string[][] }} */
export function readingRows({ kinds = [], columns }) {
	const at = sums(columns.at || []);
	const of = (/** @type {string} */ name) => sums(columns[name] || at.map(() => 0));
	const sizes = [of("current"), ...kinds.map((kind) => of(kind).map((n) => n * page)), ...(columns.swap ? [of("swap")] : [])];
	const events = ["high", "max", "oom", "oom_kill"].filter((name) => columns[name]);
	const step = of("step");
	return {
		head: ["Time", "Steps", "memory.current", ...kinds, ...(columns.swap ? ["swap"] : []), ...events],
		rows: at.map((us, i) => [`${(us / 1e6).toFixed(3)} s`, String(step[i]), ...sizes.map((s) => mib(s[i])), ...events.map((name) => String(of(name)[i]))]),
	};
}

// readingsTable is closed, and made when it is opened.
/** @type {(timeline: Timeline) => HTMLElement} */
export function readingsTable(timeline) {
	const details = html("details", { id: "readings" }, html("summary", {}, "Readings as a table"));
	details.addEventListener("toggle", () => {
		if (details.querySelector("table")) {
			return;
		}
		const { head, rows } = readingRows(timeline);
		details.append(html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Readings" }, html("table", { class: "inside" },
			html("thead", {}, html("tr", {}, ...head.map((text) => html("th", { scope: "col", class: "number" }, text)))),
			html("tbody", {}, ...rows.map((row) => html("tr", {}, ...row.map((text) => html("td", { class: "number" }, text))))))));
	});
	return details;
}
