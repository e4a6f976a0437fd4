export { binomialProbability, binomialSurvival, binomialTest } from './binomial.ts';
export { type BootstrapOptions, percentileBootstrap } from './bootstrap.ts';
export {
  buildReference,
  type CompareOptions,
  compareWindow,
  driftDefaults,
  type Reference,
  type ReferenceOptions,
  smallestReference,
  type WindowComparison,
} from './drift-comparison.ts';
export { logGamma } from './gamma.ts';
export type { MeasureName } from './measures.ts';
export type { Movement } from './movements.ts';
export { drawToFront, type Random, randomInteger, seededRandom } from './random.ts';
export type { TextFeatures } from './text-features.ts';
export type { DriftStatistic, DriftVerdict, VerdictRule } from './verdict.ts';
export { type Interval, wilsonInterval } from './wilson-interval.ts';
