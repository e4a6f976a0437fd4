/** Results go to stdout, everything else to stderr. */

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function note(message: string): void {
  progressDone();
  process.stderr.write(`${message}\n`);
}

/** A cell of a table; numbers stand to the right. */
export type Cell = string | number | null | undefined;

/** Prints rows under their headings, aligned. */
export function printTable(headings: readonly string[], rows: readonly (readonly Cell[])[]): void {
  if (rows.length === 0) {
    note('nothing to show');
    return;
  }
  const text = rows.map((row) => row.map(cellText));
  const widths = headings.map((heading, i) => Math.max(heading.length, ...text.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[], numbers: readonly boolean[]) =>
    cells
      .map((cell, i) => (numbers[i] === true ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  const numeric = headings.map((_, i) => rows.every((row) => typeof row[i] === 'number' || row[i] === null));
  printLine(line(headings, numeric));
  for (const row of text) printLine(line(row, numeric));
}

function cellText(cell: Cell): string {
  if (cell === null || cell === undefined) return '–';
  if (typeof cell === 'number') return Number.isInteger(cell) ? String(cell) : cell.toFixed(4);
  // A cell is one line, and a terminal must not be steered by what a stranger wrote.
  return cell.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}

let progressShown = false;

/** One line that is written over; only where somebody watches. After Ctrl-C the last one stays, and the prompt comes below it. */
export function progress(message: string): void {
  if (!process.stderr.isTTY) return;
  if (process.listenerCount('SIGINT') === 0) {
    process.once('SIGINT', () => {
      if (progressShown) process.stderr.write('\n');
      process.kill(process.pid, 'SIGINT');
    });
  }
  const width = process.stderr.columns - 1;
  process.stderr.write(`\r\u001B[2K${message.slice(0, Math.max(10, width))}`);
  progressShown = true;
}

export function progressDone(): void {
  if (progressShown) process.stderr.write('\r\u001B[2K');
  progressShown = false;
}
