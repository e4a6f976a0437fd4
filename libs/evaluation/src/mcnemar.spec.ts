import { describe, expect, it } from 'vitest';
import { mcNemarRates } from '../scripts/simulations.ts';
import { mcNemarTest } from './mcnemar.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe("McNemar's test", () => {
  it.each(goldens.mcNemar)('of $onlyChampionRight against $onlyChallengerRight is as in SciPy', (golden) => {
    const { pValue, pValueBetter, pValueWorse } = mcNemarTest(golden);
    expect(pValue).toBeCloseTo(golden.pValue, 12);
    expect(pValueBetter).toBeCloseTo(golden.pValueBetter, 12);
    expect(pValueWorse).toBeCloseTo(golden.pValueWorse, 12);
  });

  it('keeps its error rate of 5 % in 1,000 simulations of equally good versions', () => {
    const { exact, midPBetter } = mcNemarRates({ onlyOld: 0.1, onlyNew: 0.1 }, { texts: 200, simulations: 1000 });
    // Four standard deviations of the simulation are 2.8 points.
    expect(exact).toBeLessThan(0.078);
    expect(midPBetter).toBeLessThan(0.078);
  });
});
