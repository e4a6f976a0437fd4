import { expect, it } from 'vitest';
import { reasonOf } from './reason.ts';
import type { DriftStatistic } from './verdict.ts';

const statistic = (fields: Partial<DriftStatistic>): DriftStatistic => ({
  name: 'expectedAccuracy',
  value: 0.8,
  nullMean: 0.93,
  nullStandardDeviation: 0.01,
  zScore: 12,
  pValue: 0.005,
  informative: false,
  ...fields,
});
const about = { classes: undefined, familyWiseP: 0.005, draws: 199 };

it('names what moved, from where to where', () => {
  expect(reasonOf({ verdict: 'drift', causes: [statistic({})] }, about)).toBe(
    'expected accuracy fell from 93.0 % to 80.0 % (z 12.0)',
  );
});

it('says how far the farthest was when nothing moved, and has no negative zero', () => {
  const causes = [statistic({ name: 'textLength', zScore: -0.04 })];
  expect(reasonOf({ verdict: 'stable', causes }, about)).toBe(
    'within what 199 held-out reference windows show (largest z 0.0, text length)',
  );
});
