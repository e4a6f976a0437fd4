import { describe, expect, it } from 'vitest';
import { quantile } from './quantile.ts';
import { expectClose } from './testing/close.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the quantile', () => {
  it.each(goldens.quantile.map((golden) => ({ ...golden, share: Number(golden.arguments[1]) })))(
    'of share $share is as in NumPy',
    ({ arguments: [sorted], share, value }) => {
      expectClose(quantile(Array.isArray(sorted) ? sorted : [], share), value, 1e-12);
    },
  );

  it('is not a number without values', () => {
    expect(quantile([], 0.5)).toBeNaN();
  });
});
