import { deepEqual, equal } from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { test } from "node:test";
import { detailsIn, unpack } from "./data.mjs";

const block = (/** @type {unknown} */ v) => ({ textContent: gzipSync(JSON.stringify(v)).toString("base64") });

test("a block is unpacked to what was packed", async () => {
	deepEqual(await unpack(block({ why: "</script> é \u2028" })), { why: "</script> é \u2028" });
});

test("a block is unpacked when the first of its points is asked for, and kept", async () => {
	let reads = 0;
	const blocks = [["a", "b"], ["c"]].map((names) => {
		const { textContent } = block(names);
		return { get textContent() { reads++; return textContent; } };
	});
	const detailOf = detailsIn(blocks, 2);
	equal(reads, 0);
	equal(await detailOf(2), "c");
	equal(reads, 1);
	deepEqual(await Promise.all([detailOf(0), detailOf(1)]), ["a", "b"]);
	equal(reads, 2);
});
