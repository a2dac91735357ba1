// Draws the page. What is seen first is drawn first; details wait until somebody asks.
"use strict";

async function draw() {
	index = await unpack(byId("index"));
	const order = index.points.map((p, i) => ((p.place = i), p));
	order.forEach((p) => {
		const checks = (p.findings || []).map((i) => index.checks[i]);
		p.text = [p.name, p.verdict, ...checks].join(" ").toLowerCase();
	});
	// By name means by the values of the axes, not by the letters.
	[...order].sort((a, b) => {
		for (let i = 0; i < a.values.length; i++) {
			if (a.values[i] !== b.values[i]) {
				return a.values[i] - b.values[i];
			}
		}
		return a.name < b.name ? -1 : 1;
	}).forEach((p, i) => (p.rank = i));
	drawMap();
	drawKills();
	drawTable();
	drawDialog();
	// The frame's callbacks run before it is laid out and painted, and a timer's after.
	requestAnimationFrame(() => setTimeout(() => {
		performance.mark("drawn");
		document.documentElement.dataset.drawn = "yes";
	}));
}

draw().catch((error) => {
	document.querySelector("main").prepend(html("p", { class: "notice", role: "alert" }, `This browser cannot draw the page: ${error}. It takes one from 2023 or later.`));
	throw error;
});
