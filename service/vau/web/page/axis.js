// The time that is shown, the same on every canvas, and how a canvas is drawn upon.

export const GUTTER = 44; // px on the left, for names and figures
const NARROWEST_S = 0.5;
const WIDEST_S = 40;

export class Axis {
  constructor(spanS) {
    this.spanS = spanS;
    this.heardS = 0;
    this.endS = spanS;
    this.follows = true;
  }

  /** So much has been heard. */
  hear(seconds) {
    this.heardS = seconds;
    if (this.follows) this.endS = Math.max(this.spanS, seconds);
  }

  get startS() {
    return this.endS - this.spanS;
  }

  zoom(factor) {
    const endS = this.endS;
    this.spanS = Math.min(WIDEST_S, Math.max(NARROWEST_S, this.spanS * factor));
    this.endS = this.follows ? Math.max(this.spanS, this.heardS) : Math.max(this.spanS, endS);
  }

  /** Show what ends at `seconds`, whatever is heard meanwhile. */
  look(seconds) {
    this.follows = false;
    this.endS = Math.max(this.spanS, seconds);
  }

  follow() {
    this.follows = true;
    this.hear(this.heardS);
  }

  /** The function from seconds to px on a canvas of `width`. */
  place(width) {
    const scale = (width - GUTTER) / this.spanS;
    return (seconds) => GUTTER + (seconds - this.startS) * scale;
  }

  /** Seconds to mark, and how many digits they need. */
  ticks(width) {
    const room = (width - GUTTER) / 70;
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10].find((each) => this.spanS / each <= room) ?? 10;
    const marks = [];
    for (let k = Math.ceil(this.startS / step - 1e-9); k * step <= this.endS + 1e-9; k += 1) {
      marks.push(k * step);
    }
    return { marks, digits: step < 1 ? 1 : 0 };
  }
}

/** A canvas, cleared and as fine as the screen: { context, width, height } in px of the page. */
export function fresh(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [fine, finer] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== fine || canvas.height !== finer) {
    canvas.width = fine;
    canvas.height = finer;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** Keep what is drawn next out of the gutter. The caller restores. */
export function clipped(context, width, height) {
  context.save();
  context.beginPath();
  context.rect(GUTTER, 0, width - GUTTER, height);
  context.clip();
}

/** Draw the seconds along the bottom, and faint lines above them. */
export function drawSeconds(context, axis, colours, { width, height }) {
  const at = axis.place(width);
  const { marks, digits } = axis.ticks(width);
  context.font = `11px ${colours.sans}`;
  context.textBaseline = "alphabetic";
  for (const mark of marks) {
    const x = Math.round(at(mark)) + 0.5;
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, height - 14);
    context.stroke();
    const text = `${mark.toFixed(digits)} s`;
    const half = context.measureText(text).width / 2;
    context.fillStyle = colours.soft;
    context.textAlign = "center";
    context.fillText(text, Math.min(Math.max(x, GUTTER + half), width - half), height - 2);
  }
}
