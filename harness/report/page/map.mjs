// The map: a table whose cells can be opened. Two axes make it, and the others are chosen above it.

import { count } from "./count.mjs";
import { byId, choice, html } from "./element.mjs";

/** @typedef {import("./data.mjs").Index} Index */
/** @typedef {import("./data.mjs").Point} Point */
/** @typedef {{ across: number, down: number, fixed: number[] }} View the axes of the table, -1 for none, and the values of the others */

/** @type {(index: Index, open: import("./data.mjs").Open) => void} */
export function drawMap(index, open) {
	const axes = index.axes;
	const regular = index.points.filter((p) => p.values.every((v) => v >= 0));
	if (axes.length === 0 || regular.length === 0 || (axes.length === 1 && axes[0].Values.length === 1 && !axes[0].Values[0])) {
		byId("map-section").hidden = true;
		return;
	}
	const view = firstView(axes);
	/** @type {Point[][][]} */
	let cells = [];
	const controls = byId("map-controls");
	const redraw = () => {
		const focused = [...controls.querySelectorAll("select")].findIndex((select) => select === document.activeElement);
		controls.replaceChildren();
		if (axes.length > 2) {
			const names = axes.map((a) => a.Name);
			/** @type {(which: "across" | "down", other: "across" | "down") => (i: number) => void} */
			const swap = (which, other) => (i) => {
				if (view[other] === i) {
					view[other] = view[which];
				}
				view[which] = i;
				redraw();
			};
			controls.append(choice("Across", names, view.across, swap("across", "down")), choice("Down", names, view.down, swap("down", "across")));
			axes.forEach((a, i) => {
				if (i !== view.across && i !== view.down && a.Values.length > 1) {
					controls.append(choice(a.Name, a.Values, view.fixed[i], (v) => {
						view.fixed[i] = v;
						redraw();
					}));
				}
			});
		}
		cells = cellsOf(regular, axes, view);
		byId("map").replaceChildren(mapTable(index, cells, view));
		controls.querySelectorAll("select")[focused]?.focus();
	};
	redraw();
	const openCell = (/** @type {HTMLTableCellElement} */ cell) => {
		const points = cells[/** @type {HTMLTableRowElement} */ (cell.parentElement).sectionRowIndex][cell.cellIndex - 1];
		open(points[0], points);
	};
	for (const [kind, act] of /** @type {const} */ ([["click", openCell], ["keydown", moveInMap]])) {
		byId("map").addEventListener(kind, (event) => {
			const cell = /** @type {Element} */ (event.target).closest(".cell");
			if (cell) {
				act(/** @type {HTMLTableCellElement} */ (cell), /** @type {any} */ (event), openCell);
			}
		});
	}
	if (regular.length < index.points.length) {
		byId("map-hint").append(` ${index.points.length - regular.length} points have other axes and are only in the table.`);
	}
}

// firstView has memory.max across where it varies, else the axis with the most values, and the next one down.
/** @type {(axes: Index["axes"]) => View} */
export function firstView(axes) {
	const order = axes.map((_, i) => i).sort((a, b) => axes[b].Values.length - axes[a].Values.length);
	const max = axes.findIndex((a) => a.Name === "max" && a.Values.length > 1);
	const across = max >= 0 ? max : order[0];
	return { across, down: order.find((i) => i !== across) ?? -1, fixed: axes.map(() => 0) };
}

// cellsOf are the points of each cell, by row and column.
/** @type {(points: Point[], axes: Index["axes"], view: View) => Point[][][]} */
export function cellsOf(points, axes, { across, down, fixed }) {
	/** @type {Point[][][]} */
	const cells = Array.from({ length: down < 0 ? 1 : axes[down].Values.length }, () => axes[across].Values.map(() => []));
	for (const p of points) {
		if (p.values.every((v, i) => i === across || i === down || v === fixed[i])) {
			cells[down < 0 ? 0 : p.values[down]][p.values[across]].push(p);
		}
	}
	return cells;
}

