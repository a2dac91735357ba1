// Making elements. Text only ever becomes text nodes and attributes, never markup.
"use strict";

function fill(element, attributes, children) {
	for (const [name, value] of Object.entries(attributes)) {
		if (value !== undefined && value !== false) {
			element.setAttribute(name, value);
		}
	}
	element.append(...children);
	return element;
}

function html(name, attributes = {}, ...children) {
	return fill(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
	return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

// breakable lets a point's name break where its parts end.
function breakable(name) {
	return name.split("/").flatMap((part, i) => (i === 0 ? [part] : ["/", html("wbr"), part]));
}

const byId = (id) => document.getElementById(id);

// choice is a labelled select; pick is called with the place of what is chosen.
function choice(text, options, chosen, pick) {
	const select = html("select", {});
	options.forEach((option, i) => select.append(html("option", { value: i }, option)));
	select.value = chosen;
	select.addEventListener("change", () => pick(Number(select.value)));
	return html("label", {}, text + " ", select);
}

function badge(verdict) {
	return html("span", { class: "badge v-" + verdict, "aria-hidden": "true" }, index.letters[verdict]);
}
