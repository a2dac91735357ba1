import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { index } from "./golden.mjs";
import { bandPath, namesAtEnds, nearestMark, share } from "./kills.mjs";

test("a click means the nearest mark within reach", () => {
	const marks = [{ x: 10, y: 10 }, { x: 30, y: 10 }];
	equal(nearestMark(marks, 21, 10), marks[1]);
	equal(nearestMark(marks, 10, 33), marks[0]);
	equal(nearestMark(marks, 10, 34), null);
	equal(nearestMark([], 0, 0), null);
});

test("a band goes along the upper ends and back along the lower ones, and is cut far above the plot", () => {
	const same = (/** @type {number} */ v) => v;
	equal(bandPath([{ max: 1, lo: 2, hi: 3 }, { max: 4, lo: 5, hi: 1e12 }], same, same, 10), "M1 3L4 20L4 5L1 2z");
});

test("names at the ends of the series do not cover each other", () => {
	const series = (index.kills?.series || []).map((s, style) => ({ ...s, style }));
	const places = namesAtEnds(series, index.points, (v) => v, (v) => 100 - v);
	deepEqual(new Set(places.map((p) => p.s.name)), new Set(series.map((s) => s.name)));
	places.slice(1).forEach((p, i) => equal(p.top >= places[i].top + 15, true));
});

test("a series has its points in the order of their limits", () => {
	for (const { points } of index.kills?.series || []) {
		const limits = points.map((place) => index.points[place].max || 0);
		deepEqual(limits, [...limits].sort((a, b) => a - b));
	}
});

test("what is far beyond an axis stands behind its cut, evenly spaced", () => {
	const scale = { from: 10, top: 20, ticks: [], far: [{ at: 500, text: "" }, { at: 600, text: "" }] };
	equal(share(scale, 10), 0);
	equal(share(scale, 20) > 0.7, true);
	equal(share(scale, 500) > share(scale, 20), true);
	equal(share(scale, 600) - share(scale, 500) > 0.1, true);
	equal(share(scale, 600) < 1, true);
	equal(share({ top: 20, ticks: [] }, 5), 0.25);
});
