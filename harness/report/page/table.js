// The table of points: filtered, sorted, and drawn in parts, since a browser takes seconds for 10,000 rows.
"use strict";

const rowsAtOnce = 200;
const columns = [
	{ name: "Point", of: (p) => p.place, sorts: "name" },
	{ name: "Verdict", of: (p) => p.verdict },
	{ name: "Steps", of: (p) => p.acked, number: true },
	{ name: "Predicted", of: (p) => (p.window ? p.window[0] : -1), number: true, wide: true },
	{ name: "memory.max", of: (p) => p.max || Infinity, number: true, wide: true },
	{ name: "Peak", of: (p) => p.peak, number: true, wide: true },
	{ name: "Time", of: (p) => p.took, number: true, wide: true },
	{ name: "Findings", of: (p) => -(p.findings ? p.findings.length : 0) },
];
const table = { shown: [], rows: rowsAtOnce, sort: -1, down: false };

function drawTable() {
	const head = html("tr");
	columns.forEach((c, i) => {
		const button = html("button", { type: "button" }, c.name);
		button.addEventListener("click", () => sortBy(i));
		head.append(html("th", { scope: "col", class: (c.number ? "number" : "") + (c.wide ? " wide-only" : "") }, button));
	});
	byId("points").append(html("caption", { hidden: "" }, "All points; those with findings first"), html("thead", {}, head), html("tbody"));
	for (const verdict of new Set(index.points.map((p) => p.verdict))) {
		byId("filter-verdict").append(html("option", { value: verdict }, verdict));
	}
	byId("filter").addEventListener("input", applyFilter);
	byId("filter").addEventListener("submit", (event) => event.preventDefault());
	byId("more").addEventListener("click", () => {
		table.rows += rowsAtOnce * 5;
		drawRows();
	});
	const rows = byId("points").tBodies[0];
	rows.addEventListener("click", (event) => openRow(event.target.closest("tr")));
	rows.addEventListener("keydown", (event) => {
		const row = event.target.closest("tr");
		if (event.key === "Enter" || event.key === " ") {
			event.preventDefault();
			openRow(row);
		} else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
			const to = event.key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling;
			if (to) {
				event.preventDefault();
				to.focus();
			}
		}
	});
	applyFilter();
}

function openRow(row) {
	if (row && row.point) {
		openPoint(row.point, table.shown);
	}
}

function sortBy(i) {
	table.down = table.sort === i && !table.down;
	table.sort = i;
	document.querySelectorAll("#points th").forEach((th, j) => {
		if (i === j) {
			th.setAttribute("aria-sort", table.down ? "descending" : "ascending");
		} else {
			th.removeAttribute("aria-sort");
		}
	});
	applyFilter();
}

function applyFilter() {
	const words = byId("filter-text").value.toLowerCase().split(/\s+/).filter(Boolean);
	const verdict = byId("filter-verdict").value;
	const found = byId("filter-found").checked;
	table.shown = index.points.filter((p) => (!verdict || p.verdict === verdict) && (!found || p.findings) && words.every((w) => p.text.includes(w)));
	if (table.sort >= 0) {
		const of = table.sort === 0 ? (p) => p.rank : columns[table.sort].of;
		const sign = table.down ? -1 : 1;
		table.shown.sort((a, b) => sign * (of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : 0));
	}
	table.rows = rowsAtOnce;
	drawRows();
}

function drawRows() {
	const rows = table.shown.slice(0, table.rows).map(tableRow);
	if (rows.length === 0) {
		rows.push(html("tr", {}, html("td", { colspan: columns.length, class: "nothing" }, "No point is like that.")));
	}
	byId("points").tBodies[0].replaceChildren(...rows);
	const left = table.shown.length - table.rows;
	byId("more").hidden = left <= 0;
	byId("more").textContent = `Show ${Math.min(left, rowsAtOnce * 5)} more of ${table.shown.length}`;
	byId("shown").textContent = `${table.shown.length} of ${index.points.length}`;
}

function tableRow(p) {
	const checks = p.findings ? [...new Set(p.findings.map((i) => index.checks[i]))].join(", ") : "";
	const cell = (c, ...children) => html("td", { class: (c.number ? "number" : "") + (c.wide ? " wide-only" : "") }, ...children);
	const row = html("tr", { tabindex: 0 },
		html("td", { class: "name" }, ...breakable(p.name)),
		html("td", { class: "verdict" }, badge(p.verdict), html("span", {}, p.verdict)),
		cell(columns[2], String(p.acked)),
		cell(columns[3], predicted(p)),
		cell(columns[4], p.max ? bytes(p.max) : "max"),
		cell(columns[5], bytes(p.peak)),
		cell(columns[6], seconds(p.took)),
		html("td", { class: "found" }, checks ? "! " + checks : ""));
	row.point = p;
	return row;
}
