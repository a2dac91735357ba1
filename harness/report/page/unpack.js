// The data of the page: gzipped JSON in blocks that no browser runs.
"use strict";

async function unpack(block) {
	const packed = Uint8Array.from(atob(block.textContent), (c) => c.charCodeAt(0));
	const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
	return new Response(stream).json();
}

const blocks = document.querySelectorAll("script.details");
const unpacked = new Map();

// detailOf unpacks the block of the point at that place in the table, unless it was just opened.
async function detailOf(place) {
	const at = Math.floor(place / index.chunk);
	if (!unpacked.has(at)) {
		unpacked.set(at, await unpack(blocks[at]));
	}
	return unpacked.get(at)[place % index.chunk];
}

let index; // what report.go calls by the same name; points know their place in it
