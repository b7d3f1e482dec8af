// What was spent, by boundary and origin, which are never added up.

import { element } from "./elements.js";
import { withUnit } from "./numbers.js";

const COUNTED = {
  core: "what computes, and nothing around it",
  accelerator: "what computes, and its chips' talk to each other",
  system: "what computes, its memory, and the way to the host",
  board: "all that flows into the board",
};

/** Shows the energies of one accelerator; elements are made once and then changed. */
export class EnergyPanel {
  constructor(root) {
    this.root = root;
    this.views = new Map();
  }

  show(hearing) {
    const keys = [...hearing.energies.keys()];
    if (String(keys) !== String([...this.views.keys()])) {
      this.views = new Map(keys.map((key, at) => [key, this.#made(hearing.energies.get(key), at === 0)]));
      const none = hearing.frames
        ? "This accelerator states no energy."
        : "Starts with the first frame.";
      const shown = keys.length
        ? [...this.views.values()].map((view) => view.root)
        : [element("p", { class: "note" }, none)];
      this.root.replaceChildren(...shown);
    }
    for (const [key, view] of this.views) {
      const energy = hearing.energies.get(key);
      view.total.textContent = withUnit(energy.joules, "J");
      const each = energy.joules / hearing.answeredS;
      view.per.textContent = hearing.answeredS
        ? `${withUnit(each, "J")} per second of audio, ${withUnit(each * hearing.frameS, "J")} a frame`
        : "";
      for (const [name, { bar, figure }] of view.parts) {
        const joules = energy.parts.get(name) ?? 0;
        bar.value = energy.joules ? joules / energy.joules : 0;
        figure.textContent = withUnit(joules, "J");
      }
    }
  }

  #made(energy, isFirst) {
    const total = element("output", {}, "");
    const per = element("span", { class: "per" }, "");
    const parts = new Map();
    const rows = [...energy.parts.keys()].map((name) => {
      const said = name.replaceAll("_", " ");
      const bar = element("progress", { max: "1", value: "0", "aria-label": `share of ${said}` });
      const figure = element("td", { class: "number" }, "");
      parts.set(name, { bar, figure });
      return element("tr", {}, element("th", { scope: "row" }, said), figure,
        element("td", { class: "bar" }, bar));
    });
    const labels = [energy.origin, energy.boundary, energy.extrapolated && "extrapolated"];
    const chips = labels.filter(Boolean).map((label, at) =>
      element("span", { class: at === 0 ? "chip origin" : "chip" }, label));
    const split = element("table", { class: "bars" }, element("tbody", {}, ...rows));
    const folded = element("details", {}, element("summary", {}, "What of it was spent on what"), split);
    const root = element("div", { class: "spent" },
      element("p", { class: "amount" }, total, ...chips),
      element("p", { class: "note" }, per),
      element("p", { class: "note" }, COUNTED[energy.boundary] ?? "",
        energy.method ? `; by ${energy.method}` : ""),
      rows.length ? (isFirst ? split : folded) : "");
    return { root, total, per, parts };
  }
}
