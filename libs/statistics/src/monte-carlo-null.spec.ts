import { describe, expect, it } from 'vitest';
import { largestZOfDraws, monteCarloNull, monteCarloP } from './monte-carlo-null.ts';

const draws = Float64Array.from({ length: 19 }, (_, i) => i / 10);

describe('the p-value of draws', () => {
  it('counts the value among them', () => {
    expect(monteCarloP(5, draws)).toBe(0.05);
    expect(monteCarloP(1.75, draws)).toBe(0.1);
    expect(monteCarloP(-1, draws)).toBe(1);
  });

  it('does not take a rounding error for something more extreme', () => {
    expect(monteCarloP(0.1 + 0.2 + 1.5, draws)).toBe(0.1);
    expect(monteCarloP(1e-14, new Float64Array(199))).toBe(1);
  });
});

describe('the largest z of several statistics', () => {
  it('is taken draw by draw, each in its own unit', () => {
    const nulls = [monteCarloNull(Float64Array.of(0, 2), 0.1), monteCarloNull(Float64Array.of(300, 100), 0.1)];
    const half = Math.SQRT1_2;
    expect([...largestZOfDraws(nulls)].map((z) => z.toFixed(9))).toEqual([half.toFixed(9), half.toFixed(9)]);
  });
});
