import { describe, expect, it } from 'vitest';
import { populationStabilityIndex } from './population-stability-index.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the population stability index', () => {
  it.each(goldens.populationStabilityIndex)(
    'of $arguments is as in SciPy',
    ({ arguments: [p = [], q = []], value }) => {
      expect(populationStabilityIndex(p, q)).toBeCloseTo(value, 13);
    },
  );

  it('refuses sets of different bins', () => {
    expect(() => populationStabilityIndex([1], [1, 2])).toThrow(RangeError);
  });
});
