// The phones as text, as a table, and as files.

import { element, figures, table } from "./elements.js";

const TABLED = 400; // the newest; the files have all
const WRITTEN = 2000;

/** Shows phones; a segment's pauses become gaps, and what may still change is faint. */
export class Transcript {
  constructor(root) {
    this.text = root.querySelector(".text");
    this.details = root.querySelector(".phone-table");
    this.digests = root.querySelector(".digests");
    this.shown = "";
    this.empty = [...this.text.childNodes];
    this.details.addEventListener("toggle", () => this.#table());
  }

  show(hearing, missing) {
    this.hearing = hearing;
    const open = new Set(hearing.interim.phones.slice(hearing.interim.stable));
    const key = hearing.phones
      .map((phone) => `${phone.symbol}${open.has(phone)}${missing.has(phone)}`).join();
    if (key === this.shown) return;
    this.shown = key;
    const isAtEnd = this.text.scrollHeight - this.text.scrollTop - this.text.clientHeight < 40;
    this.text.replaceChildren(...this.#words(hearing, open, missing));
    if (isAtEnd) this.text.scrollTop = this.text.scrollHeight;
    if (this.details.open) this.#table();
  }

  #words(hearing, open, missing) {
    if (!hearing.phones.length) return this.empty;
    const parts = [];
    let run = null;
    for (const phone of hearing.phones.slice(-WRITTEN)) {
      const isSilent = hearing.silent.has(phone.id);
      const kind = isSilent ? "pause" : missing.has(phone) ? "other" : open.has(phone) ? "unsure" : "";
      const word = isSilent ? "·" : phone.symbol;
      if (run?.kind === kind && kind !== "other") run.words.push(word);
      else parts.push((run = { kind, words: [word] }));
    }
    if (hearing.phones.length > WRITTEN) parts.unshift({ kind: "pause", words: ["…"] });
    return parts.flatMap(({ kind, words }) =>
      [kind ? element("span", { class: kind }, words.join(" ")) : words.join(" "), " "]);
  }

  #table() {
    if (!this.hearing || !this.details.open) return;
    const rows = this.hearing.phones.slice(-TABLED).map((phone) =>
      [phone.symbol, phone.from.toFixed(2), phone.to.toFixed(2), phone.confidence?.toFixed(2) ?? ""]);
    this.details.querySelector("div").replaceChildren(
      table("Phones with their times", ["Phone", "from, s", "to, s", "confidence"], rows));
  }

  /** What proves that these are the bits of any other client. */
  prove(digests) {
    this.digests.hidden = !digests;
    this.digests.querySelector("dl").replaceChildren(...figures(digests
      ? [["output", digests.output || "none: its arithmetic has no integer logits"],
         ["input", digests.input || "none"]]
      : []));
  }
}

/** All that was heard, for programs. */
export function asJson(hearing) {
  return JSON.stringify({
    backend: hearing.backend.id,
    model: { name: hearing.model.name, digest: hearing.model.digest },
    frames: hearing.frames,
    phones: hearing.phones.map(({ symbol, from, to, confidence }) =>
      ({ symbol, start_s: from, end_s: to, confidence })),
    energy: [...hearing.energies.values()].map(({ parts, ...energy }) =>
      ({ ...energy, parts: Object.fromEntries(parts) })),
    digests: hearing.digests,
  }, null, 2);
}

/** The phones as a TextGrid of Praat, its gaps filled with empty intervals. */
export function asTextGrid(hearing, seconds) {
  const end = Math.max(seconds, hearing.phones.at(-1)?.to ?? 0);
  const intervals = [];
  let at = 0;
  for (const { symbol, from, to } of hearing.phones) {
    if (from > at) intervals.push([at, from, ""]);
    intervals.push([from, to, symbol]);
    at = to;
  }
  if (end > at || !intervals.length) intervals.push([at, end, ""]);
  const lines = [
    'File type = "ooTextFile"', 'Object class = "TextGrid"', "", `xmin = 0`, `xmax = ${end}`,
    "tiers? <exists>", "size = 1", "item []:", "    item [1]:", '        class = "IntervalTier"',
    '        name = "phones"', "        xmin = 0", `        xmax = ${end}`,
    `        intervals: size = ${intervals.length}`,
  ];
  intervals.forEach(([from, to, symbol], number) => lines.push(
    `        intervals [${number + 1}]:`, `            xmin = ${from}`, `            xmax = ${to}`,
    `            text = "${symbol.replaceAll('"', '""')}"`));
  return `${lines.join("\n")}\n`;
}

/** Give a file to whoever looks. */
export function save(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
