// The dialog with all that is known of one point.
"use strict";

const opened = { among: [], at: 0 };

function openPoint(point, among) {
	opened.among = among;
	opened.at = among.indexOf(point);
	return showPoint();
}

async function showPoint() {
	const point = opened.among[opened.at];
	const detail = await detailOf(point.place);
	if (point !== opened.among[opened.at]) {
		return; // another one was asked for meanwhile
	}
	const dialog = byId("point");
	byId("point-title").replaceChildren(...breakable(point.name));
	byId("previous").disabled = opened.at === 0;
	byId("next").disabled = opened.at === opened.among.length - 1;
	const plot = html("div", { class: "plot", id: "timeline" });
	const steps = `${point.acked} steps acknowledged of ${point.attempted}` + (point.window ? `, ${predicted(point)} predicted` : "");
	byId("point-body").replaceChildren(
		html("div", { class: "lead" }, badge(point.verdict), html("p", {}, html("strong", {}, point.verdict), ": " + detail.why)),
		html("p", { class: "dim" }, steps),
		html("h3", {}, "Timeline"), plot,
		...(detail.readings > (detail.timeline.at || []).length ? [html("p", { class: "hint" }, `${(detail.timeline.at || []).length} of ${detail.readings} readings`)] : []),
		html("h3", {}, "Evidence"), html("dl", { class: "facts" }, ...detail.facts.flatMap(([name, text]) => [html("dt", {}, name), html("dd", {}, text)])),
		...(detail.error ? [html("h3", {}, "Error of the last step"), html("pre", { tabindex: 0 }, detail.error)] : []),
		...(detail.output ? [html("h3", {}, "Output of the target"), html("pre", { tabindex: 0, id: "output" }, detail.output)] : []),
		...(detail.evidence ? [html("details", {}, html("summary", {}, "All evidence as JSON"), html("pre", { tabindex: 0 }, detail.evidence))] : []));
	if (!dialog.open) {
		dialog.showModal();
	}
	dialog.scrollTop = 0;
	byId("point-title").focus();
	onWidth(plot, () => plot.replaceChildren(timelinePlot(point, detail, plot.clientWidth || 720)));
}

function stepTo(by) {
	if (opened.among[opened.at + by]) {
		opened.at += by;
		showPoint();
	}
}

function drawDialog() {
	const dialog = byId("point");
	byId("close").addEventListener("click", () => dialog.close());
	byId("previous").addEventListener("click", () => stepTo(-1));
	byId("next").addEventListener("click", () => stepTo(1));
	dialog.addEventListener("click", (event) => {
		if (event.target === dialog) {
			dialog.close();
		}
	});
	dialog.addEventListener("keydown", (event) => {
		if (event.target.closest("pre")) {
			return; // the arrows scroll it
		}
		if (event.key === "ArrowLeft") {
			stepTo(-1);
		} else if (event.key === "ArrowRight") {
			stepTo(1);
		}
	});
	document.querySelectorAll("[data-point]").forEach((button) =>
		button.addEventListener("click", () => openPoint(index.points[Number(button.dataset.point)], index.points)));
}
