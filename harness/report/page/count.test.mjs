import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { count } from "./count.mjs";

test("one is not plural", () => {
	deepEqual([count(0, "step"), count(1, "step"), count("1", "step"), count(2, "step"), count("1–2", "step")],
		["0 steps", "1 step", "1 step", "2 steps", "1–2 steps"]);
});
