import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { index, point } from "./golden.mjs";
import { cellsOf, cellText, firstView } from "./map.mjs";

const axis = (/** @type {string} */ Name, /** @type {number} */ values) => ({ Name, Values: Array.from({ length: values }, (_, i) => String(i)) });

test("memory.max is across where it varies, else the axis with the most values", () => {
	deepEqual(firstView([axis("step", 9), axis("max", 2)]), { across: 1, down: 0, fixed: [0, 0] });
	deepEqual(firstView([axis("kind", 2), axis("step", 9), axis("max", 1)]), { across: 1, down: 0, fixed: [0, 0, 0] });
	deepEqual(firstView([axis("step", 9)]), { across: 0, down: -1, fixed: [0] });
});

test("a cell has the repeats of its point, and each point one cell", () => {
	const view = firstView(index.axes);
	const kinds = index.axes.findIndex((a) => a.Name === "kind");
	const seen = new Set();
	index.axes[kinds].Values.forEach((_, kind) => {
		view.fixed[kinds] = kind;
		for (const cell of cellsOf(index.points, index.axes, view).flat()) {
			equal(cell.length, 2);
			equal(cell[0].name.replace(/repeat=\d/, ""), cell[1].name.replace(/repeat=\d/, ""));
			cell.forEach((p) => seen.add(p));
		}
	});
	equal(seen.size, index.points.length);
});

test("one axis makes one row", () => {
	const one = [{ ...index.points[0], values: [2] }];
	deepEqual(cellsOf(one, [axis("step", 3)], firstView([axis("step", 3)])), [[[], [], one]]);
});

test("a cell says both ends of repeats that differ", () => {
	const repeats = [1, 2].map((i) => point(`max=128MiB/step=10MiB/kind=anon/repeat=${i}`));
	deepEqual(cellText(index.verdicts, repeats), {
		verdicts: ["survived", "oom-killed"], steps: "12–24", found: true,
		label: "max=128MiB/step=10MiB/kind=anon/repeat=1 and 1 repeat: survived (1 of 2) and oom-killed (1 of 2), 12–24 steps, predicted 11..12, has a finding",
	});
	deepEqual(cellText(index.verdicts, [...repeats, repeats[1]]).verdicts, [repeats[1].verdict, repeats[0].verdict]);
	equal(cellText(index.verdicts, [repeats[1]]).steps, "24");
});
