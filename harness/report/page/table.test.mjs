import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { index } from "./golden.mjs";
import { filtered, sorted } from "./table.mjs";

const names = (/** @type {import("./data.mjs").Point[]} */ points) => points.map((p) => p.name);

test("all words of the filter must be there, in any order and case", () => {
	const some = filtered(index, " SHMEM step=20MiB ", "", false);
	equal(some.length, 10);
	equal(some.every((p) => p.name.includes("/step=20MiB/kind=shmem/")), true);
	deepEqual(filtered(index, "shmem nowhere", "", false), []);
	deepEqual(names(filtered(index, "flaky", "survived", true)), ["max=128MiB/step=10MiB/kind=anon/repeat=2"]);
});

test("points are sorted by value and not by letter", () => {
	const up = names(sorted(index.points, 0, false));
	equal(up[0], "max=32MiB/step=10MiB/kind=anon/repeat=1");
	equal(up[up.length - 1], "max=160MiB/step=40MiB/kind=shmem/repeat=2");
	deepEqual(names(sorted(index.points, 0, true)), [...up].reverse());
});

test("each column sorts by what it shows, and changes nothing", () => {
	const before = names(index.points);
	for (const [column, of] of /** @type {const} */ ([[2, "acked"], [4, "each"], [5, "max"], [6, "peak"], [8, "took"]])) {
		const values = sorted(index.points, column, false).map((p) => p[of] || 0);
		deepEqual(values, [...values].sort((a, b) => a - b));
	}
	equal(sorted(index.points, 9, false)[0].findings?.length, Math.max(...index.points.map((p) => p.findings?.length || 0)));
	deepEqual(names(index.points), before);
});

test("as long as no column is chosen, findings come first", () => {
	const found = sorted(filtered(index, "", "", false), -1, false).map((p) => Boolean(p.findings));
	equal(found.lastIndexOf(true) < found.indexOf(false), true);
});
