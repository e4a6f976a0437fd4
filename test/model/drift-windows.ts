import { scoreTexts, trainClassifier, type TrainedClassifier } from '#libs/classifier';
import type { Text } from '#libs/events';
import { buildReference, compareWindow, type DriftVerdict, type Reference, type TextFeatures } from '#libs/statistics';
import type { Slice } from '../../apps/standalone/src/streams/stream-script.ts';

/** How a stream's windows are cut; as in infra/config/streams. */
export interface WindowPlan {
  /** Milliseconds. */
  duration: number;
  minimumTexts: number;
  referenceTexts: number;
}

export interface JudgedWindow {
  /** Event time, epoch milliseconds. */
  start: number;
  /** `collecting` while the reference is not complete. */
  verdict: DriftVerdict | 'collecting';
  reason: string;
  accuracy: number;
}

interface Example {
  text: string;
  label: string;
  group: string;
}

/** Every text of a stream that is ever labelled, with the label and when it was given. */
export function labelledTexts(slices: readonly Slice[]): (Text & Example & { labelledAt: number })[] {
  const labels = new Map(slices.flatMap((slice) => slice.labels).map((label) => [label.textId, label]));
  return slices.flatMap(({ texts }) =>
    texts.flatMap((text) => {
      const given = labels.get(text.id);
      const group = text.attributes['group'] ?? text.id;
      return given === undefined ? [] : [{ ...text, label: given.label, group, labelledAt: given.labelledAt }];
    }),
  );
}

export function train(examples: readonly Example[], seed = 42): TrainedClassifier {
  return trainClassifier({
    texts: examples.map(({ text }) => text),
    labels: examples.map(({ label }) => label),
    groups: examples.map(({ group }) => group),
    seed,
  });
}

/** Trains on three of four groups, as the workflow does; `division` decides which. */
export function trainVersion(
  examples: readonly Example[],
  { seed, division }: { seed: number; division: number },
): TrainedClassifier {
  return train(
    examples.filter(({ group }) => hash(group, division) >= 0.25),
    seed,
  );
}

/** Share answered right, and mean confidence. */
export function judge(
  classifier: TrainedClassifier,
  examples: readonly Pick<Example, 'text' | 'label'>[],
): { accuracy: number; confidence: number } {
  let right = 0;
  let confidence = 0;
  for (const [index, probabilities] of scoreTexts(
    classifier,
    examples.map(({ text }) => text),
  ).entries()) {
    const best = Math.max(...probabilities);
    confidence += best;
    if (classifier.labels[probabilities.indexOf(best)] === examples[index]?.label) right++;
  }
  return { accuracy: right / examples.length, confidence: confidence / examples.length };
}

/** What monitoring would say about all windows of the texts of a stream from `from` on, answered by one version. */
export function* judgedWindows(
  classifier: TrainedClassifier,
  slices: readonly Slice[],
  { from, ...plan }: WindowPlan & { from: number },
): Generator<JudgedWindow> {
  const labels = new Map(slices.flatMap((slice) => slice.labels).map(({ textId, label }) => [textId, label]));
  const collected: TextFeatures[] = [];
  let reference: Reference | undefined;
  for (const { start, texts } of windowsOf(slices, { from, ...plan })) {
    const answered = answer(classifier, texts);
    const labelled = answered.filter(({ id }) => labels.has(id));
    const right = labelled.filter(({ id, predicted }) => labels.get(id) === predicted).length;
    const common = { start, accuracy: right / labelled.length };
    if (reference === undefined) {
      collected.push(...answered);
      if (collected.length >= plan.referenceTexts) {
        reference = buildReference(collected, { windowSize: plan.minimumTexts, seed: 42 });
      }
      yield { ...common, verdict: 'collecting', reason: '' };
    } else {
      const { verdict, reason } = compareWindow(reference, answered, { seed: 42 });
      yield { ...common, verdict, reason };
    }
  }
}

function* windowsOf(slices: readonly Slice[], { from, duration, minimumTexts }: WindowPlan & { from: number }) {
  const all = slices.flatMap(({ texts }) => texts).filter(({ occurredAt }) => occurredAt >= from);
  let start = Math.floor(from / duration) * duration;
  let texts: Text[] = [];
  let end = start + duration;
  for (const text of all) {
    while (text.occurredAt >= end) {
      if (texts.length >= minimumTexts) {
        yield { start, texts };
        [texts, start] = [[], end];
      }
      end += duration;
    }
    texts.push(text);
  }
  if (texts.length >= minimumTexts) yield { start, texts };
}

function answer(classifier: TrainedClassifier, texts: readonly Text[]): TextFeatures[] {
  const scores = scoreTexts(
    classifier,
    texts.map(({ text }) => text),
  );
  return texts.map(({ id, text }, i) => {
    const probabilities = scores[i] ?? new Float32Array();
    const confidence = Math.max(...probabilities);
    return {
      id,
      text,
      words: text.toLowerCase().match(/[\p{L}\p{M}']+/gu) ?? [],
      characters: Array.from(text).length,
      predicted: classifier.labels[probabilities.indexOf(confidence)] ?? '',
      confidence,
    };
  });
}

/** A number from 0 to 1 of a group. */
function hash(group: string, division: number): number {
  let state = division * 7919;
  for (const character of group) state = (Math.imul(state, 31) + (character.codePointAt(0) ?? 0)) | 0;
  state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
  return ((state ^ (state >>> 12)) >>> 0) / 2 ** 32;
}
