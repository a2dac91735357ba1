// The map: a table whose cells can be opened. Two axes make it, and the others are chosen above it.
"use strict";

function drawMap() {
	const axes = index.axes;
	const size = (i) => axes[i].Values.length;
	const regular = index.points.filter((p) => p.values.every((v) => v >= 0));
	if (axes.length === 0 || regular.length === 0 || (axes.length === 1 && axes[0].Values.length === 1 && !axes[0].Values[0])) {
		byId("map-section").hidden = true;
		return;
	}
	const order = axes.map((_, i) => i).sort((a, b) => size(b) - size(a));
	const limits = axes.findIndex((a) => a.Name === "max" && a.Values.length > 1);
	const across = limits >= 0 ? limits : order[0];
	const down = order.find((i) => i !== across);
	const state = { across, down: down === undefined ? -1 : down, fixed: axes.map(() => 0) };

	const controls = byId("map-controls");
	const redraw = () => {
		const focused = controls.contains(document.activeElement) ? [...controls.querySelectorAll("select")].indexOf(document.activeElement) : -1;
		controls.replaceChildren();
		if (axes.length > 2) {
			const names = axes.map((a) => a.Name);
			const swap = (which, other) => (i) => {
				if (state[other] === i) {
					state[other] = state[which];
				}
				state[which] = i;
				redraw();
			};
			controls.append(choice("Across", names, state.across, swap("across", "down")), choice("Down", names, state.down, swap("down", "across")));
			axes.forEach((a, i) => {
				if (i !== state.across && i !== state.down && a.Values.length > 1) {
					controls.append(choice(a.Name, a.Values, state.fixed[i], (v) => {
						state.fixed[i] = v;
						redraw();
					}));
				}
			});
		}
		byId("map").replaceChildren(mapTable(regular, state));
		controls.querySelectorAll("select")[focused]?.focus();
	};
	redraw();
	byId("map").addEventListener("click", (event) => openCell(event.target.closest(".cell")));
	byId("map").addEventListener("keydown", moveInMap);
	if (regular.length < index.points.length) {
		byId("map-hint").append(` ${index.points.length - regular.length} points have other axes and are only in the table.`);
	}
}

function openCell(cell) {
	if (cell) {
		openPoint(cell.points[0], cell.points);
	}
}

function mapTable(points, { across, down, fixed }) {
	const axes = index.axes;
	const columns = axes[across].Values;
	const rows = down < 0 ? [""] : axes[down].Values;
	const cells = rows.map(() => columns.map(() => []));
	for (const p of points) {
		if (p.values.every((v, i) => i === across || i === down || v === fixed[i])) {
			cells[down < 0 ? 0 : p.values[down]][p.values[across]].push(p);
		}
	}
	const caption = `Verdict and acknowledged steps by ${axes[across].Name}` + (down < 0 ? "" : ` and ${axes[down].Name}`);
	const table = html("table", { class: "map" + (columns.length > 24 ? " dense" : columns.length >= 6 && columns.length <= 16 ? " full" : ""), role: "grid", "aria-label": caption, "aria-describedby": "map-hint" });
	table.style.setProperty("--columns", columns.length);
	const corner = (down < 0 ? "" : axes[down].Name + " ↓  ") + axes[across].Name + " →";
	table.append(html("thead", {}, html("tr", { role: "row" },
		html("th", { scope: "col", role: "columnheader" }, corner),
		...columns.map((v) => html("th", { scope: "col", role: "columnheader" }, v)))));
	const body = html("tbody");
	rows.forEach((row, y) => {
		const line = html("tr", { role: "row" }, html("th", { scope: "row", role: "rowheader" }, row));
		columns.forEach((_, x) => {
			line.append(cells[y][x].length ? mapCell(cells[y][x]) : html("td", { role: "gridcell" }));
		});
		body.append(line);
	});
	table.append(body);
	const first = table.querySelector(".cell");
	if (first) {
		first.tabIndex = 0;
	}
	return table;
}

function mapCell(points) {
	const verdicts = index.verdicts.filter((v) => points.some((p) => p.verdict === v));
	const counts = points.map((p) => p.acked);
	const steps = span(Math.min(...counts), Math.max(...counts));
	const found = points.some((p) => p.findings);
	const label = `${points[0].name}${points.length > 1 ? ` and ${points.length - 1} repeats` : ""}: ${verdicts.join(" and ")}, ${steps} steps` +
		(points[0].window ? `, predicted ${predicted(points[0])}` : "") + (found ? ", has a finding" : "");
	const cell = html("td", { role: "gridcell", tabindex: -1, title: label, "aria-label": label,
		class: `cell v-${verdicts[0]}` + (verdicts.length > 1 ? " mixed" : "") + (found ? " found" : "") },
		`${verdicts.map((v) => index.letters[v]).join("")} ${steps}${found ? " !" : ""}`);
	cell.points = points;
	return cell;
}

// moveInMap lets Tab take the map in one stride, and the arrows what is in it.
function moveInMap(event) {
	const cell = event.target.closest(".cell");
	if (!cell) {
		return;
	}
	if (event.key === "Enter" || event.key === " ") {
		event.preventDefault();
		openCell(cell);
		return;
	}
	const row = cell.parentElement;
	const rows = [...row.parentElement.rows];
	const beside = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
	const below = { ArrowUp: -1, ArrowDown: 1 }[event.key];
	let to;
	if (beside) {
		const cells = [...row.querySelectorAll(".cell")];
		to = cells[Math.max(0, Math.min(cells.length - 1, cells.indexOf(cell) + beside))];
	} else if (below) {
		for (let y = rows.indexOf(row) + below; rows[y] && !to?.points; y += below) {
			to = rows[y].cells[cell.cellIndex];
		}
	} else {
		return;
	}
	event.preventDefault();
	if (to?.points) {
		cell.tabIndex = -1;
		to.tabIndex = 0;
		to.focus();
	}
}
