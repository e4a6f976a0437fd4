import { describe, expect, it } from 'vitest';
import { stratifiedExactTest } from './stratified-exact-test.ts';
import { relativeError } from './testing/relative-error.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the stratified exact test', () => {
  it.each(goldens.stratified)('z and p of $strata are as in SciPy', ({ strata, z, exactPValue }) => {
    const result = stratifiedExactTest(strata);
    expect(relativeError(result.z, z)).toBeLessThan(1e-10);
    expect(relativeError(result.pValue, exactPValue)).toBeLessThan(1e-10);
  });

  it('is 1 when no text has the term', () => {
    const stratum = { referenceHits: 0, referenceTotal: 9, windowHits: 0, windowTotal: 4 };
    expect(stratifiedExactTest([stratum])).toEqual({ z: 0, pValue: 1 });
  });
});
