import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { labelled } from "./element.mjs";
import { details, index } from "./golden.mjs";
import { sums } from "./stack.mjs";
import { limitPath, sharePath, timelineText } from "./timeline.mjs";

test("a column's values are the sums of what it holds", () => {
	deepEqual(sums([3, 4, -1]), [3, 7, 6]);
});

test("a bar is as high as the share of the time that was lost, and never less than seen", () => {
	equal(sharePath([0, 500_000, 0, 9_000_000], [0, 1_000_000, 2_000_000, 2_000_001], (t) => t / 1e6, 40), "M0.0 40v-15.0H1.5V40zM2.0 40v-30.0H3.5V40z");
});

test("what a screen reader says has the figures of the plot", () => {
	equal(timelineText(index.points[0], details[0].timeline),
		"memory.current over 6.4 s: up to 96 MiB, memory.max 96 MiB; the highest reading has anon 4.8 MiB, shmem 82.6 MiB, kernel 6.7 MiB, page cache 1.9 MiB; " +
		"2 steps, half of them within 2.1 s, the slowest 2.5 s, the last 2.1 s; max 23; pressure some 172 ms, full 145 ms");
	const before = { over: "1.0 s", limits: [{ name: "memory.max", at: 1, text: "96 MiB", changes: [{ time: 250_000, at: 0, text: "max" }] }], columns: {},
		kills: [{ at: 900_000, text: "app[152]" }], captures: [{ at: 12_300_000, text: "GET /heap" }] };
	equal(timelineText(index.points[0], { over: "1.0 s", columns: { swap: [0, 3 << 20, -(1 << 20)] } }), "memory.current over 1.0 s: up to 96 MiB; swap up to 3.0 MiB; 2 steps; no events");
	equal(timelineText(index.points[0], before),
		"memory.current over 1.0 s: up to 96 MiB, memory.max 96 MiB, memory.max max from 0.25 s on; 2 steps; no events; app[152] after 0.90 s; captured GET /heap after 12.3 s");
	equal(timelineText(index.points[0], { over: "1.0 s", columns: {} }), "memory.current over 1.0 s: up to 96 MiB; 2 steps; no events");
});

test("a limit that changes is a staircase, and what is above the picture is at its top", () => {
	const id = (/** @type {number} */ v) => v;
	const frame = { left: 10, right: 90, top: 5 };
	equal(limitPath({ at: 40 }, 100, id, id, frame), "M10 40.0H90");
	equal(limitPath({ at: 40, changes: [{ time: 20, at: 60 }, { time: 30, at: 0 }, { time: 50, at: 200 }] }, 100, id, id, frame), "M10 40.0H20.0V60.0H30.0V5.0H50.0V5.0H90");
});

test("ticks that would touch have no text", () => {
	const ticks = [0, 1, 2, 3, 4].map((at) => ({ at, text: String(at) }));
	deepEqual(labelled(ticks, 500, 100), ticks);
	deepEqual(labelled(ticks, 300, 100).map((t) => t.at), [0, 2, 4]);
});
