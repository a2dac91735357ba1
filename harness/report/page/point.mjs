// The dialog with all that is known of one point.

import { count } from "./count.mjs";
import { badge, breakable, byId, html, onWidth } from "./element.mjs";
import { insideTable } from "./inside.mjs";
import { legend, line } from "./kind.mjs";
import { readingsTable } from "./readings.mjs";
import { fullest, kindsAt, mib, sums } from "./stack.mjs";
import { timelinePlot } from "./timeline.mjs";

/** @typedef {import("./data.mjs").Point} Point */
/** @typedef {import("./data.mjs").Index} Index */

// pointDialog returns what opens a point, among those that its arrows lead to.
/** @type {(index: Index, detailOf: (place: number) => Promise<import("./data.mjs").Detail>) => import("./data.mjs").Open} */
export function pointDialog(index, detailOf) {
	const dialog = /** @type {HTMLDialogElement} */ (byId("point"));
	const place = new Map(index.points.map((p, i) => [p, i]));
	/** @type {Point[]} */
	let among = [];
	let at = 0;
	const show = async () => {
		const point = among[at];
		const detail = await detailOf(place.get(point) || 0);
		if (point !== among[at]) {
			return; // another one was asked for meanwhile
		}
		byId("point-title").replaceChildren(...breakable(point.name));
		/** @type {HTMLButtonElement} */ (byId("previous")).disabled = at === 0;
		/** @type {HTMLButtonElement} */ (byId("next")).disabled = at === among.length - 1;
		const plot = html("div", { class: "plot", id: "timeline" });
		byId("point-body").replaceChildren(...pointBody(index, point, detail, plot));
		if (!dialog.open) {
			dialog.showModal();
		}
		dialog.scrollTop = 0;
		byId("point-title").focus();
		onWidth(plot, () => plot.replaceChildren(timelinePlot(point, detail.timeline, plot.clientWidth || 720)));
	};
	const step = (/** @type {number} */ by) => {
		if (by !== 0 && among[at + by]) {
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
		if (!/** @type {Element} */ (event.target).closest("pre, .scroll")) { // the arrows scroll it
			step({ ArrowLeft: -1, ArrowRight: 1 }[event.key] || 0);
		}
	});
	return (point, others) => {
		among = others;
		at = others.indexOf(point);
		show();
	};
}

// kindsLegend names the areas of the timeline from the top down, with their sizes at its highest reading.
/** @type {(timeline: import("./data.mjs").Timeline) => Element[]} */
function kindsLegend(timeline) {
	const place = fullest(timeline);
	const kinds = kindsAt(timeline, place).reverse();
	if (timeline.columns.swap) {
		kinds.unshift({ kind: line, size: sums(timeline.columns.swap)[place] });
	}
	return kinds.length > 0 ? [legend("What the highest reading has", kinds.map(({ kind, size }) => ({ kind, text: mib(size) })))] : [];
}

/** @type {(index: Index, point: Point, detail: import("./data.mjs").Detail, plot: Node) => (Node)[]} */
function pointBody(index, point, detail, plot) {
	const steps = `${count(point.acked, "step")} acknowledged of ${point.attempted}` + (point.predicted ? `, ${point.predicted} predicted` : "");
	const readings = detail.timeline.columns.at?.length || 0;
	return [
		html("div", { class: "lead" }, badge(index, point.verdict), html("p", {}, html("strong", {}, point.verdict), ": " + detail.why)),
		html("p", { class: "dim" }, steps),
		html("h3", {}, "Timeline"), plot, ...kindsLegend(detail.timeline),
		...(detail.readings > readings ? [html("p", { class: "hint" }, `${readings} of ${detail.readings} readings`)] : []),
		...(readings > 0 ? [readingsTable(detail.timeline)] : []),
		...(detail.inside ? [html("h3", {}, "Processes when it was full"), ...insideTable(detail.inside)] : []),
		html("h3", {}, "Evidence"), html("dl", { class: "facts" }, ...detail.facts.flatMap(([name, text]) => [html("dt", {}, name), html("dd", {}, text)])),
		...(detail.error ? [html("h3", {}, "Error of the last step"), html("pre", { tabindex: 0 }, detail.error)] : []),
		...(detail.output ? [html("h3", {}, "Output of the target"), html("pre", { tabindex: 0, id: "output" }, detail.output)] : []),
		...(detail.evidence ? [html("details", {}, html("summary", {}, "All evidence as JSON"), html("pre", { tabindex: 0 }, detail.evidence))] : []),
	];
}