/** @type {(index: Index, cells: Point[][][], view: View) => HTMLElement} */
function mapTable(index, cells, view) {
	const across = index.axes[view.across];
	const down = index.axes[view.down];
	const columns = across.Values.length;
	const size = columns > 24 ? " dense" : columns >= 6 && columns <= 16 ? " full" : "";
	const caption = `Verdict and acknowledged steps by ${across.Name}` + (down ? ` and ${down.Name}` : "");
	const table = html("table", { class: "map" + size, role: "grid", "aria-label": caption, "aria-describedby": "map-hint" });
	table.style.setProperty("--columns", String(columns));
	table.append(html("thead", {}, html("tr", { role: "row" },
		...[(down ? down.Name + " ↓  " : "") + across.Name + " →", ...across.Values].map((text) => html("th", { scope: "col", role: "columnheader" }, text)))));
	table.append(html("tbody", {}, ...cells.map((row, y) => html("tr", { role: "row" },
		html("th", { scope: "row", role: "rowheader" }, down ? down.Values[y] : ""),
		...row.map((points) => (points.length ? mapCell(index, points) : html("td", { role: "gridcell" })))))));
	const first = /** @type {HTMLElement | null} */ (table.querySelector(".cell"));
	if (first) {
		first.tabIndex = 0;
	}
	return table;
}

/** @type {(index: Index, points: Point[]) => HTMLElement} */
function mapCell(index, points) {
	const { verdicts, steps, found, label } = cellText(index.verdicts, points);
	return html("td", { role: "gridcell", tabindex: -1, title: label, "aria-label": label,
		class: `cell v-${verdicts[0]}` + (verdicts.length > 1 ? " mixed" : "") + (found ? " found" : "") },
		`${verdicts.map((v) => index.letters[v]).join("")} ${steps}${found ? " !" : ""}`);
}

// cellText is what a cell says of its points, which are repeats: the most frequent verdict first, which gives the cell its colour.
/** @type {(order: string[], points: Point[]) => { verdicts: string[], steps: string, found: boolean, label: string }} */
export function cellText(order, points) {
	const times = (/** @type {string} */ v) => points.filter((p) => p.verdict === v).length;
	const verdicts = order.filter((v) => times(v) > 0).sort((a, b) => times(b) - times(a));
	const said = verdicts.length === 1 ? verdicts : verdicts.map((v) => `${v} (${times(v)} of ${points.length})`);
	const counts = points.map((p) => p.acked);
	const [lo, hi] = [Math.min(...counts), Math.max(...counts)];
	const steps = lo === hi ? String(lo) : `${lo}–${hi}`;
	const found = points.some((p) => p.findings);
	const label = `${points[0].name}${points.length > 1 ? ` and ${count(points.length - 1, "repeat")}` : ""}: ${said.join(" and ")}, ${count(steps, "step")}` +
		(points[0].predicted ? `, predicted ${points[0].predicted}` : "") + (found ? ", has a finding" : "");
	return { verdicts, steps, found, label };
}

// moveInMap lets Tab take the map in one stride, and the arrows what is in it.
/** @type {(cell: HTMLTableCellElement, event: KeyboardEvent, openCell: (cell: HTMLTableCellElement) => void) => void} */
function moveInMap(cell, event, openCell) {
	const row = /** @type {HTMLTableRowElement} */ (cell.parentElement);
	const isCell = (/** @type {Element | undefined} */ e) => e?.classList.contains("cell");
	const cells = [...row.cells].filter(isCell);
	const column = [.../** @type {HTMLTableSectionElement} */ (row.parentElement).rows].map((r) => r.cells[cell.cellIndex]).filter(isCell);
	/** @type {(among: HTMLTableCellElement[], by: number) => HTMLTableCellElement} */
	const beside = (among, by) => among[Math.max(0, Math.min(among.length - 1, among.indexOf(cell) + by))];
	/** @type {Record<string, () => HTMLTableCellElement>} */
	const keys = {
		ArrowLeft: () => beside(cells, -1), ArrowRight: () => beside(cells, 1), Home: () => cells[0], End: () => cells[cells.length - 1],
		ArrowUp: () => beside(column, -1), ArrowDown: () => beside(column, 1),
	};
	if (event.key === "Enter" || event.key === " ") {
		event.preventDefault();
		openCell(cell);
	} else if (Object.hasOwn(keys, event.key)) {
		event.preventDefault();
		const to = keys[event.key]();
		cell.tabIndex = -1;
		to.tabIndex = 0;
		to.focus();
	}
}
