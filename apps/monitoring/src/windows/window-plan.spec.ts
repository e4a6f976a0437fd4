import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closableWindows } from './window-plan.ts';

const hour = 3_600_000;
const rule = { duration: hour, minimumTexts: 10 };

describe('closableWindows', () => {
  it('closes at the first hour that brings enough texts', () => {
    const buckets = [
      { start: 0, texts: 6 },
      { start: hour, texts: 5 },
      { start: 3 * hour, texts: 12 },
    ];
    expect(closableWindows(buckets, rule, { watermark: 10 * hour })).toEqual([
      { start: 0, end: 2 * hour },
      { start: 2 * hour, end: 4 * hour },
    ]);
  });

  it('leaves open what the watermark has not passed', () => {
    expect(closableWindows([{ start: 0, texts: 50 }], rule, { watermark: hour - 1 })).toEqual([]);
    expect(closableWindows([{ start: 0, texts: 50 }], rule, { watermark: hour })).toEqual([{ start: 0, end: hour }]);
  });

  it('gives the same windows however the texts arrive', () => {
    const counts = fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(counts, fc.nat(40), (texts, cut) => {
        const buckets = texts.map((n, i) => ({ start: i * hour, texts: n }));
        const all = closableWindows(buckets, rule, { watermark: 100 * hour });
        const first = closableWindows(buckets, rule, { watermark: cut * hour });
        const after = first.at(-1)?.end;
        const rest = closableWindows(
          buckets.filter(({ start }) => start >= (after ?? 0)),
          rule,
          { after, watermark: 100 * hour },
        );
        expect([...first, ...rest]).toEqual(all);
      }),
    );
  });
});
