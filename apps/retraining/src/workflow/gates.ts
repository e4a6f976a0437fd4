import type { Evaluation, PairedComparison } from '#libs/evaluation';
import { type Configuration, milliseconds } from '#libs/platform';

export const gateNames = ['minimum-accuracy', 'macro-f1', 'paired-test', 'recall', 'output-format', 'latency'] as const;

/** One condition of a promotion. */
export interface Gate {
  name: (typeof gateNames)[number];
  passed: boolean;
  /** What was measured: a share, a probability or milliseconds. */
  value: number;
  /** What it was measured against. */
  limit: number;
  /** The same in a sentence. */
  detail: string;
}

/**
 * The gates that follow from data and seed; the model card shows them.
 * @param comparison with the champion on the same texts, which neither has trained on; undefined: there is no champion.
 */
export function qualityGates(
  evaluation: Evaluation,
  comparison: PairedComparison | undefined,
  config: Configuration['retraining']['gates'],
): Gate[] {
  const { accuracy } = evaluation;
  return [
    {
      name: 'minimum-accuracy',
      passed: accuracy.value >= config.minimumAccuracy,
      value: accuracy.value,
      limit: config.minimumAccuracy,
      detail: `accuracy ${percent(accuracy.value)}, at least ${percent(config.minimumAccuracy)} is asked for`,
    },
    macroF1Gate(evaluation, comparison, config),
    ...(comparison === undefined ? [] : [pairedGate(comparison, config)]),
    recallGate(evaluation, config),
  ];
}

function macroF1Gate(
  { macroF1 }: Evaluation,
  comparison: PairedComparison | undefined,
  { minimumMacroF1, macroF1Margin }: Configuration['retraining']['gates'],
): Gate {
  if (comparison === undefined) {
    const detail = `macro-F1 ${macroF1.value.toFixed(3)}, a first version must reach ${minimumMacroF1}`;
    const passed = macroF1.value >= minimumMacroF1;
    return { name: 'macro-f1', passed, value: macroF1.value, limit: minimumMacroF1, detail };
  }
  const { champion, challenger } = comparison;
  const margin = macroF1Margin === 0 ? '' : ` by more than ${macroF1Margin}`;
  const limit = champion.macroF1 + macroF1Margin;
  return {
    name: 'macro-f1',
    passed: challenger.macroF1 > limit,
    value: challenger.macroF1,
    limit,
    detail: `macro-F1 ${challenger.macroF1.toFixed(3)}, must exceed the champion's ${champion.macroF1.toFixed(3)}${margin} on the same ${comparison.texts} texts`,
  };
}

/** Macro-F1 can rise while more texts are answered wrong; McNemar's test says when that is no accident. */
function pairedGate(
  { onlyChampionRight, onlyChallengerRight, pValueWorse }: PairedComparison,
  { significance }: Configuration['retraining']['gates'],
): Gate {
  return {
    name: 'paired-test',
    passed: pValueWorse >= significance,
    value: pValueWorse,
    limit: significance,
    detail:
      `${onlyChallengerRight} texts only this version answers right, ${onlyChampionRight} only the champion ` +
      `(McNemar, one-sided p of being worse ${pValueWorse.toPrecision(2)}, below ${significance} refuses)`,
  };
}

function recallGate(
  { classes }: Evaluation,
  { minimumRecall, recallSupport }: Configuration['retraining']['gates'],
): Gate {
  const gated = classes.filter(({ support }) => support >= recallSupport);
  const failing = gated.filter(({ recall }) => recall.value < minimumRecall);
  const ascending = gated.toSorted((a, b) => a.recall.value - b.recall.value);
  const shown = (failing.length > 0 ? failing : ascending.slice(0, 1))
    .map(({ label, recall, support }) => `${label} ${percent(recall.value)} of ${support}`)
    .join(', ');
  const unsure = classes.length - gated.length;
  const rest = unsure === 0 ? '' : `; ${unsure} with fewer than ${recallSupport} texts are not gated`;
  return {
    name: 'recall',
    passed: failing.length === 0,
    value: ascending[0]?.recall.value ?? 1,
    limit: minimumRecall,
    detail: `${failing.length > 0 ? 'too low' : 'lowest'}: ${shown === '' ? 'none' : shown}; every class must reach ${percent(minimumRecall)}${rest}`,
  };
}

/** The gates of a running host: measured on this machine, so they are not part of the bundle. */
export function hostGates(
  host: { slowestMilliseconds: number; reproduced: boolean },
  config: Configuration['retraining']['gates'],
): Gate[] {
  const limit = milliseconds(config.maximumLatency);
  return [
    {
      name: 'output-format',
      passed: host.reproduced,
      value: host.reproduced ? 1 : 0,
      limit: 1,
      detail: host.reproduced
        ? 'a host answers every golden text with the recorded probabilities'
        : 'a host does not answer the golden texts as recorded',
    },
    {
      name: 'latency',
      passed: host.slowestMilliseconds < limit,
      value: host.slowestMilliseconds,
      limit,
      detail: `the slowest text took ${host.slowestMilliseconds.toFixed(1)} ms, less than ${limit} ms is asked for`,
    },
  ];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
