import { describe, expect, it } from 'vitest';
import { seededRandom } from '#libs/statistics';
import { shareOf, worseAt } from '../scripts/simulations.ts';
import { SequentialComparison } from './sequential-comparison.ts';

const onlyOld = { oldRight: true, newRight: false };
const onlyNew = { oldRight: false, newRight: true };
const both = { oldRight: true, newRight: true };

function after(watch: SequentialComparison, labels: readonly (typeof both)[]) {
  for (const label of labels) watch.update(label);
  return watch.get();
}

describe('the watch over a new version', () => {
  it('calls it worse when the discordant labels say so', () => {
    const watch = new SequentialComparison({ errorRate: 0.01 });
    expect(
      after(
        watch,
        Array.from({ length: 8 }, () => onlyOld),
      ).worse,
    ).toBe(false);
    expect(watch.update(onlyOld)).toMatchObject({ worse: true, labels: 9, onlyOldRight: 9, onlyNewRight: 0 });
    expect(watch.get().pValue).toBeLessThan(0.01);
  });

  it('does not take it back', () => {
    const watch = new SequentialComparison({ errorRate: 0.01 });
    after(watch, [...Array.from({ length: 9 }, () => onlyOld), ...Array.from({ length: 30 }, () => onlyNew)]);
    expect(watch.get().worse).toBe(true);
    watch.reset();
    expect(watch.get()).toMatchObject({ worse: false, labels: 0, evidence: 1, pValue: 1 });
  });

  it('learns nothing from labels that both got right', () => {
    const watch = new SequentialComparison({ errorRate: 0.01 });
    expect(
      after(
        watch,
        Array.from({ length: 500 }, () => both),
      ).evidence,
    ).toBe(1);
  });

  it('waits for enough labels and for a fall that matters', () => {
    const early = new SequentialComparison({ errorRate: 0.01, minimumLabels: 50 });
    expect(
      after(
        early,
        Array.from({ length: 20 }, () => onlyOld),
      ).worse,
    ).toBe(false);
    expect(
      after(
        early,
        Array.from({ length: 30 }, () => both),
      ).worse,
    ).toBe(true);
    const small = new SequentialComparison({ errorRate: 0.01, minimumFall: 0.05 });
    const labels = [...Array.from({ length: 1000 }, () => both), ...Array.from({ length: 20 }, () => onlyOld)];
    expect(after(small, labels)).toMatchObject({ worse: false, accuracyFall: 20 / 1020 });
  });

  it('refuses an error rate that is none', () => {
    expect(() => new SequentialComparison({ errorRate: 0 })).toThrow(RangeError);
    expect(() => new SequentialComparison({ errorRate: 1 })).toThrow(RangeError);
  });

  it('is wrong at most at its error rate though it looks after every label (1,000 simulations)', () => {
    const random = seededRandom(3);
    const equallyGood = { onlyOld: 0.2, onlyNew: 0.2 };
    const share = shareOf(1000, () => worseAt(equallyGood, { labels: 500, errorRate: 0.05, random }) !== undefined);
    // Four standard deviations above the nominal rate.
    expect(share).toBeLessThan(0.05 + 4 * Math.sqrt((0.05 * 0.95) / 1000));
    expect(share).toBeGreaterThan(0.005);
  });

  it('sees a version that is ten points worse within 500 labels', () => {
    const random = seededRandom(4);
    const worse = { onlyOld: 0.15, onlyNew: 0.05 };
    expect(shareOf(100, () => worseAt(worse, { labels: 500, errorRate: 0.01, random }) !== undefined)).toBeGreaterThan(
      0.85,
    );
  });
});
