// Numbers as people read them, and scales.
"use strict";

const unitNames = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

function bytes(n, digits = 1) {
	let unit = 0;
	for (; n >= 1024 && unit < unitNames.length - 1; unit++) {
		n /= 1024;
	}
	return n.toFixed(unit === 0 ? 0 : digits).replace(/\.0+$/, "") + " " + unitNames[unit];
}

function seconds(us) {
	return us < 1e4 ? (us / 1e3).toFixed(1) + " ms" : us < 1e6 ? Math.round(us / 1e3) + " ms" : (us / 1e6).toFixed(1) + " s";
}

function predicted(point) {
	const w = point.window;
	return !w ? "" : w.length === 1 ? w[0] + ".." : w[0] + ".." + w[1];
}

const span = (lo, hi) => (lo === hi ? String(lo) : lo + "–" + hi);

// ticks are round numbers from 0 to top, about that many. Sizes are round in powers of two.
function ticks(top, about, binary) {
	let step = 1;
	const base = binary ? 2 : 10;
	if (top <= 0) {
		return [0];
	}
	step = base ** Math.floor(Math.log(top / about) / Math.log(base));
	const factors = binary ? [1, 2] : [1, 2, 5, 10];
	step *= factors.find((f) => top / (step * f) <= about) || factors[factors.length - 1];
	const all = [];
	for (let v = 0; v <= top * 1.0001; v += step) {
		all.push(v);
	}
	return all;
}
