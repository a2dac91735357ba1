// The data of the page, which index.go, detail.go and timeline.go make: gzipped JSON in blocks that no browser runs.
// All its texts are to be shown as they are, and numbers beside them are to be drawn and sorted by.

/** @typedef {{ at: number, text: string }} Tick */
/** @typedef {{ from?: number, top: number, ticks: Tick[], far?: Tick[] }} Scale */
/** @typedef {{ max: number, lo: number, hi: number }} Window */
/** @typedef {{ name: string, points: number[], band: Window[] | null, steps: Scale }} Series */
/** @typedef {{ from: string, to: string, max: Scale, steps: Scale, series: Series[] }} Kills */

/**
 * A point; its place is the one in the index.
 * @typedef {{ name: string, rank: number, values: number[], verdict: string, acked: number, attempted: number, predicted?: string,
 *   each?: number, eachText?: string, max?: number, maxText: string, peak: number, peakText: string, filled?: string, filledText?: string, took: number, tookText: string, findings?: number[] }} Point
 */
/**
 * @typedef {{ axes: { Name: string, Values: string[] }[], points: Point[], checks: string[], verdicts: string[],
 *   letters: Record<string, string>, own: string[], marks: string[], kills: Kills | null, chunk: number }} Index
 */
/** @typedef {{ at: number, took?: number, text: string }} Moment */
/**
 * Of a step the gap from the end of the one before to its begin, and how long it took.
 * @typedef {{ took?: Scale, p50?: string, last?: string, slowest?: string, doubled?: Moment, failed?: number[],
 *   columns: Record<string, number[] | undefined> }} Steps
 */
/** @typedef {{ name: string, at: number, text: string, changes?: { time: number, at: number, text: string }[] }} Limit */
/**
 * The values of each column are less the one before. Those of kinds count pages of 4 KiB.
 * @typedef {{ over?: string, time?: Scale, memory?: Scale, limits?: Limit[], kinds?: string[], kills?: Moment[], captures?: Moment[], steps?: Steps,
 *   some?: string, full?: string, columns: Record<string, number[] | undefined> }} Timeline
 */
/**
 * Processes; the sizes of each are in the order of the kinds.
 * @typedef {{ when: string, kinds: string[], top: number, rest?: string, rows: { name: string, sizes: number[], texts: string[], note?: string }[] }} Inside
 */
/**
 * @typedef {{ why: string, facts: string[][], timeline: Timeline, readings: number, inside?: Inside, evidence?: string, output?: string, error?: string }} Detail
 */
/** @typedef {(point: Point, among: Point[]) => void} Open */

/** @type {(block: { textContent: string | null }) => Promise<any>} */
export async function unpack(block) {
	const packed = Uint8Array.from(atob(block.textContent || ""), (c) => c.charCodeAt(0));
	// @ts-ignore: TypeScript knows it from 5.1 on
	return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

// detailsIn returns what finds the detail of the point at a place of the index. A block is unpacked when the first of its
// points is asked for, and kept.
/** @type {(blocks: ArrayLike<{ textContent: string | null }>, chunk: number) => (place: number) => Promise<Detail>} */
export function detailsIn(blocks, chunk) {
	/** @type {Map<number, Promise<Detail[]>>} */
	const unpacked = new Map();
	return async (place) => {
		const at = Math.floor(place / chunk);
		const details = unpacked.get(at) || unpack(blocks[at]);
		unpacked.set(at, details);
		return (await details)[place % chunk];
	};
}
