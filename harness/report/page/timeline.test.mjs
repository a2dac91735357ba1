import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { labelled } from "./element.mjs";
import { details, index } from "./golden.mjs";
import { sharePath, sums, timelineText } from "./timeline.mjs";

test("a column's values are the sums of what it holds", () => {
	deepEqual(sums([3, 4, -1]), [3, 7, 6]);
});

test("a bar is as high as the share of the time that was lost, and never less than seen", () => {
	equal(sharePath([0, 500_000, 0, 9_000_000], [0, 1_000_000, 2_000_000, 2_000_001], (t) => t / 1e6, 40), "M0.0 40v-15.0H1.5V40zM2.0 40v-30.0H3.5V40z");
});

test("what a screen reader says has the figures of the plot", () => {
	equal(timelineText(index.points[0], details[0].timeline),
		"memory.current over 6.4 s: up to 96 MiB, memory.max 96 MiB; 2 steps; max 23; pressure some 172 ms, full 145 ms");
	equal(timelineText(index.points[0], { over: "1.0 s", columns: {} }), "memory.current over 1.0 s: up to 96 MiB; 2 steps; no events");
});

test("ticks that would touch have no text", () => {
	const ticks = [0, 1, 2, 3, 4].map((at) => ({ at, text: String(at) }));
	deepEqual(labelled(ticks, 500, 100), ticks);
	deepEqual(labelled(ticks, 300, 100).map((t) => t.at), [0, 2, 4]);
});
