// Making elements. Text only ever becomes text nodes and attributes, never markup.

/** @typedef {Record<string, string | number | boolean | undefined>} Attributes */

/** @type {<E extends Element>(element: E, attributes: Attributes, children: (Node | string)[]) => E} */
function fill(element, attributes, children) {
	for (const [name, value] of Object.entries(attributes)) {
		if (value !== undefined && value !== false) {
			element.setAttribute(name, String(value));
		}
	}
	element.append(...children);
	return element;
}

/** @type {<N extends keyof HTMLElementTagNameMap>(name: N, attributes?: Attributes, ...children: (Node | string)[]) => HTMLElementTagNameMap[N]} */
export function html(name, attributes = {}, ...children) {
	return fill(document.createElement(name), attributes, children);
}

/** @type {(name: string, attributes?: Attributes, ...children: (Node | string)[]) => SVGElement} */
export function svg(name, attributes = {}, ...children) {
	return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

// breakable lets a point's name break where its parts end.
/** @type {(name: string) => (string | HTMLElement)[]} */
export function breakable(name) {
	return name.split("/").flatMap((part, i) => (i === 0 ? [part] : ["/", html("wbr"), part]));
}

/** @param {string} id */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

// choice is a labelled select; pick is called with the place of what is chosen.
/** @type {(text: string, options: string[], chosen: number, pick: (place: number) => void) => HTMLLabelElement} */
export function choice(text, options, chosen, pick) {
	const select = html("select", {}, ...options.map((option, i) => html("option", { value: i }, option)));
	select.value = String(chosen);
	select.addEventListener("change", () => pick(Number(select.value)));
	return html("label", {}, text + " ", select);
}

// badge is the letter of a verdict, beside its name.
/** @type {(index: import("./data.mjs").Index, verdict: string) => HTMLElement} */
export function badge(index, verdict) {
	return html("span", { class: "badge v-" + verdict, "aria-hidden": "true" }, index.letters[verdict]);
}

// onWidth draws now, and again when the width of the box changes.
/** @type {(box: HTMLElement, draw: () => void) => void} */
export function onWidth(box, draw) {
	let width = 0;
	new ResizeObserver(() => {
		if (box.clientWidth !== width) {
			width = box.clientWidth;
			draw();
		}
	}).observe(box);
}

// labelled are the ticks whose texts have room, each of that width.
/** @type {(ticks: import("./data.mjs").Tick[], room: number, width: number) => import("./data.mjs").Tick[]} */
export function labelled(ticks, room, width) {
	const each = Math.ceil((ticks.length * width) / room);
	return ticks.filter((_, i) => i % each === 0);
}
