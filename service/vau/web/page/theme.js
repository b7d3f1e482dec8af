// Light, dark, or as the system is.

const CHOICES = ["system", "light", "dark"];
const KEY = "vau-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

/** Shows the theme, keeps the choice, and calls `changed` after each change. */
export class Theme {
  constructor(button, changed) {
    this.button = button;
    this.changed = changed;
    this.choice = CHOICES.includes(stored()) ? stored() : "system";
    button.onclick = () => this.next();
    system.onchange = () => this.#show();
    this.#show();
  }

  next() {
    this.choice = CHOICES[(CHOICES.indexOf(this.choice) + 1) % CHOICES.length];
    try {
      localStorage.setItem(KEY, this.choice);
    } catch {
      // A browser that keeps nothing: the choice holds for this page.
    }
    this.#show();
  }

  #show() {
    const isDark = this.choice === "dark" || (this.choice === "system" && system.matches);
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
    this.button.textContent = `Theme: ${this.choice === "system" ? "as the system" : this.choice}`;
    this.changed();
  }
}

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
