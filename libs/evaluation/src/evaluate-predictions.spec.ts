import { describe, expect, it } from 'vitest';
import { wilsonInterval } from '#libs/statistics';
import { evaluatePredictions } from './evaluate-predictions.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

const options = { resamples: 200, seed: 42 };

describe('the figures of predictions', () => {
  const figures = evaluatePredictions(goldens.rows, options);

  it('are those of scikit-learn, with a class that was only ever answered', () => {
    expect(figures.accuracy.value).toBeCloseTo(goldens.accuracy, 12);
    expect(figures.macroF1.value).toBeCloseTo(goldens.macroF1, 12);
    for (const [i, { label, support, precision, recall, f1 }] of goldens.classes.entries()) {
      const found = figures.classes[i];
      expect([found?.label, found?.support]).toEqual([label, support]);
      expect(found?.precision.value).toBeCloseTo(precision, 12);
      expect(found?.recall.value).toBeCloseTo(recall, 12);
      expect(found?.f1).toBeCloseTo(f1, 12);
    }
  });

  it('have intervals around them', () => {
    expect(figures.accuracy).toEqual(wilsonInterval(92, 120));
    expect(figures.macroF1.lower).toBeLessThan(goldens.macroF1 - 0.03);
    expect(figures.macroF1.upper).toBeGreaterThan(goldens.macroF1 + 0.03);
  });

  it('are the same in any order of the rows', () => {
    expect(evaluatePredictions(goldens.rows.toReversed(), options)).toEqual(figures);
  });

  it('are not certain because no answer happened to be wrong', () => {
    const rows = Array.from({ length: 50 }, (_, i) => ({ actual: String(i % 3), predicted: String(i % 3) }));
    const { macroF1 } = evaluatePredictions(rows, options);
    expect([macroF1.value, macroF1.upper]).toEqual([1, 1]);
    expect(macroF1.lower).toBeLessThan(0.96);
    expect(macroF1.lower).toBeGreaterThan(0.85);
  });

  it('exist for one class and for no rows', () => {
    const one = evaluatePredictions([{ actual: 'a', predicted: 'a' }], options);
    expect(one.macroF1).toEqual(one.accuracy);
    const none = evaluatePredictions([], options);
    expect(none).toEqual({ accuracy: wilsonInterval(0, 0), macroF1: wilsonInterval(0, 0), classes: [] });
  });

  it('take a moment, not seconds, for 20,000 rows and 500 resamples', () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => ({
      actual: String(i % 10),
      predicted: String((i * i) % 10),
    }));
    const before = process.cpuUsage();
    evaluatePredictions(rows, { resamples: 500, seed: 1 });
    const { user } = process.cpuUsage(before);
    expect(user / 1000).toBeLessThan(1000);
  });
});
