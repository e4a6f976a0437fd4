import { buildReference, compareWindow, type MeasureName, seededRandom } from '../src/index.ts';
import { type Source, syntheticTexts } from './synthetic-texts.ts';

export interface Simulation {
  reference: Source;
  window: Source;
  referenceTexts: number;
  windowTexts: number;
  /** References drawn anew, and windows compared with each. */
  references: number;
  windowsEach: number;
  seed: number;
}

/** Shares of the simulated windows. */
export interface Rates {
  windows: number;
  /** Called a warning or drift. */
  warning: number;
  drift: number;
  /** With a drift card that is not empty. */
  card: number;
  /** By statistic: with a p-value of at most 0.05. */
  statistics: Record<string, number>;
  /** Largest z seen of each statistic. */
  largestZ: Record<string, number>;
}

/** Compares simulated windows with simulated references and counts what is said about them. */
export function simulate(simulation: Simulation): Rates {
  const { references, windowsEach, referenceTexts, windowTexts } = simulation;
  const random = seededRandom(simulation.seed);
  const counts = { warning: 0, drift: 0, card: 0 };
  const small = new Map<MeasureName, number>();
  const largest = new Map<MeasureName, number>();
  for (let i = 0; i < references; i++) {
    const texts = syntheticTexts(simulation.reference, referenceTexts, random);
    const reference = buildReference(texts, { windowSize: windowTexts, seed: i });
    for (let j = 0; j < windowsEach; j++) {
      const window = syntheticTexts(simulation.window, windowTexts, random);
      const { verdict, movements, statistics } = compareWindow(reference, window, { seed: i * windowsEach + j });
      if (verdict !== 'stable') counts.warning++;
      if (verdict === 'drift') counts.drift++;
      if (movements.length > 0) counts.card++;
      for (const { name, pValue, zScore } of statistics) {
        small.set(name, (small.get(name) ?? 0) + (pValue <= 0.05 ? 1 : 0));
        largest.set(name, Math.max(largest.get(name) ?? 0, zScore));
      }
    }
  }
  const windows = references * windowsEach;
  return {
    windows,
    warning: counts.warning / windows,
    drift: counts.drift / windows,
    card: counts.card / windows,
    statistics: Object.fromEntries([...small].map(([name, count]) => [name, count / windows])),
    largestZ: Object.fromEntries(largest),
  };
}
