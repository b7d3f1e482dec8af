// The colours of the theme, and those that stand for numbers and names.

const ANCHORS = { // mako of seaborn: even in lightness, safe for any eye
  dark: ["#141b1f", "#2a2440", "#413d7b", "#37659e", "#348fa7", "#40b7ad", "#8bdab2", "#def5e5"],
  light: ["#fffefb", "#cfeedd", "#7fd0b3", "#40b0ab", "#348fa7", "#37659e", "#413d7b", "#150b14"],
};
// Okabe and Ito: told apart by any eye. What waits is grey.
const NAMES = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#b5a900"];
const WAIT = "#8a949a";

function channels(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** 256 colours from nothing to certain, four bytes each. */
export function ramp(theme) {
  const anchors = ANCHORS[theme].map(channels);
  const table = new Uint8ClampedArray(4 * 256);
  for (let value = 0; value < 256; value += 1) {
    const place = (value / 255) * (anchors.length - 1);
    const low = Math.min(Math.floor(place), anchors.length - 2);
    for (let channel = 0; channel < 3; channel += 1) {
      const [a, b] = [anchors[low][channel], anchors[low + 1][channel]];
      table[4 * value + channel] = a + (b - a) * (place - low);
    }
    table[4 * value + 3] = 255;
  }
  return table;
}

/** A colour for each name, in their order. */
export function coloursOf(names) {
  let next = 0;
  return new Map(names.map((name) =>
    [name, name === "wait" ? WAIT : NAMES[next++ % NAMES.length]]));
}

/** Black or white, whichever can be read on `hex`. */
export function inkOn(hex) {
  const [red, green, blue] = channels(hex).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.2 ? "#000000" : "#ffffff";
}

/** The colours of the style sheet, as they are now. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  const names = ["paper", "card", "ink", "soft", "line", "accent", "accent-wash", "signal", "wave"];
  return {
    ...Object.fromEntries(names.map((name) => [name, of(name)])),
    sans: of("sans"),
    mono: of("mono"),
    ramp: ramp(document.documentElement.dataset.theme ?? "light"),
  };
}
