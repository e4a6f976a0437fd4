import { describe, expect, it } from 'vitest';
import { quantile } from './quantile.ts';
import { relativeError } from './testing/relative-error.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the quantile', () => {
  it.each(goldens.quantile.map((golden) => ({ ...golden, share: Number(golden.arguments[1]) })))(
    'of share $share is as in NumPy',
    ({ arguments: [sorted], share, value }) => {
      expect(relativeError(quantile(Array.isArray(sorted) ? sorted : [], share), value)).toBeLessThan(1e-12);
    },
  );

  it('is not a number without values', () => {
    expect(quantile([], 0.5)).toBeNaN();
  });
});
