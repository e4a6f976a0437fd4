import { describe, expect, it } from 'vitest';
import { kolmogorovSmirnov } from './kolmogorov-smirnov.ts';
import { relativeError } from './testing/relative-error.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the Kolmogorov–Smirnov statistic', () => {
  it.each(goldens.kolmogorovSmirnov.map((golden, index) => ({ ...golden, index })))(
    'of sample pair $index (plain, tied, weighted) is as in SciPy',
    ({ arguments: [reference, window], value }) => {
      expect(
        relativeError(kolmogorovSmirnov(reference ?? { values: [] }, window ?? { values: [] }), value),
      ).toBeLessThan(1e-12);
    },
  );

  it('is 1 for samples apart, 0 for equal ones and for an empty one', () => {
    expect(kolmogorovSmirnov({ values: [1, 2] }, { values: [3] })).toBe(1);
    expect(kolmogorovSmirnov({ values: [1, 2] }, { values: [2, 1] })).toBe(0);
    expect(kolmogorovSmirnov({ values: [] }, { values: [3] })).toBe(0);
  });
});
