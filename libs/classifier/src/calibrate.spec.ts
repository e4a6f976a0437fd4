import { describe, expect, it } from 'vitest';
import { fitTemperature } from './calibrate.ts';
import { holdOut } from './validation-split.ts';
import { seededRandom } from '#libs/statistics';

/** Two classes; the model always bets on the true one, or in every `wrongEvery`-th text on the other. */
function bets(texts: number, logit: number, wrongEvery = Infinity): { logits: Float64Array; targets: Int32Array } {
  const targets = Int32Array.from({ length: texts }, (_, row) => row % 2);
  const logits = new Float64Array(2 * texts);
  for (const [row, target] of targets.entries()) {
    const bet = (row + 1) % wrongEvery === 0 ? 1 - target : target;
    logits[2 * row + bet] = logit;
  }
  return { logits, targets };
}

describe('fitTemperature', () => {
  it('stays 1 with fewer than 50 texts', () => {
    const { logits, targets } = bets(49, 20);
    expect(fitTemperature(logits, targets, 2)).toBe(1);
  });

  it('finds the temperature at which confidence equals the smoothed share of right bets', () => {
    // 1 of 5 bets is wrong, and smoothing gives half of its 0.01 to either class.
    const { logits, targets } = bets(500, 4, 5);
    const share = 0.8 * 0.995 + 0.2 * 0.005;
    expect(fitTemperature(logits, targets, 2)).toBeCloseTo(4 / Math.log(share / (1 - share)), 4);
  });

  it('is not driven to 0 by validation texts that are all right', () => {
    const { logits, targets } = bets(500, 20);
    expect(fitTemperature(logits, targets, 2)).toBeCloseTo(20 / Math.log(0.995 / 0.005), 3);
  });

  it('keeps within its bounds', () => {
    const timid = bets(500, 0.1);
    expect(fitTemperature(timid.logits, timid.targets, 2)).toBeCloseTo(0.5, 6);
    const reckless = bets(500, 400, 3);
    expect(fitTemperature(reckless.logits, reckless.targets, 2)).toBeCloseTo(5, 6);
  });
});

describe('holdOut', () => {
  const rows = Array.from({ length: 1000 }, (_, row) => ({ target: row % 3, group: String(Math.floor(row / 6)) }));
  const options = { share: 0.1, least: 50 };

  it('takes whole groups up to the share', () => {
    const heldOut = holdOut(rows, { ...options, random: seededRandom(1) });
    const sides = new Map<string, Set<number>>();
    for (const [row, { group }] of rows.entries()) {
      sides.set(group, (sides.get(group) ?? new Set()).add(heldOut[row] ?? 0));
    }
    expect([...sides.values()].every((side) => side.size === 1)).toBe(true);
    const count = heldOut.reduce((sum, value) => sum + value, 0);
    expect(count).toBeGreaterThan(90);
    expect(count).toBeLessThanOrEqual(100);
  });

  it('takes none when they would be too few', () => {
    expect(holdOut(rows.slice(0, 499), { ...options, random: seededRandom(1) })).not.toContain(1);
  });

  it('never takes the last group of a label', () => {
    const withRare = rows.map((row, index) => (index < 6 ? { ...row, target: 3 } : row));
    for (let seed = 0; seed < 50; seed++) {
      expect(holdOut(withRare, { share: 0.5, least: 50, random: seededRandom(seed) }).slice(0, 6)).not.toContain(1);
    }
  });
});
