import { describe, expect, it } from 'vitest';
import { expectClose } from './testing/close.ts';
import goldens from './testing/goldens.json' with { type: 'json' };
import { stratifiedProportionTest, twoProportionTest } from './two-proportion-test.ts';

const nothing = { referenceHits: 0, referenceTotal: 1, windowHits: 0, windowTotal: 1 };

describe('the two-proportion tests', () => {
  it.each(goldens.twoProportionTest)('z and p of $arguments are as in SciPy', ({ arguments: [counts], z, pValue }) => {
    const result = twoProportionTest(counts ?? nothing);
    expectClose(result.z, z);
    expectClose(result.pValue, pValue);
  });

  it.each(goldens.stratified)('Mantel–Haenszel z and p of $strata are as in SciPy', ({ strata, z, pValue }) => {
    const result = stratifiedProportionTest(strata);
    expectClose(result.z, z);
    expectClose(result.pValue, pValue);
  });

  it('does not see a change of the shares of the strata', () => {
    const strata = [
      { referenceHits: 80, referenceTotal: 100, windowHits: 8, windowTotal: 10 },
      { referenceHits: 2, referenceTotal: 20, windowHits: 20, windowTotal: 200 },
    ];
    expect(stratifiedProportionTest(strata).pValue).toBeCloseTo(1, 10);
  });

  it('sees nothing where nothing can differ', () => {
    expect(twoProportionTest(nothing)).toEqual({ z: 0, pValue: 1 });
    expect(stratifiedProportionTest([nothing])).toEqual({ z: 0, pValue: 1 });
  });
});
