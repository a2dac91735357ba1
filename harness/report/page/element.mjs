// Making elements. Text only ever becomes text nodes and attributes, never markup.

/** @typedef {Record<string, string | number | boolean | undefined>} Attributes */

/**
 * @template {Element} E
 * @param {E} element
 * @param {Attributes} attributes without those that are undefined or false
 * @param {(Node | string)[]} children
 */
function fill(element, attributes, children) {
	for (const [name, value] of Object.entries(attributes)) {
		if (value !== undefined && value !== false) {
			element.setAttribute(name, String(value));
		}
	}
	element.append(...children);
	return element;
}

/**
 * @template {keyof HTMLElementTagNameMap} N
 * @param {N} name
 * @param {Attributes} attributes
 * @param {(Node | string)[]} children
 */
export function html(name, attributes = {}, ...children) {
	return fill(document.createElement(name), attributes, children);
}

/**
 * @param {string} name
 * @param {Attributes} attributes
 * @param {(Node | string)[]} children
 */
export function svg(name, attributes = {}, ...children) {
	return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

/**
 * breakable lets a point's name break where its parts end.
 * @param {string} name
 */
export function breakable(name) {
	return name.split("/").flatMap((part, i) => (i === 0 ? [part] : ["/", html("wbr"), part]));
}

/** @param {string} id */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/**
 * choice is a labelled select; pick is called with the place of what is chosen.
 * @param {string} text
 * @param {string[]} options
 * @param {number} chosen
 * @param {(place: number) => void} pick
 */
export function choice(text, options, chosen, pick) {
	const select = html("select", {}, ...options.map((option, i) => html("option", { value: i }, option)));
	select.value = String(chosen);
	select.addEventListener("change", () => pick(Number(select.value)));
	return html("label", {}, text + " ", select);
}

/**
 * badge is the letter of a verdict, beside its name.
 * @param {import("./data.mjs").Index} index
 * @param {string} verdict
 */
export function badge(index, verdict) {
	return html("span", { class: "badge v-" + verdict, "aria-hidden": "true" }, index.letters[verdict]);
}

/**
 * onWidth draws now, and again when the width of the box changes.
 * @param {HTMLElement} box
 * @param {() => void} draw
 */
export function onWidth(box, draw) {
	let width = 0;
	new ResizeObserver(() => {
		if (box.clientWidth !== width) {
			width = box.clientWidth;
			draw();
		}
	}).observe(box);
}

/**
 * labelled are the ticks whose texts have room, each of that width.
 * @param {import("./data.mjs").Tick[]} ticks
 * @param {number} room
 * @param {number} width
 */
export function labelled(ticks, room, width) {
	const each = Math.ceil((ticks.length * width) / room);
	return ticks.filter((_, i) => i % each === 0);
}
