import { describe, expect, it } from 'vitest';
import { relativeError } from './testing/relative-error.ts';
import goldens from './testing/goldens.json' with { type: 'json' };
import { stratifiedProportionTest } from './stratified-proportion-test.ts';

const nothing = { referenceHits: 0, referenceTotal: 1, windowHits: 0, windowTotal: 1 };

describe('the stratified two-proportion test', () => {
  it.each(goldens.stratified)('z and p of $strata are as in SciPy', ({ strata, z, pValue }) => {
    const result = stratifiedProportionTest(strata);
    expect(relativeError(result.z, z)).toBeLessThan(1e-10);
    expect(relativeError(result.pValue, pValue)).toBeLessThan(1e-10);
  });

  it('does not see a change of the shares of the strata', () => {
    const strata = [
      { referenceHits: 80, referenceTotal: 100, windowHits: 8, windowTotal: 10 },
      { referenceHits: 2, referenceTotal: 20, windowHits: 20, windowTotal: 200 },
    ];
    expect(stratifiedProportionTest(strata).pValue).toBeCloseTo(1, 10);
  });

  it('sees nothing where nothing can differ', () => {
    expect(stratifiedProportionTest([nothing])).toEqual({ z: 0, pValue: 1 });
  });
});
