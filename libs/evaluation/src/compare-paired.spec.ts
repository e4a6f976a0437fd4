import { describe, expect, it } from 'vitest';
import { comparePaired } from './compare-paired.ts';
import { evaluatePredictions } from './evaluate-predictions.ts';
import { mcNemarTest } from './mcnemar.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

const options = { resamples: 300, seed: 42 };
/** The challenger corrects every third text and breaks none. */
const rows = goldens.rows.map(({ actual, predicted }, i) => ({
  actual,
  champion: predicted,
  challenger: i % 3 === 0 ? actual : predicted,
}));

describe('a challenger beside the champion', () => {
  const compared = comparePaired(rows, options);

  it('is counted text by text', () => {
    const { bothRight, bothWrong, onlyChampionRight, onlyChallengerRight, texts } = compared;
    expect(texts).toBe(120);
    expect(onlyChampionRight).toBe(0);
    expect(bothRight + bothWrong + onlyChallengerRight).toBe(120);
    expect(bothRight).toBe(92);
    expect(compared).toMatchObject(mcNemarTest({ onlyChampionRight, onlyChallengerRight }));
    expect(compared.pValueBetter).toBeLessThan(0.01);
  });

  it('has the figures that each version has alone', () => {
    const alone = evaluatePredictions(
      rows.map(({ actual, challenger }) => ({ actual, predicted: challenger })),
      options,
    );
    expect(compared.champion.macroF1).toBeCloseTo(goldens.macroF1, 12);
    expect(compared.challenger).toEqual({ accuracy: alone.accuracy.value, macroF1: alone.macroF1.value });
  });

  it('has intervals of the differences, which an exchange of the two mirrors', () => {
    const { accuracyDifference, macroF1Difference } = compared;
    expect(accuracyDifference.value).toBeCloseTo(compared.challenger.accuracy - compared.champion.accuracy, 12);
    expect(accuracyDifference.lower).toBeGreaterThan(0);
    expect(macroF1Difference.upper).toBeGreaterThan(macroF1Difference.value);
    const exchanged = comparePaired(
      rows.map(({ actual, champion, challenger }) => ({ actual, champion: challenger, challenger: champion })),
      options,
    );
    expect(exchanged.accuracyDifference.value).toBeCloseTo(-accuracyDifference.value, 12);
    expect(exchanged.pValueWorse).toBeCloseTo(compared.pValueBetter, 12);
  });

  it('that agrees with it on every text is not certain to be as good', () => {
    const same = comparePaired(
      rows.map(({ actual, champion }) => ({ actual, champion, challenger: champion })),
      options,
    );
    expect(same.pValue).toBe(1);
    expect(same.accuracyDifference.value).toBe(0);
    expect(same.accuracyDifference.lower).toBeLessThan(0);
    expect(same.accuracyDifference.upper).toBeGreaterThan(0);
  });

  it('needs texts, one is enough', () => {
    expect(() => comparePaired([], options)).toThrow(RangeError);
    const one = comparePaired([{ actual: 'a', champion: 'a', challenger: 'a' }], options);
    expect(one.macroF1Difference).toEqual({ value: 0, lower: 0, upper: 0 });
  });
});
