import { describe, expect, it } from 'vitest';
import { benjaminiHochberg } from './benjamini-hochberg.ts';
import { relativeError } from './testing/relative-error.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('Benjamini and Hochberg', () => {
  it('adjusts as SciPy does', () => {
    const { arguments: at, values } = goldens.benjaminiHochberg;
    for (const [i, adjusted] of benjaminiHochberg(at[0] ?? []).entries())
      expect(relativeError(adjusted, values[i] ?? 0)).toBeLessThan(1e-12);
  });

  it('has nothing to say about nothing', () => {
    expect(benjaminiHochberg([])).toEqual([]);
  });
});
