// The page's data as report makes it of testdata/findings.jsonl, for the tests. That it has the types which the modules take for
// granted, tsc checks.

import { readFileSync } from "node:fs";

/** @type {typeof import("../testdata/findings.page.json")} */
const golden = JSON.parse(readFileSync(new URL("../testdata/findings.page.json", import.meta.url), "utf8"));

/** @type {import("./data.mjs").Index} */
export const index = golden.index;

/** @type {import("./data.mjs").Detail[]} */
export const details = golden.details;

/** @param {string} name */
export const point = (name) => {
	const found = index.points.find((p) => p.name === name);
	if (!found) {
		throw new Error("no point is named " + name);
	}
	return found;
};
