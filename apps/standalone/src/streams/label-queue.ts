import type { Label } from '#libs/events';

/** Labels that have been promised but not yet given. */
export class LabelQueue {
  #waiting: Label[] = [];

  add(label: Label): void {
    this.#waiting.push(label);
  }

  /** Takes out the labels given before `until`, by time; ids break ties. */
  takeBefore(until: number): Label[] {
    const due = this.#waiting.filter(({ labelledAt }) => labelledAt < until);
    this.#waiting = this.#waiting.filter(({ labelledAt }) => labelledAt >= until);
    return due.toSorted((a, b) => a.labelledAt - b.labelledAt || (a.textId < b.textId ? -1 : 1));
  }

  /** When the last of them will be given; undefined: none waits. */
  get last(): number | undefined {
    return this.#waiting.length === 0 ? undefined : Math.max(...this.#waiting.map(({ labelledAt }) => labelledAt));
  }
}
