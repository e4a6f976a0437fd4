import { describe, expect, it } from 'vitest';
import { confusionMatrixSvg } from './confusion-matrix-svg.ts';

const tags = (svg: string) => [...svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)];

/** Every element that opens closes, in order. */
function isBalanced(svg: string): boolean {
  const open: string[] = [];
  for (const [, closing, name = '', empty] of tags(svg)) {
    if (empty === '/') continue;
    if (closing === '') open.push(name);
    else if (open.pop() !== name) return false;
  }
  return open.length === 0;
}

describe('confusionMatrixSvg', () => {
  it('shows counts and shares of the row, both ways of being wrong, for light and dark', () => {
    const svg = confusionMatrixSvg(
      ['a', 'b'],
      [
        [8, 2],
        [1, 99],
      ],
    );
    expect(svg).toContain('<title>a answered as b: 2 (20 %)</title>');
    expect(svg).toContain('<title>b answered as a: 1 (1.0 %)</title>');
    expect(svg).toContain('107 of 110 texts on the diagonal');
    expect(svg).toContain('prefers-color-scheme: dark');
    expect(isBalanced(svg)).toBe(true);
  });

  it('gives the same bytes for the same matrix', () => {
    const draw = () =>
      confusionMatrixSvg(
        ['a', 'b'],
        [
          [1, 2],
          [3, 4],
        ],
      );
    expect(draw()).toBe(draw());
  });

  it('shows any label as text', () => {
    const svg = confusionMatrixSvg(
      ['<script>"&', '\u0000\ud800', 'العربية'],
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
    );
    expect(svg).toContain('&lt;script&gt;&quot;&amp;');
    expect(svg).not.toContain('<script');
    // Neither may stand in XML.
    expect(svg.includes('\u0000')).toBe(false);
    expect(svg.isWellFormed()).toBe(true);
    expect(isBalanced(svg)).toBe(true);
  });

  it('draws none, one and two hundred classes', () => {
    for (const size of [0, 1, 200]) {
      const labels = Array.from({ length: size }, (_, i) => `class ${i}`);
      const svg = confusionMatrixSvg(
        labels,
        labels.map((_, row) => labels.map((__, column) => (row === column ? 5 : 0))),
      );
      expect(svg.match(/class="right"/g) ?? []).toHaveLength(size);
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    }
  });
});
