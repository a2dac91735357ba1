// Draws the page. What is seen first is drawn first; details wait until somebody asks.

import { detailsIn, unpack } from "./data.mjs";
import { byId, html } from "./element.mjs";
import { definePatterns } from "./kind.mjs";
import { drawKills } from "./kills.mjs";
import { drawMap } from "./map.mjs";
import { pointDialog } from "./point.mjs";
import { drawTable } from "./table.mjs";

async function draw() {
	/** @type {import("./data.mjs").Index} */
	const index = await unpack(byId("index"));
	const open = pointDialog(index, detailsIn(document.querySelectorAll("script.details"), index.chunk));
	definePatterns();
	drawMap(index, open);
	drawKills(index, open);
	drawTable(index, open);
	/** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-point]")).forEach((button) =>
		button.addEventListener("click", () => open(index.points[Number(button.dataset.point)], index.points)));
	// The frame's callbacks run before it is laid out and painted, and a timer's after.
	requestAnimationFrame(() => setTimeout(() => {
		performance.mark("drawn");
		document.documentElement.dataset.drawn = "yes";
	}));
}

draw().catch((error) => {
	document.querySelector("main")?.prepend(html("p", { class: "notice", role: "alert" }, `This browser cannot draw the page: ${error}. It takes one from 2023 or later.`));
	throw error;
});
