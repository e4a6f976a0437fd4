const style = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2328; }
  .page { fill: #ffffff; stroke: #d1d9e0; }
  .axis { font-weight: 600; fill: #59636e; }
  .cell { fill: #f6f8fa; }
  .right { fill: #1d5fd1; }
  .wrong { fill: #c2410c; }
  .count { text-anchor: middle; dominant-baseline: central; }
  .share { text-anchor: middle; dominant-baseline: central; font-size: 10px; fill-opacity: 0.8; }
  .full { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .page { fill: #0d1117; stroke: #3d444d; }
    .axis { fill: #9198a1; }
    .cell { fill: #161b22; }
    .right { fill: #1f6feb; }
    .wrong { fill: #bd561d; }
    .full { fill: #ffffff; }
  }`;

/** From this share of a row on, the text on the cell is light. */
const fullShare = 0.6;
const margin = 16;
const titleHeight = 26;
const characterWidth = 7;
const longestName = 20;

/**
 * A confusion matrix as a picture of its own (SVG, light and dark): rows are what was right, columns what was answered,
 * shades are shares of the row. The same matrix gives the same bytes.
 * @param counts counts[actual][predicted], by position in `labels`
 */
export function confusionMatrixSvg(labels: readonly string[], counts: readonly (readonly number[])[]): string {
  const size = Math.min(64, Math.max(14, Math.floor(640 / Math.max(1, labels.length))));
  const names = labels.map((label) => shortened(label));
  const longest = Math.max(0, ...names.map((name) => name.length * characterWidth));
  const slanted = longest > size - 4;
  const left = margin + 24 + longest + 8;
  const top = margin + titleHeight + 20 + (slanted ? Math.ceil(longest * Math.SQRT1_2) + 12 : 18);
  const grid = size * labels.length;
  const width = left + grid + margin + (slanted ? Math.ceil(longest * Math.SQRT1_2) : 0);
  const height = top + grid + margin;
  const { right, total } = totals(counts);
  const summary = `${right} of ${total} texts on the diagonal`;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title summary">`,
    `<title id="title">Confusion matrix</title>`,
    `<desc id="summary">Rows: the right class. Columns: the answer. ${summary}.</desc>`,
    `<style>${style}\n</style>`,
    `<rect class="page" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="6"/>`,
    `<text class="axis" x="${margin}" y="${margin + 12}">${summary}</text>`,
    `<text class="axis" x="${left}" y="${margin + titleHeight + 12}">answered</text>`,
    `<text class="axis" transform="translate(${margin + 12} ${top + grid / 2}) rotate(-90)" text-anchor="middle">right</text>`,
  ];
  for (const [at, name] of names.entries()) {
    const middle = at * size + size / 2;
    const place = slanted
      ? `transform="translate(${left + middle} ${top - 8}) rotate(-45)"`
      : `x="${left + middle}" y="${top - 8}" text-anchor="middle"`;
    lines.push(
      `<text ${place}>${escaped(name)}</text>`,
      `<text x="${left - 8}" y="${top + middle}" text-anchor="end" dominant-baseline="central">${escaped(name)}</text>`,
    );
  }
  for (const [row, actual] of labels.entries()) {
    const sum = (counts[row] ?? []).reduce((all, count) => all + count, 0);
    for (const [column, predicted] of labels.entries()) {
      const count = counts[row]?.[column] ?? 0;
      const place = { x: left + column * size, y: top + row * size, size };
      lines.push(...cell({ actual, predicted, count, share: sum === 0 ? 0 : count / sum }, place));
    }
  }
  return `${lines.join('\n')}\n</svg>\n`;
}

interface Cell {
  actual: string;
  predicted: string;
  count: number;
  /** Of the row. */
  share: number;
}

function cell({ actual, predicted, count, share }: Cell, { x, y, size }: { x: number; y: number; size: number }) {
  const box = `x="${x + 1}" y="${y + 1}" width="${size - 2}" height="${size - 2}" rx="3"`;
  const percent = `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
  const lines = [
    `<g><title>${escaped(`${actual} answered as ${predicted}: ${count} (${percent})`)}</title>`,
    `<rect class="cell" ${box}/>`,
  ];
  const kind = actual === predicted ? 'right' : 'wrong';
  if (count > 0) lines.push(`<rect class="${kind}" fill-opacity="${(0.12 + 0.88 * share).toFixed(3)}" ${box}/>`);
  const tone = share >= fullShare ? ' full' : '';
  const [middle, both] = [x + size / 2, size >= 40 && count > 0];
  if (size >= 24)
    lines.push(`<text class="count${tone}" x="${middle}" y="${y + size / 2 - (both ? 7 : 0)}">${count}</text>`);
  if (both) lines.push(`<text class="share${tone}" x="${middle}" y="${y + size / 2 + 9}">${percent}</text>`);
  return [...lines, '</g>'];
}

function totals(counts: readonly (readonly number[])[]): { right: number; total: number } {
  let [right, total] = [0, 0];
  for (const [row, cells] of counts.entries()) {
    right += cells[row] ?? 0;
    for (const count of cells) total += count;
  }
  return { right, total };
}

function shortened(label: string): string {
  const characters = Array.from(label);
  return characters.length <= longestName ? label : `${characters.slice(0, longestName - 1).join('')}…`;
}

/** For XML text; characters that XML does not have become U+FFFD. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[^\t\n\r\u0020-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
