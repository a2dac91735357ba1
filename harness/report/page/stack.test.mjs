import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { details } from "./golden.mjs";
import { pieces } from "./inside.mjs";
import { stepMoments } from "./latency.mjs";
import { readingRows } from "./readings.mjs";
import { fullest, kindsAt, stacked, sums } from "./stack.mjs";

const page = 4096;
const timeline = { kinds: ["anon", "kernel"], columns: { at: [0, 1000, 500], current: [3 * page, 5 * page, -page], anon: [2, 3, 0], kernel: [0, 4, -3], oom: [0, 1, 0] } };

test("kinds stand on each other, and no higher than memory.current", () => {
	const areas = stacked(timeline);
	deepEqual(areas.map((a) => a.kind), ["anon", "kernel"]);
	deepEqual(areas[0].lower, [0, 0, 0]);
	deepEqual(areas[0].upper, [2, 5, 5].map((n) => n * page));
	deepEqual(areas[1].lower, areas[0].upper);
	deepEqual(areas[1].upper, [2, 8, 6].map((n) => n * page));
	deepEqual(stacked({ kinds: ["anon"], columns: { current: [page], anon: [3] } })[0].upper, [page]);
	deepEqual(stacked({ columns: {} }), []);
});

test("the areas of real data end where each next one begins, and below what was read", () => {
	for (const { timeline } of details) {
		const current = sums(timeline.columns.current || []);
		const areas = stacked(timeline);
		equal(areas.length, timeline.kinds?.length);
		areas.forEach((area, i) => {
			deepEqual(area.lower, areas[i - 1]?.upper || current.map(() => 0));
			equal(area.upper.every((v, j) => v >= area.lower[j] && v <= current[j]), true);
		});
	}
});

test("the sizes of the legend are those of the highest reading, the last of several", () => {
	equal(fullest(timeline), 1);
	equal(fullest({ columns: { current: [7, 0, -1] } }), 1);
	deepEqual(kindsAt(timeline, 1), [{ kind: "anon", size: 5 * page }, { kind: "kernel", size: 4 * page }]);
	deepEqual(kindsAt({ columns: {} }, -1), []);
});

test("the table has what the picture shows", () => {
	deepEqual(readingRows(timeline), {
		head: ["Time", "Steps", "memory.current", "anon", "kernel", "oom"],
		rows: [["0.000 s", "0", "0.0 MiB", "0.0 MiB", "0.0 MiB", "0"], ["0.001 s", "0", "0.0 MiB", "0.0 MiB", "0.0 MiB", "1"], ["0.002 s", "0", "0.0 MiB", "0.0 MiB", "0.0 MiB", "1"]],
	});
	const { head, rows } = readingRows({ columns: { at: [0], current: [3 << 20], swap: [1 << 20], step: [4] } });
	deepEqual([head, rows], [["Time", "Steps", "memory.current", "swap"], [["0.000 s", "4", "3.0 MiB", "1.0 MiB"]]]);
});

test("a step begins after the gap behind the one before", () => {
	deepEqual(stepMoments({ gap: [5, 10, -3], took: [7, 1, 2] }), [{ begin: 5, end: 12 }, { begin: 22, end: 23 }, { begin: 20, end: 22 }]);
	deepEqual(stepMoments({}), []);
});

test("the parts of a process's bar follow each other, and the largest process fills it", () => {
	deepEqual(pieces([60, 0, 40], 100, 300), [{ left: 0, wide: 180 }, { left: 180, wide: 0 }, { left: 180, wide: 120 }]);
	deepEqual(pieces([0], 0, 300), [{ left: 0, wide: 0 }]);
});
