export { benjaminiHochberg } from './benjamini-hochberg.ts';
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
export { chiSquareSurvival } from './gamma.ts';
export { jensenShannonDistance, jensenShannonDivergence } from './jensen-shannon.ts';
export { kolmogorovSmirnov, type Sample } from './kolmogorov-smirnov.ts';
export { logLikelihoodRatio } from './log-likelihood-ratio.ts';
export type { MeasureName } from './measures.ts';
export type { Movement } from './movements.ts';
export { normalCdf, normalQuantile, normalSurvival, twoSidedP } from './normal.ts';
export { outOfVocabularyShare } from './out-of-vocabulary.ts';
export { populationStabilityIndex } from './population-stability-index.ts';
export { quantile } from './quantile.ts';
export { type Random, seededRandom } from './random.ts';
export { stratifiedExactTest } from './stratified-exact-test.ts';
export type { TextFeatures } from './text-features.ts';
export { type Proportions, stratifiedProportionTest, twoProportionTest } from './two-proportion-test.ts';
export type { DriftStatistic, DriftVerdict, VerdictRule } from './verdict.ts';
export { type Interval, wilsonInterval } from './wilson-interval.ts';
