import { type Random, seededRandom } from '#libs/statistics';
import {
  type CanaryTrial,
  canaryTrial,
  type CanaryTrialOptions,
  comparePaired,
  evaluatePredictions,
  mcNemarTest,
  SequentialComparison,
} from '../src/index.ts';

/** Share of simulations in which something happens. */
export function shareOf(simulations: number, happens: (index: number) => boolean): number {
  let count = 0;
  for (let i = 0; i < simulations; i++) if (happens(i)) count++;
  return count / simulations;
}

/** Chances that only the old, or only the new version is right about a text. */
export interface Discordance {
  onlyOld: number;
  onlyNew: number;
}

/** At which of the labels the watch calls the new version worse, looking after each; undefined: never. */
export function worseAt(
  { onlyOld, onlyNew }: Discordance,
  { labels, errorRate, random }: { labels: number; errorRate: number; random: Random },
): number | undefined {
  const watch = new SequentialComparison({ errorRate });
  for (let label = 1; label <= labels; label++) {
    const u = random();
    const oldRight = u < onlyOld || u >= onlyOld + onlyNew;
    if (watch.update({ oldRight, newRight: u >= onlyOld }).worse) return label;
  }
  return undefined;
}

/** Who gets labelled: chances of a label where the shown answer is right, and where it is wrong. */
export interface Labelling {
  right: number;
  wrong: number;
}

/** Of a canary and of those who label. */
export interface Trial extends CanaryTrialOptions {
  /** Of the texts that people are shown the canary's answer to. */
  share: number;
  labelling: Labelling;
  random: Random;
}

/** Share of the texts that both versions are wrong about; it matters where people label what is wrong. */
const bothWrong = 0.05;

/** How the trial of a canary ends, looking after each label, and at which of them. */
export function canaryVerdict(
  { onlyOld, onlyNew }: Discordance,
  { share, labelling, random, ...options }: Trial,
): { verdict: CanaryTrial['verdict']; labels: number } {
  const counts = {
    labels: 0,
    shownByChampion: { onlyChampionRight: 0, onlyChallengerRight: 0 },
    shownByChallenger: { onlyChampionRight: 0, onlyChallengerRight: 0 },
  };
  for (;;) {
    const canary = random() < share;
    const u = random();
    const [oldAlone, newAlone] = [u < onlyOld, u >= onlyOld && u < onlyOld + onlyNew];
    const right = u >= onlyOld + onlyNew + bothWrong || (canary ? newAlone : oldAlone);
    if (random() >= (right ? labelling.right : labelling.wrong)) continue;
    counts.labels++;
    const shown = canary ? counts.shownByChallenger : counts.shownByChampion;
    if (oldAlone) shown.onlyChampionRight++;
    else if (newAlone) shown.onlyChallengerRight++;
    // Labels that say nothing change nothing.
    else if (counts.labels > options.minimumLabels && counts.labels < options.maximumLabels) continue;
    const { verdict } = canaryTrial(counts, options);
    if (verdict !== 'undecided') return { verdict, labels: counts.labels };
  }
}

/** Rejections at `level` of McNemar's tests on fresh texts. */
export function mcNemarRates(
  { onlyOld, onlyNew }: Discordance,
  { texts = 300, level = 0.05, simulations = 4000 } = {},
) {
  const random = seededRandom(1);
  const counts = { exact: 0, midPBetter: 0 };
  for (let i = 0; i < simulations; i++) {
    let [onlyChampionRight, onlyChallengerRight] = [0, 0];
    for (let j = 0; j < texts; j++) {
      const u = random();
      if (u < onlyOld) onlyChampionRight++;
      else if (u < onlyOld + onlyNew) onlyChallengerRight++;
    }
    const { pValue, pValueBetter } = mcNemarTest({ onlyChampionRight, onlyChallengerRight });
    if (pValue <= level) counts.exact++;
    if (pValueBetter <= level) counts.midPBetter++;
  }
  return { exact: counts.exact / simulations, midPBetter: counts.midPBetter / simulations };
}

/** A classifier whose figures are known: shares of the classes, and how often each is answered right. */
export interface Population {
  shares: number[];
  recall: number[];
}

/** Shares of the 95 % intervals of accuracy and macro-F1 that contain the population's figures. */
export function coverage(
  { shares, recall }: Population,
  { texts, simulations }: { texts: number; simulations: number },
) {
  const classes = shares.length;
  const hits = shares.map((share, k) => share * (recall[k] ?? 0));
  const errors = shares.map((share, k) => (share * (1 - (recall[k] ?? 0))) / (classes - 1));
  const wrong = errors.reduce((sum, error) => sum + error, 0);
  const answered = hits.map((hit, k) => hit + wrong - (errors[k] ?? 0));
  const accuracy = hits.reduce((sum, hit) => sum + hit, 0);
  const macroF1 = hits.reduce((sum, hit, k) => sum + (2 * hit) / ((shares[k] ?? 0) + (answered[k] ?? 0)), 0) / classes;
  const random = seededRandom(texts);
  const draw = (weights: readonly number[]) => {
    let u = random();
    return weights.findIndex((weight) => (u -= weight) < 0);
  };
  const covered = { accuracy: 0, macroF1: 0 };
  for (let i = 0; i < simulations; i++) {
    const rows = Array.from({ length: texts }, () => {
      const actual = draw(shares);
      const right = random() < (recall[actual] ?? 0);
      const predicted = right ? actual : (actual + 1 + Math.floor(random() * (classes - 1))) % classes;
      return { actual: String(actual), predicted: String(predicted) };
    });
    const found = evaluatePredictions(rows, { resamples: 500, seed: i });
    if (found.accuracy.lower <= accuracy && accuracy <= found.accuracy.upper) covered.accuracy++;
    if (found.macroF1.lower <= macroF1 && macroF1 <= found.macroF1.upper) covered.macroF1++;
  }
  return { accuracy: covered.accuracy / simulations, macroF1: covered.macroF1 / simulations };
}

/** Shares of the 95 % intervals of a paired comparison that contain the true differences, which are both 0 here. */
export function pairedCoverage(
  { shares, recall }: Population,
  { texts, simulations }: { texts: number; simulations: number },
) {
  const random = seededRandom(texts);
  const covered = { accuracy: 0, macroF1: 0 };
  for (let i = 0; i < simulations; i++) {
    const rows = Array.from({ length: texts }, () => {
      let u = random();
      const actual = shares.findIndex((weight) => (u -= weight) < 0);
      const answer = () => {
        const right = random() < (recall[actual] ?? 0);
        return String(right ? actual : (actual + 1 + Math.floor(random() * (shares.length - 1))) % shares.length);
      };
      return { actual: String(actual), champion: answer(), challenger: answer() };
    });
    const { accuracyDifference, macroF1Difference } = comparePaired(rows, { resamples: 500, seed: i });
    if (accuracyDifference.lower <= 0 && accuracyDifference.upper >= 0) covered.accuracy++;
    if (macroF1Difference.lower <= 0 && macroF1Difference.upper >= 0) covered.macroF1++;
  }
  return { accuracy: covered.accuracy / simulations, macroF1: covered.macroF1 / simulations };
}
