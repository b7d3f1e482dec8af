// Says new phones to screen readers, and not more often than anybody can listen.

const EVERY_MS = 4000;

export class Announcer {
  constructor(region) {
    this.region = region;
    this.isOn = true;
    this.clear();
  }

  clear() {
    this.said = 0;
    this.last = -EVERY_MS;
    this.region.textContent = "";
  }

  /** Tell what is settled: `isOver` tells all that is left. */
  hear(phones, now, isOver = false) {
    if (!this.isOn || phones.length <= this.said || (!isOver && now - this.last < EVERY_MS)) return;
    const fresh = phones.slice(this.said).map((phone) => phone.symbol);
    this.said = phones.length;
    this.last = now;
    this.region.textContent = `Heard: ${fresh.join(" ")}`;
  }
}
