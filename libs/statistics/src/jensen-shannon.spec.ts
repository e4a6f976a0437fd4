import { describe, expect, it } from 'vitest';
import { jensenShannonDistance, jensenShannonDivergence } from './jensen-shannon.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the Jensen–Shannon distance', () => {
  it.each(goldens.jensenShannonDistance)('of $arguments is as in SciPy', ({ arguments: [p = [], q = []], value }) => {
    expect(jensenShannonDistance(p, q)).toBeCloseTo(value, 7);
    expect(jensenShannonDivergence(p, q)).toBeCloseTo(value ** 2, 13);
  });

  it('is 1 for disjoint and 0 for equal distributions, empty ones included', () => {
    expect(jensenShannonDistance([1, 0], [0, 5])).toBe(1);
    expect(jensenShannonDistance([0, 0], [0, 0])).toBe(0);
    expect(jensenShannonDistance([0, 0], [1, 0])).toBe(1);
  });

  it('refuses sets of different terms', () => {
    expect(() => jensenShannonDivergence([1], [1, 2])).toThrow(RangeError);
  });
});
