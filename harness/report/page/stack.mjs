// What the cage was filled with, at each reading: the kinds of memory on top of each other.

/** @typedef {import("./data.mjs").Timeline} Timeline */

const page = 4096; // what the columns of the kinds count

/** @type {(column: number[]) => number[]} */
export function sums(column) {
	let sum = 0;
	return column.map((v) => (sum += v));
}

// stacked are the upper edges of the kinds, the lowest first. memory.stat lags behind memory.current: what is above it is cut.
/** @type {(timeline: Timeline) => { kind: string, lower: number[], upper: number[] }[]} */
export function stacked({ kinds = [], columns }) {
	const current = sums(columns.current || []);
	let lower = current.map(() => 0);
	return kinds.map((kind) => {
		const sizes = sums(columns[kind] || []);
		const upper = lower.map((v, i) => Math.min(v + sizes[i] * page, Math.max(current[i], v)));
		const area = { kind, lower, upper };
		lower = upper;
		return area;
	});
}

// fullest is the place of the highest reading, the last of several.
/** @type {(timeline: Timeline) => number} */
export function fullest({ columns }) {
	const current = sums(columns.current || []);
	return current.lastIndexOf(Math.max(...current));
}

// kindsAt are the sizes of the kinds at a reading.
/** @type {(timeline: Timeline, place: number) => { kind: string, size: number }[]} */
export function kindsAt({ kinds = [], columns }, place) {
	return kinds.map((kind) => ({ kind, size: (sums(columns[kind] || [])[place] || 0) * page }));
}

// mib is a size as the sentence has it.
export const mib = (/** @type {number} */ bytes) => (bytes / 2 ** 20).toFixed(1) + " MiB";
