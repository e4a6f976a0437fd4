import { describe, expect, it } from 'vitest';
import { stratifiedExactTest } from './stratified-exact-test.ts';
import { expectClose } from './testing/close.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the stratified exact test', () => {
  it.each(goldens.stratified)('z and p of $strata are as in SciPy', ({ strata, z, exactPValue }) => {
    const result = stratifiedExactTest(strata);
    expectClose(result.z, z);
    expectClose(result.pValue, exactPValue);
  });

  it('is 1 when no text has the term', () => {
    const stratum = { referenceHits: 0, referenceTotal: 9, windowHits: 0, windowTotal: 4 };
    expect(stratifiedExactTest([stratum])).toEqual({ z: 0, pValue: 1 });
  });
});
