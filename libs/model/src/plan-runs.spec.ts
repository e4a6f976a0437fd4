import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planRuns, type RunLimits } from './plan-runs.ts';

const limits: RunLimits = {
  columnsPerRun: 2048,
  rowsPerRun: Number.POSITIVE_INFINITY,
  columnsMultiple: 1,
  columnsPerStart: 16,
};
const padded = (runs: ReturnType<typeof planRuns>) =>
  runs.reduce((sum, { rows, columns }) => sum + rows.length * columns, 0);

describe('planRuns', () => {
  it('runs every row once, as wide as its longest row, within the limits', () => {
    const given = fc.record({
      lengths: fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 200 }),
      columnsPerRun: fc.integer({ min: 1, max: 3000 }),
      rowsPerRun: fc.constantFrom(1, 3, Number.POSITIVE_INFINITY),
      columnsMultiple: fc.constantFrom(1, 16),
      columnsPerStart: fc.integer({ min: 0, max: 200 }),
    });
    fc.assert(
      fc.property(given, ({ lengths, ...some }) => {
        const runs = planRuns(lengths, some);
        expect(runs.flatMap(({ rows }) => rows).toSorted((a, b) => a - b)).toEqual(lengths.map((_, index) => index));
        for (const { rows, columns } of runs) {
          const longest = Math.max(...rows.map((row) => lengths[row] ?? 0));
          expect(columns).toBe(Math.ceil(longest / some.columnsMultiple) * some.columnsMultiple);
          expect(rows.length).toBeLessThanOrEqual(some.rowsPerRun);
          if (rows.length > 1) expect(rows.length * columns).toBeLessThanOrEqual(some.columnsPerRun);
        }
      }),
    );
  });

  it('finds the cheapest of all ways to cut', () => {
    const cost = (runs: ReturnType<typeof planRuns>) => padded(runs) + 10 * runs.length;
    const cheapest = (sorted: readonly number[]): number =>
      sorted.length === 0
        ? 0
        : Math.min(
            ...sorted.map((_, begin) => {
              const columns = sorted.at(-1) ?? 0;
              const rows = sorted.length - begin;
              const fits = rows === 1 || rows * columns <= 60;
              return fits ? cheapest(sorted.slice(0, begin)) + rows * columns + 10 : Number.POSITIVE_INFINITY;
            }),
          );
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 9 }), (lengths) => {
        const runs = planRuns(lengths, { ...limits, columnsPerRun: 60, columnsPerStart: 10 });
        expect(cost(runs)).toBe(cheapest(lengths.toSorted((a, b) => a - b)));
      }),
    );
  });

  it.each([
    [512, 0.03],
    [64, 0.1],
  ])('pads little when %i texts have the lengths that texts have', (count, most) => {
    // Lognormal, mean 52, at most 256 tokens; quantiles, so that nothing is drawn.
    const lengths = Array.from({ length: count }, (_, i) => {
      const share = (i + 0.5) / count;
      const normal = Math.log(share / (1 - share)) / 1.702; // close to the quantile of a normal distribution
      return Math.max(3, Math.min(256, Math.round(Math.exp(3.75 + 0.65 * normal))));
    });
    const runs = planRuns(lengths, limits);
    const real = lengths.reduce((sum, length) => sum + length, 0);
    expect(1 - real / padded(runs)).toBeLessThan(most);
    expect(runs.length).toBeLessThan(count / 3);
  });
});
