// The timeline of one point: memory.current with the limits and the steps, and below it the counters that rose
// and the time that was lost to reclaim.
"use strict";

// samplesOf puts the columns together again; each value is less the one before.
function samplesOf(timeline) {
	const sums = {};
	for (const [name, column] of Object.entries(timeline)) {
		let sum = 0;
		sums[name] = column.map((v) => (sum += v));
	}
	return (name) => sums[name] || [];
}

function timelinePlot(point, detail, width) {
	const of = samplesOf(detail.timeline);
	const at = of("at");
	if (at.length < 2) {
		return html("p", { class: "dim" }, "The timeline has no two readings to draw.");
	}
	const current = of("current");
	const lanes = ["high", "max", "oom", "oom_kill"].filter((name) => of(name).length);
	const [some, full] = [of("some"), of("full")];
	const frame = { left: 74, right: width > 480 ? 92 : 16, top: 22 };
	const plotHeight = Math.max(180, Math.min(280, width * 0.36));
	const laneHeight = 20;
	const pressureHeight = some.length ? 44 : 0;
	const bottom = frame.top + plotHeight;
	const height = bottom + 8 + lanes.length * laneHeight + pressureHeight + 26;
	const end = at.at(-1) || 1;
	const limits = [["memory.max", point.max, "limit"], ["memory.high", detail.high || 0, "limit high"]].filter(([, v]) => v > 0);
	const top = Math.max(point.peak, ...current, ...limits.map(([, v]) => v).filter((v) => v < 4 * Math.max(point.peak, 1))) * 1.06;
	const x = (t) => frame.left + (t / end) * (width - frame.left - frame.right);
	const y = (v) => bottom - (v / top) * plotHeight;
	const points = current.map((v, i) => `${x(at[i]).toFixed(1)} ${y(v).toFixed(1)}`);
	const says = `memory.current over ${seconds(end)}: up to ${bytes(point.peak)}` + limits.map(([name, v]) => `, ${name} ${bytes(v)}`).join("") +
		`; ${point.acked} steps; ` + (lanes.map((name) => `${name} ${of(name).at(-1)}`).join(", ") || "no events") +
		(some.length ? `; pressure some ${seconds(some.at(-1))}, full ${seconds(full.at(-1) || 0)}` : "");
	const plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": says }, svg("title", {}, says));

	for (const v of ticks(top, 5, true)) {
		plot.append(svg("line", { class: "grid", x1: frame.left, x2: width - frame.right, y1: y(v), y2: y(v) }),
			svg("text", { x: frame.left - 8, y: y(v) + 4, "text-anchor": "end" }, v === 0 ? "0" : bytes(v)));
	}
	plot.append(...stepLines(of("step"), at, x, frame.top, bottom));
	plot.append(svg("path", { class: "area", d: `M${x(at[0])} ${bottom}L${points.join("L")}L${x(end)} ${bottom}z` }),
		svg("path", { class: "memory", d: "M" + points.join("L") }));
	if (of("swap").length) {
		plot.append(svg("path", { class: "swap", d: "M" + of("swap").map((v, i) => `${x(at[i])} ${y(v)}`).join("L") }));
	}
	let above = frame.top;
	for (const [name, v, style] of limits) {
		if (v > top) {
			plot.append(svg("text", { class: "limit-text", x: frame.left + 6, y: (above += 15) }, `↑ ${name} ${bytes(v)} is above this picture`));
		} else {
			plot.append(svg("line", { class: style, x1: frame.left, x2: width - frame.right, y1: y(v), y2: y(v) }),
				width > 480 ? svg("text", { class: "limit-text", x: width - frame.right + 6, y: y(v) + 4 }, name)
					: svg("text", { class: "limit-text", x: width - frame.right, y: y(v) - 5, "text-anchor": "end" }, name));
		}
	}
	lanes.forEach((name, i) => {
		const middle = bottom + 8 + i * laneHeight + laneHeight / 2;
		plot.append(svg("rect", { class: "lane", x: frame.left, width: width - frame.left - frame.right, y: middle - 7, height: 14 }),
			svg("text", { x: frame.left - 8, y: middle + 4, "text-anchor": "end" }, name));
		let before = 0;
		let path = "";
		of(name).forEach((v, j) => {
			if (v > before) {
				path += `M${x(at[j]).toFixed(1)} ${middle - 7}v14`;
			}
			before = v;
		});
		plot.append(svg("path", { class: "tick" + (name.startsWith("oom") ? " bad" : ""), d: path }));
		if (width > 480) {
			plot.append(svg("text", { x: width - frame.right + 6, y: middle + 4 }, String(before)));
		}
	});
	if (pressureHeight) {
		plot.append(...pressureStrip(some, full, at, x, bottom + 8 + lanes.length * laneHeight, pressureHeight, frame, width));
	}
	for (const t of ticks(end / 1e6, Math.max(3, Math.floor(width / 120)))) {
		plot.append(svg("text", { x: x(t * 1e6), y: height - 6, "text-anchor": "middle" }, t === 0 ? "0 s" : Number(t.toPrecision(4)) + " s"));
	}
	return plot;
}

// stepLines stand where a step was acknowledged. Numbers are left out where they would touch.
function stepLines(step, at, x, top, bottom) {
	const lines = [];
	let before = 0;
	let numbered = -Infinity;
	step.forEach((n, i) => {
		if (n > before) {
			lines.push(svg("line", { class: "step", x1: x(at[i]), x2: x(at[i]), y1: top, y2: bottom }));
			if (x(at[i]) - numbered > 22) {
				lines.push(svg("text", { x: x(at[i]), y: top - 8, "text-anchor": "middle" }, String(n)));
				numbered = x(at[i]);
			}
		}
		before = n;
	});
	return lines;
}

// pressureStrip is the share of the time between two readings in which some task waited for memory, and before it
// that in which all of them did.
function pressureStrip(some, full, at, x, top, height, frame, width) {
	const bottom = top + height - 6;
	const whole = height - 14;
	const shares = (waited) => {
		let path = "";
		for (let i = 1; i < waited.length; i++) {
			const share = Math.min(1, (waited[i] - waited[i - 1]) / Math.max(1, at[i] - at[i - 1]));
			if (share > 0) {
				path += `M${x(at[i - 1]).toFixed(1)} ${bottom}v${(-share * whole).toFixed(1)}H${Math.max(x(at[i]), x(at[i - 1]) + 1.5).toFixed(1)}V${bottom}z`;
			}
		}
		return path;
	};
	const parts = [svg("rect", { class: "lane", x: frame.left, width: width - frame.left - frame.right, y: bottom - whole, height: whole }),
		svg("path", { class: "pressure", d: shares(some) }), svg("path", { class: "pressure full", d: shares(full) }),
		svg("text", { x: frame.left - 8, y: bottom - whole / 2 + 4, "text-anchor": "end" }, "pressure")];
	if (width > 480) {
		const right = width - frame.right + 6;
		parts.push(svg("text", { x: right, y: bottom - whole / 2 - 3 }, "some " + seconds(some.at(-1))),
			svg("text", { x: right, y: bottom - whole / 2 + 12 }, "full " + seconds(full.at(-1) || 0)));
	}
	return parts;
}
