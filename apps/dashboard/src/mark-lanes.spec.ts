import { describe, expect, it } from 'vitest';
import { textSides } from './mark-lanes.ts';

const sides = (width: number, ...marks: [left: number, text: string][]) =>
  textSides(
    marks.map(([left, text]) => ({ left, text })),
    width,
  );

describe('the text of a mark', () => {
  it('stands right of it, or left of it at the end of the axis', () => {
    expect(sides(1000, [0.2, 'drift'], [1, 'drift'])).toEqual(['right', 'left']);
  });

  it('never reaches into its neighbour: the newest is given room first', () => {
    const [first, second, last] = [0.7, 0.76, 0.99] as const;
    const named = (left: number): [number, string] => [left, 'retraining (drift)'];
    expect(sides(1000, named(first), named(second), named(last))).toEqual(['left', 'none', 'left']);
    expect(sides(270, named(first), named(second), named(last))).toEqual(['left', 'none', 'none']);
  });
});
