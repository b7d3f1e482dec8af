// Elements out of words; no text ever becomes markup.

/** An element with attributes and children. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Pairs of a name and a figure, as the children of a <dl>. */
export function figures(pairs) {
  return pairs.map(([name, figure]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, figure)));
}

/** A table with a caption that is not seen, heads, and rows of cells; the first names its row. */
export function table(caption, heads, rows) {
  return element("table", {},
    element("caption", { class: "unseen" }, caption),
    element("thead", {},
      element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, ...rows.map(([first, ...rest]) =>
      element("tr", {}, element("th", { scope: "row" }, first),
        ...rest.map((cell) => element("td", {}, cell))))));
}
